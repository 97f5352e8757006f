"""Makes `report.docx`, the template of the report, by `python -m geo_service.figures.template`.

An office may take its own instead (GEO_REPORT_TEMPLATE); the names that stand in {{ }} here are what it can
use. Sizes and fonts follow the habit of official documents (GB/T 9704): 仿宋 三号, titles 宋体 二号.
"""

from collections.abc import Sequence
from typing import Any

from docx import Document
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH, WD_LINE_SPACING
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from geo_service.figures.document import TEMPLATE

_BODY, _HEAD, _TITLE = "仿宋", "黑体", "宋体"
_LATIN = "Times New Roman"
_SIZE, _TITLE_SIZE, _TABLE_SIZE, _SMALL = 16, 22, 9, 10.5
_GREY = RGBColor(0x59, 0x59, 0x59)

_TOWNSHIPS = (
    ("镇街", "{{ t.name }}", 22),
    ("在册人数", "{{ t.registered }}", 13),
    ("参与人数", "{{ t.took_part }}", 13),
    ("巡查、网格服务（次）", "{{ t.times }}", 19),
    ("河道道路（公里）", "{{ t.length_km }}", 17),
    ("走到（公里）", "{{ t.covered_km }}", 15),
    ("覆盖率", "{{ t.share }}", 14),
    ("暂无银发责任人（公里）", "{{ t.unassigned_km }}", 19),
    ("网格小区（个）", "{{ t.areas }}", 14),
    ("其中暂无银发责任人", "{{ t.unassigned_areas }}", 17),
)
_FIGURES = (
    ("数据", "{{ f.title }}", 36),
    ("数值", "{{ f.exactly }}", 24),
    ("统计口径", "{{ f.definition }}", 96),
)


def make() -> Any:
    """Return the template as a document."""
    document = Document()
    _page(document)
    style = document.styles["Normal"]
    style.font.size = Pt(_SIZE)
    _fonts(style.element.get_or_add_rPr(), _BODY)
    _fill(document)
    about = document.core_properties
    about.title, about.author, about.comments = "志愿服务情况报表", "银巡", ""
    return document


def _fill(document: Any) -> None:
    _line(document, "{%p if made_up %}")
    _line(document, "演示数据：人名、地名和巡查记录均为虚构", font=_HEAD, size=_SMALL, align="centre")
    _line(document, "{%p endif %}")
    _line(document, "{{ title }}", font=_TITLE, size=_TITLE_SIZE, bold=True, align="centre", spacing=36)
    _line(document, "（{{ period }}）", align="centre")
    _head(document, "一、总体情况")
    _line(document, "{%p for text in sentences %}")
    _line(document, "{{ text }}", indent=True)
    _line(document, "{%p endfor %}")
    _line(document, "{%p if left_out %}")
    _line(document, "没有写入上文的数据：{{ left_out }}。", size=_SMALL, indent=True, spacing=18)
    _line(document, "{%p endif %}")
    _line(document, "{%p if waiting %}")
    _line(document, "另有 {{ waiting }} 次巡查、服务待核，没有计入。", size=_SMALL, indent=True, spacing=18)
    _line(document, "{%p endif %}")
    _line(document, "{%p if townships %}")
    _head(document, "二、各镇街情况")
    _table(document, _TOWNSHIPS, "t", "townships")
    _line(document, "{{ townships_note }}", size=_SMALL, colour=_GREY, spacing=18)
    _line(document, "{%p endif %}")
    _line(document, "{%p if gap_map %}")
    _head(document, "{{ '三' if townships else '二' }}、空白图")
    _line(document, "{{ gap_map }}", align="centre", spacing=None)
    _line(document, "{%p endif %}")
    _head(document, "附：数据和统计口径")
    _table(document, _FIGURES, "f", "figures")
    _line(document, "")
    _line(document, "{{ county }}", align="right")
    _line(document, "{{ date }}", align="right")


