"""`geo-service`: one flat list of commands, each topic in its module."""

import sys

import psycopg
import typer
from sqlalchemy.exc import InterfaceError, OperationalError
from typer.exceptions import TyperException

from geo_service.cli import (
    accounts,
    areas_places,
    cards,
    cases,
    coverage_maps,
    demo,
    figures,
    keeping,
    morning,
    norms,
    patrols,
    people,
    planning,
    plates,
    privacy,
    recompute,
    records,
    running,
    services,
    wording,
)
from geo_service.errors import Unavailable
from geo_service.room import lack_of_room
from layers.errors import YinxunError

TOPICS = (
    running.app,
    demo.app,
    areas_places.app,
    people.app,
    cards.app,
    plates.app,
    patrols.app,
    services.app,
    cases.app,
    figures.app,
    morning.app,
    records.app,
    coverage_maps.app,
    recompute.app,
    norms.app,
    planning.app,
    accounts.app,
    privacy.app,
    keeping.app,
)

app = typer.Typer(
    name="geo-service",
    cls=wording.Group,
    help="银巡：志愿者巡查的覆盖与空白。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for topic in TOPICS:
    app.registered_commands.extend(topic.registered_commands)
    app.registered_groups.extend(topic.registered_groups)
for group in app.registered_groups:
    group.cls = wording.Group
    for command in group.typer_instance.registered_commands if group.typer_instance else ():
        command.cls = wording.Command
for command in app.registered_commands:
    command.cls = wording.Command


def main() -> None:
    """Run the command line; exit with 0 when it is done, 1 when it is not, 2 when it was called wrongly."""
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except TyperException as error:
        _tell_misuse(error)
    except typer.Abort:
        _interrupted()
    except YinxunError as error:
        _fail(error)
    except (OperationalError, InterfaceError, psycopg.OperationalError) as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[:1]
        _fail(
            lack_of_room(error)
            or Unavailable(
                f"数据库没有应答：{''.join(reason)}。没有保存任何内容。请运行 geo-service doctor。"
            )
        )
    except OSError as error:
        _fail(
            lack_of_room(error)
            or YinxunError(f"{error.strerror}：{error.filename or ''}", title="The system refused this.")
        )
    except KeyboardInterrupt:
        _interrupted()


def _fail(error: YinxunError) -> None:
    typer.echo(error.detail, err=True)
    sys.exit(1)


def _interrupted() -> None:
    typer.echo("已中断，没有完成的内容不会保存。", err=True)
    sys.exit(1)


def _tell_misuse(error: TyperException) -> None:
    """Say what was wrong with the call, and where its help is; a group called without a command shows it."""
    said, context = error.format_message(), getattr(error, "ctx", None)
    if "\n\n" in said:
        typer.echo(said, err=True)
    else:
        typer.echo(wording.refused(said), err=True)
        if context is not None:
            typer.echo(f"用法见：{context.command_path} --help", err=True)
    sys.exit(error.exit_code)
