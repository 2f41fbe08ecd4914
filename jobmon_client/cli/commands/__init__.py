"""The commands of `jobmon`, one module per subject."""
