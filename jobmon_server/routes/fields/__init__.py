"""Types of values in bodies and query strings."""
