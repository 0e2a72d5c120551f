"""Pass connections from the process that accepts them to the workers.

The parent and each worker share a Unix socket. Every message is one byte; `CONNECTION` carries a descriptor.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from leomock.server.listen import FIRST_SECONDS

CONNECTION = b"C"  # with a descriptor
NOT_READY = b"N"  # report that the server is stopping, and go on answering
STOP = b"S"  # finish the calls in progress
# From a worker.
RECEIVED = b"A"  # a message
READY = b"R"
FINISHED = b"F"  # the calls in progress

# Messages in flight to one worker. Systems limit the number of descriptors in flight.
MOST_UNDER_WAY = 64
MOST_ACCEPTED_AT_ONCE = 64
# Enough of a request to find the key in it; clients send the header early.
LONGEST_LOOK = 16 * 1024
SECONDS_BETWEEN_ATTEMPTS = 0.5


def can_pass_connections() -> bool:
    """Return True if this system can pass a connection to another process and leomock was tested there."""
    return sys.platform in ("linux", "darwin") and hasattr(socket, "send_fds")


class _Message(NamedTuple):
    tag: bytes
    connection: socket.socket | None = None

    def close(self) -> None:
        if self.connection:
            self.connection.close()


class WorkerLink:
    """The parent's end of the socket to one worker.

    Messages that a worker has not received when it dies are sent to the one that replaces it.
    """

    def __init__(self) -> None:
        self._socket: socket.socket | None = None
        self._waiting: deque[_Message] = deque()
        self._under_way: deque[_Message] = deque()
        self._on_message: Callable[[bytes], None] = lambda tag: None

    def attach(self, end: socket.socket, on_message: Callable[[bytes], None]) -> None:
        """Use a socket to a new worker. `on_message` receives its messages, and b"" at its end."""
        end.setblocking(False)
        self._socket, self._on_message = end, on_message
        asyncio.get_running_loop().add_reader(end, self._read)
        self._flush()

    def detach(self) -> None:
        """Close the socket, which tells a worker that still runs to stop."""
        if self._socket:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
        self._waiting.extendleft(reversed(self._under_way))
        self._under_way.clear()

    def close(self) -> None:
        """Detach, and close the connections that no worker has received."""
        self.detach()
        for message in self._waiting:
            message.close()
        self._waiting.clear()

    def send(self, tag: bytes, connection: socket.socket | None = None) -> None:
        """Send a message as soon as the worker can take it."""
        self._waiting.append(_Message(tag, connection))
        self._flush()

    def _flush(self) -> None:
        while self._socket and self._waiting and len(self._under_way) < MOST_UNDER_WAY:
            message = self._waiting[0]
            try:
                if message.connection:
                    socket.send_fds(self._socket, [message.tag], [message.connection.fileno()])
                else:
                    self._socket.send(message.tag)
            except (
                OSError
            ):  # full until the next receipt; or the worker is dead, which the next read will show
                return
            self._under_way.append(self._waiting.popleft())

    def _read(self) -> None:
        assert self._socket
        try:
            tags = self._socket.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            tags = b""
        if not tags:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._on_message(b"")
        for number in range(len(tags)):
            tag = tags[number : number + 1]
            if tag == RECEIVED:
                # Only now: macOS may lose a descriptor that its sender closed on the way.
                self._under_way.popleft().close()
            else:
                self._on_message(tag)
        self._flush()


class Distributor:
    """Accept connections, and pass each to the worker that owns its first request.

    `owner_of` returns the number of a worker for the first bytes of a connection, which stay unread.
    A connection on which nothing arrives for `patience` seconds is closed.
    """

    def __init__(
        self,
        listener: socket.socket,
        links: Sequence[WorkerLink],
        owner_of: Callable[[bytes], int],
        patience: float,
    ) -> None:
        self._listener = listener
        self._links = links
        self._owner_of = owner_of
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._silent: dict[socket.socket, asyncio.TimerHandle] = {}
        self._pause: asyncio.TimerHandle | None = None

    def open(self) -> None:
        """Begin to accept connections."""
        self._pause = None
        self._loop.add_reader(self._listener, self._accept)

    async def close(self) -> None:
        """Stop accepting, and close connections on which no request arrives within `FIRST_SECONDS`."""
        if self._pause:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
        with contextlib.suppress(OSError):  # none is left
            while True:  # the system would reset those that wait when the listener is closed
                self._take(self._listener.accept()[0])
        self._listener.close()
        if self._silent:
            await asyncio.sleep(FIRST_SECONDS)
        for connection in list(self._silent):
            self._forget(connection)
            connection.close()

    def _accept(self) -> None:
        for _ in range(MOST_ACCEPTED_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:  # too many open files: connections wait in the backlog
                self._loop.remove_reader(self._listener)
                self._pause = self._loop.call_later(SECONDS_BETWEEN_ATTEMPTS, self.open)
                return
            self._take(connection)

    def _take(self, connection: socket.socket) -> None:
        """Pass a new connection on as soon as something arrives."""
        connection.setblocking(False)
        if not self._look(connection):
            self._loop.add_reader(connection, self._look_again, connection)
            self._silent[connection] = self._loop.call_later(self._patience, self._drop, connection)

    def _look(self, connection: socket.socket) -> bool:
        """Pass a connection on if something has arrived; return False if nothing has."""
        try:
            head = connection.recv(LONGEST_LOOK, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            head = b""
        if head:
            self._links[self._owner_of(head)].send(CONNECTION, connection)
        else:
            connection.close()
        return True

    def _look_again(self, connection: socket.socket) -> None:
        timer = self._silent[connection]
        self._loop.remove_reader(connection)
        if self._look(connection):
            timer.cancel()
            del self._silent[connection]
        else:
            self._loop.add_reader(connection, self._look_again, connection)

    def _drop(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: socket.socket) -> None:
        self._loop.remove_reader(connection)
        self._silent.pop(connection).cancel()


class Receiver:
    """A worker's end of the socket to the parent.

    `accept` receives connections, `on_message` other messages, and b"" when the parent has gone.
    """

    def __init__(
        self,
        end: socket.socket,
        accept: Callable[[socket.socket], object],
        on_message: Callable[[bytes], None],
    ) -> None:
        end.setblocking(False)
        self._socket = end
        self._accept = accept
        self._on_message = on_message

    def open(self) -> None:
        """Begin to receive, and tell the parent that the worker is ready."""
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        self.tell(READY)

    def tell(self, tag: bytes) -> None:
        """Send a message to the parent."""
        with contextlib.suppress(OSError):  # it has gone, which is read soon
            self._socket.send(tag)

    def _read(self) -> None:
        try:
            # One byte at a time, so that each descriptor stays with its message.
            tag, descriptors, _, _ = socket.recv_fds(self._socket, 1, 1)
        except BlockingIOError:
            return
        except OSError:
            tag, descriptors = b"", []
        if not tag:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._on_message(b"")
            return
        self.tell(RECEIVED)
        for descriptor in descriptors:
            self._accept(socket.socket(fileno=descriptor))
        if tag != CONNECTION:
            self._on_message(tag)
