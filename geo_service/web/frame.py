"""What every page has around its content: the county, the menu, who is signed in, the token of its forms."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import Depends, Request
from fastapi.responses import Response
from fastapi.templating import Jinja2Templates
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from geo_service.accounts.dependencies import Signed, SignedIn, csrf_token_of
from geo_service.accounts.scope import Scope
from geo_service.clock import today
from geo_service.db import Db
from geo_service.tables import County
from geo_service.web import words
from geo_service.web.menu import Menu, menu_of
from layers.vocabulary import Right

_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {
    "as_length": words.length_words,
    "as_number": words.number_words,
    "as_area": words.area_words,
    "as_share": words.share_words,
    "as_days": words.days_words,
    "as_stay": words.stay_words,
}
_ENVIRONMENT.globals["covered_words"] = words.covered_words
_TEMPLATES = Jinja2Templates(env=_ENVIRONMENT)


@dataclass(frozen=True)
class Frame:
    """The frame of one request's page; without a county there is no menu."""

    request: Request
    login: str
    county: County | None = None
    scope: Scope | None = None

    @property
    def own_county(self) -> County:
        """The county of a page that has one."""
        if self.county is None:
            raise RuntimeError("this page has no county")
        return self.county

    @property
    def own_scope(self) -> Scope:
        """The scope of a page that has a county."""
        if self.scope is None:
            raise RuntimeError("this page has no scope")
        return self.scope

    @property
    def zone(self) -> ZoneInfo:
        """The county's time zone."""
        return ZoneInfo(self.own_county.time_zone)

    @property
    def today(self) -> dt.date:
        """The county's own day."""
        return today(self.own_county)

    @property
    def made_up(self) -> bool:
        """Whether the county is a demonstration."""
        return self.county is not None and self.county.made_up

    @property
    def csrf_token(self) -> str:
        """The token that every form of the page carries."""
        return csrf_token_of(self.request)

    def holds(self, *rights: Right) -> bool:
        """Tell whether the account holds any of `rights` somewhere in the county of the page."""
        return self.scope is not None and self.scope.holds(*rights)

    @property
    def sees_places(self) -> bool:
        """Whether maps and registers hold anything for the account; an auditor reads the audit alone."""
        return self.holds(Right.COORDINATOR, Right.PLANNER, Right.VOLUNTEER)

    @property
    def menu(self) -> Menu:
        """The pages that the account's grants open."""
        return menu_of(self.own_scope, self.request.url.path, self.link)

    def link(self, path: str, *more: Mapping[str, object], **query: object) -> str:
        """Return the address of a page, in the same county if the address of this one named it.

        What is None or empty is left out, a list gives one pair an item; later values win.
        """
        named = self.request.query_params.get("county")
        pairs: dict[str, object] = {"county": named}
        for given in (*more, query):
            pairs |= given
        kept = {key: value for key, value in pairs.items() if value is not None and value != ""}
        return f"{path}?{urlencode(kept, doseq=True)}" if kept else path

    def show(self, template: str, values: Mapping[str, Any] | None = None, *, status: int = 200) -> Response:
        """Render a page."""
        return _TEMPLATES.TemplateResponse(
            self.request, template, {"frame": self, **(values or {})}, status_code=status
        )


def _frame(request: Request, db: Db, who: SignedIn, scope: Signed) -> Frame:
    return Frame(request, who.login, db.get_one(County, scope.county_id), scope)


Framed = Annotated[Frame, Depends(_frame)]
"""The frame of a page in the county of the request."""


def wants_page(request: Request) -> bool:
    """Tell whether someone waits for a page, and not a program for an answer."""
    return not request.url.path.startswith("/api/") and "text/html" in request.headers.get("Accept", "")


def error_page(request: Request, problem: Mapping[str, Any], headers: Mapping[str, str]) -> Response:
    """Return the page that says what went wrong, where, and what to do, from the problem details."""
    return _TEMPLATES.TemplateResponse(
        request, "error.html", {"problem": problem}, status_code=problem["status"], headers=dict(headers)
    )
