"""What Open311 reads and writes: categories as services, cases as requests, steps as updates.

Shown is only what tells of no person: never who reported, whom he called, or what was said in a step; the
position is rounded to about ten metres. What comes in waits until somebody has looked at it.
"""

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from geo_service.accounts import service as accounts
from geo_service.accounts.scope import Scope
from geo_service.cases import handling, reports, rules, whereabouts
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said
from geo_service.cases.rules import Ground
from geo_service.db import one_at_a_time
from geo_service.errors import NotFound
from geo_service.open311 import queries
from geo_service.open311.forms import Problem, Row
from geo_service.tables import Case
from layers.cases import SETTLED
from layers.errors import YinxunError
from layers.vocabulary import CaseState, Channel, Move, Right

SPAN = dt.timedelta(days=90)
MOST = 1000
"""Requests of an answer: the spec's own bound."""
MOST_A_DAY = 2000
"""Requests that a county takes of other systems in 24 hours: more is a fault of theirs, or a lost key."""
_OUTSIDE_DEG = 0.1
"""How far beyond the county's box a position may lie: about ten kilometres."""
_LONG_NUMBER = re.compile(r"(?<![\dA-Za-z])(?!20\d\d-\d?\d-\d?\d(?![\d-]))\d(?:[ -]?\d){6,}[Xx]?")
"""Telephones, identity cards, bank accounts, as people write them into what they tell; no dates."""
_IDS = uuid.UUID("6a1b3c5e-7d2f-5c4b-8e9a-0f1d2c3b4a59")
_STAFF_IDLE = dt.timedelta(days=3650)
"""Tokens do not lapse for want of use."""


@dataclass(frozen=True)
class Asked:
    """What requests are asked for."""

    numbers: Sequence[str] = ()
    """These, whatever else is said."""
    codes: Sequence[str] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    status: str | None = None
    box: tuple[float, float, float, float] | None = None
    page: int = 1


def ground_of(db: Session, jurisdiction: str | None) -> Ground:
    """Return what a county says of its cases. Raises Problem: which one, or it does not speak Open311."""
    found = queries.counties(db, jurisdiction or None)
    if len(found) > 1:
        raise Problem(400, "jurisdiction_id is missing: there are several.")
    ground = rules.ground(db, found[0].id) if found else None
    if ground is None or not ground.rules.open311:
        raise Problem(404, "jurisdiction_id was not found.")
    return ground


# --- services


def services(ground: Ground) -> list[Row]:
    """Return the categories in use as services, each in the group of its kind."""
    tree = ground.categories
    return [
        {
            "service_code": one.code, "service_name": one.name, "description": tree.words(one.code),
            "metadata": False, "type": "realtime",
            "keywords": ",".join(f"{edition} {code}" for edition, code in one.standards.items()),
            "group": tree.get(kind.code).name,
        }
        for kind in tree.kinds
        for one in tree.below(kind.code)
    ]  # fmt: skip


def definition(ground: Ground, code: str) -> Row:
    """Return a service's attributes: ours have none. Raises Problem."""
    if code not in ground.categories.by_code:
        raise Problem(404, "service_code was not found.")
    return {"service_code": code, "attributes": []}


# --- requests


def requests(db: Session, ground: Ground, asked: Asked, address: str) -> list[Row]:
    """Return cases as requests, the latest first."""
    return _rows(db, ground, _where(ground, asked), address, offset=(asked.page - 1) * MOST)


def one(db: Session, ground: Ground, number: str, address: str) -> list[Row]:
    """Return a case by its number. Raises Problem."""
    found = requests(db, ground, Asked(numbers=[number]), address)
    if not found:
        raise Problem(404, "service_request_id was not found.")
    return found


def _where(ground: Ground, asked: Asked) -> list[Any]:
    case, where = Case, [queries.shown(ground.county.id)]
    if asked.numbers:
        return [*where, case.number.in_(asked.numbers)]
    until = asked.until or dt.datetime.now(dt.UTC)
    since = asked.since or until - SPAN
    where.append(case.opened_at.between(max(since, until - SPAN) if asked.until else since, until))
    if asked.codes:
        where.append(case.category.in_(asked.codes))
    if asked.status:
        is_closed = case.state.in_(sorted(SETTLED))
        where.append(is_closed if asked.status == "closed" else ~is_closed)
    if asked.box:
        where.append(queries.near(asked.box))
    return where


