"""`geo-service demo`: the made-up county, by command."""

from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from geo_service.cli.connect import connect
from geo_service.demo import service

app = typer.Typer()


@app.command(help="建一个虚构的演示县：河道、道路、网格、小区、人员、职责和一年的巡查。已经有了就不动它。")
def demo(
    seed: Annotated[int, typer.Option(min=0, help="不同的数字生成不同的县")] = service.DEFAULT_SEED,
) -> None:
    """Make the demo county, or finish what was begun; a second call changes nothing."""
    with connect(storing=True) as (engine, _), _bar() as bar:
        task = bar.add_task("演示县")
        made = service.make(
            engine,
            seed=seed,
            tell=lambda done, of, what: bar.update(task, completed=done, total=of, description=what),
        )
    typer.echo(service.MADE if made else service.THERE_ALREADY)


def _bar() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    return Progress(*columns, console=Console(stderr=True))
