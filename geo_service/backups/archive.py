"""An archive: a tar stream inside an age file, written and read without ever lying open on a disk.

    head.json              what made it, and which revision of the tables; first, so that it can be refused
    database/000000 ...    pg_dump's custom format, in pieces, because its length is not known before
    files/<sha256>         the kept files that the rows of the same moment name
    data/<path>            what else lies in the data directory
    settings.env           the settings in force
    manifest.json          counts and sums of all that; last, so that it stands for the whole

Without the last a tar would end anywhere; age tells of every cut and every changed bit.
"""

import contextlib
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import pyrage
from pyrage.x25519 import Identity

from geo_service.backups.keys import LOCKED, Opener, Seal, locked_length
from geo_service.backups.storing import sha256_on_disk
from geo_service.errors import Invalid
from layers.errors import BadFile, YinxunError

FORMAT = 1
PIECE_BYTES = 4 * 2**20
HEAD, DATABASE, FILES, DATA, SETTINGS, MANIFEST = (
    "head.json", "database/", "files/", "data/", "settings.env", "manifest.json",
)  # fmt: skip
_AGE = b"age-encryption.org/v1\n"
_AGE_CHUNK, _AGE_TAG, _AGE_NONCE = 64 * 2**10, 16, 16
"""Bytes: age encrypts pieces of 64 KiB and adds a tag to each, after one nonce."""

Heard = Callable[[int], None]
"""Is told how many bytes have been read or written so far."""


@dataclass(frozen=True)
class Head:
    """What made an archive."""

    made_at: str
    version: str
    revision: str
    """Of the tables."""
    postgres: int
    """Major version of the server that was dumped."""
    format: int = FORMAT


@dataclass(frozen=True)
class Sum:
    """Length and SHA-256 of one part."""

    bytes: int
    sha256: str


@dataclass
class Manifest:
    """What an archive holds, counted and summed while it was written."""

    database: Sum = field(default_factory=lambda: Sum(0, ""))
    tables: dict[str, int] = field(default_factory=dict)
    """Rows by table."""
    files: Sum = field(default_factory=lambda: Sum(0, ""))
    """All their bytes, and the sum over their names in order, which are the sums of each."""
    files_count: int = 0
    missing: list[str] = field(default_factory=list)
    """Files that rows name and that were not there, or not as they were kept."""
    data: dict[str, Sum] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One member of the archive: exactly `size` bytes in pieces."""

    name: str
    size: int
    pieces: Iterable[bytes]

    @classmethod
    def of(cls, name: str, content: bytes) -> "Entry":
        """Make a member of what is at hand."""
        return cls(name, len(content), (content,))

    @classmethod
    def of_json(cls, name: str, value: Head | Manifest) -> "Entry":
        """Make a member of a value."""
        return cls.of(name, json.dumps(asdict(value), indent=1).encode())


# --- writing


def write(target: BinaryIO, seal: Seal, entries: Iterable[Entry]) -> str:
    """Write an archive, read it back from the disk and check it; return its SHA-256.

    Raises what `entries` raised, OSError, BadFile.
    """
    front, recipient = seal.begin()
    stream, sink = _Stream(_tar(entries)), _Sink(target)
    sink.write(front)
    try:
        pyrage.encrypt_io(stream, sink, [recipient])
    except (pyrage.EncryptError, OSError) as failure:
        raise stream.failure or sink.failure or failure from None
    sha256 = sha256_on_disk(target)
    if sha256 != sink.digest.hexdigest():
        raise BadFile("备份从磁盘读回时与写入的不同，这份备份没有留下。请检查磁盘。")
    check_structure(target, stream.bytes)
    return sha256


def check_structure(file: BinaryIO, plain_bytes: int | None = None) -> None:
    """Raise BadFile unless a file is, as far as can be seen without its key, a whole archive.

    The header must be one of age and the length one that its pieces can have; with `plain_bytes` just that.
    """
    file.seek(0)
    line = file.readline(len(LOCKED) + 8)
    if length := locked_length(line):
        file.seek(length, os.SEEK_CUR)
        line = file.readline(len(_AGE))
    stanzas = [file.readline(4096) for _ in range(32)] if line == _AGE else []
    ends = [number for number, line in enumerate(stanzas) if line.startswith(b"--- ")]
    if not ends or not any(line.startswith(b"-> X25519 ") for line in stanzas[: ends[0]]):
        raise BadFile("这不是银巡的备份文件，或它的开头已损坏。")
    after_header = file.tell() - sum(map(len, stanzas[ends[0] + 1 :]))
    payload = file.seek(0, os.SEEK_END) - after_header - _AGE_NONCE
    last = payload % (_AGE_CHUNK + _AGE_TAG)
    if payload <= _AGE_TAG or 0 < last <= _AGE_TAG:
        raise BadFile("备份文件不完整，可能没有复制完。请重新复制，或换一份备份。")
    if plain_bytes is not None and payload != plain_bytes + _AGE_TAG * max(1, -(-plain_bytes // _AGE_CHUNK)):
        raise BadFile("备份文件的长度与写入的内容不符，这份备份不能用。请检查磁盘。")


def _tar(entries: Iterable[Entry]) -> Iterator[bytes]:
    for entry in entries:
        info = tarfile.TarInfo(entry.name)
        info.size, info.mode = entry.size, 0o600
        yield info.tobuf(tarfile.PAX_FORMAT)
        written = 0
        for piece in entry.pieces:
            written += len(piece)
            yield piece
        if written != entry.size:
            raise BadFile(f"{entry.name} 在备份时变了长度，请再备份一次。")
        yield b"\0" * (-entry.size % tarfile.BLOCKSIZE)
    yield b"\0" * (2 * tarfile.BLOCKSIZE)


class _Stream(io.RawIOBase):
    """Pieces as a file to read; keeps what went wrong in making them, which the library only quotes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = memoryview(b"")
        self.bytes = 0
        self.failure: BaseException | None = None

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the piece at hand goes."""
        try:
            while not self._left:
                self._left = memoryview(next(self._pieces))
        except StopIteration:
            return 0
        except BaseException as failure:
            self.failure = failure
            raise
        taken = min(len(buffer), len(self._left))
        buffer[:taken] = self._left[:taken]
        self._left = self._left[taken:]
        self.bytes += taken
        return taken


class _Sink(io.RawIOBase):
    """A file to write, with the sum of what went into it; keeps what went wrong, as `_Stream` does."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.failure: OSError | None = None

    def writable(self) -> bool:
        """Say that it can be written."""
        return True

    def write(self, data: Any) -> int:
        """Write all of it."""
        try:
            self._file.write(data)
        except OSError as failure:
            self.failure = failure
            raise
        self.digest.update(data)
        return len(data)


