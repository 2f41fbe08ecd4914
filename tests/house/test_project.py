"""What the packages, the tools and the papers of the project say about each other is true."""

from __future__ import annotations

import configparser
import importlib.resources
import re
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint

from jobmon_server.db.schema.tables_control import metadata
from tests.house.rules import PACKAGES, ROOT

TRACKED = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docs", "deploy")


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg")
    return parser


def test_every_package_of_the_tree_is_shipped() -> None:
    listed = set(setup_cfg()["options"]["packages"].split())
    tree = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for package in PACKAGES
        for path in (ROOT / package).rglob("__init__.py")
    }
    assert listed == tree | {"jobmon_deploy"}


def test_every_module_stands_in_a_package() -> None:
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_every_other_file_of_a_package_is_shipped() -> None:
    data = setup_cfg()["options.package_data"]
    for package in setup_cfg()["options"]["packages"].split():
        folder = ROOT / ("deploy" if package == "jobmon_deploy" else package.replace(".", "/"))
        shipped = {
            path
            for pattern in re.split(r"[,\s]+", data.get(package, ""))
            if pattern
            for path in folder.glob(pattern)
        }
        wanted = {
            path
            for path in folder.iterdir()
            if path.is_file()
            and path.suffix in {".typed", ".mako", ".cnf", ".html", ".css", ".js", ".sql", ".json"}
        }
        assert wanted <= shipped, package


@pytest.mark.parametrize("name", ["gunicorn.conf.py", "mariadb.cnf"])
def test_the_configuration_that_is_run_is_the_one_in_deploy(name: str) -> None:
    run = importlib.resources.files("jobmon_deploy") / name
    assert run.read_text() == (ROOT / "deploy" / name).read_text()


def test_every_status_column_has_a_check() -> None:
    columns = [
        (table, column) for table in metadata.tables.values() for column in table.c if column.name == "status"
    ]
    assert columns
    for table, column in columns:
        checks = [str(check.sqltext) for check in table.constraints if isinstance(check, CheckConstraint)]
        assert column.foreign_keys or any(re.search(r"\bstatus\b", check) for check in checks), table.name


def test_lint_runs_every_tool() -> None:
    lint, test, tox = ((ROOT / name).read_text() for name in ("deploy/lint.sh", "deploy/test.sh", "tox.ini"))
    for tool in ("ruff check", "ruff format --check", "lint-imports", "vulture", "codespell"):
        assert f"check {tool}" in lint
    assert "sh deploy/lint.sh" in test
    assert re.search(r"^mypy$", test, re.MULTILINE)
    assert re.search(r"\[testenv:lint\][^[]*sh deploy/lint\.sh", tox)
    assert re.search(r"\[testenv:types\][^[]*commands = mypy", tox)


def test_every_exception_to_a_lint_rule_has_its_reason() -> None:
    lines = (ROOT / "ruff.toml").read_text().splitlines()
    first, last = lines.index("ignore = ["), lines.index("]")
    before = ""
    for line in lines[first + 1 : last]:
        if not line.lstrip().startswith("#"):
            assert before.lstrip().startswith("#"), line
        before = line


@pytest.mark.parametrize(
    "script",
    ["deploy/demo.sh", "deploy/test.sh", "deploy/lint.sh", "deploy/lock.sh", "deploy/setup.sh", ".ci/run"],
)
def test_scripts_parse(script: str) -> None:
    done = subprocess.run(["sh", "-n", str(ROOT / script)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_links_in_the_papers_lead_somewhere() -> None:
    papers = [path for name in TRACKED for path in papers_in(ROOT / name)]
    links = [
        (paper, link)
        for paper in papers
        for link in re.findall(r"\]\(([^)#\s]+)", paper.read_text())
        if not link.startswith(("http://", "https://", "mailto:"))
    ]
    assert links
    assert [f"{paper.name}: {link}" for paper, link in links if not (paper.parent / link).exists()] == []


def papers_in(path: Path) -> list[Path]:
    return sorted(path.rglob("*.md")) if path.is_dir() else [path]


def test_the_lock_has_what_the_server_and_the_command_line_need_and_names_no_place() -> None:
    lock = (ROOT / "deploy" / "requirements.lock").read_text()
    extras = setup_cfg()["options.extras_require"]
    wanted = [
        *setup_cfg()["options"]["install_requires"].split(),
        *extras["server"].split(),
        *extras["cli"].split(),
    ]
    names = {re.split("[<>=]", one)[0].lower() for one in wanted}
    locked = set(re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE))
    assert names <= locked
    assert lock.count("==") == len(locked) <= lock.count("--hash=sha256:")
    assert not re.search(r"^-|://|^/|@ ", lock, re.MULTILINE)
