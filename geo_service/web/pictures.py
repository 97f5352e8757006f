"""Coverage and gaps as the values that maps draw: the one place where answers become layers of a map."""

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage import answers, facts, gaps
from geo_service.coverage.answers import CoverageRow, CoverageTable
from geo_service.coverage.canvas import Canvas, stretch_words
from geo_service.coverage.gap_rows import GapRow
from geo_service.coverage.gaps import GapTable
from geo_service.coverage.ground import DM_PER_M, Ground, Query, may_name
from geo_service.coverage.lists import gap_geometries
from geo_service.tables import Area, County
from geo_service.web import queries
from geo_service.web.words import area_words, covered_words, length_words, stay_words, window_words
from layers import masks
from layers.spans import SpanSet
from layers.vocabulary import GapKind, Layer, Role
from maps.data import MapData, MapFeature, MapLayer
from maps.style import (
    AMBIGUOUS,
    FRESHNESS,
    FRESHNESS_DAYS,
    GAPS,
    LEFT_OUT,
    REGISTERED,
    UNCOVERED,
    WHOLE,
    freshness,
    gap_words,
)

_MANY = 2_000
"""A layer of the register that is larger is not shown before it is asked for."""
_DRAWN_FIRST = (Layer.GRID, Layer.COMPOUND, Layer.ROAD, Layer.RIVER)
"""From the bottom of the map to its top: lines lie above areas."""


def coverage_map(db: Session, scope: Scope, query: Query, *, full: bool) -> MapData:
    """Return the map of what was covered, how recently, and of what was not; names masked unless `full`."""
    county = db.get_one(County, scope.county_id)
    table = answers.coverage(db, scope, query, with_ambiguous=True)
    canvas = Canvas.of(db, table.ground, county)
    told = _Telling(query, names=may_name(scope), full=full)
    classes = answers.freshness(db, scope, table, FRESHNESS_DAYS)
    lines = [*_covered_stretches(canvas, table, classes, told)]
    areas = [*_seen_parts(canvas, table, told)]
    off_map = [MapFeature(None, WHOLE.key, _title(row)) for row in table.rows if row.place.version_id is None]
    layers = [
        MapLayer(layer.value, layer.zh, own, layer=layer)
        for layer in _DRAWN_FIRST
        if (own := [feature for number, feature in (*lines, *areas) if _layer(table, number) is layer])
    ]
    return MapData(
        f"{county.name}巡查覆盖图",
        _subtitle(db, query),
        [*_beneath(db, scope, query), *layers, *_unmapped(off_map), *borders(db, scope)],
        query.last_day,
        bounds=_bounds(county, query),
        legend=[*(look.key for look in FRESHNESS), UNCOVERED.key, *_left_out(areas)],
        made_up=county.made_up,
    )


def gap_map(
    db: Session, scope: Scope, query: Query, kinds: Sequence[GapKind] = tuple(GapKind), *, full: bool
) -> MapData:
    """Return the map of the gaps of some kinds, over the whole places that were asked for.

    Names are masked unless `full`.
    """
    county = db.get_one(County, scope.county_id)
    gathered = facts.gather(db, scope, query)
    tables = [gaps.of(gathered, kind) for kind in kinds]
    ground = gathered.ground
    canvas = Canvas.of(db, ground, county)
    told = _Telling(query, names=may_name(scope), full=full)
    off_map = [MapFeature(None, WHOLE.key, "") for place in ground.places if place.version_id is None]
    return MapData(
        f"{county.name}巡查空白图",
        _subtitle(db, query),
        [
            *_beneath(db, scope, query),
            *wholes(canvas, ground),
            *_gap_layers_of(canvas, tables, told),
            *_unmapped(off_map),
            *borders(db, scope),
        ],
        query.last_day,
        bounds=_bounds(county, query),
        legend=[GAPS[kind].key for kind in kinds],
        made_up=county.made_up,
    )


