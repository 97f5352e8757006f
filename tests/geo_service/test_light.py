"""What the service leaves alone until somebody asks for it: memory that an idle small machine needs."""

import subprocess
import sys

import pytest

HEAVY = ("numba", "distributed", "matplotlib", "docxtpl", "docx", "folium", "pandas", "geopandas", "pyogrio")


def loaded_by(code: str) -> set[str]:
    """Return the packages that a fresh interpreter has loaded after some code."""
    said = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return set(said.stdout.splitlines()[-1].split())


@pytest.fixture(scope="module")
def at_start() -> set[str]:
    return loaded_by("import geo_service.cli\nfrom geo_service.app import create_app")


@pytest.mark.parametrize("package", HEAVY)
def test_the_service_starts_without(at_start: set[str], package: str) -> None:
    assert "geo_service" in at_start
    assert package not in at_start


@pytest.mark.parametrize(
    ("code", "package"),
    [
        ("from layers.matching import matched", "numba"),
        ("from maps.sheet import draw", "matplotlib"),
        ("from maps.web import draw", "folium"),
        ("from layers.readers import vector", "pyogrio"),
    ],
)
def test_what_is_left_alone_is_loaded_where_it_is_needed(code: str, package: str) -> None:
    assert package in loaded_by(code), "else the list above holds nothing back"
