"""A volunteer's page over HTTP: what it shows, his consent, his records."""

import datetime as dt
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from geo_service import cursors
from geo_service.accounts.dependencies import Volunteer, csrf_token_of
from geo_service.db import Db
from geo_service.privacy import consents
from geo_service.settings import Settings
from geo_service.volunteer import service
from geo_service.volunteer.service import Me, RecordRow, Rules
from layers.vocabulary import Evidence, Layer, NoticeKind, Verdict

router = APIRouter(prefix="/api/v", tags=["volunteers"])


class Named(BaseModel):
    """A person by name."""

    id: uuid.UUID
    name: str


class ContactOut(BaseModel):
    """Whom to telephone."""

    name: str | None
    phone: str


class ConsentOut(BaseModel):
    """What is asked, and what was said to it."""

    purpose: str
    version: int
    title: str
    paragraphs: list[str]
    given_at: dt.datetime | None
    is_current: bool

    @classmethod
    def of(cls, state: consents.State) -> "ConsentOut":
        """Make it of a state."""
        return cls(**{**vars(state), "paragraphs": list(state.paragraphs)})


class PlaceOut(BaseModel):
    """One of his places, with what was covered of it in the last 30 days."""

    id: int
    layer: Layer
    layer_name: str
    name: str
    code: str | None
    length_m: float | None
    covered_m: float | None
    last_day: dt.date | None


class NoticeOut(BaseModel):
    """A word of the coordinators."""

    id: int
    kind: NoticeKind
    title: str
    text: str
    until: dt.datetime


class RulesOut(BaseModel):
    """When the phone asks, and when it ends a patrol by itself."""

    still_minutes: int
    overdue_hours: int
    max_hours: int
    batch_seconds: int


class MeOut(BaseModel):
    """All that the first screen needs; the phone keeps it."""

    csrf: str
    now: dt.datetime
    person: Named
    contact: ContactOut | None
    sos_phone: str
    consent: ConsentOut
    places: list[PlaceOut]
    companions: list[Named]
    notices: list[NoticeOut]
    rules: RulesOut
    found: Annotated[bool, Field(description="Whether an app of others recorded what he has not decided on.")]
    report_kinds: Annotated[list[dict[str, Any]], Field(description="What he may report, in two steps.")]

    @classmethod
    def of(cls, me: Me, csrf: str) -> "MeOut":
        """Make it of what the service gathered."""
        return cls(
            csrf=csrf,
            now=me.now,
            person=Named(id=me.person_id, name=me.name),
            contact=ContactOut(**vars(me.contact)) if me.contact else None,
            sos_phone=me.sos_phone,
            consent=ConsentOut.of(me.consent),
            places=[PlaceOut(layer_name=place.layer.zh, **vars(place)) for place in me.places],
            companions=[Named(id=id_, name=name) for id_, name in me.companions],
            notices=[NoticeOut(**vars(notice)) for notice in me.notices],
            rules=RulesOut(**vars(me.rules)),
            found=me.found,
            report_kinds=list(me.report_kinds),
        )


class ConsentIn(BaseModel):
    """An answer to what is asked."""

    model_config = ConfigDict(extra="forbid")

    version: Annotated[int, Field(ge=0, le=32_000, description="Of the words that were shown.")]
    given: bool


class RecordOut(BaseModel):
    """One outing."""

    patrol_id: uuid.UUID
    day: dt.date
    started_at: dt.datetime
    minutes: float
    walked_m: float
    evidence: Evidence
    evidence_name: str
    verdict: Verdict
    verdict_name: str
    is_open: bool
    place: str | None

    @classmethod
    def of(cls, row: RecordRow) -> "RecordOut":
        """Make it of a row."""
        return cls(evidence_name=row.evidence.zh, verdict_name=row.verdict.zh, **vars(row))


class RecordsOut(BaseModel):
    """A page of outings."""

    items: list[RecordOut]
    next: str | None


@router.get("/me", summary="What a volunteer's page shows")
def me(request: Request, db: Db, scope: Volunteer) -> MeOut:
    """Return his places, companions, contact, notices, consent and rules."""
    settings: Settings = request.app.state.settings
    rules = Rules(settings.still_minutes, settings.overdue_hours, settings.patrol_max_hours)
    return MeOut.of(service.me(db, scope, rules), csrf_token_of(request))


@router.get("/places", summary="A volunteer's places, drawn")
def places(db: Db, scope: Volunteer) -> dict[str, Any]:
    """Return GeoJSON: of lines what was covered in the last 30 days and what is left, areas whole."""
    return service.places_drawn(db, scope)


@router.post("/consent", summary="Agree to have the way recorded, or no longer")
def consent(db: Db, scope: Volunteer, said: ConsentIn) -> ConsentOut:
    """Write down a yes or a no; without a yes no fixes of his way are taken."""
    if said.given:
        return ConsentOut.of(consents.give(db, scope, service.own(scope), said.version))
    return ConsentOut.of(consents.withdraw(db, scope, service.own(scope)))


@router.get("/records", summary="A volunteer's own outings")
def records(db: Db, scope: Volunteer, cursor: cursors.Cursor = None) -> RecordsOut:
    """Return the newest first, twenty at a time."""
    rows, has_more = service.records(db, scope, cursors.value_and_id(cursor, dt.datetime.fromisoformat))
    last = rows[-1] if rows else None
    following = (
        cursors.encode(last.started_at.isoformat(), str(last.patrol_id)) if last and has_more else None
    )
    return RecordsOut(items=[RecordOut.of(row) for row in rows], next=following)
