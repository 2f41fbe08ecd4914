"""`python -m jobmon_client.cli.reference`: docs/reference/command-line.md, made from the commands themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from jobmon_client.cli.app import MEANINGS, jobmon
from jobmon_client.cli.options import Shared

INTRODUCTION = """# The command line

Made from the commands by `python -m jobmon_client.cli.reference`; a test fails when it is out of date. `jobmon COMMAND --help` says
the same. Commands in groups (`jobmon task list`) take [filters](#filters); the short ones (`jobmon tasks 7`) take an id.
What one command shows as a table for people, `--json` prints as one object for programs.

## Exit codes
"""


def page() -> str:
    """Return the page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    commands = list(_commands("jobmon", jobmon))
    yield INTRODUCTION
    yield from (f"* {code}: {meaning}" for code, meaning in MEANINGS.items())
    yield "\n## Options before the command\n"
    yield from (_bullet(one) for one in jobmon.params if isinstance(one, click.Option))
    for topic, options in _shared([command for _, command in commands]).items():
        yield f"\n## {topic}\n"
        yield from map(_bullet, options)
    for path, command in commands:
        yield from _section(path, command)


def _commands(path: str, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    for name, command in sorted(group.commands.items()):
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from _commands(f"{path} {name}", command)


def _shared(commands: Sequence[click.Command]) -> dict[str, list[Shared]]:
    """Return the options that many commands have, by topic; each once, as its first command has it."""
    found: dict[str, dict[str, Shared]] = {}
    for option in (one for command in commands for one in command.params if isinstance(one, Shared)):
        found.setdefault(option.topic, {}).setdefault(option.opts[0], option)
    return {topic: list(options.values()) for topic, options in sorted(found.items())}


def _section(path: str, command: click.Command) -> Iterator[str]:
    yield f"\n## {path}\n"
    yield _joined(command.help or "")
    if isinstance(command, click.Group):
        return
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option)]
    yield f"\n    {' '.join([path, *map(_argument, arguments)])}\n"
    yield from (_bullet(one) for one in options if not isinstance(one, Shared))
    topics = dict.fromkeys(one.topic for one in options if isinstance(one, Shared))
    links = [f"[{topic.lower()}](#{topic.lower().replace(' ', '-')})" for topic in topics]
    if links:
        yield f"* {', '.join(links)}"


def _argument(argument: click.Argument) -> str:
    if argument.metavar:
        return argument.metavar
    name = _values(argument) + ("..." if argument.nargs != 1 else "")
    return name if argument.required else f"[{name}]"


def _bullet(option: click.Option) -> str:
    names = " / ".join([", ".join(option.opts), *option.secondary_opts])
    value = "" if option.is_flag or option.count else f" {_values(option)}"
    required = " Required." if option.required else ""
    return f"* `{names}{value}`: {_joined(option.help or '')}{required}"


def _values(parameter: click.Parameter) -> str:
    """Return what stands for the value; written here, for click's own way of saying it changes with its version."""
    if parameter.metavar:
        return parameter.metavar
    if isinstance(parameter.type, click.Choice):
        return "|".join(parameter.type.choices)
    if isinstance(parameter, click.Argument):
        return (parameter.name or "").upper()
    return "N" if isinstance(parameter.type, click.types.IntParamType) else parameter.type.name.upper()


def _joined(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    click.echo(page(), nl=False)
