"""Writes of one turn of the event loop are sent together, in order, and before the connection ends."""

# ruff: noqa: D102 -- a transport is named as asyncio names it

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from leomock.server.joined_writes import MOST_HELD, JoinedWrites


class Recorded(asyncio.Transport):
    """A transport that records what it is asked to do."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes | str] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.calls.append(bytes(data))

    def close(self) -> None:
        self.calls.append("close")

    def abort(self) -> None:
        self.calls.append("abort")

    def pause_reading(self) -> None:
        self.calls.append("pause")


def recorded(use: Callable[[JoinedWrites], object], turns: int = 0) -> list[bytes | str]:
    """Return what reaches a transport when it is used, and then the event loop turns."""

    async def run() -> list[bytes | str]:
        transport = Recorded()
        use(JoinedWrites(transport))
        for _ in range(turns):
            await asyncio.sleep(0)
        return list(transport.calls)

    return asyncio.run(run())


def written(*parts: bytes) -> Callable[[JoinedWrites], None]:
    def use(joined: JoinedWrites) -> None:
        for part in parts:
            joined.write(part)

    return use


def test_writes_of_one_turn_are_sent_together() -> None:
    """Nothing is sent before the loop's next turn, and then everything at once."""
    assert recorded(written(b"head", b"body")) == []
    assert recorded(written(b"head", b"body"), turns=1) == [b"headbody"]


def test_flush_sends_at_once() -> None:
    """The loop's next turn then has nothing left to send."""

    def use(joined: JoinedWrites) -> None:
        joined.write(b"head")
        joined.write(b"body")
        joined.flush()
        joined.flush()

    assert recorded(use, turns=2) == [b"headbody"]


@pytest.mark.parametrize("end", ["close", "abort"])
def test_connection_that_ends_has_sent_what_was_written(end: str) -> None:
    """A scenario that breaks a connection after half of the body still sends that half."""

    def use(joined: JoinedWrites) -> None:
        joined.write(b"half")
        getattr(joined, end)()

    assert recorded(use, turns=1) == [b"half", end]


def test_large_writes_are_not_held() -> None:
    """The transport has to see them to ask the writer to pause."""
    large = bytes(MOST_HELD)
    assert recorded(written(b"head", large)) == [b"head" + large]


def test_everything_else_reaches_the_transport() -> None:
    """Pausing, for example."""
    assert recorded(lambda joined: joined.pause_reading()) == ["pause"]
