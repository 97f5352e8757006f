"""What one outing is worth: the reasons of domain.md 1.3, and that more is never worse."""

import dataclasses
import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers.norms import Accepted, Caps, Minima, Rule
from layers.verdicts import Code, Judgement, Numbers, Reason, Unit, hint, in_words, judge
from layers.vocabulary import Evidence, Period, Role, Verdict

WALK = Numbers(minutes=40, walked_m=2400, within_m=2000, share=0.5)
ORDER = [Verdict.NOT_COUNTED, Verdict.REVIEW, Verdict.COUNTED]


def rule(minima: Minima | None = None, caps: Caps | None = None, *accepts: Evidence) -> Rule:
    modes = tuple(map(Accepted, accepts or (Evidence.TRACK,)))
    return Rule(1, Period.WEEK, minima=minima or Minima(), caps=caps or Caps(), accepts=modes)


def codes(judgement: Judgement) -> list[Code]:
    return [reason.code for reason in judgement.reasons]


def with_(**values: object) -> Numbers:
    return dataclasses.replace(WALK, **values)


class TestWithoutANorm:
    def test_what_covered_anything_is_counted(self) -> None:
        assert judge(WALK) == Judgement(Verdict.COUNTED)
        assert judge(Numbers(minutes=1, walked_m=30, within_m=21)) == Judgement(Verdict.COUNTED)

    def test_what_came_near_no_place_is_for_review(self) -> None:
        assert judge(with_(within_m=0.0)) == Judgement(Verdict.REVIEW, (Reason(Code.OFF_ROUTE),))

    def test_a_walk_for_a_place_without_geometry_is_counted(self) -> None:
        assert judge(with_(within_m=None, share=None)) == Judgement(Verdict.COUNTED)

    @pytest.mark.parametrize(
        ("doubt", "code"),
        [
            ({"ridden_share": 0.31}, Code.TOO_FAST),
            ({"gap_share": 0.41}, Code.GAPS),
            ({"accuracy_m": 61.0}, Code.LOW_ACC),
            ({"clock_jump": True}, Code.CLOCK),
            ({"datum_mix": True}, Code.CRS_MIX),
            ({"doubled": True}, Code.DUPLICATE),
            ({"overlap": True}, Code.OVERLAP),
            ({"complete": False}, Code.INCOMPLETE),
            ({"evidence": Evidence.CHECK_IN}, Code.POINT_ONLY),
            ({"evidence": Evidence.STATED, "other_evidence": True}, Code.POINT_ONLY),
        ],
    )
    def test_doubtful_evidence_is_for_review(self, doubt: dict[str, object], code: Code) -> None:
        judgement = judge(with_(**doubt))
        assert (judgement.verdict, codes(judgement)) == (Verdict.REVIEW, [code])

    def test_what_is_just_within_the_limits_is_counted(self) -> None:
        assert judge(with_(ridden_share=0.3, gap_share=0.4, accuracy_m=60.0)).verdict is Verdict.COUNTED

    def test_paper_is_counted_where_its_sheet_is_kept(self) -> None:
        paper = Numbers(evidence=Evidence.PAPER)
        assert codes(judge(paper)) == [Code.POINT_ONLY]
        assert judge(dataclasses.replace(paper, other_evidence=True)).verdict is Verdict.COUNTED

    @given(st.builds(Numbers, minutes=st.floats(0, 600), walked_m=st.floats(0, 1e5), complete=st.booleans()))
    def test_nothing_is_ever_not_counted(self, numbers: Numbers) -> None:
        assert judge(numbers).verdict is not Verdict.NOT_COUNTED


@pytest.mark.parametrize("shown", [True, False])
def test_the_real_record_of_a_ride_is_for_review(shown: bool) -> None:
    """domain.md S24: 16:12:39 to 16:44:57, shown as 17 minutes and 8209.2 m."""
    took = dt.datetime(2024, 1, 1, 16, 44, 57) - dt.datetime(2024, 1, 1, 16, 12, 39)
    minutes = 17 if shown else took.total_seconds() / 60
    record = Numbers(minutes=minutes, walked_m=8209.2, within_m=8209.2, share=0.9)
    for norm in (None, rule(Minima(minutes=10, metres=300), Caps(ridden_share=0.3))):
        judgement = judge(record, norm)
        assert judgement.verdict is Verdict.REVIEW
        (reason,) = judgement.reasons
        assert (reason.code, reason.unit) == (Code.TOO_FAST, Unit.KMH)
        assert reason.value == pytest.approx(29.0 if shown else 15.2, abs=0.05)


