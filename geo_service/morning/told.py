"""The morning as a list: the same rows for a table, JSON, CSV and XLSX, whoever asks for them."""

from collections.abc import Iterator
from typing import Any

from geo_service.columns import Column, Listing
from geo_service.morning.quiet import QUIET_DAYS
from geo_service.morning.service import SOON_DAYS, Morning
from geo_service.norms.due import DueRow
from layers.norms import Per

COLUMNS = (
    Column("part", "栏目"),
    Column("item", "项目"),
    Column("value", "数值", "number"),
    Column("unit", "单位"),
    Column("before", "上期同期", "number"),
    Column("person", "人员", mask="name"),
    Column("place", "对象"),
    Column("area", "辖区"),
    Column("day", "日期", "day"),
    Column("note", "说明"),
    Column("link", "编号"),
)
_EMPTY: dict[str, Any] = dict.fromkeys((column.name for column in COLUMNS), None)


def listing(found: Morning) -> Listing:
    """Return everything that the page tells."""
    where = found.area or found.county
    title = f"每日一览 {where} {found.day}（{found.days.first}至{found.days.last}）"
    rows = [
        tuple((_EMPTY | row).values())
        for part in (_figures, _to_do, _new, _due, _people, _places, _cases)
        for row in part(found)
    ]
    return Listing("morning", title, COLUMNS, rows)


def _figures(found: Morning) -> Iterator[dict[str, Any]]:
    for one in found.figures:
        figure = one.now.figure
        value, before = (
            None if counted.value is None else figure.stepped(counted.value)
            for counted in (one.now, one.before)
        )
        yield {
            "part": "数据", "item": figure.title, "value": value, "unit": figure.unit, "before": before,
            "note": figure.definition, "link": f"figure/{figure.code}",
        }  # fmt: skip
    yield {"part": "数据", "item": "待核的巡查和服务", "value": found.waiting, "unit": "次"}


def _to_do(found: Morning) -> Iterator[dict[str, Any]]:
    counts = (
        (found.alerts, "需要关心", "条"),
        (found.to_review, "等您核对的巡查", "次"),
        (found.phones, "等待同意的手机", "部"),
    )
    for count, item, unit in counts:
        yield {"part": "要办的", "item": item, "value": count, "unit": unit}


def _new(found: Morning) -> Iterator[dict[str, Any]]:
    new = found.new
    counts = (
        (new.patrols, "巡查", "次"),
        (new.services, "服务", "次"),
        (new.cases, "上报", "件"),
        (new.people, "新登记人员", "名"),
    )
    for count, item, unit in counts:
        yield {"part": "昨天以来", "item": item, "value": count, "unit": unit, "day": new.days.first}
    for patrol in new.latest:
        yield {
            "part": "昨天以来", "item": "巡查", "value": round(patrol.walked_m), "unit": "米",
            "person": patrol.person, "day": patrol.started_at.date(), "note": patrol.verdict,
            "link": f"patrol/{patrol.id}",
        }  # fmt: skip
    for person in new.entered:
        yield {
            "part": "昨天以来", "item": "新登记人员", "person": person.name, "area": person.area,
            "link": f"person/{person.id}",
        }  # fmt: skip


def _due(found: Morning) -> Iterator[dict[str, Any]]:
    due = found.due
    if not due.norms:
        yield {"part": "应巡", "item": "没有执行中的标准", "note": "只有次数和覆盖，没有达标率"}
        return
    for item, count, rows in (
        (f"{SOON_DAYS} 天内到期", due.soon, due.soon_rows),
        ("未按期", due.late, due.late_rows),
    ):
        yield {"part": "应巡", "item": item, "value": count, "unit": "项", "day": due.window.last}
        yield from (_due_row(item, row) for row in rows)


def _due_row(item: str, row: DueRow) -> dict[str, Any]:
    by_person = row.norm.rule.per is Per.PERSON
    return {
        "part": "应巡", "item": item, "value": row.due.missing, "unit": "次还差",
        "person": row.subject.name if by_person else None, "place": None if by_person else row.subject.name,
        "area": list(row.subject.townships), "day": row.due.period.last, "note": row.norm.name,
        "link": f"{'person' if by_person else 'place'}/{row.due.subject}",
    }  # fmt: skip


def _people(found: Morning) -> Iterator[dict[str, Any]]:
    part, item = "安静", f"{QUIET_DAYS} 天没有动静的志愿者"
    yield {"part": part, "item": item, "value": found.people.count, "unit": "名"}
    for one in found.people.rows:
        yield {
            "part": part, "item": item, "value": one.days, "unit": "天", "person": one.name, "area": one.area,
            "day": one.last_day, "link": f"person/{one.id}",
        }  # fmt: skip


def _places(found: Morning) -> Iterator[dict[str, Any]]:
    part, item = "安静", f"{QUIET_DAYS} 天没有走到的对象"
    yield {"part": part, "item": item, "value": found.places.count, "unit": "个"}
    yield {
        "part": part, "item": f"其中河道、道路 {QUIET_DAYS} 天没有走到",
        "value": round(found.places.length_m), "unit": "米",
    }  # fmt: skip
    for one in found.places.rows:
        yield {
            "part": part, "item": item, "value": round(one.size),
            "unit": "米" if one.layer.is_line else "平方米",
            "person": [name for _, name in one.stewards], "place": one.name, "area": list(one.townships),
            "day": one.last_day, "note": one.where or None, "link": f"place/{one.id}",
        }  # fmt: skip


def _cases(found: Morning) -> Iterator[dict[str, Any]]:
    for age in found.cases.ages:
        yield {
            "part": "在办案件", "item": f"上报于 {age.words}", "value": age.count, "unit": "件",
            "note": f"超期 {age.late} 件" if age.late else None,
        }  # fmt: skip
    for row in found.cases.oldest:
        yield {
            "part": "在办案件", "item": f"{row.number} {row.what}", "place": row.place, "area": row.area,
            "day": row.opened_at.date(), "note": f"{row.state.zh}，{row.due}", "link": f"case/{row.id}",
        }  # fmt: skip
