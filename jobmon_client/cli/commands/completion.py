"""`jobmon completion`: what a shell reads to complete commands and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

VARIABLE = "_JOBMON_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, *, shell: str) -> None:
    """Print the completion script of a shell.

    For bash put this into ~/.bashrc: eval "$(jobmon completion bash)"
    """
    root = context.find_root()
    made = get_completion_class(shell)
    if made is None:  # click knows all of SHELLS
        raise click.UsageError(f"no completion for {shell}")
    click.echo(made(root.command, {}, root.info_name or "jobmon", VARIABLE).source())


COMMANDS = (completion,)
