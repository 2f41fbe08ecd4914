"""Request bodies and replies."""
