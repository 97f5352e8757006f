"""The morning page, on the screen and on one A4; and who is on the way now."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.clock import today
from geo_service.db import Db
from geo_service.live.walks import LIVE_FOR
from geo_service.morning.quiet import QUIET_DAYS
from geo_service.morning.routes import FromTheAddress
from geo_service.morning.service import EARLIEST, SOON_DAYS, change_words
from geo_service.web import charts, queries
from geo_service.web.frame import Framed
from layers.norms import Per
from layers.vocabulary import Period

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Changes = Annotated[Scope, require(*CHANGE)]


@router.get("/morning", summary="Show what is new, due, quiet and reported")
def morning(db: Db, frame: Framed, found: FromTheAddress) -> Response:
    """Show the morning of a day; it prints on one A4."""
    area = found.area_code
    figures = {"first": found.days.first, "last": found.days.last, "area": area}
    values = {
        "found": found,
        "is_empty": queries.is_empty(db, frame.own_scope),
        "figures": figures,
        "chart": charts.columns(found.by_day, len(found.days)),
        "width": charts.WIDTH,
        "height": charts.HEIGHT,
        "age_shares": charts.shares([age.count for age in found.cases.ages]),
        "change": change_words,
        "periods": [one for one in Period if one is not Period.TEN_DAYS],
        "areas": queries.area_choices(db, frame.own_scope),
        "today": today(frame.own_county),
        "earliest": EARLIEST,
        "quiet_days": QUIET_DAYS,
        "soon_days": SOON_DAYS,
        "per_person": Per.PERSON,
    }
    return frame.show("morning.html", values)


@router.get("/live", summary="Show who is on the way now")
def live(frame: Framed, _scope: Changes) -> Response:
    """Show an empty list, which the stream fills: opening the page alone shows nobody."""
    return frame.show("live.html", {"minutes": round(LIVE_FOR.total_seconds() / 60)})
