"""A server to speak to: the one that the settings name, or an embedded one."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from jobmon_client.api.client import Api
from jobmon_client.clusters.spare_agent import Spare
from jobmon_client.config import Settings, spool_dir
from jobmon_client.errors import ServerFailed
from jobmon_client.running.embedded import EmbeddedServer
from jobmon_client.system.places import try_writing

LOCAL = "local"
"""The cluster of tasks that name none."""
FIRST_CONTACT = 10.0
"""Seconds to wait for a server that was named: a wrong address should be told soon."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A server to speak to at `settings.server_url`; if it is embedded, its users lock `users_file`.

    `spare` is an agent that was started meanwhile.
    """

    settings: Settings
    api: Api
    users_file: Path | None = None
    spare: Spare | None = None

    @property
    def spool_dir(self) -> Path:
        """Where workers of this machine keep results until this server has heard them."""
        return spool_dir(self.settings, self.settings.server_url or "", self.users_file)

    def another(self, *, budget: float | None, stop: Event | None = None) -> Api:
        """Return an Api of the same server with other patience; seconds, None for as long as `stop` is not set."""
        return Api.from_settings(self.settings, budget=budget, stop=stop)


@contextmanager
def connected(
    settings: Settings, *, keep: bool = False, stop: Event | None = None, clusters: Collection[str] = ()
) -> Iterator[Connection]:
    """Yield a connection to the server that the settings name, or to an embedded one; raise Unreachable.

    With `keep` an embedded server that vanishes is started again; once `stop` is set nothing waits for a lost server.
    What is kept runs commands: BadSetting says that what they write has no place. `clusters` are those to be worked for: the agent of the local one gets ready beside the server.
    """
    if keep:
        is_default = settings.log_dir.is_relative_to(settings.data_dir)
        try_writing(settings.log_dir, "data_dir" if is_default else "log_dir")
    with (
        Spare(settings) if LOCAL in clusters else nullcontext() as spare,
        _connected(settings, keep=keep, stop=stop) as connection,
    ):
        yield replace(connection, spare=spare)


@contextmanager
def _connected(settings: Settings, *, keep: bool, stop: Event | None) -> Iterator[Connection]:
    if settings.server_url:
        api = Api.from_settings(settings, budget=min(FIRST_CONTACT, settings.retry_budget), stop=stop)
        api.health()
        yield Connection(settings, Api.from_settings(settings, budget=settings.retry_budget, stop=stop))
        return
    with EmbeddedServer(settings, stop) as server:
        if keep:
            server.watch()
        found = settings.at(server.url)
        api = Api.from_settings(found, budget=settings.retry_budget, stop=stop)
        try:
            yield Connection(found, api, server.users_file)
        except ServerFailed as error:
            raise ServerFailed(f"{error}; its log: {server.log_file}") from error
