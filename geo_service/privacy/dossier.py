"""Everything that is stored about one person in one place: to see, and to take along.

He himself may, and who may delete him. Looks of others are recorded, a download is in any case.
"""

import datetime as dt
import json
import tempfile
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo

import shapely
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from geo_service import audit, files
from geo_service.accounts.scope import Scope
from geo_service.clock import zone_in
from geo_service.columns import Column, Listing, json_value, printable, words
from geo_service.patrols import tracks
from geo_service.people.roster import FIELDS
from geo_service.people.service import own_or_resident
from geo_service.privacy import consents, forgetting, parts
from geo_service.privacy.parts import PARTS, Whose
from geo_service.tables import Patrol, StoredFile

_SHOWN_ITEMS = 8
"""Longer sequences of numbers are counted on a page, and complete in the file."""
NOT_ON_PAGE = frozenset(
    (
        "id",
        "patrol_id",
        "same_outing_as",
        "reasons",
        "cleaning",
        "datum",
        "accuracy_m",
        "media_type",
        "subject",
    )
)
"""Columns that a page leaves to the file: they tell nothing to who reads them."""
_WORDS = {
    "session": "登录",
    "change": "为修改密码登录",
    "token": "程序用的令牌",
    "link": "一次性链接",
    "people.look": "查看了全部资料",
    "people.download": "下载了全部资料",
    "people.add": "登记了这个人",
    "people.change": "修改了登记的资料",
    "patrols.look": "查看了一条轨迹",
    "live.look": "看到您正在路上",
    "patrols.take": "收到一次巡查",
    "patrols.void": "作废了一次巡查",
    "accounts.sign_in": "登录",
    "accounts.sign_out": "退出登录",
    "accounts.sign_in_refused": "登录没有成功",
    "accounts.change_password": "修改了密码",
    consents.TRACK: "记录巡查路线",
    consents.PHONE: "在手机上",
    consents.PAPER: "在纸上签字",
}
_IN_MEMORY_BYTES = 16 * 2**20
README = """这里是银巡保存的关于您的全部资料。
资料.json：每一项登记（时间是本县的当地时间）；字段的中文名在 titles 里。
轨迹/：还保留的轨迹，每次巡查一个 GPX 文件，时间是 UTC。
文件/：您的照片、纸质记录和上传的原件。
与别人共有的照片和名册原件涉及他人，不在这里。
"""


@dataclass(frozen=True)
class Dossier:
    """All that is stored about a person."""

    person_id: uuid.UUID
    name: str
    is_own: bool
    """Whether the reader is the person himself."""
    parts: Sequence[Listing]

    def count(self, name: str) -> int:
        """Return how many rows a part has."""
        return next(len(list(part.rows)) for part in self.parts if part.name == name)


def look(db: Session, scope: Scope, person_id: uuid.UUID) -> Dossier:
    """Return everything about a person; another's look is recorded. Raises NotFound, Forbidden."""
    dossier, _ = _gather(db, scope, person_id)
    if not dossier.is_own:
        _record(db, scope, "people.look", person_id)
    return dossier


def _gather(db: Session, scope: Scope, person_id: uuid.UUID) -> tuple[Dossier, Whose]:
    person = own_or_resident(db, scope, person_id)
    zone = zone_in(db, scope.county_id)
    whose = Whose(scope.county_id, person_id, forgetting.outings(db, scope.county_id, person_id))
    listings = [
        Listing(part.name, part.title, part.columns, _local(parts.rows(db, part, whose), zone))
        for part in PARTS
    ]
    return Dossier(person_id, person.name, person_id == scope.person_id, listings), whose


def _local(rows: list[list[Any]], zone: ZoneInfo) -> list[list[Any]]:
    return [[v.astimezone(zone) if isinstance(v, dt.datetime) else v for v in row] for row in rows]


def for_page(part: Listing, most: int) -> tuple[list[Column], list[list[str]]]:
    """Return the first rows of a part as its page shows them, without the columns that say nothing."""
    rows = [[cell(v, c) for c, v in zip(part.columns, row, strict=True)] for row in list(part.rows)[:most]]
    told = [
        i for i, c in enumerate(part.columns) if c.name not in NOT_ON_PAGE and any(row[i] for row in rows)
    ]
    return [part.columns[i] for i in told], [[row[i] for i in told] for row in rows]


