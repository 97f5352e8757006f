"""`geo-service norm` as it is typed."""

import csv
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from geo_service.cli import norms as commands
from geo_service.settings import Settings
from geo_service.tables import Audit, Norm
from layers.errors import BadNorm, YinxunError
from layers.presets import PRESETS
from tests.geo_service.test_norms import ALWAYS, today
from tests.geo_service.watertown import Watertown

Run = Callable[..., Result]


@pytest.fixture
def run(db: Session, town: Watertown, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's own transaction, for the county of the water town."""

    @contextmanager
    def connect(**_: bool) -> Iterator[tuple[Connection, Settings]]:
        yield db.connection(), Settings()

    monkeypatch.setattr(commands, "connect", connect)

    def run(*words: str | Path) -> Result:
        county = [] if words[0] == "presets" else ["--county", town.county.code]
        return CliRunner().invoke(commands.norm, [*map(str, words), *county])

    return run


def done(result: Result) -> str:
    assert result.exit_code == 0, (result.output, result.exception)
    return result.output


def refused(result: Result) -> str:
    assert isinstance(result.exception, YinxunError), result.output
    return result.exception.detail


def test_presets_are_listed_with_their_source(run: Run, tmp_path: Path) -> None:
    done(run("presets", "-o", tmp_path / "p.csv"))
    with (tmp_path / "p.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(PRESETS)
    assert all(row["出处"] and row["要求"] for row in rows)


def test_from_a_draft_to_what_is_due(run: Run, db: Session, town: Watertown) -> None:
    assert "还没有标准：只有次数和覆盖，没有达标率" in done(run("list"))
    assert "没有达标率" in done(run("due"))
    assert "草稿" in done(run("draft", "--preset", "evaluator-river", "--name", "本县"))
    norm = db.scalars(select(Norm)).one()
    tried = done(run("try", norm.id, "--from", "2026-04-27", "--until", "2026-05-10"))
    assert "1 次巡查：有效 0（现在 1）、待核 0（现在 0）、暂未计入 1（现在 0）" in tried
    assert "应巡 2，实巡 0，巡查率 0.0%" in tried
    assert "不能早于今天" in refused(run("adopt", norm.id, "--from", "2026-05-01"))
    assert "起执行" in done(run("adopt", norm.id, "--from", today().isoformat()))
    assert "执行中" in done(run("list"))
    assert "为止" in done(run("end", norm.id, "--on", today().isoformat()))
    norm.in_force = ALWAYS
    db.flush()
    told = done(run("due", "--from", "2026-05-01", "--until", "2026-05-31", "--by", "subject"))
    assert "王桂兰" in told
    assert "应巡 5，实巡 1，巡查率 20.0%" in told


def test_what_is_due_is_written_and_recorded(run: Run, db: Session, tmp_path: Path) -> None:
    done(run("due", "-o", tmp_path / "due.xlsx"))
    assert (tmp_path / "due.xlsx").read_bytes().startswith(b"PK")
    assert db.scalars(select(Audit.detail).where(Audit.action == "due.export")).all() == [
        {"form": "xlsx", "full": False}
    ]


def test_a_rule_comes_from_a_file(run: Run, db: Session, tmp_path: Path) -> None:
    path = tmp_path / "rule.json"
    path.write_text(json.dumps({"count": 2, "period": "ten_days"}), encoding="utf-8-sig")
    assert "每人每旬 2 次" in done(run("draft", "--file", path, "--name", "每旬两次"))
    path.write_text("{count: 2", encoding="utf-8")
    assert "不是 JSON" in refused(run("draft", "--file", path, "--name", "坏"))
    path.write_bytes("次数".encode("gb18030"))
    assert "UTF-8" in refused(run("draft", "--file", path, "--name", "坏"))
    path.write_text('{"count": 2, "period": "decade"}')
    assert isinstance(run("draft", "--file", path, "--name", "坏").exception, BadNorm)
    assert "只给一种" in refused(run("draft"))


def test_a_wrong_word_is_a_wrong_call(run: Run) -> None:
    assert run("due", "--by", "village").exit_code == 2
