"""A coordinator's first week without any shell, from an empty county to a list of gaps on paper.

Looked at (SCREENSHOTS=folder pytest tests/browser/test_first_week.py), at 1366, 1920 and 390 px:
- what to do next stands on every page, and one button is the loudest;
- a table too wide for a phone scrolls by itself, the page does not;
- what is shown once (a password, a link) is large and says so.
"""

import csv
import datetime as dt
import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from geo_service.tables import Audit, County, Duty, Patrol, Person
from layers.vocabulary import Level, Right
from tests.browser.conftest import Watched, running
from tests.geo_service.conftest import CRS, SmallCounty
from tests.geo_service.test_import_pages import rivers
from tests.geo_service.watertown import PASSWORD, _area, _box, add_account

NEW_PASSWORD = "He-Chang-2026-ok"
SIZES = ((1366, 768), (1920, 1080), (390, 844))
LIST = rivers(("中心河", [(0, 0), (2000, 0)]), ("生产河", [(0, 400), (2000, 500)]))
ROSTER = (
    "河道名称,镇级河长,镇级河长电话,银发河长\n中心河,李国强,13800000009,张秀英\n生产河,王卫东,138x,李爱民\n"
)
LATER = "河道名称,银发河长\n中心河,张秀英\n"


def empty_county(db: Session) -> County:
    """Two townships and an administrator, as `geo-service areas` leaves them: nothing else."""
    extent = _box(-200, -200, 2200, 1200)
    west, south, east, north = extent.bounds
    row = County(
        code="329902", name="水乡县", time_zone="Asia/Shanghai", crs=CRS,
        west=west, south=south, east=east, north=north,
    )  # fmt: skip
    db.add(row)
    db.flush()
    county = SmallCounty(db, row)
    root = _area(county, None, "329902000000", "水乡县", Level.COUNTY, extent)
    halves = {"西荡镇": (-200, 1000), "东湖镇": (1000, 2200)}
    for number, (name, (left, right)) in enumerate(halves.items()):
        border = _box(left, -200, right, 1200)
        _area(county, root, f"32990210{number}000", name, Level.TOWNSHIP, border)
    add_account(db, row, "boss", Right.ADMINISTRATOR)
    return row


@pytest.fixture(scope="module")
def place(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Engine]]:
    with running(server, tmp_path_factory.mktemp("data"), empty_county) as (host, engine, _):
        yield f"http://{host}", engine


def recording(y: float, start: dt.datetime, step_s: float) -> bytes:
    """A walk along a river as GPX, 6 m a fix."""
    track = SmallCounty.walk((100, y), (1800, y), start=start, step_s=step_s)
    points = "".join(
        f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}">'
        f"<time>{dt.datetime.fromtimestamp(t, dt.UTC):%FT%TZ}</time></trkpt>"
        for (lon, lat), t in zip(track.lonlat, track.time_s, strict=True)
    )
    head = '<gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1">'
    return f"{head}<trk><trkseg>{points}</trkseg></trk></gpx>".encode()


class Week:
    """The coordinator at her desk."""

    def __init__(self, page: Page, host: str, shot: Callable[[Page, str], Path]) -> None:
        self.page, self.host, self.shot = page, host, shot

    def sign_in(self, login: str, password: str) -> None:
        self.page.goto(f"{self.host}/sign-in")
        self.page.get_by_label("登录名").fill(login)
        self.page.locator("#password").fill(password)
        self.page.get_by_role("button", name="登录").click()

    def go(self, *menu: str) -> None:
        """Go to a page by the menu; one behind 更多 is opened by the keyboard."""
        nav = self.page.get_by_role("navigation", name="主菜单")
        if len(menu) > 1:
            nav.get_by_text("更多").first.focus()
            self.page.keyboard.press("Enter")
        nav.get_by_role("link", name=menu[-1], exact=True).click()
        self.page.wait_for_load_state("networkidle")

    def looked_at(self, name: str) -> None:
        """Check what can be measured of the page at each size, and keep its pictures."""
        for width, height in SIZES:
            self.page.set_viewport_size({"width": width, "height": height})
            assert self.page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
            self.shot(self.page, f"week {name} {width}")
        self.page.set_viewport_size({"width": 1366, "height": 768})
        found = Axe().run(self.page).response["violations"]
        wrong = [(v["id"], [node["html"][:160] for node in v["nodes"]]) for v in found]
        assert wrong == [], name

    def upload(self, kind: str, name: str, data: bytes, *, whole: bool = False) -> None:
        """Try a file on the page of imports."""
        self.go("更多", "导入")
        self.page.get_by_label("文件里是什么").select_option(label=kind)
        self.page.locator("#file").set_input_files({"name": name, "mimeType": "text/plain", "buffer": data})
        if whole:
            self.page.get_by_label("名册是全的").check()
        self.page.get_by_role("button", name="试算", exact=True).click()

    def walk(self, person: str, data: bytes) -> None:
        self.go("上传轨迹")
        self.page.get_by_label("轨迹文件").set_input_files(
            {"name": "walk.gpx", "mimeType": "application/gpx+xml", "buffer": data}
        )
        self.page.get_by_label("是谁的巡查").fill(person)
        self.page.get_by_role("button", name="上传", exact=True).click()
        self.page.wait_for_url("**/patrols/*")

    def saved(self, click: Callable[[], None]) -> bytes:
        with self.page.expect_download() as download:
            click()
        return Path(download.value.path()).read_bytes()


