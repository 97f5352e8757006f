"""The steps in which the made-up county is stored, each through the service that everyone uses."""

import datetime as dt
import hashlib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.areas import service as areas
from geo_service.areas.tree import AreaRow
from geo_service.demo import handling, names, queries
from geo_service.demo.beats import Beat
from geo_service.demo.county import DemoCounty
from geo_service.demo.land import COUNTY_CODE
from geo_service.demo.outings import recorded
from geo_service.demo.plan import CRS
from geo_service.demo.queries import Lies
from geo_service.demo.stewards import Office, Term
from geo_service.patrols import reviews
from geo_service.patrols import service as patrols
from geo_service.people import service as people
from geo_service.people.drafts import DutyDraft, PersonDraft
from geo_service.places import service as places
from geo_service.privacy import consents
from geo_service.services import service as services
from geo_service.services.service import ServiceRequest
from geo_service.tables import County
from layers import crs
from layers.cells import AreaCells
from layers.drafts import PlaceDraft
from layers.tracks import Recording
from layers.vocabulary import Datum, DutyKind, Layer, Level, Right, Role, Verdict

_IDS = uuid.UUID("0b6f9f0e-5d2b-5b0e-9c55-3c8f5a7d2e10")
"""Name space of people and patrols: made again they have the same ids, so nothing comes twice."""
_REVIEWED = "问过本人：一路都在走，信号断了一阵（虚构）"
_CHIEFS = {
    "县": (Level.COUNTY, Level.TOWNSHIP, Level.VILLAGE),
    "县道": (Level.COUNTY, Level.TOWNSHIP),
    "乡": (Level.TOWNSHIP, Level.VILLAGE),
    "乡道": (Level.TOWNSHIP, Level.VILLAGE),
}
"""Levels of officials by the level of a river or class of a road; all others have one of their village."""


def store_areas(db: Session, actor: Actor, made: DemoCounty) -> County:
    """Make the county with its townships and villages."""
    land = made.land
    villages = crs.unproject(land.village_polygons(), CRS)
    towns = np.array([village.township for village in land.villages])
    borders = [shapely.coverage_union_all(villages[towns == k]) for k in range(len(land.townships))]
    rows = [(f"{COUNTY_CODE}000000", names.COUNTY, shapely.coverage_union_all(villages))]
    rows += [(t.code, t.name, border) for t, border in zip(land.townships, borders, strict=True)]
    rows += [(v.code, v.name, border) for v, border in zip(land.villages, villages, strict=True)]
    areas.store_areas(
        db,
        actor,
        [
            AreaRow("demo", k + 1, code, name, geometry=shapely.multipolygons(shapely.get_parts(border)))
            for k, (code, name, border) in enumerate(rows)
        ],
        areas.AreaOptions(),
    )
    county = areas.county_of(db, COUNTY_CODE)
    county.made_up = True
    return county


def store_rivers(db: Session, county: County, made: DemoCounty, rows: range) -> None:
    """Store some rivers of the register."""
    rivers = [made.rivers[k] for k in rows]
    drafts = [
        PlaceDraft(
            name=river.name,
            code=river.code,
            geometry=line,
            in_scheme=river.code in made.scheme.rivers,
            attributes={"level": river.level, "width_m": float(river.width_m)},
        )
        for river, line in zip(rivers, _lines(river.line for river in rivers), strict=True)
    ]
    places.add_places(db, county, Layer.RIVER, drafts)


def store_roads(db: Session, county: County, made: DemoCounty) -> None:
    """Store all roads of the register."""
    drafts = [
        PlaceDraft(
            name=road.name,
            code=road.code,
            geometry=line,
            in_scheme=road.code in made.scheme.roads,
            attributes={"class": road.kind},
        )
        for road, line in zip(made.roads, _lines(road.line for road in made.roads), strict=True)
    ]
    places.add_places(db, county, Layer.ROAD, drafts)


