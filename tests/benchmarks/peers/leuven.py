"""LeuvenMapMatching as a peer: the most accurate matcher in plain Python that is known."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from layers import crs as crs_
from layers.spans import SpanSet
from layers.tracks import Recording
from tests.benchmarks.drawn import spans, steps
from tests.benchmarks.network import Network
from tests.benchmarks.peers.venv import Peer, running

ERROR_M = 5.0


class Leuven:
    """LeuvenMapMatching on the routed ways of a network."""

    def __init__(self, peer: Peer, network: Network) -> None:
        self._peer, self._network = peer, network
        ways = np.flatnonzero(network.routed)
        row, a, b = steps(network.lines[ways])
        _, node, number = np.unique(
            np.rint(np.vstack([a, b]) * 10), axis=0, return_index=True, return_inverse=True
        )
        self._nodes = np.vstack([a, b])[node]
        edges = number.ravel().reshape(2, -1).T
        # Of two ways between the same nodes it can know only one.
        self._edges, first = np.unique(np.sort(edges, axis=1), axis=0, return_index=True)
        self._way = ways[row[first]]
        self._peer.ask(nodes=self._nodes, edges=self._edges)

    def found(self, recording: Recording) -> tuple[SpanSet, float]:
        """Return what it found, and the seconds that took in its own process."""
        xy = crs_.to_metric(recording.lonlat, self._network.crs)
        answer = self._peer.ask(xy=xy, error_m=ERROR_M)
        return self._spans(answer["walked"]), answer["spent_s"]

    def _spans(self, walked: NDArray[np.float64]) -> SpanSet:
        """Return states (node, node, share of the edge) as spans: from one state to the next.

        Two states on one edge cover what lies between them; from one edge to the next both are covered up to
        the node between them.
        """
        ends, at = walked[:, :2].astype(np.int64), walked[:, 2]
        here = self._at(ends, at)
        same = (ends[1:] == ends[:-1]).all(axis=1)
        joined = ~same & (ends[:-1, 1] == ends[1:, 0])
        onward, back = self._nodes[ends[:-1, 1]], self._nodes[ends[1:, 0]]
        a = np.vstack([here[:-1][same], here[:-1][joined], back[joined]])
        b = np.vstack([here[1:][same], onward[joined], here[1:][joined]])
        edge = np.vstack([ends[:-1][same], ends[:-1][joined], ends[1:][joined]])
        return spans(self._network.lines, self._ways(edge), a, b)

    def _at(self, ends: NDArray[np.int64], share: NDArray[np.float64]) -> NDArray[np.float64]:
        a, b = self._nodes[ends[:, 0]], self._nodes[ends[:, 1]]
        return np.asarray(a + share[:, None] * (b - a))

    def _ways(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        key = self._edges @ [len(self._nodes), 1]
        return np.asarray(self._way[np.searchsorted(key, np.sort(ends, axis=1) @ [len(self._nodes), 1])])


@contextmanager
def leuven(python: Path, network: Network) -> Iterator[Leuven]:
    """Run it in the peers' Python."""
    with running(python, "tests.benchmarks.peers.leuven_worker") as peer:
        yield Leuven(peer, network)
