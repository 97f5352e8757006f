"""How a roster, or a workbook that comes back, is taken."""

import datetime as dt
from dataclasses import dataclass

from geo_service.people.imports import ImportOptions


@dataclass(frozen=True)
class RosterOptions(ImportOptions):
    """How a roster is taken."""

    reconcile: bool = False
    """Also tell and ask about what the register has and the roster no longer names."""
    last_day: dt.date | None = None
    """The last day of duties that end by an answer; None: yesterday."""
