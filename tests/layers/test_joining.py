"""Lines of one name: which are one place."""

import numpy as np
import pytest
import shapely
from hypothesis import example, given, settings
from hypothesis import strategies as st

from layers import joining
from layers.errors import BadFile

from .map_files import METRIC, line


def clusters(
    lines: list[shapely.LineString],
    keys: list[str | None] | None = None,
    codes: list[str | None] | None = None,
    within_m: float = 200.0,
) -> tuple[list[list[int]], list[joining.Doubt]]:
    array = np.array(lines, dtype=object)
    found, doubts = joining.cluster(
        array,
        keys or ["生产河"] * len(lines),
        codes or [None] * len(lines),
        metric_crs=METRIC,
        within_m=within_m,
    )
    return list(found.members().values()), doubts


def test_ends_within_the_distance_join_and_beyond_it_are_doubted() -> None:
    lines = [line((0, 0), (1000, 0)), line((1199, 0), (2000, 0)), line((2201, 0), (3000, 0))]
    members, doubts = clusters(lines)
    assert members == [[0, 1], [2]]
    assert [(d.first, d.second) for d in doubts] == [((0, 1), (2,))]
    assert doubts[0].distance_m == pytest.approx(201, abs=0.01)


def test_the_distance_is_in_metres_in_every_direction() -> None:
    north = [line((0, 0), (0, 500)), line((0, 699), (0, 900))]
    east = [line((0, 0), (500, 0)), line((699, 0), (900, 0))]
    assert clusters(north)[0] == clusters(east)[0] == [[0, 1]]
    assert clusters(north, within_m=198)[0] == clusters(east, within_m=198)[0] == [[0], [1]]


def test_another_name_never_joins_and_the_nameless_stay_alone() -> None:
    lines = [
        line((0, 0), (100, 0)),
        line((100, 0), (200, 0)),
        line((200, 0), (300, 0)),
        line((300, 0), (400, 0)),
    ]
    assert clusters(lines, ["甲", "乙", None, None]) == ([[0], [1], [2], [3]], [])


def test_a_branch_that_ends_on_the_middle_of_the_other_joins() -> None:
    lines = [line((0, 0), (2000, 0)), line((1000, 0), (1000, 900))]
    assert clusters(lines)[0] == [[0, 1]]


def test_every_part_of_a_line_of_several_parts_counts() -> None:
    many = shapely.MultiLineString(
        [line((0, 0), (100, 0)), line((5000, 0), (5100, 0)), line((9000, 0), (9100, 0))]
    )
    assert clusters([many, line((5150, 0), (5300, 0))]) == ([[0, 1]], [])


def test_one_code_joins_over_any_distance_and_different_codes_never() -> None:
    far = [line((0, 0), (100, 0)), line((9000, 0), (9100, 0))]
    assert clusters(far, codes=["RV1", "RV1"]) == ([[0, 1]], [])
    assert clusters(far, keys=["甲", "乙"], codes=["RV1", "RV1"]) == ([[0, 1]], [])
    near = [line((0, 0), (100, 0)), line((100, 0), (200, 0))]
    assert clusters(near, codes=["RV1", "RV2"]) == ([[0], [1]], [])


def test_a_line_without_code_goes_to_the_nearer_of_two_codes() -> None:
    lines = [line((0, 0), (100, 0)), line((250, 0), (400, 0)), line((130, 0), (180, 0))]
    members, doubts = clusters(lines, codes=["RV1", "RV2", None])
    assert members == [[0, 2], [1]]
    assert doubts == []


def test_k_clusters_of_a_name_make_k_minus_one_doubts() -> None:
    lines = [line((x, 0), (x + 100, 0)) for x in (0, 1000, 3000, 7000)]
    _, doubts = clusters(lines)
    assert [(d.first, d.second) for d in doubts] == [((0,), (1,)), ((1,), (2,)), ((2,), (3,))]


def test_too_many_lines_of_one_name_are_a_wrong_column(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joining, "MOST_OF_ONE_NAME", 2)
    with pytest.raises(BadFile, match="--map name="):
        clusters([line((x, 0), (x + 100, 0)) for x in (0, 1000, 3000)])


coordinate = st.integers(0, 40).map(lambda tens: tens * 50.0)
segments = st.lists(
    st.tuples(coordinate, coordinate, coordinate, coordinate).filter(lambda s: s[:2] != s[2:]),
    min_size=1,
    max_size=12,
)


@given(segments)
@example(
    # The first and the last touch, the two between lie near both.
    [(0.0, 0.0, 1150.0, 850.0), (0.0, 250.0, 0.0, 300.0), (0.0, 550.0, 250.0, 50.0),
     (1450.0, 1450.0, 800.0, 150.0)]
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_clusters_agree_with_pairwise_comparison(rows: list[tuple[float, float, float, float]]) -> None:
    """The oracle compares all pairs of lines and closes the relation transitively."""
    lines = [line((a, b), (c, d)) for a, b, c, d in rows]
    plane = [shapely.LineString([(a, b), (c, d)]) for a, b, c, d in rows]
    within_m = 225.0

    def near(i: int, j: int) -> bool:
        ends = [[shapely.Point(p) for p in plane[k].coords] for k in (i, j)]
        close = any(p.distance(q) <= within_m for p in ends[0] for q in ends[1])
        touches = any(p.distance(plane[j]) <= 0.5 for p in ends[0]) or any(
            q.distance(plane[i]) <= 0.5 for q in ends[1]
        )
        return close or touches

    label = list(range(len(rows)))
    for i in range(len(rows)):
        for j in range(i):
            if near(i, j):
                label = [min(label[i], label[j]) if x in (label[i], label[j]) else x for x in label]
    expected = sorted([k for k in range(len(rows)) if label[k] == one] for one in set(label))
    members, doubts = clusters(lines, within_m=within_m)
    assert sorted(members) == expected
    assert len(doubts) == len(expected) - 1
