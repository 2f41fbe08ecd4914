"""The groups of calls that `jobmon_client.api.Api` is made of: one method per route."""
