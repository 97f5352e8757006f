"""`geo-service norm`: what is expected, tried on the past, adopted; what is due."""

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.accounts.service import command_scope
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode, Form, InFull, Output, existing
from geo_service.clock import today_in
from geo_service.columns import Column, Listing
from geo_service.db import transaction
from geo_service.errors import Invalid
from geo_service.listing import emit
from geo_service.norms import due as due_lists
from geo_service.norms import service, trials
from geo_service.norms.due import DueTable
from layers.errors import BadNorm
from layers.norm_words import in_words
from layers.norms import Rule
from layers.periods import Days
from layers.presets import PRESETS
from layers.vocabulary import Verdict

app = typer.Typer()
norm = typer.Typer(help="巡查标准：样板、草稿、试用、采用，应巡与实巡。", no_args_is_help=True)
app.add_typer(norm, name="norm")

_DAY = ["%Y-%m-%d"]
NormId = Annotated[int, typer.Argument(help="标准的编号，见 geo-service norm list", show_default=False)]
First = Annotated[
    dt.datetime | None, typer.Option("--from", formats=_DAY, help="时段的第一天；不写就是四周前")
]
Last = Annotated[
    dt.datetime | None, typer.Option("--until", formats=_DAY, help="时段的最后一天；不写就是今天")
]
AreaCode = Annotated[str | None, typer.Option("--area", help="镇村代码；不写就是全县")]
By = Annotated[
    due_lists.By,
    typer.Option("--by", help="period 每周期一行，subject 每人或每个对象一行，township 每镇一行"),
]

_PRESETS = (Column("code", "代码"), Column("name", "名称"), Column("words", "要求"), Column("source", "出处"))
_NORMS = (
    Column("id", "编号", "whole"),
    Column("name", "名称"),
    Column("state", "状态"),
    Column("first_day", "从", "day"),
    Column("last_day", "到", "day"),
    Column("words", "要求"),
)


@norm.command("presets", help="各地标准的样板，带出处；没有一个是默认执行的。")
def presets(form: Form = None, output: Output = None) -> None:
    """List the presets."""
    rows = [(p.code, p.name, in_words(p.rule), p.source) for p in PRESETS]
    emit(Listing("presets", "标准样板", _PRESETS, rows), form, output)


@norm.command("list", help="本县的标准：草稿在前，然后是最近采用的。")
def list_(county: CountyCode = None, form: Form = None, output: Output = None) -> None:
    """List the norms."""
    with _asking(county) as (db, scope):
        now = today_in(db, scope.county_id)
        rows = [
            (n.id, n.name, n.state_on(now), n.days and n.days.first, n.last_day, in_words(n.rule))
            for n in service.listed(db, scope)
        ]
    emit(Listing("norms", "标准", _NORMS, rows), form, output)
    if not rows:
        typer.echo("还没有标准：只有次数和覆盖，没有达标率。样板见 geo-service norm presets。", err=True)


@norm.command(help="起一份草稿：用样板，或用 JSON 文件里写的要求。草稿不影响任何结论。")
def draft(
    preset: Annotated[str | None, typer.Option("--preset", help="样板的代码")] = None,
    file: Annotated[Path | None, typer.Option("--file", help="写着要求的 JSON 文件")] = None,
    name: Annotated[str | None, typer.Option("--name", help="名称；用样板时可以不写")] = None,
    county: CountyCode = None,
) -> None:
    """Store a draft and tell its number."""
    if (preset is None) == (file is None):
        raise Invalid("请用 --preset 或 --file 给出要求，只给一种。")
    with _asking(county) as (db, scope):
        if preset is not None:
            norm_id = service.draft_preset(db, scope, preset)
            if name is not None:
                service.change(db, scope, norm_id, name=name)
        else:
            norm_id = service.draft(db, scope, name or "", _rule_in(file))
        stored = service.told(db, scope, norm_id)
    typer.echo(f"草稿 {norm_id}「{stored.name}」：{in_words(stored.rule)}")
    typer.echo(
        f"先试一试：geo-service norm try {norm_id}；采用：geo-service norm adopt {norm_id} --from 日期"
    )


