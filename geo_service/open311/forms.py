"""The two forms in which Open311 answers, JSON and XML, and how it says what is wrong."""

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


def refused(form: str, problem: Problem) -> Response:
    """Answer with what is wrong."""
    row = {"code": problem.status, "description": problem.description}
    return answer(form, [row], ERRORS, status=problem.status)


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
                    inner.text = printable(str(item))
        elif value is not None:
            text = str(value).lower() if isinstance(value, bool) else str(value)
            child.text = printable(text)  # XML has no control characters


def _xml(root: Any, status: int) -> Response:
    content = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return Response(content, status_code=status, media_type="text/xml; charset=utf-8")
