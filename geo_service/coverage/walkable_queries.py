"""The SQL of where one can walk in grids: which lie near changed places, their cells, and their sum.

`walkable` is `beside_lines` with all that the roll-up saw, and nothing where the first is unknown. Rows are
locked in key order, and after those of the roll-up.
"""

from collections.abc import Iterable, Mapping, Sequence

from geoalchemy2 import functions as geo
from sqlalchemy import func, or_, select, text
from sqlalchemy.orm import Session, aliased

from geo_service.bulk import among
from geo_service.coverage.computing import NearLine, VisitRow
from geo_service.coverage.queries import IN_FORCE, LINE, lines_of
from geo_service.tables import Place, PlaceCells, PlaceVersion
from layers.cells import CellSet
from layers.vocabulary import Layer


def grids(
    db: Session,
    county_id: int,
    *,
    near: Sequence[int] | None,
    room_deg: float,
    behind: int,
    limit: int | None,
) -> list[int]:
    """Return by id the versions in force of grids that are, or lie near, some places (None: all grids).

    Near a line is also who lies near where it once was. Only versions with a larger id than `behind`.
    """
    query = (
        select(PlaceVersion.id)
        .join(Place, IN_FORCE)
        .where(Place.county_id == county_id, Place.layer == Layer.GRID, PlaceVersion.id > behind)
        .order_by(PlaceVersion.id)
        .limit(limit)
    )
    if near is not None:
        line = aliased(PlaceVersion)
        around = geo.ST_Expand(PlaceVersion.polygon, room_deg)
        lies_near = select(line.id).where(among(line.place_id, near), line.line.op("&&")(around)).exists()
        query = query.where(or_(among(Place.id, near), lies_near))
    return list(db.scalars(query))


def counties_never_laid(db: Session) -> list[int]:
    """Return the counties that have grids and lines, and of none of their grids is anything known."""
    grid, line = aliased(PlaceVersion), aliased(PlaceVersion)
    return list(
        db.scalars(
            select(Place.county_id)
            .join(grid, (grid.id == Place.version_id) & (grid.place_id == Place.id))
            .where(Place.layer == Layer.GRID)
            .group_by(Place.county_id)
            .having(func.count(grid.walkable_m2) == 0)
            .having(select(line.id).where(line.county_id == Place.county_id, line.line.is_not(None)).exists())
            .order_by(Place.county_id)
        )
    )


def lines_near(db: Session, county_id: int, version_ids: Sequence[int], room_deg: float) -> list[NearLine]:
    """Return the lines of the register around versions of areas."""
    area = aliased(PlaceVersion)
    rows = db.execute(
        select(*LINE)
        .join(PlaceVersion, IN_FORCE)
        .where(
            Place.county_id == county_id,
            select(area.id)
            .where(
                among(area.id, version_ids),
                PlaceVersion.line.op("&&")(geo.ST_Expand(area.polygon, room_deg)),
            )
            .exists(),
        )
        .order_by(Place.id)
    ).all()
    return lines_of(rows)


def blocks_of(db: Session, county_id: int, version_ids: Sequence[int]) -> list[tuple[int, int, int]]:
    """Lock the rows of cells of versions in key order and return their keys: version, block_x, block_y."""
    rows = db.execute(
        select(PlaceCells.place_version_id, PlaceCells.block_x, PlaceCells.block_y)
        .where(PlaceCells.county_id == county_id, among(PlaceCells.place_version_id, version_ids))
        .order_by(PlaceCells.place_version_id, PlaceCells.block_x, PlaceCells.block_y)
        .with_for_update(key_share=True)
    )
    return [(version_id, x, y) for version_id, x, y in rows]


def set_beside_lines(
    db: Session,
    county_id: int,
    blocks: Sequence[tuple[int, int, int]],
    found: Mapping[int, CellSet | None],
) -> None:
    """Store for versions what the lines around them show; nothing where they say nothing."""
    bits = {
        (version_id, x, y): row
        for version_id, cells in found.items()
        if cells is not None
        for x, y, row in cells.to_bits()
    }
    none = "0" * 4096
    rows = [(*key, None if found[key[0]] is None else bits.get(key, none)) for key in blocks]
    db.execute(
        text(
            "update place_cells p set beside_lines = cast(r.bits as bit(4096))"
            " from unnest(cast(:versions as bigint[]), cast(:xs as int[]), cast(:ys as int[]),"
            "             cast(:bits as text[])) r (v, x, y, bits)"
            " where p.county_id = :county_id and p.place_version_id = r.v"
            "   and p.block_x = r.x and p.block_y = r.y"
        ),
        {"county_id": county_id} | _columns(rows),
    )


