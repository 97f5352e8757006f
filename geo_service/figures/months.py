"""Figures month by month: outings, what was walked of rivers and roads, problems that were solved."""

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.columns import Column, Listing
from geo_service.coverage import answers
from geo_service.coverage.ground import Query
from geo_service.figures.service import FigureTable
from layers.periods import Days, periods
from layers.vocabulary import Layer, Period

MOST_MONTHS = 60
LINES = tuple(layer for layer in Layer if layer.is_line)
COLUMNS = (
    Column("month", "月份"),
    Column("first_day", "从", "day"),
    Column("last_day", "到（含）", "day"),
    Column("sessions", "巡河巡路、网格服务（次）", "whole"),
    Column("covered_km", "走到的河道、道路（公里）", "number"),
    Column("closed", "办结的案件（件）", "whole"),
)


@dataclass(frozen=True)
class Month:
    """What was done on those days of a month that lie in the period."""

    days: Days
    sessions: int
    """Of X5."""
    covered_m: float
    """Metres of the rivers and roads of the scheme that were walked, each once."""
    closed: int
    """Of X6, without the entries by hand, which have no month."""

    @property
    def words(self) -> str:
        """The month as people write it."""
        return f"{self.days.first:%Y-%m}"

    @property
    def covered_km(self) -> float:
        """Kilometres, as they are told."""
        return round(self.covered_m / 1000, 1)


def months(db: Session, scope: Scope, table: FigureTable) -> list[Month]:
    """Return the months of the period of some figures; of a long one the latest."""
    period = Days(table.asked.period.first, table.asked.period.last)
    parts = [own for month in periods(period, Period.MONTH) if (own := month & period) is not None]
    parts = parts[-MOST_MONTHS:]
    question = Query(parts[0].first, period.last, layers=LINES, area_id=table.asked.area_id)
    walked_m = answers.covered_m(db, scope, question, parts)
    sessions, closed = (_by_month(counted) for counted in (table.by_day, table.closed_by_day))
    return [
        Month(days, sessions[_key(days.first)], metres, closed[_key(days.first)])
        for days, metres in zip(parts, walked_m, strict=True)
    ]


def _by_month(counted: Mapping[dt.date, int]) -> Counter[tuple[int, int]]:
    found: Counter[tuple[int, int]] = Counter()
    for day, count in counted.items():
        found[_key(day)] += count
    return found


def _key(day: dt.date) -> tuple[int, int]:
    return day.year, day.month


def listing(found: Sequence[Month]) -> Listing:
    """Return the months as a list."""
    rows = [
        (month.words, month.days.first, month.days.last, month.sessions, month.covered_km, month.closed)
        for month in found
    ]
    return Listing("months", "按月数据", COLUMNS, rows)
