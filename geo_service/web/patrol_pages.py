"""Pages of patrols: load a walk and see at once what it covered; look at walks again."""

import datetime as dt
import uuid
from typing import Annotated, Any, cast

from fastapi import APIRouter, Form, Query, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BeforeValidator

from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.cases import told
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.errors import Conflict, Invalid
from geo_service.norms import service as norms
from geo_service.patrols import how_words, parties, photos, record, reviews
from geo_service.patrols import service as patrols
from geo_service.patrols.answers import PatrolAnswer
from geo_service.photos import MOST_BYTES
from geo_service.settings import Settings
from geo_service.web import patrol_pictures
from geo_service.web.frame import Frame, Framed
from geo_service.web.serving import picture
from layers.errors import BadFile, YinxunError
from layers.vocabulary import Datum, Right, Verdict

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 50
Sends = Annotated[Scope, require(Right.COORDINATOR, Right.VOLUNTEER)]
Word = Annotated[str, Form(max_length=100)]
Note = Annotated[str, Form(max_length=reviews.LONGEST_NOTE)]


@router.get("/upload", summary="Show the form that takes a walk")
def upload_form(frame: Framed, scope: Sends) -> Response:
    """Show the form; who may send for others says whose walk it is."""
    return _form(frame, scope, {"person": "", "datum": "", "tz": ""})


@router.post("/upload", summary="Take a walk and show what it covered")
def upload(
    request: Request,
    db: Db,
    frame: Framed,
    scope: Sends,
    file: UploadFile | None = None,
    person: Word = "",
    datum: Word = "",
    tz: Word = "",
) -> Response:
    """Take a recording; what is wrong with it is said above the form, and nothing is kept."""
    said = {"person": person, "datum": datum, "tz": tz}
    settings: Settings = request.app.state.settings
    try:
        with db.begin_nested():
            answer = _taken(db, scope, file, said, settings)
    except YinxunError as error:
        return _form(frame, scope, said, error=error)
    again = "1" if answer.already else None
    return RedirectResponse(frame.link(f"/patrols/{answer.patrol_id}", again=again), status_code=303)


@router.get("/patrols", summary="Show the patrols of the scope")
def listed(
    db: Db,
    frame: Framed,
    verdict: Annotated[Verdict | None, BeforeValidator(lambda value: value or None), Query()] = None,
    before: Annotated[dt.datetime | None, Query()] = None,
    behind: Annotated[uuid.UUID | None, Query()] = None,
) -> Response:
    """Show patrols, the latest first; `before` and `behind` are the key of the last one seen."""
    after = (before, behind) if before and behind else None
    rows = patrols.listed(db, frame.own_scope, verdict=verdict, after=after, limit=PAGE_ROWS + 1)
    more = None
    if len(rows) > PAGE_ROWS:
        last = rows[PAGE_ROWS - 1]
        more = frame.link(
            "/patrols", verdict=verdict, before=last.started_at.isoformat(), behind=last.patrol_id
        )
    values = {"patrols": rows[:PAGE_ROWS], "more": more, "is_first": after is None}
    values |= {"verdicts": list(Verdict), "chosen": verdict, "may_write": frame.own_scope.holds(*CHANGE)}
    return frame.show("patrols.html", values)


@router.get("/patrols/{patrol_id}", summary="Show what a patrol covered")
def patrol(db: Db, frame: Framed, patrol_id: uuid.UUID, again: bool = False) -> Response:
    """Show the sentence that the walker is told, the map, and the places one by one."""
    return _shown(db, frame, patrol_id, again=again)


@router.post("/patrols/{patrol_id}/void", summary="Take a patrol back")
def void(db: Db, frame: Framed, patrol_id: uuid.UUID, reason: Word = "") -> Response:
    """Void a patrol with a reason; without one the page says what is missing."""
    try:
        patrols.void(db, frame.own_scope, patrol_id, reason)
    except Invalid as error:
        return _shown(db, frame, patrol_id, error=error)
    return RedirectResponse(frame.link(f"/patrols/{patrol_id}"), status_code=303)


@router.post("/patrols/{patrol_id}/review", summary="Decide on a patrol")
def review(db: Db, frame: Framed, patrol_id: uuid.UUID, verdict: Word = "", note: Note = "") -> Response:
    """Store a coordinator's verdict with a note; without one the page says what is missing."""
    try:
        if verdict not in {Verdict.COUNTED, Verdict.NOT_COUNTED}:
            raise Invalid("请选择「有效」或「暂未计入」。")
        reviews.review(db, frame.own_scope, patrol_id, Verdict(verdict), note)
    except (Invalid, Conflict) as error:
        return _shown(db, frame, patrol_id, review_error=error)
    return RedirectResponse(frame.link(f"/patrols/{patrol_id}"), status_code=303)


