"""The rows of a roster: what they say of people, and which of them speak of the same person."""

import unicodedata
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from geo_service.people.drafts import PersonDraft
from geo_service.people.lookup import Areas, Unclear
from layers import forms, masks, named, said
from layers.sheets import Row

FIELDS = {"id": ("标识", "人员标识"), **forms.VOLUNTEERS.fields}
"""Columns of a roster of people and the headers that mean them."""
REQUIRED = (("name",),)
COLUMNS = ("name", "number", "phone", "area_id")
KEPT = tuple(key for key in forms.VOLUNTEERS.fields if key not in (*COLUMNS, "township", "village"))
"""Columns that are only kept, in the person's attributes."""


@dataclass(frozen=True)
class Told:
    """What one place of a file says of a person."""

    row: int
    draft: PersonDraft
    aside: bool = False
    """Named beside a place: naming somebody twice is no doubt then, and his area is where the place lies."""
    by_id: bool = False
    """Whether the draft's id is one that the file states."""


@dataclass(frozen=True)
class Entry:
    """What a file says of one person, in one place of it or several that do not contradict each other."""

    draft: PersonDraft
    rows: Sequence[int]
    """Row numbers, the first of them speaks for all."""
    at: Sequence[int] = ()
    """Which of what was told it joins, in the order of `rows`."""
    aside: bool = False
    """Whether he is only named beside places."""


def tidy_name(text: str) -> str:
    """Return a person's name as it is stored. Raises Unclear.

    >>> tidy_name("张　三"), tidy_name("Anna  Maria Weber")
    ('张三', 'Anna Maria Weber')
    """
    name = " ".join(text.split())
    if not any(unicodedata.category(c).startswith("L") for c in name) or len(name) > 60:
        raise Unclear(f"「{text[:20]}」不像姓名，请检查列是否对齐")
    # Two-character names are spread with a blank so that columns line up.
    return name.replace(" ", "") if all("一" <= c <= "鿿" or c in " ·" for c in name) else name


def tidy_phone(text: str) -> str:
    """Return a phone number as digits, a foreign one with its plus. Raises Unclear.

    >>> tidy_phone("138 1234 5678"), tidy_phone("+86-13812345678"), tidy_phone("(0523)83212345")
    ('13812345678', '13812345678', '052383212345')
    """
    try:
        return named.phone(text)
    except ValueError as reason:
        raise Unclear(str(reason)) from reason


def tidy_number(text: str) -> str:
    """Return an office's number as it is stored. Raises Unclear."""
    number = unicodedata.normalize("NFKC", text).strip()
    if not number or len(number) > 40:
        raise Unclear(f"编号「{text[:20]}」太长或是空的，最多 40 个字")
    return number


def draft_of(row: Row, areas: Areas, allowed: frozenset[int] | None) -> PersonDraft:
    """Return what a row says of a person; `allowed` are the user's areas (None: all). Raises Unclear."""
    values = row.values
    if row.problem:
        raise Unclear(row.problem)
    if "name" not in values:
        raise Unclear("没有姓名，请补上或删去这一行")
    area_id = areas.find(values.get("township"), values.get("village"))
    if allowed is not None and area_id is not None and area_id not in allowed:
        raise Unclear(f"{areas.path(area_id)}不在您管理的辖区内")
    first, *others = _phones(values["phone"]) if "phone" in values else [None]
    others += _phones(values["phones"]) if "phones" in values else []
    attributes = {key: _kept(key, values[key][:500]) for key in KEPT if key in values and key != "phones"}
    draft = PersonDraft(
        name=values["name"] if masks.is_masked(values["name"]) else tidy_name(values["name"]),
        number=tidy_number(values["number"]) if "number" in values else None,
        phone=first,
        area_id=area_id,
        attributes=attributes | ({"phones": others} if others else {}),
    )
    return replace(draft, id=_id(values["id"])) if "id" in values else draft


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Unclear(f"标识「{text[:40]}」不是本系统给的，请改回原样或删去") from None


