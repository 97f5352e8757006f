"""Cards on paper: whose, with which name and telephone number; the pages are drawn by `maps.cards`."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, people_in
from geo_service.accounts.scope import Scope
from geo_service.areas import service as areas
from geo_service.areas.contacts import Contacts, of_county
from geo_service.clock import today
from geo_service.devices import queries, service
from geo_service.errors import Invalid, NotFound
from geo_service.tables import County, Person
from layers import named
from layers.vocabulary import Word
from maps.cards import About, Card

MOST_AT_ONCE = 240
"""Cards of one file over HTTP: some seconds of drawing."""


class Whom(Word):
    """Who of an area gets a card."""

    MISSING = "missing", "只给还没有卡片的人"
    AGAIN = "again", "每人再做一张，旧卡照样能用"
    REPLACE = "replace", "每人换一张，旧卡不能再用（已经开通的手机照常用）"


@dataclass(frozen=True)
class Asked:
    """Which cards are asked for."""

    area: str | None = None
    """Code of a township or village; None: all of the scope."""
    whom: Whom = Whom.MISSING
    full: bool = False
    """The name in full, else surname and 先生 or 女士."""
    person_id: uuid.UUID | None = None
    """Of one person only."""


@dataclass(frozen=True)
class Sheets:
    """Cards that were just made, as they are printed: their secrets are on paper only."""

    about: About
    title: str
    cards: Sequence[Card]
    left_out: int
    """People whose account is out of use."""


@dataclass(frozen=True)
class Count:
    """How many volunteers an area has."""

    people: int
    missing: int
    """Who hold no card."""


def count(db: Session, scope: Scope, area: str | None) -> Count:
    """Return how many volunteers there are, and how many of them hold no card. Raises NotFound."""
    found = {person.id for person in _volunteers(db, scope, Asked(area), today(_county(db, scope)))}
    return Count(len(found), len(queries.without_card(db, found)))


def make(
    db: Session, scope: Scope, asked: Asked, service_address: str, *, most: int | None = MOST_AT_ONCE
) -> Sheets:
    """Make cards for the volunteers who are asked for, to be printed at once.

    Raises NotFound where nobody is to get one, Invalid for more than `most`.
    """
    scope.demand(*CHANGE)
    county = _county(db, scope)
    people = {person.id: person for person in _volunteers(db, scope, asked, today(county))}
    unusable = queries.disabled(db, people)
    wanted = set(people) - unusable
    if asked.whom is Whom.MISSING:
        wanted &= queries.without_card(db, wanted)
    if not wanted:
        raise NotFound(_nobody(people, asked))
    if most is not None and len(wanted) > most:
        raise Invalid(
            f"这里要做 {len(wanted)} 张，一次最多 {most} 张。请选一个村，或在服务器上用 geo-service cards。"
        )
    made = service.make_cards(db, scope, wanted, replace=asked.whom is Whom.REPLACE)
    contacts = of_county(db, scope.county_id)
    cards = [_card(people[one.person_id], one, contacts, service_address, full=asked.full) for one in made]
    audit.record(
        db, scope.actor, "devices.sheet", county_id=scope.county_id, cards=len(cards),
        whom=asked.whom.value, full=asked.full,
    )  # fmt: skip
    about = About(county.name, today(county), made_up=county.made_up)
    return Sheets(about, f"志愿者卡片-{about.printed.isoformat()}", cards, len(unusable))


def called(person: Person, *, full: bool) -> str:
    """Return what stands on a person's card."""
    return person.name if full else named.addressed(person.name, person.attributes.get("gender"))


def opens_on_phones(service_address: str) -> bool:
    """Tell whether other machines can open an address: one of this machine alone is no use on a card."""
    host = urlsplit(service_address).hostname or ""
    return host not in ("localhost", "::1") and not host.startswith("127.")


def _volunteers(db: Session, scope: Scope, asked: Asked, day: dt.date) -> list[Person]:
    where = people_in(scope, *CHANGE)
    if asked.person_id is not None:
        return [service.person(db, scope, asked.person_id)]
    if asked.area is None:
        return queries.volunteers(db, where, None, day)
    root = areas.area_id_of(db, scope, asked.area, *CHANGE)
    return queries.volunteers(db, where, areas.descendants(db, scope.county_id, [root]), day)


def _card(
    person: Person, made: service.Made, contacts: Contacts, service_address: str, *, full: bool
) -> Card:
    contact = contacts.of(person.area_id)
    return Card(
        name=called(person, full=full),
        address=service.address(service_address, made),
        number=person.number,
        contact=contact.name if contact else None,
        phone=contact.phone if contact else None,
        mark=made.secret[-4:],
    )


def _county(db: Session, scope: Scope) -> County:
    return db.get_one(County, scope.county_id)


def _nobody(people: dict[uuid.UUID, Person], asked: Asked) -> str:
    if not people:
        return "这里还没有登记志愿者。请先在“人员”里登记，或导入名册。"
    if asked.whom is Whom.MISSING:
        return f"这里的 {len(people)} 位志愿者都有卡片了（或账号已停用）。要重做，请选“每人再做一张”。"
    return "这里的志愿者账号都已停用，不能制卡；请先请管理员启用。"
