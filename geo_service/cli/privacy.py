"""`geo-service retention` and `geo-service forget`: what is dropped by its age, and who is forgotten."""

from typing import Annotated

import typer

from geo_service.accounts.scope import Actor
from geo_service.accounts.service import command_scope, os_user
from geo_service.cli.connect import connect
from geo_service.cli.options import CountyCode, Form, Output
from geo_service.db import transaction
from geo_service.listing import emit
from geo_service.patrols.parties import person_called
from geo_service.people import service
from geo_service.privacy import retention as keeping
from geo_service.privacy import traces
from layers.vocabulary import DeletionReason

app = typer.Typer()

Who = Annotated[str, typer.Argument(help="姓名、编号或人员 id", show_default=False)]
Why = Annotated[
    DeletionReason, typer.Option("--reason", help="withdrawn 退出、deceased 去世、ended 不再需要")
]
Sure = Annotated[bool, typer.Option("--yes", help="确认删除；删除后不能恢复")]


@app.command(help="马上按期限删除：原始定位、轨迹、原件、文件名、升级前的备份。服务运行时每天自动做一次。")
def retention(form: Form = None, output: Output = None) -> None:
    """Run the retention now, and print what was dropped and what is left past its time."""
    with connect() as (engine, settings):
        runs = keeping.run(engine, settings, Actor(os_user=os_user()))
    emit(keeping.listing(runs), form, output)
    left = sum(kept.left for run in runs for kept in run.kinds)
    if left:
        typer.echo(f"还有 {left} 项到期而没有删除；请稍后再运行一次，仍然如此请查看日志。", err=True)
        raise typer.Exit(1)


@app.command(help="删除一个人的全部资料：姓名、电话、轨迹、照片、账号。走到的地方和次数保留，不再有姓名。")
def forget(
    person: Who, yes: Sure = False, reason: Why = DeletionReason.WITHDRAWN, county: CountyCode = None
) -> None:
    """Forget a person everywhere, and take the dead rows out of the database's files."""
    with connect() as (engine, settings):
        with transaction(engine) as db:
            scope = command_scope(db, county)
            found = person_called(db, scope, person)
            if not yes:
                typer.echo(
                    f"将删除 {found.name} 的全部资料，不能恢复。确认请加 --yes；什么也没有改动。", err=True
                )
                raise typer.Exit(1)
            service.delete_person(db, scope, found.id, data_dir=settings.data_dir, reason=reason)
        traces.vacuum(engine)
    typer.echo("已删除。走到的地方、次数和已发布的数字保留，不再有姓名和轨迹。")
