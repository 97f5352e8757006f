"""The made-up county as one value, drawn from a seed: the same seed and day give the same county."""

import datetime as dt
from dataclasses import dataclass

import numpy as np

from geo_service.demo.activities import Activity, make_activities
from geo_service.demo.beats import Scheme, make_scheme
from geo_service.demo.land import Land, make_land
from geo_service.demo.outings import Outing, make_outings
from geo_service.demo.problems import Problem, make_problems
from geo_service.demo.stewards import Stewards, make_stewards
from geo_service.demo.streets import Road, make_roads
from geo_service.demo.waters import River, make_rivers


@dataclass(frozen=True)
class DemoCounty:
    """All of the made-up county. Geometry in metres of `plan.CRS`."""

    today: dt.date
    land: Land
    rivers: tuple[River, ...]
    roads: tuple[Road, ...]
    scheme: Scheme
    stewards: Stewards
    outings: tuple[Outing, ...]
    activities: tuple[Activity, ...]
    problems: tuple[Problem, ...]


def draw(seed: int, *, today: dt.date) -> DemoCounty:
    """Draw the county as it is on the morning of `today`; the year of outings ends the day before.

    Each part has its own stream of chance, so that a change of one leaves the others as they are.
    """
    land_rng, river_rng, road_rng, scheme_rng, people_rng, outing_rng, activity_rng, problem_rng = (
        np.random.default_rng([seed, part]) for part in range(8)
    )
    land = make_land(land_rng)
    rivers = make_rivers(land, river_rng)
    roads = make_roads(land, road_rng)
    scheme = make_scheme(land, rivers, roads, scheme_rng)
    stewards = make_stewards(land, scheme, people_rng, today=today)
    outings = make_outings(scheme, stewards, outing_rng, today=today)
    activities = make_activities(scheme, stewards, activity_rng, today=today)
    problems = make_problems(scheme, outings, problem_rng, today=today)
    return DemoCounty(today, land, rivers, roads, scheme, stewards, outings, activities, problems)
