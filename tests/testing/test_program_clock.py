"""The fake's clock while freezegun or time-machine hold the program's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from typing import Any, Literal

import freezegun
import pytest
import time_machine

from leomock import Fake
from leomock.state.clock import EPOCH
from tests.fixtures import client_of, generate, inside

# freezegun looks at all modules. This one loads its models when it is looked at, with frozen classes then.
freezegun.configure(extend_ignore_list=["leonardo_ai_sdk"])

MAY = datetime(2030, 5, 1, tzinfo=UTC)
Shift = Callable[[float], object]


@contextmanager
def held_by_freezegun(tick: bool = False) -> Iterator[Shift]:
    with freezegun.freeze_time(MAY, tick=tick) as held:
        yield held.tick


@contextmanager
def held_by_time_machine(tick: bool = False) -> Iterator[Shift]:
    with time_machine.travel(MAY, tick=tick) as held:
        yield held.shift


each_library = pytest.mark.parametrize("hold", [held_by_freezegun, held_by_time_machine])
Hold = Callable[..., AbstractContextManager[Shift]]


@each_library
def test_running_clock_shows_the_programs_time(hold: Hold) -> None:
    fake = Fake()
    with hold() as shift:
        assert fake.clock.now() == MAY.timestamp()
        shift(60)
        assert fake.clock.now() == MAY.timestamp() + 60
    assert fake.clock.now() < MAY.timestamp()


@each_library
def test_running_clock_that_was_advanced_stays_ahead(hold: Hold) -> None:
    fake = Fake()
    with hold() as shift:
        fake.advance(100)
        shift(60)
        assert fake.clock.now() == pytest.approx(MAY.timestamp() + 160)


@each_library
def test_frozen_clock_moves_with_the_program_but_never_back(hold: Hold) -> None:
    fake = Fake(clock="frozen")
    with hold() as shift:
        assert fake.clock.now() == EPOCH
        shift(60)
        assert fake.clock.now() == EPOCH + 60
        shift(-30)
        assert fake.clock.now() == EPOCH + 60
    with hold():
        assert fake.clock.now() == EPOCH + 60


@each_library
@pytest.mark.parametrize("clock", ["running", "frozen"])
def test_job_completes_when_the_programs_time_has_come(
    hold: Hold, clock: Literal["running", "frozen"]
) -> None:
    fake = Fake(jobs="seconds:60", clock=clock)
    with hold() as shift, client_of(fake) as client:
        id = generate(client)
        for seconds, status in ((0, "PENDING"), (59, "PENDING"), (1, "COMPLETE")):
            shift(seconds)
            assert inside(client.get(f"/generations/{id}"))["status"] == status


@each_library
def test_event_is_sent_when_the_programs_time_has_come(hold: Hold) -> None:
    """The server's own loop goes on while the program's clock stands still."""
    sent = threading.Event()

    async def receiver(scope: Any, receive: Any, send: Any) -> None:
        sent.set()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    with hold() as shift, Fake(jobs="seconds:60") as fake, client_of(fake) as client:
        fake.set_webhook(app=receiver)
        generate(client)
        assert not sent.wait(0.2)
        shift(60)
        assert sent.wait(30)
