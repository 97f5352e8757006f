"""Places: measured, laid on townships and villages, numbered, matched, listed."""

from collections.abc import Iterable

import numpy as np
import pytest
import shapely
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor
from geo_service.areas import service as areas
from geo_service.areas.service import AreaOptions
from geo_service.areas.tree import AreaRow
from geo_service.places import service
from geo_service.places.membership import Districts, of_lines
from geo_service.tables import Area, County, Place, PlaceArea, PlaceCells, PlaceVersion
from layers import crs
from layers.drafts import PlaceDraft, Source
from layers.errors import BadRow
from layers.features import Box
from layers.lines import LineSet
from layers.vocabulary import Layer

CRS = "EPSG:4549"
CLERK = Actor(os_user="clerk")
ORIGIN = np.array([480_000.0, 3_640_000.0])
WEST, EAST, WEST_1, WEST_2, EAST_1 = (
    "321281001000",
    "321281100000",
    "321281001001",
    "321281001002",
    "321281100200",
)


def lonlat(wkt: str) -> shapely.Geometry:
    """Return a geometry given in metres from ORIGIN in degrees."""
    return crs.unproject(shapely.transform(shapely.from_wkt(wkt), lambda xy: xy + ORIGIN), CRS)


def box(west: float, south: float, east: float, north: float) -> shapely.Geometry:
    return shapely.multipolygons([lonlat(shapely.box(west, south, east, north).wkt)])


def line(wkt: str) -> shapely.MultiLineString:
    geometry = lonlat(wkt)
    return geometry if geometry.geom_type == "MultiLineString" else shapely.multilinestrings([geometry])


def draft(name: str | None, geometry: shapely.Geometry | None, **more: object) -> PlaceDraft:
    sources = [Source(f"geo/{name}", geometry)] if geometry is not None else []
    return PlaceDraft(**{"name": name, "geometry": geometry, "sources": sources, "rows": [1], **more})


ROWS = [
    (WEST[:6], "兴化市", None),
    (WEST, "昭阳街道", box(0, 0, 1000, 1000)),
    (EAST, "戴窑镇", None),
    (WEST_1, "水关居委会", box(0, 0, 1000, 400)),
    (WEST_2, "迎丰居委会", box(0, 400, 1000, 1000)),
    (EAST_1, "胜利村委会", box(1000, 0, 2000, 1000)),
]
"""Two townships side by side; the border of the eastern one is only known by its village."""


@pytest.fixture
def county(db: Session) -> County:
    rows = [AreaRow("test", k, code, name, geometry=border) for k, (code, name, border) in enumerate(ROWS)]
    areas.store_areas(db, CLERK, rows, AreaOptions())
    return areas.county_of(db)


@pytest.fixture
def bare(db: Session) -> County:
    """The same county without borders."""
    rows = [AreaRow("test", k, code, name) for k, (code, name, _) in enumerate(ROWS)]
    areas.store_areas(db, CLERK, rows, AreaOptions(bounds=Box(119.7, 32.7, 120.1, 33.1)))
    return areas.county_of(db)


def lies_in(db: Session, place_id: int) -> dict[str, list[tuple[int, int]] | None]:
    rows = db.execute(
        select(Area.code, PlaceArea.spans)
        .join(Area, Area.id == PlaceArea.area_id)
        .join(Place, Place.version_id == PlaceArea.place_version_id)
        .where(Place.id == place_id)
    )
    return {code: spans and [(span.lower, span.upper) for span in spans] for code, spans in rows}


def add(db: Session, county: County, layer: Layer, *drafts: PlaceDraft) -> list[Place]:
    ids = service.add_places(db, county, layer, drafts)
    found = {place.id: place for place in db.scalars(select(Place).where(Place.id.in_(ids)))}
    return [found[id_] for id_ in ids]


# --- measured and stored


