"""Coverage for notebooks and programs: GeoDataFrames of places and frames of fixes in, frames out."""

from collections.abc import Iterator
from typing import Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers import crs as crs_
from layers.cells import AreaCells, seen_from
from layers.coverage import COVERING, Path, within
from layers.errors import BadTrack, UnknownCrs
from layers.lines import LineSet
from layers.matching import matched
from layers.tracks import Recording, Track, clean
from layers.visits import Fixes, stays

DEFAULT_REACH_M = 20.0
DEFAULT_SIGHT_M = 15.0

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def cover(
    places: gpd.GeoDataFrame,
    fixes: pd.DataFrame,
    *,
    reach_m: float | None = None,
    method: Literal["matched", "within"] = "matched",
) -> pd.DataFrame:
    """Return which stretches of which lines each track covered: columns place, track, from_m, to_m.

    `places`: lines in any CRS, its index the place id; optional columns `reach_m` (metres) and `layer` (lines
    compete only within their layer). `fixes`: columns track, time (UTC; naive means UTC), lon, lat (WGS 84
    degrees), optional accuracy_m, in any order. `matched` says along which line the walk went; `within` is
    the exact set of all that lies in reach. Reach is the argument, else the column, else 20 m. `from_m` and
    `to_m` are metres along the place's parts in stored order, sorted and disjoint for each place and track.
    Errors: UnknownCrs, ValueError for a missing column or an unknown method.
    """
    if method not in ("matched", "within"):
        raise ValueError(f"method is 'matched' or 'within', not {method!r}")
    rows: list[pd.DataFrame] = []
    reach = _reach(places, reach_m)
    rival = _codes(places["layer"]) if "layer" in places else np.zeros(len(places), np.int64)
    for crs, index, lonlat in _by_zone(places):
        lines = LineSet.of(crs_.project(lonlat, crs))
        for track_id, track in _tracks(fixes, crs):
            xy = track.metric(crs)
            if method == "matched":
                covered = matched(
                    lines,
                    xy,
                    track.time_s,
                    track.piece,
                    reach[index][lines.place],
                    rival[index],
                    track.accuracy_m,
                )
                spans = covered.of(*COVERING)
            else:
                spans = within(
                    lines, Path.of(xy, track.time_s, track.piece), reach[index][lines.place]
                ).spans()
            rows.append(
                pd.DataFrame(
                    {
                        "place": places.index[index[spans.place]],
                        "track": [track_id] * len(spans),
                        "from_m": spans.start,
                        "to_m": spans.stop,
                    }
                )
            )
    return _together(rows, places, fixes, {"from_m": float, "to_m": float})


def visit(places: gpd.GeoDataFrame, fixes: pd.DataFrame, *, sight_m: float | None = None) -> pd.DataFrame:
    """Return what each track saw of which areas: columns place, track, seen_m2, share, dwell_s.

    `places`: polygons in any CRS, its index the place id; `fixes` as for `cover`. `seen_m2` is the inner area
    of the cells whose centre came within sight (default 15 m), `share` its part of the whole, `dwell_s` the
    seconds spent inside. Only areas that were seen have a row; fixes known worse than 50 m see nothing.
    """
    sight_m = DEFAULT_SIGHT_M if sight_m is None else sight_m
    rows: list[pd.DataFrame] = []
    for crs, index, lonlat in _by_zone(places):
        polygons = crs_.project(lonlat, crs)
        cells: dict[int, AreaCells] = {}
        for track_id, track in _tracks(fixes, crs):
            xy = track.metric(crs)
            known = Fixes.of(xy, track.time_s, track.piece, track.accuracy_m)
            seen = seen_from(known.sight(), sight_m)
            for i in _near(polygons, xy, sight_m):
                if i not in cells:
                    cells[i] = AreaCells.of(polygons[i])
                seen_m2, whole_m2 = cells[i].area_m2(seen), cells[i].area_m2()
                if seen_m2 > 0:
                    row = {"place": places.index[[index[i]]], "track": [track_id], "seen_m2": [seen_m2]}
                    row |= {"share": [seen_m2 / whole_m2], "dwell_s": [stays(known, polygons[i]).dwell_s]}
                    rows.append(pd.DataFrame(row))
    return _together(rows, places, fixes, {"seen_m2": float, "share": float, "dwell_s": float})


