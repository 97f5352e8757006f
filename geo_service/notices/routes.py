"""Alerts over HTTP: from a volunteer's phone, and for the page of coordinators that looks for new ones."""

import uuid
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from geo_service.accounts.dependencies import Volunteer, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.notices import service
from layers.vocabulary import AlertKind

router = APIRouter(prefix="/api", tags=["notices"])

Own = Literal[AlertKind.SOS, AlertKind.STILL]


class AlertIn(BaseModel):
    """A call for help, or that nobody answered."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    kind: Own
    patrol_id: uuid.UUID
    at: Annotated[AwareDatetime | None, Field(description="When: it may come late. None: now.")] = None
    lon: Annotated[float | None, Field(ge=-180, le=180, description="WGS 84.")] = None
    lat: Annotated[float | None, Field(ge=-90, le=90)] = None


class CountOut(BaseModel):
    """How many alerts are open, and the number of the newest."""

    open: int
    newest: int


@router.post("/v/alerts", status_code=204, summary="Call for help, or tell that nobody answered")
def alert(db: Db, scope: Volunteer, said: AlertIn) -> None:
    """Raise an alert about oneself; sent again it changes nothing."""
    position = (said.lon, said.lat) if said.lon is not None and said.lat is not None else None
    service.alert(db, scope, AlertKind(said.kind), said.patrol_id, at=said.at, position=position)


@router.post("/v/alerts/{kind}/{patrol_id}/close", status_code=204, summary="Tell that one is well")
def close(db: Db, scope: Volunteer, kind: Own, patrol_id: uuid.UUID) -> None:
    """Close one's own alert."""
    service.answer_fine(db, scope, AlertKind(kind), patrol_id)


@router.get("/alerts/count", summary="How many alerts are open")
def count(db: Db, scope: Annotated[Scope, require(*CHANGE)]) -> CountOut:
    """Return the count for the page that looks for new ones."""
    found, newest = service.count(db, scope)
    return CountOut(open=found, newest=newest)
