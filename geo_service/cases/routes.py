"""Cases over HTTP for coordinators and handlers: entered, looked at, moved; a county's rules and units."""

import datetime as dt
import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from geo_service.accounts.dependencies import Signed, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.cases import handling, reports, rules, told, units
from geo_service.cases.corrections import Correction
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said
from geo_service.cases.told import CaseTold
from geo_service.cases.units import UnitSaid
from geo_service.cases.volunteer_routes import SimilarOut, Somewhere
from geo_service.db import Db
from geo_service.errors import Invalid, NotFound
from layers.categories import Categories
from layers.vocabulary import CaseState, Channel, DutyKind, Move, Right, Role, Severity

router = APIRouter(prefix="/api", tags=["cases"])

Changes = Annotated[Scope, require(*CHANGE)]
Works = Annotated[Scope, require(*CHANGE, Right.HANDLER)]
Words = Annotated[str | None, Field(max_length=reports.LONGEST_WORDS)]
_Id = Annotated[int, Field(ge=0, lt=2**63)]


class CaseIn(Somewhere):
    """A problem that somebody told by telephone, or that staff enter."""

    id: Annotated[uuid.UUID, Field(description="Chosen by the sender: a repeat adds nothing.")]
    at: AwareDatetime
    category: Annotated[str, Field(max_length=61)]
    severity: Severity | None = None
    words: Words = None
    solved: Annotated[Words, Field(description="How it was settled already.")] = None
    person: Annotated[
        str | None, Field(max_length=100, description="The volunteer who called: name, number or id.")
    ] = None
    caller: Annotated[str | None, Field(max_length=40, description="Somebody else who called.")] = None
    caller_phone: Annotated[str | None, Field(max_length=40)] = None


class CorrectionIn(Somewhere):
    """What is to be put right."""

    category: Annotated[str | None, Field(max_length=61)] = None
    severity: Severity | None = None
    words: Words = None
    area_id: _Id | None = None


class MoveIn(BaseModel):
    """A step."""

    model_config = ConfigDict(extra="forbid")

    move: Move
    words: Annotated[str, Field(max_length=handling.LONGEST_WORDS)] = ""
    unit_id: _Id | None = None
    into: Annotated[_Id | None, Field(description="The case that this one joins.")] = None
    days: Annotated[int | None, Field(ge=1, le=365, description="Working days of an extension.")] = None
    photos: Annotated[list[uuid.UUID], Field(max_length=reports.MOST_PHOTOS)] = []
    correction: CorrectionIn | None = None


class KeeperOut(BaseModel):
    """Who has the place there."""

    name: str
    phone: str | None
    role: Role
    kind: DutyKind


class ReportOut(BaseModel):
    """A report of a case."""

    id: uuid.UUID
    channel: Channel
    who: str | None
    phone: str | None
    at: dt.datetime
    received_at: dt.datetime
    words: str | None
    lonlat: tuple[float, float] | None
    accuracy_m: float | None
    patrol_id: uuid.UUID | None
    photos: int


class StepOut(BaseModel):
    """A step of a case."""

    id: int
    move: Move
    move_name: str
    at: dt.datetime
    to_state: CaseState
    who: str
    unit: str | None
    words: str | None
    data: dict[str, Any]