def _phones(text: str) -> list[str | None]:
    """Return the phones of a cell, the first of them None for 无 and the like."""
    if masks.is_masked(text):
        return [text]
    try:
        return [*named.phones(text)] or [None]
    except ValueError as reason:
        raise Unclear(str(reason)) from None


def _kept(key: str, text: str) -> str:
    """Return what is kept of a cell: in one spelling where it can be read, else as it stands."""
    try:
        if key == "gender":
            return said.gender(text) or text
        return str(said.born(text)) if key in ("born", "joined", "retired") else text
    except ValueError:
        return text


def entries(told: Sequence[Told]) -> tuple[list[Entry], dict[int, str]]:
    """Join what is told of the same number, or else of the same name and phone.

    Beside places also of the same name in the same area. Returns the entries, and for what contradicts
    each other (by its position) the reason why all of it is refused: which is right cannot be known, and
    must not hang on the order.
    """
    groups: dict[object, list[int]] = defaultdict(list)
    by_phone: dict[tuple[str, str], list[object]] = defaultdict(list)
    for k in sorted(range(len(told)), key=lambda k: (told[k].draft.number is None, told[k].row, k)):
        draft = told[k].draft
        key: object = ("id", draft.id) if told[k].by_id else draft.number
        if key is None:
            same = by_phone[draft.name, draft.phone] if draft.phone else []
            alone = ("aside", draft.name, draft.area_id, draft.phone) if told[k].aside else ("row", k)
            # A phone under several numbers is asked about later; this row is then one of its own.
            key = same[0] if len(same) == 1 else alone
        groups[key].append(k)
        if draft.phone and key not in by_phone[draft.name, draft.phone]:
            by_phone[draft.name, draft.phone].append(key)
    found: list[Entry] = []
    refused: dict[int, str] = {}
    for group in groups.values():
        at = sorted(group, key=lambda k: (told[k].row, k))
        rows = [told[k].row for k in at]
        joined = _joined([told[k] for k in at])
        if joined is not None:
            found.append(Entry(joined, rows, at, all(told[k].aside for k in at)))
            continue
        listed = "、".join(map(str, rows[:10]))
        refused |= dict.fromkeys(at, f"第 {listed} 行是同一编号或电话，内容却不一样，请合成一行")
    return sorted(found, key=lambda entry: entry.rows[0]), refused


def _joined(told: Sequence[Told]) -> PersonDraft | None:
    """Return one draft that says all that is told; None if it contradicts itself.

    What is only said aside never contradicts: where it lies and the post are different things in each row.
    """
    full = [one.draft for one in told if not one.aside] or [told[0].draft]
    first = full[0]
    for draft in full[1:]:
        if not consistent(draft, first):
            return None
        first = with_more(first, draft)
    asides = [one.draft for one in told if one.aside]
    # Whatever order the rows have, the same is taken.
    for draft in sorted(asides, key=lambda d: (d.area_id or 0, sorted(d.attributes.items()))):
        if None not in (first.number, draft.number) and first.number != draft.number:
            return None
        first = with_more(first, draft) if first is not draft else first
    return first


def with_more(first: PersonDraft, more: PersonDraft) -> PersonDraft:
    """Return a draft that also says what another says and it does not."""
    stated = {key: getattr(first, key) or getattr(more, key) for key in COLUMNS}
    return replace(first, **stated, attributes={**more.attributes, **first.attributes})


def consistent(one: PersonDraft, other: PersonDraft) -> bool:
    """Tell whether two drafts say nothing that contradicts the other."""
    pairs = [(getattr(one, key), getattr(other, key)) for key in COLUMNS]
    pairs += [(value, other.attributes.get(key)) for key, value in one.attributes.items()]
    return all(None in (a, b) or a == b for a, b in pairs)
