"""People and their duties: taken in, changed, handed over, forgotten."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import or_
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts import register
from geo_service.accounts.narrow import (
    CHANGE,
    areas_in,
    duties_in,
    oneself,
    people_in,
    place_ids_in,
    places_in,
)
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.backups import deletions
from geo_service.bulk import among
from geo_service.clock import today_in
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.people import duty_queries, parts, queries, roster
from geo_service.people.charges import check_overlap
from geo_service.people.drafts import DutyDraft, DutySpan, Part, PersonDraft
from geo_service.people.lookup import Areas, Ground, People, Places, Unclear
from geo_service.privacy import forgetting, traces
from geo_service.tables import County, Duty, Person
from layers.vocabulary import DeletionReason, DutyKind, Level, Right, Role


@dataclass(frozen=True)
class DutyRequest:
    """A duty as someone asks for it: for the whole place, for stretches, or for a part of an area."""

    person_id: uuid.UUID
    place_id: int
    first_day: dt.date | None = None
    """None: today."""
    last_day: dt.date | None = None
    role: Role | None = None
    """None: the role of the place's layer."""
    kind: DutyKind = DutyKind.VOLUNTEER
    level: Level = Level.VILLAGE
    stretches_m: Sequence[tuple[float, float]] = field(default=())
    area: str | None = None
    """Code of a village: its part of the place."""
    polygon_wkt: str | None = None


# --- for other features


def add_people(db: Session, county_id: int, drafts: Sequence[PersonDraft]) -> list[uuid.UUID]:
    """Store many people and return their ids, in order."""
    queries.insert_people(db, county_id, drafts)
    return [draft.id for draft in drafts]


def add_duties(db: Session, county_id: int, drafts: Sequence[DutyDraft]) -> list[int]:
    """Store many duties and return their ids, in order; overlaps are the caller's business."""
    return duty_queries.insert_duties(db, county_id, drafts)


def nameable(db: Session, scope: Scope, *rights: Right) -> tuple[People, Places, Areas]:
    """Return whom and what the rows of a table may name, as far as the rights reach."""
    return (
        People(queries.person_names(db, people_in(scope, *rights))),
        Places(queries.grounds(db, places_in(scope, *rights))),
        Areas(areas.areas_of(db, scope.county_id, borders=False)),
    )


def duty_spans(
    db: Session,
    county_id: int,
    *,
    first_day: dt.date,
    last_day: dt.date | None = None,
    kind: DutyKind | None = None,
    level: Level | None = None,
    role: Role | None = None,
    place_ids: Collection[int] | None = None,
    person_id: uuid.UUID | None = None,
) -> list[DutySpan]:
    """Return the duties in force on a day of the window (both ends included; one day without `last_day`).

    By place and first day; not narrowed to a scope, that is the caller's business.
    """
    conditions = [Duty.county_id == county_id, duty_queries.in_force(first_day, last_day)]
    stated = ((Duty.kind, kind), (Duty.level, level), (Duty.role, role), (Duty.person_id, person_id))
    conditions += [column == value for column, value in stated if value is not None]
    if place_ids is not None:
        conditions.append(among(Duty.place_id, place_ids))
    return duty_queries.duty_spans(db, *conditions)


# --- people


def add_person(db: Session, scope: Scope, draft: PersonDraft) -> uuid.UUID:
    """Store one person. Raises Invalid, Conflict (the number is taken), NotFound (the area)."""
    scope.demand(*CHANGE)
    values = _tidied(
        db,
        scope,
        {"name": draft.name, "number": draft.number, "phone": draft.phone, "area_id": draft.area_id},
    )
    _demand_area(scope, draft.area_id)
    queries.insert_people(
        db, scope.county_id, [PersonDraft(**values, attributes=draft.attributes, id=draft.id)]
    )
    _record(db, scope, "people.add", f"person/{draft.id}")
    return draft.id


def change_person(db: Session, scope: Scope, person_id: uuid.UUID, values: Mapping[str, Any]) -> None:
    """Give a person new values of name, number, phone, area_id or single attributes (None: take away)."""
    person = _person(db, scope, person_id, lock=True)
    tidied = _tidied(db, scope, values, but=person_id)
    if "area_id" in tidied and tidied["area_id"] != person.area_id:
        _demand_area(scope, tidied["area_id"])
    if "attributes" in tidied:
        merged = {**person.attributes, **tidied["attributes"]}
        tidied["attributes"] = {key: value for key, value in merged.items() if value is not None}
    queries.update_people(db, scope.county_id, [(person_id, tidied)])
    _record(db, scope, "people.change", f"person/{person_id}", fields=sorted(tidied))


