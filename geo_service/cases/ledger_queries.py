"""The SQL of ledgers and tables of cases."""

import datetime as dt
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, cast, func, literal, or_, select
from sqlalchemy.orm import Session, aliased

from geo_service.bulk import among
from geo_service.tables import Account, Area, Case, CaseStep, Person, Place, Report, StoredFile, Unit
from layers.vocabulary import CaseState, FileKind, Level, Move

Condition = ColumnElement[bool]
Group = tuple[Any, Any]
"""Key and name of what a table counts by."""
_ABOVE = aliased(Area)
_TOLD = (
    Move.ACCEPT, Move.REJECT, Move.MERGE, Move.SOLVE, Move.DISPATCH, Move.FINISH, Move.CHECK,
    Move.ASK_EXTENSION, Move.EXTEND, Move.REFUSE_EXTENSION,
)  # fmt: skip
"""The steps that a ledger tells of."""


def opened(since: dt.datetime, until: dt.datetime) -> Condition:
    """Return the condition for cases whose first report came from one moment to another, without that."""
    return and_(Case.opened_at >= since, Case.opened_at < until)


def cases(db: Session, where: Sequence[Condition]) -> Sequence[Any]:
    """Return cases with names and position, in the order of their numbers."""
    return db.execute(
        select(
            Case, func.coalesce(Place.name, Place.code).label("place"), Place.layer,
            Area.name.label("area"), Area.code.label("area_code"), _ABOVE.name.label("above"),
            _ABOVE.level.label("above_level"), Unit.name.label("unit"),
            func.ST_X(Case.point).label("lon"), func.ST_Y(Case.point).label("lat"),
        )
        .outerjoin(Place, Place.id == Case.place_id)
        .outerjoin(Area, Area.id == Case.area_id)
        .outerjoin(_ABOVE, _ABOVE.id == Area.parent_id)
        .outerjoin(Unit, Unit.id == Case.unit_id)
        .where(*where)
        .order_by(Case.number)
    ).all()  # fmt: skip


def numbers(db: Session, case_ids: Collection[int]) -> dict[int, str]:
    """Return what cases are called."""
    rows = db.execute(select(Case.id, Case.number).where(among(Case.id, case_ids)))
    return {row.id: row.number for row in rows}


def steps(db: Session, case_ids: Collection[int]) -> Sequence[Any]:
    """Return the steps of cases that a ledger tells of, the first first, with who took them."""
    who = func.coalesce(Person.name, Account.login, CaseStep.os_user).label("who")
    return db.execute(
        select(CaseStep.case_id, CaseStep.move, CaseStep.at, CaseStep.words, CaseStep.data, who)
        .outerjoin(Person, Person.id == CaseStep.person_id)
        .outerjoin(Account, Account.id == CaseStep.account_id)
        .where(among(CaseStep.case_id, case_ids), CaseStep.move.in_(_TOLD))
        .order_by(CaseStep.at, CaseStep.id)
    ).all()


def reporters(db: Session, case_ids: Collection[int]) -> Sequence[Any]:
    """Return who told of each case, the first first, as far as that is known."""
    who = func.coalesce(Person.name, Report.caller).label("who")
    return db.execute(
        select(Report.case_id, who)
        .outerjoin(Person, Person.id == Report.person_id)
        .where(among(Report.case_id, case_ids))
        .order_by(Report.received_at, Report.id)
    ).all()


def photos(db: Session, case_ids: Collection[int]) -> tuple[dict[int, int], dict[int, int]]:
    """Count the photos of each case: of its reports, and of the steps that settled it."""
    told = _photos(db, Report, "report/", among(Report.case_id, case_ids))
    after = CaseStep.move.in_((Move.SOLVE, Move.FINISH))
    return told, _photos(db, CaseStep, "case_step/", and_(among(CaseStep.case_id, case_ids), after))


