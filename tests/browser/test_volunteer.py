"""The volunteer's page on a phone: from the card to a patrol that survives everything.

Looked at, in three type sizes (SCREENSHOTS=folder pytest tests/browser/test_volunteer.py):
- nothing is cut off or lies over something else, at 360 and at 320 px, no sideways scrolling;
- the first screen asks one thing; the start button is the largest; the telephone is on every screen;
- text stands out from its ground, on light, dark and black; a state is told in words, not by a colour alone;
- sentences are kind, short and say what to do next.
"""

import datetime as dt
import json
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, Route, expect
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.devices import service as devices
from geo_service.tables import Alert, Area, Batch, Companion, Duty, Patrol, Person
from layers.crs import to_lonlat
from layers.vocabulary import DutyKind, Layer, Level, Right, Role
from tests.browser.conftest import ARGUMENTS, CHROMIUM, Service, Watched
from tests.browser.signal import Signal
from tests.geo_service.conftest import CRS, ORIGIN

PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
    yield browser
    browser.close()


class Handset:
    """A phone: its browser's store outlives its pages; it stands somewhere; it has signal or not."""

    def __init__(self, chromium: Browser, service: Service) -> None:
        self.service = service
        self.signal = Signal(service.host)
        self.host = f"http://{self.signal.host}"
        self.context: BrowserContext = chromium.new_context(
            viewport=PHONE, device_scale_factor=2, is_mobile=True, has_touch=True, locale="zh-CN",
            permissions=["geolocation"],
        )  # fmt: skip
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.context.on("request", self._note)
        self.page = self.opened()
        self.walked: list[tuple[float, float]] = []

    def _note(self, request: Any) -> None:
        if not request.url.startswith((self.host, "data:", "blob:")):
            self.outside.append(request.url)

    def opened(self) -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        # Watched from the first request on: of a page that its worker has taken over, a route that is set
        # only then misses some.
        page.route("**/none", lambda route: route.abort())
        return page

    def scan(self, card: str) -> None:
        self.page.goto(f"{self.host}/v#c={card}")

    def kill(self) -> None:
        """End the page as a phone does that needs its memory: without a word to it."""
        page, self.page = self.page, self.opened()
        page.close(run_before_unload=False)

    def stand(self, x: float, y: float) -> None:
        """Let the phone be somewhere, in metres from the origin."""
        lon, lat = to_lonlat(np.array([[x, y]]) + ORIGIN, CRS)[0].tolist()
        self.context.set_geolocation({"longitude": lon, "latitude": lat, "accuracy": 5})
        self.walked.append((lon, lat))

    def walk(self, *xs: float, y: float = 3.0) -> None:
        """Go along the river, and wait until each position is in the phone's store."""
        for x in xs:
            self.stand(x, y)
            lon, lat = self.walked[-1]
            self.until(STORED, [lon, lat])

    def until(self, question: str, argument: Any = None) -> None:
        """Wait until the page answers yes."""
        for _ in range(300):
            if self.page.evaluate(question, argument):
                return
            self.page.wait_for_timeout(50)
        raise AssertionError(f"never true: {question[-200:]}")

    def tap(self, name: str) -> None:
        self.page.get_by_role("button", name=name).tap()

    def hold(self) -> None:
        """Press the guarded button long enough."""
        box = self.page.locator("button.hold").bounding_box()
        assert box is not None
        self.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        self.page.mouse.down()
        self.page.get_by_role("button", name="确定结束").wait_for()
        self.page.mouse.up()

    def end(self) -> None:
        self.hold()
        self.tap("确定结束")
        self.page.get_by_role("heading", name="辛苦了").wait_for()

    def is_sent(self) -> None:
        """Wait until nothing waits to be sent."""
        self.until(SENT)

    def lose_signal(self) -> None:
        """Let no request through, those of a page that comes back included."""
        self.signal.lose()
        self.context.set_offline(True)

    def find_signal(self) -> None:
        """Let requests through again."""
        self.signal.find()
        self.context.set_offline(False)

    def close(self) -> None:
        self.context.close()
        self.signal.close()
        assert self.outside == [], "a page asked another host"
        assert self.errors == []


