"""A card opens a phone: the first one at once, any other one when a coordinator says so.

The secret of a card stands on the card alone, that of a phone or of a recorder (another app that sends where
it is) on the phone alone: here are their hashes.
"""

import datetime as dt
import hashlib
import re
import secrets
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import segno
from sqlalchemy import Row
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, people_in
from geo_service.accounts.scope import Actor, Scope
from geo_service.columns import printable
from geo_service.devices import queries
from geo_service.devices.queries import CARD, PHONE, RECORDER
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound, TooMany
from geo_service.tables import Account, Person, SignIn
from layers.vocabulary import Word

KEY_LENGTH = 43
"""Characters of 32 bytes in base64url."""
MOST_WAITING = 5
"""Phones of one person that wait to be admitted."""
MOST_RECORDERS = 5
"""Of one person."""
MODEL_LENGTH = 100
_TOUCH = dt.timedelta(seconds=60)
"""How exactly the last use of a recorder is noted: it sends every ten seconds."""
_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
_NO_PERSON = "没有这个人员，或不在您的辖区内。"
_NO_WAY = "没有这张卡片、这部手机或这个记录软件，或者已经停用。"
_NO_CARD = "这张卡片不能用了，或者链接没有复制完整。请打电话给协调员，请他再给您一张卡片。"


@dataclass(frozen=True)
class Made:
    """A card that was just made; `secret` is for the card and is never seen again."""

    person_id: uuid.UUID
    name: str
    number: str | None
    secret: str


class App(Word):
    """An app of others that records a way and sends it."""

    TRACCAR = "traccar", "Traccar Client"
    OWNTRACKS = "owntracks", "OwnTracks"


@dataclass(frozen=True)
class MadeRecorder:
    """A recorder with its new secret, which is for the app and is never seen again."""

    id: int
    person_id: uuid.UUID
    name: str
    app: App
    secret: str


@dataclass(frozen=True)
class Recorder:
    """A recorder in force, as it is known by its secret."""

    id: int
    """Of its `sign_in` row: stays the same when the secret is changed."""
    county_id: int
    time_zone: str
    account_id: uuid.UUID
    person_id: uuid.UUID
    app: App


@dataclass(frozen=True)
class Entered:
    """A phone that came with a card."""

    person_id: uuid.UUID
    name: str
    is_admitted: bool
    """Else it waits for a coordinator."""


@dataclass(frozen=True)
class Way:
    """A card, a phone or a recorder in force, as it is listed."""

    id: int
    kind: str
    name: str | None
    """A card's last characters, a phone's model, which app it is."""
    person_id: uuid.UUID
    person: str
    created_at: dt.datetime
    used_at: dt.datetime
    admitted_at: dt.datetime | None
    phones: int
    """That a card opened."""

    @property
    def is_waiting(self) -> bool:
        """Whether it is a phone that nobody has admitted yet."""
        return self.kind == PHONE and self.admitted_at is None


def make_cards(
    db: Session,
    scope: Scope,
    person_ids: Iterable[uuid.UUID],
    *,
    only_missing: bool = False,
    replace: bool = False,
) -> list[Made]:
    """Make a card for each of some people of the scope, by name; those they hold already stay good.

    `only_missing`: none for who holds one. `replace`: those they hold end, and their phones go on. Raises
    NotFound.
    """
    scope.demand(*CHANGE)
    wanted = set(person_ids)
    people = queries.people(db, people_in(scope, *CHANGE), wanted, lock=True)
    if len(people) < len(wanted):
        raise NotFound(_NO_PERSON)
    missing = queries.without_card(db, wanted) if only_missing else wanted
    return [_made(db, scope, person, replace=replace) for person in people if person.id in missing]


def _made(db: Session, scope: Scope, person: Person, *, replace: bool) -> Made:
    account = _account(db, scope, person)
    secret = secrets.token_urlsafe(32)
    card_id = queries.add(db, account.id, CARD, sha256_of(secret), _now(), name=secret[-4:])
    if replace:
        queries.replace_cards(db, account.id, card_id, _now())
    _record(db, scope.actor, "devices.card", scope.county_id, person.id, replace=replace)
    return Made(person.id, person.name, person.number, secret)


