"""Every table: the language all features share.

`county_id` stands on every row and first in every unique key. Geometry is WGS 84 longitude, latitude
(SRID 4326); the M of a line is metres in the county's CRS, the M of a track is epoch seconds (UTC).
Spans are half-open `int4multirange`s in decimetres along the place's parts in stored order; cells are
`bit(4096)` for a block of 64x64 cells, bit `64*row + column`, counted from the block's south-west cell.
Days are local dates of the county; date ranges are half-open.
"""

import datetime as dt
import uuid
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    ARRAY,
    REAL,
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import BIT, DATERANGE, INT4MULTIRANGE, JSONB, Range
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

CELLS_PER_BLOCK = 4096
"""A block is 64 x 64 cells."""

WEB_MERCATOR = 3857
"""The plane of map tiles."""
DRAWN = f"st_transform(coalesce(line, st_force3dm(polygon)), {WEB_MERCATOR})"
SKETCH = (
    f"case when line is null then st_simplifypreservetopology(st_transform(polygon, {WEB_MERCATOR}), 20)"
    f" else st_simplify(st_force2d(st_transform(line, {WEB_MERCATOR})), 20, true) end"
)

Json = dict[str, Any]
Spans = list[Range[int]]


class Table(DeclarativeBase):
    """Base of all tables, with names for every constraint so that migrations can address them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy's own way)
        str: Text,
        dt.datetime: DateTime(timezone=True),
        float: Double,
        bytes: LargeBinary,
        Json: JSONB,
        list[Any]: JSONB,
    }


def _county() -> Mapped[int]:
    return mapped_column(ForeignKey("county.id", ondelete="CASCADE"), sort_order=-10)


def _geometry(kind: str, *, dimension: int = 2) -> Geometry:
    # The GiST indexes are declared by hand: GeoAlchemy2 and Alembic would each make one.
    return Geometry(kind, srid=4326, dimension=dimension, spatial_index=False)


def _bits() -> Mapped[str]:
    return mapped_column(BIT(CELLS_PER_BLOCK))


def _no_spans() -> Mapped[Spans]:
    return mapped_column(INT4MULTIRANGE, server_default=text("'{}'"))


def _now() -> Mapped[dt.datetime]:
    return mapped_column(server_default=func.now())


class County(Table):
    """A tenant: its clock, its CRS, its extent, and the version of its register."""

    __tablename__ = "county"
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    time_zone: Mapped[str]
    crs: Mapped[str | None]
    """The metric CRS as `layers.crs` writes it; unknown until the extent is."""
    west: Mapped[float | None]
    south: Mapped[float | None]
    east: Mapped[float | None]
    north: Mapped[float | None]
    made_up: Mapped[bool] = mapped_column(server_default=text("false"))
    """A demonstration: shown as such on every page and map."""
    created_at: Mapped[dt.datetime] = _now()


class Area(Table):
    """A node of the county's tree of townships and villages; the root row is the county itself."""

    __tablename__ = "area"
    __table_args__ = (
        UniqueConstraint("county_id", "code"),
        Index("ix_area_geom", "geom", postgresql_using="gist"),
        Index("ix_area_parent_id", "parent_id"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    code: Mapped[str]
    name: Mapped[str]
    level: Mapped[str]
    geom: Mapped[Any | None] = mapped_column(_geometry("MULTIPOLYGON"))
    contact_name: Mapped[str | None]
    """Whom the volunteers of the area telephone, and of those below it that name nobody."""
    contact_phone: Mapped[str | None]


class Place(Table):
    """One river, road, grid or compound; it may exist by name before it has a geometry (未上图)."""

    __tablename__ = "place"
    __table_args__ = (
        UniqueConstraint("county_id", "layer", "code"),
        ForeignKeyConstraint(
            ["version_id"], ["place_version.id"], name="fk_place_version", use_alter=True, deferrable=True
        ),
        Index("ix_place_name", "county_id", "layer", "name"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    layer: Mapped[str]
    code: Mapped[str]
    code_made: Mapped[bool] = mapped_column(server_default=text("false"))
    """Made here, because the file had none: it gives way to the office's own."""
    name: Mapped[str | None]
    in_scheme: Mapped[bool]
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    """The township or village it is listed under, for places without geometry."""
    attributes: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    """What the file said besides (level, width_m, class, ...), by the standard names of `layers`."""
    people_wanted: Mapped[Json | None]
    """How many people it should have (`planning.asked.Numbers`); none: as proposals ask of its layer."""
    version_id: Mapped[int | None] = mapped_column(BigInteger)
    """The version in force; none while 未上图."""
    created_at: Mapped[dt.datetime] = _now()


class PlaceVersion(Table):
    """A place's geometry and measure. A changed geometry makes a new one; old ones stay as history."""

    __tablename__ = "place_version"
    __table_args__ = (
        UniqueConstraint("county_id", "place_id", "number"),
        Index("ix_place_version_line", "line", postgresql_using="gist"),
        Index("ix_place_version_polygon", "polygon", postgresql_using="gist"),
        Index("ix_place_version_axis", "axis", postgresql_using="gist"),
        Index("ix_place_version_drawn", "drawn", postgresql_using="gist"),
        Index("ix_place_version_sketch", "sketch", postgresql_using="gist"),
        CheckConstraint("(line is null) <> (polygon is null)", name="one_geometry"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    place_id: Mapped[int] = mapped_column(ForeignKey("place.id", ondelete="CASCADE"))
    number: Mapped[int]
    line: Mapped[Any | None] = mapped_column(_geometry("MULTILINESTRINGM", dimension=3))
    polygon: Mapped[Any | None] = mapped_column(_geometry("MULTIPOLYGON"))
    length_dm: Mapped[int | None]
    """Length of a line in decimetres, the unit of its spans."""
    area_m2: Mapped[float | None]
    walkable_m2: Mapped[float | None]
    """Of a grid, the area of its `walkable` cells; none: nothing is known, all of it counts."""
    reach_m: Mapped[float | None]
    """A reach of its own; else the layer's."""
    reaches: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """[[from_dm, to_dm, reach_m], ...]: stretches with a reach of their own, as where a river widens."""
    flow: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger), server_default=text("'{}'"))
    """Of each part of a river's centre line, whether water runs in its stored direction (1), against it (-1),
    or nobody knows (0)."""
    axis: Mapped[Any | None] = mapped_column(_geometry("MULTILINESTRING"))
    """The centre line of a river whose banks are apart: its `line` holds the banks."""
    banks: Mapped[Json | None]
    """{"sides": [[from_dm, to_dm, "left"], ...], "breadths": [[from_m, to_m, width_m], ...]}: which part of
    the line is which bank; and how wide the water is, by metres of the axis."""
    sources: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """[{"id": "way/123", "spans": [[from_dm, to_dm], ...]}]: which piece came from which source feature."""
    drawn: Mapped[Any | None] = mapped_column(
        Geometry("GEOMETRYM", srid=WEB_MERCATOR, dimension=3, spatial_index=False),
        Computed(DRAWN, persisted=True),
        deferred=True,
    )
    """The line or polygon as tiles need it, kept by the database itself; a line keeps its M."""
    sketch: Mapped[Any | None] = mapped_column(
        Geometry("GEOMETRY", srid=WEB_MERCATOR, spatial_index=False),
        Computed(SKETCH, persisted=True),
        deferred=True,
    )
    """The same with what is smaller than a pixel left out at the zooms of a whole county."""
    created_at: Mapped[dt.datetime] = _now()


class Shown(Table):
    """How often what maps show was changed: the version of a county's tiles, counted by triggers.

    A transaction counts once, as its last act, so that nobody waits for another's row before that.
    """

    __tablename__ = "shown"
    county_id: Mapped[int] = mapped_column(ForeignKey("county.id", ondelete="CASCADE"), primary_key=True)
    geometry: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    """Places, their versions, where they lie, areas."""
    coverage: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))
    duty: Mapped[int] = mapped_column(BigInteger, server_default=text("0"))


class ShownChange(Table):
    """What a transaction under way changed of what maps show; its end counts it in `shown` and drops it."""

    __tablename__ = "shown_change"
    county_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    part: Mapped[str] = mapped_column(primary_key=True)
    transaction: Mapped[int] = mapped_column(BigInteger, primary_key=True)


class PlaceCells(Table):
    """The cells of an area place, a row a block; edge cells keep their inner area."""

    __tablename__ = "place_cells"
    county_id: Mapped[int] = _county()
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    block_x: Mapped[int] = mapped_column(primary_key=True)
    block_y: Mapped[int] = mapped_column(primary_key=True)
    inside: Mapped[str] = _bits()
    edge_cell: Mapped[list[int]] = mapped_column(ARRAY(SmallInteger))
    edge_m2: Mapped[list[float]] = mapped_column(ARRAY(REAL))
    beside_lines: Mapped[str | None] = mapped_column(BIT(CELLS_PER_BLOCK))
    """Which of `inside` can be seen from the lines of the register; none: these say nothing of the place."""
    walkable: Mapped[str | None] = mapped_column(BIT(CELLS_PER_BLOCK))
    """`beside_lines` and all that walks in the roll-up saw; none: nothing is known, and all of it counts."""


class PlaceArea(Table):
    """Which spans of a place lie in which township or village; null spans: all of an area place."""

    __tablename__ = "place_area"
    __table_args__ = (Index("ix_place_area_area", "county_id", "area_id"),)
    county_id: Mapped[int] = _county()
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id", ondelete="CASCADE"), primary_key=True)
    spans: Mapped[Spans | None] = mapped_column(INT4MULTIRANGE)


class Person(Table):
    """A volunteer or official."""

    __tablename__ = "person"
    __table_args__ = (
        UniqueConstraint("county_id", "number"),
        Index("ix_person_name", "county_id", "name"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    number: Mapped[str | None]
    """The office's own number, if it gives one."""
    name: Mapped[str]
    phone: Mapped[str | None]
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id"))
    attributes: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    deleted_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = _now()


class Duty(Table):
    """A person's responsibility for a place, or for spans or cells of it, while in force."""

    __tablename__ = "duty"
    __table_args__ = (
        Index("ix_duty_place", "county_id", "place_id"),
        Index("ix_duty_person", "county_id", "person_id"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    place_id: Mapped[int] = mapped_column(ForeignKey("place.id"))
    spans: Mapped[Spans | None] = mapped_column(INT4MULTIRANGE)
    """Its stretches on the place's version in force; null: the whole place, or the cells of `duty_cells`."""
    role: Mapped[str]
    kind: Mapped[str]
    level: Mapped[str]
    in_force: Mapped[Range[dt.date]] = mapped_column(DATERANGE)
    handed_over_from: Mapped[int | None] = mapped_column(ForeignKey("duty.id"))
    lost: Mapped[float | None]
    """Metres of a line, square metres of an area, that had no counterpart when the place got a new version;
    null: it fits, or somebody has looked at it since."""
    created_at: Mapped[dt.datetime] = _now()


class DutyCells(Table):
    """The part of an area place that a duty is for, a row a block; no rows: all of it."""

    __tablename__ = "duty_cells"
    county_id: Mapped[int] = _county()
    duty_id: Mapped[int] = mapped_column(ForeignKey("duty.id", ondelete="CASCADE"), primary_key=True)
    block_x: Mapped[int] = mapped_column(primary_key=True)
    block_y: Mapped[int] = mapped_column(primary_key=True)
    cells: Mapped[str] = _bits()


class Patrol(Table):
    """One outing with a track."""

    __tablename__ = "patrol"
    __table_args__ = (
        Index("ix_patrol_day", "county_id", "day"),
        Index("ix_patrol_person", "county_id", "person_id", "day"),
        Index("ix_patrol_track", "track", postgresql_using="gist"),
        Index("ix_patrol_open", "county_id", postgresql_where=text("settled_at is null")),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """Chosen by the client, so that a repeated sending is recognised."""
    evidence: Mapped[str] = mapped_column(server_default="track")
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id", ondelete="SET NULL"))
    """The place it was for, as its walker or the paper says; what it covered is computed."""
    batches_due: Mapped[int | None]
    """How many sendings it has, as its end names them; none: the end has not come."""
    settled_at: Mapped[dt.datetime | None]
    """When it was computed with all it has; none: open, and counts nothing yet."""
    people: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    """How many took part (人次): the walker and companions; 0 if counted with `same_outing_as`."""
    same_outing_as: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("patrol.id", ondelete="SET NULL"))
    """Another patrol that is the same outing: it names this one's walker as companion. Counted there."""
    record: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    """What was noted (domain.md 1.4): weather, checklist, remarks, what was done on the spot."""
    said: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    """What its client said at begin and end and of each photo, with the hashes by which repeats are known."""
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    """None after the person was deleted or the track dropped: what was covered stays."""
    day: Mapped[dt.date]
    """The local date on which it starts."""
    started_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime]
    walked_m: Mapped[float]
    """Length of the cleaned track, before the home cut."""
    fixes: Mapped[int]
    cleaning: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    """Version of the cleaning rules, and how many fixes each of them dropped."""
    track: Mapped[Any | None] = mapped_column(_geometry("MULTILINESTRINGM", dimension=3))
    """Cleaned, home-cut, split at every outage; M = epoch seconds."""
    accuracy_m: Mapped[list[float] | None] = mapped_column(ARRAY(REAL))
    """One number a vertex of the track, in its order."""
    verdict: Mapped[str] = mapped_column(server_default="counted")
    reasons: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """Why: codes of `layers.verdicts` with what is missing."""
    rides_count: Mapped[bool] = mapped_column(server_default=text("true"))
    """Whether what was ridden covers, as the norm of its walker's roles says."""
    rule: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))
    """Version of the rule of matching (`layers.coverage.RULE`) by which its coverage was computed."""
    norm_id: Mapped[int | None] = mapped_column(ForeignKey("norm.id"))
    """The norm it was judged by; none: there was none."""
    reviewed_at: Mapped[dt.datetime | None]
    """Since when the verdict is a person's, which no computation changes."""
    reviewed_by: Mapped[uuid.UUID | None]
    """His account."""
    review_note: Mapped[str | None]
    voided_at: Mapped[dt.datetime | None]
    void_reason: Mapped[str | None]
    created_at: Mapped[dt.datetime] = _now()


class Companion(Table):
    """Somebody who walked along on a patrol."""

    __tablename__ = "companion"
    __table_args__ = (Index("ix_companion_person", "county_id", "person_id"),)
    county_id: Mapped[int] = _county()
    patrol_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("patrol.id", ondelete="CASCADE"), primary_key=True
    )
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)


class Batch(Table):
    """One sending of fixes, as it came; the fixes are dropped after the raw retention.

    Its id and hash stay with the patrol, so that a late repeat is recognised.
    """

    __tablename__ = "batch"
    __table_args__ = (Index("ix_batch_sha256", "county_id", "sha256"),)
    county_id: Mapped[int] = _county()
    patrol_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("patrol.id", ondelete="CASCADE"), primary_key=True
    )
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    sha256: Mapped[bytes]
    datum: Mapped[str]
    device: Mapped[str | None]
    received_at: Mapped[dt.datetime] = _now()
    time_s: Mapped[list[float]] = mapped_column(ARRAY(Double))
    lon: Mapped[list[float]] = mapped_column(ARRAY(Double))
    lat: Mapped[list[float]] = mapped_column(ARRAY(Double))
    accuracy_m: Mapped[list[float] | None] = mapped_column(ARRAY(REAL))


