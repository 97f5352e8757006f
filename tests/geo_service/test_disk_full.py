"""A full disk: uploads are refused as 507 before they begin and half-way, reads go on, nothing is lost.

The real thing needs a disk of its own that can be filled: a tmpfs, which only root may mount. Where that is
not possible the service runs with a demand for room that no disk meets; what fills half-way is then held by
the tests in this process, which hand the errors of a full disk to the code that must read them.
"""

import contextlib
import errno
import io
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import psycopg
import pytest
import starlette.datastructures
from fastapi import FastAPI, UploadFile
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from geo_service import ballast, edge, files, room
from geo_service.embedded import Cluster
from geo_service.errors import NoRoom
from geo_service.keeper import joined
from geo_service.settings import Settings
from geo_service.tables import StoredFile
from geo_service.web import held
from layers.vocabulary import FileKind
from tests.geo_service.phones import county_with_a_token, free_port, gpx, run, start

DISK_MB = 400
LEAST_FREE_MB = 40


@contextlib.contextmanager
def small_disk() -> Iterator[Path | None]:
    """Yield a folder on a disk of its own; None where no disk can be mounted."""
    folder = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    folder.chmod(0o755)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=755", "tmpfs", folder],
        capture_output=True,
        check=False,
    )
    try:
        yield folder if mounted.returncode == 0 else None
    finally:
        if mounted.returncode == 0:
            subprocess.run(["umount", "--lazy", folder], check=True)
        shutil.rmtree(folder, ignore_errors=True)


class Phone:
    """A running service, what a phone sends to it and a coordinator reads of it."""

    def __init__(self, port: int, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60)

    @classmethod
    @contextlib.contextmanager
    def of(cls, data_dir: Path, token: str, *, ready: str = "/ready", **more: str) -> Iterator["Phone"]:
        port = free_port()
        service = start(data_dir, port, ready=ready, **more)
        phone = cls(port, token)
        try:
            yield phone
        finally:
            phone._client.close()
            service.terminate()
            service.wait(timeout=60)
            print(data_dir.with_name("service.log").read_text()[-6000:])

    def sends(self, number: int, padding: int = 0) -> httpx.Response:
        walk = gpx(number) + b"<!--" + b"x" * padding + b"-->"
        return self._client.post("/api/patrols", params={"person": "7"}, files={"file": ("w.gpx", walk)})

    def reads(self) -> list[int]:
        return [self._client.get(path).status_code for path in ("/api/patrols", "/api/places", "/health")]


def fill(folder: Path, leave_mb: float) -> Path:
    """Fill a disk up to so many megabytes with a file, and return it."""
    filler = folder / f"filler-{uuid.uuid4().hex}"
    with filler.open("wb") as file, contextlib.suppress(OSError):
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - int(leave_mb * 2**20))
    with filler.open("ab", buffering=0) as file, contextlib.suppress(OSError):
        while leave_mb == 0:
            file.write(b"\0" * 4096)
    return filler


def stored(data_dir: Path) -> tuple[int, int]:
    with joined(Cluster.at(data_dir)) as url, psycopg.connect(url) as connection:
        found = connection.execute("select count(*), count(distinct sha256) from batch").fetchone()
    assert found is not None
    return found


def test_a_disk_that_fills_refuses_uploads_and_goes_on_when_there_is_room_again(tmp_path: Path) -> None:
    with small_disk() as disk:
        if disk is None:
            print(
                "no disk can be mounted here: a demand for room that no disk meets stands in for a full one"
            )
            refused_for_want_of_room(tmp_path)
            return
        data_dir = disk / "data"
        asked = {"GEO_LEAST_FREE_MB": str(LEAST_FREE_MB)}
        token = county_with_a_token(data_dir, tmp_path, **asked)
        with Phone.of(data_dir, token, **asked) as phone:
            assert phone.sends(1).status_code == 201
            filler = fill(disk, LEAST_FREE_MB - 5)
            refused = phone.sends(2, padding=2**20)
            assert (refused.status_code, refused.json()["code"]) == (507, "no_room")
            assert phone.reads() == [200, 200, 200]
            named = run(data_dir, "roster", str(tmp_path / "roster.csv"), **asked)
            assert (named.returncode, "不足" in named.stderr) == (1, True), named.stderr
            filler.unlink()
            assert phone.sends(2).status_code == 201
        assert stored(data_dir) == (2, 2)


