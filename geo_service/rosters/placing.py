"""Which place a row means: by code, else by name within its township, in the register and in the file.

Every village has a 生产河: one name in two townships is one river only if the rows agree in what they say of
it, and two if they do not; where they say nothing it is asked. A grid or compound is looked for within its
village. The order of the rows does not matter.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from geo_service.people.drafts import question_id
from geo_service.people.lookup import Areas, Ground, Unclear, answer_to, plain
from geo_service.rosters.records import PlaceSaid
from layers.drafts import Question
from layers.vocabulary import Layer

ONE, APART, NEW = "one", "apart", "new"
_COURSE = ("length_km", "start", "end")
"""What two rows of one river agree in, and two rivers of one name do not."""
_COUNTED = frozenset(["length_km", "households", "population", "buildings", "floor_area_m2", "signs"])
_SEVERAL = frozenset(["township", "village"])


@dataclass(frozen=True)
class NewPlace:
    """A place to be stored; `ground` stands for it until it has an id: its own is below 0."""

    ground: Ground
    said: PlaceSaid
    rows: Sequence[int]


@dataclass(frozen=True)
class PlaceChange:
    """New values of a stored place by column, and in Chinese."""

    values: Mapping[str, Any]
    told: Sequence[str]


@dataclass
class Placed:
    """What became of the places of some rows, by their position."""

    grounds: dict[int, Ground] = field(default_factory=dict)
    questions: dict[int, Question] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    remarks: dict[int, str] = field(default_factory=dict)
    added: list[NewPlace] = field(default_factory=list)
    changed: dict[int, PlaceChange] = field(default_factory=dict)


@dataclass
class _Group:
    """Rows that mean one place."""

    members: list[int]
    said: PlaceSaid
    townships: frozenset[int | None]


def place(
    said: Sequence[tuple[int, PlaceSaid]],
    register: Sequence[Ground],
    areas: Areas,
    allowed: frozenset[int] | None,
    answers: Mapping[str, str],
) -> Placed:
    """Decide which place each row (row number, place) means; `allowed` are the user's areas (None: all)."""
    placer = _Placer(said, register, areas, allowed, answers)
    for group in placer.groups():
        try:
            placer.settle(group)
        except Unclear as reason:
            placer.found.refused |= dict.fromkeys(group.members, str(reason))
    return placer.found


