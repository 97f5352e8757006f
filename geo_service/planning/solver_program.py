"""The program that solves one question: JSON on standard input to pairs on standard output.

`solver` starts it: the solver is large, prints what it likes, and must be able to be ended.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from layers.planning import Candidate, Need, Option, Pair, Question


def question_of(said: Mapping[str, Any]) -> Question:
    """Read a question as `solver` writes it."""
    return Question(
        [Need(*row) for row in said["needs"]],
        [_candidate(limits, wishes) for limits, wishes in said["candidates"]],
        [Option(*row) for row in said["options"]],
        _pairs(said["held"]),
        _pairs(said["fixed"]),
        _pairs(said["refused"]),
    )


def _candidate(limits: Sequence[Any], wishes: Sequence[int]) -> Candidate:
    most_places, most_m, has_places, has_m = limits
    return Candidate(most_places, most_m, has_places, has_m, frozenset(wishes))


def _pairs(said: Sequence[Sequence[int]]) -> list[Pair]:
    return [(need, candidate) for need, candidate in said]


def main() -> None:
    """Solve what comes in; whatever libraries print goes to standard error."""
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    from layers.solving import solved  # noqa: PLC0415  (it may print when it is loaded)

    said = json.load(sys.stdin)
    pairs, reached = solved(question_of(said), seconds=said["seconds"])
    json.dump({"pairs": sorted(pairs), "reached": [[r.goal, r.value, r.bound] for r in reached]}, answer)
    answer.close()


if __name__ == "__main__":
    main()
