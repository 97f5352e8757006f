"""What a proposal is asked for: numbers of people, cuts, limits; as values and as stored."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from geo_service.errors import Invalid
from layers.vocabulary import Layer

MOST_RELEASED = 500
_RANGES = {
    "every_m": (50.0, 100_000.0),
    "shortest_m": (0.0, 10_000.0),
    "farthest_m": (0.0, 100_000.0),
    "most_places": (0, 100),
    "most_m": (0, 1_000_000),
    "area_worth_m": (0, 100_000),
    "seconds": (1.0, 60.0),
}


@dataclass(frozen=True)
class Numbers:
    """How many people a place should have."""

    least: int = 1
    target: int = 1
    most: int = 1
    in_pairs: bool = False
    """Nobody goes alone."""

    @classmethod
    def said(cls, least: int | None, target: int | None, most: int | None, *, in_pairs: bool) -> "Numbers":
        """Return numbers of which some were said: one at least, as many as that, no more. Raises Invalid."""
        least = 1 if least is None else least
        target = least if target is None else target
        return cls(least, target, max(target, 2 if in_pairs else 1) if most is None else most, in_pairs)

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.target <= self.most <= 20:
            raise Invalid("人数要依次不减：最少 ≤ 应有 ≤ 最多，且在 1 到 20 之间。")


@dataclass(frozen=True)
class Asked:
    """What a proposal is asked for."""

    layers: tuple[Layer, ...] = tuple(Layer)
    numbers: Mapping[Layer, Numbers] = field(default_factory=dict)
    """Of layers that want other numbers than one person."""
    every_m: float | None = None
    """Lines are cut into equal parts that are no longer."""
    at_bridges: bool = False
    at_borders: bool = False
    """Lines are cut where one village ends and the next begins."""
    shortest_m: float = 100.0
    """Shorter stretches are left as they are: neither cut nor proposed by themselves."""
    farthest_m: float = 5000.0
    most_places: int = 2
    most_m: int | None = None
    crossing: bool = False
    """People may take lines of other townships of the area."""
    area_worth_m: int = 1000
    """What a grid or compound counts for beside metres of rivers and roads."""
    released: tuple[int, ...] = ()
    """Duties that may go to somebody else."""
    seconds: float = 10.0
    """How long the solver may look for something better."""

    def __post_init__(self) -> None:
        if not self.layers:
            raise Invalid("请至少选一个图层。")
        for name, (least, most) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise Invalid(f"{name} 要在 {least:g} 到 {most:g} 之间。")
        if len(self.released) > MOST_RELEASED:
            raise Invalid(f"一次最多放开 {MOST_RELEASED} 项职责，请分几次。")

    def numbers_of(self, layer: Layer) -> Numbers:
        """Return how many people places of a layer should have."""
        return self.numbers.get(layer, Numbers())

    def to_json(self) -> dict[str, Any]:
        """Return it as stored."""
        return {**asdict(self), "layers": list(self.layers), "released": list(self.released)}

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> "Asked":
        """Read what `to_json` made."""
        known = {one.name for one in fields(cls)}
        values = {key: value for key, value in said.items() if key in known}
        values["layers"] = tuple(Layer(layer) for layer in said.get("layers", Layer))
        values["released"] = tuple(said.get("released", ()))
        values["numbers"] = {
            Layer(layer): Numbers(**numbers) for layer, numbers in said.get("numbers", {}).items()
        }
        return cls(**values)
