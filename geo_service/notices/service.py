"""Alerts about people on the way, raised by their phones or when nothing comes from them; notices to them."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, areas_in
from geo_service.accounts.scope import Actor, Scope
from geo_service.columns import printable
from geo_service.errors import Invalid, NotFound
from geo_service.messages import service as messages
from geo_service.notices import queries
from geo_service.tables import Alert, Area, Notice
from layers.vocabulary import AlertKind, NoticeKind, Topic

OVERDUE = "notices.overdue"
"""Kind of the job that looks who is not back."""
LONGEST_OVERDUE = dt.timedelta(days=2)
"""Whom nobody missed for so long is no news."""
LONGEST_NOTICE = dt.timedelta(days=31)
FINE = "本人已回应：没事"
CAME = "巡查的结束已经收到"


@dataclass(frozen=True)
class Open:
    """An alert that nobody has looked after yet."""

    id: int
    kind: AlertKind
    raised_at: dt.datetime
    person_id: uuid.UUID
    name: str
    phone: str | None
    position: tuple[float, float] | None
    """Longitude and latitude from which he called, WGS 84."""
    last_at: dt.datetime | None
    """When something last came of his patrol."""
    patrol_id: uuid.UUID | None


def alert(
    db: Session,
    scope: Scope,
    kind: AlertKind,
    patrol_id: uuid.UUID,
    *,
    at: dt.datetime | None = None,
    position: tuple[float, float] | None = None,
) -> None:
    """Raise an alert about oneself; again changes nothing."""
    if scope.person_id is None:
        raise RuntimeError("the scope is no volunteer's")
    alert_about(db, scope.county_id, scope.person_id, scope.actor, kind, patrol_id, at=at, position=position)


def alert_about(
    db: Session,
    county_id: int,
    person_id: uuid.UUID,
    actor: Actor,
    kind: AlertKind,
    patrol_id: uuid.UUID,
    *,
    at: dt.datetime | None = None,
    position: tuple[float, float] | None = None,
) -> None:
    """Raise an alert about a person whose phone or recorder says so; again changes nothing.

    `patrol_id`: under what the same alert is known again; `position`: lon, lat.
    """
    lon, lat = position or (None, None)
    raised_at = min(at or _now(), _now())
    raised = Alert(
        county_id=county_id, kind=kind, person_id=person_id, patrol_id=patrol_id, lon=lon, lat=lat,
        raised_at=raised_at,
    )  # fmt: skip
    if queries.raise_(db, raised):
        audit.record(db, actor, "notices.alert", county_id=county_id, kind=kind)
        _tell(db, county_id, person_id, kind)


def answer_fine(db: Session, scope: Scope, kind: AlertKind, patrol_id: uuid.UUID) -> None:
    """Close one's own alert: he is well."""
    own = (Alert.county_id == scope.county_id) & (Alert.person_id == scope.person_id)
    which = (Alert.patrol_id == patrol_id) & (Alert.kind == kind)
    queries.close(db, own & which, _now(), by=scope.actor.account_id, note=FINE)


def open_alerts(db: Session, scope: Scope) -> list[Open]:
    """Return the open alerts about people of the scope, the newest first."""
    scope.demand(*CHANGE)
    return [
        Open(
            id_, AlertKind(kind), raised_at, person_id, name, phone,
            (lon, lat) if lon is not None and lat is not None else None, last_at, patrol_id,
        )
        for id_, kind, raised_at, lon, lat, person_id, name, phone, last_at, patrol_id in queries.open_ones(
            db, queries.seen_by(scope)
        )
    ]  # fmt: skip


def count(db: Session, scope: Scope) -> tuple[int, int]:
    """Return how many alerts of the scope are open, and the number of the newest."""
    scope.demand(*CHANGE)
    return queries.count_open(db, queries.seen_by(scope))


def close(db: Session, scope: Scope, alert_id: int, note: str) -> None:
    """Close an alert with what was found out. Raises NotFound, Invalid."""
    scope.demand(*CHANGE)
    words = printable(note).strip()[:500]
    if not words:
        raise Invalid("请写一句怎么样了，例如“已通电话，平安到家”。")
    which = queries.seen_by(scope) & (Alert.id == alert_id)
    if not queries.close(db, which, _now(), by=scope.actor.account_id, note=words):
        raise NotFound("没有这条提醒，或者别人已经处理了。")
    _record(db, scope, "notices.close")


