"""The kinds of scenes: on which maps who moves how far, how the lines are cut, and what the receiver is."""

from typing import Literal, NamedTuple

from tests.benchmarks.scenes.movers import (
    BOAT,
    BUS,
    CYCLIST,
    EBIKE,
    FAR_CAR,
    RURAL_CAR,
    TOWN_CAR,
    WALKER,
    Mover,
)
from tests.benchmarks.scenes.receivers import Receiver

Cutting = Literal["ways", "edges", "arcs"]
"""Whole OSM ways; cut at every junction; so cut, and each edge of both directions twice, once a direction."""


class Recipe(NamedTuple):
    """How a kind of scene is made; where there are several values, one is drawn."""

    kind: str
    maps: tuple[str, ...]
    cutting: tuple[Cutting, ...]
    mover: Mover
    far_km: tuple[float, float]
    step_s: tuple[float, ...]
    receiver: Receiver
    streets: Literal["", "dual", "pavements", "water"] = ""


PHONE = Receiver()
POOR = Receiver(sigma_m=(5.0, 9.0), bias_m=(0.0, 4.0), bursts=True)
CITY = Receiver(sigma_m=(4.0, 7.0), canyons_km=0.5, reflections_km=0.4, bursts=True)
FREEZING = Receiver(sigma_m=(4.0, 7.0), reflections_km=0.2, freezes=True, accuracy=True)
CAR = Receiver(sigma_m=(0.5, 1.5), tau_s=(60.0, 120.0), white_m=0.15, bias_m=(2.0, 5.5), smooth_s=1.5)
DARK = Receiver(sigma_m=(3.0, 7.0), outages_km=0.15, irregular=True, accuracy=True)
OPEN = Receiver(sigma_m=(3.0, 5.0), irregular=True)

LAND = ("liechtenstein", "bayreuth")
DENSE = ("made", "altona", "guixi")
TOWN = ("altona", "made", "made", "guixi", "liechtenstein")
PARTED: tuple[Cutting, ...] = ("edges", "ways")
ALL: tuple[Cutting, ...] = ("edges", "ways", "arcs")

RECIPES = (
    Recipe("walk quiet", LAND, PARTED, WALKER, (1.5, 5), (1, 2, 5), OPEN),
    Recipe("walk city", ("altona", "made"), PARTED, WALKER, (1, 3), (1, 2, 5), CITY),
    Recipe("walk pavements", ("made", "guixi"), ("edges",), WALKER, (1, 3), (1, 5), PHONE, "pavements"),
    Recipe("walk sparse", LAND, PARTED, WALKER, (2, 6), (10, 30), POOR),
    Recipe("bike town", TOWN, PARTED, CYCLIST, (2, 7), (1, 2, 5), POOR),
    Recipe("bike land", LAND, PARTED, CYCLIST, (5, 12), (1, 5, 10), OPEN),
    Recipe("e-bike city", DENSE, ALL, EBIKE, (2, 7), (1, 2, 5, 10), CITY),
    Recipe("car town", TOWN, ALL, TOWN_CAR, (2, 8), (1, 1, 2, 5), PHONE),
    Recipe("car city", DENSE, ("edges",), TOWN_CAR, (2, 6), (1, 1, 3), CITY),
    Recipe("car pavements", ("made",), ("edges",), TOWN_CAR, (2, 5), (1, 2), PHONE, "pavements"),
    Recipe("car dual", ("made", "guixi"), PARTED, TOWN_CAR, (3, 8), (1, 1, 5), POOR, "dual"),
    Recipe("car biased", ("made", "guixi"), ALL, TOWN_CAR, (3, 9), (1,), CAR, "dual"),
    Recipe("car sparse", ("made", "guixi", "liechtenstein"), ("edges",), TOWN_CAR, (3, 9), (10, 30), POOR),
    Recipe("car land", LAND, ALL, RURAL_CAR, (8, 20), (1, 1, 5, 10), PHONE),
    Recipe("car land sparse", LAND, PARTED, RURAL_CAR, (8, 20), (10, 15, 30, 30, 60), OPEN),
    Recipe("motorway", ("bayreuth",), PARTED, FAR_CAR, (5, 12), (1, 2, 5, 10), PHONE),
    Recipe("serpentines", ("liechtenstein",), PARTED, RURAL_CAR, (6, 12), (1, 2, 5), PHONE),
    Recipe("bus", ("made", "guixi", "liechtenstein"), ("edges",), BUS, (3, 8), (1, 2, 5), FREEZING),
    Recipe("car outages", ("made", *LAND), ("edges",), RURAL_CAR, (5, 15), (1, 2), DARK),
    Recipe("boat", LAND, PARTED, BOAT, (2, 7), (1, 5, 10, 30, 60), OPEN, "water"),
)
