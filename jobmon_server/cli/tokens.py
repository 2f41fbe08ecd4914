"""Commands about tokens: whom a server lets in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from jobmon_client.states import Scope, Serve
from jobmon_server.cli.base import database_option, load_settings, opened

if TYPE_CHECKING:
    from jobmon_server.db.core.transaction import Database

LONGEST_NAME = 255
LONGEST_EXPIRES = 100 * 365 * 86_400  # seconds


def _name(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Take what can be printed, and what the database can keep exactly."""
    if text is not None and not (1 <= len(text) <= LONGEST_NAME and text.isprintable()):
        raise click.BadParameter(f"must have 1 to {LONGEST_NAME} printable characters")
    return text


@click.group()
def token() -> None:
    """Make, list, revoke and renew tokens."""


@contextmanager
def _database(flags: dict[str, Any]) -> Iterator[Database]:
    """Open the database; an empty one gets its schema, so that tokens can be made before the first `serve`."""
    from jobmon_server.db.schema.lifecycle import prepare

    with opened(flags) as (database, _):
        prepare(database.engine)
        yield database


@token.command()
@click.argument("name", callback=_name)
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What it allows; each allows what those before it do. May be given again.",
)
@click.option("--owner", callback=_name, help="Whom workflows belong to that are bound with it.")
@click.option("--owner-group", callback=_name, help="Their group or project.")
@click.option("--tenant", callback=_name, help="Their tenant.")
@click.option(
    "--serve",
    type=click.Choice([serve.value for serve in Serve]),
    default=Serve.OWN.value,
    show_default=True,
    help="Whose workflows it changes and claims from: its owner's, its group's too, or everybody's.",
)
@click.option(
    "--expires",
    type=click.IntRange(1, LONGEST_EXPIRES),
    metavar="SECONDS",
    help="From now; without it the token does not expire.",
)
@database_option
def create(
    name: str, scopes: tuple[str, ...], expires: int | None, database_url: str | None, **ownership: Any
) -> None:
    """Make a token and print it, this once: only its digest is kept. NAME is what the journal says of its holder."""
    from jobmon_server.actions.admin.tokens import create_token, new_token

    if ownership["serve"] == Serve.GROUP and ownership["owner_group"] is None:
        raise click.UsageError("--serve group asks for --owner-group: which group is served?")
    text = new_token()
    with _database({"database_url": database_url}) as database:
        database.transact(create_token, name, text, [Scope(one) for one in scopes], expires, **ownership)
    click.echo(text)


@token.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
@database_option
def list_all(as_json: bool, **flags: Any) -> None:
    """List the tokens that were made; what they are is not known."""
    from jobmon_server.db.admin.tokens import list_tokens
    from jobmon_server.routes.http.endpoint import encode

    with _database(flags) as database:
        told = encode(database.read(list_tokens))
    if as_json:
        click.echo(told)
        return
    for row in json.loads(told):
        known = {**row, "scopes": ",".join(row["scopes"])}
        words = [f"{key}={value}" for key, value in known.items() if key != "name" and value is not None]
        click.echo("  ".join([row["name"], *words]))


@token.command()
@click.argument("name", callback=_name)
@database_option
def revoke(name: str, **flags: Any) -> None:
    """Let a token hold no longer; a server that saw it lately takes it for ten seconds more."""
    from jobmon_client.states import Outcome
    from jobmon_server.actions.admin.tokens import revoke_token

    with _database(flags) as database:
        outcome = database.transact(revoke_token, name)
    click.echo(f"{name}: {'revoked' if outcome is Outcome.APPLIED else 'was revoked before'}")


@token.command("renew-local")
@database_option
def renew_local(**flags: Any) -> None:
    """Put another local token in the place of this user's: clients and servers take the new one at once."""
    from jobmon_server.local_token import LocalToken

    settings = load_settings(flags)
    local = LocalToken.of(settings)
    local.renew()
    click.echo(f"renewed: {local.path}")


COMMANDS = (token,)
