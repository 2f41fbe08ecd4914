"""Sends the results that dead workers left on disk."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from jobmon_client.api.client import Api
from jobmon_client.errors import Malformed
from jobmon_client.states import Outcome
from jobmon_client.worker.reporting.spool import Spool

log = structlog.get_logger(__name__)

IN_A_CALL = 500
#: The report was understood, and the server's books are right: nothing is left to be said.
HEARD = frozenset({Outcome.APPLIED, Outcome.DUPLICATE, Outcome.UNTIMELY})


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many reports the server heard, and how many it refused: those are logged, and not sent again."""

    sent: int = 0
    refused: int = 0


def replay(api: Api, directory: Path) -> Replayed:
    """Send what workers that are gone left in the directory; raise a JobmonError if the server cannot be told: it stays.

    Safe beside workers that live, and to repeat: what was heard before is a `duplicate`.
    """
    spool = Spool(directory, f"replay-{uuid.uuid4()}")
    sent = refused = 0
    try:
        left = list(spool.leftovers())
        for start in range(0, len(left), IN_A_CALL):
            outcomes = _send(api, left[start : start + IN_A_CALL])
            heard = sum(one in HEARD for one in outcomes)
            sent, refused = sent + heard, refused + len(outcomes) - heard
    except BaseException:
        spool.close(keep=True)
        raise
    spool.close(keep=False)
    return Replayed(sent, refused)


def _send(api: Api, reports: Sequence[Mapping[str, Any]]) -> list[Outcome]:
    try:
        listed = {one.position: one.outcome for one in api.reports(reports).outcomes}
    except Malformed:
        if len(reports) == 1:
            listed = {0: Outcome.MALFORMED}
        else:  # one is poison: the others must not be lost with it
            return [outcome for one in reports for outcome in _send(api, [one])]
    outcomes = [listed.get(position, Outcome.APPLIED) for position in range(len(reports))]
    for report, outcome in zip(reports, outcomes, strict=True):
        if outcome not in HEARD:
            log.warning(
                "spooled_report_refused", task_instance_id=report["task_instance_id"], outcome=str(outcome)
            )
    return outcomes
