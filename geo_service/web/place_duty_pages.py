"""The stewards of one place: handed over, ended, added from the place's side."""

import uuid
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Form, Path, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.clock import today_in
from geo_service.db import Db
from geo_service.errors import Invalid, NotFound
from geo_service.people import lists
from geo_service.people import service as people
from geo_service.people.service import DutyRequest
from geo_service.planning import numbers
from geo_service.planning.asked import Numbers
from geo_service.web import queries, service
from geo_service.web.fields import FromForm, Sent, day_if_any, day_of, whole_if_any
from geo_service.web.frame import Frame, Framed
from geo_service.web.people_pages import records_of
from layers.errors import YinxunError
from layers.vocabulary import DutyKind, Level

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

CHOICES = 50
"""People that the form proposes for a name."""
Changes = Annotated[Scope, require(*CHANGE)]
Word = Annotated[str, Form(max_length=100)]
_Id = Annotated[int, Path(ge=0, lt=2**63)]
_Duty = Annotated[int, Form(ge=0, lt=2**63)]


@router.get("/places/{place_id}/duties", summary="Show the duties of a place and the forms to change them")
def page(
    db: Db, frame: Framed, scope: Changes, place_id: _Id, q: Annotated[str, Query(max_length=100)] = ""
) -> Response:
    """Show who looks after the place, now and later, and who could."""
    return _shown(db, frame, scope, place_id, q=q)


@router.post("/places/{place_id}/duties", summary="Give a place a steward")
def add(
    db: Db,
    frame: Framed,
    scope: Changes,
    place_id: _Id,
    person: Word = "",
    kind: Word = DutyKind.VOLUNTEER.value,
    level: Word = Level.VILLAGE.value,
    day: Word = "",
    from_m: Word = "",
    to_m: Word = "",
) -> Response:
    """Make a person responsible for all of the place, or for a stretch of a line."""

    def do() -> None:
        if kind not in set(DutyKind) or level not in set(Level):
            raise Invalid("请在列表里选择类别和级别。")
        people.add_duty(
            db,
            scope,
            DutyRequest(
                _person(person),
                place_id,
                day_if_any(day),
                kind=DutyKind(kind),
                level=Level(level),
                stretches_m=_stretch(from_m, to_m),
            ),
        )

    return _done(db, frame, scope, place_id, do)


@router.post("/places/{place_id}/duties/hand-over", summary="Hand a duty of a place over")
def hand_over(
    db: Db, frame: Framed, scope: Changes, place_id: _Id, duty: _Duty, person: Word = "", day: Word = ""
) -> Response:
    """End a duty the day before and begin the same for another person."""
    return _done(
        db, frame, scope, place_id, lambda: people.hand_over(db, scope, duty, _person(person), day_of(day))
    )


@router.post("/places/{place_id}/duties/end", summary="End a duty of a place")
def end(db: Db, frame: Framed, scope: Changes, place_id: _Id, duty: _Duty, day: Word = "") -> Response:
    """Let a duty end on a day, inclusive."""
    return _done(db, frame, scope, place_id, lambda: people.end_duty(db, scope, duty, day_of(day)))


@router.post("/places/{place_id}/duties/numbers", summary="Say how many people a place should have")
def put_numbers(db: Db, frame: Framed, scope: Changes, place_id: _Id, sent: FromForm) -> Response:
    """Keep the place's own numbers; all fields empty: as its layer."""
    return _done(db, frame, scope, place_id, lambda: numbers.put(db, scope, place_id, _numbers(sent)))


def _done(db: Db, frame: Frame, scope: Scope, place_id: int, do: Callable[[], object]) -> Response:
    """Carry something out and show the duties again; what is wrong is said above them."""
    _demand(db, scope, place_id)
    try:
        with db.begin_nested():
            do()
    except NotFound:
        raise
    except YinxunError as error:
        return _shown(db, frame, scope, place_id, error=error)
    return RedirectResponse(frame.link(f"/places/{place_id}/duties"), status_code=303)


def _shown(
    db: Db, frame: Frame, scope: Scope, place_id: int, *, q: str = "", error: YinxunError | None = None
) -> Response:
    _demand(db, scope, place_id)
    word = q.strip()
    found: list[dict[str, Any]] = records_of(lists.people(db, scope, q=word, limit=CHOICES)) if word else []
    values = {
        "card": service.card(db, scope, place_id),
        "duties": records_of(lists.duties(db, scope, place_id=place_id)),
        "numbers": numbers.get(db, scope, place_id),
        "takers": found,
        "q": q,
        "today": today_in(db, scope.county_id),
        "kinds": list(DutyKind),
        "levels": list(Level),
        "error": error,
    }
    return frame.show("place_duties.html", values, status=200 if error is None else 422)


def _demand(db: Db, scope: Scope, place_id: int) -> None:
    if not queries.may_change(db, scope, place_id):
        raise NotFound("没有这个对象，或者您没有修改它的权限。")


def _person(text: str) -> uuid.UUID:
    """Return the person that a list proposed. Raises Invalid."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Invalid("请先在下面查到这个人，再在列表里选他。") from None


def _numbers(sent: Sent) -> Numbers | None:
    """Return the numbers that a form says; None: nothing. Raises Invalid."""
    in_pairs = bool(sent["in_pairs"])
    least, target, most = (
        whole_if_any(sent[name], words)
        for name, words in (("least", "最少"), ("target", "应有"), ("most", "最多"))
    )
    if (least, target, most, in_pairs) == (None, None, None, False):
        return None
    return Numbers.said(least, target, most, in_pairs=in_pairs)


def _stretch(from_m: str, to_m: str) -> list[tuple[float, float]]:
    """Return the stretch that two fields say; nothing said is all of the place. Raises Invalid."""
    if not from_m.strip() and not to_m.strip():
        return []
    try:
        return [(float(from_m), float(to_m))]
    except ValueError:
        raise Invalid("起点和终点都填米数，例如 0 和 1500；负责全部就都不填。") from None
