"""Which lines of one name are one place: the rule "same name", with its doubts.

Lines are one place if they carry the same code, or the same name and ends that lie within a distance (or an
end that touches the other line); never if their codes differ. Every village has a 生产河: lines of one name
that lie further apart stay apart and become a doubt, the nearest pairs only (k clusters: k - 1 doubts).
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from layers import crs
from layers.errors import BadFile

TOUCH_M = 1.0
"""An end this near to another line of the same name touches it: the tolerance of drawing by hand."""
MOST_OF_ONE_NAME = 20_000
"""More lines of one name are a wrongly chosen column."""
_POINTS_AT_ONCE = 256


class Doubt(NamedTuple):
    """Two clusters of one name, each by its lines' indices, and their nearest ends (x, y in metres)."""

    first: tuple[int, ...]
    second: tuple[int, ...]
    ends_m: tuple[tuple[float, float], tuple[float, float]]
    distance_m: float


class Clusters:
    """Lines in clusters; a cluster holds at most one code."""

    def __init__(self, codes: Sequence[str | None]) -> None:
        self._above = list(range(len(codes)))
        self._code = list(codes)

    def of(self, line: int) -> int:
        """Return the cluster of a line, named by one of its lines."""
        while self._above[line] != line:
            self._above[line] = self._above[self._above[line]]
            line = self._above[line]
        return line

    def may_join(self, a: int, b: int) -> bool:
        """Tell whether the clusters of two lines do not carry different codes."""
        codes = {self._code[self.of(a)], self._code[self.of(b)]} - {None}
        return len(codes) < 2

    def join(self, a: int, b: int) -> None:
        """Make the clusters of two lines one, unless their codes differ."""
        first, second = sorted((self.of(a), self.of(b)))
        if first != second and self.may_join(first, second):
            self._above[second] = first
            self._code[first] = self._code[first] or self._code[second]

    def members(self) -> dict[int, list[int]]:
        """Return the lines of each cluster, clusters and lines in order of their first line."""
        found: dict[int, list[int]] = defaultdict(list)
        for line in range(len(self._above)):
            found[self.of(line)].append(line)
        return dict(found)


class Link(NamedTuple):
    """The nearest ends (x, y in metres) of two lines, given by their indices."""

    distance_m: float
    first: int
    second: int
    ends_m: tuple[tuple[float, float], tuple[float, float]]


def cluster(
    lines: NDArray[np.object_],
    keys: Sequence[str | None],
    codes: Sequence[str | None],
    *,
    metric_crs: str,
    within_m: float,
) -> tuple[Clusters, list[Doubt]]:
    """Return the clusters of lines (shapely, lon, lat) and the doubts that are left, nearest first.

    `keys` are the names as they are compared; a line without name joins only by its code. Raises BadFile
    where one name stands on too many lines.
    """
    clusters = Clusters(codes)
    for same in _groups(codes):
        for line in same[1:]:
            clusters.join(same[0], line)
    far: list[Link] = []
    for same in _groups(keys):
        if len(same) > 1:
            lines_m = crs.project(lines[same], metric_crs)
            far += _join_near(clusters, lines_m, np.array(same), str(keys[same[0]]), within_m)
    return clusters, _doubts(clusters, sorted(far))


