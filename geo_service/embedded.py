"""The private PostGIS cluster: a child process on a unix socket, for whoever has no server of his own.

This module makes it, starts it and stops it; `geo_service.keeper` says who may.
"""

import contextlib
import hashlib
import logging
import os
import pwd
import re
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from geo_service import ballast
from geo_service.errors import CannotRun

log = logging.getLogger(__name__)

DATABASE = ROLE = "yinxun"
LONGEST_SOCKET_PATH = 107
"""Bytes that the kernel takes for the path of a unix socket."""

SERVER_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "60",
    # Small memory: idle service and database together stay below 400 MB.
    "shared_buffers": "64MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "64MB",
    "jit": "off",
    "max_wal_size": "512MB",
    # What was acknowledged survives a power cut.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # pglz makes storing tracks seven times slower.
    "default_toast_compression": "lz4",
    "wal_compression": "lz4",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Errors reach the client; the log must not hold the values of rows.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
    "log_line_prefix": "",
}


@dataclass(frozen=True)
class Binaries:
    """The programs of one installed PostgreSQL."""

    major: int
    folder: Path

    @property
    def has_postgis(self) -> bool:
        """Whether the PostGIS extension is installed beside it."""
        shares = [Path(f"/usr/share/postgresql/{self.major}"), self.folder.parent / "share"]
        return any((share / "extension/postgis.control").exists() for share in shares)


def installed() -> list[Binaries]:
    """Find the installed PostgreSQL servers, the newest first."""
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    found: dict[int, Binaries] = {}
    for folder in folders:
        if (folder / "postgres").exists() and (folder / "initdb").exists():
            version = subprocess.run(
                [folder / "postgres", "--version"], capture_output=True, text=True, check=False
            )
            if number := re.search(r"(\d+)", version.stdout):
                found.setdefault(int(number[1]), Binaries(int(number[1]), folder))
    return [found[major] for major in sorted(found, reverse=True)]


