"""What was found out wrongly about a case, put right by a coordinator: every change is in its history."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE, areas_in, places_in
from geo_service.accounts.scope import Scope
from geo_service.cases import queries, whereabouts
from geo_service.cases.rules import Ground
from geo_service.cases.whereabouts import LonLat
from geo_service.columns import printable
from geo_service.errors import Invalid, NotFound
from geo_service.tables import Case, Json
from layers.vocabulary import Datum, Severity


@dataclass(frozen=True)
class Correction:
    """What is to be changed; None: it stays."""

    category: str | None = None
    severity: Severity | None = None
    words: str | None = None
    position: LonLat | None = None
    datum: Datum = Datum.WGS84
    place_id: int | None = None
    area_id: int | None = None


def correct(db: Session, scope: Scope, ground: Ground, case: Case, said: Correction) -> Json:
    """Change a case and return what was changed, by field, from what to what. Raises NotFound, Invalid."""
    values = {**_meaning(ground, said), **_lying(db, scope, ground, case, said)}
    changed = {
        name: [_plain(getattr(case, name)), _plain(value)]
        for name, value in values.items()
        if name not in ("point", "words") and _plain(getattr(case, name)) != _plain(value)
    }
    if "words" in values:
        changed[
            "words"
        ] = []  # the texts themselves stand in no step's data, where nobody could take them out
    if said.position is not None:
        changed["position"] = []
    if not changed:
        raise Invalid("没有要更正的内容。")
    queries.change(db, case.id, **values)
    return changed


def _meaning(ground: Ground, said: Correction) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if said.category is not None:
        category = ground.categories.get(said.category)
        values = {
            "category": category.code, "kind": category.kind, "category_edition_id": ground.edition_id,
            "severity": category.severity,
        }  # fmt: skip
    if said.severity is not None:
        values["severity"] = said.severity
    if said.words is not None:
        values["words"] = " ".join(printable(said.words).split())[:500] or None
    return values


def _lying(db: Session, scope: Scope, ground: Ground, case: Case, said: Correction) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if said.place_id is not None and not queries.has_place(db, said.place_id, places_in(scope, *CHANGE)):
        raise NotFound("没有这个对象，或不在您的权限内；请重新选择。")
    if said.position is not None or said.place_id is not None:
        lonlat = (
            queries.lonlat_of(db, case.id)
            if said.position is None
            else whereabouts.wgs84(said.position, said.datum)
        )
        category = ground.categories.by_code.get(said.category or case.category)
        values = whereabouts.columns_of(
            whereabouts.anew(
                db, ground.county.id, category and ground.categories.by_code.get(category.kind), lonlat,
                said.place_id, case.opened_at.astimezone(ground.zone).date(),
            )
        )  # fmt: skip
    if said.area_id is not None:
        if not queries.has_area(db, said.area_id, areas_in(scope, *CHANGE)):
            raise NotFound("没有这个辖区，或不在您的权限内。")
        values["area_id"] = said.area_id
    return values


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Severity) else value
