"""Where commands run, their environment, the delay before the next attempt, and when a status last changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from jobmon_server.db.core import types

revision = '0002_userview'
down_revision = '0001'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go from 0001 to 0002_userview: columns that are null in all old rows, and the index that tells what can be queued."""
    for table in ('workflow', 'task'):
        op.add_column(table, sa.Column('working_directory', types.ExactText(), nullable=True))
        op.add_column(table, sa.Column('environment', types.Json(), nullable=True))
        for name in ('retry_seconds', 'retry_factor', 'retry_jitter'):
            op.add_column(table, sa.Column(name, sa.Double(), nullable=True))
        op.add_column(table, sa.Column('status_at', types.Instant, nullable=True))
    op.add_column('task', sa.Column('ready_at', types.Instant, nullable=True))
    op.add_column('workflow_run', sa.Column('process', types.Json(), nullable=True))
    op.drop_index('ix_task_schedule', 'task')
    op.create_index('ix_task_schedule', 'task', ['workflow_id', 'status', 'released', 'upstreams_left', 'ready_at', sa.literal_column('priority DESC'), 'id'], unique=False)