def _groups(keys: Sequence[str | None]) -> Iterable[list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for line, key in enumerate(keys):
        if key is not None:
            groups[key].append(line)
    return groups.values()


def _join_near(
    clusters: Clusters, lines_m: NDArray[np.object_], same: NDArray[np.intp], key: str, within_m: float
) -> list[Link]:
    """Join what is near among the lines of one name; return the links of what stays apart."""
    parts, index = shapely.get_parts(lines_m, return_index=True)
    owner = same[index]
    if len(parts) > MOST_OF_ONE_NAME:
        raise BadFile(
            f"有 {len(parts)} 条线都叫「{key}」，超过 {MOST_OF_ONE_NAME} 条；"
            "名称列多半选错了，请用 --map name=列名 指明。"
        )
    ends = _ends(parts)
    for a, b in _touching(parts, ends):
        clusters.join(int(owner[a]), int(owner[b]))
    far = []
    for distance, a, b in sorted(_spanning_tree(ends)):
        if distance <= within_m:
            clusters.join(int(owner[a]), int(owner[b]))
        else:
            far.append(Link(distance, int(owner[a]), int(owner[b]), _nearest(ends[a], ends[b])))
    return far


def _ends(parts_m: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return the first and the last point of each line, shape (n, 2, 2)."""
    first = shapely.get_coordinates(shapely.get_point(parts_m, 0))
    last = shapely.get_coordinates(shapely.get_point(parts_m, -1))
    return np.stack([first, last], axis=1)


def _touching(parts_m: NDArray[np.object_], ends: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the pairs of lines of which one ends on the other."""
    # Many ways meet in one point: each such point is looked up once, and in small lots, so that thousands of
    # lines through one place do not make millions of pairs at once.
    spots, owner = np.unique(ends.reshape(-1, 2).round(2), axis=0, return_inverse=True)
    someone = np.empty(len(spots), dtype=np.intp)
    someone[owner] = np.arange(len(owner)) // 2
    pairs = [np.column_stack([np.arange(len(owner)) // 2, someone[owner]])]
    tree = shapely.STRtree(parts_m)
    points = shapely.points(spots)
    for start in range(0, len(points), _POINTS_AT_ONCE):
        lot = points[start : start + _POINTS_AT_ONCE]
        spot, part = tree.query(lot, predicate="dwithin", distance=TOUCH_M)
        other = someone[start + spot] != part
        pairs.append(np.column_stack([someone[start + spot[other]], part[other]]))
    found = np.concatenate(pairs)
    return [(int(a), int(b)) for a, b in found[found[:, 0] != found[:, 1]]]


def _spanning_tree(ends: NDArray[np.float64]) -> Iterator[tuple[float, int, int]]:
    """Yield the n - 1 links of least total length that hold n lines together end to end (Prim's algorithm).

    Cutting its links longer than a distance leaves exactly the clusters whose ends lie within that distance.
    """
    nearest = np.full(len(ends), np.inf)
    via = np.zeros(len(ends), dtype=np.intp)
    waiting = np.ones(len(ends), dtype=bool)
    current = 0
    for _ in range(len(ends) - 1):
        waiting[current] = False
        squared = _squared(ends, ends[current]).min(axis=(1, 2))
        closer = waiting & (squared < nearest)
        nearest[closer] = squared[closer]
        via[closer] = current
        current = int(np.where(waiting, nearest, np.inf).argmin())
        yield float(np.sqrt(nearest[current])), int(via[current]), current


def _squared(ends: NDArray[np.float64], two: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the squared distances of the ends of n lines to those of one line, shape (n, 2, 2)."""
    return np.asarray(((ends[:, :, None, :] - two[None, None, :, :]) ** 2).sum(axis=-1))


def _nearest(
    a: NDArray[np.float64], b: NDArray[np.float64]
) -> tuple[tuple[float, float], tuple[float, float]]:
    i, j = divmod(int(_squared(a[None], b)[0].argmin()), 2)
    return (float(a[i, 0]), float(a[i, 1])), (float(b[j, 0]), float(b[j, 1]))


def _doubts(clusters: Clusters, far: Iterable[Link]) -> list[Doubt]:
    """Return what is left to ask, from the links that stay, nearest first: none that others already imply.

    Lines that touch are one cluster without a link between them, so that the links of a tree of lines can
    close a ring of clusters.
    """
    doubts = []
    members = clusters.members()
    implied = Clusters([None] * sum(map(len, members.values())))
    for link in far:
        first, second = sorted((clusters.of(link.first), clusters.of(link.second)))
        if implied.of(first) != implied.of(second) and clusters.may_join(first, second):
            implied.join(first, second)
            doubts.append(Doubt(tuple(members[first]), tuple(members[second]), link.ends_m, link.distance_m))
    return doubts
