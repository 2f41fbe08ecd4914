"""Acts on many, chosen by the filters: shown first if asked for, bounded, and told one by one."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import click

from jobmon_client.api.client import Api
from jobmon_client.cli.filters import TASK, WORKFLOW, Command, Conditions, condition, filters
from jobmon_client.cli.options import Shared, as_json, plain, print_json, reason, server
from jobmon_client.cli.session import api_of
from jobmon_client.cli.tables import print_table
from jobmon_client.states import Outcome, TaskStatus

TOPIC = "Terms of acts"
REFUSALS_SHOWN = 20
BOUNDS = ("digest", "max_limit", "on_error")
Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class OperationTerms:
    """Whom an act is about, and on which terms."""

    of: str
    conditions: Conditions
    everything: bool = False
    preview: bool = False
    digest: str | None = None
    max_limit: int | None = None
    on_error: str | None = None

    @property
    def ids(self) -> list[int] | None:
        """Return the ids, where nothing but ids was given."""
        match self.conditions:
            case [{"field": field, "operator": "in", "value": ids}] if field == f"{self.of}_id":
                return list(ids)
        return None

    @property
    def facts(self) -> Body:
        """Return them as the client's calls take them: ids where nothing but ids was given, so that unknown ones are told."""
        terms = {name: getattr(self, name) for name in BOUNDS}
        if self.preview:
            terms["preview"] = True
        if self.everything:
            return {**terms, "all": True}
        return {
            **terms,
            **({"search": self.conditions} if self.ids is None else {f"{self.of}_ids": self.ids}),
        }


