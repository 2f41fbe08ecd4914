"""`python -m jobmon_server` is `jobmon-server`."""

from __future__ import annotations

from jobmon_server.cli import main

if __name__ == "__main__":
    main(prog_name="jobmon-server")
