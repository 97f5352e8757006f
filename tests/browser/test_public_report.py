"""The form behind a plate for anybody with a phone: no sign-in, no script, no position.

Looked at (SCREENSHOTS=folder pytest tests/browser/test_public_report.py):
- the kinds are large enough for a thumb; what must be written and what need not is said beside it;
- what is wrong stands above the form in red, what was written is still there;
- the thanks say the number and whom to call when it is urgent.
"""

import datetime as dt
import io
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import BrowserContext, Page, Playwright, expect
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import rules
from geo_service.plates import service as plates
from geo_service.plates.service import Hung, Wanted
from geo_service.tables import Case, Report, StoredFile
from layers.crs import to_lonlat
from layers.vocabulary import CaseState, Channel, FileKind, Right
from tests.browser.conftest import ARGUMENTS, CHROMIUM, Service
from tests.geo_service.conftest import CRS, ORIGIN

PHONE = {"width": 390, "height": 844}
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
SMALL = """() => [...document.querySelectorAll("button, a.button, label.tick, input.shown, textarea")]
  .filter((one) => one.getBoundingClientRect().height < 44).map((one) => one.outerHTML.slice(0, 80))"""
JPEG = "image/jpeg"


@pytest.fixture
def plate(service: Service) -> Hung:
    """A plate at a river of a county that lets strangers report."""
    staff = Scope(service.town.county.id, Actor(os_user="t"), dict.fromkeys(Right, None))
    with Session(service.engine) as db, db.begin():
        rules.set_rules(db, staff, {"public": True})
        lon, lat = to_lonlat(np.array([[90.0, 0.0]]) + ORIGIN, CRS)[0].tolist()
        return plates.make(db, staff, Wanted(service.town.rivers[0].id, "中心桥东头", (lon, lat)))


@pytest.fixture
def phone(playwright: Playwright, service: Service, tmp_path: Path) -> Iterator[Page]:
    """A stranger's phone, in which no script runs; no other host may be asked."""
    context: BrowserContext = playwright.chromium.launch_persistent_context(
        str(tmp_path / "profile"), executable_path=str(CHROMIUM), args=ARGUMENTS, locale="zh-CN",
        viewport=PHONE, java_script_enabled=False, has_touch=True, is_mobile=True,
    )  # fmt: skip
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    yield context.pages[0]
    context.close()
    assert [url for url in asked if not url.startswith((f"http://{service.host}/", "data:"))] == []


def look(page: Page, name: str, shot: Callable[[Page, str], Path]) -> None:
    """Check what can be measured of a page, at the widths of phones, and keep its picture."""
    for width in (320, 390):
        page.set_viewport_size({**PHONE, "width": width})
        assert page.evaluate(WIDE) <= 0, f"{name} is wider than {width} px"
    assert page.evaluate(SMALL) == [], f"{name}: too small for a thumb"
    found = Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"][:120]) for v in found] == [], name
    page.set_viewport_size({**PHONE, "height": page.evaluate("document.documentElement.scrollHeight")})
    shot(page, name)
    page.set_viewport_size(PHONE)


def write(page: Page, words: str, photo: bytes | None = None, kind: str = "垃圾漂浮物") -> None:
    page.get_by_text(kind, exact=True).click()
    page.get_by_label("看到了什么，在哪一段？").fill(words)
    if photo is not None:
        page.get_by_label("照片（没有也可以）").set_input_files(
            {"name": "IMG_0001.jpg", "mimeType": JPEG, "buffer": photo}
        )


def jpeg(side: int = 1600) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(7).integers(0, 255, (side, side, 3), np.uint8)
    Image.fromarray(noise).save(out, "JPEG", quality=80)
    return out.getvalue()


def told(service: Service, words: str) -> list[tuple[Report, Case, int]]:
    """Return the reports with these words, their cases, and how many photos each has."""
    with Session(service.engine, expire_on_commit=False) as db:
        found = select(Report, Case).join(Case, Case.id == Report.case_id).where(Report.words == words)
        photos = select(StoredFile.subject).where(StoredFile.kind == FileKind.PHOTO)
        subjects = list(db.scalars(photos))
        return [(report, case, subjects.count(f"report/{report.id}")) for report, case in db.execute(found)]


