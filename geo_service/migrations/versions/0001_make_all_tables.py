"""Make all tables."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None

# The record of who did what is only ever added to; not even the service may change it.
REFUSE = """
    create function audit_is_append_only() returns trigger language plpgsql as $$
    begin
        raise exception 'the audit record is append-only' using errcode = 'insufficient_privilege';
    end
    $$
"""
TRIGGERS = (
    "create trigger append_only before update or delete on audit"
    " for each row execute function audit_is_append_only()",
    "create trigger append_only_whole before truncate on audit"
    " for each statement execute function audit_is_append_only()",
)


def upgrade() -> None:
    """Bring the tables forward."""
    op.execute("create extension if not exists postgis")
    op.create_table(
        "audit",
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("os_user", sa.Text(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=True),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_county_at", "audit", ["county_id", "at"], unique=False)
    op.create_table(
        "county",
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("crs", sa.Text(), nullable=True),
        sa.Column("west", sa.Double(), nullable=True),
        sa.Column("south", sa.Double(), nullable=True),
        sa.Column("east", sa.Double(), nullable=True),
        sa.Column("north", sa.Double(), nullable=True),
        sa.Column("made_up", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_county")),
        sa.UniqueConstraint("code", name=op.f("uq_county_code")),
    )
    op.create_table(
        "sign_in_failure",
        sa.Column("key_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("locked_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_sha256", name=op.f("pk_sign_in_failure")),
    )
    op.create_table(
        "area",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column(
            "geom",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_area_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["parent_id"], ["area.id"], name=op.f("fk_area_parent_id_area")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area")),
        sa.UniqueConstraint("county_id", "code", name=op.f("uq_area_county_id_code")),
    )
    op.create_index("ix_area_geom", "area", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_area_parent_id", "area", ["parent_id"], unique=False)
    op.create_table(
        "import",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_import_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import")),
    )
    op.create_table(
        "job",
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column(
            "payload", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("run_after", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("attempts", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column(
            "progress",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_job_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index("ix_job_due", "job", ["state", "run_after"], unique=False)
    op.create_table(
        "person",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=True),
        sa.Column("area_id", sa.Integer(), nullable=True),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["area_id"], ["area.id"], name=op.f("fk_person_area_id_area")),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_person_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("county_id", "number", name=op.f("uq_person_county_id_number")),
    )
    op.create_index("ix_person_name", "person", ["county_id", "name"], unique=False)
    op.create_table(
        "place",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("code_made", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("in_scheme", sa.Boolean(), nullable=False),
        sa.Column("area_id", sa.Integer(), nullable=True),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("version_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["area_id"], ["area.id"], name=op.f("fk_place_area_id_area")),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_place_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place")),
        sa.UniqueConstraint("county_id", "layer", "code", name=op.f("uq_place_county_id_layer_code")),
    )
    op.create_index("ix_place_name", "place", ["county_id", "layer", "name"], unique=False)
    op.create_table(
        "account",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("login", sa.Text(), nullable=True),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("password_changed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column(
            "password_history",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'[]'"),
            nullable=False,
        ),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_account_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    op.create_table(
        "duty",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("spans", postgresql.INT4MULTIRANGE(), nullable=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("in_force", postgresql.DATERANGE(), nullable=False),
        sa.Column("handed_over_from", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_duty_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["handed_over_from"], ["duty.id"], name=op.f("fk_duty_handed_over_from_duty")
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_duty_person_id_person")),
        sa.ForeignKeyConstraint(["place_id"], ["place.id"], name=op.f("fk_duty_place_id_place")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duty")),
    )
    op.create_index("ix_duty_person", "duty", ["county_id", "person_id"], unique=False)
    op.create_index("ix_duty_place", "duty", ["county_id", "place_id"], unique=False)
    op.create_table(
        "patrol",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("walked_m", sa.Double(), nullable=False),
        sa.Column("fixes", sa.Integer(), nullable=False),
        sa.Column(
            "cleaning",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "track",
            Geometry(
                geometry_type="MULTILINESTRINGM",
                srid=4326,
                dimension=3,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("accuracy_m", sa.ARRAY(sa.REAL()), nullable=True),
        sa.Column("verdict", sa.Text(), server_default="counted", nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("void_reason", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_patrol_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_patrol_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_patrol")),
    )
    op.create_index("ix_patrol_day", "patrol", ["county_id", "day"], unique=False)
    op.create_index("ix_patrol_person", "patrol", ["county_id", "person_id", "day"], unique=False)
    op.create_index("ix_patrol_track", "patrol", ["track"], unique=False, postgresql_using="gist")
    op.create_table(
        "place_version",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "line",
            Geometry(
                geometry_type="MULTILINESTRINGM",
                srid=4326,
                dimension=3,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column(
            "polygon",
            Geometry(
                geometry_type="MULTIPOLYGON",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("length_dm", sa.Integer(), nullable=True),
        sa.Column("area_m2", sa.Double(), nullable=True),
        sa.Column("reach_m", sa.Double(), nullable=True),
        sa.Column(
            "sources", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint("(line is null) <> (polygon is null)", name=op.f("ck_place_version_one_geometry")),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_place_version_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["place.id"], name=op.f("fk_place_version_place_id_place"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place_version")),
        sa.UniqueConstraint(
            "county_id", "place_id", "number", name=op.f("uq_place_version_county_id_place_id_number")
        ),
    )
    op.create_index("ix_place_version_line", "place_version", ["line"], unique=False, postgresql_using="gist")
    op.create_index(
        "ix_place_version_polygon", "place_version", ["polygon"], unique=False, postgresql_using="gist"
    )
    op.create_table(
        "account_grant",
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("area_id", sa.Integer(), nullable=True),
        sa.Column("right", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_account_grant_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["area_id"], ["area.id"], name=op.f("fk_account_grant_area_id_area"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_account_grant_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account_grant")),
        sa.UniqueConstraint(
            "county_id", "account_id", "area_id", "right", name="uq_grant", postgresql_nulls_not_distinct=True
        ),
    )
    op.create_table(
        "area_visit",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("dwell_s", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_area_visit_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"], ["patrol.id"], name=op.f("fk_area_visit_patrol_id_patrol"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_area_visit_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("place_version_id", "day", "patrol_id", name=op.f("pk_area_visit")),
    )
    op.create_index("ix_area_visit_patrol", "area_visit", ["patrol_id"], unique=False)
    op.create_table(
        "batch",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("datum", sa.Text(), nullable=False),
        sa.Column("device", sa.Text(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("time_s", sa.ARRAY(sa.Double()), nullable=False),
        sa.Column("lon", sa.ARRAY(sa.Double()), nullable=False),
        sa.Column("lat", sa.ARRAY(sa.Double()), nullable=False),
        sa.Column("accuracy_m", sa.ARRAY(sa.REAL()), nullable=True),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_batch_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"], ["patrol.id"], name=op.f("fk_batch_patrol_id_patrol"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("patrol_id", "id", name=op.f("pk_batch")),
    )
    op.create_index("ix_batch_sha256", "batch", ["county_id", "sha256"], unique=False)
    op.create_table(
        "cell_coverage",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("block_x", sa.Integer(), nullable=False),
        sa.Column("block_y", sa.Integer(), nullable=False),
        sa.Column("seen", postgresql.BIT(length=4096), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_cell_coverage_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"], ["patrol.id"], name=op.f("fk_cell_coverage_patrol_id_patrol"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_cell_coverage_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "place_version_id", "day", "patrol_id", "block_x", "block_y", name=op.f("pk_cell_coverage")
        ),
    )
    op.create_index("ix_cell_coverage_patrol", "cell_coverage", ["patrol_id"], unique=False)
    op.create_table(
        "cell_day",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("block_x", sa.Integer(), nullable=False),
        sa.Column("block_y", sa.Integer(), nullable=False),
        sa.Column("seen", postgresql.BIT(length=4096), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_cell_day_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_cell_day_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("place_version_id", "day", "block_x", "block_y", name=op.f("pk_cell_day")),
    )
    op.create_index("ix_cell_day_day", "cell_day", ["county_id", "day"], unique=False)
    op.create_table(
        "duty_cells",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("duty_id", sa.BigInteger(), nullable=False),
        sa.Column("block_x", sa.Integer(), nullable=False),
        sa.Column("block_y", sa.Integer(), nullable=False),
        sa.Column("cells", postgresql.BIT(length=4096), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_duty_cells_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["duty_id"], ["duty.id"], name=op.f("fk_duty_cells_duty_id_duty"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("duty_id", "block_x", "block_y", name=op.f("pk_duty_cells")),
    )
    op.create_table(
        "line_coverage",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("spans", postgresql.INT4MULTIRANGE(), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_line_coverage_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"], ["patrol.id"], name=op.f("fk_line_coverage_patrol_id_patrol"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_line_coverage_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("place_version_id", "day", "patrol_id", name=op.f("pk_line_coverage")),
    )
    op.create_index("ix_line_coverage_patrol", "line_coverage", ["patrol_id"], unique=False)
    op.create_table(
        "line_day",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("spans", postgresql.INT4MULTIRANGE(), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_line_day_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_line_day_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("place_version_id", "day", name=op.f("pk_line_day")),
    )
    op.create_index("ix_line_day_day", "line_day", ["county_id", "day"], unique=False)
    op.create_table(
        "place_area",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("area_id", sa.Integer(), nullable=False),
        sa.Column("spans", postgresql.INT4MULTIRANGE(), nullable=True),
        sa.ForeignKeyConstraint(
            ["area_id"], ["area.id"], name=op.f("fk_place_area_area_id_area"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_place_area_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_place_area_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("place_version_id", "area_id", name=op.f("pk_place_area")),
    )
    op.create_index("ix_place_area_area", "place_area", ["county_id", "area_id"], unique=False)
    op.create_table(
        "place_cells",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("block_x", sa.Integer(), nullable=False),
        sa.Column("block_y", sa.Integer(), nullable=False),
        sa.Column("inside", postgresql.BIT(length=4096), nullable=False),
        sa.Column("edge_cell", sa.ARRAY(sa.SmallInteger()), nullable=False),
        sa.Column("edge_m2", sa.ARRAY(sa.REAL()), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_place_cells_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_place_cells_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("place_version_id", "block_x", "block_y", name=op.f("pk_place_cells")),
    )
    op.create_table(
        "sign_in",
        sa.Column("secret_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_sign_in_account_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("secret_sha256", name=op.f("pk_sign_in")),
        sa.UniqueConstraint("id", name=op.f("uq_sign_in_id")),
    )
    op.create_index("ix_sign_in_account_id", "sign_in", ["account_id"], unique=False)
    # The two tables refer to each other.
    op.create_foreign_key(
        "fk_place_version", "place", "place_version", ["version_id"], ["id"], deferrable=True
    )
    op.execute(REFUSE)
    for trigger in TRIGGERS:
        op.execute(trigger)
