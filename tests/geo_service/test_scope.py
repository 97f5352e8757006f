"""Walk every route as every right in two townships: out of scope is 404, and nothing of others is told.

A new route fails `test_every_route_has_an_entry` until `WALKS` says who may use it (or, if it needs no
sign-in, `geo_service.accounts.doors.DOORS` says what guards it).
"""

import datetime as dt
import hashlib
import io
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from fastapi import Response
from fastapi.routing import APIRoute, iter_route_contexts
from fastapi.testclient import TestClient
from geoalchemy2 import WKTElement
from PIL import Image
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session
from starlette.routing import Mount

from geo_service import audit, files
from geo_service.accounts import doors, register, service
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor, Scope
from geo_service.app import create_app
from geo_service.cases import photos as case_photos
from geo_service.cases import reports, units
from geo_service.cases.reports import Said
from geo_service.cases.units import UnitSaid
from geo_service.patrols import photos
from geo_service.planning.asked import Asked
from geo_service.plates import ids
from geo_service.privacy import consents
from geo_service.settings import Settings
from geo_service.tables import (
    Account,
    Alert,
    Area,
    County,
    Duty,
    Exemption,
    FigureEntry,
    Grant,
    IssuedReport,
    Norm,
    Notice,
    Patrol,
    Person,
    Place,
    Plate,
    Proposal,
    ProposalLine,
    Quarantined,
    Service,
    ServicePerson,
    SignIn,
)
from layers.crs import to_lonlat
from layers.presets import preset
from layers.vocabulary import (
    Channel,
    DutyKind,
    ExemptionKind,
    FileKind,
    Layer,
    Level,
    Right,
    Role,
    Verdict,
)
from tests.geo_service.conftest import CRS, NOON, ORIGIN, SmallCounty

COMMANDS = Manager(Actor(os_user="tester"))
WEST, EAST, COUNTY = "west", "east", "county"
"""The grounds of the accounts: two townships, and the whole county."""
DAY = NOON.date().isoformat()
_DRAWN = BytesIO()
Image.new("RGB", (8, 8), "green").save(_DRAWN, "PNG")
PICTURE = _DRAWN.getvalue()
LATELY = dt.datetime.now(dt.UTC) - dt.timedelta(hours=2)

STAFF = frozenset({Right.ADMINISTRATOR, Right.COORDINATOR})
SEE_PLACES = STAFF | {Right.PLANNER, Right.VOLUNTEER}
SEE_PEOPLE = STAFF | {Right.VOLUNTEER}
EVERYBODY = frozenset(Right)
WORK_CASES = STAFF | {Right.HANDLER}
"""Handlers here belong to no unit, so that every case is beyond them; `test_board` has those that do."""


@dataclass
class Town:
    """One township with one of everything. What is secret carries its name or is an id."""

    x: float
    """Where it begins, metres east of the origin."""
    area: Area
    river: Place
    grid: Place
    off_map: Place
    walker: Person
    """The person of the volunteer's account."""
    neighbour: Person
    duty: Duty
    patrol_id: uuid.UUID
    waiting_id: uuid.UUID
    """Another patrol of the walker, which waits for review."""
    service_id: uuid.UUID
    """Entered by the volunteer himself; it waits for review."""
    file_id: uuid.UUID
    """A proof of the service."""
    entry_id: int
    entry_file_id: uuid.UUID
    report_id: int
    photo_id: uuid.UUID
    """Of that patrol."""
    account: Account
    """An account of somebody else, to be administered."""
    grant: Grant
    sign_in: SignIn
    draft: Norm
    leave: Exemption
    device_id: int
    """A second phone of its volunteer that waits to be admitted."""
    recorder_id: int
    unknown_device: str
    """The id of a device that sent from it, and that nobody knows."""
    alert_id: int
    notice_id: int
    plate_id: str
    case_id: int
    """Told by its volunteer; nobody has accepted it."""
    case_photo_id: uuid.UUID
    unit_id: int
    """Of the whole county, as all units are."""
    proposal_id: int
    line_id: int
    """Of the proposal: its volunteer for its grid."""
    cases: list[str] = field(default_factory=list)
    """What its cases tell."""
    places: list[str] = field(default_factory=list)
    """What only those may read who may see its places."""
    people: list[str] = field(default_factory=list)
    """What only those may read who may see its people."""
    not_own: list[str] = field(default_factory=list)
    """What not even its volunteer may read."""


@dataclass
class World:
    connection: Connection
    client: TestClient
    county: County
    towns: dict[str, Town]
    tokens: dict[tuple[Right, str], str]
    stranger: str
    """The token of another county's administrator."""
    mixed: str
    """The token of a coordinator of the west who is a planner of the whole county."""

    def ask(self, token: str | None, method: str, path: str, **more: Any) -> Response:
        """Send a request, and take back whatever it did."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        headers |= more.pop("headers", {})
        # Released too: a savepoint that is only rolled back to stays, and each keeps a lock of its own.
        self.connection.exec_driver_sql("savepoint asked")
        try:
            return self.client.request(method, path, headers=headers, **more)
        finally:
            self.connection.exec_driver_sql("rollback to savepoint asked; release savepoint asked")


Request = dict[str, Any]
"""`path`: values for the path's names; the rest goes to the client: params, json, data, files, content."""


@dataclass(frozen=True)
class Walk:
    """What a route must answer.

    `may` holds the rights that may use it. `about` makes the request about something of a town: whoever
    `may` gets `ok` in that town and in the whole county, and `beyond` in the other; without `about` the
    route tells whatever lies in one's own scope. `whole` says that it needs a right in the whole county.
    Whoever may not gets `without`. `own`: whether it is the volunteer's own, or beyond him too. `shows`
    names the list of secrets of which staff of the town must be told something: an empty answer leaks
    nothing, but is no answer.
    """

    may: frozenset[Right] = EVERYBODY
    about: Callable[[Town], Request] | None = None
    ok: int = 200
    beyond: int = 404
    without: int = 403
    whole: bool = False
    own: bool = True
    shows: str | None = None
    page: bool = False
    """It is of the volunteer's own page: for anybody else there is none."""
    public: bool = False
    """It tells what stands on a plate, which hangs where everybody reads it."""
    mates: bool = False
    """It tells a volunteer who shares his places, to take them along."""


def _of_account(town: Town) -> Request:
    return {"path": {"account_id": town.account.id}}


def _new_account(town: Town) -> Request:
    return {"json": {"login": "newcomer", "right": "coordinator", "area": town.area.code}}


def _of_river(town: Town) -> Request:
    return {"path": {"place_id": town.river.id}}


def _tile_of(town: Town) -> Request:
    """The tile over the middle of its river, in the form in which it is always answered."""
    lon, lat = to_lonlat(ORIGIN + np.array([[town.x + 50, 0]]), CRS)[0].tolist()
    side = 1 << 16
    y = (1 - np.arcsinh(np.tan(np.radians(lat))) / np.pi) / 2 * side
    return {"path": {"z": 16, "x": int((lon + 180) / 360 * side), "y": int(y), "form": "geojson"}}


def _drawn_river(town: Town) -> Request:
    """A line within its own town, for the river that has none."""
    ends = to_lonlat(ORIGIN + np.array([(town.x + 20, 60), (town.x + 90, 60)], float), CRS)
    line = {"type": "LineString", "coordinates": ends.tolist()}
    return {"path": {"place_id": town.off_map.id}, "params": {"dry_run": True}, "json": {"geometry": line}}


def _of_off_map(town: Town) -> Request:
    return {"path": {"place_id": town.off_map.id}}


def _drawn_form(town: Town) -> Request:
    line = _drawn_river(town)["json"]["geometry"]
    return {**_of_off_map(town), "data": {"geometry": json.dumps(line)}}


def _ground_around(town: Town) -> Request:
    """All of the county: what is not in the scope must not come along."""
    return {**_of_off_map(town), "params": {"west": 119, "south": 32, "east": 121, "north": 34}}


def _new_river(_: Town) -> Request:
    return {
        "data": {"layer": "river", "dry_run": "true"},
        "files": {"file": ("rivers.csv", "河道名称,河道编码\n新河,R100\n")},
    }


def _of_patrol(town: Town) -> Request:
    return {"path": {"patrol_id": town.patrol_id}}


def _of_service(town: Town) -> Request:
    return {"path": {"service_id": town.service_id}}


def _new_service(town: Town) -> Request:
    said = {"kind": "grid_service", "day": DAY, "hours": 1.5, "place_id": town.river.id}
    return {"path": {"service_id": uuid.uuid4()}, "json": {**said, "persons": [str(town.walker.id)]}}


def _of_entry(town: Town) -> Request:
    return {"path": {"entry_id": town.entry_id}}


def _of_report(town: Town) -> Request:
    return {"path": {"report_id": town.report_id}}


def _behind_figure(_: Town) -> Request:
    return {"path": {"code": "X1"}, "params": {"first": DAY, "last": DAY}}


_PDF = {"file": ("proof.pdf", b"%PDF-1.7 signed", "application/pdf")}


def _new_patrol(town: Town) -> Request:
    """Ten minutes along the river a day later, as GPX, named for its volunteer."""
    lonlat = to_lonlat(ORIGIN + np.array([(town.x + i * 6, 5) for i in range(100)], float), CRS)
    points = "".join(
        f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}"><time>{NOON + dt.timedelta(days=1, seconds=5 * i):%FT%TZ}'
        "</time></trkpt>"
        for i, (lon, lat) in enumerate(lonlat.tolist())
    )
    head = '<gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
    recording = f"{head}{points}</trkseg></trk></gpx>"
    return {"params": {"person": town.walker.name}, "files": {"file": ("walk.gpx", recording)}}


def _told(town: Town, said: Request, **path: Any) -> Request:
    """Something that a client says of a new patrol, named for the town's volunteer."""
    return {"path": {"patrol_id": uuid.uuid4(), **path}, "json": {"person": town.walker.name, **said}}


