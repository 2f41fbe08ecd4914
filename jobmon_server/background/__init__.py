"""Periodic jobs of the server, beside the requests."""
