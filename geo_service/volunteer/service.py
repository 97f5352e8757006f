"""What a volunteer's page is told: everything that it shows at once, in one answer that the phone keeps."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import shapely
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.areas import contacts
from geo_service.areas.contacts import Contact
from geo_service.cases import rules as case_rules
from geo_service.coverage import answers
from geo_service.coverage.answers import CoverageTable
from geo_service.coverage.canvas import Canvas
from geo_service.coverage.ground import Query
from geo_service.privacy import consents
from geo_service.recorders import found
from geo_service.tables import County
from geo_service.volunteer import queries
from layers.vocabulary import Evidence, Layer, NoticeKind, Verdict

WINDOW_DAYS = 30
"""What was covered is told of so many days."""
RECORDS = 20
SIMPLE_DEGREES = 0.00002
"""Two metres: what a phone's map can show."""
SOS_PHONE = "120"
"""The emergency line: help that does not hang on whether somebody of the office answers."""


@dataclass(frozen=True)
class Rules:
    """When the phone asks, and when it ends a patrol by itself."""

    still_minutes: int
    overdue_hours: int
    max_hours: int
    batch_seconds: int = 60


@dataclass(frozen=True)
class OwnPlace:
    """A place of a volunteer's duties, with what was covered of it lately, by anyone."""

    id: int
    layer: Layer
    name: str
    code: str | None
    length_m: float | None
    covered_m: float | None
    last_day: dt.date | None


@dataclass(frozen=True)
class Warned:
    """A word of the coordinators that holds now."""

    id: int
    kind: NoticeKind
    title: str
    text: str
    until: dt.datetime


@dataclass(frozen=True)
class Me:
    """All that the first screen needs."""

    now: dt.datetime
    person_id: uuid.UUID
    name: str
    contact: Contact | None
    """Whom he telephones."""
    sos_phone: str
    consent: consents.State
    places: Sequence[OwnPlace]
    companions: Sequence[tuple[uuid.UUID, str]]
    notices: Sequence[Warned]
    rules: Rules
    found: bool
    """Whether there are outings that a recorder sent and that he has not decided on."""
    report_kinds: Sequence[dict[str, Any]]
    """What he may report: kinds of problems, and the categories of each."""


@dataclass(frozen=True)
class RecordRow:
    """One outing in a volunteer's list."""

    patrol_id: uuid.UUID
    day: dt.date
    started_at: dt.datetime
    minutes: float
    walked_m: float
    evidence: Evidence
    verdict: Verdict
    is_open: bool
    place: str | None


def own(scope: Scope) -> uuid.UUID:
    """Return the person of a volunteer's scope."""
    if scope.person_id is None:
        raise RuntimeError("the scope is no volunteer's")
    return scope.person_id


def me(db: Session, scope: Scope, rules: Rules) -> Me:
    """Return what the first screen shows."""
    person, county = queries.person(db, own(scope)), db.get_one(County, scope.county_id)
    now = dt.datetime.now(dt.UTC)
    today = now.astimezone(ZoneInfo(county.time_zone)).date()
    above = queries.areas_above(db, county.id, person.area_id)
    warned = queries.notices(db, county.id, above, now)
    return Me(
        now=now,
        person_id=person.id,
        name=person.name,
        contact=contacts.of_county(db, county.id).of(person.area_id),
        sos_phone=SOS_PHONE,
        consent=consents.state(db, county.id, person.id),
        places=_own_places(db, scope, today),
        companions=[(id_, name) for id_, name in queries.companions(db, person, today)],
        notices=[Warned(n.id, NoticeKind(n.kind), NoticeKind(n.kind).zh, n.text, n.until) for n in warned],
        rules=rules,
        found=bool(found.proposals(db, scope)),
        report_kinds=case_rules.ground(db, county.id).categories.tree(),
    )


def _own_places(db: Session, scope: Scope, today: dt.date) -> list[OwnPlace]:
    table = _table(db, scope, today)
    return [
        OwnPlace(
            id=row.place.place_id,
            layer=row.place.layer,
            name=row.place.name or row.place.code or row.place.layer.zh,
            code=row.place.code,
            length_m=row.whole if row.place.layer.is_line else None,
            covered_m=row.covered if row.place.layer.is_line else None,
            last_day=row.outings.last_day if row.outings else None,
        )
        for row in table.rows
    ]


def _table(db: Session, scope: Scope, today: dt.date) -> CoverageTable:
    first = today - dt.timedelta(days=WINDOW_DAYS - 1)
    return answers.coverage(db, scope, Query(first, today, register="all"))


def places_drawn(db: Session, scope: Scope) -> dict[str, Any]:
    """Return a volunteer's places as GeoJSON: of lines what was covered lately and what is left."""
    county = db.get_one(County, scope.county_id)
    today = dt.datetime.now(ZoneInfo(county.time_zone)).date()
    table = _table(db, scope, today)
    canvas = Canvas.of(db, table.ground, county)
    features = []
    for kind, spans in (("covered", table.covered), ("left", table.ground.whole - table.covered)):
        drawn = canvas.spans(spans)
        for number, geometry in zip(spans.place.tolist(), drawn, strict=True):
            features.append(_feature(table, number, kind, geometry))
    for number, row in enumerate(table.rows):
        if not row.place.layer.is_line and canvas.geometries[number] is not None:
            features.append(_feature(table, number, "area", canvas.geometries[number]))
    return {"type": "FeatureCollection", "features": features}


def _feature(table: CoverageTable, number: int, kind: str, geometry: Any) -> dict[str, Any]:
    place = table.rows[number].place
    simple = shapely.set_precision(
        shapely.simplify(shapely.force_2d(geometry), SIMPLE_DEGREES), 1e-6, mode="pointwise"
    )
    properties = {
        "place_id": place.place_id,
        "layer": place.layer,
        "name": place.name or place.code,
        "kind": kind,
    }
    return {"type": "Feature", "properties": properties, "geometry": shapely.geometry.mapping(simple)}


def records(
    db: Session, scope: Scope, before: tuple[dt.datetime, uuid.UUID] | None
) -> tuple[list[RecordRow], bool]:
    """Return a volunteer's own outings, the newest first, and whether there are more."""
    zone = ZoneInfo(db.get_one(County, scope.county_id).time_zone)
    rows = queries.records(db, scope, before, RECORDS + 1)
    found = [
        RecordRow(
            id_, day, started_at.astimezone(zone), (ended_at - started_at).total_seconds() / 60, walked_m,
            Evidence(evidence), Verdict(verdict), settled_at is None, place,
        )
        for id_, day, started_at, ended_at, walked_m, evidence, verdict, settled_at, place in rows
    ]  # fmt: skip
    return found[:RECORDS], len(found) > RECORDS
