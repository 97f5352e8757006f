"""The exact solution of a planning question: a mixed-integer model, solved by HiGHS."""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import highspy
import numpy as np
from numpy.typing import NDArray

from layers.planning import FURTHER_PLACE_M, MOST_PAIRS, Goal, Pair, Proposal, Question, Reached, TooLarge
from layers.reasons import explained

Floats = NDArray[np.float64]
_INFINITE = float("inf")
_FEASIBLE = 2
_LEAST_S = 0.5
"""What the last step may take, also when the ones before it have used up the time."""
_SHARE = 0.7
"""How much of the time goes into what is to be much."""


def propose(question: Question, *, seconds: float = 20.0) -> Proposal:
    """Return the best proposal, or the best that is found in time with how far it may be from the best.

    Whatever is asked has an answer: what cannot be met is told. Raises TooLarge.
    """
    pairs, reached = solved(question, seconds=seconds)
    return explained(question, pairs, reached)


@dataclass
class _Rows:
    """Rows of a sparse matrix as they are made."""

    columns: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    lower: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)

    def add(self, terms: Sequence[tuple[int, float]], lower: float, upper: float) -> None:
        self.starts.append(len(self.columns))
        self.columns += [column for column, _ in terms]
        self.values += [value for _, value in terms]
        self.lower.append(lower)
        self.upper.append(upper)


@dataclass
class _Model:
    """Columns and rows; columns are options taken, needs covered and filled, and each further place."""

    rows: _Rows = field(default_factory=_Rows)
    upper: list[float] = field(default_factory=list)
    whole: list[bool] = field(default_factory=list)
    gains: dict[Goal, dict[int, int]] = field(default_factory=lambda: {goal: {} for goal in Goal})
    """Of each goal, what a column is worth; of ease, what it costs."""
    follows: list[tuple[Sequence[int], Sequence[int], int]] = field(default_factory=list)
    """Columns that follow from options taken: (columns, options, each how many options of these fill)."""
    settled: dict[Goal, int] = field(default_factory=lambda: dict.fromkeys(Goal, 0))
    """What is reached without any choice."""

    lower: dict[int, float] = field(default_factory=dict)
    """Of columns that must not be less than that."""

    def most(self, goal: Goal) -> int:
        """Return what there could be of a goal at best."""
        return sum(round(gain * self.upper[column]) for column, gain in self.gains[goal].items())

    def column(self, upper: float, *, whole: bool = True) -> int:
        self.upper.append(upper)
        self.whole.append(whole)
        return len(self.upper) - 1

    def completed(self, values: Floats) -> Floats:
        """Return whole options with all that follows from them.

        The solver (1.16) may give back the columns of the start beside the objective of a better solution:
        what does not add up is solved again without a start.
        """
        found = np.rint(values)
        for columns, options, each in self.follows:
            taken = int(found[list(options)].sum())
            for k, column in enumerate(columns):
                filled = taken - k if len(columns) > 1 else taken // each
                found[column] = min(max(filled, 0), self.upper[column])
        return found


def _modelled(question: Question) -> _Model:
    model, free = _Model(), question.free
    for option in free:
        model.gains[Goal.EASE][model.column(1.0)] = option.way_m
    by_need: dict[int, list[int]] = defaultdict(list)
    by_candidate: dict[int, list[int]] = defaultdict(list)
    for j, option in enumerate(free):
        by_need[option.need].append(j)
        by_candidate[option.candidate].append(j)
        if option.need in question.candidates[option.candidate].wishes:
            model.gains[Goal.WISHES][j] = 1
    model.settled[Goal.WISHES] = sum(n in question.candidates[c].wishes for n, c in question.settled)
    for n in range(len(question.needs)):
        _add_need(model, question, n, by_need[n])
    places, metres = question.loads()
    for c, mine in sorted(by_candidate.items()):
        _add_candidate(model, question, c, mine, places[c], metres[c])
    return model


