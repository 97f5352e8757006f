"""From features to drafts: what lines and areas have in common."""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from layers import codes, crs, pieces
from layers.drafts import DraftOptions, Question, Source
from layers.errors import BadRow
from layers.features import Features, Refusal, Remark, Value
from layers.names import plain
from layers.vocabulary import Layer

ATTRIBUTES_APART = frozenset(["name", "code", "in_scheme", "id", "building"])
"""Standard columns that are not attributes."""

ROWS_SHOWN = 5
"""More rows than these are only counted in a message."""

_LISTED = frozenset(["township", "village", "note", "address", "ref"])
_SUMMED = frozenset(["length_km", "households", "population", "buildings", "floor_area_m2"])

_AT_ONCE = 1000
"""Features that are worked on together, for speed without much memory."""

Take = Callable[[BaseGeometry | None, str], pieces.Piece]
LeaveOut = Callable[[Features, int], str | None]


@dataclass
class Taken:
    """The features of a file that become places, and what is told of the others.

    `indices` are positions in the features, `geometry` their lines or areas (lon, lat), `prints` the hashes
    of these, one of each.
    """

    features: Features
    layer: Layer
    indices: list[int] = field(default_factory=list)
    geometry: list[BaseGeometry] = field(default_factory=list)
    prints: list[str] = field(default_factory=list)
    refused: list[BadRow] = field(default_factory=list)
    repaired: list[Remark] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def value(self, standard: str, taken: int) -> Value:
        """Return a standard column's value of the taken feature number `taken`."""
        return self.features.value(standard, self.indices[taken])

    def text(self, standard: str, taken: int) -> str | None:
        """Return a standard column's text of the taken feature number `taken`."""
        value = self.value(standard, taken)
        return None if value is None else str(value)

    def row(self, taken: int) -> int:
        """Return the row in the file of the taken feature number `taken`."""
        return self.features.rows[self.indices[taken]]

    def rows(self, numbers: Sequence[int]) -> str:
        """Return in Chinese which rows some of what was taken comes from (OpenStreetMap: which ids)."""
        features = self.features
        shown = [self.indices[n] for n in numbers[:ROWS_SHOWN]]
        if features.osm:
            listed = "、".join(str(features.ids[i]) for i in shown)
        else:
            listed = f"第 {'、'.join(str(features.rows[i]) for i in shown)} 行"
        return listed + (f"等 {len(numbers)} 处" if len(numbers) > ROWS_SHOWN else "")

    def refuse(self, numbers: Sequence[tuple[int, str]]) -> None:
        """Refuse some of what was taken: pairs of taken feature and reason. The others are numbered anew."""
        for number, reason in numbers:
            self.refused.append(self.features.refuse(self.indices[number], reason))
        gone = {number for number, _ in numbers}
        kept = [n for n in range(len(self.indices)) if n not in gone]
        self.indices = [self.indices[n] for n in kept]
        self.geometry = [self.geometry[n] for n in kept]
        self.prints = [self.prints[n] for n in kept]

    def source(self, taken: int) -> Source:
        """Return the piece with its id: the file's, else a hash of its points."""
        own = self.features.ids[self.indices[taken]]
        return Source(own or f"geo/{self.prints[taken]}", self.geometry[taken])


def take(features: Features, layer: Layer, shape: Take, leave_out: LeaveOut) -> Taken:
    """Return the features that are lines or areas (`shape`), the others refused with their rows.

    `leave_out` gives in Chinese a reason to leave a feature out (counted), or raises Refusal. A second
    feature with the very same points is refused.
    """
    taken = Taken(features, layer, left_out=Counter(features.left_out), notes=list(features.notes))
    taken.refused.extend(features.refused)
    taken.remarks.extend(features.remarks)
    first: dict[str, int] = {}
    for start in range(0, len(features), _AT_ONCE):
        lot = range(start, min(start + _AT_ONCE, len(features)))
        shaped = {index: piece for index in lot if (piece := _shaped(taken, index, shape, leave_out))}
        array = np.array([piece.geometry for piece in shaped.values()], dtype=object)
        for (index, piece), mark in zip(shaped.items(), pieces.fingerprints(array), strict=True):
            _keep(taken, index, piece, mark, first)
    taken.refused.sort(key=lambda error: error.row)
    _tell_odd_codes(taken)
    return taken


def _shaped(taken: Taken, index: int, shape: Take, leave_out: LeaveOut) -> pieces.Piece | None:
    try:
        reason = leave_out(taken.features, index)
        if reason is None:
            return shape(taken.features.geometry[index], taken.layer.zh)
        taken.left_out[reason] += 1
    except Refusal as refusal:
        taken.refused.append(taken.features.refuse(index, refusal.detail))
    return None


def _keep(taken: Taken, index: int, piece: pieces.Piece, mark: str, first: dict[str, int]) -> None:
    features = taken.features
    if first.setdefault(mark, index) != index:
        same = f"与第 {features.rows[first[mark]]} 行的图形完全相同；请删除多余的一行"
        taken.refused.append(features.refuse(index, same))
        return
    taken.indices.append(index)
    taken.geometry.append(piece.geometry)
    taken.prints.append(mark)
    if piece.repair:
        taken.repaired.append(Remark(features.rows[index], f"{features.where(index)}：{piece.repair}。"))


def _tell_odd_codes(taken: Taken) -> None:
    for number in range(len(taken.indices)):
        code = taken.text("code", number)
        odd = codes.odd(taken.layer, code) if code else None
        if odd:
            taken.remarks.append(
                Remark(taken.row(number), f"{taken.features.where(taken.indices[number])}：{odd}。")
            )