def _page(document: Any) -> None:
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.top_margin, section.bottom_margin = Mm(37), Mm(30)
    section.left_margin, section.right_margin = Mm(25), Mm(22)
    footer = section.footer.paragraphs[0]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    run = footer.add_run()
    for kind, text in (("begin", None), (None, "PAGE"), ("end", None)):
        part = OxmlElement("w:fldChar" if kind else "w:instrText")
        if kind:
            part.set(qn("w:fldCharType"), kind)
        else:
            part.text = text
        run._r.append(part)
    run.font.size = Pt(14)


def _head(document: Any, text: str) -> None:
    paragraph = _line(document, text, font=_HEAD, indent=True)
    paragraph.paragraph_format.keep_with_next = True


def _line(
    document: Any,
    text: str,
    *,
    font: str = _BODY,
    size: float = _SIZE,
    bold: bool = False,
    align: str = "left",
    indent: bool = False,
    spacing: float | None = 28,
    colour: RGBColor | None = None,
) -> Any:
    paragraph = document.add_paragraph()
    form = paragraph.paragraph_format
    form.space_before = form.space_after = Pt(0)
    if spacing is not None:
        form.line_spacing_rule, form.line_spacing = WD_LINE_SPACING.EXACTLY, Pt(spacing)
    if indent:
        form.first_line_indent = Pt(2 * size)
    paragraph.alignment = {
        "left": WD_ALIGN_PARAGRAPH.LEFT,
        "centre": WD_ALIGN_PARAGRAPH.CENTER,
        "right": WD_ALIGN_PARAGRAPH.RIGHT,
    }[align]
    _run(paragraph, text, font, size, bold=bold, colour=colour)
    return paragraph


def _run(
    paragraph: Any, text: str, font: str, size: float, *, bold: bool = False, colour: RGBColor | None = None
) -> None:
    run = paragraph.add_run(text)
    run.font.size, run.font.bold = Pt(size), bold
    if colour is not None:
        run.font.color.rgb = colour
    _fonts(run._r.get_or_add_rPr(), font)


def _fonts(properties: Any, east_asian: str) -> None:
    """Name the fonts of Latin and of Chinese text; without eastAsia Word and WPS choose one themselves."""
    fonts = properties.find(qn("w:rFonts"))
    if fonts is None:
        fonts = OxmlElement("w:rFonts")
        properties.insert(0, fonts)
    for kind, name in (("ascii", _LATIN), ("hAnsi", _LATIN), ("eastAsia", east_asian), ("cs", _LATIN)):
        fonts.set(qn(f"w:{kind}"), name)


def _table(document: Any, columns: Sequence[tuple[str, str, int]], one: str, many: str) -> None:
    """Add a table with a head and a row for each of a list."""
    table = document.add_table(rows=4, cols=len(columns))
    table.style, table.alignment, table.autofit = "Table Grid", WD_TABLE_ALIGNMENT.CENTER, False
    table.cell(1, 0).text = f"{{%tr for {one} in {many} %}}"
    table.cell(3, 0).text = "{%tr endfor %}"
    for k, (title, value, width_mm) in enumerate(columns):
        for row, text, font in ((0, title, _HEAD), (2, value, _BODY)):
            cell = table.cell(row, k)
            cell.width = Mm(width_mm)
            paragraph = cell.paragraphs[0]
            paragraph.alignment = (
                WD_ALIGN_PARAGRAPH.LEFT if row and k in (0, 2) else WD_ALIGN_PARAGRAPH.CENTER
            )
            _run(paragraph, text, font, _TABLE_SIZE)
    head = table.rows[0]._tr.get_or_add_trPr()
    repeated = OxmlElement("w:tblHeader")
    repeated.set(qn("w:val"), "true")
    head.append(repeated)
    for row in table.rows:
        whole = OxmlElement("w:cantSplit")
        row._tr.get_or_add_trPr().append(whole)


if __name__ == "__main__":
    make().save(str(TEMPLATE))
