"""In which datum a phone's way really is: what it did not say, or said wrongly, shows at its walker's places.

Some phones say WGS 84 and send GCJ-02, half a kilometre off. A way that goes along none of the places of
its walker as it was said, and along them in another datum, was in that one.
"""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from geo_service.coverage import service as coverage
from geo_service.coverage.computing import NearArea, NearLine, Neighbourhood
from geo_service.patrols import verdict_queries
from geo_service.tables import County, Patrol
from layers import crs as crs_
from layers.lines import LineSet
from layers.measures import along_m, inside_m, way_of
from layers.reach import SIGHT_M
from layers.tracks import Track
from layers.vocabulary import Datum

Floats = NDArray[np.float64]

FITS = 0.6
"""The share of a way along the places, in the right datum."""
FAILS = 0.2
"""And in a wrong one, at most: a way that goes along them for more is taken as it was said."""
ELSEWHERE = 0.4
"""A way with this share along other places may have been walked there: that is not decided here."""
SHORTEST_M = 100.0
"""Of a shorter way one cannot tell."""


@dataclass(frozen=True)
class Found:
    """The datum in which a way fits the places, and whether that leaves no doubt."""

    datum: Datum
    is_sure: bool


def found_out(
    db: Session, county: County, patrol: Patrol, track: Track, near: Neighbourhood, said: Datum
) -> Found | None:
    """Return in which other datum than was `said` a patrol's way is; None: nothing speaks against it.

    `track`: cleaned, taken for what was said. Against the places of its walker's duties on its day and the
    one that it was for; without any, against all lines, which leaves a doubt.
    """
    own = own_places(db, county.id, patrol.person_id, patrol.day)
    own |= {patrol.place_id} if patrol.place_id is not None else set()
    return fitting(track, near, own, said, lambda moved: coverage.neighbourhood(db, county, moved))


def own_places(db: Session, county_id: int, person_id: uuid.UUID | None, day: dt.date) -> set[int]:
    """Return the places on the map of a person's duties on a day."""
    asked = [] if person_id is None else [(person_id, day)]
    duties = verdict_queries.held(db, county_id, asked).values()
    return {held.place_id for one in duties for held in one if held.on_map}


def fitting(
    track: Track,
    near: Neighbourhood,
    own: Collection[int],
    said: Datum,
    around: Callable[[Track], Neighbourhood],
) -> Found | None:
    """Return the other datum in which a track fits its `own` places (empty: any line); None: there is none.

    `near`: the places around it; `around` reads those around it where another datum puts it.
    """
    as_said = _share(track, near, own)
    if as_said is None or as_said > FAILS:
        return None
    for datum in (other for other in Datum if other is not said):
        moved = in_datum(track, said, datum)
        share = _share(moved, around(moved), own)
        if share is not None and share >= FITS:
            is_elsewhere = (_share(track, near, ()) or 0.0) >= ELSEWHERE
            return Found(datum, is_sure=bool(own) and not is_elsewhere)
    return None


def in_datum(track: Track, said: Datum, datum: Datum) -> Track:
    """Return a track, which was taken for what was said, as it is if its fixes were in another datum."""
    return replace(track, lonlat=crs_.to_wgs84(crs_.from_wgs84(track.lonlat, said), datum))


def _share(track: Track, near: Neighbourhood, own: Collection[int]) -> float | None:
    """Return the share of a way within reach of its own places (none: of any line); None: too short a way."""
    way = way_of(track.metric(near.crs), track.time_s, track.piece)
    whole_m = float(way.path.length_m.sum())
    if whole_m < SHORTEST_M:
        return None
    lines = _which(near.lines, own) if own else np.ones(len(near.lines), dtype=bool)
    areas = _which(near.areas, own)
    metres = 0.0
    if lines.any():
        chosen = list(compress(near.lines, lines))
        only = replace(near, lines=chosen, areas=[])
        line_set: LineSet = only.line_set
        metres = float(np.sum(along_m(way, line_set, only.reach_m)))
    if areas.any():
        metres += float(np.sum(inside_m(way, near.polygons[areas], SIGHT_M)))
    return metres / whole_m


def _which(places: Sequence[NearLine] | Sequence[NearArea], own: Collection[int]) -> NDArray[np.bool_]:
    return np.array([place.place_id in own for place in places], dtype=bool)
