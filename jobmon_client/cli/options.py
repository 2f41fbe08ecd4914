"""Options that several commands share, and how results are printed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from jobmon_client import config
from jobmon_client.config import Settings

Command = TypeVar("Command", bound=Callable[..., Any])

COMMON = "Common options"


class Shared(click.Option):
    """An option that many commands have: the reference describes it once, under its topic."""

    def __init__(self, *names: Any, topic: str, **facts: Any) -> None:
        """Take what click takes, and the topic."""
        super().__init__(*names, **facts)
        self.topic = topic


server = click.option(
    "--server",
    "server_url",
    cls=Shared,
    topic=COMMON,
    metavar="URL",
    help="The server; without it an embedded one is used. [JOBMON_SERVER_URL]",
)
as_json = click.option(
    "--json",
    "as_json",
    cls=Shared,
    topic=COMMON,
    is_flag=True,
    help="Print one JSON object and nothing else.",
)
concurrency = click.option(
    "--concurrency", type=int, metavar="N", help="Commands at once; the number of CPUs if not given."
)
verbose = click.option(
    "-v", "--verbose", cls=Shared, topic=COMMON, is_flag=True, help="Show more of each, deadlines too."
)
reason = click.option(
    "--reason", cls=Shared, topic=COMMON, metavar="TEXT", help="Why: it is written into the journal."
)


profile = click.option(
    "--profile",
    metavar="NAME",
    help="Settings of the table [profiles.NAME] of the configuration file. [JOBMON_PROFILE]",
)


def settings_of(**flags: object) -> Settings:
    """Gather the settings of the command that runs: its flags, and the profile that was named before it."""
    group = click.get_current_context().find_root()
    return config.load({"profile": group.params.get("profile"), **flags})


def print_json(value: object) -> None:
    """Print one JSON object on one line."""
    click.echo(json.dumps(value, ensure_ascii=False))


def print_json_list(key: str, items: Iterable[object], **facts: object) -> None:
    """Print one JSON object on one line, its list as the items come: it may be long."""
    told = json.dumps(facts, ensure_ascii=False).removesuffix("}")
    sys.stdout.write(f"{told}{', ' if facts else ''}{json.dumps(key)}: [")
    for number, item in enumerate(items):
        sys.stdout.write((", " if number else "") + json.dumps(item, ensure_ascii=False))
    sys.stdout.write("]}\n")


def plain(value: object) -> str:
    """Return the text without what could steer a terminal; line ends and tabs stay."""
    return "".join(
        one if one in "\n\t" or one.isprintable() else one.encode("unicode_escape").decode()
        for one in str(value)
    )


def one_line(value: object, longest: int = 100) -> str:
    """Return the text's last line that says something, cut."""
    lines = [line.strip() for line in plain(value or "").splitlines() if line.strip()]
    last = lines[-1] if lines else ""
    return last if len(last) <= longest else f"{last[: longest - 1]}…"
