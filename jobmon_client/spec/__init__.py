"""What a workflow is before it is bound, and the files it is read from."""
