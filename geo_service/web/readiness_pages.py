"""What somebody is ready for: limits and wishes, on a page of his own."""

import re
import uuid
from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.people import lists as people
from geo_service.planning import ready
from geo_service.planning.asked import Asked
from geo_service.planning.ready import Ready
from geo_service.web.fields import FromForm, Sent, number_if_any, whole_if_any
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.vocabulary import Layer

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Changes = Annotated[Scope, require(*CHANGE)]


@router.get("/people/{person_id}/readiness", summary="Show what somebody is ready for")
def readiness(db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID) -> Response:
    """Show limits and wishes, with the form to change them."""
    return _page(db, frame, scope, person_id, _fields(db, scope, ready.get(db, scope, person_id)))


@router.post("/people/{person_id}/readiness", summary="Keep what somebody is ready for")
def keep(db: Db, frame: Framed, scope: Changes, person_id: uuid.UUID, sent: FromForm) -> Response:
    """Keep all of it and show the person; what is wrong is said above the form."""
    try:
        with db.begin_nested():
            ready.put(db, scope, person_id, _said(db, scope, sent))
    except YinxunError as error:
        return _page(db, frame, scope, person_id, sent, error=error)
    return RedirectResponse(frame.link(f"/people/{person_id}"), status_code=303)


def _page(
    db: Db,
    frame: Frame,
    scope: Scope,
    person_id: uuid.UUID,
    fields: Sent,
    *,
    error: YinxunError | None = None,
) -> Response:
    ready.demand_person(db, scope, person_id)
    (person,) = people.people(db, scope, person_id=person_id).of(("name",)).rows
    values = {
        "person_id": person_id, "name": person[0], "fields": fields, "layers": list(Layer),
        "usual": Asked(), "error": error,
    }  # fmt: skip
    return frame.show("readiness.html", values, status=422 if error else 200)


def _fields(db: Db, scope: Scope, known: Ready) -> Sent:
    """Return what is known as the form says it."""
    said = {
        "open": "1" if known.is_open else "",
        "most_places": "" if known.most_places is None else str(known.most_places),
        "most_km": "" if known.most_m is None else f"{known.most_m / 1000:g}",
        "farthest_km": "" if known.farthest_m is None else f"{known.farthest_m / 1000:g}",
        "likes": "、".join(ready.words_of(db, scope, known.likes)),
        "avoids": "、".join(ready.words_of(db, scope, known.avoids)),
    }
    return Sent(said, {"layers": list(Layer if known.layers is None else known.layers)})


def _said(db: Db, scope: Scope, sent: Sent) -> Ready:
    """Return what the form says. Raises Invalid."""
    layers = tuple(Layer(word) for word in sent.all("layers") if word in list(Layer))
    most_km, farthest_km = (
        number_if_any(sent["most_km"], "最多多少公里"),
        number_if_any(sent["farthest_km"], "离家最远"),
    )
    return Ready(
        is_open=bool(sent["open"]),
        most_places=whole_if_any(sent["most_places"], "最多几处"),
        most_m=None if most_km is None else round(most_km * 1000),
        farthest_m=None if farthest_km is None else round(farthest_km * 1000),
        layers=None if len(layers) == len(Layer) else layers,
        likes=ready.places_called(db, scope, _words(sent["likes"])),
        avoids=ready.places_called(db, scope, _words(sent["avoids"])),
    )


def _words(text: str) -> Sequence[str]:
    return [word for word in re.split(r"[、，,；;\s]+", text) if word]
