"""What one task computes: patrols that lie together, values in, rows out. No database: workers run it.

A chunk holds all that its patrols need: their tracks as they are stored, the places around them once, the
cells that may come into sight. It travels as bytes, which only the worker opens.
"""

import pickle
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray

from geo_service.coverage.computing import (
    LineRow,
    NearArea,
    NearLine,
    Neighbourhood,
    Passage,
    VisitRow,
)
from geo_service.patrols.stored import track_of
from layers import coverage
from layers.cells import AreaCells
from layers.tracks import Track

RULE = coverage.RULE
"""Version of the rule by which this process computes."""
_HEAD_BYTES = 20
"""Of an array of one dimension as PostgreSQL sends it; then a length and a value for each element."""


@dataclass(frozen=True)
class StoredTrack:
    """A patrol's track as it is stored."""

    patrol_id: uuid.UUID
    wkb: bytes
    accuracy: bytes | None
    """Its accuracies as PostgreSQL sends an array of `real`; None: not known."""

    def track(self) -> Track:
        """Return the track."""
        return track_of(shapely.from_wkb(self.wkb), None if self.accuracy is None else _reals(self.accuracy))


@dataclass(frozen=True, eq=False)
class Chunk:
    """Patrols that lie together, and all around them."""

    crs: str
    time_zone: str
    tracks: Sequence[StoredTrack]
    lines: Sequence[NearLine]
    areas: Sequence[NearArea]
    cells: Mapping[int, AreaCells]
    """By version, at least what may come into sight."""

    def packed(self) -> bytes:
        """Return it as bytes."""
        return pickle.dumps(self, protocol=pickle.HIGHEST_PROTOCOL)

    @cached_property
    def near(self) -> Neighbourhood:
        """All places around its patrols."""
        return Neighbourhood(self.crs, self.lines, self.areas)


@dataclass(frozen=True)
class Outcome:
    """What a patrol covered and saw."""

    patrol_id: uuid.UUID
    lines: Sequence[LineRow]
    visits: Sequence[VisitRow]


@dataclass(frozen=True)
class Answer:
    """What a task gives back: the rule it knows, and an outcome a patrol."""

    rule: int
    outcomes: Sequence[Outcome]


def compute(packed: bytes) -> Answer:
    """Compute the patrols of a packed chunk, each as its upload would."""
    chunk: Chunk = pickle.loads(packed)  # noqa: S301  (made by `packed`, sent to our own workers)
    zone = ZoneInfo(chunk.time_zone)
    return Answer(RULE, [_outcome(chunk, stored, zone) for stored in chunk.tracks])


def compute_file(path: str) -> Answer:
    """Compute the patrols of a packed chunk that lies in a file."""
    return compute(Path(path).read_bytes())


def _outcome(chunk: Chunk, stored: StoredTrack, zone: ZoneInfo) -> Outcome:
    track = stored.track()
    if len(track) == 0:
        return Outcome(stored.patrol_id, [], [])
    passage = Passage(chunk.near.around(track), track, zone)
    return Outcome(stored.patrol_id, passage.lines(), passage.visits(chunk.cells))


def _reals(sent: bytes) -> NDArray[np.floating[Any]]:
    values = np.frombuffer(sent, [("length", ">i4"), ("value", ">f4")], offset=min(_HEAD_BYTES, len(sent)))
    return np.asarray(values["value"])
