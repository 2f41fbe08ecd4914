"""How gunicorn runs the server; `jobmon-server serve` adds bind, workers, threads and the log level from its settings."""

from pathlib import Path

# One process, many threads, blocking calls: a thread waits for the database, not for the network.
worker_class = "jobmon_server.serving.keepalive_worker.LingeringWorker"

# Each worker opens its own database pool and its own reaper after the fork; nothing may be open before it.
preload_app = False

# Distributors and workers keep their connection; it must outlive their heartbeat or every beat pays a handshake.
keepalive = 75
# A connection held open costs a slot here, not a thread.
worker_connections = 2000
backlog = 1024

# A worker that has not been able to accept for this long is wedged: it is killed and replaced.
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

# The API's lines are short; what is longer is not ours.
limit_request_line = 8190
limit_request_fields = 64
