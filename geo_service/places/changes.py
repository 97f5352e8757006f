"""What a matched draft changes of its stored place: pure, and told in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import shapely

from geo_service.places.matching import StoredPlace
from geo_service.places.membership import Districts
from geo_service.places.prepared import Prepared, Shape
from layers.reach import Stretch


@dataclass(frozen=True)
class Origins:
    """Where a shape that stays came from, and how wide that is by stretch."""

    sources: Sequence[Mapping[str, Any]]
    reaches: Sequence[Stretch]
    flow: Sequence[int]

    def told(self, stored: StoredPlace) -> list[str]:
        """Return in Chinese what of it is new."""
        words = {"来源": "sources", "各段宽度": "reaches", "流向": "flow"}
        return [zh for zh, key in words.items() if list(getattr(self, key)) != list(getattr(stored, key))]


@dataclass(frozen=True)
class Change:
    """New values of columns, a new shape, new origins of the old shape, and all of it in Chinese."""

    values: Mapping[str, Any] = field(default_factory=dict)
    shape: Shape | None = None
    origins: Origins | None = None
    told: Sequence[str] = ()

    moves_reach: bool = False
    """What is within reach is another than before: by its shape, or by its width."""

    def __bool__(self) -> bool:
        return bool(self.told)


def change_of(stored: StoredPlace, prepared: Prepared, districts: Districts) -> Change:
    """Compare a draft with its place. What the file does not say stays as it is."""
    values = {
        **_code(stored, prepared),
        **_name(stored, prepared),
        **_scheme(stored, prepared),
        **_area(stored, prepared, districts),
    }
    told = [_told(key, getattr(stored, key), value, districts) for key, value in values.items()]
    attributes = {**stored.attributes, **_said(stored, prepared)}
    if attributes != stored.attributes:
        values["attributes"] = attributes
        told.append("属性")
    shape, origins = _shape(stored, prepared)
    if shape is not None:
        told.append(f"图形（{_size(stored.metres)} → {_size(shape.metres)}）")
        if (shape.axis is None) != (stored.axis is None):
            told.append("两岸合并" if shape.axis is None else "两岸分开")
    elif origins is not None:
        told += origins.told(stored)
    if values.get("code") is not None:
        values["code_made"] = False
    other_width = attributes.get("width_m") != stored.attributes.get("width_m")
    other_reaches = origins is not None and list(origins.reaches) != list(stored.reaches)
    by_width = stored.lonlat is not None and stored.reach_m is None and (other_width or other_reaches)
    return Change(values, shape, origins, told, shape is not None or by_width)


def _said(stored: StoredPlace, prepared: Prepared) -> dict[str, Any]:
    """Return the attributes that a draft states; areas in which the place is known to lie are nothing new."""
    known = bool(prepared.areas) and stored.areas.issuperset(prepared.areas)
    said = prepared.draft.attributes.items()
    return {key: value for key, value in said if not (known and key in ("township", "village"))}


def _code(stored: StoredPlace, prepared: Prepared) -> dict[str, Any]:
    code = prepared.draft.code
    return {} if code is None or code == stored.code else {"code": code}


def _name(stored: StoredPlace, prepared: Prepared) -> dict[str, Any]:
    name = prepared.draft.name
    return {} if name is None or name == stored.name else {"name": name}


def _scheme(stored: StoredPlace, prepared: Prepared) -> dict[str, Any]:
    draft = prepared.draft
    changes = draft.scheme_stated and draft.in_scheme != stored.in_scheme
    return {"in_scheme": draft.in_scheme} if changes else {}


def _area(stored: StoredPlace, prepared: Prepared, districts: Districts) -> dict[str, Any]:
    # A township that is named says less than the village that is known in it.
    new = prepared.area_id
    known = districts.path(stored.area_id) if stored.area_id is not None else []
    return {} if new is None or new in known else {"area_id": new}


def _shape(stored: StoredPlace, prepared: Prepared) -> tuple[Shape | None, Origins | None]:
    shape = prepared.shape
    if shape is None:
        return None, None
    if not stored.is_drawn_as((shape.axis or shape).lonlat):
        return shape, None
    if (shape.axis, stored.axis) != (None, None):
        # The banks follow from the centre line, its width and its flow.
        same = list(stored.breadths) == list(shape.breadths) and list(stored.flow) == list(shape.flow)
        return None if same else shape, None
    reaches = stored.reaches if shape.reaches is None else shape.reaches
    origins = Origins(shape.sources or stored.sources, reaches, shape.flow)
    return None, origins if origins.told(stored) else None


_WORDS = {"code": "编码", "name": "名称", "in_scheme": "纳管", "area_id": "辖区"}


def _told(key: str, before: Any, after: Any, districts: Districts) -> str:
    if key == "in_scheme":
        return "纳入管护" if after else "不再纳管"
    if key == "area_id":
        before, after = (districts.areas[id_].name if id_ else None for id_ in (before, after))
    return f"{_WORDS[key]}「{before or '无'}」→「{after}」"


def _size(metres: Any | None) -> str:
    if metres is None:
        return "未上图"
    area_m2 = float(shapely.area(metres))
    return f"{area_m2:.0f} 平方米" if area_m2 else f"{shapely.length(metres):.0f} 米"
