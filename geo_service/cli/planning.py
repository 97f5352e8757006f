"""`geo-service plan`: who could take what nobody has, decided on line by line, accepted with a date."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.accounts.service import command_scope
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode, Form, InFull, Output
from geo_service.columns import Listing
from geo_service.db import transaction
from geo_service.errors import Invalid
from geo_service.listing import emit
from geo_service.people import service as people
from geo_service.people.lookup import Unclear
from geo_service.planning import lists, numbers, ready, rounds, service
from geo_service.planning.asked import Asked, Numbers
from geo_service.planning.ready import Ready
from layers.vocabulary import Layer, LineState

app = typer.Typer()
plan = typer.Typer(
    help="责任安排：谁可以负责暂无银发责任人的地方，定下或排除，采纳为职责。", no_args_is_help=True
)
app.add_typer(plan, name="plan")

Number = Annotated[int, typer.Argument(help="方案的编号，见 geo-service plan list", show_default=False)]
Lines = Annotated[list[int], typer.Argument(help="条目的编号，可写多个", show_default=False)]
Area = Annotated[str | None, typer.Option("--area", help="镇街或村的代码；不写就是全县，一镇一个方案")]
Layers = Annotated[list[Layer] | None, typer.Option("--layer", help="只安排这些图层，可写多次")]


@plan.command("propose", help="排方案：先让最多的地方有人，再离家近、负担匀；现有职责不动。")
def propose(
    area: Area = None,
    layer: Layers = None,
    least: Annotated[int | None, typer.Option("--min", help="河道、道路每段最少几人；不写是 1")] = None,
    target: Annotated[int | None, typer.Option("--target", help="应有几人；不写同最少")] = None,
    most: Annotated[int | None, typer.Option("--max", help="最多几人；不写同应有")] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="两人同行，不单独去")] = False,
    every: Annotated[float | None, typer.Option("--cut-metres", help="每段最长多少米")] = None,
    bridges: Annotated[bool, typer.Option("--cut-bridges", help="在桥（河与路相交处）分段")] = False,
    borders: Annotated[bool, typer.Option("--cut-borders", help="在村界分段")] = False,
    farthest: Annotated[float, typer.Option("--farthest", help="离家最远多少米")] = 5000.0,
    most_places: Annotated[int, typer.Option("--most-places", help="每人最多几处")] = 2,
    most_metres: Annotated[int | None, typer.Option("--most-metres", help="每人最多多少米")] = None,
    crossing: Annotated[bool, typer.Option("--crossing", help="可以跨镇街")] = False,
    release: Annotated[list[int] | None, typer.Option("--release", help="可以换人的职责号，可写多次")] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="每个方案最多算几秒")] = 10.0,
    county: CountyCode = None,
    form: Form = None,
    output: Output = None,
) -> None:
    """Propose for an area, or township by township."""
    layers = tuple(layer or Layer)
    of_lines = Numbers.said(least, target, most, in_pairs=pairs)
    asked = Asked(
        layers=layers, numbers={one: of_lines for one in layers if one.is_line}, every_m=every,
        at_bridges=bridges, at_borders=borders, farthest_m=farthest, most_places=most_places,
        most_m=most_metres, crossing=crossing, released=tuple(release or ()), seconds=seconds,
    )  # fmt: skip
    made = []
    with connect() as (engine, _), _bar() as bar:
        with transaction(engine) as db:
            codes = [area] if area else rounds.townships(db, command_scope(db, county))
        task = bar.add_task("排方案", total=len(codes))
        for code in codes:
            with transaction(engine) as db:  # each township by itself: what is done stays
                made.append(service.propose(db, command_scope(db, county), code, asked))
            bar.advance(task)
        with transaction(engine) as db:
            listing = lists.proposals(db, command_scope(db, county))
            rows = [row for row in listing.rows if row[0] in made]
    emit(Listing(listing.name, listing.title, listing.columns, rows), form, output)
    typer.echo(
        "看条目和理由：geo-service plan show 编号；采纳：geo-service plan accept 编号 --from 日期", err=True
    )


@plan.command("list", help="已有的方案，最近的在前。")
def list_(area: Area = None, county: CountyCode = None, form: Form = None, output: Output = None) -> None:
    """List the proposals."""
    with _asking(county) as (db, scope):
        listing = lists.proposals(db, scope, area=area)
        rows = list(listing.rows)
    emit(Listing(listing.name, listing.title, listing.columns, rows), form, output)


@plan.command("show", help="一个方案的条目和理由；加 --unmet 看没有满足的和原因。")
def show(
    number: Number,
    unmet: Annotated[bool, typer.Option("--unmet", help="没有满足的需求和意愿")] = False,
    county: CountyCode = None,
    form: Form = None,
    output: Output = None,
    full: InFull = False,
) -> None:
    """List a proposal's lines, or what it does not meet."""
    with _asking(county) as (db, scope):
        listing = (lists.unmet if unmet else lists.lines)(db, scope, number)
        told = service.seen(db, scope, number).result
        if output is not None or full:
            kind = output.suffix.removeprefix(".") if output else ""
            audit.record(
                db, scope.actor, f"{listing.name}.export", county_id=scope.county_id, form=kind, full=full
            )
    if form is None and output is None and not unmet:
        listing = listing.of(_ON_SCREEN)
    emit(listing, form, output, full=full)
    best = "已证明没有更好的" if told.get("is_proven") else "时间内找到的最好的"
    typer.echo(f"{told.get('needs', 0)} 处需求，{told.get('covered', 0)} 处有人；{best}。", err=True)


