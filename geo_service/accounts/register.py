"""The register of accounts: who has one, with which grants. For administrators and for commands.

An administrator sees the accounts that have a grant in his areas, and may change those that have none
beyond: otherwise the administrator of a township could take over a county's account by a new password.
"""

import datetime as dt
import re
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts import lockout, passwords, queries
from geo_service.accounts.narrow import areas_in
from geo_service.accounts.scope import Actor, Scope
from geo_service.accounts.service import (
    choose_county,
    make_link,
    make_token,
    os_user,
    set_password,
    tidy_login,
)
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.tables import Account, Area, Grant
from layers.vocabulary import Right

_LOGIN = re.compile(r"[\w.@+-]{2,40}")
MAX_TOKEN_DAYS = 3650


@dataclass(frozen=True)
class Ground:
    """Where a grant holds: an area with all below it, a whole county (no area), or all (no county)."""

    county_id: int | None = None
    area_id: int | None = None


@dataclass(frozen=True)
class Manager:
    """Who administers accounts, and over which ground: all counties (None), a county, or areas of it."""

    actor: Actor
    county_id: int | None = None
    areas: frozenset[int] | None = None

    @classmethod
    def of(cls, scope: Scope) -> "Manager":
        """Return the manager that an administrator's scope makes; raises `Forbidden` for others."""
        scope.demand(Right.ADMINISTRATOR)
        if Right.ADMINISTRATOR in scope.everywhere:
            return cls(scope.actor)
        return cls(scope.actor, scope.county_id, scope.areas(Right.ADMINISTRATOR))

    @classmethod
    def of_commands(cls) -> "Manager":
        """Return the manager that commands act as: over all, also before there is a county."""
        return cls(Actor(os_user=os_user()))

    def reaches(self, ground: Ground) -> bool:
        """Tell whether a grant on this ground is his to give and take."""
        if self.county_id is None:
            return True
        if ground.county_id != self.county_id:
            return False
        return self.areas is None or ground.area_id in self.areas


def ground_in(db: Session, scope: Scope, area: str) -> Ground:
    """Return the ground of an area (code) in which the scope administers. Raises `NotFound`."""
    area_id = queries.area_by_code(db, area, areas_in(scope, Right.ADMINISTRATOR))
    if area_id is None:
        raise NotFound(f"没有代码为「{area[:40]}」的辖区，或不在您的权限内。")
    return Ground(scope.county_id, area_id)


def ground_of(db: Session, right: Right, county: str | None, area: str | None) -> Ground:
    """Return the ground that commands name by codes; raises as `service.choose_county`.

    Administrators and auditors for whom neither is named reach all counties; for the others the county
    may be left out where there is only one.
    """
    if county is None and area is None and right in (Right.ADMINISTRATOR, Right.AUDITOR):
        return Ground()
    county_id = choose_county(queries.reached_counties(db, None), county).id
    if area is None:
        return Ground(county_id)
    area_id = queries.area_by_code(db, area, Area.county_id == county_id)
    if area_id is None:
        raise NotFound(f"这个县没有代码为「{area}」的辖区。请先用 geo-service areas 导入辖区。")
    return Ground(county_id, area_id)


def add(
    db: Session,
    manager: Manager,
    login: str,
    right: Right,
    ground: Ground,
    *,
    person_id: uuid.UUID | None = None,
    is_program: bool = False,
) -> tuple[Account, str | None]:
    """Add an account with its first grant; return it with its one-time password (a program has none).

    Raises `Invalid` for a login that cannot be taken, `Conflict` for one that is taken.
    """
    login = tidy_login(login)
    if not _LOGIN.fullmatch(login):
        raise Invalid(f"登录名「{login}」不能用：请用 2 到 40 个汉字、字母、数字或 . _ - @ +，中间不留空格。")
    if queries.account_by_login(db, login) is not None:
        raise Conflict(f"登录名「{login}」已经有人用了，请换一个。")
    if person_id and not queries.is_person_of(db, person_id, ground.county_id, manager.areas):
        raise NotFound("没有这个人员，或不在您的辖区内。请先导入人员名册。")
    account = Account(id=uuid.uuid4(), login=login, person_id=person_id, password_history=[])
    password = None if is_program else passwords.one_time()
    if password is not None:
        set_password(account, password, must_change=True)
    db.add(account)
    db.flush()
    _record(db, manager, "accounts.add", account, ground)
    grant(db, manager, account, right, ground)
    return account, password


