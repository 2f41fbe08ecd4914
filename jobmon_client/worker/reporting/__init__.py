"""Reports and heartbeats to the server, and the spool on disk."""