def look_who_is_overdue(db: Session, *, after: dt.timedelta) -> int:
    """Raise an alert for each open patrol of which nothing came for so long; close those that came back."""
    now = _now()
    queries.close(db, queries.came_to_an_end(), now, by=None, note=CAME)
    raised = 0
    for county_id, patrol_id, person_id in queries.overdue(db, now - after, now - LONGEST_OVERDUE):
        alert = Alert(county_id=county_id, kind=AlertKind.OVERDUE, person_id=person_id, patrol_id=patrol_id)
        if queries.raise_(db, alert):
            raised += 1
            _tell(db, county_id, person_id, AlertKind.OVERDUE)
    return raised


def _tell(db: Session, county_id: int, person_id: uuid.UUID, kind: AlertKind) -> None:
    """Tell the groups that somebody needs a look, without saying who."""
    area_id, area = queries.home_of(db, person_id)
    words = f"有人需要联系（{kind.zh}），请打开“需要关心”。"
    messages.tell(db, county_id, Topic.ALERT, area_id, f"{area}：{words}" if area else words)


def notices(db: Session, scope: Scope) -> Sequence[tuple[Notice, str | None]]:
    """Return the notices of the scope's areas that have not ended."""
    scope.demand(*CHANGE)
    return [(notice, name) for notice, name in queries.notices(db, scope, scope.areas(*CHANGE), _now())]


def warn(
    db: Session, scope: Scope, kind: NoticeKind, text: str, area_id: int | None, *, hours: float
) -> Notice:
    """Tell the volunteers of an area (None: the county) something for hours. Raises Invalid, NotFound."""
    scope.demand(*CHANGE)
    words = printable(text).strip()
    if not 0 < len(words) <= 200:
        raise Invalid("请写要告诉志愿者的话，最多 200 字。")
    if not 0 < hours <= LONGEST_NOTICE / dt.timedelta(hours=1):
        raise Invalid("请填多少小时内有效，最多 31 天。")
    if area_id is None:
        scope.demand_county(*CHANGE)
    elif area_id not in {area.id for area in areas(db, scope)}:
        raise NotFound("没有这个辖区，或不在您的权限内。")
    now = _now()
    notice = Notice(
        county_id=scope.county_id, area_id=area_id, kind=kind, text=words, since=now,
        until=now + dt.timedelta(hours=hours), account_id=scope.actor.account_id,
    )  # fmt: skip
    db.add(notice)
    db.flush()
    _record(db, scope, "notices.warn", kind=kind)
    return notice


def take_back(db: Session, scope: Scope, notice_id: int) -> None:
    """End a notice now. Raises NotFound."""
    for notice, _ in notices(db, scope):
        if notice.id == notice_id and scope.reaches(notice.area_id, *CHANGE):
            notice.until = _now()
            _record(db, scope, "notices.take_back")
            return
    raise NotFound("没有这条通知，或不在您的权限内。")


def areas(db: Session, scope: Scope) -> Sequence[Area]:
    """Return the areas that the scope may change."""
    return queries.areas(db, areas_in(scope, *CHANGE))


def set_contact(db: Session, scope: Scope, area_id: int, name: str, phone: str) -> None:
    """Say whom the volunteers of an area telephone; empty: nobody of its own. Raises NotFound, Invalid."""
    scope.demand(*CHANGE)
    found = next((area for area in areas(db, scope) if area.id == area_id), None)
    if found is None:
        raise NotFound("没有这个辖区，或不在您的权限内。")
    name, phone = printable(name).strip()[:40], printable(phone).strip()[:40]
    if (phone and not set(phone) <= set("0123456789+- ()#*,")) or (name and not phone):
        raise Invalid("请填联系电话，只用数字、空格和横线，例如 0523-8325 1234。")
    found.contact_name, found.contact_phone = name or None, phone or None
    db.flush()
    _record(db, scope, "notices.contact")


def _record(db: Session, scope: Scope, action: str, **detail: str) -> None:
    audit.record(db, scope.actor, action, county_id=scope.county_id, **detail)


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
