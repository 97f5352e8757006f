"""The doctor looks at everything and says what to do about what is wrong."""

import datetime as dt
import os
import shutil
import tempfile
import time
from pathlib import Path

import pytest
from pyrage.x25519 import Identity

from geo_service import doctor
from geo_service.backups import archive, keys
from geo_service.backups.archive import Entry
from geo_service.backups.storing import backups_folder
from geo_service.doctor import Finding, examine
from geo_service.embedded import Cluster
from geo_service.keeper import joined
from geo_service.settings import Settings
from maps import fonts


@pytest.fixture
def data_dir():
    folder = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    yield folder
    shutil.rmtree(folder)


def by_subject(settings: Settings) -> dict[str, Finding]:
    findings = examine(settings)
    assert len({finding.subject for finding in findings}) == len(findings)
    return {finding.subject: finding for finding in findings}


def backed_up(data_dir: Path) -> Settings:
    """Give the data a key that was saved elsewhere and a backup of an hour ago."""
    settings = Settings(data_dir=data_dir)
    key = Identity.generate()
    backups_folder(settings)
    keys.keep_public(settings, key)
    keys.prove(settings, str(key))
    an_hour_ago = dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)
    with (settings.backups_dir / f"yinxun-{an_hour_ago:%Y%m%dT%H%M%SZ}.age").open("w+b") as file:
        sha256 = archive.write(file, keys.demand_seal(settings), [Entry.of("a", b"x" * 100_000)])
    Path(f"{file.name}.sha256").write_text(f"{sha256}  a\n")
    return settings


def test_on_a_machine_that_can_run_it_all_is_well(data_dir):
    cluster = Cluster.at(data_dir)
    with joined(cluster):
        settings = backed_up(data_dir)
        found = by_subject(settings)
        found.pop("备份位置")  # both on this machine's only disk
    assert [finding for finding in found.values() if not finding.is_well] == []
    assert str(cluster.binaries.major) in found["PostgreSQL"].told
    assert cluster.user.pw_name in found["数据目录"].told
    assert "首次启动时建表" in found["数据库"].told


def test_each_trouble_is_told_with_what_to_do(data_dir, monkeypatch):
    with joined(Cluster.at(data_dir)):
        pass
    data_dir.chmod(0o755)
    (data_dir / "pg/PG_VERSION").write_text("9\n")
    monkeypatch.setattr(doctor, "free_bytes", lambda _: 2**30)
    settings = Settings(
        data_dir=data_dir, host="0.0.0.0", tls_cert=data_dir / "none.pem", tls_key=data_dir / "none.key"
    )
    found = by_subject(settings)
    assert not found["PostgreSQL"].is_well
    assert "postgresql-9" in found["PostgreSQL"].told
    assert not found["磁盘"].is_well
    assert "清理" in found["磁盘"].told
    assert not found["HTTPS"].is_well
    assert "PEM" in found["HTTPS"].told


def test_a_directory_open_to_others_is_told(data_dir):
    with joined(Cluster.at(data_dir)):
        pass
    data_dir.chmod(0o755)
    found = by_subject(Settings(data_dir=data_dir))["数据目录"]
    assert not found.is_well
    assert f"chmod 700 {data_dir}" in found.told


def test_without_any_postgresql_it_says_how_to_get_one(data_dir, monkeypatch):
    monkeypatch.setattr(doctor, "installed", list)
    found = by_subject(Settings(data_dir=data_dir))["PostgreSQL"]
    assert not found.is_well
    assert "./start" in found.told


def test_a_server_that_does_not_answer_is_told_without_its_password(data_dir):
    url = "postgresql://someone:secret@127.0.0.1:1/none"
    found = by_subject(Settings(data_dir=data_dir, database_url=url))
    assert not found["数据库"].is_well
    assert "GEO_DATABASE_URL" in found["数据库"].told
    assert "secret" not in found["数据库"].told
    assert "PostgreSQL" not in found, "nobody needs a server of his own then"


def test_open_to_the_network_without_https_is_a_warning(data_dir):
    assert not by_subject(Settings(data_dir=data_dir, host="0.0.0.0"))["HTTPS"].is_well
    behind = Settings(data_dir=data_dir, host="0.0.0.0", public_url="https://yinxun.example")
    assert by_subject(behind)["HTTPS"].is_well


def test_how_to_set_backups_up_is_told_step_by_step(data_dir):
    bare = by_subject(Settings(data_dir=data_dir))
    assert not bare["备份密钥"].is_well
    assert "geo-service backup-key" in bare["备份密钥"].told
    assert "还没有备份" in bare["备份"].told
    settings = backed_up(data_dir)
    (data_dir / keys.PROOF).unlink()
    unproved = by_subject(settings)["备份密钥"]
    assert not unproved.is_well
    assert "--prove" in unproved.told


def test_a_late_a_cut_and_a_missing_backup_are_told(data_dir):
    settings = backed_up(data_dir)
    (path,) = settings.backups_dir.glob("*.age")
    assert "1 小时前" in by_subject(settings)["备份"].told
    whole = path.read_bytes()
    path.write_bytes(whole[:-70_000])
    assert "不完整" not in by_subject(settings)["备份"].told, (
        "a cut at just this place shows with the key only"
    )
    for spoilt in (whole[: 65_536 + 300], whole[:-1] + b"\0", b""):
        path.write_bytes(spoilt)
        assert not by_subject(settings)["备份"].is_well
    path.write_bytes(whole)
    for name in (path, Path(f"{path}.sha256")):
        name.rename(str(name).replace(path.stem, "yinxun-20200101T000000Z"))
    late = by_subject(settings)["备份"]
    assert not late.is_well
    assert "每 24 小时" in late.told


def test_backups_on_the_disk_of_the_data_are_told(data_dir):
    beside = by_subject(Settings(data_dir=data_dir))["备份位置"]
    assert not beside.is_well
    assert "GEO_BACKUP_DIR" in beside.told
    elsewhere = Settings(data_dir=data_dir, backup_dir=Path("/dev/shm/yinxun"))
    assert by_subject(elsewhere)["备份位置"].is_well


def test_dumps_that_lie_around_are_told(data_dir):
    dump = data_dir / "dumps/before-0002.dump"
    dump.parent.mkdir()
    dump.touch()
    assert by_subject(Settings(data_dir=data_dir))["升级前的转储"].is_well
    old = time.time() - 8 * 86_400
    os.utime(dump, (old, old))
    found = by_subject(Settings(data_dir=data_dir))["升级前的转储"]
    assert not found.is_well
    assert str(dump.parent) in found.told


def test_a_disk_is_told_of_early_and_when_uploads_are_refused(data_dir, monkeypatch):
    settings = Settings(data_dir=data_dir)
    for free_mb, is_well, word in (
        (3000, True, "还剩"),
        (1500, False, "将不再接收"),
        (400, False, "已不再接收"),
    ):
        monkeypatch.setattr(doctor, "free_bytes", lambda _, free_mb=free_mb: free_mb * 2**20)
        found = by_subject(settings)["磁盘"]
        assert (found.is_well, word in found.told) == (is_well, True)


def test_a_missing_font_for_printing_is_told(data_dir, monkeypatch):
    assert by_subject(Settings(data_dir=data_dir))["中文字体"].is_well
    monkeypatch.setattr(fonts, "FOLDERS", ())
    found = by_subject(Settings(data_dir=data_dir))["中文字体"]
    assert not found.is_well
    assert "apt-get install fonts-wqy-microhei" in found.told
