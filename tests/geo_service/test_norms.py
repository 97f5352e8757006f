"""Norms in the database: drafted, adopted as of a day, ended; exemptions; what is due; tried on the past."""

import datetime as dt
import json
import uuid
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.errors import Conflict, Forbidden, Invalid, NotFound
from geo_service.norms import due, exemptions, service, trials
from geo_service.norms.exemptions import Request
from geo_service.tables import (
    Audit,
    Companion,
    Duty,
    Exemption,
    Norm,
    Patrol,
    Place,
    ServicePerson,
)
from geo_service.tables import Service as ServiceTable
from layers.dues import State
from layers.norms import Accepted, Minima, Per, Rule
from layers.periods import Days
from layers.presets import preset
from layers.vocabulary import (
    DutyKind,
    Evidence,
    ExemptionKind,
    Layer,
    Level,
    Period,
    Right,
    Role,
    ServiceKind,
    Verdict,
)
from tests.geo_service import watertown
from tests.geo_service.conftest import SmallCounty


def today() -> dt.date:
    """Return the county's day; it may change while the tests run."""
    return dt.datetime.now(ZoneInfo("Asia/Shanghai")).date()


DAY = dt.timedelta(days=1)
MAY = Days(dt.date(2026, 5, 1), dt.date(2026, 5, 31))
ALWAYS = Range(dt.date(2026, 1, 1), None)
WEEKLY = Rule(1, Period.WEEK)


@pytest.fixture
def scope(small_county: SmallCounty) -> Scope:
    return Scope(small_county.id, Actor(os_user="tester"), dict.fromkeys(Right, None))


class TestNorms:
    def test_a_draft_is_changed_and_dropped(self, db: Session, scope: Scope) -> None:
        norm_id = service.draft_preset(db, scope, "sixian-village")
        service.change(db, scope, norm_id, name="  泗县  做法 ", rule=WEEKLY)
        told = service.told(db, scope, norm_id)
        assert (told.name, told.rule, told.is_draft) == ("泗县 做法", WEEKLY, True)
        assert told.state_on(today()) == "草稿"
        service.discard(db, scope, norm_id)
        with pytest.raises(NotFound):
            service.told(db, scope, norm_id)
        actions = db.scalars(
            select(Audit.action).where(Audit.subject == f"norm/{norm_id}").order_by(Audit.id)
        )
        assert list(actions) == ["norms.draft", "norms.change", "norms.discard"]

    def test_none_is_in_force_until_it_is_adopted_and_from_its_day_on(
        self, db: Session, scope: Scope
    ) -> None:
        norm_id = service.draft(db, scope, "每周", WEEKLY)
        assert service.in_force(db, scope.county_id, Days(today(), today())) == []
        service.adopt(db, scope, norm_id, today() + DAY)
        assert service.in_force(db, scope.county_id, Days(today(), today())) == []
        (there,) = service.in_force(db, scope.county_id, Days(today(), today() + DAY))
        assert (there.id, there.last_day) == (norm_id, None)
        assert there.state_on(today()) == "将执行"

    def test_it_cannot_be_adopted_in_the_past_nor_changed_afterwards(self, db: Session, scope: Scope) -> None:
        norm_id = service.draft(db, scope, "每周", WEEKLY)
        with pytest.raises(Invalid, match="不能早于今天"):
            service.adopt(db, scope, norm_id, today() - DAY)
        service.adopt(db, scope, norm_id, today())
        for change in (
            lambda: service.change(db, scope, norm_id, rule=Rule(2, Period.WEEK)),
            lambda: service.change(db, scope, norm_id, name="别的"),
            lambda: service.discard(db, scope, norm_id),
            lambda: service.adopt(db, scope, norm_id, today() + DAY),
        ):
            with pytest.raises(Conflict, match="已经采用"):
                change()

    def test_what_it_replaces_ends_on_the_day_before(self, db: Session, scope: Scope) -> None:
        old, new = (service.draft(db, scope, name, WEEKLY) for name in ("旧", "新"))
        service.adopt(db, scope, old, today())
        service.adopt(db, scope, new, today() + 7 * DAY, replaces=old)
        assert service.told(db, scope, old).last_day == today() + 6 * DAY
        days = [Days(today() + n * DAY, today() + n * DAY) for n in (6, 7)]
        assert [[n.id for n in service.in_force(db, scope.county_id, day)] for day in days] == [[old], [new]]
        drafts = [service.draft(db, scope, name, WEEKLY) for name in ("又", "还")]
        with pytest.raises(Conflict, match="没有在执行"):
            service.adopt(db, scope, drafts[0], today(), replaces=drafts[1])
        with pytest.raises(NotFound):
            service.adopt(db, scope, drafts[0], today(), replaces=10**6)

    def test_one_that_has_not_begun_becomes_a_draft_again(self, db: Session, scope: Scope) -> None:
        norm_id = service.draft(db, scope, "每周", WEEKLY)
        service.adopt(db, scope, norm_id, today() + 3 * DAY)
        service.end(db, scope, norm_id, today())
        assert service.told(db, scope, norm_id).is_draft
        service.adopt(db, scope, norm_id, today())
        with pytest.raises(Invalid, match="最早今天结束"):
            service.end(db, scope, norm_id, today() - DAY)
        service.end(db, scope, norm_id, today())
        assert service.told(db, scope, norm_id).last_day == today()
        with pytest.raises(Conflict, match="不能再往后改"):
            service.end(db, scope, norm_id, today() + DAY)

    @pytest.mark.parametrize("name", ["", "   ", "长" * 101, "a\0b"])
    def test_it_needs_a_name(self, db: Session, scope: Scope, name: str) -> None:
        with pytest.raises(Invalid):
            service.draft(db, scope, name, WEEKLY)

    def test_only_who_coordinates_the_whole_county_drafts(
        self, db: Session, scope: Scope, small_county: SmallCounty
    ) -> None:
        part = Scope(scope.county_id, scope.actor, {Right.COORDINATOR: frozenset({1})})
        for act in (
            lambda: service.draft(db, part, "每周", WEEKLY),
            lambda: trials.run(db, part, service.NormRow(1, "每周", WEEKLY, None), MAY),
        ):
            with pytest.raises(Forbidden):
                act()


