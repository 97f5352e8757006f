"""What a person is ready for: limits and wishes, kept and told."""

import datetime as dt
import uuid
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, people_in, place_ids_in
from geo_service.accounts.scope import Scope
from geo_service.errors import Invalid, NotFound
from geo_service.tables import Person, Place, Readiness
from layers.vocabulary import Layer

MOST_WISHES = 50


@dataclass(frozen=True)
class Ready:
    """Limits and wishes; None: what is usual."""

    is_open: bool = True
    """Whether he takes anything more at present."""
    most_places: int | None = None
    most_m: int | None = None
    farthest_m: int | None = None
    layers: tuple[Layer, ...] | None = None
    likes: tuple[int, ...] = ()
    """Places that he would like."""
    avoids: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        numbers = (self.most_places, 100), (self.most_m, 1_000_000), (self.farthest_m, 100_000)
        if any(number is not None and not 0 <= number <= most for number, most in numbers):
            raise Invalid("上限要是不小于 0 的整数：最多 100 处、1000 公里，离家最远 100 公里。")
        if len(self.likes) > MOST_WISHES or len(self.avoids) > MOST_WISHES:
            raise Invalid(f"意愿最多写 {MOST_WISHES} 处。")
        if set(self.likes) & set(self.avoids):
            raise Invalid("同一处不能既想要又不想要。")


def get(db: Session, scope: Scope, person_id: uuid.UUID) -> Ready:
    """Return what somebody is ready for; the usual if nothing was said. Raises NotFound."""
    _demand_person(db, scope, person_id)
    row = db.get(Readiness, person_id)
    if row is None:
        return Ready()
    layers = None if row.layers is None else tuple(map(Layer, row.layers))
    return Ready(
        row.is_open, row.most_places, row.most_m, row.farthest_m, layers, tuple(row.likes), tuple(row.avoids)
    )


def put(db: Session, scope: Scope, person_id: uuid.UUID, said: Ready) -> None:
    """Keep what somebody is ready for. Raises NotFound, also for a place beyond the scope."""
    _demand_person(db, scope, person_id)
    wished = {*said.likes, *said.avoids}
    known = select(Place.id).where(Place.id.in_(wished), Place.id.in_(place_ids_in(scope, *CHANGE)))
    if len(db.scalars(known).all()) < len(wished):
        raise NotFound("意愿里有的对象不存在，或不在您的辖区内。")
    db.merge(
        Readiness(
            county_id=scope.county_id, person_id=person_id, is_open=said.is_open,
            most_places=said.most_places, most_m=said.most_m, farthest_m=said.farthest_m,
            layers=None if said.layers is None else [layer.value for layer in said.layers],
            likes=list(said.likes), avoids=list(said.avoids), changed_at=dt.datetime.now(dt.UTC),
        )
    )  # fmt: skip
    db.flush()
    audit.record(db, scope.actor, "people.ready", county_id=scope.county_id, subject=f"person/{person_id}")


def _demand_person(db: Session, scope: Scope, person_id: uuid.UUID) -> None:
    scope.demand(*CHANGE)
    own = select(Person.id).where(
        people_in(scope, *CHANGE), Person.id == person_id, Person.deleted_at.is_(None)
    )
    if db.scalar(own) is None:
        raise NotFound("没有这个人，或不在您的辖区内。")
