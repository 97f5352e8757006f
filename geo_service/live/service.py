"""Who is on the way now, told once: what a stream begins with, and what a program asks for."""

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts import service as accounts
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Actor, Scope
from geo_service.accounts.service import Identity
from geo_service.clock import zone_in
from geo_service.errors import NotSignedIn
from geo_service.live import queries
from geo_service.live.queries import Answer
from geo_service.live.walks import LIVE_FOR, Walk, Walks
from geo_service.privacy import consents

OPEN, LOOK = "live.open", "live.look"
"""Actions of the audit: a stream was opened; somebody was seen on it for the first time."""


@dataclass(frozen=True)
class SignedInAs:
    """By which sign-in somebody listens, and the grants that the account had then."""

    sign_in_id: int
    grants: str
    zone: ZoneInfo
    """Of the county that he looks at."""


def ask(
    db: Session, walks: Walks, county_ids: Collection[int], sign_in_ids: Collection[int]
) -> tuple[Answer, list[Walk]]:
    """Ask once for all: the sign-ins in force, and who is on the way in the counties."""
    now = dt.datetime.now(dt.UTC)
    answer = queries.look(
        db, county_ids=county_ids, sign_in_ids=sign_in_ids, known=walks.known, lately=now - LIVE_FOR,
        purpose=consents.TRACK, words=consents.text_sha256(),
    )  # fmt: skip
    return answer, walks.take(answer, now)


def seen(scope: Scope, walks: Iterable[Walk]) -> list[Walk]:
    """Return those of the walks whose walkers the scope coordinates."""
    areas = scope.areas(*CHANGE)
    return [
        walk
        for walk in walks
        if walk.county_id == scope.county_id and (areas is None or not areas.isdisjoint(walk.areas))
    ]


def once(db: Session, scope: Scope, *, home_cut_m: float) -> list[Walk]:
    """Return who is on the way in the scope's areas; that it was looked at is recorded, of each."""
    scope.demand(*CHANGE)
    _, walks = ask(db, Walks(home_cut_m=home_cut_m), [scope.county_id], [])
    found = seen(scope, walks)
    record_open(db, scope)
    record_looks(db, ((scope.actor, walk) for walk in found))
    return found


def open_for(db: Session, scope: Scope, who: Identity) -> SignedInAs:
    """Record that a stream is opened, and return what must stay as it is for as long as it lives."""
    scope.demand(*CHANGE)
    answer, _ = ask(db, Walks(home_cut_m=0.0), [], [who.sign_in_id])
    if not answer.sign_ins:
        raise NotSignedIn("请先登录。登录可能已因长时间未操作而失效。")
    record_open(db, scope)
    return SignedInAs(who.sign_in_id, answer.sign_ins[0]["grants"] or "", zone_in(db, scope.county_id))


def still_in_force(answer: Answer, *, staff_idle: dt.timedelta) -> dict[int, str]:
    """Return the sign-ins that would still be let in, with the grants of their accounts."""
    now = dt.datetime.now(dt.UTC)
    return {
        row["id"]: row["grants"] or ""
        for row in answer.sign_ins
        if not accounts.has_lapsed(
            row["kind"], _moment(row["used_at"]), _moment(row["expires_at"]), now=now,
            is_administrator=row["is_administrator"], staff_idle=staff_idle,
        )
    }  # fmt: skip


def record_open(db: Session, scope: Scope) -> None:
    """Record that somebody began to look."""
    audit.record(db, scope.actor, OPEN, county_id=scope.county_id)


def record_looks(db: Session, looks: Iterable[tuple[Actor, Walk]]) -> None:
    """Record whom somebody saw for the first time."""
    for actor, walk in looks:
        subject, patrol = f"person/{walk.person_id}", f"patrol/{walk.patrol_id}"
        audit.record(db, actor, LOOK, county_id=walk.county_id, subject=subject, patrol=patrol)


def told(walks: Sequence[Walk], zone: ZoneInfo) -> dict[str, Any]:
    """Return walks as programs read them, and when that was; no position near where somebody set out."""
    rows = [
        {
            "patrol": str(walk.patrol_id), "person": str(walk.person_id), "name": walk.name,
            "people": walk.people, "since": walk.since.isoformat(), "last": walk.last_at.isoformat(),
            "metres": round(walk.walked_m), "position": walk.position,
        }
        for walk in walks
    ]  # fmt: skip
    return {"at": dt.datetime.now(zone).isoformat(timespec="seconds"), "walks": rows}


def _moment(told: str | None) -> dt.datetime | None:
    return None if told is None else dt.datetime.fromisoformat(told)
