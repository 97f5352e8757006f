"""`geo-service recompute`: coverage computed anew under the rule of today, compared, then adopted."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.accounts.service import command_scope
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode, Form, Output
from geo_service.clock import zone_in
from geo_service.columns import Column, Listing
from geo_service.db import transaction
from geo_service.listing import DRAWN, As, emit
from geo_service.recompute import adopting, comparing, service, workers
from geo_service.recompute.asking import Question
from geo_service.recompute.service import Tell
from layers.vocabulary import Layer

app = typer.Typer()
recompute = typer.Typer(
    help="按现在的规则重算巡查的覆盖：先另外存着、和现在的比一比，采用后才生效。结论和已发布的数字不变。"
)
app.add_typer(recompute, name="recompute")

MOST_SHOWN = 10
"""Places of a layer on the screen; a file holds all."""

RunId = Annotated[int, typer.Argument(help="重算的编号，见 geo-service recompute list", show_default=False)]
Layers = Annotated[
    list[Layer] | None, typer.Option("--layer", help="只重算这些图层的覆盖，可写多次；不写就是全部")
]
AreaCode = Annotated[
    str | None, typer.Option("--area", help="只重算到过这个镇村的巡查，写代码；不写就是全县")
]
Since = Annotated[
    dt.datetime | None, typer.Option("--since", formats=["%Y-%m-%d"], help="只重算这一天起的巡查")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, max=256, help="用几个进程一起算；不写就用这一个进程")
]
Scheduler = Annotated[
    str | None, typer.Option("--scheduler", help="交给已有的 Dask 集群，例如 tcp://10.0.0.5:8786")
]
Adopt = Annotated[bool, typer.Option("--adopt", help="算完、比完就采用，不再另外确认")]

_RUNS = (
    Column("id", "编号", "whole"),
    Column("state", "状态"),
    Column("asked", "重算哪些"),
    Column("rule", "规则版本", "whole"),
    Column("patrols", "存着的巡查", "whole"),
    Column("created_at", "开始", "time"),
    Column("finished_at", "算完", "time"),
    Column("adopted_at", "采用", "time"),
)


@recompute.callback(invoke_without_command=True)
def run(
    context: typer.Context, layer: Layers = None, area: AreaCode = None, since: Since = None,
    workers_: Workers = None, scheduler: Scheduler = None, adopt_: Adopt = False,
    county: CountyCode = None, form: Form = None, output: Output = None,
) -> None:  # fmt: skip
    """Compute what is asked for, or what an earlier run left of it, and compare it with what is in force."""
    if (below := context.invoked_subcommand) is not None:
        if given := [value for value in context.params.values() if value]:
            raise typer.BadParameter(
                f"“{below}”前面的 {len(given)} 个选项不会生效；请写在“{below}”后面，或去掉。"
            )
        return
    question = Question(tuple(one for one in Layer if one in (layer or ())), area, since and since.date())
    crew = workers.crew(workers_, scheduler)
    with connect(storing=True) as (engine, _):
        scope = _scope(engine, county)
        try:
            with crew as hands, _bar("重算") as tell:
                done = service.run(engine, scope, question, hands, tell)
        except KeyboardInterrupt:
            typer.echo("已停下。算好的都留着，再运行同样的命令会接着算。", err=True)
            raise typer.Exit(1) from None
        typer.echo(_told(done), err=True)
        _compare(engine, scope, done.id, form, output)
        if adopt_:
            _adopt(engine, scope, done.id)
        else:
            typer.echo(
                f"现在的覆盖还没有改变。采用：geo-service recompute adopt {done.id}；"
                f"不要了：geo-service recompute discard {done.id}",
                err=True,
            )


@recompute.command("list", help="有哪些重算：没算完的、待采用的、已采用的。")
def list_(county: CountyCode = None, form: Form = None, output: Output = None) -> None:
    """List the runs."""
    with _asking(county) as (db, scope):
        zone = zone_in(db, scope.county_id)
        rows = []
        for r in service.runs(db, scope):
            times = (r.created_at, r.finished_at, r.adopted_at)
            clock = (at and at.astimezone(zone).replace(microsecond=0) for at in times)
            rows.append((r.id, r.state, r.asked.words, r.rule, r.patrols, *clock))
    emit(Listing("recomputations", "重算", _RUNS, rows), form, output)


@recompute.command(help="再比一次：采用以后覆盖会有什么变化。什么也不改。")
def compare(run_id: RunId, county: CountyCode = None, form: Form = None, output: Output = None) -> None:
    """Compare a run with what is in force."""
    with connect() as (engine, _):
        _compare(engine, _scope(engine, county), run_id, form, output)


@recompute.command(help="采用：用重算的覆盖换下现在的。巡查的结论和已发布的数字不变。")
def adopt(run_id: RunId, county: CountyCode = None) -> None:
    """Put a run in force."""
    with connect(storing=True) as (engine, _):
        _adopt(engine, _scope(engine, county), run_id)


@recompute.command(help="丢弃一次还没有采用的重算。现在的覆盖不变。")
def discard(run_id: RunId, county: CountyCode = None) -> None:
    """Drop a run."""
    with connect() as (engine, _):
        patrols = service.discard(engine, _scope(engine, county), run_id)
    typer.echo(f"重算 {run_id} 已丢弃（存着的 {patrols} 次巡查）。现在的覆盖没有变。")


def _adopt(engine: Engine, scope: Scope, run_id: int) -> None:
    try:
        with _bar("采用") as tell:
            done = adopting.adopt(engine, scope, run_id, tell)
    except KeyboardInterrupt:
        typer.echo(
            f"采用到一半停下了：每次巡查要么换好、要么没动。请再运行 geo-service recompute adopt {run_id}。",
            err=True,
        )
        raise typer.Exit(1) from None
    typer.echo(f"已采用重算 {run_id}：{done.patrols} 次巡查的覆盖已更新。结论和已发布的数字没有变。")
    if done.again:
        typer.echo(f"其中 {done.again} 次在重算以后有变化（补传了轨迹或对象改了图形），已当场重新算过。")
    if done.kept:
        typer.echo(f"{done.kept} 次已作废或轨迹已到期删除，保持原样。")


def _compare(engine: Engine, scope: Scope, run_id: int, form: As | None, output: Path | None) -> None:
    told = form or (output.suffix.lower().removeprefix(".") if output else None)
    with transaction(engine) as db:
        found = comparing.compare(db, scope, run_id, drawn=told in DRAWN)
        if output is not None:
            audit.record(db, scope.actor, "recompute.export", county_id=scope.county_id, form=str(told))
    is_shown = form is None and output is None
    if is_shown and not found.changes:
        typer.echo("和现在的一样：采用后覆盖没有变化。")
        return
    if is_shown:
        emit(comparing.totals(found))
    emit(comparing.changes(found, most=MOST_SHOWN if is_shown else None), form, output)
    if is_shown and len(found.changes) > MOST_SHOWN:
        typer.echo(f"每个图层最多列出 {MOST_SHOWN} 个；要全部请加 -o 文件名.xlsx。", err=True)


def _told(done: service.Told) -> str:
    before = f"接着上次的算：已有 {done.before} 次，" if done.was_begun else ""
    again = f"（其中 {done.again} 次有变化，重新算过）" if done.again else ""
    return f"重算 {done.id}：{before}这次算了 {done.computed} 次巡查{again}。"


def _scope(engine: Engine, county: str | None) -> Scope:
    with transaction(engine) as db:
        return command_scope(db, county)


@contextmanager
def _asking(county: str | None) -> Iterator[tuple[Session, Scope]]:
    """Yield a session and the scope of whoever runs the machine."""
    with connect() as (engine, _), transaction(engine) as db:
        yield db, command_scope(db, county)


@contextmanager
def _bar(what: str) -> Iterator[Tell]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
