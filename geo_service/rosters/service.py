"""Rosters and registers as offices write them: recognised, planned row by row, stored whole or not at all."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.imports import ImportReport, Outcome, ReportRow, RowsRefused
from geo_service.people import imports, service
from geo_service.people.imports import ImportOptions
from geo_service.people.lookup import Areas
from geo_service.places import service as places
from geo_service.places.service import Listed
from geo_service.rosters import planning, reading, reconciling
from geo_service.rosters.placing import NewPlace
from geo_service.rosters.planning import Register, RosterPlan
from geo_service.rosters.reconciling import Gone
from geo_service.tables import County
from layers import forms, sheets
from layers.drafts import PlaceDraft
from layers.forms import Form
from layers.sheets import Row, Sheet
from layers.sheets.recognising import Asked, recognised
from layers.vocabulary import DutyKind, Layer, Level

FORMS = (forms.RIVERS, forms.ROADS, forms.GRIDS, forms.COMPOUNDS, forms.VOLUNTEERS)
"""What is recognised here, the most telling first."""


@dataclass(frozen=True)
class RosterOptions(ImportOptions):
    """How a roster is taken."""

    reconcile: bool = False
    """Also tell and ask about what the register has and the roster no longer names."""
    last_day: dt.date | None = None
    """The last day of duties that end by an answer; None: yesterday."""


def import_roster(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: RosterOptions
) -> ImportReport:
    """Bring places, people and duties up to date with a roster. Raises BadFile, RowsRefused, Forbidden.

    Rows that are asked about and not answered are left out. Twice the same file changes nothing.
    """
    scope.demand(*CHANGE)
    form, sheet = read(file, name, options.encoding)
    register = register_of(db, scope)
    records = reading.records(sheet.rows, form, register.areas, register.allowed)
    plan = planning.plan(records, register, options.answers, cautious=options.reconcile)
    gone = Gone()
    if options.reconcile:
        claim = reconciling.claim(records, form.layer, _offices(form, sheet), register)
        last_day = options.last_day or register.today - dt.timedelta(days=1)
        gone = reconciling.reconcile(plan, records, claim, register, options.answers, last_day)
    report = _report(form, name, sheet, [*plan.rows, *gone.rows], plan.counts, options)
    if not options.dry_run and report.changes:
        store(db, scope.county_id, plan, gone)
        imports.record_import(db, scope, file, name, report)
    return report


def read(file: BinaryIO, name: str, encoding: str | None) -> tuple[Form, Sheet]:
    """Return which form a file is, and its rows. Raises BadFile."""
    asked = [Asked(form.fields, form.required) for form in FORMS]
    form = FORMS[recognised(file, name, asked, encoding=encoding)]
    fields = {"id": ("标识", "人员标识"), **form.fields} if form.layer is None else form.fields
    sheet = sheets.read(
        file,
        name,
        fields,
        required=form.required,
        encoding=encoding,
        fill_down=form.fill_down,
        lengths=form.lengths,
    )
    return form, replace(sheet, rows=[_with_units(row, form, sheet) for row in sheet.rows])


def _with_units(row: Row, form: Form, sheet: Sheet) -> Row:
    """Return a row whose lengths show their unit, so that it can go back without its title and heading."""
    cells = list(row.cells)
    for key in form.lengths:
        for at in sheet.columns.get(key, ()):
            said = row.values.get(key, "")
            if at < len(cells) and cells[at] and said != cells[at] and said.startswith(cells[at]):
                cells[at] = said
    return row if tuple(cells) == row.cells else replace(row, cells=tuple(cells))


def register_of(db: Session, scope: Scope) -> Register:
    """Return what is stored, and lock it: one import at a time decides about it."""
    return Register(
        *imports.locked_register(db, scope, people_in(scope, *CHANGE), places_in(scope, *CHANGE)),
        Areas(areas.areas_of(db, scope.county_id, borders=False)),
        scope.areas(*CHANGE),
        service.today(db, scope.county_id),
    )


def _offices(form: Form, sheet: Sheet) -> set[tuple[DutyKind, Level]]:
    """Return the duties that the columns of a sheet are a list of."""
    return {
        (post.kind, post.level or Level.VILLAGE)
        for post in form.posts
        if any(key in sheet.columns for key in post.headings())
    }


def _report(
    form: Form,
    name: str,
    sheet: Sheet,
    rows: Sequence[ReportRow],
    counts: Mapping[str, Counter[Outcome]],
    options: RosterOptions,
) -> ImportReport:
    notes = [f"认作{form.title}。", *_sums(counts)]
    if sheet.ignored:
        notes.append(f"没有读取的列：{'、'.join(sheet.ignored[:20])}")
    report = ImportReport(
        "roster",
        form.title,
        name,
        rows,
        coded=False,
        headers=sheet.headers,
        columns=sheet.columns,
        notes=[*notes, *sheet.notes],
        dry_run=options.dry_run,
    )
    if report.of(Outcome.REFUSED) and not options.dry_run and not options.skip_refused:
        raise RowsRefused(report)
    return report


def _sums(counts: Mapping[str, Counter[Outcome]]) -> list[str]:
    """Return in Chinese how many places, people and duties are what."""
    told = []
    for what in ("对象", "人员", "职责"):
        own = counts.get(what, Counter[Outcome]())
        said = [f"{outcome.zh} {own[outcome]}" for outcome in Outcome if own[outcome]]
        told += [f"{what}：{'、'.join(said)}。"] if said else []
    return told


def store(db: Session, county_id: int, plan: RosterPlan, gone: Gone) -> None:
    """Store what a roster does."""
    ids = _store_places(db, county_id, plan)
    imports.store_people(db, county_id, plan.people_added, plan.people_changed)
    duties = [replace(draft, place_id=ids.get(draft.place_id, draft.place_id)) for draft in plan.duties_added]
    imports.store_duties(db, county_id, duties, gone.ended)


def _store_places(db: Session, county_id: int, plan: RosterPlan) -> dict[int, int]:
    """Store new and changed places; return the ids of the new by those that stood for them."""
    county = db.get_one(County, county_id)
    places.change_listed(db, {id_: change.values for id_, change in plan.places_changed.items()})
    ids: dict[int, int] = {}
    for layer in Layer:
        new = [place for place in plan.places_added if place.said.layer is layer]
        if new:
            stored = places.list_places(db, county, layer, [_listed(place) for place in new])
            ids |= {place.ground.id: kept.id for place, kept in zip(new, stored, strict=True)}
    return ids


def _listed(new: NewPlace) -> Listed:
    said = new.said
    draft = PlaceDraft(
        said.name,
        said.code,
        in_scheme=said.in_scheme is not False,
        attributes=dict(said.attributes),
        rows=new.rows,
    )
    return Listed(draft, said.area_ids)