def found(db: Session, manager: Manager, account_id: uuid.UUID) -> Account:
    """Return an account for changing it; raises `NotFound` or, when it has grants beyond, `Forbidden`."""
    account = db.get(Account, account_id)
    if account is None:
        raise NotFound("没有这个账号，或不在您的辖区内。")
    _demand_reach(db, manager, account)
    return account


def found_by_login(db: Session, manager: Manager, login: str) -> Account:
    """Return an account by its login for changing it; raises as `found`."""
    account = queries.account_by_login(db, tidy_login(login))
    if account is None:
        raise NotFound(f"没有账号「{login}」。请用 geo-service user list 查看。")
    _demand_reach(db, manager, account)
    return account


def grant(db: Session, manager: Manager, account: Account, right: Right, ground: Ground) -> Grant:
    """Give an account a right on a ground; one that it has already stays as it is."""
    if not manager.reaches(ground):
        raise Forbidden("只能授予您自己辖区内的权限，请联系上级管理员。")
    if right is Right.VOLUNTEER and account.person_id is None:
        raise Invalid("志愿者账号要对应一个人员：新建账号时请注明人员（命令行用 --person）。")
    held = queries.grant_on(db, account.id, right, ground.county_id, ground.area_id)
    if held is not None:
        return held
    given = Grant(county_id=ground.county_id, area_id=ground.area_id, account_id=account.id, right=right)
    db.add(given)
    db.flush()
    _record(db, manager, "accounts.grant", account, ground, right=right, area=ground.area_id)
    return given


def revoke(db: Session, manager: Manager, account: Account, given: Grant | None) -> None:
    """Take a grant away; raises `NotFound`, or `Conflict` for the last administrator of all counties."""
    if given is None or given.account_id != account.id:
        raise NotFound("这个账号没有这项权限。请先查看它现有的权限。")
    ground = Ground(given.county_id, given.area_id)
    right = given.right
    db.delete(given)
    db.flush()
    _demand_administrator(db, was_one=right == Right.ADMINISTRATOR and ground == Ground())
    _record(db, manager, "accounts.revoke", account, ground, right=right, area=ground.area_id)


def reset_password(db: Session, manager: Manager, account: Account) -> str:
    """Give an account a new one-time password, end its sessions and its lock; return the password."""
    password = passwords.one_time()
    set_password(account, password, must_change=True)
    db.flush()
    queries.revoke_sign_ins(db, account.id, _now(), kinds=("session", "change", "link"))
    lockout.forget(db, account.login or "")
    _record(db, manager, "accounts.reset_password", account, Ground(manager.county_id))
    return password


def disable(db: Session, manager: Manager, account: Account) -> None:
    """Let nobody in by this account any more, and end every way in; `enable` takes it back."""
    if account.disabled_at is not None:
        return
    account.disabled_at = _now()
    db.flush()
    _demand_administrator(db, was_one=queries.is_administrator_of_all(db, account.id))
    queries.revoke_sign_ins(db, account.id, _now())
    _record(db, manager, "accounts.disable", account, Ground(manager.county_id))


def enable(db: Session, manager: Manager, account: Account) -> None:
    """Let a disabled account in again; its sessions and tokens stay ended."""
    if account.disabled_at is None:
        return
    account.disabled_at = None
    db.flush()
    _record(db, manager, "accounts.enable", account, Ground(manager.county_id))


def forget_person(db: Session, scope: Scope, person_id: uuid.UUID) -> int:
    """Drop the accounts of a person with every way in; return how many. He is being forgotten.

    An account that is more than a volunteer's is for an administrator of its grounds, or for himself:
    `Forbidden`. Raises `Conflict` for the last administrator of all counties.
    """
    owned = queries.accounts_of(db, person_id)
    for account in owned:
        if queries.has_staff_right(db, account.id) and scope.person_id != person_id:
            _demand_reach(db, Manager.of(scope), account)
        was_one = queries.is_administrator_of_all(db, account.id)
        lockout.forget(db, account.login or "")
        db.delete(account)
        db.flush()
        _demand_administrator(db, was_one=was_one)
        _record(db, Manager(scope.actor), "accounts.forget", account, Ground(scope.county_id))
    return len(owned)


