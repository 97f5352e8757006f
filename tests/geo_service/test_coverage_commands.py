"""`geo-service coverage`, `gaps` and `map` as they are typed."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Connection
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service.cli import coverage_maps as commands
from geo_service.settings import Settings
from layers.errors import YinxunError
from tests.geo_service import watertown
from tests.geo_service.watertown import Watertown

Run = Callable[..., Result]


@pytest.fixture
def town(db: Session) -> Watertown:
    return watertown.build(db)


@pytest.fixture
def run(db: Session, town: Watertown, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's own transaction, for the county of the water town."""

    @contextmanager
    def connect() -> Iterator[tuple[Connection, Settings]]:
        yield db.connection(), Settings()

    monkeypatch.setattr(commands, "connect", connect)
    code = town.county.code

    def run(*words: str | Path) -> Result:
        return CliRunner().invoke(commands.app, [*map(str, words), "--county", code])

    return run


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_every_command_answers_without_any_filter(run: Run, tmp_path: Path) -> None:
    assert "中心河" in done(run("coverage"))
    for kind in ("unassigned", "unpatrolled", "neglected"):
        assert "共 " in done(run("gaps", "--kind", kind))
    for what in ("coverage", "gaps"):
        path = tmp_path / f"{what}.html"
        assert path.name in done(run("map", what, "-o", path))
        assert "中心河" in path.read_text(encoding="utf-8")


def test_an_area_narrows_and_an_unknown_one_is_told(run: Run, town: Watertown, tmp_path: Path) -> None:
    everything, west = tmp_path / "all.csv", tmp_path / "west.csv"
    done(run("coverage", "-o", everything))
    done(run("coverage", "--area", town.west.code, "-o", west))
    assert {row["编码"] for row in rows(west)} < {row["编码"] for row in rows(everything)}
    refused = run("coverage", "--area", "999").exception
    assert isinstance(refused, YinxunError)
    assert "没有这个辖区" in refused.detail


@pytest.mark.parametrize("day", ["0001-01-01", "0001-06-01", "9999-12-31"])
def test_the_first_and_last_days_of_the_calendar_are_days(run: Run, tmp_path: Path, day: str) -> None:
    done(run("coverage", "--until", day))
    done(run("gaps", "--kind", "unpatrolled", "--until", day))
    done(run("map", "coverage", "--until", day, "-o", tmp_path / "map.html"))
