"""Real maps: what they become."""

import gzip
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely
from pyproj import Geod
from shapely import MultiLineString, MultiPolygon

from layers import compounds, crs, readers, rivers, roads
from layers.drafts import Draft, DraftOptions, PlaceDraft
from layers.errors import BadFile, OutsideCounty
from layers.features import Box
from layers.vocabulary import Datum, Layer

GUIXI = Box(117.19, 28.28, 117.26, 28.32)
SCHILLERSTRASSE = "way/112450623"
PARK_PATH = "way/135511621"


def roads_of(path: Path, options: DraftOptions | None = None) -> Draft:
    return roads.places(readers.read(path, Layer.ROAD), options)


def names(draft: Draft) -> list[str]:
    return [place.name for place in draft.places if place.name]


def length_m(place: PlaceDraft) -> float:
    west, south, _, _ = place.geometry.bounds  # type: ignore[union-attr]
    return float(shapely.length(crs.project(place.geometry, crs.choose(west, south))))


def test_guixi_has_33_named_roads_and_unnamed_ones_outside_the_scheme(shared: Path) -> None:
    draft = roads_of(shared / "guixi" / "guixi.osm")
    assert len(set(names(draft))) == 33
    assert all(any("\u4e00" <= c <= "\u9fff" for c in name) for name in names(draft))
    assert sum(len(place.sources) for place in draft.places) == 176
    unnamed = [place for place in draft.places if place.name is None]
    assert len(unnamed) == 117
    assert not any(place.in_scheme for place in unnamed)
    assert all(place.in_scheme for place in draft.places if place.name)
    assert draft.refused == []


def test_guixi_has_one_river_xinjiang(shared: Path) -> None:
    draft = rivers.places(readers.read(shared / "guixi" / "guixi.osm", Layer.RIVER, county=GUIXI))
    assert names(draft) == ["信江"]
    xinjiang = next(place for place in draft.places if place.name == "信江")
    assert len({source.id for source in xinjiang.sources}) == 3
    widths_m = [source.width_m for source in xinjiang.sources if source.width_m is not None]
    assert 200 <= np.median(widths_m) <= 400, "its water is in the file"
    assert xinjiang.in_scheme
    others = Counter(place.attributes["class"] for place in draft.places if place.name is None)
    assert others == {"river": 1, "canal": 1}
    assert not any(place.in_scheme for place in draft.places if place.name is None)
    assert draft.left_out == {rivers.WATER_AREA: 10, "关系（它的路段已单独读入）": 1}
    assert draft.refused == []


def test_a_building_is_not_a_compound(shared: Path) -> None:
    draft = compounds.places(readers.read(shared / "guixi" / "guixi.osm", Layer.COMPOUND))
    assert draft.places == []
    assert len(draft.refused) == 36
    assert all("建筑物不是小区（building=apartments）" in error.detail for error in draft.refused)
    assert "way/" in draft.refused[0].detail


def test_guixi_is_not_in_another_county(shared: Path) -> None:
    with pytest.raises(OutsideCounty, match=r"guixi\.osm"):
        readers.read(shared / "guixi" / "guixi.osm", Layer.ROAD, county=Box(119.6, 32.6, 120.3, 33.2))


def test_guixi_read_as_gcj02_lies_half_a_kilometre_away(shared: Path) -> None:
    path = shared / "guixi" / "guixi.osm"
    true, shifted = (readers.read(path, Layer.RIVER, datum=datum) for datum in (Datum.WGS84, Datum.GCJ02))
    ends = [crs.to_metric(shapely.get_coordinates(found.geometry), "EPSG:4548") for found in (true, shifted)]
    moved_m = np.hypot(*(ends[1] - ends[0]).T)
    assert ((moved_m > 400) & (moved_m < 700)).all()


BAYREUTH_PROBE = """
import sys
from pathlib import Path
from layers import compounds, readers
from layers.vocabulary import Layer

def peak_kb():
    return next(int(row.split()[1]) for row in open("/proc/self/status") if row.startswith("VmHWM"))

idle = peak_kb()
draft = compounds.places(readers.read(Path(sys.argv[1]), Layer.COMPOUND))
print(len(draft.places), (peak_kb() - idle) // 1024)
"""


def test_bayreuth_has_168_compounds_of_which_167_have_no_name(shared: Path) -> None:
    path = shared / "bayreuth" / "north-bayreuth.osm.gz"
    draft = compounds.places(readers.read(path, Layer.COMPOUND))
    assert len(draft.places) == 168
    assert sum(place.name is None for place in draft.places) == 167
    assert all(place.in_scheme for place in draft.places)
    assert all(isinstance(place.geometry, MultiPolygon) and place.geometry.is_valid for place in draft.places)
    assert draft.left_out == {
        "建筑物不是小区（building=house）": 10,
        "建筑物不是小区（building=residential）": 1,
    }
    assert draft.refused == []
    done = subprocess.run(
        [sys.executable, "-c", BAYREUTH_PROBE, path], capture_output=True, text=True, check=True
    )
    places, megabytes = map(int, done.stdout.split())
    assert (places, megabytes < 300) == (168, True)


