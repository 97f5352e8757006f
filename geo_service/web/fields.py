"""What the fields of a form say: days, as a browser sends them or as people write them."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from geo_service.errors import Invalid

_MOST_SAID = 2000
"""Characters of a field; what the service cannot take it says itself."""


@dataclass(frozen=True)
class Sent:
    """A form as it was sent: its texts, and those of fields that stand in it more than once."""

    one: Mapping[str, str]
    many: Mapping[str, Sequence[str]]

    def __getitem__(self, name: str) -> str:
        """Return the text of a field; nothing where it was not sent."""
        return self.one.get(name, "")

    def all(self, name: str) -> Sequence[str]:
        """Return all texts of a field, in their order."""
        return self.many.get(name, ())


async def _sent(request: Request) -> Sent:
    form = await request.form()
    many: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            many.setdefault(name, []).append(value[:_MOST_SAID])
    return Sent({name: texts[-1] for name, texts in many.items()}, many)


FromForm = Annotated[Sent, Depends(_sent)]
"""The form of the request."""


def day_of(text: str) -> dt.date:
    """Return the day that a field says. Raises Invalid.

    >>> day_of(" 2026-03-01 ")
    datetime.date(2026, 3, 1)
    """
    try:
        return dt.date.fromisoformat(text.strip())
    except ValueError:
        wrong = f"「{text.strip()[:20]}」不是日期；" if text.strip() else ""
        raise Invalid(f"{wrong}请选择日期，例如 2026-03-01。") from None


def day_if_any(text: str) -> dt.date | None:
    """Return the day that a field says, None for an empty one. Raises Invalid."""
    return day_of(text) if text.strip() else None


def degrees(text: str, what: str, most: float) -> float:
    """Return the degrees that a field says, at most so many. Raises Invalid.

    >>> degrees(" 119.8342 ", "经度", 180)
    119.8342
    """
    try:
        found = float(text)
    except ValueError:
        found = float("nan")
    if not abs(found) <= most:
        example = "119.8342" if most > 90 else "32.9417"
        raise Invalid(f"请在“{what}”里填度数，例如 {example}；不知道就都不填。")
    return found


def number_if_any(text: str, what: str) -> float | None:
    """Return the number that a field says, None for an empty one. Raises Invalid.

    >>> number_if_any(" 2.5 ", "最远"), number_if_any("", "最远")
    (2.5, None)
    """
    try:
        found = float(text) if text.strip() else None
    except ValueError:
        found = float("nan")
    if found is not None and not abs(found) < 1e7:
        raise Invalid(f"「{what}」要填数字，不限就不填。")
    return found


def whole_if_any(text: str, what: str) -> int | None:
    """Return the whole number that a field says, None for an empty one. Raises Invalid."""
    found = number_if_any(text, what)
    if found is not None and found != int(found):
        raise Invalid(f"「{what}」要填整数。")
    return None if found is None else int(found)
