"""The patrols under way: what came of each is kept, so that every second asks for little."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from geo_service.live.queries import Answer, Known
from layers.crs import to_wgs84
from layers.errors import BadTrack
from layers.tracks import Recording, clean
from layers.vocabulary import Datum

LIVE_FOR = dt.timedelta(minutes=15)
"""Whose last fix is older is not on the way any more, as far as one can tell."""
_NEVER = dt.datetime(1970, 1, 2, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Walk:
    """Somebody who is on the way."""

    patrol_id: uuid.UUID
    county_id: int
    person_id: uuid.UUID
    name: str
    people: int
    """How many walk, with companions."""
    areas: frozenset[int]
    """By which he is seen."""
    since: dt.datetime
    """In the county's zone, as `last_at`."""
    last_at: dt.datetime
    """Of his last fix."""
    walked_m: float
    position: tuple[float, float] | None
    """Lon, lat (WGS 84) of the last fix; None near where he set out: he may live there."""


@dataclass
class _Kept:
    """What came of a patrol, and what it amounts to."""

    batches: dict[str, Recording] = field(default_factory=dict)
    received_at: dt.datetime = _NEVER
    last_s: float = 0.0
    walked_m: float = 0.0
    position: tuple[float, float] | None = None


class Walks:
    """Keeps the patrols under way; used by one thread at a time."""

    def __init__(self, *, home_cut_m: float) -> None:
        self._home_cut_m = home_cut_m
        self._kept: dict[uuid.UUID, _Kept] = {}

    @property
    def known(self) -> dict[uuid.UUID, Known]:
        """What need not be asked for again."""
        return {id_: Known(len(kept.batches), kept.received_at) for id_, kept in self._kept.items()}

    def take(self, answer: Answer, now: dt.datetime) -> list[Walk]:
        """Add what came and return who is on the way, the latest first; forget who is told of no more."""
        rows = {uuid.UUID(row["id"]): row for row in answer.walks}
        self._kept = {id_: self._kept.get(id_, _Kept()) for id_ in rows}
        came: dict[uuid.UUID, list[dict[str, Any]]] = {}
        for batch in answer.batches:
            came.setdefault(uuid.UUID(batch["patrol_id"]), []).append(batch)
        for id_, batches in came.items():
            self._add(self._kept[id_], batches, rows[id_]["crs"])
            if len(self._kept[id_].batches) != rows[id_]["batches"]:
                # One was stored long after it came: all are asked for again.
                self._kept[id_].received_at = _NEVER
        walks = [_walk(row, self._kept[id_]) for id_, row in rows.items() if self._kept[id_].last_s]
        return [walk for walk in walks if now - walk.last_at <= LIVE_FOR]

    def _add(self, kept: _Kept, batches: Sequence[dict[str, Any]], crs: str | None) -> None:
        for batch in batches:
            kept.received_at = max(kept.received_at, _moment(batch["received_at"]))
            kept.batches[batch["id"]] = _recording(batch)
        whole = _joined(list(kept.batches.values()))
        if not whole.time_s.size:
            return
        # A phone whose clock is ahead has no fix from the future.
        kept.last_s = min(float(whole.time_s.max()), kept.received_at.timestamp())
        if crs is None:
            return
        try:
            track = clean(whole, crs)
        except BadTrack:
            return
        kept.walked_m = track.walked_m(crs)
        first, last = track.metric(crs)[[0, -1]]
        is_away = float(np.hypot(*(last - first))) > self._home_cut_m
        lon, lat = track.lonlat[-1].tolist()
        kept.position = (round(lon, 6), round(lat, 6)) if is_away else None


def _recording(batch: dict[str, Any]) -> Recording:
    lonlat = np.column_stack([np.array(batch["lon"], float), np.array(batch["lat"], float)])
    time_s = np.array(batch["time_s"], float)
    accuracy_m = batch["accuracy_m"] or [None] * time_s.size
    return Recording(
        time_s, to_wgs84(lonlat.reshape(-1, 2), Datum(batch["datum"])), np.array(accuracy_m, float)
    )


def _joined(recordings: Sequence[Recording]) -> Recording:
    times, places, accuracies = zip(*((r.time_s, r.lonlat, r.accuracy_m) for r in recordings), strict=True)
    return Recording(np.concatenate(times), np.concatenate(places), np.concatenate(accuracies))


def _walk(row: dict[str, Any], kept: _Kept) -> Walk:
    zone = ZoneInfo(row["time_zone"])
    return Walk(
        uuid.UUID(row["id"]), row["county_id"], uuid.UUID(row["person_id"]), row["name"], row["people"],
        frozenset(row["areas"]), _moment(row["started_at"]).astimezone(zone),
        dt.datetime.fromtimestamp(kept.last_s, zone).replace(microsecond=0), kept.walked_m, kept.position,
    )  # fmt: skip


def _moment(told: str) -> dt.datetime:
    return dt.datetime.fromisoformat(told)