@router.post("/patrols/{patrol_id}/photos", summary="Add a photo to a patrol")
def add_photo(
    request: Request, db: Db, frame: Framed, patrol_id: uuid.UUID, photo: UploadFile | None = None
) -> Response:
    """Keep a photo; what is wrong with it is said on the page."""
    settings: Settings = request.app.state.settings
    try:
        if photo is None or not photo.filename:
            raise BadFile("请先选择照片，再点“上传照片”。")
        data = photo.file.read(MOST_BYTES + 1)
        with db.begin_nested():
            photos.keep(db, frame.own_scope, settings.files_dir, patrol_id, uuid.uuid4(), data)
    except (BadFile, Invalid) as error:
        return _shown(db, frame, patrol_id, photo_error=error)
    return RedirectResponse(frame.link(f"/patrols/{patrol_id}"), status_code=303)


def _shown(
    db: Db,
    frame: Frame,
    patrol_id: uuid.UUID,
    *,
    again: bool = False,
    error: YinxunError | None = None,
    review_error: YinxunError | None = None,
    photo_error: YinxunError | None = None,
) -> Response:
    scope = frame.own_scope
    answer = patrols.told(db, scope, patrol_id)
    values = {
        "answer": answer,
        "ways": how_words.ways,
        "again": again,
        "error": error,
        "photo_error": photo_error,
        "is_own": answer.person_id is not None and answer.person_id == scope.person_id,
        "walker": patrols.walker_of(db, scope, patrol_id),
        "review_error": review_error,
        "may_review": reviews.may_review(db, scope, patrol_id),
        "norm": norms.told(db, scope, answer.norm_id) if answer.norm_id is not None else None,
        "may_void": answer.voided_at is None and patrols.may_void(db, scope, patrol_id),
        "may_add": patrols.may_void(db, scope, patrol_id),
        "noted": record.told(dict(answer.record)),
        "checked": record.checked(dict(answer.record)),
        "photos": photos.of_patrol(db, scope, patrol_id),
        "place": patrols.place_of(db, scope, patrol_id),
        "other": answer.same_outing_as,
        "cases": told.on_patrol(db, scope, patrol_id),
    }
    is_wrong = any((error, review_error, photo_error))
    return frame.show("patrol.html", values, status=422 if is_wrong else 200)


@router.get("/patrols/{patrol_id}/picture", summary="The map of a patrol as a document for its page")
def patrol_picture(request: Request, db: Db, frame: Framed, patrol_id: uuid.UUID) -> Response:
    """Return the walk and what it covered; a look at someone else's walk is recorded."""
    answer = patrols.told(db, frame.own_scope, patrol_id)
    _, track = patrols.look(db, frame.own_scope, patrol_id)
    return picture(request, patrol_pictures.patrol_map(db, frame.own_scope, answer, track))


def _taken(
    db: Db, scope: Scope, file: UploadFile | None, said: dict[str, str], settings: Settings
) -> PatrolAnswer:
    if file is None or not file.filename:
        raise BadFile("请先选择轨迹文件（GPX、KML、GeoJSON 或 CSV），再点“上传”。")
    if said["datum"] and said["datum"] not in {datum.value for datum in Datum}:
        raise Invalid("请在列表里选择坐标系。")
    return patrols.take_file(
        db,
        scope,
        _walker(db, scope, said["person"].strip()),
        cast(Any, file.file),
        name=printable(file.filename)[:80],
        time_zone=said["tz"].strip() or None,
        datum=Datum(said["datum"]) if said["datum"] else None,
        home_cut_m=settings.home_cut_m,
        keep_in=settings.files_dir,
    )


def _walker(db: Db, scope: Scope, word: str) -> uuid.UUID:
    if word:
        return parties.person_called(db, scope, word).id
    if scope.person_id is None:
        raise Invalid("请填写是谁的巡查：姓名或人员编号。")
    return scope.person_id


def _form(frame: Frame, scope: Scope, said: dict[str, str], *, error: YinxunError | None = None) -> Response:
    values = {
        "said": said,
        "error": error,
        "asks_datum": error is not None and error.code == "unknown_crs",
        "asks_zone": error is not None and error.code == "unknown_time_zone",
        "datums": list(Datum),
        "zone": frame.own_county.time_zone,
        "for_others": scope.holds(Right.COORDINATOR),
        "has_person": scope.person_id is not None,
    }
    return frame.show("upload.html", values, status=200 if error is None else 422)