def store_grids(db: Session, county: County, made: DemoCounty) -> None:
    """Store all grids."""
    named = {grid.code: grid.name for grid in made.land.grids}
    places.add_places(db, county, Layer.GRID, _area_drafts(named, made.scheme.grids))


def store_compounds(db: Session, county: County, made: DemoCounty) -> None:
    """Store all compounds."""
    named = {compound.code: compound.name for compound in made.land.compounds}
    places.add_places(db, county, Layer.COMPOUND, _area_drafts(named, made.scheme.compounds))


def _lines(lines: Iterable[Any]) -> Any:
    """Return lines in metres as MultiLineStrings in lon, lat."""
    lonlat = crs.unproject(np.array(list(lines), dtype=object), CRS)
    return shapely.multilinestrings(lonlat, indices=np.arange(lonlat.size))


def _area_drafts(named: dict[str, str], polygons: Any) -> list[PlaceDraft]:
    lonlat = crs.unproject(np.array([polygons[code] for code in named], dtype=object), CRS)
    return [
        PlaceDraft(name=name, code=code, geometry=shapely.MultiPolygon([polygon]))
        for (code, name), polygon in zip(named.items(), lonlat, strict=True)
    ]


def store_people(db: Session, county: County, made: DemoCounty) -> None:
    """Store volunteers, those before them, and officials."""
    ids = _area_ids(db, county)
    people.add_people(
        db,
        county.id,
        [
            PersonDraft(
                person.name,
                number=person.number,
                phone=person.phone,
                area_id=ids[person.area_code],
                attributes={"home": person.home} if person.home else {},
                id=_person_id(person.number),
            )
            for person in made.stewards.people
        ],
    )


def store_duties(db: Session, county: County, made: DemoCounty) -> None:
    """Store the volunteers' duties, those that ended first, so that who took over can point at them."""
    place_ids = {
        (layer, code): id_ for layer in Layer for code, id_ in queries.place_ids(db, county.id, layer).items()
    }
    parts = [_part(beat) for beat in made.scheme.beats]
    stored: dict[int, int] = {}
    terms = made.stewards.terms
    for ended in (True, False):
        rows = [k for k, term in enumerate(terms) if (term.last_day is not None) is ended]
        drafts = [_duty(made, terms[k], place_ids, parts, stored) for k in rows]
        stored |= dict(zip(rows, people.add_duties(db, county.id, drafts), strict=True))


def _duty(
    made: DemoCounty,
    term: Term,
    place_ids: dict[tuple[Layer, str], int],
    parts: Sequence[dict[str, Any]],
    stored: dict[int, int],
) -> DutyDraft:
    beat = made.scheme.beats[term.beat]
    return DutyDraft(
        person_id=_person_id(made.stewards.people[term.person].number),
        place_id=place_ids[beat.layer, beat.code],
        role=Role.of(beat.layer),
        first_day=term.first_day,
        last_day=term.last_day,
        handed_over_from=None if term.after is None else stored[term.after],
        **parts[term.beat],
    )


def _part(beat: Beat) -> dict[str, Any]:
    """Return spans or cells of a duty; nothing for a whole place."""
    if beat.span_m is not None:
        start, stop = (round(10 * m) for m in beat.span_m)
        return {"spans": ((start, stop),)}
    if beat.part is not None:
        return {"cells": AreaCells.of(beat.part).inside}
    return {}


