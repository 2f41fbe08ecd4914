"""Running a workflow: the server connection, the run, its progress and its end."""
