"""Expiry, archive, deletion."""
