"""Rows in bulk by COPY: 13,000 rivers or a million spans in one go, in the session's transaction."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import ARRAY, BigInteger, ColumnElement, any_, func, literal, select
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import UserDefinedType

from geo_service.arrays import Longs
from geo_service.tables import Table


def copy_rows(db: Session, table: type[Table], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Append rows, a value a column, and return how many.

    Values are sent as text: a geometry as hexadecimal EWKB, a multirange as `multirange`, cells as "0101",
    JSON as psycopg's Jsonb.
    """
    db.flush()
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table.__tablename__), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    count = 0
    connection = db.connection().connection.driver_connection
    if connection is None:
        raise RuntimeError("the session has lost its connection")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def new_ids(db: Session, table: type[Table], count: int) -> list[int]:
    """Return ids for rows that are about to be copied."""
    sequence = func.pg_get_serial_sequence(table.__tablename__, "id")
    series = func.generate_series(1, count).table_valued("number")
    return list(db.scalars(select(func.nextval(sequence)).select_from(series)))


def multirange(spans: Iterable[Sequence[float]]) -> str:
    """Write spans as PostgreSQL's multirange, from ends in decimetres, whole numbers.

    >>> multirange([(0, 90), (100, 934)]), multirange([])
    ('{[0,90),[100,934)}', '{}')
    """
    return "{" + ",".join(f"[{int(start)},{int(stop)})" for start, stop in spans) + "}"


class _LongArray(UserDefinedType[Longs]):
    """The type of `Longs`, which psycopg knows how to send."""

    cache_ok = True
    render_bind_cast = True

    def get_col_spec(self, **_: Any) -> str:
        return "BIGINT[]"


def longs(values: Iterable[int]) -> ColumnElement[Any]:
    """Return whole numbers as one array to send; of a register there may be 100,000."""
    return literal(Longs(np.fromiter(values, np.int64)), _LongArray())


def among(column: InstrumentedAttribute[Any], values: Iterable[Any]) -> ColumnElement[bool]:
    """Return the condition that a column is one of many values: one array, where `in_` sends each alone."""
    if isinstance(column.type, BigInteger):
        return column == any_(longs(values))
    return column == any_(literal(list(values), ARRAY(column.type)))


@lru_cache(maxsize=4096)
def spans_in(text: str) -> tuple[tuple[int, int], ...]:
    """Return a multirange that was read as text, many times faster than as objects.

    >>> spans_in("{[0,40),[90,120)}"), spans_in("{}")
    (((0, 40), (90, 120)), ())
    """
    ends = [int(number) for number in re.findall(r"\d+", text)]
    return tuple(zip(ends[::2], ends[1::2], strict=True))


def elements_of(sent: bytes, kind: str) -> NDArray[Any]:
    """Return the elements of an array as `array_send` gives it: a head, then a length before each.

    `kind` is numpy's big-endian type of them, as ">f8"; no element may be null.
    """
    return np.frombuffer(sent, [("length", ">i4"), ("value", kind)], offset=min(20, len(sent)))["value"]