def _begun(town: Town) -> Request:
    return _told(town, {"started_at": LATELY.isoformat()})


def _batch(town: Town) -> Request:
    lon, lat = to_lonlat(ORIGIN + np.array([[town.x + 6, 5]]), CRS)[0].tolist()
    fixes = [{"time": LATELY.timestamp(), "lon": lon, "lat": lat}]
    return _told(town, {"datum": "wgs84", "fixes": fixes}, batch_id=uuid.uuid4())


def _ended(town: Town) -> Request:
    return _told(town, {"ended_at": LATELY.isoformat(), "batches": 0})


def _on_paper(town: Town) -> Request:
    path = {"patrol_id": uuid.uuid4()}
    return {"path": path, "json": {"person_id": str(town.walker.id), "day": DAY, "places": [town.river.id]}}


def _typed(town: Town) -> Request:
    return {"data": {"person": town.walker.name, "day": "2026-05-01", "place": town.river.code}}


def _photo(town: Town) -> Request:
    path = {"patrol_id": town.patrol_id, "photo_id": uuid.uuid4()}
    return {"path": path, "content": PICTURE}


def _of_photo(town: Town) -> Request:
    return {"path": {"patrol_id": town.patrol_id, "photo_id": town.photo_id}}


def _of_walker(town: Town) -> Request:
    return {"path": {"person_id": town.walker.id}}


def _of_device(town: Town) -> Request:
    return {"path": {"device_id": town.device_id}}


def _of_plate(town: Town) -> Request:
    return {"path": {"plate_id": town.plate_id}}


def _check_in(town: Town) -> Request:
    said = {"plate": town.plate_id, "at": LATELY.isoformat()}
    return {"path": {"check_in_id": uuid.uuid4()}, "json": said}


def _plate_form(action: str) -> Callable[[Town], Request]:
    return lambda town: {"path": {"place_id": town.river.id, "plate_id": town.plate_id, "action": action}}


def _of_case(town: Town) -> Request:
    return {"path": {"case_id": town.case_id}}


def _told_by(person: Person) -> uuid.UUID:
    """Return the id of what a town's volunteer reported."""
    return uuid.uuid5(uuid.NAMESPACE_OID, str(person.id))


def _of_own_report(town: Town, **more: Any) -> Request:
    return {"path": {"report_id": _told_by(town.walker), "photo_id": uuid.uuid4()}, **more}


def _new_report(_: Town) -> Request:
    return {"path": {"report_id": uuid.uuid4()}, "json": {"at": LATELY.isoformat(), "category": "litter"}}


def _of_no_channel(_: Town) -> Request:
    return {"path": {"channel_id": 0, "action": "none"}}


def _of_case_photo(town: Town) -> Request:
    return {"path": {"case_id": town.case_id, "photo_id": town.case_photo_id}}


def _new_case_photo(town: Town) -> Request:
    return {"path": {"case_id": town.case_id, "photo_id": uuid.uuid4()}, "content": PICTURE}


def _case_step(town: Town) -> Request:
    return {**_of_case(town), "json": {"move": "accept"}}


def _case_step_form(town: Town) -> Request:
    return {**_of_case(town), "data": {"move": "accept"}}


def _new_case(town: Town) -> Request:
    said = {
        "id": str(uuid.uuid4()),
        "at": LATELY.isoformat(),
        "category": "litter",
        "place_id": town.river.id,
    }
    return {"json": said}


def _new_case_form(town: Town) -> Request:
    said = {"id": str(uuid.uuid4()), "at": LATELY.isoformat(), "category": "litter"}
    return {"data": {**said, "place": town.river.code}}


def _of_unit(town: Town) -> Request:
    return {"path": {"unit_id": town.unit_id}}


def _unit_said(town: Town, kind: str = "json") -> Request:
    return {**_of_unit(town), kind: {"name": "改名的站"}}


def _small_tree(_: Town) -> Request:
    tree = [{"code": "litter", "name": "垃圾", "icon": "litter"}]
    return {"json": {"name": "一版", "categories": tree}}


def _of_duty(town: Town) -> Request:
    return {"path": {"duty_id": town.duty.id}}


def _new_duty(town: Town) -> Request:
    return {"json": {"person_id": str(town.neighbour.id), "place_id": town.grid.id}}


def _of_proposal(town: Town, **more: Any) -> Request:
    return {"path": {"proposal_id": town.proposal_id}, **more}


def _new_proposal(town: Town) -> Request:
    return {"json": {"area": town.area.code, "seconds": 1}}


def _readiness(town: Town) -> Request:
    return {"path": {"person_id": town.walker.id}, "json": {"likes": [town.grid.id]}}


def _of_draft(town: Town) -> Request:
    return {"path": {"norm_id": town.draft.id}}


def _of_leave(town: Town) -> Request:
    return {"path": {"exemption_id": town.leave.id}}


def _tomorrow() -> str:
    return f"{dt.datetime.now(ZoneInfo('Asia/Shanghai')).date() + dt.timedelta(days=1)}"


def _dry_table(text: str) -> Callable[[Town], Request]:
    """Return an import that only says what would be; whose area it is stands in its rows, not in its path."""
    return lambda _: {"data": {"dry_run": "true"}, "files": {"file": ("table.csv", text)}}


def _printed(_: Town) -> Request:
    return {"path": {"paper": "A4", "form": "pdf"}}


ADMINISTERS = frozenset({Right.ADMINISTRATOR})
ONE_ACCOUNT = Walk(ADMINISTERS, _of_account)
QUIET = Walk(ADMINISTERS, _of_account, ok=204)
ONE_PERSON = Walk(SEE_PEOPLE, _of_walker, without=404, shows="people")
SEE_FIGURES = STAFF | {Right.PLANNER}
TELLS = frozenset({Right.VOLUNTEER})
ONE_PATROL = Walk(SEE_PEOPLE, _of_patrol, without=404)

