"""One step of the demo, run as a script by its path: `step.py DIRECTORY STEP ARGUMENT…`; standard library only."""

from __future__ import annotations

# A step should cost little more than Python's start, so it imports little; and it speaks on stdout.
import json
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from collections.abc import Callable
    from typing import Any

WIDEST = 100


def put(directory: str, name: str, value: object) -> None:
    """Write a result whole or not at all, so that a step may be run again."""
    path = os.path.join(directory, name)
    with open(f"{path}.{os.getpid()}", "w", encoding="utf-8") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))
    os.replace(file.name, path)


def get(directory: str, name: str) -> dict[str, Any]:
    """Read another step's result."""
    with open(os.path.join(directory, name), encoding="utf-8") as file:
        found: dict[str, Any] = json.load(file)
    return found


def list_modules(directory: str, library: str, *modules: str) -> None:
    """Find each module's file and its size in bytes."""
    found: dict[str, dict[str, Any]] = {}
    for module in modules:
        stem = os.path.join(library, *module.split("."))
        path = stem + ".py" if os.path.isfile(stem + ".py") else os.path.join(stem, "__init__.py")
        found[module] = {"path": path, "bytes": os.path.getsize(path)}
    put(directory, "list.json", found)
    print(f"{len(found)} modules, {sum(one['bytes'] for one in found.values()):,} bytes")


def measure(directory: str, module: str) -> None:
    """Count and parse one module."""
    import ast

    with open(get(directory, "list.json")[module]["path"], "rb") as file:
        source = file.read()
    tree = ast.parse(source)
    lines = source.splitlines()
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    longest = max(functions, key=length, default=None)
    measured = {
        "module": module,
        "bytes": len(source),
        "lines": len(lines),
        "blank": sum(not line.strip() for line in lines),
        "comments": sum(line.lstrip().startswith(b"#") for line in lines),
        "functions": len(functions),
        "classes": len(classes),
        "documented": sum(
            ast.get_docstring(node, clean=False) is not None for node in [*functions, *classes]
        ),
        "imports": imports_of(tree),
        "longest": longest.name if longest else "",
        "longest_lines": length(longest) if longest else 0,
    }
    put(directory, f"measure-{module}.json", measured)
    print(
        f"{module}: {measured['lines']} lines, {measured['functions']} functions, {measured['classes']} classes"
    )


def imports_of(tree: ast.Module) -> list[str]:
    """Return the top-level modules that a module imports."""
    import ast

    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return sorted(found)


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines that a function takes."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


SUMS = ("bytes", "lines", "blank", "comments", "functions", "classes", "documented")


def merge(directory: str, package: str, *modules: str) -> None:
    """Add up the modules of one package."""
    members = [get(directory, f"measure-{module}.json") for module in modules]
    total = {key: sum(member[key] for member in members) for key in SUMS}
    put(
        directory,
        f"merge-{package}.json",
        {"package": package, "modules": len(members), **total, "members": members},
    )
    print(f"{package}: {len(members)} modules, {total['lines']} lines")


def members_of(directory: str, packages: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return the measurements of all modules."""
    return [member for package in packages for member in get(directory, f"merge-{package}.json")["members"]]


def imports(directory: str, *packages: str) -> None:
    """Count which modules are imported by most others."""
    importers: dict[str, list[str]] = {}
    for member in members_of(directory, packages):
        for name in member["imports"]:
            importers.setdefault(name, []).append(member["module"])
    most = sorted(importers.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    put(directory, "imports.json", {"most": [[name, len(by)] for name, by in most[:20]]})
    print("most imported: " + ", ".join(name for name, _ in most[:5]))


def ranking(directory: str, *packages: str) -> None:
    """Find the longest modules and functions."""
    members = members_of(directory, packages)
    modules = sorted(members, key=lambda one: -one["lines"])[:20]
    functions = sorted(members, key=lambda one: -one["longest_lines"])[:20]
    found = {
        "modules": [[one["module"], one["lines"]] for one in modules],
        "functions": [[f"{one['module']}.{one['longest']}", one["longest_lines"]] for one in functions],
    }
    put(directory, "ranking.json", found)
    print(f"longest module: {modules[0]['module']}, {modules[0]['lines']} lines")


STYLE = """body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:62rem;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:1rem 0;width:100%}th,td{text-align:left;padding:.2rem .6rem;border-bottom:1px solid #ddd}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.bar{background:#4a7ab5;height:.7rem;border-radius:2px}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}p{color:#555}"""


def report(directory: str, *packages: str) -> None:
    """Write the page that the user opens."""
    merged = sorted(
        (get(directory, f"merge-{package}.json") for package in packages), key=lambda one: -one["lines"]
    )
    ranks, most = get(directory, "ranking.json"), get(directory, "imports.json")["most"]
    total = {key: sum(one[key] for one in merged) for key in ("modules", *SUMS)}
    version = sys.version.split()[0]
    page = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Python {version}, measured</title><style>{STYLE}</style>",
        f"<h1>The standard library of Python {version}, measured</h1>",
        f"<p>{total['modules']} modules, {total['lines']:,} lines, {total['functions']:,} functions and",
        f"{total['classes']:,} classes, {share(total):.0%} of them with a docstring.</p>",
        "<h2>Packages</h2>",
        packages_table(merged),
        "<h2>Imported by most modules</h2>" + bars(most),
        "<h2>Longest modules (lines)</h2>" + bars(ranks["modules"]),
        "<h2>Longest functions (lines)</h2>" + bars(ranks["functions"]),
    ]
    put(directory, "report.html", "\n".join(page) + "\n</html>\n")
    print(f"report: {total['modules']} modules, {total['lines']:,} lines")


def share(one: dict[str, Any]) -> float:
    """Return which part of functions and classes has a docstring."""
    return float(one["documented"] / max(1, one["functions"] + one["classes"]))


def packages_table(merged: list[dict[str, Any]]) -> str:
    """Return a table with a row for each package."""
    heads = ("modules", "lines", "comments", "functions", "classes")
    rows = [
        f"<tr><td>{label(one['package'])}</td>"
        + "".join(f"<td class=n>{one[head]:,}</td>" for head in heads)
        + f"<td class=n>{share(one):.0%}</td></tr>"
        for one in merged
    ]
    titles = "".join(f"<th class=n>{head}</th>" for head in (*heads, "documented"))
    return f"<table><tr><th>package</th>{titles}</tr>{''.join(rows)}</table>"


def label(package: str) -> str:
    """Return how a package is called in the report."""
    return f"single files, {package[6:]}…" if package.startswith("files-") else package


def bars(pairs: list[Any]) -> str:
    """Return a table of names, numbers and bars."""
    most = max((count for _, count in pairs), default=1) or 1
    rows = [
        f"<tr><td>{name}</td><td class=n>{count:,}</td>"
        f"<td style='width:50%'><div class=bar style='width:{WIDEST * count / most:.1f}%'></div></td></tr>"
        for name, count in pairs
    ]
    return f"<table>{''.join(rows)}</table>"


STEPS: dict[str, Callable[..., None]] = {
    "list": list_modules,
    "measure": measure,
    "merge": merge,
    "imports": imports,
    "ranking": ranking,
    "report": report,
}

if __name__ == "__main__":
    STEPS[sys.argv[2]](sys.argv[1], *sys.argv[3:])
