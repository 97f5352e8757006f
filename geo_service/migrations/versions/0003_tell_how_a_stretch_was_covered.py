"""Tell how a stretch was covered; keep months; let runs compute coverage anew beside what is in force."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Bring the tables forward."""
    op.create_table(
        "recomputation",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("rule", sa.SmallInteger(), nullable=False),
        sa.Column(
            "asked", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("adopted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_recomputation_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_recomputation")),
    )
    op.create_table(
        "cell_month",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("block_x", sa.Integer(), nullable=False),
        sa.Column("block_y", sa.Integer(), nullable=False),
        sa.Column("seen", postgresql.BIT(length=4096), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_cell_month_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_cell_month_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "place_version_id", "month", "block_x", "block_y", name=op.f("pk_cell_month")
        ),
    )
    op.create_index("ix_cell_month_month", "cell_month", ["county_id", "month"], unique=False)
    op.create_table(
        "line_month",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False),
        sa.Column("spans", postgresql.INT4MULTIRANGE(), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_line_month_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_line_month_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("place_version_id", "month", name=op.f("pk_line_month")),
    )
    op.create_index("ix_line_month_month", "line_month", ["county_id", "month"], unique=False)
    op.create_table(
        "recomputed_cells",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("recomputation_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("block_x", sa.Integer(), nullable=False),
        sa.Column("block_y", sa.Integer(), nullable=False),
        sa.Column("seen", postgresql.BIT(length=4096), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"],
            ["county.id"],
            name=op.f("fk_recomputed_cells_county_id_county"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"],
            ["patrol.id"],
            name=op.f("fk_recomputed_cells_patrol_id_patrol"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_recomputed_cells_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recomputation_id"],
            ["recomputation.id"],
            name=op.f("fk_recomputed_cells_recomputation_id_recomputation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "recomputation_id",
            "place_version_id",
            "day",
            "patrol_id",
            "block_x",
            "block_y",
            name=op.f("pk_recomputed_cells"),
        ),
    )
    op.create_table(
        "recomputed_line",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("recomputation_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("spans", postgresql.INT4MULTIRANGE(), nullable=False),
        sa.Column("ridden", postgresql.INT4MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("bridged", postgresql.INT4MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
        sa.Column("ambiguous", postgresql.INT4MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_recomputed_line_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"], ["patrol.id"], name=op.f("fk_recomputed_line_patrol_id_patrol"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_recomputed_line_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recomputation_id"],
            ["recomputation.id"],
            name=op.f("fk_recomputed_line_recomputation_id_recomputation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "recomputation_id", "place_version_id", "day", "patrol_id", name=op.f("pk_recomputed_line")
        ),
    )
    op.create_table(
        "recomputed_patrol",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("recomputation_id", sa.Integer(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"],
            ["county.id"],
            name=op.f("fk_recomputed_patrol_county_id_county"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"],
            ["patrol.id"],
            name=op.f("fk_recomputed_patrol_patrol_id_patrol"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recomputation_id"],
            ["recomputation.id"],
            name=op.f("fk_recomputed_patrol_recomputation_id_recomputation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recomputation_id", "patrol_id", name=op.f("pk_recomputed_patrol")),
    )
    op.create_table(
        "recomputed_visit",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("recomputation_id", sa.Integer(), nullable=False),
        sa.Column("place_version_id", sa.BigInteger(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("dwell_s", sa.Double(), nullable=False),
        sa.Column("entries", sa.SmallInteger(), server_default=sa.text("1"), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"],
            ["county.id"],
            name=op.f("fk_recomputed_visit_county_id_county"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"],
            ["patrol.id"],
            name=op.f("fk_recomputed_visit_patrol_id_patrol"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["place_version_id"],
            ["place_version.id"],
            name=op.f("fk_recomputed_visit_place_version_id_place_version"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["recomputation_id"],
            ["recomputation.id"],
            name=op.f("fk_recomputed_visit_recomputation_id_recomputation"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint(
            "recomputation_id", "place_version_id", "day", "patrol_id", name=op.f("pk_recomputed_visit")
        ),
    )
    op.add_column(
        "area_visit", sa.Column("entries", sa.SmallInteger(), server_default=sa.text("1"), nullable=False)
    )
    op.add_column(
        "line_coverage",
        sa.Column("ridden", postgresql.INT4MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "line_coverage",
        sa.Column("bridged", postgresql.INT4MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.add_column(
        "line_coverage",
        sa.Column("ambiguous", postgresql.INT4MULTIRANGE(), server_default=sa.text("'{}'"), nullable=False),
    )
    op.create_index(
        "ix_line_coverage_ambiguous",
        "line_coverage",
        ["county_id", "day"],
        unique=False,
        postgresql_where=sa.text("not isempty(ambiguous)"),
    )
    op.add_column(
        "patrol", sa.Column("rides_count", sa.Boolean(), server_default=sa.text("true"), nullable=False)
    )
    op.add_column("patrol", sa.Column("rule", sa.SmallInteger(), server_default=sa.text("1"), nullable=False))
    op.add_column("place_cells", sa.Column("beside_lines", postgresql.BIT(length=4096), nullable=True))
    op.add_column("place_cells", sa.Column("walkable", postgresql.BIT(length=4096), nullable=True))
    op.add_column("place_version", sa.Column("walkable_m2", sa.Double(), nullable=True))
    op.add_column(
        "place_version",
        sa.Column(
            "flow", postgresql.ARRAY(sa.SmallInteger()), server_default=sa.text("'{}'"), nullable=False
        ),
    )
    op.add_column(
        "place_version",
        sa.Column(
            "axis",
            Geometry("MULTILINESTRING", srid=4326, dimension=2, spatial_index=False),
            nullable=True,
        ),
    )
    op.create_index("ix_place_version_axis", "place_version", ["axis"], unique=False, postgresql_using="gist")
    op.add_column("place_version", sa.Column("banks", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column(
        "place_version",
        sa.Column(
            "reaches", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
    )
    # The months of what is there already.
    op.execute(
        "insert into line_month (county_id, place_version_id, month, spans)"
        " select county_id, place_version_id, date_trunc('month', day)::date, range_agg(spans)"
        " from line_day group by 1, 2, 3"
    )
    op.execute(
        "insert into cell_month (county_id, place_version_id, month, block_x, block_y, seen)"
        " select county_id, place_version_id, date_trunc('month', day)::date, block_x, block_y, bit_or(seen)"
        " from cell_day group by 1, 2, 3, 4, 5"
    )
