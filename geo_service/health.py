"""Whether the service lives, is ready, and what it measures: told to monitors, and nothing else told."""

import datetime as dt
import ipaddress
import logging

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from geo_service import migrations
from geo_service.db import transaction
from geo_service.errors import NotFound
from geo_service.metrics import Metrics, resident_bytes
from geo_service.privacy import retention
from geo_service.room import free_bytes, least_free_bytes
from geo_service.settings import Settings
from geo_service.tables import Job

log = logging.getLogger(__name__)


async def health(_: Request) -> Response:
    """Say that the process lives."""
    return JSONResponse({"status": "alive"})


async def ready(request: Request) -> Response:
    """Say whether requests will be answered: database, tables, disk. The log says what is missing."""
    missing = await run_in_threadpool(_missing, request)
    if missing:
        log.warning("not ready: %s", missing)
        return JSONResponse({"status": "not ready"}, 503, {"Retry-After": "5"})
    return JSONResponse({"status": "ready"})


async def metrics(request: Request) -> Response:
    """Tell Prometheus, on this machine only."""
    if not _is_local(request):
        raise NotFound("没有这个页面。")
    counted: Metrics = request.app.state.metrics
    gauges = await run_in_threadpool(_gauges, request)
    return PlainTextResponse(counted.text(gauges), media_type="text/plain; version=0.0.4; charset=utf-8")


routes = [Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)]
"""Plain routes: they stand before sign-in and must answer while the database does not."""


def _missing(request: Request) -> str | None:
    settings: Settings = request.app.state.settings
    try:
        with transaction(request.app.state.engine) as db:
            if not migrations.is_current(db.connection()):
                return "the tables of this version"
    except SQLAlchemyError:
        return "the database"
    if free_bytes(settings.data_dir) < least_free_bytes(settings):
        return "room on the disk"
    return None


def _gauges(request: Request) -> dict[str, float]:
    gauges: dict[str, float] = {"resident_bytes": resident_bytes()}
    try:
        with transaction(request.app.state.engine) as db:
            if (kept := retention.state(db)) is not None:
                gauges["retention_age_seconds"] = _age_s(kept.since)
                gauges["retention_left"] = kept.left
            for state, n in db.execute(select(Job.state, func.count()).group_by(Job.state)):
                gauges[f'jobs{{state="{state}"}}'] = n
        gauges["database_up"] = 1
    except SQLAlchemyError:
        gauges["database_up"] = 0
    return gauges


def _age_s(since: dt.datetime) -> float:
    return (dt.datetime.now(dt.UTC) - since).total_seconds()


def _is_local(request: Request) -> bool:
    """Whether the request was made on this machine, and not passed on by a proxy on it."""
    try:
        peer = ipaddress.ip_address(request.client.host if request.client else "")
    except ValueError:
        return False
    passed_on = any(name in request.headers for name in ("forwarded", "x-forwarded-for", "x-real-ip"))
    return peer.is_loopback and not passed_on
