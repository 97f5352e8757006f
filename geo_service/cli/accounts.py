"""`geo-service user`: accounts, grants, tokens and one-time links, for who runs the machine."""

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy.orm import Session

from geo_service.accounts import queries, register, service
from geo_service.accounts.register import Manager
from geo_service.cli.connect import connect
from geo_service.columns import Column, Listing
from geo_service.db import transaction
from geo_service.errors import NotFound
from geo_service.listing import As, emit
from geo_service.tables import SignIn
from layers.vocabulary import Right

app = typer.Typer()
user = typer.Typer(
    help="账号与权限：新建、列出、重置密码、停用、授权、收回、令牌、一次性登录链接。", no_args_is_help=True
)
app.add_typer(user, name="user")

Login = Annotated[str, typer.Argument(help="登录名", show_default=False)]
RightWord = Annotated[Right, typer.Option("--right", help="权限", show_default=False)]
County = Annotated[
    str | None, typer.Option("--county", help="县的代码，只有一个县时不用写", show_default=False)
]
AreaCode = Annotated[
    str | None, typer.Option("--area", help="辖区代码，包括它下面的；不写就是全县", show_default=False)
]

_COLUMNS = (
    Column("login", "登录名"),
    Column("rights", "权限"),
    Column("state", "状态"),
    Column("used_at", "最近使用", "time"),
    Column("created_at", "建立时间", "time"),
    Column("id", "编号"),
)


@user.command(help="新建一个账号，显示一次性密码。管理员和审计员不写县和辖区时，管全部县。")
def add(
    login: Login,
    right: RightWord,
    county: County = None,
    area: AreaCode = None,
    person: Annotated[str | None, typer.Option(help="对应人员在名册里的编号（志愿者必填）")] = None,
    program: Annotated[bool, typer.Option("--program", help="给程序用：没有密码，只用令牌")] = False,
) -> None:
    """Add an account with its first grant and tell its one-time password."""
    with _register() as (db, manager):
        ground = register.ground_of(db, right, county, area)
        person_id = queries.person_by_number(db, ground.county_id, person) if person else None
        if person and person_id is None:
            raise NotFound(f"名册里没有编号为「{person}」的人员。请先用 geo-service roster 导入名册。")
        account, password = register.add(
            db, manager, login, right, ground, person_id=person_id, is_program=program
        )
        name = account.login
    typer.echo(f"已建立账号 {name}（{right.zh}）。")
    if password is None:
        typer.echo(f"请用 geo-service user token {name} --name 用途 生成令牌。")
    else:
        _tell_password(password)


@user.command("list", help="列出账号和它们的权限。")
def list_accounts(
    form: Annotated[As | None, typer.Option("--as", help="输出格式，不写就显示表格")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="写到文件")] = None,
) -> None:
    """List the accounts with their grants."""
    with _register() as (db, manager):
        rows = list(register.all_listed(db, manager))
    emit(Listing("accounts", "账号", _COLUMNS, [_as_row(row) for row in rows]), form, output)


@user.command(help="重置密码：显示新的一次性密码，解除锁定，退出所有登录。")
def password(login: Login) -> None:
    """Give an account a new one-time password, end its lock and its sessions."""
    with _register() as (db, manager):
        new = register.reset_password(db, manager, register.found_by_login(db, manager, login))
    _tell_password(new)


@user.command(help="停用账号，立即退出它的所有登录和令牌。")
def disable(
    login: Login, undo: Annotated[bool, typer.Option("--undo", help="恢复已停用的账号")] = False
) -> None:
    """Disable an account, or enable it again."""
    with _register() as (db, manager):
        account = register.found_by_login(db, manager, login)
        (register.enable if undo else register.disable)(db, manager, account)
    typer.echo(f"{'已恢复' if undo else '已停用'}账号 {login}。")


@user.command(help="增加一项权限。")
def grant(login: Login, right: RightWord, county: County = None, area: AreaCode = None) -> None:
    """Give an account a right."""
    with _register() as (db, manager):
        account = register.found_by_login(db, manager, login)
        register.grant(db, manager, account, right, register.ground_of(db, right, county, area))
    typer.echo(f"账号 {login} 现在有「{right.zh}」权限。")


@user.command(help="收回一项权限，写法与授予时相同。")
def revoke(login: Login, right: RightWord, county: County = None, area: AreaCode = None) -> None:
    """Take a right from an account."""
    with _register() as (db, manager):
        account = register.found_by_login(db, manager, login)
        ground = register.ground_of(db, right, county, area)
        given = queries.grant_on(db, account.id, right, ground.county_id, ground.area_id)
        register.revoke(db, manager, account, given)
    typer.echo(f"已收回账号 {login} 的「{right.zh}」权限。")


@user.command(help="给程序生成一个令牌，只显示一次；不写用途时列出已有的令牌。")
def token(
    login: Login,
    name: Annotated[str, typer.Option(help="给哪个程序用")] = "",
    days: Annotated[int, typer.Option(help="有效天数")] = 365,
    end: Annotated[int | None, typer.Option("--end", metavar="编号", help="收回这个编号的令牌")] = None,
) -> None:
    """Make, list or end the tokens of an account."""
    with _register() as (db, manager):
        account = register.found_by_login(db, manager, login)
        if end is not None:
            register.end_sign_in(db, manager, account, end)
            lines = [f"已收回令牌 {end}。"]
        elif name:
            lines = [register.token(db, manager, account, name, days=days)]
            typer.echo("请马上保存这个令牌，以后不再显示。用法：Authorization: Bearer 令牌", err=True)
        else:
            lines = [_as_line(way) for way in service.sign_ins(db, account.id) if way.kind == "token"]
            lines = lines or ["还没有令牌。用 --name 写明用途就可以生成。"]
    for line in lines:
        typer.echo(line)


@user.command(help="生成一次性登录链接，30 分钟内有效，只能用一次。")
def link(login: Login) -> None:
    """Make a one-time link."""
    with connect() as (engine, settings), transaction(engine) as db:
        path = service.one_time_link(db, login, Manager.of_commands().actor)
        address = settings.address.rstrip("/")
    typer.echo(f"{address}{path}")


@contextmanager
def _register() -> Iterator[tuple[Session, Manager]]:
    with connect() as (engine, _), transaction(engine) as db:
        yield db, Manager.of_commands()


def _tell_password(password: str) -> None:
    typer.echo(f"一次性密码：{password}")
    typer.echo("请当面或打电话告诉本人；第一次登录时会要求换成自己的密码。")


def _as_row(row: queries.AccountRow) -> tuple[object, ...]:
    rights = [
        f"{grant.right.zh}（{grant.area_name or grant.area or grant.county or '全部县'}）"
        for grant in row.grants
    ]
    state = "已停用" if row.disabled_at else "使用中" if row.has_password else "程序"
    return row.login, rights, state, _here(row.used_at), _here(row.created_at), row.id


def _here(at: dt.datetime | None) -> dt.datetime | None:
    """Return a time in the machine's own zone, to the second."""
    return at.astimezone().replace(microsecond=0) if at else None


def _as_line(way: SignIn) -> str:
    until = f"{way.expires_at:%Y-%m-%d} 到期" if way.expires_at else "长期"
    return f"{way.id}  {way.name}  {until}"
