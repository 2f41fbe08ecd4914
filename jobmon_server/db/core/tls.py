"""TLS to MariaDB where its URL says nothing of it: taken if the server offers it, as PyMySQL does, but at no cost.

PyMySQL reads every certificate of the machine for each connection, even so: 0.8 MiB that stay with it, and 17 ms. It
verifies none of them, as nobody said which to trust. Here all connections of a process share one context that has none.
"""

from __future__ import annotations

import ssl
from functools import cache
from typing import Any

from pymysql.constants.CR import CR_SSL_CONNECTION_ERROR
from sqlalchemy import Engine, event
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection

WITHOUT = {"ssl_disabled": True}


def prefer_tls(engine: Engine) -> None:
    """Have the connections of an engine ask for TLS until one hears that the server has none."""
    event.listen(engine, "do_connect", _Preference())


class _Preference:
    """Whether a server was heard to have no TLS."""

    def __init__(self) -> None:
        self._has_none = False

    def __call__(
        self, dialect: Dialect, record: object, arguments: list[Any], options: dict[str, Any]
    ) -> DBAPIConnection | None:
        """Connect; None where the URL says how, and SQLAlchemy is to do as it says."""
        if any(name.startswith("ssl") for name in options):
            return None
        known = WITHOUT if self._has_none else {"ssl": _context()}
        try:
            return dialect.connect(*arguments, **options, **known)
        except dialect.loaded_dbapi.OperationalError as error:
            # Whatever was wrong, it may be another server the next time.
            self._has_none = error.args[0] == CR_SSL_CONNECTION_ERROR
            if not self._has_none:
                raise
        return dialect.connect(*arguments, **options, **WITHOUT)


@cache
def _context() -> ssl.SSLContext:
    """Make the context of this process: it encrypts and trusts anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
