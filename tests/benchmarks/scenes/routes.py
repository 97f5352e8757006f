"""Routes on a network: quickest ways over several stops, turning back only at dead ends."""

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tests.benchmarks.scenes.networks import Network, measures

Floats = NDArray[np.float64]

TURN_BACK_COST_S = 600.0
"""What keeps a mover from turning back on a street where there is another way."""


class NoRoute(Exception):
    """The network has no route of the wanted length."""


@dataclass(frozen=True)
class Leg:
    """A part of an edge in the direction of travel: from > to goes against the edge."""

    edge: int
    from_m: float
    to_m: float

    @property
    def length_m(self) -> float:
        """Length in metres."""
        return abs(self.to_m - self.from_m)


class Roads:
    """The part of a network that a mover may use, with its speeds."""

    def __init__(
        self, network: Network, speed_m_s: dict[str, float], rng: np.random.Generator, *, oneway: bool
    ) -> None:
        """`speed_m_s` by class of way: what has none is not used. `oneway`: whether directions bind."""
        self.network = network
        self.out: dict[int, list[tuple[int, bool, int, float]]] = {}
        for i, edge in enumerate(network.edges):
            if edge.klass not in speed_m_s:
                continue
            # Everyone has ways of his own: not all drive the quickest one.
            cost_s = edge.length_m / speed_m_s[edge.klass] * rng.uniform(0.7, 1.4)
            self.out.setdefault(edge.u, []).append((i, True, edge.v, cost_s))
            if not (oneway and edge.oneway):
                self.out.setdefault(edge.v, []).append((i, False, edge.u, cost_s))

    def degree(self, node: int) -> int:
        """Return how many ways leave a node."""
        return len(self.out.get(node, ()))

    def tree(self, start: int, last: int | None) -> dict[int, tuple[float, float, int, bool, int]]:
        """Return for each node reached: seconds, metres, the edge, its direction and the node before."""
        found: dict[int, tuple[float, float, int, bool, int]] = {}
        queue: list[tuple[float, float, int, int, bool, int]] = [(0.0, 0.0, start, -1, True, -1)]
        while queue:
            cost_s, far_m, node, edge, forward, before = heapq.heappop(queue)
            if node in found:
                continue
            found[node] = (cost_s, far_m, edge, forward, before)
            for i, ahead, to, step_s in self.out.get(node, ()):
                back_s = TURN_BACK_COST_S if node == start and i == last else 0.0
                if to not in found:
                    step_m = self.network.edges[i].length_m
                    heapq.heappush(queue, (cost_s + back_s + step_s, far_m + step_m, to, i, ahead, node))
        return found

    def route(self, rng: np.random.Generator, wanted_m: float) -> list[Leg]:
        """Return a route of about a length over several stops; it begins and ends within an edge.

        NoRoute if the network is too small for half of it.
        """
        starts = np.array(sorted(self.out))
        for _ in range(20):
            node, last, legs, left_m = int(rng.choice(starts)), None, [], wanted_m
            while left_m > 0.1 * wanted_m:
                found = self.tree(node, last)
                reach = [(n, row[1]) for n, row in found.items() if 0 < row[1] <= 1.2 * left_m]
                # Far goals make long straight ways, near ones loops and the same street twice.
                goals = [n for n, far in reach if far > 0.3 * left_m] or [n for n, _ in reach]
                if len(found) < 12 or not goals:
                    break
                goal = int(rng.choice(goals))
                part = self._traced(found, goal)
                legs += part
                left_m -= sum(leg.length_m for leg in part)
                node, last = goal, part[-1].edge
            if sum(leg.length_m for leg in legs) > 0.5 * wanted_m and len(legs) > 2:
                return _cut_ends(legs, rng)
        raise NoRoute(f"no route of {wanted_m:.0f} m")

    def _traced(self, found: dict[int, tuple[float, float, int, bool, int]], goal: int) -> list[Leg]:
        legs = []
        while found[goal][4] >= 0:
            _, _, edge, forward, before = found[goal]
            length = self.network.edges[edge].length_m
            legs.append(Leg(edge, 0.0, length) if forward else Leg(edge, length, 0.0))
            goal = before
        return legs[::-1]


def _cut_ends(legs: list[Leg], rng: np.random.Generator) -> list[Leg]:
    """Let a route begin within its first edge and end within its last one."""
    first, last = legs[0], legs[-1]
    begin, end = rng.uniform(0.0, 0.8), rng.uniform(0.2, 1.0)
    legs[0] = Leg(first.edge, first.from_m + begin * (first.to_m - first.from_m), first.to_m)
    legs[-1] = Leg(last.edge, last.from_m, last.from_m + end * (last.to_m - last.from_m))
    return legs


def drawn(network: Network, leg: Leg) -> Floats:
    """Return a leg as x, y in the direction of travel."""
    xy = network.edges[leg.edge].xy
    m = measures(xy)
    low, high = sorted((leg.from_m, leg.to_m))
    at = np.r_[low, m[(m > low) & (m < high)], high]
    piece = np.column_stack([np.interp(at, m, xy[:, axis]) for axis in (0, 1)])
    return piece if leg.from_m <= leg.to_m else piece[::-1]
