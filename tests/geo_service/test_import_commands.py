"""`geo-service areas` and `geo-service import` as they are typed."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openpyxl
import pytest
from click.testing import Result
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service.cli import areas_places as commands
from geo_service.settings import Settings
from geo_service.tables import Area, Audit, County, Place, PlaceArea
from layers.errors import YinxunError

Run = Callable[..., Result]


@pytest.fixture
def run(db: Session, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's own transaction."""

    @contextmanager
    def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
        yield db.connection(), Settings()

    monkeypatch.setattr(commands, "connect", connect)

    def run(*words: str | Path) -> Result:
        result = CliRunner().invoke(commands.app, [str(word) for word in words])
        db.expire_all()
        return result

    return run


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refusal(result: Result) -> str:
    assert isinstance(result.exception, YinxunError), (result.output, result.exception)
    return result.exception.detail


@pytest.fixture
def county(run: Run) -> None:
    done(run("areas", "--county", "兴化市", "--code", "321281", "--bounds", "119.7,32.8,120.1,33.1"))


def rivers(folder: Path, *rows: tuple[str, float], name: str = "河.geojson") -> Path:
    features = [
        {
            "type": "Feature",
            "properties": {"名称": title},
            "geometry": {"type": "LineString", "coordinates": [[119.8, lat], [119.81, lat]]},
        }
        for title, lat in rows
    ]
    path = folder / name
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


def test_a_county_by_hand(run: Run, county: None, db: Session) -> None:
    row = db.scalars(select(County)).one()
    assert (row.code, row.name, row.west, row.crs) == ("321281", "兴化市", 119.7, "EPSG:4549")
    again = done(run("areas", "--county", "兴化市", "--code", "321281", "--bounds", "119.7,32.8,120.1,33.1"))
    assert "不变 1" in again


def test_what_is_missing_is_asked_for(run: Run, tmp_path: Path) -> None:
    assert "--code" in refusal(run("areas", "--county", "兴化市"))
    assert "--tz" in refusal(run("areas", "--county", "Landkreis", "--code", "BT"))
    assert "没有" in refusal(run("areas", tmp_path / "nothing.csv"))
    wrong = run("areas", "--county", "兴化市", "--code", "321281", "--bounds", "119.7,32.8")
    assert (wrong.exit_code, "西,南,东,北" in wrong.output) == (2, True)


