"""The lock-out: wrong passwords are counted by login and by network address, in the database.

Both known and unknown logins lock, so that a lock tells nothing; and what is counted in the database
holds for every process of the service. A lock row is held until the transaction ends, so that attempts
on one login come one after the other and none is counted too late.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from geo_service.tables import SignInFailure

FAILURES = 5
WINDOW = dt.timedelta(minutes=15)
LOCK = dt.timedelta(minutes=30)
_FORGET = dt.timedelta(days=1)


def keys_of(login: str, address: str | None) -> list[bytes]:
    """Return the keys to count by, in the order in which every attempt locks them."""
    named = [f"login:{login}"] + ([f"address:{address}"] if address else [])
    return sorted(hashlib.sha256(key.encode()).digest() for key in named)


def is_locked(db: Session, keys: Sequence[bytes], now: dt.datetime) -> bool:
    """Hold the keys until the transaction ends, and tell whether one of them is locked."""
    locked = False
    for key in keys:
        taken = insert(SignInFailure).values(key_sha256=key, first_at=now)
        held = taken.on_conflict_do_update(
            index_elements=["key_sha256"], set_={"failures": SignInFailure.failures}
        )
        until = db.execute(held.returning(SignInFailure.locked_until)).scalar_one()
        locked = locked or (until is not None and until > now)
    return locked


def count_failure(db: Session, keys: Sequence[bytes], now: dt.datetime) -> bool:
    """Count a wrong password for held keys, and tell whether one of them is locked by it."""
    locked = False
    for key in keys:
        failures, first_at, until = db.execute(
            select(SignInFailure.failures, SignInFailure.first_at, SignInFailure.locked_until).where(
                SignInFailure.key_sha256 == key
            )
        ).one()
        if until is not None or first_at < now - WINDOW or failures == 0:
            failures, first_at = 0, now
        failures += 1
        until = now + LOCK if failures >= FAILURES else None
        locked = locked or until is not None
        db.execute(
            update(SignInFailure)
            .where(SignInFailure.key_sha256 == key)
            .values(failures=failures, first_at=first_at, locked_until=until)
        )
    _forget_old(db, now)
    return locked


def forget(db: Session, login: str) -> None:
    """Forget what was counted by a login: it signed in, or was given a new password.

    What was counted by address stays: someone's own right password must not hide his guesses at others'.
    """
    db.execute(delete(SignInFailure).where(SignInFailure.key_sha256.in_(keys_of(login, None))))


def _forget_old(db: Session, now: dt.datetime) -> None:
    old = (
        select(SignInFailure.key_sha256)
        .where(
            SignInFailure.first_at < now - _FORGET,
            func.coalesce(SignInFailure.locked_until, now) <= now,
        )
        .with_for_update(skip_locked=True)
        .limit(1000)
    )
    db.execute(delete(SignInFailure).where(SignInFailure.key_sha256.in_(old)))