class TestMinima:
    @pytest.mark.parametrize(
        ("metres", "verdict"),
        [
            (300, Verdict.COUNTED),
            (299.9, Verdict.REVIEW),
            (240, Verdict.REVIEW),
            (239.9, Verdict.NOT_COUNTED),
        ],
    )
    def test_a_fifth_below_is_for_review_and_more_is_not_counted(
        self, metres: float, verdict: Verdict
    ) -> None:
        assert judge(with_(within_m=metres), rule(Minima(metres=300))).verdict is verdict

    def test_the_minimum_tests_metres_within_reach_and_tells_off_route_from_short(self) -> None:
        norm = rule(Minima(metres=300))
        off = judge(with_(within_m=100.0), norm)
        assert (off.verdict, codes(off)) == (Verdict.NOT_COUNTED, [Code.OFF_ROUTE])
        short = judge(with_(walked_m=120.0, within_m=100.0), norm)
        assert codes(short) == [Code.SHORT_LEN]
        assert short.reasons[0].missing == 200

    def test_share_is_a_second_minimum_of_its_own(self) -> None:
        norm = rule(Minima(metres=300, share=0.6))
        assert codes(judge(with_(share=0.5), norm)) == [Code.SHORT_SHARE]
        assert judge(with_(share=0.5), norm).verdict is Verdict.REVIEW
        assert judge(with_(share=0.47), norm).verdict is Verdict.NOT_COUNTED
        assert judge(with_(share=None), norm).verdict is Verdict.COUNTED

    def test_a_missing_record_is_asked_for_and_not_held_against_the_walk(self) -> None:
        norm = rule(Minima(checklist=True))
        judgement = judge(WALK, norm)
        assert (judgement.verdict, judgement.reasons) == (Verdict.REVIEW, (Reason(Code.NO_RECORD),))
        assert judge(with_(record_complete=True), norm).verdict is Verdict.COUNTED

    def test_what_is_not_all_in_is_not_refused(self) -> None:
        judgement = judge(with_(within_m=1.0, complete=False), rule(Minima(metres=300)))
        assert judgement.verdict is Verdict.REVIEW

    def test_off_the_map_all_of_the_way_counts(self) -> None:
        norm = rule(Minima(metres=1000))
        assert judge(with_(within_m=None, walked_m=1000), norm).verdict is Verdict.COUNTED
        assert judge(with_(within_m=None, walked_m=700), norm).verdict is Verdict.NOT_COUNTED


class TestCaps:
    def test_beyond_a_cap_is_for_review_never_less(self) -> None:
        norm = rule(Minima(minutes=10, metres=300), Caps(minutes=240, metres=20_000, ridden_share=0.1))
        assert codes(judge(with_(minutes=241), norm)) == [Code.TOO_LONG]
        assert codes(judge(with_(minutes=200, walked_m=20_001), norm)) == [Code.TOO_LONG]
        assert codes(judge(with_(ridden_share=0.11), norm)) == [Code.TOO_FAST]
        everything = with_(minutes=999, walked_m=1e5, ridden_share=1.0)
        assert judge(everything, norm).verdict is Verdict.REVIEW

    def test_only_who_may_ride_covers_by_riding_and_without_a_rule_everybody_does(self) -> None:
        norm = rule(Minima(share=0.6), Caps(may_ride=(Role.ROAD_STEWARD,)))
        rode = with_(share=0.1, share_with_rides=0.7)
        on_foot = judge(rode, norm, roles=[Role.RIVER_STEWARD])
        assert (on_foot.verdict, on_foot.rides_count) == (Verdict.NOT_COUNTED, False)
        rider = judge(rode, norm, roles=[Role.RIVER_STEWARD, Role.ROAD_STEWARD])
        assert (rider.verdict, rider.rides_count) == (Verdict.COUNTED, True)
        assert judge(with_(share=0.7), norm, roles=[Role.ROAD_STEWARD]).verdict is Verdict.COUNTED
        assert judge(rode).rides_count

    def test_what_is_ridden_counts_for_who_may_ride(self) -> None:
        norm = rule(Minima(metres=300), Caps(may_ride=(Role.ROAD_STEWARD,)))
        rode = with_(within_m=50.0, ridden_within_m=900.0, ridden_share=0.9)
        assert judge(rode, norm, roles=[Role.ROAD_STEWARD]).verdict is Verdict.COUNTED
        walker = judge(rode, norm, roles=[Role.RIVER_STEWARD])
        assert (walker.verdict, codes(walker)) == (Verdict.NOT_COUNTED, [Code.OFF_ROUTE, Code.TOO_FAST])


def test_a_norm_may_take_check_ins_and_paper() -> None:
    norm = rule(Minima(minutes=10, metres=300), None, Evidence.TRACK, Evidence.CHECK_IN)
    assert judge(Numbers(evidence=Evidence.CHECK_IN, minutes=30), norm).verdict is Verdict.COUNTED
    assert codes(judge(Numbers(evidence=Evidence.PAPER), norm)) == [Code.POINT_ONLY]
    assert judge(Numbers(evidence=Evidence.PAPER, minutes=3), norm).verdict is Verdict.NOT_COUNTED


def test_scanning_again_never_makes_a_check_in_worth_less() -> None:
    norm = rule(Minima(minutes=10), None, Evidence.CHECK_IN)
    once, twice = (Numbers(evidence=Evidence.CHECK_IN, minutes=minutes) for minutes in (0, 3))
    assert judge(once, norm) == judge(twice, norm)


