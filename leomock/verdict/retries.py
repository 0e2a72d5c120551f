"""Rules for retries and rejected calls."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby, pairwise

from leomock.state.journal import Exchange
from leomock.verdict.evidence import Evidence, answer_arrived, created_values, credit_cost
from leomock.verdict.registry import Seen, rule
from leomock.verdict.wording import (
    TOLERANCE,
    call_name,
    count_noun,
    error_text,
    exchange_numbers,
    format_seconds,
    format_times,
    quote,
    quoted_error,
    seconds_between,
)

# --- retries -------------------------------------------------------------------------------------------


@rule(
    "ignored-retry-after",
    why="A client that comes back too early is refused again, and keeps the limit from resetting.",
    remedy="Wait for the number of seconds in Retry-After before you repeat the call.",
)
def ignored_retry_after(evidence: Evidence) -> Iterator[Seen]:
    """The same call was repeated after a 429 or 503, sooner than its Retry-After said.

    Seconds are measured on the world's clock. If it stood still, the rule finds nothing, since a client that
    slept looks the same as one that did not. What cannot be seen: other calls that should have waited as well
    (they may have been under way), and a Retry-After that is a date.
    """
    for calls in evidence.alike.values():
        for refused, again in pairwise(calls):
            told = refused.response_headers.get("retry-after", "")
            asked = refused.status in (429, 503) and re.fullmatch("[0-9]{1,9}", told)
            if not (asked and answer_arrived(refused)):
                continue
            waited = seconds_between(refused, again)
            if 0 < waited < int(told) - TOLERANCE:
                yield Seen(
                    [refused, again],
                    f"{call_name(again)} was called again in {exchange_numbers([again])} after "
                    f"{format_seconds(waited)}, where "
                    f"{exchange_numbers([refused])} had answered {refused.status} with Retry-After: {told}.",
                )


@rule(
    "resubmitted-after-a-broken-answer",
    why="The API has no idempotency keys: a call sent twice is executed twice, and paid for twice.",
    remedy="After a broken response, look for the result in GET /generations/user/{userId} before you send "
    "the call again.",
)
def resubmitted_after_a_broken_answer(evidence: Evidence) -> Iterator[Seen]:
    """The same paid call was sent again after it was executed, but its response was broken or late.

    Both calls were paid. It does not count if a call in between named the result of the first one: then the
    client knew about it, and wanted another. A call that was answered with 5xx was never executed here. What
    cannot be seen: responses that took too long for the client although nothing delayed them. Several
    concurrent calls with the same body look the same.
    """
    for calls in evidence.alike.values():
        paid = [call for call in calls if credit_cost(call) is not None]
        for first, again in pairwise(paid):
            if first.breakage and not _named(evidence, first, again):
                disconnected = first.breakage == "client_disconnected"
                how = (
                    "the client disconnected before its answer came"
                    if disconnected
                    else "only its answer broke"
                )
                yield Seen(
                    [first, again],
                    f"{call_name(again)} was sent with the same body in "
                    f"{exchange_numbers([first, again])}: the first "
                    f"was executed and {how} ({', '.join(first.rules)}), so that "
                    f"{count_noun(credit_cost(again) or 0, 'credit')} more were spent.",
                )


def _named(evidence: Evidence, first: Exchange, again: Exchange) -> bool:
    """Return True if an exchange between the two names an id from the first one's answer."""
    made = created_values(first).values()
    ids = [value for value in made if isinstance(value, str) and len(value) == 36]
    between = [each for each in evidence.exchanges if first.number < each.number < again.number]
    return any(id in each.path or id.encode() in each.request_body for each in between for id in ids)


@rule(
    "retried-what-cannot-succeed",
    why="400, 401 and 403 are about the call itself: if unchanged, it is refused every time.",
    remedy="Retry only 429, 5xx and broken connections; report the others with the text of the response.",
)
def retried_what_cannot_succeed(evidence: Evidence) -> Iterator[Seen]:
    """The same call was repeated after a 400, 401 or 403, with the same response.

    The finding quotes the first of several consecutive ones. What cannot be seen: whether they were sent
    concurrently before any answer arrived, and retries with a different but equally wrong body.
    """
    for calls in evidence.alike.values():
        for (status, _), run in groupby(calls, key=lambda call: (call.status, call.response_body)):
            refused = list(run)
            if status in (400, 401, 403) and len(refused) > 1 and all(map(answer_arrived, refused[:-1])):
                yield Seen(
                    refused,
                    f"{call_name(refused[0])} was called {format_times(len(refused))} with nothing changed "
                    f"({exchange_numbers(refused)}) and answered {status} each time: "
                    f"{quoted_error(refused[0])}.",
                )


# --- variables ----------------------------------------------------------------------------------------------


@rule(
    "unexpected-variable",
    why="The API refuses the whole call because of a single unknown name, and names are case-sensitive.",
    remedy="Spell it as in the document, or leave it out.",
)
def unexpected_variable(evidence: Evidence) -> Iterator[Seen]:
    """A call was rejected because of a variable that its operation does not have.

    What cannot be seen: further unknown names in the same call, since the first ends it, and unknown names
    inside an object, which are rejected with a different text.
    """
    for exchange in evidence.exchanges:
        found = re.match("Unexpected variable (.*)", error_text(exchange), re.DOTALL)
        if exchange.status == 400 and found and not exchange.rules:
            hint = re.search(r"did you mean '[^']*'\?", exchange.explain)
            yield Seen(
                [exchange],
                f"{call_name(exchange)} was sent {quote(found[1])} in {exchange_numbers([exchange])}, "
                "which it does not "
                f"have{f' ({hint[0]})' if hint else ''}.",
            )
