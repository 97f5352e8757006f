"""Counties and their trees, from files and by hand."""

import datetime as dt
import json
import uuid
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor
from geo_service.areas import service
from geo_service.areas.names import AreaNames
from geo_service.areas.service import AreaOptions
from geo_service.areas.tree import StoredArea
from geo_service.errors import Conflict, Invalid, NotFound
from geo_service.tables import Area, Audit, County, Import, Patrol
from layers.errors import BadFile, BadRow, UnknownTimeZone
from layers.features import Box
from layers.vocabulary import Level

CLERK = Actor(os_user="clerk")
XINGHUA = [
    ("320000", "江苏省"),
    ("321200", "泰州市"),
    ("321281", "兴化市"),
    ("321281001", "昭阳街道"),
    ("321281100", "戴窑镇"),
    ("321281001001", "水关居委会"),
    ("321281001002", "迎丰居委会"),
    ("321281100200", "胜利村委会"),
    ("321283", "泰兴市"),
]


def csv(folder: Path, rows: list[tuple[str, ...]], head: str = "编码,名称", name: str = "areas.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([head, *(",".join(row) for row in rows)]), "utf-8-sig")
    return path


def square(west: float, south: float, size: float = 0.1) -> dict[str, object]:
    ring = [
        [west, south],
        [west + size, south],
        [west + size, south + size],
        [west, south + size],
        [west, south],
    ]
    return {"type": "Polygon", "coordinates": [ring]}


def geojson(
    folder: Path, rows: list[tuple[str, str, dict[str, object] | None]], name: str = "a.geojson"
) -> Path:
    features = [
        {"type": "Feature", "properties": {"code": code, "name": title}, "geometry": geometry}
        for code, title, geometry in rows
    ]
    path = folder / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def run(db: Session, *paths: Path, **options: object) -> service.AreaReport:
    return service.import_areas(db, CLERK, paths, AreaOptions(**options))  # type: ignore[arg-type]


def tree(db: Session) -> dict[str, tuple[str, str | None]]:
    county = service.county_of(db)
    return {area.code: (area.name, area.parent) for area in service.areas_of(db, county.id)}


def test_a_list_of_codes_makes_the_county_and_its_tree(db: Session, tmp_path: Path) -> None:
    report = run(db, csv(tmp_path, XINGHUA), code="321281")
    county = service.county_of(db)
    assert (county.code, county.name, county.time_zone, county.crs) == (
        "321281",
        "兴化市",
        "Asia/Shanghai",
        None,
    )
    assert report.left_out == 3  # the province, the city, and the neighbour
    assert len(report.plan.added) == 6
    assert tree(db)["321281001002"] == ("迎丰居委会", "321281001000")
    assert tree(db)["321281001000"] == ("昭阳街道", "321281000000")
    assert tree(db)["321281000000"] == ("兴化市", None)
    assert db.scalar(select(func.count()).select_from(Import)) == 1
    about_counties = select(Audit.action).where(Audit.county_id.is_not(None)).order_by(Audit.id)
    assert db.scalars(about_counties).all()[-2:] == ["county.create", "areas.import"]


def test_a_file_of_two_counties_asks_which(db: Session, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="--code"):
        run(db, csv(tmp_path, [*XINGHUA, ("321283001", "济川街道")]))


def test_the_same_file_again_changes_nothing(db: Session, tmp_path: Path) -> None:
    path = csv(tmp_path, XINGHUA)
    run(db, path, code="321281")
    again = run(db, path, code="321281")
    assert (again.plan.same, again.plan.added, again.plan.changed, again.plan.gone) == (6, [], [], [])
    assert not again.changes
    assert db.scalar(select(func.count()).select_from(Import)) == 1


def test_a_changed_tree_is_updated_and_nothing_is_deleted(db: Session, tmp_path: Path) -> None:
    run(db, csv(tmp_path, XINGHUA), code="321281")
    changed = [
        ("321281001", "昭阳新街道"),
        ("321281101", "合陈镇"),
        ("321281001001", "水关居委会"),
    ]
    report = run(db, csv(tmp_path, changed))
    assert [(draft.code, what) for draft, what in report.plan.changed] == [("321281001000", ["名称"])]
    assert [draft.name for draft in report.plan.added] == ["合陈镇"]
    assert [area.name for area in report.plan.gone] == ["迎丰居委会", "戴窑镇", "胜利村委会"]
    assert len(tree(db)) == 7


def test_a_second_file_of_another_level_reports_no_township_as_gone(db: Session, tmp_path: Path) -> None:
    run(db, csv(tmp_path, XINGHUA[2:5]))
    report = run(db, csv(tmp_path, XINGHUA[5:8]))
    assert report.plan.gone == []
    assert len(tree(db)) == 6


def test_a_dry_run_stores_nothing(db: Session, tmp_path: Path) -> None:
    report = service.import_areas(db, CLERK, [csv(tmp_path, XINGHUA[2:8])], AreaOptions(), dry_run=True)
    assert len(report.plan.added) == 6
    assert db.scalars(select(County)).all() == []
    assert db.scalars(select(Audit).where(Audit.county_id.is_not(None))).all() == []


def test_a_list_without_the_county_needs_its_name(db: Session, tmp_path: Path) -> None:
    villages = csv(tmp_path, XINGHUA[3:5])
    with pytest.raises(BadFile, match="--county"):
        run(db, villages)
    run(db, villages, name="兴化市")
    assert service.county_of(db, "321281000000").name == "兴化市"


def test_a_village_without_its_township_is_refused_with_its_row(db: Session, tmp_path: Path) -> None:
    with pytest.raises(BadRow, match=r"第 4 行.*321281101000.*镇街") as refused:
        run(db, csv(tmp_path, [XINGHUA[2], XINGHUA[3], ("321281101200", "孤村")]))
    assert refused.value.row == 4
    assert db.scalars(select(County)).all() == []


def test_two_names_for_one_code_are_refused(db: Session, tmp_path: Path) -> None:
    with pytest.raises(BadRow, match=r"第 3 行.*重复"):
        run(db, csv(tmp_path, [XINGHUA[2], ("321281", "兴化县")]))


def test_revoked_rows_are_left_out_and_told(db: Session, tmp_path: Path) -> None:
    report = run(db, csv(tmp_path, [*XINGHUA[2:5], ("321281102", "老圩乡(已撤销)")]))
    assert len(tree(db)) == 3
    assert any("已撤销" in note for note in report.notes)


def test_a_workbook_with_numbers_as_codes(db: Session, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in [("区划代码", "区划名称"), *((int(code), name) for code, name in XINGHUA[2:8])]:
        book.active.append(row)
    book.save(tmp_path / "areas.xlsx")
    run(db, tmp_path / "areas.xlsx")
    assert tree(db)["321281100200"] == ("胜利村委会", "321281100000")


def test_codes_of_text_with_parents_by_code_or_name(db: Session, tmp_path: Path) -> None:
    rows = [
        ("BT", "Landkreis", ""),
        ("BT-N", "Nord", "BT"),
        ("BT-S", "Süd", "Landkreis"),
        ("BT-N1", "Dorf", "Nord"),
    ]
    path = csv(tmp_path, rows, head="code,name,parent")
    with pytest.raises(UnknownTimeZone, match="--tz"):
        run(db, path)
    run(db, path, time_zone="Europe/Berlin")
    assert tree(db) == {
        "BT": ("Landkreis", None),
        "BT-N": ("Nord", "BT"),
        "BT-S": ("Süd", "BT"),
        "BT-N1": ("Dorf", "BT-N"),
    }
    levels = {row.code: row.level for row in db.execute(select(Area.code, Area.level))}
    assert levels == {"BT": "county", "BT-N": "township", "BT-S": "township", "BT-N1": "village"}


def test_a_ring_of_parents_is_refused(db: Session, tmp_path: Path) -> None:
    rows = [("R", "Root", ""), ("A", "Eins", "B"), ("B", "Zwei", "A")]
    with pytest.raises(BadRow, match="圈"):
        run(db, csv(tmp_path, rows, head="code,name,parent"), time_zone="Europe/Berlin")


def test_borders_give_the_extent_and_the_metric_crs(db: Session, tmp_path: Path) -> None:
    rows = [
        ("321281", "兴化市", None),
        ("321281001", "昭阳街道", square(119.8, 32.9)),
        ("321281100", "戴窑镇", square(119.9, 32.9)),
    ]
    report = run(db, geojson(tmp_path, rows))
    county = service.county_of(db)
    assert service.box_of(county) == pytest.approx((119.8, 32.9, 120.0, 33.0))
    assert county.crs == "EPSG:4549"
    assert report.plan.moves_borders
    again = run(db, geojson(tmp_path, rows))
    assert (again.changes, again.plan.moves_borders) == (False, False)
    # A list without borders keeps them.
    run(db, csv(tmp_path, [("321281001", "昭阳街道")]))
    kept = {area.code: area.geometry for area in service.areas_of(db, county.id)}
    assert kept["321281001000"].area == pytest.approx(0.01)


def test_a_moved_border_is_a_change(db: Session, tmp_path: Path) -> None:
    rows = [("321281", "兴化市", square(119.8, 32.9, 0.4)), ("321281001", "昭阳街道", square(119.8, 32.9))]
    run(db, geojson(tmp_path, rows))
    report = run(db, geojson(tmp_path, [rows[0], ("321281001", "昭阳街道", square(119.8, 32.9, 0.12))]))
    assert [(draft.code, what) for draft, what in report.plan.changed] == [("321281001000", ["边界"])]
    assert report.plan.moves_borders


def test_lines_where_borders_belong_are_refused(db: Session, tmp_path: Path) -> None:
    line = {"type": "LineString", "coordinates": [[119.8, 32.9], [119.9, 32.9]]}
    with pytest.raises(BadRow, match="面"):
        run(db, geojson(tmp_path, [("321281", "兴化市", line)]))


def test_json_that_is_cut_off_is_refused(db: Session, tmp_path: Path) -> None:
    path = tmp_path / "streets.json"
    path.write_text('[{"code": "321281001", "name": "昭')
    with pytest.raises(BadFile, match="JSON"):
        run(db, path)


def test_a_county_without_a_file(db: Session) -> None:
    options = AreaOptions(name="兴化市", code="321281", bounds=Box(119.7, 32.7, 120.3, 33.2))
    service.make_county(db, CLERK, options)
    county = service.county_of(db)
    assert (county.name, county.crs, county.west) == ("兴化市", "EPSG:4549", 119.7)
    assert tree(db) == {"321281000000": ("兴化市", None)}
    assert not service.make_county(db, CLERK, options).changes
    with pytest.raises(Invalid, match="西,南,东,北"):
        service.make_county(db, CLERK, replace(options, bounds=Box(120, 33, 119, 32)))


def test_the_clock_stays_once_days_were_taken_by_it(db: Session) -> None:
    service.make_county(db, CLERK, AreaOptions(name="兴化市", code="321281"))
    service.make_county(db, CLERK, AreaOptions(name="兴化市", code="321281", time_zone="Asia/Urumqi"))
    county = service.county_of(db)
    assert county.time_zone == "Asia/Urumqi"
    with pytest.raises(Invalid, match="时区"):
        service.make_county(db, CLERK, AreaOptions(name="兴化市", code="321281", time_zone="Mars/Crater"))
    _patrol(db, county)
    with pytest.raises(Conflict, match="计日"):
        service.make_county(db, CLERK, AreaOptions(name="兴化市", code="321281", time_zone="Asia/Shanghai"))


def _patrol(db: Session, county: County) -> None:
    now = dt.datetime(2024, 5, 1, 8, tzinfo=dt.UTC)
    db.add(
        Patrol(
            county_id=county.id, id=uuid.uuid4(), day=now.date(), started_at=now, ended_at=now,
            walked_m=1.0, fixes=2, cleaning={}, verdict="counted",
        )
    )  # fmt: skip
    db.flush()


def test_which_county_is_asked_where_there_are_several(db: Session) -> None:
    with pytest.raises(NotFound, match="areas"):
        service.county_of(db)
    service.make_county(db, CLERK, AreaOptions(name="兴化市", code="321281"))
    service.make_county(db, CLERK, AreaOptions(name="新郑市", code="410184"))
    with pytest.raises(NotFound, match=r"--county.*321281 兴化市.*410184 新郑市"):
        service.county_of(db)
    assert service.county_of(db, "410184").name == "新郑市"
    with pytest.raises(NotFound):
        service.county_of(db, "320000")


def test_descendants_are_the_areas_below(db: Session, tmp_path: Path) -> None:
    run(db, csv(tmp_path, XINGHUA[2:8]))
    county = service.county_of(db)
    ids = {area.code: area.id for area in service.areas_of(db, county.id)}
    below = service.descendants(db, county.id, [ids["321281001000"]])
    assert below == {ids[code] for code in ("321281001000", "321281001001", "321281001002")}
    assert len(service.descendants(db, county.id, [ids["321281000000"]])) == 6
    assert service.descendants(db, county.id, []) == frozenset()


def names() -> AreaNames:
    def area(id_: int, code: str, name: str, level: Level, parent: str) -> StoredArea:
        return StoredArea(id_, code, name, level, parent, None)

    return AreaNames.of(
        [
            StoredArea(1, "321281000000", "兴化市", Level.COUNTY, None, None),
            area(2, "321281001000", "昭阳街道", Level.TOWNSHIP, "321281000000"),
            area(3, "321281100000", "戴窑镇", Level.TOWNSHIP, "321281000000"),
            area(4, "321281001001", "胜利居委会", Level.VILLAGE, "321281001000"),
            area(5, "321281100200", "胜利村委会", Level.VILLAGE, "321281100000"),
            area(6, "321281100201", "高桂村委会", Level.VILLAGE, "321281100000"),
        ]
    )


@pytest.mark.parametrize(
    ("township", "village", "found"),
    [
        ("昭阳街道", None, 2),
        ("昭阳", None, 2),
        ("321281001", None, 2),
        (" 戴窑 ", None, 3),
        ("戴窑镇", "胜利村", 5),
        ("昭阳街道", "胜利社区", 4),
        (None, "胜利村委会", 5),
        (None, "高桂村", 6),
        (None, "321281100201", 6),
        (None, None, None),
    ],
)
def test_areas_are_found_as_people_write_them(
    township: str | None, village: str | None, found: int | None
) -> None:
    area = names().find(township, village)
    assert (area.id if area else None) == found


@pytest.mark.parametrize(("township", "village"), [(None, "胜利"), ("昭阳", "高桂村"), ("昭扬街道", None)])
def test_a_name_that_is_unclear_or_unknown_is_told(township: str | None, village: str | None) -> None:
    with pytest.raises(Invalid, match="请"):
        names().find(township, village)