def test_the_first_week(
    watched: Watched, place: tuple[str, Engine], shot: Callable[[Page, str], Path]
) -> None:
    host, engine = place
    watched.allowed.add(host.removeprefix("http://"))
    week, page = Week(watched.page, host, shot), watched.page
    page.set_viewport_size({"width": 1366, "height": 768})
    _monday_an_account(week)
    _tuesday_lists_and_rosters(week)
    _wednesday_duties_and_cards(week, engine)
    _thursday_walks_and_decisions(week, engine)
    _friday_gaps_and_sheets(week)
    _the_administrator_looks_back(week, engine)
    # A browser tells of every answer that is a refusal; these two were meant.
    assert not [error for error in watched.errors if "422" not in error and "403" not in error]
    page.context.clear_cookies()


def _monday_an_account(week: Week) -> None:
    """The administrator makes the coordinator's account; she chooses her own password."""
    page = week.page
    week.sign_in("boss", PASSWORD)
    week.go("更多", "账号")
    week.looked_at("accounts")
    page.locator("#login").fill("li.hua")
    page.get_by_label("管到哪里").select_option(label="水乡县全县")
    page.get_by_role("button", name="新建", exact=True).click()
    password = page.locator(".secret code").inner_text()
    week.looked_at("account")
    page.get_by_role("button", name="退出").click()
    week.sign_in("li.hua", password)
    page.locator("#password").fill(password)
    page.locator("#new").fill(NEW_PASSWORD)
    page.locator("#again").fill(NEW_PASSWORD)
    page.get_by_role("button", name="保存新密码").click()
    page.wait_for_url(f"{week.host}/morning")
    expect(page.get_by_text("名册还是空的")).to_be_visible()


def _tuesday_lists_and_rosters(week: Week) -> None:
    """A list of rivers; a roster with a wrong row; a later one that names less, and its questions."""
    page = week.page
    week.upload("河道", "河道.geojson", LIST)
    expect(page.get_by_role("heading", name="试算结果")).to_be_visible()
    page.get_by_role("button", name="导入", exact=True).click()
    expect(page.get_by_role("heading", name="已导入")).to_be_visible()
    week.upload("名册（河道、道路、网格、小区、志愿者）", "河道名录.csv", ROSTER.encode())
    expect(page.get_by_text("有 1 行不能导入")).to_be_visible()
    week.looked_at("trial of a roster")
    mended = ROSTER.replace("138x", "13800000008").encode()
    week.upload("名册（河道、道路、网格、小区、志愿者）", "河道名录.csv", mended)
    page.get_by_role("button", name="导入", exact=True).click()
    expect(page.get_by_role("heading", name="已导入")).to_be_visible()
    week.upload("名册（河道、道路、网格、小区、志愿者）", "新河道名录.csv", LATER.encode(), whole=True)
    expect(page.get_by_role("heading", name="请确认")).to_be_visible()
    page.get_by_label("没有逐项答复时").select_option(label="全部保留")
    page.get_by_role("button", name="按答复再试算").click()
    week.looked_at("questions of a roster")


def _wednesday_duties_and_cards(week: Week, engine: Engine) -> None:
    """A duty is handed over from the river's page; cards are printed."""
    page = week.page
    week.go("对象")
    page.get_by_role("link", name="中心河").click()
    page.get_by_role("link", name="交接、结束、新增责任人").click()
    page.get_by_label("先查接任的").fill("李爱民")
    page.get_by_role("button", name="查找").click()
    week.looked_at("duties of a place")
    row = page.get_by_role("row").filter(has_text="张秀英")
    row.get_by_label("日期").fill("2199-01-01")
    row.get_by_role("button", name="从这天起交接").click()
    expect(page.get_by_role("row").filter(has_text="李爱民")).to_be_visible()
    with Session(engine) as db:
        taker = db.scalars(select(Person.id).where(Person.name == "李爱民")).one()
        taken = select(Duty).where(Duty.person_id == taker, Duty.handed_over_from.is_not(None))
        assert db.scalars(taken).one().in_force.lower == dt.date(2199, 1, 1)
    week.go("更多", "志愿者卡片")
    cards = week.saved(lambda: page.get_by_role("button", name="做卡片，下载 PDF").click())
    assert cards.startswith(b"%PDF")


