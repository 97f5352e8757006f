"""Ledgers, tables and files of cases: what they say, what rascals write into them, rates against a model."""

import csv
import datetime as dt
import io
import json
import uuid
from collections.abc import Sequence
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.cases import ledger, reports, rules, told
from geo_service.cases.board import Asked
from geo_service.cases.handling import Wanted
from geo_service.cases.ledger import By, Window
from geo_service.cases.reports import Said
from geo_service.columns import FORMULA_STARTS, Listing
from geo_service.errors import Invalid
from geo_service.listing import As, content
from geo_service.tables import Case
from geo_service.web import case_pictures
from layers.cases import SETTLED
from layers.repeats import clusters
from layers.vocabulary import CaseState, Channel, Move, Right, Severity
from tests.geo_service.test_board import ask
from tests.geo_service.test_cases import DONE, chief, go, staff, tell, unit, volunteer
from tests.geo_service.test_plates import at
from tests.geo_service.watertown import Watertown

__all__ = ["ask", "chief", "volunteer"]
NOW = dt.datetime.now(dt.UTC)
TODAY = NOW.astimezone(dt.timezone(dt.timedelta(hours=8))).date()
YEAR = Window(TODAY - dt.timedelta(days=200), TODAY)
HEADINGS = (
    "编号 上报时间 上报人 类别 等级 位置 描述 照片 受理人/时间 责任单位 交办时间 时限 "
    "处置结果/照片 反馈时间 核查人 办结时间 是否超期 督办"
)
"""Word by word those of domain.md 7.1."""


def rows_of(listing: Listing) -> list[dict[str, Any]]:
    return [dict(zip([c.name for c in listing.columns], row, strict=True)) for row in listing.rows]


