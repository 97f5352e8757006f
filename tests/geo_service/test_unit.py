"""The systemd unit fits the settings, and systemd itself finds nothing wrong with it."""

import os
import pwd
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from configparser import RawConfigParser
from pathlib import Path

import pytest

from geo_service import unit
from geo_service.embedded import Cluster
from geo_service.errors import CannotRun
from geo_service.settings import Settings


@pytest.fixture
def outer() -> Iterator[Path]:
    outer = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    outer.chmod(0o755)
    yield outer
    shutil.rmtree(outer)


def service(settings: Settings) -> dict[str, str]:
    parsed = RawConfigParser(strict=False)
    parsed.optionxform = str  # type: ignore[assignment]
    parsed.read_string(unit.text(settings))
    return dict(parsed["Service"])


def test_the_unit_runs_the_service_as_its_own_user_on_its_own_data(outer: Path) -> None:
    settings = Settings(data_dir=outer / "data", backup_dir=outer / "backups")
    found = service(settings)
    own = pwd.getpwuid(os.geteuid()).pw_name
    assert found["User"] == ("yinxun" if own == "root" else own)
    assert found["Environment"] == f'"GEO_DATA_DIR={outer / "data"}"'
    assert found["ExecStart"].endswith(" serve")
    assert Path(found["ExecStart"].split()[0]).is_absolute()
    assert os.access(found["ExecStart"].split()[0], os.X_OK)
    assert found["ReadWritePaths"].split() == [str(outer / "data"), f"-{outer / 'backups'}"]
    assert found["EnvironmentFile"] == "-/etc/yinxun/yinxun.env"
    assert found["Restart"] == "always"


def test_hardening_leaves_the_private_database_what_it_needs(outer: Path) -> None:
    found = service(Settings(data_dir=outer / "data"))
    assert found["KillMode"] == "mixed", "the service stops its database itself"
    assert int(found["TimeoutStopSec"]) > 10 + 40, "requests under way, then the database"
    assert "AF_UNIX" in found["RestrictAddressFamilies"].split()
    assert found["RemoveIPC"] == "no"
    assert "MemoryDenyWriteExecute" not in found
    assert found["NoNewPrivileges"] == "yes"
    assert found["ProtectSystem"] == "strict"
    assert found["CapabilityBoundingSet"] == ""


def test_a_socket_that_lies_in_tmp_stays_where_commands_find_it(outer: Path) -> None:
    deep = outer / ("deep" * 25) / "data"
    found = service(Settings(data_dir=deep))
    assert (found["PrivateTmp"], "/tmp" in found["ReadWritePaths"].split()) == ("no", True), (
        "uploads go there"
    )
    assert service(Settings(data_dir=outer / "data"))["PrivateTmp"] == "yes"
    given = Settings(data_dir=deep, database_url="postgresql://db/yinxun")
    assert service(given)["PrivateTmp"] == "yes"


def test_a_port_below_1024_brings_the_one_right_it_needs(outer: Path) -> None:
    low = service(Settings(data_dir=outer / "data", port=443))
    assert low["CapabilityBoundingSet"] == low["AmbientCapabilities"] == "CAP_NET_BIND_SERVICE"


def test_data_in_a_home_can_be_reached() -> None:
    home = Path.home() / ".local/share/yinxun-of-a-test"
    is_home = home.parts[1] in ("home", "root")
    assert service(Settings(data_dir=home))["ProtectHome"] == ("read-only" if is_home else "yes")


@pytest.mark.parametrize("name", ["data", "my data 100%"])
def test_systemd_finds_nothing_wrong(outer: Path, name: str) -> None:
    path = outer / "yinxun.service"
    path.write_text(unit.text(Settings(data_dir=outer / name, backup_dir=outer / "other disk", port=443)))
    verified = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, check=False
    )
    about_ours = [line for line in verified.stderr.splitlines() if "yinxun" in line]
    assert (verified.returncode, about_ours) == (0, [])


def test_it_is_installed_with_user_directories_and_an_environment_that_stays(
    outer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("GEO_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GEO_PORT", "8443")
    monkeypatch.setenv("GEO_TIANDITU_KEY", 'a "quoted" \\ key')
    monkeypatch.setattr(unit, "_make_user", lambda _: None)
    settings = Settings(data_dir=outer / "data")
    owner = Cluster.at(outer / "data").user
    monkeypatch.setattr(unit, "_user_name", lambda _: owner.pw_name)
    if os.geteuid() != 0:
        with pytest.raises(CannotRun, match="root"):
            unit.install(settings, outer)
        return
    told = unit.install(settings, outer)
    written, environment = outer / unit.UNIT, outer / unit.ENVIRONMENT
    assert written.read_text() == unit.text(settings)
    assert environment.stat().st_mode & 0o777 == 0o640
    lines = environment.read_text().splitlines()
    assert 'GEO_PORT="8443"' in lines
    assert r'GEO_TIANDITU_KEY="a \"quoted\" \\ key"' in lines
    assert (outer / "data/backups").stat().st_uid == owner.pw_uid
    assert "systemctl enable --now" in told[-1]
    environment.write_text("GEO_PORT=1\n")
    assert any("没有改动" in line for line in unit.install(settings, outer))
    assert environment.read_text() == "GEO_PORT=1\n"


def test_every_placeholder_is_filled(outer: Path) -> None:
    text = unit.text(Settings(data_dir=outer / "data"))
    assert not re.search(r"\$\w", text)
