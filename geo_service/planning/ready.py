"""What a person is ready for: limits and wishes, kept and told."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import case, func, or_, select
from sqlalchemy.orm import Session, aliased

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, people_in, place_ids_in, places_in
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
    demand_person(db, scope, person_id)
    row = db.get(Readiness, person_id)
    if row is None:
        return Ready()
    layers = None if row.layers is None else tuple(map(Layer, row.layers))
    return Ready(
        row.is_open, row.most_places, row.most_m, row.farthest_m, layers, tuple(row.likes), tuple(row.avoids)
    )


def put(db: Session, scope: Scope, person_id: uuid.UUID, said: Ready) -> None:
    """Keep what somebody is ready for. Raises NotFound, also for a place beyond the scope."""
    demand_person(db, scope, person_id)
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


def places_called(db: Session, scope: Scope, words: Sequence[str]) -> tuple[int, ...]:
    """Return the places of some names or codes, each once. Raises Invalid for what is none, or several."""
    if len(words) > MOST_WISHES:
        raise Invalid(f"意愿最多写 {MOST_WISHES} 处。")
    found: dict[int, None] = {}
    for word in words:
        own = (
            db.scalars(
                select(Place.id)
                .where(places_in(scope, *CHANGE), or_(Place.code == word, Place.name == word))
                .order_by(Place.code != word)
                .limit(2)
            ).all()
            if word.isprintable()
            else []
        )
        if not own:
            raise Invalid(f"没有叫「{word[:40]}」的对象，或不在您的辖区内。")
        if len(own) > 1 and db.get_one(Place, own[0]).code != word:
            raise Invalid(f"叫「{word[:40]}」的对象不止一个，请写编码。")
        found[own[0]] = None
    return tuple(found)


def words_of(db: Session, scope: Scope, ids: Sequence[int]) -> list[str]:
    """Return the words by which `places_called` knows places: the name, or the code where it is shared."""
    twin = aliased(Place)
    same = (
        select(func.count())
        .where(twin.county_id == scope.county_id, twin.name == Place.name)
        .correlate(Place)
        .scalar_subquery()
    )
    rows = db.execute(
        select(Place.id, case((same == 1, Place.name), else_=Place.code)).where(
            places_in(scope, *CHANGE), Place.id.in_(ids)
        )
    )
    known = dict(map(tuple, rows))
    return [known[id_] for id_ in ids if id_ in known]


def demand_person(db: Session, scope: Scope, person_id: uuid.UUID) -> None:
    """Raise NotFound unless the scope may change a person."""
    scope.demand(*CHANGE)
    own = select(Person.id).where(
        people_in(scope, *CHANGE), Person.id == person_id, Person.deleted_at.is_(None)
    )
    if db.scalar(own) is None:
        raise NotFound("没有这个人，或不在您的辖区内。")
