"""Places, their versions, and where they lie, in SQL; rows in bulk go by COPY."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from psycopg.types.json import Jsonb
from sqlalchemy import (
    Subquery,
    bindparam,
    delete,
    func,
    select,
    true,
    update,
)
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE, places_in
from geo_service.accounts.scope import Scope
from geo_service.bulk import among, copy_rows, multirange, new_ids
from geo_service.places.changes import Origins
from geo_service.places.matching import StoredPlace
from geo_service.places.membership import Districts, Membership
from geo_service.places.prepared import Prepared, Shape
from geo_service.tables import (
    County,
    Place,
    PlaceArea,
    PlaceCells,
    PlaceVersion,
)
from layers import crs as crs_
from layers.banks import stored_breadths, stored_sides
from layers.reach import Stretch
from layers.vocabulary import Layer

_GEOMETRY = func.ST_AsBinary(func.coalesce(PlaceVersion.line, PlaceVersion.polygon))


@dataclass(frozen=True)
class NewPlace:
    """A place about to be stored, with the code and name it was given."""

    prepared: Prepared
    code: str
    name: str | None
    id: int = 0
    """Given when it is stored."""

    @property
    def code_made(self) -> bool:
        """Whether the code was made here."""
        return self.prepared.draft.code is None


# --- reading


def locked_county(db: Session, county_id: int) -> County:
    """Return the county, for this transaction alone: imports come one after the other.

    Its key stays free: rows of uploads refer to it, and they need not wait for a whole import.
    """
    return db.scalars(select(County).where(County.id == county_id).with_for_update(key_share=True)).one()


def stored_places(
    db: Session, county_id: int, layer: Layer, crs: str, districts: Districts, *, place_id: int | None = None
) -> list[StoredPlace]:
    """Return all places of a layer with their versions in force, or the one with an id."""
    lies_in = _areas_by_version(county_id)
    rows = db.execute(
        select(
            Place,
            PlaceVersion.number,
            PlaceVersion.reach_m,
            PlaceVersion.sources,
            PlaceVersion.reaches,
            PlaceVersion.flow,
            PlaceVersion.banks,
            func.ST_AsBinary(PlaceVersion.axis),
            _GEOMETRY,
            lies_in.c.areas,
        )
        .outerjoin(PlaceVersion, PlaceVersion.id == Place.version_id)
        .outerjoin(lies_in, lies_in.c.place_version_id == Place.version_id)
        .where(
            Place.county_id == county_id,
            Place.layer == layer.value,
            true() if place_id is None else Place.id == place_id,
        )
        .order_by(Place.id)
    ).all()
    lonlat = shapely.from_wkb(np.array([geometry for *_, geometry, _ in rows], dtype=object))
    axes = shapely.from_wkb(np.array([axis for *_, axis, _, _ in rows], dtype=object))
    metres, axes_metres = crs_.project(lonlat, crs), crs_.project(axes, crs)
    return [
        StoredPlace(
            place.id,
            place.code,
            place.code_made,
            place.name,
            place.in_scheme,
            place.area_id,
            place.attributes,
            place.version_id,
            number or 0,
            lonlat[k],
            metres[k],
            reach_m,
            sources or (),
            [Stretch(*stretch) for stretch in reaches or ()],
            flow or (),
            axes[k],
            axes_metres[k],
            stored_sides(banks),
            stored_breadths(banks),
            frozenset(areas or districts.path(place.area_id or 0)),
        )
        for k, (place, number, reach_m, sources, reaches, flow, banks, _, _, areas) in enumerate(rows)
    ]


def _areas_by_version(county_id: int) -> Subquery:
    return (
        select(PlaceArea.place_version_id, func.array_agg(PlaceArea.area_id).label("areas"))
        .where(PlaceArea.county_id == county_id)
        .group_by(PlaceArea.place_version_id)
        .subquery()
    )


def taken(db: Session, county_id: int, layer: Layer) -> tuple[set[str], set[str]]:
    """Return all codes and all names of a layer."""
    rows = db.execute(
        select(Place.code, Place.name).where(Place.county_id == county_id, Place.layer == layer.value)
    ).all()
    return {code for code, _ in rows}, {name for _, name in rows if name}


def place_to_change(db: Session, scope: Scope, place_id: int) -> Place | None:
    """Return a place of the scope that it may change, for this transaction alone."""
    found = select(Place).where(places_in(scope, *CHANGE), Place.id == place_id)
    return db.scalars(found.with_for_update(of=Place)).one_or_none()


def ids_with_code(db: Session, scope: Scope, code: str) -> list[int]:
    """Return the places with a code that the scope may change."""
    return list(db.scalars(select(Place.id).where(places_in(scope, *CHANGE), Place.code == code)))


# --- writing


def insert_places(db: Session, county_id: int, layer: Layer, places: Sequence[NewPlace]) -> list[int]:
    """Store places without their versions, and return their ids."""
    ids = new_ids(db, Place, len(places))
    columns = ["county_id", "id", "layer", "code", "code_made", "name", "in_scheme", "area_id", "attributes"]
    copy_rows(
        db,
        Place,
        columns,
        (
            (
                county_id,
                id_,
                layer.value,
                place.code,
                place.code_made,
                place.name,
                place.prepared.draft.in_scheme,
                place.prepared.area_id,
                Jsonb(dict(place.prepared.draft.attributes)),
            )
            for id_, place in zip(ids, places, strict=True)
        ),
    )
    return ids


@dataclass(frozen=True, eq=False)
class NewVersion:
    """A version about to be stored and put in force."""

    place_id: int
    number: int
    shape: Shape
    areas: Membership
    reach_m: float | None = None
    reaches: Sequence[Stretch] = ()


def insert_versions(db: Session, county_id: int, versions: Sequence[NewVersion]) -> list[int]:
    """Store versions with their cells and areas, put them in force, and return their ids."""
    ids = new_ids(db, PlaceVersion, len(versions))
    columns = [
        "county_id",
        "id",
        "place_id",
        "number",
        "line",
        "polygon",
        "length_dm",
        "area_m2",
        "reach_m",
        "reaches",
        "flow",
        "axis",
        "banks",
        "sources",
    ]
    rows = list(zip(ids, versions, strict=True))
    copy_rows(db, PlaceVersion, columns, (_version_row(county_id, id_, version) for id_, version in rows))
    insert_memberships(db, county_id, [(id_, version.areas) for id_, version in rows])
    cell_columns = ["county_id", "place_version_id", "block_x", "block_y", "inside", "edge_cell", "edge_m2"]
    cells = (row for id_, version in rows for row in _cell_rows(county_id, id_, version.shape))
    copy_rows(db, PlaceCells, cell_columns, cells)
    db.execute(
        update(Place)
        .where(Place.id == PlaceVersion.place_id, among(PlaceVersion.id, ids))
        .values(version_id=PlaceVersion.id)
    )
    return ids


def _version_row(county_id: int, id_: int, version: NewVersion) -> tuple[Any, ...]:
    shape = version.shape
    geometry = _ewkb(shape.lonlat)
    is_line = shape.length_dm is not None
    return (
        county_id,
        id_,
        version.place_id,
        version.number,
        geometry if is_line else None,
        None if is_line else geometry,
        shape.length_dm,
        shape.area_m2,
        version.reach_m,
        Jsonb(list(version.reaches)),
        list(shape.flow),
        _ewkb(shapely.force_2d(shape.axis.lonlat)) if shape.axis is not None else None,
        _banks(shape),
        Jsonb(list(shape.sources)),
    )


def _ewkb(lonlat: Any) -> Any:
    return shapely.to_wkb(shapely.set_srid(lonlat, 4326), hex=True, include_srid=True)


def _banks(shape: Shape) -> Jsonb | None:
    if shape.axis is None:
        return None
    return Jsonb({"sides": list(shape.sides), "breadths": list(shape.breadths)})


def _cell_rows(county_id: int, version_id: int, shape: Shape) -> Iterable[tuple[Any, ...]]:
    if shape.cells is None:
        return
    for x, y, bits in shape.cells.inside.to_bits():
        flags, part_m2 = shape.cells.edge_m2[x, y]
        yield county_id, version_id, x, y, bits, flags.tolist(), part_m2.tolist()


def insert_memberships(db: Session, county_id: int, memberships: Iterable[tuple[int, Membership]]) -> None:
    """Store in which areas versions lie: version id and its areas."""
    copy_rows(
        db,
        PlaceArea,
        ["county_id", "place_version_id", "area_id", "spans"],
        (
            (county_id, id_, area_id, None if spans is None else multirange(spans))
            for id_, areas in memberships
            for area_id, spans in areas.items()
        ),
    )


def delete_memberships(db: Session, county_id: int, version_ids: Sequence[int]) -> None:
    """Forget in which areas versions lie."""
    db.execute(
        delete(PlaceArea).where(
            PlaceArea.county_id == county_id, among(PlaceArea.place_version_id, version_ids)
        )
    )


def update_places(db: Session, places: Mapping[int, Mapping[str, Any]]) -> None:
    """Change columns of places: place id -> column -> value."""
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for id_, values in places.items():
        if values:
            row = {f"new_{column}": value for column, value in values.items()} | {"place": id_}
            by_columns.setdefault(tuple(sorted(values)), []).append(row)
    for columns, rows in by_columns.items():
        changed: dict[str, Any] = {column: bindparam(f"new_{column}") for column in columns}
        db.connection().execute(update(Place).where(Place.id == bindparam("place")).values(changed), rows)


def update_origins(db: Session, origins: Mapping[int, Origins]) -> None:
    """Change the sources and reaches of versions whose geometry stayed, by version id."""
    if origins:
        db.connection().execute(
            update(PlaceVersion)
            .where(PlaceVersion.id == bindparam("version"))
            .values(
                sources=bindparam("new_sources"), reaches=bindparam("new_reaches"), flow=bindparam("new_flow")
            ),
            [
                {
                    "version": id_,
                    "new_sources": list(own.sources),
                    "new_reaches": list(own.reaches),
                    "new_flow": list(own.flow),
                }
                for id_, own in origins.items()
            ],
        )


def set_reach(db: Session, version_id: int, reach_m: float | None) -> None:
    """Give a version a reach of its own, or none."""
    db.execute(update(PlaceVersion).where(PlaceVersion.id == version_id).values(reach_m=reach_m))
