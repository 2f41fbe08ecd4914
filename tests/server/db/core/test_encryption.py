"""Connections to MariaDB are encrypted where the server offers it, and the URL may say otherwise."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from jobmon_server.db.core.transaction import Database
from tests.support.mariadb import SMALL, Mariadb, throwaway

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL, Connection


@pytest.fixture(scope="module")
def with_tls() -> Iterator[Mariadb]:
    """A MariaDB that has a certificate nobody knows."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o755)  # the server is another user
        key, certificate = directory / "key.pem", directory / "certificate.pem"
        made = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=jobmon",
        ]
        subprocess.run(
            [*made, "-keyout", str(key), "-out", str(certificate)],
            check=True,
            capture_output=True,
            timeout=30,
        )
        key.chmod(0o644)
        options = (*SMALL, f"--ssl-cert={certificate}", f"--ssl-key={key}")
        with throwaway(on_disk=False, options=options) as server:
            yield server


def cipher(connection: Connection) -> str:
    """By what a connection is encrypted; empty if it is not."""
    return str(connection.execute(text("SHOW SESSION STATUS LIKE 'Ssl_cipher'")).one()[1])


def ciphers(url: URL | str) -> set[str]:
    """By what the connections to a server are encrypted, the first and later ones."""
    database = Database.connect(url, pool_size=3)
    try:
        with (
            database.engine.connect() as one,
            database.engine.connect() as two,
            database.engine.connect() as three,
        ):
            return {cipher(one), cipher(two), cipher(three)}
    finally:
        database.dispose()


def test_what_the_server_offers_is_taken(with_tls: Mariadb) -> None:
    assert "" not in ciphers(with_tls.url)


def test_without_it_connections_are_plain(mariadb_server: Mariadb) -> None:
    assert ciphers(mariadb_server.url) == {""}


def test_a_url_may_forbid_it(with_tls: Mariadb) -> None:
    assert ciphers(with_tls.url.update_query_dict({"ssl_disabled": "true"})) == {""}


def test_a_url_may_ask_that_the_certificate_is_known(with_tls: Mariadb, tmp_path: Path) -> None:
    unknown = tmp_path / "authorities.pem"
    key = tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other"]
    subprocess.run(
        [*made, "-keyout", str(key), "-out", str(unknown)], check=True, capture_output=True, timeout=30
    )

    with pytest.raises(OperationalError, match="certificate"):
        ciphers(with_tls.url.update_query_dict({"ssl_ca": str(unknown)}))


def test_a_server_that_is_away_is_away(mariadb_server: Mariadb) -> None:
    with pytest.raises(OperationalError, match="2003"):
        ciphers(mariadb_server.url.set(port=1))
