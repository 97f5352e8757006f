"""Duties that no longer fit their place: a part was lost with a new version, or the place left the scheme.

A misfit is looked at by a person: he ends the duty and gives another, hands it over, or says that it fits.
"""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, duties_in, place_ids_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.clock import today_in
from geo_service.columns import Column, Listing
from geo_service.errors import NotFound
from geo_service.people import misfit_queries
from geo_service.people.queries import Condition
from geo_service.tables import County, Duty
from layers.vocabulary import Layer, Role

_COLUMNS = (
    Column("id", "职责号", "whole"),
    Column("layer", "图层"),
    Column("code", "编码"),
    Column("name", "名称"),
    Column("townships", "镇街"),
    Column("person", "责任人", mask="name"),
    Column("role", "岗位"),
    Column("reason", "哪里不合适"),
    Column("lost", "少了（米或平方米）", "number"),
    Column("first_day", "开始日期", "day"),
    Column("changed_day", "图形改于", "day"),
)
_GEOMETRY = Column("geometry", "几何", "geometry")


@dataclass(frozen=True)
class Misfit:
    """A duty that no longer fits."""

    duty_id: int
    person_id: uuid.UUID
    person: str
    place_id: int
    version_id: int | None
    layer: Layer
    code: str
    name: str | None
    townships: Sequence[str]
    role: Role
    first_day: dt.date
    changed_day: dt.date | None
    """When the place got its present geometry."""
    lost: float | None
    """Metres of a line, square metres of an area."""
    reason: str


def found(
    db: Session, scope: Scope, *, area: str | None = None, layers: Sequence[Layer] = tuple(Layer)
) -> list[Misfit]:
    """Return the duties of the scope, in force today or later, that no longer fit; by township and place."""
    where = list(_own(scope))
    if area is not None:
        below = areas.descendants(db, scope.county_id, [areas.area_id_of(db, scope, area)])
        where.append(misfit_queries.lies_in(below))
    today = today_in(db, scope.county_id)
    zone = ZoneInfo(db.get_one(County, scope.county_id).time_zone)
    rows = misfit_queries.misfits(db, where, today, [layer.value for layer in layers])
    return [
        Misfit(
            row.id, row.person_id, row.person, row.place_id, row.version_id, Layer(row.layer), row.code,
            row.name, row.townships or [], Role(row.role), row.first_day,
            row.changed_at and row.changed_at.astimezone(zone).date(), row.lost, _reason(row),
        )
        for row in rows
    ]  # fmt: skip


def listing(misfits: Sequence[Misfit], geometries: Sequence[Any] | None = None) -> Listing:
    """Return misfits as a list; with geometries, each with that of its place."""
    rows = [
        (
            one.duty_id, one.layer, one.code, one.name, list(one.townships), one.person, one.role, one.reason,
            one.lost, one.first_day, one.changed_day, *(() if geometries is None else (geometries[k],)),
        )
        for k, one in enumerate(misfits)
    ]  # fmt: skip
    columns = _COLUMNS if geometries is None else (*_COLUMNS, _GEOMETRY)
    return Listing("misfits", "不再合适的职责", columns, rows)


def fits(db: Session, scope: Scope, duty_id: int) -> None:
    """Say that a duty fits as it is now: somebody has looked at it. Raises NotFound, Forbidden."""
    scope.demand(*CHANGE)
    if not misfit_queries.settle(db, duty_id, _own(scope)):
        raise NotFound("没有这项职责，或不在您的辖区内。")
    audit.record(db, scope.actor, "duties.fit", county_id=scope.county_id, subject=f"duty/{duty_id}")


def _own(scope: Scope) -> tuple[Condition, ...]:
    return duties_in(scope, *CHANGE), Duty.place_id.in_(place_ids_in(scope, *CHANGE))


def _reason(row: Any) -> str:
    told = []
    if row.is_empty:
        told.append("图形改了以后，他负责的范围一点也对不上了")
    elif row.lost:
        unit = "米" if Layer(row.layer).is_line else "平方米"
        told.append(f"图形改了以后，有 {row.lost:.0f} {unit}对不上了")
    elif row.is_beyond:
        told.append("范围超出了现在的长度")
    if not row.in_scheme:
        told.append("对象已经不纳管")
    return "；".join(told)