@dataclass(frozen=True)
class _Telling:
    """What popups say of a place, its holders and its gaps."""

    query: Query
    names: bool
    full: bool
    """Whether names are told in full: to those who look, not in what is sent on."""

    def place(self, row: CoverageRow) -> list[tuple[str, str]]:
        """Return steward, last patrol and share of a place."""
        return [
            *self._facts(row.place.layer, row.place.code, row.townships),
            *self._steward(row.place.layer, row.holders),
            ("最近巡查", self._last(row)),
            ("时段内巡查", f"{row.outings.times if row.outings else 0} 次"),
            ("覆盖率" if row.visited is None else "到过没有", _covered_words(row)),
            *([] if row.place.layer.is_line else [("在里面", stay_words(row.dwell_s, row.entries))]),
        ]

    def gap(self, row: GapRow, kind: GapKind, where: str | None) -> list[tuple[str, str]]:
        """Return what is missing, where, and whose it is."""
        layer, size = row.place.layer, row.size or 0.0
        return [
            ("空白", gap_words(kind, layer, self.query.kind)),
            ("长度", length_words(size)) if layer.is_line else ("面积", area_words(size)),
            *([("其中可能走过", f"{length_words(row.ambiguous_m)}，分不清")] if row.ambiguous_m else []),
            *([("位置", where)] if where else []),
            *self._facts(layer, row.place.code, row.townships),
            *self._steward(layer, row.holders),
        ]

    def _facts(self, layer: Layer, code: str, townships: Sequence[str]) -> Iterator[tuple[str, str]]:
        yield "类别", layer.zh
        if townships:
            yield "所在镇街", "、".join(townships)
        yield "编号", code

    def _steward(self, layer: Layer, holders: Sequence[str]) -> Iterator[tuple[str, str]]:
        if self.names:
            kind = self.query.kind
            nobody = gap_words(GapKind.UNASSIGNED, layer, kind)
            yield f"{kind.zh}（{Role.of(layer).zh}）", "、".join(map(self._name, holders)) or nobody

    def _last(self, row: CoverageRow) -> str:
        if row.outings is None:
            return "时段内没有"
        by = f"，{self._name(row.walkers[0])}" if row.walkers else ""
        return f"{row.outings.last_day.isoformat()}{by}"

    def _name(self, name: str) -> str:
        return name if self.full else masks.name(name) or ""


def _covered_stretches(
    canvas: Canvas,
    table: CoverageTable,
    classes: Sequence[tuple[int | None, SpanSet]],
    told: _Telling,
) -> Iterator[tuple[int, MapFeature]]:
    """Yield number and feature of every stretch of the lines, covered or not."""
    uncovered = table.ground.whole - table.covered - table.ambiguous
    looks = [*zip((look.key for look in FRESHNESS), (spans for _, spans in classes), strict=True)]
    rows = {k: told.place(row) for k, row in enumerate(table.rows) if row.place.layer.is_line}
    for key, spans in (*looks, (UNCOVERED.key, uncovered), (AMBIGUOUS.key, table.ambiguous)):
        numbers: list[int] = spans.place.tolist()
        words = stretch_words(canvas, numbers, pairs_dm(spans))
        pieces = zip(numbers, words, pairs_dm(spans), canvas.spans(spans), strict=True)
        for number, where, (start, to), shape in pieces:
            row = table.rows[number]
            told_here = [*rows[number], ("本段", where)]
            yield number, _feature(row, shape, key, told_here, (to - start) / DM_PER_M)


def _seen_parts(canvas: Canvas, table: CoverageTable, told: _Telling) -> Iterator[tuple[int, MapFeature]]:
    """Yield number and feature of the seen and the unseen part of every area place, and of what is no gap.

    A compound was visited or not: it is drawn as a whole.
    """
    for number, row in enumerate(table.rows):
        if row.place.layer.is_line or canvas.geometries[number] is None:
            continue
        rows, counting_m2, seen_m2 = told.place(row), row.counting or 0.0, row.covered or 0.0
        seen = table.seen.get(number) if row.outings else None
        if row.outings and seen is not None:
            look = freshness(_days(table.ground.query, row.outings.last_day))
            whole = row.visited is not None
            shape = canvas.geometries[number] if whole else canvas.cells(number, seen)
            yield number, _feature(row, shape, look.key, rows, seen_m2)
            if whole:
                continue
        rest = canvas.unseen(number, seen)
        if not rest.is_empty:
            yield number, _feature(row, rest, UNCOVERED.key, rows, max(counting_m2 - seen_m2, 0.0))
        left_out = canvas.left_out(number, seen)
        if left_out is not None and not left_out.is_empty and row.place.sizes:
            yield number, _feature(row, left_out, LEFT_OUT.key, rows, row.place.sizes.left_out_m2)


