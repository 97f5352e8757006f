"""A small made-up county around 119.84 E 32.93 N, as values for the map tests."""

import datetime as dt
import itertools

import numpy as np
import shapely
from shapely import LineString, MultiLineString, Polygon, box
from shapely.ops import substring

from layers.vocabulary import GapKind, Layer
from maps.data import MapData, MapFeature, MapLayer
from maps.style import FRESHNESS, GAPS, OF_A_WALK, OUTAGE, WALK

DATE = dt.date(2025, 6, 30)
WEST, SOUTH, EAST, NORTH = 119.78, 32.88, 119.90, 32.98


def river(rng: np.random.Generator, at: int, of: int, *, points: int = 60) -> LineString:
    """A winding line from west to east, the `at`-th of `of` from the south."""
    lon = np.linspace(WEST + 0.004, EAST - 0.004, points)
    middle = SOUTH + (at + 0.5) * (NORTH - SOUTH) / of
    lat = middle + np.cumsum(rng.normal(0, 0.00035, points))
    return LineString(np.column_stack([lon, lat]))


def road(at: int, of: int) -> LineString:
    lon = WEST + (at + 0.5) * (EAST - WEST) / of
    return LineString([(lon, SOUTH + 0.003), (lon + 0.004, (SOUTH + NORTH) / 2), (lon, NORTH - 0.003)])


def cut(line: LineString, pieces: int) -> list[LineString]:
    """The line in pieces of equal length."""
    ends = itertools.pairwise(np.linspace(0, 1, pieces + 1))
    return [substring(line, a, b, normalized=True) for a, b in ends]


def square(column: int, row: int, *, of: int = 5, margin: float = 0.06) -> Polygon:
    width, height = (EAST - WEST) / of, (NORTH - SOUTH) / of
    return box(
        WEST + (column + margin) * width,
        SOUTH + (row + margin) * height,
        WEST + (column + 1 - margin) * width,
        SOUTH + (row + 1 - margin) * height,
    )


def townships() -> MapLayer:
    middle = (WEST + EAST) / 2
    halves = [("东湖镇", box(middle, SOUTH, EAST, NORTH)), ("西荡镇", box(WEST, SOUTH, middle, NORTH))]
    return MapLayer("areas", "镇村界线", [MapFeature(g, "boundary", n) for n, g in halves], named=True)


def registered(rng: np.random.Generator, number: int, points: int) -> MapLayer:
    centres = rng.uniform((WEST, SOUTH), (EAST, NORTH), (number, 1, 2))
    paths = centres + np.cumsum(rng.normal(0, 0.0001, (number, points, 2)), axis=1)
    features = [
        MapFeature(line, "registered", f"生产河 {i} 号", [("编号", f"R{i:05}")])
        for i, line in enumerate(shapely.linestrings(paths))
    ]
    return MapLayer("registered", "在册河道（未纳管）", features, shown=number < 3000)


def rows(steward: str, share: str) -> list[tuple[str, str]]:
    return [("银发河长", steward), ("最近巡查", "2025-06-21"), ("覆盖率", share)]


