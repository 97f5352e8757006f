"""The two forms in which Open311 answers, JSON and XML, and how it says what is wrong."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.responses import JSONResponse, Response
from lxml import etree

from geo_service.columns import printable

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Shape:
    """The names of XML elements around rows: of all, and of one."""

    root: str
    row: str


SERVICES, REQUESTS, TOKENS, UPDATES, ERRORS = (
    Shape("services", "service"),
    Shape("service_requests", "request"),
    Shape("service_requests", "request"),
    Shape("service_request_updates", "request_update"),
    Shape("errors", "error"),
)
_INNER = {
    "attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format",
}  # fmt: skip
"""What the items of a list within a row are called."""


PREFIX = "/open311/v2"
_NOT_IN_XML = re.compile("[\ufffe\uffff]")


class Problem(Exception):
    """Something that cannot be answered, with the status that Open311 gives it."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        self.status, self.description = status, description


def answer(form: str, rows: Sequence[Row], shape: Shape, *, status: int = 200) -> Response:
    """Answer with rows."""
    if form == "xml":
        root = etree.Element(shape.root)
        for row in rows:
            _fill(etree.SubElement(root, shape.row), row)
        return _xml(root, status)
    return JSONResponse([dict(row) for row in rows], status_code=status)


def one(form: str, row: Row, root: str) -> Response:
    """Answer with one thing that is no list."""
    if form == "xml":
        element = etree.Element(root)
        _fill(element, row)
        return _xml(element, 200)
    return JSONResponse(dict(row))


def refused(form: str, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with what is wrong."""
    row = {"code": problem.status, "description": problem.description}
    response = answer(form, [row], ERRORS, status=problem.status)
    response.headers.update(headers or {})
    return response


def form_of(path: str) -> str | None:
    """Return in which form a path of Open311 answers; None: it is none.

    >>> [form_of(path) for path in ("/open311/v2/requests.xml", "/open311/v2/requests.txt", "/api/cases")]
    ['xml', 'json', None]
    """
    if not path.startswith(f"{PREFIX}/"):
        return None
    return "xml" if path.endswith(".xml") else "json"


def _fill(element: Any, row: Row) -> None:
    for name, value in row.items():
        child = etree.SubElement(element, name)
        if isinstance(value, Mapping):
            _fill(child, value)
        elif isinstance(value, list):
            for item in value:
                inner = etree.SubElement(child, _INNER.get(name, "item"))
                if isinstance(item, Mapping):
                    _fill(inner, item)
                else:
                    inner.text = _text(item)
        elif value is not None:
            child.text = _text(value)


def _text(value: Any) -> str:
    """Return a value as XML can hold it: without control characters and what is no character at all."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return _NOT_IN_XML.sub("", printable(text))


def _xml(root: Any, status: int) -> Response:
    content = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return Response(content, status_code=status, media_type="text/xml; charset=utf-8")