class CaseOut(BaseModel):
    """A case with all that belongs to it."""

    id: int
    number: str
    state: CaseState
    state_name: str
    category: str
    what: str
    severity: Severity
    words: str | None
    lonlat: tuple[float, float] | None
    place_id: int | None
    place: str | None
    at_m: Annotated[float | None, Field(description="Where along a line, in metres.")]
    away_m: float | None
    area: str | None
    area_code: str | None
    unit_id: int | None
    unit: str | None
    suggested_unit_id: int | None
    keepers: list[KeeperOut]
    opened_at: dt.datetime
    due_at: dt.datetime | None
    left_s: Annotated[float | None, Field(description="Working seconds until it is due.")]
    is_late: bool
    reworks: int
    reopened: int
    supervision: int
    into_id: int | None
    asked_days: int | None
    reports: list[ReportOut]
    steps: list[StepOut]
    legal: Annotated[list[Move], Field(description="The steps that the asker may take now.")]
    similar: list[SimilarOut]
    note: str | None

    @classmethod
    def of(cls, told_: CaseTold) -> "CaseOut":
        """Make it of a case."""
        case = told_.case
        stored = (
            "id",
            "number",
            "category",
            "words",
            "place_id",
            "away_m",
            "unit_id",
            "opened_at",
            "is_late",
        )
        more = ("reworks", "reopened", "supervision", "into_id", "asked_days")
        plain = ("state", "what", "severity", "lonlat", "place", "area", "area_code", "unit", "due_at")
        return cls(
            **{name: getattr(case, name) for name in (*stored, *more)},
            **{name: getattr(told_, name) for name in (*plain, "suggested_unit_id", "left_s", "note")},
            state_name=told_.state.zh,
            at_m=None if case.at_dm is None else case.at_dm / 10,
            keepers=[
                KeeperOut(name=one.name, phone=one.phone, role=one.role, kind=one.kind)
                for one in told_.keepers
            ],
            reports=[ReportOut(**vars(one)) for one in told_.reports],
            steps=[StepOut(**vars(one), move_name=one.move.zh) for one in told_.steps],
            legal=list(told_.legal),
            similar=[SimilarOut(**vars(one), state_name=one.state.zh) for one in told_.similar],
        )


class UnitIn(BaseModel):
    """A unit that handles problems."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    contact: Annotated[str | None, Field(max_length=200)] = None
    phone: Annotated[str | None, Field(max_length=100)] = None


class UnitOut(UnitIn):
    """A unit in use."""

    id: int


class TaskIn(BaseModel):
    """What a unit handles."""

    model_config = ConfigDict(extra="forbid")

    category: Annotated[str | None, Field(max_length=61, description="None: everything.")] = None
    area_id: Annotated[_Id | None, Field(description="None: the whole county.")] = None


class CategoriesIn(BaseModel):
    """A tree of categories, as `GET` gives it."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=200)]
    categories: Annotated[list[dict[str, Any]], Field(max_length=100)]


class DayIn(BaseModel):
    """A day of which the office says whether it is a working day."""

    model_config = ConfigDict(extra="forbid")

    day: dt.date
    is_working: bool
    name: Annotated[str | None, Field(max_length=40)] = None


@router.post("/cases", status_code=201, summary="Enter a problem")
def enter(response: Response, db: Db, scope: Changes, said: CaseIn) -> CaseOut:
    """Enter what somebody told by telephone, or what was settled already."""
    person_id = reports.person_called(db, scope, said.person) if said.person else None
    channel = Channel.BEHALF if said.person else Channel.CALLER if said.caller else Channel.STAFF
    taken = reports.take(db, scope, said.id, _said(said), channel=channel, person_id=person_id)
    response.status_code = 200 if taken.already else 201
    try:
        return CaseOut.of(told.told(db, scope, taken.case_id))
    except NotFound as error:
        raise Invalid("这个位置不在您的辖区里；请核对位置，或请那里的协调员登记。") from error


@router.get("/cases/{case_id}", summary="A case")
def one(db: Db, scope: Works, case_id: int) -> CaseOut:
    """Return a case with its reports and steps, and what one may do with it."""
    return CaseOut.of(told.told(db, scope, _checked(case_id)))


@router.post("/cases/{case_id}/steps", summary="Take a step with a case")
def step(db: Db, scope: Works, case_id: int, said: MoveIn) -> CaseOut:
    """Accept, dispatch, handle, check, close ...; what is not possible is refused with what is."""
    wanted = Wanted(
        said.move, said.words, said.unit_id, said.into, said.days, said.photos, _correction(said.correction)
    )
    moved = handling.move(db, scope, _checked(case_id), wanted)
    try:
        return CaseOut.of(told.told(db, scope, moved.id))
    except NotFound:  # a handler who has sent it back sees it no more
        return CaseOut.of(told.told_to_whom_it_leaves(db, scope, moved.id))


@router.get("/case-rules", summary="The rules of handling cases")
def rules_of(db: Db, scope: Changes) -> dict[str, Any]:
    """Return the rules in force."""
    return rules.ground(db, scope.county_id).rules.to_json()


