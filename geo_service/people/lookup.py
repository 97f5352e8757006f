"""Names as people write them, looked up among those that are known; what is near is proposed."""

import contextlib
import difflib
import re
import unicodedata
import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from geo_service.areas.names import AreaNames
from geo_service.areas.tree import StoredArea
from geo_service.errors import Invalid
from layers.drafts import Question
from layers.vocabulary import DutyKind, Layer, Level, Role, Word

_PROPOSALS = 3
_SEARCHES = 50
"""Proposals are searched for this many different names; a file that has more wrong is wrong as a whole."""


_ALSO: Mapping[Word, tuple[str, ...]] = {
    DutyKind.VOLUNTEER: ("志愿者", "银发", "志愿", "民间"),
    DutyKind.OFFICIAL: ("官方", "干部", "在职", "行政"),
    Level.COUNTY: ("县", "市级", "区级"),
    Level.TOWNSHIP: ("镇", "乡级", "乡镇", "镇街级", "乡镇级"),
    Level.VILLAGE: ("村", "社区", "社区级"),
    Layer.RIVER: ("河", "河流"),
    Layer.ROAD: ("路", "公路"),
    Role.COMPOUND_STEWARD: ("银龄红管家",),
}
W = TypeVar("W", bound=Word)


class Unclear(ValueError):
    """A value of a row cannot be taken; the text says in plain Chinese why and what to do."""


def plain(text: str) -> str:
    """Return a name without blanks, half-width, for comparison.

    >>> plain(" 生产 河（东）")
    '生产河(东)'
    """
    return re.sub(r"\s", "", unicodedata.normalize("NFKC", text))


def answer_to(question: Question, answers: Mapping[str, str]) -> str | None:
    """Return the answer to a question among those given, None where there is none. Raises Unclear."""
    answer = answers.get(question.id)
    if answer is not None and answer not in question.answers:
        choices = "、".join(question.answers)
        raise Unclear(f"问题 {question.id} 的答复「{answer[:40]}」不在可选之列：{choices}")
    return answer


def word_of(words: type[W], text: str) -> W:
    """Return the word of the vocabulary that a cell means. Raises Unclear.

    >>> word_of(Role, "银发河长").value, word_of(DutyKind, "志愿者").value, word_of(Level, "村").value
    ('river_steward', 'volunteer', 'village')
    """
    wanted = plain(text).lower()
    for word in words:
        spelled = (word.value, word.zh, *_ALSO.get(word, ()))
        if wanted in spelled or wanted.removeprefix("银发") in spelled:
            return word
    raise Unclear(f"不认识「{text[:20]}」，可以写：{'、'.join(word.zh for word in words)}")


def place_said(values: Mapping[str, str]) -> tuple[str | None, Layer | None]:
    """Return the place that a row names and its layer, from a column of its own or the heading of the name.

    Raises Unclear for two places, and for two layers.
    """
    layer = word_of(Layer, values["layer"]) if "layer" in values else None
    named = [(values[layer.value], layer) for layer in Layer if layer.value in values]
    if len(named) > 1 or (named and "place" in values):
        raise Unclear("一行只能写一个对象，请分成几行")
    if not named:
        return values.get("place"), layer
    if layer not in (None, named[0][1]):
        raise Unclear(f"图层写的是{values['layer']}，名称却填在{named[0][1].zh}一列")
    return named[0]


@dataclass
class Names:
    """Known names, to propose the nearest ones."""

    known: Iterable[str]
    _found: dict[str, list[str]] = field(default_factory=dict)

    @cached_property
    def _distinct(self) -> list[str]:
        return sorted({name for name in self.known if name})

    def hint(self, name: str) -> str:
        """Return "您是不是要写:…" with the nearest names, or nothing."""
        if name not in self._found and len(self._found) < _SEARCHES:
            self._found[name] = difflib.get_close_matches(name, self._distinct, _PROPOSALS, 0.5)
        near = self._found.get(name)
        return f"您是不是要写：{'、'.join(near)}？" if near else ""


