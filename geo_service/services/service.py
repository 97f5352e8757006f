"""Services: taken in, told, confirmed, taken back.

What counts: a service that a coordinator enters counts at once, for it is he who vouches; one that a
volunteer enters himself is to be reviewed (待核) until a coordinator confirms it, whatever it rests on.
"""

import dataclasses
import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy.orm import Session

from geo_service import audit, files, proofs
from geo_service.accounts.narrow import CHANGE, people_in, places_in, services_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.clock import today_in
from geo_service.counting import judged
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.services import queries
from geo_service.services.queries import Held, NewService
from geo_service.tables import Service, StoredFile
from layers.vocabulary import Evidence, Layer, Right, ServiceKind, Verdict

WRITERS = (*CHANGE, Right.VOLUNTEER)
MOST_HOURS, MOST_PEOPLE, MOST_SERVED, MOST_NOTE = 24.0, 500, 100_000, 1000
FIRST_DAY = dt.date(1990, 1, 1)


@dataclass(frozen=True)
class ServiceRequest:
    """A service as someone enters it."""

    kind: ServiceKind
    day: dt.date
    hours: float
    """Of each who took part."""
    persons: Sequence[uuid.UUID]
    place_id: int | None = None
    area: str | None = None
    """Code of a township or village."""
    people: int | None = None
    """How many took part, if more than are named."""
    people_served: int | None = None
    note: str | None = None
    evidence: Evidence = Evidence.STATED

    @property
    def sha256(self) -> bytes:
        """The hash of what is stated; the order of the people and blanks around the note do not matter."""
        stated = dataclasses.asdict(self) | {
            "day": self.day.isoformat(),
            "hours": float(self.hours),
            "persons": sorted({str(person) for person in self.persons}),
            "note": (self.note or "").strip() or None,
        }
        return hashlib.sha256(json.dumps(stated, sort_keys=True, ensure_ascii=False).encode()).digest()


@dataclass(frozen=True)
class Participant:
    """Somebody who took part, as far as the user may know him."""

    person_id: uuid.UUID
    name: str


@dataclass(frozen=True)
class ServiceAnswer:
    """A service as it is told."""

    service_id: uuid.UUID
    kind: ServiceKind
    day: dt.date
    hours: float
    place_id: int | None
    layer: Layer | None
    place_code: str | None
    place: str | None
    area: str | None
    township: str | None
    """Of the area: itself, or the one above a village."""
    village: str | None
    persons: Sequence[Participant]
    people: int
    """How many took part; more than are named here if some are not known or not to be seen."""
    people_served: int | None
    note: str | None
    evidence: Evidence
    verdict: Verdict
    voided_at: dt.datetime | None
    void_reason: str | None
    already: bool = False
    """It was stored before: nothing was added."""

    @property
    def told(self) -> str:
        """What happened to it, in one plain sentence (Chinese)."""
        if self.voided_at is not None:
            return f"这次{self.kind.zh}已作废：{self.void_reason}。"
        thanks = f"谢谢！{self.day} 的{self.kind.zh}已登记，{self.people} 人，每人 {self.hours:g} 小时。"
        waits = "待协调员核对后计入。" if self.verdict is Verdict.REVIEW else ""
        return thanks + waits

    @property
    def where(self) -> str:
        """Its place and area in words."""
        place = f"{self.layer.zh} {self.place}" if self.layer else ""
        return "，".join(filter(None, (place, self.area)))


@dataclass(frozen=True)
class Page:
    """Services, the latest first, and the key behind which there are more."""

    rows: Sequence[ServiceAnswer]
    next: tuple[dt.date, uuid.UUID] | None = field(default=None)


def put(db: Session, scope: Scope, service_id: uuid.UUID, request: ServiceRequest) -> ServiceAnswer:
    """Store a service under the id its sender chose; the same again changes nothing.

    Errors: Conflict (the id with another content), NotFound (people, place, area), Invalid, Forbidden.
    """
    scope.demand(*WRITERS)
    if known := queries.stored(db, service_id):
        return _again(db, scope, known, request)
    new = _checked(db, scope, service_id, request)
    if not queries.insert_service(db, scope.county_id, new):  # another sending of it was faster
        return put(db, scope, service_id, request)
    _record(db, scope, "services.put", service_id, kind=request.kind.value)
    return _told(db, scope, service_id)


def _again(db: Session, scope: Scope, known: Service, request: ServiceRequest) -> ServiceAnswer:
    own = queries.one(db, services_in(scope), known.id)
    if own is None:
        raise Conflict("这个服务编号已经用过；请用新的编号登记。")
    if known.sha256 != request.sha256:
        raise Conflict(
            "这次服务已经登记过，但内容与这次的不同；原来的保持不变。要更正请先作废，再用新的编号登记。"
        )
    return dataclasses.replace(_answers(db, scope, [own])[0], already=True)


