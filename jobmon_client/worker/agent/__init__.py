"""The node agent: jobs, slots, the protocol with its parent."""
