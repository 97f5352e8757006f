"""Features: what a reader takes from a file, before anybody asks which places they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from layers.errors import BadRow, YinxunError

Value = str | float | bool | None


class Box(NamedTuple):
    """A box in degrees, WGS 84."""

    west: float
    south: float
    east: float
    north: float


class Remark(NamedTuple):
    """What a user should know of a row that was taken; `row` counts from 1, `detail` is plain Chinese."""

    row: int
    detail: str


class Refusal(YinxunError):
    """A cell or geometry that cannot be taken; `detail` says why and what to do, but not yet where."""

    code = "bad_row"
    title = "A row of the file cannot be taken."


@dataclass(frozen=True)
class Features:
    """The features of one file, a row each; all sequences have the same length.

    `geometry` holds shapely geometries in WGS 84 lon, lat, 2-D, of any type, or None where the row has none.
    `fields` holds the columns that were recognised, by the standard names of `layers.readers.fields`
    (name, code, in_scheme, level, width_m, ...), values cleaned, None where empty.
    """

    file: str
    """Name of the file, for messages."""
    geometry: NDArray[np.object_]
    fields: Mapping[str, Sequence[Value]]
    rows: Sequence[int]
    """Position in the file, from 1."""
    ids: Sequence[str | None]
    """An id that is stable from one edition of the file to the next ("way/123"), or None."""
    osm: bool = False
    """From OpenStreetMap: chosen by tags, and pieces of one thing are the rule."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """How many were left out on purpose, by reason (Chinese)."""
    refused: Sequence[BadRow] = ()
    remarks: Sequence[Remark] = ()
    """Rows of which a value was not taken, because it is odd."""
    notes: Sequence[str] = ()
    """About the file as a whole (Chinese): encoding, coordinate system, columns that were not used."""

    def __len__(self) -> int:
        return len(self.geometry)

    def where(self, index: int) -> str:
        """Return in Chinese where a feature stands: file and row (OpenStreetMap: its id)."""
        if self.osm:
            return f"{self.file} 的 {self.ids[index]}"
        return f"{self.file} 第 {self.rows[index]} 行"

    def refuse(self, index: int, detail: str) -> BadRow:
        """Return the error for a feature that cannot be taken."""
        return BadRow(f"{self.where(index)}：{detail}。", row=self.rows[index])

    def value(self, standard: str, index: int) -> Value:
        """Return a feature's value of a standard column, None where the file has no such column."""
        column = self.fields.get(standard)
        return None if column is None else column[index]
