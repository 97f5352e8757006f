"""Areas cut into cells: what was seen of a grid or a compound is a set of cells.

Cells are squares of `CELL_M` on a grid snapped to the county's metric CRS, so that cells of different places
and patrols are the same squares. They are kept in blocks of 64 x 64, 4,096 flags a block: flag
`64 * row + column` counted from the block's south-west cell. A cell on the edge of a place counts with the
area it has inside.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.coverage import Path

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Block = tuple[int, int]

CELL_M = 10.0
SIDE = 64
CELLS = SIDE * SIDE
_COARSE = 8


@dataclass(frozen=True, eq=False)
class CellSet:
    """A set of cells: for each block with any, 4,096 flags.

    >>> one, two = CellSet.at(np.array([[0, 0], [1, 0]])), CellSet.at(np.array([[1, 0], [64, 0]]))
    >>> len(one | two), len(one & two), len(one - two), sorted((one | two).blocks)
    (3, 1, 1, [(0, 0), (1, 0)])
    """

    blocks: Mapping[Block, Bools] = field(default_factory=dict)

    @classmethod
    def at(cls, cells: Ints) -> "CellSet":
        """Make it from cell columns and rows (east, north), shape (n, 2)."""
        blocks: dict[Block, Bools] = {}
        if len(cells) == 0:
            return cls(blocks)
        block, flag = cells // SIDE, (cells[:, 1] % SIDE) * SIDE + cells[:, 0] % SIDE
        found, row = np.unique(block, axis=0, return_inverse=True)
        for k, (x, y) in enumerate(found.tolist()):
            flags = np.zeros(CELLS, dtype=bool)
            flags[flag[row == k]] = True
            blocks[x, y] = flags
        return cls(blocks)

    @classmethod
    def from_bits(cls, rows: Iterable[tuple[int, int, str]]) -> "CellSet":
        """Make it from rows (block_x, block_y, bits as "0101..."), several rows of a block joined."""
        blocks: dict[Block, Bools] = {}
        for x, y, bits in rows:
            flags = np.frombuffer(bits.encode("ascii"), np.uint8) == ord("1")
            blocks[x, y] = blocks[x, y] | flags if (x, y) in blocks else flags
        return cls(blocks)

    @classmethod
    def from_bytes(cls, rows: Iterable[tuple[int, int, bytes]]) -> "CellSet":
        """Make it from rows (block_x, block_y, bits as PostgreSQL sends them: a length, then the flags)."""
        return cls(
            {
                (x, y): np.unpackbits(np.frombuffer(sent, np.uint8, offset=4), count=CELLS).view(np.bool_)
                for x, y, sent in rows
            }
        )

    def to_bits(self) -> list[tuple[int, int, str]]:
        """Return rows (block_x, block_y, bits as "0101..."), in order, without empty blocks."""
        return [
            (x, y, (flags + np.uint8(ord("0"))).astype(np.uint8).tobytes().decode("ascii"))
            for (x, y), flags in sorted(self.blocks.items())
            if flags.any()
        ]

    def __or__(self, other: "CellSet") -> "CellSet":
        blocks = dict(self.blocks)
        for key, flags in other.blocks.items():
            blocks[key] = blocks[key] | flags if key in blocks else flags
        return CellSet(blocks)

    def __and__(self, other: "CellSet") -> "CellSet":
        both = {key: flags & other.blocks[key] for key, flags in self.blocks.items() if key in other.blocks}
        return CellSet({key: flags for key, flags in both.items() if flags.any()})

    def __sub__(self, other: "CellSet") -> "CellSet":
        left = {
            key: flags & ~other.blocks[key] if key in other.blocks else flags
            for key, flags in self.blocks.items()
        }
        return CellSet({key: flags for key, flags in left.items() if flags.any()})

    def __len__(self) -> int:
        return sum(int(flags.sum()) for flags in self.blocks.values())

    def cells(self) -> Ints:
        """Return the columns and rows (east, north) of all cells, shape (n, 2)."""
        rows = [np.empty((0, 2), np.int64)]
        for (x, y), flags in sorted(self.blocks.items()):
            flag = np.flatnonzero(flags)
            rows.append(np.column_stack([x * SIDE + flag % SIDE, y * SIDE + flag // SIDE]))
        return np.concatenate(rows)

    def outline(self, inside: Any = None) -> Any:
        """Return the cells drawn as one polygon in metres, clipped to the polygon `inside` if given."""
        boxes = _boxes(self.cells(), 1)
        drawn = shapely.coverage_union_all(boxes) if len(boxes) else shapely.MultiPolygon()
        return drawn if inside is None else _polygons(shapely.intersection(drawn, inside))


@dataclass(frozen=True, eq=False)
class AreaCells:
    """The cells of one place: which are inside, and how much of the edge cells is."""

    inside: CellSet
    edge_m2: Mapping[Block, tuple[Ints, Floats]]
    """For each block, the flags of its edge cells and their area inside the place."""

    @classmethod
    def of(cls, polygon: Any) -> "AreaCells":
        """Make it from a (Multi)Polygon in metres; cells that only touch it are left out."""
        full, edge = _covering(polygon)
        parts = shapely.area(shapely.intersection(_boxes(edge, 1), polygon))
        edge, parts = edge[parts > 0], parts[parts > 0]
        inside = CellSet.at(np.concatenate([full, edge]))
        flag = (edge[:, 1] % SIDE) * SIDE + edge[:, 0] % SIDE
        edge_m2 = {}
        for block in inside.blocks:
            here = np.all(edge // SIDE == block, axis=1)
            edge_m2[block] = flag[here], parts[here]
        return cls(inside, edge_m2)

    def area_m2(self, cells: CellSet | None = None) -> float:
        """Return the area inside the place of all its cells, or of those in `cells`."""
        total = 0.0
        chosen = self.inside if cells is None else self.inside & cells
        for block, flags in chosen.blocks.items():
            edge, part_m2 = self.edge_m2[block]
            on_edge = flags[edge]
            total += (int(flags.sum()) - int(on_edge.sum())) * CELL_M**2 + float(part_m2[on_edge].sum())
        return total


def seen_from(path: Path, sight_m: float) -> CellSet:
    """Return the cells whose centre lies within `sight_m` of a path in metres."""
    path = path.chopped(2 * CELL_M)
    reach = int(np.ceil(sight_m / CELL_M)) + 2
    offsets = np.stack(np.meshgrid(np.arange(-reach, reach + 1), np.arange(-reach, reach + 1)), -1)
    offsets = offsets.reshape(-1, 2)
    found = [np.empty((0, 2), np.int64)]
    for i in range(0, len(path), 1024):
        a, b = path.a[i : i + 1024], path.b[i : i + 1024]
        middle = np.floor((a + b) / 2 / CELL_M).astype(np.int64)
        cells = middle[:, None, :] + offsets
        centres = np.asarray((cells + 0.5) * CELL_M, float)
        near = _distance(centres, a[:, None, :], b[:, None, :]) <= sight_m
        found.append(np.unique(cells[near], axis=0))
    return CellSet.at(np.unique(np.concatenate(found), axis=0))


def _distance(points: Floats, a: Floats, b: Floats) -> Floats:
    """Return the distance of points from straight pieces a -> b, all x, y on the last axis."""
    way = b - a
    square = np.maximum((way**2).sum(axis=-1), 1e-12)
    share = np.clip(((points - a) * way).sum(axis=-1) / square, 0.0, 1.0)
    return np.asarray(np.hypot(*np.moveaxis(points - a - share[..., None] * way, -1, 0)))


def _covering(polygon: Any) -> tuple[Ints, Ints]:
    """Return the cells wholly inside a polygon and those on its edge, shape (n, 2) each.

    Squares of 8 x 8 cells are tested first, so that the inside of a large area costs little.
    """
    west, south, east, north = shapely.bounds(polygon)
    shapely.prepare(polygon)
    edge = shapely.boundary(polygon)
    shapely.prepare(edge)
    size = _COARSE * CELL_M
    columns = np.arange(np.floor(west / size), np.floor(east / size) + 1, dtype=np.int64)
    rows = np.arange(np.floor(south / size), np.floor(north / size) + 1, dtype=np.int64)
    coarse = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)
    within = np.stack(np.meshgrid(np.arange(_COARSE), np.arange(_COARSE)), -1).reshape(-1, 2)
    crossed = shapely.intersects(edge, _boxes(coarse, _COARSE))
    whole = coarse[~crossed][_centre_inside(polygon, coarse[~crossed], _COARSE)]
    fine = (coarse[crossed][:, None, :] * _COARSE + within).reshape(-1, 2)
    on_edge = shapely.intersects(edge, _boxes(fine, 1))
    off_edge = fine[~on_edge]
    full = np.concatenate(
        [
            (whole[:, None, :] * _COARSE + within).reshape(-1, 2),
            off_edge[_centre_inside(polygon, off_edge, 1)],
        ]
    )
    return full, fine[on_edge]


def _centre_inside(polygon: Any, squares: Ints, cells: int) -> Bools:
    centre = (squares + 0.5) * cells * CELL_M
    return np.asarray(shapely.contains_xy(polygon, centre[:, 0], centre[:, 1]), dtype=bool)


def _boxes(squares: Ints, cells: int) -> NDArray[np.object_]:
    low = squares * cells * CELL_M
    high = low + cells * CELL_M
    return np.asarray(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]), dtype=object)


def _polygons(geometry: Any) -> Any:
    parts = shapely.get_parts(geometry)
    return shapely.union_all(parts[shapely.get_dimensions(parts) == 2])
