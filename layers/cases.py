"""Cases as one machine: which step may follow which, who may take it, what it needs, until when it is due.

`TRANSITIONS` is the whole of it; `Machine.step` applies one to where a case stands, or refuses it and names
what is possible. A case's history is its steps, and where it stands is what they make of it. Sources: the
stages of digital city management and of river chiefs' matters (domain.md 1.6, peers.md d5).
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from layers.case_rules import CaseRules
from layers.errors import IllegalMove
from layers.vocabulary import CaseState, Move, Separation, Severity
from layers.worktime import WorkClock

S = CaseState
SETTLED = frozenset({S.CLOSED, S.REJECTED, S.MERGED})
"""Where nothing is due any more."""
OPEN = frozenset(S) - SETTLED
_IN_HAND = frozenset({S.DISPATCHED, S.HANDLING})
LONGEST_EXTENSION_DAYS = 60


class Party(StrEnum):
    """What somebody is to a case."""

    COORDINATOR = "coordinator"
    HANDLER = "handler"
    """Of the unit to which it was given."""
    REPORTER = "reporter"
    CLOCK = "clock"
    """The service itself, when time has passed."""


class Part(StrEnum):
    """The parts of a case that may have to be taken by different people."""

    DISPATCH = "交办"
    HANDLE = "处置"
    CHECK = "核查"
    CLOSE = "办结"


class Need(StrEnum):
    """What a step must come with."""

    WORDS = "说明"
    UNIT = "责任单位"
    DAYS = f"天数（1 到 {LONGEST_EXTENSION_DAYS} 个工作日）"
    INTO = "并入哪个案件"
    PROOF = "处置后的照片，或说明为什么没有照片"


@dataclass(frozen=True)
class Transition:
    """One step that the machine knows."""

    move: Move
    sources: frozenset[CaseState]
    target: CaseState | None
    """None: the case stays where it is."""
    parties: frozenset[Party]
    needs: frozenset[Need] = frozenset()
    part: Part | None = None
    """Of which part of the case it is."""


def _of(
    move: Move, sources: Iterable[CaseState], target: CaseState | None, *more: Party | Need | Part
) -> Transition:
    part = next((one for one in more if isinstance(one, Part)), None)
    parties = frozenset(one for one in more if isinstance(one, Party))
    needs = frozenset(one for one in more if isinstance(one, Need))
    return Transition(move, frozenset(sources), target, parties, needs, part)


_C, _H, _R, _T = Party.COORDINATOR, Party.HANDLER, Party.REPORTER, Party.CLOCK
_WORDS = Need.WORDS

TRANSITIONS = (
    _of(Move.ADMIT, {S.SUBMITTED}, S.REPORTED, _C),
    _of(Move.ACCEPT, {S.REPORTED}, S.ACCEPTED, _C),
    _of(Move.REJECT, {S.SUBMITTED, S.REPORTED, S.ACCEPTED}, S.REJECTED, _C, _WORDS),
    _of(Move.MERGE, {S.SUBMITTED, S.REPORTED, S.ACCEPTED}, S.MERGED, _C, _R, Need.INTO),
    _of(Move.UNMERGE, {S.MERGED}, S.REPORTED, _C, _WORDS),
    _of(Move.SOLVE, {S.REPORTED, S.ACCEPTED}, S.DONE, _C, _R, Part.HANDLE, _WORDS),
    _of(Move.DISPATCH, {S.ACCEPTED}, S.DISPATCHED, _C, Part.DISPATCH, Need.UNIT),
    _of(Move.START, {S.DISPATCHED}, S.HANDLING, _C, _H, Part.HANDLE),
    _of(Move.SEND_BACK, {S.DISPATCHED}, S.ACCEPTED, _C, _H, _WORDS),
    _of(Move.TRANSFER, _IN_HAND, S.DISPATCHED, _C, Part.DISPATCH, Need.UNIT, _WORDS),
    _of(Move.ASK_EXTENSION, _IN_HAND, None, _C, _H, Need.DAYS, _WORDS),
    _of(Move.EXTEND, _IN_HAND, None, _C),
    _of(Move.REFUSE_EXTENSION, _IN_HAND, None, _C, _WORDS),
    _of(Move.SUSPEND, _IN_HAND, S.SUSPENDED, _C, _WORDS),
    _of(Move.RESUME, {S.SUSPENDED}, S.HANDLING, _C),
    _of(Move.FINISH, _IN_HAND, S.DONE, _C, _H, Part.HANDLE, _WORDS, Need.PROOF),
    _of(Move.CHECK, {S.DONE}, S.CHECKED, _C, _R, Part.CHECK),
    _of(Move.REWORK, {S.DONE, S.CHECKED}, S.HANDLING, _C, _R, Part.CHECK, _WORDS),
    _of(Move.CLOSE, {S.CHECKED}, S.CLOSED, _C, Part.CLOSE),
    _of(Move.REOPEN, {S.CLOSED}, S.ACCEPTED, _C, _R, _WORDS),
    _of(Move.URGE, _IN_HAND, None, _C, _WORDS),
    _of(Move.SUPERVISE, OPEN - {S.SUBMITTED}, None, _C, _T, _WORDS),
    _of(Move.REMIND, OPEN, None, _T),
    _of(Move.CORRECT, OPEN, None, _C),
    _of(Move.JOIN, OPEN, None, _C, _R, _T),
    _of(Move.NOTE, frozenset(S), None, _C, _H, _R, _WORDS),
)
"""Every step but the first, which is the report itself.

