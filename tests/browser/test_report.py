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
from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import handling, units
from geo_service.cases.handling import Wanted
from geo_service.cases.units import UnitSaid
from geo_service.tables import Case, PhotoPiece, Report, StoredFile
from layers.vocabulary import FileKind, Move, Right
from tests.browser.conftest import Service
from tests.browser.test_check_in import WIDE, enter
from tests.browser.test_volunteer import Handset, begin, chromium, handset, look, patrols_of, person


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
    handset.context.set_offline(True)
    report(handset, "道路损坏", "路面坑洼")
    expect(handset.page.get_by_role("heading", name="问题记在手机里了")).to_be_visible()
    handset.kill()
    handset.page.goto(f"{handset.host}/v")
    expect(handset.page.get_by_text("条没上传").first).to_be_visible()
    assert reports_of(service, person_id) == []
    handset.context.set_offline(False)
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
    handset.context.set_offline(True)
    report(handset, "占道乱停", "机动车乱停")
    expect(handset.page.get_by_role("heading", name="问题记在手机里了")).to_be_visible()
    handset.page.route("**/api/v/reports/**", lambda route: route.abort())
    handset.context.set_offline(False)
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
