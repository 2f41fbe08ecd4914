"""Leases, tokens, gauges, integrity checks, maintenance."""