READ = """
const all = (name) => new Promise((resolve, reject) => {
  const open = indexedDB.open("yinxun");
  open.onsuccess = () => {
    const request = open.result.transaction(name).objectStore(name).getAll();
    request.onsuccess = () => { open.result.close(); resolve(request.result); };
    request.onerror = reject;
  };
});
"""
STORED = f"""async ([lon, lat]) => {{ {READ}
  const own = (fix) => Math.abs(fix.lon - lon) < 1e-9 && Math.abs(fix.lat - lat) < 1e-9;
  const pieces = await all("pieces");
  return (await all("fixes")).some(own) || pieces.some((one) => ((one.body || {{}}).fixes || []).some(own));
}}"""
SENT = f"async () => {{ {READ} return (await all('pieces')).filter((piece) => !piece.aside).length === 0; }}"


@pytest.fixture
def handset(chromium: Browser, service: Service) -> Iterator[Handset]:
    handset = Handset(chromium, service)
    yield handset
    handset.close()


@pytest.fixture
def person(service: Service) -> Callable[..., tuple[uuid.UUID, str]]:
    """Make a volunteer of the western township with a card."""

    def make(name: str) -> tuple[uuid.UUID, str]:
        with Session(service.engine) as db, db.begin():
            area = db.get_one(Area, service.town.west.id)
            area.contact_name, area.contact_phone = "小张", "0523-8325 1234"
            row = Person(county_id=service.town.county.id, name=name, area_id=area.id)
            db.add(row)
            db.flush()
            for place in (service.town.rivers[0], service.town.road):
                duty = Duty(
                    county_id=row.county_id, person_id=row.id, place_id=place.id,
                    role=Role.of(Layer(place.layer)), kind=DutyKind.VOLUNTEER, level=Level.VILLAGE,
                    in_force=Range(dt.date(2026, 1, 1), None),
                )  # fmt: skip
                db.add(duty)
            scope = Scope(row.county_id, Actor(os_user="t"), dict.fromkeys(Right, None))
            (made,) = devices.make_cards(db, scope, [row.id])
            return row.id, made.secret

    return make


def patrols_of(service: Service, person_id: uuid.UUID) -> list[Patrol]:
    with Session(service.engine, expire_on_commit=False) as db:
        found = select(Patrol).where(Patrol.person_id == person_id).order_by(Patrol.started_at)
        return list(db.scalars(found))


def fixes_of(service: Service, patrol: Patrol) -> list[tuple[float, float]]:
    """Return the positions of a patrol as they were sent, in the order of their times."""
    with Session(service.engine) as db:
        rows = db.scalars(select(Batch).where(Batch.patrol_id == patrol.id)).all()
    all_ = [fix for row in rows for fix in zip(row.time_s, row.lon, row.lat, strict=True)]
    return [(lon, lat) for _, lon, lat in sorted(all_)]


def begin(handset: Handset, card: str, *, first: bool = True) -> None:
    """From the card to a running recording, as a newcomer or as one who has agreed before."""
    handset.stand(0, 3)
    if first:
        handset.scan(card)
    handset.tap("开始巡查")
    if first:
        handset.page.get_by_label("我看过了").check()
        handset.tap("同意，开始巡查")
    handset.page.get_by_text("走了 0 米").wait_for()


def assert_recorded(service: Service, handset: Handset, person_id: uuid.UUID) -> Patrol:
    (patrol,) = patrols_of(service, person_id)
    came = fixes_of(service, patrol)
    assert len(came) == len(handset.walked)
    assert np.allclose(came, handset.walked, rtol=0, atol=1e-9)
    assert patrol.settled_at is not None
    return patrol


