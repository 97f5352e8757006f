"""The compiled loops: made ready before the first track, and kept where who needs them can read them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from layers.compiled import keeping

READY = """
import importlib, json, pkgutil
import layers.compiled

def compiled():
    names = [found.name for found in pkgutil.iter_modules(layers.compiled.__path__)]
    modules = [importlib.import_module(f"layers.compiled.{name}") for name in names]
    return {
        f"{module.__name__}.{name}": sorted(map(str, loop.signatures))
        for module in modules for name, loop in vars(module).items() if hasattr(loop, "signatures")
    }

from layers import ready
ready.get_ready()
before = compiled()
"""
WALKED = """
import datetime as dt
from zoneinfo import ZoneInfo
import numpy as np, shapely
from geo_service.coverage.computing import Neighbourhood, NearLine, Passage
from geo_service.demo.walks import random_walks
from layers import crs
from layers.lines import LineSet
from layers.tracks import clean
from layers.vocabulary import Layer

METRIC = "EPSG:4549"
roads = shapely.linestrings([[[484000 + x, 3645000], [484000 + x, 3647000]] for x in range(0, 2000, 200)]
    + [[[484000, 3645000 + y], [486000, 3645000 + y]] for y in (0, 3, 500, 503, 1000, 2000)])
lonlat = crs.unproject(roads, METRIC)
lines = [
    NearLine(k, k, (Layer.ROAD, Layer.RIVER)[k % 2], None, 20000, None, None, shapely.MultiLineString([line]))
    for k, line in enumerate(lonlat)
]
near = Neighbourhood(METRIC, lines, [])
walks = random_walks(roads, np.random.default_rng(5), count=12, seconds=1800.0, crs=METRIC)
rows = [Passage(near, clean(w.recording, METRIC), ZoneInfo("Asia/Shanghai")).lines() for w in walks]
assert sum(map(len, rows)) > 12, "nothing was walked"
now = compiled()
print(json.dumps({name: [before[name], now[name]] for name in now if now[name] != before[name]}))
"""


def said(code: str) -> str:
    """Run code in a process of its own, and return the last line it says."""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    return run.stdout.splitlines()[-1]


def test_after_it_is_ready_no_walk_waits_for_the_compiler() -> None:
    assert said(READY + WALKED) == "{}"


def test_the_walk_that_makes_ready_reaches_every_loop() -> None:
    """Those without a caller outside are compiled into their callers."""
    outer = said(READY + "print(json.dumps([name for name, kinds in before.items() if kinds]))")
    for loop in (
        "means.running_mean", "means.spots_of", "ground.squares", "ground.touches", "ground.hops",
        "ground.returning", "switch.candidates", "switch.decided",
        "runs.runs", "runs.leaps", "runs.twins", "doubt.rivals", "doubt.doubtful",
    ):  # fmt: skip
        assert f"layers.compiled.{loop}" in outer


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Return a folder of compiled code as an administrator leaves it."""
    folder = tmp_path / "lib" / "0123456789abcdef"
    (folder / "compiled_1").mkdir(parents=True)
    (folder / "compiled_1" / "loop.nbc").write_text("machine code")
    return folder


def test_it_is_kept_beside_the_code_where_one_may_write(installed: Path, tmp_path: Path) -> None:
    assert keeping.folder(installed) == installed
    assert keeping.folder(tmp_path / "new" / "state").is_dir()


def test_who_may_only_read_starts_with_a_copy(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    older = tmp_path / "home/.cache/yinxun/fedcba9876543210"
    older.mkdir(parents=True)
    own = keeping.folder(installed)
    assert own == tmp_path / "home/.cache/yinxun/0123456789abcdef"
    assert (own / "compiled_1/loop.nbc").read_text() == "machine code"
    assert not older.exists()
    (own / "more").touch()
    assert keeping.folder(installed) == own
    assert (own / "more").exists(), "what was compiled since is kept"


def test_who_has_no_home_is_told_the_folder_of_all(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(installed / "compiled_1/loop.nbc"))  # a file: no folder can be made there
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert keeping.folder(installed) == installed
