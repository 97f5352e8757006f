"""The SQL of stretches in a tile: set algebra on the measures of its lines, then one cut a span by its M."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session

from geo_service.accounts.scope import Scope
from geo_service.counting import covering
from geo_service.tiles.queries import Asked
from geo_service.tiles.shape import EXTENT, MARGIN, Form, Tile

_COVERING = str(
    covering().compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})  # type: ignore[no-untyped-call]
)
_STRETCHES = """
with line as (
    select v.id, v.place_id, p.layer, v.drawn,
        case when cast(:areas as int[]) is null then int4multirange(int4range(0, v.length_dm))
        else coalesce((
            select range_agg(a.spans) from place_area a
            where a.place_version_id = v.id and a.area_id = any(cast(:areas as int[]))
        ), '{}') end as whole
    from place_version v join place p on p.id = v.place_id
    where v.id = any(cast(:versions as bigint[]))
),
covered as (
    select place_version_id as id, range_agg(spans) as days,
        range_agg(spans) filter (where day >= cast(:last as date) - 7) as days_7,
        range_agg(spans) filter (where day >= cast(:last as date) - 30) as days_30,
        range_agg(spans) filter (where day >= cast(:last as date) - 90) as days_90
    from line_day
    where place_version_id = any(cast(:versions as bigint[])) and day between :first and :last
    group by place_version_id
),
maybe as (
    select c.place_version_id as id, range_agg(c.ambiguous) as spans
    from line_coverage c join patrol on patrol.id = c.patrol_id
    where c.place_version_id = any(cast(:versions as bigint[])) and c.day between :first and :last
        and not isempty(c.ambiguous) and COVERING
    group by c.place_version_id
),
held as (
    select line.id, range_agg(coalesce(d.spans, line.whole)) as spans
    from line join duty d on d.place_id = line.place_id
    where d.county_id = :county_id and d.kind = :duty and d.in_force @> cast(:last as date)
        and (cast(:level as text) is null or d.level = :level)
    group by line.id
),
told as (
    select line.id, line.place_id, line.layer, line.drawn, line.whole,
        coalesce(days_7, '{}') as days_7, coalesce(days_30, '{}') as days_30,
        coalesce(days_90, '{}') as days_90, coalesce(days, '{}') as days,
        coalesce(maybe.spans, '{}') as maybe, coalesce(held.spans, '{}') as held
    from line left join covered using (id) left join maybe using (id) left join held using (id)
),
piece as (
    select place_id, layer, drawn, class, span
    from told cross join lateral (values
        ('fresh_7', whole * days_7),
        ('fresh_30', whole * (days_30 - days_7)),
        ('fresh_90', whole * (days_90 - days_30)),
        ('fresh_old', whole * (days - days_90)),
        ('uncovered', whole - days - maybe),
        ('ambiguous', whole * (maybe - days)),
        ('unassigned', whole - held),
        ('neglected', whole * held - days)
    ) as part (class, spans), unnest(part.spans) as span
),
shape as (
    select place_id as id, layer, class, upper(span) - lower(span) as length_dm,
        st_collectionextract(
            st_locatebetween(drawn, lower(span) / 10.0::float8, upper(span) / 10.0::float8), 2) as cut
    from piece
)
""".replace("COVERING", _COVERING)
_LAST = {
    Form.MVT: """
        select st_asmvt(t, 'stretches', :extent, 'geom', 'id') from (
            select id, layer, class,
                st_asmvtgeom(cut, st_tileenvelope(:z, :x, :y), :extent, :margin) as geom
            from shape where cut && st_tileenvelope(:z, :x, :y)
        ) t where geom is not null
    """,
    Form.GEOJSON: """
        select json_agg(st_asgeojson(t, 'geom', 6)::json)::text from (
            select id, layer, class,
                st_transform(st_clipbybox2d(cut, st_tileenvelope(:z, :x, :y)), 4326) as geom
            from shape where cut && st_tileenvelope(:z, :x, :y)
        ) t where not st_isempty(geom)
    """,
}
_TEXTS = {form: text(_STRETCHES + last) for form, last in _LAST.items()}


def stretches(
    db: Session, scope: Scope, asked: Asked, versions: Sequence[int], tile: Tile, form: Form
) -> bytes:
    """Return of lines in a tile what was covered when, and the gaps: features of a class of `maps.style`."""
    if not versions:
        return b""
    found = db.scalar(
        _TEXTS[form],
        {
            "versions": list(versions), "areas": None if asked.areas is None else sorted(asked.areas),
            "first": asked.first_day, "last": asked.last_day, "county_id": scope.county_id,
            "duty": asked.duty, "level": asked.level,
            "z": tile.z, "x": tile.x, "y": tile.y, "extent": EXTENT, "margin": MARGIN,
        },
    )  # fmt: skip
    return found.encode() if isinstance(found, str) else bytes(found or b"")