def _by_zone(places: gpd.GeoDataFrame) -> Iterator[tuple[str, Ints, NDArray[np.object_]]]:
    """Yield (metric CRS, rows, geometries in lon, lat) for the places of each zone."""
    if len(places) == 0:
        return
    if places.crs is None:
        raise UnknownCrs("places 没有坐标系；请先 set_crs。", title="places has no CRS; call set_crs first.")
    lonlat = np.asarray(places.geometry.to_crs("EPSG:4326").values, dtype=object)
    there = ~(shapely.is_missing(lonlat) | shapely.is_empty(lonlat))
    bounds = shapely.bounds(lonlat)
    zones = np.array(
        [
            crs_.choose((w + e) / 2, (s + n) / 2) if ok else ""
            for ok, (w, s, e, n) in zip(there, bounds, strict=True)
        ]
    )
    in_zones = np.unique(zones[there])
    if not all(zone.startswith("EPSG:") for zone in in_zones):
        # A local projection serves the whole frame.
        w, s, e, n = shapely.total_bounds(lonlat[there])
        zones[there] = crs_.choose((w + e) / 2, (s + n) / 2)
        in_zones = np.unique(zones[there])
    for zone in in_zones:
        index = np.flatnonzero(zones == zone)
        yield str(zone), index, lonlat[index]


def _tracks(fixes: pd.DataFrame, crs: str) -> Iterator[tuple[Any, Track]]:
    """Yield each track's id and cleaned track; a track without a usable fix has none."""
    time = pd.to_datetime(fixes["time"], utc=True)
    since = time - pd.Timestamp(0, tz="UTC")
    time_s: Floats = np.asarray(since.dt.total_seconds(), dtype=np.float64)
    lonlat: Floats = np.column_stack([fixes["lon"], fixes["lat"]]).astype(np.float64)
    accuracy_m = fixes["accuracy_m"].to_numpy(float) if "accuracy_m" in fixes else None
    for track_id, rows in fixes.groupby("track", sort=True).indices.items():
        known = None if accuracy_m is None else accuracy_m[rows]
        try:
            yield track_id, clean(Recording(time_s[rows], lonlat[rows], known), crs)
        except BadTrack:
            continue


def _near(polygons: NDArray[np.object_], xy: Floats, sight_m: float) -> Ints:
    box = shapely.box(*(xy.min(axis=0) - sight_m), *(xy.max(axis=0) + sight_m))
    return np.flatnonzero(shapely.intersects(polygons, box))


def _reach(places: gpd.GeoDataFrame, reach_m: float | None) -> Floats:
    if reach_m is not None:
        return np.full(len(places), float(reach_m))
    if "reach_m" in places:
        return np.asarray(places["reach_m"].fillna(DEFAULT_REACH_M), dtype=float)
    return np.full(len(places), DEFAULT_REACH_M)


def _codes(column: "pd.Series[Any]") -> Ints:
    return np.asarray(pd.factorize(column)[0], dtype=np.int64)


def _together(
    rows: list[pd.DataFrame], places: gpd.GeoDataFrame, fixes: pd.DataFrame, numbers: dict[str, type]
) -> pd.DataFrame:
    """Return all rows as one frame, its columns there even when it is empty."""
    empty = {"place": places.index[:0], "track": fixes["track"].iloc[:0].to_numpy()}
    empty |= {name: np.empty(0, kind) for name, kind in numbers.items()}
    filled = [frame for frame in rows if len(frame)]
    if not filled:
        return pd.DataFrame(empty)
    frame = pd.concat(filled, ignore_index=True)
    # By place in the caller's order, then track; spans are sorted already and the sort is stable.
    order = np.lexsort((_codes(frame["track"]), places.index.get_indexer(frame["place"])))
    return frame.iloc[order].reset_index(drop=True)
