"""How far from a place its patrol may pass, and how far one sees."""

from layers.vocabulary import Layer

ROAD_REACH_M = 20.0
RIVER_REACH_M = 40.0
"""For a river of unknown width: paths run 5 to 60 m from the centre line."""
BANK_MARGIN_M = 20.0
"""From the edge of the water to the path on its bank, with the error of a phone."""
SIGHT_M = 15.0
"""From where one walks, the part of a grid or compound that counts as seen."""


def reach_m(layer: Layer, *, own_m: float | None = None, width_m: float | None = None) -> float:
    """Return a line's reach in metres: its own, else from its width, else the layer's.

    >>> reach_m(Layer.RIVER, width_m=60.0), reach_m(Layer.ROAD), reach_m(Layer.RIVER, own_m=25.0)
    (50.0, 20.0, 25.0)
    """
    if own_m is not None:
        return own_m
    if layer is not Layer.RIVER:
        return ROAD_REACH_M
    return RIVER_REACH_M if width_m is None else width_m / 2 + BANK_MARGIN_M


def bank_m(layer: Layer, reach_m: float) -> float:
    """Return how far from a line of some reach one walks: on a road, on the bank of a river.

    >>> bank_m(Layer.RIVER, reach_m(Layer.RIVER, width_m=60.0)), bank_m(Layer.ROAD, 20.0)
    (30.0, 0.0)
    """
    return max(reach_m - BANK_MARGIN_M, 0.0) if layer is Layer.RIVER else 0.0
