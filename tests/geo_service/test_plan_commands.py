"""`geo-service plan` as it is typed."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from click.testing import Result
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service.cli import planning as commands
from geo_service.settings import Settings
from geo_service.tables import County, Duty
from layers.errors import YinxunError
from layers.vocabulary import Layer
from tests.geo_service.conftest import SmallCounty

Run = Callable[..., Result]


@pytest.fixture
def run(db: Session, small_county: SmallCounty, county: County, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's own transaction, in a county of one township, a river and a person."""

    @contextmanager
    def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
        yield db.connection(), Settings()

    monkeypatch.setattr(commands, "connect", connect)
    town = small_county.area("东")
    river = small_county.place(Layer.RIVER, "车路河", "LINESTRING (0 0, 2000 0)")
    small_county.lies_in(river, town, [(0, 20_000)])
    small_county.person("王秀英", town)
    return lambda *words: CliRunner().invoke(commands.plan, [*map(str, words), "--county", county.code])


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def test_from_a_question_to_duties(db: Session, run: Run) -> None:
    (made,) = json.loads(done(run("propose", "--cut-metres", 1000, "--as", "json")))
    assert (made["area_code"], made["needs"], made["covered"], made["is_proven"]) == ("东", 2, 2, True)
    number = made["id"]
    lines = json.loads(done(run("show", number, "--as", "json", "--full")))
    assert [line["stretch"] for line in lines] == ["0-1000", "1000-2000"]
    assert all("只知道住在本镇" in line["reason"] for line in lines)
    done(run("refuse", number, lines[0]["id"]))
    done(run("fix", number, lines[1]["id"]))
    done(run("solve", number))
    (gap,) = json.loads(done(run("show", number, "--unmet", "--as", "json")))
    assert (gap["stretch"], gap["kind"]) == ("0-1000", "仍然空着")
    assert "都已排除" in gap["why"]
    assert "1 项职责" in done(run("accept", number, "--from", "2031-01-01"))
    assert len(db.scalars(select(Duty)).all()) == 1
    assert "已采纳" in done(run("list"))


def test_a_place_wants_as_many_as_was_said(run: Run) -> None:
    done(run("numbers", "车路河", "--target", 2, "--pairs"))
    (made,) = json.loads(done(run("propose", "--area", "东", "--as", "json")))
    assert made["covered"] == 0
    assert "恢复为图层" in done(run("numbers", "车路河"))
    (made,) = json.loads(done(run("propose", "--area", "东", "--as", "json")))
    assert made["covered"] == 1
    assert isinstance(run("numbers", "没有这条河", "--min", 1).exception, YinxunError)


def test_what_somebody_is_ready_for_is_kept_and_heeded(run: Run) -> None:
    done(run("ready", "王秀英", "--avoid", "车路河"))
    (made,) = json.loads(done(run("propose", "--as", "json")))
    assert made["covered"] == 0
    done(run("ready", "王秀英", "--like", "车路河", "--most-places", 1))
    (made,) = json.loads(done(run("propose", "--area", "东", "--as", "json")))
    assert made["covered"] == 1
    assert "合本人意愿" in done(run("show", made["id"], "--as", "json", "--full"))
    unknown = run("ready", "无此人")
    assert isinstance(unknown.exception, YinxunError)
