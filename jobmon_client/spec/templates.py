"""Arrays of tasks from one template: a command with fields, filled in for each set of arguments.

Arguments are quoted for the shell, so that no value can become a command of its own.
"""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import product
from string import Formatter
from typing import Any

from jobmon_client.spec.definition import InvalidDefinition, Problem
from jobmon_client.spec.fields import is_json

LONGEST_NAME = 255
DIGEST = 12


@dataclass(frozen=True, slots=True)
class CommandTemplate:
    """A command such as `fit.py --year {year} {place}`; `{{` and `}}` stand for braces, `{x:03d}` formats."""

    name: str
    command: str
    quoted: bool = True
    fields: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Find the fields; raise InvalidDefinition for what is no template."""
        object.__setattr__(self, "fields", tuple(dict.fromkeys(self._found())))

    def _found(self) -> Iterable[str]:
        try:
            parts = list(Formatter().parse(self.command))
        except ValueError as error:
            raise self._invalid("command", f"{error}; write {{{{ and }}}} for braces") from None
        for _, name, form, conversion in parts:
            if name is None:
                continue
            if not name.isidentifier() or conversion or "{" in (form or ""):
                shown = name + (f"!{conversion}" if conversion else "") + (f":{form}" if form else "")
                raise self._invalid(
                    "command", f"{{{shown}}} is no field; allowed: a name, and a format after a colon"
                )
            yield name

    def _invalid(self, where: str, problem: str) -> InvalidDefinition:
        return InvalidDefinition([Problem(where, problem)], f"template {self.name!r}")

    def check(self, given: Iterable[str]) -> None:
        """Raise InvalidDefinition unless these are exactly the fields."""
        named = set(given)
        problems = [
            *(
                Problem(name, "missing; the command has this field")
                for name in self.fields
                if name not in named
            ),
            *(
                Problem(name, f"unknown; the command's fields are: {', '.join(self.fields) or 'none'}")
                for name in sorted(named - set(self.fields))
            ),
        ]
        if problems:
            raise InvalidDefinition(problems, f"template {self.name!r}")

    def fill(self, arguments: Mapping[str, Any]) -> str:
        """Return the command for these arguments."""
        self.check(arguments)
        return "".join(self._parts(arguments))

    def _parts(self, arguments: Mapping[str, Any]) -> Iterable[str]:
        for text, name, form, _ in Formatter().parse(self.command):
            yield text
            if name is not None:
                try:
                    value = format(arguments[name], form or "")
                except (ValueError, TypeError) as error:
                    raise self._invalid(name, f"{arguments[name]!r} cannot be formatted: {error}") from None
                yield shlex.quote(value) if self.quoted else value

    def task_name(self, arguments: Mapping[str, Any]) -> str:
        """Return `name[field=value,…]`; one that would be too long is cut, and ends in a digest."""
        inner = ",".join(f"{name}={_shown(arguments[name])}" for name in self.fields)
        whole = f"{self.name}[{inner}]" if inner else self.name
        if len(whole) <= LONGEST_NAME:
            return whole
        digest = hashlib.blake2b(whole.encode(), digest_size=DIGEST // 2).hexdigest()
        return f"{whole[: LONGEST_NAME - DIGEST - 2]}…#{digest}"


def _shown(value: object) -> str:
    return "".join(one if one.isprintable() else "?" for one in str(value))


def kept(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments as attributes can hold them."""
    return {name: value if is_json(value) else str(value) for name, value in arguments.items()}


def rows_of(
    rows: Iterable[Mapping[str, Any]] | None, lists: Mapping[str, Any], name: str
) -> list[dict[str, Any]]:
    """Return the sets of arguments: the rows, or every combination of the lists, the last varying fastest."""
    if rows is not None:
        if lists:
            problem = "give either rows, or a list for each field"
            raise InvalidDefinition([Problem("rows", problem)], f"template {name!r}")
        return [dict(row) for row in rows]
    texts = [key for key, values in lists.items() if isinstance(values, str | bytes | Mapping)]
    if texts:
        problems = [Problem(key, "is one value; allowed: a list of values") for key in texts]
        raise InvalidDefinition(problems, f"template {name!r}")
    return [dict(zip(lists, values, strict=True)) for values in product(*lists.values())]
