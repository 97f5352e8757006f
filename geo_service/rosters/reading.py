"""Rows of a form as records: the place, the people in its columns and what of it cannot be taken.

Every cell that the form knows ends in the record, a remark or a fault: none is lost.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from geo_service.people.charges import Wish
from geo_service.people.drafts import PersonDraft
from geo_service.people.lookup import Areas
from geo_service.people.roster import draft_of, tidy_name
from geo_service.rosters.records import Fault, Named, PlaceSaid, Record
from layers import named, said
from layers.forms import Form, Post
from layers.readers import fields as cells
from layers.readers.synonyms import NUMBERS
from layers.sheets import Row
from layers.vocabulary import DutyKind, Layer, Level, Role

_STANDARD: Mapping[Layer, Mapping[str, str]] = {
    Layer.RIVER: {
        "grade": "level", "length": "length_km", "width": "width_m", "start": "start", "end": "end",
        "signs": "signs", "note": "note",
    },
    Layer.ROAD: {
        "grade": "class", "length": "length_km", "start": "start", "end": "end", "surface": "surface",
        "keeper": "manager", "note": "note",
    },
    Layer.GRID: {
        "type": "class", "households": "households", "population": "population", "bounds": "extent",
        "note": "note",
    },
    Layer.COMPOUND: {
        "grid_code": "grid_code", "address": "address", "built": "built_year",
        "floor_area": "floor_area_m2", "buildings": "buildings", "households": "households",
        "management": "manager", "committee": "committee", "committee_term": "committee_term",
        "party_members": "party_members", "studio": "studio", "note": "note",
    },
}  # fmt: skip
"""The standard name under which a place keeps what stands in a field."""
_LONGEST_M = 300_000.0
"""A number without a unit that would be longer was meant in metres."""
_UNIT = re.compile(r"(户|人|栋|幢|座|㎡|平方米|平米|m2|m²)$")
T = TypeVar("T")
_METRES = {"length_km": 0.001, "width_m": 1.0}
_BESIDE = (("manager", "项目经理"), ("head", "业委会主任"))
"""People of a compound beside its stewards: the field, and what they are called."""
_OF_ONE = ("gender", "born", "party", "schooling")
"""What a register of grids says of one person of the row."""


def records(rows: Iterable[Row], form: Form, areas: Areas, allowed: frozenset[int] | None) -> list[Record]:
    """Return each row as a record; `allowed` are the user's areas (None: all)."""
    read = _person if form.layer is None else _place
    reader = _Reader(form, areas, allowed)
    return [_unreadable(row) if row.problem else read(reader, row) for row in rows]


def _unreadable(row: Row) -> Record:
    return Record(row, faults=[Fault(row.problem or "")], remarks=row.remarks)


class _Reader:
    """A form, and what its names are looked up in."""

    def __init__(self, form: Form, areas: Areas, allowed: frozenset[int] | None) -> None:
        self.form, self.areas, self.allowed = form, areas, allowed
        self._named: dict[tuple[str | None, ...], list[named.Named] | str] = {}

    def named(self, post: Post, values: Mapping[str, str]) -> list[named.Named]:
        """Return whom a post's cells name: a chief stands in many rows. Raises ValueError."""
        said = tuple(values.get(field) for field in fields_of(post))
        key = (post.key, *said)
        if key not in self._named:
            try:
                self._named[key] = post.people(values) if any(said) else []
            except ValueError as reason:
                self._named[key] = str(reason)
        found = self._named[key]
        if isinstance(found, str):
            raise ValueError(found)
        return found

    def areas_of(self, row: Row) -> tuple[int, ...]:
        """Return the villages, else townships, that a row names. Raises Unclear."""
        townships, villages = (_several(row.values.get(key, "")) for key in ("township", "village"))
        if not townships and not villages:
            return _ids([self.areas.titled(row.sheet, row.section)] if row.sheet else [])
        if not villages:
            return _ids(self.areas.find(township, None) for township in townships)
        if len(townships) == 1:
            return _ids(self.areas.find(townships[0], village) for village in villages)
        return _ids(self.areas.find(None, village) for village in villages)


