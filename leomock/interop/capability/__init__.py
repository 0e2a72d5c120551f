"""Capability files describe an API as REST paths, MCP tools and an Agent Skill."""
