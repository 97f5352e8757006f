"""The SQL of cards, phones and recorders, which are ways in (`sign_in`) of a volunteer's account."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, exists, func, insert, select, update
from sqlalchemy.orm import Session, aliased

from geo_service.tables import Account, County, Duty, Grant, Person, SignIn
from layers.vocabulary import DutyKind, Right

CARD, PHONE, RECORDER = "card", "phone", "recorder"


def people(
    db: Session,
    where: ColumnElement[bool],
    person_ids: Iterable[uuid.UUID] | None = None,
    *,
    lock: bool = False,
) -> list[Person]:
    """Return people that meet a condition and are not forgotten, by name.

    `lock`: until the end of the transaction nobody else makes cards for them.
    """
    found = select(Person).where(where, Person.deleted_at.is_(None)).order_by(Person.name, Person.id)
    if lock:
        found = found.with_for_update(of=Person, key_share=True)
    if person_ids is not None:
        found = found.where(Person.id.in_(list(person_ids)))
    return list(db.scalars(found))


def _is_a_volunteers() -> ColumnElement[bool]:
    """Return the condition on `Account` for one that is a volunteer's and holds no other right."""
    held = exists().where(Grant.account_id == Account.id).correlate(Account)
    return held.where(Grant.right == Right.VOLUNTEER) & ~held.where(Grant.right != Right.VOLUNTEER)


def account_of(db: Session, person_id: uuid.UUID) -> Account | None:
    """Return the account by which a person is a volunteer only, locked: what of it is counted stays so."""
    return db.scalars(
        select(Account)
        .where(Account.person_id == person_id, _is_a_volunteers())
        .order_by(Account.created_at, Account.id)
        .limit(1)
        .with_for_update()
    ).first()


def add_account(db: Session, county_id: int, person: Person) -> Account:
    """Add an account for a volunteer, without login or password, with a grant for what is his own."""
    account = Account(id=uuid.uuid4(), person_id=person.id, password_history=[])
    db.add(account)
    db.flush()
    db.add(Grant(county_id=county_id, account_id=account.id, area_id=person.area_id, right=Right.VOLUNTEER))
    db.flush()
    return account


def add(
    db: Session,
    account_id: uuid.UUID,
    kind: str,
    secret_sha256: bytes,
    now: dt.datetime,
    *,
    name: str | None,
    from_id: int | None = None,
    admitted_at: dt.datetime | None = None,
) -> int:
    """Store a card or a phone and return its public number."""
    row = insert(SignIn).values(
        secret_sha256=secret_sha256, account_id=account_id, kind=kind, name=name, from_id=from_id,
        admitted_at=admitted_at, created_at=now, used_at=now,
    )  # fmt: skip
    return db.execute(row.returning(SignIn.id)).scalar_one()