def test_from_the_plate_without_a_photo(service: Service, phone: Page, plate: Hung) -> None:
    words = f"桥洞下一堆垃圾 {uuid.uuid4().hex}"
    phone.goto(f"http://{service.host}/p/{plate.id}")
    phone.get_by_role("link", name="报告这里的问题").tap()
    expect(phone.get_by_role("heading", name="报告中心河的问题")).to_be_visible()
    write(phone, words)
    phone.get_by_label("您的称呼（不填也可以）").fill("路过的人")
    phone.get_by_role("button", name="上报").tap()
    expect(phone.get_by_role("heading", name="收到了，谢谢您")).to_be_visible()
    ((report, case, photos),) = told(service, words)
    expect(phone.get_by_text(case.number)).to_be_visible()
    assert (report.channel, report.plate_id, report.caller) == (Channel.PUBLIC, plate.id, "路过的人")
    assert (case.state, case.place_id, photos) == (CaseState.SUBMITTED, service.town.rivers[0].id, 0)
    phone.go_back()
    phone.get_by_role("button", name="上报").tap()
    expect(phone.get_by_text(case.number)).to_be_visible()
    assert len(told(service, words)) == 1, "a second tap is no second report"


def test_with_a_photo(service: Service, phone: Page, plate: Hung) -> None:
    words = f"河面有油 {uuid.uuid4().hex}"
    phone.goto(f"http://{service.host}/p/{plate.id}/report")
    write(phone, words, jpeg())
    phone.get_by_role("button", name="上报").tap()
    expect(phone.get_by_role("heading", name="收到了，谢谢您")).to_be_visible()
    assert [photos for _, _, photos in told(service, words)] == [1]


@pytest.mark.parametrize(
    ("photo", "said"),
    [
        (b"%PDF-1.7 no photo", "打不开"),
        (jpeg()[:9000], "打不开"),
        (b"\xff\xd8" + b"x" * 9 * 2**20, "超过 8 MB"),
    ],
)
def test_a_bad_photo_costs_nothing_that_was_written(
    service: Service, phone: Page, plate: Hung, photo: bytes, said: str
) -> None:
    words = f"护栏断了 {uuid.uuid4().hex}"
    phone.goto(f"http://{service.host}/p/{plate.id}/report")
    write(phone, words, photo)
    phone.get_by_role("button", name="上报").tap()
    alert = phone.get_by_role("alert")
    expect(alert).to_contain_text(said)
    expect(phone.get_by_label("看到了什么，在哪一段？")).to_have_value(words)
    expect(phone.get_by_label("垃圾漂浮物")).to_be_checked()
    assert told(service, words) == []
    phone.get_by_label("照片（没有也可以）").set_input_files([])
    phone.get_by_role("button", name="上报").tap()
    expect(phone.get_by_role("heading", name="收到了，谢谢您")).to_be_visible()
    assert [photos for _, _, photos in told(service, words)] == [0]


def test_the_form_asks_for_what_is_missing_before_it_is_sent(
    service: Service, phone: Page, plate: Hung
) -> None:
    phone.goto(f"http://{service.host}/p/{plate.id}/report")
    phone.get_by_role("button", name="上报").tap()
    expect(phone.get_by_role("heading", name="报告中心河的问题")).to_be_visible()
    assert phone.url.endswith("/report")
    bait = phone.locator("#topic")
    assert bait.bounding_box()["x"] < 0, "nobody sees the field for programs"  # type: ignore[index]
    assert re.search(r"30 天", phone.content()), "it says how long a name stays"


def test_the_pages_can_be_read_by_anybody(watched, service: Service, plate: Hung, shot) -> None:
    watched.allowed.add(service.host)
    page = watched.page
    page.set_viewport_size(PHONE)
    page.goto(f"http://{service.host}/p/{plate.id}/report")
    look(page, "public report", shot)
    write(page, f"看一看 {dt.datetime.now(dt.UTC)}", b"no photo")
    page.get_by_role("button", name="上报").click()
    expect(page.get_by_role("alert")).to_contain_text("打不开")
    look(page, "public report bad photo", shot)
    page.get_by_role("button", name="上报").click()
    expect(page.get_by_role("heading", name="收到了，谢谢您")).to_be_visible()
    look(page, "public report thanks", shot)
    watched.errors.clear()  # the browser tells of the 422 that was asked for
    page.set_viewport_size({"width": 1280, "height": 860})
