"""How right `layers.cover` is on a scene: precision, recall and F1 of covered length."""

from dataclasses import dataclass

import layers
from layers.spans import SpanSet
from tests.benchmarks.scenes.making import Scene


@dataclass(frozen=True)
class Score:
    """Metres of one scene: found, true, both; and missed in the dark of outages."""

    found_m: float
    true_m: float
    both_m: float
    dark_m: float

    @property
    def precision(self) -> float:
        """Share of what was found that is true; 1 if nothing was found."""
        return self.both_m / self.found_m if self.found_m else 1.0

    @property
    def recall(self) -> float:
        """Share of the truth that was found."""
        return self.both_m / self.true_m if self.true_m else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.both_m / (self.found_m + self.true_m)


def found(scene: Scene) -> SpanSet:
    """Return what `layers.cover` finds with its defaults."""
    rows = layers.cover(scene.lines, scene.fixes)
    return SpanSet.of(rows["place"], rows["from_m"], rows["to_m"])


def compared(scene: Scene, spans: SpanSet) -> Score:
    """Hold spans against the truth of a scene."""
    both, missed = spans & scene.truth, scene.truth - spans
    dark = missed & scene.unseen
    return Score(*(float(s.length.sum()) for s in (spans, scene.truth, both, dark)))


def score(scene: Scene) -> Score:
    """Run the engine on a scene and hold it against the truth."""
    return compared(scene, found(scene))
