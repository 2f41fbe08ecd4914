"""Bounds on what one statement may cost."""
