"""One module for each kind of work: `measure(bench)` returns its figures as plain values."""
