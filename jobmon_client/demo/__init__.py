"""A real workflow over input that every machine has: the modules of Python's standard library."""
