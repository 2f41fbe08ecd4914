"""From a database of 0.1: instances get their workflow's owner, tokens serve their own."""

from __future__ import annotations

from alembic import command
from sqlalchemy import func, insert, select
from sqlalchemy.engine import Connection

from jobmon_client.states import Scope, TaskInstanceStatus, TaskStatus, WorkflowRunStatus, WorkflowStatus
from jobmon_server.db.admin.tokens import find_token
from jobmon_server.db.core import clock
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle
from jobmon_server.db.schema.tables import array, array_batch, task, task_instance
from jobmon_server.db.schema.tables_control import token
from jobmon_server.db.schema.tables_workflow import workflow, workflow_run
from jobmon_server.migrations import configuration
from jobmon_server.principal import Reach

OWNERS = {1: ("ann", "physics"), 2: (None, None)}


def at_the_first_release(connection: Connection) -> None:
    """Make the schema of 0.1, with a token and an instance for each owner."""
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "0001")
    now = connection.execute(select(clock.now())).scalar_one()
    times = {"created_at": now, "updated_at": now}
    made = {"name": "ann", "digest": "d", "scopes": [Scope.OPERATOR.value], "owner": "ann", "created_at": now}
    connection.execute(insert(token).values(made))
    for one, (owner, group) in OWNERS.items():
        whose = {"owner": owner, "owner_group": group, "status": WorkflowStatus.RUNNING}
        connection.execute(insert(workflow).values(id=one, name="w", **whose, **times))
        run = {"workflow_id": one, "status": WorkflowRunStatus.BOUND, "report_by": now}
        connection.execute(insert(workflow_run).values(id=one, next_report_increment=1, **run, **times))
        connection.execute(insert(array).values(id=one, workflow_id=one, name=""))
        place = {"array_id": one, "batch_num": 1}
        batch = {"workflow_run_id": one, "cluster": "local", "queue": ""}
        connection.execute(insert(array_batch).values(**place, **batch))
        facts = {"name": "a", "command": "true", "max_attempts": 3, "cluster": "local", "queue": ""}
        standing = {"status": TaskStatus.QUEUED, "definition_digest": "d"}
        connection.execute(
            insert(task).values(id=one, workflow_id=one, array_id=one, **facts, **standing, **times)
        )
        queued = {"status": TaskInstanceStatus.QUEUED, "status_by": "workflow_run", "cluster": "local"}
        instants = dict.fromkeys(("queued_at", "status_at", "updated_at"), now)
        connection.execute(
            insert(task_instance).values(
                id=one,
                task_id=one,
                workflow_run_id=one,
                array_step_id=0,
                attempt=1,
                **place,
                **queued,
                **instants,
            )
        )


def test_what_was_bound_before_keeps_its_owner(empty_database_url: str) -> None:
    database = Database.connect(empty_database_url)
    database.transact(at_the_first_release)

    lifecycle.upgrade(database.engine)

    columns = select(task_instance.c.id, task_instance.c.owner, task_instance.c.owner_group)
    found = database.read(lambda connection: connection.execute(columns).all())
    assert {one: (owner, group) for one, owner, group in found} == OWNERS
    known = database.read(find_token, "d")
    assert known is not None
    assert known.principal.reach == Reach("ann")
    assert database.read(lambda c: c.execute(select(func.count()).select_from(task)).scalar_one()) == 2
    database.dispose()
