"""The group of commands, and the one door through which errors leave."""

from __future__ import annotations

import errno
import sys

import click

from jobmon_client import log
from jobmon_client.cli.commands import (
    access,
    completion,
    control,
    distributor,
    explain,
    inspect,
    instance,
    limits,
    run,
    spool,
    task,
    workflow,
)
from jobmon_client.cli.options import profile
from jobmon_client.config import load
from jobmon_client.errors import (
    BadSetting,
    Denied,
    JobmonError,
    Malformed,
    NotFound,
    NotJson,
    UnknownCluster,
    Unreachable,
)
from jobmon_client.running.embedded import ServerMissing, ServerNotStarted
from jobmon_client.spec.definition import InvalidDefinition
from jobmon_client.system.places import describe

WELL, FAILED, USAGE, UNREACHABLE = range(4)
MEANINGS = {
    WELL: "all well; a workflow that was run is DONE",
    FAILED: "something failed: a task of a workflow that was run, or an act that was refused",
    USAGE: "usage: no such command, option, setting or id, or a token that is missing or does not allow it",
    UNREACHABLE: "the server cannot be reached, or fails again and again",
}
EXIT_CODES: dict[type[JobmonError], int] = {
    InvalidDefinition: USAGE,
    BadSetting: USAGE,
    UnknownCluster: USAGE,
    NotFound: USAGE,
    Malformed: USAGE,
    NotJson: USAGE,
    Denied: USAGE,
    Unreachable: UNREACHABLE,
    ServerMissing: UNREACHABLE,
    ServerNotStarted: UNREACHABLE,
}


class ErrorGroup(click.Group):
    """Turns the client's errors into one sentence on stderr and an exit code."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the command."""
        settings = None
        try:
            settings = load({"profile": ctx.params.get("profile")})
            log.configure(settings.log_level)
            return super().invoke(ctx)
        except JobmonError as error:
            click.echo(f"jobmon: {error}", err=True)
            code = next((code for kind, code in EXIT_CODES.items() if isinstance(error, kind)), FAILED)
            sys.exit(code)
        except OSError as error:
            if error.errno == errno.EPIPE:  # who read what we say has gone: click knows
                raise
            click.echo(f"jobmon: {describe(error, settings)}", err=True)
            sys.exit(USAGE)


@click.group(
    cls=ErrorGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(package_name="jobmon")
@profile
def jobmon(*, profile: str | None) -> None:
    """Run workflows of commands and see what became of each.

    Exit codes: 0 all well, 1 something failed, 2 usage, 3 the server cannot be reached.
    """


for module in (
    workflow,
    task,
    instance,
    run,
    inspect,
    control,
    limits,
    explain,
    spool,
    distributor,
    access,
    completion,
):
    for command in module.COMMANDS:
        jobmon.add_command(command)
