"""The machine of cases in full: no illegal state, no lost step, nobody who checks his own work."""

import dataclasses
import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from layers.case_rules import CaseRules, Limit
from layers.cases import CLOCK, OPEN, Asked, Doer, Machine, Part, Party, Standing
from layers.errors import IllegalMove
from layers.vocabulary import CaseState, Move, Separation
from layers.worktime import WorkClock

ZONE = ZoneInfo("Asia/Shanghai")
MORNING = dt.datetime(2026, 3, 2, 9, tzinfo=ZONE)
"""A Monday."""

# Written by hand from peers.md d5 and domain.md 1.6, not taken from the module: from -> step -> to, and who.
C, H, R = "chr"
BEFORE = ("submitted", "reported", "accepted")
IN_HAND = ("dispatched", "handling")
STILL_OPEN = (
    "submitted", "reported", "accepted", "dispatched", "handling", "suspended", "done", "checked"
)  # fmt: skip
WAYS: list[tuple[str, tuple[str, ...], str | None, str]] = [
    ("admit", ("submitted",), "reported", C),
    ("accept", ("reported",), "accepted", C),
    ("reject", BEFORE, "rejected", C),
    ("merge", BEFORE, "merged", C + R),
    ("unmerge", ("merged",), "reported", C),
    ("solve", ("reported", "accepted"), "done", C + R),
    ("dispatch", ("accepted",), "dispatched", C),
    ("start", ("dispatched",), "handling", C + H),
    ("send_back", ("dispatched",), "accepted", C + H),
    ("transfer", IN_HAND, "dispatched", C),
    ("ask_extension", IN_HAND, None, C + H),
    ("extend", IN_HAND, None, C),
    ("refuse_extension", IN_HAND, None, C),
    ("suspend", IN_HAND, "suspended", C),
    ("resume", ("suspended",), "handling", C),
    ("finish", IN_HAND, "done", C + H),
    ("check", ("done",), "checked", C + R),
    ("rework", ("done", "checked"), "handling", C + R),
    ("close", ("checked",), "closed", C),
    ("reopen", ("closed",), "accepted", C + R),
    ("urge", IN_HAND, None, C),
    ("supervise", STILL_OPEN[1:], None, C),
    ("correct", STILL_OPEN, None, C),
    ("join", STILL_OPEN, None, C + R),
    ("note", (*STILL_OPEN, "closed", "rejected", "merged"), None, C + H + R),
]
TARGET = {(move, state): target or state for move, states, target, _ in WAYS for state in states}
WHO = {move: who for move, _, _, who in WAYS}
PARTS = {
    "dispatch": Part.DISPATCH, "transfer": Part.DISPATCH, "start": Part.HANDLE, "finish": Part.HANDLE,
    "solve": Part.HANDLE, "check": Part.CHECK, "rework": Part.CHECK, "close": Part.CLOSE,
}  # fmt: skip
MOVES = [Move(name) for name in WHO]
PEOPLE = ["甲", "乙", "丙", "丁", "戊"]
LETTERS = {C: Party.COORDINATOR, H: Party.HANDLER, R: Party.REPORTER}


def complete(move: Move, at: dt.datetime) -> Asked:
    """A step with all that any step needs."""
    return Asked(move, at, "说明", unit_id=7, into=9, days=3, has_proof=True, handle_s=35 * 3600)


