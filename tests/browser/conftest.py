"""A headless Chromium that reaches nothing but what a test lets it reach, and counts what it tried."""

import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn
from playwright.sync_api import BrowserContext, Page, Playwright, Route, sync_playwright
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.orm import Session

from geo_service import migrations
from geo_service.app import create_app
from geo_service.db import make_engine, psycopg_url
from geo_service.settings import Settings
from layers.vocabulary import Right
from tests.geo_service.watertown import PASSWORD, Watertown, add_account, build

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-gpu",
    "--hide-scrollbars",
]


@dataclass
class Watched:
    """A page, with every address it asked of another host, and every error it told."""

    page: Page
    allowed: set[str] = field(default_factory=set)
    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def guard(self, route: Route) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("file", "data", "blob", "about") or address.netloc in self.allowed:
            route.continue_()
        else:
            self.outside.append(route.request.url)
            route.abort()


@dataclass
class Service:
    """A running service: where, with what in it."""

    host: str
    town: Watertown
    engine: Engine
    files_dir: Path


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Playwright, where there is Debian's Chromium."""
    if not CHROMIUM.exists():
        reason = "chromium is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Debian's Chromium with an empty profile."""
    context = playwright.chromium.launch_persistent_context(
        str(tmp_path_factory.mktemp("profile")),
        executable_path=str(CHROMIUM),
        args=ARGUMENTS,
        locale="zh-CN",
        viewport={"width": 1280, "height": 860},
        accept_downloads=True,
    )
    yield context
    context.close()


@pytest.fixture
def watched(browser: BrowserContext) -> Iterator[Watched]:
    """A fresh page; at the end no other host may have been asked."""
    page = browser.new_page()
    watched = Watched(page)
    page.route("**/*", watched.guard)
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.on("console", lambda said: watched.errors.append(said.text) if said.type == "error" else None)
    yield watched
    page.close()
    assert watched.outside == [], "a page asked another host"


@pytest.fixture
def shot(tmp_path: Path) -> Any:
    """Save a screenshot; kept in the folder SCREENSHOTS names, to be looked at."""
    folder = Path(os.environ.get("SCREENSHOTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> Path:
        path = folder / f"{name}.png"
        page.screenshot(path=str(path))
        return path

    return take


@contextmanager
def running(server: str, data_dir: Path, fill: Callable[[Session], Any]) -> Iterator[tuple[str, Engine, Any]]:
    """Run the service on a database of its own that `fill` fills; yield host, engine, what `fill` said."""
    name = f"yinxun_pages_{uuid.uuid4().hex[:12]}"
    admin = create_engine(psycopg_url(server), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"create database {name}"))
    url = admin.url.set(database=name, drivername="postgresql").render_as_string(hide_password=False)
    engine = make_engine(url)
    migrations.upgrade(engine, None)
    with Session(engine, expire_on_commit=False) as db, db.begin():
        filled = fill(db)
    app = create_app(Settings(data_dir=data_dir), engine)
    web = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None))
    thread = threading.Thread(target=web.run, daemon=True)
    thread.start()
    while not web.started:
        time.sleep(0.02)
    port = web.servers[0].sockets[0].getsockname()[1]
    yield f"127.0.0.1:{port}", engine, filled
    web.should_exit = True
    thread.join(10)
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"drop database {name} with (force)"))
    admin.dispose()


def _watertown(db: Session) -> Watertown:
    town = build(db, evil=True)
    add_account(db, town.county, "clerk", Right.COORDINATOR)
    return town


@pytest.fixture(scope="session")
def service(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on a database of its own that holds the watertown, with a coordinator who may sign in."""
    data_dir = tmp_path_factory.mktemp("data")
    with running(server, data_dir, _watertown) as (host, engine, town):
        yield Service(host, town, engine, Settings(data_dir=data_dir).files_dir)


@pytest.fixture
def signed_in(watched: Watched, service: Service) -> Iterator[Watched]:
    """A page on which the coordinator signed in by the form; his own service may be asked."""
    watched.allowed.add(service.host)
    page = watched.page
    page.goto(f"http://{service.host}/sign-in")
    page.get_by_label("登录名").fill("clerk")
    page.locator("#password").fill(PASSWORD)
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"http://{service.host}/morning")
    yield watched
    page.context.clear_cookies()
