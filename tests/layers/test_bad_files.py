"""Map files that are damaged, too large, or meant to do harm."""

import gzip
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import osmium
import pytest
from shapely import Point

from layers.errors import BadFile
from layers.readers import archives, signatures, table, vector
from layers.readers import kml as kml_reader
from layers.readers import osm as osm_reader

from .map_files import (
    COLUMNS,
    LINES,
    OSM_BODY,
    RIVER,
    ROWS,
    assert_rivers,
    at,
    geojson,
    kml,
    line,
    osm,
    read,
    square,
    write,
    zipped,
)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.gpkg", b"", "空文件"),
        ("a.xlsx", b"PK\3\4", "不认识"),
        ("a.geojson", b"PK\3\4....", "内容是 ZIP"),
        ("a.gpkg", b'{"type":"FeatureCollection"}', "内容是 GeoJSON"),
        ("a.gpkg", b"SQLite format 3\0" + bytes(200), "内容不是这种格式"),
        ("a.zip", b"not a zip at all", "内容不是这种格式"),
        ("a.kml", b"<html><body>404</body></html>", "内容不是这种格式"),
        ("a.kml", b"<osm/>", "内容是 OSM XML"),
        ("a.kml", "<kml/>".encode("utf-16"), "UTF-16"),
        ("a.osm.gz", b"\x1f\x8b\x08\x00broken", "gzip"),
        ("a.osm", b"<osm version='0.6'><node id='1' lat=", "损坏"),
        ("a.osm.pbf", b"\0\0\0\x0d\x0a\x09OSMHeader\x18\x7f", "损坏"),
        ("a.shp", b"\0\0\x27\x0a" + bytes(96), ".shx"),
        ("a.geojson", b'{"type":"FeatureCollection","features":[{"type":"Fea', "损坏"),
        ("a.geojson", b'{"type":"FeatureCollection","features":[]}', "一行也没有"),
        (
            "a.geojson",
            b'{"type":"gdal_streamed_alg","command_line":"gdal vector convert /etc/passwd x"}',
            "损坏",
        ),
        ("a.geojson", b'<OGRVRTDataSource><OGRVRTLayer name="x"/></OGRVRTDataSource>', "内容不是这种格式"),
        ("a.json", b'{"version":0.6,"elements":[{"type":"way"}]}', "Overpass"),
        ("a.json", b'{"version":0.6,"elements":[{"type":"way","id":', "Overpass"),
    ],
)
def test_what_a_file_is_not(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(BadFile) as refused:
        read(path)
    assert why in refused.value.detail
    assert name in refused.value.detail
    assert "请" in refused.value.detail or "；" in refused.value.detail


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"找不到文件 a\.gpkg"):
        read(tmp_path / "a.gpkg")


@pytest.mark.parametrize(
    "end", ["gpkg", "zip", "kml", "geojson", "osm", "osm.gz", "osm.pbf", "shp", "dbf", "shx"]
)
def test_a_file_cut_off_in_the_middle(tmp_path: Path, end: str) -> None:
    lines = [line((0, y), *[(x, y + x % 7) for x in range(1, 40)]) for y in range(0, 400, 10)]
    columns = {"河名": [f"{n}号河" for n in range(40)]}
    whole = tmp_path / f"a.{end}"
    if end in ("shp", "dbf", "shx"):
        write(tmp_path / "a.shp", lines, columns, encoding="GBK")
    elif end == "gpkg":
        write(whole, lines, columns)
    elif end == "zip":
        (tmp_path / "s").mkdir()
        zipped(whole, write(tmp_path / "s" / "a.shp", lines, columns, encoding="GBK"))
    elif end == "geojson":
        geojson(whole, [(shape, {"河名": "甲"}) for shape in lines])
    elif end == "kml":
        kml(whole, "<Placemark><Point><coordinates>1,2</coordinates></Point></Placemark>" * 40)
    else:
        plain = osm(tmp_path / "b.osm", OSM_BODY)
        if end == "osm.gz":
            whole.write_bytes(gzip.compress(plain.read_bytes()))
        else:
            with osmium.SimpleWriter(str(whole)) as writer:
                for thing in osmium.FileProcessor(str(plain)):
                    writer.add(thing)
    content = whole.read_bytes()
    whole.write_bytes(content[: int(len(content) * 0.6)])
    with pytest.raises(BadFile, match=r"不完整|损坏|不是完好|缺少"):
        read(tmp_path / "a.shp" if end in ("dbf", "shx") else whole)


