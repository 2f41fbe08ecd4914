"""What the measurements stand on: databases and servers, the load, the machine, the arithmetic."""
