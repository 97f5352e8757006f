"""Where the parts of the house meet: paper and figures, norms and days, companions and voids, backups."""

import datetime as dt
import io
import uuid
from pathlib import Path
from typing import Any

import pytest
import shapely
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service import files
from geo_service.accounts.scope import Actor, Scope
from geo_service.areas import service as areas
from geo_service.clock import today_in
from geo_service.coverage import windows
from geo_service.db import transaction
from geo_service.figures import behind, document, paper, reports
from geo_service.figures import service as figures
from geo_service.figures.service import Period
from geo_service.norms import service as norms
from geo_service.patrols import outings, reviews, service
from geo_service.patrols.outings import Sums
from geo_service.patrols.paper import Paper, take_paper
from geo_service.people import service as people
from geo_service.places import drawing
from geo_service.privacy import retention
from geo_service.rosters.options import RosterOptions
from geo_service.rosters.service import import_roster
from geo_service.settings import Settings
from geo_service.tables import County, Duty, IssuedReport, Norm, Patrol, Person, Place, StoredFile
from layers.crs import unproject
from layers.figures import Code, Counted
from layers.norms import Minima, Rule
from layers.norms import Period as Every
from layers.vocabulary import DutyKind, FileKind, Layer, Level, Right, Role, Verdict
from tests.geo_service.conftest import CRS, ORIGIN, SmallCounty
from tests.geo_service.test_backups import Home, home, outer, restored, sums, tree
from tests.geo_service.test_patrol_client import NOON, Client, county, friend, scope, walk, walker

__all__ = ["county", "friend", "home", "outer", "scope", "walker"]

DAY = NOON.date()
LATER = dt.timedelta(hours=3)


@pytest.fixture
def road(db: Session, county: County) -> Place:
    """2 km to the east from the origin, beside a river and a grid."""
    return db.scalars(select(Place).where(Place.name == "长安路")).one()


def counted(db: Session, scope: Scope, *, area: str | None = None) -> dict[Code, Counted]:
    asked = figures.asked(db, scope, DAY, DAY, area)
    return dict(figures.figures(db, scope, asked, listed=list(Code)).figures)


def values(db: Session, scope: Scope) -> tuple[float | None, ...]:
    """Outings, people (人次) and kilometres of the day, as figures tell them."""
    found = counted(db, scope)
    return tuple(found[code].value for code in (Code.X5, Code.A2, Code.A4))


def agreed(db: Session, scope: Scope) -> Sums:
    """Return the sums of the day's outings, which figures tell too: a patrol is told the same everywhere."""
    told, said = outings.counted(db, scope, DAY, DAY), counted(db, scope)
    assert (said[Code.X5].value, said[Code.A2].value) == (told.outings, told.people)
    assert said[Code.A4].value == pytest.approx(told.metres / 1000)
    return told


def covered_m(db: Session, place: Place) -> float:
    """Metres of a line that the day's patrols cover, from the roll-up."""
    db.refresh(place)
    spans = windows.covered_spans(db, place.county_id, DAY, DAY, {place.version_id: 0})
    return float(spans.length.sum()) / 10


def sent(
    client: Client, *corners: tuple[float, float], along: tuple[Person, ...] = (), start: dt.datetime = NOON
) -> uuid.UUID:
    client.begin(start, *along)
    client.batch(walk(*corners, start=start))
    client.end(1, start + LATER)
    return client.patrol_id


def duty(db: Session, person: Person, place: Place) -> None:
    db.add(
        Duty(
            county_id=place.county_id, person_id=person.id, place_id=place.id, kind=DutyKind.VOLUNTEER,
            role=Role.of(Layer(place.layer)), level=Level.VILLAGE,
            in_force=Range(DAY - dt.timedelta(days=90), None),
        )
    )  # fmt: skip
    db.flush()


def weekly(metres: float) -> Rule:
    return Rule(1, Every.WEEK, minima=Minima(metres=metres))


# --- paper, reviews, figures


def test_a_sheet_of_paper_counts_once_it_was_confirmed_and_only_so_long(
    db: Session, scope: Scope, road: Place, walker: Person, friend: Person
) -> None:
    sheet = Paper(walker.id, DAY, dt.time(8), dt.time(9, 30), [road.id], [friend.id])
    patrol_id = uuid.uuid4()
    assert take_paper(db, scope, patrol_id, sheet).verdict is Verdict.REVIEW
    assert values(db, scope) == (0, 0, 0)
    assert figures.figures(db, scope, figures.asked(db, scope, DAY, DAY)).waiting == 1
    reviews.review(db, scope, patrol_id, Verdict.COUNTED, "问过本人")
    assert agreed(db, scope) == Sums(1, 2, 0.0, 1.5)
    found = counted(db, scope)
    assert found[Code.X5].ids == [f"patrol/{patrol_id}"]
    assert (found[Code.A1].value, found[Code.A3].value) == (2, 3)
    reviews.review(db, scope, patrol_id, Verdict.NOT_COUNTED, "日期写错了")
    assert agreed(db, scope) == Sums(0, 0, 0.0, 0.0)