def test_from_the_card_to_the_verdict(service: Service, handset: Handset, person) -> None:
    person_id, card = person("走一走")
    begin(handset, card)
    assert "#" not in handset.page.url, "the secret does not stay in the address"
    handset.walk(*range(30, 400, 30))
    handset.end()
    handset.is_sent()
    patrol = assert_recorded(service, handset, person_id)
    expect(handset.page.get_by_text("谢谢").first).to_be_visible()
    drawn = handset.page.locator("#map svg")
    # Of the river, what he has just walked; and what others of these tests walked there lately.
    told = handset.page.evaluate("fetch('/api/v/places').then((one) => one.json())")
    of_kind = [one["geometry"] for one in told["features"] if one["properties"]["kind"] == "covered"]
    covered = [one for one in of_kind if one["coordinates"]]
    expect(drawn.locator("path.covered")).to_have_count(len(covered))
    there = shapely.MultiPoint(handset.walked)
    assert min(shapely.distance(shapely.from_geojson(json.dumps(one)), there) for one in covered) < 1e-4
    assert drawn.locator("path.left").count() >= 1
    handset.tap("返回")
    handset.tap("我的记录")
    expect(handset.page.get_by_text(patrol.day.isoformat())).to_be_visible()
    expect(handset.page.get_by_role("link", name="打电话给小张")).to_have_attribute(
        "href", "tel:0523-8325 1234"
    )


def test_without_signal_nothing_is_lost_and_it_goes_out_by_itself(
    service: Service, handset: Handset, person
) -> None:
    person_id, card = person("没信号")
    begin(handset, card)
    handset.lose_signal()
    handset.walk(*range(30, 300, 30))
    handset.end()
    expect(handset.page.get_by_text("条没上传")).to_be_visible()
    assert patrols_of(service, person_id) == []
    handset.find_signal()
    handset.is_sent()
    assert_recorded(service, handset, person_id)


def test_during_a_pause_nothing_is_recorded_and_it_is_told_as_a_pause(
    service: Service, handset: Handset, person
) -> None:
    person_id, card = person("停一停")
    begin(handset, card)
    handset.walk(*range(30, 160, 30))
    handset.hold()
    handset.tap("暂停一下")
    expect(handset.page.get_by_role("heading", name="已暂停")).to_be_visible()
    before = len(handset.walked)
    for x in (500, 560, 620):
        handset.stand(x, 300)
        handset.page.wait_for_timeout(300)
    elsewhere, handset.walked = handset.walked[before:], handset.walked[:before]
    handset.tap("继续巡查")
    handset.walk(*range(180, 320, 30))
    handset.end()
    handset.is_sent()
    (patrol,) = patrols_of(service, person_id)
    assert not set(elsewhere) & set(fixes_of(service, patrol)), "where he was meanwhile is nobody's business"
    (gap,) = [gap for gap in patrol.record["gaps"] if gap["why"] == "paused"]
    assert dt.datetime.fromisoformat(gap["from"]) < dt.datetime.fromisoformat(gap["until"])


LOCKS = """
window.locks = [];
const request = async (kind) => {
  const lock = { kind, held: true, release: async () => { lock.held = false; } };
  window.locks.push(lock);
  return lock;
};
Object.defineProperty(navigator, "wakeLock", { value: { request } });
"""


def test_the_screen_stays_awake_as_long_as_he_walks(handset: Handset, person) -> None:
    _, card = person("不熄屏")
    handset.page.add_init_script(LOCKS)
    begin(handset, card)
    held = "() => window.locks.filter((lock) => lock.held).map((lock) => lock.kind)"
    handset.until(f"() => ({held})().length === 1")
    assert handset.page.evaluate(held) == ["screen"]
    handset.walk(30)
    handset.end()
    assert handset.page.evaluate(held) == []


def test_a_page_that_is_killed_goes_on_where_it_was(service: Service, handset: Handset, person) -> None:
    person_id, card = person("被关掉")
    begin(handset, card)
    handset.walk(*range(30, 200, 30))
    handset.kill()
    handset.lose_signal()
    handset.page.goto(f"{handset.host}/v")  # from the phone alone
    handset.tap("接着走")
    handset.walk(*range(220, 400, 30))
    handset.kill()
    handset.page.goto(f"{handset.host}/v")
    handset.find_signal()
    handset.tap("那次已经走完了")
    handset.is_sent()
    assert_recorded(service, handset, person_id)


