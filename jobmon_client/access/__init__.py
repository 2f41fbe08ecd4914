"""Which token a client sends, and to whom. `local_files` is shared with the server; the rest is the client's own."""
