"""Coverage and gaps over HTTP: pages of rows, files in every form, questions that cannot be answered."""

import csv
import datetime as dt
import io
import json
from pathlib import Path

import openpyxl
import pyogrio
import pytest
import shapely
from fastapi.testclient import TestClient
from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.orm import Session

from geo_service.coverage import rollup
from geo_service.tables import Audit, LineCoverage
from tests.geo_service.watertown import DAY, Watertown, build

WINDOW = {"first": str(DAY - dt.timedelta(days=30)), "last": str(DAY + dt.timedelta(days=10))}
UNASSIGNED = WINDOW | {"kind": "unassigned"}


@pytest.fixture
def town(db: Session) -> Watertown:
    return build(db, evil=True)


def test_coverage_pages_through_all_places_with_sums(clerk: TestClient) -> None:
    whole = clerk.get("/api/coverage", params=WINDOW).json()
    assert whole["next"] is None
    assert whole["window"] == WINDOW
    assert sum(total["places"] for total in whole["totals"]) == whole["count"] == len(whole["rows"])
    rows, cursor = [], {}
    while True:
        page = clerk.get("/api/coverage", params=WINDOW | {"limit": 2} | cursor).json()
        assert len(page["rows"]) <= 2
        rows += page["rows"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert rows == whole["rows"]
    for row in rows:
        assert row["share"] is None or 0 <= row["share"] <= 1


def test_every_kind_of_gap_answers_with_its_size(clerk: TestClient) -> None:
    for kind in ("unassigned", "unpatrolled", "neglected"):
        answer = clerk.get("/api/gaps", params=WINDOW | {"kind": kind, "shortest": 0}).json()
        assert answer["kind"] == kind
        assert answer["short"] == {"count": 0, "metres": 0}
        for row in answer["rows"]:
            if row["from_m"] is not None:
                assert row["length_m"] == pytest.approx(row["to_m"] - row["from_m"], abs=0.11)
                assert row["stretch"]


def test_files_hold_all_rows_drawn_where_the_form_can(clerk: TestClient, tmp_path: Path) -> None:
    count = clerk.get("/api/gaps", params=UNASSIGNED).json()["count"]
    assert count > 0
    for form in ("csv", "xlsx", "geojson", "gpkg"):
        answer = clerk.get("/api/gaps", params=UNASSIGNED | {"as": form})
        assert answer.status_code == 200
        assert f"gaps.{form}" in answer.headers["content-disposition"]
        if form == "csv":
            rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
            assert len(rows) == count + 1
            assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
        elif form == "xlsx":
            assert openpyxl.load_workbook(io.BytesIO(answer.content)).active.max_row == count + 1
        elif form == "geojson":
            features = answer.json()["features"]
            assert len(features) == count
            drawn = [f["geometry"] for f in features if f["geometry"]]
            assert shapely.from_geojson(json.dumps(drawn[0])).is_valid
        else:
            file = tmp_path / "gaps.gpkg"
            file.write_bytes(answer.content)
            assert pyogrio.read_info(file)["features"] == count


def half_maybe(db: Session, town: Watertown) -> None:
    """Let the walk along the first river have been clear for its first 400 m only."""
    version_id = town.rivers[0].version_id
    sets = {"spans": [Range(0, 4000)], "ambiguous": [Range(4000, 8000)]}
    db.execute(update(LineCoverage).where(LineCoverage.place_version_id == version_id).values(**sets))
    rollup.rebuild(db, town.county.id, rollup.PlaceDays(lines=frozenset({(version_id or 0, DAY)})))


def test_lists_and_files_tell_what_was_maybe_walked(db: Session, clerk: TestClient, town: Watertown) -> None:
    half_maybe(db, town)
    rows = clerk.get("/api/coverage", params=WINDOW).json()["rows"]
    told = {row["code"]: (row["covered_m"], row["ambiguous_m"]) for row in rows}
    assert told["R1"] == (400, 400)
    assert told["R2"] == (0, 0)
    assert told["G1"] == told["R9"] == (None, None)
    asked = WINDOW | {"kind": "neglected"}
    gap = next(row for row in clerk.get("/api/gaps", params=asked).json()["rows"] if row["code"] == "R1")
    assert (gap["from_m"], gap["to_m"], gap["ambiguous_m"]) == (400, 1500, 400)
    table = clerk.get("/api/gaps", params=asked | {"as": "csv"}).content.decode("utf-8-sig")
    head, *lines = csv.reader(io.StringIO(table))
    assert [line[head.index("其中可能走过（米）")] for line in lines if "中心河" in line] == ["400"]
    drawn = clerk.get("/api/coverage", params=WINDOW | {"as": "geojson"}).json()["features"]
    assert {f["properties"]["code"]: f["properties"]["ambiguous_m"] for f in drawn}["R1"] == 400
    described = clerk.app.openapi()["paths"]  # type: ignore[attr-defined]
    for path in ("/api/coverage", "/api/gaps"):
        assert "ambiguous_m" in described[path]["get"]["description"]


def test_a_file_that_leaves_is_in_the_audit(db: Session, clerk: TestClient) -> None:
    clerk.get("/api/coverage", params=WINDOW | {"as": "csv"})
    line = db.scalars(select(Audit).order_by(Audit.id.desc()).limit(1)).one()
    assert line.action == "coverage.export"
    assert line.detail["form"] == "csv"
    clerk.get("/api/coverage", params=WINDOW)
    assert db.scalars(select(Audit.id).order_by(Audit.id.desc()).limit(1)).one() == line.id


@pytest.mark.parametrize(
    ("path", "asked", "status"),
    [
        ("/api/gaps", WINDOW, 422),
        ("/api/gaps", WINDOW | {"kind": "none"}, 422),
        ("/api/coverage", {"first": "2026-05-02", "last": "2026-05-01"}, 422),
        ("/api/coverage", {"first": "tomorrow"}, 422),
        ("/api/coverage", {"area": "000000000000"}, 404),
        ("/api/coverage", {"layer": "lake"}, 422),
        ("/api/coverage", WINDOW | {"cursor": "%%%"}, 422),
        ("/api/coverage", WINDOW | {"limit": 0}, 422),
        ("/api/coverage", WINDOW | {"as": "pdf"}, 422),
    ],
)
def test_bad_questions_say_what_to_do(
    clerk: TestClient, path: str, asked: dict[str, str], status: int
) -> None:
    answer = clerk.get(path, params=asked)
    assert answer.status_code == status
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["detail"]
    assert problem["code"]


def test_nothing_is_answered_without_a_sign_in(client: TestClient, town: Watertown) -> None:
    assert client.get("/api/coverage").status_code == 401
    assert client.get("/api/gaps", params=UNASSIGNED).status_code == 401
