"""Pages of services: the list, the form for one, and one with its proofs."""

import dataclasses
import datetime as dt
import re
import uuid
from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.clock import today
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.patrols import parties
from geo_service.services import service as services
from geo_service.services.service import ServiceAnswer, ServiceRequest
from geo_service.settings import Settings
from geo_service.web import queries
from geo_service.web.fields import day_of
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.vocabulary import Evidence, Right, ServiceKind, Verdict

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 50
W = TypeVar("W", ServiceKind, Evidence)
Writes = Annotated[Scope, require(*services.WRITERS)]
Changes = Annotated[Scope, require(*CHANGE)]
Word = Annotated[str, Form(max_length=200)]
_MOST_SAID = 5000
"""Characters of a field; what the service cannot take it says itself."""
_BETWEEN_NAMES = re.compile(r"[、，,;；\s]+")


@dataclass(frozen=True)
class Said:
    """The form as it was sent."""

    id: str
    kind: str = ""
    day: str = ""
    hours: str = ""
    persons: str = ""
    place: str = ""
    area: str = ""
    people: str = ""
    served: str = ""
    note: str = ""
    evidence: str = ""
    proof: UploadFile | None = None


@router.get("/services", summary="Show the services of the scope")
def listed(
    db: Db,
    frame: Framed,
    verdict: Annotated[str, Query(pattern="^(review)?$")] = "",
    before: Annotated[dt.date | None, Query()] = None,
    behind: Annotated[uuid.UUID | None, Query()] = None,
) -> Response:
    """Show services, the latest first; `before` and `behind` are the key of the last one seen."""
    after = (before, behind) if before and behind else None
    only = Verdict(verdict) if verdict else None
    page = services.listed(db, frame.own_scope, verdict=only, after=after, limit=PAGE_ROWS)
    more = None
    if page.next:
        more = frame.link("/services", verdict=verdict, before=page.next[0], behind=page.next[1])
    values = {
        "services": page.rows,
        "more": more,
        "is_first": after is None,
        "only_waiting": bool(verdict),
        "may_write": frame.own_scope.holds(Right.COORDINATOR, Right.VOLUNTEER),
    }
    return frame.show("services.html", values)


@router.get("/services/new", summary="Show the form that enters a service")
def new(db: Db, frame: Framed, scope: Writes) -> Response:
    """Show the form; who may enter others' says who took part."""
    day = today(frame.own_county).isoformat()
    return _form(db, frame, scope, Said(str(uuid.uuid4()), day=day, evidence=Evidence.PAPER))


async def _said(request: Request, proof: UploadFile | None = None) -> Said:
    # `proof` is declared so that FastAPI closes the form.
    form = await request.form()
    fields = {field.name for field in dataclasses.fields(Said)}
    words = {name: value[:_MOST_SAID] for name, value in form.items() if isinstance(value, str)}
    said = {name: value for name, value in words.items() if name in fields}
    return Said(**{"id": "", **said}, proof=proof if proof is not None and proof.filename else None)


@router.post("/services/new", summary="Enter a service")
def enter(
    request: Request, db: Db, frame: Framed, scope: Writes, said: Annotated[Said, Depends(_said)]
) -> Response:
    """Store a service; what is wrong with it is said above the form, and nothing is kept."""
    settings: Settings = request.app.state.settings
    try:
        with db.begin_nested():
            answer = services.put(db, scope, _uuid(said.id), _request(db, scope, said))
            if said.proof is not None and not answer.already:
                name = printable(said.proof.filename or "")[-80:]
                services.add_proof(db, scope, settings.files_dir, answer.service_id, said.proof.file, name)
    except YinxunError as error:
        return _form(db, frame, scope, said, error=error)
    again = "1" if answer.already else None
    return RedirectResponse(frame.link(f"/services/{answer.service_id}", again=again), status_code=303)


@router.get("/services/{service_id}", summary="Show a service")
def one(db: Db, frame: Framed, service_id: uuid.UUID, again: bool = False) -> Response:
    """Show one service with its proofs, and what may be done with it."""
    return _shown(db, frame, services.told(db, frame.own_scope, service_id), again=again)


