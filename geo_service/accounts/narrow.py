"""The one place that narrows reads and writes to a user's grants: SQL conditions for `where`.

Every condition holds the county, so that `select(Place).where(places_in(scope))` is complete. What a
condition leaves out does not exist for the user: answer `NotFound`. Without `rights` a condition is for
reading; name the rights that may change something for a write, as in `places_in(scope, *CHANGE)`.
An administrator's areas always count (see `Scope`).

Who reads what: administrators and coordinators everything of their areas; planners places and areas,
but no people, duties or patrols (they get aggregates); volunteers what is their own; auditors the audit.

Each condition may stand in any query, also one that joins the tables it looks into itself: its
subqueries correlate with nothing but the table (or alias) that they were made for.
"""

import uuid
from collections.abc import Callable

from sqlalchemy import ColumnElement, Select, and_, exists, false, func, or_, select, true
from sqlalchemy.orm import InstrumentedAttribute

from geo_service.accounts.scope import Scope
from geo_service.counting import along_spans
from geo_service.tables import (
    Account,
    Area,
    AreaVisit,
    Audit,
    Case,
    Duty,
    Exemption,
    Grant,
    IssuedReport,
    LineCoverage,
    Norm,
    Patrol,
    Person,
    Place,
    PlaceArea,
    PlaceVersion,
    Proposal,
    Report,
    Service,
    ServicePerson,
    UnitMember,
)
from layers.vocabulary import Right

Condition = ColumnElement[bool]

CHANGE = (Right.ADMINISTRATOR, Right.COORDINATOR)
"""Who may change what lies in his areas."""
PLAN = (*CHANGE, Right.PLANNER)
"""Who may ask who could take what in his areas."""
_SEE_PLACES = (*CHANGE, Right.PLANNER, Right.VOLUNTEER)
_SEE_PEOPLE = (*CHANGE, Right.VOLUNTEER)
_SEE_FIGURES = PLAN
_SEE_AUDIT = (Right.ADMINISTRATOR, Right.AUDITOR)


def areas_in(scope: Scope, *rights: Right, area: type[Area] = Area) -> Condition:
    """Return the condition on `area` for the areas of the scope; for a volunteer those he has places in."""
    conditions = [_listed(area.id, _areas(scope, rights, _SEE_PLACES))]
    if _is_own(scope, rights):
        home = select(Person.area_id).where(Person.id == scope.person_id)
        walked = (
            select(PlaceArea.area_id)
            .join(Place, Place.version_id == PlaceArea.place_version_id)
            .where(_has_duty(scope, Place))
        )
        conditions += [area.id.in_(home.correlate(None)), area.id.in_(walked.correlate(None))]
    return and_(area.county_id == scope.county_id, or_(*conditions))


def places_in(scope: Scope, *rights: Right, place: type[Place] = Place) -> Condition:
    """Return the condition on `place` (or an alias) for places that lie, even partly, in the scope's areas.

    Where a place lies is said by `place_area` of its version in force, or, where there is no such row
    (未上图, or areas without polygons), by the area it is listed under. A volunteer's are those of his
    duties.
    """
    conditions = _in_areas(_areas(scope, rights, _SEE_PLACES), lambda areas: [_lies_in(place, scope, areas)])
    if _is_own(scope, rights):
        conditions.append(_has_duty(scope, place))
    return and_(place.county_id == scope.county_id, or_(*conditions))


def people_in(scope: Scope, *rights: Right, person: type[Person] = Person) -> Condition:
    """Return the condition on `person` for people of the scope's areas or with a duty on a place there.

    A volunteer is only himself; a planner sees nobody.
    """
    conditions = _in_areas(
        _areas(scope, rights, _SEE_PEOPLE),
        lambda areas: [person.area_id.in_(areas), _works_in(person, scope, areas)],
    )
    if _is_own(scope, rights):
        conditions.append(person.id == scope.person_id)
    return and_(person.county_id == scope.county_id, or_(*conditions))