class CaseMachine(RuleBasedStateMachine):
    """Several people try whatever they like; a table written by hand says what must come of it."""

    @initialize(
        separation=st.sampled_from(Separation),
        reporter_checks=st.booleans(),
        is_moderated=st.booleans(),
        send_back_hours=st.sampled_from([0, 24, 100]),
    )
    def begin(
        self, separation: Separation, reporter_checks: bool, is_moderated: bool, send_back_hours: int
    ) -> None:
        rules = CaseRules(
            separation=separation, reporter_checks=reporter_checks, send_back_hours=send_back_hours
        )
        self.machine = Machine(rules, WorkClock(ZONE, rules.hours))
        self.at = MORNING
        self.case = self.machine.begun(self.at, is_moderated=is_moderated)
        self.state = "submitted" if is_moderated else "reported"
        self.since, self.steps = self.at, 0
        self.did: list[tuple[str, str]] = []
        self.asked: int | None = None

    @rule(hours=st.sampled_from([0.1, 3, 23, 25, 80, 24 * 31]))
    def time_passes(self, hours: float) -> None:
        self.at += dt.timedelta(hours=hours)

    @rule(move=st.sampled_from(MOVES), who=st.sampled_from(PEOPLE), as_=st.sets(st.sampled_from("chr")))
    def somebody_tries(self, move: Move, who: str, as_: set[str]) -> None:
        doer = Doer(who, frozenset(LETTERS[letter] for letter in as_))
        before, expected = self.case, self.expected(move, who, as_)
        assert (move in self.machine.legal(before, doer, self.at)) == expected
        if not expected:
            with pytest.raises(IllegalMove) as refused:
                self.machine.step(before, doer, complete(move, self.at))
            legal = {one.value for one in self.machine.legal(before, doer, self.at)}
            assert set(refused.value.legal) == legal
            return
        self.case = self.machine.step(before, doer, complete(move, self.at))
        self.check_times(move, before)
        if TARGET[move.value, self.state] != self.state or move.value == "transfer":
            self.since = self.at
            self.asked = None
        self.state = TARGET[move.value, self.state]
        if move.value in PARTS:
            self.did.append((who, PARTS[move.value]))
        if move.value == "ask_extension":
            self.asked = 3
        elif move.value in ("extend", "refuse_extension"):
            self.asked = None
        self.steps += 1

    def expected(self, move: Move, who: str, as_: set[str]) -> bool:
        name, rules = move.value, self.machine.rules
        if (name, self.state) not in TARGET:
            return False
        may = as_ & set(WHO[name])
        if name == "check" and not rules.reporter_checks:
            may -= {"r"}
        waited = self.at - self.since
        return bool(may) and not (
            (name == "send_back" and waited > dt.timedelta(hours=rules.send_back_hours))
            or (name == "reopen" and waited > dt.timedelta(days=rules.reopen_days))
            or (name in ("extend", "refuse_extension") and self.asked is None)
            or (name == "ask_extension" and self.asked is not None)
            or self.is_kept_apart(name, who)
        )

    def is_kept_apart(self, name: str, who: str) -> bool:
        part, own = PARTS.get(name), {done for someone, done in self.did if someone == who}
        if part is None or self.machine.rules.separation is Separation.NONE:
            return False
        if self.machine.rules.separation is Separation.ALL:
            return bool(own - {part})
        pairs = ({Part.HANDLE, Part.CHECK}, {Part.DISPATCH, Part.CLOSE})
        return any(part in pair and own & (pair - {part}) for pair in pairs)

    def check_times(self, move: Move, before: Standing) -> None:
        """What a step does to the deadline, worked out with the clock."""
        clock, after = self.machine.clock, self.case
        if move.value in ("start", "transfer"):
            assert after.due_at == before.due_at
        if move.value == "extend":
            assert before.due_at is not None
            assert after.due_at == clock.after(before.due_at, 3 * clock.day_s)
        if move.value == "suspend":
            assert before.due_at is not None
            assert (after.due_at, after.left_s) == (None, max(clock.between(self.at, before.due_at), 0))
        if move.value == "resume":
            assert before.left_s is not None
            assert after.due_at == clock.after(self.at, before.left_s)
        if move.value == "dispatch":
            assert after.due_at == clock.after(self.at, 35 * 3600)

    @rule()
    def the_clock_ticks(self) -> None:
        due = self.machine.due_steps(self.case, self.at)
        for asked in due:
            self.case = self.machine.step(self.case, CLOCK, asked)
        assert self.machine.due_steps(self.case, self.at) == [], "what was told once is not told again"

    @invariant()
    def it_stands_where_the_table_says(self) -> None:
        assert self.case.state == self.state
        assert self.case.state in CaseState
        assert (self.case.due_at is None) == (self.state in ("suspended", "closed", "rejected", "merged"))
        assert self.case.is_open == (self.case.state in OPEN)

    @invariant()
    def nobody_takes_two_parts_that_are_kept_apart(self) -> None:
        kept = self.case.hands
        for who in PEOPLE:
            own = {part for part, keys in kept.items() if who in keys}
            assert own == {part for someone, part in self.did if someone == who}, "no step was lost"
            if self.machine.rules.separation is not Separation.NONE:
                assert not {Part.HANDLE, Part.CHECK} <= own
                assert not {Part.DISPATCH, Part.CLOSE} <= own
            if self.machine.rules.separation is Separation.ALL:
                assert len(own) <= 1

    @precondition(lambda self: self.state in ("closed", "rejected"))
    @rule()
    def what_is_settled_has_no_deadline(self) -> None:
        assert self.machine.due_steps(self.case, self.at + dt.timedelta(days=365)) == []


CaseMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)
TestTheMachine = CaseMachine.TestCase


ANYBODY = Doer("某", frozenset({Party.COORDINATOR, Party.HANDLER, Party.REPORTER}))


def machine(**rules: Any) -> Machine:
    own = CaseRules(separation=Separation.NONE, **rules)
    return Machine(own, WorkClock(ZONE, own.hours))