class Ground:
    """A county with two townships, two rivers, two stewards."""

    def __init__(self, county: SmallCounty) -> None:
        self.county, self.db = county, county.db
        root = county.area("县", level="county")
        self.east, self.west = county.area("东", root), county.area("西", root)
        self.river = county.place(Layer.RIVER, "车路河", "LINESTRING (0 0, 2000 0)")
        self.canal = county.place(Layer.RIVER, "渠", "LINESTRING (0 900, 2000 900)")
        county.lies_in(self.river, self.east, [(0, 20_000)])
        county.lies_in(self.canal, self.west, [(0, 20_000)])
        self.wang, self.li = county.person("王秀英", self.east), county.person("李大爷", self.west)
        self.duty(self.wang, self.river)
        self.duty(self.li, self.canal)

    def duty(self, person: uuid.UUID, place: Place) -> None:
        self.db.add(
            Duty(
                county_id=self.county.id, person_id=person, place_id=place.id, kind=DutyKind.VOLUNTEER,
                role=Role.of(Layer(place.layer)), level=Level.VILLAGE, in_force=ALWAYS,
            )
        )  # fmt: skip
        self.db.flush()

    def walk(
        self, day: int, person: uuid.UUID, place: Place, verdict: Verdict = Verdict.COUNTED
    ) -> uuid.UUID:
        """Put a patrol along a river on a day of May, at 9 in the morning."""
        y = 8 if place is self.river else 908
        start = dt.datetime(2026, 5, day, 1, tzinfo=dt.UTC)
        track = self.county.walk((100, y), (700, y), start=start)
        patrol_id, _ = self.county.patrol(track, person)
        row = self.db.get_one(Patrol, patrol_id)
        row.verdict, row.walked_m = verdict, 600.0
        self.db.flush()
        return patrol_id

    def norm(self, rule: Rule = WEEKLY) -> int:
        row = Norm(county_id=self.county.id, name="标准", rule=rule.to_json(), in_force=ALWAYS)
        self.db.add(row)
        self.db.flush()
        return row.id


@pytest.fixture
def ground(small_county: SmallCounty) -> Ground:
    return Ground(small_county)


def states(table: due.DueTable, name: str) -> str:
    return "".join(row.due.state.zh[0] for row in table.rows if row.subject.name == name)


