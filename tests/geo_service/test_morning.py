"""The morning: its numbers are those of the other pages, the CLI and the API tell the same."""

import contextlib
import datetime as dt
import json
import re
import uuid
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service import cli
from geo_service.accounts.narrow import people_in
from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import board, reports
from geo_service.cases.reports import Said
from geo_service.cli import figures as figure_command
from geo_service.cli import morning as command
from geo_service.clock import today_in
from geo_service.coverage import gaps
from geo_service.coverage.asked import SHORTEST_M
from geo_service.coverage.ground import Query
from geo_service.errors import Forbidden, Invalid, NotFound
from geo_service.figures import service as figures
from geo_service.listing import records
from geo_service.morning import service, told
from geo_service.norms import due
from geo_service.settings import Settings
from geo_service.tables import Case, Duty, Exemption, Norm, Patrol, Person
from layers.dues import State
from layers.figures import Code
from layers.presets import preset
from layers.vocabulary import Channel, ExemptionKind, GapKind, Period, Right
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_accounts import sign_in
from tests.geo_service.watertown import DAY, PASSWORD, Watertown, add_account

STAFF = Actor(os_user="tester")


@pytest.fixture
def scope(town: Watertown) -> Scope:
    return Scope(town.county.id, STAFF, {Right.ADMINISTRATOR: None})


def of_area(town: Watertown, area: Any) -> Scope:
    return Scope(town.county.id, STAFF, {Right.COORDINATOR: frozenset({area.id})})


def by_item(found: service.Morning) -> dict[str, Any]:
    return {row["item"]: row for row in reversed(records(told.listing(found)))}


def walk(db: Session, town: Watertown, person_id: uuid.UUID, day: dt.date, *, east_m: float = 0) -> uuid.UUID:
    noon = dt.datetime.combine(day, dt.time(4), dt.UTC)
    track = SmallCounty.walk((east_m, 12), (east_m + 300, 12), start=noon)
    return SmallCounty(db, town.county).patrol(track, person_id)[0]


def test_figures_are_those_of_the_figures_page_now_and_at_the_same_time_before(
    db: Session, town: Watertown, scope: Scope
) -> None:
    for day in (dt.date(2026, 4, 10), dt.date(2026, 4, 13), DAY + dt.timedelta(days=11)):
        walk(db, town, town.person_id, day)
    day = dt.date(2026, 5, 12)
    for there in (scope, of_area(town, town.west), of_area(town, town.east)):
        found = service.morning(db, there, day)
        assert (found.days.first, found.days.last) == (DAY, day)
        assert (found.before.first, found.before.last) == (dt.date(2026, 4, 1), dt.date(2026, 4, 12))
        for days, side in ((found.days, "now"), (found.before, "before")):
            told_there = figures.figures(db, there, figures.asked(db, there, days.first, days.last)).figures
            assert {c.now.figure.code: getattr(c, side).value for c in found.figures} == {
                code: counted.value for code, counted in told_there.items()
            }
        sessions = next(one for one in found.figures if one.now.figure.code is Code.X5)
        assert sum(now for now, _ in found.by_day) == sessions.now.value
        assert sum(before for _, before in found.by_day) == sessions.before.value
    whole = by_item(service.morning(db, scope, day))
    assert (whole["巡河巡路、网格服务"]["value"], whole["巡河巡路、网格服务"]["before"]) == (2, 1)


