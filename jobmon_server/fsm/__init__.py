"""The state machines: tables of data and the pure functions that decide from them.

Nothing here knows of databases, clocks or HTTP. Read `task_instance`, `task` and `plan` first.
"""
