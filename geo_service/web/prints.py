"""Maps as sheets to print: the pictures of the map pages with what paper needs, and an atlas of them."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import shapely
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.clock import today
from geo_service.coverage.canvas import Canvas
from geo_service.coverage.ground import Query, gather
from geo_service.errors import Conflict
from geo_service.tables import Area, County
from geo_service.web import pictures, queries
from geo_service.web.words import area_words, length_words
from layers.vocabulary import GapKind, Layer
from maps.data import MapData, MapLayer
from maps.printing import Sheet
from maps.style import REGISTERED

Picture = Callable[[Query], MapData]
"""What draws a question: the coverage map or the gap map of a scope."""


def coverage_sheet(db: Session, scope: Scope, query: Query) -> Sheet:
    """Return the page of what was covered, how recently, and of what was not. Raises Conflict."""
    return _Press(db, scope, query, _coverage(db, scope)).page(query)


def gap_sheet(db: Session, scope: Scope, query: Query, kinds: Sequence[GapKind] = tuple(GapKind)) -> Sheet:
    """Return the page of the gaps of some kinds. Raises Conflict."""
    return _Press(db, scope, query, _gaps(db, scope, kinds)).page(query)


@dataclass(frozen=True)
class Atlas:
    """The pages of an atlas, each made when it is asked for."""

    count: int
    pages: Iterator[tuple[str, Sheet]]
    """What a page is about, and the page."""


def coverage_atlas(db: Session, scope: Scope, query: Query) -> Atlas:
    """Return an overview and a page for each township, of what was covered; of a township its villages."""
    return _atlas(db, scope, query, _coverage(db, scope))


def gap_atlas(db: Session, scope: Scope, query: Query, kinds: Sequence[GapKind] = tuple(GapKind)) -> Atlas:
    """Return an overview and a page for each township, of the gaps; of a township its villages."""
    return _atlas(db, scope, query, _gaps(db, scope, kinds))


def _coverage(db: Session, scope: Scope) -> Picture:
    return lambda query: pictures.coverage_map(db, scope, query, full=False)


def _gaps(db: Session, scope: Scope, kinds: Sequence[GapKind]) -> Picture:
    return lambda query: pictures.gap_map(db, scope, query, kinds, full=False)


def _atlas(db: Session, scope: Scope, query: Query, picture: Picture) -> Atlas:
    press = _Press(db, scope, query, picture)
    parts = queries.areas_beneath(db, scope, query.area_id)
    count = len(parts) + 1

    def pages() -> Iterator[tuple[str, Sheet]]:
        yield "总图", replace(press.page(query), page=(1, count))
        for number, (area_id, name) in enumerate(parts, start=2):
            yield name, replace(press.page(replace(query, area_id=area_id)), page=(number, count))

    return Atlas(count, pages())


class _Press:
    """Makes pages of one question; what lies around them is read once."""

    def __init__(self, db: Session, scope: Scope, query: Query, picture: Picture) -> None:
        self.db, self.scope, self.query, self.picture = db, scope, query, picture
        self.county = db.get_one(County, scope.county_id)
        if self.county.crs is None:
            raise Conflict("这个县还没有坐标范围，画不了图。请先导入镇村界线或一个图层。")
        self._around: list[MapLayer] | None = None

    def page(self, query: Query) -> Sheet:
        """Return one page, about the area of its query."""
        data = self.picture(query)
        area = None if query.area_id is None else self.db.get(Area, query.area_id)
        if area is not None:
            data = replace(data, title=data.title.replace(self.county.name, self.county.name + area.name, 1))
        border = None if area is None else queries.border(self.db, self.scope, area.id)
        crs = self.county.crs or ""
        return Sheet(
            data,
            crs,
            today(self.county),
            counts=_counts(data, of_county=border is None),
            focus=border,
            around=[] if border is None else self.around(),
            source=_source(crs, data),
        )

    def around(self) -> list[MapLayer]:
        """Return the places of all areas of the scope, drawn pale around a page's own."""
        if self._around is None:
            ground = gather(self.db, self.scope, replace(self.query, area_id=None))
            layers = pictures.wholes(Canvas.of(self.db, ground, self.county), ground)
            self._around = [replace(layer, layer=None) for layer in layers]
        return self._around


def _counts(data: MapData, *, of_county: bool) -> dict[str, str]:
    """Return by class and by layer how much the page shows of it, in words."""
    sizes: dict[tuple[str, bool], list[float]] = {}
    places: dict[Layer, set[str]] = {}
    for layer in data.layers:
        if layer.layer is None and not any(f.size is not None for f in layer.features):
            continue
        for feature in layer.features:
            if layer.layer is not None:
                places.setdefault(layer.layer, set()).add(feature.place)
            if feature.size is not None:
                is_line = shapely.get_dimensions(feature.geometry) == 1
                sizes.setdefault((feature.class_key, is_line), []).append(feature.size)
    told: dict[str, list[str]] = {key: [] for key in data.legend}
    for (key, is_line), own in sorted(sizes.items(), key=lambda pair: not pair[0][1]):
        words = (
            f"{len(own)} 段 {length_words(sum(own))}" if is_line else f"{len(own)} 处 {area_words(sum(own))}"
        )
        told.setdefault(key, []).append(words)
    counts = {key: "，".join(words) or "没有" for key, words in told.items()}
    counts |= {layer: f"{len(own):,} {'条' if layer.is_line else '个'}" for layer, own in places.items()}
    registered = sum(f.class_key == REGISTERED.key for layer in data.layers for f in layer.features)
    return counts | ({REGISTERED.key: f"{registered:,} 条"} if registered and of_county else {})


def _source(crs: str, data: MapData) -> str:
    """Return where a map comes from, and what it is not."""
    return (
        f"图：银巡。数据：对象登记、职责和巡查记录，截至 {data.date.isoformat()}。"
        f"坐标系 {crs if len(crs) < 20 else '当地横轴墨卡托'}。界线供志愿巡查使用，不作划界依据。"
    )
