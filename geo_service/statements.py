"""Statements that are asked many times a second: written out once, and sent as they are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ClauseElement
from sqlalchemy.dialects.postgresql import psycopg
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

_DIALECT = psycopg.dialect()  # type: ignore[no-untyped-call]


@dataclass(frozen=True)
class Statement:
    """SQL with the values that stay; what changes (`bindparam` without a value) is given with each call.

    Writing a statement out takes SQLAlchemy longer than PostgreSQL takes to answer it. Values must be of
    types that psycopg reads by itself, and so must the columns of the answer.
    """

    sql: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, statement: ClauseElement) -> "Statement":
        """Write a statement out."""
        compiled: Any = statement.compile(dialect=_DIALECT)
        open_ = {bind.key: None for bind in compiled.binds.values() if bind.required}
        state = compiled.construct_expanded_state(open_)
        kept = {name: value for name, value in state.parameters.items() if name not in open_}
        return cls(state.statement, kept)

    def ask(self, db: Session, **values: Any) -> CursorResult[Any]:
        """Return the rows for the values that change."""
        return db.connection().exec_driver_sql(self.sql, {**self.values, **values})