class LineCoverage(Table):
    """What one patrol covered of one line on one local day."""

    __tablename__ = "line_coverage"
    __table_args__ = (
        Index("ix_line_coverage_patrol", "patrol_id"),
        # Few rows hold such stretches: maps of a long window must not read all the others for them.
        Index(
            "ix_line_coverage_ambiguous",
            "county_id",
            "day",
            postgresql_where=text("not isempty(ambiguous)"),
        ),
    )
    county_id: Mapped[int] = _county()
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    patrol_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("patrol.id", ondelete="CASCADE"), primary_key=True
    )
    spans: Mapped[Spans] = mapped_column(INT4MULTIRANGE)
    """Walked; `bridged` is part of it."""
    ridden: Mapped[Spans] = _no_spans()
    """Only ridden: covers if the patrol's `rides_count`."""
    bridged: Mapped[Spans] = _no_spans()
    """Walked during an outage: both ends are on this line, and the time fits."""
    ambiguous: Mapped[Spans] = _no_spans()
    """Maybe walked: another line lies too close to tell them apart. Covers nothing."""


class LineDay(Table):
    """The union of a line's coverage on one local day: what windows read."""

    __tablename__ = "line_day"
    __table_args__ = (Index("ix_line_day_day", "county_id", "day"),)
    county_id: Mapped[int] = _county()
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    spans: Mapped[Spans] = mapped_column(INT4MULTIRANGE)


