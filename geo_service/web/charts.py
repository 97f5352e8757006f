"""Small charts as numbers on a drawing, for SVG in a template: legible in black and white."""

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 600, 120
"""Units of a drawing."""
MOST_BARS = 31
"""Of a month a bar a day; of a longer period so many days a bar that they fit."""


@dataclass(frozen=True)
class Column:
    """Two bars above one another: what is, filled, and what was, as a mark across."""

    x: float
    width: float
    now_y: float
    now_height: float
    before_y: float | None
    """None: nothing was."""
    words: str


@dataclass(frozen=True)
class Chart:
    """The bars of a period, from its first day on."""

    columns: Sequence[Column]
    days_a_bar: int
    highest: int


def columns(by_day: Sequence[tuple[int, int]], known_days: int) -> Chart:
    """Lay the counts of days out, (now, before), of which the first `known_days` are over or today.

    >>> chart = columns([(2, 4), (0, 0)], 2)
    >>> chart.highest, [(one.now_height, one.before_y) for one in chart.columns]
    (4, [(60.0, 0.0), (0.0, None)])
    >>> chart.columns[0].words, columns([(1, 0)] * 62, 62).days_a_bar
    ('第 1 天：2 次，上期 4 次', 2)
    """
    days_a_bar = -(-len(by_day) // MOST_BARS) or 1
    groups = [by_day[k : k + days_a_bar] for k in range(0, len(by_day), days_a_bar)]
    sums = [(sum(now for now, _ in group), sum(before for _, before in group)) for group in groups]
    highest = max((max(pair) for pair in sums), default=0)
    step = WIDTH / max(len(sums), 7)
    unit = HEIGHT / highest if highest else 0.0
    laid = []
    for k, (now, before) in enumerate(sums):
        first = k * days_a_bar + 1
        last = min(first + days_a_bar - 1, len(by_day))
        when = f"第 {first} 天" if first == last else f"第 {first}–{last} 天"
        said = f"{now} 次" if first <= known_days else "上期才有这一天"
        laid.append(
            Column(
                round(k * step + step * 0.12, 2), round(step * 0.76, 2), round(HEIGHT - now * unit, 2),
                round(now * unit, 2), round(HEIGHT - before * unit, 2) if before else None,
                f"{when}：{said}，上期 {before} 次",
            )
        )  # fmt: skip
    return Chart(laid, days_a_bar, highest)


def shares(counts: Sequence[float]) -> list[float]:
    """Return how far bars side by side reach, 0 to 100, the longest all the way.

    >>> shares([5, 10, 0]), shares([0, 0])
    ([50.0, 100.0, 0.0], [0.0, 0.0])
    """
    highest = max(counts, default=0)
    return [round(100 * count / highest, 2) if highest else 0.0 for count in counts]
