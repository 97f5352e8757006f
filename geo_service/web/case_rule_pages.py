"""Pages of what a county says of its cases: units with their tasks, rules, categories, calendar."""

import re
import uuid
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from geo_service import audit
from geo_service.accounts.dependencies import require
from geo_service.accounts.narrow import CHANGE
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.cases import rule_files, rules, units
from geo_service.cases.rule_files import Change
from geo_service.cases.units import UnitSaid
from geo_service.clock import today
from geo_service.columns import printable
from geo_service.db import Db
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.listing import As, download
from geo_service.web import queries
from geo_service.web.fields import FromForm, Sent
from geo_service.web.frame import Frame, Framed
from layers.errors import BadRules, YinxunError
from layers.vocabulary import Separation, Severity

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

Changes = Annotated[Scope, require(*CHANGE)]
_Id = Annotated[int, Path(ge=0, lt=2**31)]
_LIMITS = ("accept", "dispatch", "check", "close", "rework")
_LIMIT_NAMES = {
    "accept": "受理", "dispatch": "交办", "check": "核查", "close": "办结", "rework": "返工",
}  # fmt: skip
_FLAGS = ("reporter_checks", "needs_proof", "public", "open311")
_SPAN = re.compile(r"(\d{1,2}:\d{2})\s*[-–—至到]\s*(\d{1,2}:\d{2})")
_BETWEEN = re.compile(r"[、，,\s]+")
_MOST_BYTES = 5 * 2**20


@router.get("/units", summary="Show the units that handle problems")
def listed(db: Db, frame: Framed, scope: Changes) -> Response:
    """Show each unit with what it handles and who acts for it."""
    return _units(db, frame, scope)


@router.post("/units", summary="Add a unit")
def add(db: Db, frame: Framed, scope: Changes, sent: FromForm) -> Response:
    """Add a unit."""
    return _done(db, frame, scope, lambda: units.save(db, scope, _said(sent)))


@router.post("/units/{unit_id}", summary="Change a unit with its tasks and members")
def change(db: Db, frame: Framed, scope: Changes, unit_id: _Id, sent: FromForm) -> Response:
    """Change name and numbers, what the unit handles, and who acts for it."""
    pairs = list(zip(sent.all("category"), sent.all("area"), sent.all("use"), strict=False))

    def changed() -> None:
        units.save(db, scope, _said(sent), unit_id)
        tasks = [
            (category or None, areas.area_id_of(db, scope, area) if area else None)
            for category, area, use in pairs
            if use == "1"
        ]
        known = rules.ground(db, scope.county_id).categories
        for category, _ in tasks:
            if category is not None:
                known.get(category)
        units.set_tasks(db, scope, unit_id, tasks)
        units.set_members(db, scope, unit_id, [_uuid(text) for text in sent.all("member")])

    return _done(db, frame, scope, changed)


@router.post("/units/{unit_id}/retire", summary="Take a unit out of use")
def retire(db: Db, frame: Framed, scope: Changes, unit_id: _Id) -> Response:
    """Take a unit out of use; its cases stay with it until somebody transfers them."""
    return _done(db, frame, scope, lambda: units.retire(db, scope, unit_id))


@router.get("/case-rules", summary="Show the rules of handling cases")
def rules_page(db: Db, frame: Framed, scope: Changes) -> Response:
    """Show limits, who must not do what, categories, calendar."""
    return _rules(db, frame, scope)


@router.post("/case-rules", summary="Change the rules of handling cases")
def change_rules(db: Db, frame: Framed, scope: Changes, sent: FromForm) -> Response:
    """Store the rules of the form."""
    try:
        with db.begin_nested():
            rules.set_rules(db, scope, _rules_said(sent))
    except (Forbidden, NotFound):
        raise
    except YinxunError as error:
        return _rules(db, frame, scope, error=error)
    return RedirectResponse(frame.link("/case-rules", saved="1"), status_code=303)


@router.get("/case-rules/categories", summary="The categories in use as a file")
def categories_file(db: Db, scope: Changes, form: Annotated[As, Query(alias="as")] = As.XLSX) -> Response:
    """Return the tree as a file that can be edited and read again."""
    tree = rules.ground(db, scope.county_id).categories
    audit.record(
        db, scope.actor, "cases.export", county_id=scope.county_id, list="categories", form=form.value
    )
    return download(rule_files.listing(tree), form)


@router.post("/case-rules/categories", summary="Put a tree of categories in use, or only try it")
def change_categories(
    db: Db, frame: Framed, scope: Changes, sent: FromForm, file: UploadFile | None = None
) -> Response:
    """Read a file; `dry_run` only says what would change. Nothing is kept where something is wrong."""
    try:
        with db.begin_nested():
            scope.demand_county(*CHANGE)
            tree = rule_files.categories(_given(file).file, _name(file))
            before = rules.ground(db, scope.county_id).categories
            change_ = rule_files.change(before, tree)
            if not sent["dry_run"] and not change_.is_none:
                rules.set_categories(db, scope, sent["name"] or f"{today(frame.own_county)} 的类别", tree)
    except (Forbidden, NotFound):
        raise
    except YinxunError as error:
        return _rules(db, frame, scope, error=error)
    return _rules(db, frame, scope, change=change_, tried=bool(sent["dry_run"]))


