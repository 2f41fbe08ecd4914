"""Claims what waits for one cluster, submits it, and acts on what the server wants of it."""
