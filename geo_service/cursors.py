"""Opaque cursors of lists: the sort key of the last row that was sent, and no secret."""

import base64
import binascii
import json
import uuid
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Query

from geo_service.errors import Invalid

Limit = Annotated[int, Query(ge=1, le=1000, description="Rows in a page.")]
"""How many rows a page holds; give it the default 100."""
Cursor = Annotated[str | None, Query(max_length=1000, description="`next` of the page before.")]

T = TypeVar("T")


def encode(*key: str | int | float | None) -> str:
    """Return the cursor behind the row with this sort key.

    >>> decode(encode("生产河", 7))
    ['生产河', 7]
    """
    text = json.dumps(key, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(cursor: str) -> list[Any]:
    """Return the sort key of a cursor; raises `Invalid` for what is none."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        json.dumps(key, ensure_ascii=False).encode()  # half a surrogate is no text for PostgreSQL
    except (binascii.Error, ValueError, RecursionError) as error:
        raise _not_ours() from error
    if not isinstance(key, list):
        raise _not_ours()
    return key


def number(cursor: str | None) -> int | None:
    """Return the sort key of a list that is sorted by one number; None for the first page."""
    if cursor is None:
        return None
    key = decode(cursor)
    if len(key) != 1 or type(key[0]) is not int or not 0 <= key[0] < 2**63:
        raise _not_ours()
    return key[0]


def word(cursor: str | None) -> str | None:
    """Return the sort key of a list that is sorted by one text; None for the first page."""
    if cursor is None:
        return None
    key = decode(cursor)
    if len(key) != 1 or not isinstance(key[0], str) or "\x00" in key[0]:
        raise _not_ours()
    return key[0]


def value_and_id(cursor: str | None, read: Callable[[str], T]) -> tuple[T, uuid.UUID] | None:
    """Return the sort key of a list that is sorted by a value, then by id; None for the first page.

    `read` makes the value of its text, and raises ValueError or OverflowError for what is none.
    """
    if cursor is None:
        return None
    try:
        text, id_ = decode(cursor)
        if not isinstance(text, str) or "\x00" in text:
            raise _not_ours()
        return read(text), uuid.UUID(id_)
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise _not_ours() from error


def _not_ours() -> Invalid:
    return Invalid("翻页参数 cursor 不是这个列表给出的，请从第一页重新开始。")
