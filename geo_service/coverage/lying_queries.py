"""The SQL of where places lie: in which areas, and which spans of them."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from sqlalchemy import Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import INT4MULTIRANGE, aggregate_order_by
from sqlalchemy.orm import Session, aliased

from geo_service.bulk import among, elements_of, spans_in
from geo_service.coverage.lying import Township, Townships
from geo_service.coverage.windows import ALL_DM, numbered, numbered_in, sent_as_one, span_set
from geo_service.tables import Area, PlaceArea
from layers.spans import SpanSet
from layers.vocabulary import Level


def member_spans(db: Session, county_id: int, areas: frozenset[int], index: dict[int, int]) -> SpanSet:
    """Return which spans (dm) of which places, numbered by `index` of their version, lie in the areas."""
    span = func.unnest(PlaceArea.spans).label("span")
    inner = select(PlaceArea.place_version_id.label("version_id"), span).where(
        PlaceArea.county_id == county_id, PlaceArea.area_id.in_(areas)
    )
    return span_set(db, inner, index)


def lying(
    db: Session, county_id: int, areas: Sequence[int], index: dict[int, int]
) -> dict[int, list[tuple[int, Sequence[tuple[int, int]] | None]]]:
    """Return for each area the numbered places in it, with their spans (dm) there; None: all of the place."""
    rows = db.execute(
        select(PlaceArea.area_id, PlaceArea.place_version_id, cast(PlaceArea.spans, Text)).where(
            PlaceArea.county_id == county_id,
            among(PlaceArea.area_id, areas),
            among(PlaceArea.place_version_id, index),
        )
    )
    found: dict[int, list[tuple[int, Sequence[tuple[int, int]] | None]]] = {}
    for area, version_id, spans in rows:
        found.setdefault(area, []).append((index[version_id], None if spans is None else spans_in(spans)))
    return found


def townships(
    db: Session, county_id: int, index: dict[int, int], listed: Mapping[int, int] | None = None
) -> Townships:
    """Return in which townships the numbered places lie; those of `listed` in that of the area it names."""
    known = (
        select(Area.id, Area.code, Area.name, func.row_number().over(order_by=Area.code).label("number"))
        .where(Area.county_id == county_id, Area.level == Level.TOWNSHIP)
        .cte("known")
    )
    span = func.unnest(func.coalesce(PlaceArea.spans, cast(f"{{[0,{ALL_DM})}}", INT4MULTIRANGE)))
    entry = (
        select(PlaceArea.place_version_id.label("version_id"), known.c.number, span.label("span"))
        .join(known, known.c.id == PlaceArea.area_id)
        .where(PlaceArea.county_id == county_id, numbered_in(index, PlaceArea.place_version_id))
        .subquery()
        .c
    )
    in_order = (
        select(func.array_agg(aggregate_order_by(column, known.c.number))).scalar_subquery()
        for column in (known.c.id, known.c.code, known.c.name)
    )
    entries = (entry.version_id, entry.number, func.lower(entry.span), func.upper(entry.span))
    ids, codes_, names, *sent = db.execute(select(*in_order, *map(sent_as_one, entries))).one()
    none = np.empty(0, np.int64)
    version, number, start, stop = (
        none if one is None else elements_of(one, kind).astype(np.int64)
        for one, kind in zip(sent, (">i8", ">i8", ">i4", ">i4"), strict=True)
    )
    own = numbered(version, index)
    on_map = np.column_stack([own, number - 1, start, stop])[own >= 0]
    position = {id_: k for k, id_ in enumerate(ids or ())}
    of_area = _township_of(db, county_id, listed.values()) if listed else {}
    off_map = [
        (k, position[of_area[area]], 0, ALL_DM) for k, area in (listed or {}).items() if area in of_area
    ]
    rows = np.concatenate([on_map, np.array(off_map, np.int64).reshape(-1, 4)])
    towns = [Township(code, name) for code, name in zip(codes_ or (), names or (), strict=True)]
    return Townships.of(towns, *rows.T)


def _township_of(db: Session, county_id: int, areas: Collection[int]) -> dict[int, int]:
    """Return of areas that are a township, or lie in one, its id."""
    town = aliased(Area)
    rows = db.execute(
        select(Area.id, town.id)
        .join(town, or_(town.id == Area.id, town.id == Area.parent_id))
        .where(Area.county_id == county_id, town.level == Level.TOWNSHIP, among(Area.id, set(areas)))
    )
    return dict(rows.all())
