"""Pages about a person's data: what is stored of him, to take it along, to have it deleted; what expired."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, Response

from geo_service.accounts import cookies
from geo_service.accounts.dependencies import SignedIn, require
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.errors import Conflict, Invalid
from geo_service.people import service as people
from geo_service.privacy import dossier, retention
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.vocabulary import DeletionReason, Right

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

SHOWN_ROWS = 50
RUNS = 30


@router.get("/me", summary="Show what is stored about me")
def me(db: Db, frame: Framed) -> Response:
    """Show one's own data; an account of an office has none."""
    if frame.own_scope.person_id is None:
        return frame.show("me_none.html")
    return _shown(db, frame, frame.own_scope.person_id)


@router.get("/people/{person_id}/data", summary="Show what is stored about a person")
def data(db: Db, frame: Framed, person_id: uuid.UUID) -> Response:
    """Show everything about a person; a look at somebody else's is recorded."""
    return _shown(db, frame, person_id)


def _shown(db: Db, frame: Frame, person_id: uuid.UUID, error: YinxunError | None = None) -> Response:
    found = dossier.look(db, frame.own_scope, person_id)
    values = {
        "dossier": found,
        "tables": [(part, *dossier.for_page(part, SHOWN_ROWS)) for part in found.parts if part.rows],
        "none": [part.title for part in found.parts if not part.rows],
        "reasons": list(DeletionReason),
        "error": error,
    }
    return frame.show("person_data.html", values, status=200 if error is None else 422)


@router.post("/people/{person_id}/delete", summary="Delete everything about a person")
def delete(
    request: Request,
    db: Db,
    who: SignedIn,
    frame: Framed,
    person_id: uuid.UUID,
    sure: Annotated[str, Form(max_length=10)] = "",
    reason: Annotated[str, Form(max_length=20)] = DeletionReason.WITHDRAWN,
) -> Response:
    """Forget a person after he confirmed it; who forgot himself is signed out by it."""
    try:
        if sure != "yes":
            raise Invalid("请先勾选“我已知道删除后不能恢复”，再点“删除”。")
        if reason not in set(DeletionReason):
            raise Invalid("请在列表里选择原因。")
        with db.begin_nested():
            data_dir = request.app.state.settings.data_dir
            people.delete_person(
                db, frame.own_scope, person_id, data_dir=data_dir, reason=DeletionReason(reason)
            )
    except (Invalid, Conflict) as error:
        return _shown(db, frame, person_id, error)
    if who.person_id != person_id:
        return frame.show("person_deleted.html")
    answer = frame.show("me_deleted.html", {"error": None})
    cookies.clear_session(request, answer)
    return answer


@router.get("/retention", summary="Show what was dropped by its age")
def runs(
    db: Db,
    frame: Framed,
    scope: Annotated[Scope, require(Right.AUDITOR)],
    before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
) -> Response:
    """Show the runs of the retention with their proof, the latest first."""
    found = retention.past(db, scope, before=before, limit=RUNS + 1)
    more = frame.link("/retention", before=found[RUNS - 1].id) if len(found) > RUNS else None
    values = {"runs": found[:RUNS], "more": more, "is_first": before is None, "zone": frame.zone}
    return frame.show("retention.html", values)
