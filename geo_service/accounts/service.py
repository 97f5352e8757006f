"""Ways in and what they reach: sign-in, sessions, one-time links, tokens, and the scope of a request.

Every secret is 256 random bits and stored as its SHA-256; it is looked up by that hash. A signature on
the cookie would add nothing: what is not in the table opens nothing, and nobody can guess what is.
"""

import datetime as dt
import getpass
import hashlib
import os
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts import lockout, passwords, queries
from geo_service.accounts.queries import Held
from geo_service.accounts.scope import Actor, Scope
from geo_service.errors import Invalid, NotFound
from geo_service.tables import Account, Grant, SignIn
from layers import codes
from layers.vocabulary import Right

SESSION_LIFE = dt.timedelta(hours=12)
"""A session ends then even when it is used all the time: a working day."""
ADMINISTRATOR_IDLE = dt.timedelta(minutes=15)
PHONE_IDLE = dt.timedelta(days=30)
"""A volunteer's phone lapses when it was not used for so long; the card opens it again."""
CHANGE_LIFE = dt.timedelta(minutes=15)
"""How long a one-time password leaves to choose a new one."""
LINK_LIFE = dt.timedelta(minutes=30)
_TOUCH = dt.timedelta(seconds=60)
"""How exactly the last use is noted: a write a minute instead of one a request."""

FIRST_LOGIN = "admin"
_NOBODY = uuid.UUID(int=0)


@dataclass(frozen=True)
class Identity:
    """Who came with a request, and by which way in."""

    account_id: uuid.UUID
    login: str
    person_id: uuid.UUID | None
    sign_in_id: int
    kind: str
    """session, change (may only change the password), token, phone"""
    held: tuple[Held, ...] = ()
    """Its account's grants in each county in which they hold."""


@dataclass(frozen=True)
class Opened:
    """A session that was just opened; `secret` is for the cookie and is never seen again."""

    secret: str
    account_id: uuid.UUID
    must_change: bool = False
    is_old: bool = False
    """The password is so old that a new one should be suggested."""


@dataclass(frozen=True)
class Refused:
    """A sign-in that failed. Returned, not raised: the failure must be counted and committed."""

    detail: str


_WRONG = Refused("登录名或密码不对，请检查后重新输入。")
_LOCKED = Refused("连续输错次数过多，已暂停登录 30 分钟。请稍后再试，或请管理员重置密码。")


def sign_in(
    db: Session, login: str, password: str, *, address: str | None = None, request_id: str | None = None
) -> Opened | Refused:
    """Open a session by password; five wrong ones in 15 minutes lock login and address for 30."""
    account = _verified(db, login, password, address=address, request_id=request_id)
    if isinstance(account, Refused):
        return account
    kind = "change" if account.must_change_password else "session"
    opened = open_session(db, account, kind, request_id=request_id, by="password")
    changed = account.password_changed_at or account.created_at
    is_old = changed < _now() - dt.timedelta(days=passwords.WARN_DAYS)
    return Opened(opened.secret, account.id, must_change=kind == "change", is_old=is_old)


def open_session(db: Session, account: Account, kind: str, *, request_id: str | None, by: str) -> Opened:
    """Open a session without asking for a secret: the caller has seen one. `by` is told to the audit."""
    secret, now = secrets.token_urlsafe(32), _now()
    life = CHANGE_LIFE if kind == "change" else SESSION_LIFE
    queries.add_sign_in(db, account.id, kind, _sha256(secret), now=now, expires_at=now + life)
    _record(db, account.id, "accounts.sign_in", request_id, by=by)
    return Opened(secret, account.id)


def redeem_link(db: Session, secret: str, *, request_id: str | None = None) -> Opened | None:
    """Open a session by a one-time link; None if the link is unknown, used or out of date."""
    account_id = queries.use_up_link(db, _sha256(secret), _now())
    account = db.get(Account, account_id) if account_id else None
    if account is None:
        _record(db, None, "accounts.link_refused", request_id)
        return None
    return open_session(db, account, "session", request_id=request_id, by="link")


def recognise(db: Session, secret: str, *, kinds: Sequence[str], staff_idle: dt.timedelta) -> Identity | None:
    """Return who holds a secret of one of `kinds`, or None; note its use.

    A session lapses unused after `staff_idle`, an administrator's after 15 minutes at the latest; the phone
    of a volunteer after 30 days.
    """
    found = queries.sign_in_by_secret(db, _sha256(secret), kinds)
    now = _now()
    if found is None or has_lapsed(
        found.kind, found.used_at, found.expires_at, now=now, is_administrator=found.is_administrator,
        staff_idle=staff_idle,
    ):  # fmt: skip
        return None
    if found.used_at is not None and found.used_at + _TOUCH <= now:
        queries.touch(db, found.id, now)
    return Identity(found.account_id, found.login or "", found.person_id, found.id, found.kind, found.held)