class _Placer:
    def __init__(
        self,
        said: Sequence[tuple[int, PlaceSaid]],
        register: Sequence[Ground],
        areas: Areas,
        allowed: frozenset[int] | None,
        answers: Mapping[str, str],
    ) -> None:
        self.found = Placed()
        self._said, self._areas, self._allowed, self._answers = said, areas, allowed, answers
        self._by_code: dict[tuple[Layer, str], Ground] = {}
        self._by_name: dict[tuple[Layer, str], list[Ground]] = defaultdict(list)
        for ground in register:
            self._by_code[ground.layer, plain(ground.code)] = ground
            self._by_name[ground.layer, plain(ground.name or "")].append(ground)
        self._taken: dict[int, _Group] = {}

    def groups(self) -> list[_Group]:
        """Return the rows that mean one place together, in an order that is not that of the file."""
        by_name: dict[tuple[Layer, str], list[int]] = defaultdict(list)
        for k, (_, said) in enumerate(self._said):
            by_name[said.layer, plain(said.name or said.code or "")].append(k)
        groups = [group for members in by_name.values() for group in self._of_one_name(members)]
        joined: dict[tuple[Layer, str], _Group] = {}
        alone = []
        for group in groups:
            code = group.said.code
            if code is None:
                alone.append(group)
            elif (group.said.layer, plain(code)) in joined:
                self._join(joined[group.said.layer, plain(code)], group)
            else:
                joined[group.said.layer, plain(code)] = group
        # Those with a code first: what is known by it is not looked for by its name.
        return [*joined.values(), *sorted(alone, key=_turn)]

    def _of_one_name(self, members: Sequence[int]) -> list[_Group]:
        """Return groups among the rows of one name: by code, else by township or village."""
        by_code: dict[str, _Group] = {}
        uncoded: list[_Group] = []
        for k in sorted(members, key=lambda k: _turn(self._group(k))):
            group = self._group(k)
            if group.said.code is not None:
                known = by_code.get(plain(group.said.code))
                if known is None:
                    by_code[plain(group.said.code)] = group
                else:
                    self._join(known, group)
                continue
            homes = [g for g in (*by_code.values(), *uncoded) if self._one_home(g, group)]
            if len(homes) == 1:
                self._join(homes[0], group)
            else:
                uncoded.append(group)
        return [*by_code.values(), *self._across_townships(uncoded)]

    def _group(self, k: int) -> _Group:
        said = self._said[k][1]
        return _Group([k], said, frozenset(map(self._areas.township, said.area_ids)) or frozenset([None]))

    def _one_home(self, one: _Group, other: _Group) -> bool:
        if one.said.layer.is_line:
            return not one.townships.isdisjoint(other.townships)
        return any(
            self._areas.within(a, b)
            for a in one.said.area_ids or (None,)
            for b in other.said.area_ids or (None,)
        )

    def _across_townships(self, groups: list[_Group]) -> list[_Group]:
        """Join groups of one river or road in several townships, where the rows or an answer say so."""
        kept: list[_Group] = []
        for group in groups:
            same = group.said.layer.is_line and [g for g in kept if self._is_one(g, group)]
            if same:
                self._join(same[0], group)
            else:
                kept.append(group)
        return kept

    def _is_one(self, one: _Group, other: _Group) -> bool:
        agreed = [
            one.said.attributes[key] == other.said.attributes[key]
            for key in _COURSE
            if key in one.said.attributes and key in other.said.attributes
        ]
        if agreed:
            return all(agreed)
        where = [self._towns(group) for group in (one, other)]
        question = Question(
            question_id("roster", "one", one.said.layer, plain(one.said.name or ""), *where),
            f"「{one.said.name}」在{where[0]}和{where[1]}各有一行，没有编码、长度和起止点可比。是同一条吗？",
            {ONE: "是同一条", APART: f"是两条同名的{one.said.layer.zh}"},
        )
        answer = answer_to(question, self._answers)
        if answer is None:
            self.found.questions |= dict.fromkeys((*one.members, *other.members), question)
        return answer == ONE

    def _towns(self, group: _Group) -> str:
        named = [self._areas.path(id_) for id_ in sorted(filter(None, group.townships))]
        return "、".join(named) or "镇街不详"

    def _join(self, group: _Group, other: _Group) -> None:
        group.members += other.members
        attributes, odd = _merged(group.said.attributes, other.said.attributes)
        self.found.remarks |= {k: odd for k in other.members if odd}
        group.said = replace(
            group.said,
            name=group.said.name or other.said.name,
            code=group.said.code or other.said.code,
            area_ids=tuple(dict.fromkeys((*group.said.area_ids, *other.said.area_ids))),
            attributes=attributes,
            in_scheme=_either(group.said.in_scheme, other.said.in_scheme),
        )
        group.townships |= other.townships

    def settle(self, group: _Group) -> None:
        """Find the stored place of a group, or make a new one. Raises Unclear."""
        if any(k in self.found.questions for k in group.members):
            return
        found = self._stored(group)
        if isinstance(found, Question):
            self.found.questions |= dict.fromkeys(group.members, found)
            return
        ground = self._new(group) if found is None else self._known(found, group)
        self.found.grounds |= dict.fromkeys(group.members, ground)

    def _stored(self, group: _Group) -> Ground | Question | None:
        said = group.said
        if said.code is not None and (said.layer, plain(said.code)) in self._by_code:
            return self._by_code[said.layer, plain(said.code)]
        named = self._by_name.get((said.layer, plain(said.name or "")), []) if said.name else []
        free = [g for g in named if g.id not in self._taken and (said.code is None or g.code_made) and g.mine]
        near = [g for g in free if self._near(g, group)]
        if len(near) <= 1:
            return near[0] if near else None
        return self._which(group, near)

    def _near(self, ground: Ground, group: _Group) -> bool:
        """Tell whether a stored place lies where the rows put it; where nothing is said anywhere will do."""
        if not ground.area_ids or not group.said.area_ids:
            return True
        if not group.said.layer.is_line:
            return any(self._areas.within(a, b) for a in ground.area_ids for b in group.said.area_ids)
        return not group.townships.isdisjoint(map(self._areas.township, ground.area_ids))

    def _which(self, group: _Group, near: Sequence[Ground]) -> Ground | Question | None:
        said = group.said
        choices = {ground.code: ground for ground in sorted(near, key=lambda g: g.code)}
        words = {
            code: f"是已登记的 {code}（{'、'.join(self._areas.path(a) for a in sorted(g.area_ids)[:3])}）"
            for code, g in choices.items()
        }
        question = Question(
            question_id("roster", said.layer, said.name, self._towns(group), *choices),
            f"登记着 {len(near)} 个「{said.name}」，是哪一个？",
            {**words, NEW: "都不是，是新的"},
        )
        answer = answer_to(question, self._answers)
        if answer is None:
            return question
        return None if answer == NEW else choices[answer]

    def _known(self, ground: Ground, group: _Group) -> Ground:
        if not ground.mine:
            raise Unclear(f"{ground.label}不在您管理的辖区内")
        self._taken[ground.id] = group
        change = _change(ground, group.said, self._areas)
        if change.values:
            self.found.changed[ground.id] = change
        return ground

    def _new(self, group: _Group) -> Ground:
        said = group.said
        if self._allowed is not None and not self._allowed.intersection(said.area_ids):
            raise Unclear("不在您管理的辖区内，或没有写明镇街")
        areas = frozenset(area.id for id_ in said.area_ids for area in self._areas.upwards(id_))
        ground = Ground(-1 - len(self.found.added), said.layer, said.code or "", said.name, None, None, areas)
        self.found.added.append(NewPlace(ground, said, sorted(self._said[k][0] for k in group.members)))
        return ground