LAUGHS = '<!DOCTYPE k [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
EXTERNAL = '<!DOCTYPE k [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("before", [LAUGHS, EXTERNAL, f"<!-- x -->\n<?pi ?>\n{LAUGHS}"])
def test_entities_are_refused_before_any_parser_sees_them(tmp_path: Path, before: str) -> None:
    mark = "<Placemark><name>&a;</name></Placemark>"
    packed = tmp_path / "c.osm.gz"
    plain = osm(tmp_path / "b.osm", '<node id="1" lat="1" lon="1"/>', before=before)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (kml(tmp_path / "a.kml", mark, before=before), plain, packed):
        with pytest.raises(BadFile, match="DOCTYPE"):
            read(path)


def test_an_undeclared_entity_inside_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="损坏"):
        read(kml(tmp_path / "a.kml", "<Placemark><name>&a;</name></Placemark>"))


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "name", ["../a.geojson", "/etc/a.geojson", "C:\\a.geojson", "x/../../a.geojson", "..\\a.geojson"]
)
def test_a_path_that_climbs_out_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadFile, match="文件夹之外"):
        read(archive(tmp_path / "a.zip", {name: b"{}"}))


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadFile, match="大小不正常"):
        read(archive(tmp_path / "a.zip", {"a.geojson": bytes(30 << 20)}))
    monkeypatch.setattr(archives, "MOST_MEMBERS", 3)
    with pytest.raises(BadFile, match="4 个文件"):
        read(archive(tmp_path / "b.zip", {f"{n}.txt": b"" for n in range(4)}))


def test_a_directory_that_lies_about_sizes_gives_no_more_than_it_says(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", {"a.geojson": b" " * 100_000})
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 100_000), struct.pack("<I", 10)))
    with pytest.raises(BadFile, match="不完整或已损坏"):
        read(path)


