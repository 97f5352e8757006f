"""Rosters and registers as offices write them: recognised, planned row by row, stored whole or not at all."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.imports import ImportReport, Outcome, ReportRow, RowsRefused
from geo_service.memory import rarely_searched
from geo_service.people import imports, rota
from geo_service.rosters import planning, reading, reconciling, returning, workbooks
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.reconciling import Gone
from geo_service.rosters.storing import register_of, store
from layers import forms, sheets
from layers.errors import BadFile
from layers.forms import Form
from layers.sheets import Row, Sheet
from layers.sheets.headings import unit_of
from layers.sheets.recognising import Asked, recognised
from layers.vocabulary import DutyKind, Level

FORMS = (forms.RIVERS, forms.ROADS, forms.GRIDS, forms.COMPOUNDS, forms.VOLUNTEERS)
"""What is taken here, the most telling first."""
_ELSEWHERE = (
    (
        rota.FIELDS,
        rota.REQUIRED,
        "这是职责表（谁负责哪里），不是名册。请在“导入”页选“职责”，或用命令 geo-service duties。",
    ),
    (
        forms.OUTINGS.fields,
        forms.OUTINGS.required,
        "这是巡查记录表，不是名册。请在“导入”页选“巡查记录表”，或用命令 geo-service patrol-records。",
    ),
)
"""Tables that look like a register and are none: fields, what they need, and where they belong."""


def import_roster(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: RosterOptions
) -> ImportReport:
    """Bring places, people and duties up to date with a roster. Raises BadFile, RowsRefused, Forbidden.

    Rows that are asked about and not answered are left out. Twice the same file changes nothing.
    """
    scope.demand(*CHANGE)
    if workbooks.is_workbook(file, name):
        return returning.import_workbook(db, scope, file, name, options)
    with rarely_searched():
        return _import_register(db, scope, file, name, options)


def _import_register(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: RosterOptions
) -> ImportReport:
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
        imports.record_import(db, scope, file, name, report, options.keep_in)
    return report


def workbook(db: Session, scope: Scope, area: str, *, full: bool) -> tuple[str, bytes]:
    """Return the name and the bytes of an area's workbook. Raises NotFound, Forbidden."""
    scope.demand(*CHANGE)
    area_id = areas.area_id_of(db, scope, area)
    named = next(one for one in areas.areas_of(db, scope.county_id, borders=False) if one.id == area_id)
    return f"{named.name}辖区表.xlsx", workbooks.written(db, scope, area, full=full)


def read(file: BinaryIO, name: str, encoding: str | None) -> tuple[Form, Sheet]:
    """Return which form a file is, and its rows. Raises BadFile."""
    asked = [Asked(form.fields, form.required) for form in FORMS]
    others = [Asked(fields, required) for fields, required, _ in _ELSEWHERE]
    found = recognised(file, name, [*asked, *others], encoding=encoding)
    if found >= len(FORMS):
        raise BadFile(f"{name}：{_ELSEWHERE[found - len(FORMS)][2]}")
    form = FORMS[found]
    fields = {"id": ("标识", "人员标识"), **form.fields} if form.layer is None else form.fields

    def read_(fill_down: Sequence[Sequence[str]]) -> Sheet:
        return sheets.read(
            file,
            name,
            fields,
            required=form.required,
            encoding=encoding,
            fill_down=fill_down,
            lengths=form.lengths,
        )

    sheet = read_(form.fill_down)
    if "id" in sheet.columns:  # a list of ours: what is blank there is blank
        sheet = read_(())
    if "图层" in sheet.ignored:
        raise BadFile(f"{name}：这是对象清单，不是名册。请按它的图层（河道、道路、网格或小区）导入。")
    return form, replace(sheet, rows=[_with_units(row, form, sheet) for row in sheet.rows])


def _with_units(row: Row, form: Form, sheet: Sheet) -> Row:
    """Return a row whose lengths show their unit, so that it can go back without its title and heading."""
    cells = list(row.cells)
    for key in form.lengths:
        for at in sheet.columns.get(key, ()):
            if unit_of(sheet.headers[at]):
                continue
            said = row.values.get(key, "")
            if at < len(cells) and cells[at] and said != cells[at] and said.startswith(cells[at]):
                cells[at] = said
    return row if tuple(cells) == row.cells else replace(row, cells=tuple(cells))


def _offices(form: Form, sheet: Sheet) -> set[tuple[DutyKind, Level]]:
    """Return the duties that the columns of a sheet are a list of."""
    return {
        (post.kind, post.level or Level.VILLAGE)
        for post in form.posts
        if any(key in sheet.columns for key in reading.fields_of(post))
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
