"""SQL of the accounts: ways in, grants with the areas below them, and the lists of administrators."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from geo_service.accounts.narrow import accounts_in, grants_in
from geo_service.tables import Account, Area, County, Grant, Person, SignIn
from layers import codes
from layers.vocabulary import Right


@dataclass(frozen=True)
class Reached:
    """A county that an account reaches."""

    id: int
    code: str
    name: str


def account_by_login(db: Session, login: str) -> Account | None:
    """Return the account of a tidied login."""
    if not login.isprintable():  # NUL is no text for PostgreSQL
        return None
    return db.scalar(select(Account).where(Account.login == login))


def is_administrator(db: Session, account_id: uuid.UUID) -> bool:
    """Tell whether the account is an administrator of anything."""
    held = exists().where(Grant.account_id == account_id, Grant.right == Right.ADMINISTRATOR)
    return bool(db.scalar(select(held)))


def add_sign_in(
    db: Session,
    account_id: uuid.UUID,
    kind: str,
    secret_sha256: bytes,
    *,
    now: dt.datetime,
    expires_at: dt.datetime | None,
    name: str | None = None,
) -> int:
    """Store a way in and return its public number."""
    row = insert(SignIn).values(
        secret_sha256=secret_sha256,
        account_id=account_id,
        kind=kind,
        name=name,
        created_at=now,
        used_at=now,
        expires_at=expires_at,
    )
    return db.execute(row.returning(SignIn.id)).scalar_one()


_HELD_AS = (County, Grant.right, Grant.area_id, Grant.county_id.is_(None))
_HOLDS_IN = or_(Grant.county_id.is_(None), Grant.county_id == County.id)


def _by_secret() -> Select[*tuple[Any, ...]]:
    staff = exists().where(Grant.account_id == Account.id, Grant.right != Right.VOLUNTEER)
    card = aliased(SignIn)
    return (
        select(
            SignIn.id, SignIn.kind, SignIn.used_at, SignIn.expires_at, Account.id.label("account_id"),
            Account.login, Account.person_id, *_HELD_AS,
        )
        .join(Account, Account.id == SignIn.account_id)
        .outerjoin(card, card.id == SignIn.from_id)
        .outerjoin(Grant, Grant.account_id == Account.id)
        .outerjoin(County, _HOLDS_IN)
        .where(
            SignIn.secret_sha256 == bindparam("secret_sha256"),
            SignIn.kind.in_(bindparam("kinds", expanding=True)),
            SignIn.revoked_at.is_(None),
            card.revoked_at.is_(None),
            or_(SignIn.kind != "phone", SignIn.admitted_at.is_not(None) & ~staff.correlate(Account)),
            Account.disabled_at.is_(None),
        )
        .order_by(County.code)
    )  # fmt: skip


# Asked with every request: made once, since making it takes longer than the database takes to answer.
_BY_SECRET = _by_secret()
_HELD = (
    select(*_HELD_AS)
    .join(Grant, _HOLDS_IN)
    .where(Grant.account_id == bindparam("account_id"))
    .order_by(County.code)
)


@dataclass(frozen=True)
class WayIn:
    """A way in that is in force, with the account that it opens."""

    id: int
    kind: str
    used_at: dt.datetime | None
    expires_at: dt.datetime | None
    account_id: uuid.UUID
    login: str | None
    person_id: uuid.UUID | None
    is_administrator: bool
    held: tuple["Held", ...]


def sign_in_by_secret(db: Session, secret_sha256: bytes, kinds: Iterable[str]) -> WayIn | None:
    """Return the way in with its account and what that holds, if both are in force.

    A phone is when it was admitted, its card is in force, and its account is a volunteer's and no more: what
    stands on paper opens no other right.
    """
    rows = db.execute(_BY_SECRET, {"secret_sha256": secret_sha256, "kinds": list(kinds)}).all()
    if not rows:
        return None
    grants = [row[-len(_HELD_AS) :] for row in rows]
    is_administrator = any(right == Right.ADMINISTRATOR for _, right, _, _ in grants)
    first = rows[0]
    return WayIn(
        first.id, first.kind, first.used_at, first.expires_at, first.account_id, first.login,
        first.person_id, is_administrator, tuple(_in_counties(db, grants)),
    )  # fmt: skip


def touch(db: Session, sign_in_id: int, now: dt.datetime) -> None:
    """Note that a way in was used; not if a longer request of the same session is just noting it."""
    free = select(SignIn.id).where(SignIn.id == sign_in_id).with_for_update(skip_locked=True)
    db.execute(update(SignIn).where(SignIn.id.in_(free)).values(used_at=now))


def use_up_link(db: Session, secret_sha256: bytes, now: dt.datetime) -> uuid.UUID | None:
    """Take a one-time link out of force and return its account; None if it was not in force."""
    used = (
        update(SignIn)
        .where(
            SignIn.secret_sha256 == secret_sha256,
            SignIn.kind == "link",
            SignIn.revoked_at.is_(None),
            SignIn.expires_at > now,
            SignIn.account_id.in_(select(Account.id).where(Account.disabled_at.is_(None))),
        )
        .values(revoked_at=now, used_at=now)
    )
    return db.scalar(used.returning(SignIn.account_id))


def revoke_sign_ins(
    db: Session,
    account_id: uuid.UUID,
    now: dt.datetime,
    *,
    sign_in_id: int | None = None,
    kinds: Iterable[str] | None = None,
) -> int:
    """Take one way in (or all, or all of some kinds) of an account out of force; return how many were."""
    change = update(SignIn).where(SignIn.account_id == account_id, SignIn.revoked_at.is_(None))
    if sign_in_id is not None:
        change = change.where(SignIn.id == sign_in_id)
    if kinds is not None:
        change = change.where(SignIn.kind.in_(list(kinds)))
    return len(db.execute(change.values(revoked_at=now).returning(SignIn.id)).all())


def sign_ins(db: Session, account_id: uuid.UUID, now: dt.datetime) -> list[SignIn]:
    """Return the ways in of an account that are in force, the latest used first."""
    in_force = or_(SignIn.expires_at.is_(None), SignIn.expires_at > now)
    found = select(SignIn).where(SignIn.account_id == account_id, SignIn.revoked_at.is_(None), in_force)
    return list(db.scalars(found.order_by(SignIn.used_at.desc(), SignIn.id)))


def reached_counties(db: Session, account_id: uuid.UUID | None) -> list[Reached]:
    """Return the counties that an account has a grant for, by code; None: all counties."""
    counties = select(County.id, County.code, County.name).order_by(County.code)
    if account_id is not None:
        held = exists().where(
            Grant.account_id == account_id, or_(Grant.county_id.is_(None), Grant.county_id == County.id)
        )
        counties = counties.where(held.correlate(County))
    return [Reached(*row) for row in db.execute(counties)]


@dataclass(frozen=True)
class Held:
    """A grant of an account as it holds in a county."""

    county: Reached
    right: Right
    area_id: int | None
    everywhere: bool
    """Whether it holds in every county."""


def held(db: Session, account_id: uuid.UUID) -> list[Held]:
    """Return the account's grants in each county in which they hold, by the county's code."""
    return _in_counties(db, db.execute(_HELD, {"account_id": account_id}).all())


def _in_counties(db: Session, rows: Iterable[Sequence[Any]]) -> list[Held]:
    """Return the grants in rows of `_HELD_AS`; those without a county hold nowhere yet."""
    held = [(county, Right(right), *more) for county, right, *more in rows if county is not None]
    # A session forgets what nobody holds, and most of what is asked next begins by reading the county.
    db.info["counties"] = [county for county, *_ in held]
    return [
        Held(Reached(county.id, county.code, county.name), right, area_id, everywhere)
        for county, right, area_id, everywhere in held
    ]


def areas_below(db: Session, county_id: int, roots: Collection[int]) -> dict[int, frozenset[int]]:
    """Return for each root its own id and the ids of all areas below it."""
    if not roots:  # who holds the whole county, as every volunteer does, asks with every request
        return {}
    top = (
        select(Area.id.label("root"), Area.id.label("id"))
        .where(Area.county_id == county_id, Area.id.in_(list(roots)))
        .cte("below", recursive=True)
    )
    child = aliased(Area)
    below = top.union(select(top.c.root, child.id).join(child, child.parent_id == top.c.id))
    found = select(below.c.root, func.array_agg(below.c.id)).group_by(below.c.root)
    return {root: frozenset(ids) for root, ids in db.execute(found)}


@dataclass(frozen=True)
class GrantRow:
    """A grant as administrators read it; no county: all counties, no area: the whole county."""

    id: int
    right: Right
    county: str | None
    area: str | None
    area_name: str | None

    @classmethod
    def of(cls, row: Row[*tuple[Any, ...]]) -> "GrantRow":
        """Return a row of `_GRANTS`."""
        return cls(row.id, Right(row.right), row.county, row.area, row.area_name)


@dataclass(frozen=True)
class AccountRow:
    """An account as administrators read it, with its grants on their ground."""

    id: uuid.UUID
    login: str
    person_id: uuid.UUID | None
    has_password: bool
    disabled_at: dt.datetime | None
    created_at: dt.datetime
    used_at: dt.datetime | None
    grants: Sequence[GrantRow]


def accounts(
    db: Session,
    county_id: int | None,
    areas: frozenset[int] | None,
    *,
    after: str | None,
    limit: int,
    text: str = "",
    only: uuid.UUID | None = None,
) -> list[AccountRow]:
    """Return accounts by login that have a grant in the county and areas (None: in any), after a login.

    `text` stands in their logins; `only` is the one account that is wanted.
    """
    used_at = select(func.max(SignIn.used_at)).where(SignIn.account_id == Account.id)
    found = (
        select(
            Account.id,
            func.coalesce(Account.login, ""),
            Account.person_id,
            Account.password_hash.is_not(None),
            Account.disabled_at,
            Account.created_at,
            used_at.correlate(Account).scalar_subquery(),
        )
        .where(Account.login.is_not(None), Account.login > (after or ""), accounts_in(county_id, areas))
        .order_by(Account.login)
        .limit(limit)
    )
    if text:
        found = found.where(Account.login.contains(text, autoescape=True))
    if only is not None:
        found = found.where(Account.id == only)
    rows = db.execute(found).all()
    grants = _grants_of(db, [row[0] for row in rows], county_id, areas)
    return [AccountRow(*row, grants=grants.get(row[0], [])) for row in rows]


def grant_row(db: Session, grant_id: int) -> GrantRow:
    """Return one grant."""
    return GrantRow.of(db.execute(_GRANTS.where(Grant.id == grant_id)).one())


_GRANTS = (
    select(
        Grant.account_id,
        Grant.id,
        Grant.right,
        County.code.label("county"),
        Area.code.label("area"),
        Area.name.label("area_name"),
    )
    .join(County, County.id == Grant.county_id, isouter=True)
    .join(Area, Area.id == Grant.area_id, isouter=True)
    .order_by(Grant.id)
)


def _grants_of(
    db: Session, account_ids: Sequence[uuid.UUID], county_id: int | None, areas: frozenset[int] | None
) -> dict[uuid.UUID, list[GrantRow]]:
    found = _GRANTS.where(Grant.account_id.in_(account_ids), grants_in(county_id, areas))
    grants: dict[uuid.UUID, list[GrantRow]] = {}
    for row in db.execute(found):
        grants.setdefault(row.account_id, []).append(GrantRow.of(row))
    return grants


def grounds_of(db: Session, account_id: uuid.UUID) -> list[tuple[int | None, int | None]]:
    """Return county and area of each grant of an account."""
    found = select(Grant.county_id, Grant.area_id).where(Grant.account_id == account_id)
    return [(county_id, area_id) for county_id, area_id in db.execute(found)]


def grant_on(
    db: Session, account_id: uuid.UUID, right: Right, county_id: int | None, area_id: int | None
) -> Grant | None:
    """Return the account's grant of a right on exactly this ground."""
    return db.scalar(
        select(Grant).where(
            Grant.account_id == account_id,
            Grant.right == right,
            Grant.county_id.is_not_distinct_from(county_id),
            Grant.area_id.is_not_distinct_from(area_id),
        )
    )


