"""The SQL of the roll-up: what was covered of each place on each local day, by the patrols that count.

What was taken back, or is not counted for now, has no part in it. Rows are locked in key order.
"""

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select, text, true, tuple_
from sqlalchemy.orm import Session

from geo_service.bulk import multirange
from geo_service.coverage.computing import LineRow, VisitRow
from geo_service.coverage.queries import PlaceDay, in_force
from geo_service.tables import AreaVisit, CellDay, LineCoverage, LineDay
from layers.vocabulary import Layer


def add_to_line_days(db: Session, county_id: int, rows: Sequence[LineRow]) -> None:
    """Join rows into the roll-up, in key order so that two uploads never wait for each other in a ring."""
    covering = [row for row in rows if row.spans or row.ridden]
    _add(
        db,
        "insert into line_day (county_id, place_version_id, day, spans)"
        " select :county_id, v, d, cast(s as int4multirange) + cast(r as int4multirange)"
        " from unnest(cast(:versions as bigint[]), cast(:days as date[]), cast(:spans as text[]),"
        "             cast(:ridden as text[])) row (v, d, s, r)"
        " order by v, d"
        " on conflict (place_version_id, day) do update set spans = line_day.spans + excluded.spans",
        county_id=county_id,
        versions=[row.version_id for row in covering],
        days=[row.day for row in covering],
        spans=[multirange(row.spans) for row in covering],
        ridden=[multirange(row.ridden) for row in covering],
    )


def add_to_cell_days(db: Session, county_id: int, rows: Sequence[VisitRow]) -> None:
    """Join rows into the roll-up, in key order."""
    blocks = [(row, *block) for row in rows for block in row.cells]
    _add(
        db,
        "insert into cell_day (county_id, place_version_id, day, block_x, block_y, seen)"
        " select :county_id, v, d, x, y, cast(s as bit(4096))"
        " from unnest(cast(:versions as bigint[]), cast(:days as date[]), cast(:xs as int[]),"
        "             cast(:ys as int[]), cast(:seen as text[])) r (v, d, x, y, s)"
        " order by v, d, x, y"
        " on conflict (place_version_id, day, block_x, block_y)"
        " do update set seen = cell_day.seen | excluded.seen",
        county_id=county_id,
        versions=[row.version_id for row, _, _, _ in blocks],
        days=[row.day for row, _, _, _ in blocks],
        xs=[x for _, x, _, _ in blocks],
        ys=[y for _, _, y, _ in blocks],
        seen=[bits for _, _, _, bits in blocks],
    )


def days_of(
    db: Session,
    county_id: int,
    patrol_ids: Sequence[uuid.UUID],
    *,
    only_in_force: bool = False,
    layers: Collection[Layer] = (),
) -> tuple[list[PlaceDay], list[PlaceDay]]:
    """Return the place-days that patrols have a part in: of lines, of areas, in key order.

    `only_in_force`: only of versions that are in force; `layers`: and only of these, if any are named.
    """
    found: list[list[PlaceDay]] = []
    for table in (LineCoverage, AreaVisit):
        rows = db.execute(
            select(table.place_version_id, table.day)
            .where(table.county_id == county_id, table.patrol_id.in_(patrol_ids))
            .where(in_force(table.place_version_id, layers) if only_in_force else true())
            .order_by(table.place_version_id, table.day)
        )
        found.append([(version_id, day) for version_id, day in rows])
    return found[0], found[1]


def lock_days(db: Session, county_id: int, lines: Sequence[PlaceDay], areas: Sequence[PlaceDay]) -> None:
    """Lock roll-up rows in key order: what is rebuilt next sees every upload that was before, none after."""
    for table, days, blocks in (
        (LineDay, lines, ()),
        (CellDay, areas, (CellDay.block_x, CellDay.block_y)),
    ):
        if days:
            db.execute(
                select(table.place_version_id)
                .where(table.county_id == county_id, tuple_(table.place_version_id, table.day).in_(days))
                .order_by(table.place_version_id, table.day, *blocks)
                .with_for_update()
            )


_REBUILD_LINE_DAYS = """
with wanted (place_version_id, day) as (
    select * from unnest(cast(:versions as bigint[]), cast(:days as date[]))
),
gone as (
    delete from line_day using wanted
    where line_day.county_id = :county_id and line_day.place_version_id = wanted.place_version_id
      and line_day.day = wanted.day
      and not exists (select from line_coverage c
                      join patrol p on p.id = c.patrol_id
                        and p.voided_at is null and p.verdict <> 'not_counted'
                      where c.place_version_id = wanted.place_version_id and c.day = wanted.day)
)
insert into line_day (county_id, place_version_id, day, spans)
select c.county_id, c.place_version_id, c.day,
       range_agg(case when p.rides_count then c.spans + c.ridden else c.spans end)
from line_coverage c join wanted using (place_version_id, day)
join patrol p on p.id = c.patrol_id and p.voided_at is null and p.verdict <> 'not_counted'
where c.county_id = :county_id
group by c.county_id, c.place_version_id, c.day
on conflict (place_version_id, day) do update set spans = excluded.spans
"""


