"""Names behind the ids of the audit, as far as a scope may see them."""

import uuid
from collections.abc import Collection

from sqlalchemy import ColumnElement, false, select
from sqlalchemy.orm import Session

from geo_service.accounts.narrow import accounts_in, people_in
from geo_service.accounts.scope import Scope
from geo_service.tables import Account, Person
from layers.vocabulary import Right


def account_called(db: Session, scope: Scope, login: str) -> uuid.UUID | None:
    """Return the account with a login, if the scope may see it."""
    if not login.isprintable():  # NUL is no text for PostgreSQL
        return None
    return db.scalar(select(Account.id).where(Account.login == login, _seen(scope)))


def logins(db: Session, scope: Scope, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the logins of those accounts that the scope may see, and of its own."""
    own = Account.id == scope.actor.account_id
    found = select(Account.id, Account.login).where(
        Account.id.in_(ids), Account.login.is_not(None), _seen(scope) | own
    )
    return {id_: login or "" for id_, login in db.execute(found)}


def person_names(db: Session, scope: Scope, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Return the names of those people whom the scope may see."""
    found = select(Person.id, Person.name).where(Person.id.in_(ids), people_in(scope))
    return {id_: name for id_, name in db.execute(found) if name}


def _seen(scope: Scope) -> ColumnElement[bool]:
    if not scope.holds(Right.ADMINISTRATOR):
        return false()
    if Right.ADMINISTRATOR in scope.everywhere:
        return accounts_in(None, None)
    return accounts_in(scope.county_id, scope.areas(Right.ADMINISTRATOR))