def test_a_disk_that_fills_half_way_rolls_back_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    with small_disk() as disk:
        if disk is None:
            print("no disk can be mounted here: only the tests in this process hold what fills half-way")
            return
        data_dir = disk / "data"
        token = county_with_a_token(data_dir, tmp_path, GEO_LEAST_FREE_MB="0")
        with Phone.of(data_dir, token, GEO_LEAST_FREE_MB="0") as phone:
            taken = {number: phone.sends(number).status_code for number in range(3)}
            fill(disk, 0)
            number, answers = 3, []
            while len(answers) < 200 and answers[-3:] != [507] * 3:
                answers.append(phone.sends(number).status_code)
                taken[number] = answers[-1]
                number += 1
            assert answers[-3:] == [507] * 3, answers
            assert set(answers) <= {201, 507}
            assert phone.reads() == [200, 200, 200]
            assert (data_dir / ballast.NAME).exists()
            # As after a checkpoint for which there is no room, of which the database dies.
            os.kill(int((data_dir / "pg/postmaster.pid").read_text().split()[0]), signal.SIGKILL)
            fill(disk, 0)
            until = time.monotonic() + 60
            while phone.reads() != [200, 200, 200]:
                assert time.monotonic() < until, "the database did not come back on a full disk"
                time.sleep(0.2)
            assert not (data_dir / ballast.NAME).exists()
            for filler in disk.glob("filler-*"):
                filler.unlink()
            for refused in [number for number, status in taken.items() if status == 507]:
                assert phone.sends(refused).status_code == 201
        assert stored(data_dir) == (number, number)


def refused_for_want_of_room(folder: Path) -> None:
    outer = Path(tempfile.mkdtemp(prefix="yinxun-test-"))
    outer.chmod(0o755)
    try:
        data_dir = outer / "data"
        token = county_with_a_token(data_dir, folder)
        with Phone.of(data_dir, token) as phone:
            assert phone.sends(1).status_code == 201
        with Phone.of(data_dir, token, ready="/health", GEO_LEAST_FREE_MB=str(10**9)) as phone:
            assert phone.sends(2).status_code == 507
            assert phone.reads() == [200, 200, 200]
        assert stored(data_dir) == (1, 1)
    finally:
        shutil.rmtree(outer)


# --- in this process: every error of a full disk is read as that, wherever it comes up


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FullDisk(io.BytesIO):
    """A file that cannot be read to its end into another one, because that one's disk is full."""

    def read(self, *_: object) -> bytes:
        raise FULL


def test_below_the_setting_large_requests_are_refused_and_small_ones_are_not(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda _: 100 * 2**20)
    for large in (
        {"files": {"file": ("w.gpx", b"x")}},
        {"content": b"x" * (edge.UNNOTICED_BODY_BYTES + 1)},
        {"content": iter([b"no length is told"])},
    ):
        answer = client.post("/api/patrols", **large)
        assert answer.status_code == 507
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert "500 MB" in answer.json()["detail"]
        assert "清理磁盘" in answer.json()["detail"]
    assert client.post("/api/patrols", content=b"x").status_code == 401
    assert client.get("/sign-in").status_code == 200


def test_who_waits_for_a_page_gets_a_page(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda _: 0)
    answer = client.post("/import", files={"file": ("a.zip", b"x")}, headers={"Accept": "text/html"})
    assert answer.status_code == 507
    assert "<html" in answer.text
    assert "清理磁盘" in answer.text


def test_with_room_enough_nothing_is_refused(client: TestClient) -> None:
    assert client.post("/api/patrols", files={"file": ("w.gpx", b"x")}).status_code == 401


@pytest.mark.parametrize(
    "raised",
    [
        FULL,
        OSError(errno.EDQUOT, "quota"),
        OperationalError("insert", {}, psycopg.errors.DiskFull("could not extend file")),
        psycopg.errors.DiskFull("could not extend file"),
    ],
)
def test_a_disk_that_fills_half_way_is_507_whoever_finds_it(
    app: FastAPI, client: TestClient, raised: Exception
) -> None:
    def full() -> None:
        raise raised

    app.router.routes.append(APIRoute("/full", full, methods=["POST"]))
    answer = client.post("/full")
    assert (answer.status_code, answer.json()["code"]) == (507, "no_room")
    assert "没有保存" in answer.json()["detail"]


def test_a_form_that_finds_no_room_for_its_file_is_507(
    app: FastAPI, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def form(file: UploadFile) -> None:
        await file.read()

    app.router.routes.append(APIRoute("/form", form, methods=["POST"]))

    async def full(*_: object) -> None:
        raise FULL

    monkeypatch.setattr(starlette.datastructures.UploadFile, "write", full)
    assert client.post("/form", files={"file": ("a", b"x")}).status_code == 507


def test_another_fault_of_the_system_is_still_a_fault(app: FastAPI, client: TestClient) -> None:
    def broken() -> None:
        raise OSError(errno.EIO, "input/output error")

    app.router.routes.append(APIRoute("/broken", broken))

    answer = client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")


def test_a_kept_file_that_finds_no_room_leaves_neither_bytes_nor_row(db: Session, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        files.keep(
            db, tmp_path / "files", FullDisk(), county_id=1, kind=FileKind.PROOF, subject="patrol/1",
            media_type="image/jpeg",
        )  # fmt: skip
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    assert db.scalar(select(StoredFile)) is None


def test_a_held_file_that_finds_no_room_is_not_offered_again(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        held.hold(tmp_path, uuid.uuid4(), FullDisk(), "a.zip")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_command_is_refused_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "free_bytes", lambda _: 0)
    with pytest.raises(NoRoom, match="500 MB"):
        room.demand_room(Settings(data_dir=tmp_path))
    room.demand_room(Settings(data_dir=tmp_path, least_free_mb=0))