_REBUILD_CELL_DAYS = """
with wanted (place_version_id, day) as (
    select * from unnest(cast(:versions as bigint[]), cast(:days as date[]))
),
gone as (
    delete from cell_day using wanted
    where cell_day.county_id = :county_id and cell_day.place_version_id = wanted.place_version_id
      and cell_day.day = wanted.day
      and not exists (select from cell_coverage c
                      join patrol p on p.id = c.patrol_id
                        and p.voided_at is null and p.verdict <> 'not_counted'
                      where c.place_version_id = wanted.place_version_id and c.day = wanted.day
                        and c.block_x = cell_day.block_x and c.block_y = cell_day.block_y)
)
insert into cell_day (county_id, place_version_id, day, block_x, block_y, seen)
select c.county_id, c.place_version_id, c.day, c.block_x, c.block_y, bit_or(c.seen)
from cell_coverage c join wanted using (place_version_id, day)
join patrol p on p.id = c.patrol_id and p.voided_at is null and p.verdict <> 'not_counted'
where c.county_id = :county_id
group by c.county_id, c.place_version_id, c.day, c.block_x, c.block_y
on conflict (place_version_id, day, block_x, block_y) do update set seen = excluded.seen
"""


def rebuild_line_days(db: Session, county_id: int, days: Sequence[PlaceDay]) -> None:
    """Make the roll-up of place-days anew from the rows of patrols that count."""
    _rebuild(db, _REBUILD_LINE_DAYS, county_id, days)


def rebuild_cell_days(db: Session, county_id: int, days: Sequence[PlaceDay]) -> None:
    """Make the roll-up of place-days anew from the rows of patrols that count."""
    _rebuild(db, _REBUILD_CELL_DAYS, county_id, days)


def add_patrol_to_days(db: Session, county_id: int, patrol_id: uuid.UUID) -> None:
    """Join what a patrol covered and saw into the roll-up once more, in key order."""
    for statement in (
        "insert into line_day (county_id, place_version_id, day, spans)"
        " select county_id, place_version_id, day, spans from line_coverage"
        " where county_id = :county_id and patrol_id = :patrol_id order by place_version_id, day"
        " on conflict (place_version_id, day) do update set spans = line_day.spans + excluded.spans",
        "insert into cell_day (county_id, place_version_id, day, block_x, block_y, seen)"
        " select county_id, place_version_id, day, block_x, block_y, seen from cell_coverage"
        " where county_id = :county_id and patrol_id = :patrol_id"
        " order by place_version_id, day, block_x, block_y"
        " on conflict (place_version_id, day, block_x, block_y)"
        " do update set seen = cell_day.seen | excluded.seen",
    ):
        db.execute(text(statement), {"county_id": county_id, "patrol_id": patrol_id})


def rebuild_all_line_days(db: Session, county_id: int, version_id: int) -> None:
    """Make the roll-up of all days of a version anew."""
    rebuild_line_days(db, county_id, _all_days(db, LineCoverage, county_id, version_id))


def rebuild_all_cell_days(db: Session, county_id: int, version_id: int) -> None:
    """Make the roll-up of all days of a version anew."""
    rebuild_cell_days(db, county_id, _all_days(db, AreaVisit, county_id, version_id))


def _add(db: Session, statement: str, *, county_id: int, versions: list[int], **columns: list[Any]) -> None:
    if versions:
        db.execute(text(statement), {"county_id": county_id, "versions": versions, **columns})


def _rebuild(db: Session, statement: str, county_id: int, days: Sequence[PlaceDay]) -> None:
    if not days:
        return
    values = {
        "county_id": county_id,
        "versions": [version_id for version_id, _ in days],
        "days": [day for _, day in days],
    }
    db.execute(text(statement), values)


def _all_days(
    db: Session, table: type[LineCoverage] | type[AreaVisit], county_id: int, version_id: int
) -> list[PlaceDay]:
    days = db.scalars(
        select(table.day)
        .where(table.county_id == county_id, table.place_version_id == version_id)
        .distinct()
        .order_by(table.day)
    )
    return [(version_id, day) for day in days]
