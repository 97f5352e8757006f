"""The Chinese font of printed maps: a package of the system, found by its file."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from layers.errors import YinxunError

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties

FILE = "wqy-microhei.ttc"
PACKAGE = "fonts-wqy-microhei"
FOLDERS = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path("~/.local/share/fonts"))
MISSING = "〓"
"""Printed for a sign that the font does not have."""


class FontMissing(YinxunError):
    """The machine has no font with Chinese signs to print with."""

    code = "font_missing"
    title = "The font for printed maps is not installed."


def find() -> Path | None:
    """Return the font's file, None where it is not installed."""
    for folder in FOLDERS:
        for path in sorted(folder.expanduser().rglob(FILE)):
            return path
    return None


@cache
def chinese() -> "FontProperties":
    """Return the font. Raises FontMissing, which says what to install."""
    from matplotlib.font_manager import FontProperties  # noqa: PLC0415  (loaded when a sheet is printed)

    path = find()
    if path is None:
        raise FontMissing(f"本机没有打印地图用的中文字体。请管理员执行：apt-get install {PACKAGE}")
    return FontProperties(fname=path)


@cache
def _signs() -> frozenset[int]:
    from matplotlib.font_manager import get_font  # noqa: PLC0415

    return frozenset(get_font(str(chinese().get_file())).get_charmap())


def legible(text: str) -> str:
    """Return a text in signs that the font has, on one line."""
    return "".join(
        sign if ord(sign) in _signs() else MISSING for sign in " ".join(text.split()) if sign.isprintable()
    )
