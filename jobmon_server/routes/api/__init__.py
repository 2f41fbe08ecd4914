"""The blueprints of `/api/v1`."""
