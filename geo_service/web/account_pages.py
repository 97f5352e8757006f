"""Pages of accounts, for administrators: who may sign in, with which rights where, by which ways in."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, Field

from geo_service.accounts import register, service
from geo_service.accounts.dependencies import require
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.patrols import parties
from geo_service.settings import Settings
from geo_service.tables import Account, Grant
from geo_service.web import queries
from geo_service.web.frame import Frame, Framed
from layers.errors import YinxunError
from layers.vocabulary import Right

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 50
Administers = Annotated[Scope, require(Right.ADMINISTRATOR)]
Word = Annotated[str, Form(max_length=100)]
Ticked = Annotated[bool, Form()]
_Id = Annotated[int, Path(ge=0, lt=2**63)]
_COUNTY, _EVERYWHERE = "county", "everywhere"
"""What the field of the ground says beside codes of areas."""


_NOTHING_SAID: dict[str, object] = {
    "login": "",
    "right": Right.COORDINATOR,
    "ground": "",
    "person": "",
    "is_program": False,
}


class Sought(BaseModel):
    """What the list of accounts looks for; `after` is the login of the last one seen."""

    text: Annotated[str, Field(max_length=100)] = ""
    after: Annotated[str, Field(max_length=100)] = ""


class Action(StrEnum):
    """What is done with an account by one button."""

    PASSWORD = "password"  # noqa: S105  (the name of a button)
    LINK = "link"
    DISABLE = "disable"
    ENABLE = "enable"


@dataclass(frozen=True)
class Secret:
    """What was just made and is shown once: what it is, itself, and what to do with it."""

    title: str
    value: str
    advice: str


@router.get("/accounts", summary="Show the accounts with a right in my areas")
def accounts(db: Db, frame: Framed, scope: Administers, sought: Annotated[Sought, Query()]) -> Response:
    """Show accounts by login, a page at a time, and the form for a new one."""
    return _listed(db, frame, scope, sought)


@router.post("/accounts", summary="Add an account")
def add(
    db: Db,
    frame: Framed,
    scope: Administers,
    login: Word = "",
    right: Word = "",
    ground: Word = "",
    person: Word = "",
    is_program: Ticked = False,
) -> Response:
    """Add an account with its first right, and show its one-time password."""
    said = {"login": login, "right": right, "ground": ground, "person": person, "is_program": is_program}
    manager = Manager.of(scope)
    try:
        with db.begin_nested():
            person_id = parties.person_called(db, scope, person).id if person.strip() else None
            account, password = register.add(
                db, manager, login, _right(right), _ground(db, scope, ground),
                person_id=person_id, is_program=is_program,
            )  # fmt: skip
    except YinxunError as error:
        if _is_out_of_scope(error, ground):
            raise
        return _listed(db, frame, scope, Sought(), said=said, error=error)
    return _shown(db, frame, scope, account, secret=_password(password) if password else None)


@router.get("/accounts/{account_id}", summary="Show an account with its rights and ways in")
def account(db: Db, frame: Framed, scope: Administers, account_id: uuid.UUID) -> Response:
    """Show what an account may do, and what is open in its name."""
    return _shown(db, frame, scope, register.found(db, Manager.of(scope), account_id))


@router.post("/accounts/{account_id}/grants", summary="Grant a right")
def grant(
    db: Db, frame: Framed, scope: Administers, account_id: uuid.UUID,
    right: Word = "", ground: Word = "",
) -> Response:  # fmt: skip
    """Give an account one more right."""
    manager = Manager.of(scope)
    held = register.found(db, manager, account_id)
    return _done(
        db, frame, scope, held,
        lambda: register.grant(db, manager, held, _right(right), _ground(db, scope, ground)),
    )  # fmt: skip


@router.post("/accounts/{account_id}/grants/{grant_id}/revoke", summary="Revoke a grant")
def revoke(db: Db, frame: Framed, scope: Administers, account_id: uuid.UUID, grant_id: _Id) -> Response:
    """Take a right away; an account that has no other here is not seen here any more."""
    manager = Manager.of(scope)
    held = register.found(db, manager, account_id)
    return _done(
        db, frame, scope, held,
        lambda: register.revoke(db, manager, held, db.get(Grant, grant_id)),
    )  # fmt: skip


@router.post("/accounts/{account_id}/tokens", summary="Make a token for a program")
def token(
    db: Db, frame: Framed, scope: Administers, account_id: uuid.UUID,
    name: Word = "", days: Word = "",
) -> Response:  # fmt: skip
    """Make a token and show it once."""
    manager = Manager.of(scope)
    held = register.found(db, manager, account_id)

    def make() -> Secret:
        made = register.token(db, manager, held, name, days=_days(days))
        return Secret("新的令牌", made, "请马上保存到要用它的程序里。离开这一页以后不再显示。")

    return _done(db, frame, scope, held, make)


@router.post("/accounts/{account_id}/sign-ins/{sign_in_id}/end", summary="End a session or token")
def end_sign_in(
    db: Db, frame: Framed, scope: Administers, account_id: uuid.UUID, sign_in_id: _Id
) -> Response:
    """End one way in of an account."""
    manager = Manager.of(scope)
    held = register.found(db, manager, account_id)
    return _done(
        db, frame, scope, held, lambda: register.end_sign_in(db, manager, held, sign_in_id)
    )  # fmt: skip


@router.post("/accounts/{account_id}/{action}", summary="New password, link, disable or enable")
def act(
    request: Request, db: Db, frame: Framed, scope: Administers, account_id: uuid.UUID, action: Action
) -> Response:
    """Do what the button says; a password or a link is shown once."""
    manager = Manager.of(scope)
    held = register.found(db, manager, account_id)
    settings: Settings = request.app.state.settings

    def do() -> Secret | None:
        if action is Action.PASSWORD:
            return _password(register.reset_password(db, manager, held))
        if action is Action.LINK:
            address = f"{settings.address.rstrip('/')}{register.link(db, manager, held)}"
            return Secret("一次性登录链接", address, "30 分钟内有效，只能用一次。请只发给本人。")
        (register.disable if action is Action.DISABLE else register.enable)(db, manager, held)
        return None

    return _done(db, frame, scope, held, do)


def _done(db: Db, frame: Frame, scope: Scope, account: Account, do: Callable[[], object]) -> Response:
    """Carry something out; show the account again with what was made, or with what is wrong."""
    try:
        with db.begin_nested():
            made = do()
    except (NotFound, Forbidden):
        raise
    except YinxunError as error:
        db.refresh(account)  # its values are as before
        return _shown(db, frame, scope, account, error=error)
    if isinstance(made, Secret):
        return _shown(db, frame, scope, account, secret=made)
    is_here = register.is_seen(db, Manager.of(scope), account)
    return RedirectResponse(frame.link(f"/accounts/{account.id}" if is_here else "/accounts"), 303)


def _listed(
    db: Db,
    frame: Frame,
    scope: Scope,
    sought: Sought,
    *,
    said: dict[str, object] | None = None,
    error: YinxunError | None = None,
) -> Response:
    text, after = service.tidy_login(sought.text), sought.after
    is_text = text.isprintable() and after.isprintable()  # NUL is no text for PostgreSQL
    found = (
        register.listed(db, Manager.of(scope), after=after or None, limit=PAGE_ROWS + 1, text=text)
        if is_text
        else []
    )
    last = found[PAGE_ROWS - 1].login if len(found) > PAGE_ROWS else None
    values = {
        "sought": sought,
        "rows": found[:PAGE_ROWS],
        "more": frame.link("/accounts", text=text, after=last) if last else "",
        "said": said or _NOTHING_SAID,
        "error": error,
        **_choices(db, scope),
    }
    return frame.show("accounts.html", values, status=200 if error is None else 422)


def _shown(
    db: Db,
    frame: Frame,
    scope: Scope,
    account: Account,
    *,
    secret: Secret | None = None,
    error: YinxunError | None = None,
) -> Response:
    values = {
        "account": register.shown(db, Manager.of(scope), account),
        "person": queries.person_name(db, scope, account.person_id),
        "ways": service.sign_ins(db, account.id),
        "is_own": account.id == scope.actor.account_id,
        "secret": secret,
        "error": error,
        **_choices(db, scope),
    }
    response = frame.show("account.html", values, status=200 if error is None else 422)
    response.headers["Cache-Control"] = "no-store"
    return response


def _choices(db: Db, scope: Scope) -> dict[str, object]:
    """Return the rights and the grounds that one may give."""
    manager = Manager.of(scope)
    return {
        "rights": list(Right),
        "of_county": manager.areas is None,
        "of_all": manager.county_id is None,
        "areas": queries.area_choices(db, scope, Right.ADMINISTRATOR),
    }


def _right(text: str) -> Right:
    if text not in set(Right):
        raise Invalid("请在列表里选择权限。")
    return Right(text)


def _ground(db: Db, scope: Scope, text: str) -> Ground:
    """Return the ground that a field says: an area's code, the whole county, or all counties."""
    if text == _EVERYWHERE:
        return Ground()
    if text == _COUNTY:
        return Ground(scope.county_id)
    if not text:
        raise Invalid("请选择这项权限管到哪里。")
    return register.ground_in(db, scope, text)


def _is_out_of_scope(error: YinxunError, ground: str) -> bool:
    """Tell whether an error is about a ground that is not one's own, and no slip of the pen."""
    return isinstance(error, Forbidden) or (isinstance(error, NotFound) and ground in str(error.detail))


def _days(text: str) -> int | None:
    """Return the days that a token holds; none said: until it is revoked. Raises Invalid."""
    word = text.strip()
    if not word:
        return None
    if not word.isdecimal() or len(word) > 5:
        raise Invalid(f"有效天数请填 1 到 {register.MAX_TOKEN_DAYS} 的整数，或留空（直到收回）。")
    return int(word)


def _password(password: str) -> Secret:
    advice = "请当面或打电话告诉本人；第一次登录时会要求换成自己的密码。离开这一页以后不再显示。"
    return Secret("一次性密码", password, advice)