@pytest.mark.parametrize("arrives", [True, False])
def test_a_reply_that_is_cut_makes_nothing_count_twice(
    service: Service, handset: Handset, person, arrives: bool
) -> None:
    """Every piece is cut off the first time: the server has it and its answer is lost, or it never came."""
    person_id, card = person(f"断一半{arrives}")
    begin(handset, card)
    cut: list[str] = []

    def lose(route: Route) -> None:
        if route.request.url in cut:
            route.continue_()
            return
        cut.append(route.request.url)
        if arrives:
            route.fetch()
        route.abort()

    handset.page.route("**/api/patrols/**", lose)
    handset.walk(*range(30, 200, 30))
    handset.end()
    for _ in range(8):
        handset.page.evaluate("window.dispatchEvent(new Event('online'))")
        handset.page.wait_for_timeout(150)
    handset.is_sent()
    assert len(cut) >= 3
    assert_recorded(service, handset, person_id)


def test_each_sees_and_sends_only_his_own_on_one_phone(service: Service, handset: Handset, person) -> None:
    first, card = person("甲先生")
    second, other = person("乙女士")
    begin(handset, card)
    handset.lose_signal()
    handset.walk(30, 60, 90)
    handset.end()
    handset.page.route("**/api/patrols/**", lambda route: route.abort())
    handset.find_signal()
    handset.scan(other)
    handset.page.reload()
    expect(handset.page.get_by_role("heading", name="乙女士，您好")).to_be_visible()
    expect(handset.page.get_by_text("都上传好了")).to_be_visible()
    handset.page.unroute("**/api/patrols/**")
    assert patrols_of(service, second) == patrols_of(service, first) == []
    handset.scan(card)
    handset.page.reload()
    expect(handset.page.get_by_role("heading", name="甲先生，您好")).to_be_visible()
    handset.is_sent()
    assert patrols_of(service, second) == []
    assert_recorded(service, handset, first)


def test_another_card_of_the_same_person_finds_the_same_phone(
    service: Service, handset: Handset, person
) -> None:
    person_id, card = person("丢了卡")
    _, neighbours = person("邻居")
    handset.scan(neighbours)
    expect(handset.page.get_by_role("heading", name="邻居，您好")).to_be_visible()
    handset.scan(card)
    handset.page.reload()
    expect(handset.page.get_by_role("heading", name="丢了卡，您好")).to_be_visible()
    with Session(service.engine) as db, db.begin():
        scope = Scope(service.town.county.id, Actor(os_user="t"), dict.fromkeys(Right, None))
        lost = next(way for way in devices.ways(db, scope, person_id=person_id) if way.kind == "card")
        devices.revoke(db, scope, lost.id)
        (made,) = devices.make_cards(db, scope, [person_id])
    handset.scan(made.secret)
    handset.page.reload()
    expect(handset.page.get_by_role("heading", name="丢了卡，您好")).to_be_visible()
    with Session(service.engine) as db:
        ways = devices.ways(db, scope, person_id=person_id)
    assert sorted((way.kind, way.is_waiting) for way in ways) == [("card", False), ("phone", False)]


def test_what_waits_goes_out_when_a_lost_card_was_replaced(
    service: Service, handset: Handset, person
) -> None:
    """The card ends while something waits: that nobody may come in is no answer to what was recorded."""
    person_id, card = person("换卡片")
    begin(handset, card)
    handset.lose_signal()
    handset.walk(30, 60, 90)
    handset.end()
    with Session(service.engine) as db, db.begin():
        scope = Scope(service.town.county.id, Actor(os_user="t"), dict.fromkeys(Right, None))
        lost = next(way for way in devices.ways(db, scope, person_id=person_id) if way.kind == "card")
        devices.revoke(db, scope, lost.id)
    handset.find_signal()
    handset.page.goto(f"{handset.host}/v")
    expect(handset.page.get_by_text("这张卡片不能用了")).to_be_visible()
    expect(handset.page.get_by_text("条没上传")).to_be_visible()
    with Session(service.engine) as db, db.begin():
        (made,) = devices.make_cards(db, scope, [person_id])
    handset.scan(made.secret)
    handset.page.reload()
    handset.is_sent()
    assert_recorded(service, handset, person_id)