def fields_of(post: Post) -> tuple[str, ...]:
    """Return the fields of a post's columns."""
    return post.key, f"{post.key}_phone", f"{post.key}_post", f"{post.key}_post_phone"


def _several(text: str) -> list[str]:
    parts = text.replace("，", "、").replace(",", "、").replace("；", "、").replace(";", "、")
    return [part.strip() for part in parts.replace("/", "、").replace("\n", "、").split("、") if part.strip()]


def _ids(found: Iterable[int | None]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(id_ for id_ in found if id_ is not None))


# --- forms that list people


def _person(reader: _Reader, row: Row) -> Record:
    faults: list[Fault] = []
    try:
        draft = draft_of(row, reader.areas, reader.allowed)
    except ValueError as reason:
        return Record(row, faults=[Fault(str(reason), _fields_of(str(reason), row))], remarks=row.remarks)
    return Record(row, people=[Named(draft, False, None, "name")], remarks=row.remarks, faults=faults)


def _fields_of(reason: str, row: Row) -> tuple[str, ...]:
    """Return the fields whose value a reason quotes."""
    return tuple(key for key, value in row.values.items() if value and f"「{value[:20]}」" in reason)


# --- forms that list places


def _place(reader: _Reader, row: Row) -> Record:
    layer = reader.form.layer
    if layer is None:
        raise ValueError("a form without places")
    faults: list[Fault] = []
    remarks = [*row.remarks]
    values = row.values
    name = _tried(faults, ("name",), lambda: cells.name(values.get("name")))
    code = _tried(faults, ("code",), lambda: cells.text(values.get("code"), longest=cells.LONGEST_NAME))
    if not (name or code) and not faults:
        faults.append(Fault(f"没有{layer.zh}名称，也没有编码，请补上或删去这一行", ("name",)))
    area_ids = _tried(faults, ("township", "village"), lambda: reader.areas_of(row)) or ()
    attributes = _attributes(layer, values, faults)
    people = list(_people(reader, row, layer, area_ids, faults, remarks))
    stewards = any(post.kind is DutyKind.VOLUNTEER for post in reader.form.posts)
    looked_after = any(one.wish and one.wish.kind is DutyKind.VOLUNTEER for one in people)
    in_scheme = looked_after if layer.is_line and stewards else True
    place = PlaceSaid(layer, name, code, area_ids, attributes, in_scheme)
    return Record(row, place, people, remarks, faults)


def _tried(faults: list[Fault], fields: tuple[str, ...], read: Callable[[], T]) -> T | None:
    """Return what a cell says, or None and a fault more."""
    try:
        return read()
    except ValueError as reason:
        faults.append(Fault(str(getattr(reason, "detail", reason)).removesuffix("。"), fields))
        return None