class LineMonth(Table):
    """The union of a line's days of one month: what long windows read."""

    __tablename__ = "line_month"
    __table_args__ = (Index("ix_line_month_month", "county_id", "month"),)
    county_id: Mapped[int] = _county()
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    month: Mapped[dt.date] = mapped_column(primary_key=True)
    """Its first day."""
    spans: Mapped[Spans] = mapped_column(INT4MULTIRANGE)


class AreaVisit(Table):
    """One patrol's visit to an area place on one local day: the seconds spent inside, how often it came."""

    __tablename__ = "area_visit"
    __table_args__ = (Index("ix_area_visit_patrol", "patrol_id"),)
    county_id: Mapped[int] = _county()
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    patrol_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("patrol.id", ondelete="CASCADE"), primary_key=True
    )
    dwell_s: Mapped[float]
    entries: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))


class CellCoverage(Table):
    """What one patrol saw of one area place on one local day, a row a block."""

    __tablename__ = "cell_coverage"
    __table_args__ = (Index("ix_cell_coverage_patrol", "patrol_id"),)
    county_id: Mapped[int] = _county()
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    patrol_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("patrol.id", ondelete="CASCADE"), primary_key=True
    )
    block_x: Mapped[int] = mapped_column(primary_key=True)
    block_y: Mapped[int] = mapped_column(primary_key=True)
    seen: Mapped[str] = _bits()


