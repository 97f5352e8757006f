"""Number cells as people saw them: the number format pads, and says what is a date.

Source of the codes: ECMA-376 part 1, 18.8.30 and 18.8.31.
"""

import datetime as dt
import math
import re
from dataclasses import dataclass
from decimal import Decimal

MAX_EXACT = 1e15
"""A spreadsheet keeps 15 digits of a number; the rest of a longer code became zeros."""
_LAST_DAY = 2_958_466
# Number formats that mean a date or a time without being spelled out in the file, those of Chinese included.
_DATES = frozenset([*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)])
_BUILT_IN = {2: "0.00", 4: "#,##0.00", 9: "0%", 10: "0.00%", 39: "#,##0.00", 40: "#,##0.00"}


@dataclass(frozen=True)
class Format:
    """What a number format does to a number's text."""

    is_date: bool = False
    digits: int = 0
    """At least so many before the point, if more than one."""
    decimals: int = 0
    """At least so many behind it."""
    percent: bool = False

    @classmethod
    def of(cls, code: str) -> "Format":
        """Read a format code.

        >>> [Format.of(code).is_date for code in ('yyyy"年"m"月"', "[Red]0.00", "[$-804]yyyy/m/d;@", '0"d"')]
        [True, False, True, False]
        >>> Format.of("00000").digits, Format.of("#,##0.00").decimals
        (5, 2)
        """
        shown = re.sub(r'"[^"]*"|\[[^\]]*\]|\\.|_.|\*.', "", code).partition(";")[0].lower()
        if re.search(r"[ymdhs]", shown):
            return cls(is_date=True)
        if "e+" in shown or "/" in shown or "general" in shown:
            return cls()
        before, _, behind = shown.partition(".")
        digits = before.count("0")
        return cls(False, digits if digits > 1 else 0, behind.count("0"), "%" in shown)

    @classmethod
    def built_in(cls, number: int) -> "Format":
        """Return one of the formats that files do not spell out."""
        return cls(is_date=True) if number in _DATES else cls.of(_BUILT_IN.get(number, "general"))


GENERAL = Format()


def shown(number: float, format_: Format) -> str:
    """Return a number with the digits people saw, and never fewer than it has. Raises ValueError for none.

    Longer than a spreadsheet can keep it comes as 3.21281001100200E+17: its last digits are lost.

    >>> shown(1956.1, Format.of("0.00")), shown(42, Format.of("00000")), shown(0.1 + 0.2, GENERAL)
    ('1956.10', '00042', '0.3')
    >>> shown(0.85, Format.of("0%")), shown(321281001100200123, GENERAL)
    ('85%', '3.21281001100200E+17')
    """
    if not math.isfinite(number):
        raise ValueError("not a number")
    if abs(number) >= MAX_EXACT:
        return f"{number:.14E}"
    if format_.percent:
        number *= 100
    text = f"{number:.15g}"
    if "e" in text:
        text = format(Decimal(text), "f")
    whole, _, part = text.partition(".")
    part = part.ljust(format_.decimals, "0")
    if format_.digits > 1 and not whole.startswith("-"):
        whole = whole.zfill(format_.digits)
    return f"{whole}.{part}"[: None if part else -1] + "%" * format_.percent


def moment(number: float, epoch: dt.datetime) -> str:
    """Return a date or a time in ISO form; #VALUE! for a number that is none."""
    if not 0 <= number < _LAST_DAY:
        return "#VALUE!"
    found = epoch + dt.timedelta(seconds=round(number * 86_400))
    return found.date().isoformat() if found.time() == dt.time() else found.isoformat(" ")


def epoch(is_1904: bool) -> dt.datetime:
    """Return day 0 of a workbook: two days before 1900-01-01, as Excel takes 1900 for a leap year."""
    return dt.datetime(1904, 1, 1) if is_1904 else dt.datetime(1899, 12, 30)
