"""A report: figures, sentences and townships of a period, gathered, issued, and read again as issued."""

import dataclasses
import datetime as dt
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service import audit, files
from geo_service.accounts.narrow import CHANGE, reports_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.clock import today_in
from geo_service.columns import printable
from geo_service.coverage.ground import Query
from geo_service.coverage.townships import TownshipSums, by_township
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.figures import queries, service
from geo_service.figures.service import Asked
from geo_service.tables import County, IssuedReport, Json, StoredFile
from layers.figures import FIGURES, Code, Counted, left_out, sentences
from layers.vocabulary import FileKind, Level

MOST_TITLE = 100
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TOWNSHIPS_NOTE = (
    "在册人数：时段最后一天在任、职责落在该镇街的银发志愿者；参与人数：时段内在该镇街巡查或服务过的不同的人。"
    "跨镇街的人和次数在各镇街各计一次，合计会大于全县数。公里数按河道、道路落在该镇街的一段计，"
    "重复走的只计一次；只统计纳管、已上图的对象。"
)


@dataclass(frozen=True)
class Township:
    """One township's line of the table."""

    name: str
    code: str
    registered: int
    """People with a volunteer's duty there on the last day."""
    took_part: int
    times: int
    sums: TownshipSums


@dataclass(frozen=True)
class Report:
    """All that a report says, without pictures."""

    title: str
    county: str
    made_up: bool
    first_day: dt.date
    last_day: dt.date
    made_on: dt.date
    figures: Mapping[Code, Counted]
    sentences: Sequence[str]
    left_out: Sequence[str]
    waiting: int
    outside: int
    townships: Sequence[Township] = field(default=())
    area: str | None = None
    """The name of the area it is about; None: the county."""


def gather(db: Session, scope: Scope, asked: Asked, *, title: str | None = None) -> Report:
    """Return the report of a period as it is now. Raises Invalid for a title that cannot be taken."""
    county = db.get_one(County, scope.county_id)
    table = service.figures(db, scope, asked, listed=tuple(Code))
    period = asked.period
    return Report(
        title=_title(title, county, asked),
        county=county.name,
        made_up=county.made_up,
        first_day=period.first,
        last_day=period.last,
        made_on=today_in(db, scope.county_id),
        figures=table.figures,
        sentences=sentences(table.figures, period.first, period.last),
        left_out=left_out(table.figures),
        waiting=table.waiting,
        outside=table.outside,
        townships=_townships(db, scope, asked),
        area=asked.area_name,
    )


def _title(title: str | None, county: County, asked: Asked) -> str:
    said = printable(title or "").strip()
    if len(said) > MOST_TITLE or "\n" in said:
        raise Invalid(f"标题要在一行之内、不超过 {MOST_TITLE} 字。")
    return said or f"{asked.area_name or county.name}“银发三长”志愿服务情况"


def _townships(db: Session, scope: Scope, asked: Asked) -> list[Township]:
    towns = [
        area
        for area in areas.areas_of(db, scope.county_id, borders=False)
        if area.level is Level.TOWNSHIP and (asked.areas is None or area.id in asked.areas)
    ]
    if not towns:
        return []
    period = asked.period
    question = Query(period.first, period.last, area_id=asked.area_id)
    sums = by_township(db, scope, question, [town.id for town in towns])
    found = []
    for town in towns:
        there = dataclasses.replace(asked, areas=areas.descendants(db, scope.county_id, [town.id]))
        own = service.figures(db, scope, there, listed=(Code.X1, Code.X7)).figures
        registered = {*own[Code.X1].ids, *own[Code.X7].ids}
        took_part, times = (int(own[code].value or 0) for code in (Code.A1, Code.X5))
        found.append(Township(town.name, town.code, len(registered), took_part, times, sums[town.id]))
    return found


# --- issued


@dataclass(frozen=True)
class Issued:
    """A report as it was issued."""

    id: int
    issued_at: dt.datetime
    area_id: int | None
    report: Report


