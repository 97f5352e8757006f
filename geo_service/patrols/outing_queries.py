"""The SQL of outings: which patrols were walked together, and sums over those that count."""

import uuid
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, func, select, text
from sqlalchemy.orm import Session

from geo_service.bulk import among
from geo_service.counting import done
from geo_service.tables import Companion, Patrol
from layers.outings import Outing, Standing
from layers.vocabulary import Verdict

Condition = ColumnElement[bool]

_DIRECT_OR_BY_CHAIN = text("""
with recursive joined (id) as (
    select unnest(cast(:ids as uuid[]))
    union
    select b.id
    from joined j join patrol a on a.id = j.id cross join lateral (
        select p.* from companion c join patrol p on p.county_id = c.county_id and p.person_id = c.person_id
        where c.patrol_id = a.id and p.day between a.day - 2 and a.day + 2
        union all
        select p.* from companion c join patrol p on p.id = c.patrol_id
        where c.county_id = a.county_id and c.person_id = a.person_id
    ) b
    where a.settled_at is not null and a.voided_at is null and b.settled_at is not null
      and b.voided_at is null and b.person_id <> a.person_id
      and a.started_at < b.ended_at and b.started_at < a.ended_at
)
select id from joined
""")


def joined(db: Session, patrol_ids: Collection[uuid.UUID]) -> list[Outing]:
    """Return patrols and all that are one outing with them; left out are open, voided and nameless ones."""
    ids = db.scalars(_DIRECT_OR_BY_CHAIN, {"ids": list(patrol_ids)}).all()
    companions = (
        select(func.array_agg(Companion.person_id)).where(Companion.patrol_id == Patrol.id).scalar_subquery()
    )
    rows = db.execute(
        select(
            Patrol.id, Patrol.person_id, companions, func.extract("epoch", Patrol.started_at),
            func.extract("epoch", Patrol.ended_at), Patrol.walked_m, Patrol.verdict,
        )
        .where(among(Patrol.id, ids), done(), Patrol.person_id.is_not(None))
        .order_by(Patrol.id)
    )  # fmt: skip
    return [
        Outing(id_, person, frozenset(others or ()), float(start), float(stop), walked_m, Verdict(verdict))
        for id_, person, others, start, stop, walked_m, verdict in rows
    ]


_STAND = text(
    "update patrol set people = :people, same_outing_as = :same_as"
    " where id = :id and (people, same_outing_as) is distinct from (:people, cast(:same_as as uuid))"
)


def stand(db: Session, standings: Mapping[uuid.UUID, Standing]) -> None:
    """Store what patrols count for."""
    rows = [{"id": patrol_id, **vars(standing)} for patrol_id, standing in standings.items()]
    if rows:
        db.execute(_STAND, rows)


def sums(db: Session, where: Sequence[Condition]) -> tuple[int, int, float, float]:
    """Return outings, people (人次), metres and hours of patrols; an outing recorded twice counts once."""
    stands = Patrol.same_outing_as.is_(None)
    hours = func.extract("epoch", Patrol.ended_at - Patrol.started_at) / 3600.0
    outings, people, metres, time = db.execute(
        select(
            func.count().filter(stands),
            func.coalesce(func.sum(Patrol.people), 0),
            func.coalesce(func.sum(Patrol.walked_m).filter(stands), 0.0),
            func.coalesce(func.sum(hours).filter(stands), 0.0),
        ).where(done(), *where)
    ).one()
    return outings, people, float(metres), float(time)
