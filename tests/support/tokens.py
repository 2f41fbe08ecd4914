"""Holders of tokens, for an application that asks for them."""

from __future__ import annotations

from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from jobmon_client.states import Scope
from jobmon_server.actions.admin.tokens import create_token, new_token
from jobmon_server.app import create_app
from jobmon_server.config import Settings
from jobmon_server.db.core.transaction import Database
from tests.support.openapi import CheckedClient


def guarded(database: Database) -> Flask:
    """An application on the database that asks for a token."""
    app = create_app(database, Settings(auth="tokens"))
    app.test_client_class = CheckedClient
    return app


def make_token(
    database: Database,
    *scopes: Scope,
    name: str = "somebody",
    expires: float | None = None,
    **ownership: str | None,
) -> str:
    """Make a token and tell it."""
    text = new_token()
    facts: dict[str, Any] = ownership
    database.transact(create_token, name, text, scopes, expires, **facts)
    return text


def caller(app: Flask, text: str) -> FlaskClient:
    """Who sends this token with each call."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {text}"
    return client