@router.put("/case-rules", summary="Change the rules of handling cases")
def change_rules(db: Db, scope: Changes, said: dict[str, Any]) -> dict[str, Any]:
    """Change the rules that are named."""
    return rules.set_rules(db, scope, said).to_json()


@router.get("/case-categories", summary="The categories in use")
def categories(db: Db, scope: Signed) -> list[dict[str, Any]]:
    """Return the tree in use."""
    return rules.ground(db, scope.county_id).categories.to_json()


@router.put("/case-categories", summary="Put a tree of categories in use")
def change_categories(db: Db, scope: Changes, said: CategoriesIn) -> list[dict[str, Any]]:
    """Put a tree in use; cases that were told keep theirs."""
    tree = Categories.from_json(said.categories)
    rules.set_categories(db, scope, said.name, tree)
    return tree.to_json()


@router.put("/case-calendar", status_code=204, summary="Say which days are working days")
def change_calendar(
    db: Db, scope: Changes, said: Annotated[list[DayIn], Field(max_length=rules.MOST_DAYS)]
) -> None:
    """Store days; a year with any counts as known."""
    rules.set_days(db, scope, [(day.day, day.is_working, day.name) for day in said])


@router.get("/units", summary="The units that handle problems")
def units_of(db: Db, scope: Changes) -> list[UnitOut]:
    """Return the units in use, by name."""
    return [_unit(row) for row in units.all_units(db, scope.county_id)]


@router.post("/units", status_code=201, summary="Add a unit")
def add_unit(db: Db, scope: Changes, said: UnitIn) -> UnitOut:
    """Add a unit."""
    unit_id = units.save(db, scope, UnitSaid(said.name, said.contact, said.phone))
    return _unit(units.find(db, scope.county_id, unit_id))


@router.put("/units/{unit_id}", summary="Change a unit")
def change_unit(db: Db, scope: Changes, unit_id: int, said: UnitIn) -> UnitOut:
    """Change a unit's name and numbers."""
    units.save(db, scope, UnitSaid(said.name, said.contact, said.phone), _checked(unit_id))
    return _unit(units.find(db, scope.county_id, unit_id))


@router.delete("/units/{unit_id}", status_code=204, summary="Take a unit out of use")
def retire_unit(db: Db, scope: Changes, unit_id: int) -> None:
    """Take a unit out of use."""
    units.retire(db, scope, _checked(unit_id))


@router.put("/units/{unit_id}/tasks", status_code=204, summary="Say what a unit handles")
def set_tasks(
    db: Db, scope: Changes, unit_id: int, said: Annotated[list[TaskIn], Field(max_length=1000)]
) -> None:
    """Say which categories a unit handles in which areas."""
    units.set_tasks(db, scope, _checked(unit_id), [(task.category, task.area_id) for task in said])


@router.put("/units/{unit_id}/members", status_code=204, summary="Say who acts for a unit")
def set_members(
    db: Db, scope: Changes, unit_id: int, said: Annotated[list[uuid.UUID], Field(max_length=100)]
) -> None:
    """Say which accounts handle the cases of a unit."""
    units.set_members(db, scope, _checked(unit_id), said)


def _checked(number: int) -> int:
    if not 0 <= number < 2**63:
        raise NotFound("没有这个编号。")
    return number


def _unit(row: Any) -> UnitOut:
    return UnitOut(id=row.id, name=row.name, contact=row.contact, phone=row.phone)


def _said(said: CaseIn) -> Said:
    try:
        at = said.at.astimezone(dt.UTC)
    except (OverflowError, ValueError) as error:
        raise Invalid("时间不可能；请核对后再登记。") from error
    accuracy_m = said.accuracy_m if said.accuracy_m and said.accuracy_m > 0 else None
    return Said(
        at, said.category, said.position, said.datum, accuracy_m, said.place_id, said.words, said.solved,
        said.severity, caller=said.caller, caller_phone=said.caller_phone,
    )  # fmt: skip


def _correction(said: CorrectionIn | None) -> Correction | None:
    if said is None:
        return None
    return Correction(
        said.category, said.severity, said.words, said.position, said.datum, said.place_id, said.area_id
    )
