"""The accounts over HTTP: who I am, the register of accounts for administrators, the audit."""

import datetime as dt
import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from geo_service import audit, cursors
from geo_service.accounts import pages, queries, register, service
from geo_service.accounts.dependencies import Signed, SignedIn, require
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Scope
from geo_service.db import Db
from geo_service.tables import Grant
from layers.vocabulary import Right

_MAX_BODY = 64 * 1024

router = APIRouter(max_body_size=_MAX_BODY)
router.include_router(pages.router)
api = APIRouter(prefix="/api", tags=["accounts"])

Administers = Annotated[Scope, require(Right.ADMINISTRATOR)]


class _Model(BaseModel):
    model_config = ConfigDict(from_attributes=True, extra="forbid")


class Me(_Model):
    """Who came with the request."""

    account_id: uuid.UUID
    login: str
    person_id: uuid.UUID | None
    counties: list[queries.Reached]


class SignInOut(_Model):
    """A session, token or link in force; `id` is not a secret."""

    id: int
    kind: str
    name: str | None
    created_at: dt.datetime
    used_at: dt.datetime
    expires_at: dt.datetime | None


class GrantIn(_Model):
    """A right on an area and all below it; without area: on the county of the request."""

    right: Right
    area: Annotated[str | None, Field(max_length=40, pattern=r"^[\w.-]+$")] = None
    everywhere: bool = False
    """In all counties; only an administrator of all counties can give it."""


class AccountIn(GrantIn):
    """A new account with its first grant."""

    login: Annotated[str, Field(max_length=100)]
    person_id: uuid.UUID | None = None
    is_program: bool = False
    """For a program: no password, only tokens."""


class AccountPage(_Model):
    """A page of accounts by login."""

    accounts: list[queries.AccountRow]
    next: str | None


class Added(_Model):
    """A new account; the one-time password is shown here and never again."""

    id: uuid.UUID
    login: str
    one_time_password: str | None


class OneTimePassword(_Model):
    """A new one-time password, shown here and never again."""

    one_time_password: str


class TokenIn(_Model):
    """What a token is for and how many days it holds (none: until revoked)."""

    name: Annotated[str, Field(max_length=100)]
    days: int | None = 365


class TokenOut(_Model):
    """A new token, shown here and never again."""

    token: str


class AuditPage(_Model):
    """A page of the audit, the latest first."""

    lines: list[audit.Line]
    next: str | None


@api.get("/me", summary="Who I am, and which counties I reach")
def me(db: Db, who: SignedIn) -> Me:
    """Return who came with the request."""
    counties = service.reached(db, who.account_id)
    return Me(account_id=who.account_id, login=who.login, person_id=who.person_id, counties=counties)


@api.get("/me/sign-ins", summary="My sessions and tokens in force")
def my_sign_ins(db: Db, who: SignedIn) -> list[SignInOut]:
    """Return the ways in of the own account."""
    return [SignInOut.model_validate(row) for row in service.sign_ins(db, who.account_id)]


@api.delete("/me/sign-ins/{sign_in_id}", status_code=204, summary="End one of my sessions or tokens")
def end_my_sign_in(db: Db, who: SignedIn, sign_in_id: int) -> None:
    """End a session or token of the own account."""
    service.end_own(db, who, sign_in_id)


@api.get("/accounts", summary="Accounts with a grant in my areas")
def accounts(
    db: Db, scope: Administers, limit: cursors.Limit = 100, cursor: cursors.Cursor = None
) -> AccountPage:
    """Return a page of accounts by login."""
    after = cursors.word(cursor)
    rows = register.listed(db, Manager.of(scope), after=after, limit=limit)
    more = cursors.encode(rows[-1].login) if len(rows) == limit else None
    return AccountPage(accounts=list(rows), next=more)


@api.post("/accounts", status_code=201, summary="Add an account")
def add_account(db: Db, scope: Administers, new: AccountIn) -> Added:
    """Add an account with its first grant; its one-time password is shown once."""
    account, password = register.add(
        db,
        Manager.of(scope),
        new.login,
        new.right,
        _ground(db, scope, new),
        person_id=new.person_id,
        is_program=new.is_program,
    )
    return Added(id=account.id, login=account.login or "", one_time_password=password)


