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
from layers.cases import CLOCK, Asked, Doer, Machine, Part, Party, Standing
from layers.errors import IllegalMove
from layers.vocabulary import CaseState, Move, Separation, Severity
from layers.worktime import WorkClock

ZONE = ZoneInfo("Asia/Shanghai")
MORNING = dt.datetime(2026, 3, 2, 9, tzinfo=ZONE)
"""A Monday."""
TIME = WorkClock(ZONE)
DAY_S = 7 * 3600

# Written by hand from peers.md d5 and domain.md 1.6, not taken from the module: from -> step -> to, and who.
C, H, R, T = "chrt"
BEFORE = ("submitted", "reported", "accepted")
IN_HAND = ("dispatched", "handling")
STILL_OPEN = (
    "submitted", "reported", "accepted", "dispatched", "handling", "suspended", "done", "checked"
)  # fmt: skip
SETTLED = ("closed", "rejected", "merged")
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
    ("supervise", STILL_OPEN[1:], None, C + T),
    ("remind", STILL_OPEN, None, T),
    ("correct", STILL_OPEN, None, C),
    ("join", STILL_OPEN, None, C + R + T),
    ("note", (*STILL_OPEN, *SETTLED), None, C + H + R),
]
TARGET = {(move, state): target or state for move, states, target, _ in WAYS for state in states}
STAYS = {move for move, _, target, _ in WAYS if target is None}
WHO = {move: who for move, _, _, who in WAYS}
NEEDS = {
    "merge": {"into"}, "dispatch": {"unit_id"}, "transfer": {"unit_id", "words"},
    "ask_extension": {"days", "words"}, "finish": {"words", "has_proof"},
    **{
        move: {"words"}
        for move in ("reject", "unmerge", "solve", "send_back", "refuse_extension", "suspend", "rework",
                     "reopen", "urge", "supervise", "note")
    },
}  # fmt: skip
NOTHING: dict[str, list[Any]] = {
    "words": ["", " \n", "\u3000"], "into": [None], "unit_id": [None], "days": [None, 0, -1, 61],
    "has_proof": [False],
}  # fmt: skip
"""What is as if it were not given."""
SAID = {
    "words": "说明", "into": "并入哪个案件", "unit_id": "责任单位", "days": "天数（1 到 60 个工作日）",
    "has_proof": "处置后的照片",
}  # fmt: skip
PARTS = {
    "dispatch": Part.DISPATCH, "transfer": Part.DISPATCH, "start": Part.HANDLE, "finish": Part.HANDLE,
    "solve": Part.HANDLE, "check": Part.CHECK, "rework": Part.CHECK, "close": Part.CLOSE,
}  # fmt: skip
LIMITS_S = {
    "submitted": DAY_S, "reported": DAY_S, "accepted": DAY_S, "done": 2 * DAY_S, "checked": DAY_S,
    "rework": 2 * DAY_S,
}  # fmt: skip
"""Seconds of working time by the defaults: a day of work is 8:30 to 12 and 14 to 17:30."""
MOVES = [*map(Move, WHO), Move.REPORT]
PEOPLE = ["甲", "乙", "丙", "丁", "戊"]
LETTERS = {C: Party.COORDINATOR, H: Party.HANDLER, R: Party.REPORTER, T: Party.CLOCK}
parties = st.sets(st.sampled_from("chrt")) | st.just({"c"}) | st.just({"c", "h", "r"})


def complete(move: Move, at: dt.datetime, **more: Any) -> Asked:
    """A step with all that any step needs."""
    said = {"unit_id": 7, "into": 9, "days": 3, "has_proof": True, "handle_s": 35 * 3600, "mark": 50}
    return Asked(move, at, **{"words": "说明"} | said | more)


