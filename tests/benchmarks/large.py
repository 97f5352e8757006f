"""A county of 100,000 rivers, 3,000 of them with a steward, and of 200,000 patrols in a year."""

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from geo_service import migrations
from geo_service.db import make_engine
from geo_service.embedded import Cluster
from geo_service.keeper import joined
from geo_service.privacy import consents
from geo_service.tables import County

PLACES, HELD, TOWNSHIPS, PATROLS, CASES, UNDER_WAY = 100_000, 3_000, 60, 200_000, 2_000, 100
MAKE = (
    "insert into area (county_id, code, name, level) select :c, 't' || k, '镇' || k, 'township'"
    " from generate_series(0, :townships - 1) k",
    "insert into place (county_id, layer, code, name, in_scheme)"
    " select :c, 'river', 'r' || k, '河' || k, true from generate_series(1, :places) k",
    "insert into place_version (county_id, place_id, number, line, length_dm)"
    " select :c, id, 1, ST_SetSRID(ST_GeomFromText(format('MULTILINESTRINGM((%s %s 0,%s %s 934))',"
    " x, y, x + 0.01, y)), 4326), 9340 from (select id, 119.5 + row_number() over () % 300 * 0.002 as x,"
    " 32.5 + row_number() over () / 300 * 0.002 as y from place where county_id = :c) p",
    "update place set version_id = v.id from place_version v where v.place_id = place.id"
    " and place.county_id = :c",
    "insert into place_area (county_id, place_version_id, area_id, spans)"
    " select :c, v.id, a.id, '{[0,9340)}' from place_version v join area a on a.county_id = :c"
    " and a.code = 't' || v.id % :townships where v.county_id = :c",
    "insert into person (county_id, id, name, area_id) select :c, gen_random_uuid(), '人' || k, a.id"
    " from generate_series(1, :held) k join area a on a.county_id = :c and a.code = 't' || k % :townships",
    "create temporary table pair as select p.id person_id, pl.id place_id, pl.version_id, p.n from"
    " (select id, row_number() over (order by id) n from person where county_id = :c) p join"
    " (select id, version_id, row_number() over (order by id) n from place where county_id = :c) pl"
    " using (n)",
    "insert into duty (county_id, person_id, place_id, role, kind, level, in_force)"
    " select :c, person_id, place_id, 'river_steward', 'volunteer', 'village', '[2020-01-01,)' from pair",
    "insert into patrol (county_id, id, person_id, day, started_at, ended_at, walked_m, fixes, settled_at)"
    " select :c, gen_random_uuid(), person_id, current_date - k % 365, now(), now(), 900, 100, now()"
    " from generate_series(1, :patrols) k join pair on pair.n = 1 + k % (:held * 9 / 10)",
    "insert into line_coverage (county_id, place_version_id, day, patrol_id, spans)"
    " select :c, version_id, day, p.id, '{[0,9000)}' from patrol p join pair using (person_id)"
    " where county_id = :c",
    "insert into line_day (county_id, place_version_id, day, spans)"
    " select distinct on (place_version_id, day)"
    " :c, place_version_id, day, spans from line_coverage where county_id = :c",
    "insert into line_month (county_id, place_version_id, month, spans)"
    " select :c, place_version_id, date_trunc('month', day), range_agg(spans) from line_day"
    " where county_id = :c group by 2, 3",
    'insert into "case" (county_id, number, kind, category, severity, opened_at, state, since, area_id)'
    " select :c, 'n' || k, 'litter', 'litter.bank', 'minor', now() - k * interval '1 hour',"
    " 'reported', now(), a.id"
    " from generate_series(1, :cases) k join area a on a.county_id = :c and a.code = 't' || k % :townships",
    "insert into patrol (county_id, id, person_id, day, started_at, ended_at, walked_m, fixes)"
    " select :c, gen_random_uuid(), person_id, current_date, now() - interval '90 minutes', now(), 0, 0"
    " from pair where n <= :under_way",
    "insert into batch (county_id, patrol_id, id, sha256, datum, time_s, lon, lat, received_at)"
    " select :c, p.id, gen_random_uuid(), 'x', 'wgs84',"
    " array(select extract(epoch from now()) - 60 * m - 60 + s from generate_series(0, 59) s),"
    " array(select 119.5 + ((89 - m) * 60 + s) * 0.000012 from generate_series(0, 59) s),"
    " array(select 32.5 from generate_series(0, 59)), now() - m * interval '1 minute'"
    " from patrol p, generate_series(0, 89) m where p.county_id = :c and p.settled_at is null",
    "insert into consent (county_id, person_id, purpose, version, text_sha256, channel)"
    " select :c, person_id, 'track', 1, :words, 'phone' from pair",
)


def in_turn(acts: Iterable[Callable[[], Any]], rounds: int) -> list[float]:
    """Return the least seconds of each of several acts, done in turn."""
    acts = list(acts)
    least = [float("inf")] * len(acts)
    for _ in range(rounds):
        for k, act in enumerate(acts):
            began = time.perf_counter()
            act()
            least[k] = min(least[k], time.perf_counter() - began)
    return least


@contextlib.contextmanager
def county() -> Iterator[tuple[Session, County]]:
    """Make the county in `GEO_DATABASE_URL`, else in a private cluster, and take it back."""
    with _database() as url:
        engine = make_engine(url)
        migrations.upgrade(engine, Path("/nowhere"))
        with engine.connect() as connection, connection.begin() as outer:
            with Session(connection, expire_on_commit=False) as db:
                yield db, _made(db)
            outer.rollback()
        engine.dispose()


def _made(db: Session) -> County:
    row = County(code="100000", name="大县", time_zone="Asia/Shanghai", crs="EPSG:4549")
    db.add(row)
    db.flush()
    numbers = {
        "c": row.id, "places": PLACES, "held": HELD, "townships": TOWNSHIPS, "patrols": PATROLS,
        "cases": CASES, "under_way": UNDER_WAY, "words": consents.text_sha256(),
    }  # fmt: skip
    for statement in MAKE:
        named = {key: value for key, value in numbers.items() if re.search(rf":{key}\b", statement)}
        db.execute(text(statement), named)
    db.execute(text("analyze"))
    return row


@contextlib.contextmanager
def _database() -> Iterator[str]:
    if url := os.environ.get("GEO_DATABASE_URL"):
        yield url
        return
    folder = Path(tempfile.mkdtemp(prefix="yinxun-bench-"))
    try:
        with joined(Cluster.at(folder)) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)
