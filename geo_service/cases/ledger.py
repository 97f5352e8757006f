"""Ledgers of cases: 问题台账, the file for other platforms, tables of a window, spots that come back."""

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import cases_in
from geo_service.accounts.scope import Scope
from geo_service.cases import board, rules, whereabouts
from geo_service.cases import ledger_queries as queries
from geo_service.cases.board import Asked
from geo_service.cases.rules import Ground
from geo_service.columns import Column, Listing
from layers import crs, masks
from layers.categories import GB_2013, GB_2026, STANDARDS, Categories
from layers.repeats import clusters
from layers.vocabulary import CaseState, Datum, Layer, Level, Move, Severity

FORGOTTEN = "（没有留名）"
REPEAT_DAYS, REPEAT_M, REPEAT_LEAST = 180, 100.0, 3
"""A spot comes back where so many problems of one kind were told within so far and so long."""

DEFINITION = (
    "按上报日期归入时段。应办 = 上报 − 不予受理 − 并案 − 待审核；办结率 = 应办中到现在已办结的 ÷ 应办，"
    "不会超过 100%。按期 = 每一步都没有超过期限；重开后还没有办结的不算办结。"
)
"""What the numbers of tables and rates are."""

LEDGER = (
    Column("number", "编号"),
    Column("opened_at", "上报时间", "time"),
    Column("reporters", "上报人", mask="name"),
    Column("category", "类别"),
    Column("severity", "等级"),
    Column("place", "位置"),
    Column("words", "描述"),
    Column("photos", "照片", "whole"),
    Column("accepted", "受理人/时间"),
    Column("unit", "责任单位"),
    Column("dispatched_at", "交办时间", "time"),
    Column("limit", "时限"),
    Column("result", "处置结果/照片"),
    Column("done_at", "反馈时间", "time"),
    Column("checker", "核查人", mask="name"),
    Column("closed_at", "办结时间", "time"),
    Column("is_late", "是否超期", "flag"),
    Column("supervision", "督办"),
    Column("point", "坐标", "geometry"),
)
"""The columns that offices know (domain.md 7.1), in their order."""

HANDOVER = (
    Column("number", "编号"),
    Column("opened_at", "上报时间", "time"),
    Column("category", "类别"),
    Column("code", "本系统类别编码"),
    Column("code_2013", f"{GB_2013} 代码"),
    Column("code_2026", f"{GB_2026} 代码"),
    Column("severity", "等级"),
    Column("words", "描述"),
    Column("place", "位置"),
    Column("area_code", "辖区代码"),
    Column("lon", "经度（WGS84）", "number"),
    Column("lat", "纬度（WGS84）", "number"),
    Column("lon_gcj02", "经度（GCJ-02）", "number"),
    Column("lat_gcj02", "纬度（GCJ-02）", "number"),
    Column("state", "状态"),
    Column("unit", "责任单位"),
    Column("dispatched_at", "交办时间", "time"),
    Column("result", "处置结果"),
    Column("done_at", "反馈时间", "time"),
    Column("closed_at", "办结时间", "time"),
    Column("point", "坐标", "geometry"),
)
"""What 12345 and city management platforms take over; no names of people."""

_COUNTS = (
    Column("told", "上报", "whole"),
    Column("unseen", "待审核", "whole"),
    Column("rejected", "不予受理", "whole"),
    Column("merged", "并案", "whole"),
    Column("counted", "应办", "whole"),
    Column("closed", "已办结", "whole"),
    Column("closed_in_time", "按期办结", "whole"),
    Column("closed_late", "超期办结", "whole"),
    Column("open", "在办", "whole"),
    Column("open_late", "在办已超期", "whole"),
    Column("reworks", "返工", "whole"),
    Column("reopened", "重开", "whole"),
    Column("rate", "办结率（%）", "number"),
)

REPEATS = (
    Column("place_id", "对象标识", "whole"),
    Column("place", "对象"),
    Column("layer", "图层"),
    Column("kind", "类别"),
    Column("from_m", "从（米）", "number"),
    Column("to_m", "到（米）", "number"),
    Column("count", "件数", "whole"),
    Column("open", "还没办结", "whole"),
    Column("first_day", "第一次", "day"),
    Column("last_day", "最近一次", "day"),
    Column("numbers", "编号"),
    Column("point", "坐标", "geometry"),
)


