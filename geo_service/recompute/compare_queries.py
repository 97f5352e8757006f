"""The SQL of a comparison: what would be covered with a run's rows in place of those in force.

A place is compared over all days the run was asked for, by the patrols that cover; those that the run does
not hold stand on both sides. Only places on which the run changes a row are told.
"""

import datetime as dt
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from geo_service.bulk import spans_in
from layers.cells import CellSet
from layers.vocabulary import Layer

Spans = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Asked:
    """Which run is compared, on which layers, over the days since when (None: all)."""

    county_id: int
    run_id: int
    layers: list[str]
    since: dt.date | None


@dataclass(frozen=True)
class Place:
    """A place on which a run changes something."""

    version_id: int
    layer: Layer
    code: str
    name: str | None
    whole: float
    """Metres of a line, square metres of an area."""
    patrols: int
    """Whose rows on it are changed, be it only in what covers nothing."""


@dataclass(frozen=True)
class LineChange:
    """The spans of a line, in decimetres, before and after."""

    place: Place
    before_dm: int
    after_dm: int
    gained: Spans
    lost: Spans


@dataclass(frozen=True)
class CellChange:
    """The cells of an area place, before and after."""

    place: Place
    before: CellSet
    after: CellSet


# `mine`: the patrols of the run; `old_`, `new_`: their rows in force and those of the run; `_differs`: the
# versions and patrols where these are not the same. What a query does not name is not computed. Patrols that
# would keep what they have are not among `mine`.
_DIFFERS = """
with mine as (
  select r.patrol_id from recomputed_patrol r join patrol p on p.id = r.patrol_id
  where r.recomputation_id = :run_id
    and p.track is not null and p.voided_at is null and p.settled_at is not null),
version as (
  select v.id, place.layer, place.code, place.name, v.length_dm, v.area_m2
  from place join place_version v on v.id = place.version_id and v.place_id = place.id
  where place.county_id = :county_id and place.layer = any(:layers)),
covering as (
  select id, rides_count from patrol
  where county_id = :county_id and voided_at is null and settled_at is not null and verdict <> 'not_counted'
    and (cast(:since as date) is null or day >= :since)),
old_line as (
  select c.place_version_id v, c.day, c.patrol_id, c.spans, c.ridden, c.bridged, c.ambiguous
  from line_coverage c join mine using (patrol_id) join version on version.id = c.place_version_id),
new_line as (
  select c.place_version_id v, c.day, c.patrol_id, c.spans, c.ridden, c.bridged, c.ambiguous
  from recomputed_line c join mine using (patrol_id) join version on version.id = c.place_version_id
  where c.recomputation_id = :run_id),
line_differs as (
  select distinct v, patrol_id from old_line o full join new_line n using (v, day, patrol_id)
  where (o.spans, o.ridden, o.bridged, o.ambiguous)
    is distinct from (n.spans, n.ridden, n.bridged, n.ambiguous)),
old_visit as (
  select c.place_version_id v, c.day, c.patrol_id, c.dwell_s, c.entries
  from area_visit c join mine using (patrol_id) join version on version.id = c.place_version_id),
new_visit as (
  select c.place_version_id v, c.day, c.patrol_id, c.dwell_s, c.entries
  from recomputed_visit c join mine using (patrol_id) join version on version.id = c.place_version_id
  where c.recomputation_id = :run_id),
old_cells as (
  select c.place_version_id v, c.day, c.patrol_id, c.block_x, c.block_y, c.seen
  from cell_coverage c join mine using (patrol_id) join version on version.id = c.place_version_id),
new_cells as (
  select c.place_version_id v, c.day, c.patrol_id, c.block_x, c.block_y, c.seen
  from recomputed_cells c join mine using (patrol_id) join version on version.id = c.place_version_id
  where c.recomputation_id = :run_id),
area_differs as (
  select v, patrol_id from old_visit o full join new_visit n using (v, day, patrol_id)
  where (o.dwell_s, o.entries) is distinct from (n.dwell_s, n.entries)
  union
  select v, patrol_id from old_cells o full join new_cells n using (v, day, patrol_id, block_x, block_y)
  where o.seen is distinct from n.seen)
"""