def test_the_quiet_are_told_by_their_last_outing_and_not_those_who_are_new_or_on_leave(
    db: Session, town: Watertown, scope: Scope
) -> None:
    county = SmallCounty(db, town.county)
    day = dt.date(2026, 6, 15)

    def steward(name: str, since: dt.date) -> uuid.UUID:
        person_id = county.person(name, town.east)
        db.add(
            Duty(
                county_id=county.id, person_id=person_id, place_id=town.rivers[1].id, role="river_steward",
                kind="volunteer", level="village", in_force=Range(since, None),
            )
        )  # fmt: skip
        db.flush()
        return person_id

    old = dt.date(2026, 1, 1)
    never, lately, leave = steward("从未", old), steward("近来", old), steward("请假", old)
    steward("新来", day - dt.timedelta(days=3))
    walk(db, town, lately, day - dt.timedelta(days=29))
    week = Range(day, day + dt.timedelta(days=7))
    db.add(Exemption(county_id=county.id, kind=ExemptionKind.LEAVE, person_id=leave, days=week))
    db.flush()
    found = service.morning(db, scope, day).people
    assert [(one.id, one.days) for one in found.rows] == [(never, None), (town.person_id, 45)]
    assert found.count == 2
    voided = db.scalars(select(Patrol).where(Patrol.person_id == lately)).one()
    voided.voided_at = dt.datetime.now(dt.UTC)
    db.flush()
    assert service.morning(db, scope, day).people.count == 3
    assert [one.id for one in service.morning(db, of_area(town, town.west), day).people.rows] == [
        id_ for id_ in (never, lately, town.person_id)
        if db.scalar(select(Person.id).where(people_in(of_area(town, town.west)), Person.id == id_))
    ], "who lives in the east and holds a river of both is seen by both"  # fmt: skip


def test_stretches_nobody_walked_are_the_gap_of_the_maps_and_name_their_stewards(
    db: Session, town: Watertown, scope: Scope
) -> None:
    day = DAY + dt.timedelta(days=5)
    found = service.morning(db, scope, day).places
    question = Query(found.window.first, found.window.last, shortest_m=SHORTEST_M)
    table = gaps.gaps(db, scope, question, GapKind.NEGLECTED)
    lines = [row for row in table.rows if row.place.layer.is_line]
    assert found.count == len({row.number for row in table.rows}) == 2
    assert found.length_m == pytest.approx(sum(row.size or 0 for row in lines))
    river = next(one for one in found.rows if one.id == town.rivers[0].id)
    assert (river.stretches, river.last_day) == (1, DAY)
    assert river.where.startswith("自西端起 ")
    assert river.stewards == [(town.person_id, "王桂兰")]
    east = service.morning(db, of_area(town, town.east), day).places
    assert [one.size for one in east.rows] == [500.0], "1000 to 1500 m of the river lie there"


def test_without_a_norm_nothing_is_due_and_with_one_as_much_as_on_the_page_of_dues(
    db: Session, town: Watertown, scope: Scope
) -> None:
    today = today_in(db, town.county.id)
    assert service.morning(db, scope, today).due.norms == []
    assert by_item(service.morning(db, scope, today))["没有执行中的标准"]["value"] is None
    rule = preset("volunteer-river").rule
    db.add(Norm(county_id=town.county.id, name="每周一次", rule=rule.to_json(), in_force=Range(DAY, None)))
    db.flush()
    found = service.morning(db, scope, today).due
    page = due.table(db, scope, due.window_of(db, scope, None, None))
    assert found.norms == ["每周一次"]
    assert found.late == page.count(State.LATE) > 0
    assert found.soon == page.count(State.DUE) == 1, "the week that runs"
    (row,) = found.soon_rows
    assert (row.due.subject, row.due.missing) == (town.person_id, row.due.due)


def test_open_cases_are_told_by_age_and_add_up_to_those_of_the_board(
    db: Session, town: Watertown, scope: Scope
) -> None:
    now = dt.datetime.now(dt.UTC)
    ids = []
    for _ in range(4):
        said = Said(
            now - dt.timedelta(minutes=1), "litter.bank", None, place_id=town.rivers[0].id, words="垃圾"
        )
        ids.append(reports.take(db, scope, uuid.uuid4(), said, channel=Channel.STAFF, person_id=None).case_id)
    for id_, days in zip(ids, (0, 2, 5, 90), strict=True):
        db.get_one(Case, id_).opened_at = now - dt.timedelta(days=days)
    db.flush()
    found = service.morning(db, scope).cases
    assert [age.count for age in found.ages] == [1, 1, 1, 0, 1]
    assert sum(age.count for age in found.ages) == board.counts(db, scope).open
    assert sum(age.late for age in found.ages) == board.counts(db, scope).late
    assert [row.id for row in found.oldest] == ids[::-1]


