"""What running commands are told to do, and what their workers measure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from jobmon_client.api.base import Calls
from jobmon_client.api.replies import CommandReply


class Commands(Calls):
    """NotFound where nothing has the id."""

    def send_command(
        self,
        task_instance_id: int,
        command: str,
        *,
        arguments: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> CommandReply:
        """Tell the worker of an instance to `kill`, to `set_heartbeat_interval` or to `signal`; `invalid` if it has ended.

        It is told with the next heartbeat, and again until it acknowledges. The same `request_id` means the same command.
        """
        body = self._post(
            f"/task_instance/{task_instance_id}/commands",
            accept=(409,),
            command=command,
            arguments=arguments,
            request_id=request_id or str(uuid.uuid4()),
        )
        return CommandReply.parse(body)

    def send_commands(self, items: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
        """Tell up to 10,000: `task_instance_id`, `command`, `arguments`; `applied, command_ids, outcomes` (of those refused)."""
        named = [{"request_id": str(uuid.uuid4()), **one} for one in items]
        return self._post("/commands", items=named)

    def acknowledge_commands(self, results: Mapping[int, str | None]) -> dict[str, Any]:
        """Say that workers have these commands, with what they made of each; `applied`, `outcomes` of the others."""
        given = [
            {"command_id": command_id} if result is None else {"command_id": command_id, "result": result}
            for command_id, result in results.items()
        ]
        return self._post("/commands/acknowledge", acknowledgements=given)

    def commands(
        self, task_instance_id: int, *, after: str | int | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """Return one page, `commands` in the order in which they were asked for, with their times, and `next`."""
        return self._page(f"/task_instance/{task_instance_id}/commands", after, limit)

    def metric_values(
        self, task_instance_id: int, *, name: str | None = None, limit: int | None = None
    ) -> list[dict[str, Any]]:
        """Return the last values that an instance's heartbeats measured, oldest first: `name, time, value`."""
        return list(
            self._get(f"/task_instance/{task_instance_id}/metrics", name=name, limit=limit)["metrics"]
        )

    def metric_names(self) -> dict[str, Any]:
        """Return `names`, what a heartbeat may measure, and `samples`, how many heartbeats' values are kept."""
        return self._get("/metric_names")
