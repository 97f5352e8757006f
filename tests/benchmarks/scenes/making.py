"""Scenes: a network, someone who moved on it, what a receiver made of it, and the truth beside it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from layers.spans import SpanSet
from tests.benchmarks.scenes import movers
from tests.benchmarks.scenes.movers import Motion
from tests.benchmarks.scenes.networks import Half, Network, Way, made_town, real
from tests.benchmarks.scenes.receivers import observed
from tests.benchmarks.scenes.recipes import RECIPES, Cutting, Recipe
from tests.benchmarks.scenes.routes import Leg, NoRoute, Roads
from tests.benchmarks.scenes.streets import dual, with_pavements

Floats = NDArray[np.float64]
MARGIN_M = 400.0
"""Lines this near the track stand in the scene."""
SEED = {"tune": 1, "judge": 2}


@dataclass(frozen=True)
class Scene:
    """A track among lines, and the stretches of them that were truly taken."""

    name: str
    kind: str
    lines: gpd.GeoDataFrame
    """In metres; its index is 0, 1, ..."""
    fixes: pd.DataFrame
    """As `layers.cover` takes them."""
    truth: SpanSet
    """Of the lines, in metres along each in its stored order."""
    unseen: SpanSet
    """The part of the truth that was taken during outages of more than a minute."""
    motion: Motion


TRIES, ROUTES_TRIED = 30, 10


def scenes(half: Half = "tune", count: int = 100) -> Iterator[Scene]:
    """Yield mixed scenes, the kinds in turn; the same half and number always give the same scene."""
    for number in range(count):
        yield scene(half, number)


def scene(half: Half, number: int) -> Scene:
    """Make the scene of a number. NoRoute if no attempt finds a way that is long enough."""
    recipe = recipe_of(number)
    for attempt in range(TRIES):
        try:
            return made(recipe, half, number, attempt)
        except NoRoute:
            continue
    raise NoRoute(f"no way for {recipe.kind}, number {number}")


def recipe_of(number: int) -> Recipe:
    """Return the recipe of the scene of a number."""
    return RECIPES[number % len(RECIPES)]


def made(recipe: Recipe, half: Half, number: int, attempt: int = 0) -> Scene:
    """Make one scene. NoRoute if this attempt's map has none that is long enough."""
    rng = np.random.default_rng([SEED[half], number, attempt])
    source = str(rng.choice(recipe.maps))
    crs, ways = _ways(source, recipe, half, rng)
    network = Network.of(crs, ways)
    mover = recipe.mover
    roads = Roads(network, mover.speed_m_s, rng, oneway=mover.oneway)
    legs = _route(recipe, roads, rng)
    motion = movers.moved(network, roads, legs, mover, rng)
    step_s = float(rng.choice(recipe.step_s))
    receiver = replace(recipe.receiver, step_s=step_s)
    fixes, dark = observed(motion, receiver, rng, crs)
    cutting = recipe.cutting[int(rng.integers(len(recipe.cutting)))]
    frame, where = _lines(network, cutting, motion.xy)
    unseen_m = motion.place(np.flatnonzero(dark).astype(float)) if dark.any() else np.empty(0)
    truth, unseen = _truth(network, legs, where, unseen_m)
    name = f"{number:03d} {recipe.kind}: {source} {recipe.streets} {cutting} {step_s:g} s"
    return Scene(" ".join(name.split()), recipe.kind, frame, fixes, truth, unseen, motion)


def _ways(source: str, recipe: Recipe, half: Half, rng: np.random.Generator) -> tuple[str, list[Way]]:
    crs, ways = made_town(rng) if source == "made" else real(source, half, water=recipe.streets == "water")
    if recipe.streets == "dual":
        return crs, dual(ways, rng)
    if recipe.streets == "pavements":
        return crs, with_pavements(crs, ways, rng)
    return crs, ways


def _route(recipe: Recipe, roads: Roads, rng: np.random.Generator) -> list[Leg]:
    wanted_m = 1000 * rng.uniform(*recipe.far_km)
    if recipe.kind == "serpentines":
        tried = [roads.route(rng, wanted_m) for _ in range(ROUTES_TRIED)]
        return max(tried, key=lambda legs: _turning(roads.network, legs))
    return roads.route(rng, wanted_m, on="motorway" if recipe.kind == "motorway" else "")


def _turning(network: Network, legs: list[Leg]) -> float:
    """Return radians of bends for each metre."""
    turn = 0.0
    for leg in legs:
        step = np.diff(network.edges[leg.edge].xy, axis=0)
        angle = np.unwrap(np.arctan2(step[:, 1], step[:, 0]))
        turn += float(np.abs(np.diff(angle)).sum())
    return turn / sum(leg.length_m for leg in legs)


def _lines(
    network: Network, cutting: Cutting, track: Floats
) -> tuple[gpd.GeoDataFrame, dict[int, list[tuple[int, float, int]]]]:
    """Return the lines of a scene; for each edge near it: its lines, where on them it begins, direction."""
    low, high = track.min(axis=0) - MARGIN_M, track.max(axis=0) + MARGIN_M
    drawn: list[Floats] = []
    where: dict[int, list[tuple[int, float, int]]] = {}
    of_way: dict[int, int] = {}
    for i, edge in enumerate(network.edges):
        whole = network.ways[edge.way].xy if cutting == "ways" else edge.xy
        if (whole.max(axis=0) < low).any() or (whole.min(axis=0) > high).any():
            continue
        if cutting == "ways":
            if edge.way not in of_way:
                of_way[edge.way] = len(drawn)
                drawn.append(whole)
            where[i] = [(of_way[edge.way], edge.from_m, 1)]
            continue
        where[i] = [(len(drawn), 0.0, 1)]
        drawn.append(edge.xy)
        if cutting == "arcs" and not edge.oneway:
            where[i].append((len(drawn), edge.length_m, -1))
            drawn.append(edge.xy[::-1])
    return gpd.GeoDataFrame(geometry=[shapely.LineString(xy) for xy in drawn], crs=network.crs), where


def _truth(
    network: Network, legs: list[Leg], where: dict[int, list[tuple[int, float, int]]], unseen_m: Floats
) -> tuple[SpanSet, SpanSet]:
    """Return the stretches of lines that the legs followed, and those of them taken in the dark."""
    rows: list[tuple[int, float, float]] = []
    dark: list[tuple[int, float, float]] = []
    at_m = 0.0
    for leg in legs:
        inside = unseen_m[(unseen_m >= at_m) & (unseen_m <= at_m + leg.length_m)] - at_m
        ahead = 1 if leg.to_m >= leg.from_m else -1
        for line, from_m, direction in where[leg.edge]:
            begin, stop = (from_m + direction * m for m in (leg.from_m, leg.to_m))
            rows.append((line, min(begin, stop), max(begin, stop)))
            if inside.size:
                ends = [begin + direction * ahead * m for m in (inside.min(), inside.max())]
                dark.append((line, min(ends), max(ends)))
        at_m += leg.length_m
    truth = SpanSet.of(*zip(*rows, strict=True))
    seen_again = SpanSet.of(*zip(*dark, strict=True)) if dark else SpanSet.empty()
    return truth, truth & seen_again
