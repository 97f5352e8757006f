"""Let volunteers in by a card; keep consents, plates, check-ins, alerts, notices, what recorders send."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the tables forward."""
    op.create_table(
        "quarantined",
        sa.Column("key_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("time_s", sa.Double(), nullable=False),
        sa.Column("county_id", sa.Integer(), nullable=True),
        sa.Column("app", sa.Text(), nullable=False),
        sa.Column("key_end", sa.Text(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=False),
        sa.Column("lat", sa.Double(), nullable=False),
        sa.Column("accuracy_m", sa.REAL(), nullable=True),
        sa.Column("is_doubtful", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_quarantined_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key_sha256", "time_s", name=op.f("pk_quarantined")),
    )
    op.create_index("ix_quarantined_received_at", "quarantined", ["received_at"], unique=False)
    op.create_table(
        "notice",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("area_id", sa.Integer(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["area_id"], ["area.id"], name=op.f("fk_notice_area_id_area"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_notice_county_id_county"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index("ix_notice_until", "notice", ["county_id", "until"], unique=False)
    op.create_table(
        "consent",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("version", sa.SmallInteger(), nullable=False),
        sa.Column("text_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("given_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_consent_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_consent_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent")),
    )
    op.create_index(
        "uq_consent_in_force",
        "consent",
        ["county_id", "person_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("withdrawn_at is null"),
    )
    op.create_table(
        "plate",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("place_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column(
            "point",
            Geometry(
                geometry_type="POINT",
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
            ),
            nullable=True,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_plate_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["place_id"], ["place.id"], name=op.f("fk_plate_place_id_place"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plate")),
    )
    op.create_index("ix_plate_point", "plate", ["point"], unique=False, postgresql_using="gist")
    op.create_index("ix_plate_place_id", "plate", ["place_id"], unique=False)
    op.create_table(
        "alert",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("raised_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.Uuid(), nullable=True),
        sa.Column("note", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_alert_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_alert_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index(
        "ix_alert_open", "alert", ["county_id"], unique=False, postgresql_where=sa.text("closed_at is null")
    )
    op.create_index("uq_alert", "alert", ["county_id", "kind", "patrol_id"], unique=True)
    op.create_table(
        "check_in",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("patrol_id", sa.Uuid(), nullable=False),
        sa.Column("plate_id", sa.Text(), nullable=True),
        sa.Column("sha256", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("accuracy_m", sa.Double(), nullable=True),
        sa.Column("away_m", sa.Double(), nullable=True),
        sa.Column("is_near", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_check_in_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"], ["patrol.id"], name=op.f("fk_check_in_patrol_id_patrol"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["plate_id"], ["plate.id"], name=op.f("fk_check_in_plate_id_plate"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_check_in")),
    )
    op.create_index("ix_check_in_patrol_id", "check_in", ["patrol_id"], unique=False)
    op.create_table(
        "recorded_fix",
        sa.Column("county_id", sa.Integer(), nullable=False),
        sa.Column("recorder_id", sa.BigInteger(), nullable=False),
        sa.Column("time_s", sa.Double(), nullable=False),
        sa.Column("lon", sa.Double(), nullable=True),
        sa.Column("lat", sa.Double(), nullable=True),
        sa.Column("accuracy_m", sa.REAL(), nullable=True),
        sa.Column("is_doubtful", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("patrol_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(
            ["county_id"], ["county.id"], name=op.f("fk_recorded_fix_county_id_county"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recorder_id"],
            ["sign_in.id"],
            name=op.f("fk_recorded_fix_recorder_id_sign_in"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["patrol_id"], ["patrol.id"], name=op.f("fk_recorded_fix_patrol_id_patrol"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("recorder_id", "time_s", name=op.f("pk_recorded_fix")),
    )
    op.create_index("ix_recorded_fix_patrol_id", "recorded_fix", ["patrol_id"], unique=False)
    op.create_index("ix_recorded_fix_received_at", "recorded_fix", ["received_at"], unique=False)
    op.add_column("area", sa.Column("contact_name", sa.Text(), nullable=True))
    op.add_column("area", sa.Column("contact_phone", sa.Text(), nullable=True))
    op.add_column("sign_in", sa.Column("from_id", sa.BigInteger(), nullable=True))
    op.add_column("sign_in", sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_foreign_key(
        op.f("fk_sign_in_from_id_sign_in"), "sign_in", "sign_in", ["from_id"], ["id"], ondelete="CASCADE"
    )
