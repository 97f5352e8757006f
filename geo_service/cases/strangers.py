"""What strangers report behind a plate: off by default, bounded, and looked at before anything is done."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from geo_service.accounts.scope import Actor, Scope
from geo_service.cases import pictures, queries, reports, rules
from geo_service.cases.reports import Said
from geo_service.cases.rules import Ground
from geo_service.db import one_at_a_time
from geo_service.errors import Invalid, NotFound, TooMany
from geo_service.plates import service as plates
from geo_service.plates.service import Hung
from layers.categories import Category
from layers.vocabulary import Channel, FileKind

MOST_A_DAY = 200
"""Reports of strangers that a county takes a day: more is a flood, and nobody could look at it."""
MOST_A_DAY_AT_A_PLATE = 40
"""So one plate that somebody floods does not silence the others."""
MOST_BYTES = 8 * 2**20
_IDS = uuid.UUID("2f9d5b1c-3a4e-5f60-8b7c-9d0e1f2a3b4c")
_STRANGER = Actor(os_user="群众")


@dataclass(frozen=True)
class Written:
    """A report as a stranger writes it into the form."""

    category: str
    words: str
    caller: str = ""
    phone: str = ""
    photo: bytes | None = None


def is_open(db: Session, plate_id: str) -> bool:
    """Tell whether strangers may report behind a plate."""
    plate = plates.in_use(db, plate_id)
    return plate is not None and rules.ground(db, plate.county_id).rules.public


def form_of(db: Session, plate_id: str) -> tuple[Hung, Ground, Sequence[Category]]:
    """Return what the form behind a plate shows: the plate, its county, the kinds. Raises NotFound."""
    plate = plates.in_use(db, plate_id)
    ground = None if plate is None else rules.ground(db, plate.county_id)
    if plate is None or ground is None or not ground.rules.public:
        raise NotFound("这里不能上报。请打公示牌上的监督电话，或告诉当地镇街、社区。")
    return plate, ground, ground.categories.kinds


def take(db: Session, folder: Path, plate_id: str, said: Written) -> str:
    """Take a stranger's report and return its number; the same on the same day is one.

    Raises NotFound, Invalid, TooMany, BadFile (the photo).
    """
    plate, ground, kinds = form_of(db, plate_id)
    if said.category not in {kind.code for kind in kinds}:
        raise Invalid("请选择是什么问题。")
    if not said.words.strip():
        raise Invalid("请写一句看到了什么。")
    if said.photo is not None and len(said.photo) > MOST_BYTES:
        raise Invalid(f"照片超过 {MOST_BYTES // 2**20} MB；请选小一点的，或不附照片。")
    now = dt.datetime.now(dt.UTC)
    today = now.astimezone(ground.zone)
    content = f"{plate.id} {today.date()} {said.category} {said.words} {said.caller} {said.phone}"
    report_id = uuid.uuid5(_IDS, content)
    one_at_a_time(db, f"report/{report_id}")
    if (known := queries.report(db, report_id)) is not None:
        _keep_photo(db, folder, ground.county.id, report_id, said.photo, is_again=True)
        return queries.number_of(db, known.case_id)
    one_at_a_time(db, f"strangers/{ground.county.id}")
    midnight = today.replace(hour=0, minute=0, second=0, microsecond=0)
    if (
        queries.count_since(db, ground.county.id, Channel.PUBLIC, midnight) >= MOST_A_DAY
        or queries.count_since(db, ground.county.id, Channel.PUBLIC, midnight, plate.id)
        >= MOST_A_DAY_AT_A_PLATE
    ):
        raise TooMany("今天的上报太多了，请明天再报，或打监督电话。")
    scope = Scope(ground.county.id, _STRANGER, {})
    told = Said(
        now, said.category, plate.at, place_id=plate.place_id, words=said.words[: reports.LONGEST_WORDS],
        plate_id=plate.id, caller=said.caller[:40] or None, caller_phone=said.phone[:40] or None,
    )  # fmt: skip
    taken = reports.take(db, scope, report_id, told, channel=Channel.PUBLIC, person_id=None)
    _keep_photo(db, folder, ground.county.id, report_id, said.photo)
    return queries.number_of(db, taken.case_id)


def _keep_photo(
    db: Session,
    folder: Path,
    county_id: int,
    report_id: uuid.UUID,
    photo: bytes | None,
    *,
    is_again: bool = False,
) -> None:
    """Keep the photo of a report; who went back to add one is heard, but each report has one."""
    subject = pictures.subject_of_report(report_id)
    if photo and not (is_again and queries.files(db, county_id, FileKind.PHOTO, [subject])):
        pictures.keep_whole(db, folder, county_id, subject, photo)
