"""What the commands share: the door that errors leave by, the database that the settings name."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from jobmon_server.config import WHERE, Settings, old_values
from jobmon_server.errors import JobmonServerError
from jobmon_server.settings.auth import AUTH, NONE, TOKENS

if TYPE_CHECKING:
    from jobmon_server.db.core.transaction import Database

Function = TypeVar("Function", bound=Callable[..., Any])


class CommandGroup(click.Group):
    """A group whose commands end with our errors' exit codes, and a sentence instead of a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command; what the terminal's encoding lacks is escaped."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        try:
            return super().invoke(context)
        except JobmonServerError as error:
            click.echo(f"jobmon-server: {error.message}", err=True)
            context.exit(error.exit_code)
        except OSError as error:
            if error.errno == errno.EPIPE:  # who read what we say has gone: click knows
                raise
            where = f"{os.fsdecode(error.filename)}: " if error.filename is not None else ""
            click.echo(f"jobmon-server: {where}{error.strerror or error}; {WHERE}", err=True)
            context.exit(2)


def database_option(function: Function) -> Function:
    """Add --database-url."""
    return click.option(
        "--database-url", metavar="URL", help="Default: a SQLite file in the data directory."
    )(function)


def auth_options(function: Function) -> Function:
    """Add --auth and --no-auth, which set the same."""
    ask = click.option(
        "--auth",
        is_flag=False,
        flag_value=TOKENS,
        type=click.Choice(AUTH),
        callback=_auth,
        help="Whose token is asked for. local (default): this user's own, and those of `jobmon-server token create`;"
        " tokens (bare --auth): the latter alone; none: nobody's.",
    )
    off = click.option(
        "--no-auth",
        is_flag=True,
        is_eager=True,
        expose_value=False,
        callback=_no_auth,
        help="As --auth none.",
    )
    return ask(off(function))


def _no_auth(context: click.Context, _option: click.Parameter, is_given: bool) -> None:
    """Keep it for `--auth`, which is looked at later."""
    context.meta[__name__] = is_given


def _auth(context: click.Context, _option: click.Parameter, word: str | None) -> str | None:
    if not context.meta.get(__name__):
        return word
    if word is not None:
        raise click.UsageError("Give --auth or --no-auth, not both.")
    return NONE


def load_settings(flags: dict[str, Any]) -> Settings:
    """Load the settings, and say on stderr which of them have a value of an older version."""
    settings = Settings.load(flags)
    for sentence in old_values(flags):
        click.echo(f"jobmon-server: WARNING: {sentence}", err=True)
    return settings


@contextmanager
def opened(flags: dict[str, Any]) -> Iterator[tuple[Database, Settings]]:
    """Open the database that the settings name, for one command."""
    from jobmon_server.db.schema.lifecycle import usable

    settings = load_settings(flags)
    settings.prepare_place()
    with usable(settings.database_url) as database:
        yield database, settings
