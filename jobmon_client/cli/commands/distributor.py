"""Commands around the work: a distributor as a service, and the settings."""

from __future__ import annotations

from dataclasses import fields

import click

from jobmon_client.cli.options import as_json, concurrency, print_json, server, settings_of
from jobmon_client.cli.tables import print_table
from jobmon_client.config import Settings
from jobmon_client.running.connection import connected
from jobmon_client.running.interrupts import Interrupts
from jobmon_client.running.services import RunServices

SECRET = "(set)"  # noqa: S105 - what is shown in its place


@click.command()
@click.option("--cluster", required=True, metavar="NAME", help="The cluster to serve.")
@server
@concurrency
def distributor(*, cluster: str, server_url: str | None, concurrency: int | None) -> None:
    """Serve a cluster until a signal comes: claim, submit, keep alive, kill, triage."""
    settings = settings_of(server_url=server_url, concurrency=concurrency)
    with Interrupts() as interrupts, connected(settings, keep=True, stop=interrupts.first) as connection:
        crew = RunServices(connection.settings, [cluster], users_file=connection.users_file)
        crew.start()
        click.echo(f"jobmon: serving cluster {cluster} for {connection.settings.server_url}", err=True)
        interrupts.call(lambda: crew.kill() if interrupts.second.is_set() else None)
        interrupts.first.wait()
        crew.stop()


@click.group(name="config")
def configuration() -> None:
    """Look at the settings."""


@configuration.command()
@click.option(
    "--origin", is_flag=True, help="Say where each value comes from: flag, environment, file or default."
)
@server
@concurrency
@as_json
def show(*, origin: bool, server_url: str | None, concurrency: int | None, as_json: bool) -> None:
    """Show every setting: flag goes before environment, environment before file, file before default."""
    settings = settings_of(server_url=server_url, concurrency=concurrency)
    rows = [(name, _shown(settings, name), settings.origins[name]) for name in _names()]
    if as_json:
        print_json(
            {name: {"value": value, "origin": source} if origin else value for name, value, source in rows}
        )
    else:
        heads = ["SETTING", "VALUE", "ORIGIN"]
        width = 3 if origin else 2
        print_table(heads[:width], [row[:width] for row in rows])


def _names() -> list[str]:
    return [setting.name for setting in fields(Settings) if setting.name != "origins"]


def _shown(settings: Settings, name: str) -> object:
    value = getattr(settings, name)
    if name == "token" and value:
        return SECRET
    return value if isinstance(value, int | float | None) else str(value)


COMMANDS = (distributor, configuration)
