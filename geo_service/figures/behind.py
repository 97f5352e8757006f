"""The rows behind a figure as a list: for its page, for programs, and for the annex of a report."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.cases import rules
from geo_service.clock import zone_in
from geo_service.columns import Column, Listing
from geo_service.errors import Forbidden
from geo_service.figures import row_queries, service
from geo_service.people.lookup import Areas
from layers.figures import Behind, Counted
from layers.vocabulary import Level, Right

GONE = "（已删除）"
_ID = Column("id", "标识")
COLUMNS = {
    Behind.PERSON: (
        _ID,
        Column("number", "编号"),
        Column("name", "姓名", mask="name"),
        Column("township", "镇街"),
        Column("village", "村（社区）"),
        Column("posts", "岗位（当日在任）"),
    ),
    Behind.PLACE: (
        _ID,
        Column("layer", "图层"),
        Column("code", "编码"),
        Column("name", "名称"),
        Column("townships", "镇街"),
        Column("count", "人数", "whole"),
        Column("stewards", "银发责任人", mask="name"),
    ),
    Behind.OUTING: (
        _ID,
        Column("day", "日期", "day"),
        Column("kind", "类别"),
        Column("names", "参加人", mask="name"),
        Column("people", "人次", "whole"),
        Column("hours", "时长（小时）", "number"),
        Column("km", "公里", "number"),
        Column("where", "走到的对象、地点"),
    ),
    Behind.PROBLEM: (
        _ID,
        Column("first_day", "办结，或时段开始", "day"),
        Column("last_day", "时段结束", "day"),
        Column("value", "数值", "number"),
        Column("note", "案件，或填报的依据"),
        Column("names", "上报的志愿者", mask="name"),
        Column("by", "填报人"),
        Column("at", "办结或填报时间", "time"),
    ),
}


def rows(db: Session, scope: Scope, counted: Counted, day: dt.date) -> Listing:
    """Return the rows behind a figure that the scope may read, in the order of people.

    `day` is the last one of the period. Raises Forbidden for who sees no people.
    """
    figure = counted.figure
    hides = figure.behind in (Behind.PERSON, Behind.OUTING) or _ids(counted.ids, "case")
    if hides and not scope.holds(Right.COORDINATOR):
        raise Forbidden("规划员只看汇总数；名单和逐次记录请向协调员索取。")
    made = _ROWS[figure.behind](db, scope, counted.ids, day)
    return Listing(
        f"figure_{figure.code.value.lower()}", f"{figure.code} {figure.title}", COLUMNS[figure.behind], made
    )


def _ids(ids: Sequence[str], kind: str) -> list[str]:
    return [id_.partition("/")[2] for id_ in ids if id_.startswith(f"{kind}/")]


def _people(db: Session, scope: Scope, ids: Sequence[str], day: dt.date) -> list[Any]:
    tree = Areas(areas.areas_of(db, scope.county_id, borders=False))
    found = row_queries.people(db, scope, map(uuid.UUID, _ids(ids, "person")), day)
    made = []
    for person in found:
        names = {area.level: area.name for area in tree.upwards(person.area_id)}
        posts = [f"{role.zh} {place}" for role, place in person.posts]
        home = names.get(Level.TOWNSHIP), names.get(Level.VILLAGE)
        made.append((person.id, person.number, person.name or GONE, *home, posts))
    return made


def _places(db: Session, scope: Scope, ids: Sequence[str], day: dt.date) -> list[Any]:
    found = row_queries.places(db, scope, map(int, _ids(ids, "place")), day)
    return [
        (
            place.id,
            place.layer,
            place.code,
            place.name,
            list(place.townships),
            len(place.stewards),
            [name or GONE for name in place.stewards],
        )
        for place in found
    ]


def _outings(db: Session, scope: Scope, ids: Sequence[str], _day: dt.date) -> list[Any]:
    patrols, services = (list(map(uuid.UUID, _ids(ids, kind))) for kind in ("patrol", "service"))
    return [
        (
            outing.id,
            outing.day,
            outing.service.zh if outing.service else "巡查",
            [name or GONE for name in outing.names],
            outing.people,
            round(outing.hours, 2),
            None if outing.walked_m is None else round(outing.walked_m / 1000, 2),
            list(outing.where),
        )
        for outing in row_queries.outings(db, scope, patrols, services)
    ]


def _problems(db: Session, scope: Scope, ids: Sequence[str], _day: dt.date) -> list[Any]:
    zone, cases = zone_in(db, scope.county_id), [int(id_) for id_ in _ids(ids, "case")]
    trees = rules.editions(db, scope.county_id) if cases else {}
    closed = []
    for case in row_queries.cases(db, scope, cases):
        at = case.closed_at.astimezone(zone)
        what = f"{case.number} {trees[case.category_edition_id].words(case.category)}"
        note = f"{what}，{case.place}" if case.place else what
        names = [name or GONE for name in case.names]
        closed.append((f"case/{case.id}", at.date(), None, 1, note, names, None, at))
    wanted = {int(id_) for id_ in _ids(ids, "figure_entry")}
    return closed + [
        (f"figure_entry/{told.id}", told.first_day, told.last_day, told.value, told.note, [], told.by,
         told.entered_at)
        for told in (service.entries(db, scope) if wanted else [])
        if told.id in wanted
    ]  # fmt: skip


_ROWS = {Behind.PERSON: _people, Behind.PLACE: _places, Behind.OUTING: _outings, Behind.PROBLEM: _problems}
