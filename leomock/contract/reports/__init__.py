"""Findings as text, JSON, Markdown, SARIF, JUnit, GitHub annotations or HTML."""
