"""PostgreSQL's own programs that read a server out and fill one, of a major version that fits."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import URL, Connection, text

from geo_service.errors import CannotRun


def server_major(connection: Connection) -> int:
    """Return the major version of the server."""
    return int(connection.scalar(text("show server_version_num")) or 0) // 10_000


def fitting(name: str, least_major: int) -> Path:
    """Return the program of the lowest installed major that is not below the server's.

    Raises `CannotRun` if there is none: an older program refuses a newer server.
    """
    found = _installed(name)
    fit = [major for major in found if major >= least_major]
    if fit:
        return found[min(fit)]
    have = f"本机只有 {'、'.join(map(str, sorted(found)))} 版的" if found else "本机没有"
    raise CannotRun(
        f"这个数据库是 PostgreSQL {least_major}，而{have} {name}。"
        f"请安装 {least_major} 或更新的版本：apt-get install postgresql-client-{least_major}。",
        title="No program of a fitting PostgreSQL version is installed.",
    )


def address(url: URL) -> tuple[str, dict[str, str]]:
    """Return a database's URL without its password, which others could see, and the environment with it."""
    bare = url.set(drivername="postgresql", password=None).render_as_string()
    return bare, os.environ | ({"PGPASSWORD": str(url.password)} if url.password else {})


def _installed(name: str) -> dict[int, Path]:
    folders = [*Path("/usr/lib/postgresql").glob("*/bin"), *Path("/usr").glob("pgsql-*/bin")]
    candidates = [folder / name for folder in folders]
    if on_path := shutil.which(name):
        candidates.append(Path(on_path))
    found: dict[int, Path] = {}
    for program in candidates:
        if program.exists():
            said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
            if number := re.search(r"(\d+)", said.stdout):
                found.setdefault(int(number[1]), program)
    return found
