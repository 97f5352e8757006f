"""The SQL of forgetting a person: every table of `declared`, with what he covered left as it was."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Text, cast, delete, exists, func, or_, select, update
from sqlalchemy import Table as Relation
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Session, aliased

from geo_service import files
from geo_service.privacy.declared import SHARED_TEXTS
from geo_service.privacy.redaction import Redaction, counts_only
from geo_service.tables import (
    Alert,
    Batch,
    CaseStep,
    CheckIn,
    Companion,
    Consent,
    Exemption,
    Import,
    Patrol,
    Person,
    PhotoPiece,
    ProposalLine,
    Readiness,
    Report,
    Service,
    ServicePerson,
    StoredFile,
    Table,
)
from layers.vocabulary import FileKind

ERASED = "（已随人员资料删除）"
"""Stands where a reason was that must be told."""


@dataclass(frozen=True)
class Outings:
    """A person's patrols and services: those that are his own, and those that he shared with others."""

    patrols: Sequence[uuid.UUID]
    alone: Sequence[uuid.UUID]
    """Services that name nobody else."""
    along: Sequence[uuid.UUID]
    """Patrols on which he was a companion."""
    together: Sequence[uuid.UUID]
    """Services that name others too."""
    reports: Sequence[uuid.UUID]
    """Of problems, as he told them."""
    steps: Sequence[int]
    """Of cases, that he took."""

    @property
    def own(self) -> list[str]:
        """The subjects of the files that are his own."""
        return [*(f"patrol/{id_}" for id_ in self.patrols), *(f"service/{id_}" for id_ in self.alone)]

    @property
    def told(self) -> list[str]:
        """The subjects of the photos of problems that he sent: drawn anew they stay with the case."""
        return [*(f"report/{id_}" for id_ in self.reports), *(f"case_step/{id_}" for id_ in self.steps)]

    @property
    def shared(self) -> list[str]:
        """The subjects of the files that he shares with others."""
        return [*(f"patrol/{id_}" for id_ in self.along), *(f"service/{id_}" for id_ in self.together)]


def outings(db: Session, county_id: int, person_id: uuid.UUID) -> Outings:
    """Return what a person took part in."""
    other = aliased(ServicePerson)
    has_others = exists().where(
        other.service_id == ServicePerson.service_id, other.person_id != ServicePerson.person_id
    )
    walked = select(Patrol.id).where(Patrol.county_id == county_id, Patrol.person_id == person_id)
    along = select(Companion.patrol_id).where(
        Companion.county_id == county_id, Companion.person_id == person_id
    )
    served = select(ServicePerson.service_id).where(
        ServicePerson.county_id == county_id, ServicePerson.person_id == person_id
    )
    told = select(Report.id).where(Report.county_id == county_id, Report.person_id == person_id)
    took = select(CaseStep.id).where(CaseStep.county_id == county_id, CaseStep.person_id == person_id)
    return Outings(
        db.scalars(walked).all(),
        db.scalars(served.where(~has_others)).all(),
        db.scalars(along).all(),
        db.scalars(served.where(has_others)).all(),
        db.scalars(told).all(),
        db.scalars(took).all(),
    )


def forget(db: Session, person: Person, now: dt.datetime) -> list[bytes]:
    """Take away all that tells of a person, and return the hashes of his files, whose bytes are to go.

    What stays is a nameless row, so that past duties keep their holder apart from others; what he covered;
    and how many took part in what he did.
    """
    county_id, found = person.county_id, outings(db, person.county_id, person.id)
    gone = files.drop(db, StoredFile.county_id == county_id, _files(found))
    _forget_patrols(db, found.patrols)
    _forget_services(db, found.alone)
    db.execute(delete(PhotoPiece).where(PhotoPiece.report_id.in_(found.reports)))
    db.execute(delete(CheckIn).where(CheckIn.patrol_id.in_(found.patrols)))
    for table in (Companion, ServicePerson, Consent, Alert, Readiness, ProposalLine):
        db.execute(delete(table).where(table.county_id == county_id, table.person_id == person.id))
    _forget_reports(db, county_id, person.id)
    stood_in = or_(Exemption.person_id == person.id, Exemption.substitute_id == person.id)
    db.execute(update(Exemption).where(Exemption.county_id == county_id, stood_in).values(reason=None))
    db.execute(update(Import).where(Import.county_id == county_id).values(file_name=""))
    redaction = _redaction(db, person)
    db.execute(
        update(Person)
        .where(Person.county_id == county_id, Person.id == person.id)
        .values(name="", number=None, phone=None, area_id=None, attributes={}, deleted_at=now)
    )
    redact(db, county_id, redaction)
    return gone


