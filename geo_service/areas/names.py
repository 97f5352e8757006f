"""Which area people mean by a name in a column: 昭阳, 昭阳街道, 水关社区, or a code."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from geo_service.areas.tree import StoredArea
from geo_service.errors import Invalid
from layers import codes
from layers.vocabulary import Level

_TAIL = re.compile(
    r"(街道办事处|街道办|街道|镇|乡|社区居委会|社区居民委员会|居民委员会|村民委员会|居委会|村委会|社区|居委|村)$"
)


@dataclass(frozen=True)
class AreaNames:
    """The townships and villages of a county by name and code."""

    areas: Sequence[StoredArea]

    @classmethod
    def of(cls, areas: Iterable[StoredArea]) -> "AreaNames":
        """Make it from the county's tree."""
        return cls([area for area in areas if area.level is not Level.COUNTY])

    def find(self, township: str | None, village: str | None = None) -> StoredArea | None:
        """Return the area that the two columns name, the village first; None where both are empty.

        Raises Invalid for a name that is not there, or that several areas have.
        """
        above = self._one(township, self._under(None, Level.TOWNSHIP)) if township else None
        if not village:
            return above
        return self._one(village, self._under(above, Level.VILLAGE))

    def _under(self, above: StoredArea | None, level: Level) -> list[StoredArea]:
        if above is not None:
            return [area for area in self.areas if area.parent == above.code]
        return [area for area in self.areas if area.level is level] or list(self.areas)

    def _one(self, said: str, among: Sequence[StoredArea]) -> StoredArea:
        for means in (_is_code, _is_name, _is_short_name):
            found = [area for area in among if means(area, said.strip())]
            if len(found) == 1:
                return found[0]
            if found:
                raise Invalid(f"叫「{said}」的有 {len(found)} 处，请同时写明镇街，或改写编码。")
        raise Invalid(f"辖区里没有「{said}」；请核对写法，或先导入辖区（乡镇、村）。")


def _is_code(area: StoredArea, said: str) -> bool:
    return area.code == codes.full(said)


def _is_name(area: StoredArea, said: str) -> bool:
    return area.name == said


def _is_short_name(area: StoredArea, said: str) -> bool:
    return short(area.name) == short(said)


def short(name: str) -> str:
    """Return a name without the word for what it is.

    >>> short("昭阳街道"), short("水关居委会"), short("胜利村"), short("镇")
    ('昭阳', '水关', '胜利', '镇')
    """
    return _TAIL.sub("", name) or name
