"""The pages of the service: start, maps, places."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, BeforeValidator, Field

from geo_service import audit
from geo_service.accounts import service as accounts
from geo_service.accounts.dependencies import InFull, SignedIn, request_id_of
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.clock import today
from geo_service.coverage import answers, facts, gaps, lists, walkable
from geo_service.coverage.asked import FromTheAddress
from geo_service.coverage.ground import Query as Question
from geo_service.db import Db
from geo_service.devices import service as devices
from geo_service.patrols import again, reviews
from geo_service.tables import County
from geo_service.web import (
    account_pages,
    audit_pages,
    card_pages,
    care_pages,
    case_pages,
    case_photo_pages,
    case_rule_pages,
    channel_pages,
    drawing_pages,
    figure_pages,
    gap_pages,
    import_pages,
    map_pages,
    morning_pages,
    norm_pages,
    paper_pages,
    patrol_pages,
    people_pages,
    pictures,
    place_duty_pages,
    planning_pages,
    plate_pages,
    prints,
    privacy_pages,
    queries,
    readiness_pages,
    review_pages,
    roster_pages,
    service,
    service_pages,
    serving,
)
from geo_service.web.frame import Frame, Framed
from geo_service.web.menu import first_page
from geo_service.web.service import Progress
from geo_service.web.serving import PaperSize, PrintForm
from layers.vocabulary import DutyKind, GapKind, Layer, Level, Right
from maps.data import MapData
from maps.style import AMBIGUOUS, FRESHNESS, UNCOVERED, gap_words

router = APIRouter()
pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
api = APIRouter(prefix="/api", tags=["web"])

PAGE_ROWS = 50
LISTED_ROWS = 100
"""Rows of the list beneath a map; all are in the files to download."""


@pages.get("/", summary="Lead to the page with which the day begins")
def start(request: Request, db: Db, who: SignedIn, county: str | None = None) -> Response:
    """Lead to the account's first page; show how far the demo is and which counties there are before."""
    reached = accounts.reached(db, who.account_id)
    progress = service.demo_progress(db)
    if county is None and len(reached) != 1:
        return Frame(request, who.login).show("start.html", {"progress": progress, "counties": reached})
    scope = accounts.own_scope(db, who, county, request_id=request_id_of(request))
    frame = Frame(request, who.login, db.get_one(County, scope.county_id), scope)
    first = first_page(scope)
    if first != "/" and not (progress and progress.is_of_interest):
        return RedirectResponse(frame.link(first), status_code=303)
    return _overview(db, frame, progress)


@pages.get("/overview", summary="Show what the register holds and what was covered")
def overview(db: Db, frame: Framed) -> Response:
    """Show the counts and shares of each layer over a year."""
    return _overview(db, frame, service.demo_progress(db))


def _overview(db: Db, frame: Frame, progress: Progress | None) -> Response:
    scope = frame.own_scope
    window = service.usual_window(frame.own_county)
    question = Question(window.first, window.last)
    unassigned = gaps.gaps(db, scope, question, GapKind.UNASSIGNED)
    values: dict[str, Any] = {
        "progress": progress,
        "counties": [],
        "window": window,
        "register": service.register(db, scope, window),
        "coordinates": scope.holds(Right.COORDINATOR),
        "waiting": len(devices.waiting(db, scope)) if scope.holds(Right.COORDINATOR) else 0,
        "to_review": reviews.how_many_wait(db, scope) if scope.holds(*CHANGE) else 0,
        "audits": scope.areas(Right.AUDITOR) is None,
        "shares": service.shares(answers.coverage(db, scope, question), unassigned),
    }
    return frame.show("start.html", values)


@api.get("/progress", summary="How far the making of the demo county is")
def progress(db: Db) -> Progress | None:
    """Return state, steps done and words; null where no demo was ever asked for."""
    return service.demo_progress(db)


