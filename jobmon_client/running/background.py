"""A run that goes on beside the caller: started, looked at, waited for, stopped."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from jobmon_client.errors import JobmonError
from jobmon_client.running.interrupts import Interrupts
from jobmon_client.running.result import Result
from jobmon_client.running.run import OnProgress


class StillRunning(JobmonError):
    """It has not ended in the time that was given; it goes on."""


class Running:
    """A workflow that a thread of this process drives; if the process ends, `resume` goes on with it."""

    def __init__(self, drive: Callable[[Interrupts, OnProgress], Result]) -> None:
        """Begin; `drive` runs it to its end."""
        self._drive = drive
        self._interrupts = Interrupts()
        self._state: Mapping[str, Any] = {}
        self._seen = threading.Event()
        self._over = threading.Event()
        self._result: Result | None = None
        self._error: BaseException | None = None
        threading.Thread(target=self._run, name="jobmon run", daemon=True).start()

    def _run(self) -> None:
        try:
            self._result = self._drive(self._interrupts, self._note)
        except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for the result
            self._error = error
        finally:
            self._over.set()
            self._seen.set()

    def _note(self, state: Mapping[str, Any]) -> None:
        self._state = state
        self._seen.set()

    @property
    def workflow_id(self) -> int:
        """The workflow's id, once it is bound: waits for that; raise what kept it from being bound."""
        self._seen.wait()
        if self._error is not None:
            raise self._error
        return self._result.workflow_id if self._result else int(self._state["workflow_id"])

    @property
    def state(self) -> Mapping[str, Any]:
        """What was last seen of the workflow: `status`, `tasks` by status, …; empty before the first look."""
        return self._state

    @property
    def is_over(self) -> bool:
        """Whether it has ended."""
        return self._over.is_set()

    def wait(self, timeout: float | None = None) -> Result:
        """Return how it ended; raise StillRunning after `timeout` seconds, or what it failed with."""
        if not self._over.wait(timeout):
            raise StillRunning(f"the workflow still runs after {timeout:g} s")
        if self._error is not None:
            raise self._error
        if self._result is None:
            raise AssertionError("a run that is over has a result or an error")
        return self._result

    def stop(self, *, at_once: bool = False) -> None:
        """End the run as Ctrl-C does: commands are killed, what is left can be resumed. Does not wait."""
        self._interrupts.ask(at_once=at_once)
