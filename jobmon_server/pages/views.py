"""The pages: lists of workflows, tasks and attempts, and one of each with its history."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from jobmon_server.actions.admin.sessions import end_session, exchange_code, new_secret
from jobmon_server.actions.operator.explain import explain
from jobmon_server.db.admin.tokens import digest_of
from jobmon_server.db.reads import lookups
from jobmon_server.db.reads import pages as listed
from jobmon_server.db.reads.id_pages import PageRequest
from jobmon_server.db.search import list_rows
from jobmon_server.errors import JobmonServerError, Unauthorized, Unknown
from jobmon_server.fsm.task import TASK
from jobmon_server.fsm.task_instance import TASK_INSTANCE
from jobmon_server.fsm.workflow import WORKFLOW, WORKFLOW_RUN
from jobmon_server.pages.page_query import KINDS, ROWS, asked
from jobmon_server.pages.sign_in import begun, checked_form, entrance, sign_in, with_session
from jobmon_server.routes.http.authentication import PAGES, cookie_name, principals_of_app
from jobmon_server.routes.http.endpoint import read, transact

pages = Blueprint(
    "pages",
    __name__,
    url_prefix=PAGES,
    template_folder="templates",
    static_folder="static",
    static_url_path="/static",
)
ERRORS_SHOWN = 100
_GROUPS: dict[Any, Any] = {
    table.statuses: table.groups for table in (TASK_INSTANCE, TASK, WORKFLOW, WORKFLOW_RUN)
}
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def install(app: Flask) -> None:
    """Serve the pages; the bare address leads to them."""
    app.register_blueprint(pages)
    app.add_url_rule("/", "root", lambda: redirect(url_for("pages.list_of", which="workflows")))
    app.add_url_rule(PAGES, "pages_without_slash", lambda: redirect(url_for("pages.home")))


@pages.after_request
def keep_to_oneself(response: Response) -> Response:
    """Let no cache keep a page, and no other page use it."""
    response.headers.update(HEADERS)
    return response


@pages.get("/")
def home() -> AnyResponse:
    """Lead to the list that most people want."""
    return redirect(url_for("pages.list_of", which="workflows"))


@pages.get("/<any(workflows, tasks, task_instances):which>")
def list_of(which: str) -> Response:
    """Show a list, narrowed by what the URL says."""
    wanted = asked(KINDS[which], request.args)
    found = None if wanted.problems else read(list_rows, wanted.kind.entity, wanted.query)
    total = found.total or 0 if found else 0
    rows = found.rows if found else []
    place = {
        "first": (wanted.page - 1) * ROWS + 1,
        "last": (wanted.page - 1) * ROWS + len(rows),
        "total": total,
    }
    shown = _page("list.html", which=which, kind=wanted.kind, asked=wanted, rows=rows, place=place)
    shown.status_code = 422 if wanted.problems else 200
    return shown


@pages.get("/workflow/<id:workflow_id>")
def workflow(workflow_id: int) -> Response:
    """Show a workflow: its tasks by status, and its errors."""
    found = read(lookups.read_workflow, workflow_id)
    errors = read(listed.list_errors, workflow_id, page=PageRequest(ERRORS_SHOWN)).rows
    return _page("workflow.html", workflow=found, errors=errors)


@pages.get("/task/<id:task_id>")
def task(task_id: int) -> Response:
    """Show a task and its attempts."""
    found = read(lookups.read_task, task_id)
    wanted = asked(KINDS["task_instances"], request.args.__class__([("task_id", str(task_id))]))
    attempts = read(list_rows, wanted.kind.entity, wanted.query)
    return _page("task.html", task=found, kind=wanted.kind, attempts=attempts.rows, total=attempts.total)


@pages.get("/task_instance/<id:task_instance_id>")
def task_instance(task_instance_id: int) -> Response:
    """Show an attempt: what is known of it, its history, and what comes next."""
    found = read(lookups.read_task_instance, task_instance_id)
    history = read(lookups.read_journal, task_instance_id)
    return _page(
        "task_instance.html", instance=found, journal=history, explained=read(explain, task_instance_id)
    )


@pages.get("/login")
def login() -> Response:
    """Ask for a token."""
    return sign_in(None)


@pages.post("/login")
def take_token() -> AnyResponse:
    """Begin a session of the token; the browser keeps the session, never the token."""
    digest = digest_of(checked_form()["token"].strip())
    principals_of_app().of(digest)
    return begun(redirect(url_for("pages.home")), digest)


@pages.get("/enter")
def enter() -> AnyResponse:
    """Begin a session by a code of `jobmon ui`."""
    session = new_secret()
    transact(exchange_code, request.args.get("code", ""), session)
    return with_session(redirect(entrance(request.args.get("workflow", ""))), session)


@pages.get("/logout")
def logout() -> AnyResponse:
    """End the session."""
    transact(end_session, request.cookies.get(cookie_name(), ""))
    gone = redirect(url_for("pages.login"))
    gone.delete_cookie(cookie_name(), path=PAGES)
    return gone


@pages.errorhandler(JobmonServerError)
def refuse(error: JobmonServerError) -> Response:
    """Say what was wrong, in a page; who has no token is asked for one."""
    if isinstance(error, Unauthorized):
        is_first = (
            request.method == "GET" and cookie_name() not in request.cookies and "code" not in request.args
        )
        shown = sign_in(None if is_first else error.message)
    else:
        shown = _page("problem.html", error=error, missing=isinstance(error, Unknown))
    shown.status_code = error.http_status
    return shown


@pages.app_template_filter("tone")
def tone(status: Any) -> str:
    """Return how a status is coloured: by its group, as the tables have it."""
    groups = _GROUPS.get(type(status), {})
    return str(groups.get(status, "plain"))


@pages.app_template_filter("time")
def instant(value: Any) -> str:
    """Return an instant of the database in UTC, to the second."""
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M:%S}"


def _page(template: str, **facts: Any) -> Response:
    return make_response(render_template(template, **facts))