def _add_need(model: _Model, question: Question, n: int, mine: Sequence[int]) -> None:
    need, base = question.needs[n], question.settled_at.get(n, 0)
    covers, people = need.covered_from, [(j, 1.0) for j in mine]
    if base >= covers:
        model.settled[Goal.COVER] += need.worth_m
    if need.wanted > 1:
        model.settled[Goal.FILL] += min(base, need.wanted)
    if not mine:
        return
    model.rows.add(people, 0.0, max(0.0, need.room - base))
    if base < covers and base + len(mine) < covers and need.in_pairs:
        model.rows.add(people, 0.0, 0.0)
    elif base < covers:
        covered = model.column(1.0)
        model.gains[Goal.COVER][covered] = need.worth_m
        model.follows.append(([covered], mine, covers - base))
        model.rows.add([*people, (covered, -float(covers - base))], 0.0, _INFINITE)
        for j in mine if need.in_pairs else ():
            model.rows.add([(j, 1.0), (covered, -1.0)], -_INFINITE, 0.0)
    if need.wanted > max(base, 1):
        filled = model.column(float(need.wanted - base), whole=False)
        model.gains[Goal.FILL][filled] = 1
        model.follows.append(([filled], mine, 1))
        model.rows.add([*people, (filled, -1.0)], 0.0, _INFINITE)


def _add_candidate(
    model: _Model, question: Question, c: int, mine: Sequence[int], places: int, metres: int
) -> None:
    own, free = question.candidates[c], question.free
    most = max(0, own.most_places - places)
    model.rows.add([(j, 1.0) for j in mine], 0.0, float(most))
    if own.most_m is not None:
        lengths = [(j, float(question.needs[free[j].need].length_m)) for j in mine]
        too_long = [j for j, length_m in lengths if length_m > own.most_m - metres]
        for j in too_long:
            model.upper[j] = 0.0
        if most > 1:  # of one place its own length says it all
            model.rows.add([t for t in lengths if t[1] > 0], -_INFINITE, max(0.0, float(own.most_m - metres)))
    steps = [
        model.column(1.0, whole=False) for _ in range(min(most, len(mine)))
    ]  # filled in order by themselves, for each costs more than the one before
    model.follows.append((steps, mine, 1))
    for k, step in enumerate(steps):
        model.gains[Goal.EASE][step] = round((places + k) * FURTHER_PLACE_M)
    model.rows.add([*((j, 1.0) for j in mine), *((step, -1.0) for step in steps)], 0.0, 0.0)


def solved(question: Question, *, seconds: float) -> tuple[set[Pair], list[Reached]]:
    """Choose pairs: first for all that is to be much, as one weighted sum, then for ease. Raises TooLarge.

    One sum is proven faster than goal after goal: a sum that must not fall is a hard row for a solver.
    """
    if len(question.free) > MOST_PAIRS:
        raise TooLarge("对象和人太多，一次排不了；请按镇街分开，或缩小最远距离。")
    model = _modelled(question)
    much, weight = _weighted(model)
    first = _goal(model, much, np.zeros(len(model.upper)), largest=True, seconds=_SHARE * seconds)
    reached = _told_apart(model, first, weight)
    for goal in _MUCH:
        gains = model.gains[goal]
        if gains:
            value = sum(gain * first.values[column] for column, gain in gains.items())
            model.rows.add([(column, float(gain)) for column, gain in gains.items()], value - 0.5, _INFINITE)
    found = _easiest(model, first, max(_LEAST_S, seconds - first.took_s))
    if model.gains[Goal.EASE]:
        reached.append(Reached(Goal.EASE, found.value, found.bound))
    free = question.free
    pairs = {free[j].pair for j in range(len(free)) if found.values[j] > 0.5}
    return pairs | question.settled, reached


_MUCH = (Goal.COVER, Goal.FILL, Goal.WISHES)
"""The goals of which there is to be as much as can be."""


def _weighted(model: _Model) -> tuple[dict[int, int], dict[Goal, int]]:
    """Return what each column is worth to all of them at once: one of the first outweighs all that follow."""
    much: dict[int, int] = {}
    weights: dict[Goal, int] = {}
    weight = 1
    for goal in reversed(_MUCH):
        weights[goal] = weight
        for column, gain in model.gains[goal].items():
            much[column] = much.get(column, 0) + weight * gain
        weight *= 1 + model.most(goal)
    return much, weights