def test_a_check_in_that_no_position_confirms_is_for_review_under_any_norm() -> None:
    nowhere = Numbers(evidence=Evidence.CHECK_IN, was_there=False)
    taken = judge(nowhere, rule(Minima(), None, Evidence.CHECK_IN))
    assert (taken.verdict, codes(taken)) == (Verdict.REVIEW, [Code.NOT_THERE])
    assert codes(judge(nowhere)) == [Code.POINT_ONLY, Code.NOT_THERE]
    paper = Numbers(evidence=Evidence.PAPER, was_there=False, other_evidence=True)
    assert judge(paper).verdict is Verdict.COUNTED


# --- properties

minima = st.builds(
    Minima,
    minutes=st.none() | st.floats(1, 60),
    metres=st.none() | st.floats(50, 3000),
    share=st.none() | st.floats(0.05, 1),
    checklist=st.booleans(),
)
walks = st.builds(
    Numbers,
    complete=st.booleans(),
    minutes=st.floats(0, 300),
    walked_m=st.floats(0, 2000),
    within_m=st.none() | st.floats(0, 2000),
    share=st.none() | st.floats(0, 1),
    ridden_share=st.floats(0, 1),
    gap_share=st.floats(0, 1),
    accuracy_m=st.none() | st.floats(0, 100),
    clock_jump=st.booleans(),
    record_complete=st.booleans(),
)


@given(walks, st.none() | minima, st.floats(0, 100), st.floats(0, 500), st.floats(0, 0.5))
def test_more_minutes_metres_or_share_never_makes_a_verdict_worse(
    walk: Numbers, least: Minima | None, minutes: float, metres: float, share: float
) -> None:
    norm = rule(least) if least else None
    more = dataclasses.replace(
        walk,
        minutes=walk.minutes + minutes,
        walked_m=walk.walked_m + metres,
        within_m=None if walk.within_m is None else walk.within_m + metres,
        share=None if walk.share is None else min(walk.share + share, 1.0),
    )
    if Code.TOO_FAST not in codes(judge(more, norm)):  # speed is a cap
        assert ORDER.index(judge(more, norm).verdict) >= ORDER.index(judge(walk, norm).verdict)


@given(walks, minima)
def test_not_counted_only_where_a_minimum_is_missed_by_more_than_a_fifth(
    walk: Numbers, least: Minima
) -> None:
    judgement = judge(walk, rule(least))
    far = [r for r in judgement.reasons if r.missing is not None and r.missing > 0.2 * (r.limit or 0) + 1e-6]
    if judgement.verdict is Verdict.NOT_COUNTED:
        assert far
        assert walk.complete
    if not judgement.reasons:
        assert judgement.verdict is Verdict.COUNTED


@given(walks, minima)
def test_doing_what_the_hint_says_is_enough_for_that_minimum(walk: Numbers, least: Minima) -> None:
    judgement = judge(dataclasses.replace(walk, complete=True), rule(least))
    assert "无效" not in hint(judgement)
    told = next((r for r in judgement.reasons if r.code is Code.SHORT_LEN), None)
    if told and judgement.verdict is not Verdict.COUNTED and hint(judgement).startswith("再走"):
        number = hint(judgement).removeprefix("再走").removesuffix("就够了。")
        metres = float(number.removesuffix("公里")) * 1000 if "公里" in number else float(number[:-1])
        assert metres >= told.missing - 50 * ("公里" in number)


@given(walks, minima)
def test_reasons_come_back_from_json(walk: Numbers, least: Minima) -> None:
    for reason in judge(walk, rule(least)).reasons:
        again = Reason.from_json(reason.to_json())
        assert (again.code, again.unit) == (reason.code, reason.unit)
        assert again.value == (None if reason.value is None else pytest.approx(reason.value, abs=1e-4))


class TestWords:
    def test_at_most_one_missing_thing_is_told(self) -> None:
        norm = rule(Minima(minutes=10, metres=300, checklist=True))
        judgement = judge(Numbers(minutes=6, walked_m=181, within_m=181), norm)
        assert len(judgement.reasons) == 3
        assert hint(judgement) == "再走120米就够了。"
        assert hint(judge(Numbers(minutes=6.2, walked_m=400, within_m=400), norm)) == "再走4分钟就够了。"
        assert hint(judge(Numbers(minutes=16, walked_m=400, within_m=400), norm)) == "把检查记录填全就够了。"
        off = judge(Numbers(minutes=16, walked_m=400, within_m=0), norm)
        assert hint(off) == "下次沿着自己负责的地方再走300米就够了。"

    def test_a_doubt_is_no_work_for_the_walker(self) -> None:
        assert hint(judge(with_(clock_jump=True))) == "协调员会再看一眼，您不用做什么。"
        assert hint(judge(with_(within_m=0.0))) == "协调员会再看一眼，您不用做什么。"
        assert hint(judge(WALK)) == ""

    def test_coordinators_read_the_numbers(self) -> None:
        reason = Reason(Code.SHORT_SHARE, 0.418, 0.6, Unit.SHARE)
        assert in_words(reason) == "覆盖不够（42%，标准 60%）"
