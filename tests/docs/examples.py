"""The examples of a page: its files are written, its commands are run, and what it shows is what they say.

* A `yaml`, `python`, `toml` or `sh` block whose first line is `# NAME.EXT` is a file of that name; text after a `;` in that line is for people.
* In a `console` block each line after `$ ` is a command for /bin/sh; the lines below it are lines of what it says, in that order,
  among others perhaps. `…` stands for anything. A command that ends with another code than 0 fails the page, unless the page
  shows the code (`; echo $?`).
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w-]+\.(?:yaml|json|py|toml|sh))\b")
ANYTHING = "…"


@dataclass(frozen=True)
class Command:
    """What is typed, and lines of what is said."""

    typed: str
    said: tuple[str, ...]


@dataclass(frozen=True)
class File:
    """What is saved under a name."""

    name: str
    text: str


def steps(page: str) -> Iterator[Command | File]:
    """Yield the files and commands of a page, in its order."""
    for language, text in BLOCK.findall(page):
        if language == "console":
            yield from commands(text)
        elif named := FILE.match(text):
            yield File(named[1], text)


def commands(block: str) -> Iterator[Command]:
    """Yield the commands of one block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        typed, *said = part.rstrip("\n").split("\n")
        yield Command(typed, tuple(line for line in said if line.strip() not in {"", ANYTHING}))


def follow(page: str, home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Do what the page says, in `home`; yield a problem for each command that said something else."""
    for step in steps(page):
        if isinstance(step, File):
            (home / step.name).write_text(step.text)
            continue
        ended = subprocess.run(
            ["/bin/sh", "-c", step.typed],
            cwd=home,
            env=dict(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=50,
            check=False,
        )
        missing = not_said(step.said, ended.stdout)
        if missing is not None or ended.returncode:
            why = f"does not say {missing!r}" if missing is not None else f"ended with {ended.returncode}"
            yield f"$ {step.typed}\n{why}; it said:\n{ended.stdout}"


def not_said(wanted: tuple[str, ...], said: str) -> str | None:
    """Return the first line that was not said, after the ones before it; None if all were."""
    lines = iter(said.splitlines())
    for line in wanted:
        pattern = re.compile(r"\s*" + ".*".join(map(_spaced, line.strip().split(ANYTHING))) + r"\s*")
        if not any(pattern.fullmatch(one) for one in lines):
            return line
    return None


def _spaced(text: str) -> str:
    """Return a pattern for the text in which spaces are as wide as they come."""
    return r"\s+".join(map(re.escape, re.split(r"\s+", text)))
