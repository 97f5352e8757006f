"""The page behind a plate: for anybody who scans it, without a map and without a script."""

from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from fastapi.templating import Jinja2Templates

from geo_service import web
from geo_service.accounts.dependencies import PerhapsSignedIn
from geo_service.cases import strangers
from geo_service.db import Db
from geo_service.plates import public

router = APIRouter(include_in_schema=False)
_TEMPLATES = Jinja2Templates(Path(web.__file__).parent / "templates")


@router.get("/p/{plate_id}", summary="What is behind a plate", response_class=HTMLResponse)
def plate(request: Request, db: Db, who: PerhapsSignedIn, plate_id: str) -> Response:
    """Show the place, who looks after it, and whom to call; a volunteer also the way to check in."""
    shown = public.shown(db, plate_id)
    if shown is None:
        return _TEMPLATES.TemplateResponse(request, "plate_gone.html", status_code=404)
    values = {
        "shown": shown,
        "is_volunteer": who is not None and who.kind == "phone",
        "takes_reports": strangers.is_open(db, plate_id),
    }
    return _TEMPLATES.TemplateResponse(request, "plate.html", values)
