"""`geo-service patrol`: walks recorded by phones, from files."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from geo_service.accounts.service import command_scope
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode, existing
from geo_service.columns import printable
from geo_service.db import transaction
from geo_service.patrols import parties, service
from geo_service.patrols.answers import PatrolAnswer
from layers.errors import YinxunError
from layers.vocabulary import Datum

app = typer.Typer()

Files = Annotated[list[Path], typer.Argument(help="轨迹文件：GPX、KML、GeoJSON、CSV 或 FIT，可以写多个")]
Who = Annotated[str, typer.Option("--person", help="谁走的：姓名、编号或人员 id")]
Zone = Annotated[str | None, typer.Option("--tz", help="时间没写时区时用的时区，如 Asia/Shanghai")]
StatedDatum = Annotated[Datum | None, typer.Option("--datum", help="坐标系；不写就按 WGS 84，看着不像会问")]
_TRACKS = "请写出其中的轨迹文件，例如 文件夹/*.gpx"


@app.command(help="读入手机记录的巡查轨迹，并说出走到了哪里。每个文件单独保存，有错的不影响别的。")
def patrol(
    files: Files, person: Who, tz: Zone = None, datum: StatedDatum = None, county: CountyCode = None
) -> None:
    """Take each file as a patrol of one person; files that cannot be taken are told, the others stay."""
    failed = 0
    with connect(storing=True) as (engine, settings):
        with transaction(engine) as db:
            scope = command_scope(db, county)
            walker = parties.person_called(db, scope, person)
        with _bar(len(files)) as bar:
            for path in bar.track(files, description="读取轨迹"):
                try:
                    with transaction(engine) as db:
                        answer = service.take_file(
                            db, scope, walker.id, existing(path, hint=_TRACKS), time_zone=tz, datum=datum,
                            home_cut_m=settings.home_cut_m, keep_in=settings.files_dir,
                        )  # fmt: skip
                    _tell(path, walker.name, answer)
                except YinxunError as error:
                    failed += 1
                    typer.echo(printable(f"{path}：没有保存。{error.detail}"), err=True)
    if failed:
        rest = "其余已保存" if failed < len(files) else "什么也没有改动"
        typer.echo(f"共 {len(files)} 个文件，{failed} 个没有保存，{rest}。", err=True)
        raise typer.Exit(1)


def _tell(path: Path, name: str, answer: PatrolAnswer) -> None:
    if answer.voided_at is not None:
        told = f"这次巡查以前已登记，后来作废了（{answer.void_reason}），不计入。"
    else:
        told = ("以前已登记过，没有重复计入。" if answer.already else "") + answer.told
    typer.echo(printable(f"{path.name}（{name}）：{told}"))
    for note in answer.notes:
        typer.echo(printable(f"  注意：{note}"))


def _bar(files: int) -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=files < 2)
