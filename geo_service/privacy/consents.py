"""A person's consent to have his way recorded: asked for once, by its words; withdrawn as easily as given.

Location is sensitive personal information: PIPL articles 28 and 29 ask for a consent of its own, article
15 for its withdrawal. Who does not agree checks in at plates or writes on paper.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, people_in
from geo_service.accounts.scope import Scope
from geo_service.errors import Conflict, Forbidden, NotFound
from geo_service.tables import Consent, Person

TRACK = "track"
"""The purpose: one's way on patrols."""
VERSION = 1
"""Of the words below; changed words are a new version, and everybody is asked again."""
TITLE = "记录巡查路线，先请您同意"
PARAGRAPHS = (
    "为了知道河、路和网格走到了哪里，手机会在您按“开始巡查”之后记下位置，按“结束”就停；扫公示牌打卡时记一次。平时不记。",
    "您的路线只有您自己、协调员和管理员能看，用来算走到的地方；出发和到家附近的一段不保存。",
    "原始定位和整理过的路线到期就删除，只留下走到过哪里，不留姓名；几天到期可以问协调员。",
    "不同意也没关系：可以到公示牌旁扫码打卡，或者填纸质记录，交给协调员登记。那时打卡的位置只用来核对离牌子多远，不保存。",
    "随时可以在“我的记录”里查看、下载、删除，或者撤回同意。",
)
PHONE, PAPER = "phone", "paper"


class ConsentMissing(Forbidden):
    """Its person has not agreed to have his way recorded, or no longer does."""

    code = "consent_missing"
    title = "This person has not consented to have the way recorded."


@dataclass(frozen=True)
class State:
    """What is asked, and what a person said to it."""

    purpose: str
    version: int
    title: str
    paragraphs: tuple[str, ...]
    given_at: dt.datetime | None
    is_current: bool
    """He agreed to these very words."""


def text_sha256() -> bytes:
    """Return the hash of the words in force."""
    return hashlib.sha256("\n".join((TITLE, *PARAGRAPHS)).encode()).digest()


def state(db: Session, county_id: int, person_id: uuid.UUID) -> State:
    """Return how a person stands to the words in force."""
    given = _in_force(db, county_id, person_id)
    is_current = given is not None and given.text_sha256 == text_sha256()
    return State(TRACK, VERSION, TITLE, PARAGRAPHS, given.given_at if given else None, is_current)


def demand(db: Session, county_id: int, person_id: uuid.UUID) -> None:
    """Raise ConsentMissing unless a person agreed to the words in force."""
    words = db.scalar(_WORDS_OF, {"county_id": county_id, "person_id": person_id, "purpose": TRACK})
    if words != text_sha256():
        raise ConsentMissing(
            "还没有同意记录路线。请打开巡查页面，看过说明后点“同意”；"
            "也可以到公示牌旁扫码打卡，或者填纸质记录，交给协调员。"
        )


def give(db: Session, scope: Scope, person_id: uuid.UUID, version: int, *, channel: str = PHONE) -> State:
    """Write down that a person agrees; again changes nothing. Raises Conflict for words not in force."""
    if version != VERSION:
        raise Conflict("说明已经更新，请看过新的说明再选择。")
    if not state(db, scope.county_id, person_id).is_current:
        _end(db, scope.county_id, person_id)
        db.execute(
            insert(Consent)
            .values(
                county_id=scope.county_id, person_id=person_id, purpose=TRACK, version=VERSION,
                text_sha256=text_sha256(), channel=channel, account_id=scope.actor.account_id,
            )
            .on_conflict_do_nothing()
        )  # fmt: skip
        _record(db, scope, "privacy.consent", person_id)
    return state(db, scope.county_id, person_id)


def give_all(db: Session, scope: Scope, person_ids: Collection[uuid.UUID], *, channel: str = PAPER) -> None:
    """Write down that many people agree at once; of whom something is in force already nothing changes."""
    of_all = {
        "county_id": scope.county_id, "purpose": TRACK, "version": VERSION, "text_sha256": text_sha256(),
        "channel": channel, "account_id": scope.actor.account_id,
    }  # fmt: skip
    rows = [of_all | {"person_id": person_id} for person_id in person_ids]
    if rows:
        db.execute(insert(Consent).on_conflict_do_nothing(), rows)
        count = len(rows)
        audit.record(db, scope.actor, "privacy.consents", county_id=scope.county_id, people=count)


def on_paper(db: Session, scope: Scope, person_id: uuid.UUID, *, given: bool) -> State:
    """Write down what a person signed on a sheet that the office keeps. Raises NotFound, Forbidden."""
    scope.demand(*CHANGE)
    known = db.scalar(
        select(Person.id).where(
            people_in(scope, *CHANGE), Person.id == person_id, Person.deleted_at.is_(None)
        )
    )
    if known is None:
        raise NotFound("没有这个人员，或不在您的辖区内。")
    if given:
        return give(db, scope, person_id, VERSION, channel=PAPER)
    return withdraw(db, scope, person_id)


def withdraw(db: Session, scope: Scope, person_id: uuid.UUID) -> State:
    """Write down that a person agrees no longer; what was recorded stays until he has it deleted."""
    if _end(db, scope.county_id, person_id):
        _record(db, scope, "privacy.consent_withdrawn", person_id)
    return state(db, scope.county_id, person_id)


# Asked with every batch of a walk.
_WORDS_OF = text(
    "select text_sha256 from consent where county_id = :county_id and person_id = :person_id"
    " and purpose = :purpose and withdrawn_at is null"
)


def _in_force(db: Session, county_id: int, person_id: uuid.UUID) -> Consent | None:
    return db.scalar(
        select(Consent)
        .where(
            Consent.county_id == county_id,
            Consent.person_id == person_id,
            Consent.purpose == TRACK,
            Consent.withdrawn_at.is_(None),
        )
        .execution_options(populate_existing=True)
    )


def _end(db: Session, county_id: int, person_id: uuid.UUID) -> bool:
    ended = (
        update(Consent)
        .where(
            Consent.county_id == county_id,
            Consent.person_id == person_id,
            Consent.purpose == TRACK,
            Consent.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=dt.datetime.now(dt.UTC))
        .returning(Consent.id)
    )
    return bool(db.scalars(ended).all())


def _record(db: Session, scope: Scope, action: str, person_id: uuid.UUID) -> None:
    subject = f"person/{person_id}"
    audit.record(db, scope.actor, action, county_id=scope.county_id, subject=subject, version=VERSION)
