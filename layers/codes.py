"""Codes of places and areas: what the standards ask for, and codes for places that come without one.

Sources: GB/T 2260 and GB/T 10114 (areas, 12 digits), the 15-digit form of GB/T 30428.1 (grids), the letter
and number of highway routes with the county behind it (roads). Rivers and compounds have no national code
that every small one carries, so they get one of our own.
"""

import re
from collections.abc import Collection, Iterable, Sequence

from layers.errors import YinxunError
from layers.vocabulary import Layer

AREA = re.compile(r"\d{6}(0\d{2}|[1-5]\d{2})\d{3}")
"""A village, or with zeros behind it a township (9 digits) or a county (6)."""
ROAD = re.compile(r"[GSXYCZ]\d{3}(\d{6})?|[GS]\d{1,2}|[GS]\d{4}")
"""国 省 县 乡 村 专用 and three digits, perhaps the county; expressways have 1, 2 or 4 digits."""
GRID = re.compile(r"\d{6}(0\d{2}|[1-5]\d{2})\d{6}")


class NoCodeLeft(YinxunError):
    """All numbers below one area are taken."""

    code = "no_code_left"
    title = "No code is left below this area."


def parent(code: str) -> str | None:
    """Return the code of the area above a 12-digit code, None above a county or for other codes.

    >>> parent("321281001002"), parent("321281001000"), parent("321281000000")
    ('321281001000', '321281000000', None)
    """
    if not AREA.fullmatch(code) or code.endswith("000000"):
        return None
    return code[:6] + "000000" if code.endswith("000") else code[:9] + "000"


def full(code: str) -> str:
    """Return an area's code with the zeros that make it 12 digits; other texts as they are.

    >>> full("321281"), full("321281001"), full("LI-01")
    ('321281000000', '321281001000', 'LI-01')
    """
    return code.ljust(12, "0") if re.fullmatch(r"\d{6}(\d{3})?(\d{3})?", code) else code


def county(code: str) -> str:
    """Return the code by which a county is called: six digits without the zeros behind them.

    >>> county("321281000000"), county("321281"), county("DE-BY")
    ('321281', '321281', 'DE-BY')
    """
    return code[:6] if re.fullmatch(r"\d{6}0{6}", code) else code


def odd(layer: Layer, code: str) -> str | None:
    """Return in Chinese why a place's own code looks odd, None where it does not.

    An odd code is told and taken: many offices have codes of their own.

    >>> odd(Layer.ROAD, "X203"), odd(Layer.ROAD, "X203321281"), odd(Layer.GRID, "321281001002001")
    (None, None, None)
    >>> odd(Layer.ROAD, "X2O3")
    '路线编号「X2O3」不合规范（应为 G/S/X/Y/C/Z 加三位数字，可再加六位县代码），已照录'
    """
    if layer is Layer.ROAD and not ROAD.fullmatch(code):
        return f"路线编号「{code}」不合规范（应为 G/S/X/Y/C/Z 加三位数字，可再加六位县代码），已照录"
    if layer is Layer.GRID and not GRID.fullmatch(code):
        return f"网格编码「{code}」不合规范（应为 15 位：12 位村居代码加三位序号），已照录"
    return None


def make(layer: Layer, areas: Sequence[str], taken: Iterable[str]) -> list[str]:
    """Return a new code for each place, given the code of the area it lies in and all codes of the layer.

    Rivers RV-321281-00001 and roads RD-321281-00001 are numbered within the county (the first six digits of a
    12-digit code; other codes whole). Grids are the village's 12 digits and three more, compounds C, the
    village's 12 digits and four; below an area without such a code -001 and -0001 are put behind it. A number
    is not given again while a higher one of the same area is in use. Give places in the order in which they
    should be numbered (grids: `reading_order`). Raises NoCodeLeft.

    >>> make(Layer.RIVER, ["321281", "321281001000"], ["RV-321281-00007", "AFH12006"])
    ['RV-321281-00008', 'RV-321281-00009']
    >>> make(Layer.GRID, ["321281001002", "321281001002"], ["321281001002001"])
    ['321281001002002', '321281001002003']
    >>> make(Layer.COMPOUND, ["321281001002", "LI"], [])
    ['C3212810010020001', 'C-LI-0001']
    """
    used = set(taken)
    digits = _DIGITS[layer]
    prefixes = [_prefix(layer, area) for area in areas]
    last = _last_numbers(set(prefixes), used, digits)
    codes = []
    for prefix in prefixes:
        number = _next(last[prefix], prefix, digits, used)
        last[prefix] = max(last[prefix], number)
        codes.append(f"{prefix}{number:0{digits}d}")
        used.add(codes[-1])
    return codes


_DIGITS = {Layer.RIVER: 5, Layer.ROAD: 5, Layer.GRID: 3, Layer.COMPOUND: 4}
_LETTERS = {Layer.RIVER: "RV-", Layer.ROAD: "RD-", Layer.GRID: "", Layer.COMPOUND: "C"}


def _prefix(layer: Layer, area: str) -> str:
    code = full(area)
    standard = AREA.fullmatch(code) is not None
    if layer.is_line:
        return f"{_LETTERS[layer]}{code[:6] if standard else code}-"
    if standard:
        return f"{_LETTERS[layer]}{code}"
    return f"C-{code}-" if layer is Layer.COMPOUND else f"{code}-"


def _last_numbers(prefixes: Collection[str], used: Iterable[str], digits: int) -> dict[str, int]:
    last = dict.fromkeys(prefixes, 0)
    for code in used:
        head, tail = code[:-digits], code[-digits:]
        if head in last and re.fullmatch(rf"[0-9]{{{digits}}}", tail):
            last[head] = max(last[head], int(tail))
    return last


def _next(last: int, prefix: str, digits: int, used: Collection[str]) -> int:
    if last + 1 < 10**digits:
        return last + 1
    free = (n for n in range(1, 10**digits) if f"{prefix}{n:0{digits}d}" not in used)
    number = next(free, None)
    if number is None:
        raise NoCodeLeft(
            f"「{prefix}」下的 {10**digits - 1} 个编号已用完；请在文件里给出编码，或先细分辖区。"
        )
    return number


def reading_order(lonlat: Sequence[tuple[float, float]]) -> list[int]:
    """Return the order in which the areas of one village are numbered: west to east, then north to south.

    `lonlat` holds a point within each (degrees); a row is a tenth of the height of them all, at least
    0.0005 degrees, so that neighbours which are drawn side by side count as side by side.

    >>> reading_order([(119.82, 32.90), (119.81, 32.95), (119.80, 32.90)])
    [1, 2, 0]
    """
    if not lonlat:
        return []
    lats = [lat for _, lat in lonlat]
    row = max((max(lats) - min(lats)) / 10, 0.0005)
    keys = [(-round(lat / row), lon) for lon, lat in lonlat]
    return sorted(range(len(keys)), key=keys.__getitem__)


def name_unnamed(layer: Layer, townships: Sequence[str], taken: Iterable[str]) -> list[str]:
    """Return a name for each unnamed area: its township and a number that no name of the layer has.

    >>> name_unnamed(Layer.COMPOUND, ["昭阳街道", "昭阳街道"], ["昭阳街道1号小区"])
    ['昭阳街道2号小区', '昭阳街道3号小区']
    """
    used = set(taken)
    last: dict[str, int] = {}
    names = []
    for township in townships:
        number = last.get(township, 0) + 1
        while f"{township}{number}号{layer.zh}" in used:
            number += 1
        last[township] = number
        names.append(f"{township}{number}号{layer.zh}")
    return names
