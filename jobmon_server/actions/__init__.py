"""What a caller may ask: one function is one transaction, with a connection first, and no Flask."""
