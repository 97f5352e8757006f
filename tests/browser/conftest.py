"""A headless Chromium that reaches nothing but what a test lets it reach, and counts what it tried."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Route, sync_playwright

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


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserContext]:
    """Debian's Chromium with an empty profile."""
    if not CHROMIUM.exists():
        reason = "chromium is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        profile = tmp_path_factory.mktemp("profile")
        context = playwright.chromium.launch_persistent_context(
            str(profile),
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