class CaseMachine(RuleBasedStateMachine):
    """Several people try whatever they like; a table written by hand says what must come of it.

    `told` is the naive model: where the case stands, as a dict that each step changes in plain words.
    """

    @initialize(
        is_moderated=st.booleans(),
        said=st.fixed_dictionaries(
            {
                "separation": st.sampled_from(Separation),
                "reporter_checks": st.booleans(),
                "needs_proof": st.booleans(),
                "send_back_hours": st.sampled_from([0, 24, 100]),
                "reopen_days": st.sampled_from([0, 3, 30]),
                "supervise_after_days": st.sampled_from([(), (0.0,), (0.0, 2.0, 5.0), (0.5, 1.0)]),
            }
        ),
    )
    def begin(self, is_moderated: bool, said: dict[str, Any]) -> None:
        self.rules = CaseRules(**said)
        self.machine = Machine(self.rules, TIME)
        self.at, self.is_moderated = MORNING, is_moderated
        self.case = self.machine.begun(self.at, is_moderated=is_moderated)
        self.steps: list[tuple[Doer, Asked]] = []
        self.did: set[tuple[str, Part]] = set()
        self.told: dict[str, Any] = {
            "unit_id": None, "into": None, "asked_days": None, "is_late": False, "reworks": 0, "reopened": 0,
            "supervision": 0, "left_s": None,
        }  # fmt: skip
        self.enter("submitted" if is_moderated else "reported", DAY_S)

    def enter(self, state: str, limit_s: float | None) -> None:
        due_at = None if limit_s is None else TIME.after(self.at, limit_s)
        self.told |= {"state": state, "since": self.at, "limit_s": limit_s, "due_at": due_at, "reminded": 0}

    # --- what people do

    @rule(hours=st.sampled_from([0.1, 3, 23, 25, 80, 24 * 31]) | st.floats(0, 200))
    def time_passes(self, hours: float) -> None:
        self.at += dt.timedelta(hours=hours)

    @rule(move=st.sampled_from(MOVES), who=st.sampled_from(PEOPLE), as_=parties)
    def somebody_tries(self, move: Move, who: str, as_: set[str]) -> None:
        doer = Doer(who, frozenset(LETTERS[letter] for letter in as_))
        if self.may(move, who, as_):
            self.take(doer, complete(move, self.at))
            return
        with pytest.raises(IllegalMove) as refused:
            self.machine.step(self.case, doer, complete(move, self.at))
        legal = [one for one in MOVES if self.may(one, who, as_)]
        assert set(refused.value.legal) == set(legal)
        listed = [one.zh for one in self.machine.legal(self.case, doer, self.at) if one is not Move.REMIND]
        assert refused.value.detail.endswith(f"；现在可以：{'、'.join(listed) or '无'}。")

    @rule(data=st.data(), who=st.sampled_from(PEOPLE), as_=parties)
    def somebody_does_what_he_may(self, data: st.DataObject, who: str, as_: set[str]) -> None:
        ways_on = [one for one in MOVES if self.may(one, who, as_) and one.value not in STAYS]
        if ways_on:
            doer = Doer(who, frozenset(LETTERS[letter] for letter in as_))
            self.take(doer, complete(data.draw(st.sampled_from(ways_on)), self.at))

    @rule(days=st.integers(1, 60), is_granted=st.booleans())
    @precondition(lambda self: self.told["state"] in IN_HAND and self.told["asked_days"] is None)
    def somebody_asks_for_more_time(self, days: int, is_granted: bool) -> None:
        doer = Doer("甲", frozenset({Party.COORDINATOR}))
        self.take(doer, complete(Move.ASK_EXTENSION, self.at, days=days))
        if is_granted:
            self.take(doer, complete(Move.EXTEND, self.at))

    @rule(data=st.data())
    def somebody_forgets_something(self, data: st.DataObject) -> None:
        anybody = Doer(data.draw(st.sampled_from(PEOPLE)), frozenset(Party))
        legal = [one for one in self.machine.legal(self.case, anybody, self.at) if one.value in NEEDS]
        move = data.draw(st.sampled_from(legal))
        lacking = data.draw(st.sampled_from(sorted(NEEDS[move.value])))
        asked = complete(move, self.at, **{lacking: data.draw(st.sampled_from(NOTHING[lacking]))})
        if lacking == "has_proof" and not self.rules.needs_proof:
            self.take(anybody, asked)
            return
        with pytest.raises(IllegalMove, match=f"「{move.zh}」还要：{SAID[lacking]}") as refused:
            self.machine.step(self.case, anybody, asked)
        assert refused.value.legal == self.machine.legal(self.case, anybody, self.at)

    @rule()
    def the_clock_ticks(self) -> None:
        due = self.machine.due_steps(self.case, self.at)
        assert [(one.move.value, one.mark) for one in due] == self.due()
        for asked in due:
            self.take(CLOCK, asked)
        assert self.machine.due_steps(self.case, self.at) == [], "what was told once is not told again"

    # --- what must come of it

    def may(self, move: Move, who: str, as_: set[str]) -> bool:
        """Tell whether somebody may take a step, by the table."""
        name, told = move.value, self.told
        if (name, told["state"]) not in TARGET:
            return False
        may = as_ & set(WHO[name])
        if name == "check" and not self.rules.reporter_checks:
            may -= {"r"}
        waited = self.at - told["since"]
        return bool(may) and not (
            (name == "send_back" and waited > dt.timedelta(hours=self.rules.send_back_hours))
            or (name == "reopen" and waited > dt.timedelta(days=self.rules.reopen_days))
            or (name in ("extend", "refuse_extension") and told["asked_days"] is None)
            or (name == "ask_extension" and told["asked_days"] is not None)
            or self.is_kept_apart(name, who)
        )

    def is_kept_apart(self, name: str, who: str) -> bool:
        part, own = PARTS.get(name), {done for someone, done in self.did if someone == who}
        if part is None or self.rules.separation is Separation.NONE:
            return False
        if self.rules.separation is Separation.ALL:
            return bool(own - {part})
        pairs = ({Part.HANDLE, Part.CHECK}, {Part.DISPATCH, Part.CLOSE})
        return any(part in pair and own & (pair - {part}) for pair in pairs)

    def due(self) -> list[tuple[str, int | None]]:
        """Return what the clock must do now, counted from the working time that has passed."""
        told = self.told
        if told["due_at"] is None:
            return []
        left_s = TIME.between(self.at, told["due_at"])
        is_past = self.at >= told["due_at"]
        marks = [
            one
            for one in (50, 80, 100)
            if is_past or (told["limit_s"] - left_s) * 100 >= one * told["limit_s"]
        ]
        reminders = [("remind", one) for one in marks[-1:] if one > told["reminded"]]
        levels = [one for one in self.rules.supervise_after_days if is_past and -left_s >= one * DAY_S]
        more = max(len(levels) - told["supervision"], 0) if told["state"] != "submitted" else 0
        return reminders + [("supervise", None)] * more

    def take(self, doer: Doer, asked: Asked) -> None:
        """Take a step, and tell in plain words what it must have done."""
        name, before = asked.move.value, self.case
        kept = dataclasses.asdict(before)
        self.case = self.machine.step(before, doer, asked)
        assert dataclasses.asdict(before) == kept, "where it stood before is not touched"
        self.steps.append((doer, asked))
        if name in PARTS:
            self.did.add((doer.key, PARTS[name]))
        (self.stay if name in STAYS else self.go_on)(name, asked)

    def go_on(self, name: str, asked: Asked) -> None:
        told = self.told
        told["is_late"] |= told["due_at"] is not None and self.at > told["due_at"]
        state, left_s = TARGET[name, told["state"]], told["left_s"]
        told["left_s"] = None
        if name == "rework" and told["unit_id"] is None:  # it was settled on the spot
            name, state = "rework of nobody", "accepted"
        if name in ("start", "transfer"):  # the deadline stays
            told |= {"state": state, "since": self.at}
        elif name == "suspend":
            told["left_s"] = max(TIME.between(self.at, told["due_at"]), 0)
            self.enter(state, None)
        elif name == "resume":
            self.enter(state, left_s)
            assert TIME.between(self.at, self.case.due_at or self.at) == left_s, "it is still left"
        elif state == "dispatched":
            self.enter(state, asked.handle_s)
        else:
            self.enter(state, LIMITS_S.get("rework" if name == "rework" else state))
        if name != "start":
            told["asked_days"] = None
        if name in ("dispatch", "transfer", "send_back"):
            told["unit_id"] = None if name == "send_back" else 7
        told["reworks"] += name in ("rework", "rework of nobody")
        if name == "reopen":
            told |= {"reopened": told["reopened"] + 1, "supervision": 0}
        if name in ("merge", "unmerge"):
            told["into"] = 9 if name == "merge" else None

    def stay(self, name: str, asked: Asked) -> None:
        told = self.told
        if name == "extend":
            more_s = told["asked_days"] * DAY_S
            was = told["due_at"]
            told |= {"due_at": TIME.after(was, more_s), "limit_s": told["limit_s"] + more_s}
            assert TIME.between(was, told["due_at"]) == more_s
            left_s = TIME.between(self.at, told["due_at"])
            passed = 100 if self.at >= told["due_at"] else 100 * (1 - left_s / told["limit_s"])
            told["reminded"] = max(one for one in (0, 50, 80, 100) if one <= min(told["reminded"], passed))
        if name in ("extend", "refuse_extension", "ask_extension"):
            told["asked_days"] = asked.days if name == "ask_extension" else None
        told["supervision"] += name == "supervise"
        if name == "remind":
            told["reminded"] = max(told["reminded"], asked.mark or 0)

    @invariant()
    def it_stands_where_the_model_says(self) -> None:
        stands = {name: value for name, value in vars(self.case).items() if name != "hands"}
        assert stands == self.told
        assert (self.case.due_at is None) == (self.case.state in ("suspended", *SETTLED))
        assert self.case.is_open == (self.case.state in STILL_OPEN)

    @invariant()
    def everybody_may_do_what_the_table_says_and_no_more(self) -> None:
        for who, as_ in zip(PEOPLE, ("c", "h", "r", "t", "chr"), strict=True):
            doer = Doer(who, frozenset(LETTERS[letter] for letter in as_))
            legal = self.machine.legal(self.case, doer, self.at)
            assert legal == [one for one in MOVES if self.may(one, who, set(as_))]
            for move in legal:
                self.machine.step(self.case, doer, complete(move, self.at))

    @invariant()
    def nobody_takes_two_parts_that_are_kept_apart(self) -> None:
        for who in PEOPLE:
            own = {part for part, keys in self.case.hands.items() if who in keys}
            assert own == {part for someone, part in self.did if someone == who}, "no step was lost"
            if self.rules.separation is not Separation.NONE:
                assert not {Part.HANDLE, Part.CHECK} <= own
                assert not {Part.DISPATCH, Part.CLOSE} <= own
            if self.rules.separation is Separation.ALL:
                assert len(own) <= 1

    @precondition(lambda self: self.told["state"] in ("suspended", *SETTLED))
    @rule()
    def what_is_settled_or_suspended_has_no_deadline(self) -> None:
        assert self.machine.due_steps(self.case, self.at + dt.timedelta(days=365)) == []

    def teardown(self) -> None:
        """Take the steps once more from the beginning: where a case stands is what its steps make of it."""
        if hasattr(self, "steps"):
            again = self.machine.begun(MORNING, is_moderated=self.is_moderated)
            for doer, asked in self.steps:
                again = self.machine.step(again, doer, asked)
            assert again == self.case


CaseMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
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


def test_what_was_settled_on_the_spot_and_was_not_fixed_waits_for_a_unit() -> None:
    one = machine()
    case = after(one, Move.SOLVE, Move.REWORK)
    assert (case.state, case.unit_id, case.reworks) == (CaseState.ACCEPTED, None, 1)
    assert Move.DISPATCH in one.legal(case, ANYBODY, MORNING)


COORDINATOR, OTHER, STEWARD, HANDLER = (
    Doer("account/1", frozenset({Party.COORDINATOR})),
    Doer("account/2", frozenset({Party.COORDINATOR})),
    Doer("person/3", frozenset({Party.REPORTER})),
    Doer("account/4", frozenset({Party.HANDLER})),
)


def test_a_whole_life() -> None:
    """A heap of rubbish: sent back once, handed on, put off, badly done, done, closed, there again."""
    one = Machine(CaseRules(), TIME)
    case = one.begun(MORNING)
    life: list[tuple[str, Doer, Move, dict[str, Any], str, str | None]] = [
        # when, who, which step, with what; where it stands then, and until when it is due
        ("03-02 10:00", COORDINATOR, Move.ACCEPT, {}, "accepted", "03-03 10:00"),
        ("03-02 11:00", COORDINATOR, Move.DISPATCH, {"unit_id": 1}, "dispatched", "03-09 11:00"),
        ("03-03 10:59", HANDLER, Move.SEND_BACK, {"words": "不归我们管"}, "accepted", "03-04 10:59"),
        ("03-03 14:30", COORDINATOR, Move.DISPATCH, {"unit_id": 2}, "dispatched", "03-10 14:30"),
        ("03-04 09:00", HANDLER, Move.ASK_EXTENSION, {"days": 2}, "dispatched", "03-10 14:30"),
        ("03-04 10:00", HANDLER, Move.START, {}, "handling", "03-10 14:30"),
        ("03-05 10:00", COORDINATOR, Move.EXTEND, {}, "handling", "03-12 14:30"),
        ("03-05 14:30", COORDINATOR, Move.TRANSFER, {"unit_id": 3}, "dispatched", "03-12 14:30"),
        ("03-06 14:30", COORDINATOR, Move.SUSPEND, {"words": "要等枯水期"}, "suspended", None),
        ("10-09 08:30", COORDINATOR, Move.RESUME, {}, "handling", "10-13 17:30"),  # the 10th is worked
        ("10-12 09:00", HANDLER, Move.FINISH, {"words": "清走了"}, "done", "10-14 09:00"),
        ("10-12 10:00", STEWARD, Move.REWORK, {"words": "还有一半"}, "handling", "10-14 10:00"),
        ("10-12 16:00", HANDLER, Move.FINISH, {"words": "这回全清了"}, "done", "10-14 16:00"),
        ("10-12 17:00", STEWARD, Move.CHECK, {}, "checked", "10-13 17:00"),
        ("10-13 09:00", OTHER, Move.CLOSE, {}, "closed", None),
        ("10-20 09:00", STEWARD, Move.REOPEN, {"words": "又堆上了"}, "accepted", "10-21 09:00"),
    ]
    for when, who, move, said, state, due in life:
        at = dt.datetime.fromisoformat(f"2026-{when}").replace(tzinfo=ZONE)
        case = one.step(case, who, complete(move, at, **said))
        assert (case.state, case.since <= at) == (state, True), when
        assert (case.due_at and f"{case.due_at:%m-%d %H:%M}") == due, when
    assert (case.reworks, case.reopened, case.is_late, case.unit_id) == (1, 1, False, 3)
    assert case.hands == {
        Part.DISPATCH: {"account/1"}, Part.HANDLE: {"account/4"}, Part.CHECK: {"person/3"},
        Part.CLOSE: {"account/2"},
    }  # fmt: skip