def _checked(db: Session, scope: Scope, service_id: uuid.UUID, request: ServiceRequest) -> NewService:
    persons = list(dict.fromkeys(request.persons))
    people = len(persons) if request.people is None else request.people
    _check_numbers(request, people, len(persons))
    today = today_in(db, scope.county_id)
    if not FIRST_DAY <= request.day <= today:
        raise Invalid(f"日期要在 {FIRST_DAY} 到今天（{today}）之间，而不是 {request.day}。")
    if queries.people_among(db, persons, people_in(scope, *WRITERS)) != set(persons):
        raise NotFound("参加人里有人不在人员名册里，或不在您的权限内。请核对姓名或编号。")
    area_id = None if request.area is None else areas.area_id_of(db, scope, request.area, *WRITERS)
    if request.place_id is not None and not queries.has_place(
        db, places_in(scope, *WRITERS), request.place_id
    ):
        raise NotFound("没有这个对象，或不在您的辖区内。")
    if request.place_id is None and area_id is None:
        raise Invalid("请写明地点：对象（河道、道路、网格、小区），或镇街、村。")
    note = (request.note or "").strip() or None
    return NewService(
        service_id, request.kind, request.day, float(request.hours), request.place_id, area_id, persons,
        people, request.people_served, note, request.evidence, request.sha256,
        _verdict(db, scope, persons),
    )  # fmt: skip


def _check_numbers(request: ServiceRequest, people: int, named: int) -> None:
    if request.evidence is Evidence.TRACK:
        raise Invalid("服务没有轨迹；凭证请选打卡、纸质记录或口头告知。有轨迹的请作为巡查上传。")
    if not 0 < request.hours <= MOST_HOURS:
        raise Invalid(f"时长要大于 0、不超过 {MOST_HOURS:g} 小时，而不是 {request.hours:g}。")
    if named == 0:
        raise Invalid("请写明参加人，至少一位。")
    if not named <= people <= MOST_PEOPLE:
        raise Invalid(f"参加人数是 {people}，要不少于写明的 {named} 人、不超过 {MOST_PEOPLE} 人。")
    if request.people_served is not None and not 0 <= request.people_served <= MOST_SERVED:
        raise Invalid(f"服务人数要在 0 到 {MOST_SERVED} 之间，而不是 {request.people_served}。")
    if len(request.note or "") > MOST_NOTE or "\0" in (request.note or ""):
        raise Invalid(f"内容太长或有看不见的字符，请控制在 {MOST_NOTE} 字以内。")


def _verdict(db: Session, scope: Scope, persons: Sequence[uuid.UUID]) -> Verdict:
    vouched = queries.people_among(db, persons, people_in(scope, *CHANGE)) == set(persons)
    return Verdict.COUNTED if vouched else Verdict.REVIEW


def place_called(db: Session, scope: Scope, word: str) -> int:
    """Return the place with a code or name (or number, as in "#12"). Raises NotFound, Invalid (several)."""
    found = queries.places_called(db, word.strip(), places_in(scope, *WRITERS)) if "\0" not in word else []
    if not found:
        raise NotFound(f"登记表里没有「{word[:40]}」，或不在您的权限内；请核对对象的名称或编码。")
    if len(found) > 1:
        listed_ = "、".join(f"{name or '未命名'}（{code}）" for _, code, name in found[:10])
        raise Invalid(f"叫「{word[:40]}」的不止一个：{listed_}。请改写编码说明是哪一个。")
    return found[0][0]


def told(db: Session, scope: Scope, service_id: uuid.UUID) -> ServiceAnswer:
    """Return a service of the scope. Raises NotFound."""
    return _answers(db, scope, [_found(db, scope, service_id)])[0]


def listed(
    db: Session,
    scope: Scope,
    *,
    kind: ServiceKind | None = None,
    verdict: Verdict | None = None,
    first_day: dt.date | None = None,
    last_day: dt.date | None = None,
    after: tuple[dt.date, uuid.UUID] | None = None,
    limit: int | None = 100,
) -> Page:
    """Return the services of the scope on these days, the latest first; without a limit all of them."""
    where = [services_in(scope)]
    where += [] if kind is None else [Service.kind == kind]
    where += [] if verdict is None else [judged(verdict, Service)]
    where += [] if first_day is None else [Service.day >= first_day]
    where += [] if last_day is None else [Service.day <= last_day]
    found = queries.many(db, where, after=after, limit=None if limit is None else limit + 1)
    rows = found if limit is None else found[:limit]
    more = (rows[-1].row.day, rows[-1].row.id) if len(found) > len(rows) else None
    return Page(_answers(db, scope, rows), more)


def among(db: Session, scope: Scope, ids: Sequence[uuid.UUID]) -> list[ServiceAnswer]:
    """Return those of some services that are in the scope."""
    where = [services_in(scope), Service.id.in_(ids)]
    return _answers(db, scope, queries.many(db, where, after=None, limit=None))


def confirm(db: Session, scope: Scope, service_id: uuid.UUID) -> ServiceAnswer:
    """Let a service that waits for review count. Whoever may change its areas may."""
    scope.demand(*CHANGE)
    held = _writable(db, scope, service_id, CHANGE)
    if held.row.voided_at is not None:
        raise Conflict("这次服务已作废，不能再计入。")
    if held.row.verdict != Verdict.COUNTED:
        queries.set_verdict(db, service_id, Verdict.COUNTED)
        _record(db, scope, "services.confirm", service_id)
    return _told(db, scope, service_id)


