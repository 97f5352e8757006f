"""`geo-service recompute` as it is typed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service.cli import recompute as commands
from geo_service.errors import NotFound
from geo_service.recompute import reading, service
from geo_service.settings import Settings
from geo_service.tables import Audit, Patrol, Recomputation
from tests.geo_service.conftest import SmallCounty
from tests.geo_service.test_recompute import Town, in_force, staged

Run = Callable[..., Result]


@pytest.fixture
def town(small_county: SmallCounty) -> Town:
    return Town(small_county)


@pytest.fixture
def run(db: Session, town: Town, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's own transaction."""

    @contextmanager
    def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
        yield db.connection(), Settings()

    monkeypatch.setattr(commands, "connect", connect)
    return lambda *words: CliRunner().invoke(commands.app, ["recompute", *map(str, words)])


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def last(db: Session) -> int:
    return db.scalars(select(Recomputation.id).order_by(Recomputation.id.desc()).limit(1)).one()


def test_a_run_tells_what_it_would_change_and_how_to_adopt_it(run: Run, town: Town) -> None:
    before = in_force(town.db)
    town.narrow()

    told = done(run())

    number = last(town.db)
    assert f"重算 {number}：这次算了 3 次巡查。" in told
    assert "河道" in told
    assert "R1" in told
    assert f"geo-service recompute adopt {number}" in told
    assert in_force(town.db) == before
    assert "待采用" in done(run("list"))

    expected = staged(town.db, number)
    told = done(run("adopt", number))
    assert "3 次巡查的覆盖已更新" in told
    assert in_force(town.db) == expected
    assert "已采用" in done(run("list"))
    assert "和现在的一样" in done(run())


def test_with_adopt_it_is_in_force_at_once(run: Run, town: Town) -> None:
    town.narrow()
    told = done(run("--layer", "river", "--since", "2026-05-01", "--adopt"))
    assert "已采用" in told
    assert "还没有改变" not in told
    assert town.covered(town.river) == {}
    assert "河道，2026-05-01 起" in done(run("list"))


def test_what_a_change_since_means_is_told(run: Run, town: Town) -> None:
    done(run())
    number = last(town.db)
    longer = town.county.walk((0, 12), (1000, 12))
    town.keep(town.along_river, longer)
    town.db.execute(
        Patrol.__table__.update().where(Patrol.id == town.to_the_end).values(voided_at=func.now())
    )
    told = done(run("adopt", number))
    assert "其中 1 次在重算以后有变化" in told
    assert "1 次已作废" in told


@pytest.mark.parametrize("ending", ["csv", "json", "xlsx", "geojson", "gpkg"])
def test_the_changes_leave_as_files(run: Run, town: Town, tmp_path: Path, ending: str) -> None:
    town.narrow()
    path = tmp_path / f"changes.{ending}"
    done(run("-o", path))
    assert path.stat().st_size > 100
    if ending == "geojson":
        (feature,) = json.loads(path.read_text())["features"]
        assert feature["geometry"]["type"] == "MultiLineString"
        assert feature["properties"]["code"] == "R1"
    if ending == "csv":
        assert "R1" in path.read_text(encoding="utf-8-sig")
        again = tmp_path / "again.csv"
        done(run("compare", last(town.db), "-o", again))
        assert again.read_bytes() == path.read_bytes()
    exports = select(func.count()).where(Audit.action == "recompute.export")
    assert town.db.scalar(exports) == (2 if ending == "csv" else 1)


def test_ctrl_c_leaves_a_run_that_goes_on(run: Run, town: Town, monkeypatch: Any) -> None:
    monkeypatch.setattr(reading, "MOST_PATROLS", 1)
    read, calls = reading.read, iter(range(2))

    def interrupted(*args: Any) -> Any:
        if next(calls, None) is None:
            raise KeyboardInterrupt
        return read(*args)

    monkeypatch.setattr(reading, "read", interrupted)
    stopped = run()
    assert stopped.exit_code == 1
    assert "再运行同样的命令会接着算" in stopped.output
    monkeypatch.setattr(reading, "read", read)

    assert "接着上次的算：已有 2 次，这次算了 1 次巡查" in done(run())


def test_a_run_can_be_discarded(run: Run, town: Town) -> None:
    done(run())
    number = last(town.db)
    assert "已丢弃（存着的 3 次巡查）" in done(run("discard", number))
    assert service.runs(town.db, town.scope) == []
    assert isinstance(run("compare", number).exception, NotFound)


def test_workers_are_asked_for_by_their_number(run: Run, town: Town) -> None:
    before = in_force(town.db)
    assert "和现在的一样" in done(run("--workers", 1))
    assert staged(town.db, last(town.db)) == before


def test_an_option_before_a_command_is_refused_not_dropped(run: Run, town: Town) -> None:
    refused = run("--layer", "river", "list")
    assert refused.exit_code == 2
    assert "不会生效" in refused.output
    done(run("list"))
