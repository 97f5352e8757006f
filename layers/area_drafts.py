"""Drafts of grids and compounds: an area is a place; rows of one code and name are its parts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, MultiPolygon
from shapely.geometry.base import BaseGeometry

from layers import crs, pieces
from layers.drafting import (
    LeaveOut,
    Scheme,
    Taken,
    answers_used,
    attributes,
    metric_crs,
    most,
    question_id,
    take,
)
from layers.drafts import APART, JOIN, Draft, DraftOptions, PlaceDraft, Question
from layers.features import Features, Remark
from layers.joining import Clusters
from layers.names import plain
from layers.vocabulary import Layer

OVERLAP_M2 = 1.0
"""Neighbours may overlap by this much: the tolerance of drawing."""
MOST_OVERLAPS = 200
"""More are not told: the layer is drawn wrongly as a whole."""


def draft(features: Features, layer: Layer, options: DraftOptions, leave_out: LeaveOut) -> Draft:
    """Return the places that the areas of a file make, and everything to be told or asked of them.

    Rows with the same code and name are parts of one place; the same code under another name is refused.
    Nameless areas stay without a name (the place gets township and number where it is stored).
    """
    taken = take(features, layer, pieces.area, leave_out)
    clusters = _by_code(taken)
    metric = metric_crs(taken.geometry, options)
    areas_m = crs.project(np.array(taken.geometry, dtype=object), metric)
    questions = []
    for a, b in _same_name_near(taken, clusters, areas_m, options.same_name_m):
        question = _question(taken, a, b, areas_m[[a, b]], metric, options)
        questions.append(question)
        if question.answer == JOIN:
            clusters.join(a, b)
    scheme = Scheme(taken, options)
    sizes_m2 = shapely.area(areas_m)
    places = [_place(taken, members, scheme, sizes_m2) for members in clusters.members().values()]
    return Draft(
        layer=layer,
        places=places,
        refused=taken.refused,
        repaired=taken.repaired,
        remarks=[*taken.remarks, *_overlaps(taken, clusters, areas_m)],
        questions=questions,
        left_out=dict(taken.left_out),
        notes=[*taken.notes, *scheme.notes(), *answers_used(questions, options)],
    )


def _by_code(taken: Taken) -> Clusters:
    """Join the taken features of one code and name; refuse those of one code under another name."""
    first: dict[str, int] = {}
    refused = []
    joins = []
    for number in range(len(taken.indices)):
        code = taken.text("code", number)
        if code is None:
            continue
        other = first.setdefault(code, number)
        if _key(taken, other) == _key(taken, number):
            joins.append((taken.indices[other], taken.indices[number]))
        else:
            why = f"编码「{code}」与第 {taken.row(other)} 行相同，名称却不同；请改正其中一个编码"
            refused.append((number, why))
    taken.refuse(refused)
    position = {index: number for number, index in enumerate(taken.indices)}
    clusters = Clusters([taken.text("code", number) for number in range(len(taken.indices))])
    for a, b in joins:
        clusters.join(position[a], position[b])
    return clusters


def _key(taken: Taken, number: int) -> str | None:
    name = taken.text("name", number)
    return plain(name) if name else None


def _same_name_near(
    taken: Taken, clusters: Clusters, areas_m: NDArray[np.object_], within_m: float
) -> Iterator[tuple[int, int]]:
    """Yield pairs of one name that lie near and are not one place already, enough to link them all."""
    groups: dict[tuple[str, str | None], list[int]] = defaultdict(list)
    for number in range(len(areas_m)):
        key = _key(taken, number)
        if key is not None:
            groups[key, taken.text("township", number)].append(number)
    asked = Clusters([None] * len(areas_m))
    for same in groups.values():
        if len(same) < 2:
            continue
        tree = shapely.STRtree(areas_m[same])
        for i, number in enumerate(same):
            for j in sorted(tree.query(areas_m[number], predicate="dwithin", distance=within_m)):
                other = same[int(j)]
                linked = asked.of(number) == asked.of(other) or clusters.of(number) == clusters.of(other)
                if j > i and not linked and clusters.may_join(number, other):
                    asked.join(number, other)
                    yield number, other


def _question(
    taken: Taken, a: int, b: int, two_m: NDArray[np.object_], metric: str, options: DraftOptions
) -> Question:
    name, zh = taken.text("name", a), taken.layer.zh
    asked = question_id(taken.layer, plain(str(name)), [taken.source(a)], [taken.source(b)])
    nearest = shapely.shortest_line(two_m[0], two_m[1])
    answers = {JOIN: f"是同一个{zh}，合并", APART: f"是两个{zh}，分开登记"}
    given = options.answers.get(asked)
    rows = [taken.row(a), taken.row(b)]
    return Question(
        id=asked,
        text=f"{taken.rows([a, b])}都叫「{name}」，相距 {nearest.length:.0f} 米，是同一个{zh}吗？",
        answers=answers,
        rows=rows,
        distance_m=float(nearest.length),
        where=LineString(crs.to_lonlat(shapely.get_coordinates(nearest), metric)),
        answer=given if given in answers else None,
    )


def _place(taken: Taken, members: Sequence[int], scheme: Scheme, sizes_m2: NDArray[np.float64]) -> PlaceDraft:
    named = [(m, name) for m in members if (name := taken.text("name", m)) is not None]
    name = str(most(named, sizes_m2)) if named else None
    code = next((code for m in members if (code := taken.text("code", m)) is not None), None)
    in_scheme, stated = scheme.of(members, name, code)
    return PlaceDraft(
        name=name,
        code=code,
        geometry=_united([taken.geometry[m] for m in members]),
        in_scheme=in_scheme,
        scheme_stated=stated,
        attributes=attributes(taken, members, sizes_m2),
        sources=[taken.source(m) for m in members],
        rows=[taken.row(m) for m in members],
    )


def _united(parts: Sequence[BaseGeometry]) -> MultiPolygon:
    whole = parts[0] if len(parts) == 1 else shapely.union_all(np.array(parts, dtype=object))
    return whole if isinstance(whole, MultiPolygon) else MultiPolygon([whole])


def _overlaps(taken: Taken, clusters: Clusters, areas_m: NDArray[np.object_]) -> list[Remark]:
    """Tell which areas lie over each other, a limited number: neighbours in one layer should only touch."""
    tree = shapely.STRtree(areas_m)
    remarks: list[Remark] = []
    for a in range(len(areas_m)):
        others = tree.query(areas_m[a], predicate="intersects")
        for b in sorted(int(b) for b in others if b > a and clusters.of(int(b)) != clusters.of(a)):
            overlap_m2 = float(shapely.area(shapely.intersection(areas_m[a], areas_m[b])))
            if overlap_m2 > OVERLAP_M2:
                remarks.append(_overlap(taken, a, b, overlap_m2))
            if len(remarks) == MOST_OVERLAPS:
                return remarks
    return remarks


def _overlap(taken: Taken, a: int, b: int, overlap_m2: float) -> Remark:
    where = f"{taken.features.file} {taken.rows([a, b])}"
    return Remark(taken.row(a), f"{where}：两个{taken.layer.zh}重叠 {overlap_m2:.0f} 平方米。")
