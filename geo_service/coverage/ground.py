"""What a question starts from: the places it is about, their wholes, their duties.

A line's whole, what was covered, what is somebody's duty are spans in decimetres; an area's are cells.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas_service
from geo_service.coverage import holding, lying_queries, queries, windows
from geo_service.coverage.holding import Steward
from geo_service.coverage.lying import NOWHERE, Townships
from geo_service.coverage.windows import PlaceRow
from geo_service.errors import Invalid
from layers.cells import AreaCells, CellSet
from layers.spans import SpanSet
from layers.vocabulary import DutyKind, Layer, Level, Right

DM_PER_M = 10
Register = Literal["scheme", "all"]


@dataclass(frozen=True)
class Query:
    """What is asked: which places, in which area, in which window (both days included), whose duties."""

    first_day: dt.date
    last_day: dt.date
    layers: tuple[Layer, ...] = tuple(Layer)
    area_id: int | None = None
    kind: DutyKind = DutyKind.VOLUNTEER
    level: Level | None = None
    register: Register = "scheme"
    place_ids: tuple[int, ...] | None = None
    """Only these places."""
    shortest_m: float = 0.0
    """Gaps of lines that are shorter are summed, not listed."""

    def __post_init__(self) -> None:
        if self.first_day > self.last_day:
            raise Invalid(f"时段的开始（{self.first_day}）在结束（{self.last_day}）之后；请把两个日期对调。")


@dataclass(frozen=True, eq=False)
class Ground:
    """The places asked for and their wholes, numbered 0, 1, ...: what every answer starts from."""

    query: Query
    places: Sequence[PlaceRow]
    whole: SpanSet
    """Of lines, dm; where an area is asked for, their part of it."""
    townships: Townships
    """In which the places lie."""

    @cached_property
    def index(self) -> dict[int, int]:
        """Version id -> number."""
        return {place.version_id: k for k, place in enumerate(self.places) if place.version_id is not None}

    @cached_property
    def lines(self) -> dict[int, int]:
        """Version id -> number, of lines."""
        return {version_id: k for version_id, k in self.index.items() if self.places[k].layer.is_line}

    @cached_property
    def areas(self) -> dict[int, int]:
        """Version id -> number, of areas."""
        return {version_id: k for version_id, k in self.index.items() if not self.places[k].layer.is_line}


def gather(db: Session, scope: Scope, query: Query) -> Ground:
    """Read the places asked for and their wholes."""
    areas = areas_of(db, scope, query)
    places = windows.places(
        db,
        scope,
        layers=query.layers,
        in_scheme_only=query.register == "scheme",
        areas=areas,
        place_ids=query.place_ids,
    )
    ground = Ground(query, places, SpanSet.empty(), NOWHERE)
    whole = SpanSet.whole([place.length_dm or 0 for place in places])
    if areas is not None:
        whole = whole & lying_queries.member_spans(db, scope.county_id, areas, ground.index)
    listed = {k: place.listed_under for k, place in enumerate(places) if place.version_id is None}
    named = {k: area for k, area in listed.items() if area is not None}
    townships = lying_queries.townships(db, scope.county_id, ground.index, named)
    return replace(ground, whole=whole, townships=townships)


def area_id(db: Session, scope: Scope, code: str) -> int:
    """Return the id of the area with a code; NotFound if there is none."""
    found = windows.area_id(db, scope.county_id, code)
    if found is None:
        raise areas_service.no_area()
    return found


def areas_of(db: Session, scope: Scope, query: Query) -> frozenset[int] | None:
    """Return the areas to which an answer is cut: the one asked for, and of the scope's where it has some."""
    own = scope.areas(Right.COORDINATOR, Right.PLANNER)
    if scope.person_id is not None and not own:
        own = None  # a volunteer's places are narrowed by his duties, and shown whole
    if query.area_id is None:
        return own
    asked = areas_service.descendants(db, scope.county_id, [query.area_id])
    chosen = asked if own is None else asked & own
    if not chosen:
        raise areas_service.no_area()
    return chosen


def covered(db: Session, scope: Scope, ground: Ground) -> SpanSet:
    """Return what of the lines (dm) was covered in the window, by anyone."""
    query = ground.query
    found = windows.covered_spans(
        db,
        scope.county_id,
        query.first_day,
        query.last_day,
        ground.lines,
    )
    return found & ground.whole


def ambiguous(db: Session, scope: Scope, ground: Ground) -> SpanSet:
    """Return what of the lines (dm) somebody maybe walked in the window, covered by others or not."""
    query = ground.query
    found = windows.ambiguous_spans(db, scope.county_id, query.first_day, query.last_day, ground.lines)
    return found & ground.whole


def asked_duties(ground: Ground) -> holding.Asked:
    """Return which duties a question is about: those in force on the window's last day."""
    query = ground.query
    numbers = {place.place_id: k for k, place in enumerate(ground.places)}
    has_areas = any(not place.layer.is_line for place in ground.places)
    return holding.Asked(query.last_day, query.kind, query.level, numbers, has_areas)


def may_name(scope: Scope) -> bool:
    """Tell whether the answer may hold people's names: planners get aggregates."""
    return scope.holds(Right.COORDINATOR)


def stewards(db: Session, scope: Scope, ground: Ground) -> dict[int, list[Steward]]:
    """Return by number who holds the places or parts of them, as far as the scope may read that."""
    return holding.stewards(db, scope, asked_duties(ground)) if may_name(scope) else {}


def areas_m2(db: Session, county_id: int, ground: Ground, cells: Mapping[int, CellSet]) -> dict[int, float]:
    """Return the area inside its place of each set of cells."""
    version = {k: ground.places[k].version_id or 0 for k in cells}
    wanted = [(version[k], *block) for k, found in cells.items() for block in found.blocks]
    inside = queries.cells_of(db, county_id, wanted)
    none = AreaCells(CellSet(), {})
    return {k: inside.get(version[k], none).area_m2(found) for k, found in cells.items()}
