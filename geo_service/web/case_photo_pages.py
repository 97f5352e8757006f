"""The page of one photo of a case: faces and plates are marked before the public may see it."""

import json
import uuid
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.cases import handling, photos
from geo_service.db import Db
from geo_service.errors import Invalid, NotFound
from geo_service.photos import Box
from geo_service.settings import Settings
from geo_service.web.fields import FromForm
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Changes = Annotated[Scope, require(*CHANGE)]
_Id = Annotated[int, Path(ge=0, lt=2**63)]


@router.get("/cases/{case_id}/photos/{photo_id}", summary="Show the form that lets the public see a photo")
def photo(db: Db, frame: Framed, _scope: Changes, case_id: _Id, photo_id: uuid.UUID) -> Response:
    """Show a photo of a report, on which faces and number plates are marked."""
    return _photo_shown(db, frame, case_id, photo_id)


@router.post("/cases/{case_id}/photos/{photo_id}", summary="Let the public see a photo, or no longer")
def release(
    request: Request, db: Db, frame: Framed, scope: Changes, case_id: _Id, photo_id: uuid.UUID, sent: FromForm
) -> Response:
    """Make the version for the public with the marked areas unrecognisable, or take it away."""
    settings: Settings = request.app.state.settings
    try:
        with db.begin_nested():
            if sent["withdraw"]:
                photos.withdraw(db, scope, case_id, photo_id)
            else:
                photos.release(db, scope, settings.files_dir, case_id, photo_id, _boxes(sent["boxes"]))
    except Invalid as error:
        return _photo_shown(db, frame, case_id, photo_id, error)
    return RedirectResponse(frame.link(f"/cases/{case_id}"), status_code=303)


def _photo_shown(
    db: Db, frame: Frame, case_id: int, photo_id: uuid.UUID, error: YinxunError | None = None
) -> Response:
    case = handling.found(db, frame.own_scope, case_id)
    found = photos.of_case(db, case)
    if photo_id not in {row.id for rows in found.by_report.values() for row in rows}:
        raise NotFound("没有这张照片，或不在您的权限内。")
    values = {
        "case": case, "photo_id": photo_id, "is_released": photo_id in found.released, "error": error,
    }  # fmt: skip
    return frame.show("case_photo.html", values, status=200 if error is None else 422)


def _boxes(text: str) -> list[Box]:
    """Read marked areas: left, top, right, bottom as shares, four numbers each."""
    try:
        said = json.loads(text or "[]")
        return [Box(*(float(share) for share in box)) for box in said]
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid("标出的地方没有传全，请重新标一次。") from error