def _files(found: Outings) -> ColumnElement[bool]:
    """Return the condition for his files, lists that name him, and every original that may."""
    original = (StoredFile.kind == FileKind.ORIGINAL) & StoredFile.subject.startswith("import/")
    named = (StoredFile.kind == FileKind.SHEET) & StoredFile.subject.in_(found.shared)
    told = (StoredFile.kind == FileKind.ORIGINAL) & StoredFile.subject.in_(found.told)
    return or_(StoredFile.subject.in_(found.own), named, original, told)


def _forget_patrols(db: Session, patrol_ids: Sequence[uuid.UUID]) -> None:
    db.execute(delete(Batch).where(Batch.patrol_id.in_(patrol_ids)))
    for id_, record in db.execute(
        select(Patrol.id, Patrol.record).where(Patrol.id.in_(patrol_ids), Patrol.record != {})
    ).all():
        db.execute(update(Patrol).where(Patrol.id == id_).values(record=counts_only(record)))
    voided = Patrol.id.in_(patrol_ids), Patrol.void_reason.is_not(None)
    db.execute(update(Patrol).where(*voided).values(void_reason=ERASED))
    own = update(Patrol).where(Patrol.id.in_(patrol_ids))
    db.execute(own.values(person_id=None, track=None, accuracy_m=None, review_note=None, said={}))


def _forget_reports(db: Session, county_id: int, person_id: uuid.UUID) -> None:
    """Leave the cases as they stand, and in them nothing of who told of them."""
    own = update(Report).where(Report.county_id == county_id, Report.person_id == person_id)
    db.execute(
        own.values(
            person_id=None, words=None, lon=None, lat=None, accuracy_m=None, patrol_id=None, caller=None,
            caller_phone=None,
        )
    )  # fmt: skip


def _forget_services(db: Session, service_ids: Sequence[uuid.UUID]) -> None:
    voided = Service.id.in_(service_ids), Service.void_reason.is_not(None)
    db.execute(update(Service).where(*voided).values(void_reason=ERASED))
    db.execute(update(Service).where(Service.id.in_(service_ids)).values(note=None))


def _redaction(db: Session, person: Person) -> Redaction:
    """Return what is to be taken out of others' texts; not a name that somebody else bears too."""
    namesake = select(Person.id).where(
        Person.county_id == person.county_id, Person.name == person.name, Person.id != person.id
    )
    names = [person.name] if db.scalar(namesake.limit(1)) is None else []
    return Redaction.of(names=names, phones=[person.phone or ""], numbers=[person.number or ""])


def redact(db: Session, county_id: int, redaction: Redaction) -> None:
    """Take a person's name, number and telephone out of every text that others may have written."""
    if not redaction.pattern:
        return
    for table, column in map(_column, SHARED_TEXTS):
        keys = list(table.primary_key.columns)
        pattern = redaction.in_json if isinstance(column.type, JSONB) else redaction.pattern
        said = cast(column, Text).regexp_match(pattern)
        rows = select(*keys, column).where(said, *_of_county(table, county_id))
        for *id_, value in db.execute(rows).all():
            own = [key == part for key, part in zip(keys, id_, strict=True)]
            db.execute(update(table).where(*own).values({column.name: redaction.taken_out(value)}))


def _column(name: str) -> tuple[Relation, Column[Any]]:
    table = Table.metadata.tables[name.partition(".")[0]]
    return table, table.columns[name.partition(".")[2]]


def _of_county(table: Relation, county_id: int) -> list[ColumnElement[bool]]:
    """Return the condition for a county's rows; what belongs to no county may name anybody."""
    column = table.columns.get("county_id")
    return [] if column is None else [func.coalesce(column, county_id) == county_id]