def _told_apart(model: _Model, found: "_Found", weights: dict[Goal, int]) -> list[Reached]:
    """Return for each goal what was reached and what could be, of the sum and its bound."""
    reached, value, bound = [], found.value, found.bound
    for goal in _MUCH:
        own, value = divmod(value, weights[goal])
        limit, bound = divmod(bound, weights[goal])
        if limit > own:  # of what follows nothing is known then
            bound = weights[goal] - 1
        limit = min(limit, model.most(goal))
        settled = model.settled[goal]
        if settled or model.gains[goal]:
            reached.append(Reached(goal, settled + own, settled + max(own, limit)))
    return reached


def _easiest(model: _Model, first: "_Found", seconds: float) -> "_Found":
    """Return the least way for what was reached: first with the same needs covered, then with any."""
    ways, taken = model.gains[Goal.EASE], first.values
    if not ways:
        return first
    upper, lower = list(model.upper), model.lower
    for column in (*model.gains[Goal.COVER], *model.gains[Goal.FILL]):
        model.upper[column] = float(taken[column])
        lower[column] = float(taken[column])
    near = _goal(model, ways, taken, largest=False, seconds=seconds / 3)
    model.upper[:] = upper
    lower.clear()
    return _goal(model, ways, near.values, largest=False, seconds=max(_LEAST_S, seconds - near.took_s))


@dataclass(frozen=True)
class _Found:
    values: Floats
    value: int
    bound: int
    took_s: float


def _goal(model: _Model, gains: dict[int, int], start: Floats, *, largest: bool, seconds: float) -> _Found:
    cost = np.zeros(len(model.upper))
    cost[list(gains)] = list(gains.values())
    program, took_s = _program(model, cost, largest=largest), 0.0
    for begin in (start, None):
        solver = _run(program, begin, seconds)
        took_s += float(solver.getRunTime())
        info, found = solver.getInfo(), np.asarray(solver.getSolution().col_value, float)
        if found.size != cost.size or info.primal_solution_status != _FEASIBLE:
            values, is_true = start, True  # out of time: what the goals before found holds
            break
        values = model.completed(found)
        is_true = abs(float(cost @ values) - info.objective_function_value) < 0.5
        if is_true:
            break
    value = round(float(cost @ values))
    if is_true and solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
        return _Found(values, value, value, took_s)
    limit = float(info.mip_dual_bound)
    if not math.isfinite(limit):
        limit = sum(gain * model.upper[column] for column, gain in gains.items()) if largest else 0.0
    bound = max(value, math.floor(limit + 1e-6)) if largest else min(value, math.ceil(limit - 1e-6))
    return _Found(values, value, bound, took_s)


def _run(program: highspy.HighsLp, start: Floats | None, seconds: float) -> highspy.Highs:
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for name, value in (
        ("output_flag", False), ("parallel", "off"), ("random_seed", 0), ("mip_rel_gap", 0.0),
        ("mip_abs_gap", 0.5), ("time_limit", seconds), ("mip_feasibility_tolerance", 1e-7),
    ):  # fmt: skip
        solver.setOptionValue(name, value)
    solver.passModel(program)
    if start is not None:
        solution = highspy.HighsSolution()
        solution.col_value = start.tolist()
        solver.setSolution(solution)
    solver.run()
    return solver


def _program(model: _Model, cost: Floats, *, largest: bool) -> highspy.HighsLp:
    rows, program = model.rows, highspy.HighsLp()
    program.num_col_, program.num_row_ = len(model.upper), len(rows.lower)
    program.sense_ = highspy.ObjSense.kMaximize if largest else highspy.ObjSense.kMinimize
    program.col_cost_ = cost
    least = np.zeros(cost.size)
    least[list(model.lower)] = list(model.lower.values())
    program.col_lower_, program.col_upper_ = least, np.asarray(model.upper, float)
    program.row_lower_, program.row_upper_ = np.asarray(rows.lower, float), np.asarray(rows.upper, float)
    program.integrality_ = [
        highspy.HighsVarType.kInteger if whole else highspy.HighsVarType.kContinuous for whole in model.whole
    ]
    matrix = program.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kRowwise
    matrix.num_col_, matrix.num_row_ = program.num_col_, program.num_row_
    matrix.start_ = np.asarray([*rows.starts, len(rows.columns)], np.int32)
    matrix.index_ = np.asarray(rows.columns, np.int32)
    matrix.value_ = np.asarray(rows.values, float)
    return program
