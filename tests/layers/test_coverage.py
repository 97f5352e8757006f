"""The kernel against Shapely's buffers, the oracle."""

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers.coverage import Path, within
from layers.lines import LineSet
from layers.spans import SpanSet

QUAD_SEGS = 64
INNER = np.cos(
    np.pi / (4 * QUAD_SEGS)
)  # a buffer of 64 segments a quarter lies within r and reaches r cos(pi/256)


def path_of(track: np.ndarray, piece: np.ndarray | None = None) -> Path:
    n = len(track)
    return Path.of(track, np.arange(n, dtype=float), np.zeros(n, np.int64) if piece is None else piece)


def buffered(line: shapely.Geometry, path: Path, reach_m: float) -> shapely.Geometry:
    """The union of the buffers of all pieces, piece by piece."""
    pieces = [
        shapely.points(a) if np.array_equal(a, b) else shapely.linestrings([a, b])
        for a, b in zip(path.a, path.b, strict=True)
    ]
    return shapely.intersection(line, shapely.union_all(shapely.buffer(pieces, reach_m, quad_segs=QUAD_SEGS)))


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[shapely.LineString], Path, float]:
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    grid = draw(st.sampled_from([None, 10.0]))  # on a grid: parallel, touching, collinear
    size = draw(st.sampled_from([60.0, 300.0]))

    def points(n: int) -> np.ndarray:
        xy = random.uniform(0, size, (n, 2))
        return np.round(xy / grid) * grid if grid else xy

    lines = []
    while len(lines) < 3:
        line = shapely.linestrings(points(random.integers(2, 7)))
        if line.length > 0:
            lines.append(line)
    track = points(random.integers(1, 9))
    piece = np.cumsum(random.random(len(track)) < 0.2)
    return lines, path_of(track, piece), float(random.uniform(3, 40))


@given(scenes())
@settings(max_examples=150, deadline=None)
def test_the_kernel_lies_between_two_buffers(scene: tuple[list[shapely.LineString], Path, float]) -> None:
    lines, path, reach_m = scene
    line_set = LineSet.of(lines)
    outer = within(line_set, path, np.full(line_set.place.size, reach_m)).spans()
    inner = within(line_set, path, np.full(line_set.place.size, reach_m * INNER)).spans()
    for i, line in enumerate(lines):
        truth = buffered(line, path, reach_m)
        drawn_inner = [*line_set.cut(SpanSet.of(np.zeros(len(inner.of_place(i))) + i, *inner.of_place(i).T))]
        drawn_outer = [*line_set.cut(SpanSet.of(np.zeros(len(outer.of_place(i))) + i, *outer.of_place(i).T))]
        for drawn in drawn_inner:
            assert shapely.difference(drawn, shapely.buffer(truth, 1e-6)).length < 1e-6
        covered = shapely.buffer(shapely.union_all(drawn_outer), 1e-6) if drawn_outer else shapely.Point()
        assert shapely.difference(truth, covered).length < 1e-5


@given(scenes(), scenes())
@settings(max_examples=40, deadline=None)
def test_two_paths_cover_what_each_covers(
    one: tuple[list[shapely.LineString], Path, float], other: tuple[list[shapely.LineString], Path, float]
) -> None:
    lines, path, reach_m = one
    line_set = LineSet.of(lines)
    reach = np.full(line_set.place.size, reach_m)
    both = Path(
        *(
            np.concatenate([getattr(p, name) for p in (path, other[1])])
            for name in ("a", "b", "start_s", "stop_s")
        )
    )
    apart = within(line_set, path, reach).spans() | within(line_set, other[1], reach).spans()
    together = within(line_set, both, reach).spans()
    assert together == apart


def test_each_place_has_its_own_reach() -> None:
    line_set = LineSet.of(
        [shapely.from_wkt("LINESTRING (0 30, 100 30)"), shapely.from_wkt("LINESTRING (0 -30, 100 -30)")]
    )
    spans = within(line_set, path_of(np.array([[0.0, 0], [100, 0]])), np.array([20.0, 50.0])).spans()
    assert spans == SpanSet.of([1], [0], [100])


def test_each_segment_has_its_own_reach() -> None:
    widening = LineSet.of([shapely.from_wkt("LINESTRING (0 30, 100 30, 200 30, 300 30)")])
    spans = within(widening, path_of(np.array([[0.0, 0], [300, 0]])), np.array([20.0, 50.0, 20.0])).spans()
    assert spans == SpanSet.of([0], [100], [200])


def test_a_lone_fix_covers_its_disc() -> None:
    line_set = LineSet.of([shapely.from_wkt("LINESTRING (0 0, 100 0)")])
    spans = within(line_set, path_of(np.array([[50.0, 6.0]])), np.array([10.0])).spans()
    assert spans.of_place(0).ravel() == pytest.approx([42, 58])


def test_an_outage_is_not_covered() -> None:
    line_set = LineSet.of([shapely.from_wkt("LINESTRING (0 0, 1000 0)")])
    track = np.array([[0.0, 0], [100, 0], [900, 0], [1000, 0]])
    spans = within(line_set, path_of(track, np.array([0, 0, 1, 1])), np.array([10.0])).spans()
    assert spans == SpanSet.of([0, 0], [0, 890], [110, 1000])


def test_intervals_join_over_the_vertices_of_a_line() -> None:
    line = shapely.linestrings(np.column_stack([np.linspace(0, 100, 38), np.zeros(38)]))
    spans = within(LineSet.of([line]), path_of(np.array([[0.0, 1], [100, 1]])), np.full(37, 5.0)).spans()
    assert len(spans) == 1
    assert spans.length[0] == pytest.approx(100)


def test_chopping_a_path_changes_nothing() -> None:
    random = np.random.default_rng(5)
    line_set = LineSet.of([shapely.linestrings(random.uniform(0, 500, (30, 2)))])
    path = path_of(random.uniform(0, 500, (20, 2)))
    chopped = path.chopped(20.0)
    assert np.all(chopped.length_m <= 20.0 + 1e-9)
    assert chopped.length_m.sum() == pytest.approx(path.length_m.sum())
    reach = np.full(29, 15.0)
    whole = within(line_set, path, reach).spans()
    assert within(line_set, chopped, reach).spans().lengths(1) == pytest.approx(whole.lengths(1))