def test_a_password_and_a_zip_without_or_with_several_maps(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="没有可以导入的地图"):
        read(archive(tmp_path / "a.zip", {"说明.txt": b"x", "b.zip": b"x"}))
    with pytest.raises(BadFile, match=r"缺 \.shp"):
        read(archive(tmp_path / "b.zip", {"a.dbf": b"x"}))
    two = {
        name: geojson(tmp_path / "x.geojson", [(RIVER, {"河名": name})]).read_bytes()
        for name in ("甲.geojson", "乙.geojson")
    }
    several = archive(tmp_path / "c.zip", two)
    with pytest.raises(BadFile, match=r"甲、乙.*--layer-name"):
        read(several)
    assert read(several, layer_name="乙").fields["name"] == ["乙.geojson"]
    locked = archive(tmp_path / "d.zip", {"a.geojson": b"{}"})
    content = bytearray(locked.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\1\2") + 8] |= 1
    locked.write_bytes(bytes(content))
    with pytest.raises(BadFile, match="密码"):
        read(locked)


def test_names_in_old_windows_archives_are_shown_in_chinese(tmp_path: Path) -> None:
    body = geojson(tmp_path / "x.geojson", ROWS).read_bytes()
    path = archive(tmp_path / "a.zip", {"AAAA.geojson": body, "BBBB.geojson": body})
    content = path.read_bytes()
    path.write_bytes(content.replace(b"AAAA", "河道".encode("gbk")).replace(b"BBBB", "道路".encode("gbk")))
    with pytest.raises(BadFile, match="河道、道路"):
        read(path)


def test_layers_of_a_geopackage_are_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.gpkg", LINES, COLUMNS, layer="河道")
    write(path, LINES, COLUMNS, layer="沟渠", append=True)
    with pytest.raises(BadFile, match=r"河道、沟渠.*--layer-name"):
        read(path)
    assert_rivers(read(path, layer_name="沟渠"))
    with pytest.raises(BadFile, match="没有图层「路」"):
        read(path, layer_name="路")


def test_too_many_features_and_too_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (vector, kml_reader, osm_reader):
        monkeypatch.setattr(module, "MOST_FEATURES", 1)
    mark = "<Placemark><Point><coordinates>1,2</coordinates></Point></Placemark>"
    for path in (
        geojson(tmp_path / "a.geojson", ROWS),
        write(tmp_path / "a.gpkg", LINES, COLUMNS),
        write(tmp_path / "a.shp", LINES, COLUMNS, encoding="GBK"),
        kml(tmp_path / "a.kml", mark * 2),
        osm(tmp_path / "a.osm", OSM_BODY),
    ):
        with pytest.raises(BadFile, match=r"超过 1 [行个]"):
            read(path)
    monkeypatch.setattr(osm_reader, "MOST_NODES", 3)
    with pytest.raises(BadFile, match="超过 3 个节点"):
        read(tmp_path / "a.osm")
    monkeypatch.setattr(signatures, "LARGEST_BYTES", 100)
    with pytest.raises(BadFile, match="超过 0 MB"):
        read(tmp_path / "a.geojson")
    assert table.MOST_FEATURES >= 100_000


def test_packed_openstreetmap_that_unpacks_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.osm.gz"
    path.write_bytes(gzip.compress(b"<osm version='0.6'>" + b" " * 5_000_000 + b"</osm>"))
    monkeypatch.setattr(signatures, "LARGEST_BYTES", 1_000_000)
    with pytest.raises(BadFile, match="解压后超过"):
        read(path)


def test_protocol_buffers_that_unpack_without_end(tmp_path: Path) -> None:
    path = tmp_path / "a.osm.pbf"
    with osmium.SimpleWriter(str(path)) as writer:
        writer.add_node(osmium.osm.mutable.Node(id=1, location=(119.8, 32.9)))
    header = b"\x0a\x07OSMData\x18\x06"
    blob = b"\x10\xff\xff\xff\xff\x0f"  # field 2, the unpacked size: 4 GB
    path.write_bytes(path.read_bytes() + len(header).to_bytes(4, "big") + header + blob)
    with pytest.raises(BadFile, match="大小不正常"):
        read(path)


def test_damaged_placemarks_are_refused_by_their_row(tmp_path: Path) -> None:
    marks = "".join(
        f"<Placemark><name>{n}</name><LineString><coordinates>{text}</coordinates></LineString></Placemark>"
        for n, text in enumerate(["119.8,32.9 119.9,32.9", "119.8,x", "119.8,32.9", "119.8 32.9", ""])
    )
    found = read(kml(tmp_path / "a.kml", marks))
    assert found.fields["name"] == ["0"]
    assert [error.row for error in found.refused] == [2, 3, 4, 5]


def test_a_placemark_without_end(tmp_path: Path) -> None:
    text = "119.8,32.9 " * 500_000
    mark = f"<Placemark><LineString><coordinates>{text}</coordinates></LineString></Placemark>"
    with pytest.raises(BadFile, match="第 1 个地标"):
        read(kml(tmp_path / "a.kml", mark))


def test_points_and_polygons_pass_the_reader_and_are_left_to_the_drafts(tmp_path: Path) -> None:
    rows = [(Point(at((0, 0))[0]), {"name": "a"}), (square(0, 0), {"name": "b"})]
    found = read(geojson(tmp_path / "a.geojson", rows))
    assert [shape.geom_type for shape in found.geometry] == ["Point", "MultiPolygon"]


PROBE = """
import sys
from pathlib import Path
from layers import readers, rivers, roads
from layers.errors import YinxunError
from layers.readers import vector  # GDAL, which a service that reads files has loaded
from layers.vocabulary import Layer

def peak_kb():
    return next(int(row.split()[1]) for row in open("/proc/self/status") if row.startswith("VmHWM"))

idle = peak_kb()
try:
    draft = rivers.places(readers.read(Path(sys.argv[1]), Layer.RIVER))
    print(len(draft.places), (peak_kb() - idle) // 1024)
except YinxunError as error:
    print(error.detail, (peak_kb() - idle) // 1024)
"""


def run(path: Path) -> tuple[str, int]:
    """Read and draft in a process of its own; return what came and the megabytes over idle."""
    done = subprocess.run([sys.executable, "-c", PROBE, path], capture_output=True, text=True, check=True)
    answer, _, megabytes = done.stdout.strip().rpartition(" ")
    return answer, int(megabytes)


def test_a_file_of_fifty_megabytes_stays_below_300_mb_over_idle(tmp_path: Path) -> None:
    steps = np.random.default_rng(1).normal(0, 1e-4, (40_000, 40, 2)).cumsum(axis=1)
    starts = np.random.default_rng(2).uniform([119.5, 32.6], [120.1, 33.2], (40_000, 1, 2))
    path = tmp_path / "a.geojson"
    with path.open("w", encoding="utf-8") as file:
        file.write('{"type":"FeatureCollection","features":[')
        for number, points in enumerate((steps + starts).round(9).tolist()):
            comma = "," if number else ""
            file.write(
                f'{comma}{{"type":"Feature","properties":{{"河名":"{number}号河"}},'
                f'"geometry":{{"type":"LineString","coordinates":{points}}}}}'
            )
        file.write("]}")
    assert path.stat().st_size > 45_000_000
    answer, megabytes = run(path)
    assert answer == "40000"
    assert megabytes < 300


def test_one_line_of_two_million_points_is_refused_within_bounds(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    coordinates = ",".join(f"[{119 + n / 1e7:.7f},32.9]" for n in range(2_000_000))
    path.write_text(
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":'
        f'{{"type":"LineString","coordinates":[{coordinates}]}}}}]}}'
    )
    answer, megabytes = run(path)
    assert "顶点太多" in answer
    assert megabytes < 300