def test_companions_are_chosen_by_name(service: Service, handset: Handset, person) -> None:
    person_id, card = person("同行甲")
    other, _ = person("同行乙")
    begin(handset, card)
    handset.walk(30, 60)
    handset.hold()
    handset.tap("有人同行")
    handset.page.get_by_label("同行乙").check()
    handset.tap("选好了")
    handset.tap("确定结束")
    handset.is_sent()
    (patrol,) = patrols_of(service, person_id)
    with Session(service.engine) as db:
        along = db.scalars(select(Companion.person_id).where(Companion.patrol_id == patrol.id)).all()
    assert along == [other]


PIXELS = {"标准": 18, "大": 22, "特大": 30}
MEASURED = """() => {
  const shown = (element) => element.getClientRects().length > 0;
  const box = (element) => element.getBoundingClientRect();
  return {
    font: parseFloat(getComputedStyle(document.body).fontSize),
    wide: document.documentElement.scrollWidth - innerWidth,
    small: Array.from(document.querySelectorAll("button, a.button, label.tick")).filter(shown)
      .filter((element) => box(element).height < 60 || box(element).width < 60)
      .map((element) => element.innerText),
  };
}"""


def look(handset: Handset, name: str, folder: Path | None) -> None:
    """Measure a screen in three type sizes and two widths, and ask axe what is wrong with it."""
    page = handset.page
    for size, word in (("normal", "标准"), ("large", "大"), ("huge", "特大")):
        page.evaluate(f"document.documentElement.dataset.size = '{size}'")
        for width in (360, 320):
            page.set_viewport_size({"width": width, "height": 740})
            told = page.evaluate(MEASURED)
            assert told["font"] == PIXELS[word]
            assert told["wide"] <= 0, f"{name} in {word} at {width} px is wider than the phone"
            assert told["small"] == [], f"{name} in {word}: too small to touch"
        page.set_viewport_size(PHONE)
        found = Axe().run(page)
        wrong = [(v["id"], [node["html"][:120] for node in v["nodes"]]) for v in found.response["violations"]]
        assert wrong == [], f"{name} in {word}"
        if folder:
            page.screenshot(path=str(folder / f"{name}_{size}.png"), full_page=True)
    page.evaluate("document.documentElement.dataset.size = 'large'")


def test_a_call_for_help_reaches_the_coordinator_with_its_place(
    service: Service, handset: Handset, person
) -> None:
    person_id, card = person("求助的")
    begin(handset, card)
    handset.walk(30)
    handset.hold()
    # No telephone here: the touch counts, the call itself is the phone's.
    handset.page.evaluate("document.addEventListener('click', (event) => event.preventDefault())")
    help_ = handset.page.get_by_role("link", name="求助")
    expect(help_).to_have_attribute("href", "tel:120")
    help_.dispatch_event("click")
    handset.is_sent()
    with Session(service.engine) as db:
        alert = db.scalars(select(Alert).where(Alert.person_id == person_id)).one()
    assert alert.kind == "sos"
    assert (alert.lon, alert.lat) == pytest.approx(handset.walked[-1])


