"""Operating-system processes of commands. Linux only."""
