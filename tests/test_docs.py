"""The README keeps up with the code: settings, commands, benchmarks, files; and no registry is named."""

import re
import subprocess
from pathlib import Path

import pytest

from geo_service.app import create_app
from geo_service.cli import app as commands
from geo_service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
REGISTRIES = re.compile(r"pypi\.|pythonhosted|deb\.debian|registry\.npmjs|security\.debian", re.IGNORECASE)


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in names.decode().split("\0") if name]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_in_the_readme(name: str) -> None:
    assert f"`{PREFIX}{name.upper()}`" in README


def test_every_setting_of_the_readme_exists() -> None:
    named = {word.removeprefix(PREFIX).lower() for word in re.findall(rf"`({PREFIX}\w+)`", README)}
    assert named <= set(Settings.model_fields)


def test_every_command_is_in_the_readme() -> None:
    names = [command.name or command.callback.__name__ for command in commands.registered_commands]
    names += [group.name for group in commands.registered_groups]
    for name in names:
        assert f"geo-service {name}" in README or name in ("serve", "demo"), name


def test_every_benchmark_is_in_the_readme() -> None:
    for file in (ROOT / "tests/benchmarks").glob("bench_*.py"):
        assert f"tests.benchmarks.{file.stem}" in README


def test_every_picture_and_file_the_readme_names_exists() -> None:
    for name in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / name).is_file(), name


def test_every_route_of_the_interface_has_a_summary(tmp_path: Path, engine: object) -> None:
    paths = create_app(Settings(data_dir=tmp_path), engine).openapi()["paths"]  # type: ignore[arg-type]
    assert len(paths) > 20
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert operation.get("summary"), f"{method} {path}"


def test_no_tracked_file_names_a_registry() -> None:
    own = Path(__file__).resolve()
    for path in tracked():
        if path.suffix in (".png", ".woff2") or path.resolve() == own or not path.is_file():
            continue
        found = REGISTRIES.search(path.read_text(encoding="utf-8", errors="replace"))
        assert found is None, f"{path}: {found and found[0]}"