class By(StrEnum):
    """What a table counts by."""

    CATEGORY = "category"
    TOWNSHIP = "township"
    PLACE = "place"
    UNIT = "unit"
    MONTH = "month"

    @property
    def zh(self) -> str:
        """How people call it."""
        return {"category": "类别", "township": "镇街", "place": "对象", "unit": "责任单位", "month": "月份"}[
            self
        ]


@dataclass(frozen=True)
class Window:
    """Local days, both included."""

    first: dt.date
    last: dt.date


@dataclass(frozen=True)
class Rates:
    """How many of the cases that were told in a window are closed so far."""

    window: Window
    told: int
    counted: int
    """Told, without those that were refused, merged, or that nobody has looked at."""
    closed: int
    closed_in_time: int
    closed_late: int
    open: int
    open_late: int
    rate: float | None
    """Hundredths; None: there were none."""
    in_time_rate: float | None
    words: str = DEFINITION


@dataclass
class _Story:
    """What a ledger tells of the steps of a case."""

    accepted: tuple[str, dt.datetime] | None = None
    result: str | None = None
    checker: str | None = None
    limit: str | None = None
    """How long handling might take when it was dispatched."""
    extended_days: int = 0
    asked_days: int = 0
    reporters: list[str] = field(default_factory=list)


def ledger(
    db: Session, scope: Scope, window: Window, asked: Asked | None = None, *, full: bool = False
) -> Listing:
    """Return 问题台账: the cases that were told in a window, by number.

    Names leave masked unless `full`; in "受理人/时间" the name stands with a time, so it is masked here.
    """
    ground, rows = _cases(db, scope, window, asked)
    stories = _stories(db, rows)
    ids = [row.Case.id for row in rows]
    told, after = queries.photos(db, ids)
    trees = rules.editions(db, scope.county_id)
    made = (_ledger_row(ground, trees, row, stories[row.Case.id], told, after, full=full) for row in rows)
    return Listing("cases", "问题台账", LEDGER, list(made))


def handover(db: Session, scope: Scope, window: Window, asked: Asked | None = None) -> Listing:
    """Return the cases that were told in a window as other platforms take them over."""
    ground, rows = _cases(db, scope, window, asked)
    stories, trees = _stories(db, rows), rules.editions(db, scope.county_id)
    return Listing(
        "case_handover", "问题移交清单", HANDOVER,
        [_handover_row(ground, trees, row, stories[row.Case.id]) for row in rows],
    )  # fmt: skip


def table(db: Session, scope: Scope, window: Window, by: By) -> Listing:
    """Count the cases that were told in a window by category, township, place, unit or month."""
    ground = rules.ground(db, scope.county_id)
    groups = {
        By.CATEGORY: queries.by_category, By.TOWNSHIP: queries.by_township, By.PLACE: queries.by_place,
        By.UNIT: queries.by_unit,
    }  # fmt: skip
    group = queries.by_month(ground.zone.key) if by is By.MONTH else groups[by]()
    where = [cases_in(scope), _within(ground, window)]
    trees = rules.editions(db, scope.county_id)
    names = _category_names(trees) if by is By.CATEGORY else {}
    nobody = {By.TOWNSHIP: "（不知道在哪）", By.PLACE: "（不在对象旁）", By.UNIT: "（还没有交办）"}.get(
        by, ""
    )
    rows = [
        (row.key, names.get(row.key, row.name) if row.key else nobody, *_numbers(row))
        for row in queries.table(db, where, group, _now())
    ]
    if by is By.MONTH:
        rows.sort(key=lambda row: row[0])
    columns = (Column("key", "编码"), Column("name", by.zh), *_COUNTS)
    return Listing(f"cases_by_{by}", f"问题统计（按{by.zh}）", columns, rows)


def rates(db: Session, scope: Scope, window: Window) -> Rates:
    """Return how many of the cases told in a window are closed so far, in time and late."""
    ground = rules.ground(db, scope.county_id)
    (row,) = queries.table(db, [cases_in(scope), _within(ground, window)], None, _now())
    return Rates(
        window, row.told, row.counted, row.closed, row.closed_in_time, row.closed_late, row.open,
        row.open_late, _percent(row.closed, row.counted), _percent(row.closed_in_time, row.closed),
    )  # fmt: skip


