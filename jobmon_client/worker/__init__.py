"""What runs on a worker node: commands, their output, their reports."""
