"""Pages of care: who needs a look, what volunteers are told, whom they telephone; phones that wait."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Path
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.devices import service as devices
from geo_service.errors import Forbidden, Invalid
from geo_service.notices import service
from geo_service.recorders import service as recorders
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.vocabulary import NoticeKind

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Changes = Annotated[Scope, require(*CHANGE)]
Words = Annotated[str, Form(max_length=1000)]
_Id = Annotated[int, Path(ge=0, lt=2**63)]


@router.get("/care", summary="Show who needs a look")
def care(db: Db, frame: Framed, _scope: Changes) -> Response:
    """Show open alerts, phones that wait, notices and contacts."""
    return _shown(db, frame)


def _shown(db: Db, frame: Frame, error: YinxunError | None = None) -> Response:
    scope = frame.own_scope
    values = {
        "alerts": service.open_alerts(db, scope),
        "newest": service.count(db, scope)[1],
        "waiting": devices.waiting(db, scope),
        "notices": service.notices(db, scope),
        "areas": service.areas(db, scope),
        "whole_county": scope.areas(*CHANGE) is None,
        "unknown": recorders.unknown(db, scope) if scope.areas(*CHANGE) is None else [],
        "kinds": list(NoticeKind),
        "zone": frame.zone,
        "error": error,
    }
    return frame.show("care.html", values, status=200 if error is None else 422)


def _done(db: Db, frame: Frame, action: Any, where: str = "/care") -> Response:
    """Do something and go back to the page, or show it with what was wrong."""
    try:
        with db.begin_nested():
            action()
    except (Invalid, Forbidden) as error:
        return _shown(db, frame, error)
    return RedirectResponse(frame.link(where), status_code=303)


@router.post("/care/alerts/{alert_id}/close", summary="Close an alert")
def close(db: Db, frame: Framed, scope: Changes, alert_id: _Id, note: Words = "") -> Response:
    """Close it with what was found out."""
    return _done(db, frame, lambda: service.close(db, scope, alert_id, note))


@router.post("/care/phones/{device_id}/admit", summary="Admit a phone")
def admit(db: Db, frame: Framed, scope: Changes, device_id: _Id) -> Response:
    """Let a volunteer's second phone be used."""
    return _done(db, frame, lambda: devices.admit(db, scope, device_id))


@router.post("/care/phones/{device_id}/refuse", summary="Refuse a phone")
def refuse(db: Db, frame: Framed, scope: Changes, device_id: _Id) -> Response:
    """Put a phone out of use that waits."""
    return _done(db, frame, lambda: devices.revoke(db, scope, device_id))


@router.post("/care/notices", summary="Tell volunteers something")
def warn(
    db: Db,
    frame: Framed,
    scope: Changes,
    kind: Words = NoticeKind.OTHER,
    text: Words = "",
    area: Words = "",
    hours: Words = "24",
) -> Response:
    """Write a notice for an area, or for the whole county."""

    def written() -> None:
        if kind not in set(NoticeKind):
            raise Invalid("请在列表里选择提醒的种类。")
        try:
            life = float(hours)
        except ValueError as error:
            raise Invalid("请填多少小时内有效，例如 24。") from error
        service.warn(db, scope, NoticeKind(kind), text, _area(area) if area else None, hours=life)

    return _done(db, frame, written)


@router.post("/care/notices/{notice_id}/end", summary="End a notice")
def end_notice(db: Db, frame: Framed, scope: Changes, notice_id: _Id) -> Response:
    """End a notice now."""
    return _done(db, frame, lambda: service.take_back(db, scope, notice_id))


@router.post("/care/contacts", summary="Set whom volunteers telephone")
def contact(
    db: Db, frame: Framed, scope: Changes, area: Words = "", name: Words = "", phone: Words = ""
) -> Response:
    """Set name and number of an area's contact; both empty: it has none of its own."""
    return _done(db, frame, lambda: service.set_contact(db, scope, _area(area), name, phone))


def _area(said: str) -> int:
    if not said.isascii() or not said.isdigit() or len(said) > 18:
        raise Invalid("请在列表里选择辖区。")
    return int(said)