# --- reading


@contextlib.contextmanager
def reading(path: Path, opener: Opener, heard: Heard = lambda _: None) -> Iterator[tarfile.TarFile]:
    """Yield the members of an archive, in order, as they are decrypted.

    Raises Invalid (the key does not open it), BadFile (damaged, cut off, no archive). What was read before
    is only good if this ends without an error.
    """
    with path.open("rb") as file:
        check_structure(file)
        file.seek(0)
        identity = opener(file)
        source, sink = os.pipe()
        decrypting = _Decrypting(_Counted(file, heard), sink, identity)
        decrypting.start()
        broken: Exception | None = None
        try:
            with os.fdopen(source, "rb") as plain:
                with tarfile.open(fileobj=plain, mode="r|") as tar:
                    yield tar
                while plain.read(PIECE_BYTES):
                    pass
        except (tarfile.TarError, EOFError, BadFile) as failure:
            broken = failure
        finally:
            decrypting.join()
        if told := decrypting.told():
            raise told
        if isinstance(broken, BadFile):
            raise broken
        if broken is not None:
            raise BadFile("备份文件的内容不完整或已损坏，没有恢复任何内容。请换一份备份。") from broken


class _Decrypting(threading.Thread):
    """Decrypts into a pipe, whose other end is read meanwhile."""

    def __init__(self, file: "_Counted", sink: int, identity: Identity) -> None:
        super().__init__(name="decrypting", daemon=True)
        self._file = file
        self._sink = sink
        self._identity = identity
        self._failure: Exception | None = None

    def run(self) -> None:
        """Decrypt to the end, or until the reader has gone."""
        try:
            with os.fdopen(self._sink, "wb") as sink:
                pyrage.decrypt_io(self._file, sink, [self._identity])
        except (pyrage.DecryptError, OSError) as failure:
            self._failure = failure

    def told(self) -> YinxunError | None:
        """Return what went wrong, in plain words."""
        if self._failure is None or isinstance(self._failure, BrokenPipeError):
            return None
        if "No matching keys" in str(self._failure):
            return Invalid(
                "密钥不对，打不开这份备份；若密钥无误，则文件开头已损坏。请核对密钥，或换一份备份。"
            )
        return BadFile("备份文件已损坏或不完整，没有恢复任何内容。请重新复制，或换一份备份。")


class _Counted(io.RawIOBase):
    """A file that tells how far it was read."""

    def __init__(self, file: BinaryIO, heard: Heard) -> None:
        self._file = file
        self._heard = heard

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read and tell."""
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._heard(self._file.tell())
        return len(data)
