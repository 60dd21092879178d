"""The first tables: register, keys, intake, outbox, consent."""

from __future__ import annotations

from importlib import resources

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for package, name in (("hub.migrations", "versions/0001_first.sql"), ("consent", "store.sql")):
        op.get_bind().exec_driver_sql(resources.files(package).joinpath(name).read_text("utf-8"))
