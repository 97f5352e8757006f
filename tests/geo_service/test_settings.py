"""Settings come from the environment or the command line, and nothing misspelt is ignored."""

import os
import re
from pathlib import Path

import pytest

from geo_service.errors import CannotRun
from geo_service.settings import PREFIX, Settings, load


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """An environment with no setting but a place for data."""
    for name in list(os.environ):
        if name.startswith("GEO_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))


def test_without_any_setting_it_runs_on_this_machine_only():
    settings = load()
    assert (settings.host, settings.port, settings.database_url) == ("127.0.0.1", 8000, None)
    assert settings.address == "http://127.0.0.1:8000"
    assert not settings.is_https


def test_a_misspelt_setting_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("GEO_DATABSE_URL", "postgresql://x/y")
    monkeypatch.setenv("GEO_PORT", "eighty")
    with pytest.raises(CannotRun, match=r"GEO_DATABSE_URL 不是已知的设置.*GEO_PORT") as refused:
        load()
    assert "README" in refused.value.detail


def test_the_command_line_overrules_the_environment(monkeypatch):
    monkeypatch.setenv("GEO_PORT", "9000")
    assert load().port == 9000
    assert load(port=9001, host=None).port == 9001
    assert load(port=9001, host=None).host == "127.0.0.1"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GEO_DATABASE_URL", "mysql://x/y"),
        ("GEO_PORT", "70000"),
        ("GEO_TRUSTED_PROXY", "everyone"),
        ("GEO_PUBLIC_URL", "yinxun.example"),
        ("GEO_RAW_DAYS", "-1"),
        ("GEO_TLS_CERT", "/etc/only-half.pem"),
    ],
)
def test_values_that_cannot_be_meant_are_refused(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(CannotRun, match=name.removeprefix("GEO_")):
        load()


def test_the_address_to_tell_people():
    assert Settings(host="0.0.0.0", port=80).address == "http://127.0.0.1:80"
    assert Settings(public_url="https://yinxun.example/").address == "https://yinxun.example"
    assert Settings(public_url="https://yinxun.example/").is_https
    assert Settings(tls_cert="c", tls_key="k", port=443).address == "https://127.0.0.1:443"


def test_every_setting_stands_in_the_readme_with_its_default_and_nothing_else_does():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    rows = [line for line in readme.splitlines() if line.startswith("| `GEO_")]
    told = {name: row for row in rows for name in re.findall(r"`(GEO_[A-Z_]+)`", row.split("|")[1])}
    assert set(told) == {PREFIX + name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, (int, float)):
            assert f"{field.default:g}" in told[PREFIX + name.upper()].split("|")[3]