class CellDay(Table):
    """The union of an area place's seen cells on one local day, a row a block: what windows read."""

    __tablename__ = "cell_day"
    __table_args__ = (Index("ix_cell_day_day", "county_id", "day"),)
    county_id: Mapped[int] = _county()
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    block_x: Mapped[int] = mapped_column(primary_key=True)
    block_y: Mapped[int] = mapped_column(primary_key=True)
    seen: Mapped[str] = _bits()


class CellMonth(Table):
    """The union of an area place's days of one month, a row a block: what long windows read."""

    __tablename__ = "cell_month"
    __table_args__ = (Index("ix_cell_month_month", "county_id", "month"),)
    county_id: Mapped[int] = _county()
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    month: Mapped[dt.date] = mapped_column(primary_key=True)
    """Its first day."""
    block_x: Mapped[int] = mapped_column(primary_key=True)
    block_y: Mapped[int] = mapped_column(primary_key=True)
    seen: Mapped[str] = _bits()


class Recomputation(Table):
    """A run that computes coverage anew under a rule, to be compared with what is in force, then adopted."""

    __tablename__ = "recomputation"
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    rule: Mapped[int] = mapped_column(SmallInteger)
    """Version of the rule of matching (`layers.coverage.RULE`)."""
    asked: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    """Which patrols: layers, area, since."""
    created_at: Mapped[dt.datetime] = _now()
    finished_at: Mapped[dt.datetime | None]
    adopted_at: Mapped[dt.datetime | None]


class RecomputedPatrol(Table):
    """A patrol of a run: what is done of it is not done again after a stop. It goes when it is adopted."""

    __tablename__ = "recomputed_patrol"
    county_id: Mapped[int] = _county()
    recomputation_id: Mapped[int] = mapped_column(
        ForeignKey("recomputation.id", ondelete="CASCADE"), primary_key=True
    )
    patrol_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("patrol.id", ondelete="CASCADE"), primary_key=True
    )
    inputs: Mapped[str]
    """Hash of its track and of the places around it when it was computed: with another one it is stale."""


class RecomputedLine(Table):
    """What a run says that a patrol covered of a line on a day, as `LineCoverage` would hold it."""

    __tablename__ = "recomputed_line"
    county_id: Mapped[int] = _county()
    recomputation_id: Mapped[int] = mapped_column(
        ForeignKey("recomputation.id", ondelete="CASCADE"), primary_key=True
    )
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    patrol_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("patrol.id", ondelete="CASCADE"), primary_key=True
    )
    spans: Mapped[Spans] = mapped_column(INT4MULTIRANGE)
    ridden: Mapped[Spans] = _no_spans()
    bridged: Mapped[Spans] = _no_spans()
    ambiguous: Mapped[Spans] = _no_spans()


class RecomputedVisit(Table):
    """What a run says of a patrol's visit to an area place on a day, as `AreaVisit` would hold it."""

    __tablename__ = "recomputed_visit"
    county_id: Mapped[int] = _county()
    recomputation_id: Mapped[int] = mapped_column(
        ForeignKey("recomputation.id", ondelete="CASCADE"), primary_key=True
    )
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    patrol_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("patrol.id", ondelete="CASCADE"), primary_key=True
    )
    dwell_s: Mapped[float]
    entries: Mapped[int] = mapped_column(SmallInteger, server_default=text("1"))


class RecomputedCells(Table):
    """What a run says that a patrol saw of an area place on a day, as `CellCoverage` would hold it."""

    __tablename__ = "recomputed_cells"
    county_id: Mapped[int] = _county()
    recomputation_id: Mapped[int] = mapped_column(
        ForeignKey("recomputation.id", ondelete="CASCADE"), primary_key=True
    )
    place_version_id: Mapped[int] = mapped_column(
        ForeignKey("place_version.id", ondelete="CASCADE"), primary_key=True
    )
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    patrol_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("patrol.id", ondelete="CASCADE"), primary_key=True
    )
    block_x: Mapped[int] = mapped_column(primary_key=True)
    block_y: Mapped[int] = mapped_column(primary_key=True)
    seen: Mapped[str] = _bits()


class Account(Table):
    """Someone who signs in: with a password, or a volunteer by the personal link on his card."""

    __tablename__ = "account"
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    login: Mapped[str | None] = mapped_column(unique=True)
    password_hash: Mapped[str | None]
    password_changed_at: Mapped[dt.datetime | None]
    must_change_password: Mapped[bool] = mapped_column(server_default=text("false"))
    password_history: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """The hashes of the latest passwords, the one in force first: they cannot be taken again."""
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    disabled_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = _now()


class Grant(Table):
    """An account's right over an area and all below it; no area: the whole county; no county: all."""

    __tablename__ = "account_grant"
    __table_args__ = (
        UniqueConstraint(
            "county_id", "account_id", "area_id", "right", name="uq_grant", postgresql_nulls_not_distinct=True
        ),
    )
    county_id: Mapped[int | None] = mapped_column(ForeignKey("county.id", ondelete="CASCADE"))
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id", ondelete="CASCADE"))
    right: Mapped[str]


class SignIn(Table):
    """A way in that is held by a secret, stored hashed."""

    __tablename__ = "sign_in"
    __table_args__ = (Index("ix_sign_in_account_id", "account_id"),)
    secret_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, Identity(), unique=True)
    """Its public number, to list and revoke it by."""
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    kind: Mapped[str]
    """session, change (a session that is only good for changing the password), token (of a program), link
    (one use), card (a volunteer's personal link), phone (a session that a card opened), recorder (another
    app)"""
    name: Mapped[str | None]
    """What a token is for, which card it is, which phone or app."""
    from_id: Mapped[int | None] = mapped_column(ForeignKey("sign_in.id", ondelete="CASCADE"))
    """The card that opened a phone's session; it ends with the card."""
    admitted_at: Mapped[dt.datetime | None]
    """Since when a phone may be used: the first one at once, others when a coordinator says so."""
    created_at: Mapped[dt.datetime] = _now()
    used_at: Mapped[dt.datetime] = _now()
    expires_at: Mapped[dt.datetime | None]
    revoked_at: Mapped[dt.datetime | None]