def issue(db: Session, scope: Scope, folder: Path, asked: Asked, report: Report, document: bytes) -> int:
    """Store a report with the ids behind its figures and its document, and return its number.

    Raises Forbidden for who may change nothing there.
    """
    if not scope.reaches(asked.area_id, *CHANGE):
        raise Forbidden("只能印发自己管理的辖区的报表；全县报表由县级协调员或管理员印发。")
    row = queries.add_report(
        db,
        IssuedReport(
            county_id=scope.county_id,
            title=report.title,
            days=Range(report.first_day, report.last_day + dt.timedelta(days=1)),
            area_id=asked.area_id,
            figures=_written(report),
            account_id=scope.actor.account_id,
            os_user=scope.actor.os_user,
        ),
    )
    files.keep(
        db, folder, io.BytesIO(document), county_id=scope.county_id, kind=FileKind.REPORT,
        subject=_subject(row.id), media_type=DOCX, name=f"{report.title}.docx",
    )  # fmt: skip
    _record(db, scope, "reports.issue", row.id)
    return row.id


def issued(db: Session, scope: Scope) -> list[Issued]:
    """Return the issued reports that the scope may read, the latest first."""
    scope.demand(*service.READERS)
    return [_read(row) for row, _ in queries.reports(db, reports_in(scope))]


def issued_one(db: Session, scope: Scope, report_id: int) -> Issued:
    """Return one issued report. Raises NotFound."""
    scope.demand(*service.READERS)
    found = queries.reports(db, reports_in(scope) & (IssuedReport.id == report_id))
    if not found:
        raise NotFound("没有这份报表，或不在您的权限内。")
    return _read(found[0][0])


def document_of(db: Session, scope: Scope, report_id: int) -> StoredFile:
    """Return the document of an issued report, as it was issued. Raises NotFound."""
    issued_one(db, scope, report_id)
    kept = files.of_subject(db, scope.county_id, _subject(report_id))
    if not kept:
        raise NotFound("这份报表的文件不在了；数据仍可在报表页面查看。")
    _record(db, scope, "reports.export", report_id)
    return kept[0]


def _subject(report_id: int) -> str:
    return f"issued_report/{report_id}"


def _written(report: Report) -> list[Json]:
    """Return a report as it is stored: one object a figure, the townships, and the rest."""
    rest = {
        "kind": "report", "county": report.county, "made_up": report.made_up,
        "made_on": report.made_on.isoformat(), "sentences": list(report.sentences),
        "left_out": list(report.left_out), "waiting": report.waiting, "outside": report.outside,
        "area": report.area,
    }  # fmt: skip
    figures = [
        {
            "kind": "figure", "code": code.value, "title": counted.figure.title,
            "definition": counted.figure.definition, "by_area": counted.figure.by_area,
            "unit": counted.figure.unit,
            "value": counted.value, "missing": counted.missing, "ids": list(counted.ids),
        }
        for code, counted in report.figures.items()
    ]  # fmt: skip
    towns = [{"kind": "township", **dataclasses.asdict(town)} for town in report.townships]
    return [rest, *figures, *towns]


def _read(row: IssuedReport) -> Issued:
    """Return what was stored; titles, definitions and units are those of that time."""
    by_kind: dict[str, list[Json]] = {"figure": [], "township": [], "report": []}
    for part in row.figures:
        by_kind[part["kind"]].append(part)
    (rest,) = by_kind["report"]
    first, last = queries.days_of(row.days)
    figures = {Code(part["code"]): _counted(part) for part in by_kind["figure"]}
    report = Report(
        row.title, rest["county"], rest["made_up"], first, last, dt.date.fromisoformat(rest["made_on"]),
        figures, rest["sentences"], rest["left_out"], rest["waiting"], rest["outside"],
        [_town(part) for part in by_kind["township"]], rest["area"],
    )  # fmt: skip
    return Issued(row.id, row.created_at, row.area_id, report)


def _counted(part: Json) -> Counted:
    figure = dataclasses.replace(
        FIGURES[Code(part["code"])],
        title=part["title"],
        definition=part["definition"],
        by_area=part["by_area"],
        unit=part["unit"],
    )
    return Counted(figure, part["value"], len(part["ids"]), part["ids"], part["missing"])


def _town(part: Json) -> Township:
    said: dict[str, Any] = {key: value for key, value in part.items() if key not in ("kind", "sums")}
    return Township(**said, sums=TownshipSums(**part["sums"]))


def _record(db: Session, scope: Scope, action: str, report_id: int) -> None:
    audit.record(db, scope.actor, action, county_id=scope.county_id, subject=_subject(report_id))
