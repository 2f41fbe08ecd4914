"""`jobmon workflow delete`, and with it the files that workers left, where they are below this machine's log directory."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from jobmon_client.api.client import Api
from jobmon_client.cli.bulk_operation import REFUSALS_SHOWN, Body, OperationTerms, carry_out, on_terms, yes
from jobmon_client.cli.filters import WORKFLOW
from jobmon_client.cli.options import as_json, plain, reason, server, settings_of
from jobmon_client.config import Settings, database_log_dir
from jobmon_client.running.embedded import Place
from jobmon_client.running.log_removal import FileOutcome, files_of, remove_files

LEFT = frozenset({FileOutcome.REFUSED, FileOutcome.FAILED})


@click.command(name="delete")
@on_terms(WORKFLOW)
@click.option("--force", is_flag=True, help="Also what lives: it is stopped first.")
@click.option(
    "--files",
    "with_files",
    is_flag=True,
    help="Also stdout and stderr of their tasks, below the log directory of this database.",
)
@click.option(
    "--output",
    "with_output",
    is_flag=True,
    help="Also results and ends of logs of which the server keeps no archive; --files includes it.",
)
@reason
@yes
@server
@as_json
def delete_workflows(
    *,
    terms: OperationTerms,
    force: bool,
    with_files: bool,
    with_output: bool,
    reason: str | None,
    yes: bool,
    server_url: str | None,
    as_json: bool,
) -> None:
    """Delete workflows and all that hangs on them, at most ten unless --max-limit says otherwise."""

    def call(api: Api, asked: Body) -> Body:
        files = paths(api, terms) if with_files and not asked.get("preview") else {}
        ids = asked.pop("workflow_ids", None)
        if with_output or with_files:
            asked["delete_output"] = True
        done = api.delete_workflows(ids, force=force or None, reason=reason, **asked)
        gone = [path for one in done["workflow_ids"] for path in files.get(one, ())]
        if with_files:
            log_dir = logs_of(settings_of(server_url=server_url))
            done["files"] = [asdict(one) for one in remove_files(gone, log_dir)] if gone else []
        return done

    def tell(done: Body) -> None:
        if with_files:
            tell_files(done["files"])

    carry_out("delete", terms, call, server_url=server_url, as_json=as_json, ask=not yes, more=tell)


def logs_of(settings: Settings) -> Path:
    """Return the directory of the logs of the database that is worked with: files of others are not ours to remove."""
    users_file = None if settings.server_url else Place.of(settings).file("users")
    return database_log_dir(settings, settings.server_url or "", users_file)


def paths(api: Api, terms: OperationTerms) -> dict[int, list[str]]:
    """Return the files of each workflow that is meant: once it is deleted nobody knows them any more."""
    rows = api.find(WORKFLOW, search=terms.conditions, fields=["workflow_id"], limit=0)
    return {row["workflow_id"]: files_of(api, row["workflow_id"]) for row in rows}


def tell_files(files: list[Body]) -> None:
    """Say what became of the files, and on stderr which are left and why."""
    counts = Counter(one["outcome"] for one in files)
    click.echo("files: " + (", ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "none"))
    for one in [one for one in files if one["outcome"] in LEFT][:REFUSALS_SHOWN]:
        click.echo(f"jobmon: {plain(one['path'])} is left: {plain(one['message'])}", err=True)