def on_terms(of: str, bounds: Iterable[str] = BOUNDS) -> Callable[[Command], Command]:
    """Add the filters and what bounds an act, or those of these bounds; the command gets them as `terms`."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def with_terms(
            *, ids: tuple[int, ...], conditions: Conditions, everything: bool, preview: bool, **given: Any
        ) -> Any:
            if ids:
                conditions = [condition(f"{of}_id", "in", list(ids)), *conditions]
            if bool(conditions) == everything:
                raise click.UsageError("say which: ids or filters, or else --all")
            within = {name: given.pop(name) for name in bounds}
            return command(terms=OperationTerms(of, conditions, everything, preview, **within), **given)

        decorated: Any = filters(of)(with_terms)
        for name, option in reversed(OPTIONS.items()):
            decorated = option(decorated) if name not in BOUNDS or name in bounds else decorated
        return click.argument("ids", type=int, nargs=-1, metavar="[ID]...")(decorated)  # type: ignore[no-any-return]

    return decorate


def _term(*names: str, **facts: Any) -> Callable[[Any], Any]:
    return click.option(*names, cls=Shared, topic=TOPIC, **facts)


OPTIONS = {
    "everything": _term(
        "--all",
        "everything",
        is_flag=True,
        help="Everything there is; without it an act without a filter is refused.",
    ),
    "preview": _term(
        "--dry-run",
        "preview",
        is_flag=True,
        help="Show what would change, and a digest of it; change nothing.",
    ),
    "digest": _term(
        "--digest",
        metavar="DIGEST",
        help="Only if they are still what a --dry-run with this digest has shown.",
    ),
    "max_limit": _term(
        "--max-limit",
        type=click.IntRange(0),
        metavar="N",
        help="Only if they are at most so many; 0 for any number. What is chosen by filters: 1000 if not given.",
    ),
    "on_error": _term(
        "--on-error",
        type=click.Choice(["stop", "continue"]),
        help="At the first that is refused, stop, or go on to the others, as is done if not given.",
    ),
}
yes = _term("--yes", is_flag=True, help="Do not ask first.")


def carry_out(
    verb: str,
    terms: OperationTerms,
    call: Callable[[Api, Body], Body],
    *,
    server_url: str | None,
    as_json: bool,
    ask: bool | Callable[[Api, Body], bool] = False,
    more: Callable[[Body], None] | None = None,
) -> None:
    """Do it, or show what it would do, and say what became of it; exit with 1 if anything was refused.

    With `ask` it is shown first, and done to exactly what was shown once somebody has said yes; a function decides by
    what would be shown. `more` says more of what was done.
    """
    with api_of(server_url) as api:
        if ask and not terms.preview:
            if ask is True:
                must_ask(verb)
            shown = call(api, replace(terms, preview=True).facts)
            if ask is True or ask(api, shown):
                must_ask(verb)
                show_preview(terms.of, shown)
                click.confirm(f"{verb} {counted(shown['matched'], terms.of)}?", abort=True)
                terms = replace(terms, digest=shown["digest"])
        done = call(api, terms.facts)
    if as_json:
        print_json(done)
    elif terms.preview:
        show_preview(terms.of, done)
    else:
        show_done(verb, terms.of, done)
        if more is not None:
            more(done)
    if not terms.preview and any(refused(done)):
        raise SystemExit(1)


def must_ask(verb: str, look: str = "look with --dry-run, ") -> None:
    """Refuse where nobody can answer, and say how to look first and how to do without."""
    if not sys.stdin.isatty():
        raise click.UsageError(f"{verb} asks first, and nobody is there to answer: {look}do it with --yes")


def counted(number: int, of: str) -> str:
    """Return `1 task`, `2 tasks`."""
    return f"{number} {of.replace('_', ' ')}{'' if number == 1 else 's'}"


def refused(done: Body) -> Iterable[Body]:
    """Yield those that were neither changed nor so already."""
    settled = {Outcome.APPLIED, Outcome.DUPLICATE}
    return (one for one in done["outcomes"] if one["outcome"] not in settled)


def show_preview(of: str, shown: Body) -> None:
    """Show what would change, and how to do exactly that."""
    rows = shown["preview"]
    names = (f"{of}_id", "status", "would_be", "tasks", "outcome", "problem")
    columns = [name for name in names if any(row.get(name) is not None for row in rows)]
    if rows:
        print_table([_head(name) for name in columns], ([row.get(name) for name in columns] for row in rows))
    left = shown["matched"] - len(rows)
    if left > 0:
        click.echo(f"… and {left} more")
    click.echo(f"{counted(shown['matched'], of)} matched; to do exactly this: --digest {shown['digest']}")


def _head(name: str) -> str:
    return "ID" if name.endswith("_id") else name.replace("_", " ").upper()


def show_done(verb: str, of: str, done: Body) -> None:
    """Say how many were changed, and on stderr what was refused and why."""
    became = "deleted" if verb == "delete" else "changed"
    click.echo(f"{verb}: {counted(done['applied'], of)} {became}, {done['matched']} matched")
    problems = list(refused(done))
    for one in problems[:REFUSALS_SHOWN]:
        why = plain(one.get("problem") or one.get("message") or f"{one['outcome']} ({one['status']})")
        click.echo(f"jobmon: {of.replace('_', ' ')} {one[f'{of}_id']} was not {became}: {why}", err=True)
    if len(problems) > REFUSALS_SHOWN:
        click.echo(f"jobmon: … and {len(problems) - REFUSALS_SHOWN} more; --json lists all", err=True)
    if done.get("left"):
        click.echo(f"jobmon: {done['left']} were not tried", err=True)


#: What flat commands and groups say of a verb.
HELP = {
    "pause": "Pause what does not run yet; a paused workflow queues nothing more until it is played.",
    "play": "Let go on what was paused.",
    "stop": "Stop for good; what runs is killed.",
    "retry": "Give tasks that failed for good their attempts again.",
    "rerun": "Run again, whatever became of it; what runs is killed first.",
}


def undoes_done(of: str) -> Callable[[Api, Body], bool]:
    """Return whether a rerun of what is shown would run again what is DONE; more than is shown may be."""

    def ask(api: Api, shown: Body) -> bool:
        rows = shown["preview"]
        if of == TASK:
            statuses = [row["status"] for row in rows]
        else:
            statuses = [one for row in rows for one in api.workflow(row["workflow_id"])["tasks"]]
        return TaskStatus.DONE in statuses or shown["matched"] > len(rows)

    return ask


def asks(of: str, verb: str) -> bool | Callable[[Api, Body], bool]:
    """Return whether a verb asks first: a rerun that undoes what is DONE, and the stop of a workflow."""
    if verb == "rerun":
        return undoes_done(of)
    return verb == "stop" and of == WORKFLOW


def act_command(of: str, verb: str) -> click.Command:
    """Make the command of one verb on many."""

    @click.command(name=verb, help=HELP[verb])
    @on_terms(of)
    @reason
    @server
    @as_json
    def run(
        *,
        terms: OperationTerms,
        reason: str | None,
        server_url: str | None,
        as_json: bool,
        yes: bool = False,
        **facts: Any,
    ) -> None:
        def call(api: Api, asked: Body) -> Body:
            act = api.act_on_tasks if of == TASK else api.act_on_workflows
            return act(asked.pop(f"{of}_ids", None), verb, reason=reason, **asked, **facts)

        # Who gives a digest has seen what it stands for.
        ask = not (yes or terms.digest) and asks(of, verb)
        carry_out(verb, terms, call, server_url=server_url, as_json=as_json, ask=ask)

    if asks(of, verb):
        yes(run)
    return run
