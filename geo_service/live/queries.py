"""The SQL of live patrols: one statement answers for all who listen."""

import datetime as dt
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ARRAY, BigInteger, DateTime, Integer, Uuid, bindparam, text
from sqlalchemy.orm import Session

MOST_WALKS = 2000
"""Patrols that are told at once: of a county with 100,000 volunteers more are not on the way."""
_OVERLAP = dt.timedelta(seconds=60)
"""A sending is stored some time after it came."""


@dataclass(frozen=True)
class Known:
    """What is known of a patrol already: how many sendings, the latest of which came then."""

    batches: int
    received_at: dt.datetime


@dataclass(frozen=True)
class Answer:
    """Rows by what they are, each as a JSON object."""

    walks: Sequence[dict[str, Any]]
    """id, county_id, time_zone, crs, person_id, name, started_at, people, areas, batches"""
    batches: Sequence[dict[str, Any]]
    """patrol_id, id, received_at, datum, time_s, lon, lat, accuracy_m"""
    sign_ins: Sequence[dict[str, Any]]
    """id, kind, used_at, expires_at, is_administrator, grants"""


# A patrol is told of while it is open, a fix came lately, and its walker's consent is in force. Its areas are
# those by which `narrow.people_in` shows its walker: where he lives, and where the places of his duties lie.
_LOOK = text(
    """
    with known as (
      select * from unnest(:known_ids, :known_batches, :known_received) known (id, batches, received_at)
    ), walk as (
      select patrol.id, patrol.county_id, county.time_zone, county.crs, person.id as person_id, person.name,
        patrol.started_at, patrol.people,
        (select count(*) from batch where batch.patrol_id = patrol.id) as batches,
        array(
          select person.area_id where person.area_id is not null
          union select place_area.area_id from duty join place on place.id = duty.place_id
            join place_area on place_area.place_version_id = place.version_id
            where duty.county_id = patrol.county_id and duty.person_id = person.id
          union select place.area_id from duty join place on place.id = duty.place_id
            where duty.county_id = patrol.county_id and duty.person_id = person.id
              and place.area_id is not null and not exists (
                select from place_area where place_area.place_version_id = place.version_id)
        ) as areas
      from patrol
        join county on county.id = patrol.county_id
        join person on person.id = patrol.person_id and person.deleted_at is null
        join consent on consent.county_id = patrol.county_id and consent.person_id = person.id
          and consent.purpose = :purpose and consent.withdrawn_at is null
          and consent.text_sha256 = :words
      where patrol.county_id = any(:county_ids) and patrol.settled_at is null
        and patrol.batches_due is null and patrol.voided_at is null
        and exists (
          select from batch where batch.patrol_id = patrol.id and batch.received_at > :lately)
      order by patrol.started_at desc, patrol.id
      limit :most
    )
    select 'walk' as what, row_to_json(walk) as row from walk
    union all
    select 'batch', row_to_json(sending) from (
      select batch.patrol_id, batch.id, batch.received_at, batch.datum, batch.time_s, batch.lon, batch.lat,
        batch.accuracy_m
      from walk left join known on known.id = walk.id join batch on batch.patrol_id = walk.id
      where known.batches is distinct from walk.batches
        and (known.received_at is null or batch.received_at > known.received_at)
    ) sending
    union all
    select 'sign_in', row_to_json(way_in) from (
      select sign_in.id, sign_in.kind, sign_in.used_at, sign_in.expires_at,
        exists (
          select from account_grant g where g.account_id = account.id and g."right" = 'administrator'
        ) as is_administrator,
        (
          select string_agg(concat_ws('/', g.id, g."right", g.county_id, g.area_id), ' ' order by g.id)
          from account_grant g where g.account_id = account.id
        ) as grants
      from sign_in join account on account.id = sign_in.account_id
      where sign_in.id = any(:sign_in_ids) and sign_in.revoked_at is null and account.disabled_at is null
    ) way_in
    """
).bindparams(
    bindparam("known_ids", type_=ARRAY(Uuid)),
    bindparam("known_batches", type_=ARRAY(BigInteger)),
    bindparam("known_received", type_=ARRAY(DateTime(timezone=True))),
    bindparam("county_ids", type_=ARRAY(Integer)),
    bindparam("sign_in_ids", type_=ARRAY(BigInteger)),
)


def look(
    db: Session,
    *,
    county_ids: Collection[int],
    sign_in_ids: Collection[int],
    known: Mapping[uuid.UUID, Known],
    lately: dt.datetime,
    purpose: str,
    words: bytes,
) -> Answer:
    """Return the patrols under way in some counties, what came of them, and the sign-ins that are in force.

    `words`: the hash of those to which a walker must have agreed.
    """
    asked = {
        "known_ids": list(known),
        "known_batches": [one.batches for one in known.values()],
        "known_received": [one.received_at - _OVERLAP for one in known.values()],
        "county_ids": list(county_ids),
        "sign_in_ids": list(sign_in_ids),
        "lately": lately,
        "purpose": purpose,
        "words": words,
        "most": MOST_WALKS,
    }
    rows: dict[str, list[dict[str, Any]]] = {"walk": [], "batch": [], "sign_in": []}
    for what, row in db.execute(_LOOK, asked):
        rows[what].append(row)
    return Answer(rows["walk"], rows["batch"], rows["sign_in"])
