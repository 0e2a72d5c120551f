"""Run each kind of server until it is stopped: the fake, the proxy, the replay and MCP."""