def _left_out(areas: Sequence[tuple[int, MapFeature]]) -> list[str]:
    """Return the legend's entry of what is no gap, where there is any."""
    return [LEFT_OUT.key] if any(feature.class_key == LEFT_OUT.key for _, feature in areas) else []


def _feature(
    row: CoverageRow, shape: Any, key: str, rows: Sequence[tuple[str, str]], size: float
) -> MapFeature:
    """Return a stretch or a part of a place, its size in metres or square metres."""
    place = row.place
    return MapFeature(shape, key, _title(row), rows, str(place.place_id), place.name or "", size)


def _gap_layers(canvas: Canvas, table: GapTable, told: _Telling) -> Iterator[MapLayer]:
    """Yield one switch for each layer that has gaps of the table's kind."""
    spans = {i: (row.number, row.span_dm) for i, row in enumerate(table.rows) if row.span_dm is not None}
    numbers, pairs = [number for number, _ in spans.values()], [pair for _, pair in spans.values()]
    words = dict(zip(spans, stretch_words(canvas, numbers, pairs), strict=True))
    drawn = [*enumerate(zip(table.rows, gap_geometries(table, canvas), strict=True))]
    for layer in _DRAWN_FIRST:
        features = [
            MapFeature(
                shape,
                GAPS[table.kind].key,
                _name(row.place.name, layer, row.townships),
                told.gap(row, table.kind, words.get(i)),
                str(row.place.place_id),
                row.place.name or "",
                row.size,
            )
            for i, (row, shape) in drawn
            if row.place.layer is layer and shape is not None
        ]
        if features:
            label = f"{layer.zh}：{gap_words(table.kind, layer, table.ground.query.kind)}"
            # Lines without a steward are drawn over those that nobody walked, and let them be seen.
            band = None if layer.is_line and table.kind is GapKind.UNASSIGNED else layer
            yield MapLayer(f"{layer.value}_{table.kind.value}", label, features, layer=band)


def _maybe_walked(canvas: Canvas, tables: Sequence[GapTable]) -> Iterator[MapLayer]:
    """Yield a switch for what of the gaps somebody maybe walked, so that nobody calls it unwalked."""
    # A neglected stretch is unpatrolled too: the larger set holds both.
    table = max(tables, key=lambda table: table.ambiguous.length.sum())
    spans = table.ambiguous
    numbers: list[int] = spans.place.tolist()
    words = stretch_words(canvas, numbers, pairs_dm(spans))
    pieces = zip(numbers, words, canvas.spans(spans), spans.length.tolist(), strict=True)
    features = [
        MapFeature(
            shape,
            AMBIGUOUS.key,
            _name(place.name, place.layer, table.ground.townships.names(number)),
            [("本段", where)],
            str(place.place_id),
            place.name or "",
            length_dm / DM_PER_M,
        )
        for number, where, shape, length_dm in pieces
        for place in (table.ground.places[number],)
    ]
    if features:
        yield MapLayer("ambiguous", AMBIGUOUS.label, features)


def _gap_layers_of(canvas: Canvas, tables: Sequence[GapTable], told: _Telling) -> Iterator[MapLayer]:
    """Yield the gaps from the bottom of the map to its top: what nobody walks lies beneath.

    Above that lies what somebody maybe walked, and above all what has no steward.
    """
    by_kind = {table.kind: table for table in tables}
    for kind in (GapKind.UNPATROLLED, GapKind.NEGLECTED, GapKind.UNASSIGNED):
        if kind is GapKind.UNASSIGNED:
            yield from _maybe_walked(canvas, tables)
        if kind in by_kind:
            yield from _gap_layers(canvas, by_kind[kind], told)


