"""Events on their way: when each is due, and what becomes of it."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest

from leomock.state.clock import EPOCH, Clock
from leomock.state.ids import Ids
from leomock.state.outbox import LONGEST_HOLD, MOST_EVENTS, WAITS, Attempt, Event, Outbox
from leomock.state.scenario import Delivery

URL = "https://example.test/webhook"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def outbox(clock: Clock) -> Outbox:
    return made(clock)


def made(clock: Clock, url: str = URL) -> Outbox:
    """An outbox that draws the lower end of every span."""
    outbox = Outbox(lambda: Ids(Random(1), "v4", clock.now), clock, lambda span: span[0])
    outbox.url = url
    return outbox


def add(outbox: Outbox, number: int, **delivery: Any) -> Event:
    event, *_ = outbox.add("image_generation.complete", {"n": number}, Delivery(**delivery))
    return event


def answered(outbox: Outbox, clock: Clock, event: Event, status: int | None) -> None:
    """Say what the target answered just now."""
    outbox.attempted(event, Attempt(clock.now(), status, "" if status == 200 else "wrong", 1.5))


def due(outbox: Outbox) -> list[int]:
    """The numbers in the bodies of what is due."""
    return [event.body["n"] for event in outbox.due()]


def test_add_without_a_url() -> None:
    """Nobody wants to know: nothing is kept."""
    outbox = made(Clock(), url="")
    assert outbox.add("image_generation.complete", {}, None) == []
    assert (list(outbox.events), outbox.due(), outbox.next_due()) == ([], [], None)


def test_add_makes_an_event_that_is_due(outbox: Outbox) -> None:
    """At once, unless something else was asked for."""
    (event,) = outbox.add("image_generation.complete", {"n": 1}, None)
    assert event.to_json() == {
        "id": "e4b06ce6-0741-47a8-bce4-2c8218072e8c",
        "type": "image_generation.complete",
        "created": EPOCH,
        "body": {"n": 1},
        "due": EPOCH,
        "attempts": [],
        "state": "waiting",
        "held": False,
    }
    assert outbox.due() == [event]
    assert outbox.next_due() == EPOCH


def test_add_of_an_earlier_moment(outbox: Outbox, clock: Clock) -> None:
    """A job that ended before anybody looked leaves its event then."""
    clock.advance(10)
    add(outbox, 1)
    outbox.add("image_generation.complete", {"n": 2}, None, clock.now() - 5)
    assert due(outbox) == [2, 1]


def test_due_after_the_url_was_taken_away(outbox: Outbox) -> None:
    """What waits goes nowhere, and goes on when there is a url again."""
    add(outbox, 1)
    outbox.url = ""
    assert (outbox.due(), outbox.next_due()) == ([], None)
    outbox.url = URL
    assert due(outbox) == [1]


def test_delayed_event_waits_for_the_clock(outbox: Outbox, clock: Clock) -> None:
    """Its delay is drawn from the span."""
    add(outbox, 1, delay=(3.0, 9.0))
    add(outbox, 2)
    assert due(outbox) == [2]
    clock.advance(3)
    assert due(outbox) == [2, 1]
    assert outbox.next_due() == EPOCH


def test_copies_are_events_of_their_own(outbox: Outbox, clock: Clock) -> None:
    """Each has an id and its own attempts; their bodies are the same."""
    events = outbox.add("image_generation.complete", {"n": 1}, Delivery(copies=3))
    assert len({event.id for event in events}) == 3
    assert due(outbox) == [1, 1, 1]
    answered(outbox, clock, events[1], 200)
    assert outbox.due() == [events[0], events[2]]


def test_dropped_event_is_never_due(outbox: Outbox, clock: Clock) -> None:
    """It is kept to be seen."""
    event = add(outbox, 1, drop=True)
    clock.advance(1000)
    assert (event.state, outbox.due(), outbox.next_due()) == ("dropped", [], None)
    assert list(outbox.events) == [event]


@pytest.mark.parametrize("status", [200, 204, 299])
def test_accepted_event_is_delivered(outbox: Outbox, clock: Clock, status: int) -> None:
    """Any 2xx will do."""
    event = add(outbox, 1)
    answered(outbox, clock, event, status)
    assert (event.state, event.due, outbox.next_due()) == ("delivered", None, None)


@pytest.mark.parametrize("status", [None, 199, 302, 404, 500])
def test_event_that_is_not_accepted_comes_again(outbox: Outbox, clock: Clock, status: int | None) -> None:
    """After 1, 5, 25 and 125 seconds; the fifth attempt is the last.

    Holds code:Outbox.
    """
    event = add(outbox, 1)
    for wait in (1, 5, 25, 125):
        answered(outbox, clock, event, status)
        assert (event.state, event.due) == ("waiting", clock.now() + wait)
        clock.advance(wait - 0.5)
        assert due(outbox) == []
        clock.advance(0.5)
        assert due(outbox) == [1]
    answered(outbox, clock, event, status)
    assert (event.state, event.due) == ("given up", None)
    assert [attempt.moment - EPOCH for attempt in event.attempts] == [0, 1, 6, 31, 156]
    assert sum(WAITS) == 156


def test_wait_begins_with_the_attempt(outbox: Outbox, clock: Clock) -> None:
    """Not with the moment at which it is noted."""
    event = add(outbox, 1)
    clock.advance(10)
    outbox.attempted(event, Attempt(EPOCH + 2, 500, "answered 500", 1.0))
    assert event.due == EPOCH + 2 + WAITS[0]


def test_reordered_event_comes_after_the_next(outbox: Outbox, clock: Clock) -> None:
    """It is due as soon as the next one was attempted, well or not."""
    add(outbox, 1, reorder=True)
    assert due(outbox) == []
    second = add(outbox, 2)
    assert due(outbox) == [2]
    answered(outbox, clock, second, 500)
    assert due(outbox) == [1]


def test_reordered_event_alone_waits_a_bounded_time(outbox: Outbox, clock: Clock) -> None:
    """Without a next one it leaves all the same."""
    add(outbox, 1, reorder=True)
    assert outbox.next_due() == EPOCH + LONGEST_HOLD
    clock.advance(LONGEST_HOLD)
    assert due(outbox) == [1]


def test_reordered_events_in_a_row_leave_in_pairs(outbox: Outbox, clock: Clock) -> None:
    """An event that comes while one is held is the next one, and not held itself."""
    left: list[int] = []
    for number in (1, 2, 3, 4):
        add(outbox, number, reorder=True)
        while events := outbox.due():
            left.append(events[0].body["n"])
            answered(outbox, clock, events[0], 200)
    assert left == [2, 1, 4, 3]


def test_reordered_event_keeps_its_delay(outbox: Outbox, clock: Clock) -> None:
    """It follows the next one, but not before its own delay is over."""
    add(outbox, 1, reorder=True, delay=(2.0, 2.0))
    answered(outbox, clock, add(outbox, 2), 200)
    assert due(outbox) == []
    clock.advance(2)
    assert due(outbox) == [1]


def test_attempt_of_an_older_event_lets_nothing_go(outbox: Outbox, clock: Clock) -> None:
    """A retry of what came before is not the next one."""
    first = add(outbox, 1)
    add(outbox, 2, reorder=True)
    answered(outbox, clock, first, 500)
    assert due(outbox) == []


@pytest.mark.parametrize("statuses", [[200], [500] * 5, [500]])
def test_redeliver_makes_due_again(outbox: Outbox, clock: Clock, statuses: list[int]) -> None:
    """Whether delivered, given up or waiting."""
    event = add(outbox, 1)
    for status in statuses:
        answered(outbox, clock, event, status)
    assert outbox.redeliver(event.id)
    assert outbox.due() == [event]
    answered(outbox, clock, event, 200)
    assert (event.state, len(event.attempts)) == ("delivered", len(statuses) + 1)


def test_redeliver_of_what_was_given_up_is_one_attempt(outbox: Outbox, clock: Clock) -> None:
    """The attempts that were made still count."""
    event = add(outbox, 1)
    for _ in range(5):
        answered(outbox, clock, event, 500)
    outbox.redeliver(event.id)
    answered(outbox, clock, event, 500)
    assert (event.state, event.due) == ("given up", None)


def test_redeliver_of_a_dropped_event(outbox: Outbox) -> None:
    """What a scenario dropped can still be sent by hand."""
    event = add(outbox, 1, drop=True)
    assert outbox.redeliver(event.id)
    assert outbox.due() == [event]


def test_redeliver_of_an_unknown_id(outbox: Outbox) -> None:
    """There is nothing to be sent."""
    assert not outbox.redeliver("5a3b9e0e-6f1c-4d2a-9b7e-0c1d2e3f4a5b")


def test_events_are_bounded(outbox: Outbox) -> None:
    """The last 1000 are kept, waiting or not."""
    for number in range(MOST_EVENTS + 5):
        add(outbox, number)
    assert len(outbox.events) == MOST_EVENTS == 1000
    assert due(outbox)[0] == 5


def test_events_that_are_over_are_not_looked_at(outbox: Outbox, clock: Clock) -> None:
    """A tick of the sender asks every key what is due, and a key may keep a thousand events."""
    for number in range(10):
        answered(outbox, clock, add(outbox, number), 200)
    late = add(outbox, 10, delay=(5, 5))
    assert list(outbox._dues()) == [(late.due, 10, late)]
    assert (outbox.due(), outbox.next_due()) == ([], late.due)


def test_redelivered_event_keeps_its_place_among_those_of_the_same_moment(
    outbox: Outbox, clock: Clock
) -> None:
    """Also after older events were forgotten."""
    for number in range(MOST_EVENTS + 5):
        event = add(outbox, number)
        answered(outbox, clock, event, 200)
    before, again, *_ = list(outbox.events)[-3:]
    add(outbox, -1)
    assert outbox.redeliver(again.id)
    assert outbox.redeliver(before.id)
    assert due(outbox) == [MOST_EVENTS + 2, MOST_EVENTS + 3, -1]


def test_attempt_of_a_forgotten_event(outbox: Outbox, clock: Clock) -> None:
    """A request may be under way while everything is forgotten; it changes nothing of what came since."""
    event = add(outbox, 1)
    outbox.forget()
    assert (list(outbox.events), outbox.next_due(), outbox.url) == ([], None, URL)
    held = add(outbox, 2, reorder=True)
    answered(outbox, clock, event, 500)
    assert (list(outbox.events), due(outbox)) == ([held], [])


def test_snapshot_brings_everything_back(outbox: Outbox, clock: Clock) -> None:
    """As JSON: target, events, attempts, and what is held."""
    outbox.key = "abcd"
    answered(outbox, clock, add(outbox, 1), 500)
    add(outbox, 2, drop=True)
    add(outbox, 3, reorder=True)
    kept = json.loads(json.dumps(outbox.to_json()))
    other = made(clock, url="")
    add(outbox, 4)
    other.from_json(kept)
    assert other.to_json() == kept
    assert (other.url, other.key, len(other.events)) == (URL, "abcd", 3)
    answered(other, clock, add(other, 5), 200)
    assert due(other) == [3]
    clock.advance(WAITS[0])
    assert due(other) == [3, 1]
