"""The row of patrols that wait for a decision: one after the other, by the keyboard as well."""

import datetime as dt
import uuid
from typing import Annotated

from fastapi import APIRouter, Form, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, BeforeValidator, Field

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.errors import Conflict, Invalid
from geo_service.patrols import how_words, photos, record, reviews
from geo_service.patrols import service as patrols
from geo_service.web import queries
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.vocabulary import Verdict

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

LISTED = 12
"""Patrols of the row that are named beside the one in hand."""
GROUNDS = (
    "问过本人，确实走了",
    "有同行人证明",
    "照片看得出到过现场",
    "定位漂移，路线对得上",
    "路线是车上记的",
    "本人说没有去",
)
"""What a decision often rests on; anything else is typed."""
Changes = Annotated[Scope, require(*CHANGE)]
Word = Annotated[str, Form(max_length=100)]
Note = Annotated[str, Form(max_length=reviews.LONGEST_NOTE)]


def _blank(value: object) -> object:
    return None if value == "" else value


class Place(BaseModel):
    """Where in the row one is: behind the patrol with this key, in this area."""

    before: Annotated[dt.datetime | None, BeforeValidator(_blank)] = None
    behind: Annotated[uuid.UUID | None, BeforeValidator(_blank)] = None
    area: Annotated[str, Field(max_length=40)] = ""

    @property
    def key(self) -> tuple[dt.datetime, uuid.UUID] | None:
        """The key of the patrol behind which one is; None at the beginning."""
        return (self.before, self.behind) if self.before and self.before.tzinfo and self.behind else None

    @property
    def pairs(self) -> dict[str, object]:
        """The same for an address."""
        return self.model_dump(mode="json", exclude_defaults=True)


@router.get("/review", summary="Show the next patrol that waits for a decision")
def row(db: Db, frame: Framed, scope: Changes, place: Annotated[Place, Query()]) -> Response:
    """Show what is known of the patrol that waits longest, with the form to decide on it."""
    return _shown(db, frame, scope, place)


@router.post("/review/{patrol_id}", summary="Decide on a patrol and go on to the next")
def decide(
    db: Db,
    frame: Framed,
    scope: Changes,
    place: Annotated[Place, Query()],
    patrol_id: uuid.UUID,
    verdict: Word = "",
    note: Note = "",
) -> Response:
    """Store the verdict; what is missing is said with the same patrol."""
    try:
        if verdict not in {Verdict.COUNTED, Verdict.NOT_COUNTED}:
            raise Invalid("请选择「有效」或「暂未计入」。")
        reviews.review(db, scope, patrol_id, Verdict(verdict), note, only_waiting=True)
    except Invalid as error:
        return _shown(db, frame, scope, place, note=note, error=error)
    except Conflict as error:  # another one comes next: the note was not about that
        return _shown(db, frame, scope, place, error=error)
    return RedirectResponse(frame.link("/review", place.pairs, decided=verdict), status_code=303)


def _shown(
    db: Db, frame: Frame, scope: Scope, place: Place, *, note: str = "", error: YinxunError | None = None
) -> Response:
    area = place.area or None
    found = reviews.waiting(db, scope, after=place.key, area=area, limit=LISTED)
    values = {
        "place": place,
        "areas": queries.area_choices(db, scope, *CHANGE),
        "row": found,
        "count": reviews.how_many_wait(db, scope, area=area),
        "decided": frame.request.query_params.get("decided"),
        "note": note,
        "error": error,
        "grounds": GROUNDS,
        "current": None,
    }
    if found:
        now = found[0]
        answer = patrols.told(db, scope, now.patrol_id)
        values |= {
            "current": now,
            "answer": answer,
            "walker": patrols.walker_of(db, scope, now.patrol_id),
            "place_of": patrols.place_of(db, scope, now.patrol_id),
            "noted": record.told(dict(answer.record)),
            "photos": photos.of_patrol(db, scope, now.patrol_id),
            "ways": how_words.ways,
            "skip": frame.link(
                "/review", area=place.area, before=now.started_at.isoformat(), behind=now.patrol_id
            ),
        }
    return frame.show("review.html", values, status=200 if error is None else 422)
