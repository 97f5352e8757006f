"""A check-in: who scans a plate near it was there. It is evidence of its own kind, and covers nothing."""

import datetime as dt
import hashlib
import json
import uuid
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.scope import Scope
from geo_service.errors import Conflict, NotFound, TooLate
from geo_service.patrols import check_ins as outings
from geo_service.patrols import parties
from geo_service.patrols.words import clock
from geo_service.plates import ids, queries, service
from geo_service.plates.queries import LonLat
from geo_service.plates.service import Hung
from geo_service.privacy import consents
from geo_service.tables import CheckIn, County, Patrol, Plate
from layers.verdicts import metres_words
from layers.vocabulary import Datum, Evidence, Verdict

NEAR_M = 100.0
"""So near a plate one is at it (domain.md 7.4), and as much farther as the phone errs."""
MOST_ERROR_M = 100.0
"""What a phone may err at most: a position that tells less proves nothing."""
GONE = "这块公示牌已经停用，或者扫错了码。请找协调员核对；今天的巡查可以填纸质记录。"


@dataclass(frozen=True)
class Said:
    """What a phone says of a scan."""

    plate: str
    at: dt.datetime
    position: LonLat | None
    accuracy_m: float | None
    datum: Datum
    patrol_id: uuid.UUID | None
    """The walk that it records."""

    @property
    def sha256(self) -> bytes:
        """The hash of all that was said."""
        said = [
            ids.read(self.plate) or self.plate, self.at.astimezone(dt.UTC).isoformat(), self.position,
            self.accuracy_m, self.datum.value, str(self.patrol_id),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).digest()


@dataclass(frozen=True)
class Told:
    """What somebody who checked in is told."""

    place_id: int | None
    place: str
    away_m: float | None
    is_counted: bool
    words: str
    already: bool = False


def take(db: Session, scope: Scope, check_in_id: uuid.UUID, said: Said, *, late: dt.timedelta) -> Told:
    """Take a volunteer's check-in under an id of his phone's; a repeat changes nothing.

    Raises NotFound (no such plate in use), Conflict (the id with other content), TooLate.
    """
    walker, county = parties.sender(db, scope, None), parties.county_of(db, scope)
    queries.lock_check_in(db, check_in_id)
    if (known := queries.check_in(db, check_in_id)) is not None:
        _demand_same(scope, *known, said)
        return _told(db, county, *known, already=True)
    now = dt.datetime.now(dt.UTC)
    if said.at < now - late:
        raise TooLate(f"这次打卡已超过 {late.days} 天，不能再发送；请填写纸质巡查记录，交给协调员登记。")
    plate = service.in_use(db, said.plate)
    if plate is None or plate.county_id != county.id:
        raise NotFound(GONE)
    at = min(said.at, now)
    row = _row(db, county, check_in_id, said, plate, at)
    row.patrol_id = outings.outing_of(db, county, walker.id, plate.place_id, at, walk_id=said.patrol_id)
    if not consents.state(db, county.id, walker.id).is_current:
        row.lon = row.lat = row.accuracy_m = None
    queries.add_check_in(db, row)
    outings.settle(db, county, row.patrol_id)
    subject = f"patrol/{row.patrol_id}"
    audit.record(db, scope.actor, "plates.check_in", county_id=county.id, subject=subject)
    stored = queries.check_in(db, check_in_id)
    if stored is None:
        raise RuntimeError("the check-in is gone")
    return _told(db, county, *stored)


def _row(
    db: Session, county: County, check_in_id: uuid.UUID, said: Said, plate: Hung, at: dt.datetime
) -> CheckIn:
    position = None if said.position is None else service.wgs84(said.position, said.datum)
    lon, lat = position or (None, None)
    away_m = position and service.away_m(db, county, plate.place_id, plate.at, position)
    error_m = min(said.accuracy_m or 0.0, MOST_ERROR_M)
    return CheckIn(
        county_id=county.id, id=check_in_id, plate_id=plate.id, sha256=said.sha256, at=at, lon=lon, lat=lat,
        accuracy_m=said.accuracy_m if position else None,
        away_m=None if away_m is None else round(away_m, 1),
        is_near=away_m is not None and away_m <= NEAR_M + error_m,
    )  # fmt: skip


def _demand_same(scope: Scope, row: CheckIn, patrol: Patrol, said: Said) -> None:
    # After the retention nobody stands there any more.
    is_own = row.county_id == scope.county_id and patrol.person_id in (scope.person_id, None)
    if not is_own or row.sha256 != said.sha256:
        raise Conflict("这个打卡编号已经用过，内容却不同；原来的保持不变。请重新扫码打卡。")


def _told(db: Session, county: County, row: CheckIn, patrol: Patrol, *, already: bool = False) -> Told:
    """Tell how a check-in stands."""
    rows = queries.plates(db, Plate.id == row.plate_id, with_revoked=True)
    place_id, place = (rows[0].place_id, rows[0].place or rows[0].code) if rows else (None, "这里")
    is_counted = patrol.verdict == Verdict.COUNTED
    if patrol.evidence == Evidence.TRACK:
        is_counted = row.is_near
    at = row.at.astimezone(ZoneInfo(county.time_zone))
    words = f"谢谢您！{clock(at)} 在{place}打卡，已收到。{_rest(row, patrol, is_counted=is_counted)}"
    return Told(place_id, place, row.away_m, is_counted, words, already)


def _rest(row: CheckIn, patrol: Patrol, *, is_counted: bool) -> str:
    """Return what comes after the thanks: what counts, or why somebody looks at it, and what to do next."""
    if patrol.reviewed_at is not None and not is_counted:
        return "协调员看过了，这次暂未计入；有疑问请打电话给协调员。"
    if is_counted:
        return "这次打卡记在您的巡查里了。" if patrol.evidence == Evidence.TRACK else "这次打卡已计入。"
    if row.is_near:
        return "协调员会再看一眼，您不用做什么。"
    if row.away_m is not None:
        return f"手机定位离这里约 {metres_words(row.away_m)}，协调员会再看一眼。下次请走到牌子跟前再打卡。"
    return "没有核对到位置，协调员会再看一眼，您不用做什么。"