A rework of what no unit has leads to ACCEPTED instead.
"""
_BY_MOVE = {transition.move: transition for transition in TRANSITIONS}

CLOCK_ONLY = frozenset({Move.REMIND})
_MARKS = (50, 80, 100)
"""Hundredths of a limit at which somebody is reminded."""


@dataclass(frozen=True)
class Doer:
    """Who takes a step."""

    key: str
    """Tells him from all others, whichever way he came in."""
    parties: frozenset[Party]


CLOCK = Doer("clock", frozenset({Party.CLOCK}))


@dataclass(frozen=True)
class Asked:
    """A step that somebody wants to take."""

    move: Move
    at: dt.datetime
    words: str = ""
    unit_id: int | None = None
    into: int | None = None
    """The case that this one joins."""
    days: int | None = None
    """Working days of an extension."""
    has_proof: bool = False
    mark: int | None = None
    """Of a reminder: how many hundredths of the limit have passed."""
    handle_s: float | None = None
    """Working seconds for handling, by the category and severity of the case; for `DISPATCH`."""


@dataclass(frozen=True)
class Standing:
    """Where a case stands."""

    state: CaseState
    since: dt.datetime
    due_at: dt.datetime | None = None
    limit_s: float | None = None
    """Working seconds that the present stage has in all."""
    left_s: float | None = None
    """Working seconds that were left of handling when it was suspended."""
    unit_id: int | None = None
    into: int | None = None
    asked_days: int | None = None
    """An extension that was asked for, and not decided."""
    is_late: bool = False
    """Whether a stage came to its end after it was due."""
    reworks: int = 0
    reopened: int = 0
    supervision: int = 0
    reminded: int = 0
    """The last mark of the present stage that somebody was reminded at."""
    hands: Mapping[Part, frozenset[str]] = field(default_factory=dict)
    """Who took which part so far."""

    @property
    def is_open(self) -> bool:
        """Whether something is still to be done."""
        return self.state in OPEN


@dataclass(frozen=True)
class Machine:
    """The machine under a county's rules and clock."""

    rules: CaseRules
    clock: WorkClock

    def begun(self, at: dt.datetime, *, is_moderated: bool = False) -> Standing:
        """Return where a case stands with its first report; a stranger's waits for somebody to look at it."""
        state = S.SUBMITTED if is_moderated else S.REPORTED
        return self._entered(Standing(state, at), state, at)

    def legal(self, standing: Standing, doer: Doer, at: dt.datetime) -> list[Move]:
        """Return the steps that somebody may take now, in the machine's order."""
        return [t.move for t in TRANSITIONS if self._hindrance(standing, t, doer, at) is None]

    def step(self, standing: Standing, doer: Doer, asked: Asked) -> Standing:
        """Return where a case stands after a step. Raises IllegalMove that names what is possible."""
        transition = _BY_MOVE.get(asked.move)
        hindrance = (
            f"「{asked.move.zh}」不是案件的一步" if transition is None
            else self._hindrance(standing, transition, doer, asked.at)
        )  # fmt: skip
        legal = self.legal(standing, doer, asked.at)
        if transition is None or hindrance is not None:
            listed = "、".join(move.zh for move in legal if move not in CLOCK_ONLY)
            raise IllegalMove(f"{hindrance}；现在可以：{listed or '无'}。", legal)
        if lacking := self._lacking(transition, asked):
            raise IllegalMove(f"「{asked.move.zh}」还要：{'、'.join(lacking)}。", legal)
        return self._took(self._moved(standing, transition, asked), transition, doer)

    def due_steps(self, standing: Standing, at: dt.datetime) -> list[Asked]:
        """Return the steps that the clock takes by now: the last reminder that is due, then supervision."""
        due_at = standing.due_at
        if due_at is None:
            return []
        mark = self._mark(standing, at)
        steps = [Asked(Move.REMIND, at, mark=mark)] if mark > standing.reminded else []
        if standing.state is S.SUBMITTED or at < due_at:
            return steps
        late_days = self.clock.between(due_at, at) / self.clock.day_s
        highest = sum(late_days >= days for days in self.rules.supervise_after_days)
        return steps + [
            Asked(Move.SUPERVISE, at, words=f"超过期限，系统自动督办（{level} 级）")
            for level in range(standing.supervision + 1, highest + 1)
        ]

    def _mark(self, standing: Standing, at: dt.datetime) -> int:
        """Return the last mark of its limit that a stage has passed; 0: none."""
        due_at, limit_s = standing.due_at, standing.limit_s
        if due_at is None:
            return 0
        if at >= due_at or not limit_s:
            return _MARKS[-1]
        passed = 100 * (1 - self.clock.between(at, due_at) / limit_s)
        return max((mark for mark in _MARKS if passed >= mark), default=0)

    # --- what hinders a step

    def _hindrance(
        self, standing: Standing, transition: Transition, doer: Doer, at: dt.datetime
    ) -> str | None:
        """Return why somebody may not take a step now, in plain words; None: he may."""
        name = transition.move.zh
        if standing.state not in transition.sources:
            return f"案件现在是「{standing.state.zh}」，不能「{name}」"
        parties = transition.parties & doer.parties
        if parties <= {Party.REPORTER} and not self._trusts_reporter(transition.move):
            parties = frozenset()
        if not parties:
            return f"「{name}」不由您来做"
        return self._hindered_by_time(standing, transition, at) or self._hindered_by_parts(
            standing, transition, doer
        )

    def _trusts_reporter(self, move: Move) -> bool:
        return self.rules.reporter_checks or move is not Move.CHECK

    def _hindered_by_time(self, standing: Standing, transition: Transition, at: dt.datetime) -> str | None:
        move, hours, days = transition.move, self.rules.send_back_hours, self.rules.reopen_days
        if move is Move.SEND_BACK and at - standing.since > dt.timedelta(hours=hours):
            return f"交办已超过 {hours} 小时，不能退回，可以申请延期或请协调员转派"
        if move is Move.REOPEN and at - standing.since > dt.timedelta(days=days):
            return f"办结已超过 {days} 天，不能重开，请另行上报"
        if move in (Move.EXTEND, Move.REFUSE_EXTENSION) and standing.asked_days is None:
            return "没有等待答复的延期申请"
        if move is Move.ASK_EXTENSION and standing.asked_days is not None:
            return "已经有一个延期申请在等答复"
        return None

    def _hindered_by_parts(self, standing: Standing, transition: Transition, doer: Doer) -> str | None:
        """Return why the same person may not take this part too."""
        part = transition.part
        if part is None:
            return None
        apart = _APART[self.rules.separation].get(part, frozenset())
        clash = [other for other in Part if other in apart and doer.key in standing.hands.get(other, ())]
        if clash:
            return f"您已经做了这个案件的{'、'.join(clash)}，{part}要由另一个人来做"
        return None

    def _lacking(self, transition: Transition, asked: Asked) -> list[Need]:
        """Return what a step must come with, and does not."""
        given = {
            Need.WORDS: bool(asked.words.strip()),
            Need.UNIT: asked.unit_id is not None,
            Need.INTO: asked.into is not None,
            Need.DAYS: asked.days is not None and 0 < asked.days <= LONGEST_EXTENSION_DAYS,
            Need.PROOF: asked.has_proof or not self.rules.needs_proof,
        }
        return [need for need in Need if need in transition.needs and not given[need]]

    # --- what a step does

    def _moved(self, standing: Standing, transition: Transition, asked: Asked) -> Standing:
        if transition.target is None:
            return self._stayed(standing, asked)
        standing = replace(standing, is_late=standing.is_late or self._is_late(standing, asked.at))
        move, target = asked.move, transition.target
        if move is Move.SUSPEND:
            left_s = 0.0 if standing.due_at is None else self.clock.between(asked.at, standing.due_at)
            standing = replace(standing, left_s=max(left_s, 0.0))
        if move is Move.REWORK and standing.unit_id is None:  # settled on the spot: nobody has it yet
            target = S.ACCEPTED
        entered = self._entered(standing, target, asked.at, asked)
        if move is Move.REWORK:
            entered = replace(entered, reworks=entered.reworks + 1)
        elif move is Move.REOPEN:
            entered = replace(entered, reopened=entered.reopened + 1, supervision=0)
        elif move is Move.MERGE:
            entered = replace(entered, into=asked.into)
        elif move is Move.UNMERGE:
            entered = replace(entered, into=None)
        if move in (Move.DISPATCH, Move.TRANSFER):
            entered = replace(entered, unit_id=asked.unit_id)
        elif move is Move.SEND_BACK:  # whose business it is not has it no more
            entered = replace(entered, unit_id=None)
        # Who begins still waits for an answer to what he asked; whoever else moves the case has answered it.
        return entered if move is Move.START else replace(entered, asked_days=None)

    def _stayed(self, standing: Standing, asked: Asked) -> Standing:
        if asked.move is Move.ASK_EXTENSION:
            return replace(standing, asked_days=asked.days)
        if asked.move is Move.REFUSE_EXTENSION:
            return replace(standing, asked_days=None)
        if asked.move is Move.EXTEND and standing.due_at is not None and standing.asked_days is not None:
            more_s = standing.asked_days * self.clock.day_s
            due_at = self.clock.after(standing.due_at, more_s)
            limit_s = (standing.limit_s or 0.0) + more_s
            longer = replace(standing, asked_days=None, due_at=due_at, limit_s=limit_s)
            return replace(longer, reminded=min(standing.reminded, self._mark(longer, asked.at)))
        if asked.move is Move.SUPERVISE:
            return replace(standing, supervision=standing.supervision + 1)
        if asked.move is Move.REMIND:
            return replace(standing, reminded=max(standing.reminded, asked.mark or 0))
        return standing

    def _entered(
        self, standing: Standing, state: CaseState, at: dt.datetime, asked: Asked | None = None
    ) -> Standing:
        """Return the standing at the beginning of a stage, with what it has of time."""
        move = asked.move if asked is not None else None
        if move in (Move.START, Move.TRANSFER):  # handling goes on against the same deadline
            return replace(standing, state=state, since=at)
        limit_s = self._limit_s(standing, state, asked)
        due_at = None if limit_s is None else self.clock.after(at, limit_s)
        left_s = standing.left_s if state is S.SUSPENDED else None
        return replace(
            standing, state=state, since=at, due_at=due_at, limit_s=limit_s, left_s=left_s, reminded=0
        )

    def _limit_s(self, standing: Standing, state: CaseState, asked: Asked | None) -> float | None:
        """Return the working seconds that a stage has; None: nothing is due in it."""
        rules = self.rules
        if state is S.DISPATCHED:
            given = asked.handle_s if asked is not None else None
            return given if given is not None else rules.handle[Severity.MINOR].seconds(self.clock)
        if state is S.HANDLING:
            if asked is not None and asked.move is Move.RESUME:
                return standing.left_s or 0.0
            return rules.rework.seconds(self.clock)
        limit = {
            S.SUBMITTED: rules.accept, S.REPORTED: rules.accept, S.ACCEPTED: rules.dispatch,
            S.DONE: rules.check, S.CHECKED: rules.close,
        }.get(state)  # fmt: skip
        return None if limit is None else limit.seconds(self.clock)

    @staticmethod
    def _is_late(standing: Standing, at: dt.datetime) -> bool:
        return standing.due_at is not None and at > standing.due_at

    @staticmethod
    def _took(standing: Standing, transition: Transition, doer: Doer) -> Standing:
        part = transition.part
        if part is None:
            return standing
        own = standing.hands.get(part, frozenset()) | {doer.key}
        return replace(standing, hands={**standing.hands, part: own})


_APART: Mapping[Separation, Mapping[Part, frozenset[Part]]] = {
    Separation.NONE: {},
    Separation.CHECKED: {
        Part.CHECK: frozenset({Part.HANDLE}), Part.HANDLE: frozenset({Part.CHECK}),
        Part.CLOSE: frozenset({Part.DISPATCH}), Part.DISPATCH: frozenset({Part.CLOSE}),
    },
    Separation.ALL: {part: frozenset(Part) - {part} for part in Part},
}  # fmt: skip
"""Which other parts nobody may take who takes this one."""