def _photos(
    db: Session, table: type[Report] | type[CaseStep], prefix: str, where: Condition
) -> dict[int, int]:
    own = and_(
        StoredFile.county_id == table.county_id, StoredFile.kind == FileKind.PHOTO,
        StoredFile.subject == literal(prefix) + cast(table.id, String),
    )  # fmt: skip
    rows = db.execute(
        select(table.case_id, func.count()).join(StoredFile, own).where(where).group_by(table.case_id)
    )
    return {row[0]: row[1] for row in rows}


# --- tables

_COUNTED = Case.state.not_in((CaseState.REJECTED, CaseState.MERGED, CaseState.SUBMITTED))
_CLOSED = Case.state == CaseState.CLOSED
_OPEN = and_(_COUNTED, ~_CLOSED)


def by_category() -> Group:
    """Return key and name of the category: its code twice."""
    return Case.category, Case.category


def by_township() -> Group:
    """Return code and name of the township: the area itself, or the one above a village."""
    is_village = Area.level == Level.VILLAGE
    return (
        case((is_village, func.coalesce(_ABOVE.code, Area.code)), else_=Area.code),
        case((is_village, func.coalesce(_ABOVE.name, Area.name)), else_=Area.name),
    )


def by_place() -> Group:
    """Return code and name of the place."""
    return Place.code, func.coalesce(Place.name, Place.code)


def by_unit() -> Group:
    """Return id and name of the unit."""
    return cast(Case.unit_id, String), Unit.name


def by_month(zone: str) -> Group:
    """Return the month in which the first report came, twice."""
    month = func.to_char(func.timezone(zone, Case.opened_at), "YYYY-MM")
    return month, month


def table(
    db: Session,
    where: Sequence[Condition],
    group: Group | None,
    now: dt.datetime,
) -> Sequence[Any]:
    """Count cases by group, or all of them together; `ledger.DEFINITION` says what the numbers are."""
    key, name = group or (literal(None), literal(None))
    is_late = or_(Case.is_late, Case.due_at < now)
    found = (
        select(
            key.label("key"), name.label("name"), func.count().label("told"),
            func.count().filter(Case.state == CaseState.SUBMITTED).label("unseen"),
            func.count().filter(Case.state == CaseState.REJECTED).label("rejected"),
            func.count().filter(Case.state == CaseState.MERGED).label("merged"),
            func.count().filter(_COUNTED).label("counted"),
            func.count().filter(_CLOSED).label("closed"),
            func.count().filter(_CLOSED, ~Case.is_late).label("closed_in_time"),
            func.count().filter(_CLOSED, Case.is_late).label("closed_late"),
            func.count().filter(_OPEN).label("open"),
            func.count().filter(_OPEN, is_late).label("open_late"),
            func.coalesce(func.sum(Case.reworks), 0).label("reworks"),
            func.coalesce(func.sum(Case.reopened), 0).label("reopened"),
        )
        .select_from(Case)
        .outerjoin(Place, Place.id == Case.place_id)
        .outerjoin(Area, Area.id == Case.area_id)
        .outerjoin(_ABOVE, _ABOVE.id == Area.parent_id)
        .outerjoin(Unit, Unit.id == Case.unit_id)
        .where(*where)
    )  # fmt: skip
    if group is not None:
        found = found.group_by(key, name).order_by(func.count().desc(), key)
    return db.execute(found).all()


def recurring(db: Session, where: Sequence[Condition]) -> Sequence[Any]:
    """Return where at places problems were told that are neither refused nor part of another case."""
    return db.execute(
        select(
            Case.id, Case.number, Case.kind, Case.place_id, Case.at_dm, Case.opened_at, Case.state,
            Case.category_edition_id, func.coalesce(Place.name, Place.code).label("place"), Place.layer,
            func.ST_X(Case.point).label("lon"), func.ST_Y(Case.point).label("lat"),
        )
        .join(Place, Place.id == Case.place_id)
        .where(*where, Case.state.not_in((CaseState.REJECTED, CaseState.MERGED)))
        .order_by(Case.place_id, Case.kind, Case.at_dm, Case.id)
    ).all()  # fmt: skip
