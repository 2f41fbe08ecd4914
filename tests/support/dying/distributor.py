"""`python -m tests.support.dying.distributor URL HOME POINT`: a distributor of the local cluster that is killed at a line."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

from jobmon_client import config
from jobmon_client.api.client import Api
from jobmon_client.clusters.base import ClusterContext
from jobmon_client.clusters.local import LocalCluster
from jobmon_client.distributor.service import Distributor
from jobmon_client.http import Http


def die(*_: object, **__: object) -> None:
    """As if somebody had sent SIGKILL right here."""
    os.kill(os.getpid(), signal.SIGKILL)


def after(call: Any) -> Any:
    """Let the call happen, then die."""

    def called(*arguments: Any, **facts: Any) -> Any:
        call(*arguments, **facts)
        die()

    return called


def main(url: str, home: str, point: str) -> None:
    """Serve the cluster until the point is reached."""
    settings = config.load({"server_url": url, "data_dir": Path(home) / "jobmon"})
    api = Api(Http(url, budget=10))
    cluster: Any = LocalCluster(ClusterContext(url, settings))
    cluster.start()
    match point:
        case "before the claim":
            api.claim = die  # type: ignore[method-assign, assignment]
        case "after the claim":
            cluster.submit = die
        case "after the submission":
            cluster.submit = after(cluster.submit)
        case "after the record":
            api.log_launched = after(api.log_launched)  # type: ignore[method-assign]
        case _:
            raise SystemExit(f"no such point: {point}")
    stop, wake = threading.Event(), threading.Event()
    Distributor(api, cluster, "local", settings, stop=stop, wake=wake).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
