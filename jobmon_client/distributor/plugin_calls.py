"""Between the distributor and a cluster plugin: whatever a plugin raises, the distributor knows one error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from jobmon_client.errors import ClusterError


@contextmanager
def asked(cluster: str, verb: str) -> Iterator[None]:
    """Make a ClusterError of whatever the plugin of this cluster raises."""
    try:
        yield
    except ClusterError:
        raise
    # A plugin is anybody's code: what it raises must not end the loop that serves all other instances.
    except Exception as error:
        raise ClusterError(f"{verb} of cluster {cluster}: {type(error).__name__}: {error}") from error