def test_from_every_state_that_is_open_a_case_can_be_brought_to_its_end() -> None:
    one = machine()
    found, ahead = {}, [one.begun(MORNING), one.begun(MORNING, is_moderated=True)]
    ways: dict[str, set[str]] = {}
    while ahead:
        case = ahead.pop()
        if case.state in found:
            continue
        found[case.state] = case
        steps = [one.step(case, ANYBODY, complete(m, MORNING)) for m in one.legal(case, ANYBODY, MORNING)]
        ways[case.state] = {after_it.state for after_it in steps}
        ahead += steps
    assert set(found) == set(CaseState)
    ends = set(SETTLED)
    for _ in CaseState:
        ends |= {state for state, onward in ways.items() if onward & ends}
    assert ends == set(CaseState)


def test_a_merged_case_comes_back_as_it_was_reported() -> None:
    one = machine()
    merged = one.step(after(one, Move.ACCEPT), ANYBODY, complete(Move.MERGE, MORNING, into=12))
    assert (merged.state, merged.into, merged.due_at, merged.is_open) == (CaseState.MERGED, 12, None, False)
    later = MORNING + dt.timedelta(days=100)
    back = one.step(merged, ANYBODY, complete(Move.UNMERGE, later))
    assert (back.state, back.into, back.due_at) == (CaseState.REPORTED, None, TIME.after(later, DAY_S))


