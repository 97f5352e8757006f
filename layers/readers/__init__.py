"""Map files (GeoPackage, GeoJSON, Shapefile, KML, OpenStreetMap): the only place that opens them."""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.errors import BadRow
from layers.features import Box, Features
from layers.readers import archives, fields, kml, osm, overpass, signatures, table
from layers.readers.fields import Column
from layers.readers.placing import Placed, Statement, place
from layers.readers.signatures import Kind
from layers.readers.table import Cells, Table
from layers.vocabulary import Datum, Layer

OUTSIDE = "在本县之外"


def read(
    path: Path,
    layer: Layer | None,
    *,
    mapping: Mapping[str, str] | None = None,
    layer_name: str | None = None,
    encoding: str | None = None,
    crs: str | None = None,
    datum: Datum = Datum.WGS84,
    county: Box | None = None,
    name: str | None = None,
) -> Features:
    """Return the features of a map file for a layer (None: administrative areas), in WGS 84 lon, lat.

    `mapping` is standard column to column of the file; `layer_name` chooses among several layers of a file,
    `encoding` is that of a Shapefile's texts, `crs` and `datum` say how coordinates are to be read, `county`
    is the box in which they must lie, `name` what messages call the file. Nothing is assumed in silence.

    Raises BadFile where the file as a whole cannot be taken, UnknownCrs and OutsideCounty where the question
    is where it lies. Rows that cannot be taken are in `refused` and not among the features.
    """
    called = name or path.name
    source = _read(path, called, layer, mapping or {}, layer_name, encoding)
    placed = place(source, Statement(crs, datum), county, called)
    return _features(source, table.cleaned(source), placed, called)


def _read(
    path: Path,
    name: str,
    layer: Layer | None,
    mapping: Mapping[str, str],
    layer_name: str | None,
    encoding: str | None,
) -> Table:
    kind = signatures.kind_of(path, name)
    if kind is Kind.ZIP:
        with archives.unpacked(path, name, layer_name) as inner:
            return _read(inner.path, inner.name, layer, mapping, inner.layer_name, encoding)

    def choose(columns: Sequence[str], size: Callable[[str], int] | None) -> list[Column]:
        return fields.choose(columns, layer, mapping, file=name, size=size)

    if kind is Kind.OVERPASS:
        with tempfile.TemporaryDirectory(prefix="yinxun-") as folder:
            converted = Path(folder) / "map.osm"
            overpass.to_osm(path, converted, name)
            return osm.read(converted, Kind.OSM_XML, name, layer)
    if kind in (Kind.OSM_XML, Kind.OSM_PBF):
        return osm.read(path, kind, name, layer)
    if kind is Kind.KML:
        return kml.read(path, name, choose)
    # GDAL, and the data frames that its bindings load, take 40 MB: when it is needed.
    from layers.readers import vector  # noqa: PLC0415

    return vector.read(path, kind, name, choose, layer_name=layer_name, encoding=encoding)


def _features(source: Table, cells: Cells, placed: Placed, name: str) -> Features:
    damaged = {**placed.damaged, **cells.damaged, **source.damaged}
    outside = [position for position in placed.outside if position not in damaged]
    left_out = Counter(source.left_out)
    if source.osm:
        # An extract reaches beyond the county; a register that does has a fault.
        left_out.update({OUTSIDE: len(outside)} if outside else {})
    else:
        damaged |= dict.fromkeys(outside, f"{OUTSIDE}；请核对坐标，或删除这一行")
    gone = damaged.keys() | set(outside)
    kept = [position for position in range(len(source.rows)) if position not in gone]
    ids, notes = _ids(source, cells)
    return Features(
        file=name,
        geometry=_many(placed.geometry[kept]),
        fields={key: [values[p] for p in kept] for key, values in cells.fields.items() if key != "id"},
        rows=[source.rows[p] for p in kept],
        ids=[ids[p] for p in kept],
        osm=source.osm,
        left_out=left_out,
        refused=[
            BadRow(f"{name} 第 {source.rows[p]} 行：{damaged[p]}。", row=source.rows[p])
            for p in sorted(damaged)
        ],
        remarks=table.remarks(source.rows, cells.odd, name),
        notes=[*source.notes, *placed.notes, *_about_columns(source), *notes],
    )


def _many(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return single lines and areas as MultiLineString and MultiPolygon, as places have them."""
    for kind, make in ((1, shapely.multilinestrings), (3, shapely.multipolygons)):
        single = np.flatnonzero(shapely.get_type_id(geometry) == kind)
        if len(single):
            geometry[single] = make(geometry[single], indices=np.arange(len(single)))
    return geometry


def _ids(source: Table, cells: Cells) -> tuple[Sequence[str | None], list[str]]:
    """Return each row's stable id, and a note where the file's are not unique and so not used."""
    if source.ids is not None:
        return source.ids, []
    none: list[str | None] = [None] * len(source.rows)
    column = next((c.column for c in source.columns if c.standard == "id"), None)
    if column is None:
        return none, []
    values = [None if value is None else str(value) for value in cells.fields["id"]]
    given = [value for value in values if value is not None]
    if len(set(given)) < len(given):
        return none, [f"「{column}」列有重复，没有当作唯一标识。"]
    # OpenStreetMap's own tables number ways in this column.
    return [f"way/{value}" if value and column == "way_id" else value for value in values], []


def _about_columns(source: Table) -> list[str]:
    if source.osm:
        return []
    used = "、".join(f"{c.column}→{c.standard}" for c in source.columns)
    notes = [f"用到的列：{used}。" if used else "没有认出任何列。"]
    if not any(c.standard == "name" for c in source.columns):
        notes.append("没有找到名称列，全部按无名处理；有的话请用 --map name=列名 指明。")
    return notes
