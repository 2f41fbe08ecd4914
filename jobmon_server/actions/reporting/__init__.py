"""Reports on task instances, single and in batches."""
