"""`python -m tests.mutants [PART …]`: put one fault at a time into a copy of the code and see whether the nearest tests fail.

What was tried is kept in `.mutation/results.jsonl` and not tried again until its code or its tests change.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import defaultdict
from collections.abc import Sequence

from tests.mutants.mutant import ROOT, Mutant, edges, equivalents, faults
from tests.mutants.operators import changed, deciding, writing
from tests.mutants.tree import Tree

PARTS = {"faults": faults, "edges": edges, "deciding": deciding, "writing": writing}
PLACE = ROOT / ".mutation"
RESULTS = PLACE / "results.jsonl"


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    top.add_argument("parts", nargs="*", choices=[*PARTS, []], help="all, if none is named")
    top.add_argument("--only", default="", metavar="TEXT", help="those whose name has this in it")
    top.add_argument(
        "--sample", type=int, metavar="N", help="so many of each file at most, the same each time"
    )
    top.add_argument("--minutes", type=float, default=60.0, help="begin no other after so long; 60")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Try them all; return 0 if each is caught."""
    given = parser().parse_args(arguments)
    until = time.monotonic() + 60 * given.minutes
    chosen = {
        one.key: one
        for part in given.parts or PARTS
        for one in _sampled([one for one in PARTS[part]() if given.only in one.name], given.sample)
    }
    known = _known()
    PLACE.mkdir(exist_ok=True)
    tree = Tree(PLACE / "tree")
    with RESULTS.open("a") as results:
        for key, one in chosen.items():
            if key in known or _is_equivalent(one):
                continue
            if time.monotonic() > until:
                break
            known[key] = tree.is_caught(one)
            results.write(json.dumps({"key": key, "caught": known[key]}) + "\n")
            results.flush()
            _say(f"{'caught  ' if known[key] else 'SURVIVED'} {one.part} {one.name}")
    return _report(chosen, known)


def _sampled(found: list[Mutant], number: int | None) -> list[Mutant]:
    if number is None:
        return found
    chosen: list[Mutant] = []
    for file in dict.fromkeys(one.file for one in found):
        some = [one for one in found if one.file == file]
        chosen += random.Random(file).sample(some, min(number, len(some)))
    return chosen


def _known() -> dict[str, bool]:
    if not RESULTS.exists():
        return {}
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    return {row["key"]: row["caught"] for row in rows}


def _is_equivalent(mutant: Mutant) -> bool:
    return any(one.is_of(mutant.file, mutant.source) for one in equivalents())


def _report(chosen: dict[str, Mutant], known: dict[str, bool]) -> int:
    """Print what survived, and a row of docs/reliability.md for each file."""
    equal = {key for key, one in chosen.items() if _is_equivalent(one)}
    survived = [key for key in chosen if known.get(key) is False and key not in equal]
    for key in survived:
        _say(f"\n{chosen[key].name}\n{changed(chosen[key])}")
    _say("\n| part | file | mutants | equivalent | tried | caught | % |\n|---|---|---|---|---|---|---|")
    files: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for key, one in chosen.items():
        files[one.part, "" if one.part == "faults" else one.file].append(key)
    for (part, file), keys in files.items():
        tried = [known[key] for key in keys if key in known and key not in equal]
        share = f"{100 * sum(tried) / len(tried):.0f}" if tried else ""
        few = len(equal.intersection(keys))
        _say(f"| {part} | {file} | {len(keys)} | {few} | {len(tried)} | {sum(tried)} | {share} |")
    return 1 if survived else 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    raise SystemExit(main())
