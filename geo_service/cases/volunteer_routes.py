"""A volunteer's reports over HTTP: told, followed, joined to another, said to be fixed or not."""

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from geo_service.accounts.dependencies import Volunteer
from geo_service.cases import handling, pictures, reports, told
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Announced, Said, Taken
from geo_service.cases.told import Own
from geo_service.db import Db
from geo_service.errors import Invalid, NotFound
from geo_service.positions import Positioned
from geo_service.settings import Settings
from layers.vocabulary import CaseState, Channel, Move

router = APIRouter(prefix="/api/v", tags=["reports"])


class PhotoIn(BaseModel):
    """A photo that will come in pieces."""

    model_config = ConfigDict(extra="forbid")

    id: uuid.UUID
    sha256: Annotated[
        str | None,
        Field(pattern="^[0-9a-f]{64}$", description="Of its bytes; left out where the phone makes none."),
    ] = None
    size: Annotated[int, Field(gt=0, le=reports.MOST_PHOTO_BYTES)]


class Somewhere(Positioned):
    """Where a problem is: a position, a place by its id, or both."""

    accuracy_m: Annotated[float | None, Field(description="Left out, zero or less: not known.")] = None
    place_id: Annotated[int | None, Field(ge=0, lt=2**63)] = None


class ReportIn(Somewhere):
    """A problem as a volunteer tells it."""

    at: Annotated[AwareDatetime, Field(description="When it was seen: at the shutter.")]
    category: Annotated[str, Field(max_length=61, description="A kind, or a category of it.")]
    words: Annotated[str | None, Field(max_length=reports.LONGEST_WORDS)] = None
    solved: Annotated[
        str | None, Field(max_length=reports.LONGEST_WORDS, description="How it was settled on the spot.")
    ] = None
    patrol_id: Annotated[uuid.UUID | None, Field(description="The walk that this phone records.")] = None
    photos: Annotated[list[PhotoIn], Field(default_factory=list, max_length=reports.MOST_PHOTOS)]


class SimilarOut(BaseModel):
    """An open case that the report may be one of."""

    case_id: int
    number: str
    what: str
    state: CaseState
    state_name: str
    opened_at: dt.datetime
    away_m: float


class StepOut(BaseModel):
    """A step in plain words."""

    at: dt.datetime
    words: str


class OwnOut(BaseModel):
    """A volunteer's report and how it goes on."""

    report_id: uuid.UUID
    case_id: int
    number: str
    what: str
    place: str | None
    at: dt.datetime
    state: CaseState
    state_name: str
    words: str
    steps: list[StepOut]
    may: Annotated[list[Move], Field(description="What he may say: check, rework, reopen.")]
    photos: Annotated[list[dict[str, Any]], Field(description="Those announced: id, sha256, size.")]

    @classmethod
    def of(cls, own: Own) -> "OwnOut":
        """Make it of a report."""
        return cls(
            **{**vars(own), "state_name": own.state.zh, "may": list(own.may), "photos": list(own.photos)}
            | {"steps": [StepOut(at=step.at, words=step.words) for step in own.steps]}
        )


class TakenOut(BaseModel):
    """What became of a report."""

    report: OwnOut
    similar: Annotated[list[SimilarOut], Field(description="Ask whether it is one of these.")]
    words: str


class SameIn(BaseModel):
    """The case that a report is the same as."""

    model_config = ConfigDict(extra="forbid")

    case_id: Annotated[int, Field(ge=0, lt=2**63)]


