"""Lists as KML, for the map programs on phones: a placemark a row, its values in a table to tap on."""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from geo_service.columns import Listing, printable, words
from geo_service.errors import Invalid

_CHUNK = 2**16
_NO_XML = re.compile("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\ud800-\\udfff\\ufffe\\uffff]")
_NAMES = ("name", "place", "title", "code")
"""Columns after which a placemark is called, the first that says something."""


def kml(listing: Listing) -> Iterator[bytes]:
    """Yield the bytes of a KML document, WGS 84. Raises Invalid for a list without geometry."""
    if listing.geometry_at is None:
        raise Invalid("这个清单没有图形，不能存成 KML；请选表格（xlsx、csv）。")
    held = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>'
        f"<name>{_text(listing.title)}</name>"
        '<Style id="gap"><LineStyle><color>ff1e26b3</color><width>4</width></LineStyle>'
        "<PolyStyle><color>551e26b3</color></PolyStyle></Style>\n"
    )
    for row in listing.rows:
        held += _placemark(listing, row)
        if len(held) >= _CHUNK:
            yield held.encode()
            held = ""
    yield f"{held}</Document></kml>\n".encode()


def _placemark(listing: Listing, row: Sequence[Any]) -> str:
    said = {column.name: (column.title, words(row[i], column)) for i, column in listing.plain}
    name = next((said[key][1] for key in _NAMES if key in said and said[key][1]), "")
    data = "".join(
        f"<Data name={_quoted(title)}><value>{_text(text)}</value></Data>"
        for title, text in said.values()
        if text
    )
    shape = _shape(row[listing.geometry_at or 0])
    return (
        f"<Placemark><name>{_text(name)}</name><styleUrl>#gap</styleUrl>"
        f"<ExtendedData>{data}</ExtendedData>{shape}</Placemark>\n"
    )


def _shape(geometry: BaseGeometry | None) -> str:
    """Return a geometry as KML; nothing for none: the row is in the document all the same."""
    if geometry is None or geometry.is_empty:
        return ""
    parts = "".join(map(_part, shapely.get_parts(geometry)))
    return parts if shapely.get_num_geometries(geometry) == 1 else f"<MultiGeometry>{parts}</MultiGeometry>"


def _part(part: Any) -> str:
    if part.geom_type == "Point":
        return f"<Point>{_coordinates(part)}</Point>"
    if part.geom_type == "Polygon":
        holes = "".join(
            f"<innerBoundaryIs><LinearRing>{_coordinates(ring)}</LinearRing></innerBoundaryIs>"
            for ring in part.interiors
        )
        outer = f"<outerBoundaryIs><LinearRing>{_coordinates(part.exterior)}</LinearRing></outerBoundaryIs>"
        return f"<Polygon>{outer}{holes}</Polygon>"
    return f"<LineString><tessellate>1</tessellate>{_coordinates(part)}</LineString>"


def _coordinates(line: Any) -> str:
    # Seven decimals are a centimetre.
    pairs = np.char.mod("%.7f", shapely.get_coordinates(line))
    return f"<coordinates>{' '.join(map(','.join, pairs.tolist()))}</coordinates>"


def _text(text: str) -> str:
    """Return a text as XML may hold it: no character that it knows no way to write."""
    return escape(_NO_XML.sub("", printable(text)))


def _quoted(text: str) -> str:
    return '"' + _text(text).replace('"', "&quot;") + '"'
