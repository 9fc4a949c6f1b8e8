"""The first tables."""

from alembic import op

from evoked.apps.rating.tables import metadata

__all__ = ["down_revision", "revision", "upgrade"]

revision, down_revision = "0001", None


def upgrade() -> None:
    """Make every table. The next version is written as operations of its own, and this one then lists its columns."""
    metadata.create_all(op.get_bind())