def test_a_unit_sends_back_within_the_hours_and_a_case_is_reopened_within_the_days() -> None:
    one, second = machine(), dt.timedelta(seconds=1)
    given = after(one, Move.ACCEPT, Move.DISPATCH)
    closed = after(one, Move.ACCEPT, Move.DISPATCH, Move.FINISH, Move.CHECK, Move.CLOSE)
    for case, move, last in [
        (given, Move.SEND_BACK, MORNING + dt.timedelta(hours=24)),
        (closed, Move.REOPEN, MORNING + dt.timedelta(days=30)),
    ]:
        assert one.step(case, ANYBODY, complete(move, last)).state is CaseState.ACCEPTED
        assert move not in one.legal(case, ANYBODY, last + second)
    # who gets it from another unit has his own hours
    at = MORNING + dt.timedelta(hours=30)
    handed_on = one.step(given, ANYBODY, complete(Move.TRANSFER, at))
    assert Move.SEND_BACK in one.legal(handed_on, ANYBODY, at + dt.timedelta(hours=24))


def test_who_begins_still_waits_for_an_answer() -> None:
    one = machine()
    begun = after(one, Move.ACCEPT, Move.DISPATCH, Move.ASK_EXTENSION, Move.START)
    assert begun.asked_days == 3
    assert one.step(begun, ANYBODY, complete(Move.EXTEND, MORNING)).asked_days is None
    assert after(one, Move.ACCEPT, Move.DISPATCH, Move.ASK_EXTENSION, Move.TRANSFER).asked_days is None