def as_json(dossier: Dossier) -> dict[str, Any]:
    """Return a dossier as JSON: for each part its rows, and under `titles` what the fields mean."""
    told: dict[str, Any] = {"person_id": str(dossier.person_id)}
    for part in dossier.parts:
        told[part.name] = [
            {c.name: json_value(v, c) for c, v in zip(part.columns, row, strict=True)} for row in part.rows
        ]
    return told | {
        "titles": {
            part.name: {"": part.title} | {c.name: c.title for c in part.columns} for part in dossier.parts
        }
    }


def cell(value: Any, column: Column) -> str:
    """Return a value of a dossier as its page shows it.

    >>> cell({"note": "爱唱戏", "born": "1956.03"}, Column("attributes", "其他"))
    '备注：爱唱戏；出生年月：1956.03'
    >>> cell([119.8] * 300, Column("lon", "经度"))
    '共 300 个'
    """
    if isinstance(value, dict):
        return "；".join(
            f"{FIELDS[key][0] if key in FIELDS else key}：{cell(item, column)}" for key, item in value.items()
        )
    if isinstance(value, list) and len(value) > _SHOWN_ITEMS:
        return f"共 {len(value)} 个"
    if isinstance(value, list):
        return "、".join(cell(item, column) for item in value)
    if column.name in ("action", "kind", "purpose", "channel") and value in _WORDS:
        return _WORDS[value]
    if isinstance(value, dt.datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return words(value, column)


def download(db: Session, scope: Scope, person_id: uuid.UUID, files_dir: Path) -> IO[bytes]:
    """Return a ZIP with everything about a person: JSON, a GPX for each track still kept, his own files.

    It is recorded, and so is the look at each track that is not one's own. Raises NotFound, Forbidden.
    """
    dossier, whose = _gather(db, scope, person_id)
    target: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115  (its reader closes it)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("说明.txt", README)
        archive.writestr("资料.json", json.dumps(as_json(dossier), ensure_ascii=False, indent=1, default=str))
        walked = _write_tracks(db, archive, whose)
        missing = _write_files(db, archive, whose, files_dir)
        if missing:
            archive.writestr("缺少的文件.txt", "\n".join(missing) + "\n")
    if not dossier.is_own:
        for patrol_id in walked:
            subject = f"patrol/{patrol_id}"
            audit.record(db, scope.actor, "patrols.look", county_id=scope.county_id, subject=subject)
    _record(db, scope, "people.download", person_id, tracks=len(walked))
    target.seek(0)
    return target


def _write_tracks(db: Session, archive: zipfile.ZipFile, whose: Whose) -> list[uuid.UUID]:
    """Write a GPX for each track; one at a time, for they are long."""
    kept = select(Patrol.id, Patrol.day).where(
        Patrol.id.in_(whose.outings.patrols), Patrol.track.is_not(None)
    )
    walked = db.execute(kept.order_by(Patrol.started_at)).all()
    for patrol_id, day in walked:
        track = db.scalar(select(func.ST_AsBinary(Patrol.track)).where(Patrol.id == patrol_id))
        archive.writestr(f"轨迹/{day}-{patrol_id}.gpx", tracks.gpx(shapely.from_wkb(track)))
    return [patrol_id for patrol_id, _ in walked]


def _write_files(db: Session, archive: zipfile.ZipFile, whose: Whose, folder: Path) -> list[str]:
    """Write a person's own files; return the ids of those whose bytes are not there."""
    missing = []
    for row in db.scalars(parts.stored_files(whose)):
        try:
            archive.write(files.path_of(folder, row.sha256), f"文件/{_named(row)}")
        except FileNotFoundError:
            missing.append(str(row.id))
    return missing


def _named(row: StoredFile) -> str:
    name = printable(row.name or "").replace("/", "_").replace("\\", "_")[-80:]
    return f"{row.id}-{name}" if name else str(row.id)


def _record(db: Session, scope: Scope, action: str, person_id: uuid.UUID, **detail: int) -> None:
    subject = f"person/{person_id}"
    audit.record(db, scope.actor, action, county_id=scope.county_id, subject=subject, **detail)