def rates_listing(found: Rates) -> Listing:
    """Return the rates as a list of one row."""
    names = ("told", "counted", "closed", "closed_in_time", "closed_late", "open", "open_late", "rate")
    columns = [
        Column("first_day", "从", "day"), Column("last_day", "到（含）", "day"),
        *(column for column in _COUNTS if column.name in names),
        Column("in_time_rate", "办结中按期的（%）", "number"), Column("words", "口径"),
    ]  # fmt: skip
    row = (
        found.window.first, found.window.last, *(getattr(found, name) for name in names),
        found.in_time_rate, found.words,
    )  # fmt: skip
    return Listing("case_rates", "办结率", columns, [row])


def repeats(db: Session, scope: Scope, last: dt.date) -> Listing:
    """Return where one kind of problem was told again and again until a day, the most frequent first."""
    ground = rules.ground(db, scope.county_id)
    window = Window(last - dt.timedelta(days=REPEAT_DAYS - 1), last)
    rows = queries.recurring(db, [cases_in(scope), _within(ground, window)])
    trees = rules.editions(db, scope.county_id)
    found = [
        _repeat_row(ground, trees, spot)
        for group in _grouped(rows)
        for spot in clusters(group, _apart, within=REPEAT_M, least=REPEAT_LEAST)
    ]
    count = [column.name for column in REPEATS].index("count")
    found.sort(key=lambda row: (-row[count], row[0]))
    return Listing("case_repeats", f"反复出现的点位（{REPEAT_DAYS} 天内）", REPEATS, found)


# --- of the window


def _within(ground: Ground, window: Window) -> Any:
    since = dt.datetime.combine(window.first, dt.time(), ground.zone)
    until = dt.datetime.combine(window.last + dt.timedelta(days=1), dt.time(), ground.zone)
    return queries.opened(since, until)


def _cases(db: Session, scope: Scope, window: Window, asked: Asked | None) -> tuple[Ground, Sequence[Any]]:
    ground = rules.ground(db, scope.county_id)
    where = board.conditions(db, scope, ground, asked or Asked(every_state=True), _now())
    return ground, queries.cases(db, [*where, _within(ground, window)])


def _stories(db: Session, rows: Sequence[Any]) -> dict[int, _Story]:
    """Return what the steps and reports of cases say."""
    ids = [row.Case.id for row in rows]
    found = {id_: _Story() for id_ in ids}
    for case_id, who in queries.reporters(db, ids):
        found[case_id].reporters.append(who or FORGOTTEN)
    into = queries.numbers(db, {row.Case.into_id for row in rows if row.Case.into_id is not None})
    for step in queries.steps(db, ids):
        _tell(found[step.case_id], step)
    for row in rows:
        if row.Case.into_id is not None:
            found[row.Case.id].result = f"并入 {into.get(row.Case.into_id, '另一个案件')}"
    return found


def _tell(story: _Story, step: Any) -> None:
    move, who = Move(step.move), step.who or "系统"
    if move is Move.ACCEPT:
        story.accepted = (who, step.at)
    elif move is Move.REJECT:
        story.result = f"不予受理：{step.words or ''}"
    elif move in (Move.FINISH, Move.SOLVE):
        story.result, story.checker = step.words, None
    elif move is Move.CHECK:
        story.checker = who
    elif move is Move.DISPATCH:
        story.limit, story.extended_days = step.data.get("limit"), 0
    elif move is Move.ASK_EXTENSION:
        story.asked_days = int(step.data.get("days", 0))
    elif move is Move.EXTEND:
        story.extended_days += story.asked_days


# --- rows


def _ledger_row(
    ground: Ground,
    trees: Mapping[int | None, Categories],
    row: Any,
    story: _Story,
    told: Mapping[int, int],
    after: Mapping[int, int],
    *,
    full: bool,
) -> tuple[Any, ...]:
    case, zone = row.Case, ground.zone
    accepted = None
    if story.accepted is not None:
        who, at = story.accepted
        accepted = f"{who if full else masks.name(who)} {at.astimezone(zone):%Y-%m-%d %H:%M}"
    pictures = after.get(case.id, 0)
    result = f"{story.result or ''}{f'（照片 {pictures} 张）' if pictures else ''}" or None
    is_late = case.is_late or (case.due_at is not None and case.due_at < _now())
    return (
        case.number, case.opened_at.astimezone(zone), list(dict.fromkeys(story.reporters)),
        trees[case.category_edition_id].words(case.category), Severity(case.severity), _where(row),
        case.words, told.get(case.id, 0), accepted, row.unit, _local(case.dispatched_at, ground),
        _limit(ground, trees, case, story), result, _local(case.done_at, ground), story.checker,
        _local(case.closed_at, ground), is_late,
        f"{case.supervision} 级" if case.supervision else None, _point(row),
    )  # fmt: skip


