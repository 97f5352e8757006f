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
    Box,
    LineRow,
    NearArea,
    NearLine,
    Neighbourhood,
    Passage,
    VisitRow,
    box_around,
)
from geo_service.patrols.stored import track_of
from layers.cells import AreaCells
from layers.tracks import Track

RULE = 1
"""Version of the rule of matching."""

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

    def near(self, track: Track) -> Neighbourhood:
        """Return the places around one track: those that an upload would compare it with, and no others."""
        box = box_around(track, self.crs)
        lines = [self.lines[k] for k in _meeting(self._line_bounds, box)]
        return Neighbourhood(self.crs, lines, [self.areas[k] for k in _meeting(self._area_bounds, box)])

    @cached_property
    def _line_bounds(self) -> NDArray[np.float64]:
        return _bounds([line.geometry for line in self.lines])

    @cached_property
    def _area_bounds(self) -> NDArray[np.float64]:
        return _bounds([area.geometry for area in self.areas])


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
    passage = Passage(chunk.near(track), track, zone)
    return Outcome(stored.patrol_id, passage.lines(), passage.visits(chunk.cells))


def _bounds(geometries: Sequence[Any]) -> NDArray[np.float64]:
    return np.asarray(shapely.bounds(np.array(geometries, dtype=object))).reshape(-1, 4)


def _meeting(bounds: NDArray[np.float64], box: Box) -> list[int]:
    """Return the rows of bounds that meet a box."""
    low, high = np.array(box[:2]), np.array(box[2:])
    meets = (bounds[:, :2] <= high).all(axis=1) & (bounds[:, 2:] >= low).all(axis=1)
    rows: list[int] = np.flatnonzero(meets).tolist()
    return rows


def _reals(sent: bytes) -> NDArray[np.floating[Any]]:
    values = np.frombuffer(sent, [("length", ">i4"), ("value", ">f4")], offset=min(_HEAD_BYTES, len(sent)))
    return np.asarray(values["value"])
