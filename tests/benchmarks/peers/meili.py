"""Meili, the map matcher of Valhalla, as a peer: what it says was walked, as spans of the ways of a map."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layers import crs as crs_
from layers.spans import SpanSet
from layers.tracks import Recording
from tests.benchmarks.drawn import spans
from tests.benchmarks.network import Network
from tests.benchmarks.peers.venv import Peer, running


class Feeding(NamedTuple):
    """How fixes are prepared for it: means of `mean_s`, one in `every_s`, unless they come less often."""

    mean_s: float
    every_s: float

    @property
    def name(self) -> str:
        """As it stands in the table."""
        return f"Meili {self.mean_s:g}/{self.every_s:g}"


USUAL = Feeding(20.0, 10.0)
"""What was its best when the targets were set: they are judged by it."""
CALM = Feeding(30.0, 20.0)
"""Better for it, found on the walks for tuning: 0.002 of F1 at a fix in 1 s, 0.03 at one in 10 s.

Of seven feedings tried (20/10, 20/15, 30/15, 20/20, 30/20, 40/20, 30/30), 40/20 is a little better at an
error of 10 m and worse at 5 m. Its options (gps_accuracy, search_radius 25 to 80, turn_penalty_factor 0 to
500) move it by less.
"""


class Meili:
    """Meili on the map of a network."""

    def __init__(self, peer: Peer, network: Network) -> None:
        self._peer, self._network = peer, network
        self._order = np.argsort(network.way_id)

    def found(self, recording: Recording, feeding: Feeding = USUAL) -> tuple[SpanSet, float]:
        """Return what it found, and the seconds from its fixes to its answer as Python lists.

        The step from there to spans is ours and costs it nothing.
        """
        answer = self._peer.ask(time_s=recording.time_s, lonlat=recording.lonlat, **feeding._asdict())
        known = np.isin(answer["edges"][:, 0], self._network.way_id)
        way, first, last = answer["edges"][known].T
        row = self._order[np.searchsorted(self._network.way_id[self._order], way)]
        xy = crs_.to_metric(decoded(answer["shape"]), self._network.crs)
        count = last - first
        edge = np.repeat(np.arange(row.size), count)
        vertex = first[edge] + np.arange(edge.size) - np.repeat(np.cumsum(count) - count, count)
        return spans(self._network.lines, row[edge], xy[vertex], xy[vertex + 1]), answer["spent_s"]


def decoded(shape: str) -> NDArray[np.float64]:
    """Return lon, lat of an encoded polyline with six digits, shape (n, 2).

    >>> decoded("_c`|@_c`|@_seK_seK").tolist()
    [[1.0, 1.0], [1.2, 1.2]]
    """
    code = np.frombuffer(shape.encode(), np.uint8).astype(np.int64) - 63
    ends = np.flatnonzero(code < 32)
    begins = np.r_[0, ends[:-1] + 1] if ends.size else ends
    place = np.arange(code.size) - np.repeat(begins, ends - begins + 1)
    whole = np.add.reduceat((code & 31) << 5 * place, begins) if ends.size else ends
    step = np.where(whole & 1, ~(whole >> 1), whole >> 1).reshape(-1, 2)
    return np.cumsum(step, axis=0)[:, ::-1] / 1e6


@contextmanager
def meili(python: Path, network: Network, osm_file: Path) -> Iterator[Meili]:
    """Run Meili in the peers' Python; its tiles are kept beside it."""
    tiles = python.parents[1] / f"tiles-{osm_file.stat().st_size}"
    with running(python, "tests.benchmarks.peers.meili_worker", osm_file.resolve(), tiles.resolve()) as peer:
        yield Meili(peer, network)
