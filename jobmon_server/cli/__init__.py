"""`jobmon-server`: serve, db …, token …, config show, reap, bench, fsm. Exit 2: wrong use or setting; 4: served already."""

from __future__ import annotations

import sys

import click

from jobmon_client.system.lossy import lossy
from jobmon_server.cli import bench, db, fsm, serving, settings, tokens
from jobmon_server.cli.base import CommandGroup


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="jobmon")
def main() -> None:
    """The Jobmon server. Settings come from flags, then JOBMON_* variables, then server.toml."""
    # What is told on stderr stands beside the work: a closed pipe there ends no server.
    sys.stderr = lossy(sys.stderr)


for module in (serving, db, tokens, settings, bench, fsm):
    for command in module.COMMANDS:
        main.add_command(command)