def _account(db: Session, scope: Scope, person: Person) -> Account:
    account = queries.account_of(db, person.id) or queries.add_account(db, scope.county_id, person)
    if account.disabled_at is not None:
        raise Forbidden(f"{person.name}的账号已停用，不能制卡；请先请管理员启用。")
    return account


def make_recorder(db: Session, scope: Scope, person_id: uuid.UUID, app: App) -> MadeRecorder:
    """Let an app of others send where a person of the scope walks. Raises NotFound, Forbidden, Conflict."""
    scope.demand(*CHANGE)
    found = queries.people(db, people_in(scope, *CHANGE), [person_id], lock=True)
    if not found:
        raise NotFound(_NO_PERSON)
    account = _account(db, scope, found[0])
    if queries.count_recorders(db, account.id) >= MOST_RECORDERS:
        raise Conflict(f"{found[0].name}已经有 {MOST_RECORDERS} 个记录软件了。请先停用不再用的。")
    secret = secrets.token_urlsafe(32)
    id_ = queries.add(db, account.id, RECORDER, sha256_of(secret), _now(), name=app.value)
    _record(db, scope.actor, "devices.recorder", scope.county_id, person_id, app=app.value)
    return MadeRecorder(id_, person_id, found[0].name, app, secret)


def rotate(db: Session, scope: Scope, way_id: int) -> MadeRecorder:
    """Give a recorder another secret; what it sent so far stays its own. Raises NotFound."""
    way = _found(db, scope, way_id)
    if way.kind != RECORDER:
        raise NotFound(_NO_WAY)
    secret = secrets.token_urlsafe(32)
    queries.change(db, way.id, secret_sha256=sha256_of(secret))
    _record(db, scope.actor, "devices.rotate", scope.county_id, way.person_id)
    return MadeRecorder(way.id, way.person_id, way.person, App(way.name or ""), secret)


def recorder_of(db: Session, secret: str) -> Recorder | None:
    """Return whose recorder sends under a secret, and note its use; None: it is not known, or out of use."""
    found = queries.recorder_by_secret(db, sha256_of(secret))
    if found is None:
        return None
    if found.used_at + _TOUCH <= (now := _now()):
        queries.touch(db, found.id, now)
    return Recorder(
        found.id, found.county_id, found.time_zone, found.account_id, found.person_id, App(found.name)
    )


def enter(db: Session, card: str, phone_key: str, model: str, *, request_id: str | None) -> Entered:
    """Let a phone in by a card; the same phone again is the same phone, by another card of its person too.

    The key of a phone is made there and is its secret. Raises NotFound for a card that is not in force,
    Invalid for a key that could be guessed, Forbidden for a phone that was put out of use, TooMany if too
    many wait.
    """
    if len(phone_key) != KEY_LENGTH or not set(phone_key) <= _LETTERS or len(set(phone_key)) < 16:
        raise Invalid("手机的密钥不对；请关闭页面后重新扫卡片。", title="phone_key is not 32 random bytes.")
    found = queries.card_by_secret(db, sha256_of(card))
    if found is None:
        raise NotFound(_NO_CARD)
    way, account, person = found
    now, key = _now(), sha256_of(phone_key)
    phone = queries.phone_by_secret(db, key)
    if phone is not None and (phone.kind != PHONE or phone.account_id != account.id):
        raise NotFound(_NO_CARD)
    if phone is not None and phone.revoked_at is None:
        admitted_at = phone.admitted_at
        queries.change(db, phone.id, used_at=now, from_id=way.id)
    elif phone is not None and not queries.ended_with_its_card(db, phone):
        raise Forbidden("这部手机已经停用。如果还要用它，请打电话给协调员。")
    else:
        admitted_at = _admission(db, account.id, now)
        values: dict[str, Any] = {"name": named(model), "from_id": way.id, "admitted_at": admitted_at}
        if phone is None:
            queries.add(db, account.id, PHONE, key, now, **values)
        else:
            queries.change(db, phone.id, used_at=now, revoked_at=None, **values)
        actor = Actor(account_id=account.id, request_id=request_id)
        is_first = admitted_at is not None
        _record(db, actor, "devices.enter", person.county_id, person.id, is_first=is_first)
    queries.change(db, way.id, used_at=now)
    return Entered(person.id, person.name, admitted_at is not None)


