"""Rules about webhook receivers."""

from __future__ import annotations

import math
from collections.abc import Iterator

from leomock.state.outbox import Attempt, Event
from leomock.state.redaction import one_line
from leomock.verdict.evidence import Evidence
from leomock.verdict.registry import Seen, rule
from leomock.verdict.wording import count_noun, format_times, shorten

# A webhook that rejects an event with one of these statuses did not process it.
TOO_BUSY = frozenset((408, 429, 503))


# --- webhooks -----------------------------------------------------------------------------------------------


@rule(
    "webhook-not-acknowledged",
    why="It is not known whether the real service retries: this event may be lost.",
    remedy="Answer 2xx as soon as the event is stored, and process it afterwards.",
)
def webhook_not_acknowledged(evidence: Evidence) -> Iterator[Seen]:
    """A delivered event was not answered with 2xx, nor was an earlier attempt or copy of it.

    Redirects are not followed, so they do not acknowledge. What cannot be seen: whether the target is
    the client's at all, and whether it keeps what it acknowledges.
    """
    for attempts in evidence.deliveries():
        moments = [attempt.moment for _, attempt in attempts if attempt.accepted]
        until = min(moments, default=math.inf)
        missed = [
            (event, attempt) for event, attempt in attempts if attempt.moment < until and not attempt.accepted
        ]
        if missed:
            event, attempt = missed[0]
            later = "a later one was acknowledged" if moments else "none was acknowledged"
            yield Seen(
                [],
                f"{_event(event)}: {count_noun(len(missed), 'attempt')} failed ({_outcome(attempt)}), "
                f"{later}.",
            )


@rule(
    "webhook-consumer-not-idempotent",
    why="Events can arrive more than once; an error for the second one causes a third.",
    remedy="Remember the ids of received events, and answer a duplicate with 2xx.",
)
def webhook_consumer_not_idempotent(evidence: Evidence) -> Iterator[Seen]:
    """An acknowledged event was rejected when it came again at a later moment of the world's clock.

    A duplicate is a copy with the same body, or the same event sent again. An answer that says "too busy"
    (408, 429, 503) does not count, nor does a connection that failed. What cannot be seen: a consumer that
    acknowledges the duplicate and does the work twice; copies that arrive at the same moment, in unknown
    order.
    """
    for attempts in evidence.deliveries():
        moments = [attempt.moment for _, attempt in attempts if attempt.accepted]
        refused = [
            (event, attempt)
            for event, attempt in attempts
            if moments
            and attempt.moment > moments[0]
            and not attempt.accepted
            and attempt.status not in (None, *TOO_BUSY)
        ]
        if refused:
            event, attempt = refused[0]
            yield Seen(
                [],
                f"{_event(event)} was acknowledged, and refused {format_times(len(refused))} when it "
                "came again "
                f"({_outcome(attempt)}).",
            )


def _event(event: Event) -> str:
    """Return an event as its type and the id that it is about."""
    below = event.body.get("data")
    about = below.get("object") if isinstance(below, dict) else None
    id = about.get("id") if isinstance(about, dict) else None
    return f"The event {event.type} of {id or event.id}"


def _outcome(attempt: Attempt) -> str:
    return shorten(one_line(attempt.error or f"answered {attempt.status}"))
