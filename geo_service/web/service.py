"""What the start page and the lists tell, gathered for a scope."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.clock import today
from geo_service.coverage import answers, facts, gaps, lists
from geo_service.coverage.answers import CoverageRow, CoverageTable
from geo_service.coverage.asked import WINDOW_DAYS
from geo_service.coverage.gap_rows import GapRow
from geo_service.coverage.gaps import GapTable
from geo_service.coverage.ground import DM_PER_M, Query
from geo_service.demo import service as demo
from geo_service.errors import NotFound
from geo_service.tables import County, Job
from geo_service.web import queries
from geo_service.web.queries import Holder, LayerCount, Listed
from geo_service.web.strips import Bar, Stretch, bars
from layers.vocabulary import GapKind, Layer
from maps.style import AMBIGUOUS, FRESHNESS, FRESHNESS_DAYS, UNCOVERED, gap_words


@dataclass(frozen=True)
class Window:
    """First and last local day, both included."""

    first: dt.date
    last: dt.date


@dataclass(frozen=True)
class Progress:
    """How far the making of the demo county is; `of` is 0 while that is not known."""

    state: str
    done: int
    of: int
    words: str
    error: str | None

    @property
    def is_of_interest(self) -> bool:
        """Whether it is still being made, or failed."""
        return self.state in ("waiting", "running", "failed")


@dataclass(frozen=True)
class Register:
    """What a county's register holds and what its people did in a window."""

    layers: Sequence[LayerCount]
    stewards: int
    patrols: int


@dataclass(frozen=True)
class Shares:
    """Shares of a layer's length or area in the scheme; None where nothing can be measured."""

    covered: float | None
    unassigned: float | None


@dataclass(frozen=True)
class PlaceGap:
    """A gap of one place in words."""

    words: str
    where: str
    row: GapRow


@dataclass(frozen=True)
class Measure:
    """A place's measure in a window: what was covered when, and the gaps; for an area in sum only."""

    row: CoverageRow
    bars: Sequence[Bar]
    gaps: Sequence[PlaceGap]


@dataclass(frozen=True)
class Card:
    """All that is known of one place besides its coverage."""

    place: Listed
    holders: Sequence[Holder]


def usual_window(county: County) -> Window:
    """Return the window of pages that name none."""
    last = today(county)
    return Window(last - dt.timedelta(days=WINDOW_DAYS - 1), last)


def register(db: Session, scope: Scope, window: Window) -> Register:
    """Count places, volunteers and patrols of the scope."""
    return Register(
        queries.layer_counts(db, scope),
        queries.stewards(db, scope, window.last),
        queries.patrols(db, scope, window.first, window.last),
    )


def card(db: Session, scope: Scope, place_id: int) -> Card:
    """Return one place of the scope with its people. Raises NotFound."""
    place = queries.place(db, scope, place_id)
    if place is None:
        raise NotFound("没有这个对象，或者它不在您的辖区内。")
    return Card(place, queries.holders(db, scope, place_id))


def shares(table: CoverageTable, unassigned: GapTable) -> dict[Layer, Shares]:
    """Return for every layer which share of it was covered, and which has nobody."""
    nobody = unassigned.sizes
    found = {layer: Shares(None, None) for layer in Layer}
    for total in table.totals:
        if total.whole:
            found[total.layer] = Shares(total.share, min(nobody.get(total.layer, 0.0) / total.whole, 1.0))
    return found


def measure(db: Session, scope: Scope, card: Card, question: Query) -> Measure | None:
    """Return the coverage of a card's place in the question's window; None while 未上图."""
    if not card.place.on_map:
        return None
    own = replace(
        question, layers=(card.place.layer,), register="all", place_ids=(card.place.id,), area_id=None
    )
    gathered = facts.gather(db, scope, own)
    table = answers.of(gathered, with_ambiguous=True)
    tables = [gaps.of(gathered, kind) for kind in GapKind]
    county = db.get_one(County, scope.county_id)
    rows = [(gap.kind, row) for gap in tables for row in gap.rows]
    where = lists.where(db, county, table.ground, [row for _, row in rows])
    found = [
        PlaceGap(gap_words(kind, card.place.layer, question.kind), said, row)
        for (kind, row), said in zip(rows, where, strict=True)
    ]
    return Measure(table.rows[0], _bars(db, scope, table, card.place), found)


def largest_gaps(db: Session, county: County, table: GapTable, limit: int) -> list[tuple[GapRow, str]]:
    """Return the largest gaps of a table, and where on its line each is."""
    order = np.argsort(-np.nan_to_num(table.rows.size), kind="stable")
    largest = list(table.rows.take(order[:limit]))
    return list(zip(largest, lists.where(db, county, table.ground, largest), strict=True))


def _bars(db: Session, scope: Scope, table: CoverageTable, place: Listed) -> list[Bar]:
    if place.length_m is None:
        return []
    classes = [spans for _, spans in answers.freshness(db, scope, table, FRESHNESS_DAYS)]
    uncovered = table.ground.whole - table.covered - table.ambiguous
    looks = zip((*FRESHNESS, UNCOVERED, AMBIGUOUS), (*classes, uncovered, table.ambiguous), strict=True)
    stretches = [
        Stretch(start / DM_PER_M, stop / DM_PER_M, look.key)
        for look, spans in looks
        for start, stop in zip(spans.start.tolist(), spans.stop.tolist(), strict=True)
    ]
    return bars(place.length_m, sorted(stretches, key=lambda stretch: stretch.start_m))


def demo_progress(db: Session) -> Progress | None:
    """Return how far the making of the demo county is; None where none was ever made."""
    job = queries.latest_job(db, demo.JOB)
    return None if job is None else _progress(job)


def _progress(job: Job) -> Progress:
    told: dict[str, Any] = job.progress or {}
    done, of = int(told.get("done") or 0), int(told.get("of") or 0)
    what = str(told.get("what") or "准备中")
    counted = f"（{done} / {of}）" if of else ""
    return Progress(job.state, done, of, f"正在生成演示县：{what}{counted}", job.error)
