"""Commands about who this client is to a server: its token, and the pages in a browser."""

from __future__ import annotations

import socket
import threading
import webbrowser
from urllib.parse import urlencode, urlsplit

import click

from jobmon_client.access.credentials import Bearer, Credentials
from jobmon_client.access.session import require_own_peer
from jobmon_client.cli.options import server, settings_of
from jobmon_client.config import has_display
from jobmon_client.errors import BadSetting, Unreachable
from jobmon_client.loop import stop_on_signals
from jobmon_client.running.connection import connected


@click.command()
@server
def token(*, server_url: str | None) -> None:
    """Print the token that this client would send to the server, for curl and the like.

    curl -H "Authorization: Bearer $(jobmon token)" http://127.0.0.1:5070/api/v1/workflow
    """
    settings = settings_of(server_url=server_url)
    if settings.server_url:
        click.echo(_token(settings.server_url, Credentials.of(settings)))
        return
    with connected(settings) as connection:
        found = connection.settings
        click.echo(_token(found.server_url or "", Credentials.of(found)))


def _token(server_url: str, credentials: Credentials) -> str:
    """Return it; a local one only if it would be sent: where a process of this user answers."""
    bearer = Bearer(server_url, credentials)
    if bearer.local is not None:
        parts = urlsplit(server_url)
        try:
            with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=10) as connection:
                require_own_peer(connection, server_url)
        except OSError as error:
            raise Unreachable(f"{server_url}: {error}") from None
    found = bearer.local or bearer.given
    if found is None:
        raise BadSetting(
            f"there is no token for {server_url}: it is not a local server of this user that runs, and none was given"
            " (JOBMON_TOKEN, token_file)"
        )
    return found


@click.command()
@click.argument("workflow_id", metavar="[ID]", type=click.IntRange(1), required=False)
@click.option("--no-browser", is_flag=True, help="Print the link, and open nothing.")
@server
def ui(*, workflow_id: int | None, no_browser: bool, server_url: str | None) -> None:
    """Print a link to the pages, or to one workflow's, and open it where there is a browser.

    The link is good once, for a minute. An embedded server is kept until Ctrl-C.
    """
    settings = settings_of(server_url=server_url)
    with connected(settings) as connection:
        if workflow_id is not None:
            connection.api.workflow(workflow_id)
        path = connection.api.page_code()["path"]
        if workflow_id is not None:
            path += "&" + urlencode({"workflow": workflow_id})
        link = f"{connection.settings.server_url}{path}"
        click.echo(link)
        if not no_browser and has_display():
            webbrowser.open(link)
        if connection.users_file is not None:
            click.echo("The server runs until Ctrl-C.", err=True)
            stop = threading.Event()
            stop_on_signals(stop)
            stop.wait()


COMMANDS = (token, ui)
