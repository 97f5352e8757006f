"""What stands around the records of a sheet, one trap at a time."""

import contextlib
import io
import random
import struct

import openpyxl
import pytest
import xlwt
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import forms, sheets
from layers.errors import BadFile
from layers.sheets import door, xls
from layers.sheets.headings import plain
from layers.sheets.table import Filling

FIELDS = {
    "name": ("姓名", "名字"),
    "phone": ("电话", "联系电话"),
    "code": ("编码",),
    "township": ("镇街",),
    "village": ("村",),
    "length": ("长度",),
}
Merge = str


def xlsx(
    *tables: list[list[object]], merges: tuple[Merge, ...] = (), formats: dict[str, str] | None = None
) -> bytes:
    """Return a workbook; merges and number formats are those of the first sheet."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for k, rows in enumerate(tables, 1):
        sheet = book.create_sheet(f"表{k}")
        for row in rows:
            sheet.append(row)
    for merge in merges:
        book.worksheets[0].merge_cells(merge)
    for cell, code in (formats or {}).items():
        book.worksheets[0][cell].number_format = code
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def old_xls(rows: list[list[object]], formats: dict[tuple[int, int], str] | None = None) -> bytes:
    """Return an .xls workbook."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("名册")
    for i, row in enumerate(rows):
        for k, value in enumerate(row):
            style = xlwt.XFStyle()
            style.num_format_str = (formats or {}).get((i, k), "General")
            sheet.write(i, k, value, style)
    saved = io.BytesIO()
    book.save(saved)
    return saved.getvalue()


def read(data: bytes, name: str = "a.xlsx", **options: object) -> sheets.Sheet:
    return sheets.read(io.BytesIO(data), name, FIELDS, required=[("name",)], **options)


def names(sheet: sheets.Sheet) -> list[str]:
    return [row.values.get("name", "") for row in sheet.rows]


# --- headers


def test_a_qualified_heading_wins_over_a_plain_one() -> None:
    fields = {"name": ("河道名称",), "phone": ("电话", "银发河长/电话")}
    rows = [
        ["河道名称", "县级河长", "电话", "银发河长", "电话"],
        ["中心河", "张三", "111111", "李四", "222222"],
    ]
    sheet = sheets.read(io.BytesIO(xlsx(rows)), "a.xlsx", fields, required=[("name",)])
    assert sheet.rows[0].values["phone"] == "222222"
    assert sheet.headers == ["河道名称", "县级河长", "县级河长/电话", "银发河长", "银发河长/电话"]
    assert "县级河长/电话" in sheet.ignored


def test_the_phone_of_somebody_else_is_never_taken_when_there_is_an_own_one() -> None:
    rows = [["姓名", "紧急联系人", "电话", "联系电话"], ["张三", "李四", "111111", "222222"]]
    assert read(xlsx(rows)).rows[0].values["phone"] == "222222"


def test_two_columns_that_mean_the_same_are_refused_also_behind_two_people() -> None:
    with pytest.raises(BadFile, match=r"「县级河长/电话」和第 5 列「镇级河长/电话」"):
        read(
            xlsx(
                [["姓名", "县级河长", None, "镇级河长", None], [None, "姓名", "电话", "姓名", "电话"], ["a"]],
                merges=("A1:A2", "B1:C1", "D1:E1"),
            )
        )


