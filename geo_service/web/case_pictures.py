"""Cases as the values that maps and paper draw."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from sqlalchemy.orm import Session

from geo_service import files
from geo_service.accounts.scope import Scope
from geo_service.areas.contacts import of_county
from geo_service.cases import board, photos, rules, whereabouts
from geo_service.cases.board import Asked, OnMap
from geo_service.cases.told import CaseTold
from geo_service.clock import today
from geo_service.tables import County
from geo_service.web.pictures import borders
from geo_service.web.words import length_words
from layers.vocabulary import CaseState, Layer, Severity
from maps import dispatch
from maps.data import MapData, MapFeature, MapLayer
from maps.dispatch import Dispatch
from maps.style import CASES, WHOLE

_AROUND_M = 400.0
_DRAWN_FIRST = (Layer.COMPOUND, Layer.ROAD, Layer.RIVER)


def cases_map(db: Session, scope: Scope, asked: Asked) -> MapData:
    """Return the map of the cases that are asked for; it names no people. Raises NotFound (the area)."""
    county = db.get_one(County, scope.county_id)
    found = board.on_map(db, scope, asked)
    features = list(_features(found))
    return MapData(
        f"{county.name}案件分布图",
        f"{len(features)} 件 · {today(county).isoformat()}",
        [*borders(db, scope), MapLayer("cases", "案件", features, clustered=True)],
        today(county),
        bounds=None if any(f.geometry is not None for f in features) else _bounds(county),
        made_up=county.made_up,
    )


def case_map(db: Session, scope: Scope, told: CaseTold) -> MapData:
    """Return the map of where one case lies, with its place."""
    county = db.get_one(County, scope.county_id)
    spot = None if told.lonlat is None else shapely.Point(*told.lonlat)
    feature = MapFeature(spot, CASES[told.state].key, f"{told.case.number} {told.what}")
    return MapData(
        f"案件 {told.case.number}",
        told.place or told.area or county.name,
        [*_around_it(db, county.id, told), MapLayer("case", "案件", [feature], clustered=True)],
        today(county),
        bounds=None if told.lonlat is None else _around(told.lonlat),
        made_up=county.made_up,
    )


def dispatch_pdf(db: Session, scope: Scope, told: CaseTold, folder: Path) -> bytes:
    """Return 交办单 of a case as a PDF."""
    county = db.get_one(County, scope.county_id)
    around = list(_metres(db, county.id, told)) if told.lonlat is not None else []
    calls = of_county(db, county.id).of(told.case.area_id)
    called = " ".join(filter(None, (calls.name, calls.phone))) if calls else ""
    contact = f"有问题请打电话：{called}" if called else "有问题请联系派单的协调员：＿＿＿＿＿＿＿＿＿＿"
    sheet = Dispatch(
        county.name, told.case.number, _rows(db, told), contact, today(county), _jpegs(db, told, folder),
        around, has_spot=told.lonlat is not None, made_up=county.made_up,
    )  # fmt: skip
    file = io.BytesIO()
    dispatch.write([sheet], file)
    return file.getvalue()


def _features(found: OnMap) -> Iterator[MapFeature]:
    """Yield the cases; a map has thousands, so that each costs a few microseconds."""
    lonlat = [row[-2:] for row in found.rows if row[-1] is not None]
    points = iter(shapely.points(np.array(lonlat, np.float64).reshape(-1, 2)))
    states, looks = {state.value: state.zh for state in CaseState}, {s.value: CASES[s].key for s in CASES}
    severities = {severity.value: severity.zh for severity in Severity}
    for id_, number, edition, code, severity, words, state, due_at, place, area, unit, lon, _ in found.rows:
        is_late = due_at is not None and due_at < found.now
        due = "不计时" if due_at is None else due_at.astimezone(found.zone).isoformat(" ", "minutes")[:16]
        told = [("状态", states[state]), ("期限", f"{due}，已超期" if is_late else due)]
        told += [("等级", severities[severity])]
        for label, value in (("对象", place), ("辖区", area), ("责任单位", unit), ("描述", words)):
            if value:
                told.append((label, value))
        title = f"{number} {found.what[edition, code]}"
        yield MapFeature(
            None if lon is None else next(points), looks[state],
            f"超期 · {title}" if is_late else title, told, str(id_),
        )  # fmt: skip


def _around_it(db: Session, county_id: int, told: CaseTold) -> Iterator[MapLayer]:
    """Yield what lies around a case, for who must find the way there; only its own place is named."""
    if told.lonlat is None:
        return
    near = board.around(db, county_id, told.lonlat, _AROUND_M)
    own = told.place or ""
    for layer in _DRAWN_FIRST:
        features = [
            MapFeature(shapely.from_wkb(bytes(wkb)), WHOLE.key, own if place_id == told.case.place_id else "")
            for kind, place_id, wkb in near
            if kind == layer
        ]
        if features:
            yield MapLayer(layer.value, layer.zh, features, layer=layer, titled=layer.is_line)


def _metres(db: Session, county_id: int, told: CaseTold) -> Iterator[Any]:
    """Yield what lies around a case in metres east and north of it."""
    if told.lonlat is None:
        return
    east_m, north_m = whereabouts.metres_a_degree(told.lonlat[1])
    for _, _, wkb in board.around(db, county_id, told.lonlat, _AROUND_M):
        flat = shapely.force_2d(shapely.from_wkb(bytes(wkb)))
        yield shapely.transform(flat, lambda at: (at - np.array(told.lonlat)) * np.array([east_m, north_m]))


def _rows(db: Session, told: CaseTold) -> list[tuple[str, str]]:
    case, ground = told.case, rules.ground(db, told.case.county_id)
    where = " ".join(filter(None, (told.area, told.place, _along(told))))
    tree = rules.editions(db, case.county_id)[case.category_edition_id]
    rule = ground.limit(tree.by_code.get(case.category), Severity(case.severity))
    given = [step.data["limit"] for step in told.steps if "limit" in step.data]
    limit = given[-1] if given else rule.words
    due = f"，{told.due_at:%Y-%m-%d %H:%M} 以前" if case.unit_id is not None and told.due_at else ""
    spot = "" if told.lonlat is None else f"东经 {told.lonlat[0]:.5f}，北纬 {told.lonlat[1]:.5f}"
    opened = case.opened_at.astimezone(ground.zone)
    rows = [
        ("类别", f"{told.what}（{told.severity.zh}）"),
        ("地点", where or "见描述"),
        ("坐标", spot),
        ("描述", case.words or "（没有说明）"),
        ("上报时间", f"{opened:%Y-%m-%d %H:%M}"),
        ("责任单位", told.unit or "＿＿＿＿＿＿＿＿＿＿"),
        ("处置期限", f"{limit}{due}"),
    ]
    return [(label, value) for label, value in rows if value]


def _along(told: CaseTold) -> str | None:
    at_dm = told.case.at_dm
    return None if at_dm is None else f"距起点 {length_words(at_dm / 10)}"


def _jpegs(db: Session, told: CaseTold, folder: Path) -> list[bytes]:
    """Return the first photos of what was reported, as they are kept."""
    kept = photos.of_case(db, told.case)
    found = [files.path_of(folder, row.sha256) for rows in kept.by_report.values() for row in rows]
    return [path.read_bytes() for path in found if path.exists()][: dispatch.MOST_PHOTOS]


def _around(lonlat: tuple[float, float]) -> tuple[float, float, float, float]:
    east_m, north_m = whereabouts.metres_a_degree(lonlat[1])
    x, y = 250.0 / east_m, 250.0 / north_m
    return lonlat[0] - x, lonlat[1] - y, lonlat[0] + x, lonlat[1] + y


def _bounds(county: County) -> tuple[float, float, float, float] | None:
    sides = [side for side in (county.west, county.south, county.east, county.north) if side is not None]
    return (sides[0], sides[1], sides[2], sides[3]) if len(sides) == 4 else None
