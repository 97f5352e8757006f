"""The doctor looks at everything and says what to do about what is wrong."""

import shutil
import tempfile
from pathlib import Path

import pytest

from geo_service import doctor
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


def test_on_a_machine_that_can_run_it_all_is_well(data_dir):
    cluster = Cluster.at(data_dir)
    with joined(cluster):
        found = by_subject(Settings(data_dir=data_dir))
    assert [finding for finding in found.values() if not finding.is_well] == []
    assert str(cluster.binaries.major) in found["PostgreSQL"].told
    assert cluster.user.pw_name in found["数据目录"].told
    assert "首次启动时建表" in found["数据库"].told


def test_each_trouble_is_told_with_what_to_do(data_dir, monkeypatch):
    with joined(Cluster.at(data_dir)):
        pass
    data_dir.chmod(0o755)
    (data_dir / "pg/PG_VERSION").write_text("9\n")
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 2**60)
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


def test_a_missing_font_for_printing_is_told(data_dir, monkeypatch):
    assert by_subject(Settings(data_dir=data_dir))["中文字体"].is_well
    monkeypatch.setattr(fonts, "FOLDERS", ())
    found = by_subject(Settings(data_dir=data_dir))["中文字体"]
    assert not found.is_well
    assert "apt-get install fonts-wqy-microhei" in found.told