def _handover_row(
    ground: Ground, trees: Mapping[int | None, Categories], row: Any, story: _Story
) -> tuple[Any, ...]:
    case, tree = row.Case, trees[row.Case.category_edition_id]
    category = tree.by_code.get(case.category)
    codes = [category.standards.get(edition) if category else None for edition in STANDARDS]
    shifted = (None, None)
    if row.lon is not None:
        shifted = crs.from_wgs84(np.array([[row.lon, row.lat]]), Datum.GCJ02)[0].round(7).tolist()
    return (
        case.number, case.opened_at.astimezone(ground.zone), tree.words(case.category), case.category, *codes,
        Severity(case.severity), case.words, _where(row), row.area_code, _degrees(row.lon), _degrees(row.lat),
        *shifted, CaseState(case.state), row.unit, _local(case.dispatched_at, ground), story.result,
        _local(case.done_at, ground), _local(case.closed_at, ground), _point(row),
    )  # fmt: skip


def _repeat_row(
    ground: Ground, trees: Mapping[int | None, Categories], spot: Sequence[Any]
) -> tuple[Any, ...]:
    first = spot[0]
    at = [row.at_dm / 10 for row in spot if row.at_dm is not None]
    days = [row.opened_at.astimezone(ground.zone).date() for row in spot]
    lonlat = [(row.lon, row.lat) for row in spot if row.lon is not None]
    return (
        first.place_id, first.place, Layer(first.layer), trees[first.category_edition_id].words(first.kind),
        min(at, default=None), max(at, default=None), len(spot),
        sum(row.state != CaseState.CLOSED for row in spot), min(days), max(days),
        sorted(row.number for row in spot),
        shapely.Point(*np.mean(np.array(lonlat), axis=0).tolist()) if lonlat else None,
    )  # fmt: skip


def _grouped(rows: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield the cases of one kind at one place of which is known where they lie: along it, or as points."""
    groups: dict[tuple[int, str, bool], list[Any]] = {}
    for row in rows:
        if row.at_dm is not None or row.lon is not None:
            groups.setdefault((row.place_id, row.kind, row.at_dm is not None), []).append(row)
    yield from groups.values()


def _apart(one: Any, other: Any) -> float:
    """Return how many metres two cases at one place lie apart: along it, or as the crow flies."""
    if one.at_dm is not None:
        return float(abs(one.at_dm - other.at_dm)) / 10
    east_m, north_m = whereabouts.metres_a_degree(one.lat)
    return math.hypot((one.lon - other.lon) * east_m, (one.lat - other.lat) * north_m)


def _limit(ground: Ground, trees: Mapping[int | None, Categories], case: Any, story: _Story) -> str | None:
    """Return how long handling may take, in words, with what was added to it."""
    if case.dispatched_at is None:
        return None
    category = trees[case.category_edition_id].by_code.get(case.category)
    limit = story.limit or ground.limit(category, Severity(case.severity)).words
    more = f"，延期 {story.extended_days} 个工作日" if story.extended_days else ""
    return f"{limit}{more}"


def _where(row: Any) -> str | None:
    """Return where a case lies in words: township, village, place, and how far along it."""
    township = row.above if row.above_level == Level.TOWNSHIP else None
    along = ""
    if row.place is not None and row.Case.at_dm is not None:
        along = f"距起点 {row.Case.at_dm / 10:.0f} 米"
    return " ".join(filter(None, (township, row.area, row.place, along))) or None


def _numbers(row: Any) -> tuple[Any, ...]:
    names = [column.name for column in _COUNTS[:-1]]
    return (*(int(getattr(row, name)) for name in names), _percent(row.closed, row.counted))


def _category_names(trees: Mapping[int | None, Categories]) -> dict[str, str]:
    """Return each category's words, those of the latest edition that has it."""
    latest_last = sorted(trees.items(), key=lambda item: -1 if item[0] is None else item[0])
    return {one.code: tree.words(one.code) for _, tree in latest_last for one in tree.rows}


def _percent(part: int, whole: int) -> float | None:
    return round(100 * part / whole, 1) if whole else None


def _point(row: Any) -> Any:
    return None if row.lon is None else shapely.Point(row.lon, row.lat)


def _degrees(value: float | None) -> float | None:
    return None if value is None else round(value, 7)


def _local(moment: dt.datetime | None, ground: Ground) -> dt.datetime | None:
    return None if moment is None else moment.astimezone(ground.zone)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