def as_csv(listing: Listing, *, full: bool = False) -> list[dict[str, str]]:
    text = b"".join(content(listing, As.CSV, full=full)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def closed(db: Session, town: Watertown, chief: Scope, volunteer: Scope) -> int:
    """A problem that was dispatched, handled, checked and closed by different people."""
    other = staff(town)
    case_id = tell(db, volunteer, 300, 5, words="岸边垃圾").case_id
    station = unit(db, chief)
    go(db, chief, case_id, Move.ACCEPT, Wanted(Move.DISPATCH, unit_id=station))
    go(db, other, case_id, Wanted(Move.ASK_EXTENSION, "船坏了", days=3), Move.EXTEND, DONE)
    go(db, chief, case_id, Move.CHECK)
    go(db, other, case_id, Move.CLOSE)
    return case_id


def test_the_ledger_has_the_headings_that_offices_know_and_says_what_was_done(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    closed(db, town, chief, volunteer)
    (row,) = as_csv(ledger.ledger(db, chief, YEAR, full=True), full=True)
    assert " ".join(row) == HEADINGS
    assert row["上报人"] == "王桂兰"
    assert (row["类别"], row["等级"], row["责任单位"]) == ("垃圾漂浮物·河岸垃圾", "一般", "环卫站")
    assert row["位置"] == "西荡镇 中心河 距起点 300 米"
    assert row["时限"] == "5 个工作日，延期 3 个工作日"
    assert row["处置结果/照片"].startswith("清理了")
    assert (row["是否超期"], row["督办"]) == ("否", "")
    assert all(row[name] for name in ("交办时间", "反馈时间", "办结时间", "受理人/时间", "核查人"))


def test_a_limit_stays_what_it_was_when_the_case_was_dispatched(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    case_id = closed(db, town, chief, volunteer)
    rules.set_rules(db, chief, {"handle": {severity.value: {"days": 9} for severity in Severity}})
    again = tell(db, volunteer, 900, 5).case_id
    go(db, chief, again, Move.ACCEPT, Wanted(Move.DISPATCH, unit_id=unit(db, chief, "水利站")))
    first, second = as_csv(ledger.ledger(db, chief, YEAR))
    assert (first["时限"], second["时限"]) == ("5 个工作日，延期 3 个工作日", "9 个工作日")
    sheets = [dict(case_pictures._rows(db, told.told(db, chief, id_))) for id_ in (case_id, again)]
    assert [sheet["处置期限"][:5] for sheet in sheets] == ["5 个工作", "9 个工作"], "so says 交办单 too"


def test_names_are_masked_unless_all_is_asked_for(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope, ask: Any
) -> None:
    case_id = closed(db, town, chief, volunteer)
    go(db, volunteer, case_id, Wanted(Move.REOPEN, "又有了"))
    db.commit()
    masked = ask("GET", "/api/cases/ledger?as=csv").content.decode()
    assert "王桂兰" not in masked
    assert "王*兰" in masked
    assert "王桂兰" in ask("GET", "/api/cases/ledger?as=csv&full=true").content.decode()
    assert "王桂兰" not in ask("GET", "/api/cases/handover").content.decode()


def test_merged_and_refused_cases_say_so(db: Session, chief: Scope, volunteer: Scope) -> None:
    first, second, third = (tell(db, volunteer, x, 5).case_id for x in (300, 320, 900))
    go(db, chief, second, Wanted(Move.MERGE, into=first))
    go(db, chief, third, Wanted(Move.REJECT, "不在本县"))
    found = rows_of(ledger.ledger(db, chief, YEAR))
    number = db.get_one(Case, first).number
    assert [row["result"] for row in found] == [None, f"并入 {number}", "不予受理：不在本县"]
    assert len(rows_of(ledger.ledger(db, chief, YEAR, Asked(state=CaseState.MERGED)))) == 1


RASCALS = (
    "=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(A1)", "\t=1", "＝1+1", "<script>alert(1)</script>",
    'a"b\'c,d;e', "第一行\n第二行", "\u202e倒着写", "长" * 500, "🙂" * 200,
)  # fmt: skip


@pytest.mark.parametrize("words", RASCALS)
def test_what_rascals_write_never_runs_in_a_file(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope, words: str
) -> None:
    said = Said(NOW, "litter.bank", at(300, 5), words=words, caller=words[:40], caller_phone="1")
    reports.take(db, chief, uuid.uuid4(), said, channel=Channel.BEHALF, person_id=None)
    station = unit(db, chief, words[:40].strip())
    (first,) = rows_of(ledger.ledger(db, chief, YEAR))
    (case_id,) = [row.id for row in db.query(Case).all()]
    go(db, chief, case_id, Wanted(Move.ACCEPT, words), Wanted(Move.DISPATCH, words, unit_id=station))
    go(db, staff(town), case_id, Wanted(Move.FINISH, f"{words[:400]} 没有照片"))
    assert first["number"]
    for listing in (
        ledger.ledger(db, chief, YEAR, full=True), ledger.handover(db, chief, YEAR),
        *(ledger.table(db, chief, YEAR, by) for by in By), ledger.repeats(db, chief, TODAY),
    ):  # fmt: skip
        for row in as_csv(listing, full=True):
            for heading, cell in row.items():
                kinds = {column.title: column.kind for column in listing.columns}
                assert not cell.startswith(FORMULA_STARTS) or kinds[heading] != "text"
        book = openpyxl.load_workbook(io.BytesIO(b"".join(content(listing, As.XLSX, full=True))))
        for cells in book.active.iter_rows():
            assert all(cell.data_type != "f" for cell in cells)
        for form in (As.JSON, As.GEOJSON):
            json.loads(b"".join(content(listing, form, full=True)))
        assert b"".join(content(listing, As.GPKG, full=True)).startswith(b"SQLite")


def test_more_words_than_fit_are_refused_and_nothing_is_kept(
    db: Session, chief: Scope, volunteer: Scope
) -> None:
    with pytest.raises(Invalid):
        tell(db, volunteer, 300, 5, words="字" * 1000)
    assert rows_of(ledger.ledger(db, chief, YEAR)) == []


def test_the_file_for_platforms_has_both_editions_and_both_datums(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    tell(db, volunteer, 300, 5, "litter.exposed", words="桶翻了")
    tell(db, volunteer, None, place_id=town.off_map.id, category="facility.sign")
    first, second = as_csv(ledger.handover(db, chief, YEAR))
    assert first["GB/T 30428.2-2013 代码"] == "0102"
    assert first["GB/T 47678.5-2026 代码"] == "06010"
    lon, lat = at(300, 5)
    assert float(first["经度（WGS84）"]) == pytest.approx(lon, abs=1e-6)
    shift = float(first["经度（GCJ-02）"]) - lon, float(first["纬度（GCJ-02）"]) - lat
    assert all(0.0005 < abs(degrees) < 0.01 for degrees in shift)  # some hundred metres
    assert (second["经度（WGS84）"], second["GB/T 30428.2-2013 代码"]) == ("", "")
    assert second["位置"] == "西荡镇 待上图河"
    assert second["辖区代码"] == "329902100000"


# --- rates and tables

STATES = st.sampled_from(sorted(CaseState))
CASES = st.lists(
    st.tuples(STATES, st.booleans(), st.integers(0, 400), st.sampled_from(["litter.bank", "road.pit"])),
    max_size=16,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=CASES, days=st.integers(0, 300))
def test_rates_are_those_of_the_cohort_and_never_over_a_hundred(
    db: Session, town: Watertown, chief: Scope, rows: Sequence[tuple[str, bool, int, str]], days: int
) -> None:
    saved = db.begin_nested()
    try:
        _compare(db, town, chief, rows, days)
    finally:
        saved.rollback()


def _compare(
    db: Session, town: Watertown, chief: Scope, rows: Sequence[tuple[str, bool, int, str]], days: int
) -> None:
    for number, (state, is_late, age, category) in enumerate(rows):
        opened = NOW - dt.timedelta(days=age)
        due_at = None if state in SETTLED else NOW + dt.timedelta(days=1)
        db.add(
            Case(
                county_id=town.county.id, number=f"2026-{number:06d}", kind=category.partition(".")[0],
                category=category, severity="minor", state=state, since=opened, opened_at=opened,
                is_late=is_late, due_at=due_at, area_id=(town.west if number % 2 else town.east).id,
            )
        )  # fmt: skip
    db.flush()
    window = Window(TODAY - dt.timedelta(days=days), TODAY)
    within = [row for row in rows if row[2] <= days]
    counted = [row for row in within if row[0] not in ("rejected", "merged", "submitted")]
    done = [row for row in counted if row[0] == "closed"]
    found = ledger.rates(db, chief, window)
    assert (found.told, found.counted, found.closed) == (len(within), len(counted), len(done))
    assert found.closed_late == sum(row[1] for row in done)
    assert found.closed_in_time + found.closed_late == found.closed
    assert found.closed + found.open == found.counted
    assert found.open_late == sum(row[1] for row in counted if row[0] != "closed")
    assert (found.rate is None) == (not counted)
    assert found.rate is None or 0 <= found.rate <= 100
    assert found.in_time_rate is None or 0 <= found.in_time_rate <= 100
    for by in By:
        told_ = rows_of(ledger.table(db, chief, window, by))
        for name in ("told", "counted", "closed", "closed_in_time", "open_late"):
            assert sum(row[name] for row in told_) == getattr(found, name), (by, name)
        assert all(row["rate"] is None or 0 <= row["rate"] <= 100 for row in told_)
    by_category = {row["key"]: row["told"] for row in rows_of(ledger.table(db, chief, window, By.CATEGORY))}
    assert by_category == {
        key: n for key in ("litter.bank", "road.pit") if (n := sum(row[3] == key for row in within))
    }


def test_tables_name_townships_places_and_units(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    closed(db, town, chief, volunteer)
    tell(db, volunteer, 1500, 5)
    tell(db, volunteer, None)

    def table(by: By) -> dict[str, int]:
        return {row["name"]: row["told"] for row in rows_of(ledger.table(db, chief, YEAR, by))}

    assert table(By.TOWNSHIP) == {"西荡镇": 1, "东湖镇": 1, "（不知道在哪）": 1}
    assert table(By.PLACE) == {"中心河": 2, "（不在对象旁）": 1}
    assert table(By.UNIT) == {"环卫站": 1, "（还没有交办）": 2}
    assert table(By.MONTH) == {f"{TODAY:%Y-%m}": 3}
    assert table(By.CATEGORY) == {"垃圾漂浮物·河岸垃圾": 3}
    only = rows_of(ledger.table(db, staff(town, town.east), YEAR, By.TOWNSHIP))
    assert [row["name"] for row in only] == ["东湖镇"]


# --- spots that come back


def test_a_spot_comes_back_where_three_problems_of_a_kind_lie_within_a_hundred_metres(
    db: Session, town: Watertown, chief: Scope, volunteer: Scope
) -> None:
    ids = [tell(db, volunteer, x, 5).case_id for x in (300, 340, 395, 402, 700, 780)]
    tell(db, volunteer, 350, 5, "water.smell")
    old = db.get_one(Case, tell(db, volunteer, 750, 5).case_id)
    old.opened_at = NOW - dt.timedelta(days=181)
    refused = tell(db, volunteer, 760, 5).case_id
    go(db, chief, refused, Wanted(Move.REJECT, "没有"))
    db.flush()
    (spot,) = rows_of(ledger.repeats(db, chief, TODAY))
    assert (spot["place"], spot["kind"], spot["count"]) == ("中心河", "垃圾漂浮物", 3)
    assert (spot["from_m"], spot["to_m"]) == (pytest.approx(300, abs=1), pytest.approx(395, abs=1))
    assert spot["numbers"] == sorted(db.get_one(Case, id_).number for id_ in ids[:3])
    assert rows_of(ledger.repeats(db, staff(town, town.east), TODAY)) == []


@given(spots=st.lists(st.integers(0, 900), max_size=25).map(sorted))
def test_clusters_are_apart_short_and_miss_no_crowd(spots: list[int]) -> None:
    found = clusters(spots, lambda a, b: abs(a - b), within=100, least=3)
    assert all(len(group) >= 3 and max(group) - min(group) <= 100 for group in found)
    taken = [spot for group in found for spot in group]
    assert sorted(taken) == sorted(spot for spot in spots if spot in taken)  # each once
    for spot in spots:
        crowd = [other for other in spots if spot <= other <= spot + 100]
        assert len(crowd) < 3 or set(crowd) & set(taken)


# --- over HTTP


def test_every_list_leaves_in_every_form(ask: Any, db: Session, volunteer: Scope) -> None:
    for x in (300, 320, 340):
        tell(db, volunteer, x, 5)
    db.commit()
    for path in ("ledger", "handover", "tables?by=unit", "repeat"):
        mark = "&" if "?" in path else "?"
        for form in As:
            told_ = ask("GET", f"/api/cases/{path}{mark}as={form}")
            is_nowhere = form is As.KML and path.startswith("tables")
            assert told_.status_code == (422 if is_nowhere else 200), (path, form)
    page = ask("GET", "/api/cases/ledger?limit=2").json()
    assert (page["count"], len(page["rows"])) == (3, 2)
    assert page["rows"][0]["reporters"] == ["王桂兰"]
    assert len(ask("GET", f"/api/cases/ledger?limit=2&cursor={page['next']}").json()["rows"]) == 1
    assert "应办" in ask("GET", "/api/cases/tables").json()["words"]
    rates = ask("GET", "/api/cases/rates").json()
    assert (rates["counted"], rates["rate"]) == (3, 0.0)
    for wrong in ("first=2026-02-01&last=2026-01-01", "first=1026-02-01", "last=9999-01-01", "first=x"):
        assert ask("GET", f"/api/cases/rates?{wrong}").status_code == 422, wrong
    assert ask("GET", "/api/cases/repeat?last=9999-12-31").status_code == 422
    assert ask("GET", "/api/cases/ledger", Right.PLANNER).status_code == 403
