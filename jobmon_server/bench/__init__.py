"""What a server's speed is measured with: the load, the limit, `jobmon-server bench`; `python -m bench` stands on it too."""