def _turn(group: _Group) -> tuple[Any, ...]:
    said = group.said
    about = sorted((key, str(value)) for key, value in said.attributes.items())
    return said.layer, plain(said.name or ""), said.code or "", sorted(said.area_ids), about


def _either(one: bool | None, other: bool | None) -> bool | None:
    return None if one is other is None else bool(one or other)


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return what two rows say of one place, and in Chinese where they differ: numbers are added up."""
    merged, odd = {**other, **one}, []
    for key in one.keys() & other.keys():
        if one[key] == other[key]:
            continue
        if key in _COUNTED and isinstance(one[key], float) and isinstance(other[key], float):
            merged[key] = round(one[key] + other[key], 6)
            odd.append(f"各行的{key}相加得 {merged[key]:g}")
            continue
        parts = {part for value in (one[key], other[key]) for part in str(value).split("、")}
        merged[key] = "、".join(sorted(parts))
        if key not in _SEVERAL:
            odd.append(f"各行写法不同，都记下：{merged[key]}")
    return merged, "；".join(sorted(odd))


def _change(ground: Ground, said: PlaceSaid, areas: Areas) -> PlaceChange:
    """Return what the rows say otherwise; what they do not say stays."""
    values: dict[str, Any] = {}
    told = []
    if said.code and said.code != ground.code:
        values |= {"code": said.code, "code_made": False}
        told.append(f"编码 {ground.code} → {said.code}")
    if said.name and plain(said.name) != plain(ground.name or ""):
        values["name"] = said.name
        told.append(f"名称 {ground.name or '无'} → {said.name}")
    if said.in_scheme and not ground.in_scheme:
        values["in_scheme"] = True
        told.append("纳入管护")
    if said.area_ids and not ground.area_ids:
        values["area_id"] = said.area_ids[0]
        told.append(f"辖区 {areas.path(said.area_ids[0])}")
    attributes = {**ground.attributes, **said.attributes}
    if attributes != dict(ground.attributes):
        values["attributes"] = attributes
        told.append("属性有变")
    return PlaceChange(values, told)


def shown(questions: Iterable[Question]) -> list[Question]:
    """Return every question once."""
    return list({question.id: question for question in questions}.values())
