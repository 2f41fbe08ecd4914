"""Pages for people: what the API tells, server-rendered, read only, without a script."""
