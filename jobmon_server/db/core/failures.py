"""What a database's error means, told by its code and never by its text: run it again, wait, or a fault of ours."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.exc import TimeoutError as PoolTimeout

from jobmon_server.errors import Busy, CorruptDatabase, JobmonServerError, Unavailable

#: MariaDB: row changed since it was read, lock wait timeout, deadlock.
LOST_RACE_CODES = frozenset({1020, 1205, 1213})
#: MariaDB: too many connections, shutting down, connection refused, gone, lost. Planning again makes a re-run safe
#: even where the COMMIT itself may have arrived: what was applied is then found to be a duplicate.
LOST_SERVER_CODES = frozenset({1040, 1053, 1927, 2002, 2003, 2006, 2013})
#: SQLite: busy, locked; written as numbers, as its library is loaded where it is used alone.
LOCKED_CODES = frozenset({5, 6})
#: A statement was ended because it took longer than it may. SQLite: interrupted. MariaDB: max_statement_time; MySQL's own.
OVERDUE_SQLITE = 9
OVERDUE_CODES = frozenset({1969, 3024})

_FULL = "its disk is full"
_UNWRITABLE = "it cannot be written"
_READ_ONLY = "it is read-only"
_AWAY = "it cannot be opened"
#: Why a database does not serve now, by the first byte of SQLite's code: it may again without anything done to this server.
UNAVAILABLE_SQLITE: Mapping[int, str] = {
    3: "access is denied",
    7: "it has no memory left",
    8: _READ_ONLY,
    10: f"{_UNWRITABLE} or read (input/output error)",
    13: _FULL,
    14: _AWAY,
    15: _UNWRITABLE,
}
DAMAGED_SQLITE = frozenset({11, 26})
#: The same by MariaDB's code, and MySQL's where it has one of its own.
UNAVAILABLE: Mapping[int, str] = {
    **dict.fromkeys((1021, 1114), _FULL),
    **dict.fromkeys((3, 1005, 1016, 1026, 1030, 1180, 1181, 1196, 3100, 3101), _UNWRITABLE),
    **dict.fromkeys((1290, 1792, 1836, 3989), _READ_ONLY),
    **dict.fromkeys((1037, 1038, 1041, 1135), "it has no memory or threads left"),
    **dict.fromkeys((1044, 1045, 1129, 1130, 1142, 1143, 1698), "access is denied"),
    **dict.fromkeys((1049, 1203, 1226), _AWAY),
    **dict.fromkeys((1046, 1146), "its tables are gone"),
    1317: "a statement was ended there",
}
DAMAGED = frozenset({1034, 1035, 1194, 1195, 1712})


def code(error: Exception) -> str:
    """Return the database's own code of an error, or the error's name where there is none."""
    original = getattr(error, "orig", None)
    known = getattr(original, "sqlite_errorname", None) or next(iter(getattr(original, "args", ())), None)
    return str(known or type(error).__name__)


def is_worth_a_rerun(error: Exception) -> bool:
    """Tell whether the same act may succeed when it is run again at once."""
    if isinstance(error, PoolTimeout):
        return True
    sqlite_code, server_code = _codes(error)
    if sqlite_code is not None:
        return sqlite_code in LOCKED_CODES
    return server_code in LOST_RACE_CODES | LOST_SERVER_CODES or getattr(
        error, "connection_invalidated", False
    )


def is_overdue(error: Exception) -> bool:
    """Tell whether a statement was ended because its time was up."""
    sqlite_code, server_code = _codes(error)
    return sqlite_code == OVERDUE_SQLITE or server_code in OVERDUE_CODES


def as_ours(error: Exception) -> JobmonServerError | None:
    """Return what callers are told of a database that does not serve; None for an error that is none of its state."""
    if is_overdue(error):
        return Busy("A query took longer than one may on this server; ask for less, or again.")
    sqlite_code, server_code = _codes(error)
    if sqlite_code is not None:
        why, is_damaged = UNAVAILABLE_SQLITE.get(sqlite_code), sqlite_code in DAMAGED_SQLITE
    else:
        why, is_damaged = UNAVAILABLE.get(server_code or 0), server_code in DAMAGED
    if is_damaged:
        return CorruptDatabase()
    return None if why is None else Unavailable(f"The database does not serve now: {why}; ask again.")


def _codes(error: Exception) -> tuple[int | None, int | None]:
    """Return SQLite's primary code, and MariaDB's; each None where it has none."""
    original = getattr(error, "orig", None)
    sqlite_code = getattr(original, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return sqlite_code & 0xFF, None
    first = next(iter(getattr(original, "args", ())), None)
    return None, first if isinstance(first, int) else None