def oneself(scope: Scope) -> Condition:
    """Return the condition on `Person` for the person behind the account, whatever its grants are."""
    return and_(Person.county_id == scope.county_id, Person.id == scope.person_id)


def companions_in(scope: Scope, *, person: type[Person] = Person) -> Condition:
    """Return the condition on `person` for people whom the scope may name as companions of a walk.

    Staff name whom they see; a volunteer names anybody of the county by what he knows of him, and is told
    nothing more about him.
    """
    if _is_own(scope, ()):
        return person.county_id == scope.county_id
    return people_in(scope, person=person)


def duties_in(scope: Scope, *rights: Right, duty: type[Duty] = Duty) -> Condition:
    """Return the condition on `duty` for duties on places of the scope, or of people of its areas.

    To change a duty its place must be in the scope: add `Duty.place_id.in_(place_ids_in(scope, *CHANGE))`.
    """
    conditions = _in_areas(
        _areas(scope, rights, _SEE_PEOPLE),
        lambda areas: [duty.place_id.in_(_place_ids(scope, areas)), duty.person_id.in_(_residents(areas))],
    )
    if _is_own(scope, rights):
        conditions.append(duty.person_id == scope.person_id)
    return and_(duty.county_id == scope.county_id, or_(*conditions))


def patrols_in(scope: Scope, *rights: Right, patrol: type[Patrol] = Patrol) -> Condition:
    """Return the condition on `patrol` for patrols by people of the scope's areas or on stretches there."""
    conditions = _in_areas(
        _areas(scope, rights, _SEE_PEOPLE),
        lambda areas: [
            patrol.person_id.in_(_residents(areas)),
            _covered_line(patrol, areas),
            _visited(patrol, areas),
            _covered_listed(patrol, LineCoverage, areas),
            _covered_listed(patrol, AreaVisit, areas),
        ],
    )
    if _is_own(scope, rights):
        conditions.append(patrol.person_id == scope.person_id)
    return and_(patrol.county_id == scope.county_id, or_(*conditions))


def services_in(scope: Scope, *rights: Right, service: type[Service] = Service) -> Condition:
    """Return the condition on `service` for services in the scope's areas, on places or by people there.

    A volunteer's are those in which he took part.
    """
    conditions = _in_areas(
        _areas(scope, rights, _SEE_PEOPLE),
        lambda areas: [
            service.area_id.in_(areas),
            service.place_id.in_(_place_ids(scope, areas)),
            _took_part(service, ServicePerson.person_id.in_(_residents(areas))),
        ],
    )
    if _is_own(scope, rights):
        conditions.append(_took_part(service, ServicePerson.person_id == scope.person_id))
    return and_(service.county_id == scope.county_id, or_(*conditions))


def cases_in(scope: Scope, *rights: Right, case: type[Case] = Case) -> Condition:
    """Return the condition on `case` for cases that lie in the scope's areas.

    Where no area is known of a case, its place says where it lies. A handler's are those of his units; a
    volunteer's those that he told of, also where another case took his up.
    """
    conditions = _in_areas(
        _areas(scope, rights, CHANGE),
        lambda areas: [
            case.area_id.in_(areas),
            and_(case.area_id.is_(None), case.place_id.in_(_place_ids(scope, areas))),
        ],
    )
    if (not rights or Right.HANDLER in rights) and Right.HANDLER in scope.rights:
        own = select(UnitMember.unit_id).where(UnitMember.account_id == scope.actor.account_id)
        conditions.append(case.unit_id.in_(own.correlate(None)))
    if _is_own(scope, rights):
        conditions.append(case.id.in_(_told_by(scope)))
    return and_(case.county_id == scope.county_id, or_(*conditions))


