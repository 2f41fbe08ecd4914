"""`jobmon-server serve`, from its settings to the server that runs: who else serves, the address, the schema."""

from __future__ import annotations

import gc
import os
import resource
import socket
import sys

from jobmon_server import log
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from jobmon_server.db.schema import lifecycle
from jobmon_server.errors import ConfigurationError
from jobmon_server.local_token import LocalToken
from jobmon_server.serving.server_file import ServerFile
from jobmon_server.settings.auth import LOCAL

#: How long a server that is ending may take before it is in the way of the next one.
PATIENCE_SECONDS = 30.0


def serve(settings: Settings) -> None:
    """Serve until told to stop; exits the process. Raises ConfigurationError, AlreadyServed, WrongSchema."""
    log.configure(settings.log_level)
    settings.prepare_place()
    _allow_descriptors()
    server_file = _take(settings)
    if settings.auth == LOCAL:
        LocalToken.of(settings).make()
    listener = _listen(settings.host, settings.port)
    # The dialect and the driver are loaded for all processes; nothing is connected before the fork.
    Database.connect(settings.database_url).dispose()
    preparing = _prepare(settings, listener)
    # The largest part of a start is to load the application: time enough to look at the schema.
    from jobmon_server.serving.gunicorn_app import GunicornServer

    server = GunicornServer(settings, server_file, listener)
    _wait_for(preparing)
    # What is there before the fork is shared with the workers for as long as nobody writes to it, as a collection would.
    gc.collect()
    gc.freeze()
    gc.enable()
    server.run()


def _allow_descriptors() -> None:
    """Let this process and its workers hold as many connections as the system allows at all."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _take(settings: Settings) -> ServerFile | None:
    """Be the one server of a SQLite file; of another database there may be many, and the first is the one to be found."""
    if settings.sqlite_file is None:
        return ServerFile.take_if_free(settings.server_file)
    return ServerFile.take(settings.server_file, PATIENCE_SECONDS)


def _listen(host: str, port: int) -> socket.socket:
    """Bind the address; raise ConfigurationError if that cannot be."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        raise ConfigurationError(f"Cannot listen on {host}:{port}: {error.strerror}.") from None


def _prepare(settings: Settings, listener: socket.socket) -> int:
    """Make or check the schema in a process of its own, and return its id: what that takes does not stay with the server.

    That process leaves as a start that fails does: with the error's sentence and exit code.
    """
    process = os.fork()
    if process:
        return process
    listener.close()
    with lifecycle.usable(settings.database_url) as database:
        lifecycle.prepare(database.engine)
    os._exit(0)


def _wait_for(process: int) -> None:
    """Wait until the schema is there; exit as its process did if it is not."""
    _, status = os.waitpid(process, 0)
    if code := os.waitstatus_to_exitcode(status):
        sys.exit(abs(code))