def test_the_phone_behind_a_person_is_that_persons_and_told_if_nobody_asked() -> None:
    sheet = read(xlsx([["姓名", "紧急联系人", "电话"], ["张三", "李四", "111111"]]))
    assert sheet.rows[0].values == {"name": "张三"}
    assert sheet.ignored == ["紧急联系人", "电话"]
    fields = {"name": ("责任人",), "phone": ("电话",)}
    asked = sheets.read(io.BytesIO(xlsx([["责任人", "电话"], ["张三", "1"]])), "a.xlsx", fields)
    assert asked.rows[0].values == {"name": "张三", "phone": "1"}


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_a_header_in_two_rows_with_and_without_its_merges(ending: str) -> None:
    head = [["镇街", "志愿者", None, "备注"], [None, "姓名", "联系电话", None]]
    rows = [*head, ["戴南镇", "张三", "13812345678", "好"]]
    if ending == "xlsx":
        data = xlsx(rows, merges=("A1:A2", "B1:C1", "D1:D2"))
    else:
        data = "\n".join(",".join(text or "" for text in row) for row in rows).encode()
    sheet = read(data, f"a.{ending}")
    assert sheet.rows[0].values == {"township": "戴南镇", "name": "张三", "phone": "13812345678"}
    assert sheet.rows[0].number == 3
    assert sheet.ignored == ["备注"]


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_one_heading_over_the_columns_of_a_person(ending: str) -> None:
    heads = ["河道名称", "县级河长/职务/电话", None, None, "银发河长/电话", None, "备注"]
    rows = [heads, ["中心河", "张三", "县长", "13812345678", "李四", "13912345678", "好"]]
    data = "\n".join(",".join(text or "" for text in row) for row in rows).encode()
    if ending == "xlsx":
        data = xlsx(rows, merges=("B1:D1", "E1:F1"))
    form = forms.RIVERS
    sheet = sheets.read(io.BytesIO(data), f"a.{ending}", form.fields, required=form.required)
    people = {post.key: repr(post.people(sheet.rows[0].values)) for post in form.posts}
    assert people["county_chief"] == "[张三 县长 13812345678]"
    assert people["steward"] == "[李四 13912345678]"
    assert sheet.notes == []


def test_one_heading_over_one_cell_that_holds_all_of_a_person() -> None:
    form = forms.RIVERS
    rows = [
        ["河道名称", "县级河长/职务/电话", "银发河长/电话"],
        ["中心河", "张三 县长 13812345678", "李四13912345678"],
    ]
    sheet = sheets.read(io.BytesIO(xlsx(rows)), "a.xlsx", form.fields, required=form.required)
    people = {post.key: repr(post.people(sheet.rows[0].values)) for post in form.posts}
    assert people["county_chief"] == "[张三 县长 13812345678]"
    assert people["steward"] == "[李四 13912345678]"


def test_a_title_of_two_cells_is_no_row_of_the_header() -> None:
    sheet = read(xlsx([["银发志愿者", "2024年"], ["姓名", "电话"], ["张三", "12345"]]))
    assert (names(sheet), sheet.titles, sheet.headers) == (
        ["张三"],
        ["银发志愿者", "2024年"],
        ["姓名", "电话"],
    )


def test_a_row_below_the_header_that_numbers_the_columns_is_no_record() -> None:
    sheet = read(xlsx([["镇街", "村", "姓名", "电话"], [1, 2, 3, 4], ["戴南镇", "东罗村", "张三", 12345]]))
    assert names(sheet) == ["张三"]
    assert sheet.notes == ["列号 1 行没有当作记录（第 2 行）。"]


def test_the_unit_of_a_length_comes_from_its_heading_or_the_title() -> None:
    one = [["姓名", "长度(km)"], ["a", 12.5], ["b", "800米"]]
    other = [["单位：米"], ["姓名", "长度"], ["c", 300]]
    sheet = read(xlsx(one, other), lengths=["length"])
    assert [row.values["length"] for row in sheet.rows] == ["12.5公里", "800米", "300米"]
    assert read(xlsx(one)).rows[0].values["length"] == "12.5"


# --- several sheets


def test_every_fitting_sheet_is_read_and_the_others_are_told() -> None:
    book = openpyxl.load_workbook(
        io.BytesIO(
            xlsx(
                [["姓名", "电话"], ["张三", 11111]],
                [["请先看这里"]],
                [["联系电话", "名字", "特长"], [22222, "李四", "书法"]],
                [],
            )
        )
    )
    book.create_sheet("旧").append(["姓名"])
    book["旧"].sheet_state = "hidden"
    saved = io.BytesIO()
    book.save(saved)
    sheet = read(saved.getvalue())
    assert [(str(row.number), row.sheet, row.values["name"]) for row in sheet.rows] == [
        ("「表1」2", "表1", "张三"),
        ("「表3」2", "表3", "李四"),
    ]
    assert sheet.headers == ["姓名", "电话", "特长"]
    assert [row.cells for row in sheet.rows] == [("张三", "11111", ""), ("李四", "22222", "书法")]
    assert sheet.notes == [
        "读了 2 张工作表：「表1」、「表3」。",
        "没有读取的工作表（没有需要的表头）：「表2」。",
        "没有读取的工作表（隐藏着）：「旧」。",
    ]
    assert len({row.number for row in sheet.rows}) == 2


def test_too_many_sheets_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "MAX_SHEETS", 1)
    with pytest.raises(BadFile, match="超过 1 张工作表"):
        read(xlsx([["姓名"], ["a"]], [["姓名"], ["b"]]))


