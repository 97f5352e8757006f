"""Lists as they are opened: by Excel, by QGIS, by a program, on a terminal."""

import asyncio
import csv
import datetime as dt
import io
import json
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import openpyxl
import pyogrio
import pytest
import shapely
from rich.console import Console

from geo_service import exports
from geo_service.errors import Invalid
from geo_service.listing import MEDIA_TYPES, As, Column, Listing, content, download, emit, records, show
from layers import sheets
from layers.vocabulary import Role

COLUMNS = [
    Column("id", "标识"),
    Column("name", "姓名"),
    Column("role", "岗位"),
    Column("times", "次数", "whole"),
    Column("length_m", "长度(米)", "number"),
    Column("in_scheme", "纳管", "flag"),
    Column("day", "日期", "day"),
    Column("at", "时间", "time"),
    Column("holders", "责任人"),
    Column("stretch", "图形", "geometry"),
]
ID = uuid.UUID(int=7)
AT = dt.datetime(2024, 3, 1, 8, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
LINE = shapely.from_wkt("MULTILINESTRING M ((119.84 32.93 0, 119.85000000049 32.94 10))")
FULL = (ID, "张三", Role.RIVER_STEWARD, 3, 12.5, True, dt.date(2024, 3, 1), AT, ["李四", "王五"], LINE)
BLANK = (None,) * len(COLUMNS)
DANGEROUS = ["=1+1", "+86 138", "-1+1", "@SUM(A1)", "\t=1", "＝1+1", "#N/A", "\x1b[2J=清屏"]


FORMULA = "=cmd|' /C calc'!A0"


def listing(*rows: Any, columns: list[Column] = COLUMNS) -> Listing:
    return Listing("people", "人员名单", columns, iter(rows))


def written(rows: Listing, form: As) -> bytes:
    return b"".join(content(rows, form))


def test_csv_opens_in_excel_with_chinese_words() -> None:
    data = written(listing(FULL, BLANK), As.CSV)
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.endswith(b"\r\n")
    assert list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""))) == [
        ["标识", "姓名", "岗位", "次数", "长度(米)", "纳管", "日期", "时间", "责任人"],
        [str(ID), "张三", "河长", "3", "12.5", "是", "2024-03-01", "2024-03-01T08:30:00+08:00", "李四、王五"],
        [""] * 9,
    ]


def test_json_is_typed_and_uses_the_stored_words() -> None:
    first, second = json.loads(written(listing(FULL, BLANK), As.JSON))
    assert first == {
        "id": str(ID),
        "name": "张三",
        "role": "river_steward",
        "times": 3,
        "length_m": 12.5,
        "in_scheme": True,
        "day": "2024-03-01",
        "at": "2024-03-01T08:30:00+08:00",
        "holders": ["李四", "王五"],
        "stretch": {"type": "MultiLineString", "coordinates": [[[119.84, 32.93], [119.85, 32.94]]]},
    }
    assert set(second.values()) == {None}
    assert records(listing(FULL, BLANK)) == [first, second]


def test_geojson_is_lon_lat_without_the_measure() -> None:
    collection = json.loads(written(listing(FULL, BLANK), As.GEOJSON))
    assert [feature["geometry"] for feature in collection["features"]] == [
        {"type": "MultiLineString", "coordinates": [[[119.84, 32.93], [119.85, 32.94]]]},
        None,
    ]
    assert collection["features"][0]["properties"]["role"] == "river_steward"
    assert "stretch" not in collection["features"][0]["properties"]


def test_workbook_has_typed_cells() -> None:
    sheet = openpyxl.load_workbook(io.BytesIO(written(listing(FULL, BLANK), As.XLSX))).active
    head, full, *_ = list(sheet.iter_rows())
    assert [cell.value for cell in head][:4] == ["标识", "姓名", "岗位", "次数"]
    assert head[0].font.bold
    assert [cell.value for cell in full] == [
        str(ID),
        "张三",
        "河长",
        3,
        12.5,
        "是",
        dt.datetime(2024, 3, 1),
        dt.datetime(2024, 3, 1, 8, 30),
        "李四、王五",
    ]
    assert full[6].number_format == "yyyy-mm-dd"
    assert sheet.freeze_panes == "A2"