def test_what_is_not_counted_is_neither_covered_nor_told_until_a_review_brings_it_back(
    db: Session, scope: Scope, road: Place, walker: Person
) -> None:
    duty(db, walker, road)
    days = Range(DAY - dt.timedelta(days=7), None)
    db.add(Norm(county_id=scope.county_id, name="每周一次", rule=weekly(1500).to_json(), in_force=days))
    db.flush()
    patrol_id = sent(Client(db, scope, walker), (700, 5), (1100, 5))
    assert db.get_one(Patrol, patrol_id).verdict == Verdict.NOT_COUNTED
    assert (covered_m(db, road), values(db, scope)) == (0, (0, 0, 0))
    reviews.review(db, scope, patrol_id, Verdict.COUNTED, "手机没电了，同行人证实")
    assert covered_m(db, road) == pytest.approx(400, abs=1)
    assert agreed(db, scope).metres == pytest.approx(400, abs=1)
    reviews.review(db, scope, patrol_id, Verdict.NOT_COUNTED, "弄错了人")
    assert (covered_m(db, road), values(db, scope)) == (0, (0, 0, 0))


def test_who_names_no_period_is_told_of_the_roster_that_came_in_after_the_last_outing(
    db: Session, scope: Scope, road: Place, walker: Person
) -> None:
    sent(Client(db, scope, walker), (500, 5), (1000, 5))
    duty(db, walker, road)
    today = today_in(db, scope.county_id)
    db.execute(update(Duty).values(in_force=Range(today, None)))
    found = figures.figures(db, scope, figures.asked(db, scope))
    assert found.asked.period.last == today
    assert (found.figures[Code.X1].value, found.figures[Code.X5].value) == (1, 1)


# --- norms and days


def test_a_norm_adopted_for_tomorrow_does_not_touch_today(
    db: Session, scope: Scope, road: Place, walker: Person
) -> None:
    duty(db, walker, road)
    today = today_in(db, scope.county_id)
    recent = dt.datetime.now(NOON.tzinfo) - dt.timedelta(minutes=15)
    clients = [Client(db, scope, walker) for _ in range(2)]
    first = sent(clients[0], (700, 5), (1100, 5))
    norm_id = norms.draft(db, scope, "每周一次", weekly(1500))
    norms.adopt(db, scope, norm_id, today + dt.timedelta(days=1))
    assert norms.told(db, scope, norm_id).state_on(today) != norms.told(db, scope, norm_id).state_on(
        today + dt.timedelta(days=1)
    )
    clients[1].begin(recent)
    clients[1].batch(walk((700, 5), (1100, 5), start=recent))
    second = clients[1].end(1, recent + dt.timedelta(minutes=10)).patrol_id
    # What was there, what came after the adoption, and what is computed once more: none is held against it.
    judged = {row.id: row.verdict for row in db.scalars(select(Patrol))}
    assert judged == {first: Verdict.COUNTED, second: Verdict.COUNTED}
    drawing.set_geometry(db, scope, road.id, lonlat("LINESTRING (0 1, 2000 1)"))
    db.expire_all()
    assert {row.verdict for row in db.scalars(select(Patrol))} == {Verdict.COUNTED}
    assert agreed(db, scope).outings == 1


# --- companions


def test_the_sums_of_companions_are_the_same_in_figures_and_in_outings(
    db: Session, scope: Scope, road: Place, walker: Person, friend: Person, small_county: SmallCounty
) -> None:
    third = db.get_one(Person, small_county.person("赵六"))
    sent(Client(db, scope, walker), (500, 5), (1000, 5), along=(friend, third))
    assert agreed(db, scope).people == 3
    sent(Client(db, scope, friend), (500, 5), (900, 5))
    told = agreed(db, scope)
    assert (told.outings, told.people, told.metres) == (1, 3, pytest.approx(500, abs=1))
    alone = sent(Client(db, scope, third), (1300, 5), (1900, 5), start=NOON - LATER * 2)
    told = agreed(db, scope)
    assert (told.outings, told.people, told.metres) == (2, 4, pytest.approx(1100, abs=2))
    assert covered_m(db, road) == pytest.approx(1100, abs=2)
    service.void(db, scope, alone, "传错了")
    assert (agreed(db, scope).outings, counted(db, scope)[Code.A1].value) == (1, 3)