def wholes(canvas: Canvas, ground: Ground) -> Iterator[MapLayer]:
    """Yield the whole places, so that gaps are seen as parts of them."""
    for layer in _DRAWN_FIRST:
        features = [
            MapFeature(
                canvas.geometries[k],
                WHOLE.key,
                _name(place.name, layer, ground.townships.names(k)),
                [("类别", layer.zh), ("编号", place.code)],
                str(place.place_id),
                place.name or "",
            )
            for k, place in enumerate(ground.places)
            if place.layer is layer and place.version_id is not None
        ]
        if features:
            yield MapLayer(f"{layer.value}_whole", f"{layer.zh}（全部）", features, layer=layer)


def _beneath(db: Session, scope: Scope, query: Query) -> Iterator[MapLayer]:
    """Yield the county's own lines that are not in the scheme: the ground of a map without tiles."""
    if query.register == "all":
        return
    for layer in (Layer.ROAD, Layer.RIVER):
        lines = queries.registered_lines(db, scope, layer)
        if lines:
            features = [
                MapFeature(line, REGISTERED.key, name or f"未命名{layer.zh}", [("编号", code)], code)
                for code, name, line in lines
            ]
            label = f"{layer.zh}（在册、未纳管）"
            yield MapLayer(f"{layer.value}_registered", label, features, shown=len(features) <= _MANY)


def borders(db: Session, scope: Scope) -> Iterator[MapLayer]:
    """Yield the borders of the scope's areas, with their names."""
    found = queries.borders(db, scope)
    if found:
        features = [MapFeature(border, "boundary", name) for name, border in found]
        yield MapLayer("borders", "镇村界线", features, named=True)


def _unmapped(features: Sequence[MapFeature]) -> Iterator[MapLayer]:
    """Yield a layer without a picture, so that the map says how many places it could not draw."""
    if features:
        yield MapLayer("unmapped", "未上图", features, shown=False)


def _subtitle(db: Session, query: Query) -> str:
    area = db.get(Area, query.area_id) if query.area_id is not None else None
    register = "纳管对象" if query.register == "scheme" else "全部在册对象"
    duty = query.kind.zh if query.level is None else f"{query.level.zh}{query.kind.zh}"
    window = window_words(query.first_day, query.last_day)
    return " · ".join([area.name if area else "全县", window, register, f"职责：{duty}"])


def _bounds(county: County, query: Query) -> tuple[float, float, float, float] | None:
    sides = (county.west, county.south, county.east, county.north)
    if query.area_id is not None or any(side is None for side in sides):
        return None
    west, south, east, north = (side for side in sides if side is not None)
    return west, south, east, north


def _layer(table: CoverageTable, number: int) -> Layer:
    return table.rows[number].place.layer


def _title(row: CoverageRow) -> str:
    return _name(row.place.name, row.place.layer, row.townships)


def _name(name: str | None, layer: Layer, townships: Iterable[str]) -> str:
    """Return a name that tells the 中心河 of one township from that of another."""
    towns = list(townships)
    where = f"（{towns[0]}{'等' if len(towns) > 1 else ''}）" if towns else ""
    return f"{name or f'未命名{layer.zh}'}{where}"


def _covered_words(row: CoverageRow) -> str:
    if row.counting is None or row.covered is None:
        return "未上图"
    told = covered_words(row.share, row.visited, of_walkable=row.of_walkable)
    if row.visited is not None:
        return told
    words = length_words if row.place.layer.is_line else area_words
    return f"{told}（{words(row.covered)} / {words(row.counting)}）"


def pairs_dm(spans: SpanSet) -> list[tuple[int, int]]:
    """Return from and to of each span in whole decimetres."""
    return [(round(a), round(b)) for a, b in zip(spans.start.tolist(), spans.stop.tolist(), strict=True)]


def _days(query: Query, day: dt.date) -> int:
    return (query.last_day - day).days
