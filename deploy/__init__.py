"""The configuration that is run: what `jobmon-server serve`, the tests and the bench read is what an operator copies."""