def _told_by(scope: Scope) -> Select[int]:
    """Return the query of the cases that the person of a scope told of, and of those that took them up."""
    own = select(func.coalesce(Case.into_id, Case.id)).join(Report, Report.case_id == Case.id)
    mine = own.where(Report.county_id == scope.county_id, Report.person_id == scope.person_id)
    return mine.correlate(None)


def reports_in(scope: Scope) -> Condition:
    """Return the condition on `IssuedReport` for reports of the scope's areas.

    Those of the whole county are for those who reach it.
    """
    areas = scope.areas(*_SEE_FIGURES)
    return and_(
        IssuedReport.county_id == scope.county_id,
        true() if areas is None else IssuedReport.area_id.in_(areas),
    )


def proposals_in(scope: Scope) -> Condition:
    """Return the condition on `Proposal` for proposals of the areas for which the scope plans."""
    areas = scope.areas(*_SEE_FIGURES)
    return and_(
        Proposal.county_id == scope.county_id, true() if areas is None else Proposal.area_id.in_(areas)
    )


def norms_in(scope: Scope) -> Condition:
    """Return the condition on `Norm` for the norms of the county: whoever has a right there may read them."""
    return Norm.county_id == scope.county_id


def exemptions_in(scope: Scope, *rights: Right) -> Condition:
    """Return the condition on `Exemption` for those of people of the scope, and for the weather of its areas.

    The weather of the whole county is everybody's to read, and to change for who may change all of it.
    """
    areas = _areas(scope, rights, _SEE_PEOPLE)
    of_people = select(Person.id).where(people_in(scope, *rights)).correlate(None)
    everywhere = Exemption.area_id.is_(None) & (false() if rights and areas is not None else true())
    weather = Exemption.person_id.is_(None) & or_(everywhere, _listed_area(areas))
    return and_(Exemption.county_id == scope.county_id, or_(Exemption.person_id.in_(of_people), weather))


def _listed_area(areas: frozenset[int] | None) -> Condition:
    return true() if areas is None else Exemption.area_id.in_(areas)


def place_ids_in(scope: Scope, *rights: Right) -> Select[int]:
    """Return the query of the ids of the places of the scope, for `in_`."""
    return select(Place.id).where(places_in(scope, *rights)).correlate(None)


def grants_in(county_id: int | None, areas: frozenset[int] | None) -> Condition:
    """Return the condition on `Grant` for grants in a county (None: all) and its areas (None: all of it)."""
    if county_id is None:
        return true()
    return and_(Grant.county_id == county_id, _listed(Grant.area_id, areas))


def accounts_in(county_id: int | None, areas: frozenset[int] | None) -> Condition:
    """Return the condition on `Account` for accounts with a grant there; no county: for every account."""
    if county_id is None:
        return true()
    return exists().where(Grant.account_id == Account.id, grants_in(county_id, areas)).correlate(Account)


def audit_in(scope: Scope) -> Condition:
    """Return the condition on `Audit` for auditors and administrators of the whole county.

    Lines that belong to no county (a sign-in with an unknown login) are for those who reach all counties.
    """
    if scope.areas(*_SEE_AUDIT) is not None:
        return false()
    own = Audit.county_id == scope.county_id
    return or_(own, Audit.county_id.is_(None)) if scope.everywhere.intersection(_SEE_AUDIT) else own


def _areas(scope: Scope, rights: tuple[Right, ...], readers: tuple[Right, ...]) -> frozenset[int] | None:
    """Return the areas in which one of `rights` holds, as far as these are `readers`.

    A volunteer's grant is never an area: he sees what is his own.
    """
    staff = [right for right in rights or readers if right in readers and right is not Right.VOLUNTEER]
    return scope.areas(*staff) if staff else frozenset()


def _is_own(scope: Scope, rights: tuple[Right, ...]) -> bool:
    asked = not rights or Right.VOLUNTEER in rights
    return asked and Right.VOLUNTEER in scope.rights and scope.person_id is not None


