"""Leave, weather and substitutes: entered, listed, taken away; what they change of what is due is pure."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, exemptions_in, people_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.columns import Column, Listing
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.norms import queries
from geo_service.norms.queries import ExemptionRow
from geo_service.tables import Exemption as ExemptionTable
from geo_service.tables import Person
from layers.dues import Exemption, Leave, StandIn, Weather
from layers.periods import DAY, Days
from layers.vocabulary import ExemptionKind

LONGEST_DAYS = 366
COLUMNS = (
    Column("id", "编号", "whole"),
    Column("kind", "类别"),
    Column("person", "人员", mask="name"),
    Column("substitute", "替班人", mask="name"),
    Column("area", "辖区"),
    Column("first_day", "第一天", "day"),
    Column("last_day", "最后一天", "day"),
    Column("reason", "原因"),
)


@dataclass(frozen=True)
class Request:
    """An exemption as someone asks for it: a leave or substitute of a person, the weather of an area."""

    kind: ExemptionKind
    days: Days
    person_id: uuid.UUID | None = None
    substitute_id: uuid.UUID | None = None
    area: str | None = None
    """Code of an area; none: the whole county."""
    reason: str | None = None


def add(db: Session, scope: Scope, request: Request) -> int:
    """Store an exemption and return its id. Raises Forbidden, NotFound, Invalid."""
    scope.demand(*CHANGE)
    _check(request)
    values = {
        "county_id": scope.county_id,
        "kind": request.kind,
        "days": queries.as_range(request.days),
        "reason": (request.reason or "").strip() or None,
        "person_id": _person(db, scope, request.person_id),
        "substitute_id": _person(db, scope, request.substitute_id),
        "area_id": _area(db, scope, request),
    }
    exemption_id = queries.insert_exemption(db, values)
    _record(db, scope, "exemptions.add", exemption_id, kind=request.kind.value, days=len(request.days))
    return exemption_id


def remove(db: Session, scope: Scope, exemption_id: int) -> None:
    """Take an exemption away. Raises Forbidden, NotFound."""
    scope.demand(*CHANGE)
    if queries.delete_exemption(db, exemptions_in(scope, *CHANGE), exemption_id) is None:
        raise NotFound("没有这条记录，或不在您的权限内。")
    _record(db, scope, "exemptions.remove", exemption_id)


def listed(db: Session, scope: Scope, days: Days | None = None) -> list[ExemptionRow]:
    """Return the exemptions of the scope, on any of the days, the latest first."""
    return queries.exemptions(db, exemptions_in(scope), days=days)


def listing(rows: Iterable[ExemptionRow]) -> Listing:
    """Return exemptions as a list."""
    told = [
        (
            row.id, ExemptionKind(row.kind), row.person, row.substitute, _where(row),
            queries.as_days(row.days).first, queries.as_days(row.days).last, row.reason,
        )
        for row in rows
    ]  # fmt: skip
    return Listing("exemptions", "请假、天气、替班", COLUMNS, told)


def of_county(db: Session, county_id: int, days: Days) -> list[Exemption]:
    """Return all exemptions of a county as `layers.dues` takes them; an area stands for all below it."""
    found: list[Exemption] = []
    for row in queries.exemptions(db, ExemptionTable.county_id == county_id, days=days):
        span = queries.as_days(row.days)
        if row.kind == ExemptionKind.LEAVE:
            found.append(Leave(row.person_id, span))
        elif row.kind == ExemptionKind.SUBSTITUTE:
            found.append(StandIn(row.person_id, row.substitute_id, span))
        elif row.area_id is None:
            found.append(Weather(None, span))
        else:
            found += [Weather(id_, span) for id_ in sorted(areas.descendants(db, county_id, [row.area_id]))]
    return found


def _where(row: ExemptionRow) -> str | None:
    if row.kind != ExemptionKind.WEATHER:
        return None
    return row.area or "全县"


def _check(request: Request) -> None:
    """Raise Invalid for what does not belong to its kind."""
    is_weather = request.kind is ExemptionKind.WEATHER
    if is_weather == (request.person_id is not None):
        raise Invalid("天气按辖区登记，不写人员；请假和替班要写明是谁。")
    if (request.kind is ExemptionKind.SUBSTITUTE) != (request.substitute_id is not None):
        raise Invalid("替班要写明替班人；请假和天气不写替班人。")
    if request.substitute_id is not None and request.substitute_id == request.person_id:
        raise Invalid("替班人是本人，请选择另一个人。")
    if not is_weather and request.area is not None:
        raise Invalid("请假和替班不写辖区。")
    if request.days.last > dt.date.max - LONGEST_DAYS * DAY:
        raise Invalid("日期太远了；请填近年的日期。")
    if len(request.days) > LONGEST_DAYS:
        raise Invalid(f"一次最多登记 {LONGEST_DAYS} 天；更久的请分次登记，或结束职责。")
    if request.reason is not None and ("\0" in request.reason or len(request.reason) > 200):
        raise Invalid("原因不超过 200 字。")


def days_of(first: dt.date, last: dt.date) -> Days:
    """Return the days from the first to the last. Raises Invalid if they are the wrong way round."""
    if first > last:
        raise Invalid(f"开始（{first}）在结束（{last}）之后；请把两个日期对调。")
    return Days(first, last)


def _person(db: Session, scope: Scope, person_id: uuid.UUID | None) -> uuid.UUID | None:
    if person_id is None:
        return None
    visible = people_in(scope, *CHANGE) & (Person.id == person_id) & Person.deleted_at.is_(None)
    if not queries.people(db, visible):
        raise NotFound("没有这个人员，或不在您的辖区内。")
    return person_id


def _area(db: Session, scope: Scope, request: Request) -> int | None:
    if request.kind is not ExemptionKind.WEATHER:
        return None
    if request.area is None:
        scope.demand_county(*CHANGE)
        return None
    area_id = areas.area_id_of(db, scope, request.area)
    if not scope.reaches(area_id, *CHANGE):
        raise Forbidden("只能登记您管理的辖区的天气。")
    return area_id


def _record(db: Session, scope: Scope, action: str, exemption_id: int, **detail: object) -> None:
    audit.record(
        db, scope.actor, action, county_id=scope.county_id, subject=f"exemption/{exemption_id}", **detail
    )