class SignInFailure(Table):
    """Wrong passwords of late, for one login (known or not) or one network address."""

    __tablename__ = "sign_in_failure"
    key_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    """Of "login:..." or "address:...": neither is kept in clear."""
    failures: Mapped[int] = mapped_column(server_default=text("0"))
    first_at: Mapped[dt.datetime] = _now()
    locked_until: Mapped[dt.datetime | None]


class Audit(Table):
    """Who did what when, append-only; opaque ids only, never names, coordinates or secrets."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_county_at", "county_id", "at"),)
    county_id: Mapped[int | None]
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    at: Mapped[dt.datetime] = _now()
    account_id: Mapped[uuid.UUID | None]
    os_user: Mapped[str | None]
    """The user of the operating system, for commands."""
    request_id: Mapped[str | None]
    action: Mapped[str]
    subject: Mapped[str | None]
    """Kind and opaque id, as in "patrol/0192...". """
    detail: Mapped[Json] = mapped_column(server_default=text("'{}'"))


class Job(Table):
    """Slow or scheduled work, claimed with SKIP LOCKED."""

    __tablename__ = "job"
    __table_args__ = (Index("ix_job_due", "state", "run_after"),)
    county_id: Mapped[int | None] = mapped_column(ForeignKey("county.id", ondelete="CASCADE"))
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str]
    payload: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    state: Mapped[str] = mapped_column(server_default="waiting")
    """waiting, running, done, failed"""
    run_after: Mapped[dt.datetime] = _now()
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    progress: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    """{"done": 12, "of": 40, "what": "..."} for whoever watches."""
    error: Mapped[str | None]
    created_at: Mapped[dt.datetime] = _now()
    finished_at: Mapped[dt.datetime | None]


class Import(Table):
    """One import that changed something: which file, by its hash, and what it did."""

    __tablename__ = "import"
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    what: Mapped[str]
    """areas, river, road, grid, compound, roster, duties, demo"""
    file_name: Mapped[str]
    sha256: Mapped[bytes]
    summary: Mapped[Json]
    created_at: Mapped[dt.datetime] = _now()


class Service(Table):
    """An activity without a track: who is in `service_person`, and when, where, for how many."""

    __tablename__ = "service"
    __table_args__ = (Index("ix_service_day", "county_id", "day"),)
    county_id: Mapped[int] = _county()
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """Chosen by the client, so that a repeated sending is recognised by `sha256`."""
    kind: Mapped[str]
    day: Mapped[dt.date]
    hours: Mapped[float]
    """Of each who took part."""
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id", ondelete="SET NULL"))
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id", ondelete="SET NULL"))
    people: Mapped[int] = mapped_column(SmallInteger)
    """How many took part (人次); stays when somebody is forgotten."""
    people_served: Mapped[int | None]
    note: Mapped[str | None]
    evidence: Mapped[str]
    sha256: Mapped[bytes]
    """Of what was sent."""
    verdict: Mapped[str] = mapped_column(server_default="counted")
    voided_at: Mapped[dt.datetime | None]
    void_reason: Mapped[str | None]
    created_at: Mapped[dt.datetime] = _now()


class ServicePerson(Table):
    """Somebody who took part in a service."""

    __tablename__ = "service_person"
    __table_args__ = (Index("ix_service_person_person", "county_id", "person_id"),)
    county_id: Mapped[int] = _county()
    service_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("service.id", ondelete="CASCADE"), primary_key=True
    )
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)


class Norm(Table):
    """What is expected, as data: a draft until it is adopted, and from then on never changed."""

    __tablename__ = "norm"
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str]
    rule: Mapped[Json]
    """As `layers.norms` reads it."""
    in_force: Mapped[Range[dt.date] | None] = mapped_column(DATERANGE)
    """From its adoption on; none: a draft. It judges what began on these days, and nothing before."""
    created_at: Mapped[dt.datetime] = _now()


class Exemption(Table):
    """Days on which nothing is due of a person or in an area, or on which somebody stands in."""

    __tablename__ = "exemption"
    __table_args__ = (Index("ix_exemption_person", "county_id", "person_id"),)
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    kind: Mapped[str]
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    """Of a leave or a substitute."""
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id", ondelete="CASCADE"))
    """Of the weather; none: the whole county."""
    substitute_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    days: Mapped[Range[dt.date]] = mapped_column(DATERANGE)
    reason: Mapped[str | None]
    created_at: Mapped[dt.datetime] = _now()


class FigureEntry(Table):
    """A figure entered by hand, for a period: who entered it, and on what it rests."""

    __tablename__ = "figure_entry"
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    figure: Mapped[str]
    """Its code, as in X6."""
    days: Mapped[Range[dt.date]] = mapped_column(DATERANGE)
    value: Mapped[float]
    note: Mapped[str]
    """What it rests on, in words; files stand in `stored_file`."""
    account_id: Mapped[uuid.UUID | None]
    os_user: Mapped[str | None]
    withdrawn_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = _now()


class IssuedReport(Table):
    """Figures as they were issued: a snapshot with the ids of the rows behind them, never changed."""

    __tablename__ = "issued_report"
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    title: Mapped[str]
    days: Mapped[Range[dt.date]] = mapped_column(DATERANGE)
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id", ondelete="SET NULL"))
    figures: Mapped[list[Any]]
    account_id: Mapped[uuid.UUID | None]
    os_user: Mapped[str | None]
    created_at: Mapped[dt.datetime] = _now()


class StoredFile(Table):
    """A kept file: its bytes lie under their SHA-256 in one folder, whoever else has the same."""

    __tablename__ = "stored_file"
    __table_args__ = (
        Index("ix_stored_file_sha256", "sha256"),
        Index("ix_stored_file_subject", "county_id", "subject"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    sha256: Mapped[bytes]
    size: Mapped[int] = mapped_column(BigInteger)
    kind: Mapped[str]
    subject: Mapped[str]
    """What it belongs to, as in "patrol/0192...", "service/...", "import/12", "figure_entry/3"."""
    media_type: Mapped[str]
    name: Mapped[str | None]
    """As it was sent; nothing is opened by it."""
    created_at: Mapped[dt.datetime] = _now()


class Consent(Table):
    """What a person agreed to: the words by their version and hash, since when, and until when."""

    __tablename__ = "consent"
    __table_args__ = (
        Index(
            "uq_consent_in_force", "county_id", "person_id", "purpose", unique=True,
            postgresql_where=text("withdrawn_at is null"),
        ),
    )  # fmt: skip
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    purpose: Mapped[str]
    version: Mapped[int] = mapped_column(SmallInteger)
    text_sha256: Mapped[bytes]
    channel: Mapped[str]
    """phone, or paper (a coordinator keeps the signed sheet)"""
    account_id: Mapped[uuid.UUID | None]
    """Who entered it."""
    given_at: Mapped[dt.datetime] = _now()
    withdrawn_at: Mapped[dt.datetime | None]


class Plate(Table):
    """A plate with a QR code at a place: its opaque id stands in the address behind the code."""

    __tablename__ = "plate"
    __table_args__ = (
        Index("ix_plate_place_id", "place_id"),
        Index("ix_plate_point", "point", postgresql_using="gist"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[str] = mapped_column(primary_key=True)
    place_id: Mapped[int] = mapped_column(ForeignKey("place.id", ondelete="CASCADE"))
    name: Mapped[str | None]
    """Where it hangs, in words."""
    point: Mapped[Any | None] = mapped_column(_geometry("POINT"))
    """Where it hangs; none: somewhere along the place."""
    created_at: Mapped[dt.datetime] = _now()
    revoked_at: Mapped[dt.datetime | None]


class CheckIn(Table):
    """A scan of a plate on a patrol, under an id of the phone's."""

    __tablename__ = "check_in"
    __table_args__ = (Index("ix_check_in_patrol_id", "patrol_id"),)
    county_id: Mapped[int] = _county()
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    patrol_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("patrol.id", ondelete="CASCADE"))
    plate_id: Mapped[str | None] = mapped_column(ForeignKey("plate.id", ondelete="SET NULL"))
    sha256: Mapped[bytes]
    at: Mapped[dt.datetime]
    received_at: Mapped[dt.datetime] = _now()
    lon: Mapped[float | None]
    """WGS 84, like `lat`; none: the phone told no position."""
    lat: Mapped[float | None]
    accuracy_m: Mapped[float | None]
    away_m: Mapped[float | None]
    """From the plate, or from its place."""
    is_near: Mapped[bool]
    """Whether that was near enough, as it was decided when it came."""


