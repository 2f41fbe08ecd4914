from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from tests.support.server import environment

SHOWN = """
from jobmon_client.cli.tables import Troubled, print_facts, print_table
print_table(["ID", "STATUS"], [(1, "DONE"), Troubled((2, "RUNNING")), (3, "ev\\x1b[2Jil\\nline")])
print_facts([("NAME", "a"), ("ERROR", None), ("LONGER", "one\\n two")])
"""
PLAIN = "ID  STATUS\n1   DONE\n2   RUNNING\n3   ev\\x1b[2Jil line\nNAME    a\nLONGER  one\n         two\n"
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ORANGE = "\x1b[38;5;208m"


def on_terminal(**settings: str) -> str:
    ours, theirs = pty.openpty()
    given = environment(**{"TERM": "xterm-256color", **settings})
    with subprocess.Popen([sys.executable, "-c", SHOWN], stdout=theirs, env=given) as process:
        os.close(theirs)
        said = b"".join(iter(lambda: _read(ours), b""))
    os.close(ours)
    assert process.returncode == 0
    return said.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # how Linux says that the other end is closed
        return b""


def test_without_a_terminal_a_table_is_plain_text() -> None:
    ended = subprocess.run([sys.executable, "-c", SHOWN], capture_output=True, text=True, check=True)
    assert ended.stdout == PLAIN


def test_on_a_terminal_it_is_the_same_text_in_colours() -> None:
    said = on_terminal()
    assert COLOUR.sub("", said) == PLAIN
    done, troubled = said.splitlines()[1:3]
    assert "\x1b[32mDONE\x1b[0m" in done
    assert ORANGE in troubled
    assert ORANGE not in done


@pytest.mark.parametrize("setting", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_who_wants_no_colours_has_none(setting: dict[str, str]) -> None:
    assert on_terminal(**setting) == PLAIN


def test_a_long_table_is_printed_as_it_comes() -> None:
    program = """
from jobmon_client.cli.tables import print_table
def rows():
    yield from ((number, "x") for number in range(1_000))
    print("half way")
    yield "wider than before", "y"
print_table(["N", "X"], rows())
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    lines = ended.stdout.splitlines()
    assert lines.index("half way") == 1_001
    assert lines[-1] == "wider than before  y"
