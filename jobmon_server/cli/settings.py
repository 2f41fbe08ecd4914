"""The command that shows the settings."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from jobmon_server.cli.base import load_settings
from jobmon_server.cli.serving import serve
from jobmon_server.config import Settings, origins


@click.group()
def config() -> None:
    """Look at the settings."""


def show(*, origin: bool, as_json: bool, **flags: Any) -> None:
    """Show what `serve` with these flags goes by; a password is hidden."""
    from jobmon_server.routes.http.endpoint import encode

    sources = origins(flags)
    rows = [(name, value, sources[name]) for name, value in _shown(load_settings(flags)).items()]
    if as_json:
        told = {name: {"value": value, "origin": source} if origin else value for name, value, source in rows}
        click.echo(encode(told))
        return
    widest = max(len(name) for name, _, _ in rows)
    for name, value, source in rows:
        text = ",".join(map(str, value)) if isinstance(value, tuple) else value
        click.echo(f"{name.ljust(widest)}  {source.ljust(11) + '  ' if origin else ''}{text}".rstrip())


def _shown(settings: Settings) -> dict[str, Any]:
    from sqlalchemy.engine import make_url

    hidden = make_url(settings.database_url).render_as_string(hide_password=True)
    return asdict(settings) | {"database_url": hidden}


config.add_command(
    click.Command(
        "show",
        callback=show,
        help=show.__doc__,
        params=[
            click.Option(["--origin"], is_flag=True, help="Say which source each value comes from."),
            click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON object."),
            *serve.params,
        ],
    )
)
COMMANDS = (config,)
