"""Text of any kind in every free-text field is stored, or cut with a mark; identity and commands are kept exactly or refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.path import ME, Path, task
from tests.support.situations import into

MARK = "[cut, "
TEXTS = {
    "four bytes": "😀𝔘 名",
    "lone surrogates": "a\ud800b\udfffc",
    "nul": "a\x00b",
    "controls": "\x01\x1b[31m\r\n\x7f\x85\u2028\ufeff",
    "empty": "",
    "a megabyte": "x" * 1_048_576,
    "four bytes across the cut": "x" + "😀" * 300_000,
    "trailing space": "a  ",
    "right to left": "\u202eabc\u05d0",
}


def arrives(sent: str, found: str) -> None:
    """Found is what was sent with lone surrogates replaced, or the beginning of it and a mark."""
    clean = "".join("\ufffd" if "\ud800" <= letter <= "\udfff" else letter for letter in sent)
    if len(clean.encode()) <= 1_048_576:
        assert found == clean
        return
    kept, _, rest = found.rpartition("… " + MARK)
    assert clean.startswith(kept)
    assert rest == f"{len(clean.encode())} bytes]"
    assert 1_048_000 < len(found.encode()) <= 1_048_576


def post(path: Path, url: str, **body: Any) -> Any:
    """Send JSON with escapes, as any client may: a lone surrogate travels as an escape."""
    reply = path.client.post(f"/api/v1{url}", json=json.loads(json.dumps(body)))
    assert reply.status_code in {200, 201}, reply.get_json()
    return reply.get_json()


@pytest.mark.parametrize("kind", TEXTS)
def test_what_a_worker_writes_arrives(path: Path, kind: str) -> None:
    text = TEXTS[kind]
    path.bind().start()
    done, failed = into(path, "LAUNCHED", 2)
    for one in (done, failed):
        facts = {"worker_id": ME, "process_group_id": 1, "next_report_increment": 60}
        post(path, f"/task_instance/{one}/log_running", nodename=text, stdout=text, stderr=text, **facts)
    post(
        path,
        f"/task_instance/{done}/log_done",
        worker_id=ME,
        stdout_log=text,
        stderr_log=text,
        result=text[:1000],
        usage={"note": text[:1000]},
    )
    facts = {"worker_id": ME, "error_state": "ERROR"}
    post(path, f"/task_instance/{failed}/log_error_worker_node", error_description=text, **facts)
    instance = path.instance(done)
    for field in ("nodename", "stdout", "stderr", "stdout_log", "stderr_log"):
        arrives(text, instance[field])
    (entry,) = path.errors(failed)
    if text:
        arrives(text, entry["description"])
        arrives(text, path.get(f"/task_instance/{failed}/journal")["journal"][-1]["reason"])
    assert path.workflow()


@pytest.mark.parametrize("kind", TEXTS)
def test_what_distributors_and_operators_write_arrives(path: Path, kind: str) -> None:
    text = TEXTS[kind]
    path.bind(task("a")).start()
    claimed, launched, gone = (
        into(path, "INSTANTIATED")[0],
        into(path, "LAUNCHED")[0],
        into(path, "TRIAGING")[0],
    )
    name = path.instance(launched)["name"]
    post(path, f"/task/{path.task_ids[name]}/rerun", reason=text)
    post(path, f"/task_instance/{claimed}/log_no_distributor_id", error_message=text)
    post(path, f"/task_instance/{gone}/log_unknown_error", error_message=text, nodename=text)
    post(path, f"/task_instance/{launched}/log_known_error", error_state="ERROR_FATAL", error_message=text)
    post(path, f"/workflow_run/{path.run_id}/terminate", reason=text)
    if text:
        for one in (claimed, launched, gone):
            arrives(text, path.errors(one)[0]["description"])
        killed = path.get(f"/task_instance/{launched}/journal")["journal"][-2]
        assert (killed["to"], killed["reporter"]) == ("KILL_SELF", "operator")
        arrives(text, killed["reason"])


@pytest.mark.parametrize("kind", TEXTS)
def test_attributes_and_the_callback_arrive(path: Path, kind: str) -> None:
    text = TEXTS[kind][:1000]
    attributes = {"note": text, "list": [text]}
    url = f"https://example.org/?text={quote(text[:100], errors='replace')}"
    workflow = post(path, "/workflow", name="w", attributes=attributes, callback_url=url)
    found = path.get(f"/workflow/{workflow['workflow_id']}")
    assert (found["attributes"], found["callback_url"]) == (attributes, url)


@pytest.mark.parametrize(
    "bad", ["a\x00b", "\ud800", "x" * 256, ""], ids=["nul", "surrogate", "long", "empty"]
)
def test_identity_is_kept_exactly_or_refused(path: Path, bad: str) -> None:
    path.bind(task("a")).start()
    (one,) = path.queue()
    facts = {"next_report_increment": 1}
    for url, body in {
        "/workflow": {"name": bad},
        f"/workflow/{path.workflow_id}/tasks": {"tasks": [task(bad)]},
        "/task_instance/instantiate_task_instances": {
            "distributor": bad,
            "task_instance_ids": [one],
            **facts,
        },
        f"/task_instance/{one}/log_distributor_id": {"distributor_id": bad, **facts},
        f"/task_instance/{one}/log_report_by": {"worker_id": bad, **facts},
        f"/task_instance/{one}/log_done": {"worker_id": bad},
    }.items():
        reply = path.client.post(f"/api/v1{url}", json=body)
        assert reply.status_code == 422, url


@pytest.mark.parametrize(
    "bad", ["a\x00b", "echo \ud800", "", "é" * 600_000], ids=["nul", "surrogate", "empty", "long"]
)
def test_a_command_is_kept_exactly_or_refused(path: Path, bad: str) -> None:
    path.bind()
    reply = path.client.post(
        f"/api/v1/workflow/{path.workflow_id}/tasks", json={"tasks": [task("a", command=bad)]}
    )
    assert reply.status_code == 422


@pytest.mark.parametrize("bad", ["a\x00b", "a\ud800b"], ids=["nul", "surrogate"])
def test_a_name_that_cannot_be_kept_is_cleaned_and_costs_no_error_report(path: Path, bad: str) -> None:
    path.bind(task("a", max_attempts=1)).start()
    one = path.run_one()
    facts = {
        "error_state": "ERROR",
        "error_description": "it broke",
        "reason_code": bad,
        "attributes": {bad: 1},
    }
    reply = path.client.post(
        f"/api/v1/task_instance/{one}/log_error_worker_node", json={"worker_id": "worker-1", **facts}
    )
    assert reply.get_json()["outcome"] == "applied"
    found = path.get(f"/task_instance/{one}")
    assert (found["reason_code"], found["attributes"]) == ("a\ufffdb", {"a\ufffdb": 1})
