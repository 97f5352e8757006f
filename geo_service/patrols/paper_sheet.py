"""巡查记录表 (domain.md 7.1): a table of outings recorded on paper, decided row by row."""

import datetime as dt
import hashlib
import re
import unicodedata
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, companions_in, people_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.imports import ImportReport, Outcome, ReportRow, RowsRefused, record
from geo_service.patrols import paper, paper_queries
from geo_service.patrols.paper import Paper
from geo_service.patrols.paper_queries import Registered
from geo_service.patrols.parties import county_of
from geo_service.people.imports import ImportOptions
from geo_service.people.lookup import People, Places, Unclear
from geo_service.people.roster import tidy_name
from geo_service.tables import County, Json
from layers import sheets
from layers.said import day
from layers.sheets import Row

FIELDS = {
    "day": ("日期", "巡查日期", "巡河日期", "巡路日期", "年月日"),
    "person": ("巡查人", "巡查人员", "巡查员", "巡河人", "巡河人员", "巡路人", "姓名"),
    "number": ("人员编号", "巡查人编号", "志愿者编号"),
    "companions": ("同行人", "同行人员", "陪同人员", "参加人员"),
    "place": (
        *("河道", "河道(路/网格)", "河道/路/网格", "河道路网格", "巡查对象", "对象", "河道名称", "巡查河道"),
        *("道路", "道路名称", "路线名称", "网格", "网格名称", "小区", "小区名称"),
    ),
    "code": ("对象编码", "河道编码", "路线编号", "网格编码", "编码"),
    "times": ("起止时间", "巡查时间", "起止时刻", "时间段", "时间"),
    "begins": ("开始时间", "起始时间", "开始"),
    "ends": ("结束时间", "终止时间", "结束"),
    "way": ("起点—终点", "起点-终点", "起点至终点", "起讫点", "起迄点", "起终点", "巡查路线", "巡查河段"),
    "start_place": ("起点", "始点"),
    "end_place": ("终点", "讫点", "迄点"),
    "weather": ("天气", "天气情况"),
    "content": ("巡查内容", "巡查内容(正常/异常)", "巡查情况", "检查情况"),
    "problem": ("发现问题", "发现问题(时间地点照片)", "存在问题", "问题"),
    "action": ("处理情况", "处置情况", "现场处理", "整改情况"),
    "note": ("备注", "说明"),
    "signed": ("签字", "签名", "巡查人签字"),
}
"""Columns of the sheet and the headers that mean them."""
REQUIRED = (("day",), ("person", "number"))
_NOTED = ("start_place", "end_place", "weather", "content", "problem", "action", "note")
_IDS = uuid.UUID("8f0c2b54-3f0f-5a53-9d1e-6a0a5c7b9d42")
"""Name space of the ids of outings that come from sheets: the same row has the same id."""
_BETWEEN = re.compile(r"[、,，;；/\n]+")
_CLOCK = re.compile(r"(上午|下午|晚上|中午)?\s*(\d{1,2})\s*[:点时]\s*(半|\d{1,2})?(?::\d{1,2})?\s*分?")


@dataclass(frozen=True)
class Draft:
    """A row that can be taken."""

    row: int
    name: str
    id: uuid.UUID
    paper: Paper


@dataclass(frozen=True)
class Names:
    """Whom and what a row may name."""

    walkers: People
    companions: People
    places: Places