class Areas:
    """The county's townships and villages by code and name, asked row after row."""

    def __init__(self, areas: Sequence[StoredArea]) -> None:
        self.by_id = {area.id: area for area in areas}
        self._by_code = {area.code: area for area in areas}
        self._names = AreaNames.of(areas)
        self._hints = Names([area.name for area in areas])
        self._found: dict[tuple[str | None, str | None], int | None] = {}
        self._townships: dict[int | None, int | None] = {}

    def find(self, township: str | None, village: str | None) -> int | None:
        """Return the id of the village, else of the township; None if neither is said. Raises Unclear."""
        said = (township, village)
        if said not in self._found:
            try:
                found = self._names.find(township, village)
            except Invalid as error:
                raise Unclear(error.detail + self._hints.hint(village or township or "")) from None
            self._found[said] = found.id if found else None
        return self._found[said]

    def village(self, text: str) -> int:
        """Return the id of a village by code, or by name if it is the only one. Raises Unclear."""
        found = self.find(None, text)
        if found is None:
            raise Unclear("没有写村名")
        return found

    def titled(self, *titles: str) -> int | None:
        """Return the id of the area after which a sheet or a section of one is named, of the first that is.

        Such as 戴南镇 or 一、戴南镇; None if there is none.
        """
        for title in titles:
            bare = title.rpartition("、")[2].strip()
            with contextlib.suppress(Unclear):
                if bare and (found := self.find(bare, None)):
                    return found
        return None

    def path(self, area_id: int | None) -> str:
        """Return the name of an area behind that of its township, as people write it."""
        return "".join(
            area.name for area in reversed(self.upwards(area_id)) if area.level is not Level.COUNTY
        )

    def township(self, area_id: int | None) -> int | None:
        """Return the id of the township of an area; of the county, and of None, None."""
        if area_id not in self._townships:
            found = (area.id for area in self.upwards(area_id) if area.level is Level.TOWNSHIP)
            self._townships[area_id] = next(found, None)
        return self._townships[area_id]

    def around(self, one: int | None, other: int | None) -> bool:
        """Tell whether two areas are in one township; the county (None) is around itself only."""
        return self.township(one) == self.township(other)

    def within(self, one: int | None, other: int | None) -> bool:
        """Tell whether one of two areas lies in the other, or is it; the county is None."""
        return one == other or any(
            area.id == b for a, b in ((one, other), (other, one)) if b for area in self.upwards(a)
        )

    def upwards(self, area_id: int | None) -> list[StoredArea]:
        """Return an area and all above it."""
        found: list[StoredArea] = []
        area = self.by_id.get(area_id) if area_id is not None else None
        while area is not None:
            found.append(area)
            area = self._by_code.get(area.parent) if area.parent else None
        return found


@dataclass(frozen=True)
class PersonName:
    """A person by what tells him from others."""

    id: uuid.UUID
    name: str
    number: str | None
    phone: str | None
    area_id: int | None


class People:
    """The people of the register by number, phone and name."""

    def __init__(self, people: Sequence[PersonName]) -> None:
        self.by_id = {person.id: person for person in people}
        self._by_word: dict[str, list[PersonName]] = defaultdict(list)
        for person in people:
            for word in {plain(person.name), plain(person.number or ""), person.phone or ""} - {""}:
                self._by_word[word].append(person)
        self._names = Names([person.name for person in people])

    def knows(self, word: str) -> bool:
        """Tell whether somebody has this name, number or phone."""
        return plain(word) in self._by_word

    def find(self, text: str | None, number: str | None, phone: str | None) -> list[PersonName]:
        """Return whoever fits all that is said; `text` is a name, number or phone. Raises Unclear."""
        said = [plain(word) for word in (text, number, phone) if word]
        found = [
            p for p in self._by_word.get(said[0], []) if all(p in self._by_word.get(w, ()) for w in said[1:])
        ]
        if found:
            return found
        if text and self._by_word.get(plain(text)):
            raise Unclear(f"人员名册里的「{text}」与这里的编号或电话对不上，请核对")
        hint = self._names.hint(text) if text else ""
        raise Unclear(f"人员名册里没有「{'、'.join(said)}」，请先导入人员。{hint}")


@dataclass(frozen=True)
class Ground:
    """A place as duties need it."""

    id: int
    layer: Layer
    code: str
    name: str | None
    version_id: int | None
    """None: 未上图."""
    length_dm: int | None
    """None unless it is a line with a geometry."""
    area_ids: frozenset[int] = frozenset()
    """The villages and townships it lies in or is listed under."""
    code_made: bool = False
    in_scheme: bool = True
    attributes: Mapping[str, Any] = field(default_factory=dict, hash=False)
    mine: bool = True
    """Whether the user may change it."""

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.name}（{self.code}）" if self.name and self.code else self.name or self.code


class Places:
    """The places of the register by code and name."""

    def __init__(self, places: Sequence[Ground]) -> None:
        self.by_id = {place.id: place for place in places}
        self._by_code: dict[str, list[Ground]] = defaultdict(list)
        self._by_name: dict[str, list[Ground]] = defaultdict(list)
        for place in places:
            self._by_code[plain(place.code)].append(place)
            if place.name:
                self._by_name[plain(place.name)].append(place)
        self._names = {layer: Names([p.name or "" for p in places if p.layer is layer]) for layer in Layer}
        self._all_names = Names([place.name or "" for place in places])

    def knows(self, name: str) -> bool:
        """Tell whether some place is called so."""
        return plain(name) in self._by_name

    def find(
        self, name: str | None, code: str | None, layer: Layer | None, area_id: int | None
    ) -> list[Ground]:
        """Return the places of a layer with this code or name that lie in an area. Raises Unclear."""
        text = code or name or ""
        named = [] if code else self._by_name.get(plain(text), [])
        found = self._by_code.get(plain(text), []) or named
        if code and name and found:
            found = [place for place in found if plain(place.name or "") == plain(name)]
            if not found:
                raise Unclear(f"编码 {code} 的名称不是「{name}」，请核对")
        found = [place for place in found if layer in (None, place.layer)]
        here = [place for place in found if area_id is None or area_id in place.area_ids]
        if here:
            return here
        if found:
            raise Unclear(f"「{text}」不在所写的镇街或村，请核对")
        hint = (self._names[layer] if layer else self._all_names).hint(text)
        raise Unclear(f"{layer.zh if layer else '登记表'}里没有「{text}」。{hint}")
