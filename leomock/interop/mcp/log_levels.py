"""The log levels that clients ask for."""

from __future__ import annotations

from typing import get_args

from mcp_types import LoggingLevel

LEVELS: tuple[str, ...] = get_args(LoggingLevel)
# The level of a session that has not asked for one: an agent sees errors as results.
USUAL = "error"
_MOST_SESSIONS = 1000


class LogLevels:
    """The least level of messages that each session wants, by the session's id."""

    def __init__(self) -> None:
        self._levels: dict[str, str] = {}

    def set(self, session: str, level: LoggingLevel) -> None:
        """Remember the level of a session; the oldest of many sessions is forgotten."""
        self._levels.pop(session, None)
        self._levels[session] = level
        while len(self._levels) > _MOST_SESSIONS:
            del self._levels[next(iter(self._levels))]

    def wants(self, session: str, level: LoggingLevel) -> bool:
        """Return True if a session wants messages of a level."""
        return LEVELS.index(level) >= LEVELS.index(self._levels.get(session, USUAL))
