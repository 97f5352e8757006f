"""What wants people: places and stretches that have fewer than they should, cut as asked."""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from geo_service.coverage import gaps, ground, lying_queries, windows
from geo_service.coverage.windows import PlaceRow
from geo_service.planning import numbers, queries
from geo_service.planning.asked import Asked, Numbers
from geo_service.planning.homes import Tree
from geo_service.planning.queries import Held
from geo_service.tables import County
from layers import crs as crs_
from layers import cutting, eligibility
from layers.cutting import Cuts
from layers.lines import LineSet
from layers.spans import SpanSet
from layers.vocabulary import Layer, Level

DM_PER_M = 10
Span = tuple[int, int]
Key = tuple[int, Span | None]
"""A place by its id, and its stretch in decimetres (None: all of it)."""


@dataclass(frozen=True)
class Decided:
    """A pair that somebody decided on."""

    key: Key
    person_id: uuid.UUID


@dataclass(frozen=True)
class Asking:
    """Where and what a proposal is asked for, as of a day."""

    db: Session
    county: County
    area_ids: frozenset[int]
    asked: Asked
    day: dt.date


@dataclass(frozen=True)
class NeedAt:
    """A need and where it lies."""

    place: PlaceRow
    number: int
    """Of the place in the ground."""
    span_dm: Span | None
    holders: frozenset[uuid.UUID]

    @property
    def key(self) -> Key:
        """How it is known again."""
        return self.place.place_id, self.span_dm

    @property
    def metres(self) -> int:
        """What of a line it is."""
        if not self.place.layer.is_line or self.place.length_dm is None:
            return 0
        a, b = self.span_dm or (0, self.place.length_dm)
        return round((b - a) / DM_PER_M)


@dataclass(frozen=True, eq=False)
class Land:
    """The places asked about, in metres."""

    ground: ground.Ground
    crs: str
    geometries: Any
    numbers: Mapping[int, Numbers]
    """Of places that should have other numbers of people than their layer."""

    @cached_property
    def lines(self) -> LineSet:
        """All lines, by the number of their place."""
        is_line = [place.layer.is_line for place in self.ground.places]
        lines = [g if yes else None for g, yes in zip(self.geometries, is_line, strict=True)]
        return LineSet.of(lines, crs=self.crs)

    def lines_of(self, layer: Layer) -> LineSet:
        """Return the lines of one layer; the others have none."""
        own = [place.layer is layer for place in self.ground.places]
        lines = [g if yes else None for g, yes in zip(self.geometries, own, strict=True)]
        return LineSet.of(lines, crs=self.crs)

    def shapes(self, needs: Sequence[NeedAt]) -> list[Any]:
        """Return where each need lies, in metres; None while 未上图."""
        found: list[Any] = [None] * len(needs)
        for i, need in enumerate(needs):
            own = self.geometries[need.number]
            if own is not None and not need.place.layer.is_line:
                found[i] = crs_.project(own, self.crs)
        lines = [i for i, need in enumerate(needs) if need.place.length_dm]
        order = sorted(lines, key=lambda i: (needs[i].number, needs[i].span_dm or (0, 0)))
        spans = [(needs[i].number, *(needs[i].span_dm or (0, needs[i].place.length_dm or 0))) for i in order]
        place, start, stop = np.array(spans, float).reshape(-1, 3).T
        drawn = self.lines.cut(SpanSet(place.astype(np.int64), start / DM_PER_M, stop / DM_PER_M))
        for i, line in zip(order, drawn, strict=True):
            found[i] = line
        return found


def land_of(asking: Asking, of: ground.Ground) -> Land:
    """Return the places of a ground with their geometries."""
    versions = [place.version_id or 0 for place in of.places]
    found = windows.geometries(asking.db, asking.county.id, versions)
    own = numbers.of_places(asking.db, asking.county.id, [place.place_id for place in of.places])
    return Land(of, asking.county.crs or "", found, own)


def numbers_of(land: Land, asked: Asked, place: PlaceRow) -> Numbers:
    """Return how many people a place should have: its own numbers, or what is asked of its layer."""
    return land.numbers.get(place.place_id) or asked.numbers_of(place.layer)


def needs(
    asking: Asking, land: Land, table: gaps.GapTable, duties: Sequence[Held]
) -> tuple[list[NeedAt], float]:
    """Return what has fewer people than it should, cut as asked; and the metres that are too short."""
    places = land.ground.places
    number = {place.place_id: k for k, place in enumerate(places)}
    found, too_short_m = _line_needs(asking, land, duties)
    asked = asking.asked
    unassigned = set(table.rows.number.tolist())
    wholly: dict[int, set[uuid.UUID]] = {}
    for duty in duties:
        if not duty.has_cells:
            wholly.setdefault(number[duty.place_id], set()).add(duty.person_id)
    for k, place in enumerate(places):
        if place.layer.is_line and place.version_id is not None:
            continue
        holders = frozenset(wholly.get(k, ()))
        is_short = len(holders) < numbers_of(land, asked, place).target
        # Held in parts by several: nothing of it is missing, and who has a part is no steward of all of it.
        if is_short and (holders or k in unassigned or asked.released):
            found.append(NeedAt(place, k, None, holders))
    return sorted(found, key=lambda need: (need.number, need.span_dm or (0, 0))), too_short_m


