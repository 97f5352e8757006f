"""The coordinators' map: one page, the panels that it loads, and its search."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from geo_service.accounts.dependencies import Signed
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.cases import board
from geo_service.clock import today
from geo_service.coverage import answers
from geo_service.coverage.asked import FromTheAddress
from geo_service.coverage.ground import Query as Question
from geo_service.db import Db
from geo_service.norms import service as norms
from geo_service.web import finding, map_queries, queries, service
from geo_service.web.frame import Framed
from layers.norm_words import in_words
from layers.periods import Days
from layers.vocabulary import DutyKind, GapKind, Layer, Level, Right, Role
from maps.style import AMBIGUOUS, FRESHNESS, UNCOVERED, gap_words

router = APIRouter()
pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
api = APIRouter(prefix="/api", tags=["web"])

LISTED = 50
LATEST = 8
"""Outings and cases on a card; all are behind its links."""


@pages.get("/map", summary="Show the map to work with")
def page(db: Db, frame: Framed, asked: FromTheAddress) -> Response:
    """Show the map with its filters; the list and the cards come when they are asked for."""
    question = asked.query(db, frame.own_scope)
    values = {
        "asked": asked, "question": question, "layers": list(Layer), "duties": list(DutyKind),
        "levels": list(Level), "kinds": list(GapKind), "areas": queries.area_choices(db, frame.own_scope),
        "may_watch": frame.own_scope.holds(*CHANGE),
        "works_cases": frame.own_scope.holds(*CHANGE, Right.HANDLER),
    }  # fmt: skip
    return frame.show("map.html", values)


@pages.get("/map/list", summary="The list of the map's panel")
def listed(db: Db, frame: Framed, asked: FromTheAddress) -> Response:
    """Show sums by layer and the places that have the least share."""
    question = asked.query(db, frame.own_scope)
    table = answers.coverage(db, frame.own_scope, question)
    least = sorted(table.rows, key=lambda row: (row.done is None, row.done or 0.0, row.place.code))
    values = {"totals": table.totals, "rows": least[:LISTED], "count": len(table.rows), "asked": asked}
    return frame.show("_map_list.html", values)


@pages.get("/map/card/{place_id}", summary="The card of a place in the map's panel")
def card(db: Db, frame: Framed, place_id: int, asked: FromTheAddress) -> Response:
    """Show a place: who holds it, what is expected, its strip, who came, what was reported."""
    scope = frame.own_scope
    card = service.card(db, scope, place_id)
    question = asked.query(db, scope)
    layer = card.place.layer
    values = {
        "card": card, "question": question, "today": today(frame.own_county),
        "measure": service.measure(db, scope, card, question),
        "looks": [*FRESHNESS, UNCOVERED, AMBIGUOUS], "nobody": gap_words(GapKind.UNASSIGNED, layer),
        "norms": _norms(db, scope, question, layer),
        "outings": map_queries.outings_at(
            db, scope, place_id, layer, question.first_day, question.last_day, LATEST
        ),
        "cases": _cases(db, scope, place_id), "asked": asked,
    }  # fmt: skip
    return frame.show("_map_card.html", values)


def _norms(db: Db, scope: Scope, question: Question, layer: Layer) -> list[tuple[str, str]]:
    """Return name and words of the norms of the window's last day that ask something for such a place."""
    day = question.last_day
    return [
        (norm.name, in_words(norm.rule))
        for norm in norms.in_force(db, scope.county_id, Days(day, day))
        if any(norm.rule.asks(Role.of(layer), question.kind, level) for level in Level)
    ]


def _cases(db: Db, scope: Scope, place_id: int) -> list[board.BoardRow]:
    asked = board.Asked(every_state=True, place_id=place_id)
    return list(board.page(db, scope, asked, limit=LATEST).rows) if scope.holds(Right.COORDINATOR) else []


@dataclass(frozen=True)
class Told:
    """A place that a search found."""

    id: int
    layer: Layer
    code: str
    name: str
    where: str
    by: str | None
    bounds: tuple[float, float, float, float] | None


@api.get("/find", summary="Find a place by name, pinyin, initials, code or person")
def find(db: Db, scope: Signed, q: Annotated[str, Query(max_length=60)] = "") -> list[Told]:
    """Return at most 20 places of the scope; `by` names the person through whom one was found."""
    return [
        Told(
            one.place.id, one.place.layer, one.place.code, one.place.name or f"未命名{one.place.layer.zh}",
            "、".join(one.place.townships), one.by, one.place.bounds,
        )
        for one in finding.find(db, scope, q)
    ]  # fmt: skip


router.include_router(pages)
router.include_router(api)
