"""A transport that combines all writes of one event loop iteration into one system call."""

from __future__ import annotations

import asyncio
from typing import Any

# From this many bytes on, held data is sent at once, so that the transport can ask its writer to pause.
MOST_HELD = 64 * 1024


class JoinedWrites(asyncio.Transport):
    """Hold writes back until the response is complete, or until the loop's next iteration.

    uvicorn writes the head and the body of a response separately, and each write is a system call: a quarter
    of the CPU time of a call. Everything held is sent before the connection is closed or aborted.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._held: list[bytes | bytearray | memoryview] = []
        self._size = 0
        self._is_scheduled = False
        # Methods that do not require held data to be sent first.
        self.get_extra_info = transport.get_extra_info  # type: ignore[method-assign]  # saves a call
        self.is_closing = transport.is_closing  # type: ignore[method-assign]  # the same
        self.pause_reading = transport.pause_reading  # type: ignore[method-assign]  # the same
        self.resume_reading = transport.resume_reading  # type: ignore[method-assign]  # the same

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """Hold some data back."""
        self._held.append(data)
        self._size += len(data)
        if self._size >= MOST_HELD:
            self.flush()
        elif not self._is_scheduled:
            self._is_scheduled = True
            self._loop.call_soon(self._turn)

    def flush(self) -> None:
        """Send the held data."""
        if self._held:
            data = b"".join(self._held)
            self._held.clear()
            self._size = 0
            self._transport.write(data)

    def _turn(self) -> None:
        self._is_scheduled = False
        self.flush()

    def close(self) -> None:
        """Send the held data, and close the connection."""
        self.flush()
        self._transport.close()

    def abort(self) -> None:
        """Send as much held data as the system accepts at once, and abort the connection."""
        self.flush()
        self._transport.abort()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Hand the connection to another protocol."""
        self.flush()
        self._transport.set_protocol(protocol)