# --- what is no record


def test_footers_and_blank_rows_are_left_out_and_counted_and_names_like_them_stay() -> None:
    places = ["注泽河", "合计家河", "说明河", "总计桥", "共青河", "审核楼", "小计村"]
    rows = [["序号", "姓名", "电话"], *[[i, name, 12345] for i, name in enumerate(places, 1)]]
    rows += [
        [],
        [8],
        ["小计", None, 7],
        [9, "后来", 12345],
        [None, "合 计：8条"],
        ["填表人：张三", None, "审核人：李四"],
    ]
    rows += [["注：一式两份"], [10], [11]]
    sheet = read(xlsx(rows))
    assert names(sheet) == [*places, "后来"]
    assert set(sheet.notes) == {
        "只有序号的空行 3 行没有当作记录（第 10、16—17 行）。",
        "合计、签名或说明 4 行没有当作记录（第 11、13—15 行）。",
    }


def test_a_printed_page_begins_with_the_header_again() -> None:
    head = [["河道名录"], ["姓名", "电话"]]
    sheet = read(xlsx([*head, ["a", 12345], *head, ["b", 12345]], merges=("A1:B1", "A4:B4")))
    assert names(sheet) == ["a", "b"]
    assert any("重复的表头" in note for note in sheet.notes)


def test_a_second_table_below_with_other_columns_is_not_read_by_the_first_header() -> None:
    rows = [
        ["姓名", "电话"],
        ["a", 12345],
        ["名字", "联系电话"],
        ["b", 12345],
        ["电话", "姓名"],
        [12345, "c"],
    ]
    sheet = read(xlsx([*rows, ["姓名", "电话"], ["d", 12345]]))
    assert [row.problem for row in sheet.rows] == [
        None,
        None,
        "第 5 行换了一种表头，这一行不知道按哪种读；请把它们分成两张工作表",
        None,
    ]
    assert "另一种表头 1 行没有当作记录（第 5 行）。" in sheet.notes


def test_a_line_across_the_table_is_told_and_stays_with_its_rows() -> None:
    rows = [["姓名", "电话", "村"], ["一、戴南镇"], ["a", 12345, "x"], ["二、安丰镇"], ["b", 12345, "y"]]
    sheet = read(xlsx(rows, merges=("A2:C2", "A4:C4")))
    assert [(row.values["name"], row.section) for row in sheet.rows] == [
        ("a", "一、戴南镇"),
        ("b", "二、安丰镇"),
    ]
    assert sheet.notes == ["横跨整张表的小标题没有当作记录：第 2 行「一、戴南镇」、第 4 行「二、安丰镇」。"]


def test_a_column_without_a_header_is_told() -> None:
    sheet = read(xlsx([["姓名", None, "电话"], ["a", "不能丢", 12345]]))
    assert sheet.notes == ["B 列没有表头，里面的内容没有读取（第 2 行起）。"]
    assert sheet.rows[0].cells == ("a", "不能丢", "12345")


# --- merged cells and what is filled


def test_merged_cells_are_filled_down_and_across() -> None:
    rows = [
        ["镇街", "村", "姓名", "电话"],
        ["戴南镇", "东罗村", "a", None],
        [None, None, "b", 1],
        [None, None, "空缺"],
    ]
    sheet = read(xlsx(rows, merges=("A2:A4", "B2:B3", "C4:D4")))
    assert [row.values for row in sheet.rows] == [
        {"township": "戴南镇", "village": "东罗村", "name": "a"},
        {"township": "戴南镇", "village": "东罗村", "name": "b", "phone": "1"},
        {"township": "戴南镇", "name": "空缺", "phone": "空缺"},
    ]


