"""Directories and files of our own: for their user alone, whatever the umask; no link leads elsewhere.

A symbolic link in the last place is not followed, and a file that has another name too (a hard link, which anybody may
plant who may write to the directory) is not written to. The server makes its own by this module too. What a user names as
an output is not among them: that may be a link.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO, Any, BinaryIO, TextIO, cast

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
#: Open flags of every file of ours: a pipe in its place is not waited for.
FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_MODES = {
    "r": os.O_RDONLY,
    "r+": os.O_RDWR,
    "w": os.O_WRONLY | os.O_CREAT | os.O_TRUNC,
    "a": os.O_WRONLY | os.O_CREAT | os.O_APPEND,
    "x": os.O_WRONLY | os.O_CREAT | os.O_EXCL,
}


def make_directory(path: Path) -> None:
    """Make a directory, and those above it that are missing, each 0700; one that is there is left as it is.

    Raises:
        OSError: it cannot be made, or something else has its name.
    """
    missing = [path]
    while not missing[-1].parent.is_dir() and missing[-1].parent != missing[-1]:
        missing.append(missing[-1].parent)
    for one in reversed(missing):
        try:
            one.mkdir(DIRECTORY_MODE)
        except FileExistsError:
            if not one.is_dir():
                raise
        else:
            # The umask may have taken away even what the user needs.
            one.chmod(DIRECTORY_MODE)


def open_descriptor(path: str | Path, flags: int) -> int:
    """Open a file of ours and return its descriptor; it is 0600, also where another version made it otherwise.

    Args:
        path: the file; where a link, or anything but a regular file, stands in its place, it is not opened.
        flags: those of `os.open`; not to follow a link, not to wait and to close on exec are added.

    Raises:
        OSError: it cannot be opened; ELOOP for a symbolic link, EMLINK for a file to write to that has another name too.
    """
    is_written = flags & os.O_ACCMODE != os.O_RDONLY
    # Cut only when it is known to be ours.
    descriptor = os.open(path, flags & ~os.O_TRUNC | FLAGS, FILE_MODE)
    try:
        known = os.fstat(descriptor)
        if not stat.S_ISREG(known.st_mode):
            raise PermissionError(errno.EPERM, "it is no regular file", str(path))
        if is_written:
            refuse_other_names(path, known)
            if stat.S_IMODE(known.st_mode) != FILE_MODE and known.st_uid == os.geteuid():
                os.fchmod(descriptor, FILE_MODE)
            if flags & os.O_TRUNC:
                os.ftruncate(descriptor, 0)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def refuse_other_names(path: str | Path, known: os.stat_result) -> None:
    """Raise OSError (EMLINK) for a file that has another name too: what is written here would be written there."""
    if known.st_nlink > 1:
        raise OSError(errno.EMLINK, "it is a hard link, another name of some file: remove it", str(path))


def open_text(path: Path, mode: str = "r", *, encoding: str = "utf-8", **options: Any) -> TextIO:
    """Open a file of ours for text, by mode `r`, `r+`, `w`, `a` or `x`. Raises `OSError`."""
    opened = os.fdopen(
        open_descriptor(path, _MODES[mode]), mode.replace("x", "w"), encoding=encoding, **options
    )
    return cast("TextIO", opened)


def open_bytes(path: Path, mode: str = "r") -> BinaryIO:
    """Open a file of ours for bytes, by mode `r`, `r+`, `w`, `a` or `x`. Raises `OSError`."""
    mode_of_file = mode.replace("x", "w")
    opened: IO[bytes] = os.fdopen(open_descriptor(path, _MODES[mode]), f"{mode_of_file}b")
    return cast("BinaryIO", opened)
