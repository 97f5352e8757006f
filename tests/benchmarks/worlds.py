"""Walks on mapped ways, where Meili knows all of them and where it does not: F1 of covered length.

The figure beside a peer's scores is how much better our F1 is on the same walks, with its bounds. The targets
are judged by Meili as it is usually fed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from layers.spans import SpanSet
from tests.benchmarks import conditions, ours
from tests.benchmarks.conditions import Condition
from tests.benchmarks.peers import buffer
from tests.benchmarks.peers.meili import USUAL
from tests.benchmarks.running import Run
from tests.benchmarks.scores import Floats, Interval, bootstrap, mean, of_walks
from tests.benchmarks.table import Row, peer

MARGIN = -0.005
"""How far below Meili the lower bound may lie where it knows all ways."""
BETTER = 0.02
"""How much better the mean must be where it does not."""


def closed(run: Run) -> Iterator[Row]:
    """Yield the rows of the closed world: walkers stay on ways that Meili accepts."""
    differences = []
    for condition in conditions.CLOSED:
        measured = _measured(run, condition)
        sure = measured.difference(USUAL.name)
        differences.append(sure)
        met = None if sure is None else sure.low >= MARGIN
        yield from measured.rows(condition.name, f"low ≥ {MARGIN}", met)
    yield from _mean_row("closed world, mean difference", differences, 0.0)


def opened(run: Run) -> Iterator[Row]:
    """Yield the rows of the open world: walkers take any way."""
    differences = []
    for condition in conditions.OPEN:
        measured = _measured(run, condition)
        differences.append(measured.difference(USUAL.name))
        yield from measured.rows(condition.name)
    yield from _mean_row("open world, mean difference", differences, BETTER)


def _mean_row(what: str, differences: Sequence[Interval | None], least: float) -> Iterator[Row]:
    known = [sure.mean for sure in differences if sure]
    if known:
        each = float(np.mean(known))
        yield Row(what, None, f"{each:+.4f}", None, f"≥ {least:g}", each >= least)


@dataclass(frozen=True)
class _Measured:
    """Precision, recall and F1 of each walk, shape (walks, 3): of ours, and of each peer."""

    ours: Floats
    peers: dict[str, Floats]

    def difference(self, who: str) -> Interval | None:
        """Return how much better our F1 is than a peer's on the same walks; None if it was not asked."""
        return bootstrap(self.ours[:, 2] - self.peers[who][:, 2]) if who in self.peers else None

    def rows(self, what: str, target: str = "", met: bool | None = None) -> Iterator[Row]:
        """Yield our row, and one for each peer with how much better ours is."""
        yield Row(what, mean(self.ours))
        for who, each in self.peers.items():
            sure = self.difference(who)
            figure = f"ours {sure.mean:+.4f}" if sure else ""
            judged = (target, met) if who == USUAL.name else ("", None)
            yield Row(peer(who), mean(each), figure, sure, *judged)


def _measured(run: Run, condition: Condition) -> _Measured:
    trials = conditions.walks(run.network, condition, half=run.half, count=run.walks)
    truths = [trial.truth for trial in trials]
    recordings = [trial.recording for trial in trials]
    mine = ours.covered(run.network.places, recordings)
    found: dict[str, list[SpanSet]] = {feeding.name: [] for feeding in run.feedings}
    for recording in run.each(recordings, condition.name):
        for feeding in run.feedings:
            found[feeding.name].append(run.meili.found(recording, feeding)[0])
    found[buffer.NAME] = [buffer.exact(recording, run.network) for recording in recordings]
    return _Measured(of_walks(truths, mine), {who: of_walks(truths, each) for who, each in found.items()})
