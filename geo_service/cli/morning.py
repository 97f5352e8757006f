"""`geo-service morning`: what the morning page tells, in numbers."""

import datetime as dt
from typing import Annotated

import typer

from geo_service import audit
from geo_service.accounts.service import command_scope
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode, Form, InFull, Output
from geo_service.db import transaction
from geo_service.listing import emit
from geo_service.morning import service, told
from layers.vocabulary import Period

app = typer.Typer()

Day = Annotated[dt.datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="哪一天；不写就是今天")]
Of = Annotated[Period, typer.Option("--period", help="数据从本期开始算到这一天，和上期同期相比")]
AreaCode = Annotated[str | None, typer.Option("--area", help="镇村代码；不写就是全县")]


@app.command(help="每日一览：本期数据和上期同期、昨天以来、到期、安静的人和地方、在办案件。")
def morning(
    day: Day = None, period: Of = Period.MONTH, area: AreaCode = None, county: CountyCode = None,
    form: Form = None, output: Output = None, full: InFull = False,
) -> None:  # fmt: skip
    """Print or write the rows of the morning page."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        found = service.morning(db, scope, day.date() if day else None, period, area)
        if output is not None or full:
            audit.record(db, scope.actor, "morning.export", county_id=scope.county_id, full=full)
    emit(told.listing(found), form, output, full=full)