def card_by_secret(db: Session, secret_sha256: bytes) -> tuple[SignIn, Account, Person] | None:
    """Return a card in force with its account and person; the account is locked."""
    found = db.execute(
        select(SignIn, Account, Person)
        .join(Account, Account.id == SignIn.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(
            SignIn.secret_sha256 == secret_sha256,
            SignIn.kind == CARD,
            SignIn.revoked_at.is_(None),
            Account.disabled_at.is_(None),
            _is_a_volunteers(),
            Person.deleted_at.is_(None),
        )
        .with_for_update(of=Account)
    ).first()
    return None if found is None else (found[0], found[1], found[2])


def phone_by_secret(db: Session, secret_sha256: bytes) -> SignIn | None:
    """Return a way in by its secret, whatever it is and whether or not it is in force."""
    return db.get(SignIn, secret_sha256, populate_existing=True)


def ended_with_its_card(db: Session, phone: SignIn) -> bool:
    """Tell whether a phone was put out of use together with its card, and not for itself."""
    card = db.scalar(select(SignIn.revoked_at).where(SignIn.id == phone.from_id))
    return card is not None and card == phone.revoked_at


def recorder_by_secret(db: Session, secret_sha256: bytes) -> Any:
    """Return a recorder in force, its person and the county; None if there is none."""
    return db.execute(
        select(
            SignIn.id, SignIn.name, SignIn.used_at, Account.id.label("account_id"),
            Person.id.label("person_id"), Person.county_id, County.time_zone,
        )
        .join(Account, Account.id == SignIn.account_id)
        .join(Person, Person.id == Account.person_id)
        .join(County, County.id == Person.county_id)
        .where(
            SignIn.secret_sha256 == secret_sha256,
            SignIn.kind == RECORDER,
            SignIn.revoked_at.is_(None),
            Account.disabled_at.is_(None),
            Person.deleted_at.is_(None),
        )
    ).first()  # fmt: skip


def count_recorders(db: Session, account_id: uuid.UUID) -> int:
    """Return how many recorders of an account are in force."""
    own = SignIn.account_id == account_id, SignIn.kind == RECORDER, SignIn.revoked_at.is_(None)
    return db.scalar(select(func.count()).select_from(SignIn).where(*own)) or 0


def touch(db: Session, sign_in_id: int, now: dt.datetime) -> None:
    """Note that a way in was used; not if another request of it is just noting it."""
    free = select(SignIn.id).where(SignIn.id == sign_in_id).with_for_update(skip_locked=True)
    db.execute(update(SignIn).where(SignIn.id.in_(free)).values(used_at=now))


def phones(db: Session, account_id: uuid.UUID) -> Sequence[SignIn]:
    """Return the phones of an account that are in force, those that wait included."""
    return db.scalars(
        select(SignIn)
        .where(SignIn.account_id == account_id, SignIn.kind == PHONE, SignIn.revoked_at.is_(None))
        .order_by(SignIn.id)
    ).all()


def change(db: Session, sign_in_id: int, **values: Any) -> None:
    """Give a card or a phone new values."""
    db.execute(update(SignIn).where(SignIn.id == sign_in_id).values(**values))


def revoke_with_phones(db: Session, sign_in_id: int, now: dt.datetime) -> None:
    """Take a card or a phone out of force, with the phones that the card opened."""
    own = (SignIn.id == sign_in_id) | (SignIn.from_id == sign_in_id)
    db.execute(update(SignIn).where(own, SignIn.revoked_at.is_(None)).values(revoked_at=now))


def replace_cards(db: Session, account_id: uuid.UUID, card_id: int, now: dt.datetime) -> None:
    """Take the other cards of an account out of force; the phones that they opened belong to this one now."""
    of_account = SignIn.account_id == account_id, SignIn.revoked_at.is_(None)
    db.execute(update(SignIn).where(*of_account, SignIn.kind == PHONE).values(from_id=card_id))
    others = *of_account, SignIn.kind == CARD, SignIn.id != card_id
    db.execute(update(SignIn).where(*others).values(revoked_at=now))


def listed(db: Session, where: ColumnElement[bool], *conditions: ColumnElement[bool]) -> Sequence[Any]:
    """Return cards, phones and recorders of people that meet a condition: what is told of them, by person."""
    opened = aliased(SignIn)
    phones_of_card = (
        select(func.count())
        .where(opened.from_id == SignIn.id, opened.revoked_at.is_(None))
        .correlate(SignIn)
        .scalar_subquery()
    )
    return db.execute(
        select(
            SignIn.id, SignIn.kind, SignIn.name, SignIn.created_at, SignIn.used_at, SignIn.admitted_at,
            SignIn.revoked_at, SignIn.from_id, Person.id.label("person_id"),
            Person.name.label("person_name"), phones_of_card.label("phones"),
        )
        .join(Account, Account.id == SignIn.account_id)
        .join(Person, Person.id == Account.person_id)
        .where(where, SignIn.kind.in_([CARD, PHONE, RECORDER]), Person.deleted_at.is_(None), *conditions)
        .order_by(Person.name, SignIn.id)
    ).all()  # fmt: skip


def volunteers(
    db: Session, where: ColumnElement[bool], area_ids: Iterable[int] | None, day: dt.date
) -> list[Person]:
    """Return people who live in some areas (None: anywhere), without those who are officials only."""

    def holds(kind: DutyKind) -> ColumnElement[bool]:
        return exists().where(
            Duty.person_id == Person.id, Duty.kind == kind, Duty.in_force.contains(day)
        ).correlate(Person)  # fmt: skip

    kept = where & (holds(DutyKind.VOLUNTEER) | ~holds(DutyKind.OFFICIAL))
    return people(db, kept if area_ids is None else kept & Person.area_id.in_(list(area_ids)))


def disabled(db: Session, person_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of some people whose account as a volunteer is out of use."""
    found = select(Account.person_id).where(
        Account.person_id.in_(list(person_ids)), Account.disabled_at.is_not(None), _is_a_volunteers()
    )
    return {id_ for id_ in db.scalars(found) if id_ is not None}


def without_card(db: Session, person_ids: Iterable[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of some people who hold no card in force."""
    ids = list(person_ids)
    held = (
        select(Account.person_id)
        .join(SignIn, SignIn.account_id == Account.id)
        .where(Account.person_id.in_(ids), SignIn.kind == CARD, SignIn.revoked_at.is_(None))
    )
    return set(ids) - {id_ for id_ in db.scalars(held) if id_ is not None}