def _with(query: str) -> TextClause:
    return text(_DIFFERS + query)


_LINES = _with(""",
changed as (select v, count(*) patrols from line_differs group by v),
parts as (
  select c.place_version_id v, c.patrol_id, c.spans, c.ridden, true is_before, mine.patrol_id is null is_after
  from line_coverage c join changed on changed.v = c.place_version_id left join mine using (patrol_id)
  union all
  select v, patrol_id, spans, ridden, false, true from new_line join changed using (v)),
unions as (
  select v, range_agg(s) filter (where is_before) b, range_agg(s) filter (where is_after) a
  from (select v, is_before, is_after, case when rides_count then spans + ridden else spans end s
        from parts join covering on covering.id = parts.patrol_id) covers
  group by v),
sets as (
  select v, patrols, coalesce(b, '{}') b, coalesce(a, '{}') a from changed left join unions using (v))
select version.id, layer, code, name, length_dm / 10.0, patrols,
  (select coalesce(sum(upper(s) - lower(s)), 0) from unnest(b) s),
  (select coalesce(sum(upper(s) - lower(s)), 0) from unnest(a) s),
  cast(a - b as text), cast(b - a as text)
from sets join version on version.id = sets.v
order by version.id
""")

_CELLS = _with(""",
changed as (select v, count(*) patrols from area_differs group by v),
parts as (
  select c.place_version_id v, c.patrol_id, c.block_x, c.block_y, c.seen,
    true is_before, mine.patrol_id is null is_after
  from cell_coverage c join changed on changed.v = c.place_version_id left join mine using (patrol_id)
  union all
  select v, patrol_id, block_x, block_y, seen, false, true from new_cells join changed using (v)),
unions as (
  select v, block_x, block_y,
    bit_or(seen) filter (where is_before) b, bit_or(seen) filter (where is_after) a
  from parts join covering on covering.id = parts.patrol_id
  group by v, block_x, block_y)
select version.id, layer, code, name, area_m2, patrols, block_x, block_y, bit_send(b), bit_send(a)
from changed join version on version.id = changed.v left join unions using (v)
order by version.id, block_x, block_y
""")

_PATROLS = _with("""
select version.layer, count(distinct patrol_id)
from (select v, patrol_id from line_differs union all select v, patrol_id from area_differs) differs
join version on version.id = differs.v
group by version.layer
""")


@contextmanager
def in_bulk(db: Session) -> Iterator[None]:
    """Have everything compared by hashing: of sets that it has not seen PostgreSQL expects a row or two."""
    db.execute(text("set local enable_nestloop = off"))
    yield
    db.execute(text("set local enable_nestloop = on"))


def lines(db: Session, asked: Asked) -> list[LineChange]:
    """Return the lines on which a run changes something."""
    found = db.execute(_LINES, vars(asked))
    return [
        LineChange(_place(row), int(row[6]), int(row[7]), spans_in(row[8]), spans_in(row[9]))
        for row in found.all()
    ]


def cells(db: Session, asked: Asked) -> list[CellChange]:
    """Return the area places on which a run changes something."""
    found = []
    for _, group in itertools.groupby(db.execute(_CELLS, vars(asked)).all(), lambda row: row[0]):
        rows = list(group)
        before, after = (
            CellSet.from_bytes([(row[6], row[7], row[k]) for row in rows if row[k] is not None])
            for k in (8, 9)
        )
        found.append(CellChange(_place(rows[0]), before, after))
    return found


def patrols(db: Session, asked: Asked) -> dict[Layer, int]:
    """Return how many patrols a run changes, by layer."""
    return {Layer(layer): count for layer, count in db.execute(_PATROLS, vars(asked))}


def _place(row: Any) -> Place:
    return Place(row[0], Layer(row[1]), row[2], row[3], float(row[4] or 0.0), row[5])
