"""The table: what was measured, beside its target."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.benchmarks.scores import Interval, Score

HEADS = ("what", "P", "R", "F1", "figure", "95 %", "target", "met")

NOTES = """\
P, R, F1: precision, recall and their harmonic mean, of covered length, as means over walks. An indented
line is a peer on the same walks; "ours +0.01" says how much better our F1 is than its, with bounds from
10,000 resamples. Meili 20/10 is fed means of 20 s, one in 10 s (fixes that come every 10 s stay raw): its
best when the targets were set, so they are judged by it. Meili 30/20 is fed means of 30 s, one in 20 s,
which suits it better still. Meili knows no rivers, and neither it nor LeuvenMapMatching knows what is drawn
for parallels and crossings. The buffer is one of 20 m around the means of 20 s."""


class Row(NamedTuple):
    """One line of the table: of ours, or (indented) of a peer on the same walks."""

    what: str
    score: Score | None = None
    figure: str = ""
    sure: Interval | None = None
    """Of the figure: its bounds are printed."""
    target: str = ""
    met: bool | None = None
    places: int = 4
    """Decimal places of the bounds."""

    def cells(self) -> list[str]:
        """Return its texts, one for each of `HEADS`."""
        shares = [f"{share:.3f}" for share in self.score] if self.score else ["", "", ""]
        bounds = f"{self.sure.low:.{self.places}f} to {self.sure.high:.{self.places}f}" if self.sure else ""
        met = "" if self.met is None else "yes" if self.met else "NO"
        return [self.what, *shares, self.figure, bounds, self.target, met]


def peer(name: str) -> str:
    """Return the name of a peer as it stands under our own line."""
    return f"  {name}"


def text(rows: Iterable[Row]) -> str:
    """Return the table in columns, for a terminal.

    >>> print(text([Row("crossing 90°", figure="0.0 m", target="0 m", met=True)]))
    what          P  R  F1  figure  95 %  target  met
    crossing 90°            0.0 m         0 m     yes
    """
    cells = [list(HEADS), *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in cells)
    return "\n".join(line.rstrip() for line in lines)


def markdown(rows: Sequence[Row], date: str) -> str:
    """Return the table for the README, with the date of its run.

    >>> print(markdown([Row("  Meili", Score(1, 1, 1))], "2026-01-01").splitlines()[-1])
    | · Meili | 1.000 | 1.000 | 1.000 |  |  |  |  |
    """
    lines = [f"Measured on {date}:", "", f"| {' | '.join(HEADS)} |", "|---" * len(HEADS) + "|"]
    for row in rows:
        what, *rest = row.cells()
        lines.append(f"| {' | '.join([what.replace('  ', '· ', 1), *rest])} |")
    return "\n".join(lines)
