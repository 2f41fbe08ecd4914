"""The HTTP server and the file that says where it listens."""
