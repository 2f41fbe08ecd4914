"""Figures of a load, and what the database that it went to says of itself."""

from __future__ import annotations

from typing import Any

from pymysql.cursors import Cursor

from jobmon_server.bench.load import Load
from jobmon_server.bench.machine import Meter
from jobmon_server.bench.numbers import significant

SHOWN = (
    "version",
    "innodb_flush_log_at_trx_commit",
    "innodb_flush_method",
    "innodb_doublewrite",
    "log_bin",
    "sync_binlog",
    "tx_isolation",
    "innodb_buffer_pool_size",
    "innodb_log_file_size",
)


def read_settings(cursor: Cursor) -> dict[str, Any]:
    """Return what MariaDB says of the settings that speed depends on."""
    found: dict[str, Any] = {}
    for name in SHOWN:
        cursor.execute("SHOW GLOBAL VARIABLES LIKE %s", (name,))
        found.update(dict(cursor.fetchall()))
    return found


def measured(load: Load, meter: Meter | None = None, *, rows: int | None = None) -> dict[str, Any]:
    """Return the figures of a load, with the CPU of the others; `rows`: what is counted where requests are not."""
    figures = load.figures()
    if rows is not None:
        figures["per_second"] = round(rows / load.seconds, 1)
    if meter is None:
        return figures
    used = meter.used()
    counted = max(1, load.requests if rows is None else rows)
    return {
        **figures,
        "cores": {name: round(value / load.seconds, 3) for name, value in used.items()},
        # What one of them costs, however busy the machine is with other things.
        "cpu_microseconds": {name: significant(1e6 * value / counted) for name, value in used.items()},
    }
