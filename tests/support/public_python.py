"""A Python with our packages that every user of the machine may execute, wherever the tests' own lies."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.house.rules import ROOT

OTHER_USER = 65_533
"""A user id and group id that no account of the machine has."""

NOT_COPIED = shutil.ignore_patterns("test", "site-packages", "config-*", "idlelib", "tkinter", "ensurepip")
NOT_INSTALLED = shutil.ignore_patterns(
    "pip", "setuptools", "*mypy*", "selenium", "jsonschema_rs", "hypothesis", "__editable__*"
)
PACKAGES = {"jobmon_client": "jobmon_client", "jobmon_server": "jobmon_server", "jobmon_deploy": "deploy"}
"""Our packages, and the folder of each (as in setup.cfg)."""

CHECK = "import jobmon_client.cli, jobmon_server.cli"


@dataclass(frozen=True, slots=True)
class PublicPython:
    """The path of an interpreter, and the variables it needs: one that is linked to its library looks where it was built."""

    path: str
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Our environment with its variables."""
        return {**os.environ, **self.variables}


def is_public(python: PublicPython) -> bool:
    """Whether another user may execute this Python and import our packages."""
    try:
        return not subprocess.run(
            [python.path, "-c", CHECK], env=python.environment, user=OTHER_USER, group=OTHER_USER, extra_groups=[], cwd="/",
            capture_output=True, check=False,
        ).returncode  # fmt: skip
    except PermissionError:
        return False


def copy(directory: Path) -> PublicPython:
    """Copy the interpreter, its virtual environment and our packages.

    Args:
        directory: where to, which every user may enter.

    Returns:
        The copied interpreter.
    """
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    base, environment = directory / "base", directory / "environment"
    library, packages = Path(sys.base_prefix) / "lib", Path("lib") / version / "site-packages"
    shutil.copytree(library / version, base / "lib" / version, ignore=NOT_COPIED, symlinks=True)
    for shared in library.glob(f"lib{version}*.so*"):
        shutil.copy2(shared, base / "lib")
    shutil.copytree(Path(sys.prefix) / packages, environment / packages, ignore=NOT_INSTALLED)
    for package, folder in PACKAGES.items():
        shutil.copytree(ROOT / folder, environment / packages / package)
    for programs in (base / "bin", environment / "bin"):
        programs.mkdir()
    shutil.copy2(os.path.realpath(sys.executable), base / "bin" / version)
    (environment / "pyvenv.cfg").write_text(f"home = {base / 'bin'}\n")
    python = environment / "bin" / "python"
    python.symlink_to(base / "bin" / version)
    # Whatever umask the originals were made with.
    subprocess.run(["chmod", "-R", "a+rX", str(directory)], check=True)
    return PublicPython(str(python), {"LD_LIBRARY_PATH": str(base / "lib")})


@contextmanager
def public_python() -> Iterator[PublicPython]:
    """The tests' Python if every user may execute it, else a copy of it until the block ends."""
    ours = PublicPython(sys.executable)
    if os.geteuid() != 0 or is_public(ours):
        yield ours
        return
    directory = Path(tempfile.mkdtemp(prefix="jobmon-python-", dir="/tmp"))
    try:
        directory.chmod(0o755)
        python = copy(directory)
        assert is_public(python), python
        yield python
    finally:
        shutil.rmtree(directory, ignore_errors=True)
