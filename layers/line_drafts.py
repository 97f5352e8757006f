"""Drafts of rivers and roads: lines of one name become one place."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import LineString, MultiLineString
from shapely.geometry.base import BaseGeometry

from layers import crs, pieces, widths
from layers.drafting import (
    LeaveOut,
    Scheme,
    Taken,
    answers_used,
    attributes,
    metric_crs,
    most,
    question_id,
    sizes,
    take,
)
from layers.drafts import APART, JOIN, Draft, DraftOptions, PlaceDraft, Question, Source
from layers.features import Features, Remark
from layers.joining import Clusters, Doubt, cluster
from layers.names import plain
from layers.vocabulary import Layer

_ANSWERS: Mapping[Layer, Mapping[str, str]] = {
    layer: {JOIN: f"是同一条{layer.zh}，合并", APART: f"是两条{layer.zh}，分开登记"} for layer in Layer
}


def draft(
    features: Features,
    layer: Layer,
    options: DraftOptions,
    leave_out: LeaveOut,
    *,
    water: Sequence[BaseGeometry] | NDArray[np.object_] = (),
) -> Draft:
    """Return the places that the lines of a file make, and everything to be told or asked of them.

    `water`: surfaces (lon, lat) that tell how wide the lines in them are.
    """
    taken = take(features, layer, pieces.line, leave_out)
    metric = metric_crs(taken.geometry, options)
    names = [taken.text("name", n) for n in range(len(taken.indices))]
    clusters, doubts = cluster(
        np.array(taken.geometry, dtype=object),
        [plain(name) if name else None for name in names],
        [taken.text("code", n) for n in range(len(taken.indices))],
        metric_crs=metric,
        within_m=options.same_name_m,
    )
    questions = [_question(taken, doubt, metric, options) for doubt in doubts]
    _carry_out(clusters, doubts, questions)
    scheme = Scheme(taken, options)
    lengths_m = sizes(taken.geometry, metric, shapely.length)
    made = _Pieces(taken, widths.in_water(taken.geometry, water, metric))
    places = [_place(taken, members, scheme, lengths_m, made) for members in clusters.members().values()]
    return Draft(
        layer=layer,
        places=places,
        refused=taken.refused,
        repaired=taken.repaired,
        remarks=taken.remarks,
        questions=questions,
        left_out=dict(taken.left_out),
        notes=[*taken.notes, *scheme.notes(), *made.notes(), *answers_used(questions, options)],
    )


class _Pieces:
    """The pieces of the taken lines with their widths: as the file states them, else as its water tells."""

    def __init__(self, taken: Taken, measured: Mapping[int, Sequence[widths.Piece]]) -> None:
        self._taken = taken
        self._measured = {line: own for line, own in measured.items() if self._stated(line) is None}

    def of(self, line: int) -> list[Source]:
        """Return the pieces of a taken line."""
        source = self._taken.source(line)
        measured = self._measured.get(line)
        if measured is None:
            return [source._replace(width_m=self._stated(line))]
        return [Source(source.id, piece.geometry, piece.width_m) for piece in measured]

    def _stated(self, line: int) -> float | None:
        width_m = self._taken.value("width_m", line)
        return width_m if isinstance(width_m, float) else None

    def notes(self) -> list[str]:
        """Return in Chinese what the summary says of it."""
        count = len(self._measured)
        return [f"有 {count} 条线没有写宽度，按文件里的水面量出。"] if count else []


def _question(taken: Taken, doubt: Doubt, metric: str, options: DraftOptions) -> Question:
    name = str(taken.text("name", doubt.first[0]))
    asked = question_id(
        taken.layer,
        plain(name),
        [taken.source(line) for line in doubt.first],
        [taken.source(line) for line in doubt.second],
    )
    zh = taken.layer.zh
    far = f"{doubt.distance_m / 1000:.1f} 公里" if doubt.distance_m >= 1000 else f"{doubt.distance_m:.0f} 米"
    where = f"{taken.rows(doubt.first)}；{taken.rows(doubt.second)}"
    answers = _ANSWERS[taken.layer]
    given = options.answers.get(asked)
    return Question(
        id=asked,
        text=f"两处「{name}」相距 {far}（{where}），是同一条{zh}吗？",
        answers=answers,
        rows=[taken.row(line) for line in (*doubt.first, *doubt.second)],
        distance_m=doubt.distance_m,
        where=LineString(crs.to_lonlat(np.array(doubt.ends_m), metric)),
        answer=given if given in answers else None,
    )


def _carry_out(clusters: Clusters, doubts: Iterable[Doubt], questions: Iterable[Question]) -> None:
    for doubt, question in zip(doubts, questions, strict=True):
        if question.answer == JOIN:
            clusters.join(doubt.first[0], doubt.second[0])


def _place(
    taken: Taken, members: Sequence[int], scheme: Scheme, lengths_m: NDArray[np.float64], made: _Pieces
) -> PlaceDraft:
    named = [(m, name) for m in members if (name := taken.text("name", m)) is not None]
    coded = [code for m in members if (code := taken.text("code", m)) is not None]
    name = str(most(named, lengths_m)) if named else None
    code = coded[0] if coded else None
    if len({plain(n) for _, n in named}) > 1:
        _tell_names(taken, members, code, name)
    in_scheme, stated = scheme.of(members, name, code)
    return PlaceDraft(
        name=name,
        code=code,
        geometry=_merged(taken, members),
        in_scheme=in_scheme,
        scheme_stated=stated,
        attributes=attributes(taken, members, lengths_m),
        sources=[piece for m in members for piece in made.of(m)],
        rows=[taken.row(m) for m in members],
    )


def _tell_names(taken: Taken, members: Sequence[int], code: str | None, name: str | None) -> None:
    names = dict.fromkeys(n for m in members if (n := taken.text("name", m)))
    taken.remarks.append(
        Remark(
            taken.row(members[0]),
            f"{taken.features.file} {taken.rows(members)}：编码「{code}」下有不同名称"
            f"（{'、'.join(names)}），按同一条{taken.layer.zh}合并，取名「{name}」。",
        )
    )


def _merged(taken: Taken, members: Sequence[int]) -> MultiLineString:
    if len(members) == 1:
        return taken.geometry[members[0]]
    parts = shapely.get_parts(np.array([taken.geometry[m] for m in members], dtype=object))
    merged = shapely.line_merge(shapely.multilinestrings(parts))
    return merged if isinstance(merged, MultiLineString) else MultiLineString([merged])
