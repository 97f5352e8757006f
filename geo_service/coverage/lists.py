"""Coverage and gaps as lists: the columns that people, spreadsheets and maps get."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from geo_service.columns import Column, Listing
from geo_service.coverage import ages
from geo_service.coverage.answers import CoverageRow, CoverageTable
from geo_service.coverage.canvas import Canvas, stretch_words, words_of
from geo_service.coverage.gap_rows import GapRow
from geo_service.coverage.gaps import GapTable
from geo_service.coverage.ground import DM_PER_M, Ground, Query
from geo_service.coverage.windows import PlaceRow
from geo_service.tables import County
from layers.vocabulary import GapKind, Layer

_PLACE = (
    Column("layer", "图层"),
    Column("code", "编码"),
    Column("name", "名称"),
    Column("townships", "镇街"),
)
_GEOMETRY = Column("geometry", "几何", "geometry")
_COVERAGE = (
    Column("in_scheme", "纳管", "flag"),
    Column("length_m", "长度（米）", "number"),
    Column("covered_m", "已覆盖（米）", "number"),
    Column("ambiguous_m", "可能走过（米）", "number"),
    Column("area_m2", "面积（平方米）", "number"),
    Column("walkable_m2", "可走部分（平方米）", "number"),
    Column("seen_m2", "已看到（平方米）", "number"),
    Column("share", "覆盖率", "number"),
    Column("visited", "到过", "flag"),
    Column("minutes", "在内（分钟）", "whole"),
    Column("entries", "进入次数", "whole"),
    Column("times", "巡查次数", "whole"),
    Column("people", "巡查人数", "whole"),
    Column("last_day", "最近巡查", "day"),
    Column("holders", "责任人", mask="name"),
    Column("walkers", "巡查人", mask="name"),
)
_GAP = (
    Column("kind", "空白"),
    Column("stretch", "位置"),
    Column("from_m", "起点（米）", "number"),
    Column("to_m", "止点（米）", "number"),
    Column("length_m", "长度（米）", "number"),
    Column("ambiguous_m", "其中可能走过（米）", "number"),
    Column("area_m2", "面积（平方米）", "number"),
    Column("holders", "责任人", mask="name"),
)
_AGE = (Column("since", "最近一次", "day"), Column("age_days", "空了（天）", "whole"))
"""Of a gap: the last day on which it was none, and the days since; nothing where it always was one."""
_UNMAPPED = "未上图"


def coverage_list(table: CoverageTable, canvas: Canvas | None = None) -> Listing:
    """Return the coverage by place; with a canvas, each place with its geometry."""
    columns = (*_PLACE, *_COVERAGE, *((_GEOMETRY,) if canvas else ()))
    rows = [
        (*_place(row.place, row.townships), *_coverage(row), *((canvas.geometries[k],) if canvas else ()))
        for k, row in enumerate(table.rows)
    ]
    return Listing("coverage", f"覆盖情况 {_window(table.ground.query)}", columns, rows)


def gap_list(db: Session, county: County, table: GapTable, *, drawn: bool = False) -> Listing:
    """Return the gaps, a row a stretch of a line or an area place; `drawn`: with their geometry."""
    columns = (*_PLACE, *_GAP, *_AGE, *((_GEOMETRY,) if drawn else ()))
    canvas = Canvas.of(db, table.ground, county) if drawn else None
    gaps = list(table.rows)
    told = zip(
        gaps,
        where(db, county, table.ground, gaps, canvas),
        ages.since(db, county.id, table),
        gap_geometries(table, canvas) if canvas else [None] * len(gaps),
        strict=True,
    )
    rows = [
        (
            *_place(row.place, row.townships),
            table.kind,
            said or (_UNMAPPED if row.size is None else _part(row)),
            *_gap(row),
            day,
            ages.days(day, table),
            *((geometry,) if drawn else ()),
        )
        for row, said, day, geometry in told
    ]
    return Listing("gaps", f"{table.kind.zh} {_window(table.ground.query)}", columns, rows)


def where(
    db: Session, county: County, ground: Ground, rows: Sequence[GapRow], canvas: Canvas | None = None
) -> list[str]:
    """Return where on its line each gap is, in words; empty for areas and what is 未上图.

    Without a canvas of the whole ground their own places are read.
    """
    spans = {i: (row.number, row.span_dm) for i, row in enumerate(rows) if row.span_dm is not None}
    if canvas is None:
        words = words_of(db, ground, county, list(spans.values()))
    else:
        words = stretch_words(canvas, [k for k, _ in spans.values()], [span for _, span in spans.values()])
    told = dict(zip(spans, words, strict=True))
    return [told.get(i, "") for i in range(len(rows))]


def short(table: GapTable) -> dict[str, float]:
    """Return how many gaps of lines were too short to be listed, and their metres."""
    return {"count": len(table.short), "metres": round(float(table.short.length.sum()) / DM_PER_M, 1)}


def gap_geometries(table: GapTable, canvas: Canvas) -> list[Any]:
    """Return each gap drawn in lon, lat; None while 未上图."""
    by_span = dict(
        zip(
            zip(table.gaps.place.tolist(), table.gaps.start.tolist(), strict=True),
            canvas.spans(table.gaps),
            strict=True,
        )
    )
    return [_gap_geometry(row, table, canvas, by_span) for row in table.rows]


def _gap_geometry(row: GapRow, table: GapTable, canvas: Canvas, by_span: dict[tuple[int, float], Any]) -> Any:
    if row.span_dm is not None:
        return by_span[row.number, float(row.span_dm[0])]
    if row.size is None:
        return None
    cells = table.missing[row.number]
    if cells is None:
        draw = canvas.without if table.kind is GapKind.UNASSIGNED else canvas.unseen
        return draw(row.number, table.except_cells.get(row.number))
    return canvas.cells(row.number, cells)


def _part(row: GapRow) -> str:
    if row.size is None or row.place.sizes is None:
        return "部分区域"
    sizes = row.place.sizes
    if np.isclose(row.size, sizes.area_m2, rtol=1e-3):
        return "全域"
    return "全部可走部分" if np.isclose(row.size, sizes.counting_m2, rtol=1e-3) else "部分区域"


def _place(place: PlaceRow, townships: Any) -> tuple[Any, ...]:
    return place.layer, place.code, place.name, list(townships)


def _coverage(row: CoverageRow) -> tuple[Any, ...]:
    layer, sizes, out = row.place.layer, row.place.sizes, row.outings
    whole, covered = _round(row.whole), _round(row.covered)
    is_inside = not layer.is_line and row.covered is not None
    return (
        row.place.in_scheme,
        *((whole, covered) if layer.is_line else (None, None)),
        _round(row.ambiguous),
        None if layer.is_line else whole,
        None if sizes is None else _round(sizes.walkable_m2),
        covered if layer is Layer.GRID else None,
        None if row.share is None else round(row.share, 4),
        row.visited,
        round(row.dwell_s / 60) if is_inside else None,
        row.entries if is_inside else None,
        out.times if out else 0,
        out.people if out else 0,
        out.last_day if out else None,
        list(row.holders),
        list(row.walkers),
    )


def _gap(row: GapRow) -> tuple[Any, ...]:
    if row.span_dm is not None:
        a, b = (end / DM_PER_M for end in row.span_dm)
        return a, b, _round(row.size), _round(row.ambiguous_m), None, list(row.holders)
    return None, None, None, None, _round(row.size), list(row.holders)


def _round(size: float | None) -> float | None:
    return None if size is None else round(size, 1)


def _window(query: Query) -> str:
    return f"{query.first_day}至{query.last_day}"
