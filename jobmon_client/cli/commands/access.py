"""Commands about who this client is to a server: its token, and the pages in a browser."""

from __future__ import annotations

import threading
import webbrowser
from urllib.parse import urlencode

import click

from jobmon_client.access.credentials import Credentials
from jobmon_client.access.session import proven_token
from jobmon_client.cli.options import server, settings_of
from jobmon_client.config import has_display
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
        click.echo(proven_token(settings.server_url, Credentials.of(settings)))
        return
    with connected(settings) as connection:
        found = connection.settings
        click.echo(proven_token(found.server_url or "", Credentials.of(found)))


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
