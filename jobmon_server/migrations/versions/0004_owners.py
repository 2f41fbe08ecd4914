"""Owners: whom a token serves, and whose each instance is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from jobmon_server.db.core import types

revision = '0004_owners'
down_revision = '0003_contact'
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go from 0003_contact to 0004_owners; instances get the owner and the group of their workflow."""
    op.add_column('token', sa.Column('serve', types.Word(16), server_default='own', nullable=False))
    op.add_column('task_instance', sa.Column('owner', types.Exact(255), nullable=True))
    op.add_column('task_instance', sa.Column('owner_group', types.Exact(255), nullable=True))
    for column in ('owner', 'owner_group'):
        op.execute(
            f'UPDATE task_instance SET {column} = (SELECT workflow.{column} FROM workflow_run'
            ' JOIN workflow ON workflow.id = workflow_run.workflow_id'
            ' WHERE workflow_run.id = task_instance.workflow_run_id)'
            ' WHERE workflow_run_id IN (SELECT workflow_run.id FROM workflow_run'
            ' JOIN workflow ON workflow.id = workflow_run.workflow_id'
            f' WHERE workflow.{column} IS NOT NULL)'
        )
        op.create_index(
            f'ix_task_instance_claim_{column}',
            'task_instance',
            ['waiting_cluster', column, sa.literal_column('priority DESC'), 'id'],
            unique=False,
        )