def _admission(db: Session, account_id: uuid.UUID, now: dt.datetime) -> dt.datetime | None:
    """Return since when a phone that comes may be used: now if no other one may be, else it waits.

    The account is locked, so that of two at once only one is the first. Raises TooMany.
    """
    others = queries.phones(db, account_id)
    if any(other.admitted_at is not None for other in others):
        if sum(other.admitted_at is None for other in others) >= MOST_WAITING:
            raise TooMany("有好几部手机在等协调员同意。请先打电话给协调员。")
        return None
    return now


def named(model: str) -> str:
    """Return in words which phone and which browser it is that called itself so.

    >>> named("Mozilla/5.0 (Linux; Android 10; MAR-AL00 Build/HUAWEI; wv) Mobile MicroMessenger/8")
    'MAR-AL00，微信'
    >>> named("Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605 Mobile/15E148")
    'iPhone，浏览器'
    >>> named("")
    '手机，浏览器'
    """
    known = re.search(r"\((?:Linux; )?(?:Android [\d.]+; )?([^;)]*)", printable(model))
    phone = known[1].partition(" Build/")[0].strip()[:MODEL_LENGTH] if known else ""
    where = "微信" if "MicroMessenger" in model else "浏览器"
    return f"{phone or '手机'}，{where}"


def ways(db: Session, scope: Scope, *, person_id: uuid.UUID | None = None) -> list[Way]:
    """Return the cards, phones and recorders in force of a person, or of all people of the scope."""
    conditions = [SignIn.revoked_at.is_(None)] + ([Person.id == person_id] if person_id else [])
    return [_way(row) for row in queries.listed(db, people_in(scope, *CHANGE), *conditions)]


def waiting(db: Session, scope: Scope) -> list[Way]:
    """Return the phones of people of the scope that wait to be admitted."""
    conditions = SignIn.revoked_at.is_(None), SignIn.kind == PHONE, SignIn.admitted_at.is_(None)
    return [_way(row) for row in queries.listed(db, people_in(scope, *CHANGE), *conditions)]


def admit(db: Session, scope: Scope, way_id: int) -> Way:
    """Let a phone be used that waits. Raises NotFound."""
    way = _found(db, scope, way_id)
    if way.is_waiting:
        queries.change(db, way.id, admitted_at=_now())
        _record(db, scope.actor, "devices.admit", scope.county_id, way.person_id)
    return _found(db, scope, way_id)


def revoke(db: Session, scope: Scope, way_id: int) -> None:
    """Take a card (with the phones that it opened), a phone or a recorder out of use. Raises NotFound."""
    way = _found(db, scope, way_id)
    queries.revoke_with_phones(db, way.id, _now())
    _record(db, scope.actor, "devices.revoke", scope.county_id, way.person_id, kind=way.kind)


def _found(db: Session, scope: Scope, way_id: int) -> Way:
    scope.demand(*CHANGE)
    rows = queries.listed(db, people_in(scope, *CHANGE), SignIn.id == way_id, SignIn.revoked_at.is_(None))
    if not rows:
        raise NotFound(_NO_WAY)
    return _way(rows[0])


def _way(row: Row[Any]) -> Way:
    return Way(
        row.id, row.kind, row.name, row.person_id, row.person_name, row.created_at, row.used_at,
        row.admitted_at, row.phones,
    )  # fmt: skip


def person(db: Session, scope: Scope, person_id: uuid.UUID) -> Person:
    """Return a person of the scope. Raises NotFound."""
    found = queries.people(db, people_in(scope, *CHANGE), [person_id])
    if not found:
        raise NotFound(_NO_PERSON)
    return found[0]


def address(service: str, made: Made) -> str:
    """Return the address behind a card's code; no browser sends what stands behind the # by itself."""
    return f"{service}/v#c={made.secret}"


def code(address: str) -> str:
    """Return an address as a QR code, as the address of an SVG picture."""
    return segno.make(address, error="m").svg_data_uri(scale=4, border=4, light="white")


def sha256_of(secret: str) -> bytes:
    """Return the hash under which a secret is stored."""
    return hashlib.sha256(secret.encode()).digest()


def _record(
    db: Session, actor: Actor, action: str, county_id: int, person_id: uuid.UUID, **detail: object
) -> None:
    audit.record(db, actor, action, county_id=county_id, subject=f"person/{person_id}", **detail)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