def test_geopackage_has_typed_fields_and_lon_lat(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    path.write_bytes(written(listing(FULL, BLANK), As.GPKG))
    info = pyogrio.read_info(path)
    assert info["layer_name"] == "people"
    assert info["crs"] == "EPSG:4326"
    assert info["geometry_type"] == "MultiLineString"
    assert dict(zip(info["fields"], info["dtypes"], strict=True)) == {
        "id": "object",
        "name": "object",
        "role": "object",
        "times": "int64",
        "length_m": "float64",
        "in_scheme": "bool",
        "day": "datetime64[D]",
        "at": "datetime64[ms]",
        "holders": "object",
    }
    frame = pyogrio.read_dataframe(path)
    full, blank = frame.iloc[0], frame.iloc[1]
    assert (full["name"], full["role"], full["times"], full["holders"]) == (
        "张三",
        "river_steward",
        3,
        "李四、王五",
    )
    assert full["at"].tz_localize("UTC") == AT
    assert full["day"].date() == dt.date(2024, 3, 1)
    assert shapely.equals_exact(full.geometry, shapely.force_2d(LINE), 1e-12)
    assert blank.isna().all()


def test_without_a_geometry_column_geopackage_is_a_table_and_geojson_has_none(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    path.write_bytes(written(listing(FULL[:-1], columns=COLUMNS[:-1]), As.GPKG))
    assert pyogrio.read_dataframe(path)["name"].tolist() == ["张三"]
    collection = json.loads(written(listing(FULL[:-1], columns=COLUMNS[:-1]), As.GEOJSON))
    assert collection["features"][0]["geometry"] is None


def test_mixed_geometries_and_points_fit_into_one_geopackage(tmp_path: Path) -> None:
    shapes = [shapely.Point(1, 2), shapely.LineString([(0, 0), (1, 1)]), shapely.box(0, 0, 1, 1), None]
    columns = [Column("n", "号", "whole"), Column("shape", "形", "geometry")]
    path = tmp_path / "a.gpkg"
    path.write_bytes(written(listing(*enumerate(shapes), columns=columns), As.GPKG))
    found = pyogrio.read_dataframe(path).geometry
    assert [shape and shape.geom_type for shape in found] == [
        "Point",
        "MultiLineString",
        "MultiPolygon",
        None,
    ]


@pytest.mark.parametrize("form", list(As))
def test_an_empty_list_keeps_its_columns(form: As, tmp_path: Path) -> None:
    data = written(listing(), form)
    if form is As.CSV:
        assert data.decode("utf-8-sig").startswith("标识,姓名")
    elif form is As.XLSX:
        assert openpyxl.load_workbook(io.BytesIO(data)).active.max_row == 1
    elif form is As.GPKG:
        (tmp_path / "a.gpkg").write_bytes(data)
        assert list(pyogrio.read_info(tmp_path / "a.gpkg")["fields"])[:2] == ["id", "name"]
    elif form is As.KML:
        assert data.startswith(b"<?xml")
        assert b"<Placemark" not in data
    else:
        assert json.loads(data) in ([], {"type": "FeatureCollection", "features": []})


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_text_becomes_a_formula(text: str) -> None:
    columns = [Column("name", "姓名"), Column("n", "数", "number")]
    sheet = openpyxl.load_workbook(io.BytesIO(written(listing((text, -5), columns=columns), As.XLSX))).active
    cell = sheet["A2"]
    assert cell.data_type == "s"
    assert cell.value == text.replace("\x1b", "")
    assert sheet["B2"].value == -5
    text_csv = written(listing((text, -5), columns=columns), As.CSV).decode("utf-8-sig")
    _, (first, number) = csv.reader(io.StringIO(text_csv, newline=""))
    assert not first.startswith(("=", "+", "-", "@", "\t", "＝"))
    assert number == "-5"


def test_what_was_neutralised_is_read_back_as_it_was() -> None:
    columns = [Column("name", "姓名"), Column("phone", "电话")]
    rows = [("=1+1", "+8613812345678"), ("@x", "'it")]
    data = written(listing(*rows, columns=columns), As.CSV)
    sheet = sheets.read(io.BytesIO(data), "a.csv", {"name": ("姓名",), "phone": ("电话",)})
    assert [(row.values["name"], row.values["phone"]) for row in sheet.rows] == rows


def test_numbers_that_json_cannot_say_are_unknown() -> None:
    columns = [Column("a", "甲", "number"), Column("b", "乙", "whole")]
    rows = [(float("nan"), np.int64(3)), (np.float64("inf"), None)]
    assert json.loads(written(listing(*rows, columns=columns), As.JSON)) == [
        {"a": None, "b": 3},
        {"a": None, "b": None},
    ]
    sheet = openpyxl.load_workbook(io.BytesIO(written(listing(*rows, columns=columns), As.XLSX))).active
    assert [[cell.value for cell in row] for row in sheet["A2:B3"]] == [[None, 3], [None, None]]


@pytest.mark.parametrize("form", [As.CSV, As.JSON, As.GEOJSON])
def test_long_lists_stream(form: As) -> None:
    taken = 0

    def rows() -> Iterator[tuple[int, str]]:
        nonlocal taken
        for i in range(100_000):
            taken = i
            yield i, "人" * 50

    pieces = content(Listing("a", "甲", [Column("n", "号", "whole"), Column("name", "姓名")], rows()), form)
    next(pieces)
    assert taken < 5_000
    assert sum(len(piece) for piece in pieces) > 10**7


def test_a_workbook_that_cannot_hold_the_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_OF_EXCEL", 3)
    columns = [Column("n", "号", "whole")]
    assert written(listing((1,), (2,), columns=columns), As.XLSX)
    with pytest.raises(Invalid, match="请改用 csv"):
        written(listing((1,), (2,), (3,), columns=columns), As.XLSX)


def test_table_for_people_shows_words_and_no_escape_sequences() -> None:
    out = io.StringIO()
    rows = listing(("\x1b[31m红", "[bold]张[/bold]", *FULL[2:]), BLANK)
    show(rows, Console(file=out, width=240, force_terminal=False))
    text = out.getvalue()
    assert "河长" in text
    assert "李四、王五" in text
    assert "[bold]张[/bold]" in text
    assert "\x1b" not in text
    assert "共 2 行" in text


def test_a_file_is_whole_or_absent(tmp_path: Path) -> None:
    path = tmp_path / "名单.csv"
    emit(listing(FULL), path=path)
    assert "张三" in path.read_text("utf-8-sig")

    def broken() -> Iterator[tuple[str]]:
        yield ("甲" * 70_000,)
        raise RuntimeError("database gone")

    with pytest.raises(RuntimeError):
        emit(Listing("a", "甲", [Column("n", "号")], broken()), path=path)
    assert "张三" in path.read_text("utf-8-sig")
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(Invalid, match=r"\.csv、\.xlsx"):
        emit(listing(FULL), path=tmp_path / "a.doc")
    with pytest.raises(Invalid, match="请换一个位置"):
        emit(listing(FULL), path=tmp_path / "absent" / "a.csv")


def test_a_form_goes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    emit(listing(FULL), As.JSON)
    assert json.loads(capfdbinary.readouterr().out)[0]["name"] == "张三"


@pytest.mark.parametrize("form", list(As))
def test_download_has_a_chinese_file_name_and_the_whole_list(form: As) -> None:
    answer = download(listing(FULL), form)

    async def body() -> bytes:
        return b"".join([piece async for piece in answer.body_iterator])

    assert f'filename="people.{form}"' in answer.headers["content-disposition"]
    assert "filename*=UTF-8''%E4%BA%BA" in answer.headers["content-disposition"]
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-type"] == MEDIA_TYPES[form]
    with ThreadPoolExecutor() as threads:  # this one may run the browser's loop
        data = threads.submit(asyncio.run, body()).result()
    if form in (As.CSV, As.JSON, As.GEOJSON, As.KML):
        assert data == written(listing(FULL), form)
    else:
        assert len(data) > 1_000


def test_a_download_that_cannot_be_made_is_an_error_and_no_half_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "ROWS_OF_EXCEL", 1)
    with pytest.raises(Invalid):
        download(listing(FULL), As.XLSX)


def test_a_heading_of_a_sent_file_is_no_formula() -> None:
    rows = listing(("x", "y"), columns=[Column("a", FORMULA), Column("b", "+B1")])
    (heads, _) = csv.reader(io.StringIO(written(rows, As.CSV).decode("utf-8-sig"), newline=""))
    assert heads == [f"'{FORMULA}", "'+B1"]
    rows = listing(("x", "y"), columns=[Column("a", FORMULA), Column("b", "+B1")])
    sheet = openpyxl.load_workbook(io.BytesIO(written(rows, As.XLSX))).active
    assert [(cell.data_type, cell.value) for cell in sheet[1]] == [("s", FORMULA), ("s", "+B1")]