_ON_SCREEN = ("id", "layer", "place", "stretch", "person", "lives", "state", "reason")


@plan.command("fix", help="定下条目：重新求解时保留。")
def fix(number: Number, lines: Lines, county: CountyCode = None) -> None:
    """Fix lines."""
    _mark(number, lines, LineState.FIXED, county)


@plan.command("refuse", help="排除条目：重新求解时不再出现。")
def refuse(number: Number, lines: Lines, county: CountyCode = None) -> None:
    """Refuse lines."""
    _mark(number, lines, LineState.REFUSED, county)


@plan.command("free", help="撤销对条目的决定。")
def free(number: Number, lines: Lines, county: CountyCode = None) -> None:
    """Leave lines to the solver again."""
    _mark(number, lines, LineState.PROPOSED, county)


def _mark(number: int, lines: list[int], state: LineState, county: str | None) -> None:
    with _asking(county) as (db, scope):
        changed = service.mark(db, scope, number, lines, state)
    typer.echo(f"{changed} 条{state.zh}。重新求解：geo-service plan solve {number}")


@plan.command("solve", help="重新求解：定下的保留，排除的不再出现，其余重新安排。")
def solve(number: Number, county: CountyCode = None) -> None:
    """Solve again."""
    with _asking(county) as (db, scope):
        service.solve_again(db, scope, number)
        told = service.seen(db, scope, number).result
    typer.echo(f"{told['needs']} 处需求，{told['covered']} 处有人。")


@plan.command("accept", help="采纳：条目从某天起成为职责。不写条目就是全部没有排除的。")
def accept(
    number: Number,
    first: Annotated[dt.datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="从哪天起")],
    line: Annotated[list[int] | None, typer.Option("--line", help="只采纳这些条目，可写多次")] = None,
    county: CountyCode = None,
) -> None:
    """Make duties."""
    with _asking(county) as (db, scope):
        found = service.accept(db, scope, number, first.date(), line or None)
    typer.echo(f"{len(found)} 项职责从 {first.date()} 起执行。")


@plan.command("drop", help="放弃方案；已经采纳的职责不变。")
def drop(number: Number, county: CountyCode = None) -> None:
    """Give a proposal up."""
    with _asking(county) as (db, scope):
        service.drop(db, scope, number)
    typer.echo(f"方案 {number} 已放弃。")


@plan.command("numbers", help="一处需要几个人：比图层的优先；什么都不写就恢复为图层的。")
def numbers_(
    place: Annotated[str, typer.Argument(help="对象的编码或名称", show_default=False)],
    least: Annotated[int | None, typer.Option("--min", help="最少几人")] = None,
    target: Annotated[int | None, typer.Option("--target", help="应有几人；不写同最少")] = None,
    most: Annotated[int | None, typer.Option("--max", help="最多几人；不写同应有")] = None,
    pairs: Annotated[bool, typer.Option("--pairs", help="两人同行，不单独去")] = False,
    county: CountyCode = None,
) -> None:
    """Say how many people a place should have."""
    said = None
    if (least, target, most, pairs) != (None, None, None, False):
        said = Numbers.said(least, target, most, in_pairs=pairs)
    with _asking(county) as (db, scope):
        (place_id,) = ready.places_called(db, scope, [place])
        numbers.put(db, scope, place_id, said)
    typer.echo("已登记；下次排方案时算进去。" if said else "已恢复为图层的人数。")


@plan.command("ready", help="登记一个人的上限和意愿；没有写的恢复为通常的。")
def ready_(
    person: Annotated[str, typer.Argument(help="姓名、编号或电话", show_default=False)],
    closed: Annotated[bool, typer.Option("--closed", help="现在不再承担新的")] = False,
    most_places: Annotated[int | None, typer.Option("--most-places", help="最多几处")] = None,
    most_metres: Annotated[int | None, typer.Option("--most-metres", help="最多多少米")] = None,
    farthest: Annotated[int | None, typer.Option("--farthest", help="离家最远多少米")] = None,
    layer: Layers = None,
    like: Annotated[list[str] | None, typer.Option("--like", help="想要的对象：编码或名称，可写多次")] = None,
    avoid: Annotated[list[str] | None, typer.Option("--avoid", help="不想要的对象，可写多次")] = None,
    county: CountyCode = None,
) -> None:
    """Keep what a person is ready for."""
    with _asking(county) as (db, scope):
        who, _, _ = people.nameable(db, scope)
        try:
            found = who.find(person, None, None)
        except Unclear as reason:
            raise Invalid(f"{reason}。") from None
        if len(found) != 1:
            raise Invalid(f"叫「{person}」的有 {len(found)} 人，请写编号。")
        ids = [ready.places_called(db, scope, words or ()) for words in (like, avoid)]
        said = Ready(
            not closed, most_places, most_metres, farthest, tuple(layer) if layer else None, ids[0], ids[1]
        )
        ready.put(db, scope, found[0].id, said)
    typer.echo("已登记；下次排方案时算进去。")


@contextmanager
def _asking(county: str | None) -> Iterator[tuple[Session, Scope]]:
    """Yield a session and the scope of whoever runs the machine."""
    with connect() as (engine, _), transaction(engine) as db:
        yield db, command_scope(db, county)


def _bar() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)
