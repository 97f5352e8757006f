"""LeuvenMapMatching, as accurate as it goes: a program for the peers' Python.

Non-emitting states are on, at most ten candidates are kept at a fix, and it has an index of the edges. Its
library is imported late: outside the peers' Python this file can be read, not run.
"""

import time
from typing import Any

import numpy as np

from tests.benchmarks.peers.answering import serve

FARTHEST_M = 100.0
CANDIDATES = 10


def graph(xy: np.ndarray, edges: np.ndarray) -> Any:
    """Return a map of nodes x, y in metres, walked in both directions along edges (node, node)."""
    from leuvenmapmatching.map.inmem import InMemMap  # noqa: PLC0415

    made = InMemMap("ways", use_latlon=False, use_rtree=True, index_edges=True)
    # It takes y before x.
    for node, (x, y) in enumerate(xy.tolist()):
        made.add_node(node, (y, x))
    for a, b in edges.tolist():
        made.add_edge(a, b)
        made.add_edge(b, a)
    return made


def matched(ways: Any, xy: np.ndarray, error_m: float) -> np.ndarray:
    """Return the edges (node, node) along which a track went, each with where it begins and ends on it."""
    from leuvenmapmatching.matcher.distance import DistanceMatcher  # noqa: PLC0415

    matcher = DistanceMatcher(
        ways,
        max_dist=FARTHEST_M,
        obs_noise=error_m,
        obs_noise_ne=2 * error_m,
        dist_noise=2 * error_m,
        max_lattice_width=CANDIDATES,
        non_emitting_states=True,
    )
    track = np.column_stack([xy[:, 1], xy[:, 0]]).tolist()
    done = 0
    walked = []
    while done < len(track) - 1:
        _, last = matcher.match([tuple(p) for p in track[done:]])
        walked += [(m.edge_m.l1, m.edge_m.l2, m.edge_m.ti) for m in matcher.lattice_best]
        # Where it finds no way on, it stops: a new start behind that.
        done += max(last, 0) + 1
    return np.array(walked, float).reshape(-1, 3)


def main() -> None:
    """Answer requests: first the map as `nodes` and `edges`, then tracks as `xy` with `error_m`."""
    ways: list[Any] = []

    def answer(
        nodes: np.ndarray | None = None,
        edges: np.ndarray | None = None,
        xy: np.ndarray | None = None,
        error_m: float = 5.0,
    ) -> dict[str, Any]:
        if nodes is not None and edges is not None:
            ways[:] = [graph(nodes, edges)]
        began = time.perf_counter()
        walked = matched(ways[0], xy, error_m) if xy is not None else np.empty((0, 3))
        return {"spent_s": time.perf_counter() - began, "walked": walked}

    serve(answer)


if __name__ == "__main__":
    main()