def _in_areas(
    areas: frozenset[int] | None, make: Callable[[frozenset[int]], list[Condition]]
) -> list[Condition]:
    if areas is None:
        return [true()]
    return make(areas) if areas else [false()]


def _listed(
    column: InstrumentedAttribute[int] | InstrumentedAttribute[int | None], areas: frozenset[int] | None
) -> Condition:
    return true() if areas is None else column.in_(areas)


def _lies_in(place: type[Place], scope: Scope, areas: frozenset[int]) -> Condition:
    # Uncorrelated, so that PostgreSQL hashes it once instead of probing for each of 13,000 places.
    mapped = select(PlaceArea.place_version_id).where(
        PlaceArea.county_id == scope.county_id, PlaceArea.area_id.in_(areas)
    )
    unmapped = ~exists().where(PlaceArea.place_version_id == place.version_id).correlate(place)
    return or_(place.version_id.in_(mapped.correlate(None)), and_(place.area_id.in_(areas), unmapped))


def _has_duty(scope: Scope, place: type[Place]) -> Condition:
    own = select(Duty.place_id).where(Duty.county_id == scope.county_id, Duty.person_id == scope.person_id)
    return place.id.in_(own.correlate(None))


def _works_in(person: type[Person], scope: Scope, areas: frozenset[int]) -> Condition:
    on_place = select(Duty.person_id).where(
        Duty.county_id == scope.county_id, Duty.place_id.in_(_place_ids(scope, areas))
    )
    return person.id.in_(on_place.correlate(None))


def _place_ids(scope: Scope, areas: frozenset[int]) -> Select[int]:
    of_county = Place.county_id == scope.county_id
    return select(Place.id).where(of_county, _lies_in(Place, scope, areas)).correlate(None)


def _residents(areas: frozenset[int]) -> Select[uuid.UUID]:
    return select(Person.id).where(Person.area_id.in_(areas)).correlate(None)


def _took_part(service: type[Service], who: Condition) -> Condition:
    of_county = ServicePerson.county_id == service.county_id
    return exists().where(ServicePerson.service_id == service.id, of_county, who).correlate(service)


# Correlated, unlike the others: patrols are read by day and page out of a long history.


def _covered_line(patrol: type[Patrol], areas: frozenset[int]) -> Condition:
    found = exists().where(
        LineCoverage.patrol_id == patrol.id,
        PlaceArea.place_version_id == LineCoverage.place_version_id,
        PlaceArea.area_id.in_(areas),
        _was_along(LineCoverage),
        or_(PlaceArea.spans.is_(None), PlaceArea.spans.overlaps(along_spans())),
    )
    return found.correlate(patrol)


def _visited(patrol: type[Patrol], areas: frozenset[int]) -> Condition:
    found = exists().where(
        AreaVisit.patrol_id == patrol.id,
        PlaceArea.place_version_id == AreaVisit.place_version_id,
        PlaceArea.area_id.in_(areas),
    )
    return found.correlate(patrol)


def _covered_listed(
    patrol: type[Patrol], coverage: type[LineCoverage] | type[AreaVisit], areas: frozenset[int]
) -> Condition:
    """Return the condition for patrols on places without `place_area` rows that are listed in the areas."""
    unmapped = ~exists().where(PlaceArea.place_version_id == PlaceVersion.id).correlate(PlaceVersion)
    found = exists().where(
        coverage.patrol_id == patrol.id,
        PlaceVersion.id == coverage.place_version_id,
        Place.id == PlaceVersion.place_id,
        Place.area_id.in_(areas),
        unmapped,
        _was_along(coverage),
    )
    return found.correlate(patrol)


def _was_along(coverage: type[LineCoverage] | type[AreaVisit]) -> Condition:
    """Return the condition for rows that say for sure that a patrol was there.

    A ride that does not count is one to look at for who looks after the place.
    """
    return ~func.isempty(along_spans()) if coverage is LineCoverage else true()