def token(db: Session, manager: Manager, account: Account, name: str, *, days: int | None) -> str:
    """Return a new token with which a program acts as the account: shown once, revocable.

    It can do what the account's grants allow, so give programs accounts of their own.
    """
    if not name.strip():
        raise Invalid("请写明这个令牌给哪个程序用，以便日后核对和收回。")
    if days is not None and not 1 <= days <= MAX_TOKEN_DAYS:
        raise Invalid(f"令牌的有效天数应在 1 到 {MAX_TOKEN_DAYS} 之间。")
    if account.disabled_at is not None:
        raise Conflict("这个账号已停用，不能再发令牌。请先恢复账号。")
    return make_token(db, account, name.strip(), days=days, actor=manager.actor, county_id=manager.county_id)


def link(db: Session, manager: Manager, account: Account) -> str:
    """Return the path of a link that signs in once, within 30 minutes; it is shown once.

    Raises `Conflict` for an account that is disabled, or a program's: it has tokens.
    """
    if account.disabled_at is not None:
        raise Conflict("这个账号已停用，不能再登录。请先恢复账号。")
    if account.password_hash is None:
        raise Conflict("这是程序用的账号，没有登录页面可进。请给它生成令牌。")
    _record(db, manager, "accounts.link", account, Ground(manager.county_id))
    return make_link(db, account)


def end_sign_in(db: Session, manager: Manager, account: Account, sign_in_id: int) -> None:
    """End one session or token of an account; raises `NotFound`."""
    if not queries.revoke_sign_ins(db, account.id, _now(), sign_in_id=sign_in_id):
        raise NotFound("没有这个登录或令牌，可能已经失效。")
    _record(db, manager, "accounts.end_sign_in", account, Ground(manager.county_id), sign_in=sign_in_id)


def listed(
    db: Session, manager: Manager, *, after: str | None = None, limit: int = 100, text: str = ""
) -> Sequence[queries.AccountRow]:
    """Return the accounts with a grant on the manager's ground, by login, with those grants.

    `text` stands in the logins that are wanted.
    """
    return queries.accounts(db, manager.county_id, manager.areas, after=after, limit=limit, text=text)


def shown(db: Session, manager: Manager, account: Account) -> queries.AccountRow:
    """Return an account that was found as administrators read it. Raises `NotFound` for a card's."""
    rows = queries.accounts(db, manager.county_id, manager.areas, after=None, limit=1, only=account.id)
    if not rows:
        raise NotFound("这是志愿者的卡片建立的账号，请在这个人的“卡片和手机”页办理。")
    return rows[0]


def is_seen(db: Session, manager: Manager, account: Account) -> bool:
    """Tell whether an account still has a right on the manager's ground."""
    return bool(queries.accounts(db, manager.county_id, manager.areas, after=None, limit=1, only=account.id))


def all_listed(db: Session, manager: Manager) -> Iterator[queries.AccountRow]:
    """Yield every account of the manager's ground, by login."""
    after: str | None = None
    while rows := listed(db, manager, after=after, limit=1000):
        yield from rows
        after = rows[-1].login


def _demand_reach(db: Session, manager: Manager, account: Account) -> None:
    grounds = [Ground(*row) for row in queries.grounds_of(db, account.id)]
    reached = [manager.reaches(ground) for ground in grounds]
    if manager.county_id is not None and not any(reached):
        raise NotFound("没有这个账号，或不在您的辖区内。")
    if not all(reached):
        raise Forbidden("这个账号在别的辖区也有权限，请由上级管理员办理。")


def _demand_administrator(db: Session, *, was_one: bool) -> None:
    if was_one and not queries.has_administrator_of_all(db):
        raise Conflict("这是最后一个管理全部县区的管理员。请先增加另一个，再停用或收回这一个。")


def _record(
    db: Session, manager: Manager, action: str, account: Account, ground: Ground, **detail: object
) -> None:
    subject = f"account/{account.id}"
    audit.record(db, manager.actor, action, county_id=ground.county_id, subject=subject, **detail)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