def test_a_tree_from_files_and_then_borders(run: Run, county: None, db: Session, tmp_path: Path) -> None:
    names = tmp_path / "镇村.csv"
    names.write_text("编码,名称\n321281001,昭阳街道\n321281001001,水关居委会\n", "gbk")
    assert "新增 2" in done(run("areas", names, "--dry-run"))
    assert len(db.scalars(select(Area)).all()) == 1
    assert "新增 2" in done(run("areas", names))
    done(run("import", "river", rivers(tmp_path, ("东河", 32.9))))
    assert db.scalars(select(PlaceArea)).all() == []
    ring = [[119.79, 32.89], [119.805, 32.89], [119.805, 32.91], [119.79, 32.91], [119.79, 32.89]]
    border = {
        "type": "Feature",
        "properties": {"code": "321281001", "name": "昭阳街道"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    drawn = tmp_path / "borders.geojson"
    drawn.write_text(json.dumps({"type": "FeatureCollection", "features": [border]}))
    assert "变更 1" in done(run("areas", drawn))
    # The borders came after the river: it is laid on them by the same command.
    (part,) = db.scalars(select(PlaceArea))
    assert [(span.lower, span.upper) for span in part.spans] == [(0, pytest.approx(4_676, abs=30))]


def test_a_layer_is_tried_and_imported(run: Run, county: None, db: Session, tmp_path: Path) -> None:
    path = rivers(tmp_path, ("东河", 32.9), ("西河", 32.95))
    tried = done(run("import", "河道", path, "--dry-run"))
    assert "东河" in tried
    assert "新增 2" in tried
    assert db.scalars(select(Place)).all() == []
    assert "新增 2" in done(run("import", "river", path))
    assert "不变 2" in done(run("import", "river", path))
    (line,) = db.scalars(select(Audit).where(Audit.action == "places.import"))
    assert line.os_user
    assert "东河" not in str(line.detail)


def test_an_unknown_layer_is_wrong_use(run: Run, county: None, tmp_path: Path) -> None:
    result = run("import", "lake", rivers(tmp_path, ("东河", 32.9)))
    assert (result.exit_code, "river（河道）" in result.output) == (2, True)


def test_the_report_goes_to_a_file_is_answered_and_comes_back(
    run: Run, county: None, db: Session, tmp_path: Path
) -> None:
    path = rivers(tmp_path, ("生产河", 32.9), ("生产河", 32.91))
    report = tmp_path / "结果.xlsx"
    done(run("import", "river", path, "--dry-run", "-o", report))
    book = openpyxl.load_workbook(report)
    heads = [cell.value for cell in book.active[1]]
    asked = [row for row in book.active.iter_rows(min_row=2) if row[heads.index("问题编号")].value]
    asked[0][heads.index("答复")].value = "join"
    book.save(report)
    assert "新增 1" in done(run("import", "river", path, "--answers", report))
    assert len(db.scalars(select(Place)).all()) == 1


def test_refused_rows_stop_it_or_go_to_a_file(run: Run, county: None, db: Session, tmp_path: Path) -> None:
    listed = tmp_path / "名录.csv"
    listed.write_text("河道名称,所在镇街\n东河,\n西河,没有的镇\n", "utf-8")
    apart = tmp_path / "没进来的.csv"
    done(run("import", "river", listed, "--skip-refused", apart))
    assert db.scalars(select(Place.name)).all() == ["东河"]
    rows = list(csv.reader(apart.read_text("utf-8-sig").splitlines()))
    assert rows[1][:2] == ["不能导入", "3"]
    assert "没有的镇" in rows[1][4]
    stopped = run("import", "river", listed)
    assert "--skip-refused" in refusal(stopped)
    assert "没有的镇" in stopped.output


@pytest.mark.parametrize(("said", "expected"), [("all", [True, True]), ("list", [False, True])])
def test_who_is_in_the_scheme(
    run: Run, county: None, db: Session, tmp_path: Path, said: str, expected: list[bool]
) -> None:
    names = tmp_path / "纳管.txt"
    names.write_text("西河\n", "gbk")
    path = rivers(tmp_path, ("东河", 32.9), ("西河", 32.95))
    done(run("import", "river", path, "--in-scheme", names if said == "list" else said))
    assert [place.in_scheme for place in db.scalars(select(Place).order_by(Place.id))] == expected
    assert "没有找到" in refusal(run("import", "river", path, "--in-scheme", tmp_path / "none.csv"))


def test_several_counties_are_told_apart_by_code(run: Run, county: None, db: Session, tmp_path: Path) -> None:
    done(run("areas", "--county", "新郑市", "--code", "410184", "--bounds", "113.5,34.2,113.9,34.6"))
    path = rivers(tmp_path, ("东河", 32.9))
    assert "321281" in refusal(run("import", "river", path))
    assert "新增 1" in done(run("import", "river", path, "--county", "321281"))


def test_wide_rivers_may_have_their_banks_apart(run: Run, county: None, db: Session, tmp_path: Path) -> None:
    path = rivers(tmp_path, ("东河", 32.9), ("西河", 32.95))
    drawn = json.loads(path.read_text())
    for feature, width in zip(drawn["features"], ("60米", "8-12"), strict=True):
        feature["properties"]["河宽"] = width
    path.write_text(json.dumps(drawn))
    done(run("import", "river", path, "--banks-apart", "40"))
    places = db.scalars(select(Place).order_by(Place.name.desc())).all()
    assert {place.name: place.attributes.get("banks") for place in places} == {"东河": "分开", "西河": None}
    assert "不变 2" in done(run("import", "river", path))
