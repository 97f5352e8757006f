"""The gap map of a report, as PNG."""

import contextlib

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage.ground import Query
from geo_service.errors import Conflict
from geo_service.figures.service import Asked
from geo_service.web import prints
from layers.vocabulary import GapKind
from maps import printing

WIDTH_PX = 1600
"""Of a picture 160 mm wide: 254 dots an inch, as office printers print."""
KINDS = (GapKind.UNASSIGNED, GapKind.NEGLECTED)
"""Disjoint, unlike 时段内未巡查, which holds places of both."""


def gap_map(db: Session, scope: Scope, asked: Asked) -> bytes | None:
    """Return the map of what is nobody's duty or was not walked; None where there is nothing to draw."""
    query = Query(asked.period.first, asked.period.last, area_id=asked.area_id)
    with contextlib.suppress(Conflict, printing.NothingToPrint):
        return printing.png(prints.gap_sheet(db, scope, query, KINDS), width_px=WIDTH_PX)
    return None
