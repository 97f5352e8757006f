"""The edge of the service: problems instead of pages of errors, limits, headers, logs that tell no names."""

import hashlib
import json
import logging
from pathlib import Path
from typing import Annotated

import psycopg
import pytest
from fastapi import APIRouter, Body, FastAPI, Form, Query, UploadFile
from fastapi.testclient import TestClient
from sqlalchemy import insert, select, text

from geo_service import app as app_module
from geo_service import logs, migrations
from geo_service.accounts import doors
from geo_service.app import STATIC, create_app
from geo_service.db import Db
from geo_service.edge import CONTENT_SECURITY_POLICY, SMALL_BODY_BYTES
from geo_service.errors import STATUS, Unavailable, YinxunError, status_of
from geo_service.settings import Settings
from geo_service.tables import County
from layers import errors as domain_errors

router = APIRouter()


@router.get("/open/county")
def one_county(db: Db) -> list[str]:
    return list(db.scalars(select(County.name)))


@router.post("/open/county")
def add_county(db: Db, name: Annotated[str, Body(embed=True)]) -> str:
    db.execute(insert(County).values(code=name, name=name, time_zone="UTC"))
    return name


@router.get("/open/fail")
def fail() -> str:
    raise RuntimeError("张三 13812345678 120.123,32.456")


@router.get("/open/outage")
def outage() -> str:
    raise psycopg.OperationalError("the connection is lost")


@router.get("/open/limit")
def limit(n: Annotated[int, Query(le=10)]) -> int:
    return n


@router.post("/open/file")
def file(upload: UploadFile, note: Annotated[str, Form()] = "") -> str:
    digest = hashlib.sha256()
    while block := upload.file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


@router.post("/open/text")
def body(text: Annotated[str, Body(embed=True)]) -> int:
    return len(text)


@pytest.fixture
def app(db, tmp_path, monkeypatch) -> FastAPI:
    """The application with a few routes of our own behind open doors."""
    monkeypatch.setattr(app_module, "ROUTERS", (*app_module.ROUTERS, router))
    door = doors._door("GET POST", "/open/{rest:path}", "a test's own", None)
    monkeypatch.setattr(doors, "_PATTERNS", [*doors._PATTERNS, (door, doors.compile_path(door.path)[0])])
    return create_app(Settings(data_dir=tmp_path, max_upload_mb=32), db.connection())


def test_an_error_is_a_problem_with_code_title_and_chinese_detail(client):
    answer = client.get("/open/limit?n=11")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["code"] == "invalid"
    assert told["status"] == 422
    assert told["type"] == "urn:yinxun:problem:invalid"
    assert told["title"].isascii()
    assert "query.n" in told["detail"]
    assert "改正" in told["detail"]
    assert told["errors"] == [
        {"where": "query.n", "type": "less_than_equal", "message": "Input should be less than or equal to 10"}
    ]
    assert told["request_id"] == answer.headers["x-request-id"]


def test_every_error_class_has_a_status_a_code_and_a_title():
    def below(cls):
        return [cls, *(deep for sub in cls.__subclasses__() for deep in below(sub))]

    classes = below(YinxunError)
    assert domain_errors.BadFile in classes
    for cls in classes:
        assert any(parent in STATUS for parent in cls.__mro__)
        assert cls.code.isidentifier()
        assert cls.title.isascii()
    told = {(cls.code, status_of(cls.__new__(cls))) for cls in classes}
    assert len(told) == len({code for code, _ in told}), "a code means one thing"


def test_our_own_fault_is_told_as_such_and_names_nobody_anywhere(client, caplog):
    with caplog.at_level(logging.INFO):
        answer = client.get("/open/fail?name=张三")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal"
    assert "content-security-policy" in answer.headers
    written = [logs.JsonLines().format(r) for r in caplog.records if "httpx" not in r.name]
    everything = answer.text + "\n".join(written)
    for secret in ("张三", "13812345678", "120.123", "name="):
        assert secret not in everything
    failure = next(line for line in map(json.loads, written) if line.get("error"))
    assert failure["error"] == "RuntimeError"
    assert any("fail" in place for place in failure["through"])


def test_a_line_for_each_request_by_route_not_by_path(client, caplog):
    with caplog.at_level(logging.INFO, logger="yinxun.request"):
        answer = client.get("/open/limit?n=3")
        client.get("/nowhere/secret-token")
    first, second = (json.loads(logs.JsonLines().format(record)) for record in caplog.records)
    assert (first["method"], first["route"], first["status"]) == ("GET", "/open/limit", 200)
    assert second["route"] == "(none)"
    assert "secret" not in json.dumps(second)
    assert answer.headers["x-request-id"]


def test_what_fails_to_commit_is_never_a_success(client, db):
    assert client.post("/open/county", json={"name": "甲"}).status_code == 200
    again = client.post("/open/county", json={"name": "甲"})
    assert again.status_code == 409
    assert client.get("/open/county").json() == ["甲"]


def test_text_that_the_database_cannot_hold_is_a_clear_refusal(client):
    answer = client.post("/open/county", json={"name": "甲\x00乙"})
    assert answer.status_code == 422
    assert "NUL" in answer.json()["detail"]


