"""Who was forgotten: a list of opaque ids beside the backups, so that no old archive brings anybody back.

The table `deletion` has the truth; the list is its copy outside every archive, only ever added to. A job
copies it within seconds of the commit, and every start and every backup completes it.
"""

import datetime as dt
import fcntl
import os
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from geo_service import jobs
from geo_service.backups.storing import open_private, sync_folder
from geo_service.tables import County, Deletion

FILE = "deleted-ids.txt"
JOB = "deletions"
_MARK = "# yinxun deleted ids: person, county, time\n"


@dataclass(frozen=True)
class Forgotten:
    """One line of the list."""

    person_id: uuid.UUID
    county_id: int
    at: dt.datetime

    def __str__(self) -> str:
        return f"{self.person_id} {self.county_id} {self.at.astimezone(dt.UTC).isoformat()}"

    @classmethod
    def read(cls, line: str) -> "Forgotten":
        """Read a line. Raises ValueError."""
        person_id, county_id, word = line.split()
        at = dt.datetime.fromisoformat(word)
        # A time at an end of the calendar can be stored, and never read again.
        if at.tzinfo is None or not 2000 <= at.year < 9999:
            raise ValueError("not a time of ours")
        return cls(uuid.UUID(person_id), int(county_id), at)


@dataclass(frozen=True)
class DeletionList:
    """What a list says."""

    people: Mapping[uuid.UUID, Forgotten]
    unreadable: Sequence[int]
    """Numbers of the lines that are damaged."""


def note(db: Session, county_id: int, person_id: uuid.UUID) -> None:
    """Remember in the caller's transaction that a person was forgotten; the list follows by a job."""
    row = insert(Deletion).values(county_id=county_id, person_id=person_id)
    db.execute(row.on_conflict_do_nothing())
    jobs.enqueue(db, JOB, county_id=county_id)


def remember(db: Session, forgotten: Iterable[Forgotten]) -> None:
    """Take the lines of a list into the table, for the counties that are there."""
    counties = set(db.scalars(select(County.id)))
    rows = [
        {"county_id": one.county_id, "person_id": one.person_id, "deleted_at": one.at}
        for one in forgotten
        if one.county_id in counties
    ]
    if rows:
        db.execute(insert(Deletion).on_conflict_do_nothing(), rows)


def complete(db: Session, folder: Path) -> int:
    """Add to the list in a folder whom the table has and the list has not; return how many."""
    descriptor = open_private(folder / FILE, os.O_RDWR | os.O_APPEND)
    with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        known = _parsed(text).people
        rows = db.execute(select(Deletion.person_id, Deletion.county_id, Deletion.deleted_at))
        new = [one for one in (Forgotten(*row) for row in rows) if one.person_id not in known]
        if new or not text:
            torn = "" if text.endswith("\n") or not text else "\n"  # a line that a power cut broke off
            mark = _MARK if not text else ""
            file.write(torn + mark + "".join(f"{line}\n" for line in new))
            file.flush()
            os.fsync(file.fileno())
    sync_folder(folder)
    return len(new)


def listed(path: Path) -> DeletionList:
    """Read a list; damaged lines are told by number, not passed over."""
    return _parsed(path.read_text(encoding="utf-8", errors="replace"))


def _parsed(text: str) -> DeletionList:
    people, unreadable = {}, []
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip() and not line.startswith("#"):
            try:
                one = Forgotten.read(line)
            except ValueError:
                unreadable.append(number)
            else:
                people[one.person_id] = one
    return DeletionList(people, unreadable)