class Alert(Table):
    """Something about a person on the way that a coordinator must look at."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("ix_alert_open", "county_id", postgresql_where=text("closed_at is null")),
        Index("uq_alert", "county_id", "kind", "patrol_id", unique=True),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    kind: Mapped[str]
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    patrol_id: Mapped[uuid.UUID]
    """As the phone knows it: a call for help may come before anything else of the patrol."""
    lon: Mapped[float | None]
    """Where he called from, WGS 84, like `lat`."""
    lat: Mapped[float | None]
    raised_at: Mapped[dt.datetime] = _now()
    closed_at: Mapped[dt.datetime | None]
    closed_by: Mapped[uuid.UUID | None]
    note: Mapped[str | None]


class Notice(Table):
    """A word to the volunteers of an area for some time, such as heat or a storm."""

    __tablename__ = "notice"
    __table_args__ = (Index("ix_notice_until", "county_id", "until"),)
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id", ondelete="CASCADE"))
    """None: the whole county."""
    kind: Mapped[str]
    text: Mapped[str]
    since: Mapped[dt.datetime]
    until: Mapped[dt.datetime]
    account_id: Mapped[uuid.UUID | None]
    created_at: Mapped[dt.datetime] = _now()


class RecordedFix(Table):
    """A fix from another recorder, until its person says what outing it belongs to; then only its time."""

    __tablename__ = "recorded_fix"
    __table_args__ = (
        Index("ix_recorded_fix_patrol_id", "patrol_id"),
        Index("ix_recorded_fix_received_at", "received_at"),
    )
    county_id: Mapped[int] = _county()
    recorder_id: Mapped[int] = mapped_column(ForeignKey("sign_in.id", ondelete="CASCADE"), primary_key=True)
    time_s: Mapped[float] = mapped_column(primary_key=True)
    lon: Mapped[float | None]
    """As it was sent, like `lat`; none: its person has decided."""
    lat: Mapped[float | None]
    accuracy_m: Mapped[float | None] = mapped_column(REAL)
    is_doubtful: Mapped[bool] = mapped_column(server_default=text("false"))
    """Sent by hand: some phones send such a fix, and only this, in GCJ-02."""
    received_at: Mapped[dt.datetime] = _now()
    decided_at: Mapped[dt.datetime | None]
    """When its person said that it is part of a patrol, or of none."""
    patrol_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("patrol.id", ondelete="SET NULL"))
    """The patrol that it is part of: what comes late for the time of this joins it."""


class Quarantined(Table):
    """A fix of a device that nobody knows: kept for some days, in case it is made known."""

    __tablename__ = "quarantined"
    __table_args__ = (Index("ix_quarantined_received_at", "received_at"),)
    key_sha256: Mapped[bytes] = mapped_column(primary_key=True)
    """Of the id under which it sends."""
    time_s: Mapped[float] = mapped_column(primary_key=True)
    county_id: Mapped[int | None] = mapped_column(ForeignKey("county.id", ondelete="CASCADE"))
    """In whose box it lies; none: in no county's."""
    app: Mapped[str]
    """In whose words it was sent."""
    key_end: Mapped[str]
    """The last characters of the id, by which its owner knows it."""
    lon: Mapped[float]
    lat: Mapped[float]
    accuracy_m: Mapped[float | None] = mapped_column(REAL)
    is_doubtful: Mapped[bool] = mapped_column(server_default=text("false"))
    received_at: Mapped[dt.datetime] = _now()