@pytest.mark.parametrize("period", [one for one in Period if one is not Period.TEN_DAYS])
def test_an_empty_county_has_a_morning_too(small_county: SmallCounty, period: Period) -> None:
    scope = Scope(small_county.id, STAFF, {Right.COORDINATOR: None})
    found = service.morning(small_county.db, scope, None, period)
    assert (found.people.count, found.places.count, found.new.patrols, found.due.norms) == (0, 0, 0, [])
    assert len(records(told.listing(found))) > len(Code)
    first = service.morning(small_county.db, scope, found.days.first, period)
    assert len(first.by_day) == 1


def test_who_may_not_and_days_that_are_not_there_are_refused(
    db: Session, town: Watertown, scope: Scope
) -> None:
    for right in (Right.PLANNER, Right.AUDITOR, Right.VOLUNTEER):
        with pytest.raises(Forbidden):
            service.morning(db, Scope(town.county.id, STAFF, {right: None}))
    for day in (today_in(db, town.county.id) + dt.timedelta(days=1), dt.date(1, 1, 1)):
        with pytest.raises(Invalid, match="请选"):
            service.morning(db, scope, day)
    with pytest.raises(NotFound):
        service.morning(db, of_area(town, town.west), None, area=town.east.code)


def test_page_api_and_command_tell_the_same(
    db: Session, client: TestClient, town: Watertown, monkeypatch: pytest.MonkeyPatch, leaves_no_audit: None
) -> None:
    add_account(db, town.county, "clerk", Right.COORDINATOR)
    sign_in(client, "clerk", PASSWORD)
    answer = client.get("/api/morning", params={"day": "2026-05-12", "period": "quarter"})
    assert answer.status_code == 200
    assert answer.json()["days"] == {"first": "2026-04-01", "last": "2026-05-12"}
    rows = answer.json()["rows"]
    page = client.get("/morning", params={"day": "2026-05-12", "period": "quarter"}).text
    assert "失职" not in page
    assert "未履职" not in page
    for row in rows:
        if row["value"] is not None and row["unit"] in ("名", "次", "件") and not row["person"]:
            assert f"{row['value']:g}" in page, row
    assert f"/people/{town.person_id}" in page
    monkeypatch.setattr(command, "connect", lambda: contextlib.nullcontext((db.connection(), Settings())))
    ran = CliRunner().invoke(
        cli.app, ["morning", "--day", "2026-05-12", "--period", "quarter", "--as", "json"]
    )
    assert ran.exit_code == 0, ran.output
    unmasked = [{key: value for key, value in row.items() if key != "person"} for row in rows]
    said = [{key: value for key, value in row.items() if key != "person"} for row in json.loads(ran.stdout)]
    assert said == unmasked
    assert "王桂兰" not in ran.stdout, "what leaves as a file is masked"


def test_a_township_that_is_asked_for_is_the_morning_of_its_coordinator(
    db: Session, town: Watertown, scope: Scope
) -> None:
    asked, own = (
        told.listing(service.morning(db, there, DAY, area=area))
        for there, area in ((scope, town.west.code), (of_area(town, town.west), None))
    )
    assert records(asked) == records(own)
    assert asked.title == own.title
    assert "西荡镇" in own.title


