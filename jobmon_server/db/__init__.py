"""All SQL. Nothing here decides: statements are handed what `fsm` has planned and guard it by the old status."""
