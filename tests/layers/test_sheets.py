"""Tables as offices save them, and files that are not what their name says."""

import csv
import datetime as dt
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import sheets
from layers.errors import BadFile
from layers.sheets import door, xlsx

FIELDS = {"name": ("姓名", "名字"), "phone": ("电话", "联系电话"), "since": ("开始日期",)}
NEEDED = [("name",)]
_HEADINGS = {word for words in FIELDS.values() for word in words}
"""Nobody is called so: a row that begins with one is taken for a heading."""


def read(data: bytes, name: str = "表.csv", **options: object) -> sheets.Sheet:
    return sheets.read(io.BytesIO(data), name, FIELDS, required=NEEDED, **options)


def saved_book(*rows: list[object], title: str = "名册") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_csv_in_every_encoding_and_separator_of_an_office(encoding: str, separator: str) -> None:
    text = f"姓 名{separator}联系电话{separator}备注\r\n张三{separator}13812345678{separator}好\r\n"
    sheet = read(text.encode(encoding))
    assert [(row.number, row.values) for row in sheet.rows] == [(2, {"name": "张三", "phone": "13812345678"})]
    assert sheet.ignored == ["备注"]
    assert sheet.rows[0].cells == ("张三", "13812345678", "好")


def test_workbook_values_come_as_people_typed_them() -> None:
    data = saved_book(
        ["姓名*", "电话：", "开始日期"],
        ["张三", 13812345678, dt.datetime(2024, 3, 1)],
        ["李四", 13812345678.0, "2024/3/2"],
        [None, None, None],
        [" 王五\u3000", True, 1.5],
    )
    sheet = read(data, "表.xlsx")
    assert [row.values for row in sheet.rows] == [
        {"name": "张三", "phone": "13812345678", "since": "2024-03-01"},
        {"name": "李四", "phone": "13812345678", "since": "2024/3/2"},
        {"name": "王五", "phone": "是", "since": "1.5"},
    ]
    assert [row.number for row in sheet.rows] == [2, 3, 5]


def test_header_may_stand_below_a_title_and_on_a_later_sheet() -> None:
    book = openpyxl.load_workbook(io.BytesIO(saved_book(["说明"], ["请按表填写"])))
    second = book.create_sheet("名册")
    for row in (["志愿者名册"], [], ["名字", "电话"], ["张三", "1"]):
        second.append(row)
    hidden = book.create_sheet("旧", 0)
    hidden.append(["姓名"])
    hidden.sheet_state = "hidden"
    saved = io.BytesIO()
    book.save(saved)
    assert [(row.number, row.values["name"]) for row in read(saved.getvalue(), "a.xlsx").rows] == [
        (4, "张三")
    ]


