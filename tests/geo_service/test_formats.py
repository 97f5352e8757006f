"""Recordings as phones write them, and files that are none."""

import datetime as dt
import gzip
import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geo_service.patrols import texts
from geo_service.patrols.fixes import MAX_FIXES
from geo_service.patrols.formats import parse
from layers.errors import BadFile, BadRow, BadTrack, UnknownTimeZone, YinxunError

START_S = 1_777_593_600  # 2026-05-01T00:00:00Z
GPX11 = 'xmlns="http://www.topografix.com/GPX/1/1"'


def gpx(points: str, *, version: str = "1.1", namespace: str = GPX11, before: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<gpx version="{version}" creator="t" {namespace}>{before}\n'
        f"<trk><name>早上 &amp; 河边</name><trkseg>\n{points}</trkseg></trk>\n</gpx>\n"
    ).encode()


def point(lon: object = 119.84, lat: object = 32.93, time: str | None = "2026-05-01T00:00:00Z") -> str:
    timed = "" if time is None else f"<time>{time}</time>"
    return f'<trkpt lat="{lat}" lon="{lon}"><ele>3</ele>{timed}<hdop>9.9</hdop></trkpt>\n'


def walk(n: int) -> str:
    clock = [str(t) + "Z" for t in np.datetime64("2026-05-01T00:00:00") + np.arange(n)]
    return "".join(point(f"{119.84 + i * 1e-5:.6f}", "32.93", t) for i, t in enumerate(clock))


