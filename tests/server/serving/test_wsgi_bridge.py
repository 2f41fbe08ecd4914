"""What the application is told of a request, as WSGI says it."""

from __future__ import annotations

from typing import Any

import pytest

from jobmon_server.serving.wsgi_bridge import environ_of


def scope(**facts: Any) -> dict[str, Any]:
    """A request's, as uvicorn gives it."""
    return {
        "method": "GET",
        "raw_path": b"/a%20b/%C3%A9",
        "query_string": b"x=%20&y=1",
        "http_version": "1.1",
        "server": ("127.0.0.1", 5070),
        "client": ("127.0.0.1", 4000),
        "headers": [(b"host", b"here:5070")],
        **facts,
    }


def test_paths_are_decoded_and_queries_are_not() -> None:
    told = environ_of(scope())
    assert told["PATH_INFO"].encode("latin-1").decode() == "/a b/é"
    assert (told["QUERY_STRING"], told["HTTP_HOST"]) == ("x=%20&y=1", "here:5070")
    assert (told["SERVER_PORT"], told["REMOTE_ADDR"]) == ("5070", "127.0.0.1")


def test_a_header_given_twice_is_one_with_a_comma() -> None:
    told = environ_of(scope(headers=[(b"accept", b"a"), (b"content-type", b"text/plain"), (b"accept", b"b")]))
    assert (told["HTTP_ACCEPT"], told["CONTENT_TYPE"]) == ("a,b", "text/plain")


def test_a_name_with_an_underscore_does_not_pass_for_another() -> None:
    told = environ_of(scope(headers=[(b"x_forwarded_proto", b"https"), (b"authorization", b"a")]))
    assert (told["wsgi.url_scheme"], told["HTTP_AUTHORIZATION"]) == ("http", "a")
    assert "HTTP_X_FORWARDED_PROTO" not in told


@pytest.mark.parametrize(
    ("peer", "scheme"), [("127.0.0.1", "https"), ("::1", "https"), ("192.0.2.1", "http")]
)
def test_only_a_proxy_of_this_machine_is_believed_that_it_spoke_tls(peer: str, scheme: str) -> None:
    told = environ_of(scope(client=(peer, 1), headers=[(b"x-forwarded-proto", b"https")]))
    assert told["wsgi.url_scheme"] == scheme
