"""One command: its output, its group, its end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from jobmon_client.worker.process.command_process import Ended, Process, live_groups
from jobmon_client.worker.process.exit_status import judge
from jobmon_client.worker.process.items import LogFiles, WorkItem, tail
from tests.client.agents import gone
from tests.support.waiting import eventually


@pytest.fixture
def files(tmp_path: Path) -> LogFiles:
    return LogFiles(tmp_path / "logs" / "1-x.out", tmp_path / "logs" / "1-x.err")


@pytest.fixture
def environment() -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "WORD": "from outside"}


def test_output_is_copied_byte_for_byte(files: LogFiles, environment: dict[str, str]) -> None:
    Process(r"printf 'a\000\377\n\r\n'; printf 'no newline' >&2", environment, files).collect()
    assert files.stdout.read_bytes() == b"a\x00\xff\n\r\n"
    assert files.stderr.read_bytes() == b"no newline"


def test_huge_output_is_whole(files: LogFiles, environment: dict[str, str]) -> None:
    Process("head -c 20000000 /dev/zero", environment, files).collect()
    assert files.stdout.stat().st_size == 20_000_000


def test_an_older_output_of_the_same_name_is_replaced(files: LogFiles, environment: dict[str, str]) -> None:
    for command in ("echo a longer text", "echo b"):
        Process(command, environment, files).collect()
    assert files.stdout.read_bytes() == b"b\n"


@pytest.mark.parametrize("link", [Path.hardlink_to, Path.symlink_to])
@pytest.mark.parametrize(
    "command", ["echo mine; echo mine >&2", f": {'x' * 200_000}; echo mine; echo mine >&2"]
)
def test_output_is_not_written_to_what_a_planted_link_names(
    files: LogFiles,
    environment: dict[str, str],
    tmp_path: Path,
    link: Callable[[Path, Path], None],
    command: str,
) -> None:
    (target := tmp_path / "target").write_text("theirs")
    files.stdout.parent.mkdir()
    for path in (files.stdout, files.stderr, files.script):
        link(path, target)
    Process(command, environment, files).collect()
    assert [path.read_text() for path in (files.stdout, files.stderr, target)] == [
        "mine\n",
        "mine\n",
        "theirs",
    ]


def test_the_command_is_the_exact_text(files: LogFiles, environment: dict[str, str]) -> None:
    Process("echo \"$WORD\"; echo 'it''s' \"a  b\" \\\n  é", environment, files).collect()
    assert files.stdout.read_text() == "from outside\nits a  b é\n"


def test_a_command_reads_nothing_and_inherits_no_descriptor_and_no_ignored_signal(
    files: LogFiles, environment: dict[str, str]
) -> None:
    with files.stdout.parent.parent.joinpath("a file of ours").open("w"):
        Process("cat; grep SigIgn /proc/self/status; ls -l /proc/self/fd", environment, files).collect()
    ignored, *descriptors = files.stdout.read_text().splitlines()
    ours = sum(
        1 << (number - 1) for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM)
    )
    assert int(ignored.split()[1], 16) & ours == 0
    assert len(descriptors) >= 4
    assert not [line for line in descriptors if "a file of ours" in line]


def test_what_a_command_leaves_in_its_group_ends_with_it(
    files: LogFiles, environment: dict[str, str], tmp_path: Path
) -> None:
    marker = tmp_path / "pid"
    Process(f"sleep 300 & echo $! > {marker}", environment, files).collect()
    eventually(lambda: gone(marker))


def test_a_signal_reaches_grandchildren(files: LogFiles, environment: dict[str, str], tmp_path: Path) -> None:
    marker = tmp_path / "pid"
    process = Process(f"sh -c 'sleep 300 & echo $! > {marker}; wait'; true", environment, files)
    eventually(lambda: marker.exists() and marker.read_text())
    assert process.signal_group(signal.SIGTERM)
    assert process.collect(spare_group=True).signal == signal.SIGTERM
    eventually(lambda: gone(marker))
    eventually(lambda: process.pid not in live_groups())


def test_usage_is_measured(files: LogFiles, environment: dict[str, str]) -> None:
    usage = Process(
        f"{sys.executable} -c 'x = bytearray(200_000_000); sum(range(1_000_000))' || exit 1",
        environment,
        files,
    ).collect()
    assert usage.exit_code == 0
    assert usage.usage["max_rss_bytes"] > 200_000_000
    assert 0 < usage.usage["cpu_seconds"] < 60
    assert 0 < usage.usage["wall_seconds"] < 60
    assert usage.usage["read_bytes"] >= 0


def test_a_command_that_the_system_does_not_take_is_refused(
    files: LogFiles, environment: dict[str, str]
) -> None:
    for command in ("a\0b", "\ud800"):
        with pytest.raises((OSError, ValueError)):
            Process(command, environment, files)


@pytest.mark.parametrize(
    ("ended", "out_of_memory", "status", "said"),
    [
        (Ended(0, None, {}), False, "DONE", ""),
        (Ended(3, None, {}), False, "ERROR", "exited with code 3"),
        (Ended(3, None, {}), True, "ERROR", "exited with code 3"),
        (Ended(None, signal.SIGSEGV, {}), False, "ERROR", "ended by SIGSEGV"),
        (Ended(139, None, {}), False, "ERROR", "SIGSEGV"),
        (Ended(None, signal.SIGKILL, {}), False, "ERROR", "the worker did not send it"),
        (Ended(137, None, {}), False, "ERROR", "often the machine or the job was out of memory"),
        (Ended(137, None, {}), True, "RESOURCE_ERROR", "was out of memory"),
        (Ended(None, signal.SIGKILL, {}), True, "RESOURCE_ERROR", "was out of memory"),
        (Ended(None, signal.SIGXCPU, {}), False, "RESOURCE_ERROR", "processor time"),
        (Ended(152, None, {}), False, "RESOURCE_ERROR", "processor time"),
        (Ended(255, None, {}), False, "ERROR", "exited with code 255"),
    ],
)
def test_what_an_exit_means(ended: Ended, out_of_memory: bool, status: str, said: str) -> None:
    verdict = judge(ended, out_of_memory=out_of_memory, stderr="")
    assert verdict.status == status
    assert said in verdict.description


def test_the_tail_begins_at_a_characters_border(tmp_path: Path) -> None:
    file = tmp_path / "text"
    for width, character in ((2, "é"), (3, "€"), (4, "\U0001f680")):
        file.write_bytes(character.encode() * 10_000)
        for limit in range(9_990, 10_001):
            found = tail(file, limit)
            assert set(found) == {character}
            assert len(found) == limit // width


def test_the_tail_of_bytes_that_are_no_text_is_marked(tmp_path: Path) -> None:
    file = tmp_path / "bytes"
    file.write_bytes(b"\x80" * 20)
    assert tail(file, 10) == "\ufffd" * 10
    file.write_bytes(b"ab\xff")
    assert tail(file) == "ab\ufffd"
    assert tail(tmp_path / "missing") == ""


def test_a_tasks_name_cannot_lead_out_of_the_log_directory(tmp_path: Path) -> None:
    files = LogFiles.of(WorkItem(5, "../../etc/" + "x" * 500, "true", 1, 2), tmp_path)
    assert files.stdout.parent == tmp_path / "2" / "0"
    assert files.stdout.name.startswith("5-.._.._etc_x")
    assert len(files.stdout.name) < 100