def test_stillness_is_asked_about_and_an_answer_goes_on(service: Service, handset: Handset, person) -> None:
    person_id, card = person("歇一歇")
    handset.page.clock.install()
    begin(handset, card)
    handset.walk(30)
    handset.page.clock.run_for(21 * 60_000)
    expect(handset.page.get_by_role("heading", name="您还好吗？")).to_be_visible()
    handset.tap("我没事")
    expect(handset.page.get_by_role("heading", name="正在巡查")).to_be_visible()
    handset.page.clock.run_for(21 * 60_000)
    expect(handset.page.get_by_role("heading", name="您还好吗？")).to_be_visible()
    handset.page.clock.run_for(2 * 60_000 + 2000)
    expect(handset.page.get_by_role("heading", name="辛苦了")).to_be_visible()
    handset.is_sent()
    with Session(service.engine) as db:
        alert = db.scalars(select(Alert).where(Alert.person_id == person_id)).one()
    assert alert.kind == "still", "the coordinator is told before it is closed"
    (patrol,) = patrols_of(service, person_id)
    assert patrol.settled_at is not None


def test_a_second_phone_comes_in_when_the_coordinator_taps(
    service: Service, handset: Handset, chromium: Browser, signed_in: Watched, person, shot
) -> None:
    _, card = person("换手机")
    handset.scan(card)
    expect(handset.page.get_by_role("heading", name="换手机，您好")).to_be_visible()
    other = Handset(chromium, service)
    other.scan(card)
    expect(other.page.get_by_role("heading", name="等协调员同意")).to_be_visible()
    desk = signed_in.page
    desk.get_by_role("link", name="需要关心", exact=True).click()
    waiting = desk.get_by_role("region", name="换手机的手机")
    shot(desk, "care")
    waiting.get_by_role("button", name="同意", exact=True).click()
    expect(waiting).to_have_count(0)
    other.tap("已经同意了")
    expect(other.page.get_by_role("heading", name="换手机，您好")).to_be_visible()
    other.close()


def test_a_coordinator_makes_a_card_and_sees_its_code_once(
    service: Service, signed_in: Watched, person, shot
) -> None:
    person_id, _ = person("要卡片")
    desk = signed_in.page
    desk.goto(f"http://{service.host}/people/{person_id}/cards")
    desk.get_by_role("button", name="做一张新卡片").click()
    expect(desk.get_by_role("img", name="要卡片的卡片二维码")).to_be_visible()
    shot(desk, "cards")
    desk.goto(f"http://{service.host}/people/{person_id}/cards")
    expect(desk.get_by_role("img")).to_have_count(0)
    expect(desk.get_by_role("cell", name="可以用")).to_have_count(2)


def test_every_screen_can_be_read_and_touched(service: Service, handset: Handset, person, shot) -> None:
    folder = Path(os.environ["SCREENSHOTS"]) if "SCREENSHOTS" in os.environ else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
    _, card = person("看一看")
    handset.page.goto(f"{handset.host}/v")
    handset.page.get_by_role("heading", name="请扫卡片").wait_for()
    look(handset, "card", folder)
    handset.scan(card)
    handset.page.reload()
    handset.page.get_by_role("heading", name="看一看，您好").wait_for()
    look(handset, "home", folder)
    handset.tap("联系人")
    look(handset, "contact", folder)
    handset.tap("返回")
    handset.tap("我的记录")
    handset.tap("我的河、路和小区")
    handset.page.get_by_role("heading", name="我的河、路和小区").wait_for()
    look(handset, "places", folder)
    handset.tap("返回")
    handset.page.get_by_role("heading", name="我的记录").wait_for()
    handset.tap("返回")
    handset.stand(0, 3)
    handset.tap("开始巡查")
    handset.page.get_by_label("我看过了").wait_for()
    look(handset, "consent", folder)
    handset.page.get_by_label("我看过了").check()
    handset.tap("同意，开始巡查")
    handset.page.get_by_text("走了 0 米").wait_for()
    look(handset, "walking", folder)
    handset.walk(*range(30, 300, 30))
    handset.hold()
    look(handset, "ending", folder)
    handset.tap("确定结束")
    handset.is_sent()
    handset.page.get_by_text("谢谢").first.wait_for()
    look(handset, "verdict", folder)
    handset.tap("返回")
    handset.tap("我的记录")
    handset.page.get_by_role("heading", name="我的记录").wait_for()
    look(handset, "records", folder)