@pages.get("/map/coverage", summary="Show the coverage map and its list")
def coverage_page(db: Db, frame: Framed, asked: FromTheAddress) -> Response:
    """Show the map of what was covered, with the places that have the least share beneath."""
    question = asked.query(db, frame.own_scope)
    table = answers.coverage(db, frame.own_scope, question)
    least = sorted(table.rows, key=lambda row: (row.done is None, row.done or 0.0, row.place.code))
    values = {"totals": table.totals, "rows": least[:LISTED_ROWS], "count": len(table.rows)}
    return frame.show("coverage.html", _choices(db, frame, asked, question) | values)


@pages.get("/map/gaps", summary="Show the gap map and its list")
def gaps_page(db: Db, frame: Framed, asked: FromTheAddress) -> Response:
    """Show the map of the gaps of one kind or of all, with the largest beneath."""
    question = asked.query(db, frame.own_scope)
    gathered = facts.gather(db, frame.own_scope, question)
    tables = [gaps.of(gathered, kind) for kind in asked.kinds]
    largest = [
        (table.kind, service.largest_gaps(db, frame.own_county, table, LISTED_ROWS), len(table.rows),
         lists.short(table))
        for table in tables
    ]  # fmt: skip
    return frame.show("gaps.html", _choices(db, frame, asked, question) | {"tables": largest})


@pages.get("/map/coverage/picture", summary="The coverage map as a document for its page")
def coverage_picture(request: Request, db: Db, frame: Framed, asked: FromTheAddress) -> Response:
    """Return the map with its own policy: its scripts are inline and known by their hash."""
    question = asked.query(db, frame.own_scope)
    return serving.picture(request, pictures.coverage_map(db, frame.own_scope, question, full=True))


@pages.get("/map/gaps/picture", summary="The gap map as a document for its page")
def gaps_picture(request: Request, db: Db, frame: Framed, asked: FromTheAddress) -> Response:
    """Return the map with its own policy."""
    question = asked.query(db, frame.own_scope)
    return serving.picture(request, pictures.gap_map(db, frame.own_scope, question, asked.kinds, full=True))


@pages.get("/map/coverage/file", summary="The coverage map as a file to keep and send")
def coverage_file(db: Db, frame: Framed, asked: FromTheAddress, full: InFull = False) -> Response:
    """Return the map as a file that needs no network, holds no key, and masks names unless in full."""
    question = asked.query(db, frame.own_scope)
    return _file(db, frame, pictures.coverage_map(db, frame.own_scope, question, full=full), full=full)


@pages.get("/map/gaps/file", summary="The gap map as a file to keep and send")
def gaps_file(db: Db, frame: Framed, asked: FromTheAddress, full: InFull = False) -> Response:
    """Return the map as a file that needs no network, holds no key, and masks names unless in full."""
    question = asked.query(db, frame.own_scope)
    return _file(
        db, frame, pictures.gap_map(db, frame.own_scope, question, asked.kinds, full=full), full=full
    )


@pages.get("/map/coverage/print/{paper}/{form}", summary="The coverage map on paper")
def coverage_print(
    db: Db, frame: Framed, asked: FromTheAddress, paper: PaperSize, form: PrintForm
) -> Response:
    """Return the map as PNG or PDF, or as an atlas with a page for each township."""
    scope, question = frame.own_scope, asked.query(db, frame.own_scope)
    _record(db, scope, form=form, paper=paper)
    return serving.print_(
        form,
        paper,
        lambda: prints.coverage_sheet(db, scope, question),
        lambda: prints.coverage_atlas(db, scope, question),
    )


@pages.get("/map/gaps/print/{paper}/{form}", summary="The gap map on paper")
def gaps_print(db: Db, frame: Framed, asked: FromTheAddress, paper: PaperSize, form: PrintForm) -> Response:
    """Return the map as PNG or PDF, or as an atlas with a page for each township."""
    scope, question = frame.own_scope, asked.query(db, frame.own_scope)
    _record(db, scope, form=form, paper=paper)
    return serving.print_(
        form,
        paper,
        lambda: prints.gap_sheet(db, scope, question, asked.kinds),
        lambda: prints.gap_atlas(db, scope, question, asked.kinds),
    )


