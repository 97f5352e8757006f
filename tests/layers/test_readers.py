"""Map files as offices send them: formats, encodings, columns."""

import gzip
import json
import zipfile
from pathlib import Path

import osmium
import pytest
import shapely

from layers import crs
from layers.errors import BadFile
from layers.vocabulary import Layer

from .map_files import (
    COLUMNS,
    LINES,
    OSM_BODY,
    RIVER,
    ROWS,
    assert_rivers,
    geojson,
    kml,
    osm,
    read,
    square,
    write,
    zipped,
)


def test_geojson(tmp_path: Path) -> None:
    found = read(geojson(tmp_path / "河道.geojson", ROWS))
    assert_rivers(found)
    assert found.fields["code"] == ["RV1", None]
    assert read(geojson(tmp_path / "河道.json", ROWS)).fields["name"] == ["生产河", "中心河"]


def test_geopackage(tmp_path: Path) -> None:
    found = read(write(tmp_path / "河道.gpkg", LINES, COLUMNS))
    assert_rivers(found)
    assert found.fields["village"] == ["水关居委会", None]


@pytest.mark.parametrize("encoding", ["GBK", "UTF-8"])
@pytest.mark.parametrize("cpg", ["right", "none", "wrong"])
def test_zipped_shapefile_in_either_encoding(tmp_path: Path, encoding: str, cpg: str) -> None:
    shapefile = write(tmp_path / "a.shp", LINES, COLUMNS, encoding=encoding)
    sidecar = tmp_path / "a.cpg"
    if cpg == "none":
        sidecar.unlink()
    if cpg == "wrong":
        sidecar.write_text("UTF-8" if encoding == "GBK" else "ISO-8859-1")
    found = read(zipped(tmp_path / "河道.zip", shapefile))
    assert_rivers(found)
    # 所属村(社区) is cut to ten bytes, in either encoding at another character.
    assert found.fields["village"] == ["水关居委会", None]
    if cpg == "wrong" and encoding == "GBK":
        assert any(".cpg" in note for note in found.notes)


def test_shapefile_beside_its_files_with_capital_endings(tmp_path: Path) -> None:
    write(tmp_path / "a.shp", LINES, COLUMNS, encoding="GBK")
    for part in list(tmp_path.iterdir()):
        part.rename(part.with_suffix(part.suffix.upper()))
    assert_rivers(read(tmp_path / "a.SHP"))


def test_shapefile_with_a_stated_encoding(tmp_path: Path) -> None:
    shapefile = write(tmp_path / "a.shp", LINES, COLUMNS, encoding="GBK")
    (tmp_path / "a.cpg").unlink()
    assert_rivers(read(shapefile, encoding="GBK"))
    with pytest.raises(BadFile, match="不是 UTF-8 编码"):
        read(shapefile, encoding="UTF-8")
    with pytest.raises(BadFile, match="--encoding"):
        read(shapefile, encoding="火星文")


def test_a_gbk_name_that_fills_and_overflows_its_field(tmp_path: Path) -> None:
    long = "河" * 200
    shapefile = write(tmp_path / "a.shp", LINES, {"名称": [long, "中心河"]}, encoding="UTF-8")
    (tmp_path / "a.cpg").unlink()
    found = read(shapefile)
    assert str(found.fields["name"][0]) == "河" * 84, "254 bytes hold 84 characters of three and a part"


def test_kml_with_heights_folders_and_extended_data(tmp_path: Path) -> None:
    def coordinates(shape: shapely.LineString) -> str:
        return " ".join(f"{x:.9f},{y:.9f},3.5" for x, y in shape.coords)

    marks = "".join(
        f"<Placemark><name>{name}</name>"
        f"<ExtendedData><Data name='河道编码'><value>{code}</value></Data></ExtendedData>"
        f"<LineString><coordinates>\n {coordinates(shape)} \n</coordinates></LineString></Placemark>"
        for name, code, shape in zip(["生产河", "中心河"], ["RV1", ""], LINES, strict=True)
    )
    found = read(kml(tmp_path / "河道.kml", marks))
    assert_rivers(found)
    assert found.fields["code"] == ["RV1", None]
    with zipfile.ZipFile(tmp_path / "河道.kmz", "w") as archive:
        archive.write(tmp_path / "河道.kml", "doc.kml")
    assert_rivers(read(tmp_path / "河道.kmz"))


