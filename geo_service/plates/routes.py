"""Plates over HTTP for coordinators, and check-ins of volunteers."""

import datetime as dt
import uuid
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from geo_service.accounts.dependencies import Volunteer, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.errors import Invalid, NotFound
from geo_service.plates import check_ins, downloads, service, sheets
from geo_service.plates.check_ins import Said
from geo_service.plates.service import Hung, Wanted
from geo_service.plates.sheets import Asked
from geo_service.positions import Positioned
from geo_service.settings import Settings
from layers.vocabulary import Layer

router = APIRouter(prefix="/api", tags=["plates"])

Changes = Annotated[Scope, require(*CHANGE)]
PlateId = Annotated[str, Path(max_length=60)]
_PlaceId = Annotated[int, Field(ge=0, lt=2**63)]
PaperName = Literal["A4", "A5"]


class PlateIn(Positioned):
    """A plate to be made."""

    place_id: _PlaceId
    name: Annotated[str | None, Field(max_length=200, description="Where it hangs, in words.")] = None


class PlateOut(BaseModel):
    """A plate in use."""

    id: str
    mark: Annotated[str, Field(description="Its last characters, which stand on it too.")]
    address: Annotated[str, Field(description="What is behind its code.")]
    place_id: int
    layer: Layer
    place: str
    name: str | None
    lon: float | None
    lat: float | None
    created_at: dt.datetime

    @classmethod
    def of(cls, request: Request, plate: Hung) -> "PlateOut":
        """Make it of a plate."""
        settings: Settings = request.app.state.settings
        lon, lat = plate.at or (None, None)
        return cls(
            id=plate.id, mark=plate.mark, address=sheets.address(settings.address, plate.id),
            place_id=plate.place_id, layer=plate.layer, place=plate.place, name=plate.name, lon=lon, lat=lat,
            created_at=plate.created_at,
        )  # fmt: skip


class SheetIn(BaseModel):
    """Plates to be printed."""

    model_config = ConfigDict(extra="forbid")

    area: Annotated[str | None, Field(max_length=40, description="Code of a township or village.")] = None
    layer: Layer | None = None
    place_ids: Annotated[list[_PlaceId], Field(max_length=500, description="These places only.")] = []
    plate_id: Annotated[str | None, Field(max_length=60, description="This plate only.")] = None
    missing: Annotated[bool, Field(description="Make one for each place without any.")] = True
    paper: PaperName = "A4"


class CheckInIn(Positioned):
    """A scan of a plate."""

    plate: Annotated[str, Field(max_length=60, description="The id of the plate, from its address.")]
    at: AwareDatetime
    accuracy_m: Annotated[float | None, Field(description="Left out, zero or less: not known.")] = None
    patrol_id: Annotated[uuid.UUID | None, Field(description="The walk that this phone records.")] = None


class PlaceOut(BaseModel):
    """A place by name."""

    id: int | None
    name: str


class CheckInOut(BaseModel):
    """How a check-in stands."""

    place: PlaceOut
    away_m: float | None
    state: Literal["counted", "review"]
    words: str


class ScannedOut(BaseModel):
    """A plate as a volunteer's phone shows it."""

    id: str
    place: PlaceOut
    where: str | None


@router.get("/plates", summary="Plates in use")
def plates(
    request: Request,
    db: Db,
    scope: Changes,
    area: Annotated[str | None, Query(max_length=40, description="Code of a township or village.")] = None,
    place_id: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
) -> list[PlateOut]:
    """Return the plates at places of the scope, by place."""
    return [PlateOut.of(request, plate) for plate in service.listed(db, scope, area=area, place_id=place_id)]


@router.post("/plates", status_code=201, summary="Make a plate for a place")
def make(request: Request, db: Db, scope: Changes, said: PlateIn) -> PlateOut:
    """Make a plate; its spot, if one is given, must lie near the place."""
    wanted = Wanted(said.place_id, said.name, said.position, said.datum)
    return PlateOut.of(request, service.make(db, scope, wanted))


@router.post("/plates/sheet", summary="Print plates, made where they are missing")
def print_plates(request: Request, db: Db, scope: Changes, said: SheetIn) -> Response:
    """Return a PDF, a plate a page; it can be had again."""
    settings: Settings = request.app.state.settings
    asked = Asked(said.area, said.layer, said.place_ids, plate_id=said.plate_id, missing=said.missing)
    return downloads.pdf(sheets.make(db, scope, asked, settings.address), said.paper)


@router.post("/plates/{plate_id}/remake", status_code=201, summary="Replace a plate by a new one")
def remake(request: Request, db: Db, scope: Changes, plate_id: PlateId) -> PlateOut:
    """Take a plate out of use, and make another one for the same spot."""
    return PlateOut.of(request, service.remake(db, scope, plate_id))


@router.delete("/plates/{plate_id}", status_code=204, summary="Take a plate out of use")
def revoke(db: Db, scope: Changes, plate_id: PlateId) -> None:
    """Take a plate out of use; what was checked in at it stays."""
    service.revoke(db, scope, plate_id)


@router.get("/v/plates/{plate_id}", summary="A plate that a volunteer has scanned")
def scanned(db: Db, scope: Volunteer, plate_id: PlateId) -> ScannedOut:
    """Return what is behind it."""
    plate = service.in_use(db, plate_id)
    if plate is None or plate.county_id != scope.county_id:
        raise NotFound(check_ins.GONE)
    return ScannedOut(id=plate.id, place=PlaceOut(id=plate.place_id, name=plate.place), where=plate.name)


@router.put(
    "/v/check-ins/{check_in_id}",
    status_code=201,
    summary="Check in at a plate, under an id of the phone's",
    responses={200: {"model": CheckInOut, "description": "It came before: nothing was added."}},
)
def check_in(
    request: Request, response: Response, db: Db, scope: Volunteer, check_in_id: uuid.UUID, said: CheckInIn
) -> CheckInOut:
    """Take a scan; the position, if one is told, only says how far away from the plate it was."""
    settings: Settings = request.app.state.settings
    accuracy_m = said.accuracy_m if said.accuracy_m and said.accuracy_m > 0 else None
    scan = Said(said.plate, _checked(said.at), said.position, accuracy_m, said.datum, said.patrol_id)
    told = check_ins.take(db, scope, check_in_id, scan, late=dt.timedelta(days=settings.late_days))
    response.status_code = 200 if told.already else 201
    return CheckInOut(
        place=PlaceOut(id=told.place_id, name=told.place),
        away_m=told.away_m,
        state="counted" if told.is_counted else "review",
        words=told.words,
    )


def _checked(moment: dt.datetime) -> dt.datetime:
    try:
        return moment.astimezone(dt.UTC)
    except (OverflowError, ValueError) as error:
        raise Invalid("时间不可能；请对准手机的时钟后再打卡。") from error