def _rows(db: Session, ground: Ground, where: Sequence[Any], address: str, *, offset: int = 0) -> list[Row]:
    found = queries.requests(db, where, limit=MOST, offset=offset)
    photos = queries.released(db, ground.county.id, [row.id for row in found])
    trees = rules.editions(db, ground.county.id) if found else {}

    def made(row: Any) -> Row:
        state, tree, photo = CaseState(row.state), trees[row.category_edition_id], photos.get(row.id)
        return {
            "service_request_id": row.number,
            "status": "closed" if state in SETTLED else "open",
            "status_notes": state.zh,
            "service_name": tree.words(row.category),
            "service_code": row.category,
            "description": row.words and _LONG_NUMBER.sub("（号码略）", row.words),
            "agency_responsible": row.unit,
            "service_notice": None,
            "requested_datetime": _time(ground, row.opened_at),
            "updated_datetime": _time(ground, row.since),
            "expected_datetime": _time(ground, row.due_at),
            "address": " ".join(word for word in (row.area, row.place) if word) or None,
            "address_id": None if row.place_id is None else str(row.place_id),
            "zipcode": None,
            "lat": None if row.lat is None else float(row.lat),
            "long": None if row.lon is None else float(row.lon),
            "media_url": photo and f"{address}/open311/v2/media/{photo}.jpg",
            "extended_attributes": {"state": state.value},
        }

    return [made(row) for row in found]


def around(lonlat: tuple[float, float], radius_m: float) -> tuple[float, float, float, float]:
    """Return the box around a point: west, south, east, north."""
    # At the poles a degree has no length.
    east, north = (radius_m / max(metres, 1.0) for metres in whereabouts.metres_a_degree(lonlat[1]))
    return (
        max(lonlat[0] - east, -180.0), max(lonlat[1] - north, -90.0),
        min(lonlat[0] + east, 180.0), min(lonlat[1] + north, 90.0),
    )  # fmt: skip


# --- writing


def scope_of(db: Session, ground: Ground, key: str | None) -> Scope:
    """Return the scope of a program by its token. Raises Problem: it has none here."""
    who = accounts.recognise(db, key, kinds=("token",), staff_idle=_STAFF_IDLE) if key else None
    if who is None:
        raise Problem(403, "api_key is missing or not valid.")
    try:
        scope = accounts.own_scope(db, who, ground.county.code, request_id=None)
        scope.demand(Right.COORDINATOR)
    except YinxunError as error:
        raise Problem(403, "api_key may not write in this jurisdiction.") from error
    return scope


def report(db: Session, scope: Scope, ground: Ground, said: Mapping[str, str]) -> Row:
    """Take a request and return its token; its number follows once somebody has looked at it.

    The same words on the same day are one request. Raises Problem.
    """
    code = said.get("service_code", "")
    if code not in ground.categories.by_code:
        raise Problem(404 if code else 400, "service_code was not found.")
    position, place_id = _position(said), _number(said.get("address_id"))
    address = said.get("address_string", "").strip()
    if position is None and place_id is None and not address:
        raise Problem(400, "Give lat and long, or address_string, or address_id.")
    _demand_within(ground, position)
    words, is_cut = _words(said, address)
    now = dt.datetime.now(dt.UTC)
    content = "\n".join(f"{name}={value}" for name, value in sorted(said.items()) if name != "api_key")
    report_id = uuid.uuid5(_IDS, f"{scope.actor.account_id} {now.date()} {content}")
    caller = " ".join(word for word in (said.get("last_name"), said.get("first_name")) if word)[:40]
    if _is_known(db, report_id):
        return {"token": str(report_id), "service_notice": None, "account_id": None}
    if queries.count_since(db, ground.county.id, now - dt.timedelta(days=1)) >= MOST_A_DAY:
        raise Problem(429, f"More than {MOST_A_DAY} requests in 24 hours: go on tomorrow.")
    taken = Said(
        now, code, position, words=words, place_id=place_id, caller=caller or None,
        caller_phone=said.get("phone", "")[:40] or None,
    )  # fmt: skip
    try:
        reports.take(db, scope, report_id, taken, channel=Channel.OPEN311, person_id=None)
    except YinxunError as error:
        raise Problem(400, error.detail) from error
    notice = (
        f"收到，等待审核。说明太长，只留下前 {reports.LONGEST_WORDS} 字。" if is_cut else "收到，等待审核。"
    )
    return {"token": str(report_id), "service_notice": notice, "account_id": None}