def test_kml_polygons_with_holes_and_nested_multigeometry(tmp_path: Path) -> None:
    def ring(shape: shapely.Polygon) -> str:
        points = " ".join(f"{x:.9f},{y:.9f}" for x, y in shape.exterior.coords)
        return f"<LinearRing><coordinates>{points}</coordinates></LinearRing>"

    polygon = (
        f"<Polygon><outerBoundaryIs>{ring(square(0, 0))}</outerBoundaryIs>"
        f"<innerBoundaryIs>{ring(square(20, 20, 50))}</innerBoundaryIs></Polygon>"
    )
    marks = (
        f"<Placemark><name>甲网格</name>{polygon}</Placemark>"
        f"<Placemark><name>乙网格</name><MultiGeometry><MultiGeometry>{polygon}</MultiGeometry></MultiGeometry></Placemark>"
        "<Placemark><name>丙网格</name></Placemark>"
    )
    found = read(kml(tmp_path / "网格.kml", marks), Layer.GRID)
    assert found.fields["name"] == ["甲网格", "乙网格", "丙网格"]
    assert found.geometry[2] is None
    for shape in found.geometry[:2]:
        area_m2 = shapely.area(crs.project(shape, "EPSG:4549"))
        assert area_m2 == pytest.approx(10000 - 2500, rel=1e-4)


def test_openstreetmap_rivers_with_cut_ways_and_relations(tmp_path: Path) -> None:
    found = read(osm(tmp_path / "a.osm", OSM_BODY))
    assert found.osm
    assert found.ids == ["way/10", "way/11", "relation/21"]
    assert found.fields["name"] == ["车路河", None, "卤汀河"]
    assert [len(shape.geoms) for shape in found.geometry] == [1, 2, 1], "no line across a missing node"
    assert found.left_out == {
        "水面是面，不是河道中心线": 1,
        "节点不在文件里（截取地图时被切掉）": 1,
        "关系（它的路段已单独读入）": 1,
        "关系（它的路段不在文件里）": 1,
    }


def test_openstreetmap_packed_and_as_protocol_buffers(tmp_path: Path) -> None:
    plain = osm(tmp_path / "a.osm", OSM_BODY)
    (tmp_path / "b.osm.gz").write_bytes(gzip.compress(plain.read_bytes()))
    with osmium.SimpleWriter(str(tmp_path / "c.osm.pbf")) as writer:
        for thing in osmium.FileProcessor(str(plain)):
            writer.add(thing)
    for name in ("a.osm", "b.osm.gz", "c.osm.pbf"):
        found = read(tmp_path / name, Layer.ROAD)
        assert (found.ids, found.fields["name"], found.fields["class"]) == (
            ["way/15"],
            ["英武路"],
            ["residential"],
        )
        assert found.left_out == {"人行道、小路、台阶、自行车道（highway=footway）": 1}


def test_overpass_json_with_nodes_and_with_geometry(tmp_path: Path) -> None:
    way = {"type": "way", "id": 15, "tags": {"highway": "residential", "name": "英武路"}}
    nodes = [{"type": "node", "id": n, "lat": 32.9, "lon": 119.8 + n / 100} for n in (1, 2)]
    points = [{"lat": n["lat"], "lon": n["lon"]} for n in nodes]
    for number, elements in enumerate(([{**way, "nodes": [1, 2]}, *nodes], [{**way, "geometry": points}])):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps({"version": 0.6, "elements": elements}), "utf-8")
        found = read(path, Layer.ROAD)
        assert found.ids == ["way/15"]
        assert shapely.get_coordinates(found.geometry).tolist() == [[119.81, 32.9], [119.82, 32.9]]