def _attributes(layer: Layer, values: Mapping[str, str], faults: list[Fault]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for field, standard in _STANDARD[layer].items():
        if field in values:
            value = _tried(faults, (field,), lambda f=field, s=standard: _value(s, values[f]))  # type: ignore[misc]
            if value is not None:
                found[standard] = value
    return found | {key: values[key] for key in ("township", "village") if key in values}


def _value(standard: str, text: str) -> Any:
    if standard in _METRES:
        return _length(standard, text)
    if standard in NUMBERS:
        return cells.number(_UNIT.sub("", text), standard, None)
    return cells.text(text)


def _length(standard: str, text: str) -> float:
    """Return a length in the unit of its standard name; a bare number is in that unit."""
    metres = said.length_m(text, "公里" if standard == "length_km" else "米")
    if metres > _LONGEST_M and text.strip().replace(".", "").isdecimal():
        raise ValueError(f"「{text[:20]}」没有写单位，当作公里又太长；请写成 12.5公里 或 800米")
    return round(metres * _METRES[standard], 6)


def _people(
    reader: _Reader,
    row: Row,
    layer: Layer,
    area_ids: Sequence[int],
    faults: list[Fault],
    remarks: list[str],
) -> Iterator[Named]:
    """Yield the people in the columns of a row, with what they are to its place."""
    found = []
    for post in reader.form.posts:
        people = _tried(faults, fields_of(post), lambda p=post: reader.named(p, row.values))  # type: ignore[misc]
        found += [(post, one) for one in people or ()]
    own = _of_one(row, found, faults, remarks) if layer is Layer.GRID else {}
    for k, (post, one) in enumerate(found):
        yield _named(reader.areas, post, one, area_ids, own.get(k, {}), remarks)
    if layer is Layer.COMPOUND:
        for field, post_name in _BESIDE:
            yield from _beside(row, field, post_name, area_ids, faults, remarks)


def _named(
    areas: Areas,
    post: Post,
    one: named.Named,
    area_ids: Sequence[int],
    own: Mapping[str, Any],
    remarks: list[str],
) -> Named:
    level = post.level or Level.VILLAGE
    wish = Wish(post.role, post.kind, level)
    called = one.post or (post.called[0] if post.level is None and post.kind is DutyKind.OFFICIAL else "")
    draft = _draft(one, _home(areas, area_ids, level), called, own, remarks)
    return Named(draft, True, wish, post.key, post.called[0])


def _draft(
    one: named.Named, area_id: int | None, post: str, own: Mapping[str, Any], remarks: list[str]
) -> PersonDraft:
    attributes = {key: value for key, value in own.items() if key != "phone"}
    phones = one.phones or own.get("phone", ())
    if post:
        attributes["post"] = post
    if len(phones) > 1:
        attributes["phones"] = list(phones[1:])
        remarks.append(f"{one.name}的另外 {len(phones) - 1} 个电话记在备用电话里")
    return PersonDraft(tidy_name(one.name), None, phones[0] if phones else None, area_id, attributes)


def _home(areas: Areas, area_ids: Sequence[int], level: Level) -> int | None:
    """Return where somebody of a level is at home: a chief of the county nowhere in particular."""
    if level is Level.COUNTY or not area_ids:
        return None
    if level is Level.TOWNSHIP or len(area_ids) > 1:
        townships = {areas.township(id_) for id_ in area_ids}
        return townships.pop() if len(townships) == 1 else None
    return area_ids[0]


def _of_one(
    row: Row, found: Sequence[tuple[Post, named.Named]], faults: list[Fault], remarks: list[str]
) -> dict[int, dict[str, Any]]:
    """Return what the columns of a grid's register that name nobody say, by the position of the person."""
    own: dict[str, Any] = {key: row.values[key] for key in _OF_ONE if key in row.values}
    phones = _tried(faults, ("phone",), lambda: named.phones(row.values.get("phone", ""))) or []
    if not own and not phones:
        return {}
    free = [k for k, (_, one) in enumerate(found) if not one.phones]
    if not own and len(phones) == len(free) > 1:
        return {k: {"phone": (number,)} for k, number in zip(free, phones, strict=True)}
    order = {"full_time": 0, "chief": 1, "part_time": 2, "steward": 3}
    who = min(range(len(found)), key=lambda k: (order.get(found[k][0].key, 4), k), default=None)
    if who is None:
        faults.append(Fault("有电话或出生年月，没有姓名，请补上姓名", ("phone",)))
        return {}
    if phones and not found[who][1].phones:
        own["phone"] = tuple(phones)
    elif phones:
        own["phones"] = phones
    if len(found) > 1:
        remarks.append(f"性别、电话等记在{found[who][1].name}名下")
    return {who: own}


def _beside(
    row: Row, field: str, post: str, area_ids: Sequence[int], faults: list[Fault], remarks: list[str]
) -> Iterator[Named]:
    values = row.values
    if field not in values and f"{field}_phone" not in values:
        return

    def read() -> list[named.Named]:
        who, numbers = values.get(field, ""), values.get(f"{field}_phone", "")
        # One cell may hold both: 主任/电话.
        return named.joined(named.people(who), named.phones(numbers)) if who else named.people(numbers)

    wish = Wish(Role.COMPOUND_STEWARD, DutyKind.OFFICIAL, Level.VILLAGE)
    for one in _tried(faults, (field, f"{field}_phone"), read) or []:
        area_id = area_ids[0] if area_ids else None
        yield Named(_draft(one, area_id, one.post or post, {}, remarks), True, wish, field, post)
