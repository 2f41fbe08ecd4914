"""The command that prints the state machines."""

from __future__ import annotations

import json

import click


@click.command()
@click.option("--format", "form", type=click.Choice(["mermaid", "markdown", "json"]), default="markdown")
def fsm(form: str) -> None:
    """Print the state machines as they run."""
    from jobmon_server.fsm.diagram import MACHINES, as_json, as_markdown, as_mermaid

    if form == "json":
        click.echo(json.dumps(as_json(), indent=2, ensure_ascii=False))
    elif form == "markdown":
        click.echo(as_markdown(), nl=False)
    else:
        for name, table in MACHINES.items():
            click.echo(f"%% {name}\n{as_mermaid(table)}")


COMMANDS = (fsm,)
