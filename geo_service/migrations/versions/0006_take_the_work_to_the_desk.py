"""Take the day's work to the desk: duties that no longer fit, proposals, tiles with what changed of them."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"

DRAWN = "st_transform(coalesce(line, st_force3dm(polygon)), 3857)"
SKETCH = (
    "case when line is null then st_simplifypreservetopology(st_transform(polygon, 3857), 20)"
    " else st_simplify(st_force2d(st_transform(line, 3857)), 20, true) end"
)

# Counted at the end of a transaction: an import that waits for a lock of the county's coverage must not hold
# a row that who holds that lock wants.
COUNTED = """
    create function shown_counted() returns trigger language plpgsql as $$
    begin
        insert into shown as s (county_id, geometry, coverage, duty)
        select id, (new.part = 'geometry')::int, (new.part = 'coverage')::int, (new.part = 'duty')::int
        from county where id = new.county_id
        on conflict (county_id) do update set
            geometry = s.geometry + excluded.geometry,
            coverage = s.coverage + excluded.coverage,
            duty = s.duty + excluded.duty;
        delete from shown_change
        where (county_id, part, transaction) = (new.county_id, new.part, new.transaction);
        return null;
    end $$;
    create constraint trigger shown_counted after insert on shown_change
        deferrable initially deferred for each row execute function shown_counted();
"""
CHANGED = """
    create function shown_changed() returns trigger language plpgsql as $$
    begin
        insert into shown_change (county_id, part, transaction)
        select distinct county_id, tg_argv[0], pg_current_xact_id()::text::bigint from changed
        on conflict do nothing;
        return null;
    end $$
"""
# Of a patrol only what says whether it covers, and who walked it; its photos and notes change no map, nor
# does a phone's next fix, which comes so often that nothing may be called for it.
JUDGED = """
    create function shown_judged() returns trigger language plpgsql as $$
    begin
        insert into shown_change (county_id, part, transaction)
        values (new.county_id, 'coverage', pg_current_xact_id()::text::bigint)
        on conflict do nothing;
        return null;
    end $$;
    create trigger shown_judged after update on patrol for each row
        when (
            (new.verdict, new.voided_at, new.settled_at, new.rides_count, new.same_outing_as, new.person_id)
            is distinct from
            (old.verdict, old.voided_at, old.settled_at, old.rides_count, old.same_outing_as, old.person_id)
        )
        execute function shown_judged();
"""
PARTS = {
    "place": "geometry", "place_version": "geometry", "place_area": "geometry", "area": "geometry",
    "line_coverage": "coverage", "line_day": "coverage", "area_visit": "coverage", "cell_day": "coverage",
    "duty": "duty", "duty_cells": "duty",
}  # fmt: skip
EVENTS = {"insert": "new", "update": "new", "delete": "old"}
# A version's geometry never changes; what does is how much of it counts, with walks.
OTHERWISE = {("place_version", "update"): "coverage"}


def upgrade() -> None:
    """Bring the tables forward."""
    op.add_column("duty", sa.Column("lost", sa.Double(), nullable=True))
    op.add_column("place", sa.Column("people_wanted", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    _proposals()
    _tiles()


def _proposals() -> None:
    """Make what people are ready for, proposals and their lines."""
    op.create_table(
        "readiness",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("is_open", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("most_places", sa.SmallInteger(), nullable=True),
        sa.Column("most_m", sa.Integer(), nullable=True),
        sa.Column("farthest_m", sa.Integer(), nullable=True),
        sa.Column("layers", sa.ARRAY(sa.Text()), nullable=True),
        sa.Column("likes", sa.ARRAY(sa.BigInteger()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("avoids", sa.ARRAY(sa.BigInteger()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_readiness_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_readiness_person_id_person")),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_readiness")),
    )
    op.create_table(
        "proposal",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("area_id", sa.Integer(), nullable=False),
        sa.Column("asked", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "result", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("state", sa.Text(), server_default="open", nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("os_user", sa.Text(), nullable=True),
        sa.Column("solved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["area_id"], ["area.id"], name=op.f("fk_proposal_area_id_area"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_proposal_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
    )
    op.create_index("ix_proposal_area", "proposal", ["county_id", "area_id"], unique=False)
    op.create_table(
        "proposal_line",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("proposal_id", sa.Integer(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=True),
        sa.Column("spans", postgresql.INT4MULTIRANGE(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column(
            "reasons", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("duty_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_proposal_line_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["duty_id"], ["duty.id"], name=op.f("fk_proposal_line_duty_id_duty"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_proposal_line_person_id_person")),
        sa.ForeignKeyConstraint(
            ["place_id"], ["place.id"], name=op.f("fk_proposal_line_place_id_place"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_proposal_line_place_version_id_place_version"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["proposal_id"],
            ["proposal.id"],
            name=op.f("fk_proposal_line_proposal_id_proposal"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal_line")),
    )
    op.create_index("ix_proposal_line_proposal", "proposal_line", ["proposal_id"], unique=False)
    op.create_index("ix_proposal_line_person", "proposal_line", ["county_id", "person_id"], unique=False)


def _tiles() -> None:
    """Make a copy of every geometry in the plane of tiles, and a count of what changed of what they show."""
    for name, kind, made, dimension in (("drawn", "GEOMETRYM", DRAWN, 3), ("sketch", "GEOMETRY", SKETCH, 2)):
        of = Geometry(kind, srid=3857, dimension=dimension, spatial_index=False)
        op.add_column("place_version", sa.Column(name, of, sa.Computed(made, persisted=True)))
        op.create_index(f"ix_place_version_{name}", "place_version", [name], postgresql_using="gist")
    op.create_table(
        "shown",
        sa.Column("county_id", sa.Integer(), nullable=False),
        *(
            sa.Column(part, sa.BigInteger(), server_default=sa.text("0"), nullable=False)
            for part in ("geometry", "coverage", "duty")
        ),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_shown_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("county_id", name=op.f("pk_shown")),
    )
    op.create_table(
        "shown_change",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("transaction", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("county_id", "part", "transaction", name=op.f("pk_shown_change")),
    )
    for statement in (COUNTED, CHANGED, JUDGED):
        op.execute(statement)
    for table, part in PARTS.items():
        for event, rows in EVENTS.items():
            op.execute(
                f"create trigger shown_{event} after {event} on {table}"
                f" referencing {rows} table as changed"
                f" for each statement execute function shown_changed('{OTHERWISE.get((table, event), part)}')"
            )