def test_voiding_a_patrol_leaves_that_of_a_companion_who_recorded_too(
    db: Session, scope: Scope, road: Place, walker: Person, friend: Person
) -> None:
    first = sent(Client(db, scope, walker), (500, 5), (1000, 5), along=(friend,))
    second = sent(Client(db, scope, friend), (500, 5), (800, 5))
    assert (agreed(db, scope).people, counted(db, scope)[Code.X5].ids) == (2, [f"patrol/{first}"])
    service.void(db, scope, first, "传错了")
    told = agreed(db, scope)
    assert (told.outings, told.people, told.metres) == (1, 1, pytest.approx(300, abs=1))
    assert counted(db, scope)[Code.X5].ids == [f"patrol/{second}"]
    assert covered_m(db, road) == pytest.approx(300, abs=1)


def test_of_two_companions_one_who_is_not_counted_leaves_the_other_standing(
    db: Session, scope: Scope, road: Place, walker: Person, friend: Person
) -> None:
    first = sent(Client(db, scope, walker), (500, 5), (1000, 5), along=(friend,))
    second = sent(Client(db, scope, friend), (500, 5), (800, 5))
    reviews.review(db, scope, first, Verdict.NOT_COUNTED, "骑车")
    assert (agreed(db, scope).outings, covered_m(db, road)) == (1, pytest.approx(300, abs=1))
    assert counted(db, scope)[Code.X5].ids == [f"patrol/{second}"]
    reviews.review(db, scope, first, Verdict.COUNTED, "问过，是走的")
    assert (agreed(db, scope).people, covered_m(db, road)) == (2, pytest.approx(500, abs=1))


# --- who is forgotten, what was issued


def test_who_is_forgotten_leaves_the_rows_of_figures_and_what_was_issued_stays(
    db: Session, scope: Scope, road: Place, walker: Person, friend: Person, tmp_path: Path
) -> None:
    duty(db, walker, road)
    duty(db, friend, road)
    sent(Client(db, scope, walker), (500, 5), (1000, 5), along=(friend,))
    asked = figures.asked(db, scope, DAY, DAY)
    made, docx = paper.draft(db, scope, asked)
    number = reports.issue(db, scope, tmp_path / "files", asked, made, docx)
    before, coverage = agreed(db, scope), covered_m(db, road)
    assert "王秀英" in rows_behind(db, scope, Code.X1)
    people.delete_person(db, scope, walker.id, data_dir=tmp_path)
    db.expire_all()
    for code in (Code.X1, Code.X5, Code.A1, Code.A2):
        assert "王秀英" not in rows_behind(db, scope, code)
    after = counted(db, scope)
    assert after[Code.A1].ids == [f"person/{friend.id}"]
    assert after[Code.X1].value == 2, "a past day keeps its duties, whose holder has no name any more"
    tomorrow = today_in(db, scope.county_id) + dt.timedelta(days=1)
    now = figures.figures(db, scope, figures.asked(db, scope, tomorrow, tomorrow), [Code.X1]).figures
    assert now[Code.X1].ids == [f"person/{friend.id}"]
    assert (agreed(db, scope), covered_m(db, road)) == (before, coverage), "what was done stays done"
    issued = reports.issued_one(db, scope, number).report
    assert (issued.figures[Code.X1].value, issued.figures[Code.A1].value) == (2, 2)
    kept = reports.document_of(db, scope, number)
    assert files.path_of(tmp_path / "files", kept.sha256).read_bytes() == docx
    annex = document.annex(issued, lambda figure: behind.rows(db, scope, figure, DAY))
    assert "王秀英".encode() not in annex


def rows_behind(db: Session, scope: Scope, code: Code) -> str:
    return str([list(row) for row in behind.rows(db, scope, counted(db, scope)[code], DAY).rows])


# --- places that come later


def lonlat(wkt: str) -> Any:
    """Return a geometry given in metres from the origin, in lon, lat."""
    return unproject(shapely.transform(shapely.from_wkt(wkt), lambda xy: xy + ORIGIN), CRS)


