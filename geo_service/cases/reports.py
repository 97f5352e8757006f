"""Reports: taken from whoever saw a problem, each once; the first of a problem opens its case."""

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from geo_service import audit
from geo_service.accounts.narrow import CHANGE, places_in
from geo_service.accounts.scope import Scope
from geo_service.cases import handling, queries, rules, similar, whereabouts
from geo_service.cases.handling import Wanted
from geo_service.cases.queries import NewStep
from geo_service.cases.rules import Ground
from geo_service.cases.similar import Similar
from geo_service.cases.whereabouts import LonLat, Whereabouts
from geo_service.columns import printable
from geo_service.db import one_at_a_time
from geo_service.errors import Conflict, Invalid, NotFound, TooLate
from geo_service.messages import service as messages
from geo_service.patrols import parties
from geo_service.tables import Case, Place, Report
from layers.categories import Category
from layers.vocabulary import Channel, Datum, Move, Severity, Topic

LONGEST_WORDS = 500
MOST_PHOTOS = 10
MOST_PHOTO_BYTES = 16 * 2**20
_MODERATED = (Channel.PUBLIC, Channel.OPEN311)
"""What strangers tell waits for somebody to look at it."""


@dataclass(frozen=True)
class Announced:
    """A photo that will come in pieces."""

    id: uuid.UUID
    sha256: str
    """Of its bytes, in hexadecimal; empty: its phone cannot tell."""
    size: int


@dataclass(frozen=True)
class Said:
    """A problem as somebody tells it."""

    at: dt.datetime
    category: str
    position: LonLat | None = None
    datum: Datum = Datum.WGS84
    accuracy_m: float | None = None
    place_id: int | None = None
    """The place, where he names it."""
    words: str | None = None
    solved: str | None = None
    """How it was settled on the spot; None: it was not."""
    severity: Severity | None = None
    patrol_id: uuid.UUID | None = None
    plate_id: str | None = None
    caller: str | None = None
    caller_phone: str | None = None
    photos: Sequence[Announced] = ()

    @property
    def sha256(self) -> bytes:
        """The hash by which a repeat is known."""
        said = {**vars(self), "photos": [vars(photo) for photo in self.photos]}
        return hashlib.sha256(json.dumps(said, default=str, sort_keys=True).encode()).digest()


@dataclass(frozen=True)
class Taken:
    """What became of a report."""

    report_id: uuid.UUID
    case_id: int
    already: bool
    """It came before: nothing was added."""
    similar: Sequence[Similar]
    """Open cases like it, of which it may be one."""


def take(
    db: Session,
    scope: Scope,
    report_id: uuid.UUID,
    said: Said,
    *,
    channel: Channel,
    person_id: uuid.UUID | None,
    late: dt.timedelta | None = None,
    now: dt.datetime | None = None,
) -> Taken:
    """Take a report under its sender's id; a repeat changes nothing.

    `person_id`: the volunteer who tells it; `now`: when it came, where that is not now. Raises Conflict (the
    id with other content), BadRules (no such category), Invalid, NotFound (the place), TooLate.
    """
    one_at_a_time(db, f"report/{report_id}")
    known = queries.report(db, report_id)
    if known is not None:
        return _again(db, scope, known, said)
    now = now or dt.datetime.now(dt.UTC)
    if late is not None and said.at < now - late:
        raise TooLate(f"这个问题已经过了 {late.days} 天，不能再从手机上报；请打电话告诉协调员。")
    ground = rules.ground(db, scope.county_id)
    sha256, said = said.sha256, _tidied(replace(said, at=min(said.at, now)))
    category = _category(ground, said.category, channel)
    where = _where(db, scope, ground, category, said)
    case_id = _open(db, ground, category, said, where, now, is_moderated=channel in _MODERATED)
    row = _row(scope, report_id, case_id, said, where, now)
    row.channel, row.person_id, row.sha256 = channel, person_id, sha256
    queries.add_report(db, row)
    _begin(db, scope, case_id, person_id, now)
    if said.solved:
        handling.move(db, scope, case_id, Wanted(Move.SOLVE, said.solved), is_reporter=True, now=now)
    _tell(db, ground, category, said, where)
    audit.record(db, scope.actor, "cases.report", county_id=scope.county_id, subject=f"case/{case_id}")
    return Taken(report_id, case_id, already=False, similar=similar.to_case(db, ground, case_id))


