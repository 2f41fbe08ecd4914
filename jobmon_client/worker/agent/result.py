"""The result of a command: JSON that it writes to the file named in `JOBMON_RESULT_FILE`."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

DEEPEST = 30
LARGEST = 65_536
"""Bytes; what is larger belongs into a file of its own, named in the result."""


class BadResult(Exception):
    """There is a file, and it is no result; says why."""


def prepare(path: Path) -> None:
    """Remove what an earlier attempt of the same name may have left."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def read(path: Path) -> tuple[bool, Any]:
    """Return whether the command wrote a result, and the result; raise BadResult."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):  # a pipe would be waited for
                raise BadResult("its result file is no regular file")
            found = file.read(4 * LARGEST)
    except FileNotFoundError:
        return False, None
    except OSError as error:
        raise BadResult(f"its result file cannot be read: {error.strerror}") from error
    if len(found) == 4 * LARGEST:
        raise BadResult(f"its result has more than {LARGEST} bytes as JSON")
    try:
        result = json.loads(found.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadResult(f"its result file is no JSON: {error}") from error
    # As it goes over the wire; indented or not is the command's own business.
    if len(json.dumps(result)) > LARGEST:
        raise BadResult(f"its result has more than {LARGEST} bytes as JSON")
    if _depth(result) > DEEPEST:
        raise BadResult(f"its result is nested more than {DEEPEST} deep")
    return True, result


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
