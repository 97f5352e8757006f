"""`geo-service cases`: the board, 问题台账, tables, rates, spots that come back, the hand-over file."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.accounts.service import command_scope
from geo_service.cases import board, ledger
from geo_service.cases.board import Asked, Only
from geo_service.cases.ledger import By, Window
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode, Form, InFull, Output
from geo_service.clock import today_in
from geo_service.columns import Listing
from geo_service.db import transaction
from geo_service.errors import Invalid
from geo_service.listing import As, emit
from layers.vocabulary import CaseState

app = typer.Typer()
cases = typer.Typer(help="案件：看板、台账、统计。", invoke_without_command=True)
app.add_typer(cases, name="cases")

State = Annotated[CaseState | None, typer.Option("--state", help="只列这种状态")]
Some = Annotated[Only | None, typer.Option("--only", help="只列超期、今天到期或等答复延期的")]
Kind = Annotated[str | None, typer.Option("--kind", help="只列这类问题（类别编码，例如 litter）")]
Area = Annotated[str | None, typer.Option("--area", help="镇街或村的代码")]
First = Annotated[
    dt.datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="第一天，不写就从今年 1 月 1 日")
]
Last = Annotated[
    dt.datetime | None, typer.Option("--until", formats=["%Y-%m-%d"], help="最后一天，不写就到今天")
]
Counted = Annotated[By, typer.Option("--by", help="按什么统计")]


@cases.callback()
def open_(context: typer.Context, form: Form = None, county: CountyCode = None) -> None:
    """List the open cases, if no other command is named."""
    if context.invoked_subcommand is None:
        list_(form=form, county=county)


@cases.command("list", help="列出在办的案件，先到期的在前。")
def list_(
    state: State = None, only: Some = None, kind: Kind = None, area: Area = None, county: CountyCode = None,
    form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Print or write the board."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        found = board.listing(db, scope, Asked(state=state, only=only, kind=kind, area=area))
        _leave(db, scope, found, form, output)


@cases.command("ledger", help="问题台账：编号、上报、受理、交办、处置、核查、办结、是否超期。")
def ledger_(
    first: First = None, last: Last = None, state: State = None, kind: Kind = None, area: Area = None,
    full: InFull = False, county: CountyCode = None, form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Print or write the ledger of a window."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        asked = Asked(state=state, every_state=state is None, kind=kind, area=area)
        found = ledger.ledger(db, scope, _window(db, scope, first, last), asked, full=full)
        _leave(db, scope, found, form, output, full=full)


@cases.command("handover", help="移交 12345、城管等平台的清单：国标代码、两种坐标，不含人名。")
def handover(
    first: First = None, last: Last = None, county: CountyCode = None, form: Form = None,
    output: Output = None,
) -> None:  # fmt: skip
    """Print or write the cases of a window for other platforms."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        _leave(db, scope, ledger.handover(db, scope, _window(db, scope, first, last)), form, output)


@cases.command("tables", help="按类别、镇街、对象、责任单位或月份统计。")
def tables(
    by: Counted = By.CATEGORY, first: First = None, last: Last = None, county: CountyCode = None,
    form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Print or write the counts of a window."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        _leave(db, scope, ledger.table(db, scope, _window(db, scope, first, last), by), form, output)


@cases.command("rates", help="办结率：时段内上报的，到现在办结了多少；按期多少。")
def rates(
    first: First = None, last: Last = None, county: CountyCode = None, form: Form = None,
    output: Output = None,
) -> None:  # fmt: skip
    """Print or write the rates of a window with their definition."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        found = ledger.rates(db, scope, _window(db, scope, first, last))
        _leave(db, scope, ledger.rates_listing(found), form, output)


@cases.command("repeat", help="反复出现的点位：180 天内 100 米内同类问题 3 次以上。")
def repeat(last: Last = None, county: CountyCode = None, form: Form = None, output: Output = None) -> None:
    """Print or write where problems of one kind come back."""
    with connect() as (engine, _), transaction(engine) as db:
        scope = command_scope(db, county)
        day = last.date() if last else today_in(db, scope.county_id)
        _leave(db, scope, ledger.repeats(db, scope, day), form, output)


def _leave(
    db: Session, scope: Scope, listing: Listing, form: As | None, path: Path | None, *, full: bool = False
) -> None:
    """Print a list or write it to a file, which the audit then knows of."""
    if path is not None or full:
        about: dict[str, Any] = {"list": listing.name, "rows": len(list(listing.rows)), "full": full}
        audit.record(db, scope.actor, "cases.export", county_id=scope.county_id, **about)
    emit(listing, form, path, full=full)


def _window(db: Session, scope: Scope, first: dt.datetime | None, last: dt.datetime | None) -> Window:
    until = last.date() if last else today_in(db, scope.county_id)
    since = first.date() if first else until.replace(month=1, day=1)
    if since > until:
        raise Invalid("起止日期不对：--from 要在 --until 以前。")
    return Window(since, until)