def _words(said: Mapping[str, str], address: str) -> tuple[str | None, bool]:
    """Return what a request says, with its address and the address of its picture, and whether it was cut.

    The picture is never fetched: whoever looks at the case decides.
    """
    url = said.get("media_url", "").strip()[:200]
    beside = [f"地址：{address[:150]}" if address else "", f"附件：{url}" if url else ""]
    tail = "；".join(note for note in beside if note)
    description = said.get("description", "").strip()
    room = reports.LONGEST_WORDS - len(tail) - 1
    words = "；".join(part for part in (description[:room], tail) if part)
    return words or None, len(description) > room


def _demand_within(ground: Ground, position: tuple[float, float] | None) -> None:
    """Refuse what lies far outside of the county. Raises Problem."""
    county = ground.county
    if position is None or None in (county.west, county.south, county.east, county.north):
        return
    lon, lat = position
    west, south, east, north = (
        float(side or 0) for side in (county.west, county.south, county.east, county.north)
    )
    is_near = west - _OUTSIDE_DEG <= lon <= east + _OUTSIDE_DEG
    if not (is_near and south - _OUTSIDE_DEG <= lat <= north + _OUTSIDE_DEG):
        raise Problem(400, "lat and long lie outside of the jurisdiction.")


def _is_known(db: Session, report_id: uuid.UUID) -> bool:
    one_at_a_time(db, f"report/{report_id}")
    return queries.has_report(db, report_id)


def token(db: Session, ground: Ground, word: str) -> list[Row]:
    """Return the number that belongs to a token; None while nobody has looked at it. Raises Problem."""
    try:
        found = queries.number_of_report(db, ground.county.id, uuid.UUID(word))
    except ValueError:
        found = None
    if found is None:
        raise Problem(404, "token was not found.")
    number, state = found
    is_shown = state not in (CaseState.SUBMITTED, CaseState.REJECTED)
    return [{"service_request_id": number if is_shown else None, "token": word}]


def updates(db: Session, ground: Ground, since: dt.datetime | None, until: dt.datetime | None) -> list[Row]:
    """Return what changed in a time, by default of the last 90 days, the first first."""
    last = until or dt.datetime.now(dt.UTC)
    first = since or last - SPAN
    return [
        {
            "update_id": str(row.id), "service_request_id": row.number,
            "status": "closed" if CaseState(row.to_state) in SETTLED else "open",
            "updated_datetime": _time(ground, row.at), "description": CaseState(row.to_state).zh,
            "media_url": None,
        }
        for row in queries.updates(db, ground.county.id, first, last, limit=MOST)
    ]  # fmt: skip


def update(db: Session, scope: Scope, ground: Ground, said: Mapping[str, str]) -> Row:
    """Write another system's update into a case. Raises Problem: no such case, or it came before."""
    number, update_id = said.get("service_request_id", ""), said.get("update_id", "").strip()[:200]
    status, words = said.get("status", ""), said.get("description", "").strip()
    if not update_id or not status:
        raise Problem(400, "service_request_id, update_id and status are needed.")
    one_at_a_time(db, f"open311/{ground.county.id}/{update_id}")
    case_id = queries.case_numbered(db, ground.county.id, number)
    if case_id is None:
        raise Problem(404, "service_request_id was not found.")
    if queries.update_of(db, ground.county.id, update_id) is not None:
        raise Problem(400, "update_id came before.")
    note = f"对方系统：{status}；{words}"[: handling.LONGEST_WORDS]
    try:
        handling.move(db, scope, case_id, Wanted(Move.NOTE, note, data={"update_id": update_id}))
    except NotFound as error:
        raise Problem(404, "service_request_id was not found.") from error
    except YinxunError as error:
        raise Problem(400, error.detail) from error
    return {"update_id": str(queries.update_of(db, ground.county.id, update_id))}


def _position(said: Mapping[str, str]) -> tuple[float, float] | None:
    lat, lon = said.get("lat", "").strip(), said.get("long", "").strip()
    if not lat and not lon:
        return None
    try:
        found = float(lon), float(lat)
    except ValueError as error:
        raise Problem(400, "lat and long are numbers of degrees.") from error
    if not (abs(found[0]) <= 180 and abs(found[1]) <= 90):
        raise Problem(400, "lat and long are out of range.")
    return found


def _number(text: str | None) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Problem(404, "address_id was not found.")
    return int(text)


def _time(ground: Ground, moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(ground.zone).isoformat(timespec="seconds")
