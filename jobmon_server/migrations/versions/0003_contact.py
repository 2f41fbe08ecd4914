"""Out of touch: contact, holds, grace."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from jobmon_server.db.core import types

revision = '0003_contact'
down_revision = '0002_userview'
branch_labels = None
depends_on = None

#: Columns are added in place: SQLite would copy a whole table for anything else.
GRACE: list[tuple[str, Any]] = [("graced_at", types.Instant), ("graced_led", sa.Double())]
ADDED: dict[str, list[tuple[str, Any]]] = {
    "workflow": [("lost_contact", types.Word(8))],
    "workflow_run": GRACE,
    "task": [("lost_contact", types.Word(8))],
    "task_instance": [("contact_until", types.Instant), ("held_seconds", sa.Double()), *GRACE],
    "lease": [("led_at", types.Instant), ("led_by", types.Word(8)), ("back_at", types.Instant)],
}


def upgrade() -> None:
    """Go from 0002_userview to 0003_contact."""
    for table, columns in ADDED.items():
        for name, kind in columns:
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.add_column("lease", sa.Column("led_seconds", sa.Double(), server_default="0", nullable=False))