def void(db: Session, scope: Scope, service_id: uuid.UUID, reason: str) -> ServiceAnswer:
    """Take a service back: it stays with the reason and counts no more. Voiding twice changes nothing.

    Whoever may change its areas may, and whoever took part as long as it waits for review.
    """
    if not reason.strip() or "\0" in reason:
        raise Invalid("请写明作废的原因。")
    held = _writable(db, scope, service_id, WRITERS)
    if not _may_change(db, scope, held):
        raise Forbidden("这次服务已经核对计入；要作废请联系协调员。")
    if held.row.voided_at is None:
        queries.void(db, service_id, reason.strip()[:500], dt.datetime.now(dt.UTC))
        _record(db, scope, "services.void", service_id)
    return _told(db, scope, service_id)


def may_change(db: Session, scope: Scope, service_id: uuid.UUID) -> bool:
    """Tell whether the scope may take a service back and add proofs to it."""
    held = queries.one(db, services_in(scope, *WRITERS), service_id)
    return held is not None and held.row.voided_at is None and _may_change(db, scope, held)


def may_confirm(db: Session, scope: Scope, service_id: uuid.UUID) -> bool:
    """Tell whether the service waits for the scope to confirm it."""
    held = queries.one(db, services_in(scope, *CHANGE), service_id)
    return held is not None and held.row.voided_at is None and held.row.verdict == Verdict.REVIEW


def _may_change(db: Session, scope: Scope, held: Held) -> bool:
    waits = held.row.verdict == Verdict.REVIEW
    return waits or queries.one(db, services_in(scope, *CHANGE), held.row.id) is not None


# --- proofs


def add_proof(
    db: Session, scope: Scope, folder: Path, service_id: uuid.UUID, source: BinaryIO, name: str | None
) -> StoredFile:
    """Keep a photo or PDF with a service. Raises NotFound, Forbidden, BadFile, Invalid."""
    held = _writable(db, scope, service_id, WRITERS)
    if held.row.voided_at is not None or not _may_change(db, scope, held):
        raise Forbidden("这次服务已经核对计入或作废；要补佐证请联系协调员。")
    kept = proofs.keep(db, folder, source, county_id=scope.county_id, subject=_subject(service_id), name=name)
    _record(db, scope, "services.proof", service_id)
    return kept


def proofs_of(db: Session, scope: Scope, service_id: uuid.UUID) -> list[StoredFile]:
    """Return the proofs of a service of the scope, the oldest first."""
    _found(db, scope, service_id)
    return files.of_subject(db, scope.county_id, _subject(service_id))


def proof(db: Session, scope: Scope, service_id: uuid.UUID, file_id: uuid.UUID) -> StoredFile | None:
    """Return one proof of a service of the scope; a look at it is recorded."""
    _found(db, scope, service_id)
    found = queries.file(db, scope.county_id, _subject(service_id), file_id)
    if found is not None:
        _record(db, scope, "services.proof.look", service_id)
    return found


# --- what the others share


def _subject(service_id: uuid.UUID) -> str:
    return f"service/{service_id}"


def _found(db: Session, scope: Scope, service_id: uuid.UUID) -> Held:
    held = queries.one(db, services_in(scope), service_id)
    if held is None:
        raise _no_service()
    return held


def _writable(db: Session, scope: Scope, service_id: uuid.UUID, rights: Sequence[Right]) -> Held:
    held = queries.one(db, services_in(scope, *rights), service_id, locked=True)
    if held is None:
        raise _no_service()
    return held


def _no_service() -> NotFound:
    return NotFound("没有这次服务，或不在您的权限内。")


def _told(db: Session, scope: Scope, service_id: uuid.UUID) -> ServiceAnswer:
    held = queries.one(db, Service.county_id == scope.county_id, service_id)
    if held is None:
        raise _no_service()
    return _answers(db, scope, [held])[0]


def _answers(db: Session, scope: Scope, found: Sequence[Held]) -> list[ServiceAnswer]:
    names = queries.names(db, [held.row.id for held in found], people_in(scope))
    return [_answer(held, names.get(held.row.id, [])) for held in found]


def _answer(held: Held, people: Sequence[tuple[uuid.UUID, str]]) -> ServiceAnswer:
    row = held.row
    return ServiceAnswer(
        service_id=row.id,
        kind=ServiceKind(row.kind),
        day=row.day,
        hours=row.hours,
        place_id=row.place_id,
        layer=held.layer,
        place_code=held.place_code,
        place=held.place,
        area=held.area,
        township=held.township,
        village=held.village,
        persons=[Participant(*one) for one in people],
        people=row.people,
        people_served=row.people_served,
        note=row.note,
        evidence=Evidence(row.evidence),
        verdict=Verdict(row.verdict),
        voided_at=row.voided_at,
        void_reason=row.void_reason,
    )


def _record(db: Session, scope: Scope, action: str, service_id: uuid.UUID, **detail: Any) -> None:
    audit.record(db, scope.actor, action, county_id=scope.county_id, subject=_subject(service_id), **detail)