def delete_person(
    db: Session,
    scope: Scope,
    person_id: uuid.UUID,
    *,
    data_dir: Path,
    reason: DeletionReason = DeletionReason.WITHDRAWN,
) -> None:
    """Forget a person, everywhere (`privacy.declared` says what becomes of what); duties end.

    A coordinator of where he lives may, and he himself. What he covered stays, and a nameless row, so that
    past duties keep their holder apart from others. What lies beside the tables in `data_dir` goes once the
    transaction is through.
    """
    person = own_or_resident(db, scope, person_id, lock=True)
    day = today_in(db, scope.county_id)
    ended = duty_queries.end_duties_of(db, scope.county_id, person_id, day)
    accounts = register.forget_person(db, scope, person_id)
    gone = forgetting.forget(db, person, dt.datetime.now(dt.UTC))
    deletions.note(db, scope.county_id, person_id)
    detail = {"duties_ended": ended, "accounts": accounts, "files": len(gone), "reason": reason.value}
    _record(db, scope, "people.delete", f"person/{person_id}", **detail)
    traces.follow(db, data_dir, gone)


def own_or_resident(db: Session, scope: Scope, person_id: uuid.UUID, *, lock: bool = False) -> Person:
    """Return a person whose data are the scope's to see and to delete: oneself, or who lives in its areas.

    Raises NotFound, and Forbidden for a person who only serves there.
    """
    person = queries.person(db, or_(people_in(scope, *CHANGE), oneself(scope)), person_id, lock=lock)
    if person is None:
        raise NotFound("没有这个人，或不在您的权限内。")
    if person_id != scope.person_id and not scope.reaches(person.area_id, *CHANGE):
        raise Forbidden("这个人不住在您管理的辖区，只能由他所在辖区或县级管理员查看和删除全部资料。")
    return person


def _person(db: Session, scope: Scope, person_id: uuid.UUID, *, lock: bool = False) -> Person:
    scope.demand(*CHANGE)
    found = queries.person(db, people_in(scope, *CHANGE), person_id, lock=lock)
    if found is None:
        raise NotFound("没有这个人，或不在您的辖区内。")
    return found


def _demand_area(scope: Scope, area_id: int | None) -> None:
    if not scope.reaches(area_id, *CHANGE):
        raise Forbidden("只能登记到您管理的辖区，请写明镇街或村。")


def _tidied(
    db: Session, scope: Scope, values: Mapping[str, Any], *, but: uuid.UUID | None = None
) -> dict[str, Any]:
    tidy = {"name": roster.tidy_name, "number": roster.tidy_number, "phone": roster.tidy_phone}
    try:
        tidied: dict[str, Any] = {
            k: tidy[k](v) if k in tidy and v is not None else v for k, v in values.items()
        }
    except Unclear as reason:
        raise Invalid(f"{reason}。") from None
    if "name" in tidied and tidied["name"] is None:
        raise Invalid("姓名不能为空。")
    number = tidied.get("number")
    if number is not None and queries.has_number(db, scope.county_id, number, but=but):
        raise Conflict(f"编号 {number} 已经有人在用，请换一个。")
    area_id = tidied.get("area_id")
    if area_id is not None and not queries.has_area(db, areas_in(scope), area_id):
        raise areas.no_area()
    return tidied


# --- duties


def add_duty(db: Session, scope: Scope, request: DutyRequest) -> int:
    """Store one duty. Raises NotFound, Invalid, Conflict (the person has it already)."""
    person = _person(db, scope, request.person_id)
    queries.lock_register(db, scope.county_id)
    place = _place(db, scope, request.place_id)
    role = request.role or Role.of(place.layer)
    if role.layer is not place.layer:
        raise Invalid(f"{place.label}是{place.layer.zh}，岗位不能是{role.zh}。")
    try:
        part = _part(db, scope, place, request)
    except Unclear as reason:
        raise Invalid(f"{reason}。") from None
    draft = DutyDraft(
        person.id,
        place.id,
        role,
        request.first_day or today_in(db, scope.county_id),
        request.last_day,
        request.kind,
        request.level,
        **parts.stored_as(part),
    )
    return _stored(db, scope, draft, "duties.add")


def end_duty(db: Session, scope: Scope, duty_id: int, last_day: dt.date) -> None:
    """Let a duty end on a day, inclusive. Raises NotFound, Invalid, Conflict (it ended before)."""
    queries.lock_register(db, scope.county_id)
    duty = _duty(db, scope, duty_id)
    _demand_in_force(duty, last_day)
    duty_queries.set_last_day(db, scope.county_id, duty_id, last_day)
    _record(db, scope, "duties.end", f"duty/{duty_id}")


