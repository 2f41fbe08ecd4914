"""What ours is measured beside, in the same run: bare PyMySQL, an empty reply, Jobmon's own server, Prefect's."""
