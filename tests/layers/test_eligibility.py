"""Who may take what."""

import shapely

from layers.eligibility import Ground, Home, Wants, named_in, options, touching
from layers.vocabulary import Layer

ANYTHING = Wants()
HERE, THERE = frozenset({1}), frozenset({2})
RIVER = Ground(10, Layer.RIVER, HERE, shape=shapely.from_wkt("LINESTRING (0 0, 1000 0)"))
GRID = Ground(11, Layer.GRID, HERE, frozenset({7}), shapely.box(0, 0, 100, 100))
COMPOUND = Ground(12, Layer.COMPOUND, HERE, frozenset({7}), shapely.box(0, 0, 50, 50))


def pairs(
    grounds: list[Ground], homes: list[Home], wants: Wants = ANYTHING, **more: bool
) -> set[tuple[int, int]]:
    return {option.pair for option in options(grounds, homes, [wants] * len(homes), **more)[0]}


def test_lines_are_for_the_township_grids_for_the_village_compounds_for_who_lives_there() -> None:
    village = Home(1, 7, None, (500, 300))
    in_compound = Home(1, 7, 12, (25, 25))
    elsewhere = Home(2, 8, None, (500, 100))
    homes = [village, in_compound, elsewhere]
    assert pairs([RIVER], homes) == {(0, 0), (0, 1)}
    assert pairs([RIVER], homes, crossing=True) == {(0, 0), (0, 1), (0, 2)}
    assert pairs([GRID, COMPOUND], homes, crossing=True) == {(0, 0), (0, 1), (1, 1)}


def test_who_lives_in_a_compound_outside_the_grid_is_not_of_the_grid() -> None:
    assert pairs([GRID], [Home(1, 7, 99, (900, 900))]) == set()


def test_wishes_and_distance_narrow_it() -> None:
    home = Home(1, 7, None, (500, 3000))
    assert pairs([RIVER], [home], Wants(layers=frozenset({Layer.ROAD}))) == set()
    assert pairs([RIVER], [home], Wants(avoids=frozenset({10}))) == set()
    found, too_far = options([RIVER], [home], [Wants(farthest_m=2999)])
    assert (found, too_far) == ([], {0})
    (option,), _ = options([RIVER], [home], [Wants()], adjoining=[(0, 0)])
    assert (option.distance_m, option.adjoins) == (3000.0, True)


def test_who_lives_somewhere_in_the_township_may_have_a_line_at_no_known_distance() -> None:
    (option,), _ = options([RIVER, Ground(13, Layer.ROAD, THERE)], [Home(1)], [Wants()])
    assert option.distance_m is None


def test_homes_are_found_by_name() -> None:
    assert named_in("城东社区", ["城东", "城西"]) == 0
    assert named_in("海德花园和水润鑫都", ["海德花园", "水润鑫都"]) is None  # as long as each other
    assert named_in("", ["海德花园"]) is None


def test_beside_is_within_reach_of_an_end() -> None:
    assert touching(100, 200, [(0, 100)], within=0)
    assert touching(100, 200, [(205, 300)], within=10)
    assert not touching(100, 200, [(205, 300)], within=4)
