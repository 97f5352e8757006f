"""Tiles of a map and the version of what they show, by which a browser knows whether to ask again."""

import hashlib
from typing import Any

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import ground
from geo_service.coverage.ground import Query
from geo_service.tiles import queries, stretch_queries
from geo_service.tiles.queries import Asked
from geo_service.tiles.shape import STRETCHES_FROM, Form, Of, Tile

EDITION = 1
"""Of the contents of tiles and values; another one makes browsers ask again."""


def mark(db: Session, scope: Scope, query: Query, of: Of | None) -> str:
    """Return the entity tag of what a map shows: it changes when that changes, and for every question.

    Read before what is shown: what comes in between is then asked for again. None: of the values of places.
    """
    now = queries.version(db, scope.county_id)
    # Which places a volunteer sees is said by his duties.
    parts = [now.geometry] if of is Of.PLACES and scope.person_id is None else [now]
    rights = sorted((right, areas and sorted(areas)) for right, areas in scope.rights.items())
    told: tuple[Any, ...] = (EDITION, of, scope.county_id, rights, scope.person_id, _of(query, of), *parts)
    return f'W/"{hashlib.sha256(repr(told).encode()).hexdigest()[:32]}"'


def _of(query: Query, of: Of | None) -> Any:
    """Return what of a question matters: the places of a map are the same in every window."""
    return (query.layers, query.area_id, query.register) if of is Of.PLACES else query


def draw(db: Session, scope: Scope, query: Query, tile: Tile, of: Of, form: Form) -> bytes:
    """Return a tile; empty where nothing lies in it."""
    asked = _asked(db, scope, query)
    if of is Of.PLACES:
        return _whole(queries.places(db, scope, asked, tile, form), form)
    if tile.z < STRETCHES_FROM:
        return _whole(b"", form)
    lines = queries.lines_in(db, scope, asked, tile)
    return _whole(stretch_queries.stretches(db, scope, asked, lines, tile, form), form)


def extent(db: Session, scope: Scope, query: Query) -> tuple[float, float, float, float] | None:
    """Return west, south, east, north of the places asked for; None: none of them is on the map."""
    return queries.extent(db, scope, _asked(db, scope, query))


def _asked(db: Session, scope: Scope, query: Query) -> Asked:
    return Asked(
        query.first_day,
        query.last_day,
        query.layers,
        query.register == "scheme",
        ground.areas_of(db, scope, query),
        query.kind,
        query.level,
    )


def _whole(found: bytes, form: Form) -> bytes:
    if form is Form.MVT:
        return found
    return b'{"type":"FeatureCollection","features":' + (found or b"[]") + b"}"