def test_a_place_merged_over_the_rows_of_its_villages() -> None:
    rows = [["姓名", "村"], ["中心河", "东罗村"], [None, "董北村"], [None, None], ["生产河", "双石村"]]
    sheet = read(xlsx(rows, merges=("A2:A4",)))
    assert [(row.values["name"], row.values["village"]) for row in sheet.rows] == [
        ("中心河", "东罗村"),
        ("中心河", "董北村"),
        ("生产河", "双石村"),
    ]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(2, 30), st.integers(0, 4), st.integers(0, 6), st.integers(0, 3)), max_size=6
    ),
    st.integers(0, 2**16),
)
def test_filling_agrees_with_a_grid_that_is_held_whole(
    boxes: list[tuple[int, int, int, int]], seed: int
) -> None:
    rng = random.Random(seed)
    grid = {r: [rng.choice(["", f"{r}{c}"]) for c in range(12)] for r in range(2, 40)}
    merges, taken = [], set[tuple[int, int]]()
    for top, high, left, wide in boxes:
        cells = {(r, c) for r in range(top, top + high + 1) for c in range(left, left + wide + 1)}
        if not cells & taken and high + wide:
            taken |= cells
            merges.append((top, top + high, left, left + wide))
            for r, c in cells - {(top, left)}:
                grid[r][c] = ""
    expected = {r: list(cells) for r, cells in grid.items()}
    for top, below, left, right in merges:
        for r in range(top, below + 1):
            for c in range(left, right + 1):
                expected[r][c] = grid[top][left]
    filling = Filling(merges)
    assert {r: filling.fill(r, cells) for r, cells in grid.items()} == expected


def test_blank_townships_of_a_csv_take_the_one_above_and_that_is_told() -> None:
    text = "镇街,村,姓名\n戴南镇,东罗村,a\n,,b\n安丰镇,,c\n,双石村,d\n小计,,\n,,e\n"
    sheet = read(text.encode("gbk"), "a.csv", fill_down=[["township", "village"]])
    assert [(row.values.get("township"), row.values.get("village")) for row in sheet.rows] == [
        ("戴南镇", "东罗村"),
        ("戴南镇", "东罗村"),
        ("安丰镇", None),
        ("安丰镇", "双石村"),
        ("安丰镇", "双石村"),
    ]
    assert sheet.rows[1].remarks[0] == "「镇街」空着，照上面一行写作「戴南镇」"
    assert "「镇街」有 3 行空着（第 3、5、7 行），照上面一行补上了；不对的请填上再导入。" in sheet.notes
    assert "township" not in read(text.encode("gbk"), "a.csv").rows[1].values


def test_ditto_marks_are_read_as_what_stands_above() -> None:
    sheet = read(xlsx([["姓名", "镇街"], ["a", "戴南镇"], ["b", "同上"], ["c", "〃"]]))
    assert [row.values["township"] for row in sheet.rows] == ["戴南镇"] * 3
    assert "同上" in sheet.rows[1].remarks[0]
    first = read(xlsx([["姓名", "镇街"], ["a", "同上"]])).rows[0]
    assert first.problem == "「镇街」写的是「同上」，上面却没有内容，请填上"


# --- numbers as people saw them


CELLS = [
    (1956.1, "0.00", "1956.10"),
    (42, "00000", "00042"),
    (52383212345, "000000000000", "052383212345"),
    (0.85, "0%", "85%"),
    (0.1 + 0.2, "General", "0.3"),
    (12.345, "0.0", "12.345"),
    (321281001100123, "0", "321281001100123"),
    (1234.5, "#,##0.00", "1234.50"),
]


def test_number_cells_keep_what_people_saw_in_both_workbooks() -> None:
    rows: list[list[object]] = [["姓名", "编码"], *[["a", value] for value, _, _ in CELLS]]
    new = xlsx(rows, formats={f"B{i}": code for i, (_, code, _) in enumerate(CELLS, 2)})
    old = old_xls(rows, {(i, 1): code for i, (_, code, _) in enumerate(CELLS, 1)})
    for data, name in ((new, "a.xlsx"), (old, "a.xls")):
        assert [row.values["code"] for row in read(data, name).rows] == [shown for _, _, shown in CELLS]


@pytest.mark.parametrize("make", [xlsx, old_xls])
def test_a_code_longer_than_a_number_can_hold_is_refused_with_the_cure(make: object) -> None:
    data = make([["姓名", "编码"], ["a", 321281001100200123], ["b", "321281001100200123"]])
    sheet = read(data, "a.xls" if make is old_xls else "a.xlsx")
    assert sheet.rows[0].problem == (
        "「编码」被表格软件改成了科学计数法（3.21281001100200E+17），末尾的数字丢了；请把这一列设为文本后重填"
    )
    assert sheet.rows[1].values["code"] == "321281001100200123"


def test_scientific_notation_in_csv_is_written_out_if_its_digits_are_all_there() -> None:
    rows = read("姓名,电话\na,1.3812345678E+10\nb,1.38E+10\n".encode(), "a.csv").rows
    assert rows[0].values["phone"] == "13812345678"
    assert rows[1].problem is not None
    assert "科学计数法" in rows[1].problem


