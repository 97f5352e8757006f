"""Counties and areas over HTTP."""

from fastapi import APIRouter
from pydantic import BaseModel

from geo_service.accounts import service as accounts
from geo_service.accounts.dependencies import Signed, SignedIn
from geo_service.areas import service
from geo_service.db import Db
from layers.vocabulary import Level

router = APIRouter(prefix="/api", tags=["areas"])


class CountyOut(BaseModel):
    """A county; `bounds` is west, south, east, north in degrees, None while unknown."""

    code: str
    name: str
    time_zone: str
    bounds: tuple[float, float, float, float] | None
    made_up: bool


class AreaNode(BaseModel):
    """A township or village of the scope, with what is below it."""

    id: int
    code: str
    name: str
    level: Level
    areas: list["AreaNode"]


@router.get("/counties", summary="The counties that I reach")
def counties(db: Db, who: SignedIn) -> list[CountyOut]:
    """Return code, name, time zone and box of every county for which I have a grant."""
    reached = [service.county_of(db, county.code) for county in accounts.reached(db, who.account_id)]
    return [
        CountyOut(
            code=county.code,
            name=county.name,
            time_zone=county.time_zone,
            bounds=service.box_of(county),
            made_up=county.made_up,
        )
        for county in reached
    ]


@router.get("/areas", summary="The townships and villages of my scope, as a tree")
def areas(db: Db, scope: Signed) -> list[AreaNode]:
    """Return the areas I see, each with what is below it; the topmost I see stand first."""
    seen = service.seen_areas(db, scope)
    nodes = {
        area.id: AreaNode(id=area.id, code=area.code, name=area.name, level=area.level, areas=[])
        for area in seen
    }
    tops: list[AreaNode] = []
    for area in seen:
        above = nodes.get(area.parent_id) if area.parent_id is not None else None
        (tops if above is None else above.areas).append(nodes[area.id])
    return tops
