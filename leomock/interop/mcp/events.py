"""Streams that a client can resume after its connection broke."""

from __future__ import annotations

from collections import deque
from typing import Any

from mcp.server.streamable_http import EventCallback, EventMessage, EventStore
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import JSONRPCError, JSONRPCMessage, JSONRPCResponse

# Events that each session keeps.
MOST_EVENTS = 200


class RecentEvents(EventStore):
    """The newest events of one session, by ids that count up."""

    def __init__(self) -> None:
        self._events: deque[tuple[int, str, JSONRPCMessage | None]] = deque(maxlen=MOST_EVENTS)
        self._last = 0

    async def store_event(self, stream_id: str, message: JSONRPCMessage | None) -> str:
        """Keep an event of a stream and return its id."""
        self._last += 1
        self._events.append((self._last, stream_id, message))
        return str(self._last)

    async def replay_events_after(self, last_event_id: str, send_callback: EventCallback) -> str | None:
        """Send the later events of the stream that an event belongs to.

        Returns the stream's id if more may follow; None after a response, and if the event is not known.
        """
        known = {str(number): (number, stream) for number, stream, _ in self._events}
        if last_event_id not in known:
            return None
        last, stream_id = known[last_event_id]
        ended = False
        for number, stream, message in list(self._events):
            if stream == stream_id and message is not None:
                ended = ended or isinstance(message, JSONRPCResponse | JSONRPCError)
                if number > last:
                    await send_callback(EventMessage(message, str(number)))
        return None if ended else stream_id


class ResumableSessions(StreamableHTTPSessionManager):
    """Sessions whose streams can be resumed.

    Each has its own store of events. A single store would mix up sessions, since the SDK's stream ids are
    unique only within a session.
    """

    @property
    def event_store(self) -> EventStore | None:
        """A new store for the session that asks."""
        return RecentEvents()

    @event_store.setter
    def event_store(self, given: Any) -> None:
        """Ignore what the base class sets."""