def test_without_a_database_503_and_when_to_come_back_while_health_answers(client):
    answer = client.get("/open/outage")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "3")
    assert answer.json()["code"] == Unavailable.code
    assert client.get("/health").json() == {"status": "alive"}


def test_what_is_not_there_and_what_is_not_open_look_alike(client):
    for path in ("/api/places", "/api/no-such-thing", "/docs", "/openapi.json"):
        answer = client.get(path)
        assert answer.status_code in (401, 404), path
        assert answer.headers["content-type"] == "application/problem+json"
    page = client.get("/docs", headers={"Accept": "text/html"})
    assert page.status_code == 303
    assert page.headers["location"].startswith("/sign-in")


def test_headers_are_set_where_the_route_set_none(client):
    answer = client.get("/open/limit?n=1")
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "unsafe-inline" not in CONTENT_SECURITY_POLICY.partition("script-src")[2].partition(";")[0]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "strict-transport-security" not in answer.headers
    static = client.get("/static/docs.js")
    assert static.headers["cache-control"] == "no-cache"
    assert static.headers.get_list("content-security-policy") == [CONTENT_SECURITY_POLICY]


def test_https_is_remembered_by_browsers(db, tmp_path):
    settings = Settings(data_dir=tmp_path, public_url="https://yinxun.example")
    with TestClient(create_app(settings, db.connection())) as client:
        assert client.get("/health").headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
def test_a_body_beyond_the_limit_is_cut_off(client, declared):
    def chunks():
        for _ in range(SMALL_BODY_BYTES // 2**20 + 1):
            yield b"x" * 2**20

    content = b"x" * (SMALL_BODY_BYTES + 1) if declared else chunks()
    answer = client.post("/open/text", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"
    assert "16 MB" in answer.json()["detail"]


def test_a_form_with_a_file_may_be_larger_but_not_endless(client):
    content = b"y" * (SMALL_BODY_BYTES + 2**20)
    answer = client.post("/open/file", files={"upload": ("a.gpx", content)})
    assert answer.json() == hashlib.sha256(content).hexdigest()
    answer = client.post("/open/file", files={"upload": ("a.gpx", b"y" * 33 * 2**20)})
    assert answer.status_code == 413
    assert "32 MB" in answer.json()["detail"]


def test_ready_tells_yes_or_no_and_nothing_else(app, client, db):
    with db.begin_nested():
        db.execute(text("create table if not exists alembic_version (version_num text)"))
        db.execute(text("delete from alembic_version"))
    answer = client.get("/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready"})
    db.execute(text("insert into alembic_version values (:v)"), {"v": migrations.revisions()[0]})
    assert (client.get("/ready").status_code, client.get("/ready").json()) == (200, {"status": "ready"})


def test_metrics_count_requests_by_route_for_this_machine_only(app, client):
    client.get("/open/limit?n=1")
    client.get("/open/limit?n=11")
    told = client.get("/metrics").text
    assert 'yinxun_requests_total{method="GET",route="/open/limit",status="200"} 1' in told
    assert 'yinxun_requests_total{method="GET",route="/open/limit",status="422"} 1' in told
    assert 'yinxun_request_seconds_count{route="/open/limit"} 2' in told
    assert "yinxun_resident_bytes" in told
    assert "yinxun_database_up 1" in told
    types = [line for line in told.splitlines() if line.startswith("# TYPE")]
    assert len(types) == len(set(types)) >= 4
    assert client.get("/metrics", headers={"X-Forwarded-For": "10.1.2.3"}).status_code == 404
    with TestClient(app, client=("10.1.2.3", 1)) as other:
        assert other.get("/metrics").status_code == 404


def test_vendored_files_are_as_they_came():
    vendor = STATIC / "vendor"
    listed = dict(line.split("  ")[::-1] for line in (vendor / "CHECKSUMS").read_text().splitlines())
    found = {
        str(path.relative_to(vendor)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.glob("*/**/*")
        if path.is_file()
    }
    assert found == listed


def test_our_own_static_files_name_no_other_host():
    for path in STATIC.iterdir():
        if path.is_file() and path.suffix in (".html", ".js", ".css"):
            assert "://" not in path.read_text().replace("http://www.w3.org/", ""), path.name


def test_the_log_goes_to_standard_error_as_json(capsys):
    before = logging.getLogger().handlers[:]
    try:
        logs.set_up()
        logging.getLogger("x").warning("said", extra={"fields": {"n": 1}})
        line = json.loads(capsys.readouterr().err)
    finally:
        logging.getLogger().handlers[:] = before
    assert (line["message"], line["n"], line["level"]) == ("said", 1, "warning")


def test_the_documentation_is_served_from_here(app):
    operations = app.openapi()["paths"]
    assert operations
    page = (Path(STATIC) / "docs.html").read_text()
    for source in ("/static/vendor/swagger-ui/swagger-ui-bundle.js", "/static/docs.js"):
        assert source in page
        assert (STATIC / source.removeprefix("/static/")).exists()
