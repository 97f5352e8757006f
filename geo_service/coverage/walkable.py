"""Which part of each grid one can walk in: laid anew where its border, its lines or their reach changed.

A few grids at once, many by jobs: the register of a county is hundreds of grids among thousands of rivers.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from sqlalchemy.orm import Session

from geo_service import jobs
from geo_service.coverage import queries, walkable_queries
from geo_service.coverage.computing import Neighbourhood
from geo_service.jobs import Progress
from geo_service.tables import County, Json
from layers.reach import SIGHT_M, banks_m
from layers.vocabulary import Layer
from layers.walkable import walkable

JOB = "coverage.walkable"
AT_ONCE = 8
"""So many are laid in the transaction that changed a place, some hundredths of a second each."""
A_JOB = 40
"""So many are laid by one job before the next goes on: an upload in one of them waits that long."""
ROOM_DEG = 0.003
"""Lines are looked for this far around a grid: more than the furthest reach anywhere in China."""


def renew(db: Session, county: County, place_ids: Sequence[int]) -> bool:
    """Lay the grids anew that are, or lie near, places with a new geometry, width or reach.

    Tells whether jobs do it later. Takes rows of grids: call it once the county's lock is taken.
    """
    found = _grids(db, county.id, near=place_ids, limit=AT_ONCE + 1) if place_ids else []
    later = len(found) > AT_ONCE
    if later:
        jobs.enqueue(db, JOB, {"county": county.id, "places": list(place_ids)}, county_id=county.id)
    else:
        lay(db, county, found)
    return later


def progress(db: Session, county_id: int) -> str | None:
    """Say how far a job of the county is; None where none is under way."""
    job = jobs.unfinished(db, JOB)
    if job is None or job.county_id != county_id:
        return None
    done, of = (int((job.progress or {}).get(key) or 0) for key in ("done", "of"))
    counted = f"（{done} / {of}）" if of else ""
    return f"正在计算网格的可走部分{counted}，网格的覆盖率会随之更新。"


def lay_all(db: Session, county: County) -> None:
    """Lay all grids of a county anew."""
    lay(db, county, _grids(db, county.id))


def ask_for_all(db: Session) -> None:
    """Have the grids laid by jobs in counties where they never were: those of an older version."""
    if jobs.unfinished(db, JOB) is None:
        for county_id in walkable_queries.counties_never_laid(db):
            jobs.enqueue(db, JOB, {"county": county_id}, county_id=county_id)


def by_job(db: Session, payload: Json, tell: Progress) -> None:
    """Lay the next grids (without places: of all), and ask for a job that goes on behind them."""
    county = db.get_one(County, payload["county"])
    behind, done = int(payload.get("behind", 0)), int(payload.get("done", 0))
    left = _grids(db, county.id, near=payload.get("places"), behind=behind)
    now, of = left[:A_JOB], done + len(left)
    tell(done, of, "计算网格的可走部分")
    lay(db, county, now)
    tell(done + len(now), of, "计算网格的可走部分")
    if len(left) > A_JOB:
        following = {**payload, "behind": now[-1], "done": done + len(now)}
        jobs.enqueue(db, JOB, following, county_id=county.id)


def lay(db: Session, county: County, version_ids: Sequence[int]) -> None:
    """Find out where one can walk in some grids, from the lines around them and what walks saw."""
    if not version_ids or county.crs is None:
        return
    blocks = walkable_queries.blocks_of(db, county.id, version_ids)
    near = Neighbourhood(county.crs, walkable_queries.lines_near(db, county.id, version_ids, ROOM_DEG), [])
    lines, is_river = near.line_set, np.array([line.layer is Layer.RIVER for line in near.lines], bool)
    banks = banks_m(is_river[lines.place], near.reach_m)
    cells = queries.cells_of(db, county.id, blocks)
    found = {version_id: walkable(area, lines, banks, SIGHT_M) for version_id, area in cells.items()}
    walkable_queries.set_beside_lines(db, county.id, blocks, found)
    walkable_queries.rebuild(db, county.id, version_ids)


def rebuild(db: Session, county_id: int, version_ids: Iterable[int]) -> None:
    """Take out of where one can walk what no walk of the roll-up saw any more; the lines stay as they are."""
    known = walkable_queries.known(db, county_id, sorted(set(version_ids)))
    if known:
        walkable_queries.blocks_of(db, county_id, known)
        walkable_queries.rebuild(db, county_id, known)


def _grids(
    db: Session,
    county_id: int,
    *,
    near: Sequence[int] | None = None,
    behind: int = 0,
    limit: int | None = None,
) -> list[int]:
    return walkable_queries.grids(db, county_id, near=near, room_deg=ROOM_DEG, behind=behind, limit=limit)
