"""One walk as a map: its track and its outages, and how it covered the lines along which it went."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import shapely
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.coverage.canvas import Canvas, stretch_words
from geo_service.coverage.ground import DM_PER_M, Ground, Query, gather
from geo_service.coverage.service import CoveredLine
from geo_service.patrols.answers import Outage, PatrolAnswer
from geo_service.patrols.how_words import lasting
from geo_service.tables import County
from geo_service.web.pictures import borders, pairs_dm, wholes
from geo_service.web.words import length_words
from layers.spans import SpanSet
from maps.data import MapData, MapFeature, MapLayer
from maps.style import AMBIGUOUS, BRIDGED, COVERED, OUTAGE, RIDDEN, RIDDEN_ASIDE, WALK, Look

Spans = Sequence[tuple[int, int]]


def patrol_map(db: Session, scope: Scope, answer: PatrolAnswer, track: Any | None) -> MapData:
    """Return the map of one walk (lon, lat, M; None: no longer kept) with the places that it reached."""
    county = db.get_one(County, scope.county_id)
    place_ids = (
        *(line.place_id for line in answer.covered),
        *(area.place_id for area in answer.seen),
    )
    ground = gather(db, scope, Query(answer.day, answer.day, register="all", place_ids=place_ids))
    canvas = Canvas.of(db, ground, county)
    walk = [] if track is None else [MapFeature(track, WALK.key, "巡查轨迹")]
    return MapData(
        "本次巡查",
        f"{county.name} · {answer.day.isoformat()}",
        [
            *wholes(canvas, ground),
            *_went(canvas, ground, answer),
            MapLayer("walk", WALK.label, walk),
            *_outages(track, answer.outages),
            *borders(db, scope),
        ],
        answer.day,
        bounds=_around(walk),
        made_up=county.made_up,
    )


def _went(canvas: Canvas, ground: Ground, answer: PatrolAnswer) -> Iterator[MapLayer]:
    """Yield a switch for each way of covering a line that this walk had."""
    number = {place.place_id: k for k, place in enumerate(ground.places)}
    lines = [(number[line.place_id], line) for line in answer.covered if line.place_id in number]
    for look, spans in _ways(lines, rides_count=answer.rides_count).items():
        if len(spans):
            numbers: list[int] = spans.place.tolist()
            pieces = zip(
                numbers,
                stretch_words(canvas, numbers, pairs_dm(spans)),
                canvas.spans(spans),
                (spans.length / DM_PER_M).tolist(),
                strict=True,
            )
            features = [
                MapFeature(
                    shape,
                    look.key,
                    ground.places[k].name or "未命名",
                    [(look.label, where), ("长度", length_words(metres))],
                    size=metres,
                )
                for k, where, shape, metres in pieces
            ]
            yield MapLayer(look.key, look.label, features)


def _ways(lines: Sequence[tuple[int, CoveredLine]], *, rides_count: bool) -> Mapping[Look, SpanSet]:
    """Return the stretches of numbered lines by how they are drawn, no two over each other."""
    walked, ridden, bridged, ambiguous = (
        SpanSet.of(*zip(*ends, strict=True)) if ends else SpanSet.empty()
        for ends in (
            [(k, a, b) for k, line in lines for a, b in getattr(line, name).spans_dm]
            for name in ("walked", "ridden", "bridged", "ambiguous")
        )
    )
    return {
        COVERED: walked - bridged,
        BRIDGED: bridged,
        RIDDEN if rides_count else RIDDEN_ASIDE: ridden,
        AMBIGUOUS: ambiguous,
    }


def _outages(track: Any | None, outages: Sequence[Outage]) -> Iterator[MapLayer]:
    """Yield the outages between the parts of a track, each with how long it lasted.

    Where something near the ends is not kept, so that nobody sees where someone lives, nothing is drawn.
    """
    parts = [] if track is None else shapely.get_parts(track)
    ends = [shapely.get_coordinates(part, include_m=True)[[0, -1]] for part in parts]
    features = []
    for (_, before), (after, _) in itertools.pairwise(ends):
        outage = next((one for one in outages if _is_between(one, before[2], after[2])), None)
        if outage is not None and (before[:2] != after[:2]).any():
            times = f"{outage.began_at:%H:%M} 至 {outage.ended_at:%H:%M}"
            told = [("时间", times), ("说明", "没有定位，走到哪里不清楚；虚线只连接前后两点")]
            line = shapely.linestrings([before[:2], after[:2]])
            features.append(MapFeature(line, OUTAGE.key, f"中断 {lasting(outage.minutes)}", told))
    if features:
        yield MapLayer("outages", OUTAGE.label, features, titled=True)


def _is_between(outage: Outage, start_s: float, stop_s: float) -> bool:
    off_s = abs(outage.began_at.timestamp() - start_s), abs(outage.ended_at.timestamp() - stop_s)
    return max(off_s) < 1.0


def _around(features: Sequence[MapFeature]) -> tuple[float, float, float, float] | None:
    """Return the box of the walk, so that a long river does not make it small; None without a walk."""
    shapes = [f.geometry for f in features if f.geometry is not None and not f.geometry.is_empty]
    return shapes[0].bounds if shapes else None