WALKS: dict[tuple[str, str], Walk] = {
    ("GET", "/openapi.json"): Walk(),
    ("GET", "/docs"): Walk(),
    # accounts
    ("GET", "/password"): Walk(),
    ("POST", "/password"): Walk(ok=401),  # without the present password
    ("POST", "/sign-out"): Walk(ok=303),
    ("GET", "/api/me"): Walk(),
    ("GET", "/api/me/sign-ins"): Walk(),
    ("DELETE", "/api/me/sign-ins/{sign_in_id}"): Walk(
        about=lambda town: {"path": {"sign_in_id": town.sign_in.id}}, ok=404
    ),
    ("GET", "/api/accounts"): Walk(ADMINISTERS, shows="not_own"),
    ("POST", "/api/accounts"): Walk(ADMINISTERS, _new_account, ok=201),
    ("POST", "/api/accounts/{account_id}/password"): ONE_ACCOUNT,
    ("POST", "/api/accounts/{account_id}/disable"): QUIET,
    ("POST", "/api/accounts/{account_id}/enable"): QUIET,
    ("POST", "/api/accounts/{account_id}/grants"): Walk(
        ADMINISTERS,
        lambda town: {**_of_account(town), "json": {"right": "planner", "area": town.area.code}},
        ok=201,
    ),
    ("DELETE", "/api/accounts/{account_id}/grants/{grant_id}"): Walk(
        ADMINISTERS, lambda town: {"path": {"account_id": town.account.id, "grant_id": town.grant.id}}, ok=204
    ),
    ("POST", "/api/accounts/{account_id}/tokens"): Walk(
        ADMINISTERS, lambda town: {**_of_account(town), "json": {"name": "test"}}, ok=201
    ),
    ("GET", "/api/accounts/{account_id}/sign-ins"): ONE_ACCOUNT,
    ("DELETE", "/api/accounts/{account_id}/sign-ins/{sign_in_id}"): Walk(
        ADMINISTERS,
        lambda town: {"path": {"account_id": town.account.id, "sign_in_id": town.sign_in.id}},
        ok=204,
    ),
    ("GET", "/accounts"): Walk(ADMINISTERS, shows="not_own"),
    ("POST", "/accounts"): Walk(
        ADMINISTERS,
        lambda town: {"data": {"login": "newcomer", "right": "coordinator", "ground": town.area.code}},
    ),
    ("GET", "/accounts/{account_id}"): Walk(ADMINISTERS, _of_account, shows="not_own"),
    ("POST", "/accounts/{account_id}/{action}"): Walk(
        ADMINISTERS, lambda town: {"path": {"account_id": town.account.id, "action": "disable"}}, ok=303
    ),
    ("POST", "/accounts/{account_id}/grants"): Walk(
        ADMINISTERS,
        lambda town: {**_of_account(town), "data": {"right": "planner", "ground": town.area.code}},
        ok=303,
    ),
    ("POST", "/accounts/{account_id}/grants/{grant_id}/revoke"): Walk(
        ADMINISTERS, lambda town: {"path": {"account_id": town.account.id, "grant_id": town.grant.id}}, ok=303
    ),
    ("POST", "/accounts/{account_id}/tokens"): Walk(
        ADMINISTERS, lambda town: {**_of_account(town), "data": {"name": "test"}}, shows="not_own"
    ),
    ("POST", "/accounts/{account_id}/sign-ins/{sign_in_id}/end"): Walk(
        ADMINISTERS,
        lambda town: {"path": {"account_id": town.account.id, "sign_in_id": town.sign_in.id}},
        ok=303,
    ),
    # cases
    ("GET", "/api/cases"): Walk(WORK_CASES, shows="cases"),
    ("GET", "/api/cases/count"): Walk(WORK_CASES),
    ("GET", "/api/cases/spots"): Walk(WORK_CASES),
    ("GET", "/api/cases/ledger"): Walk(STAFF, shows="cases"),
    ("GET", "/api/cases/handover"): Walk(STAFF, shows="cases"),
    ("GET", "/api/cases/tables"): Walk(STAFF),
    ("GET", "/api/cases/rates"): Walk(STAFF),
    ("GET", "/api/cases/repeat"): Walk(STAFF),
    ("GET", "/api/cases/{case_id}/photos/{photo_id}"): Walk(WORK_CASES, _of_case_photo),
    ("PUT", "/api/cases/{case_id}/photos/{photo_id}"): Walk(WORK_CASES, _new_case_photo, ok=201),
    ("POST", "/api/cases"): Walk(STAFF, _new_case, ok=201),
    ("GET", "/api/cases/{case_id}"): Walk(WORK_CASES, _of_case, shows="cases"),
    ("POST", "/api/cases/{case_id}/steps"): Walk(WORK_CASES, _case_step, shows="cases"),
    ("PUT", "/api/v/reports/{report_id}"): Walk(about=_new_report, ok=201, page=True),
    ("GET", "/api/v/reports"): Walk(page=True),
    ("GET", "/api/v/reports/{report_id}/photos"): Walk(TELLS, _of_own_report, without=404),
    ("PUT", "/api/v/reports/{report_id}/photos/{photo_id}"): Walk(
        TELLS, lambda town: _of_own_report(town, content=b"x"), ok=404, without=404
    ),
    ("POST", "/api/v/reports/{report_id}/same"): Walk(
        TELLS, lambda town: _of_own_report(town, json={"case_id": 0}), ok=404, without=404
    ),
    ("POST", "/api/v/reports/{report_id}/steps"): Walk(
        TELLS, lambda town: _of_own_report(town, json={"move": "check"}), ok=422, without=404
    ),
    ("GET", "/api/message-channels"): Walk(STAFF, whole=True),
    ("POST", "/api/message-channels"): Walk(
        STAFF,
        lambda _: {"json": {"name": "群", "address": "json://127.0.0.1/x", "topics": ["alert"]}},
        ok=201,
        beyond=201,
        whole=True,
    ),
    ("PUT", "/api/message-channels/{channel_id}"): Walk(
        STAFF, lambda town: {**_of_no_channel(town), "json": {"is_on": True}}, ok=404, whole=True
    ),
    ("POST", "/api/message-channels/{channel_id}/test"): Walk(STAFF, _of_no_channel, ok=404, whole=True),
    ("DELETE", "/api/message-channels/{channel_id}"): Walk(STAFF, _of_no_channel, ok=404, whole=True),
    ("GET", "/channels"): Walk(STAFF, whole=True),
    ("POST", "/channels"): Walk(STAFF, lambda _: {"data": {"name": ""}}, ok=422, beyond=422, whole=True),
    ("POST", "/channels/{channel_id}/{action}"): Walk(STAFF, _of_no_channel, ok=422, beyond=422, whole=True),
    ("GET", "/api/case-rules"): Walk(STAFF),
    ("PUT", "/api/case-rules"): Walk(STAFF, lambda _: {"json": {"reopen_days": 9}}, beyond=200, whole=True),
    ("GET", "/api/case-categories"): Walk(),
    ("PUT", "/api/case-categories"): Walk(STAFF, _small_tree, beyond=200, whole=True),
    ("PUT", "/api/case-calendar"): Walk(
        STAFF,
        lambda _: {"json": [{"day": "2031-10-01", "is_working": False}]},
        ok=204,
        beyond=204,
        whole=True,
    ),
    ("GET", "/api/units"): Walk(STAFF),
    ("POST", "/api/units"): Walk(STAFF, lambda _: {"json": {"name": "新站"}}, ok=201, beyond=201, whole=True),
    ("PUT", "/api/units/{unit_id}"): Walk(STAFF, _unit_said, whole=True),
    ("DELETE", "/api/units/{unit_id}"): Walk(STAFF, _of_unit, ok=204, whole=True),
    ("PUT", "/api/units/{unit_id}/tasks"): Walk(
        STAFF, lambda town: {**_of_unit(town), "json": [{"category": "litter"}]}, ok=204, whole=True
    ),
    ("PUT", "/api/units/{unit_id}/members"): Walk(
        STAFF, lambda town: {**_of_unit(town), "json": []}, ok=204, whole=True
    ),
    ("GET", "/cases"): Walk(WORK_CASES, shows="cases"),
    ("GET", "/cases/new"): Walk(STAFF, shows="places"),
    ("POST", "/cases/new"): Walk(STAFF, _new_case_form, ok=303, beyond=422),
    ("GET", "/cases/{case_id}"): Walk(WORK_CASES, _of_case, shows="cases"),
    ("POST", "/cases/{case_id}/steps"): Walk(WORK_CASES, _case_step_form, ok=303),
    ("POST", "/cases/{case_id}/correct"): Walk(
        STAFF, lambda town: {**_of_case(town), "data": {"severity": "grave"}}, ok=303
    ),
    ("GET", "/cases/{case_id}/photos/{photo_id}"): Walk(
        STAFF, lambda town: {"path": {"case_id": town.case_id, "photo_id": uuid.uuid4()}}, ok=404
    ),
    ("POST", "/cases/{case_id}/photos/{photo_id}"): Walk(
        STAFF, lambda town: {"path": {"case_id": town.case_id, "photo_id": uuid.uuid4()}}, ok=404
    ),
    ("GET", "/cases/{case_id}/picture"): Walk(WORK_CASES, _of_case, shows="places"),
    ("GET", "/cases/{case_id}/dispatch.pdf"): Walk(STAFF, _of_case),
    ("GET", "/map/cases"): Walk(WORK_CASES),
    ("GET", "/map/cases/picture"): Walk(WORK_CASES, shows="cases"),
    ("GET", "/map/cases/file"): Walk(STAFF, shows="cases"),
    ("GET", "/units"): Walk(STAFF),
    ("POST", "/units"): Walk(STAFF, lambda _: {"data": {"name": "新站"}}, ok=303, beyond=303, whole=True),
    ("POST", "/units/{unit_id}"): Walk(STAFF, lambda town: _unit_said(town, "data"), ok=303, whole=True),
    ("POST", "/units/{unit_id}/retire"): Walk(STAFF, _of_unit, ok=303, whole=True),
    ("GET", "/case-rules"): Walk(STAFF),
    ("POST", "/case-rules"): Walk(STAFF, lambda _: {"data": {}}, ok=422, beyond=422, without=403),
    ("GET", "/case-rules/categories"): Walk(STAFF),
    ("POST", "/case-rules/categories"): Walk(
        STAFF,
        lambda _: {
            "files": {"file": ("c.csv", "编码,名称,图标\nlitter,垃圾,litter\n")},
            "data": {"dry_run": "1"},
        },
        beyond=200,
        whole=True,
    ),
    ("POST", "/case-rules/calendar"): Walk(
        STAFF,
        lambda _: {
            "files": {"file": ("d.csv", "日期,是否工作\n2031-10-01,否\n")},
            "data": {"dry_run": "1"},
        },
        beyond=200,
        whole=True,
    ),
    ("GET", "/audit"): Walk(frozenset({Right.ADMINISTRATOR, Right.AUDITOR}), whole=True),
    ("GET", "/audit/file"): Walk(frozenset({Right.ADMINISTRATOR, Right.AUDITOR}), whole=True),
    ("GET", "/api/audit"): Walk(frozenset({Right.ADMINISTRATOR, Right.AUDITOR}), whole=True),
    # areas and places
    ("GET", "/api/counties"): Walk(),
    ("GET", "/api/areas"): Walk(shows="places"),
    ("GET", "/api/places"): Walk(shows="places"),
    ("GET", "/api/places/{place_id}"): Walk(SEE_PLACES, _of_river, without=404, shows="people"),
    ("PUT", "/api/places/{place_id}/geometry"): Walk(STAFF, _drawn_river, shows="places"),
    ("PUT", "/api/places/{place_id}/reach"): Walk(
        STAFF,
        lambda town: {**_of_river(town), "params": {"dry_run": True}, "json": {"reach_m": 30}},
        shows="places",
    ),
    ("POST", "/api/places/import"): Walk(STAFF, _new_river, beyond=200, whole=True),
    # people and duties
    ("GET", "/api/people"): Walk(shows="people"),
    ("GET", "/api/people/{person_id}"): Walk(SEE_PEOPLE, _of_walker, without=404, shows="people"),
    ("POST", "/api/people"): Walk(
        STAFF, lambda town: {"json": {"name": "新人", "area": town.area.code}}, ok=201
    ),
    ("PATCH", "/api/people/{person_id}"): Walk(
        STAFF, lambda town: {**_of_walker(town), "json": {"phone": "13812345678"}}, ok=204
    ),
    ("DELETE", "/api/people/{person_id}"): Walk(SEE_PEOPLE, _of_walker, ok=204, without=404),
    ("POST", "/api/people/import"): Walk(STAFF, _dry_table("姓名,编号\n新人,1\n"), beyond=200),
    ("POST", "/api/rosters/import"): Walk(STAFF, _dry_table("姓名,编号\n新人,1\n"), beyond=200),
    ("GET", "/api/rosters/workbook"): Walk(STAFF, lambda town: {"params": {"area": town.area.code}}),
    ("GET", "/api/duties"): Walk(shows="people"),
    ("GET", "/api/duties/misfits"): Walk(STAFF),
    ("POST", "/api/duties/{duty_id}/fits"): Walk(STAFF, _of_duty, ok=204),
    ("POST", "/api/duties"): Walk(STAFF, _new_duty, ok=201),
    ("POST", "/api/duties/import"): Walk(STAFF, _dry_table("人员,对象\n西独老王,西独格\n"), beyond=200),
    ("POST", "/api/duties/{duty_id}/end"): Walk(
        STAFF, lambda town: {**_of_duty(town), "json": {"last_day": DAY}}, ok=204
    ),
    ("POST", "/api/duties/{duty_id}/hand-over"): Walk(
        STAFF,
        lambda town: {
            **_of_duty(town),
            "json": {
                "to_person_id": str(town.neighbour.id),
                "on_day": f"{NOON.date() + dt.timedelta(days=1)}",
            },
        },
        ok=409,  # the neighbour has the same duty already
    ),
    # what is stored of a person, and for how long
    ("GET", "/api/people/{person_id}/data"): ONE_PERSON,
    ("GET", "/api/people/{person_id}/data.zip"): replace(ONE_PERSON, shows=None),
    ("GET", "/people/{person_id}/data"): ONE_PERSON,
    ("POST", "/people/{person_id}/delete"): Walk(
        SEE_PEOPLE, lambda town: {**_of_walker(town), "data": {"sure": "yes"}}, without=404
    ),
    ("GET", "/me"): Walk(),
    ("POST", "/api/v/leave"): Walk(ok=204),
    ("GET", "/api/v/me"): Walk(page=True, mates=True),
    ("GET", "/api/v/places"): Walk(page=True),
    ("GET", "/api/v/records"): Walk(page=True),
    ("POST", "/api/v/consent"): Walk(
        about=lambda _: {"json": {"version": consents.VERSION, "given": True}}, page=True
    ),
    ("POST", "/api/v/alerts"): Walk(
        about=lambda _: {"json": {"kind": "sos", "patrol_id": str(uuid.uuid4())}}, ok=204, page=True
    ),
    ("POST", "/api/v/alerts/{kind}/{patrol_id}/close"): Walk(
        about=lambda _: {"path": {"kind": "still", "patrol_id": uuid.uuid4()}}, ok=204, page=True
    ),
    ("GET", "/api/v/found"): Walk(page=True),
    ("POST", "/api/v/found/{key}"): Walk(
        # What was found is whose recorder found it: of any other key there is nothing.
        about=lambda _: {"path": {"key": uuid.uuid4()}, "json": {"is_patrol": False}},
        ok=404,
        page=True,
    ),
    ("GET", "/api/devices/unknown"): Walk(STAFF, whole=True),
    ("POST", "/api/people/{person_id}/recordings"): Walk(
        STAFF, lambda town: {**_of_walker(town), "json": {"device_id": town.unknown_device}}
    ),
    ("POST", "/people/{person_id}/recordings"): Walk(
        STAFF, lambda town: {**_of_walker(town), "data": {"device_id": town.unknown_device}}, shows="people"
    ),
    ("GET", "/paper"): Walk(STAFF, shows="people"),
    ("POST", "/paper"): Walk(STAFF, _typed, beyond=422),
    ("GET", "/consent-sheet"): Walk(STAFF),
    ("POST", "/people/{person_id}/consent"): Walk(
        STAFF, lambda town: {**_of_walker(town), "data": {"given": "true"}}, ok=303
    ),
    ("GET", "/api/alerts/count"): Walk(STAFF),
    ("POST", "/api/people/{person_id}/cards"): Walk(STAFF, _of_walker, ok=201),
    ("GET", "/api/people/{person_id}/devices"): Walk(STAFF, _of_walker, beyond=200, shows="people"),
    ("GET", "/api/devices/waiting"): Walk(STAFF, shows="people"),
    ("POST", "/api/people/{person_id}/recorders"): Walk(
        STAFF, lambda town: {**_of_walker(town), "json": {"app": "owntracks"}}, ok=201
    ),
    ("POST", "/api/devices/{device_id}/rotate"): Walk(
        STAFF, lambda town: {"path": {"device_id": town.recorder_id}}
    ),
    ("POST", "/people/{person_id}/recorders"): Walk(
        STAFF, lambda town: {**_of_walker(town), "data": {"app": "traccar"}}, shows="people"
    ),
    ("POST", "/people/{person_id}/recorders/{device_id}"): Walk(
        STAFF, lambda town: {"path": {"person_id": town.walker.id, "device_id": town.recorder_id}}
    ),
    ("POST", "/api/devices/{device_id}/admit"): Walk(STAFF, _of_device),
    ("DELETE", "/api/devices/{device_id}"): Walk(STAFF, _of_device, ok=204),
    ("GET", "/care"): Walk(STAFF, shows="people"),
    ("POST", "/care/alerts/{alert_id}/close"): Walk(
        STAFF, lambda town: {"path": {"alert_id": town.alert_id}, "data": {"note": "平安"}}, ok=303
    ),
    ("POST", "/care/phones/{device_id}/admit"): Walk(STAFF, _of_device, ok=303),
    ("POST", "/care/phones/{device_id}/refuse"): Walk(STAFF, _of_device, ok=303),
    ("POST", "/care/notices"): Walk(
        STAFF, lambda town: {"data": {"kind": "heat", "text": "高温", "area": town.area.id}}, ok=303
    ),
    ("POST", "/care/notices/{notice_id}/end"): Walk(
        STAFF, lambda town: {"path": {"notice_id": town.notice_id}}, ok=303
    ),
    ("POST", "/care/contacts"): Walk(
        STAFF, lambda town: {"data": {"area": town.area.id, "name": "张", "phone": "110"}}, ok=303
    ),
    ("POST", "/api/cards"): Walk(STAFF, lambda town: {"params": {"area": town.area.code, "whom": "again"}}),
    ("GET", "/cards"): Walk(STAFF, lambda town: {"params": {"area": town.area.code}}),
    ("POST", "/cards/sheet"): Walk(STAFF, lambda town: {"data": {"area": town.area.code, "whom": "again"}}),
    ("POST", "/people/{person_id}/cards/sheet"): Walk(STAFF, _of_walker),
    ("GET", "/people/{person_id}/readiness"): Walk(STAFF, _of_walker),
    ("POST", "/people/{person_id}/readiness"): Walk(
        STAFF, lambda town: {**_of_walker(town), "data": {"open": "1", "likes": town.grid.code}}, ok=303
    ),
    ("GET", "/people/{person_id}/cards"): Walk(STAFF, _of_walker, shows="people"),
    ("POST", "/people/{person_id}/cards"): Walk(STAFF, _of_walker, shows="people"),
    ("POST", "/people/{person_id}/cards/{device_id}/{action}"): Walk(
        STAFF,
        lambda town: {"path": {"person_id": town.walker.id, "device_id": town.device_id, "action": "admit"}},
        ok=303,
    ),
    # plates: whoever walks may check in at any of the county
    ("GET", "/api/plates"): Walk(STAFF, shows="places"),
    ("POST", "/api/plates"): Walk(STAFF, lambda town: {"json": {"place_id": town.river.id}}, ok=201),
    ("POST", "/api/plates/sheet"): Walk(STAFF, lambda town: {"json": {"place_ids": [town.river.id]}}),
    ("POST", "/api/plates/{plate_id}/remake"): Walk(STAFF, _of_plate, ok=201),
    ("DELETE", "/api/plates/{plate_id}"): Walk(STAFF, _of_plate, ok=204),
    ("GET", "/api/v/plates/{plate_id}"): Walk(about=_of_plate, page=True, public=True),
    ("PUT", "/api/v/check-ins/{check_in_id}"): Walk(about=_check_in, ok=201, page=True, public=True),
    ("GET", "/plates"): Walk(STAFF, lambda town: {"params": {"area": town.area.code}}, shows="places"),
    ("POST", "/plates/sheet"): Walk(STAFF, lambda town: {"data": {"area": town.area.code, "layer": "river"}}),
    ("GET", "/places/{place_id}/plates"): Walk(STAFF, _of_river, shows="places"),
    ("POST", "/places/{place_id}/plates"): Walk(STAFF, _of_river, ok=303),
    ("POST", "/places/{place_id}/plates/{plate_id}/{action}"): Walk(STAFF, _plate_form("remake"), ok=303),
    ("GET", "/api/retention"): Walk(frozenset({Right.ADMINISTRATOR, Right.AUDITOR}), whole=True),
    ("GET", "/retention"): Walk(frozenset({Right.ADMINISTRATOR, Right.AUDITOR}), whole=True),
    # coverage: whoever sees no place gets an empty answer
    ("GET", "/api/coverage"): Walk(shows="places"),
    ("GET", "/api/gaps"): Walk(about=lambda _: {"params": {"kind": "neglected"}}, beyond=200, shows="places"),
    # tiles and the map's panels: whoever sees no place gets empty ones
    ("GET", "/api/tiles/{z}/{x}/{y}.{form}"): Walk(about=_tile_of, beyond=200, shows="places"),
    ("GET", "/api/tiles/values"): Walk(),
    ("GET", "/api/tiles/style"): Walk(),
    ("GET", "/api/find"): Walk(
        about=lambda town: {"params": {"q": town.river.name}}, beyond=200, shows="places"
    ),
    ("GET", "/map"): Walk(),
    ("GET", "/map/list"): Walk(shows="places"),
    ("GET", "/map/card/{place_id}"): Walk(SEE_PLACES, _of_river, without=404, shows="places"),
    # patrols
    ("POST", "/api/patrols"): Walk(SEE_PEOPLE, _new_patrol, ok=201),
    ("GET", "/api/patrols"): Walk(shows="people"),
    ("GET", "/api/patrols/{patrol_id}"): Walk(SEE_PEOPLE, _of_patrol, without=404, shows="people"),
    ("GET", "/api/checklists"): Walk(),
    ("PUT", "/api/patrols/{patrol_id}"): Walk(SEE_PEOPLE, _begun, ok=201),
    ("PUT", "/api/patrols/{patrol_id}/batches/{batch_id}"): Walk(SEE_PEOPLE, _batch, ok=201),
    ("PUT", "/api/patrols/{patrol_id}/end"): Walk(SEE_PEOPLE, _ended, ok=201),
    ("PUT", "/api/patrols/{patrol_id}/paper"): Walk(STAFF, _on_paper, ok=201),
    ("POST", "/api/patrols/records"): Walk(
        STAFF, _dry_table("日期,巡查人\n2026-05-01,西独老王\n"), beyond=200
    ),
    ("GET", "/api/patrols/{patrol_id}/photos"): ONE_PATROL,
    ("PUT", "/api/patrols/{patrol_id}/photos/{photo_id}"): Walk(SEE_PEOPLE, _photo, ok=201),
    ("GET", "/api/patrols/{patrol_id}/photos/{photo_id}"): Walk(SEE_PEOPLE, _of_photo, without=404),
    ("DELETE", "/api/patrols/{patrol_id}/photos/{photo_id}"): Walk(SEE_PEOPLE, _of_photo, ok=204),
    ("GET", "/api/patrols/{patrol_id}/track"): ONE_PATROL,
    ("GET", "/api/patrols/{patrol_id}/gpx"): ONE_PATROL,
    ("POST", "/api/patrols/{patrol_id}/void"): Walk(
        SEE_PEOPLE, lambda town: {**_of_patrol(town), "json": {"reason": "测试"}}, without=404
    ),
    # services
    ("PUT", "/api/services/{service_id}"): Walk(SEE_PEOPLE, _new_service, ok=201),
    ("GET", "/api/services"): Walk(shows="people"),
    ("GET", "/api/services/{service_id}"): Walk(SEE_PEOPLE, _of_service, without=404, shows="people"),
    ("POST", "/api/services/{service_id}/void"): Walk(
        SEE_PEOPLE, lambda town: {**_of_service(town), "json": {"reason": "测试"}}, without=404
    ),
    ("POST", "/api/services/{service_id}/confirm"): Walk(STAFF, _of_service),
    ("POST", "/api/services/{service_id}/files"): Walk(
        SEE_PEOPLE, lambda town: {**_of_service(town), "files": _PDF}, ok=201
    ),
    ("GET", "/api/services/{service_id}/files"): Walk(SEE_PEOPLE, _of_service, without=404),
    ("GET", "/api/services/{service_id}/files/{file_id}"): Walk(
        SEE_PEOPLE,
        lambda town: {"path": {"service_id": town.service_id, "file_id": town.file_id}},
        without=404,
    ),
    ("POST", "/api/services/import"): Walk(
        STAFF, _dry_table("类别,日期,时长,参加人,镇街\n走访,2026-05-01,1,西独老王,西独区\n"), beyond=200
    ),
    # the morning
    ("GET", "/api/morning"): Walk(STAFF, shows="people"),
    ("GET", "/morning"): Walk(STAFF, shows="people"),
    ("GET", "/api/live"): Walk(STAFF, lambda _: {"params": {"once": True}}, beyond=200),
    ("GET", "/live"): Walk(STAFF),
    # figures and reports
    ("GET", "/api/figures"): Walk(SEE_FIGURES),
    ("GET", "/api/figures/{code}/rows"): Walk(STAFF, _behind_figure, beyond=200, shows="people"),
    ("GET", "/api/figures/entries"): Walk(SEE_FIGURES, whole=True),
    ("POST", "/api/figures/entries"): Walk(
        STAFF,
        lambda _: {
            "json": {"figure": "X6", "first": "2024-01-01", "last": "2024-01-31", "value": 3, "note": "台账"}
        },
        ok=201,
        beyond=201,  # one's own county's
        whole=True,
    ),
    ("POST", "/api/figures/entries/{entry_id}/withdraw"): Walk(STAFF, _of_entry, ok=204, whole=True),
    ("POST", "/api/figures/entries/{entry_id}/files"): Walk(
        STAFF, lambda town: {**_of_entry(town), "files": _PDF}, ok=201, whole=True
    ),
    ("GET", "/api/figures/entries/{entry_id}/files"): Walk(SEE_FIGURES, _of_entry, whole=True),
    ("GET", "/api/figures/entries/{entry_id}/files/{file_id}"): Walk(
        SEE_FIGURES,
        lambda town: {"path": {"entry_id": town.entry_id, "file_id": town.entry_file_id}},
        whole=True,
    ),
    ("GET", "/api/figures/report"): Walk(SEE_FIGURES),
    ("GET", "/api/figures/annex"): Walk(STAFF),
    ("POST", "/api/reports"): Walk(STAFF, lambda town: {"json": {"area": town.area.code}}, ok=201),
    ("GET", "/api/reports"): Walk(SEE_FIGURES),
    ("GET", "/api/reports/{report_id}"): Walk(SEE_FIGURES, _of_report),
    ("GET", "/api/reports/{report_id}/docx"): Walk(SEE_FIGURES, _of_report),
    ("GET", "/api/reports/{report_id}/annex"): Walk(STAFF, _of_report),
    ("GET", "/services"): Walk(shows="people"),
    ("GET", "/services/new"): Walk(SEE_PEOPLE),
    ("POST", "/services/new"): Walk(SEE_PEOPLE, lambda _: {"data": {}}, ok=422, beyond=422),
    ("GET", "/services/{service_id}"): Walk(SEE_PEOPLE, _of_service, without=404, shows="people"),
    ("POST", "/services/{service_id}/void"): Walk(
        SEE_PEOPLE, lambda town: {**_of_service(town), "data": {"reason": "测试"}}, ok=303, without=404
    ),
    ("POST", "/services/{service_id}/confirm"): Walk(STAFF, _of_service, ok=303),
    ("POST", "/services/{service_id}/files"): Walk(
        SEE_PEOPLE, lambda town: {**_of_service(town), "files": _PDF}, ok=303
    ),
    ("GET", "/figures"): Walk(SEE_FIGURES),
    ("GET", "/api/figures/months"): Walk(SEE_FIGURES),
    ("GET", "/figures/{code}"): Walk(STAFF, _behind_figure, beyond=200, shows="people"),
    ("POST", "/figures/enter"): Walk(STAFF, lambda _: {"data": {}}, ok=422, beyond=422),
    ("POST", "/figures/entries/{entry_id}/withdraw"): Walk(STAFF, _of_entry, ok=303, whole=True),
    ("POST", "/figures/issue"): Walk(STAFF, lambda town: {"data": {"area": town.area.code}}, ok=303),
    ("GET", "/reports/{report_id}"): Walk(SEE_FIGURES, _of_report),
    ("POST", "/api/patrols/{patrol_id}/review"): Walk(
        STAFF,
        lambda town: {**_of_patrol(town), "json": {"verdict": "counted", "note": "测试"}},
        without=404,
    ),
    # norms: the whole county's, so that only drafts are looked at by whom they are kept from
    ("GET", "/api/norms"): Walk(),
    ("GET", "/api/norms/presets"): Walk(),
    ("GET", "/api/norms/{norm_id}"): Walk(about=lambda _: {"path": {"norm_id": 0}}, ok=404),
    ("POST", "/api/norms"): Walk(
        STAFF, lambda _: {"json": {"preset": "volunteer-river"}}, ok=201, beyond=201, whole=True
    ),
    ("PATCH", "/api/norms/{norm_id}"): Walk(
        STAFF, lambda town: {**_of_draft(town), "json": {"name": "新名"}}, ok=204, whole=True
    ),
    ("DELETE", "/api/norms/{norm_id}"): Walk(STAFF, _of_draft, ok=204, whole=True),
    ("POST", "/api/norms/{norm_id}/adopt"): Walk(
        STAFF, lambda town: {**_of_draft(town), "json": {"first_day": _tomorrow()}}, ok=204, whole=True
    ),
    ("POST", "/api/norms/{norm_id}/end"): Walk(
        STAFF, lambda town: {**_of_draft(town), "json": {"last_day": _tomorrow()}}, ok=409, whole=True
    ),
    ("GET", "/api/norms/{norm_id}/trial"): Walk(
        STAFF, lambda town: {**_of_draft(town), "params": {"first": DAY, "last": DAY}}, whole=True
    ),
    ("GET", "/api/due"): Walk(SEE_PEOPLE, shows="people"),
    ("GET", "/api/exemptions"): Walk(SEE_PEOPLE, shows="people"),
    ("POST", "/api/exemptions"): Walk(
        STAFF,
        lambda town: {
            "json": {"kind": "leave", "person_id": str(town.neighbour.id), "first_day": DAY, "last_day": DAY}
        },
        ok=201,
    ),
    ("DELETE", "/api/exemptions/{exemption_id}"): Walk(STAFF, _of_leave, ok=204),
    # pages
    ("GET", "/norms"): Walk(shows="people"),
    ("POST", "/norms/draft"): Walk(
        STAFF, lambda _: {"data": {"preset": "volunteer-river"}}, ok=303, beyond=303, whole=True
    ),
    ("GET", "/norms/{norm_id}"): Walk(about=lambda _: {"path": {"norm_id": 0}}, ok=404),
    ("POST", "/norms/{norm_id}"): Walk(  # the form again: it says neither how often nor when
        STAFF, lambda town: {**_of_draft(town), "data": {"name": "新名"}}, ok=422, whole=True
    ),
    ("POST", "/norms/{norm_id}/adopt"): Walk(
        STAFF, lambda town: {**_of_draft(town), "data": {"first_day": _tomorrow()}}, ok=303, whole=True
    ),
    ("POST", "/norms/{norm_id}/end"): Walk(STAFF, _of_draft, ok=303, whole=True),
    ("GET", "/due"): Walk(SEE_PEOPLE, shows="people"),
    ("POST", "/exemptions"): Walk(
        STAFF,
        lambda town: {
            "data": {"kind": "leave", "person": town.walker.name, "first_day": DAY, "last_day": DAY}
        },
        ok=303,
        beyond=422,  # the form again, with what is wrong
    ),
    ("POST", "/exemptions/{exemption_id}/remove"): Walk(STAFF, _of_leave, ok=303),
    ("POST", "/patrols/{patrol_id}/review"): Walk(
        STAFF,
        lambda town: {**_of_patrol(town), "data": {"verdict": "counted", "note": "测试"}},
        ok=303,
        without=404,
    ),
    ("GET", "/gaps"): Walk(shows="places"),
    ("GET", "/gaps/file"): Walk(about=lambda _: {"params": {"as": "csv"}}, beyond=200, shows="places"),
    ("GET", "/gaps/misfits"): Walk(STAFF),
    ("GET", "/gaps/misfits/file"): Walk(STAFF),
    ("POST", "/gaps/misfits/{duty_id}/fits"): Walk(STAFF, _of_duty, ok=303),
    ("GET", "/places/{place_id}/duties"): Walk(STAFF, _of_river, shows="people"),
    ("POST", "/places/{place_id}/duties"): Walk(
        STAFF,
        lambda town: {"path": {"place_id": town.grid.id}, "data": {"person": str(town.neighbour.id)}},
        ok=303,
    ),
    ("POST", "/places/{place_id}/duties/hand-over"): Walk(
        STAFF,
        lambda town: {
            **_of_river(town),
            "data": {
                "duty": town.duty.id,
                "person": str(town.neighbour.id),
                "day": f"{NOON.date() + dt.timedelta(days=1)}",
            },
        },
        ok=422,  # the neighbour has the same duty already: said above the duties
    ),
    ("POST", "/places/{place_id}/duties/numbers"): Walk(
        STAFF, lambda town: {**_of_river(town), "data": {"least": "2"}}, ok=303
    ),
    ("GET", "/api/places/{place_id}/numbers"): Walk(STAFF, _of_river),
    ("PUT", "/api/places/{place_id}/numbers"): Walk(
        STAFF, lambda town: {**_of_river(town), "json": {"target": 2, "most": 2}}, ok=204
    ),
    ("POST", "/places/{place_id}/duties/end"): Walk(
        STAFF, lambda town: {**_of_river(town), "data": {"duty": town.duty.id, "day": DAY}}, ok=303
    ),
    ("GET", "/rosters"): Walk(STAFF, shows="places"),
    ("GET", "/rosters/all.zip"): Walk(STAFF),
    ("POST", "/rosters"): Walk(STAFF, lambda _: {"data": {"step": "try"}}, ok=422, beyond=422),  # no file
    ("GET", "/review"): Walk(STAFF),
    ("POST", "/review/{patrol_id}"): Walk(
        STAFF,
        lambda town: {"path": {"patrol_id": town.waiting_id}, "data": {"verdict": "counted", "note": "测试"}},
        ok=303,
    ),
    # planning
    ("GET", "/api/proposals"): Walk(SEE_FIGURES),
    ("POST", "/api/proposals"): Walk(SEE_FIGURES, _new_proposal, ok=201),
    ("GET", "/api/proposals/{proposal_id}"): Walk(SEE_FIGURES, _of_proposal, shows="places"),
    ("POST", "/api/proposals/{proposal_id}/solve"): Walk(SEE_FIGURES, _of_proposal, ok=204),
    ("POST", "/api/proposals/{proposal_id}/mark"): Walk(
        SEE_FIGURES,
        lambda town: _of_proposal(town, json={"lines": [town.line_id], "state": "fixed"}),
        ok=204,
    ),
    ("POST", "/api/proposals/{proposal_id}/accept"): Walk(
        STAFF, lambda town: _of_proposal(town, json={"first_day": _tomorrow()}), ok=201
    ),
    ("POST", "/api/proposals/{proposal_id}/drop"): Walk(SEE_FIGURES, _of_proposal, ok=204),
    ("GET", "/api/people/{person_id}/readiness"): Walk(STAFF, _of_walker),
    ("PUT", "/api/people/{person_id}/readiness"): Walk(STAFF, _readiness, ok=204),
    ("GET", "/planning"): Walk(SEE_FIGURES, lambda town: {"params": {"area": town.area.code}}),
    ("POST", "/planning"): Walk(
        SEE_FIGURES,
        lambda town: {"data": {"area": town.area.code, "layers": "grid"}},
        ok=303,
        beyond=422,
    ),
    ("POST", "/planning/round"): Walk(SEE_FIGURES, lambda _: {"data": {}}, ok=422, beyond=422),  # no layer
    ("GET", "/planning/{proposal_id}"): Walk(SEE_FIGURES, _of_proposal, shows="places"),
    ("POST", "/planning/{proposal_id}/lines"): Walk(
        SEE_FIGURES, lambda town: _of_proposal(town, data={"decide": f"fixed {town.line_id}"}), ok=303
    ),
    ("POST", "/planning/{proposal_id}/solve"): Walk(SEE_FIGURES, _of_proposal, ok=303),
    ("POST", "/planning/{proposal_id}/accept"): Walk(
        STAFF, lambda town: _of_proposal(town, data={"first_day": _tomorrow()}), ok=303
    ),
    ("POST", "/planning/{proposal_id}/drop"): Walk(SEE_FIGURES, _of_proposal, ok=303),
    # All but volunteers are led to the page of their work.
    ("GET", "/"): Walk(EVERYBODY - {Right.VOLUNTEER}, ok=303, without=200),
    ("GET", "/overview"): Walk(),
    ("GET", "/api/progress"): Walk(),
    ("GET", "/places/{place_id}/draw"): Walk(STAFF, _of_off_map),
    ("POST", "/places/{place_id}/draw"): Walk(STAFF, _drawn_form),
    ("GET", "/places/{place_id}/draw/ground"): Walk(STAFF, _ground_around, shows="places"),
    ("GET", "/map/coverage"): Walk(shows="places"),
    ("GET", "/map/coverage/picture"): Walk(shows="places"),
    ("GET", "/map/coverage/file"): Walk(shows="places"),
    ("GET", "/map/coverage/print/{paper}/{form}"): Walk(SEE_PLACES, _printed, beyond=200, without=200),
    ("GET", "/map/gaps"): Walk(shows="places"),
    ("GET", "/map/gaps/picture"): Walk(shows="places"),
    ("GET", "/map/gaps/file"): Walk(shows="places"),
    ("GET", "/map/gaps/print/{paper}/{form}"): Walk(SEE_PLACES, _printed, beyond=200, without=200),
    ("GET", "/upload"): Walk(SEE_PEOPLE),
    ("POST", "/upload"): Walk(
        SEE_PEOPLE,
        lambda town: {"files": _new_patrol(town)["files"], "data": {"person": town.walker.name}},
        ok=303,
        beyond=422,  # the form again, with what is wrong
    ),
    ("GET", "/import"): Walk(STAFF),
    ("POST", "/import"): Walk(STAFF, lambda _: {"data": {}}, ok=422, beyond=422),  # a form without a file
    ("GET", "/patrols"): Walk(shows="people"),
    ("GET", "/patrols/{patrol_id}"): Walk(SEE_PEOPLE, _of_patrol, without=404, shows="places"),
    ("GET", "/patrols/{patrol_id}/picture"): Walk(SEE_PEOPLE, _of_patrol, without=404, shows="places"),
    ("POST", "/patrols/{patrol_id}/void"): Walk(
        SEE_PEOPLE, lambda town: {**_of_patrol(town), "data": {"reason": "测试"}}, ok=303, without=404
    ),
    ("POST", "/patrols/{patrol_id}/photos"): Walk(
        SEE_PEOPLE,
        lambda town: {**_of_patrol(town), "files": {"photo": ("a.png", PICTURE)}},
        ok=303,
        without=404,
    ),
    ("GET", "/people"): Walk(shows="people"),
    ("GET", "/people/{person_id}"): Walk(SEE_PEOPLE, _of_walker, without=404, shows="people"),
    ("POST", "/people"): Walk(
        STAFF, lambda town: {"data": {"name": "新人", "area": town.area.code}}, ok=303, beyond=404
    ),
    ("POST", "/people/{person_id}"): Walk(
        STAFF,
        lambda town: {**_of_walker(town), "data": {"name": "新名", "area": town.area.code}},
        ok=303,
    ),
    ("POST", "/people/{person_id}/duties"): Walk(
        STAFF,
        lambda town: {"path": {"person_id": town.neighbour.id}, "data": {"place": town.grid.id}},
        ok=303,
    ),
    ("POST", "/people/{person_id}/end"): Walk(
        STAFF, lambda town: {**_of_walker(town), "data": {"duty": town.duty.id, "day": DAY}}, ok=303
    ),
    ("POST", "/people/{person_id}/hand-over"): Walk(
        STAFF,
        lambda town: {
            **_of_walker(town),
            "data": {
                "duty": town.duty.id,
                "to": str(town.neighbour.id),
                "day": f"{NOON.date() + dt.timedelta(days=1)}",
            },
        },
        ok=422,  # the neighbour has the same duty already: said above the card
    ),
    ("GET", "/places"): Walk(shows="places"),
    ("GET", "/places/{place_id}"): Walk(SEE_PLACES, _of_river, without=404, shows="people"),
}