@router.post("/services/{service_id}/void", summary="Take a service back")
def void(db: Db, frame: Framed, service_id: uuid.UUID, reason: Word = "") -> Response:
    """Void a service with a reason; without one the page says what is missing."""
    try:
        services.void(db, frame.own_scope, service_id, reason)
    except Invalid as error:
        return _shown(db, frame, services.told(db, frame.own_scope, service_id), error=error)
    return RedirectResponse(frame.link(f"/services/{service_id}"), status_code=303)


@router.post("/services/{service_id}/confirm", summary="Let a service count")
def confirm(db: Db, frame: Framed, scope: Changes, service_id: uuid.UUID) -> Response:
    """Confirm what a volunteer entered himself."""
    services.confirm(db, scope, service_id)
    return RedirectResponse(frame.link(f"/services/{service_id}"), status_code=303)


@router.post("/services/{service_id}/files", summary="Add a proof")
def add_file(
    request: Request, db: Db, frame: Framed, scope: Writes, service_id: uuid.UUID, file: UploadFile
) -> Response:
    """Keep a photo or PDF with a service."""
    settings: Settings = request.app.state.settings
    try:
        with db.begin_nested():
            name = printable(file.filename or "")[-80:]
            services.add_proof(db, scope, settings.files_dir, service_id, file.file, name)
    except Invalid as error:
        return _shown(db, frame, services.told(db, frame.own_scope, service_id), error=error)
    return RedirectResponse(frame.link(f"/services/{service_id}"), status_code=303)


def _request(db: Db, scope: Scope, said: Said) -> ServiceRequest:
    return ServiceRequest(
        kind=_choice(ServiceKind, said.kind, "请选择类别。"),
        day=day_of(said.day),
        hours=_number(said.hours, "时长", "小时数，例如 1.5"),
        persons=_persons(db, scope, said.persons),
        place_id=services.place_called(db, scope, said.place) if said.place.strip() else None,
        area=said.area or None,
        people=_whole(said.people, "参加人数"),
        people_served=_whole(said.served, "服务人数"),
        note=said.note.strip() or None,
        evidence=_choice(Evidence, said.evidence, "请选择凭证。"),
    )


def _persons(db: Db, scope: Scope, words: str) -> list[uuid.UUID]:
    names = [
        word.strip() for word in words.replace("，", "、").replace(",", "、").split("、") if word.strip()
    ]
    if names:
        return [parties.person_called(db, scope, name).id for name in names]
    if scope.person_id is None:
        raise Invalid("请写明参加人：姓名或编号，几个人之间用顿号。")
    return [scope.person_id]


def _choice(words: type[W], text: str, missing: str) -> W:
    if text not in set(words):
        raise Invalid(missing)
    return words(text)


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Invalid("页面已过期，请刷新后重填。") from None


def _number(text: str, what: str, how: str) -> float:
    try:
        return float(text.strip())
    except ValueError:
        raise Invalid(f"{what}请写{how}。") from None


def _whole(text: str, what: str) -> int | None:
    if not text.strip():
        return None
    number = _number(text, what, "整数")
    if number % 1 or abs(number) > services.MOST_SERVED:
        raise Invalid(f"{what}请写不超过 {services.MOST_SERVED} 的整数。")
    return int(number)


def _form(db: Db, frame: Frame, scope: Scope, said: Said, *, error: YinxunError | None = None) -> Response:
    values = {
        "said": said,
        "error": error,
        "kinds": list(ServiceKind),
        "grades": [grade for grade in Evidence if grade is not Evidence.TRACK],
        "areas": queries.area_choices(db, scope),
        "for_others": scope.holds(Right.COORDINATOR),
        "has_person": scope.person_id is not None,
    }
    return frame.show("service_form.html", values, status=200 if error is None else 422)


def _shown(
    db: Db, frame: Frame, answer: ServiceAnswer, *, again: bool = False, error: YinxunError | None = None
) -> Response:
    scope = frame.own_scope
    values = {
        "answer": answer,
        "again": again,
        "error": error,
        "proofs": services.proofs_of(db, scope, answer.service_id),
        "may_change": services.may_change(db, scope, answer.service_id),
        "may_confirm": services.may_confirm(db, scope, answer.service_id),
    }
    return frame.show("service.html", values, status=200 if error is None else 422)