def test_openstreetmap_compounds_of_several_outlines(tmp_path: Path) -> None:
    nodes = "".join(
        f'<node id="{10 * k + i}" lat="{32.9 + dy / 1000}" lon="{119.8 + (dx + 3 * k) / 1000}"/>'
        for k in (1, 2)
        for i, (dx, dy) in enumerate([(0, 0), (1, 0), (1, 1), (0, 1)])
    )
    ways = "".join(
        f'<way id="{k}">' + "".join(f'<nd ref="{10 * k + i}"/>' for i in (0, 1, 2, 3, 0)) + f"{tags}</way>"
        for k, tags in ((1, ""), (2, '<tag k="building" v="apartments"/>'))
    )
    relation = (
        '<relation id="5"><member type="way" ref="1" role="outer"/><member type="way" ref="2" role="outer"/>'
        '<tag k="type" v="multipolygon"/><tag k="landuse" v="residential"/><tag k="name" v="海德花园"/>'
        "</relation>"
    )
    found = read(osm(tmp_path / "a.osm", nodes + ways + relation), Layer.COMPOUND)
    assert found.ids == ["way/2", "relation/5"]
    assert found.fields["building"] == ["apartments", None]
    assert found.geometry[0] is None
    assert len(found.geometry[1].geoms) == 2


def test_an_upload_may_lie_under_another_name(tmp_path: Path) -> None:
    plain = osm(tmp_path / "b.osm", OSM_BODY)
    with osmium.SimpleWriter(str(tmp_path / "b.osm.pbf")) as writer:
        for thing in osmium.FileProcessor(str(plain)):
            writer.add(thing)
    (tmp_path / "b.osm.gz").write_bytes(gzip.compress(plain.read_bytes()))
    write(tmp_path / "b.gpkg", LINES, COLUMNS)
    geojson(tmp_path / "b.geojson", ROWS)
    zipped(tmp_path / "b.zip", write(tmp_path / "s.shp", LINES, COLUMNS, encoding="GBK"))
    for end in ("osm", "osm.gz", "osm.pbf", "gpkg", "geojson", "zip"):
        bare = (tmp_path / f"b.{end}").rename(tmp_path / f"upload-{end.replace('.', '-')}")
        found = read(bare, name=f"河道.{end}")
        assert len(found) == (3 if "osm" in end else 2)
        assert found.file.startswith(f"河道.{end}")


def test_openstreetmap_holds_no_grids(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="没有网格"):
        read(osm(tmp_path / "a.osm", OSM_BODY), Layer.GRID)


# --- columns ---


@pytest.mark.parametrize(
    ("layer", "columns", "expected"),
    [
        (
            Layer.RIVER,
            {"河 名": "a", "编码": "1", "宽度（米）": "12"},
            {"name": "a", "code": "1", "width_m": 12.0},
        ),
        (
            Layer.RIVER,
            {"NAME": "a", "Code": "1", "长度(m)": 3200},
            {"name": "a", "code": "1", "length_km": 3.2},
        ),
        (Layer.ROAD, {"路线编号": "X203", "路线名称": "a"}, {"code": "X203", "name": "a"}),
        (
            Layer.GRID,
            {"网格编码": "1", "网格名称": "a", "所属社区": "b"},
            {"code": "1", "name": "a", "village": "b"},
        ),
        (Layer.COMPOUND, {"小区名称": "a", "网格编码": "1"}, {"name": "a", "grid_code": "1"}),
        (Layer.RIVER, {"讫点": "b", "起点": "a"}, {"end": "b", "start": "a"}),
        (Layer.RIVER, {"河道名称": "a", "名称": "b"}, {"name": "a"}),
        (None, {"行政区划代码": "321281", "名称": "兴化市"}, {"code": "321281", "name": "兴化市"}),
    ],
)
def test_synonyms(
    tmp_path: Path, layer: Layer | None, columns: dict[str, object], expected: dict[str, object]
) -> None:
    found = read(geojson(tmp_path / "a.geojson", [(RIVER, columns)]), layer)
    assert {key: values[0] for key, values in found.fields.items()} == expected


