"""Workflows, runs, the dependency graph, queueing, retention."""