@norm.command("try", help="拿过去的巡查试一试：会有多少应巡、多少完成、哪些结论会不同。什么也不改。")
def try_(
    norm_id: NormId, first: First = None, last: Last = None, county: CountyCode = None, form: Form = None,
    output: Output = None, full: InFull = False,
) -> None:  # fmt: skip
    """Try a norm on a window; the patrols whose verdict would differ are listed."""
    with _asking(county) as (db, scope), _bar() as bar:
        task = bar.add_task("试用", total=None)
        window = _window(db, scope, first, last)
        trial = trials.run(
            db, scope, service.told(db, scope, norm_id), window,
            lambda done, of: bar.update(task, completed=done, total=of),
        )  # fmt: skip
        if output is not None or full:
            told = output.suffix.removeprefix(".") if output else ""
            audit.record(db, scope.actor, "trial.export", county_id=scope.county_id, form=told, full=full)
    emit(trials.listing(trial), form, output, full=full)
    verdicts = "、".join(f"{v.zh} {trial.would_be[v]}（现在 {trial.was[v]}）" for v in Verdict)
    typer.echo(f"{window.first} 至 {window.last}，{trial.patrols} 次巡查：{verdicts}。", err=True)
    _tell_rates(trial.due)


@norm.command(help="采用草稿：从某天起执行，不能早于今天；以前的巡查不重新判定，采用后不能再改。")
def adopt(
    norm_id: NormId,
    first: Annotated[dt.datetime, typer.Option("--from", formats=_DAY, help="从哪天起执行")],
    replaces: Annotated[int | None, typer.Option("--replaces", help="接替哪一项；它到前一天为止")] = None,
    county: CountyCode = None,
) -> None:
    """Put a draft in force as of a day."""
    with _asking(county) as (db, scope):
        service.adopt(db, scope, norm_id, first.date(), replaces=replaces)
        name = service.told(db, scope, norm_id).name
    typer.echo(f"「{name}」从 {first.date()} 起执行。")


@norm.command(help="结束一项标准；还没有开始执行的，变回草稿。")
def end(
    norm_id: NormId,
    last: Annotated[dt.datetime, typer.Option("--on", formats=_DAY, help="最后一天（含）")],
    county: CountyCode = None,
) -> None:
    """Let an adopted norm end."""
    with _asking(county) as (db, scope):
        service.end(db, scope, norm_id, last.date())
        stored = service.told(db, scope, norm_id)
    told = "已变回草稿" if stored.is_draft else f"执行到 {stored.last_day} 为止"
    typer.echo(f"「{stored.name}」{told}。")


@norm.command("due", help="应巡与实巡：谁、哪个周期、完成没有。没有标准时只有次数和覆盖，没有达标率。")
def due(
    first: First = None, last: Last = None, area: AreaCode = None, by: By = "period",
    county: CountyCode = None, form: Form = None, output: Output = None, full: InFull = False,
) -> None:  # fmt: skip
    """List what is due under the norms in force."""
    with _asking(county) as (db, scope):
        found = due_lists.table(db, scope, _window(db, scope, first, last), area=area)
        if output is not None or full:
            told = output.suffix.removeprefix(".") if output else ""
            audit.record(db, scope.actor, "due.export", county_id=scope.county_id, form=told, full=full)
    emit(due_lists.listing(found, by), form, output, full=full)
    _tell_rates(found)


def _tell_rates(found: DueTable) -> None:
    if not found.norms:
        typer.echo("这段时间没有执行中的标准：只有次数和覆盖，没有达标率。", err=True)
        return
    rates = found.rates
    share = "—" if rates.done_share is None else f"{rates.done_share:.1%}"
    typer.echo(f"应巡 {rates.due}，实巡 {rates.done}，巡查率 {share}。", err=True)


def _rule_in(path: Path | None) -> Rule:
    if path is None:
        raise Invalid("请用 --file 给出 JSON 文件。")
    try:
        return Rule.from_json(json.loads(existing(path).read_text(encoding="utf-8-sig")))
    except (ValueError, RecursionError) as error:
        if isinstance(error, BadNorm):
            raise
        raise BadNorm(f"{path.name} 不是 JSON：请用 UTF-8 保存，并核对括号和引号。") from error


def _window(db: Session, scope: Scope, first: dt.datetime | None, last: dt.datetime | None) -> Days:
    return due_lists.window_of(db, scope, first.date() if first else None, last.date() if last else None)


@contextmanager
def _asking(county: str | None) -> Iterator[tuple[Session, Scope]]:
    """Yield a session and the scope of whoever runs the machine."""
    with connect() as (engine, _), transaction(engine) as db:
        yield db, command_scope(db, county)


def _bar() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True)
