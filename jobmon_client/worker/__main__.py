"""`python -m jobmon_client.worker`."""

from __future__ import annotations

import os
import sys

from jobmon_client.system import lazy_imports
from jobmon_client.system.lossy import lossy

if __name__ == "__main__":
    sys.stderr = lossy(sys.stderr)
    lazy_imports.load_structlog()
    from jobmon_client.worker.agent.command_line import main

    code = main()
    sys.stdout.flush()
    # The thread that reads stdin cannot be ended, and the interpreter would wait for its lock.
    os._exit(code)
