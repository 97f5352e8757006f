"""Reporting a problem with a phone: photo, icon, where, off it goes; what became of it.

Looked at, in three type sizes (SCREENSHOTS=folder pytest tests/browser/test_report.py):
- one question a screen; pictures and words say the same; the way on is the largest button;
- eight kinds fit without sideways scrolling at 320 px; nothing is cut off or lies over something else;
- the red spot is seen on the map, arrows can be hit; a state is told in words, not by a colour alone;
- sentences are kind, short and say what to do next; nobody is scolded for reporting twice.
"""

# ruff: noqa: F401, F811  (fixtures of another module)
import hashlib
import io
import os
import uuid
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Route, expect
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import handling, units
from geo_service.cases.handling import Wanted
from geo_service.cases.units import UnitSaid
from geo_service.tables import Case, PhotoPiece, Report, StoredFile
from layers.vocabulary import FileKind, Move, Right
from tests.browser.conftest import Service
from tests.browser.test_check_in import WIDE, enter
from tests.browser.test_volunteer import READ, Handset, begin, chromium, handset, look, patrols_of, person
from tests.geo_service.test_photos import heic


def photo(width: int = 1600, height: int = 1200) -> bytes:
    """A photo with so much in it that it does not become small."""
    noise = np.random.default_rng(width).integers(0, 255, (height // 8, width // 8, 3), np.uint8)
    image = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92)
    return out.getvalue()


def reports_of(service: Service, person_id: uuid.UUID) -> list[tuple[Report, Case, list[StoredFile]]]:
    """Return what somebody told of, each with its case and the photos that are whole."""
    with Session(service.engine, expire_on_commit=False) as db:
        rows = db.execute(
            select(Report, Case)
            .join(Case, Case.id == Report.case_id)
            .where(Report.person_id == person_id)
            .order_by(Report.received_at)
        ).all()
        kept = {
            report.id: list(
                db.scalars(
                    select(StoredFile).where(
                        StoredFile.subject == f"report/{report.id}", StoredFile.kind == FileKind.PHOTO
                    )
                )
            )
            for report, _ in rows
        }
    return [(report, case, kept[report.id]) for report, case in rows]


def snap(handset: Handset, data: bytes | None = None) -> None:
    """Take a photo: what the camera gives back is put into the page as the phone does."""
    file = {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": data or photo()}
    with handset.page.expect_file_chooser() as chooser:
        handset.page.get_by_role("button", name="拍照", exact=True).tap()
    chooser.value.set_files(file)


def choose(handset: Handset, kind: str, category: str) -> None:
    handset.page.get_by_role("button", name=kind, exact=True).tap()
    handset.page.get_by_role("button", name=category, exact=True).tap()
    handset.page.get_by_role("button", name="上报", exact=True).wait_for()


def report(handset: Handset, kind: str = "垃圾漂浮物", category: str = "河岸垃圾") -> None:
    handset.tap("上报问题")
    snap(handset)
    choose(handset, kind, category)
    handset.page.get_by_text("手机所在的位置").wait_for()
    handset.page.get_by_role("button", name="上报", exact=True).tap()


def test_from_the_first_screen_to_reported_in_five_taps(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("报一报")
    enter(handset, card, "报一报")
    handset.stand(700, 5)
    report(handset)
    expect(handset.page.get_by_role("heading", name="已上报")).to_be_visible()
    expect(handset.page.get_by_text("谢谢您！您在中心河上报的“垃圾漂浮物·河岸垃圾”已经收到")).to_be_visible()
    handset.is_sent()
    ((row, case, photos),) = reports_of(service, person_id)
    assert (case.category, case.place_id, row.channel) == ("litter.bank", service.town.rivers[0].id, "phone")
    assert case.at_dm == pytest.approx(7000, abs=3)
    assert [str(one.id) for one in photos] == [one["id"] for one in row.photos]
    handset.tap("好的")
    handset.tap("我的记录")
    handset.tap("我上报的问题")
    expect(handset.page.get_by_text("已收到，等着受理。")).to_be_visible()


def test_without_a_photo_without_a_position_it_is_reported_all_the_same(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("没定位")
    handset.context.clear_permissions()
    enter(handset, card, "没定位")
    handset.tap("上报问题")
    handset.tap("不拍照，接着报")
    choose(handset, "道路损坏", "说不准")
    handset.page.get_by_label("在哪里").select_option(label="道路 D1")
    handset.page.get_by_label("想说的话").fill("<b>大坑</b>")
    handset.page.get_by_label("已经当场处理好了").check()
    handset.page.get_by_label("怎么处理的").fill("搬石头填上了")
    handset.page.get_by_role("button", name="上报", exact=True).tap()
    expect(handset.page.get_by_role("heading", name="已上报")).to_be_visible()
    ((row, case, _),) = reports_of(service, person_id)
    assert (case.place_id, case.state, row.words) == (service.town.road.id, "done", "<b>大坑</b>")


def test_without_signal_killed_right_after_the_tap_it_arrives_once(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("没信号报")
    enter(handset, card, "没信号报")
    handset.stand(820, 5)
    handset.lose_signal()
    report(handset, "道路损坏", "路面坑洼")
    expect(handset.page.get_by_role("heading", name="问题记在手机里了")).to_be_visible()
    handset.kill()
    handset.page.goto(f"{handset.host}/v")
    expect(handset.page.get_by_text("条没上传").first).to_be_visible()
    assert reports_of(service, person_id) == []
    handset.find_signal()
    handset.page.evaluate("window.dispatchEvent(new Event('online'))")
    handset.is_sent()
    ((row, _, photos),) = reports_of(service, person_id)
    assert len(photos) == len(row.photos) == 1


def test_replies_that_are_cut_make_neither_report_nor_photo_count_twice(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("断了又发")
    enter(handset, card, "断了又发")
    handset.stand(940, 5)
    cut: list[str] = []

    def lose(route: Route) -> None:
        if route.request.method == "GET" or route.request.url in cut:
            route.continue_()
            return
        cut.append(route.request.url)
        if len(cut) % 2:
            route.fetch()
        route.abort()

    handset.page.route("**/api/v/reports/**", lose)
    report(handset, "设施损坏", "路灯不亮")
    for _ in range(12):
        handset.page.evaluate("window.dispatchEvent(new Event('online'))")
        handset.page.wait_for_timeout(150)
    handset.is_sent()
    assert len(cut) >= 3, "the report, and its photo in parts"
    ((row, _, photos),) = reports_of(service, person_id)
    assert len(photos) == 1
    with Session(service.engine) as db:
        assert db.scalars(select(PhotoPiece.offset)).all() == []
        original = db.scalars(
            select(StoredFile).where(
                StoredFile.subject == f"report/{row.id}", StoredFile.kind == FileKind.ORIGINAL
            )
        ).one()
    assert original.sha256.hex() == row.photos[0]["sha256"], "byte for byte what the phone had"


def test_during_a_walk_both_arrive_and_the_recording_goes_on(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("边走边报")
    begin(handset, card)
    handset.walk(*range(30, 150, 30))
    report(handset, "四乱", "乱堆")
    expect(handset.page.get_by_role("heading", name="已上报")).to_be_visible()
    handset.stand(180, 3)
    handset.tap("回到巡查")
    expect(handset.page.get_by_role("heading", name="正在巡查")).to_be_visible()
    handset.walk(*range(210, 300, 30))
    handset.end()
    handset.is_sent()
    (patrol,) = patrols_of(service, person_id)
    ((row, case, photos),) = reports_of(service, person_id)
    assert (row.patrol_id, case.category, len(photos)) == (patrol.id, "chaos.dump", 1)
    assert patrol.settled_at is not None


def test_another_person_on_the_phone_sends_and_sees_nothing_of_it(
    service: Service, handset: Handset, person: Callable
) -> None:
    first, card = person("老赵")
    second, other = person("老钱")
    enter(handset, card, "老赵")
    handset.stand(1060, 5)
    handset.lose_signal()
    report(handset, "占道乱停", "机动车乱停")
    expect(handset.page.get_by_role("heading", name="问题记在手机里了")).to_be_visible()
    handset.page.route("**/api/v/reports/**", lambda route: route.abort())
    handset.find_signal()
    handset.scan(other)
    handset.page.reload()
    expect(handset.page.get_by_role("heading", name="老钱，您好")).to_be_visible()
    expect(handset.page.get_by_text("都上传好了")).to_be_visible()
    handset.page.unroute("**/api/v/reports/**")
    assert reports_of(service, first) == reports_of(service, second) == []
    handset.scan(card)
    handset.page.reload()
    expect(handset.page.get_by_role("heading", name="老赵，您好")).to_be_visible()
    handset.is_sent()
    assert reports_of(service, second) == []
    assert len(reports_of(service, first)) == 1


def test_what_was_told_before_is_asked_and_joined_and_followed_to_a_rework(
    service: Service, handset: Handset, person: Callable
) -> None:
    first, card = person("先报的")
    second, other = person("后报的")
    enter(handset, card, "先报的")
    handset.stand(1300, 5)
    report(handset, "水质和排污", "水发臭")
    expect(handset.page.get_by_role("heading", name="已上报")).to_be_visible()
    handset.is_sent()
    handset.scan(other)
    handset.page.reload()
    expect(handset.page.get_by_role("heading", name="后报的，您好")).to_be_visible()
    handset.stand(1380, 5)
    report(handset, "水质和排污", "水变色")
    expect(handset.page.get_by_role("heading", name="是不是同一个问题？")).to_be_visible()
    expect(handset.page.get_by_text("离您约 80 米，今天报的，待受理。")).to_be_visible()
    handset.kill()  # the question is kept until it is answered
    handset.page.goto(f"{handset.host}/v")
    handset.tap("看一看是不是同一个")
    handset.tap("是同一个")
    handset.is_sent()
    ((_, case, _),) = reports_of(service, first)
    ((_, merged, _),) = reports_of(service, second)
    assert (merged.state, merged.into_id) == ("merged", case.id)
    with Session(service.engine) as db, db.begin():
        desk, station = (
            Scope(service.town.county.id, Actor(os_user=name), dict.fromkeys(Right, None)) for name in "甲乙"
        )
        unit_id = units.save(db, desk, UnitSaid("水利站"))
        done = Wanted(Move.FINISH, "冲洗了，没有照片：没带手机")
        for scope, wanted in (
            (desk, Wanted(Move.ACCEPT)), (desk, Wanted(Move.DISPATCH, unit_id=unit_id)), (station, done)
        ):  # fmt: skip
            handling.move(db, scope, case.id, wanted)
    handset.tap("好的")
    handset.tap("我的记录")
    handset.tap("我上报的问题")
    handset.page.get_by_role("button", name="水质和排污").tap()
    expect(handset.page.get_by_text("交给了水利站")).to_be_visible()
    handset.tap("没弄好")
    handset.page.get_by_label("写一句就行").fill("还是臭")
    handset.tap("告诉他们")
    expect(handset.page.get_by_text("正在处理。")).to_be_visible()
    with Session(service.engine) as db:
        assert db.get_one(Case, case.id).reworks == 1


def test_the_spot_is_moved_by_arrows_and_by_a_finger(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("挪一挪")
    enter(handset, card, "挪一挪")
    handset.stand(1500, 40)
    handset.tap("上报问题")
    handset.tap("不拍照，接着报")
    choose(handset, "垃圾漂浮物", "暴露垃圾")
    for _ in range(3):
        handset.tap("往南挪 10 米")
    handset.page.get_by_role("button", name="上报", exact=True).tap()
    expect(handset.page.get_by_text("已经收到")).to_be_visible()
    ((_, case, _),) = reports_of(service, person_id)
    assert case.away_m == pytest.approx(10, abs=0.6)


def test_the_screens_can_be_read_and_reached_in_every_size(
    service: Service, handset: Handset, person: Callable
) -> None:
    folder = Path(os.environ["SCREENSHOTS"]) if "SCREENSHOTS" in os.environ else None
    _, card = person("看一看")
    enter(handset, card, "看一看")
    handset.stand(200, 5)
    look(handset, "report-home", folder)
    handset.tap("上报问题")
    look(handset, "report-photo", folder)
    snap(handset)
    handset.page.get_by_role("heading", name="是什么问题？").wait_for()
    look(handset, "report-kinds", folder)
    handset.tap("垃圾漂浮物")
    look(handset, "report-below", folder)
    handset.tap("河岸垃圾")
    handset.page.get_by_text("手机所在的位置").wait_for()
    look(handset, "report-last", folder)
    handset.page.get_by_role("button", name="上报", exact=True).tap()
    expect(handset.page.get_by_text("已经收到")).to_be_visible()
    look(handset, "report-told", folder)
    handset.tap("好的")
    handset.tap("我的记录")
    handset.tap("我上报的问题")
    look(handset, "report-list", folder)
    handset.page.get_by_role("button", name="垃圾漂浮物").tap()
    look(handset, "report-one", folder)


# --- what phones, cameras and people do


def pick(handset: Handset, data: bytes, mime: str = "image/jpeg") -> None:
    """Choose a file in the album."""
    with handset.page.expect_file_chooser() as chooser:
        handset.page.get_by_role("button", name="从相册里选").tap()
    chooser.value.set_files({"name": "x", "mimeType": mime, "buffer": data})


def send(handset: Handset) -> None:
    handset.page.get_by_role("button", name="上报", exact=True).tap()


def opened(handset: Handset, card: str, name: str, x: float) -> None:
    """Come in, and begin a report at a spot of the river."""
    enter(handset, card, name)
    handset.stand(x, 5)
    handset.tap("上报问题")


def test_files_that_are_no_photos_are_told_and_heic_goes_as_it_is(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("各种文件")
    opened(handset, card, "各种文件", 60)
    for data, mime, words in (
        (b"hello", "text/plain", "这不是照片。"),
        (b"", "image/jpeg", "这张照片是空的。"),
        (b"\0" * (16 * 2**20 + 1), "image/heic", "这张照片太大了"),
    ):
        pick(handset, data, mime)
        expect(handset.page.get_by_text(words)).to_be_visible()
        handset.tap("再拍一张")
    pick(handset, heic(), "image/heic")
    handset.page.get_by_role("heading", name="是什么问题？").wait_for()
    handset.tap("返回")
    expect(handset.page.get_by_role("heading", name="上报问题：已有 1 张照片")).to_be_visible()
    handset.tap("就这些，接着报")
    choose(handset, "垃圾漂浮物", "说不准")
    send(handset)
    expect(handset.page.get_by_text("已经收到")).to_be_visible()
    handset.is_sent()
    ((row, case, photos),) = reports_of(service, person_id)
    assert (case.category, len(photos), row.photos[0]["size"]) == ("litter", 1, len(heic()))


def test_a_photo_that_nobody_can_open_is_told_once_and_the_report_stands(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("坏照片")
    opened(handset, card, "坏照片", 90)
    pick(handset, b"\xff\xd8\xff\xe0 no picture" * 20_000)
    choose(handset, "道路损坏", "说不准")
    send(handset)
    expect(handset.page.get_by_text("已经收到")).to_be_visible()
    handset.is_sent()
    handset.tap("好的")
    expect(handset.page.get_by_text("有一张照片没有收下")).to_have_count(1)
    handset.tap("知道了")
    expect(handset.page.get_by_text("没有收下")).to_have_count(0)
    assert handset.page.evaluate(LEFT) == [0, 0]
    ((_, _, photos),) = reports_of(service, person_id)
    assert photos == []


LEFT = f"""async () => {{ {READ}
  const parts = (await all("kept")).filter((value) => value instanceof ArrayBuffer);
  return [(await all("pieces")).length, parts.length];
}}"""


def test_a_refused_report_is_laid_aside_with_its_photos_and_told_once(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("没收下")
    opened(handset, card, "没收下", 120)
    asked: list[str] = []

    def refuse(route: Route) -> None:
        asked.append(route.request.url)
        said = {"code": "too_late", "detail": "这个问题已经过了 30 天，请打电话。"}
        route.fulfill(status=422, json=said)

    handset.page.route("**/api/v/reports/**", refuse)
    snap(handset)
    choose(handset, "道路损坏", "路面坑洼")
    send(handset)
    expect(handset.page.get_by_role("heading", name="没有报上去")).to_be_visible()
    handset.is_sent()
    assert len(asked) == 1, "its photos are not sent"
    handset.errors.clear()  # the browser's own word of a 422
    handset.tap("好的")
    expect(handset.page.get_by_text("有一条记录没有收下")).to_have_count(1)
    handset.tap("知道了")
    expect(handset.page.get_by_text("没有收下")).to_have_count(0)
    pieces, parts = handset.page.evaluate(LEFT)
    assert pieces == parts + 1 > 1, "it is still on the phone, to be told by telephone"
    handset.tap("我的记录")
    handset.tap("我上报的问题")
    expect(handset.page.get_by_role("heading", name="没有收下的")).to_be_visible()
    expect(handset.page.get_by_text("这个问题已经过了 30 天")).to_be_visible()
    assert reports_of(service, person_id) == []


def test_where_the_phone_is_full_it_is_reported_without_the_photo(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("存满了")
    opened(handset, card, "存满了", 150)
    handset.page.evaluate("""() => {
      const put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = function (value, ...rest) {
        if (value instanceof ArrayBuffer) throw new DOMException("full", "QuotaExceededError");
        return put.call(this, value, ...rest);
      };
    }""")
    snap(handset)
    choose(handset, "设施损坏", "说不准")
    handset.page.get_by_label("想说的话").fill("灯杆斜了")
    send(handset)
    expect(handset.page.get_by_role("heading", name="手机存满了")).to_be_visible()
    assert handset.page.evaluate(LEFT) == [0, 0], "all of it or nothing"
    handset.tap("不带照片上报")
    expect(handset.page.get_by_text("已经收到")).to_be_visible()
    ((row, _, _),) = reports_of(service, person_id)
    assert (row.words, row.photos) == ("灯杆斜了", [])


def test_who_taps_before_the_phone_knows_where_it_is_is_found_all_the_same(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("定位慢")
    enter(handset, card, "定位慢")
    handset.stand(180, 5)
    handset.page.evaluate("""() => {
      const look = navigator.geolocation.getCurrentPosition.bind(navigator.geolocation);
      navigator.geolocation.getCurrentPosition = (...how) => setTimeout(() => look(...how), 4000);
    }""")
    handset.tap("上报问题")
    snap(handset)
    choose(handset, "垃圾漂浮物", "说不准")
    send(handset)
    expect(handset.page.get_by_role("heading", name="问题记在手机里了")).to_be_visible()
    assert reports_of(service, person_id) == []
    expect(handset.page.get_by_text("已经收到")).to_be_visible(timeout=10_000)
    handset.is_sent()
    ((row, case, photos),) = reports_of(service, person_id)
    assert (case.place_id, case.at_dm, len(photos)) == (
        service.town.rivers[0].id,
        pytest.approx(1800, abs=3),
        1,
    )
    assert row.lon is not None


def test_a_photo_of_which_the_server_forgot_the_beginning_is_sent_once_more(
    service: Service, handset: Handset, person: Callable
) -> None:
    """Pieces expire after a week; a phone may be without a signal for longer, in the middle of a photo."""
    person_id, card = person("隔了一周")
    opened(handset, card, "隔了一周", 210)
    handset.page.route(
        "**/photos/**", lambda route: route.continue_() if "offset=0" in route.request.url else route.abort()
    )
    snap(handset)
    choose(handset, "道路损坏", "说不准")
    send(handset)
    expect(handset.page.get_by_text("已经收到")).to_be_visible()
    for _ in range(50):
        with service.engine.begin() as connection:
            gone = connection.execute(delete(PhotoPiece)).rowcount
        if gone:
            break
        handset.page.wait_for_timeout(100)
    assert gone == 1
    handset.page.unroute("**/photos/**")
    handset.page.evaluate("window.dispatchEvent(new Event('online'))")
    handset.is_sent()
    ((_, _, photos),) = reports_of(service, person_id)
    assert len(photos) == 1
    assert handset.page.evaluate(LEFT) == [0, 0]


def test_what_he_wrote_stays_while_he_takes_another_photo_and_takes_one_away(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("多拍几张")
    opened(handset, card, "多拍几张", 240)
    snap(handset, photo(640, 480))
    choose(handset, "垃圾漂浮物", "说不准")
    handset.page.get_by_label("想说的话").fill("三袋垃圾")
    handset.page.get_by_label("已经当场处理好了").check()
    handset.page.get_by_label("怎么处理的").fill("捡走了")
    for _ in range(2):
        handset.tap("再拍一张")
        pick(handset, photo(480, 640))
        handset.page.get_by_role("button", name="上报", exact=True).wait_for()
    expect(handset.page.get_by_role("button", name="再拍一张")).to_have_count(0)
    handset.tap("去掉照片 1")
    expect(handset.page.get_by_role("img", name="照片")).to_have_count(2)
    handset.page.get_by_role("button", name="上报", exact=True).dblclick()
    expect(handset.page.get_by_text("已经收到")).to_be_visible()
    handset.is_sent()
    ((row, case, photos),) = reports_of(service, person_id)
    assert (row.words, case.state, len(photos)) == ("三袋垃圾", "done", 2)


def test_a_finger_that_scrolls_past_the_map_does_not_move_the_spot(
    service: Service, handset: Handset, person: Callable
) -> None:
    _, card = person("划一划")
    opened(handset, card, "划一划", 270)
    handset.tap("不拍照，接着报")
    choose(handset, "垃圾漂浮物", "暴露垃圾")
    spot = handset.page.locator(".pin .spot")
    box = handset.page.locator(".pin").bounding_box()
    assert box is not None
    phone = handset.context.new_cdp_session(handset.page)

    def swipe(x: float, y: float, dy: float) -> None:
        phone.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for k in range(1, 9):
            point = {"x": x, "y": y + dy * k / 8}
            phone.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [point]})
        phone.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

    before = spot.get_attribute("cy")
    top = handset.page.evaluate("scrollY")
    swipe(box["x"] + 30, box["y"] + 120, -100)
    handset.page.wait_for_function(f"scrollY > {top}")
    assert spot.get_attribute("cy") == before
    handset.page.evaluate("scrollTo(0, 0)")
    swipe(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, 60)
    handset.page.wait_for_function(f"document.querySelector('.pin .spot').getAttribute('cy') > {before}")
    for _ in range(30):
        handset.tap("往南挪 10 米")
    assert float(spot.get_attribute("cy") or 0) <= 360, "it stays on the map"


def test_what_he_says_of_the_handling_waits_for_a_signal_and_counts_once(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("还没弄好")
    opened(handset, card, "还没弄好", 1700)
    handset.tap("不拍照，接着报")
    choose(handset, "设施损坏", "说不准")
    send(handset)
    expect(handset.page.get_by_text("已经收到")).to_be_visible()
    ((_, case, _),) = reports_of(service, person_id)
    with Session(service.engine) as db, db.begin():
        desk, mate = (
            Scope(service.town.county.id, Actor(os_user=name), dict.fromkeys(Right, None)) for name in "丙丁"
        )
        unit_id = units.save(db, desk, UnitSaid("路灯所"))
        handling.move(db, desk, case.id, Wanted(Move.ACCEPT))
        handling.move(db, desk, case.id, Wanted(Move.DISPATCH, unit_id=unit_id))
        handling.move(db, mate, case.id, Wanted(Move.FINISH, "修了，没有照片"))
    handset.tap("好的")
    handset.tap("我的记录")
    handset.tap("我上报的问题")
    handset.page.get_by_role("button", name="设施损坏").tap()
    handset.lose_signal()
    handset.tap("没弄好")
    handset.page.get_by_label("写一句就行").fill("还是不亮")
    handset.tap("告诉他们")
    expect(handset.page.get_by_role("heading", name="记下了")).to_be_visible()
    lost: list[str] = []

    def lose(route: Route) -> None:
        if not lost:
            lost.append(route.fetch().text())
            route.abort()
        else:
            route.continue_()

    handset.page.route("**/steps", lose)
    handset.find_signal()
    for _ in range(3):
        handset.page.evaluate("window.dispatchEvent(new Event('online'))")
        handset.page.wait_for_timeout(300)
    expect(handset.page.get_by_text("正在处理。")).to_be_visible()
    handset.is_sent()
    assert handset.page.evaluate(LEFT) == [0, 0], "nothing was laid aside"
    with Session(service.engine) as db:
        assert db.get_one(Case, case.id).reworks == 1


def test_a_question_over_a_report_during_a_walk_does_not_end_the_recording(
    service: Service, handset: Handset, person: Callable
) -> None:
    person_id, card = person("边报边问")
    handset.page.clock.install()
    begin(handset, card)
    handset.walk(30)
    handset.page.route("**/api/v/reports/**", lambda route: route.abort())
    handset.tap("上报问题")
    handset.tap("不拍照，接着报")
    choose(handset, "道路损坏", "说不准")
    send(handset)
    expect(handset.page.get_by_role("heading", name="问题记在手机里了")).to_be_visible()
    handset.page.clock.run_for(21 * 60_000)
    expect(handset.page.get_by_role("heading", name="您还好吗？")).to_be_visible()
    handset.page.unroute("**/api/v/reports/**")
    handset.page.evaluate("window.dispatchEvent(new Event('online'))")
    handset.is_sent()
    expect(handset.page.get_by_role("heading", name="您还好吗？")).to_be_visible()
    handset.tap("我没事")
    expect(handset.page.get_by_role("heading", name="正在巡查")).to_be_visible()
    handset.walk(60, 90)
    assert len(reports_of(service, person_id)) == 1


def test_a_phone_that_knows_no_kinds_yet_says_so_instead_of_hanging(
    service: Service, handset: Handset, person: Callable
) -> None:
    _, card = person("旧版本")
    enter(handset, card, "旧版本")
    handset.page.evaluate("""() => new Promise((done) => {
      indexedDB.open("yinxun").onsuccess = ({ target }) => {
        const store = target.result.transaction("kept", "readwrite").objectStore("kept");
        store.openCursor().onsuccess = ({ target: { result } }) => {
          if (!result) { done(); return; }
          const isMe = String(result.key).startsWith("me:");
          if (isMe) result.update({ ...result.value, report_kinds: undefined });
          result.continue();
        };
      };
    })""")
    handset.page.route("**/api/v/me", lambda route: route.abort())
    handset.page.reload()
    handset.tap("上报问题")
    handset.tap("不拍照，接着报")
    expect(handset.page.get_by_text("现在没有信号")).to_be_visible()
    handset.page.unroute("**/api/v/me")
    handset.tap("好的")
    handset.tap("上报问题")
    handset.tap("不拍照，接着报")
    expect(handset.page.get_by_role("heading", name="是什么问题？")).to_be_visible()
