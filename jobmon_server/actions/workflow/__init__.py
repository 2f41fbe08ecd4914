"""What the owner of a workflow asks for: bind, run, queue, settle."""
