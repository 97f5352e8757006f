"""What was left out of a table and what was filled in, for people."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from layers.sheets.table import letters

Run = tuple[int, int]
"""First and last row of several that follow each other."""


@dataclass
class Tally:
    """Rows that are no records, and cells that were filled, by kind."""

    left: dict[str, list[Run]] = field(default_factory=dict)
    sections: list[str] = field(default_factory=list)
    filled: dict[str, list[Run]] = field(default_factory=dict)
    headless: dict[int, int] = field(default_factory=dict)
    """Column without a heading -> the first row that says something there."""

    def notes(self) -> Iterator[str]:
        """Yield what there is to tell, in plain Chinese."""
        for kind, runs in self.left.items():
            yield f"{kind} {count(runs)} 行没有当作记录（第 {ranges(runs)} 行）。"
        if self.sections:
            yield f"横跨整张表的小标题没有当作记录：{'、'.join(self.sections[:20])}。"
        for head, runs in self.filled.items():
            where = f"{count(runs)} 行空着（第 {ranges(runs)} 行）"
            yield f"「{head}」有 {where}，照上面一行补上了；不对的请填上再导入。"
        for column, number in self.headless.items():
            yield f"{letters(column)} 列没有表头，里面的内容没有读取（第 {number} 行起）。"


def count(runs: Sequence[Run]) -> int:
    """Return how many rows there are in runs of them."""
    return sum(last - first + 1 for first, last in runs)


def ranges(runs: Sequence[Run]) -> str:
    """Return row numbers for people, neighbours joined.

    >>> ranges([(3, 3), (4, 4), (5, 5), (9, 9)])
    '3—5、9'
    """
    joined: list[Run] = []
    for first, last in runs:
        if joined and first == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    texts = [str(a) if a == b else f"{a}—{b}" for a, b in joined[:20]]
    return "、".join(texts) + ("……" if len(joined) > 20 else "")