def test_a_river_is_stored_with_its_measure(db: Session, county: County) -> None:
    (river,) = add(db, county, Layer.RIVER, draft("东河", line("LINESTRING (100 500, 100 800, 1500 800)")))
    assert (river.code, river.code_made, river.name, river.in_scheme) == (
        "RV-321281-00001",
        True,
        "东河",
        True,
    )
    version = db.get_one(PlaceVersion, river.version_id)
    assert version.length_dm == 17_000
    ends = db.execute(
        text("select ST_M(ST_EndPoint(ST_GeometryN(line, 1))), ST_SRID(line), number from place_version")
    ).one()
    assert ends == (pytest.approx(1700, abs=1e-6), 4326, 1)
    assert version.sources == [{"id": "geo/东河", "spans": [[0, 17_000]]}]


def test_a_river_of_two_townships_belongs_to_both(db: Session, county: County) -> None:
    (river,) = add(db, county, Layer.RIVER, draft("东河", line("LINESTRING (100 300, 1600 300)")))
    assert lies_in(db, river.id) == {
        WEST: [(0, 9_000)],
        WEST_1: [(0, 9_000)],
        EAST: [(9_000, 15_000)],
        EAST_1: [(9_000, 15_000)],
    }
    assert db.get_one(Area, river.area_id).code == WEST_1


def test_a_river_along_a_border_belongs_to_both_banks(db: Session, county: County) -> None:
    (river,) = add(db, county, Layer.RIVER, draft("界河", line("LINESTRING (1000 100, 1000 300)")))
    whole = [(0, 2_000)]
    assert lies_in(db, river.id) == {WEST: whole, WEST_1: whole, EAST: whole, EAST_1: whole}


def test_a_river_along_a_border_and_beyond_its_corner_ends_with_it(db: Session, county: County) -> None:
    (river,) = add(db, county, Layer.RIVER, draft("边河", line("LINESTRING (0 500, 0 1400)")))
    # Canonical order begins in the north: by a hair it lies further west in degrees.
    assert lies_in(db, river.id) == {WEST: [(4_000, 9_000)], WEST_2: [(4_000, 9_000)]}


def test_a_river_that_winds_over_a_border_has_several_spans_there(db: Session, county: County) -> None:
    wave = "LINESTRING (900 100, 1100 100, 1100 200, 900 200, 900 300, 950 300)"
    (river,) = add(db, county, Layer.RIVER, draft("弯河", line(wave)))
    spans = lies_in(db, river.id)
    assert spans[EAST] == [(1_000, 4_000)]
    assert spans[WEST] == [(0, 1_000), (4_000, 6_500)]


def test_parts_of_a_line_keep_their_measures(db: Session, county: County) -> None:
    two = "MULTILINESTRING ((1200 100, 1300 100), (100 100, 200 100))"
    (river,) = add(db, county, Layer.RIVER, draft("断河", line(two)))
    # Canonical order: the western part first.
    assert lies_in(db, river.id)[WEST] == [(0, 1_000)]
    assert lies_in(db, river.id)[EAST] == [(1_000, 2_000)]


def test_each_source_keeps_its_spans(db: Session, county: County) -> None:
    pieces = [line("LINESTRING (100 100, 400 100)"), line("LINESTRING (400 100, 900 100)")]
    whole = shapely.multilinestrings(shapely.get_parts(np.array(pieces)))
    sources = [Source("way/1", pieces[1]), Source("way/2", pieces[0])]
    (road,) = add(db, county, Layer.ROAD, draft("人民路", whole, sources=sources))
    version = db.get_one(PlaceVersion, road.version_id)
    assert sorted(version.sources, key=lambda source: source["id"]) == [
        {"id": "way/1", "spans": [[3_000, 8_000]]},
        {"id": "way/2", "spans": [[0, 3_000]]},
    ]


def test_a_compound_lies_where_most_of_it_lies(db: Session, county: County) -> None:
    (compound,) = add(db, county, Layer.COMPOUND, draft("海德花园", box(300, 300, 500, 420)))
    assert lies_in(db, compound.id) == {WEST: None, WEST_1: None}
    assert compound.code == f"C{WEST_1}0001"
    version = db.get_one(PlaceVersion, compound.version_id)
    assert version.area_m2 == pytest.approx(24_000, rel=1e-6)
    inside, edge = db.execute(
        select(func.sum(func.bit_count(PlaceCells.inside)), func.sum(func.cardinality(PlaceCells.edge_cell)))
    ).one()
    assert inside * 100 >= 24_000 > (inside - edge) * 100


