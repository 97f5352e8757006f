"""How fast: from the arrays of fixes to what was covered, one core each, in turn in one run.

Ours is `layers.matching.matched` on an index that is kept, with cleaning and projection before it and the
spans at its end: `layers.cover` builds the index anew at each call, which a service does not. Meili's time is
taken in its own process: smoothing, thinning, request, call, answer as Python lists; not what makes spans of
it. The least of the repeats counts for each walk.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np

from layers.spans import SpanSet
from layers.tracks import Recording
from tests.benchmarks import conditions
from tests.benchmarks.conditions import Trial
from tests.benchmarks.ours import Warm
from tests.benchmarks.peers.buffer import Buffer
from tests.benchmarks.peers.meili import CALM, USUAL
from tests.benchmarks.running import Run
from tests.benchmarks.scores import Floats, bootstrap_ratio, mean, of_walks
from tests.benchmarks.table import Row, peer

WALKS, SLOW_WALKS = 20, 3
TIMES_MEILI, TIMES_LEUVEN = 4.0, 500.0

Found = Callable[[Recording], tuple[SpanSet, float]]


def speed(run: Run) -> Iterator[Row]:
    """Yield times and ratios at a fix in 1 s and in 10 s."""
    if not run.asks_peers:
        return
    warm = Warm(run.network)
    for condition in conditions.CLOSED[0], conditions.CLOSED[2]:
        trials = conditions.walks(run.network, condition, half=run.half, count=WALKS)
        boxed = Buffer(run.network)
        peers: dict[str, Found] = {
            USUAL.name: run.meili.found,
            CALM.name: partial(run.meili.found, feeding=CALM),
            "Shapely buffer": boxed.found,
            "PostGIS buffer": run.postgis.found,
        }
        name = f"speed, {condition.step_s:g} s"
        scores, spent = _measured(run, name, trials, {"ours": warm.found, **peers})
        fixes = sum(trial.recording.time_s.size for trial in trials)
        rate = f"{1e3 * spent['ours'].mean():.1f} ms, {fixes / spent['ours'].sum():,.0f} fixes/s"
        yield Row(name, mean(scores["ours"]), rate)
        for who in peers:
            target = TIMES_MEILI if who == USUAL.name else None
            yield _ratio(who, scores[who], spent[who], spent["ours"], target)
    few = trials[:SLOW_WALKS]
    slow = run.leuven.found
    scores, spent = _measured(run, "speed, Leuven", few, {"ours": warm.found, "Leuven": slow}, repeats=1)
    yield Row("speed, 10 s, few walks", mean(scores["ours"]), f"{1e3 * spent['ours'].mean():.1f} ms")
    yield _ratio("LeuvenMapMatching", scores["Leuven"], spent["Leuven"], spent["ours"], TIMES_LEUVEN)


def _measured(
    run: Run, name: str, trials: Sequence[Trial], methods: dict[str, Found], *, repeats: int | None = None
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return for each method the scores, shape (walks, 3), and the least seconds, shape (walks,)."""
    repeats = repeats or run.repeats
    methods["ours"](trials[0].recording)  # code is loaded, compiled and in the caches
    spent = {who: np.full((repeats, len(trials)), np.inf) for who in methods}
    found: dict[str, list[SpanSet]] = {}
    for repeat in run.each(range(repeats), name):
        found = {who: [] for who in methods}
        for k, trial in enumerate(trials):
            for who, method in methods.items():
                spans, spent[who][repeat, k] = method(trial.recording)
                found[who].append(spans)
    truths = [trial.truth for trial in trials]
    scores = {who: of_walks(truths, spans) for who, spans in found.items()}
    return scores, {who: seconds.min(axis=0) for who, seconds in spent.items()}


def _ratio(who: str, scores: Floats, theirs: Floats, mine: Floats, target: float | None) -> Row:
    times = bootstrap_ratio(theirs, mine)
    figure = f"{1e3 * theirs.mean():.1f} ms, {times.mean:.1f} times ours"
    met = None if target is None else times.mean >= target
    aim = "" if target is None else f"≥ {target:g} times"
    return Row(peer(who), mean(scores), figure, times, aim, met, places=1)
