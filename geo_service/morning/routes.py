"""The morning over HTTP."""

import datetime as dt
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BeforeValidator
from starlette.responses import JSONResponse

from geo_service import audit
from geo_service.accounts.dependencies import InFull, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.listing import As, download, records
from geo_service.morning import service, told
from geo_service.morning.service import Morning
from layers.vocabulary import Period

router = APIRouter(prefix="/api", tags=["morning"])

Coordinates = Annotated[Scope, require(*CHANGE)]
Format = Annotated[Literal["json", "csv", "xlsx"], Query(alias="as", description="json, or all as a file.")]
_Day = Annotated[dt.date | None, BeforeValidator(lambda value: value or None)]


def asked_of(
    db: Db,
    scope: Coordinates,
    day: Annotated[_Day, Query(description="Local day; none: today.")] = None,
    period: Annotated[Period, Query(description="Of which the days so far are counted.")] = Period.MONTH,
    area: Annotated[str, Query(max_length=40, description="Code of a township or village.")] = "",
) -> Morning:
    """Return the morning that an address asks for."""
    return service.morning(db, scope, day, period, area or None)


FromTheAddress = Annotated[Morning, Depends(asked_of)]


@router.get("/morning", summary="What is new, due, quiet and reported: the rows of the morning page")
def morning(
    db: Db, scope: Coordinates, found: FromTheAddress, form: Format = "json", full: InFull = False
) -> Response:
    """Return day, period and rows: part, item, value, unit, before (the same time of the last period) ..."""
    listing = told.listing(found)
    if form != "json":
        audit.record(db, scope.actor, "morning.export", county_id=scope.county_id, form=form, full=full)
        return download(listing, As(form), full=full)
    about = {
        "day": found.day.isoformat(),
        "period": found.period,
        **{
            name: {"first": days.first.isoformat(), "last": days.last.isoformat()}
            for name, days in (("days", found.days), ("before", found.before))
        },
    }
    return JSONResponse({**about, "rows": records(listing)})