def test_csv_quotes_hold_separators_and_line_breaks() -> None:
    sheet = read('姓名,电话\n"张,三","1\n2"\n李四,3\n'.encode())
    assert [(row.number, row.values["phone"]) for row in sheet.rows] == [(2, "1\n2"), (3, "3")]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.text(
                st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8
            ).filter(lambda text: not text.startswith("'") and text not in _HEADINGS),
            st.integers(0, 10**11),
        ),
        max_size=8,
    )
)
def test_csv_and_workbook_read_alike(rows: list[tuple[str, int]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text).writerows([("姓名", "电话"), *rows])
    from_csv = read(text.getvalue().encode("utf-8-sig"))
    book = openpyxl.Workbook()
    book.active.append(["姓名", "电话"])
    for i, (name, phone) in enumerate(rows, 2):
        book.active.cell(i, 1, name).data_type = "s"
        book.active.cell(i, 2, phone)
    saved = io.BytesIO()
    book.save(saved)
    from_book = read(saved.getvalue(), "a.xlsx")
    expected = [{"name": name, "phone": str(phone)} for name, phone in rows]
    assert [row.values for row in from_csv.rows if not row.problem] == [
        values for values, row in zip(expected, from_csv.rows, strict=True) if not row.problem
    ]
    assert [row.values for row in from_csv.rows] == [row.values for row in from_book.rows]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("a.csv", b"", "表格是空的"),
        ("a.csv", b"\n\n \n", "表格是空的"),
        ("a.csv", "村,电话\nx,1\n".encode(), "没有找到需要的表头 「姓名」；读到的是：村、电话"),
        ("a.csv", "姓名,名字\nx,1\n".encode(), "第 1 列「姓名」和第 2 列「名字」是同一个意思"),
        ("a.csv", '姓名,电话\n张三,1\n"李四,2\n'.encode(), "第 3 行的引号没有配对"),
        ("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 40, "不是文字表格"),
        ("a.csv", "姓名\n".encode() + b"\xff\xff\xff", "文字编码不是"),
        ("a.csv", b"PK\x03\x04....", "内容是 Excel 工作簿"),
        ("a.xlsx", "姓名\n张三\n".encode(), "内容不是 Excel 工作簿"),
        ("a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "不是完整的 .xls 工作簿"),
        ("a.ods", b"PK", "只认 .xlsx、.xls 和 .csv"),
        ("a.xls", b"<html><table>", "内容是网页"),
        ("a.xlsx", b"PK\x03\x04 not an archive", "损坏或不完整"),
    ],
)
def test_what_is_not_a_table_is_refused_with_the_cure(name: str, data: bytes, words: str) -> None:
    with pytest.raises(BadFile) as caught:
        read(data, name)
    assert words in caught.value.detail
    assert caught.value.detail.startswith(name)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_truncated_workbook_is_refused(share: float) -> None:
    whole = saved_book(["姓名"], *[[f"人{i}"] for i in range(300)])
    with pytest.raises(BadFile, match="损坏"):
        read(whole[: int(len(whole) * share)], "a.xlsx")


def test_document_without_a_workbook_is_refused() -> None:
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w") as archive:
        archive.writestr("word/document.xml", "<w/>")
    with pytest.raises(BadFile, match="损坏"):
        read(saved.getvalue(), "a.xlsx")


def test_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (xlsx.MAX_UNPACKED_BYTES + 1))
    with pytest.raises(BadFile, match="解压后超过"):
        read(saved.getvalue(), "a.xlsx")


def test_a_part_that_stands_for_many_sheets_is_refused() -> None:
    twice = '<workbook xmlns:r="x"><sheets><sheet r:id="r1"/><sheet r:id="r1"/></sheets></workbook>'
    with pytest.raises(BadFile, match="损坏"):
        read(with_part(shared_book(TEXTS, ROWS), "xl/book.xml", twice.encode()), "a.xlsx")


