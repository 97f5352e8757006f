"""The morning of a county of 100,000 places, and what a second of live patrols costs.

    python -m tests.benchmarks.bench_morning

Makes a county of its own (100,000 rivers of which 3,000 have a steward, 60 townships, 200,000 patrols in a
year, 2,000 open cases, 100 patrols under way of 90 minutes each) in `GEO_DATABASE_URL`, else in a private
cluster, and takes it back. Prints milliseconds (least of several, in turn) and ratios: the morning against
counting the figures of both periods, which it holds; a second of live against the first look, which reads
every way from its beginning.
"""

import contextlib
import datetime as dt
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from geo_service import migrations
from geo_service.accounts.scope import Actor, Scope
from geo_service.db import make_engine
from geo_service.embedded import Cluster
from geo_service.figures import service as figures
from geo_service.keeper import joined
from geo_service.live import service as live
from geo_service.live.walks import Walks
from geo_service.morning import quiet, service
from geo_service.privacy import consents
from geo_service.tables import County
from layers.vocabulary import Period, Right

ROUNDS = 5
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


def main() -> None:
    """Make the county, measure, print, and take it back."""
    with _database() as url:
        engine = make_engine(url)
        migrations.upgrade(engine, Path("/nowhere"))
        with engine.connect() as connection, connection.begin() as outer, Session(connection) as db:
            _measure(db)
            outer.rollback()
        engine.dispose()


def _measure(db: Session) -> None:
    county = County(code="100000", name="大县", time_zone="Asia/Shanghai", crs="EPSG:4549")
    db.add(county)
    db.flush()
    numbers = {
        "c": county.id, "places": PLACES, "held": HELD, "townships": TOWNSHIPS, "patrols": PATROLS,
        "cases": CASES, "under_way": UNDER_WAY, "words": consents.text_sha256(),
    }  # fmt: skip
    for statement in MAKE:
        db.execute(
            text(statement),
            {key: value for key, value in numbers.items() if re.search(rf":{key}\b", statement)},
        )
    db.execute(text("analyze"))
    whole = Scope(county.id, Actor(os_user="bench"), {Right.COORDINATOR: None})
    area = db.scalar(text("select id from area where county_id = :c limit 1"), {"c": county.id})
    town = Scope(county.id, Actor(os_user="bench"), {Right.COORDINATOR: frozenset({area})})
    for name, scope in (("county", whole), ("township", town)):
        _print(
            name,
            {
                "morning": lambda scope=scope: service.morning(db, scope),
                "figures twice": lambda scope=scope: _figures(db, scope),
                "quiet people": lambda scope=scope: quiet.people(db, scope, _today(db, scope), most=5),
                "quiet places": lambda scope=scope: quiet.places(db, scope, _today(db, scope), most=5),
            },
        )
    _print("county, year", {"morning": lambda: service.morning(db, whole, None, Period.YEAR)})
    kept = Walks(home_cut_m=200.0)
    live.ask(db, kept, [county.id], [])
    _print(
        "live",
        {
            "a second": lambda: live.ask(db, kept, [county.id], []),
            "first look": lambda: live.ask(db, Walks(home_cut_m=200.0), [county.id], []),
        },
    )


def _figures(db: Session, scope: Scope) -> None:
    day = _today(db, scope)
    for days in (service.so_far(day, Period.MONTH), service.same_time_before(day, Period.MONTH)):
        figures.figures(db, scope, figures.asked(db, scope, days.first, days.last))


def _today(db: Session, scope: Scope) -> dt.date:
    return figures.usual_period(db, scope).last


def _print(name: str, acts: dict[str, Callable[[], Any]]) -> None:
    least = dict.fromkeys(acts, float("inf"))
    for _ in range(ROUNDS):
        for what, act in acts.items():
            began = time.perf_counter()
            act()
            least[what] = min(least[what], time.perf_counter() - began)
    first = next(iter(least.values()))
    for what, seconds in least.items():
        print(f"{name:14} {what:14} {seconds * 1e3:9.1f} ms   {first / seconds:6.2f} times", flush=True)


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


if __name__ == "__main__":
    main()
