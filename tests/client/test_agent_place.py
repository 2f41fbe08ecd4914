"""Where a command runs, with what environment, and what is left of its logs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.client.agents import Driven
from tests.client.scripted_server import ScriptedServer

Start = Callable[..., Driven]


def test_a_command_runs_in_its_directory_and_the_agent_stays_where_it_was(
    agent: Start, tmp_path: Path
) -> None:
    (place := tmp_path / "a place").mkdir()
    before = Path.cwd()
    done = agent().run('pwd; echo "$PWD"; touch here', working_directory=str(place))
    assert done["stdout_log"] == f"{place}\n{place}\n"
    assert (place / "here").exists()
    assert Path.cwd() == before


def test_a_directory_that_is_missing_is_the_tasks_error(agent: Start, tmp_path: Path) -> None:
    driven = agent()
    for name, make in (("missing", None), ("file", Path.touch)):
        place = tmp_path / name
        if make:
            make(place)
        failed = driven.run("true", working_directory=str(place))
        assert failed["error_state"] == "ERROR"
        assert f"its working directory {place} cannot be entered on " in failed["error_description"]
    assert driven.run("pwd")["report"] == "log_done"


def test_the_definitions_environment_goes_over_the_workers_and_under_ours(agent: Start) -> None:
    given = {"HOME": "/elsewhere", "NEW": "é\n'", "JOBMON_TASK_ID": "77"}
    done = agent().run('echo "$HOME|$NEW|$JOBMON_TASK_ID"', environment=given)
    assert done["stdout_log"] == "/elsewhere|é\n'|7\n"


def test_files_to_which_nothing_was_written_are_not_kept(agent: Start, server: ScriptedServer) -> None:
    agent().run("echo said >&2")
    running = server.instances[1].reports[0]
    assert not Path(running["stdout"]).exists()
    assert Path(running["stderr"]).read_text() == "said\n"


def test_a_thousand_attempts_lie_in_a_directory_at_most(agent: Start) -> None:
    driven = agent()
    files = [driven.give(number, "true", known=True) for number in (999, 1000, 1999)]
    parents = [one.stdout.parent.name for one in files]
    assert parents == ["0", "1", "1"]
    for number in (999, 1000, 1999):
        driven.until_ended(number)
