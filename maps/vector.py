"""The style of the coordinators' map as MapLibre reads it, from the looks that all maps share.

A place's class is a state of its feature (`class`: a number in the mode that is shown), set by the page from
the values of all places; stretches come with their class in the tile. What a class lays over the plain ones
(dashes, hatches) is a layer of its own, because MapLibre takes no dash from a feature.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from layers.vocabulary import GapKind, Layer
from maps.style import (
    AMBIGUOUS,
    BACKGROUND,
    BANDS,
    BOUNDARY,
    CASES,
    FRESHNESS,
    GAPS,
    HELD,
    NO_GAP,
    REGISTERED,
    SHARES,
    TIMES,
    UNCOVERED,
    WHOLE,
    Look,
)

Json = dict[str, Any]


@dataclass(frozen=True)
class Mode:
    """One way to colour the map: classes of whole places, and the stretches that are told nearer by."""

    key: str
    label: str
    classes: Sequence[Look]
    stretches: Sequence[tuple[str, Look]] = ()
    """Class in the tile, and its look; empty: whole places at every zoom."""


MODES = (
    Mode(
        "fresh", "最近一次巡查", (*FRESHNESS, UNCOVERED),
        tuple((look.key, look) for look in (UNCOVERED, AMBIGUOUS, *reversed(FRESHNESS))),
    ),
    Mode("share", "覆盖率", [look for _, look in SHARES]),
    Mode("times", "巡查次数", [look for _, look in TIMES]),
    Mode("duty", "责任人", HELD, (("unassigned", HELD[0]),)),
    Mode(
        "gap", "空白",
        (NO_GAP, GAPS[GapKind.UNPATROLLED], GAPS[GapKind.NEGLECTED], GAPS[GapKind.UNASSIGNED]),
        (
            ("uncovered", GAPS[GapKind.UNPATROLLED]),
            ("neglected", GAPS[GapKind.NEGLECTED]),
            ("unassigned", GAPS[GapKind.UNASSIGNED]),
            ("ambiguous", AMBIGUOUS),
        ),
    ),
)  # fmt: skip
SHARE_ENDS = [end for end, _ in SHARES]
TIMES_ENDS = [end for end, _ in TIMES]

_SCHEME = ["==", ["get", "scheme"], True]
_LINES = ["in", ["get", "layer"], ["literal", [Layer.RIVER, Layer.ROAD]]]
_AREAS = ["in", ["get", "layer"], ["literal", [Layer.GRID, Layer.COMPOUND]]]


def style(tiles: str, stretches: str, *, lines_from: int, stretches_from: int, deepest: int) -> Json:
    """Return the style over two addresses of tiles, `{z}/{x}/{y}` in them, without any mode's colours."""
    return {
        "version": 8,
        "sources": {
            "places": {"type": "vector", "tiles": [tiles], "minzoom": 0, "maxzoom": deepest},
            "stretches": {
                "type": "vector", "tiles": [stretches], "minzoom": stretches_from, "maxzoom": deepest,
            },
        },
        "layers": [
            {"id": "ground", "type": "background", "paint": {"background-color": BACKGROUND}},
            *_townships(lines_from),
            *_of_places(lines_from),
        ],
    }  # fmt: skip


def _townships(lines_from: int) -> list[Json]:
    here = {"source": "places", "source-layer": "areas", "maxzoom": lines_from}
    return [
        {"id": "towns", "type": "fill", **here, "paint": {"fill-color": WHOLE.colour, "fill-opacity": 0.5}},
        {"id": "borders", "type": "line", **here,
         "paint": {"line-color": BOUNDARY.colour, "line-width": BOUNDARY.width_px}},
        _labels("town-names", {**here, "source-layer": "names"}, {}),
    ]  # fmt: skip


def _of_places(lines_from: int) -> list[Json]:
    here = {"source": "places", "source-layer": "places"}
    river, road = BANDS[Layer.RIVER], BANDS[Layer.ROAD]
    band = ["match", ["get", "layer"], Layer.RIVER, river.colour, road.colour]
    outline = ["match", ["get", "layer"], Layer.GRID, BANDS[Layer.GRID].colour, BANDS[Layer.COMPOUND].colour]
    outline_px = [
        "match", ["get", "layer"], Layer.GRID, BANDS[Layer.GRID].width_px, BANDS[Layer.COMPOUND].width_px
    ]  # fmt: skip
    return [
        {"id": "areas", "type": "fill", **here, "filter": _AREAS,
         "paint": {"fill-color": WHOLE.colour, "fill-opacity": WHOLE.fill}},
        {"id": "outlines", "type": "line", **here, "filter": _AREAS,
         "paint": {"line-color": outline, "line-width": outline_px}},
        {"id": "registered", "type": "line", **here, "minzoom": lines_from,
         "filter": ["all", _LINES, ["!", _SCHEME]],
         "paint": {"line-color": REGISTERED.colour, "line-width": REGISTERED.width_px}},
        {"id": "bands", "type": "line", **here, "filter": ["all", _LINES, _SCHEME],
         "layout": {"line-cap": "round", "line-join": "round"},
         "paint": {"line-color": band,
                   "line-width": ["interpolate", ["linear"], ["zoom"], 10, 4, 14, river.width_px]}},
        {"id": "lines", "type": "line", **here, "filter": ["all", _LINES, _SCHEME],
         "layout": {"line-join": "round"},
         "paint": {"line-color": WHOLE.colour, "line-width": WHOLE.width_px}},
        _labels("area-names", {**here, "source-layer": "names"}, {"minzoom": lines_from}),
        _labels("line-names", here, {"filter": ["all", _LINES, _SCHEME], "minzoom": 13}, along=True),
    ]  # fmt: skip


_ALONG = {"symbol-placement": "line", "symbol-spacing": 420, "icon-rotation-alignment": "viewport"}
"""Of a line that runs through many tiles its name stands as often as a reader needs it, not once a tile."""


def _labels(name: str, here: Json, more: Json, *, along: bool = False) -> Json:
    """Return a layer of names: pictures that the page writes itself, so that no font comes from a host."""
    layout: Json = {
        "icon-image": ["concat", "name/", ["coalesce", ["get", "name"], ""]],
        "icon-padding": 6,
        **(_ALONG if along else {}),
    }
    return {"id": name, "type": "symbol", **here, **more, "layout": layout}


def modes() -> list[Json]:
    """Return the modes with the looks of their classes, as the page and the legend need them."""
    return [
        {
            "key": mode.key, "label": mode.label,
            "classes": [_look(look) for look in mode.classes],
            "stretches": [{"class": name} | _look(look) for name, look in mode.stretches],
        }
        for mode in MODES
    ]  # fmt: skip


def cases() -> dict[str, Json]:
    """Return by state how a case is marked."""
    return {
        state.value: {"label": look.label, "colour": look.colour, "sign": look.sign}
        for state, look in CASES.items()
    }


def _look(look: Look) -> Json:
    return {
        "key": look.key, "label": look.label, "colour": look.colour, "width": look.width_px,
        "dash": list(look.dash_px), "hatch": look.hatch, "fill": look.fill, "ribbon": look.ribbon,
    }  # fmt: skip