def test_a_place_that_is_drawn_later_brings_old_walks_and_papers_in(
    db: Session, scope: Scope, road: Place, walker: Person, small_county: SmallCounty
) -> None:
    river = small_county.place(Layer.RIVER, "海沟河", None)
    duty(db, walker, river)
    sheet = Paper(walker.id, DAY, dt.time(6), dt.time(7), [river.id])
    take_paper(db, scope, paper_id := uuid.uuid4(), sheet)
    reviews.review(db, scope, paper_id, Verdict.COUNTED, "问过本人")
    walked = sent(Client(db, scope, walker), (0, 1500), (800, 1500))
    known = db.get_one(Patrol, walked).verdict
    before = outings.counted(db, scope, DAY, DAY)
    drawn = drawing.set_geometry(db, scope, river.id, lonlat("LINESTRING (-100 1505, 1500 1505)"))
    db.expire_all()
    assert drawn.changed
    # No place was near its ends when it came: 200 m at each were cut for the sake of a home, for good.
    assert covered_m(db, river) == pytest.approx(400, abs=10)
    assert db.get_one(Patrol, walked).verdict == Verdict.COUNTED
    told = agreed(db, scope)
    assert told.outings == before.outings + (known != Verdict.COUNTED)


# --- originals


def test_originals_of_rosters_are_kept_and_expire(
    db: Session, scope: Scope, county: County, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path)
    folder = tmp_path / "files"
    text = "河道名称,长度(km),银发河长,银发河长电话\n东河,3.2,钱大爷,13800000003\n".encode("gbk")
    options = RosterOptions(keep_in=folder)
    import_roster(db, scope, io.BytesIO(text), "河道.csv", options)
    kept = db.scalars(select(StoredFile)).one()
    assert (kept.kind, kept.name) == (FileKind.ORIGINAL, "河道.csv")
    assert files.path_of(folder, kept.sha256).read_bytes() == text
    retention.run(db.connection(), settings, Actor())
    assert files.path_of(folder, kept.sha256).exists()
    past = dt.datetime.now(dt.UTC) - dt.timedelta(days=settings.raw_days + 1)
    db.execute(update(StoredFile).values(created_at=past))
    retention.run(db.connection(), settings, Actor())
    db.expire_all()
    assert db.scalars(select(StoredFile)).all() == []
    assert [place.name for place in db.scalars(select(Place).where(Place.name == "东河"))] == ["东河"]


# --- backups


def test_a_restored_backup_keeps_norms_files_and_issued_reports(home: Home, outer: Path) -> None:
    scope = Scope(home.county_id, Actor(os_user="tester"), dict.fromkeys(Right, None))
    period = Period(dt.date(2026, 5, 1), dt.date(2026, 5, 31))
    with transaction(home.engine) as db:
        norm_id = norms.draft(db, scope, "每周一次", weekly(300))
        norms.adopt(db, scope, norm_id, today_in(db, scope.county_id) + dt.timedelta(days=1))
        draft_id = norms.draft(db, scope, "草稿", weekly(500))
        asked = figures.asked(db, scope, period.first, period.last)
        made, docx = paper.draft(db, scope, asked)
        number = reports.issue(db, scope, home.settings.files_dir, asked, made, docx)
        told = figures.figures(db, scope, asked)
        rules = {norm.id: (norm.name, norm.rule, norm.in_force) for norm in db.scalars(select(Norm))}
    backup = home.make()
    before, kept = sums(home.engine), tree(home.settings.files_dir)
    with restored(home, backup.path, outer / "seams") as (engine, _), transaction(engine) as db:
        after = sums(engine)
        assert {name for name in before if before[name] != after[name]} == {"audit"}
        assert tree(outer / "seams/files") == kept
        found = {norm.id: (norm.name, norm.rule, norm.in_force) for norm in db.scalars(select(Norm))}
        assert found == rules
        assert set(found) >= {norm_id, draft_id}
        issued = reports.issued_one(db, scope, number)
        assert (issued.report, len(db.scalars(select(IssuedReport)).all())) == (made, 1)
        paper_kept = reports.document_of(db, scope, number)
        assert files.path_of(outer / "seams/files", paper_kept.sha256).read_bytes() == docx
        again = figures.figures(db, scope, figures.asked(db, scope, period.first, period.last))
        assert again.figures == told.figures


# --- words of the commands


def test_an_area_is_found_by_its_code_as_offices_write_it(
    db: Session, scope: Scope, road: Place, small_county: SmallCounty
) -> None:
    above = small_county.area("321281000000", level="county")
    town = small_county.area("321281100000", above)
    asked = figures.asked(db, scope, DAY, DAY, "321281100")
    assert asked.area_id == areas.area_id_of(db, scope, "321281100") == town.id