def test_a_mapping_comes_before_the_synonyms(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", [(RIVER, {"名称": "水利一号", "俗名": "生产河"})])
    assert read(path, mapping={"name": "俗名"}).fields["name"] == ["生产河"]
    with pytest.raises(BadFile, match="名称、俗名"):
        read(path, mapping={"name": "河名"})
    with pytest.raises(BadFile, match="「nam」不是标准列名"):
        read(path, mapping={"nam": "俗名"})


def test_names_and_telephones_of_people_are_not_read(tmp_path: Path) -> None:
    path = geojson(
        tmp_path / "a.geojson", [(RIVER, {"河道名称": "a", "镇级河长": "张三", "电话": "13800000000"})]
    )
    assert set(read(path).fields) == {"name"}


def test_without_a_name_column_the_notes_say_how_to_name_it(tmp_path: Path) -> None:
    found = read(geojson(tmp_path / "a.geojson", [(RIVER, {"俗名": "生产河"})]))
    assert any("--map name=" in note for note in found.notes)


def test_placeholders_are_no_names_and_odd_numbers_are_told(tmp_path: Path) -> None:
    rows = [
        (RIVER, {"河名": "无名河", "宽度": "很窄", "是否纳管": "是"}),
        (LINES[1], {"河名": " ", "宽度": "12米", "是否纳管": ""}),
    ]
    found = read(geojson(tmp_path / "a.geojson", rows))
    assert found.fields == {"name": [None, None], "width_m": [None, 12.0], "in_scheme": [True, False]}
    assert [(r.row, "很窄" in r.detail) for r in found.remarks] == [(1, True)]


@pytest.mark.parametrize(
    ("cell", "metres"),
    [
        ("3～5", 4.0),
        ("8-12 m", 10.0),
        ("约15米", 15.0),
        ("0.02公里", 20.0),
        ("40'", 12.19),
        ("12'6\"", 3.81),
        ("0", None),
        ("-3", None),
        ("12'x", None),
    ],
)
def test_widths_as_offices_and_openstreetmap_write_them(
    tmp_path: Path, cell: str, metres: float | None
) -> None:
    found = read(geojson(tmp_path / "a.geojson", [(RIVER, {"河名": "甲", "河宽": cell})]))
    assert found.fields["width_m"] == [metres]


def test_an_unclear_scheme_and_endless_or_invisible_text_refuse_the_row(tmp_path: Path) -> None:
    rows = [
        (RIVER, {"河名": "甲", "是否纳管": "待定"}),
        (RIVER, {"河名": "乙" * 5000, "是否纳管": "是"}),
        (RIVER, {"河名": "丙\u0007", "是否纳管": "是"}),
        (RIVER, {"河名": "丁", "是否纳管": "否"}),
    ]
    found = read(geojson(tmp_path / "a.geojson", rows))
    assert found.fields["name"] == ["丁"]
    assert [error.row for error in found.refused] == [1, 2, 3]
    assert all(f"a.geojson 第 {error.row} 行" in error.detail for error in found.refused)
    assert "请填 是 或 否" in found.refused[0].detail


@pytest.mark.parametrize("end", ["geojson", "gpkg", "shp"])
def test_nul_within_a_text_is_found_in_every_format(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"a.{end}"
    if end == "geojson":
        geojson(path, [(RIVER, {"河名": "甲"}), (RIVER, {"河名": "乙\0河"})])
        with pytest.raises(BadFile, match="第 2 个要素附近"):
            read(path)
        return
    write(path, LINES, {"河名": ["甲", "乙#河"]}, encoding="UTF-8" if end == "shp" else None)
    raw_path = path.with_suffix(".dbf") if end == "shp" else path
    raw_path.write_bytes(raw_path.read_bytes().replace("乙#河".encode(), "乙\0河".encode()))
    found = read(path)
    assert found.fields["name"] == ["甲"]
    assert [(error.row, "NUL" in error.detail) for error in found.refused] == [(2, True)]


def test_ids_are_stable_only_if_they_are_unique(tmp_path: Path) -> None:
    two = [(RIVER, {"@id": "way/1"}), (LINES[1], {"@id": "way/2"})]
    assert read(geojson(tmp_path / "a.geojson", two)).ids == ["way/1", "way/2"]
    ways = [(RIVER, {"way_id": 7, "highway": "residential"})]
    assert read(geojson(tmp_path / "b.geojson", ways), Layer.ROAD).ids == ["way/7"]
    zeros = [(RIVER, {"id": 0}), (LINES[1], {"id": 0})]
    found = read(geojson(tmp_path / "c.geojson", zeros))
    assert found.ids == [None, None]
    assert any("重复" in note for note in found.notes)