class Sought(BaseModel):
    """What the list of places looks for."""

    layer: Annotated[Layer | None, BeforeValidator(lambda value: value or None)] = None
    text: Annotated[str, Field(max_length=100)] = ""
    register_: Annotated[str, Field(alias="register", pattern="^(scheme|all)$")] = "scheme"
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


@pages.get("/places", summary="Show the register of places")
def places(db: Db, frame: Framed, sought: Annotated[Sought, Query()]) -> Response:
    """Show places of the scope by name or code, a page at a time."""
    found = queries.found_places(
        db,
        frame.own_scope,
        layer=sought.layer,
        text=sought.text.strip(),
        only_scheme=sought.register_ == "scheme",
        limit=PAGE_ROWS + 1,
        offset=(sought.page - 1) * PAGE_ROWS,
    )
    values = {
        "layers": list(Layer),
        "chosen": sought,
        "register": sought.register_,
        "places": found[:PAGE_ROWS],
        "page": sought.page,
        "more": len(found) > PAGE_ROWS,
        "may_draw": frame.own_scope.holds(*CHANGE),
    }
    return frame.show("places.html", values)


@pages.get("/places/{place_id}", summary="Show the card of a place")
def place(db: Db, frame: Framed, place_id: int, asked: FromTheAddress) -> Response:
    """Show one place: its measure with what was covered and what was not, its people, its versions."""
    card = service.card(db, frame.own_scope, place_id)
    question = asked.query(db, frame.own_scope)
    values = {
        "card": card,
        "versions": queries.versions(db, frame.own_county, place_id),
        "question": question,
        "measure": service.measure(db, frame.own_scope, card, question),
        "today": today(frame.own_county),
        "looks": [*FRESHNESS, UNCOVERED, AMBIGUOUS],
        "nobody": gap_words(GapKind.UNASSIGNED, card.place.layer),
        "may_draw": queries.may_change(db, frame.own_scope, place_id),
        "under_way": _under_way(db, frame.own_scope.county_id, card.place.layer),
    }
    return frame.show("place.html", values)


def _choices(db: Db, frame: Frame, asked: Any, question: Question) -> dict[str, Any]:
    """Return what the form of a map page offers, and what was chosen."""
    return {
        "asked": asked,
        "question": question,
        "layers": list(Layer),
        "areas": queries.area_choices(db, frame.own_scope),
        "duties": list(DutyKind),
        "levels": list(Level),
        "kinds": list(GapKind),
        "may_tell": frame.own_scope.holds(*CHANGE),
    }


def _under_way(db: Db, county_id: int, layer: Layer) -> list[str]:
    """Return what is computed at this moment and will change what the card of a place tells."""
    told = [again.progress(db, county_id)]
    if layer is Layer.GRID:
        told.append(walkable.progress(db, county_id))
    return [words for words in told if words is not None]


def _file(db: Db, frame: Frame, data: MapData, *, full: bool) -> Response:
    _record(db, frame.own_scope, form="html", full=full)
    return serving.file(data)


def _record(db: Db, scope: Scope, **detail: Any) -> None:
    audit.record(db, scope.actor, "maps.export", county_id=scope.county_id, **detail)


router.include_router(morning_pages.router)
router.include_router(account_pages.router)
router.include_router(audit_pages.router)
router.include_router(care_pages.router)
router.include_router(channel_pages.router)
router.include_router(case_pages.router)
router.include_router(case_photo_pages.router)
router.include_router(case_rule_pages.router)
router.include_router(card_pages.router)
router.include_router(plate_pages.router)
router.include_router(paper_pages.router)
router.include_router(patrol_pages.router)
router.include_router(gap_pages.router)
router.include_router(roster_pages.router)
router.include_router(review_pages.router)
router.include_router(service_pages.router)
router.include_router(figure_pages.router)
router.include_router(import_pages.router)
router.include_router(privacy_pages.router)
router.include_router(norm_pages.router)
router.include_router(planning_pages.router)
router.include_router(readiness_pages.router)
router.include_router(drawing_pages.router)
router.include_router(people_pages.router)
router.include_router(place_duty_pages.router)
router.include_router(map_pages.router)
router.include_router(pages)
router.include_router(api)