def _thursday_walks_and_decisions(week: Week, engine: Engine) -> None:
    """A walk counts at once; one that looks ridden waits, and is decided by the keyboard alone."""
    page = week.page
    day = dt.datetime.now(ZoneInfo("Asia/Shanghai")) - dt.timedelta(days=1)
    noon = day.replace(hour=10, minute=0, second=0, microsecond=0).astimezone(dt.UTC)
    week.walk("张秀英", recording(8, noon, 5.0))
    expect(page.get_by_text("中心河").first).to_be_visible()
    with Session(engine) as db, db.begin():
        other = db.scalars(select(Patrol)).one()
        assert other.verdict == "counted"
    week.walk("李爱民", recording(8, noon + dt.timedelta(hours=3), 0.9))
    with Session(engine) as db:
        assert db.scalars(select(Patrol.verdict).order_by(Patrol.started_at)).all()[-1] == "review"
    week.go("更多", "待核的巡查")
    expect(page.get_by_role("heading", name="还有 1 次")).to_be_visible()
    week.looked_at("review")
    expect(page.locator("#note")).to_be_focused()
    page.keyboard.press("Alt+5")
    expect(page.locator("#note")).to_have_value("路线是车上记的")
    page.keyboard.press("Alt+n")
    expect(page.get_by_text("都核对完了")).to_be_visible()
    with Session(engine) as db:
        last = db.scalars(select(Patrol).order_by(Patrol.started_at.desc())).first()
        assert last is not None
        assert (last.verdict, last.review_note) == ("not_counted", "路线是车上记的")


def _friday_gaps_and_sheets(week: Week) -> None:
    """What nobody walked, as a table and for a phone's map; the townships' sheets out and back."""
    page = week.page
    week.go("更多", "空白清单")
    page.get_by_role("link", name="时段内未巡查", exact=True).click()
    page.wait_for_load_state("networkidle")
    expect(page.get_by_role("row").filter(has_text="生产河")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="从来没有").first).to_be_visible()
    week.looked_at("list of gaps")
    table = week.saved(lambda: page.get_by_role("link", name="CSV", exact=True).click())
    found = list(csv.DictReader(io.StringIO(table.decode("utf-8-sig"))))
    lengths = {row["名称"]: float(row["长度（米）"]) for row in found}
    assert lengths["生产河"] == pytest.approx(2002.5, abs=1)
    kml = week.saved(lambda: page.get_by_role("link", name="KML").click())
    assert "生产河".encode() in kml
    page.get_by_role("link", name="不再合适的职责").click()
    week.looked_at("misfits")
    week.go("更多", "镇街辖区表")
    week.looked_at("sheets")
    archive = week.saved(lambda: page.get_by_role("button", name="下载全部 2 个镇街的表").click())
    with zipfile.ZipFile(io.BytesIO(archive)) as held:
        files: list[Any] = [
            {"name": name, "mimeType": "application/octet-stream", "buffer": held.read(name)}
            for name in held.namelist()
        ]
    page.locator("#files").set_input_files(files)
    page.get_by_role("button", name="试算", exact=True).click()
    expect(page.get_by_role("heading", name="试算结果：2 张辖区表")).to_be_visible()
    week.looked_at("sheets back")
    expect(page.get_by_text("没有需要改动的内容")).to_be_visible()


def _the_administrator_looks_back(week: Week, engine: Engine) -> None:
    """All of it stands in the audit, also that the list of gaps was taken along."""
    page = week.page
    assert page.goto(f"{week.host}/audit").status == 403  # type: ignore[union-attr]
    page.goto(f"{week.host}/")
    page.get_by_role("button", name="退出").click()
    week.sign_in("boss", PASSWORD)
    week.go("更多", "审计")
    week.looked_at("audit")
    for words in ("巡查：核对", "职责：交接", "名册：导入", "空白：下载", "账号：新增"):
        expect(page.get_by_role("cell", name=words, exact=True).first).to_be_visible()
    expect(page.get_by_role("link", name="li.hua").first).to_be_visible()
    with Session(engine) as db:
        assert "李爱民" not in str(db.scalars(select(Audit.detail)).all())