def after(one: Machine, *moves: Move, at: dt.datetime = MORNING) -> Standing:
    case = one.begun(at)
    for move in moves:
        case = one.step(case, ANYBODY, complete(move, at))
    return case


def test_limits_are_those_of_the_stage() -> None:
    one = machine()
    assert after(one).due_at == MORNING + dt.timedelta(days=1)
    assert after(one, Move.ACCEPT, Move.DISPATCH).due_at == MORNING + dt.timedelta(days=7)  # 5 working days
    assert after(one, Move.ACCEPT, Move.DISPATCH, Move.FINISH).due_at == MORNING + dt.timedelta(days=2)


def test_suspended_time_does_not_count() -> None:
    one = machine()
    case = after(one, Move.ACCEPT, Move.DISPATCH)
    two_days_on = MORNING + dt.timedelta(days=2)
    case = one.step(case, ANYBODY, complete(Move.SUSPEND, two_days_on))
    assert case.left_s == 3 * one.clock.day_s
    assert one.due_steps(case, MORNING + dt.timedelta(days=300)) == []
    case = one.step(case, ANYBODY, complete(Move.RESUME, MORNING + dt.timedelta(days=70)))
    assert case.due_at is not None
    assert one.clock.between(MORNING + dt.timedelta(days=70), case.due_at) == 3 * one.clock.day_s


def test_reminders_come_at_half_at_four_fifths_and_when_it_is_due_then_supervision_rises() -> None:
    one = machine()
    case = after(one, Move.ACCEPT, Move.DISPATCH)
    told: list[tuple[float, str, int | None]] = []
    for half in range(48 * 30):
        at = MORNING + dt.timedelta(hours=half / 2)
        for asked in one.due_steps(case, at):
            case = one.step(case, CLOCK, asked)
            told.append((round(one.clock.between(MORNING, at) / one.clock.day_s, 1), asked.move, asked.mark))
    assert told == [
        (2.5, "remind", 50), (4.0, "remind", 80), (5.0, "remind", 100), (5.0, "supervise", None),
        (7.0, "supervise", None), (10.0, "supervise", None),
    ]  # fmt: skip
    assert case.supervision == 3


def test_late_is_what_came_to_its_end_after_it_was_due() -> None:
    one = machine()
    case = after(one, Move.ACCEPT, Move.DISPATCH)
    in_time = one.step(case, ANYBODY, complete(Move.FINISH, MORNING + dt.timedelta(days=6)))
    late = one.step(case, ANYBODY, complete(Move.FINISH, MORNING + dt.timedelta(days=8)))
    assert (in_time.is_late, late.is_late) == (False, True)


@pytest.mark.parametrize(
    ("move", "lacking", "said"),
    [
        (Move.REJECT, {"words": " "}, "说明"),
        (Move.MERGE, {"into": None}, "并入哪个案件"),
    ],
)
def test_what_a_step_lacks_is_named(move: Move, lacking: dict[str, Any], said: str) -> None:
    one = machine()
    with pytest.raises(IllegalMove, match=said):
        one.step(one.begun(MORNING), ANYBODY, dataclasses.replace(complete(move, MORNING), **lacking))


def test_proof_is_asked_for_unless_the_county_does_without() -> None:
    bare = dataclasses.replace(complete(Move.FINISH, MORNING), has_proof=False)
    strict, lax = machine(), machine(needs_proof=False)
    with pytest.raises(IllegalMove, match="照片"):
        strict.step(after(strict, Move.ACCEPT, Move.DISPATCH), ANYBODY, bare)
    assert lax.step(after(lax, Move.ACCEPT, Move.DISPATCH), ANYBODY, bare).state is CaseState.DONE


def test_a_refusal_says_why_and_what_is_possible() -> None:
    one = machine()
    with pytest.raises(
        IllegalMove, match="案件现在是「待受理」，不能「办结」；现在可以：受理、不予受理、并案"
    ) as said:
        one.step(one.begun(MORNING), ANYBODY, complete(Move.CLOSE, MORNING))
    assert said.value.legal[0] == "accept"
    case = after(one, Move.ACCEPT, Move.DISPATCH)
    with pytest.raises(IllegalMove, match="已超过 24 小时，不能退回"):
        one.step(case, ANYBODY, complete(Move.SEND_BACK, MORNING + dt.timedelta(hours=25)))
    with pytest.raises(IllegalMove, match="天数"):
        one.step(case, ANYBODY, dataclasses.replace(complete(Move.ASK_EXTENSION, MORNING), days=61))


def test_a_rework_has_a_limit_of_its_own() -> None:
    one = machine(rework=Limit(hours=3))
    case = after(one, Move.ACCEPT, Move.DISPATCH, Move.FINISH, Move.REWORK)
    assert (case.due_at, case.reworks) == (MORNING + dt.timedelta(hours=3), 1)
