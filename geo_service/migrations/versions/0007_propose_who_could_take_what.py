"""Propose who could take what: what people are ready for, proposals and their lines."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Bring the tables forward."""
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