@pytest.mark.parametrize("coding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("tag", ["mergeCell", "x:mergeCell"])
def test_merged_cells_are_found_behind_the_rows_in_any_coding(coding: str, tag: str) -> None:
    rows = '<row><c t="s"><v>0</v></c></row><row r="2"><c r="A2" t="s"><v>1</v></c></row>'
    rows += "".join(f'<row r="{k}"><c r="B{k}"><v>{k}</v></c></row>' for k in range(3, 9000))
    merge = f'<{tag.replace("Cell", "Cells")}><{tag} ref="A2:A8999"/></{tag.replace("Cell", "Cells")}>'
    sheet = f'<?xml version="1.0"?><worksheet xmlns:x="y"><sheetData>{rows}</sheetData>{merge}</worksheet>'
    found = read(with_part(shared_book(TEXTS, ROWS), "xl/s/one.xml", sheet.encode(coding)), "a.xlsx").rows
    assert [row.values for row in found] == [{"name": "张三"}] * 8998


@pytest.mark.parametrize("codec", ["utf-8", "utf-16"])
@pytest.mark.parametrize("part", ["xl/book.xml", "xl/texts.xml", "xl/s/one.xml", "_rels/.rels"])
def test_entities_in_a_workbook_are_refused(part: str, codec: str) -> None:
    bomb = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><x>&b;</x>'
    with pytest.raises(BadFile, match="损坏"):
        read(with_part(shared_book(TEXTS, ROWS), part, bomb.encode(codec)), "a.xlsx")


def shared_book(strings: bytes, rows: bytes) -> bytes:
    """Return a workbook whose cells refer to shared texts, as Excel writes it."""
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    related = '<Relationships><Relationship Id="r1" Type="{}/{}" Target="{}"/>{}</Relationships>'
    more = f'<Relationship Id="r2" Type="{kind}/sharedStrings" Target="/xl/texts.xml"/>'
    saved = io.BytesIO()
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_rels/.rels", related.format(kind, "officeDocument", "xl/book.xml", ""))
        archive.writestr("xl/_rels/book.xml.rels", related.format(kind, "worksheet", "s/one.xml", more))
        archive.writestr(
            "xl/book.xml", '<workbook xmlns:r="x"><sheets><sheet r:id="r1"/></sheets></workbook>'
        )
        archive.writestr("xl/texts.xml", strings)
        archive.writestr("xl/s/one.xml", b"<worksheet><sheetData>" + rows + b"</sheetData></worksheet>")
    return saved.getvalue()


TEXTS = "<sst><si><t>姓名</t></si><si><r><t>张</t></r><r><t>三</t></r></si></sst>".encode()
ROWS = b'<row><c t="s"><v>0</v></c></row><row><c r="A2" t="s"><v>1</v></c></row>'


def test_cells_refer_to_shared_texts() -> None:
    assert [row.values for row in read(shared_book(TEXTS, ROWS), "a.xlsx").rows] == [{"name": "张三"}]


def with_part(book: bytes, name: str, content: bytes) -> bytes:
    saved = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return saved.getvalue()


def part_of(book: bytes, name: str) -> bytes:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        return archive.read(name)


MEASURED = """
import contextlib, io, resource, sys
from layers import sheets
from layers.errors import BadFile
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for path in sys.argv[1:]:
    with open(path, "rb") as file, contextlib.suppress(BadFile):
        sheets.read(file, "a.xlsx", {"name": ("姓名",)}, required=[("name",)])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


def test_what_unpacks_large_does_not_fill_the_memory(tmp_path: Path) -> None:
    parts = {
        "xl/styles.xml": b"<styleSheet><fonts>" + b"<font/>" * 3_000_000 + b"</fonts></styleSheet>",
        "xl/s/one.xml": b"<worksheet><sheetData><row>" + b"<c><v>1</v></c>" * 300_000,
        "xl/book.xml": b"<a>" * 5_000_000,
    }
    paths = []
    for i, (name, content) in enumerate(parts.items()):
        paths.append(tmp_path / f"{i}.xlsx")
        related = part_of(shared_book(TEXTS, ROWS), "xl/_rels/book.xml.rels").replace(
            b"sharedStrings", b"styles"
        )
        book = with_part(
            shared_book(TEXTS, ROWS), "xl/_rels/book.xml.rels", related.replace(b"texts", b"styles")
        )
        paths[-1].write_bytes(with_part(book, name, content))
        assert paths[-1].stat().st_size < 100_000
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *paths], capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 100


def test_too_many_texts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "_MAX_STRINGS", 1)
    with pytest.raises(BadFile, match="损坏"):
        read(shared_book(TEXTS, ROWS), "a.xlsx")


def test_dates_are_known_by_their_format_also_by_chinese_ones() -> None:
    book = openpyxl.Workbook()
    book.active.append(["姓名", "开始日期", "电话"])
    formats = ['yyyy"年"m"月"d"日"', "[$-804]yyyy/m/d;@", "d-mmm-yy", "General", '0"d"', "0.00"]
    for i, code in enumerate(formats, 2):
        book.active.cell(i, 1, f"人{i}")
        book.active.cell(i, 2, 45352).number_format = code
        book.active.cell(i, 3, 45352.5).number_format = code
    saved = io.BytesIO()
    book.save(saved)
    rows = [(row.values["since"], row.values["phone"]) for row in read(saved.getvalue(), "a.xlsx").rows]
    assert rows == [("2024-03-01", "2024-03-01 12:00:00")] * 3 + [("45352", "45352.5")] * 2 + [
        ("45352.00", "45352.50")
    ]


def test_dates_of_a_workbook_that_counts_from_1904() -> None:
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append(["姓名", "开始日期"])
    book.active.append(["张三", dt.datetime(2024, 3, 1)])
    saved = io.BytesIO()
    book.save(saved)
    assert read(saved.getvalue(), "a.xlsx").rows[0].values["since"] == "2024-03-01"


SHEET = (
    '<worksheet xmlns="http://purl.oclc.org/ooxml/spreadsheetml/main"><sheetData>'
    '<row r="1"><c t="inlineStr"><is><t>姓名</t></is></c>'
    '<c r="C1" t="inlineStr"><is><t>电话</t></is></c></row>'
    '<row r="4"><c r="A4" t="inlineStr"><is><r><t>张</t></r><r><t>三</t></r><rPh><t>zhang</t></rPh></is></c>'
    '<c r="B4" t="e"><v>#N/A</v></c><c r="C4"><f>1+1</f><v>1.3812345678E10</v></c></row>'
    '<row><c t="str"><f>A4</f><v>李_x0041_四</v></c><c/><c t="b"><v>0</v></c></row>'
    "</sheetData></worksheet>"
)


def test_cells_of_every_type_without_references_and_in_the_strict_namespace() -> None:
    data = with_part(saved_book(["x"]), "xl/worksheets/sheet1.xml", SHEET.encode())
    rows = read(data, "a.xlsx").rows
    assert [(row.number, row.values) for row in rows] == [
        (4, {"name": "张三", "phone": "13812345678"}),
        (5, {"name": "李A四", "phone": "否"}),
    ]


@pytest.mark.parametrize(
    "cell", [b't="s"><v>99', b't="s"><v>x', b"><v>abc", b't="n" r="?1"><v>1', b's="x"><v>1']
)
def test_a_cell_that_refers_to_nothing_is_told_with_its_row(cell: bytes) -> None:
    data = shared_book(TEXTS, ROWS + b"<row><c " + cell + b"</v></c></row>")
    with pytest.raises(BadFile, match="第 3 行起已损坏"):
        read(data, "a.xlsx")


def test_cells_that_cannot_be_meant_are_told_with_their_header() -> None:
    sheet = read("姓名,电话\n张\0三,1\n李四,#N/A\n王五,1,多\n赵六,1,,\n".encode())
    assert [row.problem and row.problem[:12] for row in sheet.rows] == [
        "「姓名」里有看不见的控制",
        "「电话」的公式出错（#N",
        "比表头多出格子（多），请",
        None,
    ]


def test_a_row_far_below_is_where_it_says() -> None:
    book, name = saved_book(["姓名"], ["张三"]), "xl/worksheets/sheet1.xml"
    for number, found in ((1_000_000, [1_000_000]), (99_999_999_999, [])):
        there = part_of(book, name).replace(b'<row r="2"', b'<row r="%d"' % number)
        assert [row.number for row in read(with_part(book, name, there), "a.xlsx").rows] == found


def test_an_exported_text_that_looks_like_a_formula_comes_back_as_it_was() -> None:
    assert read("姓名,电话\n'=1+1,'+8613812345678\n".encode()).rows[0].values == {
        "name": "=1+1",
        "phone": "+8613812345678",
    }


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_ROWS", 3)
    assert len(read("姓名\n1\n2\n3\n".encode()).rows) == 3
    with pytest.raises(BadFile, match="超过 3 行"):
        read("姓名\n1\n2\n3\n4\n".encode())


def test_the_file_can_be_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    path.write_bytes(saved_book(["姓名"], ["张三"]))
    with path.open("rb") as file:
        assert sheets.read(file, path.name, FIELDS) == sheets.read(file, path.name, FIELDS)
