"""The pages of signing in: by password, by one-time link, and choosing a password."""

from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.templating import Jinja2Templates

from geo_service import web
from geo_service.accounts import cookies, passwords, service
from geo_service.accounts.dependencies import SignedIn, address_of, csrf_token_of, request_id_of
from geo_service.accounts.service import Opened, Refused
from geo_service.db import Db
from geo_service.errors import Invalid

router = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)

_TEMPLATES = Jinja2Templates(Path(web.__file__).parent / "templates")
_EXPIRED = "页面打开太久已过期，请再填一次。如果总是这样，请检查浏览器是否允许 Cookie。"

Text = Annotated[str, Form(max_length=1000)]


@router.get("/sign-in", summary="Show the sign-in form")
def sign_in_form(request: Request, next: str = "/") -> Response:
    """Show the sign-in form; `next` is the page to go to afterwards."""
    return _sign_in_page(request, next=next)


@router.post("/sign-in", summary="Sign in by password")
def sign_in(
    request: Request, db: Db, login: Text = "", password: Text = "", csrf_token: Text = "", next: Text = "/"
) -> Response:
    """Sign in by password and go to `next`; a wrong password shows the form again."""
    if not cookies.is_csrf_token(csrf_token, cookies.form_secret(request)):
        return _sign_in_page(request, next=next, login=login, error=_EXPIRED, status=403)
    opened = service.sign_in(
        db, login, password, address=address_of(request), request_id=request_id_of(request)
    )
    if isinstance(opened, Refused):
        return _sign_in_page(request, next=next, login=login, error=opened.detail, status=401)
    if opened.must_change:
        return _go(request, "/password", opened)
    return _go(request, "/password?old=1" if opened.is_old else _own_page(next), opened)


@router.get("/link", summary="Show the page of a one-time link")
def link_form(request: Request) -> Response:
    """Show the page that posts the secret of a one-time link, which stands in the fragment."""
    return _link_page(request)


@router.post("/link", summary="Sign in by a one-time link")
def link(request: Request, db: Db, secret: Text = "", csrf_token: Text = "") -> Response:
    """Sign in by the secret of a one-time link."""
    if not cookies.is_csrf_token(csrf_token, cookies.form_secret(request)):
        return _link_page(request, error=_EXPIRED, status=403)
    opened = service.redeem_link(db, secret, request_id=request_id_of(request))
    if opened is None:
        return _link_page(request, error="这个链接已经用过或已过期。", status=401)
    return _go(request, "/", opened)


@router.get("/password", summary="Show the form for a new password")
def password_form(request: Request, who: SignedIn, old: bool = False) -> Response:
    """Show the form for a new password; `old` says that the present one is older than 90 days."""
    return _password_page(request, who, is_old=old)


@router.post("/password", summary="Change the own password")
def change_password(
    request: Request, db: Db, who: SignedIn, password: Text = "", new: Text = "", again: Text = ""
) -> Response:
    """Change the own password; every other session of the account ends."""
    if passwords.normal(new) != passwords.normal(again):
        return _password_page(request, who, error="两次输入的新密码不一样，请重新输入。", status=422)
    try:
        opened = service.change_password(
            db, who, password, new, address=address_of(request), request_id=request_id_of(request)
        )
    except Invalid as error:
        return _password_page(request, who, error=error.detail, status=422)
    if isinstance(opened, Refused):
        return _password_page(request, who, error=opened.detail, status=401)
    return _go(request, "/", opened)


@router.post("/sign-out", summary="Sign out")
def sign_out(request: Request, db: Db, who: SignedIn) -> Response:
    """End the session and show the sign-in form."""
    service.sign_out(db, who, request_id=request_id_of(request))
    response = RedirectResponse("/sign-in", status_code=303)
    cookies.clear_session(request, response)
    return response


def _sign_in_page(
    request: Request, *, next: str, login: str = "", error: str | None = None, status: int = 200
) -> Response:
    values = {"next": _own_page(next), "login": login, "error": error}
    return _form_page(request, "sign_in.html", values, status)


def _link_page(request: Request, *, error: str | None = None, status: int = 200) -> Response:
    return _form_page(request, "link.html", {"error": error}, status)


def _form_page(request: Request, template: str, values: dict[str, Any], status: int) -> Response:
    """Render a form for someone who is not signed in, with a token of the form's own cookie."""
    secret = cookies.form_secret(request) or cookies.new_secret()
    token = cookies.csrf_token(secret)
    response = _TEMPLATES.TemplateResponse(request, template, {**values, "csrf_token": token}, status)
    cookies.set_form(request, response, secret)
    response.headers["Cache-Control"] = "no-store"
    return response


def _password_page(
    request: Request, who: SignedIn, *, is_old: bool = False, error: str | None = None, status: int = 200
) -> Response:
    values = {
        "login": who.login,
        "must_change": who.kind == "change",
        "is_old": is_old,
        "error": error,
        "csrf_token": csrf_token_of(request),
        "min_length": passwords.MIN_LENGTH,
        "warn_days": passwords.WARN_DAYS,
    }
    response = _TEMPLATES.TemplateResponse(request, "password.html", values, status)
    response.headers["Cache-Control"] = "no-store"
    return response


def _go(request: Request, page: str, opened: Opened) -> Response:
    response = RedirectResponse(page, status_code=303)
    cookies.set_session(request, response, opened.secret)
    return response


def _own_page(page: str) -> str:
    """Return a page of ours to go to: nobody is led to another host, nor to what is no page."""
    is_ours = page.startswith("/") and not page.startswith("//") and page.isprintable() and "\\" not in page
    return page if is_ours else "/"
