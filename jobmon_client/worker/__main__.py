"""`python -m jobmon_client.worker`."""

from __future__ import annotations

import os
import sys

from jobmon_client import lean

if __name__ == "__main__":
    lean.load_structlog()
    from jobmon_client.worker.command import main

    code = main()
    sys.stdout.flush()
    # The thread that reads stdin cannot be ended, and the interpreter would wait for its lock.
    os._exit(code)
