"""What the benchmarks' table rests on: scores, bounds, spans of what others drew, walks and their truth."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
import typer
from hypothesis import given
from hypothesis import strategies as st
from rich.progress import Progress
from typer.testing import CliRunner

from layers import crs as crs_
from layers.lines import LineSet
from layers.spans import SpanSet
from tests.benchmarks import __main__ as command
from tests.benchmarks import conditions, drawn, ours, scores, single, worlds
from tests.benchmarks.network import Network, is_routed
from tests.benchmarks.peers import buffer
from tests.benchmarks.peers.leuven import Leuven
from tests.benchmarks.peers.meili import Meili, decoded
from tests.benchmarks.peers.thinning import thinned
from tests.benchmarks.peers.venv import ROOT, running
from tests.benchmarks.running import Run
from tests.benchmarks.table import HEADS, Row, markdown, text

CRS = single.CRS
SPACING_M, STREETS = 150.0, 81


@pytest.fixture(scope="module")
def town() -> Network:
    """A grid of streets, 12 km to each side, with a lane beside one of them."""
    at, end = np.arange(STREETS) * SPACING_M, (STREETS - 1) * SPACING_M
    across = [np.column_stack([at, np.full(STREETS, y)]) for y in at]
    along = [xy[:, ::-1] for xy in across]
    lines = [shapely.linestrings(single.ORIGIN + xy) for xy in [*across, *along, [(0, 9), (end, 9)]]]
    metres = np.array(lines, object)
    yes = np.ones(len(lines), bool)
    border_y = float(single.ORIGIN[1] + end / 2 + 1.0)
    return Network(np.arange(len(lines)) + 100, crs_.unproject(metres, CRS), metres, CRS, yes, yes, border_y)


spans = st.lists(st.tuples(st.integers(0, 2), st.floats(0, 100), st.floats(0, 100)), max_size=8).map(
    lambda rows: SpanSet.of(*np.array(rows, float).reshape(-1, 3).T)
)


def by_metre(set_: SpanSet) -> np.ndarray:
    """Return which points of a fine comb lie inside, the slow way."""
    comb = np.arange(0, 100, 0.25) + 0.1
    inside = [(set_.of_place(p)[:, :1] <= comb) & (comb < set_.of_place(p)[:, 1:]) for p in range(3)]
    return np.concatenate([each.any(axis=0) for each in inside])


@given(spans, spans)
def test_scores_are_those_of_points_counted_one_by_one(truth: SpanSet, found: SpanSet) -> None:
    score = scores.f1(truth, found)
    true, said = by_metre(truth), by_metre(found)
    # A span's ends may each be wrong by a tooth of the comb.
    off = 0.25 * 2 * (len(truth) + len(found))
    for share, part, whole in ((score.precision, true & said, said), (score.recall, true & said, true)):
        assert abs(share * whole.sum() * 0.25 - part.sum() * 0.25) <= 2 * off
    assert 0 <= score.f1 <= 1
    if score.precision + score.recall > 0 and len(truth) and len(found):
        harmonic = 2 * score.precision * score.recall / (score.precision + score.recall)
        assert score.f1 == pytest.approx(harmonic)


def test_who_finds_nothing_or_all_of_a_map_is_told_so() -> None:
    truth, nothing = SpanSet.of([0], [0], [10]), SpanSet.empty()
    assert scores.f1(truth, nothing) == (1.0, 0.0, 0.0)
    assert scores.f1(nothing, truth) == (0.0, 1.0, 0.0)
    assert scores.f1(nothing, nothing) == (1.0, 1.0, 1.0)
    assert scores.f1(truth, SpanSet.of([0, 1], [0, 0], [10, 30])).precision == 0.25


def test_bounds_hold_the_true_mean_nineteen_times_in_twenty() -> None:
    rng = np.random.default_rng(5)
    held = [
        sure.low <= 0.3 <= sure.high
        for sure in (scores.bootstrap(rng.normal(0.3, 1.0, 60), seed=k) for k in range(200))
    ]
    assert 0.90 <= np.mean(held) <= 0.98


def test_paired_walks_tell_apart_what_unpaired_ones_cannot() -> None:
    rng = np.random.default_rng(1)
    hard = rng.normal(0.9, 0.1, 100)
    one, other = hard + 0.01, hard + rng.normal(0, 0.01, 100)
    paired = scores.bootstrap(one - other)
    assert 0 < paired.low < paired.mean < paired.high
    assert scores.bootstrap(one).low < scores.bootstrap(other).mean < scores.bootstrap(one).high
    assert scores.bootstrap(one - other) == paired


def test_a_ratio_weighs_long_walks_more() -> None:
    ratio = scores.bootstrap_ratio(np.array([1.0, 90.0]), np.array([1.0, 10.0]))
    assert ratio.mean == pytest.approx(91 / 11)
    assert (ratio.low, ratio.high) == (1.0, 9.0)


BENT = shapely.from_wkt("LINESTRING (0 0, 100 0, 100 80, 40 80, 40 -50)")  # crosses itself at 40 0
RING = shapely.from_wkt("LINESTRING (200 0, 300 0, 300 100, 200 100, 200 0)")


@given(st.integers(0, 1), st.floats(0, 369), st.floats(0, 369))
def test_spans_drawn_on_a_line_are_found_again(line: int, one: float, other: float) -> None:
    lines = np.array([BENT, RING], object)
    wanted = SpanSet.of([line], [min(one, other)], [max(one, other)])
    row, a, b = drawn.steps(LineSet.of(lines).cut(wanted))
    found = drawn.spans(lines, wanted.place[row], a, b)
    assert (found - wanted).length.sum() == pytest.approx(0, abs=1e-6)
    assert (wanted - found).length.sum() == pytest.approx(0, abs=1e-6)


def test_steps_pass_over_points_where_a_buffer_only_touches() -> None:
    touched = shapely.from_wkt("GEOMETRYCOLLECTION (POINT (5 5), LINESTRING (0 0, 1 0))")
    row, a, b = drawn.steps([touched, BENT])
    assert row.tolist() == [0, 1, 1, 1, 1]
    assert np.hypot(*(b - a).T).tolist() == [1, 100, 80, 60, 130]


def encoded(lonlat: np.ndarray) -> str:
    """Encode as the published description of the format says."""
    code = ""
    whole = np.rint(lonlat[:, ::-1] * 1e6).astype(int)
    for step in np.diff(whole, axis=0, prepend=[[0, 0]]).ravel().tolist():
        left = ~(step << 1) if step < 0 else step << 1
        while left >= 0x20:
            code += chr((0x20 | (left & 0x1F)) + 63)
            left >>= 5
        code += chr(left + 63)
    return code


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), max_size=6))
def test_shapes_are_decoded(points: list[tuple[float, float]]) -> None:
    lonlat = np.array(points).reshape(-1, 2)
    assert decoded(encoded(lonlat)) == pytest.approx(np.round(lonlat, 6), abs=2e-6)


class Said:
    """A peer that answers the same to every question."""

    def __init__(self, **answer: Any) -> None:
        self.answer, self.asked = answer, []

    def ask(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return {"spent_s": 0.1, **self.answer}


def test_edges_of_meili_become_spans_of_their_ways(town: Network) -> None:
    # Along the first street, then up the second avenue: ways 100 and 182.
    corner = np.array([[0, 0], [150, 0], [150, 60]]) + single.ORIGIN
    shape = encoded(crs_.to_lonlat(corner, CRS))
    edges = np.array([[100, 0, 1], [100 + STREETS + 1, 1, 2]])
    trial = conditions.walks(town, conditions.CLOSED[2], half="tune", count=1, seconds=300.0)[0]
    found, spent_s = Meili(Said(shape=shape, edges=edges), town).found(trial.recording)  # type: ignore[arg-type]
    assert spent_s == 0.1
    assert found.place.tolist() == [0, STREETS + 1]
    assert found.start == pytest.approx([0, 0], abs=0.2)
    assert found.stop == pytest.approx([150, 60], abs=0.2)


def test_meili_that_finds_no_path_found_nothing(town: Network) -> None:
    peer = Said(shape="", edges=np.empty((0, 3), np.int64))
    trial = conditions.walks(town, conditions.CLOSED[2], half="tune", count=1, seconds=300.0)[0]
    assert len(Meili(peer, town).found(trial.recording)[0]) == 0  # type: ignore[arg-type]


def test_states_of_leuven_become_spans_of_their_ways(town: Network) -> None:
    peer = Said()
    leuven = Leuven(peer, town)  # type: ignore[arg-type]
    nodes = peer.asked[0]["nodes"] - single.ORIGIN
    at = {tuple(np.rint(xy).astype(int)): k for k, xy in enumerate(nodes.tolist())}
    a, b, c = at[0, 0], at[150, 0], at[150, 150]
    peer.answer["walked"] = np.array([[a, b, 0.2], [a, b, 0.6], [b, c, 0.1], [b, c, 0.5]])
    trial = conditions.walks(town, conditions.CLOSED[2], half="tune", count=1, seconds=300.0)[0]
    found, _ = leuven.found(trial.recording)
    assert found.place.tolist() == [0, STREETS + 1]
    assert np.column_stack([found.start, found.stop]).ravel() == pytest.approx([30, 150, 0, 75])


def test_means_stay_where_someone_walks_straight_and_stands_no_outage() -> None:
    time_s = np.r_[np.arange(0.0, 200.0), np.arange(260.0, 400.0)]
    xy = np.column_stack([1.3 * time_s, np.zeros(time_s.size)])
    noisy = xy + np.random.default_rng(1).normal(0, 5.0, xy.shape)
    for feeding in ({}, {"mean_s": 30.0, "every_s": 20.0}):
        at, mean = thinned(time_s, xy, **feeding)
        assert mean[:, 0] == pytest.approx(1.3 * at)
        assert np.diff(at).min() >= 9.9 or at[-1] == time_s[-1]
        assert thinned(time_s, noisy, **feeding)[1][1:-1, 1].std() < 2.5
    rare = np.arange(0.0, 200.0, 10.0)
    assert thinned(rare, noisy[:20])[1] is not None
    assert np.array_equal(thinned(rare, noisy[:20])[1], noisy[:20])
    assert len(thinned(rare, noisy[:20], mean_s=30.0, every_s=20.0)[0]) == 11


@pytest.mark.parametrize("condition", [*conditions.CLOSED[:3], conditions.OPEN[3]], ids=lambda c: c.name)
def test_halves_share_no_way_and_walks_repeat(town: Network, condition: conditions.Condition) -> None:
    tune, judge = (town.ways(condition.world, half) for half in ("tune", "judge"))
    assert not set(tune) & set(judge)
    assert len(tune) > 30
    assert len(judge) > 30
    one, again = (conditions.walks(town, condition, half="tune", count=2, seconds=900.0) for _ in range(2))
    other = conditions.walks(town, condition, half="judge", count=2, seconds=900.0)
    for first, second, third in zip(one, again, other, strict=True):
        assert np.array_equal(first.recording.lonlat, second.recording.lonlat)
        assert first.truth == second.truth
        assert set(first.truth.place) <= set(tune)
        assert set(third.truth.place) <= set(judge)
        # Who turns a corner twice walks less of the map than he walks.
        assert 0.5 * 900 * 1.35 < first.truth.length.sum() <= 900 * 1.35 + 1


def test_the_truth_is_where_the_fixes_are(town: Network) -> None:
    trial = conditions.walks(town, conditions.CLOSED[0], half="judge", count=1, seconds=1800.0)[0]
    walked = shapely.union_all(town.line_set.cut(trial.truth))
    fixes = shapely.points(crs_.to_metric(trial.recording.lonlat, CRS))
    assert np.quantile(shapely.distance(fixes, walked), 0.95) < 4 * 5.0


def test_the_warm_index_gives_what_a_user_gets(town: Network) -> None:
    trials = conditions.walks(town, conditions.CLOSED[0], half="judge", count=2, seconds=900.0)
    warm = ours.Warm(town)
    for trial, cold in zip(trials, ours.found(trials, town), strict=True):
        hot, _ = warm.found(trial.recording)
        assert hot.place.tolist() == cold.place.tolist()
        assert hot.start == pytest.approx(cold.start, abs=0.01)
        assert hot.stop == pytest.approx(cold.stop, abs=0.01)


def test_the_buffer_without_its_polygon_is_the_buffer(town: Network) -> None:
    trial = conditions.walks(town, conditions.CLOSED[0], half="judge", count=1, seconds=1800.0)[0]
    by_polygon, _ = buffer.Buffer(town).found(trial.recording)
    exact = buffer.exact(trial.recording, town)
    both = (by_polygon & exact).length.sum()
    assert both > 0.98 * max(by_polygon.length.sum(), exact.length.sum())
    # It finds the lane beside the street, and the streets that were only crossed.
    assert scores.f1(trial.truth, exact).precision < 0.9


@pytest.mark.parametrize(
    ("tags", "routed"),
    [
        ({"highway": "track"}, True),
        ({"highway": "track", "access": "forestry"}, False),
        ({"highway": "track", "access": "forestry", "foot": "yes"}, True),
        ({"highway": "primary", "foot": "no"}, False),
        ({"highway": "cycleway", "access": "yes"}, False),
        ({"highway": "footway", "area": "yes"}, False),
    ],
)
def test_what_meili_accepts(tags: dict[str, str], routed: bool) -> None:
    assert is_routed(tags) is routed


def run_of(town: Network, tmp_path: Path, **named: Any) -> Run:
    """Return a run on the town that asks no peer."""
    run = Run(tmp_path / "no.osm", tmp_path, 2, 1, Progress(disable=True), asks_peers=False, **named)
    run.__dict__["network"] = town
    return run


@pytest.mark.parametrize("group", [single.parallel_roads, single.crossings, single.fields])
def test_scenes_have_rows_and_targets(group: Any, town: Network, tmp_path: Path) -> None:
    rows = list(group(run_of(town, tmp_path)))
    assert any(row.target and row.met is not None for row in rows)
    assert all(row.figure for row in rows)
    assert len({row.what for row in rows if not row.what.startswith(" ")}) >= 2


def test_banks_follow_the_river() -> None:
    meander = single._meander(60.0)
    bank = single._bank(meander, 30.0)
    away_m = shapely.distance(shapely.points(shapely.get_coordinates(bank)), meander)
    assert away_m == pytest.approx(30.0, abs=0.5)
    assert single._bank(BENT, 30.0) is None


def test_differences_are_paired_and_judged(town: Network, tmp_path: Path, monkeypatch: Any) -> None:
    class Perfect:
        """Finds the truth, for it is told."""

        def found(self, recording: Any, feeding: Any) -> tuple[SpanSet, float]:
            return truth[id(recording)], 0.0

    truth: dict[int, SpanSet] = {}
    made = conditions.walks

    def told(*arguments: Any, **named: Any) -> list[conditions.Trial]:
        trials = made(*arguments, **named, seconds=600.0)
        truth.update({id(trial.recording): trial.truth for trial in trials})
        kept.append(trials)
        return trials

    kept: list[Any] = []
    monkeypatch.setattr(conditions, "walks", told)
    run = run_of(town, tmp_path)
    run.asks_peers = True
    run.__dict__["meili"] = Perfect()
    rows = list(worlds.closed(run))
    judged = [row for row in rows if row.target]
    assert len(judged) == 9
    assert rows[1].score == (1.0, 1.0, 1.0)
    assert rows[1].sure is not None
    assert rows[1].sure.mean == pytest.approx(rows[0].score.f1 - 1.0)
    assert judged[0].met is (rows[1].sure.low >= worlds.MARGIN)


def test_the_table_says_what_is_not_met() -> None:
    rows = [
        Row("road", scores.Score(0.5, 0.25, 1 / 3), "-0.1", scores.Interval(-0.1, -0.2, 0.0), "≥ 0", False),
        Row("  peer", figure="3 m"),
    ]
    lines = text(rows).splitlines()
    assert lines[0].split() == ["what", "P", "R", "F1", "figure", "95", "%", "target", "met"]
    assert " ".join(lines[1].split()) == "road 0.500 0.250 0.333 -0.1 -0.2000 to 0.0000 ≥ 0 NO"
    assert lines[2].startswith("  peer")
    drawn_up = markdown(rows, "2026-01-02").splitlines()
    assert "2026-01-02" in drawn_up[0]
    assert all(line.count("|") == len(HEADS) + 1 for line in drawn_up[2:])


def test_a_peer_answers_through_its_own_python(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(
        f"import sys; sys.path.append({str(ROOT)!r})\n"
        "from tests.benchmarks.peers.answering import serve\n"
        "def answer(number):\n"
        "    print('loud')\n"
        "    if number < 0: raise SystemExit(3)\n"
        "    return {'twice': 2 * number}\n"
        "serve(answer)\n"
    )
    with running(Path(sys.executable), "worker", folder=tmp_path) as peer:
        assert peer.ask(number=4) == {"twice": 8}
        assert peer.ask(number=5) == {"twice": 10}
        with pytest.raises(RuntimeError, match="ended"):
            peer.ask(number=-1)


def test_an_unknown_group_is_refused_before_anything_is_done() -> None:
    app = typer.Typer()
    app.command()(command.main)
    result = CliRunner().invoke(app, ["--only", "nonsense"])
    assert result.exit_code == 2
    assert "parallel" in result.output
