"""What an app of others sends is taken as it comes, and is nothing yet: its person says what was a patrol.

Nothing that such an app may send twice, late or without rights stops it: its queue would grow for ever. So
what a device sends that nobody knows is kept aside, and what can be nowhere is passed over.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Actor, Scope
from geo_service.devices import service as devices
from geo_service.devices.service import App, Recorder, sha256_of
from geo_service.errors import Invalid, NotFound
from geo_service.notices import service as notices
from geo_service.privacy import consents
from geo_service.recorders import queries
from geo_service.recorders.heard import Fix, Heard, is_useful
from geo_service.recorders.queries import NewFix
from layers.vocabulary import AlertKind

log = logging.getLogger(__name__)

MOST_QUARANTINED = 100_000
"""Fixes of unknown devices: ten of them, for a day each. What comes then is passed over."""
KEY_END = 4
"""So many last characters of an id are told: its owner knows it by them, and nobody can send under it."""
_CALLS = uuid.UUID("2d3c1b6e-5f0a-4f7e-9d52-8a6c4e1b7f20")
"""Name space of calls for help."""
_ONE_CALL_S = 600
"""A call that is repeated within so many seconds is the same call."""
_DEFAULT_ZONE = "Asia/Shanghai"
"""Of a time without a zone that an unknown device sends."""


@dataclass(frozen=True)
class Unknown:
    """A device that sends and that nobody knows."""

    app: App
    key_end: str
    fixes: int
    first_at: dt.datetime
    last_at: dt.datetime


def keep(db: Session, recorder: Recorder, heard: Heard) -> None:
    """Keep what a known recorder sent, and tell the coordinators if it calls for help.

    Without its person's consent nothing is kept of where he is, but a call for help is passed on.
    """
    now = _now()
    fixes = _useful(heard.fixes, recorder.time_zone, now)
    if heard.calls_for_help:
        _call(db, recorder, fixes, now)
    if fixes and consents.state(db, recorder.county_id, recorder.person_id).is_current:
        queries.keep(db, recorder.county_id, recorder.id, fixes)


def quarantine(db: Session, app: App, heard: Heard) -> None:
    """Keep aside what a device sent that nobody knows, or no longer."""
    fixes = _useful(heard.fixes, _DEFAULT_ZONE, _now())
    if not fixes:
        return
    if queries.is_full(db, MOST_QUARANTINED):
        log.warning("too much is kept of unknown devices already")
        return
    county_id = queries.county_at(db, fixes[-1].lon, fixes[-1].lat)
    key_end = heard.key[-KEY_END:] if len(heard.key) > KEY_END else ""
    queries.quarantine(db, sha256_of(heard.key), key_end, app.value, county_id, fixes)


def unknown(db: Session, scope: Scope) -> list[Unknown]:
    """Return the devices that send from the county and that nobody knows, the latest first."""
    scope.demand_county(*CHANGE)
    return [
        Unknown(App(row.app), row.key_end, row.fixes, _at(row.first_s), _at(row.last_s))
        for row in queries.unknown_devices(db, scope.county_id)
    ]


def make_known(db: Session, scope: Scope, person_id: uuid.UUID, key: str) -> int:
    """Give what a device sent so far to a person's recorder; return how many fixes that were.

    `key`: the whole id, as the phone shows it. The device stays unknown: its id may be guessed, so that it
    goes on under the secret of the recorder. Raises NotFound, Invalid (he has no recorder).
    """
    person = devices.person(db, scope, person_id)
    scope.demand(*CHANGE)
    recorder_id = queries.newest_recorder(db, person.id)
    if recorder_id is None:
        raise Invalid(f"{person.name}还没有记录软件；请先给他加一个，再认领。")
    consents.demand(db, scope.county_id, person.id)
    released = queries.release(db, scope.county_id, sha256_of(key.strip()), recorder_id)
    if not released:
        raise NotFound("没有这台设备发来的定位；请核对设备标识符，它要和手机上显示的完全一样。")
    subject = f"person/{person.id}"
    audit.record(
        db, scope.actor, "recorders.known", county_id=scope.county_id, subject=subject, fixes=released
    )
    return released


def _call(db: Session, recorder: Recorder, fixes: Collection[NewFix], now: dt.datetime) -> None:
    last = max(fixes, key=lambda fix: fix.time_s, default=None)
    at_s = last.time_s if last else now.timestamp()
    call = uuid.uuid5(_CALLS, f"{recorder.id}/{int(at_s // _ONE_CALL_S)}")
    actor = Actor(account_id=recorder.account_id)
    notices.alert_about(
        db, recorder.county_id, recorder.person_id, actor, AlertKind.SOS, call,
        at=_at(at_s), position=(last.lon, last.lat) if last else None,
    )  # fmt: skip


def _useful(fixes: Collection[Fix], time_zone: str, now: dt.datetime) -> list[NewFix]:
    """Return the fixes that can be where somebody was, each time once."""
    zone = ZoneInfo(time_zone)
    found: dict[float, NewFix] = {}
    for fix in fixes:
        time_s = _seconds(fix.time, zone, now)
        if is_useful(time_s, fix, now.timestamp()):
            new = NewFix(time_s, fix.lon, fix.lat, fix.accuracy_m, fix.is_doubtful)
            found.setdefault(time_s, new)
    return list(found.values())


def _seconds(time: Any, zone: ZoneInfo, now: dt.datetime) -> float:
    if time is None:
        return round(now.timestamp(), 3)
    if not isinstance(time, dt.datetime):
        return float(time)
    try:
        return time.replace(tzinfo=zone).timestamp()
    except (OverflowError, ValueError):  # the first and the last day of all years
        return 0.0


def _at(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