def person_called(db: Session, scope: Scope, word: str) -> uuid.UUID:
    """Return the volunteer who called, by name, number or id. Raises NotFound; Invalid for several."""
    return parties.person_called(db, scope, word).id


def own(db: Session, scope: Scope, report_id: uuid.UUID) -> Report:
    """Return one's own report. Raises NotFound."""
    report = queries.report(db, report_id)
    is_own = report is not None and report.county_id == scope.county_id
    if report is None or not is_own or report.person_id is None or report.person_id != scope.person_id:
        raise NotFound("没有这条上报，或不是您的。")
    return report


def say(db: Session, scope: Scope, report_id: uuid.UUID, wanted: Wanted, said_id: uuid.UUID | None) -> None:
    """Take a step with the case of one's own report; under a known id the same again changes nothing.

    A phone that never heard the answer sends it again, when the step is no longer possible, or would be
    said of another handling. Raises NotFound, Invalid, IllegalMove.
    """
    report = own(db, scope, report_id)
    case = handling.found_again(db, report.case_id)
    case_id = case.into_id or case.id
    if said_id is not None:
        one_at_a_time(db, f"said/{said_id}")
        if queries.has_step_said(db, case_id, said_id):
            return
        wanted = replace(wanted, data={"id": str(said_id)})
    handling.move(db, scope, case_id, wanted)


def same_as(db: Session, scope: Scope, report_id: uuid.UUID, case_id: int) -> int:
    """Let one's own report join a case that was there before; return that case. Raises NotFound, IllegalMove.

    Only a case that is like it can be named: so nobody looks for others' cases by their numbers.
    """
    report = own(db, scope, report_id)
    if handling.found_again(db, report.case_id).into_id == case_id:
        return case_id
    ground = rules.ground(db, scope.county_id)
    if case_id not in {one.case_id for one in similar.to_case(db, ground, report.case_id)}:
        raise NotFound("没有这个相近的问题，可能已经处理完了。您的上报已经收到，不用再做什么。")
    handling.move(db, scope, report.case_id, Wanted(Move.MERGE, into=case_id), is_reporter=True)
    return case_id


def _again(db: Session, scope: Scope, known: Report, said: Said) -> Taken:
    is_own = known.county_id == scope.county_id and known.account_id == scope.actor.account_id
    if not is_own or known.sha256 != said.sha256:
        raise Conflict("这个上报编号已经用过，内容却不同；原来的保持不变。请重新上报。")
    ground = rules.ground(db, scope.county_id)
    return Taken(known.id, known.case_id, already=True, similar=similar.to_case(db, ground, known.case_id))


def _category(ground: Ground, code: str, channel: Channel) -> Category:
    """Return a category; of a phone that knows a former edition at least its kind. Raises BadRules."""
    known = ground.categories.by_code
    if channel is Channel.PHONE and code not in known and (kind := known.get(code.partition(".")[0])):
        return kind
    return ground.categories.get(code)


def _tidied(said: Said) -> Said:
    """Return a report without what cannot be printed. Raises Invalid for too much."""
    words, solved, caller, phone = (
        " ".join(printable(text or "").split()) or None
        for text in (said.words, said.solved, said.caller, said.caller_phone)
    )
    if any(len(text or "") > LONGEST_WORDS for text in (words, solved, caller, phone)):
        raise Invalid(f"说明最多 {LONGEST_WORDS} 字。")
    if len(said.photos) > MOST_PHOTOS or len({photo.id for photo in said.photos}) < len(said.photos):
        raise Invalid(f"一次最多 {MOST_PHOTOS} 张照片，编号不能重复。")
    if any(not 0 < photo.size <= MOST_PHOTO_BYTES for photo in said.photos):
        raise Invalid(f"一张照片最多 {MOST_PHOTO_BYTES // 2**20} MB；请用手机里较小的尺寸。")
    return replace(said, words=words, solved=solved, caller=caller, caller_phone=phone)


