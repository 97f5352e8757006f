"""Who walked nothing for long, which stretches with a steward nobody walked: for a kind word, no blame."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.bulk import spans_in
from geo_service.coverage import gaps
from geo_service.coverage.asked import SHORTEST_M
from geo_service.coverage.canvas import words_of
from geo_service.coverage.gap_rows import GapRow
from geo_service.coverage.gaps import GapTable
from geo_service.coverage.ground import Query
from geo_service.morning import queries
from geo_service.tables import County
from layers.periods import Days, days_up_to
from layers.vocabulary import GapKind, Layer

QUIET_DAYS = 30
"""A month without anything is worth a call."""


@dataclass(frozen=True)
class QuietPerson:
    """A volunteer of whom nothing was heard for long."""

    id: uuid.UUID
    name: str
    area: str | None
    last_day: dt.date | None
    """Of his last patrol or service; None: there is none yet."""
    days: int | None
    """How long ago that was."""
    places: int
    """On how many places his duties lie."""


@dataclass(frozen=True)
class QuietPeople:
    """How many volunteers are quiet, and those who are for longest."""

    count: int
    rows: Sequence[QuietPerson]


@dataclass(frozen=True)
class QuietPlace:
    """A place of which somebody's stretch was not walked in the window."""

    id: int
    layer: Layer
    name: str
    townships: Sequence[str]
    size: float
    """Metres of a line, square metres of an area, of all its stretches."""
    stretches: int
    where: str
    """Its longest stretch in words; empty for an area."""
    last_day: dt.date | None
    """On which anybody covered anything of it; None: never."""
    stewards: Sequence[tuple[uuid.UUID, str]]
    """Id and name of those whose stretch it is, so that one click leads to the telephone."""


@dataclass(frozen=True)
class QuietPlaces:
    """How many places have such stretches, how many metres of lines, and those quiet for longest."""

    window: Days
    count: int
    length_m: float
    rows: Sequence[QuietPlace]


def people(db: Session, scope: Scope, day: dt.date, *, most: int) -> QuietPeople:
    """Return the volunteers of the scope who did nothing in the days up to `day`."""
    count, rows = queries.quiet_people(db, scope, day, day - dt.timedelta(days=QUIET_DAYS), limit=most)
    return QuietPeople(
        count,
        [
            QuietPerson(id_, name, area, last, None if last is None else (day - last).days, places)
            for id_, name, area, last, places in rows
        ],
    )


def places(db: Session, scope: Scope, day: dt.date, *, most: int) -> QuietPlaces:
    """Return the places of the scope with stretches that are somebody's and that nobody walked lately.

    It is the gap `neglected` of the maps over these days.
    """
    window = days_up_to(day, QUIET_DAYS)
    question = Query(window.first, window.last, shortest_m=SHORTEST_M)
    table = gaps.gaps(db, scope, question, GapKind.NEGLECTED)
    found: dict[int, list[GapRow]] = defaultdict(list)
    for row in table.rows:
        found[row.number].append(row)
    version = {k: table.ground.places[k].version_id or 0 for k in found}
    last = queries.last_days(db, scope.county_id, list(version.values()), day)
    size = {k: sum(row.size or 0.0 for row in rows) for k, rows in found.items()}
    order = sorted(found, key=lambda k: (last.get(version[k], dt.date.min), -size[k]))
    length_m = sum(size[k] for k in found if table.ground.places[k].layer.is_line)
    shown = {k: found[k] for k in order[:most]}
    lasting = {k: last.get(version[k]) for k in shown}
    return QuietPlaces(window, len(found), length_m, _shown(db, scope, table, shown, lasting))


def _shown(
    db: Session,
    scope: Scope,
    table: GapTable,
    shown: dict[int, list[GapRow]],
    last: dict[int, dt.date | None],
) -> list[QuietPlace]:
    day, places = table.ground.query.last_day, table.ground.places
    holders: dict[int, list[tuple[uuid.UUID, str, str | None]]] = defaultdict(list)
    held = queries.stewards(db, scope, day, [places[k].place_id for k in shown])
    for place_id, person_id, name, spans in held:
        holders[place_id].append((person_id, name, spans))
    where = _where(
        db, scope, table, {k: max(rows, key=lambda row: row.size or 0.0) for k, rows in shown.items()}
    )
    return [
        QuietPlace(
            places[k].place_id, places[k].layer, places[k].name or f"无名{places[k].layer.zh}",
            list(dict.fromkeys(name for row in rows for name in row.townships)),
            sum(row.size or 0.0 for row in rows), len(rows), where.get(k, ""), last[k],
            _of(holders[places[k].place_id], rows),
        )
        for k, rows in shown.items()
    ]  # fmt: skip


def _where(db: Session, scope: Scope, table: GapTable, longest: dict[int, GapRow]) -> dict[int, str]:
    """Return by number where the longest stretch of each line lies, in words."""
    spans = {k: row.span_dm for k, row in longest.items() if row.span_dm is not None}
    county = db.get_one(County, scope.county_id)
    return dict(zip(spans, words_of(db, table.ground, county, list(spans.items())), strict=True))


def _of(
    holders: Sequence[tuple[uuid.UUID, str, str | None]], rows: Sequence[GapRow]
) -> list[tuple[uuid.UUID, str]]:
    """Return those whose duty meets one of the stretches, each once."""
    return list(
        dict.fromkeys(
            (person_id, name)
            for person_id, name, spans in holders
            if spans is None
            or any(
                row.span_dm is None
                or any(a < row.span_dm[1] and row.span_dm[0] < b for a, b in spans_in(spans))
                for row in rows
            )
        )
    )
