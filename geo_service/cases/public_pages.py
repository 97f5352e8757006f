"""The form behind a plate for anybody: without a script, without a map, without a position."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, UploadFile
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates

from geo_service import web
from geo_service.accounts import cookies, doors
from geo_service.cases import strangers
from geo_service.cases.strangers import Written
from geo_service.db import Db
from geo_service.errors import Invalid, NotFound, TooMany, status_of
from geo_service.settings import Settings
from layers.errors import YinxunError

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
_TEMPLATES = Jinja2Templates(Path(web.__file__).parent / "templates")
_A_MINUTE = 6
"""Reports at one plate: a crowd that reads the same notice, no program."""
Words = Annotated[str, Form(max_length=2000)]


@router.get("/p/{plate_id}/report", summary="The form to report a problem behind a plate")
def form(request: Request, db: Db, plate_id: str) -> Response:
    """Show the form, where the county lets strangers report."""
    return _shown(request, db, plate_id, {})


@router.post("/p/{plate_id}/report", summary="Report a problem behind a plate")
def report(
    request: Request,
    db: Db,
    plate_id: str,
    kind: Words = "",
    words: Words = "",
    caller: Words = "",
    phone: Words = "",
    topic: Annotated[str, Form(max_length=2000, description="Left empty: nobody sees it.")] = "",
    csrf_token: Words = "",
    photo: UploadFile | None = None,
) -> Response:
    """Take what was written; what is wrong is said above the form, and nothing is kept."""
    said = {"kind": kind, "words": words, "caller": caller, "phone": phone}
    if photo is not None and photo.filename:
        said["photo"] = "chosen"
    if not cookies.is_csrf_token(csrf_token, cookies.form_secret(request)):
        return _shown(request, db, plate_id, said, Invalid("页面打开太久已过期，请再点一次“上报”。"))
    settings: Settings = request.app.state.settings
    limiter: doors.Limiter = request.app.state.limiter
    try:
        limiter.take(f"plate_report:{plate_id}", _A_MINUTE)
        data = photo.file.read(strangers.MOST_BYTES + 1) if photo is not None and photo.filename else None
        if topic:  # only a program fills in what nobody sees: it is thanked, and nothing is kept
            return _thanked(request, None)
        with db.begin_nested():
            written = Written(kind, words, caller, phone, data or None)
            number = strangers.take(db, settings.files_dir, plate_id, written)
    except NotFound:
        raise
    except YinxunError as error:
        return _shown(request, db, plate_id, said, error)
    return _thanked(request, number)


def _shown(
    request: Request, db: Db, plate_id: str, said: dict[str, str], error: YinxunError | None = None
) -> Response:
    try:
        plate, ground, kinds = strangers.form_of(db, plate_id)
    except NotFound:
        return _TEMPLATES.TemplateResponse(request, "plate_gone.html", status_code=404)
    secret = cookies.form_secret(request) or cookies.new_secret()
    values: dict[str, Any] = {
        "plate": plate, "county": ground.county.name, "kinds": kinds, "said": said, "error": error,
        "csrf_token": cookies.csrf_token(secret),
    }  # fmt: skip
    status = 200 if error is None else 429 if isinstance(error, TooMany) else status_of(error)
    response = _TEMPLATES.TemplateResponse(request, "plate_report.html", values, status_code=status)
    cookies.set_form(request, response, secret)
    return response


def _thanked(request: Request, number: str | None) -> Response:
    return _TEMPLATES.TemplateResponse(request, "plate_reported.html", {"number": number})