def _ticked(one: Machine, case: Standing, at: dt.datetime) -> tuple[Standing, list[int | None]]:
    due = one.due_steps(case, at)
    for asked in due:
        case = one.step(case, CLOCK, asked)
    return case, [asked.mark for asked in due if asked.move is Move.REMIND]


def test_after_an_extension_only_the_marks_that_lie_ahead_again_are_told() -> None:
    one = machine()
    case = after(one, Move.ACCEPT, Move.DISPATCH)
    days = [MORNING + dt.timedelta(days=day) for day in range(20)]
    case, told = _ticked(one, case, days[4])  # Friday: four of five days have passed
    assert told == [80]
    case = one.step(case, ANYBODY, complete(Move.ASK_EXTENSION, days[4], days=2))
    case = one.step(case, ANYBODY, complete(Move.EXTEND, days[4]))
    assert _ticked(one, case, days[4]) == (case, []), "4 of 7: that half has passed was told before"
    case, told = _ticked(one, case, days[8])
    assert told == [80]
    assert _ticked(one, case, days[9])[1] == [100]


def test_a_mark_that_was_told_is_not_forgotten() -> None:
    one = machine()
    case = one.step(after(one), CLOCK, complete(Move.REMIND, MORNING, mark=80))
    for mark in (50, None):
        assert one.step(case, CLOCK, complete(Move.REMIND, MORNING, mark=mark)).reminded == 80


