"""Places that a file only lists: rows of a table, or features without a geometry (未上图)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from layers import sheets
from layers.drafting import Scheme, Taken, attributes
from layers.drafts import DraftOptions, PlaceDraft
from layers.errors import BadRow
from layers.features import Features, Refusal, Value
from layers.readers import fields
from layers.readers.synonyms import SYNONYMS
from layers.vocabulary import Layer


def is_list(name: str) -> bool:
    """Tell from its name whether a file is a table without geometry."""
    return name.lower().endswith(sheets.ENDINGS)


def read(
    path: Path, name: str, layer: Layer, *, mapping: Mapping[str, str], encoding: str | None = None
) -> Features:
    """Read a table of places as features without geometry.

    `mapping`: standard name to column; `name` is what messages call the file. Raises BadFile; rows that
    cannot be read come as refused.
    """
    heads: dict[str, Sequence[str]] = {"layer": ("图层", "对象类型")}
    heads |= {key: (mapping[key],) if key in mapping else SYNONYMS[layer][key] for key in ("name", "code")}
    with path.open("rb") as file:
        sheet = sheets.read(file, name, heads, required=[["name", "code"]], encoding=encoding)
    columns = fields.choose(sheet.headers, layer, mapping, file=name)
    rows, refused, others = [], [], 0
    for row in sheet.rows:
        if row.values.get("layer", layer.zh) not in (layer.zh, layer.value):
            others += 1
            continue
        try:
            rows.append((row.number, _values(row, sheet.headers, columns)))
        except Refusal as refusal:
            refused.append(BadRow(f"{name} 第 {row.number} 行：{refusal.detail}。", row=row.number))
    unused = [header for header in sheet.headers if header and header not in {c.column for c in columns}]
    return Features(
        file=name,
        geometry=np.full(len(rows), None, dtype=object),
        fields={c.standard: [values[c.standard] for _, values in rows] for c in columns},
        rows=[number for number, _ in rows],
        ids=[None] * len(rows),
        refused=refused,
        left_out={"是别的图层的": others} if others else {},
        notes=[
            "表格里没有图形，先按名称登记（未上图）。",
            *([f"没有用到的列：{'、'.join(unused)}。"] if unused else []),
            *sheet.notes,
        ],
    )


def _values(row: sheets.Row, headers: Sequence[str], columns: Sequence[fields.Column]) -> dict[str, Value]:
    if row.problem:
        raise Refusal(row.problem)
    return {c.standard: fields.clean(row.cells[headers.index(c.column)] or None, c) for c in columns}


def split(features: Features) -> tuple[Features, Features]:
    """Part features with a geometry from those without; what is told of the file stays with the first.

    Of OpenStreetMap everything is drawn: what has no geometry there is no register's entry.
    """
    drawn = np.array([features.osm or not (g is None or g.is_empty) for g in features.geometry], bool)
    listed = chosen(features, ~drawn)
    return chosen(features, drawn), replace(listed, refused=(), remarks=(), notes=(), left_out={})


def chosen(features: Features, which: NDArray[np.bool_]) -> Features:
    """Return some of the features; what is told of the file stays."""
    at = np.flatnonzero(which).tolist()
    return replace(
        features,
        geometry=features.geometry[at],
        fields={name: [values[k] for k in at] for name, values in features.fields.items()},
        rows=[features.rows[k] for k in at],
        ids=[features.ids[k] for k in at],
    )


def unmapped(
    features: Features, layer: Layer, options: DraftOptions
) -> tuple[list[PlaceDraft], list[BadRow], Sequence[str]]:
    """Return the places of features without geometry, the rows refused, and what the summary says."""
    taken = Taken(features, layer, indices=list(range(len(features))))
    scheme = Scheme(taken, options)
    places, refused = [], []
    for k in range(len(features)):
        name, code = taken.text("name", k), taken.text("code", k)
        if name is None and code is None:
            refused.append(features.refuse(k, "既没有图形，也没有名称和编码，无法登记"))
            continue
        in_scheme, stated = scheme.of([k], name, code)
        places.append(
            PlaceDraft(
                name=name,
                code=code,
                in_scheme=in_scheme,
                scheme_stated=stated,
                attributes=attributes(taken, [k], np.ones(len(features))),
                rows=[features.rows[k]],
            )
        )
    return places, refused, scheme.notes()