@router.post("/case-rules/calendar", summary="Take in which days are working days, or only try it")
def change_calendar(
    db: Db, frame: Framed, scope: Changes, sent: FromForm, file: UploadFile | None = None
) -> Response:
    """Read a table with 日期, 是否工作, 名称; `dry_run` only says what it holds."""
    try:
        with db.begin_nested():
            scope.demand_county(*CHANGE)
            days = rule_files.calendar(_given(file).file, _name(file))
            if not sent["dry_run"]:
                rules.set_days(db, scope, days)
    except (Forbidden, NotFound):
        raise
    except YinxunError as error:
        return _rules(db, frame, scope, error=error)
    return _rules(db, frame, scope, days=sorted(days), tried=bool(sent["dry_run"]))


# --- pages


def _units(db: Db, frame: Frame, scope: Scope, error: YinxunError | None = None) -> Response:
    tree = rules.ground(db, scope.county_id).categories
    stored = areas.areas_of(db, scope.county_id, borders=False)
    values = {
        "units": units.told(db, scope.county_id),
        "handlers": units.handlers(db, scope.county_id),
        "categories": tree,
        "areas": queries.area_choices(db, scope),
        "area_code": {area.id: area.code for area in stored},
        "area_name": {area.id: area.name for area in stored},
        "may_change": scope.areas(*CHANGE) is None,
        "error": error,
    }
    return frame.show("units.html", values, status=200 if error is None else 422)


def _rules(
    db: Db, frame: Frame, scope: Scope, *, error: YinxunError | None = None, change: Change | None = None,
    days: Any = None, tried: bool = False,
) -> Response:  # fmt: skip
    ground = rules.ground(db, scope.county_id)
    values = {
        "rules": ground.rules,
        "hours": "、".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in ground.rules.hours),
        "limits": [(name, _LIMIT_NAMES[name], getattr(ground.rules, name)) for name in _LIMITS],
        "handle": [(severity, ground.rules.handle[severity]) for severity in Severity],
        "after": "、".join(f"{value:g}" for value in ground.rules.supervise_after_days),
        "separations": list(Separation),
        "categories": ground.categories,
        "is_default": ground.edition_id is None,
        "calendar": sorted((ground.clock.days or {}).items()),
        "may_change": scope.areas(*CHANGE) is None,
        "saved": frame.request.query_params.get("saved") == "1",
        "error": error,
        "change": change,
        "days": days,
        "tried": tried,
    }
    return frame.show("case_rules.html", values, status=200 if error is None else 422)


def _done(db: Db, frame: Frame, scope: Scope, action: Callable[[], object]) -> Response:
    """Do something and go back to the units, or show them with what was wrong."""
    try:
        with db.begin_nested():
            action()
    except (Forbidden, NotFound):
        raise
    except YinxunError as error:
        return _units(db, frame, scope, error)
    return RedirectResponse(frame.link("/units"), status_code=303)


# --- what forms say


def _said(sent: Sent) -> UnitSaid:
    return UnitSaid(sent["name"], sent["contact"], sent["phone"])


def _uuid(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Invalid("请在列表里选择账号。") from None


def _rules_said(sent: Sent) -> dict[str, Any]:
    """Return the rules of a form as JSON has them. Raises Invalid, BadRules."""
    hours = _SPAN.findall(sent["hours"])
    if not hours:
        raise BadRules("工作时间要写成 08:30-12:00、14:00-17:30 这样。")
    return {
        "hours": [[f"{since:0>5}", f"{until:0>5}"] for since, until in hours],
        **{name: _limit(sent, name, _LIMIT_NAMES[name]) for name in _LIMITS},
        "handle": {each.value: _limit(sent, f"handle_{each}", f"{each.zh}的处置") for each in Severity},
        "supervise_after_days": [
            _number(word, "督办") for word in re.split(r"[、，,\s]+", sent["after"].strip()) if word
        ],
        "send_back_hours": int(_number(sent["send_back_hours"], "退回")),
        "reopen_days": int(_number(sent["reopen_days"], "重开")),
        "separation": sent["separation"],
        **{name: sent[name] == "1" for name in _FLAGS},
    }


def _limit(sent: Sent, name: str, what: str) -> dict[str, float]:
    unit = sent[f"{name}_unit"] or "days"
    value = _number(sent[name], f"{what}期限")
    if unit not in ("days", "hours") or value <= 0:
        raise BadRules(f"{what}期限要大于 0。")
    return {unit: value}


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise BadRules(f"{what}里的「{text[:20]}」要写数字。") from None
    if not 0 <= value <= 10_000:
        raise BadRules(f"{what}里的数字太大或小于 0。")
    return value


def _given(file: UploadFile | None) -> UploadFile:
    if file is None or not file.filename:
        raise Invalid("请先选择文件，再点按钮。")
    if file.size is not None and file.size > _MOST_BYTES:
        raise Invalid("文件太大，最多 5 MB。")
    return file


def _name(file: UploadFile | None) -> str:
    name = file.filename if file is not None else None
    return printable(PurePosixPath((name or "").replace("\\", "/")).name)[-80:] or "upload"
