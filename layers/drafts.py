"""Drafts: the places a file would make, with all that has to be told or asked before they are stored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from shapely import LineString, MultiLineString, MultiPolygon
from shapely.geometry.base import BaseGeometry

from layers.errors import BadRow
from layers.features import Remark, Value
from layers.vocabulary import Layer

JOIN = "join"
APART = "apart"


class Source(NamedTuple):
    """A piece of a place and the source feature it came from."""

    id: str
    """ "way/123", the file's own id, or "geo/" and a hash of the piece where the file has no stable id."""
    geometry: BaseGeometry
    """Lon, lat, 2-D, as it came (after repair)."""
    width_m: float | None = None
    """Of the water, or of the road, where something tells it of this piece. One feature can be several."""


@dataclass(frozen=True, slots=True)
class PlaceDraft:
    """A place as a file (or the demo) tells of it, not yet stored or measured.

    Geometry is WGS 84 lon, lat, 2-D: MultiLineString for rivers and roads (touching pieces merged, order and
    direction not yet canonical), MultiPolygon (valid) for grids and compounds, None for 未上图.
    """

    name: str | None
    code: str | None = None
    """The file's own code; None: one has to be made (`layers.codes`)."""
    geometry: MultiLineString | MultiPolygon | None = None
    in_scheme: bool = True
    scheme_stated: bool = True
    """False: nobody said so and `in_scheme` is the default (all areas and all named lines), so that a place
    which is already stored keeps what it has."""
    attributes: Mapping[str, Value] = field(default_factory=dict)
    """By standard names: level, width_m, length_km, township, village, class, surface, start, end, ..."""
    sources: Sequence[Source] = ()
    rows: Sequence[int] = ()
    """The rows of the file it was made of, from 1."""


@dataclass(frozen=True, slots=True)
class Question:
    """A doubt that only a person can settle. Unanswered, places stay apart; rows of a table are left out."""

    id: str
    """Stable from run to run: a hash of what is asked."""
    text: str
    """Plain Chinese."""
    answers: Mapping[str, str]
    """Each possible answer with what it means, in Chinese."""
    rows: Sequence[int] = ()
    """Rows of the file that it is about, from 1."""
    distance_m: float = 0.0
    where: LineString = LineString()  # noqa: RUF009 -- nobody can change it
    """Lon, lat: from the one to the other, for a map; empty where it is not about a distance."""
    answer: str | None = None
    """The answer that was given and carried out."""


@dataclass(frozen=True)
class DraftOptions:
    """How features become drafts."""

    same_name_m: float = 200.0
    """Lines of one name whose ends lie within this distance are one place."""
    scheme: Literal["all"] | frozenset[str] | None = None
    """Who is 纳管 where the file has no such column: all, or these names and codes; None: all areas and all
    named lines."""
    answers: Mapping[str, str] = field(default_factory=dict)
    """Question id to answer."""
    crs: str | None = None
    """The county's metric CRS; None: chosen at the centre of the features."""


@dataclass(frozen=True)
class Draft:
    """All places of a file, and everything a dry run shows beside them."""

    layer: Layer
    places: Sequence[PlaceDraft]
    refused: Sequence[BadRow] = ()
    repaired: Sequence[Remark] = ()
    """Rows whose geometry was repaired, and how."""
    remarks: Sequence[Remark] = ()
    """Rows taken as they are, though something looks odd (a code that fits no standard, ...)."""
    questions: Sequence[Question] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Features left out on purpose, by reason (Chinese)."""
    notes: Sequence[str] = ()
    """About the file as a whole (Chinese)."""
