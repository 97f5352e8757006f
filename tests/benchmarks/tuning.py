"""Our scores on the walks for tuning, without any peer: a minute between a change and what it does.

    python -m tests.benchmarks.tuning [WALKS [OSM FILE]]

Never looks at the half of the map on which the table is judged.
"""

import sys
import time
from pathlib import Path

from tests.benchmarks import conditions, ours, scores
from tests.benchmarks.network import FILE, read


def main(count: str = "20", file: str = str(FILE)) -> None:
    """Print precision, recall and F1 for each condition."""
    network, walks = read(Path(file)), int(count)
    for condition in conditions.CLOSED + conditions.OPEN:
        trials = conditions.walks(network, condition, half="tune", count=walks)
        began = time.perf_counter()
        found = ours.found(trials, network)
        spent_ms = (time.perf_counter() - began) / walks * 1e3
        each = scores.of_walks([trial.truth for trial in trials], found)
        precision, recall, _ = each.mean(axis=0)
        sure = scores.bootstrap(each[:, 2])
        print(
            f"{condition.name:30} P {precision:.3f} R {recall:.3f}"
            f" F1 {sure.mean:.4f} [{sure.low:.4f}, {sure.high:.4f}]  {spent_ms:.0f} ms a walk",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
