"""Which files are removed with a workflow: those of its workers, and nothing that a path, or a link, points at beside them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from jobmon_client.running.log_removal import FileOutcome, RemovedFile, remove_files


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    directory = tmp_path / "logs"
    (directory / "1").mkdir(parents=True)
    (tmp_path / "precious").write_text("precious")
    return directory


def outcome(path: str | Path, logs: Path) -> FileOutcome:
    (removed,) = remove_files([str(path)], logs)
    assert removed.path == str(path)
    return removed.outcome


def test_a_file_below_the_log_directory_is_removed(logs: Path) -> None:
    file = logs / "1" / "7-a.out"
    file.write_text("all is well")
    assert outcome(file, logs) is FileOutcome.REMOVED
    assert not file.exists()
    assert remove_files([str(file)], logs) == [RemovedFile(str(file), FileOutcome.MISSING)]


@pytest.mark.parametrize(
    "path",
    [
        "{logs}/../precious",
        "{logs}/1/../../precious",
        "{logs}x/7.out",
        "{logs}",
        "{logs}/",
        "{outside}",
        "../precious",
        "precious",
        "",
        "/etc/passwd",
        "{logs}/1/\x00",
    ],
)
def test_what_lies_elsewhere_is_refused(logs: Path, path: str) -> None:
    written = path.format(logs=logs, outside=logs.parent / "precious")
    assert outcome(written, logs) is FileOutcome.REFUSED
    assert (logs.parent / "precious").read_text() == "precious"
    assert logs.is_dir()


def test_a_link_is_refused_and_what_it_points_at_stays(logs: Path) -> None:
    link = logs / "1" / "link.out"
    link.symlink_to(logs.parent / "precious")
    assert outcome(link, logs) is FileOutcome.REFUSED
    assert link.is_symlink()
    assert (logs.parent / "precious").exists()


def test_a_link_on_the_way_is_refused(logs: Path) -> None:
    elsewhere = logs.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "7.out").write_text("precious")
    (logs / "2").symlink_to(elsewhere)
    assert outcome(logs / "2" / "7.out", logs) is FileOutcome.REFUSED
    assert (elsewhere / "7.out").exists()


def test_a_directory_a_pipe_and_a_file_on_the_way_are_refused(logs: Path) -> None:
    os.mkfifo(logs / "1" / "pipe")
    (logs / "file").write_text("")
    for path in (logs / "1", logs / "1" / "pipe", logs / "file" / "7.out"):
        assert outcome(path, logs) is FileOutcome.REFUSED
    assert (logs / "1" / "pipe").exists()


def test_the_log_directory_itself_may_be_a_link(logs: Path) -> None:
    link = logs.parent / "link"
    link.symlink_to(logs)
    for path in (link / "1" / "a", logs / "1" / "b"):
        path.write_text("")
        assert outcome(path, link) is FileOutcome.REMOVED


def test_each_file_has_an_outcome_of_its_own(logs: Path) -> None:
    file = logs / "1" / "a"
    file.write_text("")
    removed = remove_files([str(logs / "1"), str(file), str(logs / "b")], logs)
    assert [one.outcome for one in removed] == ["refused", "removed", "missing"]
    (nowhere,) = remove_files([str(file)], logs / "nowhere")
    assert nowhere.outcome is FileOutcome.FAILED