class TestGpx:
    def test_reads_every_fix_across_blocks(self) -> None:
        recording = parse(gpx(walk(3000)))
        assert recording.time_s.tolist() == (START_S + np.arange(3000)).tolist()
        np.testing.assert_allclose(recording.lonlat[:, 0], 119.84 + np.arange(3000) * 1e-5, atol=1e-9)
        assert (recording.lonlat[:, 1] == 32.93).all()
        assert recording.accuracy_m is None  # hdop is no accuracy

    @pytest.mark.parametrize(
        ("version", "namespace"),
        [("1.1", GPX11), ("1.0", 'xmlns="http://www.topografix.com/GPX/1/0"'), ("1.1", "")],
    )
    def test_takes_every_version(self, version: str, namespace: str) -> None:
        assert parse(gpx(walk(2), version=version, namespace=namespace)).time_s.size == 2

    def test_reads_accuracy_of_extensions(self) -> None:
        first = (
            '<trkpt lat="32.93" lon="119.84"><time>2026-05-01T00:00:00Z</time><extensions>'
            '<o:accuracy_horizontal xmlns:o="http://opentracksapp.com/xmlschemas/v1">4.5'
            "</o:accuracy_horizontal></extensions></trkpt>"
        )
        recording = parse(gpx(first + point(time="2026-05-01T00:00:01Z")))
        assert recording.accuracy_m is not None
        np.testing.assert_equal(recording.accuracy_m, [4.5, np.nan])

    def test_takes_no_accuracy_for_unknown(self) -> None:
        rows = "".join(f"119,32,{START_S + k},{a}\n" for k, a in enumerate(("5", "0", "-1", "1e300", "nan")))
        recording = parse(f"lon,lat,time,accuracy\n{rows}".encode())
        np.testing.assert_equal(recording.accuracy_m, [5, np.nan, np.nan, 1e6, np.nan])

    def test_gives_no_fix_the_time_of_something_else(self) -> None:
        before = (
            "<metadata><time>2020-01-01T00:00:00Z</time></metadata>"
            '<wpt lat="1" lon="1"><time>2020-01-01T00:00:00Z</time></wpt>'
        )
        points = point(time=None) + point() + point(time=None)
        np.testing.assert_equal(parse(gpx(points, before=before)).time_s, [np.nan, START_S, np.nan])

    def test_joins_the_tracks_of_one_file(self) -> None:
        two = gpx(walk(2)).replace(b"</trkseg>", b"</trkseg><trkseg>" + walk(3).encode() + b"</trkseg>")
        assert parse(two).time_s.size == 5

    @pytest.mark.parametrize("encoding", ["utf-16", "gb18030"])
    def test_follows_the_declared_encoding(self, encoding: str) -> None:
        text = gpx(walk(2)).decode().replace("UTF-8", encoding.upper())
        assert parse(text.encode(encoding)).time_s.size == 2

    def test_tells_the_line_of_a_break_and_takes_nothing(self) -> None:
        whole = gpx(walk(2000))
        with pytest.raises(BadFile, match=r"「walk\.gpx」：文件在第 \d{3} 行断开"):
            parse(whole[: len(whole) // 3], name="walk.gpx")

    def test_refuses_nul(self) -> None:
        with pytest.raises(BadFile, match="第 5 行"):
            parse(gpx(point() + "\0"))

    def test_names_the_fix_of_a_bad_number(self) -> None:
        with pytest.raises(BadRow, match="第 3 个轨迹点的纬度「北」不是数字"):
            parse(gpx(walk(2) + point(lat="北")))

    def test_keeps_nan_and_missing_for_the_cleaning(self) -> None:
        lonlat = parse(gpx(point("NaN") + point() + '<trkpt lon="119"><time/></trkpt>')).lonlat
        np.testing.assert_equal(lonlat, [[np.nan, 32.93], [119.84, 32.93], [119, np.nan]])

    def test_refuses_a_route(self) -> None:
        with pytest.raises(BadTrack, match="这是路线，不是行走记录"):
            parse(gpx(point(time=None) * 3))
        with pytest.raises(BadFile, match="没有轨迹点"):
            parse(f'<gpx version="1.1" {GPX11}><rte><rtept lat="1" lon="2"/></rte></gpx>'.encode())

    def test_asks_for_the_zone(self) -> None:
        naive = gpx(walk(2) + point(time="2026-05-01T08:00:02"))
        with pytest.raises(UnknownTimeZone, match="从第 3 个轨迹点起"):
            parse(naive)
        assert parse(naive, time_zone="Asia/Shanghai").time_s.tolist() == [START_S, START_S + 1, START_S + 2]

    @pytest.mark.parametrize("zone", ["火星", "../etc/passwd", "Asia", "Asia/Nowhere", ""])
    def test_refuses_unknown_zones(self, zone: str) -> None:
        with pytest.raises(UnknownTimeZone, match="不认识时区"):
            parse(gpx(walk(2)), time_zone=zone)


class TestDangers:
    LAUGHS = (
        '<!DOCTYPE gpx [<!ENTITY a "ha">'
        + "".join(f'<!ENTITY {c} "{f"&{b};" * 10}">' for b, c in zip("abcdefgh", "bcdefghi", strict=True))
        + "]>"
    )

    @pytest.mark.parametrize(
        "document",
        [
            f"<?xml version='1.0'?>{LAUGHS}<gpx><trk><name>&i;</name></trk></gpx>",
            f"{LAUGHS}<gpx creator='&i;'/>",
            "<!DOCTYPE gpx [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><gpx><trk><name>&x;</name></trk></gpx>",
            "<!DOCTYPE gpx SYSTEM 'http://127.0.0.1:9/x.dtd'><gpx/>",
            "<!DOCTYPE gpx [<!ENTITY % x SYSTEM 'http://127.0.0.1:9/x.dtd'> %x;]><gpx/>",
        ],
    )
    def test_refuses_entities_and_dtds(self, document: str) -> None:
        with pytest.raises(BadFile, match=r"DOCTYPE|损坏"):
            parse(document.encode())

    def test_keeps_the_memory_of_a_flood_of_empty_elements(self) -> None:
        flood = gpx(walk(1)).replace(b"<trk>", b"<a/>" * 2_000_000 + b"<trk>")
        before = resident_mb()
        assert parse(flood).time_s.size == 1
        assert resident_mb() - before < 60  # as a tree it is 250 MB

    def test_refuses_too_deep_a_tree(self) -> None:
        with pytest.raises(BadFile):
            parse(b"<gpx>" + b"<a>" * 100_000)
        with pytest.raises(BadFile):
            parse(b"[" * 1_000_000)

    def test_refuses_more_fixes_than_a_patrol_has(self) -> None:
        with pytest.raises(BadFile, match=f"超过 {MAX_FIXES} 个"):
            parse(gpx(point() * (MAX_FIXES + 1)))

    def test_stops_unpacking_a_bomb(self) -> None:
        row = b"119,32,2026-05-01T00:00:00Z," + b"x" * 100_000 + b"\n"
        bomb = gzip.compress(b"lon,lat,time,remark\n" + row * 2700, compresslevel=1)
        with pytest.raises(BadFile, match="超过 256 MB"):
            parse(bomb)

    def test_refuses_a_geojson_that_would_fill_the_memory(self) -> None:
        with pytest.raises(BadFile, match="内容太多"):
            parse(b'{"type": "FeatureCollection", "features": [' + b"[]," * 3_000_000 + b"[]]}")
        with pytest.raises(BadFile, match="64 MB"):
            parse(b"{" + b" " * 65 * 2**20)

    @pytest.mark.parametrize(
        ("content", "told"),
        [
            (b"", "空的"),
            (b" \n\n ", "空的"),
            (b"%PDF-1.7 ...", "PDF"),
            (b"\x89PNG\r\n", "图片"),
            (b"\xff\xd8\xff\xe0JFIF", "照片"),
            (b"<html><body>404</body></html>", "「html」"),
            (b"<osm version='0.6'></osm>", "「osm」"),
            (b"<?xml version='1.0'?><!-- only -->", "没有 GPX"),
            (b"hello world\n", "没有认出轨迹"),
            (b"a,b,c\n1,2,3\n", "没有认出轨迹"),
            (b"lon,lat,time\n\0\0\0", "NUL"),
            (b'{"type": "Topology"}', "不是 GeoJSON"),
            (b"[1, 2, 3]", "不是 GeoJSON"),
            (b'{"type": "FeatureColl', "第 1 行断开"),
            (b'{"type": "FeatureCollection", "features": []}', "没有轨迹点"),
            (b'{"type": "FeatureCollection", "features": [1]}', "第 1 个要素结构不对"),
            (b"\x1f\x8b\x08 broken", "损坏"),
            (b"PK\x03\x04 broken", "损坏"),
            ("x" * 3_000_000, "太长"),
        ],
    )
    def test_names_what_is_no_recording(self, content: bytes | str, told: str) -> None:
        data = content.encode() if isinstance(content, str) else content
        with pytest.raises(BadFile, match=told) as refused:
            parse(data, name="巡河.gpx")
        assert refused.value.detail.startswith("文件「巡河.gpx」：")

    def test_half_a_gzip_is_refused(self) -> None:
        packed = gzip.compress(gpx(walk(500)))
        assert parse(packed).time_s.size == 500
        with pytest.raises(BadFile, match="没有传完"):
            parse(packed[:-20])

    @given(st.binary(max_size=300))
    def test_any_bytes_give_an_answer(self, data: bytes) -> None:
        for prefix in (b"", b"<gpx>", b"{", b"lon,lat,time\n", b"\x1f\x8b\x08", b"PK\x03\x04"):
            with pytest.raises(YinxunError):
                parse(prefix + data)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20


class TestCsv:
    def test_reads_english_and_chinese_headers(self) -> None:
        rows = "119.84,32.93,2026-05-01T00:00:00Z,5\n119.85,32.94,2026-05-01T00:00:01Z,\n"
        for header in (
            "lon,lat,time,accuracy",
            "经度,纬度,时间,精度（米）",
            "Longitude,LATITUDE,date_time,h_acc",
        ):
            recording = parse(f"{header}\n{rows}".encode())
            assert recording.time_s.tolist() == [START_S, START_S + 1]
            assert recording.lonlat.tolist() == [[119.84, 32.93], [119.85, 32.94]]
            np.testing.assert_equal(recording.accuracy_m, [5, np.nan])

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
    def test_reads_every_encoding(self, encoding: str) -> None:
        text = "备注,定位时间,经度,纬度\n河边,2026-05-01 08:00:00,119.84,32.93\n"
        assert parse(text.encode(encoding), time_zone="Asia/Shanghai").time_s.tolist() == [START_S]

    @pytest.mark.parametrize(
        "time",
        [
            "2026-05-01 08:00:00",
            "2026/5/1 8:00",
            "2026年5月1日 8时00分",
            "2026-05-01T08:00:00+08:00",
            "2026-05-01T00:00:00.000Z",
            "20260501080000",
            f"{START_S}",
            f"{START_S}000",
            f"{START_S}000000",
            f"{START_S}.0",
        ],
    )
    def test_reads_every_form_of_time(self, time: str) -> None:
        table = f"time;lat;lon\n{time};32.93;119.84\n"
        assert parse(table.encode(), time_zone="Asia/Shanghai").time_s.tolist() == [START_S]

    def test_follows_the_clock_of_the_zone(self) -> None:
        clocks = ("2026-03-29 01:59:59", "2026-03-29 03:00:00", "2026-10-25 02:30:00", "2026-10-25 03:00:00")
        table = "time,lat,lon\n" + "".join(f"{clock},53.5,9.9\n" for clock in clocks)
        berlin = ZoneInfo("Europe/Berlin")
        expected = [dt.datetime.fromisoformat(c).replace(tzinfo=berlin, fold=1).timestamp() for c in clocks]
        assert parse(table.encode(), time_zone="Europe/Berlin").time_s.tolist() == expected
        far = parse(b"time,lat,lon\n9999-01-01 00:00:00,1,1\n", time_zone="Asia/Shanghai").time_s[0]
        assert far == dt.datetime(9999, 1, 1, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp()

    def test_joins_date_and_time_under_a_title(self) -> None:
        table = "五月巡查\n\n日期\t时间\t经度\t纬度\n2026-05-01\t08:00:00\t119.84\t32.93\n\n"
        assert parse(table.encode(), time_zone="Asia/Shanghai").time_s.tolist() == [START_S]

    def test_names_the_line_of_a_fault(self) -> None:
        head = "lon,lat,time\n119,32,2026-05-01T00:00:00Z\n\n"
        for row, told in (
            ("119,32,昨天\n", "第 4 行的时间「昨天」不认识"),
            ("119,32,2026-02-30T00:00:00Z\n", "第 4 行的时间.*不存在"),
            ("119,东,2026-05-01T00:00:00Z\n", "第 4 行的纬度「东」不是数字"),
            ("119,32", "第 4 行只有 2 列"),
        ):
            with pytest.raises(BadRow, match=told):
                parse((head + row).encode())
        with pytest.raises(UnknownTimeZone, match="从第 4 行起"):
            parse((head + "119,32,2026-05-01 08:00:00\n").encode())

    def test_refuses_a_table_without_times(self) -> None:
        with pytest.raises(BadTrack, match="没有时间列"):
            parse("经度,纬度\n119,32\n".encode())
        with pytest.raises(BadFile, match="没有轨迹点"):
            parse("经度,纬度,时间\n".encode())

    def test_reads_more_rows_than_a_block(self) -> None:
        rows = "".join(f"119,32,{START_S + i}\r\n" for i in range(12_345))
        assert parse(b"lon,lat,time\r\n" + rows.encode()).time_s.tolist()[-1] == START_S + 12_344


class TestGeoJson:
    LINE = ((119.84, 32.93), (119.85, 32.94))
    TIMES = ("2026-05-01T00:00:00Z", "2026-05-01T00:00:01Z")

    def read(self, geometry: dict[str, object], properties: object) -> list[list[float]]:
        feature = {"type": "Feature", "geometry": geometry, "properties": properties}
        document = {"type": "FeatureCollection", "features": [feature]}
        recording = parse(json.dumps(document, ensure_ascii=False).encode())
        assert parse(json.dumps(feature).encode()).time_s.tolist() == recording.time_s.tolist()
        return [recording.time_s.tolist(), recording.lonlat.ravel().tolist()]

    @pytest.mark.parametrize(
        "properties",
        [
            {"coordTimes": TIMES},
            {"times": [START_S, START_S + 1]},
            {"timestamps": [START_S * 1000, START_S * 1000 + 1000]},
            {"coordinateProperties": {"times": TIMES}},
        ],
    )
    def test_reads_lines_with_times(self, properties: dict[str, object]) -> None:
        expected = [[START_S, START_S + 1], [119.84, 32.93, 119.85, 32.94]]
        assert self.read({"type": "LineString", "coordinates": self.LINE}, properties) == expected

    def test_reads_many_parts_nested_or_flat(self) -> None:
        geometry = {"type": "MultiLineString", "coordinates": [self.LINE, self.LINE]}
        nested = self.read(geometry, {"coordTimes": [self.TIMES, self.TIMES]})
        assert nested == self.read(geometry, {"coordTimes": self.TIMES * 2})
        assert len(nested[0]) == 4

    def test_reads_the_time_as_a_fourth_coordinate(self) -> None:
        line = [[119.84, 32.93, 3.0, START_S], [119.85, 32.94, 3.0, START_S + 1]]
        read = self.read({"type": "LineString", "coordinates": line}, {})
        assert read == [[START_S, START_S + 1], [119.84, 32.93, 119.85, 32.94]]

    def test_reads_points(self) -> None:
        features = [
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": lonlat}, "properties": known}
            for lonlat, known in zip(
                self.LINE, [{"time": self.TIMES[0], "accuracy": 4}, {"时间": self.TIMES[1]}], strict=True
            )
        ]
        recording = parse(json.dumps({"type": "FeatureCollection", "features": features}).encode())
        assert recording.time_s.tolist() == [START_S, START_S + 1]
        np.testing.assert_equal(recording.accuracy_m, [4, np.nan])

    def test_refuses_a_line_without_its_times(self) -> None:
        geometry = {"type": "LineString", "coordinates": self.LINE}
        with pytest.raises(BadTrack, match="不是行走记录"):
            self.read(geometry, {"name": "环城"})
        with pytest.raises(BadTrack, match="不是行走记录"):
            parse(json.dumps(geometry).encode())
        with pytest.raises(BadFile, match="2 个点、1 个时间"):
            self.read(geometry, {"times": [START_S]})
        with pytest.raises(BadFile, match="第 1 个要素结构不对"):
            self.read({"type": "LineString", "coordinates": [1, 2]}, {"times": [1, 2]})

    def test_the_rough_count_of_memory_is_no_less_than_what_it_takes(self) -> None:
        features = [
            {
                "type": "Feature",
                "geometry": {"type": "Point", "coordinates": [119.84 + i * 1e-6, 32.93]},
                "properties": {"time": f"2026-05-01T00:{i // 60 % 60:02}:{i % 60:02}Z"},
            }
            for i in range(50_000)
        ]
        data = json.dumps({"type": "FeatureCollection", "features": features}).encode()
        counted = len(data) + sum(size * data.count(mark) for mark, size in texts._JSON_SIZES.items())
        tracemalloc.start()
        document = json.loads(data)
        taken, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(document["features"]) == 50_000
        assert taken < counted


class TestKml:
    def kml(self, inside: str) -> bytes:
        return (
            '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">'
            f"<Document>{inside}</Document></kml>"
        ).encode()

    def track(self, n: int, *, prefix: str = "gx:") -> str:
        clock = [str(t) + "Z" for t in np.datetime64("2026-05-01T00:00:00") + np.arange(n)]
        when = "".join(f"<when>{t}</when>" for t in clock)
        coord = "".join(f"<{prefix}coord>{119.84 + i * 1e-5:.5f} 32.93 0</{prefix}coord>" for i in range(n))
        return f"<Placemark><{prefix}Track>{when}{coord}</{prefix}Track></Placemark>"

    def test_pairs_times_and_places_across_blocks(self) -> None:
        for prefix in ("gx:", ""):
            recording = parse(self.kml(self.track(3000, prefix=prefix)))
            assert recording.time_s.tolist() == (START_S + np.arange(3000)).tolist()
            np.testing.assert_allclose(recording.lonlat[:, 0], 119.84 + np.arange(3000) * 1e-5, atol=1e-9)

    def test_reads_placemarks_with_times(self) -> None:
        mark = (
            "<Placemark><TimeStamp><when>2026-05-01T00:00:0{}Z</when></TimeStamp>"
            "<Point><coordinates>119.84,32.93,0</coordinates></Point></Placemark>"
        )
        route = "<Placemark><LineString><coordinates>1,2 3,4</coordinates></LineString></Placemark>"
        recording = parse(self.kml(route + mark.format(0) + route + mark.format(1)))
        assert recording.time_s.tolist() == [START_S, START_S + 1]
        assert recording.lonlat.tolist() == [[119.84, 32.93]] * 2

    def test_refuses_a_route_and_a_track_that_does_not_match(self) -> None:
        with pytest.raises(BadFile, match="没有轨迹点"):
            parse(
                self.kml("<Placemark><LineString><coordinates>1,2 3,4</coordinates></LineString></Placemark>")
            )
        lost = self.track(3).replace("<when>2026-05-01T00:00:01Z</when>", "")
        with pytest.raises(BadFile, match="个数不同"):
            parse(self.kml(lost))

    def test_reads_a_kmz_and_refuses_other_archives(self) -> None:
        def packed(*names: str) -> bytes:
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in names:
                    archive.writestr(name, self.kml(self.track(3)))
            return file.getvalue()

        assert parse(packed("doc.kml", "files/photo.jpg")).time_s.size == 3
        with pytest.raises(BadFile, match="正好有一个 KML"):
            parse(packed("a.kml", "b.kml"))
        with pytest.raises(BadFile, match="另存为 CSV"):
            parse(packed("[Content_Types].xml"))


def test_reads_from_a_path_and_names_it(tmp_path: Path) -> None:
    (tmp_path / "走.gpx").write_bytes(gpx(walk(2)))
    assert parse(tmp_path / "走.gpx").time_s.size == 2
    (tmp_path / "空.gpx").write_bytes(b"")
    with pytest.raises(BadFile, match=r"^文件「空\.gpx」：文件是空的"):
        parse(tmp_path / "空.gpx")


@given(st.datetimes(min_value=dt.datetime(1971, 1, 1), max_value=dt.datetime(2099, 1, 1)))
def test_clock_forms_agree(moment: dt.datetime) -> None:
    iso = moment.isoformat(timespec="milliseconds")
    expected = np.datetime64(iso).astype("datetime64[ms]").astype(int) / 1000
    forms = [f"{iso}Z", iso.replace("T", " ") + "+00:00", iso.replace("-", "/").replace("T", " ") + " UTC"]
    recording = parse(("time,lon,lat\n" + "".join(f"{form},119,32\n" for form in forms)).encode())
    np.testing.assert_allclose(recording.time_s, expected, atol=1e-6)
