"""What callers may say: every report with its body, and what goes well."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from jobmon_client.states import TaskInstanceStatus as TI
from jobmon_server.actions.reporting.report_types import REPORTS, Report
from jobmon_server.fsm.acts import ACTS
from jobmon_server.fsm.task_instance import ERROR_STATES

INCREMENT = {"next_report_increment": 60.0}
RUNNING = {"nodename": "n", "process_group_id": 1, **INCREMENT}

workers = st.sampled_from(["w1", "w2"])
distributors = st.sampled_from(["d1", "d2"])
states = st.sampled_from(ERROR_STATES).map(str)
back = st.sampled_from([0, 0, 0, 1, 1, 2, 3, 5])
verbs = st.sampled_from(sorted(ACTS))

by_worker = st.one_of(
    st.builds(lambda worker: ("log_running", {"worker_id": worker, **RUNNING}), workers),
    st.builds(lambda worker: ("log_report_by", {"worker_id": worker, **INCREMENT}), workers),
    st.builds(lambda worker: ("log_done", {"worker_id": worker}), workers),
    st.builds(
        lambda worker, state: (
            "log_error_worker_node",
            {"worker_id": worker, "error_state": state, "error_description": "it broke"},
        ),
        workers,
        states,
    ),
)
by_distributor = st.one_of(
    st.just(("log_distributor_id", {"distributor_id": "c", **INCREMENT})),
    st.just(("log_no_distributor_id", {"error_message": "no"})),
    st.builds(lambda state: ("log_known_error", {"error_state": state, "error_message": "it ended"}), states),
    st.builds(lambda state: ("log_unknown_error", {"error_state": state, "error_message": "gone"}), states),
    st.just(("log_unknown_error", {"error_message": "gone"})),
)
reports = by_worker | by_distributor
#: What goes well: the next report of an instance that nothing happens to.
NEXT: dict[TI, tuple[str, dict[str, Any]]] = {
    TI.INSTANTIATED: ("log_distributor_id", {"distributor_id": "c", **INCREMENT}),
    TI.LAUNCHED: ("log_running", {"worker_id": "w1", **RUNNING}),
    TI.RUNNING: ("log_done", {"worker_id": "w1"}),
    TI.TRIAGING: ("log_report_by", {"worker_id": "w1", **INCREMENT}),
    TI.NO_HEARTBEAT: ("log_known_error", {"error_state": "RESOURCE_ERROR", "error_message": "memory"}),
    TI.KILL_SELF: (
        "log_error_worker_node",
        {"worker_id": "w1", "error_state": "ERROR_FATAL", "error_description": "killed as told"},
    ),
}


def made(name: str, body: dict[str, Any]) -> Report:
    """What the server makes of a report's body."""
    words = {"error_state": TI[body["error_state"]]} if "error_state" in body else {}
    return REPORTS[name](**{**body, **words})
