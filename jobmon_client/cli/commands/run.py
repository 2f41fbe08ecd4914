"""Commands that run workflows: run, demo, resume."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Callable, Collection
from dataclasses import asdict
from pathlib import Path

import click

from jobmon_client.cli.options import as_json, concurrency, one_line, plain, print_json, server, settings_of
from jobmon_client.config import Settings
from jobmon_client.running import progress
from jobmon_client.running.connection import LOCAL, Connection, connected
from jobmon_client.running.interrupts import Interrupts
from jobmon_client.running.result import Result
from jobmon_client.running.run import OnProgress, resume_on, run_on
from jobmon_client.spec import files
from jobmon_client.spec.definition import WorkflowDefinition
from jobmon_client.states import TaskStatus
from jobmon_client.system.private_files import make_directory

FAILURES_SHOWN = 10
CLUSTER_HELP = "Run every task on this cluster, whatever the file says; tasks that name none run on `local`."

Drive = Callable[[Connection, Interrupts, OnProgress], Result]


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@server
@click.option("--cluster", metavar="NAME", help=CLUSTER_HELP)
@concurrency
@click.option(
    "--time-scale", type=click.FloatRange(min=0), metavar="X", help="Multiply a trace's runtimes by this."
)
@as_json
def run(
    *,
    file: Path,
    server_url: str | None,
    cluster: str | None,
    concurrency: int | None,
    time_scale: float | None,
    as_json: bool,
) -> None:
    """Run a workflow FILE (YAML or JSON) or a WfFormat 1.5 trace to its end."""
    settings = settings_of(server_url=server_url, concurrency=concurrency)
    definition = files.load(file, time_scale=time_scale)
    if cluster:
        definition = definition.on_cluster(cluster)
    result = follow(
        settings, definition.name, _running(definition), as_json=as_json, clusters=definition.clusters(LOCAL)
    )
    sys.exit(0 if result.is_done else 1)


@click.command()
@click.argument("workflow_id", type=int)
@server
@click.option(
    "--cluster", metavar="NAME", help="Work for this cluster alone; without it for all that the tasks name."
)
@click.option(
    "--hot/--cold",
    help="Let what still runs finish, and count it; cold, the default, kills it and runs it again.",
)
@concurrency
@as_json
def resume(
    *,
    workflow_id: int,
    server_url: str | None,
    cluster: str | None,
    hot: bool,
    concurrency: int | None,
    as_json: bool,
) -> None:
    """Run what is left of a workflow that was interrupted or that failed; what failed has all its attempts again."""
    settings = settings_of(server_url=server_url, concurrency=concurrency)

    def drive(connection: Connection, interrupts: Interrupts, on_progress: OnProgress) -> Result:
        return resume_on(connection, workflow_id, interrupts, on_progress, cluster, hot=hot)

    result = follow(settings, f"workflow {workflow_id}", drive, as_json=as_json)
    sys.exit(0 if result.is_done else 1)


@click.command()
@server
@concurrency
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Write into DIR and keep the measurements, not the report alone.",
)
@as_json
def demo(*, server_url: str | None, concurrency: int | None, keep: Path | None, as_json: bool) -> None:
    """Run a real workflow: measure each module of Python's standard library, report on all."""
    from jobmon_client.demo import library

    settings = settings_of(server_url=server_url, concurrency=concurrency)
    home = (keep or settings.data_dir / "demo" / uuid.uuid4().hex[:8]).absolute()
    work = home / "work"
    make_directory(work)
    definition = library.workflow(work)
    result = follow(
        settings,
        "demo",
        _running(definition),
        as_json=as_json,
        clusters=definition.clusters(LOCAL),
        report=home / library.REPORT,
    )
    if result.is_done:
        shutil.copyfile(work / library.REPORT, home / library.REPORT)
        if keep is None:
            shutil.rmtree(work)
    sys.exit(0 if result.is_done else 1)


def _running(definition: WorkflowDefinition) -> Drive:
    def drive(connection: Connection, interrupts: Interrupts, on_progress: OnProgress) -> Result:
        return run_on(connection, definition, interrupts, on_progress)

    return drive


def follow(
    settings: Settings,
    title: str,
    drive: Drive,
    *,
    as_json: bool,
    clusters: Collection[str] = (),
    report: Path | None = None,
) -> Result:
    """Run with progress on stderr, then print the summary, or with `as_json` one object."""
    with (
        Interrupts() as interrupts,
        connected(settings, keep=True, stop=interrupts.first, clusters=clusters) as connection,
    ):
        interrupts.call(lambda: _say_interrupted(interrupts))
        with progress.shown(title, enabled=not as_json) as on_progress:
            result = drive(connection, interrupts, on_progress)
        if as_json:
            known = asdict(result)
            del known["interrupted"], known["errors"]
            print_json(known | ({"report": str(report)} if report and result.is_done else {}))
        else:
            summarize(result, report)
    if result.interrupted:
        click.echo(f"Interrupted. To go on: jobmon resume {result.workflow_id}", err=True)
    return result


def _say_interrupted(interrupts: Interrupts) -> None:
    said = "Killing at once." if interrupts.second.is_set() else "Stopping; once more to kill at once."
    click.echo(said, err=True)


def summarize(result: Result, report: Path | None) -> None:
    """Say how it ended, what failed, and what to look at next."""
    counted = ", ".join(f"{count} {status}" for status, count in sorted(result.tasks.items()) if count)
    click.echo(
        f"Workflow {result.workflow_id} is {result.status} after {result.seconds:.1f} s: {counted or 'no tasks'}"
    )
    if result.is_done:
        if report:
            click.echo(f"Report: {report}")
            click.echo("Look at it from inside:")
            for command in ("status", "tasks", "errors"):
                click.echo(f"  jobmon {command} {result.workflow_id}")
            click.echo("  jobmon logs TASK_INSTANCE_ID   (the last instance of each is in `jobmon tasks`)")
        return
    if result.interrupted:
        return
    _print_failures(result)
    click.echo(f"What went wrong: jobmon errors {result.workflow_id}")
    click.echo(f"Try again:       jobmon resume {result.workflow_id}")


def _print_failures(result: Result) -> None:
    for error in result.errors[:FAILURES_SHOWN]:
        said = one_line(error.stderr) or one_line(error.error)
        click.echo(f"  failed: {plain(error.task)}" + (f": {said}" if said else ""))
    if result.tasks.get(TaskStatus.ERROR_FATAL, 0) > FAILURES_SHOWN:
        click.echo("  … and more")


COMMANDS = (run, demo, resume)