@pytest.mark.parametrize("area", ["county", "west", "east"])
def test_every_figure_on_the_pages_is_that_of_the_command(
    db: Session, client: TestClient, town: Watertown, monkeypatch: pytest.MonkeyPatch, area: str
) -> None:
    for day in (dt.date(2026, 4, 10), dt.date(2026, 4, 13), DAY + dt.timedelta(days=11)):
        walk(db, town, town.person_id, day, east_m=0 if day.month == 4 else 900)
    add_account(db, town.county, "clerk", Right.COORDINATOR)
    sign_in(client, "clerk", PASSWORD)
    code = "" if area == "county" else getattr(town, area).code
    monkeypatch.setattr(command, "connect", lambda: contextlib.nullcontext((db.connection(), Settings())))
    monkeypatch.setattr(
        figure_command, "connect", lambda: contextlib.nullcontext((db.connection(), Settings()))
    )

    def said(*words: str) -> list[dict[str, Any]]:
        ran = CliRunner().invoke(cli.app, [*words, *(["--area", code] if code else []), "--as", "json"])
        assert ran.exit_code == 0, (ran.output, ran.exception)
        found: list[dict[str, Any]] = json.loads(ran.stdout)
        return found

    asked = {"first": "2026-04-01", "last": "2026-05-31", "area": code}
    days = ("--from", asked["first"], "--until", asked["last"])
    page = client.get("/figures", params=asked).text
    told = dict(re.findall(r'<li id="(\w+)">.*?<p class="value">(.*?)</p>', page, re.DOTALL))
    by_code = {row["code"]: _exactly(row["value"], row["unit"]) for row in said("figures", *days)}
    assert {key: _number(value) for key, value in told.items()} == by_code
    months = [
        [row["month"], f"{row['sessions']}次", f"{row['covered_km']:g}公里", f"{row['closed']}件"]
        for row in said("figures", *days, "--by-month")
    ]
    assert _table(page, "months") == months
    assert sum(row["sessions"] for row in said("figures", *days, "--by-month")) == int(by_code["X5"][:-1])

    day = "2026-05-12"
    page = client.get("/morning", params={"day": day, "area": code}).text
    rows = said("morning", "--day", day)
    figures_ = {
        row["item"]: row for row in rows if row["part"] == "数据" and (row["link"] or "")[:7] == "figure/"
    }
    assert {row[0]: [_number(cell) for cell in row[1:3]] for row in _table(page, "tight")} == {
        item: [_exactly(row["value"], row["unit"]), _exactly(row["before"], row["unit"])]
        for item, row in figures_.items()
    }
    counted = {row["item"]: row["value"] for row in reversed(rows) if row["value"] is not None}
    new = page[page.index('id="new"') :]
    assert [int(n) for n in re.findall(r"<strong>(\d+)</strong>", new)[:4]] == [
        counted[item] for item in ("巡查", "服务", "上报", "新登记人员")
    ]
    for key, item in (("people", "30 天没有动静的志愿者"), ("places", "30 天没有走到的对象")):
        (count,) = re.findall(rf'<h2 id="{key}">\D*(\d+)', page)
        assert int(count) == counted[item]


def _table(page: str, name: str) -> list[list[str]]:
    """Return the text of the cells of the first table of a class, without its head."""
    body = re.search(rf'<table class="{name}">.*?<tbody>(.*?)</tbody>', page, re.DOTALL)
    assert body
    return [
        [_plain(re.sub(r"<details><summary>(.*?)</summary>.*?</details>", r"\1", cell, flags=re.DOTALL))
         for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        for row in re.findall(r"<tr>(.*?)</tr>", body.group(1), re.DOTALL)
    ]  # fmt: skip


def _plain(html: str) -> str:
    return re.sub(r"\s|<[^>]+>", "", html)


def _number(html: str) -> str:
    """Return a cell that holds a number; nothing for one that says that there is none."""
    return _plain(html) if re.search(r"\d", _plain(html)) else ""


def _exactly(value: float | None, unit: str) -> str:
    return "" if value is None else f"{value:.1f}".removesuffix(".0") + unit