class SayIn(BaseModel):
    """What who told of a problem says of how it was handled."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[
        uuid.UUID | None, Field(description="The phone's, so that what is sent again counts once.")
    ] = None
    move: Literal[Move.CHECK, Move.REWORK, Move.REOPEN]
    words: Annotated[str, Field(max_length=handling.LONGEST_WORDS)] = ""


@router.put(
    "/reports/{report_id}",
    status_code=201,
    summary="Report a problem, under an id of the phone's",
    responses={200: {"model": TakenOut, "description": "It came before: nothing was added."}},
)
def report(
    request: Request, response: Response, db: Db, scope: Volunteer, report_id: uuid.UUID, said: ReportIn
) -> TakenOut:
    """Take a report; its photos come afterwards, in pieces."""
    settings: Settings = request.app.state.settings
    taken = reports.take(
        db, scope, report_id, _said(said), channel=Channel.PHONE, person_id=scope.person_id,
        late=dt.timedelta(days=settings.late_days),
    )  # fmt: skip
    response.status_code = 200 if taken.already else 201
    return _taken(db, scope, taken)


class ProgressOut(BaseModel):
    """How far a photo is."""

    received: Annotated[int, Field(description="Bytes from the beginning: from here the phone goes on.")]
    size: int
    is_whole: bool


@router.put("/reports/{report_id}/photos/{photo_id}", summary="A piece of a photo that a report announced")
def piece(
    request: Request,
    db: Db,
    scope: Volunteer,
    report_id: uuid.UUID,
    photo_id: uuid.UUID,
    content: Annotated[bytes, Body(media_type="application/octet-stream")],
    offset: Annotated[int, Query(ge=0, lt=2**31, description="Where it begins, in bytes.")] = 0,
) -> ProgressOut:
    """Take a piece, in any order and as often as it comes; with the last one the photo is kept."""
    settings: Settings = request.app.state.settings
    reports.own(db, scope, report_id)
    found = pictures.take_piece(db, settings.files_dir, scope.county_id, report_id, photo_id, offset, content)
    return ProgressOut(received=found.received, size=found.size, is_whole=found.is_whole)


@router.get("/reports/{report_id}/photos", summary="How far the photos of a report are")
def progress(db: Db, scope: Volunteer, report_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """Return for each photo how many bytes need not be sent again."""
    return pictures.progress(db, reports.own(db, scope, report_id))


@router.get("/reports", summary="What one told of")
def own(db: Db, scope: Volunteer) -> list[OwnOut]:
    """Return one's own reports, the latest first, each with how it goes on."""
    return [OwnOut.of(one) for one in told.own(db, scope)]


@router.post("/reports/{report_id}/same", summary="It is the same as a case that is there")
def same(db: Db, scope: Volunteer, report_id: uuid.UUID, said: SameIn) -> OwnOut:
    """Let one's own report join a case that the answer to it named."""
    reports.same_as(db, scope, report_id, said.case_id)
    return OwnOut.of(_one(db, scope, report_id))


@router.post("/reports/{report_id}/steps", summary="Say that it is fixed, or not")
def say(db: Db, scope: Volunteer, report_id: uuid.UUID, said: SayIn) -> OwnOut:
    """Check what was handled, have it done again, or reopen it."""
    reports.say(db, scope, report_id, Wanted(Move(said.move), said.words), said.id)
    return OwnOut.of(_one(db, scope, report_id))


def _one(db: Db, scope: Volunteer, report_id: uuid.UUID) -> Own:
    found = told.own(db, scope, report_id)
    if not found:
        raise NotFound("没有这条上报，或不是您的。")
    return found[0]


def _taken(db: Db, scope: Volunteer, taken: Taken) -> TakenOut:
    similar = [SimilarOut(**vars(one), state_name=one.state.zh) for one in taken.similar]
    own_report = _one(db, scope, taken.report_id)
    where = f"在{own_report.place}" if own_report.place else ""
    words = f"谢谢您！您{where}上报的“{own_report.what}”已经收到，编号 {own_report.number}。"
    return TakenOut(report=OwnOut.of(own_report), similar=similar, words=words)


def _said(said: ReportIn) -> Said:
    try:
        at = said.at.astimezone(dt.UTC)
    except (OverflowError, ValueError) as error:
        raise Invalid("时间不可能；请对准手机的时钟后再上报。") from error
    accuracy_m = said.accuracy_m if said.accuracy_m and said.accuracy_m > 0 else None
    photos = [Announced(photo.id, photo.sha256 or "", photo.size) for photo in said.photos]
    return Said(
        at, said.category, said.position, said.datum, accuracy_m, said.place_id, said.words, said.solved,
        patrol_id=said.patrol_id, photos=photos,
    )  # fmt: skip
