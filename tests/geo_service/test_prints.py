"""Sheets of a county: what a page is about, what it counts, and what it never tells."""

import re

import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.accounts.service import command_scope
from geo_service.coverage.asked import Asked
from geo_service.errors import Conflict, Unavailable
from geo_service.tables import Audit, County
from geo_service.web import prints, serving
from geo_service.web.serving import PaperSize, PrintForm
from layers.vocabulary import GapKind, Layer, Right
from maps.paper import A4
from maps.sheet import draw
from tests.geo_service import watertown
from tests.geo_service.test_accounts import sign_in
from tests.geo_service.watertown import DAY, Watertown

ASKED = Asked(first=DAY, last=DAY)


@pytest.fixture
def scope(db: Session, town: Watertown) -> Scope:
    return command_scope(db, town.county.code)


def test_the_counts_of_a_sheet_are_those_of_the_answer(db: Session, town: Watertown, scope: Scope) -> None:
    sheet = prints.gap_sheet(db, scope, ASKED.query(db, scope), [GapKind.UNASSIGNED])
    # 500 m of the first river, the second (about 2002 m), the road (1100 m); the eastern grid.
    assert re.fullmatch(r"3 段 3\.6 公里，1 处 3[23]\.\d 公顷", sheet.counts["unassigned"])
    assert sheet.counts[Layer.RIVER] == "2 条"
    assert sheet.counts[Layer.GRID] == "2 个"
    assert sheet.counts["registered"] == "1 条"
    walked = prints.coverage_sheet(db, scope, ASKED.query(db, scope))
    assert walked.counts["fresh_7"].startswith("1 段 798 米，1 处 ")
    assert walked.counts["fresh_old"] == "没有"


def test_a_townships_page_is_about_its_part(db: Session, town: Watertown, scope: Scope) -> None:
    asked = Asked(first=DAY, last=DAY, area=town.east.code)
    sheet = prints.gap_sheet(db, scope, asked.query(db, scope), [GapKind.UNPATROLLED])
    assert sheet.data.title == "水乡县东湖镇巡查空白图"
    assert sheet.focus is not None
    assert sheet.counts["unpatrolled"].startswith("2 段 2.0 公里")
    assert "registered" not in sheet.counts
    around = [feature.title for layer in sheet.around for feature in layer.features]
    assert any("中心河" in title for title in around)
    page = draw(sheet, A4).board.page
    focus = page.to_mm(shapely.get_coordinates(shapely.box(*page.ground)))
    assert focus.min(axis=0) == pytest.approx([page.frame.west, page.frame.south])


def test_an_atlas_goes_through_the_townships_and_of_one_through_its_villages(
    db: Session, town: Watertown, scope: Scope
) -> None:
    atlas = prints.gap_atlas(db, scope, ASKED.query(db, scope))
    pages = list(atlas.pages)
    assert [name for name, _ in pages] == ["总图", "西荡镇", "东湖镇"]
    assert [page.page for _, page in pages] == [(1, 3), (2, 3), (3, 3)]
    of_one = prints.gap_atlas(db, scope, Asked(first=DAY, last=DAY, area=town.west.code).query(db, scope))
    assert of_one.count == 1


def test_nobodys_name_is_printed(db: Session, town: Watertown, scope: Scope) -> None:
    for sheet in (
        prints.gap_sheet(db, scope, ASKED.query(db, scope)),
        prints.coverage_sheet(db, scope, ASKED.query(db, scope)),
    ):
        written = " ".join(text.get_text() for text in draw(sheet, A4).board.axes.texts)
        assert "中心河" in written
        assert "演示数据" in written
        assert "王桂兰" not in written


def test_a_county_without_coordinates_is_told_so(db: Session) -> None:
    db.add(County(code="329999", name="新县", time_zone="Asia/Shanghai"))
    db.flush()
    scope = command_scope(db, "329999")
    with pytest.raises(Conflict, match="先导入"):
        prints.gap_sheet(db, scope, ASKED.query(db, scope))


def test_the_pages_offer_what_paper_needs(db: Session, town: Watertown, client: TestClient) -> None:
    login = watertown.add_account(db, town.county, "clerk", Right.COORDINATOR)
    assert sign_in(client, login, watertown.PASSWORD).status_code == 303
    window = {"first": str(DAY), "last": str(DAY)}
    for what in ("coverage", "gaps"):
        html = client.get(f"/map/{what}", params=window).text
        links = re.findall(rf'href="(/map/{what}/print/[^"]+)"', html)
        assert len(links) == 6
        for link in links:
            answer = client.get(link.replace("&amp;", "&"))
            assert answer.status_code == 200, answer.text
            kind = "image/png" if "/png" in link else "application/pdf"
            assert answer.headers["Content-Type"] == kind
            assert "attachment" in answer.headers["Content-Disposition"]
    exported = db.scalars(select(Audit.detail).where(Audit.action == "maps.export")).all()
    assert {(detail["form"], detail["paper"]) for detail in exported} == {
        (form.value, paper.value) for form in PrintForm for paper in PaperSize
    }


def test_one_atlas_at_a_time(db: Session, town: Watertown, scope: Scope) -> None:
    def atlas() -> prints.Atlas:
        return prints.gap_atlas(db, scope, ASKED.query(db, scope))

    def sheet() -> prints.Sheet:
        return prints.gap_sheet(db, scope, ASKED.query(db, scope))

    with serving._ONE_ATLAS, pytest.raises(Unavailable, match="稍后再点"):
        serving.print_(PrintForm.ATLAS, PaperSize.A4, sheet, atlas)
    assert serving.print_(PrintForm.ATLAS, PaperSize.A4, sheet, atlas).status_code == 200
    with serving._SHEETS, serving._SHEETS, serving._SHEETS, pytest.raises(Unavailable, match="稍后再点"):
        serving.print_(PrintForm.PNG, PaperSize.A4, sheet, atlas)
    assert serving.print_(PrintForm.PNG, PaperSize.A4, sheet, atlas).status_code == 200
