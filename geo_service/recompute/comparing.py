"""What a run would change: by layer in sum, and by place, the largest changes first.

It is compared with what is in force at the moment of asking, so that a comparison tells the truth of today.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.columns import Column, Listing
from geo_service.coverage import many
from geo_service.recompute import compare_queries
from geo_service.recompute.compare_queries import Asked, CellChange, LineChange, Place
from geo_service.recompute.service import adoptable
from geo_service.tables import County
from layers import crs as crs_
from layers.lines import LineSet
from layers.spans import SpanSet
from layers.vocabulary import Layer

DM_PER_M = 10


@dataclass(frozen=True)
class Change:
    """What changes on one place: metres of a line, square metres of an area."""

    place: Place
    before: float
    after: float
    gained: float
    lost: float
    drawn: Any = None
    """The stretches or cells that are gained or lost, in lon, lat; None unless asked for."""


@dataclass(frozen=True)
class Total:
    """What changes on a layer: metres or square metres of the places on which anything changes."""

    layer: Layer
    patrols: int
    places: int
    before: float
    after: float
    gained: float
    lost: float


@dataclass(frozen=True)
class Comparison:
    """A run beside what is in force."""

    run_id: int
    patrols: int
    """That the run holds."""
    totals: Sequence[Total]
    changes: Sequence[Change]


def compare(db: Session, scope: Scope, run_id: int, *, drawn: bool = False) -> Comparison:
    """Compare a run with what is in force. Raises NotFound and Conflict."""
    run = adoptable(db, scope, run_id)
    layers = [layer for layer in Layer if not run.asked.layers or layer in run.asked.layers]
    asked = Asked(scope.county_id, run_id, [layer.value for layer in layers], run.asked.since)
    county = db.get_one(County, scope.county_id)
    with compare_queries.in_bulk(db):
        lines, areas = compare_queries.lines(db, asked), compare_queries.cells(db, asked)
        patrols = compare_queries.patrols(db, asked)
    changes = [*_lines(db, county, lines, drawn=drawn), *_areas(db, county, areas, drawn=drawn)]
    order = list(Layer)
    changes.sort(key=lambda c: (order.index(c.place.layer), -(c.gained + c.lost), c.place.code))
    return Comparison(run_id, run.patrols, [_total(layer, patrols, changes) for layer in layers], changes)


def _total(layer: Layer, patrols: dict[Layer, int], changes: Sequence[Change]) -> Total:
    own = [change for change in changes if change.place.layer is layer]
    sums = (sum(getattr(change, name) for change in own) for name in ("before", "after", "gained", "lost"))
    return Total(layer, patrols.get(layer, 0), len(own), *sums)


def _lines(db: Session, county: County, found: Sequence[LineChange], *, drawn: bool) -> list[Change]:
    geometries = many.geometries(db, county.id, [c.place.version_id for c in found]) if drawn else None
    changes = []
    for k, change in enumerate(found):
        gained, lost = (sum(b - a for a, b in spans) / DM_PER_M for spans in (change.gained, change.lost))
        before, after = change.before_dm / DM_PER_M, change.after_dm / DM_PER_M
        picture = None if geometries is None else _stretches(geometries[k], [*change.gained, *change.lost])
        changes.append(Change(change.place, before, after, gained, lost, picture))
    return changes


def _stretches(line: Any, spans_dm: Sequence[tuple[int, int]]) -> Any:
    place, start, stop = np.array([(0, a, b) for a, b in spans_dm], np.float64).reshape(-1, 3).T
    cut = LineSet.of([line]).cut(SpanSet.of(place, start / DM_PER_M, stop / DM_PER_M))
    return shapely.multilinestrings(shapely.get_parts(cut))


def _areas(db: Session, county: County, found: Sequence[CellChange], *, drawn: bool) -> list[Change]:
    wanted = {(c.place.version_id, *block) for c in found for block in {*c.before.blocks, *c.after.blocks}}
    own = many.cells_of(db, county.id, wanted)
    geometries = many.geometries(db, county.id, [c.place.version_id for c in found]) if drawn else None
    changes = []
    for k, change in enumerate(found):
        gained, lost = change.after - change.before, change.before - change.after
        sets = (change.before, change.after, gained, lost)
        cells = own.get(change.place.version_id)
        before, after, *others = (0.0 if cells is None else cells.area_m2(one) for one in sets)
        picture = None
        if geometries is not None:
            polygon = crs_.project(geometries[k], county.crs or "")
            picture = crs_.unproject((gained | lost).outline(polygon), county.crs or "")
        changes.append(Change(change.place, before, after, others[0], others[1], picture))
    return changes


# --- as lists

TOTALS = (
    Column("layer", "图层"),
    Column("patrols", "有变化的巡查", "whole"),
    Column("places", "有变化的对象", "whole"),
    Column("unit", "单位"),
    Column("before", "现在覆盖", "number"),
    Column("after", "采用后覆盖", "number"),
    Column("gained", "多出", "number"),
    Column("lost", "减少", "number"),
)
CHANGES = (
    Column("layer", "图层"),
    Column("code", "编码"),
    Column("name", "名称"),
    Column("patrols", "有变化的巡查", "whole"),
    Column("unit", "单位"),
    Column("whole", "全长或面积", "number"),
    Column("before", "现在覆盖", "number"),
    Column("after", "采用后覆盖", "number"),
    Column("gained", "多出", "number"),
    Column("lost", "减少", "number"),
    Column("geometry", "变化的部分", "geometry"),
)


def totals(found: Comparison) -> Listing:
    """Return the sums by layer as a list."""
    rows = [
        (t.layer, t.patrols, t.places, _unit(t.layer), *_rounded(t.before, t.after, t.gained, t.lost))
        for t in found.totals
    ]
    return Listing("recompute_totals", "有变化的对象合计", TOTALS, rows)


def changes(found: Comparison, *, most: int | None = None) -> Listing:
    """Return the changes by place as a list, the largest of each layer first; `most`: so many of a layer."""
    rows = []
    for layer in Layer:
        own = [change for change in found.changes if change.place.layer is layer]
        for c in own[:most]:
            sizes = _rounded(c.place.whole, c.before, c.after, c.gained, c.lost)
            place = c.place
            rows.append((layer, place.code, place.name, place.patrols, _unit(layer), *sizes, c.drawn))
    return Listing("recompute_changes", "采用后变化最大的对象", CHANGES, rows)


def _unit(layer: Layer) -> str:
    return "米" if layer.is_line else "平方米"


def _rounded(*sizes: float) -> list[float]:
    return [round(size, 1) for size in sizes]
