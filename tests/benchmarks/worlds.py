"""Walks on mapped ways, where Meili knows all of them and where it does not: F1 of covered length."""

from collections.abc import Iterator, Sequence

import numpy as np

from tests.benchmarks import conditions, ours
from tests.benchmarks.conditions import Condition
from tests.benchmarks.peers import buffer
from tests.benchmarks.running import Run
from tests.benchmarks.scores import Floats, bootstrap, mean, of_walks
from tests.benchmarks.table import Row, peer

MARGIN = -0.005
"""How far below Meili the lower bound may lie where it knows all ways."""
BETTER = 0.02
"""How much better the mean must be where it does not."""


def closed(run: Run) -> Iterator[Row]:
    """Yield the rows of the closed world: walkers stay on ways that Meili accepts."""
    differences = []
    for condition in conditions.CLOSED:
        walked, meili, boxed = _measured(run, condition)
        sure = bootstrap(walked[:, 2] - meili[:, 2])
        differences.append(walked[:, 2] - meili[:, 2])
        target = f"low ≥ {MARGIN}"
        yield Row(condition.name, mean(walked), f"{sure.mean:+.4f}", sure, target, sure.low >= MARGIN)
        yield from _peers(meili, boxed)
    sure = bootstrap(np.concatenate(differences))
    yield Row("closed world, mean difference", None, f"{sure.mean:+.4f}", sure, "≥ 0", sure.mean >= 0)


def opened(run: Run) -> Iterator[Row]:
    """Yield the rows of the open world: walkers take any way."""
    differences = []
    for condition in conditions.OPEN:
        walked, meili, boxed = _measured(run, condition)
        sure = bootstrap(walked[:, 2] - meili[:, 2])
        differences.append(walked[:, 2] - meili[:, 2])
        yield Row(condition.name, mean(walked), f"{sure.mean:+.4f}", sure)
        yield from _peers(meili, boxed)
    sure = bootstrap(np.concatenate(differences))
    target = f"≥ {BETTER:+}"
    yield Row("open world, mean difference", None, f"{sure.mean:+.4f}", sure, target, sure.mean >= BETTER)


def _measured(run: Run, condition: Condition) -> Sequence[Floats]:
    """Return the scores of ours, of Meili and of the buffer on the same walks, shape (walks, 3) each."""
    trials = conditions.walks(run.network, condition, half="judge", count=run.walks)
    truths = [trial.truth for trial in trials]
    recordings = [trial.recording for trial in trials]
    mine = ours.covered(run.network.places, recordings)
    meili = [run.meili.found(recording)[0] for recording in run.each(recordings, condition.name)]
    boxed = [buffer.exact(recording, run.network) for recording in recordings]
    return [of_walks(truths, found) for found in (mine, meili, boxed)]


def _peers(meili: Floats, boxed: Floats) -> Iterator[Row]:
    yield Row(peer("Meili, best-fed"), mean(meili))
    yield Row(peer(f"buffer {buffer.REACH_M:g} m"), mean(boxed))