def hand_over(db: Session, scope: Scope, duty_id: int, to_person_id: uuid.UUID, on_day: dt.date) -> int:
    """End a duty on the day before `on_day`, begin the same for another person, and return its id.

    Raises NotFound, Invalid (the same person, a day not after its first), Conflict (it ended before, or
    the other person has it already).
    """
    taker = _person(db, scope, to_person_id)
    queries.lock_register(db, scope.county_id)
    duty = _duty(db, scope, duty_id)
    if taker.id == duty.person_id:
        raise Invalid("交接的是同一个人，请选择接任的人。")
    if on_day <= duty_queries.first_day_of(duty.in_force):
        raise Invalid(f"交接日期要晚于原职责的开始日期 {duty.in_force.lower}。")
    _demand_in_force(duty, on_day)
    draft = DutyDraft(
        taker.id,
        duty.place_id,
        Role(duty.role),
        on_day,
        duty_queries.last_day_of(duty.in_force),
        DutyKind(duty.kind),
        Level(duty.level),
        None if duty.spans is None else queries.pairs(duty.spans),
        duty_queries.cells_of(db, [duty_id]).get(duty_id),
        handed_over_from=duty_id,
    )
    duty_queries.set_last_day(db, scope.county_id, duty_id, on_day - dt.timedelta(days=1))
    return _stored(db, scope, draft, "duties.hand_over", handed_over_from=duty_id)


def _stored(db: Session, scope: Scope, draft: DutyDraft, action: str, **detail: int) -> int:
    if draft.last_day is not None and draft.last_day < draft.first_day:
        raise Invalid(f"结束日期 {draft.last_day} 早于开始日期 {draft.first_day}。")
    own = Duty.county_id == scope.county_id, Duty.person_id == draft.person_id
    try:
        check_overlap(duty_queries.duty_spans(db, *own, Duty.place_id == draft.place_id), draft)
    except Unclear as reason:
        raise Conflict(f"{reason}。") from None
    (duty_id,) = duty_queries.insert_duties(db, scope.county_id, [draft])
    _record(db, scope, action, f"duty/{duty_id}", **detail)
    return duty_id


def _duty(db: Session, scope: Scope, duty_id: int) -> Duty:
    scope.demand(*CHANGE)
    mine = duties_in(scope, *CHANGE) & Duty.place_id.in_(place_ids_in(scope, *CHANGE))
    found = duty_queries.duty(db, mine, duty_id)
    if found is None:
        raise NotFound("没有这项职责，或不在您的辖区内。")
    return found


def _demand_in_force(duty: Duty, day: dt.date) -> None:
    first_day, last_day = duty_queries.first_day_of(duty.in_force), duty_queries.last_day_of(duty.in_force)
    if day < first_day:
        raise Invalid(f"{day} 早于这项职责的开始日期 {first_day}。")
    if last_day is not None and last_day < day:
        raise Conflict(f"这项职责已在 {last_day} 结束。")


def _place(db: Session, scope: Scope, place_id: int) -> Ground:
    found = queries.grounds(db, places_in(scope, *CHANGE), [place_id])
    if not found:
        raise NotFound("没有这个对象，或不在您的辖区内。")
    return found[0]


def _part(db: Session, scope: Scope, place: Ground, request: DutyRequest) -> Part:
    said = [bool(request.stretches_m), request.area is not None, request.polygon_wkt is not None]
    if sum(said) > 1:
        raise Unclear("起止米、村、图形只能给一种")
    if request.stretches_m:
        return parts.spans_of(place, request.stretches_m)
    if request.area is not None:
        return in_village(db, scope, place, areas.area_id_of(db, scope, request.area))
    if request.polygon_wkt is not None:
        return in_polygon(db, scope, place, parts.polygon(request.polygon_wkt))
    return None


def in_village(db: Session, scope: Scope, place: Ground, area_id: int) -> Part:
    """Return the part of a place that lies in a village. Raises Unclear."""
    if place.version_id is None:
        raise Unclear(f"{place.label}还没有上图，分不出村的部分")
    if not place.layer.is_line:
        border = queries.border(db, scope.county_id, area_id)
        if border is None:
            raise Unclear("这个村没有边界图形，请改用 POLYGON((经度 纬度, …))")
        return in_polygon(db, scope, place, border)
    spans = queries.village_spans(db, place.version_id, area_id)
    if not spans:
        raise Unclear(f"{place.label}不经过这个村")
    return parts.whole_or(place, spans)


def in_polygon(db: Session, scope: Scope, place: Ground, polygon: Any) -> Part:
    """Return the part of an area place that lies in a polygon in lon, lat. Raises Unclear."""
    if place.layer.is_line:
        raise Unclear(f"{place.label}是{place.layer.zh}，请用起止米或村名")
    crs = db.get_one(County, scope.county_id).crs
    if place.version_id is None or crs is None:
        raise Unclear(f"{place.label}还没有上图，分不出一部分")
    outline, inside = queries.outline(db, place.version_id), queries.cells_inside(db, place.version_id)
    return parts.cells_of(place, outline, inside, polygon, crs)


def _record(db: Session, scope: Scope, action: str, subject: str, **detail: Any) -> None:
    audit.record(db, scope.actor, action, county_id=scope.county_id, subject=subject, **detail)
