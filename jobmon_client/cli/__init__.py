"""The command line `jobmon`."""

from __future__ import annotations

import io
import sys

from jobmon_client.system import lazy_imports
from jobmon_client.system.lossy import lossy

NEEDED = {"click", "rich", "yaml"}


def say_all() -> None:
    """Escape what the terminal's encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def main() -> None:
    """Run the command line; without the extra [cli] say what to install."""
    say_all()
    # What is told on stderr stands beside the work: a full disk there ends no command.
    sys.stderr = lossy(sys.stderr)
    lazy_imports.load_structlog()
    try:
        from jobmon_client.cli.app import jobmon
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        print(f"jobmon: the command line needs {error.name}: pip install 'jobmon[cli]'", file=sys.stderr)
        sys.exit(2)
    jobmon(prog_name="jobmon")