# --- old workbooks that are not what they seem


def test_a_workbook_with_a_password_is_told_so() -> None:
    locked = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le")
    for name in ("a.xlsx", "a.xls"):
        with pytest.raises(BadFile, match="设了密码"):
            read(locked, name)
    data = bytearray(old_xls([["姓名"], ["a"]]))
    at = data.index(struct.pack("<HHH", 0x0809, 16, 0x0600)) + 20
    # FILEPASS behind the first BOF, as Excel writes it.
    data[at : at + 10] = struct.pack("<HHHHH", 0x002F, 6, 0, 1, 2)
    with pytest.raises(BadFile, match="设了密码"):
        read(bytes(data), "a.xls")


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_a_damaged_old_workbook_is_read_or_refused(seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(old_xls([["姓名", "电话"], *[[f"人{i}", i] for i in range(60)]]))
    for _ in range(rng.choice([1, 3, 30])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    with contextlib.suppress(BadFile):
        read(bytes(data[: rng.choice([len(data), rng.randrange(len(data))])]), "a.xls")


def test_a_large_old_workbook_is_refused_before_it_is_unfolded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xls, "MAX_BYTES", 1000)
    with pytest.raises(BadFile, match="超过"):
        read(old_xls([["姓名"], ["a"]]), "a.xls")


def test_merged_cells_that_overlap_by_thousands_are_refused() -> None:
    filling = Filling([(1, 99, 0, k) for k in range(300)])
    with pytest.raises(ValueError, match="overlap"):
        filling.fill(1, ["x"])


# --- the forms themselves


@pytest.mark.parametrize("form", forms.ALL, ids=lambda form: form.key)
def test_no_heading_of_a_form_means_two_of_its_fields(form: forms.Form) -> None:
    meant: dict[str, str] = {}
    for key, headings in form.fields.items():
        for heading in headings:
            assert meant.setdefault(plain(heading), key) == key, heading


DOMAIN = {
    "river_register": (
        "序号 河道名称 河道编码 河道级别 所在镇街 流经村居 起点 讫点 长度(km) 宽度 县级河长 职务 电话 "
        "镇级河长 职务 电话 村级河长 职务 电话 银发河长 电话 公示牌数量 备注"
    ),
    "road_register": (
        "序号 路线编号 路线名称 起点(桩号) 终点(桩号) 里程 技术等级 路面类型 管养单位 路长 职务 电话 "
        "路政员/协管员 养路员 银发路长 电话 备注"
    ),
    "grid_register": (
        "序号 镇街 村(社区) 网格名称 网格编码 网格类型 户数 人口 四至范围 网格长 专职网格员 兼职网格员 "
        "性别 出生年月 政治面貌 文化程度 联系电话 银发网格长 备注"
    ),
    "volunteer_register": (
        "编号 姓名 性别 出生年月(年龄) 民族 政治面貌 入党时间 原工作单位及职务 退(离)休时间 文化程度 特长 "
        "健康状况 所在党支部 居住地(镇街/社区/小区) 服务意向 可服务时间 联系电话 紧急联系人及电话 "
        "岗位 备注"
    ),
    "compound_register": (
        "序号 小区名称 所属社区 网格编码 地址 建成年份 建筑面积 楼栋数 户数 物业公司 项目经理 电话 "
        "业委会(有/无) 成立及届满日期 主任 电话 业委会中老党员人数 银龄红管家 工作室名称 备注"
    ),
    "outing_register": (
        "日期 巡查人 河道(路/网格) 起止时间 起点—终点 天气 巡查内容(正常/异常) 发现问题(时间地点照片) "
        "处理情况 签字"
    ),
}
"""The headings of the six sheets as the research of the field found them."""


@pytest.mark.parametrize("form", forms.ALL, ids=lambda form: form.key)
def test_every_heading_of_the_field_has_a_field(form: forms.Form) -> None:
    heads = DOMAIN[form.key].split()
    row = [f"第{i}" for i in range(len(heads))]
    sheet = sheets.read(io.BytesIO(xlsx([heads, row])), "a.xlsx", form.fields, required=form.required)
    assert sheet.ignored == [head for head in heads if head == "序号"]
    assert len(sheet.rows[0].values) == len(heads) - ("序号" in heads)