def test_bayreuth_counts_what_is_no_road_of_a_register(shared: Path) -> None:
    draft = roads_of(shared / "bayreuth" / "north-bayreuth.osm.gz")
    foot = {kind: count for kind, count in draft.left_out.items() if kind.startswith("人行道")}
    assert sum(foot.values()) == 31 + 41 + 197 + 4
    assert draft.left_out["关系（它的路段已单独读入）"] + draft.left_out["关系（它的路段不在文件里）"] == 9
    assert sum(len(place.sources) for place in draft.places) == 2056 - 273 - 2
    assert len(draft.questions) > 0, "there is a Hauptstraße in several villages"


def test_lengths_in_the_metric_crs_are_those_on_the_ellipsoid(shared: Path) -> None:
    draft = roads_of(shared / "bayreuth" / "north-bayreuth.osm.gz")
    metric_m = sum(length_m(place) for place in draft.places)
    ellipsoid = Geod(ellps="WGS84")
    true_m = sum(ellipsoid.geometry_length(place.geometry) for place in draft.places)
    assert metric_m == pytest.approx(true_m, rel=1e-4)


def test_bayreuth_streams_of_one_name_are_joined(shared: Path) -> None:
    draft = rivers.places(readers.read(shared / "bayreuth" / "north-bayreuth.osm.gz", Layer.RIVER))
    assert sum(len(place.sources) for place in draft.places) == 228
    (main,) = [place for place in draft.places if place.name == "Roter Main"]
    assert len(main.sources) > 1
    assert main.attributes["class"] == "river"


@pytest.mark.parametrize("file", ["ways.geojson", "Altona.json"])
def test_altona_has_streets_and_no_park_paths(shared: Path, file: str) -> None:
    draft = roads_of(shared / "altona" / file)
    sources = {source.id: place for place in draft.places for source in place.sources}
    assert SCHILLERSTRASSE in sources
    assert PARK_PATH not in sources
    assert sources[SCHILLERSTRASSE].name == "Schillerstraße"
    piece = next(s for s in sources[SCHILLERSTRASSE].sources if s.id == SCHILLERSTRASSE)
    west, south, _, _ = piece.geometry.bounds
    assert shapely.length(crs.project(piece.geometry, crs.choose(west, south))) == pytest.approx(136, abs=1)
    assert sum(draft.left_out.values()) + len(sources) == 619
    assert draft.refused == []


def test_altona_as_published_and_as_converted_make_the_same_places(shared: Path) -> None:
    published, converted = (roads_of(shared / "altona" / file) for file in ("Altona.json", "ways.geojson"))

    def content(draft: Draft) -> set[tuple[str | None, frozenset[str]]]:
        return {(place.name, frozenset(source.id for source in place.sources)) for place in draft.places}

    assert content(published) == content(converted)
    assert {q.id for q in published.questions} == {q.id for q in converted.questions}


def test_liechtenstein(shared: Path) -> None:
    path = shared / "liechtenstein" / "liechtenstein-latest.osm.pbf"
    draft = roads_of(path)
    assert sum(len(place.sources) for place in draft.places) == 3485
    assert sum(draft.left_out.values()) + 3485 == 4660
    assert draft.refused == []
    assert all(isinstance(place.geometry, MultiLineString) for place in draft.places)
    water = rivers.places(readers.read(path, Layer.RIVER))
    assert sum(len({s.id for s in place.sources}) for place in water.places) == 5 + 149 + 7 + 4 + 29
    (rhine,) = (place for place in water.places if place.name == "Rhein")
    widths_m = [source.width_m for source in rhine.sources if source.width_m is not None]
    assert 75 <= np.median(widths_m) <= 110
    assert {"Spiersbach", "Kleiner Kanal"} <= set(names(water))
    homes = compounds.places(readers.read(path, Layer.COMPOUND))
    assert len(homes.places) == 17
    assert any("relation/" in place.sources[0].id for place in homes.places)
    assert homes.refused == []


def test_joined_places_keep_every_metre_of_their_pieces(shared: Path) -> None:
    draft = roads_of(shared / "liechtenstein" / "liechtenstein-latest.osm.pbf")
    for place in draft.places:
        pieces = sum(source.geometry.length for source in place.sources)
        assert place.geometry is not None
        assert place.geometry.length == pytest.approx(pieces, rel=1e-9)


def test_reading_twice_gives_the_same_drafts(shared: Path) -> None:
    once, twice = (roads_of(shared / "liechtenstein" / "liechtenstein-latest.osm.pbf") for _ in range(2))
    assert once == twice


def test_answered_questions_join_what_was_apart(shared: Path) -> None:
    path = shared / "bayreuth" / "north-bayreuth.osm.gz"
    draft = roads_of(path)
    joined = roads_of(path, DraftOptions(answers={question.id: "join" for question in draft.questions}))
    assert len(joined.places) == len(draft.places) - len(draft.questions)
    assert len(set(names(joined))) == len(names(joined))


def test_a_real_extract_that_was_cut_off(shared: Path, tmp_path: Path) -> None:
    whole = (shared / "bayreuth" / "north-bayreuth.osm.gz").read_bytes()
    cut = tmp_path / "cut.osm.gz"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFile, match=r"cut\.osm\.gz 不完整"):
        readers.read(cut, Layer.ROAD)
    unpacked = tmp_path / "cut.osm"
    unpacked.write_bytes(gzip.decompress(whole)[:5_000_000])
    with pytest.raises(BadFile, match=r"cut\.osm 不完整"):
        readers.read(unpacked, Layer.ROAD)
