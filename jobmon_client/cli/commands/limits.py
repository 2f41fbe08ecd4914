"""Commands about what holds work back: limits of workflows and arrays, maxima of queues."""

from __future__ import annotations

import click

from jobmon_client.cli.options import as_json, print_json, server
from jobmon_client.cli.session import api_of
from jobmon_client.cli.tables import print_table

MOST = 2**31 - 1


def limit_of(text: str) -> int | None:
    """Read a whole number, or `none`."""
    if text == "none":
        return None
    if text.isascii() and text.isdigit() and len(text) <= len(str(MOST)) and int(text) <= MOST:
        return int(text)
    raise click.BadParameter(f"{text!r} is not allowed; give a whole number from 0, or none")


def amount_of(text: str) -> tuple[str, float]:
    """Read `resource=number`."""
    resource, _, written = text.rpartition("=")
    try:
        number = float(written)
    except ValueError:
        number = -1.0
    if not resource or not 0 <= number < float("inf"):
        raise click.BadParameter(f"{text!r} is not allowed; give resource=number, such as memory=64")
    return resource, int(number) if number.is_integer() else number


@click.command()
@click.argument("workflow_id", type=int)
@click.argument("maximum", type=limit_of, metavar="N|none")
@click.option("--array", metavar="NAME", help="Limit this array of the workflow, not the whole of it.")
@server
@as_json
def limit(
    *, workflow_id: int, maximum: int | None, array: str | None, server_url: str | None, as_json: bool
) -> None:
    """Change how many tasks may be live at once: from now on, while it runs. 0 pauses; what is live goes on."""
    with api_of(server_url) as api:
        if array is None:
            done = api.limit_workflow(workflow_id, maximum)
        else:
            done = api.limit_arrays(workflow_id, {array: maximum})
    if as_json:
        print_json(done)
        return
    what = f"workflow {workflow_id}" if array is None else f"array {array!r} of workflow {workflow_id}"
    click.echo(f"{what}: {'no limit' if maximum is None else f'at most {maximum} at once'}")


@click.group()
def queue() -> None:
    """See and set what a cluster's queues have at most."""


@queue.command(name="list")
@click.option("--cluster", help="Only of this cluster.")
@server
@as_json
def list_queues(*, cluster: str | None, server_url: str | None, as_json: bool) -> None:
    """List the queues that have a maximum."""
    with api_of(server_url) as api:
        queues = api.queues(cluster)
    if as_json:
        print_json({"queues": queues})
        return
    rows = [
        (one["cluster"], one["queue"], ", ".join(f"{name}={most}" for name, most in one["maximum"].items()))
        for one in queues
    ]
    print_table(["CLUSTER", "QUEUE", "MAXIMUM"], rows)


@queue.command(name="set")
@click.argument("cluster")
@click.argument("name")
@click.argument("amounts", type=amount_of, nargs=-1, metavar="[RESOURCE=NUMBER]...")
@server
@as_json
def set_queue(
    *, cluster: str, name: str, amounts: tuple[tuple[str, float], ...], server_url: str | None, as_json: bool
) -> None:
    """Set what a queue has at most; without amounts its maximum is removed.

    A task that is scaled beyond it goes to the first of its fallback queues that allows what it needs.
    """
    with api_of(server_url) as api:
        done = api.set_queue(cluster, name, dict(amounts) or None)
    if as_json:
        print_json(done)
    else:
        shown = ", ".join(f"{resource}={most}" for resource, most in amounts) or "no maximum"
        click.echo(f"queue {name!r} of cluster {cluster!r}: {shown}")


COMMANDS = (limit, queue)