def _where(db: Session, scope: Scope, ground: Ground, category: Category, said: Said) -> Whereabouts:
    """Find where a report lies: by its position, by the place that it names, by both, or by neither."""
    # Staff name places of their areas; volunteers and strangers see problems anywhere in the county.
    may_name = places_in(scope) if scope.holds(*CHANGE) else Place.county_id == scope.county_id
    if said.place_id is not None and not queries.has_place(db, said.place_id, may_name):
        raise NotFound("没有这个对象，或不在您的权限内；请重新选择。")
    day = said.at.astimezone(ground.zone).date()
    kind = ground.categories.by_code.get(category.kind)
    if said.position is None:
        return whereabouts.at_place(db, scope.county_id, said.place_id, day)
    lonlat = whereabouts.wgs84(said.position, said.datum)
    found = whereabouts.find(db, scope.county_id, kind, lonlat, day, accuracy_m=said.accuracy_m)
    if said.place_id is None:
        return found
    return whereabouts.named(db, scope.county_id, found, said.place_id, day)


def _open(
    db: Session,
    ground: Ground,
    category: Category,
    said: Said,
    where: Whereabouts,
    now: dt.datetime,
    *,
    is_moderated: bool,
) -> int:
    standing = ground.machine.begun(now, is_moderated=is_moderated)
    row = Case(
        county_id=ground.county.id,
        number=queries.next_number(db, ground.county.id, now.astimezone(ground.zone).year),
        category_edition_id=ground.edition_id, kind=category.kind, category=category.code,
        severity=said.severity or category.severity, words=said.words,
        **whereabouts.columns_of(where), opened_at=now, **handling.columns_of(standing),
    )  # fmt: skip
    return queries.add_case(db, row)


def _row(
    scope: Scope, report_id: uuid.UUID, case_id: int, said: Said, where: Whereabouts, now: dt.datetime
) -> Report:
    lon, lat = where.lonlat if said.position is not None and where.lonlat else (None, None)
    return Report(
        county_id=scope.county_id, id=report_id, case_id=case_id, account_id=scope.actor.account_id,
        at=said.at, received_at=now, category=said.category, words=said.words, lon=lon, lat=lat,
        accuracy_m=said.accuracy_m, patrol_id=said.patrol_id, plate_id=said.plate_id, caller=said.caller,
        caller_phone=said.caller_phone, is_solved=bool(said.solved),
        photos=[{"id": str(photo.id), "sha256": photo.sha256, "size": photo.size} for photo in said.photos],
    )  # fmt: skip


def _tell(db: Session, ground: Ground, category: Category, said: Said, where: Whereabouts) -> None:
    """Tell the groups what was reported where, and nothing of who did."""
    place = where.place.name if where.place is not None else "不在登记的对象旁"
    severity = said.severity or category.severity
    words = f"新上报：{ground.categories.words(category.code)}（{severity.zh}），{place}"
    messages.tell(db, ground.county.id, Topic.CASE_NEW, where.area_id, words)


def _begin(db: Session, scope: Scope, case_id: int, person_id: uuid.UUID | None, now: dt.datetime) -> None:
    """Append the first step of a case: the report."""
    case = queries.case(db, case_id)
    if case is None:
        raise RuntimeError("the case is gone")
    step = NewStep(
        Move.REPORT, now, None, handling.standing_of(case), scope.actor.account_id, person_id,
        scope.actor.os_user,
    )  # fmt: skip
    queries.add_step(db, scope.county_id, case_id, step)