def _line_needs(asking: Asking, land: Land, duties: Sequence[Held]) -> tuple[list[NeedAt], float]:
    asked = asking.asked
    places, whole = land.ground.places, land.ground.whole
    number = {place.place_id: k for k, place in enumerate(places)}
    ids = sorted({duty.person_id for duty in duties})
    index = {id_: i for i, id_ in enumerate(ids)}
    spans = [
        (number[duty.place_id], float(a), float(b), index[duty.person_id])
        for duty in duties
        for a, b in (duty.spans or ((0, duty.length_dm),))
        if places[number[duty.place_id]].layer.is_line
    ]
    short = [
        row
        for row in cutting.staffed(whole, spans)
        if len(row[3]) < numbers_of(land, asked, places[row[0]]).target
    ]
    cuts = _cuts(asking, land, SpanSet.of(*_columns(short)))
    found: list[NeedAt] = []
    too_short_m = 0.0
    for k, start, stop, holders in short:
        one = SpanSet.of([k], [start], [stop])
        pieces = cutting.cut(one, cuts, shortest=asked.shortest_m * DM_PER_M)
        length_dm = places[k].length_dm or 0
        for _, a, b in zip(*(column.tolist() for column in pieces), strict=True):
            span = (round(a), round(b))
            if span[1] - span[0] < min(asked.shortest_m * DM_PER_M, length_dm):
                too_short_m += (b - a) / DM_PER_M
                continue
            is_all = span == (0, length_dm)
            found.append(NeedAt(places[k], k, None if is_all else span, frozenset(ids[h] for h in holders)))
    return found, too_short_m


def _columns(rows: Sequence[cutting.Staffed]) -> tuple[list[int], list[float], list[float]]:
    return [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]


def _cuts(asking: Asking, land: Land, whole: SpanSet) -> Cuts:
    asked = asking.asked
    cuts = Cuts.none()
    if asked.at_borders:
        lying = lying_queries.lying(asking.db, asking.county.id, sorted(asking.area_ids), land.ground.index)
        members = [
            SpanSet.of(
                *np.array([(k, a, b) for k, spans in own for a, b in spans or ()], float).reshape(-1, 3).T
            )
            for own in lying.values()
        ]
        cuts |= cutting.at_borders(members)
    if asked.at_bridges:
        for layer, other in ((Layer.RIVER, Layer.ROAD), (Layer.ROAD, Layer.RIVER)):
            lines = queries.lines(asking.db, asking.county.id, other, asking.area_ids)
            crossed = cutting.at_crossings(land.lines_of(layer), LineSet.of(lines, crs=land.crs))
            cuts |= Cuts(crossed.place, crossed.at * DM_PER_M)
    if asked.every_m is not None:
        # What is left between bridges and borders is cut on, so that no piece is longer.
        place, start, stop = cutting.cut(whole, cuts, shortest=asked.shortest_m * DM_PER_M)
        cuts |= cutting.every(SpanSet(place, start, stop), asked.every_m * DM_PER_M)
    return cuts


def with_fixed(needs: list[NeedAt], of: ground.Ground, fixed: Iterable[Decided]) -> list[NeedAt]:
    """Return the needs with those that somebody decided on, whatever became of them in the register."""
    known = {need.key for need in needs}
    number = {place.place_id: k for k, place in enumerate(of.places)}
    for one in fixed:
        place_id, span = one.key
        if one.key not in known and place_id in number:
            k = number[place_id]
            needs.append(NeedAt(of.places[k], k, span, frozenset()))
            known.add(one.key)
    return needs


def grounds(asking: Asking, land: Land, wanting: Sequence[NeedAt], tree: Tree) -> list[eligibility.Ground]:
    """Return of each need where it lies."""
    lying = lying_queries.lying(asking.db, asking.county.id, sorted(tree.level_of), land.ground.index)
    areas_of: dict[int, list[tuple[int, Sequence[Span] | None]]] = {}
    for area, own in lying.items():
        for k, spans in own:
            areas_of.setdefault(k, []).append((area, spans))
    found = []
    for need, shape in zip(wanting, land.shapes(wanting), strict=True):
        a, b = need.span_dm or (0, need.place.length_dm or 0)
        here = {
            area
            for area, spans in areas_of.get(need.number, ())
            if spans is None or any(start < b and a < stop for start, stop in spans)
        }
        listed = need.place.listed_under
        if not here and listed is not None:
            here = {listed}
        townships = {tree.township_of[area] for area in here} - {None}
        villages = {area for area in here if tree.level_of.get(area) is Level.VILLAGE}
        found.append(
            eligibility.Ground(
                need.place.place_id, need.place.layer, frozenset(t for t in townships if t is not None),
                frozenset(villages), shape,
            )
        )  # fmt: skip
    return found
