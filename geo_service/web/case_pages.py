"""Pages of cases: the board, one case with all that may be done with it, a problem entered for a caller."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, File, Path, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service import audit, cursors
from geo_service.accounts.dependencies import InFull, require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.attachments import attachment
from geo_service.cases import board, handling, photos, reports, rules, told, units
from geo_service.cases.asking import FromAddress
from geo_service.cases.corrections import Correction
from geo_service.cases.handling import Wanted
from geo_service.cases.reports import Said
from geo_service.cases.told import CaseTold
from geo_service.clock import today
from geo_service.db import Db
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.patrols import parties
from geo_service.photos import MOST_BYTES
from geo_service.services.service import place_called
from geo_service.settings import Settings
from geo_service.tables import Case
from geo_service.web import case_pictures, queries, serving
from geo_service.web.fields import FromForm, Sent, degrees
from geo_service.web.frame import Frame, Framed
from layers.cases import LONGEST_EXTENSION_DAYS, TRANSITIONS, Doer, Machine, Need, Standing
from layers.cases import Asked as Step
from layers.errors import IllegalMove, YinxunError
from layers.vocabulary import CaseState, Channel, Datum, Move, Right, Severity

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 50
Changes = Annotated[Scope, require(*CHANGE)]
Works = Annotated[Scope, require(*CHANGE, Right.HANDLER)]
_Id = Annotated[int, Path(ge=0, lt=2**63)]
_NEEDS = {transition.move: transition.needs for transition in TRANSITIONS}
_FIELDS = (
    "id", "at", "category", "severity", "place", "words", "caller", "phone", "solved", "lon", "lat", "datum",
)  # fmt: skip
"""Of the form for a new case."""
_HIDDEN = (Move.JOIN, Move.REMIND, Move.CORRECT)
"""Steps that are no button: others take them, or they have a form of their own."""
CHECK_AND_CLOSE, ACCEPT_AND_DISPATCH = "check_close", "accept_dispatch"
_BOTH = {
    CHECK_AND_CLOSE: (Move.CHECK, Move.CLOSE),
    ACCEPT_AND_DISPATCH: (Move.ACCEPT, Move.DISPATCH),
}
_GRAVE = (Move.REJECT, Move.SUSPEND, Move.SEND_BACK)
_LATER = (Move.MERGE, Move.URGE, Move.SUPERVISE, Move.NOTE, Move.SUSPEND, Move.TRANSFER, Move.SEND_BACK)
"""Steps that are seldom the next one: behind 其他操作."""


@dataclass(frozen=True)
class Choice:
    """A step that may be taken now, with what its form asks for."""

    key: str
    words: str
    needs_words: bool = False
    unit: bool = False
    days: bool = False
    into: bool = False
    photos: bool = False
    hint: str = ""
    seldom: bool = False


@router.get("/cases", summary="Show the open cases")
def listed(db: Db, frame: Framed, scope: Works, of: FromAddress, cursor: cursors.Cursor = None) -> Response:
    """Show counts by state and a page of cases, what is due first first."""
    page = board.page(db, scope, of, cursor=cursor, limit=PAGE_ROWS)
    query = dict(frame.request.query_params)
    query.pop("cursor", None)
    coordinates = scope.holds(*CHANGE)
    values = {
        "counts": board.counts(db, scope, own=of.own),
        "rows": page.rows,
        "of": of,
        "chosen": query,
        "is_first": cursor is None,
        "more": frame.link("/cases", query, cursor=page.next) if page.next else None,
        "states": board.open_states(),
        "settled": [state for state in CaseState if state not in board.open_states()],
        "categories": rules.ground(db, scope.county_id).categories,
        "units": units.all_units(db, scope.county_id) if coordinates else [],
        "areas": queries.area_choices(db, scope) if coordinates else [],
        "coordinates": coordinates,
        "handles": Right.HANDLER in scope.rights,
        "today": today(frame.own_county),
    }
    return frame.show("cases.html", values)


@router.get("/cases/new", summary="Show the form for a problem that somebody told")
def new(db: Db, frame: Framed, scope: Changes) -> Response:
    """Show the form: what, where, who called, whether it is settled already."""
    at = dt.datetime.now(dt.UTC).isoformat()
    return _form(db, frame, scope, {"id": str(uuid.uuid4()), "at": at})


@router.post("/cases/new", summary="Enter a problem that somebody told")
def enter(db: Db, frame: Framed, scope: Changes, sent: FromForm) -> Response:
    """Store it and show its case; what is wrong with it is said above the form."""
    try:
        with db.begin_nested():
            case_id = _entered(db, scope, sent)
    except Forbidden:
        raise
    except YinxunError as error:
        return _form(db, frame, scope, sent.one, error)
    return RedirectResponse(frame.link(f"/cases/{case_id}"), status_code=303)


@router.get("/cases/{case_id}", summary="Show a case")
def one(db: Db, frame: Framed, scope: Works, case_id: _Id) -> Response:
    """Show where it lies, whose it is, what was done, and what may be done now."""
    return _shown(db, frame, scope, case_id)


@router.post("/cases/{case_id}/steps", summary="Take a step with a case")
def step(
    request: Request,
    db: Db,
    frame: Framed,
    scope: Works,
    case_id: _Id,
    sent: FromForm,
    pictures: Annotated[list[UploadFile] | None, File(alias="photos")] = None,
) -> Response:
    """Take one step, or the two that belong together; what is lacking is said on the page."""
    settings: Settings = request.app.state.settings
    try:
        with db.begin_nested():
            handling.found(db, scope, case_id)
            kept = _kept(db, scope, settings, case_id, pictures or [])
            for number, move in enumerate(_BOTH.get(sent["move"]) or (_move(sent["move"]),)):
                given = kept if number == 0 else ()
                wanted = Wanted(
                    move, sent["words"], _unit(sent["unit"]), _into(db, scope, sent["into"]),
                    _days(sent["days"]), given,
                )  # fmt: skip
                handling.move(db, scope, case_id, wanted)
    except YinxunError as error:
        return _shown(db, frame, scope, case_id, error=error, said=sent.one)
    return _onwards(db, frame, scope, case_id)


@router.post("/cases/{case_id}/correct", summary="Put a case right")
def correct(db: Db, frame: Framed, scope: Changes, case_id: _Id, sent: FromForm) -> Response:
    """Change its category, severity, words, place, position or area; every change is in its history."""
    try:
        with db.begin_nested():
            place, area = sent["place"].strip(), sent["area"]
            correction = Correction(
                category=sent["category"] or None,
                severity=_severity(sent["severity"]),
                words=sent["words"].strip() or None,
                position=_position(sent["lon"], sent["lat"]),
                datum=_datum(sent["datum"]),
                place_id=place_called(db, scope, place) if place else None,
                area_id=areas.area_id_of(db, scope, area, *CHANGE) if area else None,
            )
            handling.move(db, scope, case_id, Wanted(Move.CORRECT, correction=correction))
    except YinxunError as error:
        return _shown(db, frame, scope, case_id, error=error)
    return _onwards(db, frame, scope, case_id)


@router.get("/cases/{case_id}/picture", summary="Where a case lies, as a document for its page")
def picture(request: Request, db: Db, scope: Works, case_id: _Id) -> Response:
    """Return the map of the case with its place."""
    return serving.picture(request, case_pictures.case_map(db, scope, told.told(db, scope, case_id)))


@router.get("/cases/{case_id}/dispatch.pdf", summary="The sheet that goes to a unit")
def dispatch(request: Request, db: Db, scope: Changes, case_id: _Id) -> Response:
    """Return 交办单 as a page to print."""
    settings: Settings = request.app.state.settings
    found = told.told(db, scope, case_id)
    pdf = case_pictures.dispatch_pdf(db, scope, found, settings.files_dir)
    audit.record(
        db, scope.actor, "cases.dispatch_sheet", county_id=scope.county_id, subject=f"case/{case_id}"
    )
    headers = attachment(f"交办单-{found.case.number}.pdf", f"dispatch-{found.case.number}.pdf")
    return Response(pdf, media_type="application/pdf", headers=headers)


@router.get("/map/cases", summary="Show the map of the open cases")
def map_page(db: Db, frame: Framed, scope: Works, of: FromAddress) -> Response:
    """Show the open cases that are asked for on the map."""
    coordinates = scope.holds(*CHANGE)
    values = {
        "chosen": dict(frame.request.query_params),
        "of": of,
        "states": board.open_states(),
        "categories": rules.ground(db, scope.county_id).categories,
        "areas": queries.area_choices(db, scope) if coordinates else [],
    }
    return frame.show("case_map.html", values)


@router.get("/map/cases/picture", summary="The map of the open cases as a document for its page")
def map_picture(request: Request, db: Db, scope: Works, of: FromAddress) -> Response:
    """Return the map with its own policy."""
    return serving.picture(request, case_pictures.cases_map(db, scope, of))


@router.get("/map/cases/file", summary="The map of the open cases as a file to keep and send")
def map_file(db: Db, scope: Changes, of: FromAddress, full: InFull = False) -> Response:
    """Return the map as a file that needs no network; it names nobody."""
    audit.record(db, scope.actor, "maps.export", county_id=scope.county_id, form="html", full=full)
    return serving.file(case_pictures.cases_map(db, scope, of))


# --- one case


def _shown(
    db: Db, frame: Frame, scope: Scope, case_id: int, *, error: YinxunError | None = None,
    said: Mapping[str, str] | None = None,
) -> Response:  # fmt: skip
    found = told.told(db, scope, case_id)
    ground = rules.ground(db, scope.county_id)
    standing, doer = handling.standing_of(found.case), handling.doer_of(db, scope, found.case)
    now = dt.datetime.now(dt.UTC)
    is_late = found.due_at is not None and found.due_at < now
    coordinates = scope.holds(*CHANGE)
    values = {
        "told": found,
        "case": found.case,
        "due": board.due_words(ground.clock, found.state, now, found.due_at),
        "is_late": is_late,
        "photos": photos.of_case(db, found.case),
        "choices": choices(ground.machine, standing, doer, found),
        "may_correct": Move.CORRECT in found.legal,
        "units": units.all_units(db, scope.county_id) if coordinates else [],
        "categories": ground.categories,
        "severities": list(Severity),
        "datums": list(Datum),
        "areas": queries.area_choices(db, scope) if coordinates else [],
        "coordinates": coordinates,
        "into": _number_of(db, found.case.into_id),
        "zone": frame.zone,
        "most_days": LONGEST_EXTENSION_DAYS,
        "error": error,
        "said": {"move": "", "words": "", "unit": "", "into": "", "days": "", **(said or {})},
    }
    return frame.show("case.html", values, status=200 if error is None else 422)


def choices(machine: Machine, standing: Standing, doer: Doer, found: CaseTold) -> list[Choice]:
    """Return the steps that a page offers: those that are legal, and pairs that are taken at once."""
    made = [_choice(move) for move in found.legal if move not in _HIDDEN]
    for key, (first, second) in _BOTH.items():
        if first in found.legal and second in _after(machine, standing, doer, first):
            words = f"{first.zh}并{second.zh}"
            made.insert(0, Choice(key, words, unit=Need.UNIT in _NEEDS[second]))
    return made


def _after(machine: Machine, standing: Standing, doer: Doer, move: Move) -> list[Move]:
    """Return the steps that somebody may take once he has taken one."""
    now = dt.datetime.now(dt.UTC)
    try:
        return machine.legal(machine.step(standing, doer, Step(move, now)), doer, now)
    except IllegalMove:
        return []


def _choice(move: Move) -> Choice:
    needs = _NEEDS[move]
    hints = {
        Move.FINISH: "写清怎么处理的，最好附处理后的照片；没有照片请写明“没有照片”和原因。",
        Move.SOLVE: "写清当场怎么处理的。",
        Move.SEND_BACK: "不是本单位的事才退回，写清原因。",
        Move.MERGE: "填要并入的案件编号，例如 2026-000123。",
        Move.SUSPEND: "写清为什么现在办不了；挂账期间不计时。",
        Move.REWORK: "写清哪里没有弄好。",
        Move.REJECT: "写清原因，上报的人会看到。",
    }
    return Choice(
        move.value, move.zh, Need.WORDS in needs, Need.UNIT in needs, Need.DAYS in needs, Need.INTO in needs,
        move in (Move.FINISH, Move.SOLVE, Move.NOTE, Move.REWORK, Move.CHECK), hints.get(move, ""),
        move in _LATER or move in _GRAVE,
    )  # fmt: skip


def _onwards(db: Db, frame: Frame, scope: Scope, case_id: int) -> Response:
    """Go back to the case, or to the board for who sees it no more."""
    try:
        handling.found(db, scope, case_id)
    except NotFound:
        return RedirectResponse(frame.link("/cases"), status_code=303)
    return RedirectResponse(frame.link(f"/cases/{case_id}"), status_code=303)


def _number_of(db: Db, case_id: int | None) -> str | None:
    found = None if case_id is None else db.get(Case, case_id)
    return None if found is None else found.number


def _kept(
    db: Db, scope: Scope, settings: Settings, case_id: int, pictures: Sequence[UploadFile]
) -> list[uuid.UUID]:
    """Keep the photos that came with a form, and return their ids."""
    given = [picture for picture in pictures if picture.filename]
    if len(given) > reports.MOST_PHOTOS:
        raise Invalid(f"一次最多 {reports.MOST_PHOTOS} 张照片。")
    return [
        photos.keep(
            db, scope, settings.files_dir, case_id, uuid.uuid4(), picture.file.read(MOST_BYTES + 1),
            picture.filename or "",
        ).id
        for picture in given
    ]  # fmt: skip


# --- a new case


def _form(
    db: Db, frame: Frame, scope: Scope, said: Mapping[str, str], error: YinxunError | None = None
) -> Response:
    values = {
        "said": dict.fromkeys(_FIELDS, "") | dict(said),
        "error": error,
        "categories": rules.ground(db, scope.county_id).categories,
        "severities": list(Severity),
        "datums": list(Datum),
        "places": queries.places_to_type(db, scope),
        "people": queries.names_to_type(db, scope),
    }
    return frame.show("case_new.html", values, status=200 if error is None else 422)


def _entered(db: Db, scope: Scope, given: Sent) -> int:
    if not given["category"]:
        raise Invalid("请选择是什么问题。")
    if not given["place"].strip() and not given["words"].strip() and not given["lon"].strip():
        raise Invalid("请写明在哪个对象，或在说明里写清地点。")
    person_id, caller = _caller(db, scope, given["caller"].strip(), given["phone"].strip())
    said = Said(
        _moment(given["at"]), given["category"], _position(given["lon"], given["lat"]),
        _datum(given["datum"]),
        place_id=place_called(db, scope, given["place"]) if given["place"].strip() else None,
        words=given["words"].strip() or None, solved=given["solved"].strip() or None,
        severity=_severity(given["severity"]), caller=caller, caller_phone=given["phone"].strip() or None,
    )  # fmt: skip
    is_call = caller or said.caller_phone
    channel = Channel.BEHALF if person_id else Channel.CALLER if is_call else Channel.STAFF
    taken = reports.take(db, scope, _uuid(given["id"]), said, channel=channel, person_id=person_id)
    try:
        handling.found(db, scope, taken.case_id)
    except NotFound as error:
        raise Invalid("这个位置不在您的辖区里；请核对位置，或请那里的协调员登记。") from error
    return taken.case_id


def _caller(db: Db, scope: Scope, word: str, phone: str) -> tuple[uuid.UUID | None, str | None]:
    """Return the volunteer who called, or else the name of somebody else; with a number he is a stranger."""
    if not word or phone:
        return None, word or None
    try:
        return parties.person_called(db, scope, word).id, None
    except NotFound:
        return None, word


# --- what fields say


def _move(text: str) -> Move:
    if text not in set(Move) or text in _HIDDEN:
        raise Invalid("请点一个按钮。")
    return Move(text)


def _severity(text: str) -> Severity | None:
    if text and text not in set(Severity):
        raise Invalid("请在列表里选择等级。")
    return Severity(text) if text else None


def _datum(text: str) -> Datum:
    if not text:
        return Datum.WGS84
    if text not in set(Datum):
        raise Invalid("请在列表里选择坐标系。")
    return Datum(text)


def _position(lon: str, lat: str) -> tuple[float, float] | None:
    if not lon.strip() and not lat.strip():
        return None
    return degrees(lon, "经度", 180), degrees(lat, "纬度", 90)


def _unit(text: str) -> int | None:
    return _whole(text, "请在列表里选择责任单位。")


def _days(text: str) -> int | None:
    return _whole(text, "延期请写工作日的天数，例如 3。")


def _whole(text: str, wrong: str) -> int | None:
    if not text.strip():
        return None
    if not text.strip().isascii() or not text.strip().isdecimal() or len(text.strip()) > 18:
        raise Invalid(wrong)
    return int(text)


def _into(db: Db, scope: Scope, text: str) -> int | None:
    return board.id_called(db, scope, text) if text.strip() else None


def _moment(text: str) -> dt.datetime:
    """Return when the form was opened: so the same form sent twice says the same."""
    try:
        return dt.datetime.fromisoformat(text).astimezone(dt.UTC)
    except (ValueError, OverflowError):
        raise Invalid("页面已过期，请刷新后重填。") from None


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Invalid("页面已过期，请刷新后重填。") from None
