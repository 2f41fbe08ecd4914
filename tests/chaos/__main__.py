"""`python -m tests.chaos`: run real workflows while everything around them is killed, and count what came of it."""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from jobmon_client.states import LostContact
from tests.chaos.drive import Run
from tests.chaos.kills import KILLS
from tests.chaos.verdict import WRONG, Verdict
from tests.chaos.world import store

BOTH = "both"


def parser() -> argparse.ArgumentParser:
    """Describe the command line."""
    top = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    top.add_argument("--runs", type=int, default=10, help="workflows, one after the other")
    top.add_argument("--seed", type=int, default=1, help="what all schedules are drawn from")
    top.add_argument(
        "--first", type=int, default=0, help="number of the first run, to replay a later one alone"
    )
    top.add_argument(
        "--lost-contact",
        choices=[*map(str, LostContact), BOTH],
        default=BOTH,
        help="what workers that are cut off do; both: stop in runs of even numbers",
    )
    top.add_argument("--tasks", type=int, default=150, help="tasks of a workflow")
    top.add_argument("--within", type=float, help="begin no further run after so many seconds")
    top.add_argument("--json", action="store_true", help="end with one JSON object on a line")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them all; return 0 only if nothing went wrong in any of them."""
    given = parser().parse_args(arguments)
    played: list[tuple[Run, Verdict]] = []
    began = time.monotonic()
    with store() as database:
        for number in range(given.first, given.first + given.runs):
            if given.within is not None and time.monotonic() - began > given.within:
                break
            run = Run(given.seed, number, given.tasks, mode(given.lost_contact, number))
            say(
                f"run {number} of seed {given.seed}, {run.lost_contact}: {len(run.blows)} blows, {len(run.cuts)} cuts"
            )
            verdict = run(database, say)
            played.append((run, verdict))
            say(f"  {sentence(run, verdict)}")
            if not verdict.is_right:
                replay = (
                    f"--runs 1 --first {number} --seed {given.seed} --tasks {given.tasks}"
                    f" --lost-contact {run.lost_contact}"
                )
                say(f"  WRONG; the same blows again: python -m tests.chaos {replay}")
    total = summary(played)
    say(json.dumps(total) if given.json else "\n".join(f"{key}: {value}" for key, value in total.items()))
    return 0 if all(verdict.is_right for _, verdict in played) else 1


def mode(chosen: str, number: int) -> LostContact:
    """Return what workers do that are cut off in the run of this number."""
    if chosen == BOTH:
        return (LostContact.STOP, LostContact.CONTINUE)[number % 2]
    return LostContact(chosen)


def say(line: str) -> None:
    """Print it now."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def sentence(run: Run, verdict: Verdict) -> str:
    """Say how one run ended."""
    wrong = {name: found for name in ("not_done", *WRONG, "beside") if (found := getattr(verdict, name))}
    blows = ", ".join(f"{count} {target}" for target, count in sorted(run.struck.items()))
    return (
        f"{verdict.status} after {run.seconds:.1f} s; struck: {blows}; {verdict.attempts} attempts for {run.tasks} tasks,"
        f" {verdict.re_runs} commands run again, {run.resumes} resumes" + (f"; {wrong}" if wrong else "")
    )


def summary(played: Sequence[tuple[Run, Verdict]]) -> dict[str, Any]:
    """Count over all runs; seconds to recover are from a blow to the next task that became DONE."""
    struck: Counter[str] = Counter()
    for run, _ in played:
        struck += run.struck
    verdicts = [verdict for _, verdict in played]
    recoveries = [one for verdict in verdicts for one in verdict.recoveries]
    return {
        "runs": len(played),
        "done": sum(verdict.is_done for verdict in verdicts),
        "lost": sum(len(verdict.lost) for verdict in verdicts),
        "doubled": sum(len(verdict.doubled) for verdict in verdicts),
        "undone": sum(len(verdict.undone) for verdict in verdicts),
        "too_early": sum(len(verdict.too_early) for verdict in verdicts),
        "checks_clean": sum(not verdict.check and verdict.status != "UNKNOWN" for verdict in verdicts),
        "left_behind": sum(len(verdict.left_behind) for verdict in verdicts),
        "kills": {target: struck[target] for target in KILLS},
        "network_faults": {target: struck[target] for target in ("http", "sql")},
        "cut_off": struck["cut"],
        "recover_seconds": spread([seconds for _, seconds in recoveries]),
        "recover_seconds_by_target": {
            target: spread([seconds for one, seconds in recoveries if one == target])
            for target in sorted({target for target, _ in recoveries})
        },
        "tasks": sum(run.tasks for run, _ in played),
        "attempts": sum(verdict.attempts for verdict in verdicts),
        "re_runs": sum(verdict.re_runs for verdict in verdicts),
        "beside": {str(one): beside(played, one) for one in LostContact},
        "resumes": sum(run.resumes for run, _ in played),
        "seconds": round(sum(run.seconds for run, _ in played), 1),
    }


def beside(played: Sequence[tuple[Run, Verdict]], lost_contact: LostContact) -> dict[str, Any]:
    """Count the runs of one kind, and the attempts in them that ran beside another of their task, and for how long."""
    verdicts = [verdict for run, verdict in played if run.lost_contact is lost_contact]
    seconds = [found[2] for verdict in verdicts for found in verdict.beside]
    return {
        "runs": len(verdicts),
        "attempts": len(seconds),
        "too_long": sum(len(verdict.too_long) for verdict in verdicts),
        "seconds": spread(seconds),
    }


def spread(seconds: Sequence[float]) -> dict[str, float | None]:
    """The median and the maximum; null without any."""
    return {
        "median": round(statistics.median(seconds), 3) if seconds else None,
        "max": max(seconds, default=None),
    }


if __name__ == "__main__":
    sys.exit(main())