class CategoryEdition(Table):
    """A county's tree of problem categories; the latest is in use, and a case keeps its own."""

    __tablename__ = "category_edition"
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str]
    categories: Mapped[list[Any]]
    """As `layers.categories` reads them."""
    created_at: Mapped[dt.datetime] = _now()


class CaseRuleSet(Table):
    """What a county says of handling cases, as `layers.case_rules` reads it."""

    __tablename__ = "case_rule_set"
    county_id: Mapped[int] = mapped_column(ForeignKey("county.id", ondelete="CASCADE"), primary_key=True)
    rules: Mapped[Json]
    changed_at: Mapped[dt.datetime] = _now()


class CalendarDay(Table):
    """A day of which the office says whether it is a working day."""

    __tablename__ = "calendar_day"
    county_id: Mapped[int] = mapped_column(ForeignKey("county.id", ondelete="CASCADE"), primary_key=True)
    day: Mapped[dt.date] = mapped_column(primary_key=True)
    is_working: Mapped[bool]
    name: Mapped[str | None]


class Unit(Table):
    """A unit that handles problems: a station, a company, a village committee; often without an account."""

    __tablename__ = "unit"
    __table_args__ = (UniqueConstraint("county_id", "name"),)
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str]
    contact: Mapped[str | None]
    phone: Mapped[str | None]
    retired_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = _now()


