"""Tokens and the callback outbox."""
