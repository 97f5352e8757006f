"""Plates on paper: for which places, with what on them; the pages are drawn by `maps.cards`."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, places_in
from geo_service.accounts.scope import Scope
from geo_service.areas.contacts import Contacts, of_county
from geo_service.areas.service import area_at
from geo_service.clock import today
from geo_service.errors import Invalid, NotFound
from geo_service.plates import keepers, queries, service
from geo_service.plates.service import Hung
from geo_service.tables import Place
from layers.verdicts import metres_words
from layers.vocabulary import Layer
from maps.cards import About, Keeper, Plate

MOST_AT_ONCE = 60
"""Plates of one file over HTTP: some seconds of drawing."""


@dataclass(frozen=True)
class Asked:
    """Which plates are asked for: those in use, and with `missing` one more for each place without any."""

    area: str | None = None
    """Code of a township or village; None: all of the scope."""
    layer: Layer | None = None
    place_ids: Sequence[int] = ()
    """These places only, in the scheme or not; so with `codes`."""
    codes: Sequence[str] = ()
    plate_id: str | None = None
    """This plate only."""
    missing: bool = True


@dataclass(frozen=True)
class Sheets:
    """Plates as they are printed."""

    about: About
    title: str
    plates: Sequence[Plate]


@dataclass(frozen=True)
class Count:
    """How many plates are in use, and how many places in the scheme have none."""

    plates: int
    missing: int


def count(db: Session, scope: Scope, area: str | None) -> Count:
    """Return how many plates there are, and how many places have none. Raises NotFound."""
    where = [places_in(scope, *CHANGE), *service.lying_in(db, scope, area)]
    missing = queries.without_plate(db, *where, Place.in_scheme.is_(True))
    return Count(len(queries.plates(db, *where)), len(missing))


def address(service_address: str, plate_id: str) -> str:
    """Return what is behind a plate's code."""
    return f"{service_address}/p/{plate_id}"


def make(
    db: Session, scope: Scope, asked: Asked, service_address: str, *, most: int | None = MOST_AT_ONCE
) -> Sheets:
    """Return the plates that are asked for, made where they are missing.

    Raises NotFound where there are none, Invalid for more than `most`.
    """
    scope.demand(*CHANGE)
    chosen = _chosen(db, scope, asked, most)
    if not chosen:
        raise NotFound(_nothing(asked))
    county = queries.county(db, scope.county_id)
    about = About(county.name, today(county), made_up=county.made_up)
    named = keepers.of_plates(db, chosen, about.printed)
    calls = of_county(db, county.id)
    areas = queries.areas_of(db, {plate.version_id for plate in chosen if plate.version_id is not None})
    plates = [
        _plate(plate, named[plate.id], hotline(db, plate, calls, areas), service_address) for plate in chosen
    ]
    audit.record(db, scope.actor, "plates.sheet", county_id=county.id, plates=len(plates))
    return Sheets(about, f"公示牌-{about.printed.isoformat()}", plates)


def hotline(db: Session, plate: Hung, calls: Contacts, areas: dict[int, list[int]]) -> str | None:
    """Return the number to call: that of the area in which the plate hangs, or else its place lies.

    Of a place of several townships, whose plate says not where it hangs, it is the county's.
    """
    area_id = None if plate.at is None else area_at(db, plate.county_id, plate.at)
    if area_id is None:
        lying = areas.get(plate.version_id or -1, [])
        area_id = lying[0] if len(lying) == 1 else None if lying else plate.area_id
    found = calls.of(area_id)
    return found.phone if found else None


def _chosen(db: Session, scope: Scope, asked: Asked, most: int | None) -> list[Hung]:
    if asked.plate_id is not None:
        return [service.find(db, scope, asked.plate_id)]
    where = [places_in(scope, *CHANGE), *service.lying_in(db, scope, asked.area)]
    if asked.layer is not None:
        where.append(Place.layer == asked.layer)
    if asked.place_ids:
        where.append(Place.id.in_(list(asked.place_ids)))
    if asked.codes:
        where.append(Place.code.in_(list(asked.codes)))
    scheme = [] if asked.place_ids or asked.codes else [Place.in_scheme.is_(True)]
    missing = queries.without_plate(db, *where, *scheme) if asked.missing else []
    _demand_few(len(queries.plates(db, *where)) + len(missing), most)
    service.make_missing(db, scope, missing)
    return service.hung(db, *where)


def _demand_few(wanted: int, most: int | None) -> None:
    if most is not None and wanted > most:
        raise Invalid(
            f"这里要印 {wanted} 块，一次最多 {most} 块。请选一个村或一个图层，"
            "或在服务器上用 geo-service plates。"
        )


def _plate(plate: Hung, named: Sequence[Keeper], called: str | None, service_address: str) -> Plate:
    return Plate(
        place=plate.place,
        layer=plate.layer,
        address=address(service_address, plate.id),
        stretch=length_words(plate),
        keepers=named,
        hotline=called,
        number=plate.mark,
        where=plate.name,
    )


def length_words(plate: Hung) -> str | None:
    """Return how long its place is, as people say it; of an area nothing."""
    return None if plate.length_m is None else f"全长 {metres_words(plate.length_m)}"


def _nothing(asked: Asked) -> str:
    if asked.missing:
        return "这里没有可以挂牌的对象。请换一个镇街或图层，或先导入对象。"
    return "这里还没有公示牌。请选上“没有牌子的也做”，再点一次。"
