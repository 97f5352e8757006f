"""The page of the audit: who did what, found by day, by what it is about and by account; and as a file.

Lines hold opaque ids. Names stand beside them only where the reader may see the account or the person
anyhow: an auditor reads ids.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response
from pydantic import BaseModel, BeforeValidator, Field

from geo_service import audit
from geo_service.accounts import service as accounts
from geo_service.accounts.dependencies import require
from geo_service.accounts.scope import Scope
from geo_service.columns import Column, Listing
from geo_service.db import Db
from geo_service.errors import Invalid
from geo_service.listing import As
from geo_service.paging import export
from geo_service.web import audit_queries
from geo_service.web.audit_words import FEATURES, action_words, detail_words, subject_words
from geo_service.web.frame import Frame, Framed
from layers.vocabulary import Right

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

PAGE_ROWS = 100
MOST_ROWS = 100_000
"""Lines of one file; the days part what is more."""
Audits = Annotated[Scope, require(Right.AUDITOR)]
_Day = Annotated[dt.date | None, BeforeValidator(lambda value: value or None)]
_PAGES = {"patrol": "/patrols/", "person": "/people/", "place": "/places/", "case": "/cases/"}
"""Kinds of subjects that have a page, for who may open it."""
_COLUMNS = (
    Column("at", "时间", "time"),
    Column("who", "账号"),
    Column("action", "做了什么"),
    Column("code", "代码"),
    Column("subject", "对什么"),
    Column("detail", "说明"),
    Column("request_id", "请求号"),
)


class Sought(BaseModel):
    """Which lines are looked for."""

    first: _Day = None
    last: _Day = None
    feature: Annotated[str, Field(max_length=40)] = ""
    who: Annotated[str, Field(max_length=100)] = ""
    """Login or id of an account."""
    subject: Annotated[str, Field(max_length=100, pattern=r"^([a-z_]+/[\w-]+)?$")] = ""
    before: Annotated[int | None, BeforeValidator(lambda value: value or None), Field(ge=0, lt=2**63)] = None

    @property
    def pairs(self) -> dict[str, Any]:
        """What was asked for, for the address of another page of it."""
        return self.model_dump(mode="json", exclude_defaults=True, exclude={"before"})


@dataclass(frozen=True)
class Shown:
    """A line as its reader sees it."""

    id: int
    at: dt.datetime
    who: str
    account: str | None
    """Login or id, to look for more of the same account."""
    action: str
    code: str
    subject: str
    subject_key: str | None
    href: str | None
    detail: str
    request_id: str | None


@router.get("/audit", summary="Show the audit")
def page(db: Db, frame: Framed, scope: Audits, sought: Annotated[Sought, Query()]) -> Response:
    """Show lines, the latest first, a page at a time."""
    found = _lines(db, frame, sought, limit=PAGE_ROWS + 1)
    last = found[PAGE_ROWS - 1].id if len(found) > PAGE_ROWS else None
    values = {
        "sought": sought,
        "features": FEATURES,
        "rows": _shown(db, frame, found[:PAGE_ROWS]),
        "more": frame.link("/audit", sought.pairs, before=last) if last is not None else None,
        "names": scope.holds(Right.ADMINISTRATOR),
    }
    response = frame.show("audit.html", values)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/audit/file", summary="The audit as a file")
def file(
    db: Db,
    frame: Framed,
    scope: Audits,
    sought: Annotated[Sought, Query()],
    form: Annotated[Literal["xlsx", "csv", "json"], Query(alias="as")] = "xlsx",
) -> Response:
    """Return the lines that are looked for; that they were taken along stands in the audit too."""
    found = _lines(db, frame, sought, limit=MOST_ROWS + 1)
    if len(found) > MOST_ROWS:
        raise Invalid(f"超过 {MOST_ROWS} 条，请把日期分成几段，分别下载。")
    rows = [
        (line.at, line.who, line.action, line.code, line.subject, line.detail, line.request_id)
        for line in _shown(db, frame, found)
    ]
    return export(db, scope, Listing("audit", "审计记录", _COLUMNS, rows), As(form))


def _lines(db: Db, frame: Frame, sought: Sought, *, limit: int) -> Sequence[audit.Line]:
    account_id = _account(db, frame.own_scope, sought.who.strip())
    if sought.who.strip() and account_id is None:
        return []
    return audit.lines(
        db,
        frame.own_scope,
        before=sought.before,
        limit=limit,
        action=f"{sought.feature}." if sought.feature else None,
        subject=sought.subject or None,
        account_id=account_id,
        since=_midnight(sought.first, frame.zone),
        until=_midnight(sought.last and sought.last + dt.timedelta(days=1), frame.zone),
    )


def _account(db: Db, scope: Scope, word: str) -> uuid.UUID | None:
    """Return the account of an id, or of a login that the scope may see."""
    try:
        return uuid.UUID(word)
    except ValueError:
        return audit_queries.account_called(db, scope, accounts.tidy_login(word))


def _midnight(day: dt.date | None, zone: ZoneInfo) -> dt.datetime | None:
    return None if day is None else dt.datetime.combine(day, dt.time(), zone)


def _shown(db: Db, frame: Frame, found: Sequence[audit.Line]) -> list[Shown]:
    """Return lines with the names that their reader may see."""
    scope = frame.own_scope
    subjects = [(kind, id_) for line in found for kind, _, id_ in [(line.subject or "").partition("/")]]
    ids = {line.account_id for line in found if line.account_id} | _uuids(subjects, "account")
    logins = audit_queries.logins(db, scope, ids)
    names = audit_queries.person_names(db, scope, _uuids(subjects, "person"))
    known: dict[str, Mapping[str, str]] = {
        "account": {str(id_): login for id_, login in logins.items()},
        "person": {str(id_): name for id_, name in names.items()},
    }
    return [_line(frame, line, known) for line in found]


def _line(frame: Frame, line: audit.Line, known: Mapping[str, Mapping[str, str]]) -> Shown:
    kind, _, id_ = (line.subject or "").partition("/")
    opens = frame.sees_places and kind in _PAGES
    login = known["account"].get(str(line.account_id))
    name = known.get(kind, {}).get(id_, id_)
    return Shown(
        line.id,
        line.at.astimezone(frame.zone),
        _who(line, login),
        None if line.account_id is None else login or str(line.account_id),
        action_words(line.action),
        line.action,
        f"{subject_words(kind)} {name}" if kind else "",
        line.subject,
        frame.link(f"{_PAGES[kind]}{id_}") if opens else None,
        detail_words(line.detail),
        line.request_id,
    )


def _who(line: audit.Line, login: str | None) -> str:
    if line.account_id is not None:
        return login or str(line.account_id)
    return f"服务器上的 {line.os_user}" if line.os_user else "没有登录"


def _uuids(subjects: Iterable[tuple[str, str]], kind: str) -> set[uuid.UUID]:
    found = set()
    for said, id_ in subjects:
        if said == kind:
            try:
                found.add(uuid.UUID(id_))
            except ValueError:  # of a kind that has numbers
                continue
    return found