def by_osm_class(
    features: Features, key: str, classes: Collection[str], reason: Callable[[Mapping[str, str]], str | None]
) -> LeaveOut:
    """Return what leaves out of a table made from OpenStreetMap the same as `reason` does by the tag `key`.

    A table was made from it if most of its classes are that map's; nothing is left out of another.
    """
    given = [value for value in features.fields.get("class", ()) if value]
    from_osm = sum(value in classes for value in given) * 2 > len(given)

    def leave_out(features: Features, index: int) -> str | None:
        return reason({key: str(features.value("class", index) or "")}) if from_osm else None

    return leave_out


def metric_crs(geometry: Sequence[BaseGeometry], options: DraftOptions) -> str:
    """Return the metric CRS to work in: the county's, else that of the common centre of the geometries."""
    if options.crs is not None or not geometry:
        return options.crs or crs.choose(0.0, 0.0)
    west, south, east, north = shapely.total_bounds(np.array(geometry, dtype=object))
    return crs.choose((west + east) / 2, (south + north) / 2)


def sizes(
    geometry: Sequence[BaseGeometry], metric: str, size: Callable[[NDArray[np.object_]], NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the length (m) or area (m2) of each geometry, as `size` (shapely.length, shapely.area) tells."""
    found = np.empty(len(geometry))
    for start in range(0, len(geometry), _AT_ONCE):
        lot = np.array(geometry[start : start + _AT_ONCE], dtype=object)
        found[start : start + _AT_ONCE] = size(crs.project(lot, metric))
    return found


class Scheme:
    """Who is 纳管: by the file's column, by a list of names and codes, all, or by default."""

    def __init__(self, taken: Taken, options: DraftOptions) -> None:
        self._taken = taken
        self._all = options.scheme == "all"
        self._listed = None
        if options.scheme is not None and options.scheme != "all":
            self._listed = {plain(word): word for word in options.scheme}
        self._met: set[str] = set()
        self._column = "in_scheme" in taken.features.fields

    def of(self, members: Iterable[int], name: str | None, code: str | None) -> tuple[bool, bool]:
        """Return whether a place of these taken features is in the scheme, and whether somebody said so."""
        if self._column:
            return any(bool(self._taken.value("in_scheme", m)) for m in members), True
        if self._listed is not None:
            met = {plain(word) for word in (name, code) if word} & self._listed.keys()
            self._met |= met
            return bool(met), True
        if self._all:
            return True, True
        return not self._taken.layer.is_line or name is not None, False

    def notes(self) -> list[str]:
        """Return in Chinese what the summary says of it, after all places were asked for."""
        if self._column:
            return ["是否纳管按文件里的列。"]
        if self._listed is not None:
            missing = [word for key, word in sorted(self._listed.items()) if key not in self._met]
            notes = ["是否纳管按给出的名单。"]
            return notes + ([f"名单里有、文件里没有：{'、'.join(missing)}。"] if missing else [])
        if self._all:
            return ["全部纳管。"]
        if self._taken.layer.is_line:
            return [f"没有说明哪些纳管：有名称的{self._taken.layer.zh}全部纳管，无名的只登记。"]
        return [f"没有说明哪些纳管：{self._taken.layer.zh}全部纳管。"]


def attributes(taken: Taken, members: Sequence[int], weights: NDArray[np.float64]) -> dict[str, Value]:
    """Return the attributes of a place of several features.

    Townships, villages and the like are listed, lengths and counts summed; of the others the value that most
    of it has counts, by `weights` (length or area of each taken feature).
    """
    found: dict[str, Value] = {}
    for standard in taken.features.fields:
        if standard in ATTRIBUTES_APART:
            continue
        values = [(m, v) for m in members if (v := taken.value(standard, m)) is not None]
        if values:
            found[standard] = _merged(standard, values, weights)
    return found


def _merged(standard: str, values: Sequence[tuple[int, Value]], weights: NDArray[np.float64]) -> Value:
    different = list(dict.fromkeys(value for _, value in values))
    if len(different) == 1 and standard not in _SUMMED:
        return different[0]
    if standard in _SUMMED and all(isinstance(value, float) for value in different):
        return round(sum(float(value) for _, value in values if value is not None), 6)
    if standard in _LISTED:
        return "、".join(str(value) for value in different)
    return most(values, weights)


def most(values: Iterable[tuple[int, Value]], weights: NDArray[np.float64]) -> Value:
    """Return the value of the greatest weight; `values` are (taken feature, value), `weights` by feature."""
    weight: dict[Value, float] = {}
    for member, value in values:
        weight[value] = weight.get(value, 0.0) + float(weights[member])
    return max(weight, key=weight.__getitem__)


def question_id(layer: Layer, key: str, first: Iterable[Source], second: Iterable[Source]) -> str:
    """Return an id that is the same whenever the same is asked of the same pieces."""
    sides = sorted("|".join(sorted(source.id for source in side)) for side in (first, second))
    return hashlib.blake2b("\n".join([layer.value, key, *sides]).encode(), digest_size=6).hexdigest()


def answers_used(questions: Sequence[Question], options: DraftOptions) -> list[str]:
    """Return in Chinese which of the given answers could not be used."""
    unknown = len(options.answers.keys() - {question.id for question in questions})
    notes = [f"有 {unknown} 个回答在这个文件里没有对应的问题，未采用。"] if unknown else []
    for question in questions:
        given = options.answers.get(question.id)
        if given is not None and question.answer is None:
            choice = " 或 ".join(question.answers)
            notes.append(f"问题 {question.id} 的回答「{given}」看不懂，未采用；可答 {choice}。")
    return notes
