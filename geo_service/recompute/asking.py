"""What a run is asked for: which patrols, and which layers of what they covered."""

import datetime as dt
from dataclasses import dataclass

from geo_service.tables import Json
from layers.vocabulary import Layer


@dataclass(frozen=True)
class Question:
    """Patrols near an area's places, since a day; all layers if none is named."""

    layers: tuple[Layer, ...] = ()
    area: str | None = None
    """Code of a township or village; none: the whole county."""
    since: dt.date | None = None

    def to_json(self) -> Json:
        """Return it as it is stored.

        >>> Question((Layer.RIVER,), since=dt.date(2026, 5, 1)).to_json()
        {'layers': ['river'], 'area': None, 'since': '2026-05-01'}
        """
        layers = [layer.value for layer in Layer if layer in self.layers]
        return {"layers": layers, "area": self.area, "since": self.since and self.since.isoformat()}

    @classmethod
    def of(cls, stored: Json) -> "Question":
        """Return what was stored.

        >>> Question.of({"layers": ["grid"], "area": "321281", "since": None})
        Question(layers=(<Layer.GRID: 'grid'>,), area='321281', since=None)
        """
        since = stored["since"]
        layers = tuple(Layer(word) for word in stored["layers"])
        return cls(layers, stored["area"], since and dt.date.fromisoformat(since))

    @property
    def words(self) -> str:
        """What is asked for, in Chinese.

        >>> Question((Layer.RIVER,), "321281100", dt.date(2026, 5, 1)).words
        '河道，321281100，2026-05-01 起'
        >>> Question().words
        '全部巡查'
        """
        layers = "、".join(layer.zh for layer in self.layers)
        told = [layers, self.area or "", f"{self.since} 起" if self.since else ""]
        return "，".join(filter(None, told)) or "全部巡查"
