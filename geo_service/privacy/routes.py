"""A person's data over HTTP, and the proof of the retention."""

import uuid
from collections.abc import Iterator
from typing import IO, Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.responses import StreamingResponse

from geo_service import cursors
from geo_service.accounts.dependencies import Signed, require
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.privacy import dossier, retention
from geo_service.privacy.retention import Past
from layers.vocabulary import Right

router = APIRouter(prefix="/api", tags=["privacy"])

_PIECE_BYTES = 2**18


class RunPage(BaseModel):
    """A page of retention runs, the latest first."""

    runs: list[Past]
    next: str | None


@router.get("/people/{person_id}/data", summary="Everything that is stored about a person, or about me")
def data(db: Db, scope: Signed, person_id: uuid.UUID) -> dict[str, Any]:
    """Return all parts with their rows; a look at somebody else's is recorded."""
    return dossier.as_json(dossier.look(db, scope, person_id))


@router.get(
    "/people/{person_id}/data.zip",
    summary="The same to take along, with a GPX for each track and the files; always recorded",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def data_file(request: Request, db: Db, scope: Signed, person_id: uuid.UUID) -> StreamingResponse:
    """Return a ZIP of JSON, GPX and files."""
    file = dossier.download(db, scope, person_id, request.app.state.settings.files_dir)
    headers = {
        "Content-Disposition": f'attachment; filename="person-{person_id}.zip"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_pieces(file), media_type="application/zip", headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


@router.get("/retention", summary="What was dropped by its age, run by run, with what was left past its time")
def runs(
    db: Db,
    scope: Annotated[Scope, require(Right.AUDITOR)],
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
) -> RunPage:
    """Return a page of runs; `left` is 0 where the retention was kept."""
    found = retention.past(db, scope, before=cursors.number(cursor), limit=limit)
    more = cursors.encode(found[-1].id) if len(found) == limit else None
    return RunPage(runs=found, next=more)
