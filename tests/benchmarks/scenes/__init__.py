"""Hard scenes with known truth: to tune the matcher on one half and to judge it on the other."""

from tests.benchmarks.scenes.making import Scene, scenes
from tests.benchmarks.scenes.networks import Half
from tests.benchmarks.scenes.scoring import Score, score

__all__ = ["Half", "Scene", "Score", "scenes", "score"]
