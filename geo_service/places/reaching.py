"""How far from a line its patrol may pass: a width, a reach of its own, the banks apart; said by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.coverage import walkable
from geo_service.errors import Invalid
from geo_service.patrols import again
from geo_service.places import banks, queries, versions
from geo_service.places.changes import change_of
from geo_service.places.drawing import to_draw
from geo_service.places.matching import StoredPlace
from geo_service.places.membership import DM_PER_M
from geo_service.places.prepared import Prepared, areas_of
from geo_service.places.service import Ground, ground_of
from geo_service.tables import Place
from layers import reach
from layers.banks import APART, TOGETHER
from layers.drafts import PlaceDraft
from layers.vocabulary import Layer

WIDEST_M, FURTHEST_M = 2_000.0, 200.0
_BANKS = {"apart": APART, "together": TOGETHER}


@dataclass(frozen=True)
class Choice:
    """What is said of a place; None: nothing."""

    width_m: float | None = None
    """Of all of it: what is known stretch by stretch is given up."""
    reach_m: float | None = None
    """Its own, which counts before its width; 0: by its width again."""
    banks: Literal["apart", "together"] | None = None


@dataclass(frozen=True)
class OneBank:
    """A bank in Chinese and its length."""

    name: str
    length_m: float


@dataclass(frozen=True)
class Reached:
    """What a choice makes of a place: what was stored, or what would be."""

    place_id: int
    code: str
    name: str | None
    reach_m: float
    """Where no stretch has one of its own."""
    banks: Sequence[OneBank]
    """Empty where they are together."""
    told: Sequence[str] = ()
    """In Chinese what changes, and what of duties and coverage no longer fits."""
    patrols: int = 0
    """How many ran near it and are computed again."""
    later: bool = False
    """They are so many that a job does it."""
    changed: bool = False
    dry_run: bool = False


def place_with_code(db: Session, scope: Scope, code: str) -> int:
    """Return the id of a place that the scope may change, by its code. Raises NotFound and Invalid."""
    found = queries.ids_with_code(db, scope, code)
    if len(found) > 1:
        raise Invalid(f"有 {len(found)} 个对象的编码都是 {code}；请先改正编码。")
    return to_draw(db, scope, found[0] if found else 0).id


def choose(db: Session, scope: Scope, place_id: int, choice: Choice, *, dry_run: bool = False) -> Reached:
    """Give a line a width, a reach, or banks apart; with `dry_run` only say what would be.

    Duties and coverage are carried over to a new version, patrols nearby computed again. Raises NotFound for
    a place that the scope may not change, Invalid for what it cannot have.
    """
    county = queries.locked_county(db, scope.county_id)
    place = to_draw(db, scope, place_id)
    _check(place, choice)
    ground = ground_of(db, county)
    # A dry run does everything and takes it back, so that it promises nothing else than what will come.
    with db.begin_nested() as trial:
        reached = _store(db, place, choice, ground, dry_run=dry_run)
        if dry_run:
            trial.rollback()
            db.expire_all()
    if reached.changed and not dry_run:
        detail = {"width_m": choice.width_m, "reach_m": choice.reach_m, "banks": choice.banks}
        audit.record(
            db, scope.actor, "places.reach", county_id=county.id, subject=f"place/{place_id}", **detail
        )
    return reached


def _check(place: Place, choice: Choice) -> None:
    if not Layer(place.layer).is_line:
        raise Invalid("网格和小区看得见就算到，没有可及距离；这里只能改河道和道路。")
    if place.version_id is None:
        raise Invalid("这个对象还没有上图；请先画出来或导入图形，再定可及距离。")
    if choice.banks is not None and place.layer != Layer.RIVER:
        raise Invalid("只有河道能把两岸分开。")
    if choice == Choice():
        raise Invalid("请写明宽度、可及距离，或两岸是否分开，至少一样。")


def _store(db: Session, place: Place, choice: Choice, ground: Ground, *, dry_run: bool) -> Reached:
    layer, county = Layer(place.layer), ground.county
    (stored,) = queries.stored_places(db, county.id, layer, ground.crs, ground.districts, place_id=place.id)
    prepared = _prepared(layer, stored, choice, ground)
    change = change_of(stored, prepared, ground.districts)
    own_m = stored.reach_m if choice.reach_m is None else choice.reach_m or None
    told = [*change.told, *([_reach_told(own_m)] if own_m != stored.reach_m else [])]
    queries.update_places(db, {stored.id: change.values})
    lost: Sequence[str] = ()
    if change.shape is not None:
        lost = versions.reshape(db, county, [(replace(stored, reach_m=own_m), prepared)])[stored.id]
    elif stored.version_id is not None:
        queries.update_origins(db, {stored.version_id: change.origins} if change.origins else {})
        queries.set_reach(db, stored.version_id, own_m)
    db.expire_all()
    moves = change.moves_reach or own_m != stored.reach_m
    run = again.count if dry_run else again.compute
    patrols = run(db, county, [place.id] if moves else [])
    if moves and not dry_run:
        walkable.renew(db, county, [place.id])
    return replace(
        _reached(layer, stored, prepared, own_m),
        told=[*told, *lost] or ["没有变化"],
        patrols=patrols.patrols,
        later=patrols.later,
        changed=bool(told),
        dry_run=dry_run,
    )


def _prepared(layer: Layer, stored: StoredPlace, choice: Choice, ground: Ground) -> Prepared:
    said: dict[str, Any] = {} if choice.width_m is None else {"width_m": choice.width_m}
    said |= {} if choice.banks is None else {banks.ATTRIBUTE: _BANKS[choice.banks]}
    centre = banks.together(stored, ground.crs)
    if choice.width_m is not None:
        centre = replace(centre, reaches=())
    draft = PlaceDraft(stored.name, code=stored.code, scheme_stated=False, attributes=said)
    (areas,) = areas_of(layer, [centre.metres], [[]], ground.districts)
    settled = banks.settled(
        layer, [(Prepared(draft, centre, areas, None), stored)], ground.crs, ground.names, ground.districts
    )
    if choice.banks == "apart" and settled.notes:
        raise Invalid("不知道河宽，两岸分不开；请同时写明宽度。")
    return settled.places[0]


def _reach_told(own_m: float | None) -> str:
    return "可及距离按宽度定" if own_m is None else f"可及距离 {own_m:g} 米"


def _reached(layer: Layer, stored: StoredPlace, prepared: Prepared, own_m: float | None) -> Reached:
    shape = prepared.shape
    width_m = {**stored.attributes, **prepared.draft.attributes}.get("width_m")
    sides = shape.sides if shape is not None else ()
    return Reached(
        place_id=stored.id,
        code=stored.code,
        name=stored.name,
        reach_m=min(reach.reach_m(layer, own_m=own_m, width_m=width_m, on_banks=bool(sides)), FURTHEST_M),
        banks=[OneBank(side.bank.zh, (side.stop - side.start) / DM_PER_M) for side in sides],
    )
