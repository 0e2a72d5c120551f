"""Direct child processes in any language to the fake: ports, trust and environment."""