@api.post("/accounts/{account_id}/password", summary="Give a new one-time password")
def reset_password(db: Db, scope: Administers, account_id: uuid.UUID) -> OneTimePassword:
    """Give an account a new one-time password and end its sessions."""
    manager = Manager.of(scope)
    account = register.found(db, manager, account_id)
    return OneTimePassword(one_time_password=register.reset_password(db, manager, account))


@api.post("/accounts/{account_id}/disable", status_code=204, summary="Disable an account")
def disable(db: Db, scope: Administers, account_id: uuid.UUID) -> None:
    """Let nobody in by this account any more."""
    manager = Manager.of(scope)
    register.disable(db, manager, register.found(db, manager, account_id))


@api.post("/accounts/{account_id}/enable", status_code=204, summary="Enable a disabled account")
def enable(db: Db, scope: Administers, account_id: uuid.UUID) -> None:
    """Let a disabled account in again."""
    manager = Manager.of(scope)
    register.enable(db, manager, register.found(db, manager, account_id))


@api.post("/accounts/{account_id}/grants", status_code=201, summary="Grant a right")
def grant(db: Db, scope: Administers, account_id: uuid.UUID, new: GrantIn) -> queries.GrantRow:
    """Give an account a right in the county of the request, or on an area of it."""
    manager = Manager.of(scope)
    account = register.found(db, manager, account_id)
    given = register.grant(db, manager, account, new.right, _ground(db, scope, new))
    return queries.grant_row(db, given.id)


@api.delete("/accounts/{account_id}/grants/{grant_id}", status_code=204, summary="Revoke a grant")
def revoke(db: Db, scope: Administers, account_id: uuid.UUID, grant_id: int) -> None:
    """Take a grant away."""
    manager = Manager.of(scope)
    register.revoke(db, manager, register.found(db, manager, account_id), db.get(Grant, grant_id))


@api.post("/accounts/{account_id}/tokens", status_code=201, summary="Make a token for a program")
def make_token(db: Db, scope: Administers, account_id: uuid.UUID, new: TokenIn) -> TokenOut:
    """Return a bearer token with which a program acts as the account; it is shown once."""
    manager = Manager.of(scope)
    account = register.found(db, manager, account_id)
    return TokenOut(token=register.token(db, manager, account, new.name, days=new.days))


@api.get("/accounts/{account_id}/sign-ins", summary="Sessions and tokens of an account")
def account_sign_ins(db: Db, scope: Administers, account_id: uuid.UUID) -> list[SignInOut]:
    """Return the ways in of an account that are in force."""
    account = register.found(db, Manager.of(scope), account_id)
    return [SignInOut.model_validate(row) for row in service.sign_ins(db, account.id)]


@api.delete("/accounts/{account_id}/sign-ins/{sign_in_id}", status_code=204, summary="End a session or token")
def end_sign_in(db: Db, scope: Administers, account_id: uuid.UUID, sign_in_id: int) -> None:
    """End a session or token of an account."""
    manager = Manager.of(scope)
    register.end_sign_in(db, manager, register.found(db, manager, account_id), sign_in_id)


@api.get("/audit", summary="Who did what, the latest first")
def audit_lines(
    db: Db,
    scope: Signed,
    limit: cursors.Limit = 100,
    cursor: cursors.Cursor = None,
    action: Annotated[str | None, Query(max_length=60, pattern=r"^[a-z_.]+$")] = None,
    subject: Annotated[str | None, Query(max_length=100, pattern=r"^[a-z_]+/[\w-]+$")] = None,
    account_id: uuid.UUID | None = None,
) -> AuditPage:
    """Return a page of the audit; `action` is a whole action or its beginning, as in `places.`."""
    rows = audit.lines(
        db,
        scope,
        before=cursors.number(cursor),
        limit=limit,
        action=action,
        subject=subject,
        account_id=account_id,
    )
    more = cursors.encode(rows[-1].id) if len(rows) == limit else None
    return AuditPage(lines=list(rows), next=more)


router.include_router(api)


def _ground(db: Db, scope: Scope, new: GrantIn) -> Ground:
    if new.everywhere:
        return Ground()
    if new.area is None:
        return Ground(scope.county_id)
    return register.ground_in(db, scope, new.area)