def test_grids_are_numbered_as_one_reads_a_map(db: Session, county: County) -> None:
    grids = [
        draft("丙", box(0, 0, 100, 100)),
        draft("乙", box(300, 300, 400, 400)),
        draft("甲", box(0, 300, 100, 400)),
        draft("丁", box(100, 500, 200, 600)),
        draft("己", box(500, 0, 600, 100), code="321281001001009"),
    ]
    placed = add(db, county, Layer.GRID, *grids)
    assert {place.name: place.code for place in placed} == {
        "甲": f"{WEST_1}010",
        "乙": f"{WEST_1}011",
        "丙": f"{WEST_1}012",
        "丁": f"{WEST_2}001",
        "己": f"{WEST_1}009",
    }


def test_unnamed_areas_get_township_and_number(db: Session, county: County) -> None:
    first = add(db, county, Layer.COMPOUND, draft(None, box(0, 0, 100, 100)))
    more = add(
        db,
        county,
        Layer.COMPOUND,
        draft(None, box(1500, 0, 1600, 100)),
        draft(None, box(200, 500, 300, 600)),
        draft(None, box(9000, 9000, 9100, 9100)),
    )
    assert [place.name for place in first] == ["昭阳街道1号小区"]
    assert [place.name for place in more] == ["戴窑镇1号小区", "昭阳街道2号小区", "兴化市1号小区"]


def test_unnamed_rivers_stay_unnamed(db: Session, county: County) -> None:
    (river,) = add(
        db, county, Layer.RIVER, draft(None, line("LINESTRING (100 100, 400 100)"), in_scheme=False)
    )
    assert (river.name, river.in_scheme) == (None, False)


def test_a_place_may_have_a_name_and_no_geometry(db: Session, county: County) -> None:
    (river,) = add(db, county, Layer.RIVER, draft("生产河", None, attributes={"township": "戴窑"}))
    assert river.version_id is None
    assert db.get_one(Area, river.area_id).code == EAST


def test_a_line_of_nothing_is_refused(db: Session, county: County) -> None:
    with pytest.raises(BadRow, match=r"0.1 米"):
        add(db, county, Layer.RIVER, draft("点河", line("LINESTRING (100 100, 100.02 100)")))


# --- without borders


def test_without_borders_the_columns_say_where_a_place_lies(db: Session, bare: County) -> None:
    river, grid = (
        *add(
            db,
            bare,
            Layer.RIVER,
            draft(
                "东河",
                line("LINESTRING (100 300, 1600 300)"),
                attributes={"township": "昭阳街道", "village": "水关、迎丰"},
            ),
        ),
        *add(db, bare, Layer.GRID, draft("一号", box(0, 0, 100, 100), attributes={"village": "胜利村"})),
    )
    assert lies_in(db, river.id) == {code: [(0, 15_000)] for code in (WEST, WEST_1, WEST_2)}
    assert db.get_one(Area, river.area_id).code == WEST
    assert lies_in(db, grid.id) == {EAST: None, EAST_1: None}
    assert grid.code == f"{EAST_1}001"


def test_without_borders_an_unknown_township_is_refused(db: Session, bare: County) -> None:
    with pytest.raises(BadRow, match=r"第 1 行「东河」.*昭扬"):
        add(
            db,
            bare,
            Layer.RIVER,
            draft("东河", line("LINESTRING (0 0, 9 0)"), attributes={"township": "昭扬"}),
        )


