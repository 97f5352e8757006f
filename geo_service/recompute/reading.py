"""Chunks read from the database: patrols that lie together, with one look at the places around them all."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from geo_service.coverage import many
from geo_service.recompute import queries
from geo_service.recompute.computing import Chunk
from geo_service.recompute.queries import ToDo
from geo_service.tables import County
from layers.vocabulary import Layer

MOST_PATROLS = 64
MOST_FIXES = 200_000
"""A task of about half a second, of 5 MB: long beside what it costs to send it, short beside a stop."""


@dataclass(frozen=True, eq=False)
class Packed:
    """A chunk ready to be sent, and the hash of what each of its patrols rests on."""

    chunk: bytes
    inputs: Mapping[uuid.UUID, str]


def groups(to_do: Sequence[ToDo]) -> Iterator[list[uuid.UUID]]:
    """Yield patrols in groups that make a task each, in the order in which they come."""
    group: list[uuid.UUID] = []
    fixes = 0
    for one in to_do:
        if group and (len(group) == MOST_PATROLS or fixes + one.fixes > MOST_FIXES):
            yield group
            group, fixes = [], 0
        group.append(one.id)
        fixes += one.fixes
    if group:
        yield group


def read(
    db: Session, county: County, patrol_ids: Sequence[uuid.UUID], layers: Sequence[Layer] = ()
) -> Packed:
    """Read what patrols need to be computed anew; `layers`: only places of these, if any are named."""
    found = queries.tracks(db, patrol_ids)
    boxes = np.array([one.box for one in found if one.box is not None], np.float64).reshape(-1, 4)
    near = many.places_around(db, county, boxes, layers)
    chunk = Chunk(
        near.crs,
        county.time_zone,
        [one.stored for one in found],
        near.lines,
        near.areas,
        many.cells_around(db, county.id, near, boxes),
    )
    return Packed(chunk.packed(), {one.stored.patrol_id: one.inputs for one in found})