class UnitTask(Table):
    """What a unit handles: a kind or category of problems (none: all) in an area (none: the county)."""

    __tablename__ = "unit_task"
    __table_args__ = (
        UniqueConstraint("county_id", "unit_id", "category", "area_id", postgresql_nulls_not_distinct=True),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id", ondelete="CASCADE"))
    category: Mapped[str | None]
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id", ondelete="CASCADE"))


class UnitMember(Table):
    """An account that handles the cases of a unit."""

    __tablename__ = "unit_member"
    __table_args__ = (Index("ix_unit_member_account_id", "account_id"),)
    county_id: Mapped[int] = _county()
    unit_id: Mapped[int] = mapped_column(ForeignKey("unit.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True
    )


class Case(Table):
    """A problem and its handling: where it lies, whose it is, how far it is (`layers.cases.Standing`)."""

    __tablename__ = "case"
    __table_args__ = (
        UniqueConstraint("county_id", "number"),
        Index("ix_case_due", "county_id", "due_at", postgresql_where=text("due_at is not null")),
        Index(
            "ix_case_open",
            "county_id",
            "due_at",
            "id",
            postgresql_where=text("state not in ('closed', 'rejected', 'merged')"),
        ),
        Index("ix_case_opened", "county_id", "opened_at"),
        Index("ix_case_area", "county_id", "area_id"),
        Index("ix_case_unit", "unit_id"),
        Index("ix_case_place", "county_id", "place_id", "kind", "at_dm"),
        Index("ix_case_point", "point", postgresql_using="gist"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    number: Mapped[str]
    """What people call it: the year and a running number."""
    category_edition_id: Mapped[int | None] = mapped_column(ForeignKey("category_edition.id"))
    """None: the tree that comes with the service."""
    kind: Mapped[str]
    category: Mapped[str]
    severity: Mapped[str]
    words: Mapped[str | None]
    """What it is about, in a sentence."""
    point: Mapped[Any | None] = mapped_column(_geometry("POINT"))
    place_id: Mapped[int | None] = mapped_column(ForeignKey("place.id", ondelete="SET NULL"))
    at_dm: Mapped[int | None]
    """Where along a line it lies, on the version in force when it was told, in decimetres."""
    place_version_id: Mapped[int | None] = mapped_column(ForeignKey("place_version.id", ondelete="SET NULL"))
    away_m: Mapped[float | None]
    """How far from the place."""
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id", ondelete="SET NULL"))
    """The smallest area in which it lies."""
    opened_at: Mapped[dt.datetime]
    """When the first report of it came."""
    dispatched_at: Mapped[dt.datetime | None]
    done_at: Mapped[dt.datetime | None]
    closed_at: Mapped[dt.datetime | None]
    state: Mapped[str]
    since: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime | None]
    limit_s: Mapped[float | None]
    left_s: Mapped[float | None]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    into_id: Mapped[int | None] = mapped_column(ForeignKey("case.id"))
    asked_days: Mapped[int | None]
    is_late: Mapped[bool] = mapped_column(server_default=text("false"))
    reworks: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    reopened: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    supervision: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    reminded: Mapped[int] = mapped_column(SmallInteger, server_default=text("0"))
    hands: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    """Who took which part, by the keys of `layers.cases.Doer`."""
    created_at: Mapped[dt.datetime] = _now()


class CaseStep(Table):
    """One step of a case, append-only: who, when, from where to where, with what."""

    __tablename__ = "case_step"
    __table_args__ = (Index("ix_case_step_case", "case_id", "id"),)
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"))
    move: Mapped[str]
    at: Mapped[dt.datetime]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    account_id: Mapped[uuid.UUID | None]
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    """The volunteer who took it, or who told the report."""
    os_user: Mapped[str | None]
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("unit.id"))
    """To whom it was given, or whose step it is."""
    words: Mapped[str | None]
    data: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    """What it came with: days, the case it joined, what was corrected from what to what."""


class Report(Table):
    """A problem as one person told it; several can join one case."""

    __tablename__ = "report"
    __table_args__ = (
        Index("ix_report_case", "case_id"),
        Index("ix_report_person", "county_id", "person_id"),
        Index("ix_report_patrol", "patrol_id"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    """Chosen by the client, so that a repeated sending is recognised by `sha256`."""
    case_id: Mapped[int] = mapped_column(ForeignKey("case.id", ondelete="CASCADE"))
    channel: Mapped[str]
    person_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("person.id"))
    """The volunteer who told it; none: somebody else, or he was forgotten."""
    account_id: Mapped[uuid.UUID | None]
    """Who entered it."""
    sha256: Mapped[bytes]
    at: Mapped[dt.datetime]
    """When it was seen: at the shutter."""
    received_at: Mapped[dt.datetime] = _now()
    category: Mapped[str]
    words: Mapped[str | None]
    lon: Mapped[float | None]
    """WGS 84, like `lat`; none: only the place was told."""
    lat: Mapped[float | None]
    accuracy_m: Mapped[float | None]
    patrol_id: Mapped[uuid.UUID | None]
    """The patrol under way, as the phone knows it: its report may come before it."""
    plate_id: Mapped[str | None] = mapped_column(ForeignKey("plate.id", ondelete="SET NULL"))
    caller: Mapped[str | None]
    """Who told it by telephone or as a stranger, if he said so."""
    caller_phone: Mapped[str | None]
    is_solved: Mapped[bool] = mapped_column(server_default=text("false"))
    """Settled on the spot, as its reporter says."""
    photos: Mapped[list[Any]] = mapped_column(server_default=text("'[]'"))
    """[{"id": uuid, "sha256": hex, "size": bytes}]: those announced; what came is in `stored_file`."""


class PhotoPiece(Table):
    """A piece of a photo on its way; gone when all are in."""

    __tablename__ = "photo_piece"
    __table_args__ = (Index("ix_photo_piece_received_at", "received_at"),)
    county_id: Mapped[int] = _county()
    photo_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    offset: Mapped[int] = mapped_column(primary_key=True)
    """Where it begins, in bytes."""
    report_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("report.id", ondelete="CASCADE"))
    content: Mapped[bytes]
    received_at: Mapped[dt.datetime] = _now()


class MessageChannel(Table):
    """Where messages go: a robot of a group, a mailbox, a webhook. Off until somebody turns it on."""

    __tablename__ = "message_channel"
    __table_args__ = (UniqueConstraint("county_id", "name"),)
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    name: Mapped[str]
    url: Mapped[str]
    """As Apprise reads it: it holds the robot's key, and is shown to nobody."""
    area_id: Mapped[int | None] = mapped_column(ForeignKey("area.id", ondelete="CASCADE"))
    """Of which area it is told; none: of the whole county."""
    topics: Mapped[list[str]] = mapped_column(ARRAY(Text))
    is_on: Mapped[bool] = mapped_column(server_default=text("false"))
    created_at: Mapped[dt.datetime] = _now()


class Message(Table):
    """Something that a channel is to be told, until it was."""

    __tablename__ = "message"
    __table_args__ = (
        Index("ix_message_waiting", "channel_id", "id", postgresql_where=text("sent_at is null")),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    channel_id: Mapped[int] = mapped_column(ForeignKey("message_channel.id", ondelete="CASCADE"))
    topic: Mapped[str]
    body: Mapped[str]
    """Without anything personal: a group reads it."""
    created_at: Mapped[dt.datetime] = _now()
    send_after: Mapped[dt.datetime] = _now()
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    error: Mapped[str | None]
    sent_at: Mapped[dt.datetime | None]


class Readiness(Table):
    """What a person is ready to take, and where: limits and wishes; without a row the usual ones hold."""

    __tablename__ = "readiness"
    county_id: Mapped[int] = _county()
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"), primary_key=True)
    is_open: Mapped[bool] = mapped_column(server_default=text("true"))
    """Whether he takes anything more at present."""
    most_places: Mapped[int | None] = mapped_column(SmallInteger)
    most_m: Mapped[int | None]
    farthest_m: Mapped[int | None]
    layers: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    """None: all."""
    likes: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    """Places that he would like."""
    avoids: Mapped[list[int]] = mapped_column(ARRAY(BigInteger), server_default=text("'{}'"))
    changed_at: Mapped[dt.datetime] = _now()


class Proposal(Table):
    """Who could take what nobody has, in an area: asked, solved, changed by hand, solved again, accepted."""

    __tablename__ = "proposal"
    __table_args__ = (Index("ix_proposal_area", "county_id", "area_id"),)
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(Integer, Identity(), primary_key=True)
    area_id: Mapped[int] = mapped_column(ForeignKey("area.id", ondelete="CASCADE"))
    asked: Mapped[Json]
    """As `planning.asked` reads it."""
    result: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    """Of the last solution: what was reached, what is not met and why; people by id only."""
    state: Mapped[str] = mapped_column(server_default="open")
    account_id: Mapped[uuid.UUID | None]
    os_user: Mapped[str | None]
    solved_at: Mapped[dt.datetime | None]
    created_at: Mapped[dt.datetime] = _now()


class ProposalLine(Table):
    """One person for one place or stretches of it, as proposed, fixed, refused or accepted."""

    __tablename__ = "proposal_line"
    __table_args__ = (
        Index("ix_proposal_line_proposal", "proposal_id"),
        Index("ix_proposal_line_person", "county_id", "person_id"),
    )
    county_id: Mapped[int] = _county()
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    proposal_id: Mapped[int] = mapped_column(ForeignKey("proposal.id", ondelete="CASCADE"))
    place_id: Mapped[int] = mapped_column(ForeignKey("place.id", ondelete="CASCADE"))
    place_version_id: Mapped[int | None] = mapped_column(ForeignKey("place_version.id", ondelete="SET NULL"))
    """The version on which `spans` are measured."""
    spans: Mapped[Spans | None] = mapped_column(INT4MULTIRANGE)
    person_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("person.id"))
    role: Mapped[str]
    state: Mapped[str]
    reasons: Mapped[Json] = mapped_column(server_default=text("'{}'"))
    duty_id: Mapped[int | None] = mapped_column(ForeignKey("duty.id", ondelete="SET NULL"))
    """What it became."""


class Deletion(Table):
    """A person that was forgotten: an opaque id, replayed after a restore of an older backup."""

    __tablename__ = "deletion"
    county_id: Mapped[int] = _county()
    person_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    deleted_at: Mapped[dt.datetime] = _now()
