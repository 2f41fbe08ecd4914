"""Logging to stderr: stdout belongs to results, and to the agent's protocol. A line that cannot be written is lost."""

from __future__ import annotations

import logging
import sys

import structlog

from jobmon_client.system.lossy import lossy


def configure(level: str = "warning", *, as_json: bool = False) -> None:
    """Send events of at least `level` to stderr, as lines for people or as JSON lines."""
    stream = lossy(sys.stderr)
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if as_json
        else structlog.dev.ConsoleRenderer(
            colors=stream.isatty(),
            # Tracebacks without the values of variables, among which there may be secrets.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([structlog.processors.format_exc_info] if as_json else []),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