def test_levels_that_come_together_are_told_each_as_itself() -> None:
    one = machine()
    case = after(one, Move.ACCEPT, Move.DISPATCH)
    due = one.due_steps(case, MORNING + dt.timedelta(days=60))
    assert [(asked.move, asked.mark, asked.words) for asked in due] == [
        (Move.REMIND, 100, ""),
        *((Move.SUPERVISE, None, f"超过期限，系统自动督办（{level} 级）") for level in (1, 2, 3)),
    ]
    by_hand = one.step(case, ANYBODY, complete(Move.SUPERVISE, MORNING))
    words = [asked.words for asked in one.due_steps(by_hand, MORNING + dt.timedelta(days=10))]
    assert words == ["", "超过期限，系统自动督办（2 级）"], "somebody was quicker with the first"


def test_what_was_late_when_it_was_suspended_is_due_at_once_when_it_goes_on() -> None:
    one = machine()
    late, later = MORNING + dt.timedelta(days=30), MORNING + dt.timedelta(days=40)
    case = one.step(after(one, Move.ACCEPT, Move.DISPATCH), ANYBODY, complete(Move.SUSPEND, late))
    assert (case.left_s, case.is_late) == (0, True)
    case = one.step(case, ANYBODY, complete(Move.RESUME, later))
    assert (case.due_at, one.due_steps(case, later)[0].mark) == (later, 100)


def test_handling_takes_as_long_as_the_category_says_else_as_a_minor_matter() -> None:
    one = machine(handle={Severity.MINOR: Limit(3), Severity.MAJOR: Limit(4), Severity.GRAVE: Limit(9)})
    accepted = after(one, Move.ACCEPT)
    for handle_s, limit_s in [(4 * 3600, 4 * 3600), (None, 3 * DAY_S)]:
        case = one.step(accepted, ANYBODY, complete(Move.DISPATCH, MORNING, handle_s=handle_s))
        assert (case.limit_s, case.due_at) == (limit_s, TIME.after(MORNING, limit_s))


@pytest.mark.parametrize(
    ("rules", "moves", "who", "move", "said"),
    [
        ({}, [], HANDLER, Move.ACCEPT, "「受理」不由您来做；现在可以：备注。"),
        ({}, [], Doer("x", frozenset()), Move.NOTE, "「备注」不由您来做；现在可以：无。"),
        ({}, [], COORDINATOR, Move.REPORT, "「上报」不是案件的一步；现在可以：受理、"),
        ({}, [Move.ACCEPT, Move.DISPATCH], COORDINATOR, Move.EXTEND, "没有等待答复的延期申请；现在可以："),
        ({}, [Move.ACCEPT, Move.DISPATCH, Move.ASK_EXTENSION], HANDLER, Move.ASK_EXTENSION,
         "已经有一个延期申请在等答复；现在可以：开始处置、退回、处置完成、备注。"),
        ({"send_back_hours": 0}, [Move.ACCEPT, Move.DISPATCH], HANDLER, Move.SEND_BACK,
         "交办已超过 0 小时，不能退回，可以申请延期或请协调员转派；现在可以：开始处置、申请延期、"),
        ({"reopen_days": 0}, [Move.ACCEPT, Move.DISPATCH, Move.FINISH, Move.CHECK, Move.CLOSE], STEWARD,
         Move.REOPEN, "办结已超过 0 天，不能重开，请另行上报；现在可以：备注。"),
        ({"reporter_checks": False}, [Move.ACCEPT, Move.DISPATCH, Move.FINISH], STEWARD, Move.CHECK,
         "「核查通过」不由您来做；现在可以：返工、又有人上报、备注。"),
    ],
)  # fmt: skip
def test_refusals_say_what_to_do_instead(
    rules: dict[str, Any], moves: list[Move], who: Doer, move: Move, said: str
) -> None:
    one = machine(**rules)
    case, later = after(one, *moves), MORNING + dt.timedelta(minutes=1)
    with pytest.raises(IllegalMove) as refused:
        one.step(case, who, complete(move, later))
    assert refused.value.detail.startswith(said)


