"""Open cases like a new one: of the same kind, near it along its place, of late."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service.cases import rules, where_queries, whereabouts
from geo_service.cases.rules import Ground
from layers.cases import OPEN
from layers.vocabulary import CaseState

NEAR_M = 250.0
"""How far apart two reports of one problem may lie (peers.md, part 5)."""
RECENT = dt.timedelta(days=30)
MOST = 5
_STATES = sorted(OPEN - {CaseState.SUBMITTED})


@dataclass(frozen=True)
class Similar:
    """An open case that a new one may be the same as."""

    case_id: int
    number: str
    what: str
    """Its category in words."""
    state: CaseState
    opened_at: dt.datetime
    away_m: float
    """Along the place, or else as the crow flies."""


def to_case(db: Session, ground: Ground, case_id: int) -> list[Similar]:
    """Return open cases like a case that is open itself, the nearest first."""
    _, north_m = whereabouts.metres_a_degree(0.0)
    rows = where_queries.alike(
        db,
        case_id,
        most_m=NEAR_M,
        recent=RECENT,
        most=MOST,
        north_m=north_m,
        open=sorted(OPEN),
        states=_STATES,
    )
    trees = rules.trees(db, ground, (row.category_edition_id for row in rows))
    words = {id_: tree.words for id_, tree in trees.items()}
    return [
        Similar(
            row.id, row.number, words[row.category_edition_id](row.category), CaseState(row.state),
            row.opened_at.astimezone(ground.zone), round(row.away_m, 1),
        )
        for row in rows
    ]  # fmt: skip
