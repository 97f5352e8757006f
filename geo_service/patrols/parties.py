"""Who walks, who sends, in which county: what every way of taking a patrol asks first."""

import uuid
from collections.abc import Sequence

from sqlalchemy.orm import Session

from geo_service.accounts.narrow import CHANGE, companions_in, people_in
from geo_service.accounts.scope import Scope
from geo_service.errors import Invalid, NotFound
from geo_service.patrols import queries
from geo_service.tables import County, Person
from layers.vocabulary import Right

WRITERS = (*CHANGE, Right.VOLUNTEER)
"""Whoever may send patrols: staff for their people, volunteers for themselves."""
MOST_COMPANIONS = 50


def county_of(db: Session, scope: Scope) -> County:
    """Return the county of a scope."""
    return queries.county(db, scope.county_id)


def crs_of(county: County) -> str:
    """Return the metric CRS of a county. Raises Invalid while it has no extent."""
    if county.crs is None:
        raise Invalid("本县还没有范围，不能计算巡查；请先导入辖区，或河道、道路等图层。")
    return county.crs


def walker(db: Session, scope: Scope, person_id: uuid.UUID) -> Person:
    """Return whom the scope may send for; he is not forgotten meanwhile. Raises NotFound."""
    found = queries.person(db, person_id, people_in(scope, *WRITERS), held=True)
    if found is None:
        raise NotFound("没有这个人员，或不在您的权限内。")
    return found


def person_called(db: Session, scope: Scope, word: str) -> Person:
    """Return whom one may send for by name, number or id; NotFound if there is none, Invalid if several."""
    found = queries.people_called(db, word.strip(), people_in(scope, *WRITERS)) if "\0" not in word else []
    if not found:
        raise NotFound(f"人员名册里没有「{word[:40]}」；请核对姓名或编号，或先导入人员。")
    if len(found) > 1:
        listed_ = "、".join(f"{p.name}（编号 {p.number or p.id}）" for p in found[:10])
        raise Invalid(f"叫「{word}」的有 {len(found)} 人：{listed_}。请用编号说明是哪一位。")
    return found[0]


def sender(db: Session, scope: Scope, word: str | None) -> Person:
    """Return whose patrol is sent: who is named, else the account's own person. Raises as `person_called`."""
    if word is not None:
        return walker(db, scope, person_called(db, scope, word).id)
    if scope.person_id is None:
        raise Invalid("请说明是谁的巡查：person 填姓名、编号或人员 id。")
    return walker(db, scope, scope.person_id)


def companions(db: Session, scope: Scope, person: Person, words: Sequence[str]) -> list[uuid.UUID]:
    """Return who walked along, each once and without the walker, by id. Raises NotFound, Invalid."""
    found = {_companion(db, scope, word).id for word in words} - {person.id}
    if len(found) > MOST_COMPANIONS:
        raise Invalid(f"同行人最多 {MOST_COMPANIONS} 位；请核对名单。")
    return sorted(found)


def _companion(db: Session, scope: Scope, word: str) -> Person:
    found = queries.people_called(db, word.strip(), companions_in(scope)) if "\0" not in word else []
    if not found:
        raise NotFound(f"人员名册里没有同行人「{word[:40]}」；请核对姓名或编号。")
    if len(found) > 1:
        raise Invalid(f"叫「{word[:40]}」的同行人有 {len(found)} 位；请改填他的编号。")
    return queries.person(db, found[0].id, companions_in(scope), held=True) or found[0]
