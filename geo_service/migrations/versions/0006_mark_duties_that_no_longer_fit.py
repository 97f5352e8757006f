"""Mark duties of which a part was lost when their place got a new version."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Bring the tables forward."""
    op.add_column("duty", sa.Column("lost", sa.Double(), nullable=True))
