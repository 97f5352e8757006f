"""The page of volunteers: a shell without data, its worker that keeps it on the phone, its manifest.

All files of a release have one version, the hash of them all. It stands in the address of each, so that the
page and the worker of a release only ever meet files of the same one.
"""

import gzip
import hashlib
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.templating import Jinja2Templates

from geo_service import web
from geo_service.errors import NotFound

router = APIRouter(include_in_schema=False)

_STATIC = Path(web.__file__).parent / "static/v"
_TEMPLATES = Jinja2Templates(Path(web.__file__).parent / "templates")
_IMPORTED = re.compile(r'from "\./([a-z]+\.js)"')
_LATER = frozenset({"sw.js"})
"""Files that the page does not load itself."""


@cache
def _release() -> tuple[str, tuple[str, ...]]:
    """Return the version of the release and the names of the files of the page."""
    files = sorted(path for path in _STATIC.iterdir() if path.is_file())
    template = (_STATIC.parent.parent / "templates/v.html").read_bytes()
    version = hashlib.sha256(b"".join([template, *(path.read_bytes() for path in files)])).hexdigest()[:16]
    return version, tuple(path.name for path in files if path.name not in _LATER)


@router.get("/v", summary="The page of volunteers", response_class=HTMLResponse)
def page(request: Request) -> Response:
    """Return the shell; what it shows comes from the interface, and from the phone's own store."""
    values = {"version": _release()[0], "first": _loaded_first("app.js")}
    response = _TEMPLATES.TemplateResponse(request, "v.html", values)
    response.headers["Cache-Control"] = "no-cache"
    return response


@cache
def _loaded_first(name: str) -> tuple[str, ...]:
    """Return the files that a script imports before it runs: the page asks for all of them at once."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        script = (_STATIC / waiting.pop()).read_text(encoding="utf-8")
        new = [one for one in _IMPORTED.findall(script) if one not in found]
        found |= dict.fromkeys(new)
        waiting += new
    return tuple(found)


@router.get("/v/{file}", summary="A file of the page of volunteers")
def file(request: Request, file: str) -> Response:
    """Return the worker, the manifest or a file of the release, which its version keeps for ever."""
    version, names = _release()
    if file == "sw.js":
        lead = f"const VERSION = {json.dumps(version)};\nconst FILES = {json.dumps(names)};\n"
        script = lead + (_STATIC / "sw.js").read_text(encoding="utf-8")
        # From its folder it would only keep what lies below, and not see the plates.
        headers = {"Cache-Control": "no-cache", "Service-Worker-Allowed": "/"}
        return Response(script, media_type="text/javascript", headers=headers)
    if file == "manifest.webmanifest":
        return JSONResponse(_manifest(version), media_type="application/manifest+json")
    name = file.removeprefix(f"{version}-")
    if name == file or name not in names:
        raise NotFound("没有这个文件；请关闭页面后重新打开。")
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
    content, packed = _content(name)
    headers = {"Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        content, headers["Content-Encoding"] = packed, "gzip"
    return Response(content, media_type=kinds[Path(name).suffix], headers=headers)


@cache
def _content(name: str) -> tuple[bytes, bytes]:
    """Return a file as it is served, and the same compressed: by the river a kilobyte takes its time."""
    content = (_STATIC / name).read_bytes()
    if name.endswith(".js"):
        # What a file imports is of the same release.
        content = content.replace(b'"./', f'"./{_release()[0]}-'.encode())
    return content, gzip.compress(content, mtime=0)


def _manifest(version: str) -> dict[str, Any]:
    icon = {"src": f"/v/{version}-icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}
    return {
        "name": "银巡 巡查",
        "short_name": "银巡",
        "lang": "zh-CN",
        "start_url": "/v",
        "scope": "/v",
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": "#0b4f3a",
        "icons": [icon],
    }
