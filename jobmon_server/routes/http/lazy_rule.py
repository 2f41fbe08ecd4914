"""Werkzeug's URL rules; the function that builds a URL from a rule is compiled when a URL is first built.

Compiling it for every rule took three quarters of the time that an application takes to be made (150 of 200 ms), and only
the pages build URLs. This overrides a private method of Werkzeug, so `setup.cfg` bounds its version.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from werkzeug.routing import Rule

Builder = Callable[..., tuple[str, str]]

#: Python 3.11 fails ("AST constructor recursion depth mismatch") where several threads compile at once.
_COMPILING = threading.Lock()


class LazyRule(Rule):
    """A rule whose two builders compile themselves."""

    def _compile_builder(self, append_unknown: bool = True) -> Builder:  # noqa: FBT001, FBT002 - as Werkzeug calls it
        compile_now = super()._compile_builder
        compiled: list[Builder] = []

        def build(rule: Rule, **values: Any) -> tuple[str, str]:
            if not compiled:
                with _COMPILING:
                    compiled.append(compile_now(append_unknown))
            return compiled[0](rule, **values)

        return build
