"""Who looks after a place, as its plate and the page behind it tell strangers (domain.md 7.4).

An official by name and post, for that is his office's duty to tell. A volunteer by surname and number, or
with the first name masked: nobody has agreed to more.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy.orm import Session

from geo_service.plates import queries
from geo_service.plates.service import Hung
from layers import named
from layers.vocabulary import DutyKind, Level, Role
from maps.cards import Keeper

MOST = 8
"""Of one plate; more cannot be read."""


def of_plates(db: Session, plates: Sequence[Hung], day: dt.date) -> dict[str, list[Keeper]]:
    """Return who looks after the place of each plate on a day; of a long one, where the plate hangs."""
    rows: dict[int, list[Any]] = {}
    for row in queries.keepers(db, {plate.place_id for plate in plates}, day):
        rows.setdefault(row.place_id, []).append(row)
    return {plate.id: list(_keepers(db, plate, rows.get(plate.place_id, ()))) for plate in plates}


def _keepers(db: Session, plate: Hung, rows: Iterable[Any]) -> Iterable[Keeper]:
    at_dm = None
    if plate.at is not None and plate.version_id is not None:
        at_dm = queries.along_dm(db, plate.version_id, plate.at)
    seen: set[Any] = set()
    for row in rows:
        elsewhere = at_dm is not None and row.spans is not None and not _holds(row.spans, at_dm)
        if elsewhere or row.person_id in seen or len(seen) == MOST:
            continue
        seen.add(row.person_id)
        yield keeper(row.role, row.kind, row.level, row.name, number=row.number, post=row.post)


def _holds(spans: Iterable[Any], at_dm: int) -> bool:
    return any(span.lower <= at_dm <= span.upper for span in spans)


def keeper(
    role: str, kind: str, level: str, name: str, *, number: str | None = None, post: str | None = None
) -> Keeper:
    """Return how somebody is named.

    >>> keeper("river_steward", "volunteer", "village", "王秀英", number="0417")
    Keeper(post='银发河长', name='王（0417 号）', phone=None)
    >>> keeper("river_steward", "volunteer", "village", "欧阳修文")
    Keeper(post='银发河长', name='欧阳**', phone=None)
    >>> keeper("road_steward", "official", "township", "李卫国", post="副镇长")
    Keeper(post='镇级路长', name='李卫国  副镇长', phone=None)
    """
    word = Role(role).zh
    if DutyKind(kind) is DutyKind.OFFICIAL:
        return Keeper(f"{Level(level).zh}{word}", "  ".join(filter(None, (name, post))))
    own = word if word == Role.COMPOUND_STEWARD.zh else f"银发{word}"
    surname = named.surname(name)
    masked = f"{surname}（{number} 号）" if number else surname + "*" * max(len(name) - len(surname), 1)
    return Keeper(own, masked)
