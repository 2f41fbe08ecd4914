"""How gunicorn runs the server; `jobmon-server serve` adds bind, workers, threads and the log level from its settings."""

from pathlib import Path

# One process, an event loop for the network, many threads for the database: a slow client costs none of them.
worker_class = "jobmon_server.serving.http_worker.HttpWorker"

# Each worker opens its own database pool and its own reaper after the fork; nothing may be open before it.
preload_app = False

# Distributors and workers keep their connection; it must outlive their heartbeat or every beat pays a handshake.
keepalive = 75
backlog = 1024

# A worker whose event loop has stood still for this long is wedged: it is killed and replaced.
timeout = 60
# A stop lets running requests end; what has not ended by then is rolled back by the database and reported again.
graceful_timeout = 20

# Workers tell the arbiter that they live by touching a file; on a disk this may block, in memory it does not.
_MEMORY = Path("/dev/shm")  # noqa: S108  # the kernel's directory, not a guessable file name
worker_tmp_dir = str(_MEMORY) if _MEMORY.is_dir() else None

# Requests are logged once, by the application, after the commit.
accesslog = None
errorlog = "-"
control_socket_disable = True
