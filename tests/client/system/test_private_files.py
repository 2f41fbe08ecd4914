"""Files and directories of our own are their user's alone, whatever the umask, and no link leads elsewhere."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobmon_client.system.private_files import make_directory, open_bytes, open_descriptor, open_text


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """A umask, for as long as the test lasts."""
    was = os.umask(request.param)
    yield request.param
    os.umask(was)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("umask")
def test_each_directory_that_is_made_is_its_users_alone(tmp_path: Path) -> None:
    make_directory(tmp_path / "a" / "b" / "c")
    assert [mode(tmp_path / one) for one in ("a", "a/b", "a/b/c")] == [0o700] * 3


@pytest.mark.usefixtures("umask")
def test_a_file_is_its_users_alone_however_it_is_opened(tmp_path: Path) -> None:
    for name, opened in (("w", open_text(tmp_path / "w", "w")), ("a", open_bytes(tmp_path / "a", "a"))):
        with opened:
            assert mode(tmp_path / name) == 0o600
            assert not os.get_inheritable(opened.fileno())


def test_a_directory_that_is_there_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o755)
    make_directory(tmp_path / "theirs")
    assert mode(tmp_path / "theirs") == 0o755


def test_what_is_no_directory_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_directory(tmp_path / "file")


def test_a_file_that_an_earlier_version_left_open_to_others_is_closed(tmp_path: Path) -> None:
    (tmp_path / "lock").touch(mode=0o644)
    with open_bytes(tmp_path / "lock", "a"):
        assert mode(tmp_path / "lock") == 0o600


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path, exists: bool) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    if exists:
        target.write_text("theirs")
    link.symlink_to(target)
    for flags in (os.O_RDONLY, os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
        with pytest.raises(OSError, match="symbolic link"):
            open_descriptor(link, flags)
    assert target.exists() is exists
    assert not exists or target.read_text() == "theirs"


@pytest.mark.parametrize(
    "flags", [os.O_RDWR, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, os.O_WRONLY | os.O_APPEND]
)
def test_a_file_that_has_another_name_is_not_written_to(tmp_path: Path, flags: int) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("theirs")
    target.chmod(0o640)
    link.hardlink_to(target)
    with pytest.raises(OSError, match="hard link"):
        open_descriptor(link, flags)
    assert (target.read_text(), mode(target)) == ("theirs", 0o640)
    target.unlink()
    os.close(open_descriptor(link, flags))


def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_CREAT | os.O_APPEND):
        with pytest.raises(OSError, match=r"no regular file|No such device"):
            open_descriptor(tmp_path / "pipe", flags)


def test_what_is_opened_to_be_written_anew_is_empty(tmp_path: Path) -> None:
    (tmp_path / "w").write_text("an older text")
    with open_text(tmp_path / "w", "w"):
        assert not (tmp_path / "w").read_text()
