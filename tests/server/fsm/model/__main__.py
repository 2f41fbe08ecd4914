"""`python -m tests.server.fsm.model`: explore, say how much was explored, and tell the first fault; exit code 1 if there is one."""

from __future__ import annotations

import sys
import time

from tests.server.fsm.model.explorer import Explorer


def main() -> int:
    """Explore the real core."""
    began = time.monotonic()
    explored = Explorer().run()
    sys.stdout.write(
        f"{explored.num_states:,} states, {explored.num_transitions:,} transitions,"
        f" {explored.num_deliveries:,} messages delivered, {time.monotonic() - began:.0f} s\n"
        f"{explored.found or 'no rule is broken'}\n"
    )
    return int(explored.found is not None)


if __name__ == "__main__":
    sys.exit(main())
