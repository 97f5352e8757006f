"""Rosters and duties from files: read, decide row by row, then store in one transaction or not at all."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.columns import Column, Listing
from geo_service.people import duty_queries, matching, queries, roster, rota, service
from geo_service.people.drafts import Outcome, RowReport
from geo_service.people.lookup import Areas, People, Places
from geo_service.tables import Duty
from layers import sheets
from layers.errors import YinxunError
from layers.sheets import Sheet


@dataclass(frozen=True)
class ImportOptions:
    """How an import behaves."""

    dry_run: bool = False
    skip_refused: bool = False
    """Take the other rows although some are refused."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Question id to answer."""
    encoding: str | None = None


@dataclass(frozen=True)
class ImportReport:
    """What an import did, or would do, row by row."""

    what: str
    """roster, duties"""
    title: str
    rows: Sequence[RowReport]
    headers: Sequence[str]
    """Of the file, for the rows that were left out."""
    ignored: Sequence[str]
    """Headers nobody asked for."""

    def of(self, *outcomes: Outcome) -> list[RowReport]:
        """Return the rows with one of these outcomes."""
        return [row for row in self.rows if row.outcome in outcomes]

    @property
    def counts(self) -> dict[str, int]:
        """Return how many rows have each outcome, by its stored word."""
        return {outcome.value: len(self.of(outcome)) for outcome in Outcome}

    @property
    def changes(self) -> bool:
        """Tell whether anything is, or would be, different afterwards."""
        return bool(self.of(Outcome.ADDED, Outcome.CHANGED))

    def summary(self) -> str:
        """Return the counts in one line of plain Chinese."""
        told = [f"{outcome.zh} {len(self.of(outcome))}" for outcome in Outcome if self.of(outcome)]
        ignored = f";没有读取的列:{'、'.join(self.ignored[:20])}" if self.ignored else ""
        return f"{self.title}:{'、'.join(told) or '没有任何行'}{ignored}"

    def listing(self, *outcomes: Outcome) -> Listing:
        """Return the rows (with these outcomes) as a list; filled in at 答复 it is the file of answers."""
        columns = [
            Column("outcome", "结果"),
            Column("row", "行", "whole"),
            Column("subject", "对象"),
            Column("detail", "说明"),
            Column("question", "问题编号"),
            Column("answers", "可选答复"),
            Column("answer", "答复"),
        ]
        rows = [
            (r.outcome, r.row, r.subject, r.detail, *_asked(r), None) for r in self.of(*outcomes or Outcome)
        ]
        return Listing(f"import_{self.what}", f"{self.title}导入结果", columns, rows)

    def left_out(self) -> Listing:
        """Return the rows that were not taken as they stood in the file, with the reason behind them."""
        titles = [*self.headers, "原因"]
        columns = [Column(f"column{i}", title) for i, title in enumerate(titles, 1)]
        rows = [(*row.cells, row.detail) for row in self.of(Outcome.REFUSED, Outcome.ASKED)]
        return Listing(f"left_out_{self.what}", f"{self.title}未导入的行", columns, rows)


class RowsRefused(YinxunError):
    """Some rows cannot be taken, so nothing was; `report` shows all of them."""

    code = "rows_refused"
    title = "Rows of the file cannot be taken; nothing was imported."

    def __init__(self, report: ImportReport) -> None:
        refused = report.of(Outcome.REFUSED)
        first = ";".join(f"第 {row.row} 行 {row.subject}:{row.detail}" for row in refused[:3])
        super().__init__(
            f"有 {len(refused)} 行不能导入,什么也没有改动。{first}{'……' if len(refused) > 3 else ''}。"
            "请改正后再导入,或跳过它们(--skip-refused 文件名)。"
        )
        self.report = report


def import_people(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: ImportOptions
) -> ImportReport:
    """Bring the register up to date with a roster (XLSX or CSV). Raises BadFile, RowsRefused, Forbidden.

    Rows that are asked about and not answered are left out. Twice the same file changes nothing.
    """
    scope.demand(*CHANGE)
    sheet = sheets.read(file, name, roster.FIELDS, required=roster.REQUIRED, encoding=options.encoding)
    queries.lock_register(db, scope.county_id)
    plan = matching.plan(
        sheet.rows,
        queries.register(db, scope.county_id, people_in(scope, *CHANGE)),
        Areas(areas.areas_of(db, scope.county_id, borders=False)),
        matching.Rights(scope.areas(*CHANGE)),
        options.answers,
    )
    report = _report("roster", "人员名册", sheet, plan.rows, options)
    if not options.dry_run and report.changes:
        queries.insert_people(db, scope.county_id, plan.added)
        queries.update_people(db, scope.county_id, ((change.id, change.values) for change in plan.changed))
        _record(db, scope, file, name, report)
    return report


def import_duties(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: ImportOptions
) -> ImportReport:
    """Take duties from a table (XLSX or CSV). Raises BadFile, RowsRefused, Forbidden.

    Rows that are asked about and not answered are left out. Twice the same file changes nothing.
    """
    scope.demand(*CHANGE)
    sheet = sheets.read(file, name, rota.FIELDS, required=rota.REQUIRED, encoding=options.encoding)
    queries.lock_register(db, scope.county_id)
    day = service.today(db, scope.county_id)
    plan = rota.plan(sheet.rows, _land(db, scope), day, options.answers)
    report = _report("duties", "职责", sheet, plan.rows, options)
    if not options.dry_run and report.changes:
        duty_queries.insert_duties(db, scope.county_id, plan.added)
        for ending in plan.ended:
            duty_queries.set_last_day(db, scope.county_id, ending.duty_id, ending.last_day)
        _record(db, scope, file, name, report)
    return report


def _land(db: Session, scope: Scope) -> rota.Land:
    return rota.Land(
        People(queries.person_names(db, people_in(scope, *CHANGE))),
        Places(queries.grounds(db, places_in(scope, *CHANGE))),
        Areas(areas.areas_of(db, scope.county_id, borders=False)),
        duty_queries.duty_spans(db, Duty.county_id == scope.county_id),
        lambda place, area_id: service.in_village(db, scope, place, area_id),
        lambda place, polygon: service.in_polygon(db, scope, place, polygon),
    )


def _report(
    what: str, title: str, sheet: Sheet, rows: Sequence[RowReport], options: ImportOptions
) -> ImportReport:
    report = ImportReport(what, title, rows, sheet.headers, sheet.ignored)
    if report.of(Outcome.REFUSED) and not options.dry_run and not options.skip_refused:
        raise RowsRefused(report)
    return report


def _record(db: Session, scope: Scope, file: BinaryIO, name: str, report: ImportReport) -> None:
    file.seek(0)
    digest = hashlib.sha256(file.read()).digest()
    queries.record_import(db, scope.county_id, report.what, name, digest, report.counts)
    action = f"{report.what}.import"
    audit.record(db, scope.actor, action, county_id=scope.county_id, counts=report.counts)


def _asked(row: RowReport) -> tuple[str | None, str | None]:
    if row.question is None:
        return None, None
    return row.question.id, ";".join(f"{key}={meaning}" for key, meaning in row.question.answers.items())