def has_lapsed(
    kind: str,
    used_at: dt.datetime | None,
    expires_at: dt.datetime | None,
    *,
    now: dt.datetime,
    is_administrator: bool,
    staff_idle: dt.timedelta,
) -> bool:
    """Tell whether a way in is past its end, or was not used for too long."""
    if expires_at is not None and expires_at <= now:
        return True
    if kind == "token" or used_at is None:
        return False
    idle = min(staff_idle, ADMINISTRATOR_IDLE) if is_administrator else staff_idle
    return used_at + (PHONE_IDLE if kind == "phone" else idle) <= now


def sign_out(db: Session, who: Identity, *, request_id: str | None = None) -> None:
    """Take the session out of force."""
    queries.revoke_sign_ins(db, who.account_id, _now(), sign_in_id=who.sign_in_id)
    _record(db, who.account_id, "accounts.sign_out", request_id)


def sign_ins(db: Session, account_id: uuid.UUID) -> list[SignIn]:
    """Return the sessions, tokens and links of an account that are in force, the latest used first."""
    return queries.sign_ins(db, account_id, _now())


def end_own(db: Session, who: Identity, sign_in_id: int) -> None:
    """End one of the own sessions or tokens; raises `NotFound`."""
    if not queries.revoke_sign_ins(db, who.account_id, _now(), sign_in_id=sign_in_id):
        raise NotFound("没有这个登录或令牌，可能已经失效。")
    _record(db, who.account_id, "accounts.end_sign_in", None, sign_in=sign_in_id)


def change_password(
    db: Session,
    who: Identity,
    old: str,
    new: str,
    *,
    address: str | None = None,
    request_id: str | None = None,
) -> Opened | Refused:
    """Change the own password, end all sessions of the account and open a new one.

    Raises `Invalid` when the new password breaks a rule.
    """
    account = _verified(db, who.login, old, address=address, request_id=request_id)
    if isinstance(account, Refused):
        return account
    passwords.check(new, login=who.login, history=account.password_history)
    set_password(account, new, must_change=False)
    queries.revoke_sign_ins(db, account.id, _now(), kinds=("session", "change", "link"))
    _record(db, account.id, "accounts.change_password", request_id)
    return open_session(db, account, "session", request_id=request_id, by="password_change")


def set_password(account: Account, password: str, *, must_change: bool) -> None:
    """Store a password's hash; one that must be changed is not remembered among the latest."""
    account.password_hash = passwords.hashed(password)
    account.password_changed_at = _now()
    account.must_change_password = must_change
    if not must_change:
        latest = [account.password_hash, *account.password_history]
        account.password_history = latest[: passwords.REMEMBERED]


def one_time_link(db: Session, login: str, actor: Actor) -> str:
    """Return the path of a link that signs in once, within 30 minutes.

    The secret stands in the fragment, which no browser sends and no log sees; the page posts it.
    """
    account = queries.account_by_login(db, tidy_login(login))
    if account is None or account.disabled_at is not None:
        raise NotFound(f"没有可用的账号「{login}」。请用 geo-service user list 查看。")
    audit.record(db, actor, "accounts.link", county_id=None, subject=f"account/{account.id}")
    return make_link(db, account)


def make_link(db: Session, account: Account) -> str:
    """Return the path of a new one-time link of an account; the caller tells the audit."""
    secret, now = secrets.token_urlsafe(32), _now()
    queries.add_sign_in(db, account.id, "link", _sha256(secret), now=now, expires_at=now + LINK_LIFE)
    return f"/link#{secret}"


def make_token(
    db: Session, account: Account, name: str, *, days: int | None, actor: Actor, county_id: int | None
) -> str:
    """Return a new bearer token, with which a program acts as the account; it is shown once.

    It holds for `days`, or until it is revoked.
    """
    secret, now = f"yx_{secrets.token_urlsafe(32)}", _now()
    expires_at = now + dt.timedelta(days=days) if days is not None else None
    number = queries.add_sign_in(
        db, account.id, "token", _sha256(secret), now=now, expires_at=expires_at, name=name
    )
    subject = f"account/{account.id}"
    audit.record(db, actor, "accounts.token", county_id=county_id, subject=subject, token=number)
    return secret


def first_administrator(db: Session) -> tuple[str, str] | None:
    """Make the first administrator and return login and one-time password; None when there is an account."""
    db.execute(select(func.pg_advisory_xact_lock(func.hashtext("first_administrator"))))
    if db.scalar(select(Account.id).limit(1)) is not None:
        return None
    account = Account(login=FIRST_LOGIN, password_history=[])
    password = passwords.one_time()
    set_password(account, password, must_change=True)
    db.add(account)
    db.flush()
    db.add(Grant(county_id=None, area_id=None, account_id=account.id, right=Right.ADMINISTRATOR))
    db.flush()
    actor = Actor(os_user=os_user())
    audit.record(db, actor, "accounts.first", county_id=None, subject=f"account/{account.id}")
    return FIRST_LOGIN, password


