"""`geo-service`: one flat list of commands, each topic in its module."""

import sys

import psycopg
import typer
from sqlalchemy.exc import InterfaceError, OperationalError

from geo_service.cli import (
    accounts,
    areas_places,
    coverage_maps,
    demo,
    figures,
    keeping,
    norms,
    patrols,
    people,
    privacy,
    records,
    running,
    services,
)
from geo_service.errors import Unavailable
from geo_service.room import lack_of_room
from layers.errors import YinxunError

TOPICS = (
    running.app,
    demo.app,
    areas_places.app,
    people.app,
    patrols.app,
    services.app,
    figures.app,
    records.app,
    coverage_maps.app,
    norms.app,
    accounts.app,
    privacy.app,
    keeping.app,
)

app = typer.Typer(
    name="geo-service",
    help="银巡：志愿者巡查的覆盖与空白。",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for topic in TOPICS:
    app.registered_commands.extend(topic.registered_commands)
    app.registered_groups.extend(topic.registered_groups)


def main() -> None:
    """Run the command line; exit with 0 when it is done, 1 when it is not, 2 when it was called wrongly."""
    try:
        app()
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
        typer.echo("已中断，没有完成的内容不会保存。", err=True)
        sys.exit(1)


def _fail(error: YinxunError) -> None:
    typer.echo(f"{error.detail}\n({error.title})", err=True)
    sys.exit(1)
