"""Tracks as they leave: GeoJSON for maps, GPX for other programs."""

from typing import Any

import numpy as np
import shapely


def geojson(track: Any) -> dict[str, Any]:
    """Return a MultiLineString M (lon, lat, epoch seconds) as a Feature with one time a vertex."""
    parts = [_part(line) for line in shapely.get_parts(track)]
    geometry = {
        "type": "MultiLineString",
        "coordinates": [np.round(lonlat, 7).tolist() for lonlat, _ in parts],
    }
    times = [clock.tolist() for _, clock in parts]
    return {"type": "Feature", "geometry": geometry, "properties": {"coordTimes": times}}


def gpx(track: Any) -> str:
    """Return a MultiLineString M (lon, lat, epoch seconds) as GPX 1.1, a segment a part."""
    segments = "".join(
        "<trkseg>\n"
        + "".join(
            f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}"><time>{clock}</time></trkpt>\n'
            for (lon, lat), clock in zip(lonlat.tolist(), clocks.tolist(), strict=True)
        )
        + "</trkseg>\n"
        for lonlat, clocks in map(_part, shapely.get_parts(track))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="Yinxun" xmlns="http://www.topografix.com/GPX/1/1">\n'
        f"<trk>\n{segments}</trk>\n</gpx>\n"
    )


def _part(line: Any) -> tuple[Any, Any]:
    """Return lon, lat, shape (n, 2), and the times as ISO texts in UTC, shape (n,)."""
    vertices = shapely.get_coordinates(line, include_m=True)
    clock = np.datetime_as_string((vertices[:, 2] * 1e3).round().astype("datetime64[ms]"), unit="ms")
    return vertices[:, :2], np.char.add(clock, "Z")