def import_records(
    db: Session, scope: Scope, file: BinaryIO, name: str, options: ImportOptions
) -> ImportReport:
    """Register the outings of a table (XLSX or CSV). Raises BadFile, RowsRefused, Forbidden.

    Twice the same file changes nothing; a row that says something else of a registered outing is refused.
    """
    scope.demand(*CHANGE)
    county = county_of(db, scope)
    sheet = sheets.read(file, name, FIELDS, required=REQUIRED, encoding=options.encoding)
    names = Names(
        People(paper_queries.people(db, people_in(scope, *CHANGE))),
        People(paper_queries.people(db, companions_in(scope))),
        Places(paper_queries.places(db, places_in(scope))),
    )
    rows, drafts = _read(county, sheet.rows, names)
    known = paper_queries.registered(db, county.id, {draft.paper.day for draft in drafts})
    decided, added = _decided(county, drafts, known)
    notes = [f"没有读取的列：{'、'.join(sheet.ignored[:20])}"] if sheet.ignored else []
    rows = sorted([*rows, *decided], key=lambda row: row.rows[0])
    cells = {row.number: row.cells for row in sheet.rows}
    rows = [_with_cells(row, cells) for row in rows]
    report = ImportReport(
        "records", "巡查记录表", name, rows, coded=False, headers=sheet.headers, notes=notes,
        dry_run=options.dry_run,
    )  # fmt: skip
    if report.of(Outcome.REFUSED) and not options.dry_run and not options.skip_refused:
        raise RowsRefused(report)
    if not options.dry_run and added:
        for draft in added:
            paper.store(db, county, draft.id, draft.paper)
        file.seek(0)
        digest, counts = hashlib.sha256(file.read()).digest(), report.counts()
        record(db, county.id, report.what, name, digest, counts)
        audit.record(db, scope.actor, "records.import", county_id=county.id, counts=counts)
    return report


def _read(county: County, rows: Sequence[Row], names: Names) -> tuple[list[ReportRow], list[Draft]]:
    refused, drafts = [], []
    for row in rows:
        person = row.values.get("person") or row.values.get("number") or ""
        try:
            drafts.append(_draft(county, row, names))
        except (Unclear, ValueError) as error:
            reason = getattr(error, "detail", str(error)).removesuffix("。")
            refused.append(ReportRow(Outcome.REFUSED, [row.number], person[:40], reason))
    return refused, drafts


def _draft(county: County, row: Row, names: Names) -> Draft:
    """Return what a row says. Raises Unclear, ValueError with the reason."""
    said = row.values
    if row.problem:
        raise Unclear(row.problem)
    if "day" not in said:
        raise Unclear("没有日期，请补上或删去这一行")
    first, *others = _people(said)
    walker = _one(names.walkers, first, said.get("number"))
    companions = [_one(names.companions, other, None) for other in others]
    begins, ends = _times(said)
    told = Paper(
        person_id=walker,
        day=day(said["day"]),
        begins=begins,
        ends=ends,
        place_ids=tuple(_places(said, names.places)),
        companions=tuple(sorted(set(companions) - {walker})),
        record=_noted(said),
    )
    paper.check(county, told)
    id_ = uuid.uuid5(_IDS, f"{county.code}/{told.sha256.hex()}")
    return Draft(row.number, first or said.get("number", ""), id_, told)


def _people(said: dict[str, str]) -> list[str | None]:
    """Return the walker's name (None: only his number is said) and those of who walked along."""
    words = [word for key in ("person", "companions") for word in _BETWEEN.split(said.get(key, ""))]
    names: list[str | None] = [tidy_name(word) for word in words if word.strip()]
    return names if "person" in said else [None, *names]


def _one(people: People, name: str | None, number: str | None) -> uuid.UUID:
    found = people.find(name, number, None)
    if len(found) > 1:
        raise Unclear(f"叫「{name}」的有 {len(found)} 人，请加一列「人员编号」说明是哪一位")
    return found[0].id


def _places(said: dict[str, str], places: Places) -> list[int]:
    names = [word.strip() for word in _BETWEEN.split(said.get("place", "")) if word.strip()]
    code = said.get("code")
    if code:
        return [_one_place(places, names[0] if len(names) == 1 else None, code)]
    return list(dict.fromkeys(_one_place(places, name, None) for name in names))


def _one_place(places: Places, name: str | None, code: str | None) -> int:
    found = places.find(name, code, None, None)
    if len(found) > 1:
        labels = "、".join(place.label for place in found[:5])
        raise Unclear(f"叫「{name}」的有 {len(found)} 处：{labels}；请加一列「对象编码」说明是哪一处")
    return found[0].id


def _times(said: dict[str, str]) -> tuple[dt.time | None, dt.time | None]:
    if "times" in said:
        found = clocks(said["times"])
        if not 1 <= len(found) <= 2:
            raise Unclear(f"起止时间「{said['times'][:20]}」看不懂，请写成 8:00-9:30")
        return found[0], found[1] if len(found) == 2 else None
    return _clock(said, "begins"), _clock(said, "ends")


