"""The command line `jobmon`."""

from __future__ import annotations

import sys

from jobmon_client import lazy_imports

NEEDED = {"click", "rich", "yaml"}


def main() -> None:
    """Run the command line; without the extra [cli] say what to install."""
    lazy_imports.load_structlog()
    try:
        from jobmon_client.cli.app import jobmon
    except ModuleNotFoundError as error:
        if error.name not in NEEDED:
            raise
        print(f"jobmon: the command line needs {error.name}: pip install 'jobmon[cli]'", file=sys.stderr)
        sys.exit(2)
    jobmon(prog_name="jobmon")
