"""Values of single settings: what is allowed, and what it means."""