def accounts_of(db: Session, person_id: uuid.UUID) -> list[Account]:
    """Return the accounts of a person."""
    return list(db.scalars(select(Account).where(Account.person_id == person_id).order_by(Account.id)))


def has_staff_right(db: Session, account_id: uuid.UUID) -> bool:
    """Tell whether an account has a right beside a volunteer's."""
    held = exists().where(Grant.account_id == account_id, Grant.right != Right.VOLUNTEER)
    return bool(db.scalar(select(held)))


def is_administrator_of_all(db: Session, account_id: uuid.UUID) -> bool:
    """Tell whether the account is an administrator of all counties."""
    return grant_on(db, account_id, Right.ADMINISTRATOR, None, None) is not None


def has_administrator_of_all(db: Session) -> bool:
    """Tell whether any account in force is an administrator of all counties."""
    held = exists().where(
        Grant.account_id == Account.id,
        Grant.right == Right.ADMINISTRATOR,
        Grant.county_id.is_(None),
        Account.disabled_at.is_(None),
    )
    return bool(db.scalar(select(held)))


def area_by_code(db: Session, code: str, condition: ColumnElement[bool]) -> int | None:
    """Return the id of the area with a code for which the condition holds."""
    return db.scalar(select(Area.id).where(Area.code == codes.full(code), condition))


def person_by_number(db: Session, county_id: int | None, number: str) -> uuid.UUID | None:
    """Return the id of the person with the office's number."""
    return db.scalar(
        select(Person.id).where(
            Person.county_id == county_id, Person.number == number, Person.deleted_at.is_(None)
        )
    )


def is_person_of(
    db: Session, person_id: uuid.UUID, county_id: int | None, areas: frozenset[int] | None
) -> bool:
    """Tell whether a person who is not deleted belongs to the county and the areas (None: all of it)."""
    found = select(Person.id).where(
        Person.id == person_id, Person.county_id == county_id, Person.deleted_at.is_(None)
    )
    if areas is not None:
        found = found.where(Person.area_id.in_(areas))
    return db.scalar(found) is not None