class TestDue:
    def test_without_a_norm_there_are_no_rows_and_no_rates(
        self, db: Session, scope: Scope, ground: Ground
    ) -> None:
        ground.walk(5, ground.wang, ground.river)
        table = due.table(db, scope, MAY)
        assert (table.rows, table.rates.done_share) == ([], None)

    def test_by_person_and_week(self, db: Session, scope: Scope, ground: Ground) -> None:
        ground.norm()
        ground.walk(2, ground.wang, ground.river)
        ground.walk(12, ground.wang, ground.river)
        ground.walk(13, ground.wang, ground.canal)  # nothing of hers
        ground.walk(20, ground.li, ground.canal, Verdict.NOT_COUNTED)
        table = due.table(db, scope, MAY)
        assert states(table, "王秀英") == "已未已未未"
        assert states(table, "李大爷") == "未" * 5
        first = next(row for row in table.rows if row.subject.name == "王秀英")
        assert (first.subject.townships, first.days) == (["东镇"], [dt.date(2026, 5, 2)])
        assert (table.rates.due, table.rates.done) == (10, 2)

    def test_companions_services_and_paper_are_tallied_as_the_norm_says(
        self, db: Session, scope: Scope, ground: Ground
    ) -> None:
        accepts = (Accepted(Evidence.TRACK), Accepted(ServiceKind.VISIT), Accepted(Evidence.PAPER))
        ground.norm(Rule(1, Period.WEEK, accepts=accepts))
        patrol_id = ground.walk(5, ground.wang, ground.canal)
        db.add(Companion(county_id=scope.county_id, patrol_id=patrol_id, person_id=ground.li))
        paper_id = ground.walk(12, ground.li, ground.canal)
        db.get_one(Patrol, paper_id).evidence = Evidence.PAPER
        for day, kind in (
            (dt.date(2026, 5, 20), ServiceKind.VISIT),
            (dt.date(2026, 5, 27), ServiceKind.MEETING),
        ):
            row = ServiceTable(
                county_id=scope.county_id, id=uuid.uuid4(), kind=kind, day=day, hours=1, people=1,
                evidence=Evidence.STATED, sha256=bytes(32),
            )  # fmt: skip
            db.add(row)
            db.flush()
            db.add(ServicePerson(county_id=scope.county_id, service_id=row.id, person_id=ground.li))
        db.flush()
        assert states(due.table(db, scope, MAY), "李大爷") == "未已已已未"

    def test_leave_weather_and_substitutes(self, db: Session, scope: Scope, ground: Ground) -> None:
        ground.norm()
        week = [Days(dt.date(2026, 5, n), dt.date(2026, 5, n + 6)) for n in (4, 11, 18)]
        exemptions.add(db, scope, Request(ExemptionKind.LEAVE, week[0], ground.wang, reason="看病"))
        exemptions.add(db, scope, Request(ExemptionKind.WEATHER, week[1], area="东", reason="暴雨"))
        exemptions.add(db, scope, Request(ExemptionKind.SUBSTITUTE, week[2], ground.wang, ground.li))
        ground.walk(20, ground.li, ground.river)
        table = due.table(db, scope, MAY)
        assert states(table, "王秀英") == "未免免已未"
        assert states(table, "李大爷") == "未" * 5
        whole = exemptions.add(db, scope, Request(ExemptionKind.WEATHER, week[1], reason="高温"))
        assert states(due.table(db, scope, MAY), "李大爷") == "未未免未未"
        exemptions.remove(db, scope, whole)
        assert states(due.table(db, scope, MAY), "李大爷") == "未" * 5

    def test_weather_of_the_county_reaches_all_below_it(
        self, db: Session, scope: Scope, ground: Ground
    ) -> None:
        ground.norm()
        days = Days(dt.date(2026, 5, 4), dt.date(2026, 5, 10))
        exemptions.add(db, scope, Request(ExemptionKind.WEATHER, days, area="县"))
        table = due.table(db, scope, MAY)
        assert states(table, "王秀英") == states(table, "李大爷") == "未免未未未"

    def test_by_place(self, db: Session, scope: Scope, ground: Ground) -> None:
        ground.norm(Rule(2, Period.MONTH, Per.PLACE))
        ground.duty(ground.li, ground.river)
        ground.walk(5, ground.wang, ground.river)
        ground.walk(6, ground.li, ground.river)
        table = due.table(db, scope, MAY)
        assert {row.subject.name: row.due.state for row in table.rows} == {
            "车路河": State.MET,
            "渠": State.LATE,
        }

    def test_a_scope_is_told_its_own_from_all_that_was_walked(
        self, db: Session, scope: Scope, ground: Ground
    ) -> None:
        """The coordinator of the east is told that 王 did her week, though she walked it in the west."""
        ground.norm()
        ground.duty(ground.wang, ground.canal)
        ground.walk(5, ground.wang, ground.canal)
        east = Scope(scope.county_id, scope.actor, {Right.COORDINATOR: frozenset({ground.east.id})})
        table = due.table(db, east, MAY)
        assert {row.subject.name for row in table.rows} == {"王秀英"}
        assert states(table, "王秀英")[1] == "已"
        assert {row.subject.name for row in due.table(db, scope, MAY, area="西").rows} == {"李大爷", "王秀英"}
        assert {row.subject.name for row in due.table(db, scope, MAY, area="东").rows} == {"王秀英"}

    def test_of_others_nothing_is_computed(
        self, db: Session, scope: Scope, ground: Ground, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A volunteer who asks costs what is his, not what is the county's."""
        ground.norm()
        ground.duty(ground.wang, ground.canal)
        asked: list[object] = []
        whole = due.dues
        monkeypatch.setattr(
            due, "dues", lambda rule, days, own, *more: asked.extend(own) or whole(rule, days, own, *more)
        )
        own = Scope(scope.county_id, scope.actor, {Right.VOLUNTEER: None}, person_id=ground.wang)
        assert {row.subject.name for row in due.table(db, own, MAY).rows} == {"王秀英"}
        assert {holding.person for holding in asked} == {ground.wang}

    def test_sums_by_person_and_by_township(self, db: Session, scope: Scope, ground: Ground) -> None:
        ground.norm()
        for day in (2, 5, 12):
            ground.walk(day, ground.wang, ground.river)
        table = due.table(db, scope, MAY)
        subjects = list(due.listing(table, "subject").rows)
        assert sorted(row[3:8] for row in subjects) == [
            ("李大爷", None, 5, 0, 0.0),
            ("王秀英", None, 5, 3, 0.6),
        ]
        towns = {row[1][0]: row[2:6] for row in due.listing(table, "township").rows}
        assert towns == {"东镇": (1, 5, 3, 0.6), "西镇": (1, 5, 0, 0.0)}

    def test_a_window_must_be_one(self, db: Session, scope: Scope, ground: Ground) -> None:
        for window in (
            Days(dt.date(2024, 1, 1), dt.date(2026, 1, 1)),
            Days(dt.date.min, dt.date.min),
            Days(dt.date.max, dt.date.max),
        ):
            with pytest.raises(Invalid):
                due.table(db, scope, window)


class TestExemptions:
    @pytest.mark.parametrize(
        "request_",
        [
            lambda g: Request(ExemptionKind.LEAVE, MAY),
            lambda g: Request(ExemptionKind.WEATHER, MAY, g.wang),
            lambda g: Request(ExemptionKind.SUBSTITUTE, MAY, g.wang),
            lambda g: Request(ExemptionKind.LEAVE, MAY, g.wang, g.li),
            lambda g: Request(ExemptionKind.SUBSTITUTE, MAY, g.wang, g.wang),
            lambda g: Request(ExemptionKind.LEAVE, MAY, g.wang, area="东"),
            lambda g: Request(ExemptionKind.LEAVE, Days(MAY.first, MAY.first + 400 * DAY), g.wang),
            lambda g: Request(ExemptionKind.LEAVE, MAY, g.wang, reason="长" * 201),
        ],
    )
    def test_what_does_not_belong_together_is_refused(
        self, db: Session, scope: Scope, ground: Ground, request_
    ) -> None:
        with pytest.raises(Invalid):
            exemptions.add(db, scope, request_(ground))
        assert db.scalar(select(func.count()).select_from(Exemption)) == 0

    def test_a_township_sees_and_changes_its_own(self, db: Session, scope: Scope, ground: Ground) -> None:
        east = Scope(scope.county_id, scope.actor, {Right.COORDINATOR: frozenset({ground.east.id})})
        exemptions.add(db, east, Request(ExemptionKind.LEAVE, MAY, ground.wang))
        exemptions.add(db, east, Request(ExemptionKind.WEATHER, MAY, area="东"))
        theirs = exemptions.add(db, scope, Request(ExemptionKind.LEAVE, MAY, ground.li))
        whole = exemptions.add(db, scope, Request(ExemptionKind.WEATHER, MAY))
        assert len(exemptions.listed(db, east)) == 3  # the weather of the county is hers to know
        for exemption_id in (theirs, whole):
            with pytest.raises(NotFound):
                exemptions.remove(db, east, exemption_id)
        with pytest.raises(NotFound):
            exemptions.add(db, east, Request(ExemptionKind.LEAVE, MAY, ground.li))
        with pytest.raises(Forbidden):
            exemptions.add(db, east, Request(ExemptionKind.WEATHER, MAY))
        with pytest.raises((Forbidden, NotFound)):
            exemptions.add(db, east, Request(ExemptionKind.WEATHER, MAY, area="西"))


class TestTrials:
    def test_it_tells_what_would_have_been_and_stores_nothing(
        self, db: Session, scope: Scope, ground: Ground
    ) -> None:
        kept, decided = ground.walk(5, ground.wang, ground.river), ground.walk(12, ground.wang, ground.river)
        long = ground.walk(20, ground.li, ground.canal)
        db.get_one(Patrol, decided).reviewed_at = dt.datetime(2026, 5, 13, tzinfo=dt.UTC)
        rule = Rule(1, Period.WEEK, roles=(Role.RIVER_STEWARD,), minima=Minima(metres=650))
        norm_id = service.draft(db, scope, "沿河650米", rule)
        db.flush()
        before = [(p.verdict, p.norm_id) for p in db.scalars(select(Patrol).order_by(Patrol.id))]
        heard: list[tuple[int, int]] = []
        found = trials.run(
            db, scope, service.told(db, scope, norm_id), MAY, lambda done, of: heard.append((done, of))
        )
        assert {d.patrol_id for d in found.differing} == {kept, long}
        assert found.differing[0].would_be is Verdict.REVIEW
        assert found.differing[0].reasons[0].startswith("走的路不够（")
        assert (found.was[Verdict.COUNTED], found.would_be[Verdict.COUNTED]) == (3, 1)
        assert found.counted_share == pytest.approx(1 / 3)
        assert states(found.due, "王秀英") == "未待已未未"
        assert heard == [(1, 3), (2, 3), (3, 3)]
        db.expire_all()
        assert [(p.verdict, p.norm_id) for p in db.scalars(select(Patrol).order_by(Patrol.id))] == before


# --- over HTTP and as commands


@pytest.fixture
def signed(client: TestClient, db: Session, town: watertown.Watertown) -> TestClient:
    watertown.add_account(db, town.county, "chen", Right.COORDINATOR)
    db.commit()
    client.get("/sign-in")
    page = client.get("/sign-in")
    token = page.text.split('name="csrf_token" value="')[1].split('"')[0]
    answer = client.post(
        "/sign-in", data={"login": "chen", "password": watertown.PASSWORD, "csrf_token": token}
    )
    assert answer.status_code == 303
    return client


def csrf(page: str) -> str:
    return page.split('name="csrf_token" value="')[1].split('"', maxsplit=1)[0]


def test_the_pages_lead_from_a_preset_to_what_is_due(
    signed: TestClient, db: Session, town: watertown.Watertown
) -> None:
    html = {"Accept": "text/html"}
    page = signed.get("/norms", headers=html).text
    assert "还没有标准：只有次数和覆盖，没有达标率。" in page
    assert "没有标准时只有次数和覆盖，没有达标率" in signed.get("/due", headers=html).text
    answer = signed.post("/norms/draft", data={"preset": "evaluator-river", "csrf_token": csrf(page)})
    where = answer.headers["Location"]
    page = signed.get(where, headers=html).text
    token = csrf(page)
    form = {
        "csrf_token": token, "name": "本县银发河长", "count": "2", "period": "week", "per": "person",
        "kind": "volunteer", "roles": ["river_steward"], "months": [str(m) for m in range(3, 13)],
        "min_metres": "200", "max_ridden": "30", "accepts": ["track", "paper"], "one_a_day": "yes",
    }  # fmt: skip
    assert signed.post(where, data=form).status_code == 303
    rule = Rule.from_json(db.scalars(select(Norm.rule)).one())
    assert (rule.count, rule.months, rule.minima) == (2, tuple(range(3, 13)), Minima(metres=200))
    assert (rule.caps.ridden_share, [a.mode.value for a in rule.accepts]) == (0.3, ["track", "paper"])
    wrong = signed.post(where, data={**form, "count": "两"})
    assert (wrong.status_code, "「两」不是数字" in wrong.text) == (422, True)
    trial = signed.get(
        where, params={"trial": "true", "first": "2026-05-01", "last": "2026-05-31"}, headers=html
    )
    assert "1 次巡查" in trial.text
    past = signed.post(f"{where}/adopt", data={"first_day": "2026-05-01", "csrf_token": token})
    assert (past.status_code, "不能早于今天" in past.text) == (422, True)
    adopted = signed.post(f"{where}/adopt", data={"first_day": today().isoformat(), "csrf_token": token})
    assert adopted.status_code == 303
    page = signed.get("/due", headers=html, params={"by": "period"}).text
    assert "本县银发河长" in page
    assert "王桂兰" in page
    assert "执行中" in signed.get(where, headers=html).text
    leave = {"kind": "leave", "person": "王桂兰", "first_day": today().isoformat(), "csrf_token": token}
    assert signed.post("/exemptions", data=leave).status_code == 303
    assert "王桂兰" in signed.get("/norms", headers=html).text
    twice = signed.post("/exemptions", data={**leave, "person": "无此人"})
    assert (twice.status_code, "无此人" in twice.text) == (422, True)


def test_the_page_of_a_patrol_takes_a_review(signed: TestClient, town: watertown.Watertown) -> None:
    where = f"/patrols/{town.patrol_id}"
    page = signed.get(where, headers={"Accept": "text/html"}).text
    assert "没有标准，走到就计入" in page
    token = csrf(page)
    bare = signed.post(f"{where}/review", data={"verdict": "not_counted", "csrf_token": token})
    assert (bare.status_code, "请写明核对的依据" in bare.text) == (422, True)
    done = signed.post(
        f"{where}/review", data={"verdict": "not_counted", "note": "<b>重复</b>", "csrf_token": token}
    )
    assert done.status_code == 303
    page = signed.get(where, headers={"Accept": "text/html"}).text
    assert "由协调员核对：&lt;b&gt;重复&lt;/b&gt;" in page
    listed = signed.get("/patrols", params={"verdict": "not_counted"}, headers={"Accept": "text/html"}).text
    assert str(town.patrol_id) in listed
    empty = signed.get("/patrols", params={"verdict": "review"}, headers={"Accept": "text/html"}).text
    assert "没有「待核」的巡查。" in empty


def test_the_api_tells_what_is_due_as_json_csv_and_xlsx(
    signed: TestClient, db: Session, town: watertown.Watertown
) -> None:
    db.add(Norm(county_id=town.county.id, name="每周", rule=WEEKLY.to_json(), in_force=ALWAYS))
    db.commit()
    asked = {"first": "2026-05-01", "last": "2026-05-31"}
    found = signed.get("/api/due", params=asked | {"limit": 2}).json()
    assert (found["due"], found["done"], found["count"], len(found["rows"])) == (5, 1, 5, 2)
    row = found["rows"][0]
    assert (row["person"], row["state"], row["days"]) == ("王桂兰", "met", ["2026-05-01"])
    more = signed.get("/api/due", params=asked | {"limit": 2, "cursor": found["next"]}).json()
    assert more["rows"][0]["first_day"] == "2026-05-11"
    for form, begin in (("csv", "\ufeff标准,镇街".encode()), ("xlsx", b"PK")):
        for by in ("period", "subject", "township"):
            answer = signed.get("/api/due", params=asked | {"as": form, "by": by})
            assert answer.content.startswith(begin)
    exported = db.scalars(select(Audit.detail).where(Audit.action == "due.export")).all()
    assert len(exported) == 6
    bad = signed.get("/api/due", params={"first": "2026-06-01", "last": "2026-05-01"})
    assert (bad.status_code, "对调" in bad.json()["detail"]) == (422, True)


def test_presets_are_told_with_their_source(signed: TestClient) -> None:
    presets = signed.get("/api/norms/presets").json()
    found = next(p for p in presets if p["code"] == "aheqi-2022-village")
    assert found["source"].startswith("新疆阿合奇，2022年")
    assert Rule.from_json(json.loads(json.dumps(found["rule"]))) == preset("aheqi-2022-village").rule
