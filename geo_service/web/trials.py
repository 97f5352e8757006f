"""Imports of every kind as one page shows them: what would happen row by row, and what is asked."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.areas.service import AreaOptions, AreaReport
from geo_service.errors import Invalid
from geo_service.imports import ImportReport, Outcome, RowsRefused
from geo_service.patrols.paper_sheet import import_records
from geo_service.people import imports as people
from geo_service.places import service as places
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.service import import_roster
from geo_service.services import imports as services
from geo_service.tables import County
from layers.drafts import Question
from layers.vocabulary import Datum, Layer, Right


class Kind(StrEnum):
    """What a file is imported as."""

    RIVER = Layer.RIVER
    ROAD = Layer.ROAD
    GRID = Layer.GRID
    COMPOUND = Layer.COMPOUND
    ROSTER = "roster"
    DUTIES = "duties"
    SERVICES = "services"
    AREAS = "areas"
    RECORDS = "records"

    @property
    def zh(self) -> str:
        """What people read."""
        others = {
            Kind.ROSTER: "名册（河道、道路、网格、小区、志愿者）",
            Kind.DUTIES: "职责（谁负责哪里）",
            Kind.SERVICES: "服务记录（网格服务、走访、议事、值守）",
            Kind.RECORDS: "巡查记录表（纸质）",
            Kind.AREAS: "辖区（乡镇、村）",
        }
        return others.get(self) or Layer(self.value).zh


_TABLES = {
    Kind.DUTIES: people.import_duties,
    Kind.SERVICES: services.import_services,
    Kind.RECORDS: import_records,
}
"""What takes a table of duties, or of what people did."""


@dataclass(frozen=True)
class Choices:
    """What the user says beside the file."""

    crs: str | None = None
    datum: Datum = Datum.WGS84
    encoding: str | None = None
    all_in_scheme: bool = False
    skip_refused: bool = False
    reconcile: bool = False
    """Of a roster: also ask about what it no longer names."""
    answers: Mapping[str, str] = field(default_factory=dict)
    keep_in: Path | None = None
    """Where the original is kept once it is imported."""


@dataclass(frozen=True)
class Line:
    """What becomes of one row of the file."""

    outcome: Outcome
    rows: str
    subject: str
    detail: str


@dataclass(frozen=True)
class Trial:
    """What an import did, or would do."""

    summary: str
    lines: Sequence[Line]
    questions: Sequence[Question]
    notes: Sequence[str]
    changes: bool
    report: ImportReport | None = None
    """None of areas, which have no rows to be left out."""

    @property
    def refused(self) -> int:
        """How many rows cannot be taken."""
        return sum(line.outcome is Outcome.REFUSED for line in self.lines)

    @property
    def left_out(self) -> int:
        """How many rows of a table would be, or were, left out."""
        return len(self.report.left_out_rows()) if self.report and self.report.headers else 0

    @property
    def outcomes(self) -> dict[Outcome, int]:
        """How many lines there are of each outcome that occurs."""
        found = Counter(line.outcome for line in self.lines)
        return {outcome: found[outcome] for outcome in Outcome if found[outcome]}


def run(
    db: Session, scope: Scope, kind: Kind, path: Path, name: str, choices: Choices, *, dry_run: bool
) -> Trial:
    """Import a file, or only say what would happen.

    Raises what the importers raise, but no RowsRefused: refused rows that are not to be skipped are in the
    trial, and nothing was changed.
    """
    try:
        if kind is Kind.AREAS:
            return _areas(db, scope, path, choices, dry_run=dry_run)
        if kind is Kind.ROSTER or kind in _TABLES:
            return _people(db, scope, kind, path, name, choices, dry_run=dry_run)
        options = _options(choices, dry_run)
        return _trial(places.import_layer(db, scope, Layer(kind.value), path, options, name=name))
    except RowsRefused as refused:
        return _trial(refused.report)


def _options(choices: Choices, dry_run: bool) -> places.ImportOptions:
    return places.ImportOptions(
        crs=choices.crs,
        datum=choices.datum,
        encoding=choices.encoding,
        scheme="all" if choices.all_in_scheme else None,
        answers=choices.answers,
        skip_refused=choices.skip_refused,
        dry_run=dry_run,
        keep_in=choices.keep_in,
    )


def _people(
    db: Session, scope: Scope, kind: Kind, path: Path, name: str, choices: Choices, *, dry_run: bool
) -> Trial:
    options = RosterOptions(
        dry_run=dry_run,
        skip_refused=choices.skip_refused,
        answers=choices.answers,
        encoding=choices.encoding,
        keep_in=choices.keep_in,
        reconcile=choices.reconcile,
    )
    with path.open("rb") as file:
        if kind is Kind.ROSTER:
            return _trial(import_roster(db, scope, file, name, options))
        return _trial(_TABLES[kind](db, scope, file, name, options))


def _areas(db: Session, scope: Scope, path: Path, choices: Choices, *, dry_run: bool) -> Trial:
    scope.demand_county(Right.ADMINISTRATOR)
    county = db.get_one(County, scope.county_id)
    options = AreaOptions(
        crs=choices.crs, datum=choices.datum, encoding=choices.encoding, keep_in=choices.keep_in
    )
    report = areas.import_areas(db, scope.actor, [path], options, dry_run=dry_run)
    if report.county != county.code:
        raise Invalid(
            f"文件是另一个县（{report.county}）的，本页只导入{county.name}（{county.code}）的辖区。"
        )
    if report.plan.moves_borders and not dry_run:
        places.lay_on_areas(db, county)
    return _of_areas(report)


def _trial(report: ImportReport) -> Trial:
    lines = [
        Line(
            row.outcome,
            row.numbers,
            " ".join(filter(None, (row.name, row.code))),
            row.detail,
        )
        for row in report.rows
    ]
    asked = [row.question for row in report.rows if row.question is not None]
    notes = [*report.notes, *(f"略过 {count} 个：{reason}" for reason, count in report.left_out.items())]
    return Trial(report.summary(), lines, _once(asked), notes, report.changes, report)


def _of_areas(report: AreaReport) -> Trial:
    plan = report.plan
    lines = [
        *(Line(Outcome.ADDED, "", f"{draft.name} {draft.code}", "") for draft in plan.added),
        *(
            Line(Outcome.CHANGED, "", f"{draft.name} {draft.code}", "、".join(what))
            for draft, what in plan.changed
        ),
        *(Line(Outcome.GONE, "", f"{area.name} {area.code}", "保留，没有删除") for area in plan.gone),
    ]
    summary = f"辖区：新增 {len(plan.added)}、变更 {len(plan.changed)}、不变 {plan.same}"
    return Trial(summary, lines, [], list(report.notes), report.changes)


def _once(questions: Iterable[Question]) -> list[Question]:
    """Return every question once, though it may stand with several rows."""
    return list({question.id: question for question in questions}.values())
