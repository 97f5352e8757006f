"""The rows of a roster: what they say of people, and which of them speak of the same person."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from geo_service.people.drafts import PersonDraft
from geo_service.people.lookup import Areas, Unclear
from layers import forms, named
from layers.sheets import Row

FIELDS = {
    "name": ("姓名", "名字", "人员姓名", "志愿者姓名"),
    "number": ("编号", "人员编号", "志愿者编号", "工号"),
    "phone": forms.PHONE,
    "township": forms.TOWNSHIP,
    "village": forms.VILLAGE,
    "gender": ("性别", "sex"),
    "born": ("出生年月", "出生日期", "birth"),
    "note": ("备注", "说明", "remark"),
}
"""Columns of the simple roster and the headers that mean them."""
REQUIRED = (("name",),)
COLUMNS = ("name", "number", "phone", "area_id")
KEPT = ("gender", "born", "note")
"""Columns that are only kept, in the person's attributes."""


@dataclass(frozen=True)
class Entry:
    """What a roster says of one person, in one row or several that do not contradict each other."""

    draft: PersonDraft
    rows: Sequence[int]
    """Row numbers, the first of them speaks for all."""


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


def masked(phone: str | None) -> str | None:
    """Return a phone number as those see it who need not call.

    >>> masked("13812345678"), masked("83212345"), masked("95588"), masked(None)
    ('138****5678', '****2345', '****88', None)
    """
    if phone is None:
        return None
    return f"{phone[:3] if len(phone) > 10 else ''}****{phone[-4 if len(phone) > 7 else -2 :]}"


def masked_name(name: str) -> str:
    """Return a name as files hold it that may be passed on: the family name alone.

    >>> masked_name("王桂兰"), masked_name("王")
    ('王**', '王*')
    """
    return name[:1] + "*" * max(len(name) - 1, 1)


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
    return PersonDraft(
        name=tidy_name(values["name"]),
        number=tidy_number(values["number"]) if "number" in values else None,
        phone=tidy_phone(values["phone"]) if "phone" in values else None,
        area_id=area_id,
        attributes={key: values[key][:500] for key in KEPT if key in values},
    )


def entries(drafts: Iterable[tuple[int, PersonDraft]]) -> tuple[list[Entry], dict[int, str]]:
    """Join rows (number, draft) of the same number, or else of the same name and phone.

    Returns the entries, and for rows that contradict each other the reason why all of them are refused:
    which of them is right cannot be known, and must not hang on their order.
    """
    groups: dict[object, list[tuple[int, PersonDraft]]] = defaultdict(list)
    by_phone: dict[tuple[str, str], list[object]] = defaultdict(list)
    for row, draft in sorted(drafts, key=lambda pair: (pair[1].number is None, pair[0])):
        key: object = draft.number
        if draft.number is None:
            same = by_phone[draft.name, draft.phone] if draft.phone else []
            # A phone under several numbers is asked about later; this row is then one of its own.
            key = same[0] if len(same) == 1 else ("row", row)
        groups[key].append((row, draft))
        if draft.phone and key not in by_phone[draft.name, draft.phone]:
            by_phone[draft.name, draft.phone].append(key)
    found: list[Entry] = []
    refused: dict[int, str] = {}
    for group in groups.values():
        rows = sorted(row for row, _ in group)
        joined = _joined([draft for _, draft in sorted(group, key=lambda pair: pair[0])])
        if joined is not None:
            found.append(Entry(joined, rows))
            continue
        listed = "、".join(map(str, rows[:10]))
        refused |= dict.fromkeys(rows, f"第 {listed} 行是同一编号或电话，内容却不一样，请合成一行")
    return sorted(found, key=lambda entry: entry.rows[0]), refused


def _joined(drafts: Sequence[PersonDraft]) -> PersonDraft | None:
    """Return one draft that says all that the drafts say; None if they contradict each other."""
    first = drafts[0]
    for draft in drafts[1:]:
        if not consistent(draft, first):
            return None
        stated = {key: getattr(first, key) or getattr(draft, key) for key in COLUMNS}
        first = replace(first, **stated, attributes={**draft.attributes, **first.attributes})
    return first


def consistent(one: PersonDraft, other: PersonDraft) -> bool:
    """Tell whether two drafts say nothing that contradicts the other."""
    pairs = [(getattr(one, key), getattr(other, key)) for key in COLUMNS]
    pairs += [(value, other.attributes.get(key)) for key, value in one.attributes.items()]
    return all(None in (a, b) or a == b for a, b in pairs)