def scope_of(
    db: Session, account_id: uuid.UUID, county: str | None = None, *, person_id: uuid.UUID | None = None
) -> Scope:
    """Return the account's scope in a county, given by code; it may be left out where only one is reached.

    Raises `Invalid` when the county must be named, `NotFound` when it is out of reach or none is there.
    """
    return _scope(db, Actor(account_id), person_id, queries.held(db, account_id), county)


def own_scope(db: Session, who: Identity, county: str | None, *, request_id: str | None) -> Scope:
    """Return the scope of whoever came as `scope_of` does; only for grants of areas is anything asked."""
    return _scope(db, Actor(who.account_id, request_id=request_id), who.person_id, who.held, county)


def _scope(
    db: Session, actor: Actor, person_id: uuid.UUID | None, held: Sequence[Held], county: str | None
) -> Scope:
    reached = choose_county(list({grant.county: None for grant in held}), county)
    grants = [grant for grant in held if grant.county == reached]
    below = queries.areas_below(db, reached.id, {one.area_id for one in grants if one.area_id is not None})
    rights: dict[Right, frozenset[int] | None] = {}
    for grant in grants:
        areas = rights.get(grant.right, frozenset())
        if grant.area_id is None or areas is None:
            rights[grant.right] = None
        else:
            rights[grant.right] = areas | below.get(grant.area_id, frozenset())
    everywhere = frozenset(grant.right for grant in grants if grant.everywhere)
    return Scope(reached.id, actor, rights, person_id, everywhere)


def command_scope(db: Session, county_code: str | None) -> Scope:
    """Return the scope of a command: every right, in the name of the operating system's user."""
    reached = choose_county(queries.reached_counties(db, None), county_code)
    actor = Actor(os_user=os_user())
    return Scope(reached.id, actor, dict.fromkeys(Right, None), None, frozenset(Right))


def reached(db: Session, account_id: uuid.UUID) -> list[queries.Reached]:
    """Return the counties that an account has a grant for, by code."""
    return queries.reached_counties(db, account_id)


def choose_county(counties: Sequence[queries.Reached], code: str | None) -> queries.Reached:
    """Return the county with the code, or the only one."""
    if code is not None:
        found = next((county for county in counties if county.code == codes.county(code.strip())), None)
        if found is None:
            raise NotFound(f"没有代码为「{code}」的县，或不在您的权限内。")
        return found
    if not counties:
        raise NotFound("还没有可以查看的县。请先用 geo-service areas 建立县和辖区，或请管理员为您开通权限。")
    if len(counties) > 1:
        listed = "、".join(f"{county.code}（{county.name}）" for county in counties[:20])
        raise Invalid(f"您可以查看多个县，请用 county（命令行用 --county）注明其中一个：{listed}。")
    return counties[0]


def tidy_login(login: str) -> str:
    """Return a login as it is stored: half-width, lower case.

    >>> tidy_login(" Ｗang.Fang ")
    'wang.fang'
    """
    return passwords.normal(login).casefold()


def os_user() -> str:
    """Return the user of the operating system who runs the command, also through sudo."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return f"uid {os.getuid()}"


def _verified(
    db: Session, login: str, password: str, *, address: str | None, request_id: str | None
) -> Account | Refused:
    login, now = tidy_login(login), _now()
    keys = lockout.keys_of(login, address)
    is_locked = lockout.is_locked(db, keys, now)
    account = queries.account_by_login(db, login)
    account_id = account.id if account else None
    if is_locked:
        _record(db, account_id, "accounts.sign_in_refused", request_id, reason="locked")
        return _LOCKED
    usable = account is not None and account.disabled_at is None
    if not passwords.matches(password, account.password_hash if account and usable else None):
        locked = lockout.count_failure(db, keys, now)
        _record(db, account_id, "accounts.sign_in_refused", request_id, reason="wrong", locked=locked)
        return _LOCKED if locked else _WRONG
    assert account is not None  # noqa: S101  (a password matched its hash)
    lockout.forget(db, login)
    return account


def _record(
    db: Session, account_id: uuid.UUID | None, action: str, request_id: str | None, **detail: object
) -> None:
    """Record a sign-in: in the county of the account, or in none where it reaches several or is unknown."""
    # Asked for nobody too, so that an unknown login takes no less time than a known one.
    counties = queries.reached_counties(db, account_id or _NOBODY)
    county_id = counties[0].id if len(counties) == 1 else None
    actor = Actor(account_id=account_id, request_id=request_id)
    subject = f"account/{account_id}" if account_id else None
    audit.record(db, actor, action, county_id=county_id, subject=subject, **detail)


def _sha256(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
