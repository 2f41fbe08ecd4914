"""structlog, set up once per process: one JSON object a line on stderr; a line that cannot be written is lost."""

from __future__ import annotations

import logging
import sys

import structlog

from jobmon_client.system.lossy import lossy


def configure(level: str = "info") -> None:
    """Log from this level up (debug, info, warning, error); a traceback is part of its line."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.WriteLoggerFactory(lossy(sys.stderr)),
        cache_logger_on_first_use=True,
    )
