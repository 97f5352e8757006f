"""How offices write one and the same thing into a cell."""

import datetime as dt
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

_SURNAMES = "张王李赵陈刘杨黄周吴徐孙朱马胡"
_GIVEN = ("建国", "明", "秀英", "桂兰", "德华", "卫东", "永", "玉珍", "志强", "海", "爱民", "长江", "书林")
_DOUBLE = ["欧阳修平", "司马光", "诸葛明"]


@dataclass(frozen=True)
class Number:
    """A number cell with its number format, and what people see of it."""

    value: float
    format: str
    shown: str


class Named(Protocol):
    """A person of the truth."""

    name: str
    phones: tuple[str, ...]
    post: str


class People:
    """Draws people: mostly new ones, some again (several roles), some of the same name."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._known: list[tuple[str, str]] = []

    def somebody(self) -> tuple[str, str]:
        """Return a name and a phone."""
        rng = self._rng
        if self._known and rng.random() < 0.1:
            return rng.choice(self._known)
        name = rng.choice(_DOUBLE) if rng.random() < 0.03 else rng.choice(_SURNAMES) + rng.choice(_GIVEN)
        if self._known and rng.random() < 0.1:
            name = rng.choice(self._known)[0]
        landline = rng.random() < 0.15
        phone = (
            f"0523{rng.randint(10**7, 10**8 - 1)}"
            if landline
            else f"1{rng.choice('3578')}{rng.randint(10**8, 10**9 - 1)}"
        )
        self._known.append((name, phone))
        return name, phone


def phone(rng: random.Random, digits: str, traps: set[str], is_csv: bool = False) -> object:
    """Write a phone number as a cell of its own."""
    kind = rng.random()
    if kind < 0.3:
        traps.add("phones as numbers")
        return int(digits)
    if kind < 0.4:
        traps.add("phones with .0")
        return f"{int(digits)}.0"
    if kind < 0.5:
        traps.add("full width digits")
        return digits.translate({48 + k: 0xFF10 + k for k in range(10)})
    if kind < 0.6 and is_csv and digits[-1] != "0" and digits[0] == "1":
        traps.add("scientific notation with all digits")
        return f"{digits[0]}.{digits[1:]}E+10"
    return phone_text(rng, digits)


def phone_text(rng: random.Random, digits: str) -> str:
    """Write a phone number as text."""
    if digits.startswith("0"):
        return rng.choice([digits, f"{digits[:4]}-{digits[4:]}", f"({digits[:4]}){digits[4:]}"])
    return rng.choice(
        [
            digits,
            digits,
            f"{digits[:3]}-{digits[3:7]}-{digits[7:]}",
            f"{digits[:3]} {digits[3:7]} {digits[7:]}",
        ]
    )


def name(rng: random.Random, text: str, traps: set[str]) -> str:
    """Write a name, a short one perhaps spread."""
    if len(text) == 2 and rng.random() < 0.3:
        traps.add("names spread with blanks")
        return f"{text[0]}{rng.choice([' ', '　', '  '])}{text[1]}"
    return text


def people(rng: random.Random, persons: Sequence[Named], part: str, traps: set[str]) -> object:
    """Write the people of a post: their names, posts or phones, or all of it."""
    if not persons:
        return rng.choice([None, None, "无"]) if part == "name" else None
    if len(persons) > 1:
        traps.add("several names in one cell")
    mark = rng.choice(["、", "，", ",", "\n", "；"])
    glue = rng.choice(["", " ", "："])
    if part == "name" and len(persons) > 1 and rng.random() < 0.2:
        traps.add("names parted by blanks")
        return " ".join(p.name for p in persons)
    if part == "phone" and len(persons) == 1:
        return phone(rng, persons[0].phones[0], traps)
    if part == "phone":
        return rng.choice(["、", "/", "\n", " "]).join(p.phones[0] for p in persons)
    ways: dict[str, Callable[[Named], str]] = {
        "name": lambda p: name(rng, p.name, traps),
        "post": lambda p: p.post,
        "post and phone": lambda p: f"{p.post} {phone_text(rng, p.phones[0])}",
        "all": lambda p: f"{p.name}{p.post and f'（{p.post}）'}{glue}{phone_text(rng, p.phones[0])}",
    }
    return mark.join(map(ways[part], persons))


def length(rng: random.Random, metres: float, unit: str) -> object:
    """Write a length: a bare number of kilometres where heading or title says so."""
    kilometres = metres / 1000
    if unit != "cell":
        return rng.choice([kilometres, f"{kilometres:g}", Number(kilometres, "0.00", f"{kilometres:.2f}")])
    return rng.choice(
        [
            f"{kilometres:g}公里",
            f"{kilometres:g}km",
            f"{metres:g}米",
            f"{metres:g} m",
            f"约{kilometres:g}公里",
        ]
    )


def born(rng: random.Random, month: object, traps: set[str], is_csv: bool = False) -> object:
    """Write a month of birth."""
    year, m = str(month).split("-")
    traps.add("months of birth in many ways")
    number = float(f"{year}.{m}")
    ways: list[object] = [
        *(
            f"{year}.{m}",
            f"{year}年{int(m)}月",
            f"{year[2:]}.{int(m)}",
            f"{year}{m}",
            f"{year}-{m}-01",
            f"{year}/{int(m)}",
        ),
        dt.date(int(year), int(m), 1),
        Number(number, "0.00", f"{number:.2f}"),
    ]
    return rng.choice(ways)


def day(rng: random.Random, date: object, traps: set[str], is_csv: bool = False) -> object:
    """Write a day."""
    found = dt.date.fromisoformat(str(date))
    return rng.choice(
        [
            found,
            str(date),
            f"{found.year}.{found.month}.{found.day}",
            f"{found.year}年{found.month}月{found.day}日",
        ]
    )


def digits(rng: random.Random, text: object, traps: set[str], is_csv: bool = False) -> object:
    """Write a count or a short number as a number or a text, leading zeros by the number format."""
    word = str(text)
    if len(word) < 15 and rng.random() < 0.5:
        if word.startswith("0"):
            traps.add("leading zeros by number format")
            return Number(int(word), "0" * len(word), word)
        return int(word)
    return word


def gender(rng: random.Random, text: object, traps: set[str], is_csv: bool = False) -> object:
    """Write 男 or 女."""
    return rng.choice([text, f" {text} ", f"{text}性"])


WRITERS: dict[str, Callable[[random.Random, object, set[str], bool], object]] = {
    "phone": lambda rng, text, traps, is_csv: phone(rng, str(text), traps, is_csv),
    "name": lambda rng, text, traps, _: name(rng, str(text), traps),
    "person": lambda rng, text, traps, _: name(rng, str(text), traps),
    "length": lambda rng, text, traps, _: text,
    "born": born,
    "day": day,
    "gender": gender,
    "code": digits,
    "number": digits,
    "signs": digits,
    "households": digits,
    "built": digits,
}
