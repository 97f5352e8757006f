"""The attribute table of a Shapefile (.dbf), read as bytes: GDAL stumbles over names cut within a character.

The encoding is found by trying: what the .cpg names if all texts agree with it strictly, else UTF-8, else
GB 18030 (of which GBK is a part).
"""

import codecs
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from layers.errors import BadFile
from layers.features import Refusal

_HEADER = struct.Struct("<4xIHH20x")
_FIELD = struct.Struct("<11sc4xBB14x")
_END_OF_FIELDS = 0x0D
_LONGEST_CHARACTER_BYTES = 4


@dataclass(frozen=True)
class Dbf:
    """A .dbf: raw field names, and its records as a numpy structured array of bytes on disk."""

    names: list[bytes]
    kinds: list[str]
    records: NDArray[np.void]

    def raw(self, position: int, records: NDArray[np.intp]) -> NDArray[np.bytes_]:
        """Return the bytes of a field in the given records."""
        return np.asarray(self.records[f"f{position}"][records])


def read(path: Path, name: str) -> Dbf:
    """Return the table of a .dbf file; BadFile where it is damaged or cut off."""
    with path.open("rb") as file:
        head = file.read(_HEADER.size)
        if len(head) < _HEADER.size:
            raise BadFile(f"{name} 的 .dbf 不完整；请重新导出。")
        count, header_bytes, record_bytes = _HEADER.unpack(head)
        fields = list(_fields(file.read(max(0, header_bytes - _HEADER.size))))
    widths = [width for _, _, width in fields]
    if not fields or 1 + sum(widths) != record_bytes:
        raise BadFile(f"{name} 的 .dbf 表头已损坏；请重新导出。")
    if path.stat().st_size < header_bytes + count * record_bytes:
        raise BadFile(f"{name} 的 .dbf 不完整：应有 {count} 条记录，文件被截断；请重新传送。")
    dtype = np.dtype([("deleted", "S1"), *((f"f{i}", f"S{width}") for i, width in enumerate(widths))])
    records = (
        np.memmap(path, dtype=dtype, mode="r", offset=header_bytes, shape=(count,))
        if count
        else np.empty(0, dtype)
    )
    return Dbf([raw for raw, _, _ in fields], [kind for _, kind, _ in fields], records)


def _fields(raw: bytes) -> Iterator[tuple[bytes, str, int]]:
    for start in range(0, len(raw) - _FIELD.size + 1, _FIELD.size):
        if raw[start] == _END_OF_FIELDS:
            return
        name, kind, width, decimals = _FIELD.unpack_from(raw, start)
        letter = kind.decode("ascii", "replace")
        # Long texts keep the high byte of their width where numbers keep their decimals.
        yield name.split(b"\0")[0], letter, width + 256 * decimals if letter == "C" else width


def encoding_of(table: Dbf, stated: str | None, cpg: str | None, name: str) -> tuple[str, str | None]:
    """Return the encoding of a table, and a note in Chinese where it is not what the .cpg says.

    `stated` (--encoding) is believed if the texts agree with it. Raises BadFile where none fits.
    """
    texts = sorted(_texts(table))
    if stated is not None:
        if not _fits(texts, stated):
            raise BadFile(
                f"{name} 的文字不是 {stated} 编码；请换一个 --encoding（如 GBK 或 UTF-8），或不写。"
            )
        return stated, None
    named = _known(cpg)
    for encoding in dict.fromkeys([*([named] if named else []), "utf-8", "gb18030"]):
        if _fits(texts, encoding):
            wrong = named is not None and encoding != named
            return (
                encoding,
                f".cpg 写的是 {cpg}，文字其实是 {encoding.upper()}，按后者读。" if wrong else None,
            )
    raise BadFile(f"{name} 的文字既不是 UTF-8 也不是 GBK；请用 --encoding 说明编码。")


def _known(cpg: str | None) -> str | None:
    if not cpg:
        return None
    try:
        found = codecs.lookup("gb18030" if cpg.strip() in ("936", "cp936", "GBK") else cpg.strip()).name
    except (LookupError, ValueError):
        return None
    # A single-byte encoding fits everything and says nothing.
    return None if found.startswith(("iso8859", "latin", "cp125", "ascii")) else found


def _texts(table: Dbf) -> Iterator[tuple[bytes, bool]]:
    """Yield every text that is not plain ASCII, with whether it fills its field and may be cut."""
    for raw in table.names:
        if not raw.isascii():
            yield raw, True
    for position, kind in enumerate(table.kinds):
        if kind == "C":
            column = table.records[f"f{position}"]
            width = column.dtype.itemsize
            for raw in np.unique(column):
                text = bytes(raw).rstrip(b" ")
                if not text.isascii():
                    yield text, len(text) > width - _LONGEST_CHARACTER_BYTES


def _fits(texts: Sequence[tuple[bytes, bool]], encoding: str) -> bool:
    try:
        for raw, may_be_cut in texts:
            codecs.getincrementaldecoder(encoding)().decode(raw, final=not may_be_cut)
    except (UnicodeDecodeError, LookupError):
        return False
    return True


def value(raw: bytes, kind: str, encoding: str) -> object:
    """Return a cell: a number for N and F, a truth for L, else text; Refusal for NUL within a text."""
    words = _decoded(raw, encoding).strip()
    if kind == "L":
        return {"T": True, "Y": True, "F": False, "N": False}.get(words.upper())
    if kind in "NF" and words:
        try:
            return float(words) if set(words) - set("0123456789+-") else int(words)
        except ValueError:
            return None
    return words


def _decoded(raw: bytes, encoding: str) -> str:
    stripped = raw.rstrip(b"\0 ")
    if b"\0" in stripped:
        raise Refusal("文字里有不能显示的字符（如 NUL）；请在原软件里重新填写这一格")
    return name_of(stripped, encoding)


def name_of(raw: bytes, encoding: str) -> str:
    """Return bytes as text, without the part of a character that did not fit at the end."""
    return codecs.getincrementaldecoder(encoding)().decode(raw)
