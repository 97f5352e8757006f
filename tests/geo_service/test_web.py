"""The pages as they are used: what they show to whom, and what they never do."""

import datetime as dt
import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service import jobs, web
from geo_service.accounts import register
from geo_service.accounts import service as accounts
from geo_service.accounts.register import Ground, Manager
from geo_service.accounts.scope import Actor
from geo_service.coverage import rollup
from geo_service.demo import service as demo
from geo_service.settings import Settings
from geo_service.tables import Account, Audit, County, Grant, Job, LineCoverage, Patrol, PlaceVersion
from layers.vocabulary import Right
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_accounts import sign_in, token_in
from tests.geo_service.watertown import DAY, EVIL, PASSWORD, Watertown, add_account, build

WINDOW = {"first": DAY - dt.timedelta(days=30), "last": DAY + dt.timedelta(days=10)}


@pytest.fixture
def town(db: Session) -> Watertown:
    return build(db, evil=True)


@pytest.fixture
def clerk(db: Session, client: TestClient, town: Watertown) -> TestClient:
    """The browser of a coordinator of the whole county."""
    add_account(db, town.county, "clerk", Right.COORDINATOR)
    assert sign_in(client, "clerk", PASSWORD).status_code == 303
    return client


def layers_of(html: str) -> dict[str, list[Any]]:
    blocks = re.findall(r'<script type="application/json" id="data-(\w+)">(.*?)</script>', html, re.DOTALL)
    return {key: json.loads(text) for key, text in blocks}


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def test_pages_need_a_sign_in(client: TestClient, town: Watertown) -> None:
    for page in ("/", "/map/coverage", "/map/gaps/picture", "/places", f"/places/{town.rivers[0].id}"):
        answer = client.get(page, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/sign-in")
        assert client.get(page).status_code == 401


def test_the_start_page_counts_each_layer(clerk: TestClient, town: Watertown) -> None:
    html = clerk.get("/overview").text
    assert "演示数据" in html
    words = text_of(html)
    assert "河道 4 3 1 " in words  # registered, in the scheme, 未上图
    assert "网格 2 2 0 " in words
    assert 'href="/map/coverage"' in html


def test_the_start_page_shows_the_demo_being_made(db: Session, clerk: TestClient) -> None:
    assert clerk.get("/api/progress").json() is None
    jobs.enqueue(db, demo.JOB)
    job = db.scalars(select(Job)).one()
    job.state, job.progress = "running", {"done": 12, "of": 40, "what": "画河道"}
    db.flush()
    told = clerk.get("/api/progress").json()
    assert (told["state"], told["done"], told["of"]) == ("running", 12, 40)
    assert told["words"] == "正在生成演示县：画河道（12 / 40）"
    html = clerk.get("/").text
    assert 'data-progress="/api/progress"' in html
    assert 'src="/static/progress.js"' in html
    job.state, job.error = "failed", "磁盘已满"
    db.flush()
    assert "磁盘已满" in clerk.get("/").text


def test_without_a_county_the_start_page_says_what_to_do(db: Session, client: TestClient) -> None:
    account, _ = register.add(db, Manager(Actor(os_user="tester")), "first", Right.ADMINISTRATOR, Ground())
    accounts.set_password(account, PASSWORD, must_change=False)
    db.flush()
    sign_in(client, "first", PASSWORD)
    assert "还没有县" in client.get("/").text


def test_the_coverage_page_lists_the_least_covered_first(clerk: TestClient, town: Watertown) -> None:
    html = clerk.get("/map/coverage", params=WINDOW).text
    words = text_of(html)
    assert "覆盖最少的" in words
    assert f'href="/places/{town.rivers[0].id}?first=' in html
    assert '<iframe class="map"' in html
    assert "39%" in words or "40%" in words  # 800 of 2,000 m, less its ends
    assert EVIL not in html


def test_a_picture_has_its_own_policy_and_no_key(clerk: TestClient, town: Watertown) -> None:
    answer = clerk.get("/map/coverage/picture", params=WINDOW)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert policy.endswith("frame-ancestors 'self'")
    assert "tianditu" not in answer.text
    layers = layers_of(answer.text)
    assert set(layers) == {"river_registered", "river", "road", "grid", "unmapped", "borders"}
    covered = [row for row in layers["river"] if row[0].startswith("fresh") and row[1].startswith("中心河")]
    assert len(covered) == 1
    told = dict(covered[0][2])
    assert told["银发志愿者（河长）"] == "王桂兰"
    assert told["最近巡查"] == "2026-05-01，王桂兰"
    assert told["覆盖率"].startswith(("39%", "40%"))
    lonlat = [xy for part in covered[0][4]["coordinates"] for xy in part]
    assert all(119 < lon < 121 and 32 < lat < 34 for lon, lat in lonlat)
    nobody = next(row for row in layers["river"] if row[1].startswith(EVIL))
    assert nobody[0] == "uncovered"
    assert dict(nobody[2])["银发志愿者（河长）"] == "暂无银发河长"
    assert "另有 1 个对象未上图" in answer.text
    assert sorted(row[1] for row in layers["borders"]) == ["东湖镇", "西荡镇"]


def test_gaps_of_three_kinds_are_drawn(clerk: TestClient, town: Watertown) -> None:
    html = clerk.get("/map/gaps/picture", params=WINDOW).text
    layers = layers_of(html)
    assert {"river_unassigned", "river_unpatrolled", "river_neglected", "grid_unassigned"} <= set(layers)
    unassigned = [row for row in layers["river_unassigned"] if row[1].startswith("中心河")]
    told = dict(unassigned[0][2])
    assert (told["空白"], told["长度"]) == ("暂无银发河长", "500 米")
    assert told["位置"].endswith("1500–2000 米")
    only = layers_of(clerk.get("/map/gaps/picture", params={**WINDOW, "kind": "neglected"}).text)
    assert {key for key in only if key.endswith(("unassigned", "unpatrolled"))} == set()
    assert "无人负责" not in html


def test_a_gap_listed_beneath_the_map_says_where_it_is(clerk: TestClient, town: Watertown) -> None:
    html = clerk.get("/map/gaps", params={**WINDOW, "kind": "unassigned"}).text
    rows = [text_of(row) for row in re.findall(r"<tr>(.*?)</tr>", html, re.DOTALL)]
    assert any("中心河" in row and "自西端起 1500–2000 米" in row for row in rows)
    assert any("全线" in row for row in rows)
    assert clerk.get("/map/gaps", params={**WINDOW, "layer": "compound"}).status_code == 200


def test_a_version_is_dated_by_the_countys_clock(db: Session, clerk: TestClient, town: Watertown) -> None:
    late = dt.datetime(2026, 3, 31, 23, 41, tzinfo=dt.UTC)
    place = town.rivers[0]
    db.execute(update(PlaceVersion).where(PlaceVersion.place_id == place.id).values(created_at=late))
    db.expire_all()
    assert "2026-04-01 07:41" in clerk.get(f"/places/{place.id}").text


def test_a_map_file_is_a_download_that_the_audit_knows(
    db: Session, clerk: TestClient, town: Watertown
) -> None:
    answer = clerk.get("/map/coverage/file", params=WINDOW)
    assert answer.headers["content-disposition"].startswith("attachment;")
    assert "水乡县" in answer.text
    assert db.scalars(select(Audit.action)).all().count("maps.export") == 1


def test_the_key_is_on_pages_and_never_in_a_file(app: Any, clerk: TestClient, town: Watertown) -> None:
    settings: Settings = app.state.settings
    app.state.settings = settings.model_copy(update={"tianditu_key": "the-key"})
    picture = clerk.get("/map/coverage/picture")
    assert "tk=the-key" in picture.text
    assert picture.headers["referrer-policy"] == "strict-origin-when-cross-origin"
    assert "https://*.tianditu.gov.cn" in picture.headers["content-security-policy"]
    for kind in ("coverage", "gaps"):
        text = clerk.get(f"/map/{kind}/file").text
        assert "the-key" not in text
        assert "tianditu" not in text


def test_filters_are_those_of_the_address(clerk: TestClient, town: Watertown) -> None:
    asked = {**WINDOW, "layer": ["grid"], "area": town.west.code}
    layers = layers_of(clerk.get("/map/coverage/picture", params=asked).text)
    assert "river" not in layers
    assert {row[3] for row in layers["grid"]} == {str(town.grids[0].id)}
    page = clerk.get("/map/coverage", params={**asked, "level": ""}).text
    assert f'<option value="{town.west.code}" selected>' in page
    assert f"area={town.west.code}" in page
    everything = layers_of(clerk.get("/map/coverage/picture", params={"register": "all"}).text)
    assert {row[1].split("（")[0] for row in everything["river"]} >= {"中心河", "老圩沟"}
    wrong = clerk.get("/map/coverage", params={"first": "2026-06-01", "last": "2026-05-01"})
    assert wrong.status_code == 422


def test_who_may_see_only_one_town_sees_only_that(db: Session, client: TestClient, town: Watertown) -> None:
    add_account(db, town.county, "east", Right.COORDINATOR, town.east)
    sign_in(client, "east", PASSWORD)
    layers = layers_of(client.get("/map/coverage/picture", params=WINDOW).text)
    assert {row[3] for row in layers["grid"]} == {str(town.grids[1].id)}
    assert [row[1] for row in layers["borders"]] == ["东湖镇"]
    assert client.get(f"/places/{town.grids[1].id}").status_code == 200
    assert client.get(f"/places/{town.grids[0].id}").status_code == 404


def test_a_planner_sees_no_names(db: Session, client: TestClient, town: Watertown) -> None:
    add_account(db, town.county, "planner", Right.PLANNER)
    sign_in(client, "planner", PASSWORD)
    for page in (
        "/map/coverage",
        "/map/coverage/picture",
        "/map/gaps/picture",
        f"/places/{town.rivers[0].id}",
    ):
        assert "王桂兰" not in client.get(page, params=WINDOW).text, page


def test_the_card_of_a_river(clerk: TestClient, town: Watertown) -> None:
    html = clerk.get(f"/places/{town.rivers[0].id}", params=WINDOW).text
    words = text_of(html)
    assert "中心河" in words
    assert "西荡镇、东湖镇" in words
    assert "2.0 公里" in words
    assert "王桂兰" in words
    assert "0–1500 米" in words
    assert "暂无银发河长" in words
    assert "有责任人、时段内未巡查" in words
    bars = re.findall(r'<rect x="([\d.]+)" width="([\d.]+)"', html)
    assert sum(float(width) for _, width in bars) == pytest.approx(1000, abs=3)
    assert 'fill="url(#hatch_uncovered)"' in html


def test_the_card_of_an_area_and_of_a_place_without_geometry(clerk: TestClient, town: Watertown) -> None:
    grid = text_of(clerk.get(f"/places/{town.grids[0].id}", params=WINDOW).text)
    assert "公顷" in grid
    off_map = text_of(clerk.get(f"/places/{town.off_map.id}").text)
    assert "还没有上图" in off_map
    assert "西荡镇" in off_map
    assert clerk.get("/places/999999").status_code == 404


def test_places_are_found_by_name_and_code(clerk: TestClient, town: Watertown) -> None:
    assert "中心河" in clerk.get("/places", params={"text": "中心"}).text
    assert "老圩沟" not in clerk.get("/places").text
    assert "老圩沟" in clerk.get("/places", params={"register": "all"}).text
    assert "待上图河" in clerk.get("/places", params={"text": "R9", "layer": ""}).text
    for text in ("%", "_", "' or 1=1 --", "不存在"):
        assert "没有找到" in clerk.get("/places", params={"text": text}).text
    assert clerk.get("/places", params={"text": "\x00"}).status_code == 422


def test_names_are_escaped_on_every_page(clerk: TestClient, town: Watertown) -> None:
    evil = town.rivers[1].id
    for page in ("/places", f"/places/{evil}", "/map/coverage", "/map/gaps", "/map/coverage/picture"):
        html = clerk.get(page, params=WINDOW).text
        assert "<script>alert" not in html, page
        assert "{{ 7*7 }}" in html or "49" not in html, page


def test_several_counties_are_offered_and_kept_in_every_link(
    db: Session, client: TestClient, town: Watertown
) -> None:
    login = add_account(db, town.county, "both", Right.COORDINATOR)
    other = County(code="329903", name="另一县", time_zone="Asia/Shanghai")
    db.add(other)
    db.flush()
    account = db.scalars(select(Account).where(Account.login == login)).one()
    db.add(Grant(county_id=other.id, account_id=account.id, right=Right.COORDINATOR))
    db.flush()
    sign_in(client, "both", PASSWORD)
    html = client.get("/").text
    assert 'href="/?county=329902"' in html
    assert "另一县" in html
    led = client.get("/", params={"county": "329902"})
    assert (led.status_code, led.headers["location"]) == (303, "/morning?county=329902")
    page = client.get("/overview", params={"county": "329902"}).text
    assert 'href="/map/coverage?county=329902"' in page
    assert "county=329902" in client.get("/map/coverage", params={"county": "329902"}).text
    for first in ("/overview", "/morning"):
        assert "名册还是空的" in client.get(first, params={"county": "329903"}).text
    assert "没有对象" in client.get("/map/coverage", params={"county": "329903"}).text
    assert client.get("/map/coverage/picture", params={"county": "329903"}).status_code == 200


@pytest.mark.parametrize(
    ("right", "first"),
    [
        (Right.ADMINISTRATOR, "/morning"),
        (Right.COORDINATOR, "/morning"),
        (Right.PLANNER, "/gaps"),
        (Right.VOLUNTEER, None),
        (Right.AUDITOR, "/audit"),
        (Right.HANDLER, "/cases"),
    ],
)
def test_the_day_begins_with_the_page_of_ones_work(
    db: Session, client: TestClient, town: Watertown, right: Right, first: str | None
) -> None:
    own = town.person_id if right is Right.VOLUNTEER else None
    add_account(db, town.county, "someone", right, person_id=own)
    sign_in(client, "someone", PASSWORD)
    led = client.get("/")
    assert (led.status_code, led.headers.get("location")) == (200 if first is None else 303, first)
    html = client.get(first or "/").text
    menu = html[html.index("<nav") : html.index("</nav>")]
    assert re.findall(r'<a href="([^"]+)" aria-current="page"', menu) == [first or "/"]
    assert ('href="/"' in menu) is (first is None)


@pytest.mark.parametrize(
    ("right", "opens", "shuts"),
    [
        (Right.COORDINATOR, ["/patrols", "/people", "/import", "/figures", "/due"], ["/retention", "/me"]),
        (Right.PLANNER, ["/map/gaps", "/places", "/figures", "/norms"], ["/patrols", "/people", "/upload"]),
        (Right.VOLUNTEER, ["/patrols", "/upload", "/services", "/me"], ["/people", "/import", "/figures"]),
        (Right.AUDITOR, ["/retention", "/norms"], ["/patrols", "/map/gaps", "/places", "/people"]),
    ],
)
def test_the_menu_holds_what_the_account_may_open(
    db: Session, client: TestClient, town: Watertown, right: Right, opens: list[str], shuts: list[str]
) -> None:
    own = town.person_id if right is Right.VOLUNTEER else None
    add_account(db, town.county, "someone", right, person_id=own)
    sign_in(client, "someone", PASSWORD)
    html = client.get("/overview").text
    menu = html[html.index("<nav") : html.index("</nav>")]
    for page in opens:
        assert f'href="{page}"' in menu, page
        assert client.get(page).status_code == 200, page
    for page in shuts:
        assert f'href="{page}"' not in menu, page
    assert "名册还是空的" not in html


def gpx(*corners: tuple[float, float], zone: str = "Z", start: dt.datetime | None = None) -> bytes:
    """A recording along corners in metres, a fix every 5 s."""
    track = SmallCounty.walk(*corners, **({"start": start} if start else {}))
    points = "".join(
        f'<trkpt lat="{lat:.7f}" lon="{lon:.7f}"><time>'
        f"{dt.datetime.fromtimestamp(t, dt.UTC):%Y-%m-%dT%H:%M:%S}{zone}</time></trkpt>"
        for (lon, lat), t in zip(track.lonlat, track.time_s, strict=True)
    )
    head = '<gpx version="1.1" creator="t" xmlns="http://www.topografix.com/GPX/1/1">'
    return f"{head}<trk><trkseg>{points}</trkseg></trk></gpx>".encode()


def send(client: TestClient, content: bytes | None, **said: str) -> Any:
    token = token_in(client.get("/upload").text)
    files = None if content is None else {"file": ("走.gpx", content, "application/gpx+xml")}
    return client.post("/upload", data={"csrf_token": token, **said}, files=files)


def test_a_patrol_says_how_each_line_was_covered(db: Session, clerk: TestClient, town: Watertown) -> None:
    values = {
        "spans": [Range(0, 3000)], "bridged": [Range(1000, 1500)],
        "ridden": [Range(3000, 5000)], "ambiguous": [Range(5000, 8000)],
    }  # fmt: skip
    db.execute(
        update(LineCoverage).where(LineCoverage.place_version_id == town.rivers[0].version_id).values(values)
    )
    outage_s = dt.datetime(2026, 5, 1, 4, 2, tzinfo=dt.UTC).timestamp()
    cleaning = {"measures": {"outages": [[outage_s, outage_s + 240]]}}
    db.execute(update(Patrol).values(rides_count=False, cleaning=cleaning))
    told = clerk.get(f"/api/patrols/{town.patrol_id}").json()
    (line,) = [line for line in told["covered"] if line["place_id"] == town.rivers[0].id]
    metres = [line[part]["metres"] for part in ("walked", "ridden", "bridged", "ambiguous")]
    assert (line["metres"], metres) == (300, [300, 200, 50, 300])
    assert line["ridden"]["spans_dm"] == [[3000, 5000]]
    assert told["outages"] == [
        {"began_at": "2026-05-01T12:02:00+08:00", "ended_at": "2026-05-01T12:06:00+08:00"}
    ]
    words = text_of(clerk.get(f"/patrols/{town.patrol_id}").text)
    assert "有 1 处定位中断，共 4 分钟；中断时沿线走过的也已计入：中心河 50 米。" in words
    assert "有 200 米像是骑车、乘车或乘船，暂不计入；这一段步行再走一次就会计入。" in words
    assert "中心河 300 米与另一条离得太近，分不清走的是哪条，没有计入。" in words
    assert "50 米在定位中断时沿线走过，已计入；200 米像是骑车、乘车或乘船，暂不计入" in words
    layers = layers_of(clerk.get(f"/patrols/{town.patrol_id}/picture").text)
    drawn = {key: [row[0] for row in rows] for key, rows in layers.items() if not key.endswith("_whole")}
    assert drawn["covered"] == ["covered", "covered"]
    assert [drawn[key] for key in ("bridged", "ridden_aside", "ambiguous")] == [
        ["bridged"], ["ridden_aside"], ["ambiguous"],
    ]  # fmt: skip
    db.execute(update(Patrol).values(rides_count=True))
    assert clerk.get(f"/api/patrols/{town.patrol_id}").json()["covered"][0]["metres"] == 500
    assert "ridden" in layers_of(clerk.get(f"/patrols/{town.patrol_id}/picture").text)


def test_the_card_and_the_gaps_of_a_river_tell_what_was_maybe_walked(
    db: Session, clerk: TestClient, town: Watertown
) -> None:
    values = {"spans": [Range(0, 4000)], "ambiguous": [Range(4000, 8000)]}
    version_id = town.rivers[0].version_id or 0
    db.execute(update(LineCoverage).where(LineCoverage.place_version_id == version_id).values(values))
    rollup.rebuild(db, town.county.id, rollup.PlaceDays(lines=frozenset({(version_id, DAY)})))
    html = clerk.get(f"/places/{town.rivers[0].id}", params=WINDOW).text
    assert 'x="200.0" width="200.0" y="1" height="44" fill="url(#hatch_ambiguous)"' in html
    assert "1.1 公里（其中 400 米可能走过，分不清）" in text_of(html)
    assert "（其中 400 米可能走过，分不清）" in text_of(clerk.get("/map/gaps", params=WINDOW).text)
    drawn = layers_of(clerk.get("/map/gaps/picture", params=WINDOW).text)
    order = [*drawn]
    assert order.index("river_neglected") < order.index("ambiguous") < order.index("river_unassigned")
    river = layers_of(clerk.get("/map/coverage/picture", params=WINDOW).text)["river"]
    assert "ambiguous" in {row[0] for row in river}


def test_a_walk_is_taken_and_shown_at_once(db: Session, clerk: TestClient, town: Watertown) -> None:
    walk = gpx((900, 12), (1900, 12))
    sent = send(clerk, walk, person="王桂兰")
    assert sent.status_code == 303
    page = clerk.get(sent.headers["location"])
    words = text_of(page.text)
    assert "谢谢您" in words
    assert "中心河" in words
    assert "公里" in words
    picture = clerk.get(sent.headers["location"] + "/picture")
    layers = layers_of(picture.text)
    assert [row[0] for row in layers["covered"]] == ["covered"]
    assert layers["walk"][0][0] == "walk"
    assert {row[0] for row in layers["river_whole"]} == {"whole"}
    assert "patrols.look" in db.scalars(select(Audit.action)).all()
    again = send(clerk, walk, person="王桂兰")
    assert "没有重复登记" in clerk.get(again.headers["location"]).text
    listed = text_of(clerk.get("/patrols").text)
    assert listed.count("王桂兰") == 2
    assert "中心河" in clerk.get(f"/places/{town.rivers[0].id}").text


@pytest.mark.parametrize(
    ("content", "said", "words"),
    [
        (None, {"person": "王桂兰"}, "请先选择轨迹文件"),
        (b"", {"person": "王桂兰"}, "文件是空的"),
        (b"%PDF-1.7", {"person": "王桂兰"}, "不是轨迹"),
        (gpx((0, 0), (300, 0)), {"person": ""}, "请填写是谁的巡查"),
        (gpx((0, 0), (300, 0)), {"person": "<b>无此人</b>"}, "人员名册里没有"),
        (gpx((0, 0), (300, 0)), {"person": "王桂兰", "datum": "mars"}, "选择坐标系"),
        (gpx((0, 0), (300, 0), zone=""), {"person": "王桂兰"}, "Asia/Shanghai"),
        (gpx((200_000, 0), (200_300, 0)), {"person": "王桂兰"}, ""),
    ],
    ids=["none", "empty", "pdf", "whose", "nobody", "datum", "zone", "elsewhere"],
)
def test_what_is_wrong_with_a_walk_is_said_above_the_form(
    db: Session, clerk: TestClient, content: bytes | None, said: dict[str, str], words: str
) -> None:
    before = db.scalar(select(func.count()).select_from(Patrol))
    answer = send(clerk, content, **said)
    assert answer.status_code == 422
    problem = re.search(r'role="alert" id="problem">(.*?)</p>', answer.text, re.DOTALL)
    assert problem
    assert words in problem[1]
    assert "<b>" not in problem[1]
    assert db.scalar(select(func.count()).select_from(Patrol)) == before
    assert 'type="file"' in answer.text


def test_a_volunteer_sends_his_own_walk_only(db: Session, client: TestClient, town: Watertown) -> None:
    add_account(db, town.county, "guilan", Right.VOLUNTEER, person_id=town.person_id)
    sign_in(client, "guilan", PASSWORD)
    assert 'name="person"' not in client.get("/upload").text
    sent = send(client, gpx((0, 12), (500, 12), start=dt.datetime(2026, 5, 3, 2, tzinfo=dt.UTC)))
    assert sent.status_code == 303
    assert "谢谢您" in client.get(sent.headers["location"]).text
    assert client.get("/map/coverage/picture").status_code == 200
    stranger = SmallCounty(db, town.county).person("李长根")
    other = send(client, gpx((0, 12), (400, 12)), person=str(stranger))
    assert other.status_code == 422
    assert client.get("/import").status_code in (403, 404)


def test_a_walk_sent_by_mistake_is_taken_back_on_its_page(clerk: TestClient, town: Watertown) -> None:
    page = f"/patrols/{town.patrol_id}"
    token = token_in(clerk.get(page).text)
    without = clerk.post(f"{page}/void", data={"csrf_token": token, "reason": " "})
    assert without.status_code == 422
    assert "请写明作废的原因" in text_of(without.text)
    done = clerk.post(f"{page}/void", data={"csrf_token": token, "reason": "传了两遍"})
    assert (done.status_code, done.headers["location"]) == (303, page)
    html = clerk.get(page).text
    assert "这次巡查已作废：传了两遍" in text_of(html)
    assert "作废这次巡查" not in html
    assert clerk.post(f"{page}/void", data={"reason": "没有页面的标记"}).status_code == 403


def test_a_planner_cannot_send(db: Session, client: TestClient, town: Watertown) -> None:
    add_account(db, town.county, "planner", Right.PLANNER)
    sign_in(client, "planner", PASSWORD)
    assert client.get("/upload").status_code == 403
    assert "/upload" not in client.get("/overview").text
    assert client.get(f"/patrols/{town.patrol_id}").status_code == 404


def test_what_goes_wrong_on_a_page_is_said_on_a_page(clerk: TestClient, town: Watertown) -> None:
    for page, status in (("/places/999999", 404), ("/nowhere", 404), ("/map/coverage?first=31.12.", 422)):
        answer = clerk.get(page, headers={"Accept": "text/html,*/*"})
        assert answer.status_code == status
        assert answer.headers["content-type"].startswith("text/html")
        assert 'role="alert"' in answer.text
        assert "回到首页" in answer.text
        assert clerk.get(page).headers["content-type"] == "application/problem+json"
    program = clerk.get("/api/places/999999", headers={"Accept": "text/html"})
    assert program.headers["content-type"] == "application/problem+json"


def test_no_file_of_the_pages_names_another_host() -> None:
    folder = Path(web.__file__).parent
    files = [file for part in ("templates", "static") for file in (folder / part).glob("*.*")]
    assert len(files) > 10
    for file in files:
        text = file.read_text("utf-8")
        addresses = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"')]*", text)
        assert [a for a in addresses if not a.startswith("http://www.w3.org/")] == [], file.name
        if file.suffix == ".html" and file.name != "docs.html":
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son(?!ly=)\w+=|\sstyle=|javascript:", text), (
                file.name
            )
