"""An archive is taken apart into a directory, and everything in it compared with what it says of itself."""

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from geo_service import files, migrations
from geo_service.backups import archive
from geo_service.backups.archive import Head, Heard, Manifest, Sum
from geo_service.backups.keys import Opener
from geo_service.backups.service import SETTINGS_THEN
from geo_service.errors import CannotRun
from layers.errors import BadFile

DUMP = "database.dump"


@dataclass(frozen=True)
class Unpacked:
    """What lies in the directory now."""

    head: Head
    manifest: Manifest


def unpack(path: Path, opener: Opener, into: Path, heard: Heard) -> Unpacked:
    """Take an archive apart into a directory: its files, its data, and the dump as `DUMP`.

    Raises Invalid (wrong key), CannotRun (newer than this program), BadFile (damaged, cut off, crafted).
    """
    found = Manifest()
    with archive.reading(path, opener, heard) as tar:
        members = _members(tar)
        name, content = next(members, ("", None))
        if name != archive.HEAD or content is None:
            raise BadFile("这不是银巡的备份文件：里面没有说明。")
        head = _head(_json(content))
        told = _take(members, into, found)
    if told is None:
        raise BadFile("备份文件不完整，没有恢复任何内容。请换一份备份。")
    found.tables, found.missing = told.tables, told.missing
    if found != told:
        raise BadFile("备份的内容与它自带的清单不符，没有恢复任何内容。请换一份备份。")
    return Unpacked(head, told)


def _members(tar: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in tar:
        # A sparse member is a few bytes that unpack to any length.
        content = tar.extractfile(member) if member.isreg() and not member.issparse() else None
        if content is None:
            raise _crafted(member.name)
        yield member.name, content


def _take(members: Iterator[tuple[str, IO[bytes]]], into: Path, found: Manifest) -> Manifest | None:
    """Store every member and count it in `found`; return what the archive says it holds."""
    told, names, files_bytes = None, hashlib.sha256(), 0
    dump, dump_bytes = hashlib.sha256(), 0
    with (into / DUMP).open("xb") as database:
        for name, content in members:
            if name.startswith(archive.DATABASE):
                dump_bytes += _copy(content, database, dump)
            elif name.startswith(archive.FILES):
                sha256, size = _take_file(name.removeprefix(archive.FILES), content, into)
                names.update(sha256)
                files_bytes += size
                found.files_count += 1
            elif name.startswith(archive.DATA):
                relative = name.removeprefix(archive.DATA)
                found.data[relative] = _store(content, _within(into, relative))
            elif name == archive.SETTINGS:
                _store(content, into / SETTINGS_THEN)
            elif name == archive.MANIFEST:
                told = _manifest(_json(content))
            else:
                raise _crafted(name)
    found.database = Sum(dump_bytes, dump.hexdigest())
    found.files = Sum(files_bytes, names.hexdigest())
    return told


def _take_file(name: str, content: IO[bytes], into: Path) -> tuple[bytes, int]:
    if not re.fullmatch("[0-9a-f]{64}", name):
        raise _crafted(name)
    sha256 = bytes.fromhex(name)
    stored = _store(content, files.path_of(into / "files", sha256))
    if stored.sha256 != name:
        raise BadFile("备份里有一个文件的内容与它的校验和不符，没有恢复任何内容。请换一份备份。")
    return sha256, stored.bytes


def _store(content: IO[bytes], target: Path) -> Sum:
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    digest = hashlib.sha256()
    with target.open("xb") as file:
        size = _copy(content, file, digest)
    target.chmod(0o600)
    return Sum(size, digest.hexdigest())


def _copy(source: IO[bytes], target: IO[bytes], digest: Any) -> int:
    size = 0
    while piece := source.read(archive.PIECE_BYTES):
        target.write(piece)
        digest.update(piece)
        size += len(piece)
    return size


def _within(into: Path, relative: str) -> Path:
    """Return where a member belongs. An archive to a public key can be written by anybody: trust no name."""
    parts = PurePosixPath(relative).parts
    if not parts or relative.startswith("/") or ".." in parts or "\0" in relative or parts[0] in _RESERVED:
        raise _crafted(relative)
    return into.joinpath(*parts)


_RESERVED = {"pg", "pg.new", "run", "files", "owner.lock", "users.lock", DUMP, SETTINGS_THEN}


def _crafted(name: str) -> BadFile:
    return BadFile(f"备份里有不该有的内容（{name[:80]!r}），没有恢复任何内容。这个文件不是银巡写的。")


def _json(content: IO[bytes]) -> dict[str, Any]:
    try:
        value = json.loads(content.read())
    except (ValueError, RecursionError) as failure:
        raise BadFile("备份自带的说明读不懂，没有恢复任何内容。请换一份备份。") from failure
    return value if isinstance(value, dict) else {}


def _head(said: dict[str, Any]) -> Head:
    """Read what made the archive. Raises CannotRun if this program is too old for it."""
    made_by = said.get("version", "?")
    if said.get("format") != archive.FORMAT or migrations.is_newer(str(said.get("revision"))):
        raise CannotRun(
            f"这份备份由较新的程序（{made_by}）写成，本程序读不了，没有恢复任何内容。请安装同样或更新的版本再恢复。",
            title="The backup is newer than this code.",
        )
    try:
        return Head(**said)
    except TypeError as failure:
        raise BadFile("备份自带的说明读不懂，没有恢复任何内容。请换一份备份。") from failure


def _manifest(said: dict[str, Any]) -> Manifest:
    try:
        said["database"], said["files"] = Sum(**said["database"]), Sum(**said["files"])
        said["data"] = {name: Sum(**value) for name, value in said["data"].items()}
        return Manifest(**said)
    except (KeyError, TypeError, AttributeError) as failure:
        raise BadFile("备份自带的清单读不懂，没有恢复任何内容。请换一份备份。") from failure