def store_chiefs(db: Session, county: County, made: DemoCounty, layer: Layer) -> None:
    """Store the officials' duties: for each place one chief of each area in which it lies."""
    code_of = {id_: code for code, id_ in queries.place_ids(db, county.id, layer).items()}
    kinds = {river.code: river.level for river in made.rivers} | {road.code: road.kind for road in made.roads}
    levels = {id_: _CHIEFS.get(kinds.get(code, ""), (Level.VILLAGE,)) for id_, code in code_of.items()}
    offices: dict[int, list[Office]] = {}
    area_ids = _area_ids(db, county)
    for office in made.stewards.offices:
        offices.setdefault(area_ids[office.area_code], []).append(office)
    whole_county = area_ids[f"{COUNTY_CODE}000000"]
    lying = queries.lying(db, county.id, layer)
    lying += [Lies(id_, whole_county, None) for id_ in code_of if Level.COUNTY in levels[id_]]
    duties = []
    for lies in lying:
        own = offices[lies.area_id]
        office = own[lies.place_id % len(own)]
        if office.level in levels[lies.place_id]:
            duties.append(_chief(made, office, layer, lies))
    people.add_duties(db, county.id, duties)


def _chief(made: DemoCounty, office: Office, layer: Layer, lies: Lies) -> DutyDraft:
    return DutyDraft(
        person_id=_person_id(made.stewards.people[office.person].number),
        place_id=lies.place_id,
        role=Role.of(layer),
        first_day=made.today - dt.timedelta(days=1000),
        kind=DutyKind.OFFICIAL,
        level=office.level,
        spans=lies.spans,
    )


def take_services(db: Session, scope: Scope, made: DemoCounty, rows: range) -> None:
    """Enter some services, those of volunteers who enter them themselves as they would."""
    place_ids = {
        layer: queries.place_ids(db, scope.county_id, layer) for layer in (Layer.GRID, Layer.COMPOUND)
    }
    for k in rows:
        activity = made.activities[k]
        beat = made.scheme.beats[activity.beat]
        persons = [_person_id(made.stewards.people[person].number) for person in activity.persons]
        own = replace(scope, rights={Right.VOLUNTEER: None}, person_id=persons[0])
        services.put(
            db,
            own if activity.by_himself else scope,
            uuid.uuid5(_IDS, f"service/{k}/{activity.day}"),
            ServiceRequest(
                kind=activity.kind,
                day=activity.day,
                hours=activity.hours,
                persons=persons,
                place_id=place_ids[beat.layer][beat.code],
                people_served=activity.served,
                note=activity.note,
                evidence=activity.evidence,
            ),
        )


def take_problems(db: Session, scope: Scope, made: DemoCounty, rows: range) -> None:
    """Tell of some problems that were seen on the walks, and follow them to where they end."""
    walkers = [_person_id(made.stewards.people[outing.person].number) for outing in made.outings]
    handling.take_problems(db, scope, made, rows, walkers, _IDS)


def give_consents(db: Session, scope: Scope, made: DemoCounty) -> None:
    """Let everybody agree to have his way recorded: a phone of the demo works at once."""
    consents.give_all(db, scope, [_person_id(person.number) for person in made.stewards.people])


def take_walks(db: Session, scope: Scope, made: DemoCounty, rows: range) -> None:
    """Walk some outings and take their recordings, as if they had been sent; a coordinator settles doubts."""
    for k in rows:
        outing = made.outings[k]
        recording = recorded(made.scheme, outing)
        patrol_id = uuid.uuid5(_IDS, f"patrol/{k}/{outing.start_s}")
        told = patrols.take(
            db,
            scope,
            _person_id(made.stewards.people[outing.person].number),
            recording,
            patrol_id=patrol_id,
            batch_id=patrol_id,
            sha256=_sha256(recording),
            datum=Datum.WGS84,
            device="demo",
        )
        if told.verdict is not Verdict.COUNTED:
            reviews.review(db, scope, patrol_id, Verdict.COUNTED, _REVIEWED)


def _sha256(recording: Recording) -> bytes:
    return hashlib.sha256(recording.time_s.tobytes() + recording.lonlat.tobytes()).digest()


def _person_id(number: str) -> uuid.UUID:
    return uuid.uuid5(_IDS, f"person/{number}")


def _area_ids(db: Session, county: County) -> dict[str, int]:
    return {area.code: area.id for area in areas.areas_of(db, county.id, borders=False)}
