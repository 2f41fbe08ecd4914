"""Read models: lookups, pages, queue positions. Nothing is locked."""
