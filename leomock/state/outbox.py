"""Events for a webhook: when each is due, and how its delivery went."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import takewhile
from operator import itemgetter
from typing import Any, Literal, NamedTuple

from leomock.leonardo.basis import Chosen, based_on
from leomock.state.clock import Clock
from leomock.state.ids import Ids
from leomock.state.scenario import Delivery, Span
from leomock.state.settings import Settings

# Seconds between a failed attempt and the next one.
WAITS = (1.0, 5.0, 25.0, 125.0)
# Seconds that a reordered event waits at most for the next event.
LONGEST_HOLD = 5.0
MOST_EVENTS = 1000


class Attempt(NamedTuple):
    """One attempt to deliver an event: when it ended, and the status of the answer or an error.

    `moment` is by the world's clock, `milliseconds` by the machine's. `error` is '' after an answer.
    """

    moment: float
    status: int | None
    error: str
    milliseconds: float

    @property
    def accepted(self) -> bool:
        """True if the answer was a 2xx."""
        return self.status is not None and 200 <= self.status < 300


class Target(NamedTuple):
    """The receiver of events: a URL, its bearer token, and options for sending.

    `timeout` is in seconds. `verify` is False, the file of a certificate authority, or True for the default
    ones. `app` is an ASGI app that gets the events without a port, in `loop` if that runs.
    """

    url: str = ""
    key: str = ""
    timeout: float | None = None
    verify: bool | str = True
    headers: tuple[tuple[str, str], ...] = ()
    app: Any = None
    loop: Any = None

    def at(self, url: str, key: str) -> Target:
        """Return a target with another URL and token, and the same options for sending."""
        return self._replace(url=url, key=key, app=None, loop=None)


NO_TARGET = Target()


def target_of(settings: Settings) -> Target:
    """Return the receiver that settings name."""
    return Target(
        settings.webhook_url,
        settings.webhook_key,
        settings.webhook_timeout,
        verify=not settings.webhook_insecure and (settings.webhook_ca or True),
    )


@dataclass(slots=True, eq=False, repr=False)
class Event:
    """One request to a webhook. `due` is None once it is delivered, given up or dropped.

    `held` is true while it waits for the next event to be sent first. Two events are never equal, because a
    world makes the same ids again after a reset.
    """

    id: str
    type: str
    created: float
    body: dict[str, Any]
    due: float | None
    attempts: list[Attempt] = field(default_factory=list)
    state: Literal["waiting", "delivered", "given up", "dropped"] = "waiting"
    held: bool = False

    def __repr__(self) -> str:
        # Not the body: it is long, and that of 2023 contains the API key.
        attempts = ", ".join(str(attempt.status or attempt.error) for attempt in self.attempts)
        return f"<Event {self.type} {self.id} {self.state}{attempts and f': {attempts}'}>"

    def to_json(self) -> dict[str, Any]:
        """Return the event as JSON values, in the order of the fields."""
        return {
            "id": self.id,
            "type": self.type,
            "created": self.created,
            "body": self.body,
            "due": self.due,
            "attempts": [
                {"moment": a.moment, "status": a.status, "error": a.error, "milliseconds": a.milliseconds}
                for a in self.attempts
            ],
            "state": self.state,
            "held": self.held,
        }

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> Event:
        """Return the event from what `to_json` returned."""
        return cls(**{**kept, "attempts": [Attempt(**attempt) for attempt in kept["attempts"]]})


@based_on(
    Chosen(
        "an event that is not accepted is retried four times: whether and when the real service retries is "
        "neither documented nor observed"
    )
)
class Outbox:
    """The events of a world for its webhook: `url`, with `key` as the bearer token.

    Without a URL no event is kept. An event that is not accepted (2xx) is due again 1, 5, 25 and 125 seconds
    after each attempt by the world's clock, and is given up after the fifth. The last 1000 events are kept:
    an older one is forgotten even if it still waits. `make_ids` makes the ids of events when the first one is
    added; `draw` draws a number from a span.
    """

    def __init__(self, make_ids: Callable[[], Ids], clock: Clock, draw: Callable[[Span], float]) -> None:
        self.target = NO_TARGET
        self.events: deque[Event] = deque()
        # The few events that are still due, with their numbers in the order in which they were added.
        self._waiting: dict[Event, int] = {}
        self._forgotten = 0
        self._make_ids = make_ids
        self._clock = clock
        self._draw = draw

    @cached_property
    def _ids(self) -> Ids:
        return self._make_ids()

    @property
    def url(self) -> str:
        """The URL that events are sent to; '' if there is no webhook."""
        return self.target.url

    @url.setter
    def url(self, url: str) -> None:
        self.target = self.target._replace(url=url)

    @property
    def key(self) -> str:
        """The bearer token of events."""
        return self.target.key

    @key.setter
    def key(self, key: str) -> None:
        self.target = self.target._replace(key=key)

    @property
    def is_on(self) -> bool:
        """True if events are sent."""
        return bool(self.target.url)

    def add(
        self,
        type: str,
        body: dict[str, Any],
        delivery: Delivery | None = None,
        moment: float | None = None,
    ) -> list[Event]:
        """Add an event of `moment` (None: now) and copies as `delivery` says; nothing without a URL.

        `delivery.reorder` holds it back until the next event has been attempted, for at most 5 more seconds.
        An event added while another is held is that next event and is sent as usual, so in a series of such
        events each pair is swapped. A dropped event is kept for inspection and never due.
        """
        if not self.url:
            return []
        delivery = delivery or Delivery()
        moment = self._clock.now() if moment is None else moment
        if delivery.drop:
            added = [Event(self._ids.new(), type, moment, body, None, state="dropped")]
        else:
            due = moment if delivery.delay is None else moment + self._draw(delivery.delay)
            held = delivery.reorder and not (self.events and self.events[-1].held)
            due += LONGEST_HOLD if held else 0
            added = [
                Event(self._ids.new(), type, moment, body, due, held=held) for _ in range(delivery.copies)
            ]
        self.resume(added)
        return added

    def resume(self, events: Iterable[Event]) -> None:
        """Keep events after those that are there; the oldest ones make room for them."""
        for event in events:
            if event.due is not None:
                self._waiting[event] = self._forgotten + len(self.events)
            self.events.append(event)
            if len(self.events) > MOST_EVENTS:
                self._waiting.pop(self.events.popleft(), None)
                self._forgotten += 1

    def due(self) -> list[Event]:
        """Return the events that are due, by due time, then in the order they were added."""
        if not self.url:
            return []
        now = self._clock.now()
        return [event for due, _, event in sorted(self._dues(), key=itemgetter(0, 1)) if due <= now]

    def next_due(self) -> float | None:
        """Return the due time of the next event, past or future; None if no event waits."""
        return min((due for due, _, _ in self._dues()), default=None) if self.url else None

    def attempted(self, event: Event, attempt: Attempt) -> None:
        """Record an attempt: the event is delivered, due again, or given up. Release events held for it."""
        event.attempts.append(attempt)
        event.held = False
        if attempt.accepted:
            event.state, event.due = "delivered", None
        elif len(event.attempts) <= len(WAITS):
            event.state, event.due = "waiting", attempt.moment + WAITS[len(event.attempts) - 1]
        else:
            event.state, event.due = "given up", None
        if event.due is None:
            self._waiting.pop(event, None)
        self._release(event)

    def redeliver(self, id: str) -> bool:
        """Make an event due now, regardless of its state; return False if no event has this id.

        Earlier attempts still count: an event that was given up gets one more.
        """
        for number, event in enumerate(self.events, self._forgotten):
            if event.id == id:
                event.state, event.due, event.held = "waiting", self._clock.now(), False
                self._waiting[event] = number
                return True
        return False

    def forget(self) -> None:
        """Forget every event; keep the target."""
        self.events.clear()
        self._waiting.clear()

    def to_json(self) -> dict[str, Any]:
        """Return the target and the events as JSON values."""
        return {"url": self.url, "key": self.key, "events": [event.to_json() for event in self.events]}

    def from_json(self, kept: dict[str, Any]) -> None:
        """Replace the target and the events by what `to_json` returned."""
        self.url, self.key = kept["url"], kept["key"]
        self.forget()
        self.resume(Event.from_json(event) for event in kept["events"])

    def _dues(self) -> Iterator[tuple[float, int, Event]]:
        """Yield the waiting events with their due times and numbers."""
        for event, number in self._waiting.items():
            assert event.due is not None
            yield event.due, number, event

    def _release(self, attempted: Event) -> None:
        """Release the event that is held for this one, with its copies; their `delay` still counts."""
        if attempted not in self.events:
            return  # forgotten while it was being sent
        if not any(event.held for event in self._waiting):
            return
        before = list(takewhile(lambda event: event.body != attempted.body, self.events))
        now = self._clock.now()
        for event in takewhile(lambda event: event.body == before[-1].body, reversed(before)):
            if event.held and event.due is not None:
                event.held, event.due = False, max(now, event.due - LONGEST_HOLD)
