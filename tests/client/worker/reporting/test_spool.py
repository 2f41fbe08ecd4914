"""Results on disk: kept whole, taken over once, and only from the dead."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from jobmon_client.worker.reporting.spool import Spool, waiting
from jobmon_client.worker.reporting.spool_file import unreadable

DONE = {"task_instance_id": 1, "report": "log_done", "worker_id": "w", "stdout_log": "é\n\ud800"}


def test_what_was_kept_is_read_back(tmp_path: Path) -> None:
    first = Spool(tmp_path / "new" / "spool", "a")
    first.keep([DONE])
    first.keep([{**DONE, "task_instance_id": 2}])
    first.close(keep=True)
    second = Spool(tmp_path / "new" / "spool", "b")
    assert list(second.leftovers()) == [DONE, {**DONE, "task_instance_id": 2}]
    second.close(keep=True)


def test_what_was_answered_is_forgotten_and_the_file_is_used_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "a")
    spool.keep([DONE])
    spool.forget()
    (file,) = tmp_path.iterdir()
    assert file.read_text() == ""
    spool.keep([{**DONE, "task_instance_id": 2}])
    assert [one["task_instance_id"] for _, reports in waiting(tmp_path) for one in reports] == [2]
    spool.close(keep=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_use_is_not_taken(tmp_path: Path) -> None:
    owner = Spool(tmp_path, "a")
    owner.keep([DONE])
    assert list(Spool(tmp_path, "b").leftovers()) == []
    owner.close(keep=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_taken_over_is_taken_once_and_goes_when_all_was_sent(tmp_path: Path) -> None:
    dead, second, third = (Spool(tmp_path, name) for name in "abc")
    dead.keep([DONE])
    dead.close(keep=True)
    assert len(list(second.leftovers())) == 1
    assert list(third.leftovers()) == []
    second.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_torn_line_costs_itself_alone(tmp_path: Path) -> None:
    dead = Spool(tmp_path, "a")
    dead.keep([DONE])
    dead.close(keep=True)
    with (tmp_path / "a.jsonl").open("a") as file:
        file.write('"text"\n{"task_instance_id": 2, "repo')
    taker = Spool(tmp_path, "b")
    assert list(taker.leftovers()) == [DONE]
    taker.close(keep=True)
    assert (tmp_path / "a.jsonl").exists()


def test_a_report_is_on_the_disk_before_it_counts_as_kept(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "w")
    seen: list[str] = []

    def look(_frame: Any, what: str, called: Any) -> None:
        if what == "c_call" and called is os.fsync:
            seen.append(next((one.read_text() for one in tmp_path.glob("w.jsonl")), ""))

    sys.setprofile(look)
    try:
        spool.keep([{"report": "log_done", "task_instance_id": 1}])
    finally:
        sys.setprofile(None)
    spool.close(keep=True)
    assert seen, "nothing was synced"
    assert json.loads(seen[-1]) == {"report": "log_done", "task_instance_id": 1}


def test_what_cannot_be_read_is_set_aside_once_and_the_rest_is_sent(tmp_path: Path) -> None:
    bad = [
        b"\xff\xfe",
        b'{"task_instance_id": 1, "report": ["log_done"]}',
        b'{"report": "log_done"}',
        b"[" * 9_999,
    ]
    bad += [b'{"task_instance_id": 1, "report": "log_done", "usage": NaN}']
    good = b'{"task_instance_id": 7, "report": "log_done"}'
    (tmp_path / "dead.jsonl").write_bytes(b"\n".join([*bad, good, b""]))
    assert [problem for path, problem in unreadable(tmp_path)] == [
        "5 line(s) that are no reports: they will be set aside"
    ]
    for _ in range(2):  # the server is away the first time
        taker = Spool(tmp_path, "b")
        assert [report["task_instance_id"] for report in taker.leftovers()] == [7]
        taker.close(keep=True)
    assert (tmp_path / "dead.bad").read_bytes().splitlines() == bad
    taker = Spool(tmp_path, "c")
    assert len(list(taker.leftovers())) == 1
    taker.close(keep=False)
    assert [path.name for path in tmp_path.iterdir()] == ["dead.bad"]
    assert [path.name for path, _ in unreadable(tmp_path)] == ["dead.bad"]


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    spool, secret = tmp_path / "spool", tmp_path / "secret.jsonl"
    spool.mkdir()
    secret.write_text('{"task_instance_id": 1, "report": "log_done"}\n')
    (spool / "link.jsonl").symlink_to(secret)
    (spool / "hard_link.jsonl").hardlink_to(secret)
    (spool / "directory.jsonl").mkdir()
    os.mkfifo(spool / "pipe.jsonl")
    dead = Spool(spool, "dead")
    dead.keep([DONE])
    dead.close(keep=True)
    taker = Spool(spool, "taker")
    assert list(taker.leftovers()) == [DONE]
    taker.close(keep=False)
    assert waiting(spool) == []
    assert secret.exists()
    assert {path.name for path, _ in unreadable(spool)} == {
        "link.jsonl",
        "hard_link.jsonl",
        "directory.jsonl",
        "pipe.jsonl",
    }


def test_what_is_set_aside_is_not_written_to_another_name_of_a_file(tmp_path: Path) -> None:
    spool, secret = tmp_path / "spool", tmp_path / "secret"
    spool.mkdir()
    secret.write_text("theirs\n")
    (spool / "dead.bad").hardlink_to(secret)
    (spool / "dead.jsonl").write_bytes(b"no report\n")
    taker = Spool(spool, "taker")
    assert list(taker.leftovers()) == []
    taker.close(keep=False)
    assert secret.read_text() == "theirs\n"
    assert (spool / "dead.jsonl").read_bytes() == b"no report\n"