def service_user(data_dir: Path) -> pwd.struct_passwd:
    """Tell which user the database runs as: the owner of the data, else ourselves, never root.

    Raises `CannotRun` if the data belongs to someone else, or no unprivileged user exists.
    """
    owner = data_dir.stat().st_uid if data_dir.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise CannotRun(
                f"数据目录 {data_dir} 属于另一个用户。请用该用户或 root 运行，或用 GEO_DATA_DIR 换一个目录。"
            )
        return _user(os.geteuid())
    if owner:
        return _user(owner)
    if owner == 0 and any(data_dir.iterdir()):
        raise CannotRun(f"数据目录 {data_dir} 属于 root 且不是空的。请用 GEO_DATA_DIR 指定一个新的目录。")
    for name in ("yinxun", "postgres"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise CannotRun(
        "数据库不能以 root 运行，而本机没有用户 yinxun。请运行 ./start，或执行 useradd --system yinxun。"
    )


def make_private(folder: Path, user: pwd.struct_passwd) -> None:
    """Make a directory for `user` alone, if it is not there; raise `CannotRun` if he cannot write in it."""
    if not folder.exists():
        folder.mkdir(parents=True, mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder, user.pw_uid, user.pw_gid, follow_symlinks=False)
    if subprocess.run(as_user(user, "/usr/bin/test", "-w", folder), check=False).returncode:
        raise CannotRun(
            f"用户 {user.pw_name} 进不了目录 {folder}。"
            "请用 GEO_DATA_DIR 换一个目录，例如 /var/lib/yinxun/data。"
        )


def as_user(user: pwd.struct_passwd, program: str | Path, *args: str | Path) -> list[str]:
    """Return the command line that runs a program as `user` and ends it with the thread that started it.

    setpriv asks for the signal after the change of user, which would clear it.
    """
    become: list[str] = []
    if os.geteuid() == 0:
        become = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
    return ["setpriv", *become, "--pdeathsig=INT", "--", str(program), *map(str, args)]


def _user(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise CannotRun(
            f"系统里没有编号为 {uid} 的用户，PostgreSQL 需要它有名字。请在 /etc/passwd 中添加。"
        ) from None


@dataclass(frozen=True)
class Cluster:
    """A private cluster: where it lives and whose processes run it."""

    data_dir: Path
    user: pwd.struct_passwd
    binaries: Binaries

    @classmethod
    def at(cls, data_dir: Path) -> "Cluster":
        """Describe the cluster of a data directory, which need not exist yet.

        Raises `CannotRun` if no fitting PostgreSQL is installed.
        """
        data_dir = data_dir.absolute()
        user = service_user(data_dir)
        found = installed()
        if not found:
            raise CannotRun(
                "本机没有 PostgreSQL。请运行 ./start，或执行 apt-get install postgresql postgis。"
            )
        made_by = data_dir / "pg/PG_VERSION"
        if not made_by.exists():
            return cls(data_dir, user, next((b for b in found if b.has_postgis), found[0]))
        major = int(made_by.read_text())
        for binaries in found:
            if binaries.major == major:
                return cls(data_dir, user, binaries)
        have = "、".join(str(b.major) for b in found)
        raise CannotRun(
            f"数据目录 {data_dir} 由 PostgreSQL {major} 建立，本机只有 {have}。数据没有改动。"
            f"请安装原来的版本：apt-get install postgresql-{major} postgresql-{major}-postgis-3。"
            f"或者用 GEO_DATA_DIR 另建目录，再用 pg_restore 恢复 {data_dir}/dumps 中的备份。",
            title="The data directory was made by another major version of PostgreSQL.",
        )

    @property
    def pgdata(self) -> Path:
        """The directory of the database itself."""
        return self.data_dir / "pg"

    @property
    def socket_dir(self) -> Path:
        """Where the socket lies: beside the data, or in /tmp where that path would be too long."""
        beside = self.data_dir / "run"
        if len(os.fsencode(beside / ".s.PGSQL.5432")) <= LONGEST_SOCKET_PATH:
            return beside
        mark = hashlib.sha256(bytes(self.data_dir)).hexdigest()[:12]
        return Path(f"/tmp/yinxun-{self.user.pw_uid}-{mark}")  # noqa: S108  (checked to be his alone)

    def url(self, database: str = DATABASE) -> str:
        """Return the SQLAlchemy and libpq URL of a database in the cluster."""
        return f"postgresql://{ROLE}@/{database}?host={quote(str(self.socket_dir), safe='/')}"

    def answers(self) -> bool:
        """Whether the database takes connections."""
        with contextlib.suppress(psycopg.OperationalError):
            psycopg.connect(self.url(), connect_timeout=5).close()
            return True
        return False

    # ---- starting and stopping: for the holder of the owner's lock ----

    def start(self) -> subprocess.Popen[str]:
        """Start the database as our child, made first if it does not exist; return when it answers.

        The process gets a fast shutdown from the kernel when the calling thread ends.
        """
        self.make_directories()
        ballast.trim(self.data_dir / ballast.NAME, self.open_private)
        if not (self.pgdata / "PG_VERSION").exists():
            self._initdb()
        self._end_remains()
        self._write_access()
        options = [f"{name}={value}" for name, value in SERVER_OPTIONS.items()]
        options.append(f"unix_socket_directories={self.socket_dir}")
        process = subprocess.Popen(
            self._as_user(
                "postgres", "-D", self.pgdata, *(arg for option in options for arg in ("-c", option))
            ),
            env=self._environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        said: deque[str] = deque(maxlen=10)
        threading.Thread(target=_drain, args=(process, said), daemon=True, name="database-log").start()
        try:
            self._await(process, said)
            self._make_database()
        except BaseException:
            self.stop(process)
            raise
        return process

    def stop(self, process: subprocess.Popen[str]) -> None:
        """Shut the database down, cleanly if it can within half a minute."""
        for how, patience_s in ((signal.SIGINT, 30), (signal.SIGQUIT, 5), (signal.SIGKILL, 5)):
            if process.poll() is None:
                self._signal(process.pid, how)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience_s)

    def open_private(self, path: Path) -> int:
        """Open a file for us and the service's user alone, made if absent; return its descriptor."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if os.geteuid() == 0:
            os.fchown(descriptor, self.user.pw_uid, self.user.pw_gid)
        return descriptor

    def make_directories(self) -> None:
        """Make the data and socket directories for the service's user alone.

        Raises `CannotRun` if that user cannot enter them.
        """
        make_private(self.data_dir, self.user)
        make_private(self.socket_dir, self.user)
        held = self.socket_dir.lstat()
        if not stat.S_ISDIR(held.st_mode) or held.st_uid != self.user.pw_uid or held.st_mode & 0o077:
            raise CannotRun(
                f"{self.socket_dir} 应是只有用户 {self.user.pw_name} 能进入的目录。请移走它再试。"
            )

    def _initdb(self) -> None:
        making = self.data_dir / "pg.new"
        shutil.rmtree(making, ignore_errors=True)  # left by a start that was killed
        if not self.binaries.has_postgis:
            raise CannotRun(
                f"PostgreSQL {self.binaries.major} 没有 PostGIS。"
                f"请执行 apt-get install postgresql-{self.binaries.major}-postgis-3。"
            )
        log.info("making the database cluster")
        done = subprocess.run(
            self._as_user(
                "initdb",
                "-D",
                making,
                "-U",
                ROLE,
                "--auth=peer",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--data-checksums",
            ),
            env=self._environment(),
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise CannotRun(
                f"不能建立数据库（{self.data_dir}）：{(done.stderr or done.stdout).strip()[-500:]}"
            )
        making.rename(self.pgdata)

    def _write_access(self) -> None:
        """Let the service's own user and root in, by the kernel's word on who they are."""
        names = dict.fromkeys((self.user.pw_name, "root"))
        self._write("pg_hba.conf", f"local all {ROLE} peer map={ROLE}\n")
        self._write("pg_ident.conf", "".join(f'{ROLE} "{name}" {ROLE}\n' for name in names))

    def _write(self, name: str, content: str) -> None:
        with os.fdopen(self.open_private(self.pgdata / name), "r+") as file:
            if file.read() != content:
                file.seek(0)
                file.truncate()
                file.write(content)

    def _make_database(self) -> None:
        with psycopg.connect(self.url("postgres"), autocommit=True) as server:
            if not server.execute("select from pg_database where datname = %s", (DATABASE,)).rowcount:
                server.execute(f"create database {DATABASE} template template0")

    def _await(self, process: subprocess.Popen[str], said: deque[str]) -> None:
        patience_s = 120.0  # recovery after a kill reads the log from the last checkpoint
        until = time.monotonic() + patience_s
        while not self._is_ready(process.pid):
            if process.poll() is not None or time.monotonic() > until:
                time.sleep(0.1)  # its last words
                raise CannotRun(f"数据库没有启动（{self.data_dir}）：{' '.join(said) or '没有说明'}")
            time.sleep(0.02)

    def _is_ready(self, pid: int) -> bool:
        """Read what the server says of itself in its pid file: line 1 the process, line 8 its state."""
        lines = self._pid_file()
        return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _pid_file(self) -> list[str]:
        with contextlib.suppress(OSError):
            return (self.pgdata / "postmaster.pid").read_text().splitlines()
        return []

    def _end_remains(self) -> None:
        """End what a killed parent left behind, and only that: processes working in our directory."""
        postmaster = next(iter(self._pid_file()), None)
        for how, whom, patience_s in (
            (signal.SIGINT, "postmaster", 30),
            (signal.SIGQUIT, "all", 5),
            (signal.SIGKILL, "all", 5),
        ):
            remains = self._remains()
            for pid in remains:
                if whom == "all" or str(pid) == postmaster:
                    log.warning("ending process %d left by an earlier run", pid)
                    self._signal(pid, how)
            until = time.monotonic() + patience_s
            while remains and time.monotonic() < until:
                time.sleep(0.05)
                remains = self._remains()
        # With nobody left in the directory a pid file can only mislead: its number may be in use again.
        for stale in (self.pgdata / "postmaster.pid", self.socket_dir / ".s.PGSQL.5432.lock"):
            stale.unlink(missing_ok=True)

    def _remains(self) -> list[int]:
        """Return the PostgreSQL processes whose working directory is this cluster's."""
        ours = os.path.realpath(self.pgdata)
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # gone meanwhile, or another user's
                if os.readlink(entry / "cwd") == ours and os.readlink(entry / "exe").endswith("/postgres"):
                    found.append(int(entry.name))
        return found

    def _signal(self, pid: int, how: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, how)

    def _as_user(self, program: str, *args: str | Path) -> list[str]:
        return as_user(self.user, self.binaries.folder / program, *args)

    def _environment(self) -> dict[str, str]:
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _drain(process: subprocess.Popen[str], said: deque[str]) -> None:
    assert process.stdout  # noqa: S101  (for the type checker: it is a pipe)
    with process.stdout as lines:
        for line in lines:
            said.append(line.strip())
            log.info("postgres: %s", line.strip())
