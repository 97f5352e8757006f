"""`geo-service coverage`, `gaps` and `map` as they are typed."""

import csv
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service.cli import coverage_maps as commands
from geo_service.settings import Settings
from geo_service.tables import Audit
from layers.errors import YinxunError
from tests.geo_service.watertown import Watertown

Run = Callable[..., Result]


@pytest.fixture
def run(db: Session, town: Watertown, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's own transaction, for the county of the water town."""

    @contextmanager
    def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
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


def pages(document: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", document))


def test_maps_are_written_for_paper_by_their_ending(run: Run, tmp_path: Path, db: Session) -> None:
    for what in ("coverage", "gaps"):
        for name, start in ((f"{what}.pdf", b"%PDF-"), (f"{what}.PNG", b"\x89PNG")):
            told = done(run("map", what, "-o", tmp_path / name, "--paper", "A3"))
            assert "可按 A3 纸原大打印" in told
            assert (tmp_path / name).read_bytes().startswith(start)
    box = re.search(rb"/MediaBox \[ 0 0 ([\d.]+) ([\d.]+) \]", (tmp_path / "gaps.pdf").read_bytes())
    assert box
    assert sorted(float(side) for side in box.groups()) == pytest.approx([841.89, 1190.55], abs=0.01)
    exported = db.execute(select(Audit.action, Audit.detail).order_by(Audit.id)).all()
    assert [(action, detail["form"]) for action, detail in exported] == [
        ("coverage.map", "pdf"), ("coverage.map", "png"), ("gaps.map", "pdf"), ("gaps.map", "png"),
    ]  # fmt: skip


def test_an_atlas_has_an_overview_and_a_page_for_each_township(run: Run, tmp_path: Path) -> None:
    for what in ("coverage", "gaps"):
        done(run("map", what, "-o", tmp_path / "atlas.pdf", "--atlas"))
        assert pages((tmp_path / "atlas.pdf").read_bytes()) == 3


def test_a_map_file_that_cannot_be_is_refused_before_any_work(run: Run, tmp_path: Path) -> None:
    for words, told in (
        (("-o", tmp_path / "map.svg"), ".png 或 .pdf"),
        (("-o", tmp_path / "map.png", "--atlas"), "以 .pdf 结尾"),
        (("-o", tmp_path / "none" / "map.pdf"), "换一个位置"),
    ):
        refused = run("map", "gaps", *words).exception
        assert isinstance(refused, YinxunError)
        assert told in refused.detail
    assert not list(tmp_path.iterdir())
