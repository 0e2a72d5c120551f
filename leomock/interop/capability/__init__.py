"""Capability files: what an API offers, as REST paths, MCP tools and an Agent Skill."""
