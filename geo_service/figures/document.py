"""A report on paper: the DOCX through its template, and the XLSX annex with the rows behind each figure."""

import io
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import openpyxl
from jinja2.sandbox import SandboxedEnvironment
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font

from geo_service.columns import Column, Listing, printable
from geo_service.exports import write_sheet
from geo_service.figures.reports import TOWNSHIPS_NOTE, Report, Township
from layers.errors import BadFile
from layers.figures import Counted

if TYPE_CHECKING:
    from docxtpl import DocxTemplate, InlineImage

TEMPLATE = Path(__file__).with_name("report.docx")
"""Made by `geo_service.figures.template`."""
PICTURE_MM, HIGHEST_MM = 160, 200
_TOWNS = (
    Column("name", "镇街"),
    Column("code", "编码"),
    Column("registered", "在册人数", "whole"),
    Column("took_part", "参与人数", "whole"),
    Column("times", "巡查、网格服务（次）", "whole"),
    Column("length_km", "河道道路（公里）", "number"),
    Column("covered_km", "走到（公里）", "number"),
    Column("share", "覆盖率", "number"),
    Column("unassigned_km", "暂无银发责任人（公里）", "number"),
    Column("areas", "网格小区（个）", "whole"),
    Column("unassigned_areas", "其中暂无银发责任人（个）", "whole"),
)
_FIGURES = (
    Column("code", "代号"),
    Column("title", "数据"),
    Column("value", "数值", "number"),
    Column("unit", "单位"),
    Column("words", "文稿写法"),
    Column("definition", "统计口径"),
    Column("rows", "明细行数", "whole"),
)


def docx(report: Report, picture: bytes | None, own_template: Path | None = None) -> bytes:
    """Return the report as DOCX; `picture` is the gap map as PNG. Raises BadFile for a bad template."""
    from docxtpl import DocxTemplate  # noqa: PLC0415  (loaded when a report is drafted)

    path = own_template or TEMPLATE
    try:
        document = DocxTemplate(str(path))
        document.init_docx()
    except Exception as error:  # python-docx raises what the zip and XML readers raise
        raise BadFile(f"报表模板 {path.name} 打不开；请另存为 .docx（Word 文档）后再试。") from error
    drawn = None if picture is None else _fitted(document, picture)
    environment = SandboxedEnvironment(autoescape=True, undefined=jinja2.StrictUndefined)
    try:
        document.render(_context(report) | {"gap_map": drawn or ""}, environment, autoescape=True)
        saved = io.BytesIO()
        document.save(saved)
    except Exception as error:  # jinja2's own, and whatever an expression or the XML of a template raises
        raise BadFile(f"报表模板 {path.name} 有误：{str(error)[:200]}。可用的名称见说明。") from error
    return saved.getvalue()


def _fitted(document: "DocxTemplate", picture: bytes) -> "InlineImage":
    """Return a PNG as wide as the text, or narrower if it is too high for a page."""
    from docx.shared import Mm  # noqa: PLC0415
    from docxtpl import InlineImage  # noqa: PLC0415

    width_px, height_px = struct.unpack(">II", picture[16:24])
    width_mm = min(PICTURE_MM, HIGHEST_MM * width_px / height_px)
    return InlineImage(document, io.BytesIO(picture), width=Mm(width_mm))


def _context(report: Report) -> dict[str, Any]:
    """Return what a template can name."""
    made_on = report.made_on
    return {
        "title": printable(report.title),
        "county": printable(report.county),
        "made_up": report.made_up,
        "period": f"{report.first_day} 至 {report.last_day}",
        "first_day": str(report.first_day),
        "last_day": str(report.last_day),
        "date": f"{made_on.year}年{made_on.month}月{made_on.day}日",
        "sentences": [printable(text) for text in report.sentences],
        "left_out": printable("；".join(report.left_out)),
        "waiting": report.waiting,
        "figures": [
            {
                "code": code.value,
                "title": printable(counted.figure.title),
                "exactly": counted.exactly,
                "words": counted.words,
                "definition": printable(counted.figure.definition),
            }
            for code, counted in report.figures.items()
        ],
        "townships": [_town(town) for town in report.townships],
        "townships_note": TOWNSHIPS_NOTE if report.townships else "",
    }