@pytest.mark.parametrize(
    ("separation", "moves", "move", "said"),
    [
        (Separation.CHECKED, [Move.SOLVE], Move.CHECK, "您已经做了这个案件的处置，核查要由另一个人来做；"),
        (Separation.CHECKED, [Move.ACCEPT, Move.DISPATCH, (OTHER, Move.FINISH), (STEWARD, Move.CHECK)],
         Move.CLOSE, "您已经做了这个案件的交办，办结要由另一个人来做；"),
        (Separation.ALL, [Move.ACCEPT, Move.DISPATCH], Move.FINISH,
         "您已经做了这个案件的交办，处置要由另一个人来做；"),
    ],
)  # fmt: skip
def test_who_did_one_part_is_told_which(
    separation: Separation, moves: list[Move | tuple[Doer, Move]], move: Move, said: str
) -> None:
    one = Machine(CaseRules(separation=separation), TIME)
    case = one.begun(MORNING)
    for each in moves:
        who, taken = each if isinstance(each, tuple) else (COORDINATOR, each)
        case = one.step(case, who, complete(taken, MORNING))
    with pytest.raises(IllegalMove) as refused:
        one.step(case, COORDINATOR, complete(move, MORNING))
    assert refused.value.detail.startswith(said)
    assert move.value not in refused.value.legal


def test_all_that_a_step_lacks_is_named_at_once() -> None:
    one = machine()
    bare = Asked(Move.TRANSFER, MORNING)
    with pytest.raises(IllegalMove, match=r"^「转派」还要：说明、责任单位。$") as refused:
        one.step(after(one, Move.ACCEPT, Move.DISPATCH), ANYBODY, bare)
    assert {"transfer", "finish"} <= set(refused.value.legal)


def test_what_comes_to_its_end_at_the_very_moment_is_not_late() -> None:
    one = machine()
    case = after(one, Move.ACCEPT, Move.DISPATCH)
    assert case.due_at is not None
    for more, is_late in [(dt.timedelta(), False), (dt.timedelta(microseconds=1), True)]:
        assert one.step(case, ANYBODY, complete(Move.FINISH, case.due_at + more)).is_late == is_late


@pytest.mark.parametrize(
    ("days", "is_taken"), [(None, False), (0, False), (1, True), (60, True), (61, False)]
)
def test_an_extension_is_asked_for_in_days_and_adds_them(days: int | None, is_taken: bool) -> None:
    one = machine()
    case, asked = after(one, Move.ACCEPT, Move.DISPATCH), complete(Move.ASK_EXTENSION, MORNING, days=days)
    if not is_taken:
        with pytest.raises(IllegalMove, match="还要：天数（1 到 60 个工作日）。"):
            one.step(case, ANYBODY, asked)
        return
    longer = one.step(one.step(case, ANYBODY, asked), ANYBODY, complete(Move.EXTEND, MORNING))
    assert longer.due_at is not None
    assert longer.limit_s == TIME.between(MORNING, longer.due_at) == (5 + (days or 0)) * DAY_S


def test_what_is_reopened_is_supervised_anew() -> None:
    one = machine()
    moves = (Move.ACCEPT, Move.DISPATCH, Move.SUPERVISE, Move.FINISH, Move.CHECK, Move.CLOSE)
    closed = after(one, *moves)
    reopened = one.step(closed, ANYBODY, complete(Move.REOPEN, MORNING))
    assert (closed.supervision, reopened.supervision, reopened.reopened) == (1, 0, 1)