def _clock(said: dict[str, str], key: str) -> dt.time | None:
    if key not in said:
        return None
    found = clocks(said[key])
    if len(found) != 1:
        raise Unclear(f"{FIELDS[key][0]}「{said[key][:20]}」看不懂，请写成 8:00")
    return found[0]


def clocks(text: str) -> list[dt.time]:
    """Return the times of day in a text, as people write them. Raises ValueError.

    >>> [f"{time:%H:%M}" for time in clocks("8：00—9：30") + clocks("下午2点半至3点10分")]
    ['08:00', '09:30', '14:30', '15:10']
    """
    plain = unicodedata.normalize("NFKC", text)
    found, half = [], None
    for match in _CLOCK.finditer(plain):
        half = match[1] or half
        hour, minute = int(match[2]), 30 if match[3] == "半" else int(match[3] or 0)
        hour += 12 if half in ("下午", "晚上") and hour < 12 else 0
        if hour > 23 or minute > 59:
            raise ValueError(f"「{text[:20]}」里的钟点不存在，请写成 8:00-9:30")
        found.append(dt.time(hour, minute))
    return found


def _noted(said: dict[str, str]) -> Json:
    found: Json = {key: said[key][:2000] for key in _NOTED if key in said}
    if "way" in said:
        ends = re.split(r"[-–—~～至到→]+", said["way"], maxsplit=1)
        found |= {
            key: word.strip()[:200] for key, word in zip(("start_place", "end_place"), ends, strict=False)
        }
    return found


def _decided(
    county: County, drafts: Sequence[Draft], known: Sequence[Registered]
) -> tuple[list[ReportRow], list[Draft]]:
    """Return what becomes of the rows that can be read, and those that are to be stored."""
    zone = ZoneInfo(county.time_zone)
    by_id = {one.id: one for one in known}
    by_key = {(one.person_id, one.place_id, one.started_at): one for one in known if not one.is_voided}
    of_key: dict[object, dict[uuid.UUID, int]] = defaultdict(dict)
    for draft in drafts:
        of_key[_key(draft, zone)].setdefault(draft.id, draft.row)
    rows, added = [], []
    seen: dict[uuid.UUID, int] = {}
    for draft in drafts:
        told = f"{draft.paper.day} {draft.name}"
        same_key = of_key[_key(draft, zone)]
        if draft.id in by_id:
            detail = "以前登记过，后来作废了，不再登记" if by_id[draft.id].is_voided else "以前登记过"
            rows.append(ReportRow(Outcome.SAME, [draft.row], told, detail))
        elif draft.id in seen:
            rows.append(
                ReportRow(Outcome.SAME, [draft.row], told, f"与第 {seen[draft.id]} 行相同，只登记一次")
            )
        elif len(same_key) > 1:
            numbers = "、".join(map(str, sorted(same_key.values())))
            detail = f"第 {numbers} 行是同一个人同一时间在同一处，内容却不一样，请合成一行"
            rows.append(ReportRow(Outcome.REFUSED, [draft.row], told, detail))
        elif _key(draft, zone) in by_key:
            detail = "同一个人这一时间在同一处的巡查已登记，内容却不一样；如要更正，请先作废原来的"
            rows.append(ReportRow(Outcome.REFUSED, [draft.row], told, detail))
        else:
            rows.append(ReportRow(Outcome.ADDED, [draft.row], told, _outline(draft.paper)))
            added.append(draft)
        seen.setdefault(draft.id, draft.row)
    return rows, added


def _key(draft: Draft, zone: ZoneInfo) -> tuple[uuid.UUID, int | None, dt.datetime]:
    places = draft.paper.place_ids
    return draft.paper.person_id, places[0] if places else None, draft.paper.times(zone)[0]


def _outline(told: Paper) -> str:
    along = f"，同行 {len(told.companions)} 人" if told.companions else ""
    return f"纸质记录，{len(told.place_ids)} 处{along}，待核"


def _with_cells(row: ReportRow, cells: dict[int, tuple[str, ...]]) -> ReportRow:
    return ReportRow(row.outcome, row.rows, row.name, row.detail, cells=cells[row.rows[0]])
