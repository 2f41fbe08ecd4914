"""Task instances with their tasks: lock, read, write."""