def test_a_village_without_border_has_the_townships_part(db: Session) -> None:
    rows = [AreaRow("t", k, code, name, geometry=border) for k, (code, name, border) in enumerate(ROWS[:2])]
    rows.append(AreaRow("t", 9, WEST_2, "迎丰居委会"))
    areas.store_areas(db, CLERK, rows, AreaOptions())
    county = areas.county_of(db)
    (river,) = add(
        db,
        county,
        Layer.RIVER,
        draft("东河", line("LINESTRING (100 300, 1600 300)"), attributes={"village": "迎丰"}),
    )
    assert lies_in(db, river.id) == {WEST: [(0, 9_000)], WEST_2: [(0, 9_000)]}


def test_places_are_laid_on_areas_anew_when_borders_come(db: Session, bare: County) -> None:
    (river, listed) = add(
        db,
        bare,
        Layer.RIVER,
        draft("东河", line("LINESTRING (100 300, 1600 300)")),
        draft("西河", None, attributes={"village": "迎丰"}),
    )
    (grid,) = add(db, bare, Layer.GRID, draft("一号", box(0, 0, 100, 100)))
    assert (lies_in(db, river.id), river.area_id, grid.area_id) == ({}, None, None)
    rows = [AreaRow("test", k, code, name, geometry=border) for k, (code, name, border) in enumerate(ROWS)]
    assert areas.store_areas(db, CLERK, rows, AreaOptions()).plan.moves_borders
    assert service.lay_on_areas(db, bare) == 3
    assert lies_in(db, river.id)[EAST_1] == [(9_000, 15_000)]
    assert lies_in(db, grid.id) == {WEST: None, WEST_1: None}
    db.expire_all()
    codes = [db.get_one(Area, place.area_id).code for place in (river, listed, grid)]
    assert codes == [WEST_1, WEST_2, WEST_1]


# --- membership against dense sampling

paths = st.lists(
    st.tuples(st.integers(-300, 2300), st.integers(-300, 1300)), min_size=2, max_size=8, unique=True
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(paths, min_size=1, max_size=4))
@example([[(0, 1), (1, 0), (1003, 0), (0, 0)]])  # it turns back over the border
def test_membership_agrees_with_a_point_every_metre(db: Session, county: County, drawn: list) -> None:
    districts = Districts.of(areas.areas_of(db, county.id), CRS)
    lines = [shapely.LineString(np.array(path, float) + ORIGIN) for path in drawn]
    found = of_lines(LineSet.of(lines), [()] * len(lines), districts)
    codes = {id_: area.code for id_, area in districts.areas.items()}
    outlines = {code: crs.project(border, CRS) for code, _, border in ROWS if border is not None}
    outlines[EAST] = outlines[EAST_1]
    for one, membership in zip(lines, found, strict=True):
        measures = np.arange(0.5, one.length)
        points = shapely.line_interpolate_point(one, measures)
        inside = {codes[id_]: spans for id_, spans in membership.items() if spans is not None}
        for code, outline in outlines.items():
            got = sum(float(b - a) / 10 for a, b in inside.get(code, np.empty((0, 2))))
            # A line on the border may lie on either side of it by rounding, and counts for both.
            least = float(shapely.contains(outline, points).sum())
            most = float(shapely.dwithin(outline, points, 0.02).sum())
            crossings = len(shapely.get_parts(shapely.intersection(one, outline.boundary))) + 2
            assert least - crossings <= got <= most + crossings


def test_thousands_of_rivers_come_in_one_go(db: Session, county: County) -> None:
    drafts = [
        draft(
            f"{k}号河",
            line(f"LINESTRING ({k % 50 * 30} {k // 50 * 20}, {k % 50 * 30 + 200} {k // 50 * 20 + 90})"),
        )
        for k in range(2_000)
    ]
    ids = service.add_places(db, county, Layer.RIVER, drafts)
    assert len(set(ids)) == 2_000
    assert _counts(db) == (2_000, 2_000)
    names = dict(db.execute(select(Place.id, Place.name)).all())
    assert [names[id_] for id_ in ids] == [one.name for one in drafts]


def _counts(db: Session) -> Iterable[int]:
    in_force = select(func.count()).select_from(Place).join(PlaceVersion, PlaceVersion.id == Place.version_id)
    return db.scalar(select(func.count()).select_from(Place)), db.scalar(in_force)