def _town(town: Township) -> dict[str, str]:
    sums = town.sums
    return {
        "name": printable(town.name),
        "registered": str(town.registered),
        "took_part": str(town.took_part),
        "times": str(town.times),
        "length_km": f"{sums.length_m / 1000:.1f}",
        "covered_km": f"{sums.covered_m / 1000:.1f}",
        "share": "—" if sums.share is None else f"{sums.share:.1%}",
        "unassigned_km": f"{sums.unassigned_m / 1000:.1f}",
        "areas": str(sums.areas),
        "unassigned_areas": str(sums.unassigned_areas),
    }


def annex(report: Report, rows_behind: Callable[[Counted], Listing], *, full: bool = False) -> bytes:
    """Return the workbook: the figures, the townships, and the rows behind each figure.

    Figures that rest on the same rows share a sheet. Names are masked unless `full`.
    """
    book = openpyxl.Workbook(write_only=True)
    saved = io.BytesIO()
    try:
        _tell(book, report, full=full)
        write_sheet(book, figure_list(report))
        if report.townships:
            write_sheet(book, township_list(report))
        for counted in report.figures.values():
            if _sheet_of(counted, report) == _title(counted):
                listing = replace(rows_behind(counted), title=_title(counted))
                write_sheet(book, listing if full else listing.masked)
    finally:
        book.save(saved)  # also after an error: only saving ends openpyxl's own temporary files
    return saved.getvalue()


def _title(counted: Counted) -> str:
    return f"{counted.figure.code} {counted.figure.title}"


def _sheet_of(counted: Counted, report: Report) -> str:
    """Return the title of the sheet that holds the rows of a figure: that of the first with the same rows."""
    same = (
        other
        for other in report.figures.values()
        if other.figure.behind is counted.figure.behind and list(other.ids) == list(counted.ids)
    )
    return _title(next(same)) if counted.ids else _title(counted)


def _tell(book: Any, report: Report, *, full: bool) -> None:
    """Add the sheet that says what the others are."""
    sheet = book.create_sheet("说明")
    sheet.column_dimensions["A"].width = 100
    lines = [
        report.title,
        f"时段：{report.first_day} 至 {report.last_day}；制表：{report.made_on}",
        *(["演示数据：人名、地名和巡查记录均为虚构"] if report.made_up else []),
        *report.sentences,
        *([f"没有写入上文的数据：{'；'.join(report.left_out)}。"] if report.left_out else []),
        *([TOWNSHIPS_NOTE] if report.townships else []),
        "明细里的姓名是全名，请勿外传。" if full else "明细里的姓名是遮挡过的。",
        "明细的行少于数值时，缺的是已删除的，或不在制表人的权限内。",
    ]
    for number, text in enumerate(lines):
        cell = WriteOnlyCell(sheet, value=printable(text))
        cell.data_type, cell.alignment = "s", Alignment(wrap_text=True)
        cell.font = Font(bold=number == 0)
        sheet.append([cell])


def figure_list(report: Report) -> Listing:
    """Return the figures as a list, each with the sheet that holds its rows."""
    when = f"{report.first_day}至{report.last_day}"
    listing = figures_listing(list(report.figures.values()), when)
    sheets = [_sheet_of(counted, report) for counted in report.figures.values()]
    rows = [(*row, sheet) for row, sheet in zip(listing.rows, sheets, strict=True)]
    return replace(listing, columns=(*_FIGURES, Column("sheet", "明细见工作表")), rows=rows)


def figures_listing(found: Sequence[Counted], when: str) -> Listing:
    """Return figures of a period in words as a list."""
    rows = [
        (
            counted.figure.code,
            counted.figure.title,
            None if counted.value is None else counted.figure.stepped(counted.value),
            counted.figure.unit,
            counted.words,
            counted.figure.definition,
            counted.rows,
        )
        for counted in found
    ]
    return Listing("figures", f"数据 {when}", _FIGURES, rows)


def township_list(report: Report) -> Listing:
    """Return the townships as a list."""
    rows = [
        (
            town.name,
            town.code,
            town.registered,
            town.took_part,
            town.times,
            round(town.sums.length_m / 1000, 2),
            round(town.sums.covered_m / 1000, 2),
            None if town.sums.share is None else round(town.sums.share, 4),
            round(town.sums.unassigned_m / 1000, 2),
            town.sums.areas,
            town.sums.unassigned_areas,
        )
        for town in report.townships
    ]
    return Listing("townships", "各镇街", _TOWNS, rows)