_REBUILD = """
update place_cells p
set walkable = p.beside_lines | (coalesce(e.seen, cast(0 as bit(4096))) & p.inside)
from place_cells q
left join (
    select place_version_id, block_x, block_y, bit_or(seen) as seen from cell_day
    where county_id = :county_id and place_version_id = any(cast(:versions as bigint[]))
    group by place_version_id, block_x, block_y
) e using (place_version_id, block_x, block_y)
where q.county_id = :county_id and q.place_version_id = any(cast(:versions as bigint[]))
  and p.place_version_id = q.place_version_id and p.block_x = q.block_x and p.block_y = q.block_y
"""

_MEASURE = """
update place_version v set walkable_m2 = m.m2
from (
    select p.place_version_id,
           cast(sum(100 * bit_count(p.walkable) - coalesce(
               (select sum(100 - e.m2) from unnest(p.edge_cell, p.edge_m2) e (cell, m2)
                where get_bit(p.walkable, e.cell) = 1), 0)) as double precision) as m2
    from place_cells p
    where p.county_id = :county_id and p.place_version_id = any(cast(:versions as bigint[]))
    group by p.place_version_id
) m
where v.county_id = :county_id and v.id = m.place_version_id and v.walkable_m2 is distinct from m.m2
"""


def known(db: Session, county_id: int, version_ids: Iterable[int]) -> list[int]:
    """Return those of some versions of which it is known where one can walk, in order."""
    return list(
        db.scalars(
            select(PlaceCells.place_version_id)
            .where(
                PlaceCells.county_id == county_id,
                among(PlaceCells.place_version_id, version_ids),
                PlaceCells.beside_lines.is_not(None),
            )
            .distinct()
            .order_by(PlaceCells.place_version_id)
        )
    )


def rebuild(db: Session, county_id: int, version_ids: Sequence[int]) -> None:
    """Make `walkable` and its sum anew, from the lines and the roll-up; the rows are locked already."""
    parameters = {"county_id": county_id, "versions": list(version_ids)}
    db.execute(text(_REBUILD), parameters)
    db.execute(text(_MEASURE), parameters)


_LOCK = """
select from place_cells p
join unnest(cast(:versions as bigint[]), cast(:xs as int[]), cast(:ys as int[])) r (v, x, y)
  on p.place_version_id = r.v and p.block_x = r.x and p.block_y = r.y
where p.county_id = :county_id
order by p.place_version_id, p.block_x, p.block_y for no key update of p
"""

_JOIN = """
update place_cells p set walkable = p.walkable | (s.seen & p.inside)
from (
    select v, x, y, bit_or(cast(bits as bit(4096))) as seen
    from unnest(cast(:versions as bigint[]), cast(:xs as int[]), cast(:ys as int[]), cast(:bits as text[]))
         r (v, x, y, bits)
    group by v, x, y
) s
where p.county_id = :county_id and p.place_version_id = s.v and p.block_x = s.x and p.block_y = s.y
  and bit_count(s.seen & p.inside & ~p.walkable) > 0
returning p.place_version_id
"""


def join(db: Session, county_id: int, visits: Sequence[VisitRow]) -> None:
    """Join what was seen of grids to where one can walk in them, where that is known and anything is new."""
    blocks = [(row.version_id, *block) for row in visits for block in row.cells]
    if not blocks:
        return
    parameters = {"county_id": county_id} | _columns(blocks)
    # First locked, then looked at: who lays the grid at this moment has not seen these rows of the roll-up.
    db.execute(text(_LOCK), parameters)
    versions = db.scalars(text(_JOIN), parameters).all()
    if versions:
        db.execute(text(_MEASURE), {"county_id": county_id, "versions": sorted(set(versions))})


def _columns(rows: Sequence[tuple[int, int, int, str | None]]) -> dict[str, list[int] | list[str | None]]:
    return {
        "versions": [row[0] for row in rows],
        "xs": [row[1] for row in rows],
        "ys": [row[2] for row in rows],
        "bits": [row[3] for row in rows],
    }
