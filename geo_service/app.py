"""The application: every feature's routes, what an error looks like, and the documentation of the API."""

import datetime as dt
import logging
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psycopg
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DataError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

import maps
from geo_service import health
from geo_service.accounts import routes as accounts
from geo_service.accounts.dependencies import at_the_door, page_for
from geo_service.accounts.doors import Limiter
from geo_service.areas import routes as areas
from geo_service.cases import board_routes as case_boards
from geo_service.cases import public_pages as case_pages_of_plates
from geo_service.cases import routes as cases
from geo_service.cases import volunteer_routes as case_reports
from geo_service.coverage import routes as coverage
from geo_service.devices import routes as devices
from geo_service.edge import Edge, RoomFirst
from geo_service.errors import Conflict, Invalid, NotFound, TooLarge, Unavailable, problem
from geo_service.figures import routes as figures
from geo_service.live import routes as live
from geo_service.live.hub import Hub
from geo_service.messages import routes as messages
from geo_service.metrics import Metrics
from geo_service.morning import routes as morning
from geo_service.norms import routes as norms
from geo_service.notices import routes as notices
from geo_service.open311 import forms as open311_forms
from geo_service.open311 import routes as open311
from geo_service.patrols import client_routes as patrol_clients
from geo_service.patrols import paper_routes as patrol_papers
from geo_service.patrols import routes as patrols
from geo_service.people import routes as people
from geo_service.places import routes as places
from geo_service.planning import routes as planning
from geo_service.plates import pages as plate_pages
from geo_service.plates import routes as plates
from geo_service.privacy import routes as privacy
from geo_service.recorders import routes as recorders
from geo_service.room import lack_of_room
from geo_service.rosters import routes as rosters
from geo_service.services import routes as services
from geo_service.settings import Settings
from geo_service.tiles import routes as tiles
from geo_service.tiles.kept import Kept
from geo_service.volunteer import pages as volunteer_pages
from geo_service.volunteer import routes as volunteers
from geo_service.web import routes as web
from geo_service.web.frame import error_page, wants_page
from layers.errors import YinxunError

log = logging.getLogger(__name__)

STATIC = Path(__file__).parent / "web/static"
LEAFLET = Path(maps.__path__[0]) / "assets/leaflet"
RETRY_AFTER_S = 3
"""About as long as the database needs to come back after it was killed."""

ROUTERS = (
    accounts.router,
    areas.router,
    places.router,
    people.router,
    rosters.router,
    coverage.router,
    tiles.router,
    patrols.router,
    patrol_clients.router,
    patrol_papers.router,
    services.router,
    norms.router,
    planning.router,
    figures.router,
    morning.router,
    live.router,
    privacy.router,
    devices.router,
    recorders.router,
    notices.router,
    messages.router,
    plates.router,
    plate_pages.router,
    case_boards.router,
    cases.router,
    case_pages_of_plates.router,
    case_reports.router,
    open311.router,
    volunteers.router,
    volunteer_pages.router,
    web.router,
)


def create_app(settings: Settings, engine: Engine | Connection) -> FastAPI:
    """Make the application on a database whose tables are current."""
    app = FastAPI(
        title="银巡 Yinxun",
        version=version("yinxun"),
        summary="Patrols of rivers, roads, grids and compounds: what they covered, and the gaps.",
        docs_url=None,  # FastAPI's own page loads its scripts from another host
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(at_the_door)],
        responses={"default": {"description": "Problem details (RFC 9457)", "model": None}},
    )
    app.state.settings = settings
    app.state.engine = engine
    app.state.limiter = Limiter()
    app.state.metrics = Metrics()
    app.state.live = Hub(
        engine,
        staff_idle=dt.timedelta(minutes=settings.staff_idle_minutes),
        home_cut_m=settings.home_cut_m,
    )
    app.state.tiles = Kept()
    app.router.routes.extend(health.routes)
    app.mount("/static/leaflet", _Kept(directory=LEAFLET), name="leaflet")
    app.mount("/static", _Kept(directory=STATIC), name="static")
    for router in ROUTERS:
        app.include_router(router)
    _add_documentation(app)
    _add_error_table(app)
    app.add_middleware(
        RoomFirst, settings=settings, refuse=lambda request, error: _answer(request, error, error)
    )
    app.add_middleware(
        Edge,
        metrics=app.state.metrics,
        max_upload_bytes=settings.max_upload_mb * 2**20,
        is_https=settings.is_https,
    )
    return app