# --- the world


@pytest.fixture(scope="module")
def world(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A county of two townships, an account of every right in each and in the whole, and a neighbour."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    with engine.connect() as connection:
        outer = connection.begin()
        with Session(connection, expire_on_commit=False, join_transaction_mode="create_savepoint") as db:
            county = _county(db, "999903", "试县")
            towns = {
                WEST: _town(county, "西独", "LINESTRING (0 0, 900 0)", 0, settings.files_dir),
                EAST: _town(county, "东独", "LINESTRING (1100 0, 2000 0)", 1100, settings.files_dir),
            }
            other = _county(db, "999904", "邻县")
            tokens = _tokens(db, county, towns)
            stranger = _token(db, "stranger", Right.ADMINISTRATOR, Ground(other.id))
            mixed = _mixed(db, county, towns[WEST])
            db.commit()
        app = create_app(settings, connection)
        app.state.limiter = doors.Limiter(clock=_a_minute_each())
        with TestClient(app, client=("127.0.0.1", 50000), follow_redirects=False) as client:
            yield World(connection, client, county.row, towns, tokens, stranger, mixed)
        outer.rollback()


def _a_minute_each() -> Callable[[], float]:
    """Return a clock on which every request comes a minute after the one before: no rate is reached."""
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 60
        return now

    return clock


def _county(db: Session, code: str, name: str) -> SmallCounty:
    row = County(code=code, name=name, time_zone="Asia/Shanghai", crs=CRS)
    row.west, row.south, row.east, row.north = 119.0, 32.0, 121.0, 34.0
    db.add(row)
    db.flush()
    return SmallCounty(db, row)


def _town(county: SmallCounty, name: str, line: str, x: float, folder: Path) -> Town:
    area = county.area(f"{name}区")
    square = f"POLYGON (({x} 50, {x + 300} 50, {x + 300} 350, {x} 350, {x} 50))"
    river = county.place(Layer.RIVER, f"{name}河", line)
    grid = county.place(Layer.GRID, f"{name}格", square)
    off_map = county.place(Layer.RIVER, f"{name}待上图", None)
    off_map.area_id = area.id
    county.lies_in(river, area, [(0, 9000)])
    county.lies_in(grid, area)
    walker, neighbour = (
        county.db.get_one(Person, county.person(f"{name}{who}", area)) for who in ("老王", "老李")
    )
    duty, _ = (_duty(county, person, river) for person in (walker, neighbour))
    patrol_id, other_walk = (
        county.patrol(county.walk((x, 5), (x + 600, 5)), person.id)[0] for person in (walker, neighbour)
    )
    waiting_id, _ = county.patrol(county.walk((x, 5), (x + 300, 5)), walker.id)
    county.db.get_one(Patrol, waiting_id).verdict = Verdict.REVIEW
    county.db.get_one(Patrol, patrol_id).track = WKTElement(
        f"MULTILINESTRINGM((120.1 32.9 {NOON.timestamp()}, 120.101 32.9 {NOON.timestamp() + 600}))", srid=4326
    )
    service_id, other_service = (_service(county, person, river) for person in (walker, neighbour))
    entry_id, report_id = _entry(county, x), _report(county, area)
    _file(county, folder, f"issued_report/{report_id}")
    staff = Scope(county.id, Actor(os_user="tester"), {Right.ADMINISTRATOR: None})
    photo_id = photos.keep(county.db, staff, folder, patrol_id, uuid.uuid4(), PICTURE).photo_id
    account, grant, sign_in = _account(county, area, name)
    audit.record(
        county.db, Actor(account.id), "test.line", county_id=county.id, subject=f"account/{account.id}"
    )
    return Town(
        x, area, river, grid, off_map, walker, neighbour, duty, patrol_id, waiting_id,
        service_id, _file(county, folder, f"service/{service_id}"), entry_id,
        _file(county, folder, f"figure_entry/{entry_id}"), report_id, photo_id, account, grant, sign_in,
        *_expected_of(county, walker), *_devices(county, walker), *_care(county, area, walker),
        _plate(county, river), *_case(county, name, x, walker, folder),
        *_proposal(county, area, walker, grid),
        cases=[f"{name}案情"],
        places=[area.code, f"{name}河", f"{name}格", f"{name}待上图"],
        people=[
            f"{name}案情", f"{name}老王", str(walker.id), str(patrol_id), str(waiting_id), str(service_id),
        ],
        not_own=[
            f"{name}老李", str(neighbour.id), str(other_walk), str(other_service), f"{name}账号",
            str(account.id),
        ],
    )  # fmt: skip


def _proposal(county: SmallCounty, area: Area, person: Person, grid: Place) -> tuple[int, int]:
    """Add a proposal with one line."""
    row = Proposal(county_id=county.id, area_id=area.id, asked=Asked().to_json())
    county.db.add(row)
    county.db.flush()
    line = ProposalLine(
        county_id=county.id, proposal_id=row.id, place_id=grid.id, place_version_id=grid.version_id,
        person_id=person.id, role=Role.GRID_STEWARD, state="proposed",
    )  # fmt: skip
    county.db.add(line)
    county.db.flush()
    return row.id, line.id


def _devices(county: SmallCounty, person: Person) -> tuple[int, int, str]:
    """Add a phone and a recorder, and what a device sent that nobody knows."""
    account = Account(id=uuid.uuid4(), person_id=person.id, password_history=[])
    county.db.add(account)
    county.db.flush()
    phone, recorder = (
        SignIn(secret_sha256=uuid.uuid4().bytes, account_id=account.id, kind=kind, name=name)
        for kind, name in (("phone", "手机"), ("recorder", "traccar"))
    )
    county.db.add_all([phone, recorder])
    unknown = f"device-of-{person.id}"
    county.db.add(
        Quarantined(
            key_sha256=hashlib.sha256(unknown.encode()).digest(), time_s=1.0, county_id=county.id,
            app="traccar", key_end="", lon=119.8, lat=32.9,
        )
    )  # fmt: skip
    county.db.flush()
    return phone.id, recorder.id, unknown


def _care(county: SmallCounty, area: Area, person: Person) -> tuple[int, int]:
    """Add an alert and a notice, and let the person agree to have his way recorded."""
    alert = Alert(county_id=county.id, kind="still", person_id=person.id, patrol_id=uuid.uuid4())
    now = dt.datetime.now(dt.UTC)
    notice = Notice(
        county_id=county.id, area_id=area.id, kind="heat", text="高温", since=now,
        until=now + dt.timedelta(hours=9),
    )  # fmt: skip
    county.db.add_all([alert, notice])
    county.db.flush()
    staff = Scope(county.id, Actor(os_user="tester"), {Right.ADMINISTRATOR: None})
    consents.give(county.db, staff, person.id, consents.VERSION, channel=consents.PAPER)
    return alert.id, notice.id


def _plate(county: SmallCounty, place: Place) -> str:
    plate_id = ids.new()
    county.db.add(Plate(county_id=county.id, id=plate_id, place_id=place.id))
    county.db.flush()
    return plate_id


def _case(
    county: SmallCounty, name: str, x: float, person: Person, folder: Path
) -> tuple[int, uuid.UUID, int]:
    """Add a case that the volunteer told of, with a photo, and a unit."""
    db = county.db
    lon, lat = to_lonlat(ORIGIN + np.array([(x + 300, 5)], float), CRS)[0].tolist()
    told = Scope(county.id, Actor(os_user="tester"), {Right.VOLUNTEER: None}, person_id=person.id)
    said = Said(LATELY, "litter.bank", (lon, lat), words=f"{name}案情")
    report_id = _told_by(person)
    case_id = reports.take(db, told, report_id, said, channel=Channel.PHONE, person_id=person.id).case_id
    staff = Scope(county.id, Actor(os_user="tester"), {Right.ADMINISTRATOR: None})
    photo_id = uuid.uuid4()
    case_photos.keep(db, staff, folder, case_id, photo_id, PICTURE)
    return case_id, photo_id, units.save(db, staff, UnitSaid(f"{name}环卫站"))


def _service(county: SmallCounty, person: Person, place: Place) -> uuid.UUID:
    row = Service(
        county_id=county.id, id=uuid.uuid4(), kind="visit", day=NOON.date(), hours=1.0, place_id=place.id,
        people=1, evidence="stated", sha256=b"s", verdict="review",
    )  # fmt: skip
    county.db.add(row)
    county.db.flush()
    county.db.add(ServicePerson(county_id=county.id, service_id=row.id, person_id=person.id))
    county.db.flush()
    return row.id


def _entry(county: SmallCounty, x: float) -> int:
    first = dt.date(2025, 1, 1) + dt.timedelta(days=int(x))
    row = FigureEntry(
        county_id=county.id, figure="X6", days=Range(first, first + dt.timedelta(days=30)), value=7,
        note="台账", os_user="tester",
    )  # fmt: skip
    county.db.add(row)
    county.db.flush()
    return row.id


def _report(county: SmallCounty, area: Area) -> int:
    made = {
        "kind": "report", "county": "试县", "made_up": False, "made_on": DAY, "sentences": [],
        "left_out": [], "waiting": 0, "outside": 0, "area": area.name,
    }  # fmt: skip
    days = Range(NOON.date(), NOON.date() + dt.timedelta(days=1))
    row = IssuedReport(county_id=county.id, title="报表", days=days, area_id=area.id, figures=[made])
    county.db.add(row)
    county.db.flush()
    return row.id


def _file(county: SmallCounty, folder: Path, subject: str) -> uuid.UUID:
    kept = files.keep(
        county.db, folder, io.BytesIO(b"%PDF-1.7"), county_id=county.id, kind=FileKind.PROOF,
        subject=subject, media_type="application/pdf", name="proof.pdf",
    )  # fmt: skip
    return kept.id


def _expected_of(county: SmallCounty, person: Person) -> tuple[Norm, Exemption]:
    """Add a draft, a norm in force, and a leave."""
    rule = preset("volunteer-river").rule.to_json()
    draft = Norm(county_id=county.id, name="草稿", rule=rule)
    always = Norm(county_id=county.id, name="标准", rule=rule, in_force=Range(dt.date(2026, 1, 1), None))
    week = Range(NOON.date(), NOON.date() + dt.timedelta(days=7))
    leave = Exemption(county_id=county.id, kind=ExemptionKind.LEAVE, person_id=person.id, days=week)
    county.db.add_all([draft, always, leave])
    county.db.flush()
    return draft, leave


def _duty(county: SmallCounty, person: Person, place: Place) -> Duty:
    row = Duty(
        county_id=county.id, person_id=person.id, place_id=place.id, role=Role.of(Layer(place.layer)),
        kind=DutyKind.VOLUNTEER, level=Level.VILLAGE, in_force=Range(NOON.date(), None),
    )  # fmt: skip
    county.db.add(row)
    county.db.flush()
    return row


def _account(county: SmallCounty, area: Area, name: str) -> tuple[Account, Grant, SignIn]:
    """Add an account with a session; it keeps a right in its town when one grant is revoked."""
    ground = Ground(county.id, area.id)
    account, _ = register.add(county.db, COMMANDS, f"{name}账号", Right.COORDINATOR, ground)
    grant = register.grant(county.db, COMMANDS, account, Right.AUDITOR, ground)
    service.open_session(county.db, account, "session", request_id=None, by="test")
    return account, grant, service.sign_ins(county.db, account.id)[0]


def _tokens(db: Session, county: SmallCounty, towns: dict[str, Town]) -> dict[tuple[Right, str], str]:
    made = {}
    for right in Right:
        for where in (WEST, EAST, COUNTY):
            town = towns.get(where)
            ground = Ground(county.id, town.area.id if town else None)
            person = town.walker if town else _somebody(county)
            person_id = person.id if right is Right.VOLUNTEER else None
            made[right, where] = _token(db, f"{right}-{where}", right, ground, person_id)
    return made


def _mixed(db: Session, county: SmallCounty, town: Town) -> str:
    planner = Ground(county.id)
    account, _ = register.add(db, COMMANDS, "mixed", Right.PLANNER, planner, is_program=True)
    register.grant(db, COMMANDS, account, Right.COORDINATOR, Ground(county.id, town.area.id))
    return register.token(db, COMMANDS, account, "walk", days=None)


def _somebody(county: SmallCounty) -> Person:
    """Return a new person without area, duty or patrol."""
    person = county.db.get_one(Person, county.person("全县某人"))
    staff = Scope(county.id, Actor(os_user="tester"), {Right.ADMINISTRATOR: None})
    consents.give(county.db, staff, person.id, consents.VERSION, channel=consents.PAPER)
    return person


def _token(db: Session, login: str, right: Right, ground: Ground, person_id: uuid.UUID | None = None) -> str:
    account, _ = register.add(db, COMMANDS, login, right, ground, person_id=person_id, is_program=True)
    return register.token(db, COMMANDS, account, "walk", days=None)


# --- the routes


def _routes(app: Any) -> Iterator[tuple[str, str, bool]]:
    """Yield method, path and whether it is a route of FastAPI, which `at_the_door` stands before."""
    for context in iter_route_contexts(app.routes):
        guarded = isinstance(context.original_route, APIRoute)
        if isinstance(context.original_route, Mount):
            yield from ((method, f"{context.path}/{{path:path}}", False) for method in ("GET", "HEAD"))
            continue
        for method in sorted(context.methods or {"GET"}):
            if not (guarded and method == "HEAD"):
                yield method, str(context.path), guarded


def _is_door(method: str, path: str) -> bool:
    return any(method in door.methods and path == door.path for door in doors.DOORS)


def test_every_route_has_an_entry(world: World):
    routes = list(_routes(world.client.app))
    missing = [
        f"    {method} {path}"
        for method, path, _ in routes
        if (method, path) not in WALKS and not _is_door(method, path)
    ]
    assert not missing, (
        "These routes are not in the table of expectations:\n" + "\n".join(missing) + "\n"
        "Add to WALKS in tests/geo_service/test_scope.py an entry such as\n"
        '    ("GET", "/api/places/{place_id}"): Walk(SEE_PLACES, _of_river)\n'
        "that says which rights may use it and makes a request about something of a town (extend `Town` and\n"
        "its lists of secrets if need be), or, when it must answer without a sign-in, declare it in\n"
        "geo_service/accounts/doors.py with its guard and its rate."
    )
    unguarded = [f"{method} {path}" for method, path, guarded in routes if not guarded]
    assert all(_is_door(*route.split(" ", 1)) for route in unguarded), (
        f"{unguarded}: what is no FastAPI route is not guarded by `at_the_door`"
    )


def test_no_entry_is_left_over(world: World):
    routes = {(method, path) for method, path, _ in _routes(world.client.app)}
    assert set(WALKS) <= routes
    stale = [door.path for door in doors.DOORS for m in door.methods if (m, door.path) not in routes]
    assert not stale, "a door that leads nowhere is a door that somebody may one day open by accident"


EVERY_ROUTE = pytest.mark.parametrize(
    ("method", "path"), [pytest.param(*route, id=" ".join(route)) for route in sorted(WALKS)]
)


def _request(walk: Walk, path: str, town: Town) -> tuple[str, Request]:
    made = walk.about(town) if walk.about else {}
    return path.format(**made.pop("path", {})), made


@EVERY_ROUTE
def test_without_a_sign_in_every_route_is_closed(world: World, method: str, path: str):
    address, made = _request(WALKS[method, path], path, world.towns[WEST])
    for headers in ({}, {"Authorization": "Bearer yx_guess"}, {"Cookie": "yinxun=guess"}):
        answer = world.ask(None, method, address, headers=headers, **made)
        assert answer.status_code == 401, answer.text
    page = world.ask(None, method, address, headers={"Accept": "text/html"}, **made)
    assert page.status_code == (303 if method == "GET" else 401)


@EVERY_ROUTE
@pytest.mark.parametrize("right", Right)
def test_every_right_gets_what_is_its_own(world: World, method: str, path: str, right: Right):
    walk = WALKS[method, path]
    pairs = [(WEST, WEST), (WEST, EAST), (EAST, WEST), (COUNTY, EAST)]
    for where, asked in pairs if walk.about else [(EAST, EAST), (COUNTY, WEST)]:
        address, made = _request(walk, path, world.towns[asked])
        answer = world.ask(world.tokens[right, where], method, address, **made)
        expected = _expected(walk, right, where, asked)
        told = f"{right} of {where} asked about {asked}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code == expected, told
        on_plate = [world.towns[asked].river.name or ""] if walk.public else []
        _demand_no_secret(world, right, where, answer, {**made, "plate": on_plate}, mates=walk.mates)
        if walk.shows and right in STAFF & walk.may and where in (asked, COUNTY):
            shown = getattr(world.towns[asked], walk.shows)
            assert any(secret in answer.text for secret in shown), f"{told}: nothing of {shown}"


@EVERY_ROUTE
def test_a_right_in_one_town_lends_nothing_to_another_right_elsewhere(world: World, method: str, path: str):
    """A coordinator of the west who plans for the whole county reads no names of the east."""
    walk = WALKS[method, path]
    for asked in (WEST, EAST):
        address, made = _request(walk, path, world.towns[asked])
        answer = world.ask(world.mixed, method, address, **made)
        east = world.towns[EAST]
        leaked = _leaked(answer, made, east.people + east.not_own)
        assert not leaked, f"asked about {asked}: told {leaked}"


@EVERY_ROUTE
def test_another_countys_administrator_gets_nothing(world: World, method: str, path: str):
    walk = WALKS[method, path]
    for asked in (WEST, EAST):
        address, made = _request(walk, path, world.towns[asked])
        answer = world.ask(world.stranger, method, address, **made)
        allowed = {walk.ok, walk.beyond} if walk.about is None else {walk.beyond}
        assert answer.status_code in allowed, answer.text[:300]
        assert not _leaked(answer, made, [s for town in world.towns.values() for s in _all_secrets(town)])
        named = world.ask(world.stranger, method, address, **_in_county(made, world.county.code))
        if "scope" in _asks_for(world, method, path):
            assert named.status_code == 404, "a county out of reach is not there"


def _expected(walk: Walk, right: Right, where: str, asked: str) -> int:
    if walk.page:
        return walk.ok if right is Right.VOLUNTEER else 404
    if right not in walk.may or (walk.whole and where != COUNTY):
        return walk.without
    if walk.about is None:
        return walk.ok
    if right is Right.HANDLER and walk.may == WORK_CASES:
        return walk.beyond
    is_volunteer = right is Right.VOLUNTEER
    if is_volunteer and (where == COUNTY or not walk.own):
        return walk.beyond
    return walk.ok if where in (asked, COUNTY) else walk.beyond


def _demand_no_secret(
    world: World, right: Right, where: str, answer: Response, made: Request, *, mates: bool
) -> None:
    secrets: list[str] = []
    for name, town in world.towns.items():
        here = where in (name, COUNTY)
        if right in STAFF:
            secrets += [] if here else _all_secrets(town)
        elif right is Right.PLANNER:
            secrets += town.people + town.not_own + ([] if here else town.places)
        elif right is Right.VOLUNTEER:
            known = {town.neighbour.name, str(town.neighbour.id)} if mates and where == name else set()
            secrets += [s for s in town.not_own if s not in known] if where == name else _all_secrets(town)
        elif where == COUNTY:  # an auditor reads opaque ids, and nothing else
            secrets += [secret for secret in _all_secrets(town) if not _is_id(secret)]
        else:
            secrets += _all_secrets(town)
    leaked = _leaked(answer, made, secrets)
    assert not leaked, f"{right} of {where} was told {leaked}"


def _all_secrets(town: Town) -> list[str]:
    return town.places + town.people + town.not_own


def _is_id(secret: str) -> bool:
    return secret.count("-") == 4


def _leaked(answer: Response, made: Request, secrets: list[str]) -> list[str]:
    sent = f"{answer.request.url} {made}"  # what was asked for may be said again
    return [secret for secret in secrets if secret in answer.text and secret not in sent]


def _in_county(made: Request, code: str) -> Request:
    return {**made, "params": {**made.get("params", {}), "county": code}}


def _asks_for(world: World, method: str, path: str) -> set[str]:
    """Return "scope" if the route takes the county of the request."""
    for context in iter_route_contexts(world.client.app.routes):
        if context.path == path and method in (context.methods or ()):
            names = {p.alias for p in _query_params(context.dependant)}
            return {"scope"} if "county" in names else set()
    return set()


def _query_params(dependant: Any) -> Iterator[Any]:
    yield from dependant.query_params
    for below in dependant.dependencies:
        yield from _query_params(below)
