"""What a file of duties would do: who, which part of which place, as what, from when until when."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from geo_service.imports import Outcome, ReportRow
from geo_service.people import parts
from geo_service.people.charges import PARTLY, Ending, Overlap, Planner, Wish
from geo_service.people.drafts import (
    DutyDraft,
    DutySpan,
    Part,
    question_id,
)
from geo_service.people.lookup import (
    Areas,
    Ground,
    People,
    PersonName,
    Places,
    Unclear,
    answer_to,
    place_said,
    plain,
    word_of,
)
from geo_service.people.roster import FIELDS as PERSON_FIELDS
from geo_service.people.roster import tidy_phone
from layers import masks, said, sheets
from layers.drafts import Question
from layers.vocabulary import DutyKind, Layer, Level, Role

FIELDS = {
    "duty": ("职责号",),
    "person_id": ("人员标识",),
    "person": ("人员", "姓名", "责任人", "人员姓名", "志愿者", "巡查人", "name"),
    "number": ("人员编号", "志愿者编号"),
    "phone": PERSON_FIELDS["phone"],
    "layer": ("图层", "类型", "对象类型"),
    "place": ("对象", "对象名称"),
    "river": ("河道", "河道名称", "河流名称"),
    "road": ("道路", "道路名称", "路线名称"),
    "grid": ("网格", "网格名称"),
    "compound": ("小区", "小区名称"),
    "place_code": ("对象编码", "编码", "河道编码", "道路编码", "路线编号", "网格编码", "小区编码", "code"),
    "township": PERSON_FIELDS["township"],
    "village": PERSON_FIELDS["village"],
    "from_m": ("起点米", "起点(米)", "起点", "起(米)"),
    "to_m": ("止点米", "止点(米)", "止点", "讫点", "终点", "终点(米)", "止(米)"),
    "stretches": ("段", "起止米", "起止(米)", "责任段", "责任段(米)"),
    "part": ("负责范围", "责任范围", "范围"),
    "role": ("岗位", "角色"),
    "kind": ("类别", "性质", "人员类别"),
    "level": ("级别", "层级"),
    "from": ("开始日期", "起始日期", "任职开始", "生效日期", "since"),
    "until": ("结束日期", "截止日期", "到期日期", "任职结束"),
}
"""Columns of a file of duties and the headers that mean them."""
REQUIRED = (
    ("person", "number", "phone", "person_id"),
    ("place", "place_code", "river", "road", "grid", "compound"),
)

_OPEN_END = ("长期", "至今", "无")

_WHO = ("person", "number", "phone", "person_id")
FORGOTTEN = "（已删除）"
"""How a list calls somebody who was forgotten."""
_WHERE = ("place", *(layer.value for layer in Layer), "place_code", "layer", "township", "village")
T = TypeVar("T")

SpansIn = Callable[[Ground, int], Part]
"""Ground, village: the stretches of a line that lie in the village, or the cells of an area place."""
CellsIn = Callable[[Ground, object], Part]
"""Ground, polygon in lon, lat: the cells of an area place in it."""


@dataclass(frozen=True)
class Land:
    """What is known of people, places and the duties they have."""

    people: People
    places: Places
    areas: Areas
    duties: Sequence[DutySpan]
    in_village: SpansIn
    in_polygon: CellsIn


@dataclass(frozen=True)
class Plan:
    """What a file of duties would do."""

    rows: Sequence[ReportRow]
    added: Sequence[DutyDraft]
    ended: Sequence[Ending]


def plan(rows: Iterable[sheets.Row], land: Land, today: dt.date, answers: Mapping[str, str]) -> Plan:
    """Decide for each row of a file of duties what it does; nothing is stored.

    Rows that say their first day are decided first: the others may speak of the same duties. What overlaps
    is tried again after another row has ended a duty, so that the order of the rows does not matter.
    """
    planner = Planner(land.duties, today)
    taking = _Rows(land, planner, answers)
    reports: dict[int, ReportRow] = {}
    waiting = sorted(rows, key=lambda row: ("from" not in row.values, row.number))
    while waiting:
        overlapping: list[sheets.Row] = []
        endings = len(planner.ended)
        for row in waiting:
            try:
                report = taking.take(row)
            except ValueError as reason:  # Unclear, and what layers.said makes of a cell
                report = ReportRow(Outcome.REFUSED, [row.number], _subject(row), str(reason))
                overlapping += [row] if isinstance(reason, Overlap) else []
            reports[row.number] = replace(report, cells=row.cells)
        waiting = overlapping if len(planner.ended) > endings else []
    return Plan([reports[number] for number in sorted(reports)], planner.added, planner.ended)


class _Rows:
    """Rows of a file of duties: whom and which place they mean."""

    def __init__(self, land: Land, planner: Planner, answers: Mapping[str, str]) -> None:
        self._land, self._planner, self._answers = land, planner, answers

    def take(self, row: sheets.Row) -> ReportRow:
        """Decide one row. Raises ValueError (Unclear) for one that is refused."""
        if row.problem:
            raise Unclear(row.problem)
        if row.values.get("person") == FORGOTTEN:
            return ReportRow(Outcome.SAME, [row.number], _subject(row), "已删除的人员，职责不变")
        person = self._person(row)
        if isinstance(person, Question):
            return ReportRow(Outcome.ASKED, [row.number], _subject(row), person.text, person)
        place = self._place(row)
        if isinstance(place, Question):
            return ReportRow(Outcome.ASKED, [row.number], _subject(row), place.text, place)
        part = self._part(row, person, place)
        return self._planner.settle(row.number, person, place, _wish(row, place, part))

    def _person(self, row: sheets.Row) -> PersonName | Question:
        values = row.values
        if known := self._land.people.by_id.get(_uuid(values.get("person_id", ""))):
            return _checked(known, values)
        if masks.is_masked(values.get("person", "") + values.get("phone", "")):
            return self._masked(values)
        phone = tidy_phone(values["phone"]) if "phone" in values else None
        if not (values.get("person") or values.get("number") or phone):
            raise Unclear("没有人员，请写姓名、编号或电话")
        found = self._land.people.find(values.get("person"), values.get("number"), phone)
        choices = [(person, str(person.id), self._described(person)) for person in found]
        return self._one_of(choices, f"有 {len(found)} 位「{_person_text(row)}」，是哪一位？", row)

    def _masked(self, values: Mapping[str, str]) -> PersonName:
        """Return who stands behind a mask: only his number can tell. Raises Unclear."""
        if "number" not in values:
            raise Unclear("姓名或电话是遮挡过的，又没有认得的人员标识或编号，请写全")
        (known, *_) = self._land.people.find(None, values["number"], None)
        return _checked(known, values)

    def _place(self, row: sheets.Row) -> Ground | Question:
        name, layer = place_said(row.values)
        code = row.values.get("place_code")
        if not (name or code):
            raise Unclear("没有对象，请写名称或编码")
        area_id = self._land.areas.find(row.values.get("township"), row.values.get("village"))
        found = self._land.places.find(name, code, layer, area_id)
        choices = [(place, f"{place.layer}/{place.code}", self._situated(place)) for place in found]
        return self._one_of(choices, f"有 {len(found)} 个「{name or code}」，是哪一个？", row)

    def _one_of(self, choices: Sequence[tuple[T, str, str]], text: str, row: sheets.Row) -> T | Question:
        """Return the only choice (value, key, words), the one that was answered, or the question."""
        if len(choices) == 1:
            return choices[0][0]
        choices = sorted(choices, key=lambda choice: choice[1])
        said = [row.values.get(key) for key in (*_WHO, *_WHERE)]
        asked = question_id("duties", *said, *(key for _, key, _ in choices))
        answers = {str(i): words for i, (_, _, words) in enumerate(choices, 1)}
        question = Question(asked, text, answers)
        answer = answer_to(question, self._answers)
        return question if answer is None else choices[int(answer) - 1][0]

    def _part(self, row: sheets.Row, person: PersonName, place: Ground) -> Part:
        values = row.values
        if values.get("part") == PARTLY:
            return self._planner.part_of(values.get("duty", ""), person, place)
        stretches = said.stretches(values["stretches"]) if "stretches" in values else []
        if "from_m" in values or "to_m" in values:
            start = said.metres(values["from_m"]) if "from_m" in values else 0.0
            end = (place.length_dm or 0) / 10
            stretches.append((start, said.metres(values["to_m"]) if "to_m" in values else end))
        if stretches and "part" in values:
            raise Unclear("起止米和负责范围只能写一种")
        if stretches:
            return parts.spans_of(place, stretches)
        if "part" not in values:
            return None
        if values["part"].upper().startswith(("POLYGON", "MULTIPOLYGON")):
            return self._land.in_polygon(place, parts.polygon(values["part"]))
        return self._land.in_village(place, self._land.areas.village(values["part"]))

    def _described(self, person: PersonName) -> str:
        marks = [f"编号 {person.number}" if person.number else "", masks.phone(person.phone) or ""]
        marks.append(self._land.areas.path(person.area_id))
        return f"{person.name}（{'，'.join(filter(None, marks)) or '无编号、电话'}）"

    def _situated(self, place: Ground) -> str:
        known = (self._land.areas.by_id.get(id_) for id_ in sorted(place.area_ids))
        townships = [area.name for area in known if area and area.level is Level.TOWNSHIP]
        length = f"，{place.length_dm / 10:g} 米" if place.length_dm is not None else ""
        return f"{place.layer.zh} {place.label}（{'、'.join(townships) or '镇街不详'}{length}）"


def _wish(row: sheets.Row, place: Ground, part: Part) -> Wish:
    values = row.values
    role = word_of(Role, values["role"]) if "role" in values else Role.of(place.layer)
    if role.layer is not place.layer:
        raise Unclear(f"{place.label}是{place.layer.zh}，岗位不能是{role.zh}")
    kind = word_of(DutyKind, values["kind"]) if "kind" in values else DutyKind.VOLUNTEER
    if kind is DutyKind.OFFICIAL and "level" not in values:
        raise Unclear("责任人要写级别（县级、镇级或村级）")
    until = values.get("until")
    return Wish(
        role,
        kind,
        word_of(Level, values["level"]) if "level" in values else Level.VILLAGE,
        part,
        said.day(values["from"]) if "from" in values else None,
        said.day(until) if until and until not in _OPEN_END else None,
    )


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        return uuid.UUID(int=0)


def _checked(known: PersonName, values: Mapping[str, str]) -> PersonName:
    """Return the person whose id a row states, if its name is his, masked or not. Raises Unclear."""
    said = plain(values.get("person", known.name))
    if said not in (plain(known.name), plain(masks.name(known.name) or "")):
        raise Unclear(f"人员标识是{known.name}的，表里写的是「{said}」，请核对；换人请删去标识，另写一行")
    return known


def _person_text(row: sheets.Row) -> str:
    return row.values.get("person") or row.values.get("number") or masks.phone(row.values.get("phone")) or ""


def _subject(row: sheets.Row) -> str:
    place = next((row.values[key] for key in (*_WHERE[:5], "place_code") if key in row.values), "")
    return f"{_person_text(row)} {place}".strip()
