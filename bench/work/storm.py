"""An array starts: thousands of workers, each on a connection of its own, ask for their instance and say RUNNING."""

from __future__ import annotations

from typing import Any

from bench.support.bench import Bench, interleaved
from bench.support.rows import fill
from jobmon_client.states import TaskInstanceStatus
from jobmon_server.bench.figures import measured
from jobmon_server.bench.load import drive, request
from jobmon_server.bench.requests import running

AT_ONCE = 128


def measure(bench: Bench) -> dict[str, Any]:
    """Let the storm come, as often as there are repetitions."""
    with bench.database() as url, bench.connect(url) as connection, bench.server(url) as server:

        def storm() -> dict[str, Any]:
            block = fill(connection, bench.scale.storm, TaskInstanceStatus.LAUNCHED)
            path = f"/get_array_task_instance_id/{block.array_id}/{block.batch_num}"
            scripts = [
                (request("ask", f"{path}/{step}", wanted=f'"task_instance_id":{one}'), running(one))
                for step, one in enumerate(block.ids)
            ]
            meter = bench.meter(server=server.process.pid)
            return measured(drive(server.url, scripts, AT_ONCE, is_fresh=True, token=server.token), meter)

        return {
            "at_once": AT_ONCE,
            "workers": bench.scale.storm,
            **interleaved({"storm": storm}, bench.repetitions),
        }