def coverage(*, registered_rivers: int = 40, points: int = 12, rivers: int = 8) -> MapData:
    rng = np.random.default_rng(7)
    classes = [*(look.key for look in FRESHNESS), "uncovered"]
    lines = [
        MapFeature(piece, classes[(i + k) % 5], f"第{i + 1}中心河", rows("王桂兰", "62%"))
        for i in range(rivers)
        for k, piece in enumerate(cut(river(rng, i, rivers), 5))
    ]
    streets = [
        MapFeature(piece, classes[(i + k) % 5], f"英武路{i + 1}段", rows("李长根", "40%"))
        for i in range(4)
        for k, piece in enumerate(cut(road(i, 4), 5))
    ]
    grids = [
        MapFeature(square(c, r), classes[(c + 2 * r) % 5], f"第{c}{r}网格", rows("赵秀英", "33%"))
        for c in range(5)
        for r in range(5)
    ]
    compounds = [
        MapFeature(
            square(3 * c + 4, 3 * r + 4, of=20),
            classes[(c + r) % 5],
            f"水润花园{c}{r}区",
            rows("陈国强", "80%"),
        )
        for c in range(4)
        for r in range(4)
    ]
    return MapData(
        "水乡县巡查覆盖图",
        "全县，2025-04-01 至 2025-06-30",
        [
            registered(rng, registered_rivers, points),
            MapLayer("grid", "网格", grids, layer=Layer.GRID),
            MapLayer("compound", "小区", compounds, layer=Layer.COMPOUND),
            MapLayer("road", "道路", streets, layer=Layer.ROAD),
            MapLayer("river", "河道", lines, layer=Layer.RIVER),
            townships(),
        ],
        DATE,
        made_up=True,
    )


def gaps() -> MapData:
    rng = np.random.default_rng(9)
    kinds = list(GAPS.values())
    whole, pieces = [], []
    for i in range(6):
        line = river(rng, i, 6)
        whole.append(MapFeature(line, "whole", f"第{i + 1}中心河"))
        pieces += [
            MapFeature(
                MultiLineString([part]), kinds[(i + k) % 3].key, f"第{i + 1}中心河", [("空白", "1.2 公里")]
            )
            for k, part in enumerate(cut(line, 8))
            if k % 2
        ]
    grids = [
        MapFeature(square(c, r), kinds[(c + r) % 3].key, f"第{c}{r}网格")
        for c in range(0, 5, 2)
        for r in range(5)
    ]
    return MapData(
        "水乡县巡查空白图",
        "全县，2025-04-01 至 2025-06-30",
        [
            MapLayer("whole_river", "河道全长", whole, layer=Layer.RIVER),
            MapLayer("grid_gaps", "网格空白", grids, layer=Layer.GRID),
            MapLayer("river_gaps", "河道空白", pieces, layer=Layer.RIVER),
            townships(),
        ],
        DATE,
        legend=[kind.value for kind in GapKind],
    )


def walked() -> MapData:
    """One walk with every way of covering a line, and an outage."""
    rng = np.random.default_rng(11)
    looks = [*OF_A_WALK]
    rivers, stretches, walk = [], [], []
    for i in range(3):
        line = river(rng, i, 3)
        rivers.append(MapFeature(line, "whole", f"第{i + 1}中心河"))
        for k, part in enumerate(cut(line, len(looks) + 1)[: len(looks)]):
            look = looks[(k + i) % len(looks)]
            stretches.append(
                MapFeature(part, look.key, f"第{i + 1}中心河", [(look.label, "600 米")], size=600.0)
            )
        beside = [substring(line, a, b, normalized=True) for a, b in ((0, 0.4), (0.52, 0.8))]
        walk += [shapely.transform(part, lambda lonlat: lonlat + np.array([0, 0.0004])) for part in beside]
    ends = [shapely.get_coordinates(part) for part in walk]
    outages = [
        MapFeature(
            LineString([before[-1], after[0]]), OUTAGE.key, "中断 4 分钟", [("时间", "09:12 至 09:16")]
        )
        for before, after in zip(ends[::2], ends[1::2], strict=True)
    ]
    return MapData(
        "本次巡查",
        "水乡县 · 2025-06-30",
        [
            MapLayer("river_whole", "河道（全部）", rivers, layer=Layer.RIVER),
            *(
                MapLayer(look.key, look.label, [f for f in stretches if f.class_key == look.key])
                for look in looks
            ),
            MapLayer("walk", WALK.label, [MapFeature(MultiLineString(walk), WALK.key, "巡查轨迹")]),
            MapLayer("outages", OUTAGE.label, outages, titled=True),
            townships(),
        ],
        DATE,
    )