class _Kept(StaticFiles):
    """Files of the release: a browser may keep them, and asks whether they changed."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers.setdefault("Cache-Control", "no-cache")
        return response


def _add_documentation(app: FastAPI) -> None:
    @app.get("/openapi.json", include_in_schema=False)
    def openapi() -> JSONResponse:
        return JSONResponse(app.openapi())

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse((STATIC / "docs.html").read_text())


def _add_error_table(app: FastAPI) -> None:
    """Let every error leave as problem details, whichever layer raised it."""
    readings: dict[type[Exception], Callable[[Any], YinxunError]] = {
        YinxunError: lambda error: error,
        RequestValidationError: _read_validation,
        HTTPException: _read_http,
        DataError: lambda _: Invalid(
            "某个值不能保存：可能含有看不见的字符（例如 NUL），或超出了范围。请检查后重发。"
        ),
        IntegrityError: _read_integrity,
        OSError: _read_system,
        **dict.fromkeys(
            (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError, psycopg.InterfaceError),
            _read_outage,
        ),
    }
    for cls, read in readings.items():

        def handle(request: Request, error: Exception, read: Callable[[Any], YinxunError] = read) -> Response:
            return _answer(request, error, read(error))

        app.add_exception_handler(cls, handle)


def _answer(request: Request, raised: Exception, error: YinxunError) -> Response:
    if page := page_for(request, error):
        return RedirectResponse(page, status_code=303)
    more: dict[str, Any] = {"request_id": request.state.request_id}
    if isinstance(raised, RequestValidationError):
        more["errors"] = [
            {"where": _where(e["loc"]), "type": e["type"], "message": e["msg"]} for e in raised.errors()
        ]
    status, content = problem(error, **more)
    headers = dict(getattr(raised, "headers", None) or {})
    if isinstance(raised, HTTPException) and raised.status_code not in (404, 413) and status != 507:
        status = content["status"] = raised.status_code
    if status == 503:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    if form := open311_forms.form_of(request.url.path):
        # Its programs read a list of errors; what cannot be taken is 400 there.
        said = open311_forms.Problem(400 if status == 422 else status, content["detail"])
        return open311_forms.refused(form, said, headers)
    if wants_page(request):
        return error_page(request, content, headers)
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def _read_validation(error: RequestValidationError) -> YinxunError:
    said = [
        f"{_where(e['loc'])} {'没有填写' if e['type'] == 'missing' else '不合要求'}"
        for e in error.errors()[:5]
    ]
    return Invalid(f"发送的内容有误：{'；'.join(said)}。请改正后重发。")


def _where(place: tuple[Any, ...]) -> str:
    return ".".join(map(str, place))


def _read_system(error: OSError) -> YinxunError:
    """Tell a full disk as what it is; anything else is a fault of ours."""
    if (full := lack_of_room(error)) is None:
        raise error
    log.error("the disk is full")
    return full


def _read_http(error: HTTPException) -> YinxunError:
    if full := lack_of_room(error.__cause__):  # it ran full while a form was read
        return full
    if error.status_code == 404:
        return NotFound("没有这个地址，或者您没有查看它的权限。")
    if error.status_code == 413:
        return TooLarge("发送的内容太大。请拆成几份分别发送。")
    if error.status_code == 405:
        return Invalid("这个地址不接受这种请求方法。", title="Method not allowed.")
    return Invalid("请求的格式不对，服务器读不懂。请检查后重发。", title=str(error.detail)[:200])


def _read_integrity(error: IntegrityError) -> YinxunError:
    log.warning(
        "a constraint was hit: %s", getattr(getattr(error.orig, "diag", None), "constraint_name", None)
    )
    return Conflict("同样的内容刚刚已被保存，或它所依据的内容已被删除。请刷新后再试。")


def _read_outage(error: Exception) -> YinxunError:
    if full := lack_of_room(error):
        log.error("the disk of the database is full")
        return full
    log.warning("the database did not answer: %s", type(error).__name__)
    return Unavailable(f"数据库正在恢复或太忙。请过 {RETRY_AFTER_S} 秒再试，刚才的操作没有保存。")
