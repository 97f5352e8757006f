"""Solving a question in a process of its own, within a time."""

import json
import logging
import os
import subprocess
import sys
import threading
from pathlib import Path

from geo_service.errors import Unavailable
from geo_service.turns import turn
from layers.planning import MOST_PAIRS, Goal, Proposal, Question, Reached, TooLarge
from layers.reasons import explained

log = logging.getLogger(__name__)

_ROOT = Path(__file__).parents[2]
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL")
"""What a Python needs; passwords stay here."""
_AT_ONCE = threading.BoundedSemaphore(2)
"""Each keeps a processor busy, and a connection of the pool waiting."""
_PATIENCE_S = 30.0
"""Beside what the solver itself may take: to begin, to read, to write, on a busy machine."""


def propose(question: Question, *, seconds: float) -> Proposal:
    """Return the best proposal that is found in time. Raises TooLarge, Unavailable."""
    if len(question.free) > MOST_PAIRS:
        raise TooLarge("对象和人太多，一次排不了；请按镇街分开，或缩小最远距离。")
    command = [sys.executable, "-P", "-m", "geo_service.planning.solver_program"]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment["PYTHONPATH"] = str(_ROOT)
    try:
        with turn(_AT_ONCE, "正在为别人排方案，请过几秒再试。"):
            done = subprocess.run(
                command, input=_written(question, seconds), capture_output=True, env=environment,
                check=False, timeout=4 * seconds + _PATIENCE_S, text=True,
            )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        log.warning("the solver did not end well", exc_info=error)
        raise _busy() from error
    if done.returncode:
        log.error("the solver failed with %d: %s", done.returncode, done.stderr[-500:])
        raise _busy()
    answer = json.loads(done.stdout)
    pairs = {(need, candidate) for need, candidate in answer["pairs"]}
    reached = [Reached(Goal(goal), value, bound) for goal, value, bound in answer["reached"]]
    return explained(question, pairs, reached)


def _written(question: Question, seconds: float) -> str:
    needs = [(n.worth_m, n.length_m, n.least, n.target, n.most, n.in_pairs) for n in question.needs]
    candidates = [
        ((c.most_places, c.most_m, c.has_places, c.has_m), sorted(c.wishes)) for c in question.candidates
    ]
    options = [(o.need, o.candidate, o.distance_m, o.adjoins) for o in question.free]
    pairs = {name: sorted(getattr(question, name)) for name in ("held", "fixed", "refused")}
    return json.dumps(
        {"needs": needs, "candidates": candidates, "options": options, "seconds": seconds, **pairs}
    )


def _busy() -> Unavailable:
    return Unavailable("现在排不了方案，请过一会儿再试；一直这样请告诉管理员。")
