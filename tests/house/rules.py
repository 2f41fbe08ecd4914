"""The house rules that can be read off the source: each takes one parsed module and yields what offends."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from jobmon_client import states

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("jobmon_client", "jobmon_server")

MODULE_LINES = 300
FUNCTION_LINES = 40
ROUTE_STATEMENTS = 8

ROOMS_OF_HTTP = ("jobmon_server/routes/", "jobmon_server/pages/")
FROZEN = "jobmon_server/migrations/versions/"
BEGINNERS = frozenset({"commit", "rollback", "begin", "begin_nested"})
#: `bench/bare.py` measures what a driver does without us.
MAY_BEGIN = (
    "jobmon_server/db/core/transaction.py",
    "jobmon_server/migrations/",
    "jobmon_server/bench/bare.py",
)

MAY_CATCH_ALL = (
    "jobmon_client/running/background.py",
    "jobmon_client/distributor/plugin_calls.py",
    "jobmon_client/distributor/service.py",
    "jobmon_client/loop.py",
    "jobmon_client/worker/agent/agent.py",
    "jobmon_client/worker/process/waiter.py",
    "jobmon_client/worker/reporting/reporter.py",
    "jobmon_server/background/leader_job.py",
)
#: Who makes directories or writes files otherwise than by `private_files`, and why.
MAY_MAKE_FILES = {
    "jobmon_client/system/private_files.py": "it is how the others do it",
    "jobmon_client/demo/step.py": "a command of the demo's workflow: what it writes is the user's",
    "jobmon_client/conformance.py": "marks in a directory that a plugin's author names",
    "jobmon_client/worker/agent/pipe.py": "it opens /dev/null",
    "jobmon_client/worker/reporting/spool_file.py": "it opens nothing but regular files, and waits for no pipe",
    "jobmon_server/migrations/": "a tool for this repository's sources",
    "jobmon_server/actions/retention/archive.py": "mkstemp, which makes 0600, beside a file that the user names",
}
MAKERS = frozenset({"mkdir", "makedirs", "write_text", "write_bytes", "touch", "mkstemp", "mkfifo", "mknod"})
ROUTERS = frozenset({"get", "post", "put", "patch", "delete", "route"})
LOG_LEVELS = frozenset({"debug", "info", "warning", "error", "exception", "critical"})
CODES = frozenset(
    member.code
    for kind in vars(states).values()
    if isinstance(kind, type) and issubclass(kind, states.Status)
    for member in kind
)
NOT_IN_TESTS = frozenset({"skip", "skipif", "importorskip", "mock", "Mock", "MagicMock", "mocker", "sleep"})


@dataclass(frozen=True, slots=True)
class Module:
    """One source file."""

    path: str
    source: str

    @property
    def lines(self) -> list[str]:
        """Its lines."""
        return self.source.splitlines()

    def walk(self) -> Iterator[ast.AST]:
        """All its nodes."""
        return ast.walk(ast.parse(self.source))

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and full name of each module, or name of a module, that it imports."""
        for node in self.walk():
            if isinstance(node, ast.Import):
                yield from ((node.lineno, alias.name) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


@dataclass(frozen=True, slots=True)
class Offence:
    """A line that breaks a rule."""

    line: int
    what: str


Rule = Callable[[Module], Iterator[Offence]]
Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(*folders: str) -> list[Module]:
    """Every source file of these folders, by its path below the project's root."""
    return [
        Module(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*.py"))
    ]


def offenders(rule: Rule, found: list[Module]) -> list[str]:
    """What breaks the rule, as file:line: what."""
    return [f"{module.path}:{offence.line}: {offence.what}" for module in found for offence in rule(module)]


def modules_are_short(module: Module) -> Iterator[Offence]:
    """A module has at most 300 lines; a migration, written once and frozen, as many as there are tables."""
    if len(module.lines) > MODULE_LINES and not module.path.startswith(FROZEN):
        yield Offence(MODULE_LINES + 1, f"{len(module.lines)} lines, more than {MODULE_LINES}")


def functions_are_short(module: Module) -> Iterator[Offence]:
    """A function has at most 40 lines; a migration, written once and frozen, may be a list of any length."""
    if module.path.startswith(FROZEN):
        return
    for node in module.walk():
        if (
            isinstance(node, Function)
            and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES
        ):
            yield Offence(node.lineno, f"{node.name} has {length} lines, more than {FUNCTION_LINES}")


def transactions_begin_in_one_place(module: Module) -> Iterator[Offence]:
    """A transaction begins and ends in db/core/transaction.py."""
    if module.path.startswith(MAY_BEGIN):
        return
    for node in module.walk():
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in BEGINNERS
        ):
            yield Offence(node.lineno, f".{node.func.attr}() outside {MAY_BEGIN[0]}")


def actions_know_no_flask(module: Module) -> Iterator[Offence]:
    """An action or a query imports nothing of HTTP."""
    if module.path.startswith(("jobmon_server/actions/", "jobmon_server/db/", "jobmon_server/fsm/")):
        yield from _imported(module, ("flask", "flask_smorest", "werkzeug"))


def routes_hold_no_sql(module: Module) -> Iterator[Offence]:
    """A route imports nothing of SQL, nor does a page."""
    if module.path.startswith(ROOMS_OF_HTTP):
        yield from _imported(module, ("sqlalchemy", "pymysql", "sqlite3"))


def _imported(module: Module, forbidden: tuple[str, ...]) -> Iterator[Offence]:
    for line, name in module.imports():
        if name.split(".")[0] in forbidden:
            yield Offence(line, f"imports {name}")


def routes_are_thin(module: Module) -> Iterator[Offence]:
    """A route parses, acts, replies: at most 8 statements, nested ones counted."""
    if not module.path.startswith(ROOMS_OF_HTTP):
        return
    for node in module.walk():
        if isinstance(node, Function) and any(_is_router(decorator) for decorator in node.decorator_list):
            statements = sum(isinstance(inner, ast.stmt) for inner in ast.walk(node)) - 1
            statements -= ast.get_docstring(node) is not None
            if statements > ROUTE_STATEMENTS:
                yield Offence(
                    node.lineno, f"{node.name} has {statements} statements, more than {ROUTE_STATEMENTS}"
                )


def _is_router(decorator: ast.expr) -> bool:
    return isinstance(decorator, ast.Call) and _last_name(decorator.func) in ROUTERS


def _last_name(node: ast.expr) -> str:
    match node:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def everything_is_caught_only_by_loops(module: Module) -> Iterator[Offence]:
    """`except Exception` stands at the top of a long-lived loop, with its reason; elsewhere it only cleans up and raises."""
    for node in module.walk():
        if not isinstance(node, ast.ExceptHandler) or not _catches_all(node) or _raises_again(node):
            continue
        if module.path not in MAY_CATCH_ALL:
            yield Offence(
                node.lineno, "catches everything, and is no loop that may (MAY_CATCH_ALL in rules.py)"
            )
        elif not any("#" in line for line in module.lines[node.lineno - 2 : node.lineno]):
            yield Offence(node.lineno, "catches everything without a comment that says why")


def _catches_all(handler: ast.ExceptHandler) -> bool:
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(kind is None or _last_name(kind) in {"Exception", "BaseException"} for kind in kinds)


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def statuses_are_words(module: Module) -> Iterator[Offence]:
    """A status is a member of `jobmon_client.states`: no one-letter code is compared or listed."""
    if module.path == "jobmon_client/states.py":
        return
    for item in (item for node in module.walk() for item in _compared_or_listed(node)):
        if isinstance(item, ast.Constant) and isinstance(item.value, str) and item.value in CODES:
            yield Offence(item.lineno, f"{item.value!r} looks like a status; write the member")


def _compared_or_listed(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Compare():
            return [node.left, *node.comparators]
        case ast.Tuple() | ast.List() | ast.Set():
            return node.elts
        case ast.Dict():
            return [key for key in node.keys if key is not None]
        case ast.MatchValue():
            return [node.value]
    return []


def events_are_constant(module: Module) -> Iterator[Offence]:
    """A log event is one constant string; the facts are its keys."""
    for node in module.walk():
        if not (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in LOG_LEVELS
        ):
            continue
        if _last_name(node.func.value) not in {"log", "_log", "logger"}:
            continue
        if len(node.args) != 1 or not (
            isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str)
        ):
            yield Offence(node.lineno, "an event is one constant string; what varies goes into keys")


def the_environment_has_one_reader(module: Module) -> Iterator[Offence]:
    """Only config.py of each package reads the environment."""
    if module.path in {f"{package}/config.py" for package in PACKAGES}:
        return
    for node in module.walk():
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"}:
            yield Offence(node.lineno, f"os.{node.attr} outside config.py")
    for line, name in module.imports():
        if name in {"os.environ", "os.environb", "os.getenv"}:
            yield Offence(line, f"{name} outside config.py")


def files_are_private(module: Module) -> Iterator[Offence]:
    """Directories are made and files written by `jobmon_client.system.private_files`: 0700, 0600, no link followed."""
    if module.path.startswith(tuple(MAY_MAKE_FILES)):
        return
    for node in module.walk():
        if not isinstance(node, ast.Call):
            continue
        name = _last_name(node.func)
        if name in MAKERS:
            yield Offence(node.lineno, f"{name}() outside private_files")
        elif name in {"open", "fdopen"} and _writes(node):
            yield Offence(node.lineno, f"{name}() for writing outside private_files")


def _writes(call: ast.Call) -> bool:
    """Whether a call of `open` creates or writes: by a mode, or by flags of `os.open`."""
    given = [*call.args, *(one.value for one in call.keywords if one.arg in {"mode", "flags"})]
    modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    flags = {one.attr for part in given for one in ast.walk(part) if isinstance(one, ast.Attribute)}
    is_written = any(set(mode) <= set("wax+rbt") and set(mode) & set("wax+") for mode in modes)
    return is_written or bool(flags & {"O_CREAT", "O_WRONLY", "O_RDWR"})


def tests_run_and_run_for_real(module: Module) -> Iterator[Offence]:
    """A test is not skipped, does not sleep, and meets our code, not a mock of it (a constant may be set)."""
    ours = {name.split(".")[-1] for _, name in module.imports() if name.startswith(PACKAGES)}
    for node in module.walk():
        match node:
            case ast.Attribute(attr=name) | ast.Name(id=name) if name in NOT_IN_TESTS:
                yield Offence(node.lineno, name)
            case ast.arg(arg=name) if name in NOT_IN_TESTS:
                yield Offence(node.lineno, name)
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[target, *rest]) if _replaces(
                target, rest, ours
            ):
                yield Offence(node.lineno, "setattr replaces our code; give the code what it needs instead")
    for line, name in module.imports():
        if NOT_IN_TESTS & set(name.split(".")):
            yield Offence(line, f"imports {name}")


def _replaces(target: ast.expr, rest: list[ast.expr], ours: set[str]) -> bool:
    """Whether monkeypatch.setattr(target, name, value), or (path, value), replaces what is not a constant of ours."""
    if isinstance(target, ast.Constant):
        path = str(target.value)
        return path.startswith(PACKAGES) and not path.rsplit(".", 1)[-1].isupper()
    root = target
    while isinstance(root, ast.Attribute):
        root = root.value
    is_constant = bool(rest) and isinstance(rest[0], ast.Constant) and str(rest[0].value).isupper()
    return isinstance(root, ast.Name) and root.id in ours and not is_constant


OF_THE_PACKAGES: tuple[Rule, ...] = (
    modules_are_short,
    functions_are_short,
    transactions_begin_in_one_place,
    actions_know_no_flask,
    routes_hold_no_sql,
    routes_are_thin,
    everything_is_caught_only_by_loops,
    statuses_are_words,
    events_are_constant,
    the_environment_has_one_reader,
    files_are_private,
)
OF_THE_TESTS: tuple[Rule, ...] = (functions_are_short, tests_run_and_run_for_real)
