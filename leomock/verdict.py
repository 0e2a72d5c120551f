"""What the journal proves about a client: what it did wrong, why that matters and what to do instead.

A rule is one function. It yields what the journal proves and keeps silent wherever another story would leave
the same journal behind; its docstring says what it cannot see.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import unquote, urlsplit

from leomock.state.journal import Exchange, one_line
from leomock.state.outbox import Attempt, Event

# Clients poll every 2 to 20 seconds (observed); that more than once a second helps nobody is chosen.
SECONDS_BETWEEN_READS = 1.0
# So many reads in haste are polling; fewer are also what a test of two or three steps makes.
MOST_HASTY_READS = 2
# Of a generation whose end is known, a client may still want to see this many times how it ended.
MOST_READS_AFTER_THE_END = 1
# Reads that are further apart are no polling: somebody looked at the result again.
POLLING_SECONDS = 60.0
# Timers may go off this much early.
TOLERANCE = 0.05
# A webhook that refuses an event for these reasons did not look at it.
TOO_BUSY = frozenset((408, 429, 503))

LONGEST_QUOTE = 80
MOST_NUMBERS = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a client did wrong.

    `exchanges` are the numbers of those that prove it, oldest first; there are none where webhook events do.
    `what` happened, with the numbers; `why` that matters; the `remedy` is what to do instead.
    """

    rule: str
    exchanges: tuple[int, ...]
    what: str
    why: str
    remedy: str

    def __str__(self) -> str:
        return _told([self])

    def as_json(self) -> dict[str, Any]:
        """The finding as JSON values, in the order of the fields."""
        return {
            "rule": self.rule,
            "exchanges": list(self.exchanges),
            "what": self.what,
            "why": self.why,
            "remedy": self.remedy,
        }


def _told(findings: Sequence[Finding]) -> str:
    """Findings of one rule as text: what happened each time, and once what follows from it."""
    first = findings[0]
    what = "\n  ".join(finding.what for finding in findings)
    return f"{first.rule}: {what}\n  Why it matters: {first.why}\n  What to do: {first.remedy}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be said about a client, in the order in which it happened.

    `exchanges` and `events` are how many were judged. `credits` is the sum of what the API said that calls
    cost; what a failed generation gets back is not taken off. `forgotten` exchanges were not there to be
    judged. It is true where it is `clean`, so that `assert fake.verdict()` means what it says.
    """

    findings: list[Finding]
    exchanges: int = 0
    events: int = 0
    credits: int = 0
    forgotten: int = 0

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    def __bool__(self) -> bool:
        return self.clean

    def __str__(self) -> str:
        judged = _count(self.exchanges, "exchange")
        if self.events:
            judged += f" and {_count(self.events, 'webhook event')}"
        found = _count(len(self.findings), "finding") if self.findings else "nothing to object to"
        if not (self.findings or self.exchanges or self.events):
            found = "nothing to judge"
        lines = [f"leomock: {found} in {judged}; {_count(self.credits, 'credit')} spent."]
        if self.forgotten:
            lines.append(
                f"The journal has forgotten {_count(self.forgotten, 'older exchange')}, which nobody judged."
            )
        by_rule: dict[str, list[Finding]] = {}
        for finding in self.findings:
            by_rule.setdefault(finding.rule, []).append(finding)
        return "\n\n".join(["\n".join(lines), *map(_told, by_rule.values())])

    def assert_clean(self) -> None:
        """Raise AssertionError, with the whole verdict as its text, unless nothing was found."""
        __tracebackhide__ = True
        if not self.clean:
            raise AssertionError(str(self))

    def as_json(self) -> dict[str, Any]:
        """The verdict as JSON values."""
        return {
            "clean": self.clean,
            "exchanges": self.exchanges,
            "events": self.events,
            "credits": self.credits,
            "forgotten": self.forgotten,
            "findings": [finding.as_json() for finding in self.findings],
        }


def verdict(exchanges: Sequence[Exchange], *, events: Sequence[Event] = (), forgotten: int = 0) -> Verdict:
    """Judge a client by the exchanges of one key, oldest first, and the events that were sent to its webhook.

    `forgotten` is how many older exchanges the journal has lost; a verdict says so.
    """
    evidence = Evidence(exchanges, events)
    findings = [
        Finding(rule.name, tuple(each.number for each in seen.exchanges), seen.what, rule.why, rule.remedy)
        for rule in RULES.values()
        for seen in rule.judge(evidence)
    ]
    findings.sort(key=lambda finding: finding.exchanges[0] if finding.exchanges else math.inf)
    spent = sum(_cost(exchange) or 0 for exchange in evidence.exchanges)
    return Verdict(findings, len(evidence.exchanges), len(evidence.events), spent, forgotten)


# --- rules --------------------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """What a rule saw: the exchanges that prove it, and a sentence about them."""

    exchanges: Sequence[Exchange]
    what: str


Judge: TypeAlias = "Callable[[Evidence], Iterable[Seen]]"


@dataclass(frozen=True, slots=True)
class Rule:
    """A way to treat the API badly, and the function that sees it."""

    name: str
    why: str
    remedy: str
    judge: Judge


RULES: dict[str, Rule] = {}


def rule(name: str, *, why: str, remedy: str) -> Callable[[Judge], Judge]:
    """Let a function judge under a name; findings come in the order of these where they begin alike."""

    def register(judge: Judge) -> Judge:
        if name in RULES:
            raise ValueError(f"there are two rules {name!r}")
        RULES[name] = Rule(name, why, remedy, judge)
        return judge

    return register


# --- evidence -----------------------------------------------------------------------------------------------


class Read(NamedTuple):
    """A read of one generation: `status` and the number of `images` as answered, if it was answered at all.

    `arrived` says that nothing is known to have happened to the answer on its way.
    """

    exchange: Exchange
    arrived: bool
    status: str
    images: int

    @property
    def is_empty_result(self) -> bool:
        """Whether it told of an end without pictures."""
        return self.status == "COMPLETE" and not self.images


class Evidence:
    """Exchanges and events, and what several rules want to know of them."""

    def __init__(self, exchanges: Sequence[Exchange], events: Sequence[Event]) -> None:
        self.exchanges = sorted(exchanges, key=lambda exchange: exchange.number)
        self.events = list(events)
        self.reads: dict[str, list[Read]] = {}
        self.alike: dict[Hashable, list[Exchange]] = {}
        for exchange in self.exchanges:
            if exchange.operation == "getGenerationById":
                id = exchange.path.rstrip("/").rpartition("/")[2].lower()
                self.reads.setdefault(id, []).append(_read(exchange))
            # Of a body that was not kept whole nobody knows whether it came again.
            if exchange.door == "api" and len(exchange.request_body) == exchange.request_size:
                self.alike.setdefault(_call(exchange), []).append(exchange)

    def uploads(self) -> Iterator[tuple[Exchange, str, str]]:
        """The forms that the bucket refused, with the code and message of its answer.

        Those that a scenario refused are left out: they may have been perfectly right.
        """
        for exchange in self.exchanges:
            refused = _is_upload(exchange) and exchange.status >= 400
            if refused and not exchange.rules:
                yield exchange, _element(exchange, "Code"), _element(exchange, "Message")

    def deliveries(self) -> Iterator[list[tuple[Event, Attempt]]]:
        """The attempts of each event together with those of its copies, in the order of their moments."""
        groups: dict[str, list[tuple[Event, Attempt]]] = {}
        for event in self.events:
            text = json.dumps([event.type, event.body], sort_keys=True)
            groups.setdefault(text, []).extend((event, attempt) for attempt in event.attempts)
        for attempts in groups.values():
            yield sorted(attempts, key=lambda pair: pair[1].moment)


def _is_upload(exchange: Exchange) -> bool:
    return exchange.door == "upload" and exchange.method in ("POST", "PUT")


def _call(exchange: Exchange) -> Hashable:
    """What two exchanges have in common when one repeats the other."""
    key = exchange.request_headers.get("authorization", "")
    return exchange.method, exchange.path, exchange.query, exchange.request_body, key


def _read(exchange: Exchange) -> Read:
    content = exchange.response_json if exchange.status == 200 else None
    row = content.get("generations_by_pk") if isinstance(content, dict) else None
    if not isinstance(row, dict):
        return Read(exchange, _arrived(exchange), "", 0)
    images = row.get("generated_images")
    number = len(images) if isinstance(images, list) else 0
    return Read(exchange, _arrived(exchange), str(row.get("status")), number)


def _arrived(exchange: Exchange) -> bool:
    """Whether the client got the answer as the journal has it; it may not have sat a delay out."""
    return not exchange.breakage and not exchange.delay


def _created(exchange: Exchange) -> dict[str, Any]:
    """What is inside the envelope of an answer; empty where that is no object."""
    content = exchange.response_json if exchange.door == "api" and exchange.status == 200 else None
    if not isinstance(content, dict) or len(content) != 1:
        return {}
    (value,) = content.values()
    return value if isinstance(value, dict) else {}


def _cost(exchange: Exchange) -> int | None:
    """What a call was said to cost; None where it was not executed, or costs nothing."""
    cost = _created(exchange).get("apiCreditCost")
    return cost if isinstance(cost, int) and cost > 0 else None


def _element(exchange: Exchange, name: str) -> str:
    """An element of an S3 error, as it is in the XML."""
    found = re.search(
        rf"<{name}>(.*?)</{name}>", exchange.response_body.decode("utf-8", "replace"), re.DOTALL
    )
    return found[1] if found else ""


# --- polling ------------------------------------------------------------------------------------------------


@rule(
    "polled-too-fast",
    why="A generation takes seconds; more reads only use up the 2000 calls a minute of an account.",
    remedy="Wait at least a second between two reads, longer each time, or take a webhook.",
)
def polled_too_fast(evidence: Evidence) -> Iterator[Seen]:
    """Three reads or more, each within a second of an answer PENDING.

    Seconds are those of the world's clock, and where it stood still between two reads nothing is said about
    them. What cannot be seen: whether several clients share the key and each of them is slow enough; a wait
    that a test took out of the client (let it call `fake.advance`, or freeze the clock); polling of the list.
    """
    for id, reads in evidence.reads.items():
        hasty = [
            (read, later, seconds)
            for read, later in pairwise(reads)
            if read.arrived
            and read.status == "PENDING"
            and 0 < (seconds := _between(read.exchange, later.exchange)) < SECONDS_BETWEEN_READS - TOLERANCE
        ]
        if len(hasty) > MOST_HASTY_READS:
            least = min(seconds for _, _, seconds in hasty)
            again = [later.exchange for _, later, _ in hasty]
            yield Seen(
                again,
                f"Generation {id} was read again {_times(len(hasty))} within a second of an answer PENDING "
                f"({_numbers(again)}), the quickest after {_seconds(least)}.",
            )


@rule(
    "polled-after-the-end",
    why="COMPLETE is final; whoever polls on does so for good.",
    remedy="Stop at the first answer whose status is not PENDING.",
)
def polled_after_the_end(evidence: Evidence) -> Iterator[Seen]:
    """Two reads or more after one that said COMPLETE and had pictures, no two a minute apart.

    What cannot be seen: what the reads were for. A page that shows the generation to somebody is taken for
    polling if it is loaded twice within a minute of the world's clock.
    """
    for id, end, further in _kept_reading(
        evidence, lambda read: read.status == "COMPLETE" and read.images > 0
    ):
        yield Seen(
            [end, *further],
            f"Generation {id} was read {_times(len(further))} more ({_numbers(further)}) after "
            f"{_numbers([end])} had said COMPLETE.",
        )


@rule(
    "treated-failed-as-pending",
    why="FAILED is final; a client that waits for COMPLETE alone waits for ever.",
    remedy="Treat FAILED as an end: stop reading, and report the failure.",
)
def treated_failed_as_pending(evidence: Evidence) -> Iterator[Seen]:
    """Two reads or more after one that said FAILED, no two a minute apart.

    What cannot be seen: whether a client that stops reading does anything about the failure.
    """
    for id, end, further in _kept_reading(evidence, lambda read: read.status == "FAILED"):
        yield Seen(
            [end, *further],
            f"Generation {id} was read {_times(len(further))} more ({_numbers(further)}) after "
            f"{_numbers([end])} had said FAILED.",
        )


@rule(
    "ignored-empty-result",
    why="A generation can be COMPLETE and have no picture, when moderation kept them all; none will follow.",
    remedy="Go by the status alone, and expect fewer pictures than were asked for, or none.",
)
def ignored_empty_result(evidence: Evidence) -> Iterator[Seen]:
    """Two reads or more after one that said COMPLETE and had no picture, no two a minute apart.

    What cannot be seen: a client that breaks at the missing picture, or shows nothing and says nothing.
    """
    for id, end, further in _kept_reading(evidence, lambda read: read.is_empty_result):
        yield Seen(
            [end, *further],
            f"Generation {id} was read {_times(len(further))} more ({_numbers(further)}) after "
            f"{_numbers([end])} had said COMPLETE without any picture.",
        )


def _kept_reading(
    evidence: Evidence, is_end: Callable[[Read], bool]
) -> Iterator[tuple[str, Exchange, list[Exchange]]]:
    """Generations that were polled after their end: the id, the read that told of it and those after it."""
    for id, reads in evidence.reads.items():
        ends = [index for index, read in enumerate(reads) if read.arrived and is_end(read)]
        if not ends:
            continue
        end, further = reads[ends[0]].exchange, []
        for before, after in pairwise(reads[ends[0] :]):
            if _between(before.exchange, after.exchange) >= POLLING_SECONDS:
                break
            further.append(after.exchange)
        if len(further) > MOST_READS_AFTER_THE_END:
            yield id, end, further


# --- trying again -------------------------------------------------------------------------------------------


@rule(
    "ignored-retry-after",
    why="Whoever comes back too early is refused again, and keeps the limit from clearing.",
    remedy="Wait for as many seconds as Retry-After says before the same call is made again.",
)
def ignored_retry_after(evidence: Evidence) -> Iterator[Seen]:
    """The same call again after a 429 or 503, sooner than its Retry-After said.

    Seconds are those of the world's clock; where it stood still nothing is said, since a client that slept
    looks the same as one that did not. What cannot be seen: other calls that should have waited as well (they
    may have been under way), and a Retry-After that is a date.
    """
    for calls in evidence.alike.values():
        for refused, again in pairwise(calls):
            told = refused.response_headers.get("retry-after", "")
            asked = refused.status in (429, 503) and re.fullmatch("[0-9]{1,9}", told)
            if not (asked and _arrived(refused)):
                continue
            waited = _between(refused, again)
            if 0 < waited < int(told) - TOLERANCE:
                yield Seen(
                    [refused, again],
                    f"{_name(again)} was called again in {_numbers([again])} after {_seconds(waited)}, where "
                    f"{_numbers([refused])} had answered {refused.status} with Retry-After: {told}.",
                )


@rule(
    "resubmitted-after-a-broken-answer",
    why="The API takes no idempotency key: what is sent twice is made twice, and paid for twice.",
    remedy="After an answer that broke off, look in GET /generations/user/{userId} for what was asked for "
    "before asking again.",
)
def resubmitted_after_a_broken_answer(evidence: Evidence) -> Iterator[Seen]:
    """The same paid call again after it had been executed and its answer was spoilt, or came too late for the
    client, both being paid.

    It does not count if anything in between named what the first one made: then the client knew of it, and
    asked for another. A call that was answered with 5xx was never executed here. What cannot be seen: answers
    that took too long for the client though nothing held them back. Several calls with one body, sent side by
    side, look like this too.
    """
    for calls in evidence.alike.values():
        paid = [call for call in calls if _cost(call) is not None]
        for first, again in pairwise(paid):
            if first.breakage and not _named(evidence, first, again):
                left = first.breakage == "left"
                how = "the client left before its answer came" if left else "only its answer broke"
                yield Seen(
                    [first, again],
                    f"{_name(again)} was sent with the same body in {_numbers([first, again])}: the first "
                    f"was executed and {how} ({', '.join(first.rules)}), so that "
                    f"{_count(_cost(again) or 0, 'credit')} more were spent.",
                )


def _named(evidence: Evidence, first: Exchange, again: Exchange) -> bool:
    """Whether an exchange between the two names an id that the first one's answer gave."""
    made = _created(first).values()
    ids = [value for value in made if isinstance(value, str) and len(value) == 36]
    between = [each for each in evidence.exchanges if first.number < each.number < again.number]
    return any(id in each.path or id.encode() in each.request_body for each in between for id in ids)


@rule(
    "retried-what-cannot-succeed",
    why="400, 401 and 403 speak of the call itself: unchanged it is refused every time.",
    remedy="Retry only 429, 5xx and broken connections; report the others with the text of the answer.",
)
def retried_what_cannot_succeed(evidence: Evidence) -> Iterator[Seen]:
    """The same call again after a 400, 401 or 403, and the same answer again.

    The first of several in a row tells the text. What cannot be seen: whether they were sent side by side
    before any answer was there, and retries with another body that is as wrong.
    """
    for calls in evidence.alike.values():
        for (status, _), run in groupby(calls, key=lambda call: (call.status, call.response_body)):
            refused = list(run)
            if status in (400, 401, 403) and len(refused) > 1 and all(map(_arrived, refused[:-1])):
                yield Seen(
                    refused,
                    f"{_name(refused[0])} was called {_times(len(refused))} with nothing changed "
                    f"({_numbers(refused)}) and answered {status} each time: {_said(refused[0])}.",
                )


# --- variables ----------------------------------------------------------------------------------------------


@rule(
    "unexpected-variable",
    why="The API refuses the whole call for one name it does not know, and names are case-sensitive.",
    remedy="Spell it as the document does, or leave it out.",
)
def unexpected_variable(evidence: Evidence) -> Iterator[Seen]:
    """A call that was refused for a variable its operation does not have.

    What cannot be seen: further names in the same call, since the first one ends it, and unknown names
    inside an object, which are refused in other words.
    """
    for exchange in evidence.exchanges:
        found = re.match("Unexpected variable (.*)", _error(exchange), re.DOTALL)
        if exchange.status == 400 and found and not exchange.rules:
            hint = re.search(r"did you mean '[^']*'\?", exchange.explain)
            yield Seen(
                [exchange],
                f"{_name(exchange)} was sent {_quote(found[1])} in {_numbers([exchange])}, which it does not "
                f"have{f' ({hint[0]})' if hint else ''}.",
            )


# --- pictures -----------------------------------------------------------------------------------------------


@rule(
    "ignored-nsfw",
    why="The API flags such pictures and delivers them all the same: to leave them out is the caller's task.",
    remedy="Look at nsfw of each picture before using it.",
)
def ignored_nsfw(evidence: Evidence) -> Iterator[Seen]:
    """A picture that was downloaded after a read had said that it is nsfw.

    What cannot be seen: a picture that is shown by its address and fetched elsewhere, what a webhook said,
    and what became of the picture; whoever wants such pictures can pass over this.
    """
    told: dict[str, Exchange] = {}
    downloaded: dict[int, tuple[Exchange, list[Exchange]]] = {}
    for exchange in evidence.exchanges:
        if exchange.door == "api" and exchange.status == 200 and _arrived(exchange):
            for address in _flagged(exchange):
                told.setdefault(_picture(address), exchange)
        given = exchange.door == "cdn" and exchange.method == "GET" and 200 <= exchange.status < 300
        if given and (teller := told.get(_picture(exchange.path))):
            downloaded.setdefault(teller.number, (teller, []))[1].append(exchange)
    for teller, downloads in downloaded.values():
        yield Seen(
            [teller, *downloads],
            f"{_count(len(downloads), 'download')} ({_numbers(downloads)}) of what {_numbers([teller])} had "
            "flagged as nsfw.",
        )


def _flagged(exchange: Exchange) -> Iterator[str]:
    """The addresses of the pictures that an answer flags."""
    content = exchange.response_json
    if exchange.operation == "getGenerationById" and isinstance(content, dict):
        rows = [content.get("generations_by_pk")]
    elif exchange.operation == "getGenerationsByUserId" and isinstance(content, dict):
        rows = content.get("generations") or []
    else:
        return
    for row in rows:
        for image in (row or {}).get("generated_images") or ():
            if image.get("nsfw") is True and isinstance(image.get("url"), str):
                yield image["url"]


def _picture(address: str) -> str:
    """What names a picture, wherever the CDN is."""
    return unquote(urlsplit(address).path).rpartition("users/")[2]


# --- uploads ------------------------------------------------------------------------------------------------


@rule(
    "sent-key-to-the-bucket",
    why="The upload goes to S3, which refuses it and is not the one to be told the key.",
    remedy="Send the form with a client that has no Authorization header; its fields are the permission.",
)
def sent_key_to_the_bucket(evidence: Evidence) -> Iterator[Seen]:
    """An upload with an Authorization header.

    What cannot be seen: whether it was the key of this API, of which the journal keeps only the beginning.
    """
    for exchange in evidence.exchanges:
        if _is_upload(exchange) and "authorization" in exchange.request_headers:
            refused = f" and was refused with {exchange.status}" if exchange.status >= 400 else ""
            yield Seen([exchange], f"The upload {_numbers([exchange])} had an Authorization header{refused}.")


@rule(
    "uploaded-after-expiry",
    why="A form is good for two minutes; later the bucket takes nothing.",
    remedy="Ask for the form when the file is ready, and for a new one when an upload must be repeated.",
)
def uploaded_after_expiry(evidence: Evidence) -> Iterator[Seen]:
    """An upload that was refused since its policy had expired, by the world's clock.

    What cannot be seen: what the client did in these minutes.
    """
    for exchange, _, message in evidence.uploads():
        if message.endswith("Policy expired."):
            late = re.match("The form expired ([0-9]+) s ago", exchange.explain)
            by = f" {late[1]} s" if late else ""
            yield Seen([exchange], f"The upload {_numbers([exchange])} came{by} after its form had expired.")


@rule(
    "not-multipart",
    why="S3 takes a form of multipart/form-data and nothing else.",
    remedy="With requests or httpx pass the fields as data= and the content as files={'file': ...}; with "
    "fetch send a FormData and no Content-Type header.",
)
def not_multipart(evidence: Evidence) -> Iterator[Seen]:
    """An upload whose body was no multipart form, or that was a PUT.

    What cannot be seen: the body; the header Content-Type decides.
    """
    for exchange, code, _ in evidence.uploads():
        if code == "MethodNotAllowed":
            yield Seen([exchange], f"The upload {_numbers([exchange])} was a {exchange.method}, not a POST.")
        elif code == "PreconditionFailed":
            kind = exchange.request_headers.get("content-type", "")
            sent = f"was sent as {_quote(kind)}" if kind else "had no Content-Type"
            yield Seen([exchange], f"The upload {_numbers([exchange])} {sent}, not as multipart/form-data.")


@rule(
    "form-fields-not-parsed",
    why="The fields come as JSON in a string; as one field they are none of those that S3 asks for.",
    remedy="Parse the string (json.loads, JSON.parse) and send each entry as a form field, then the file.",
)
def form_fields_not_parsed(evidence: Evidence) -> Iterator[Seen]:
    """An upload whose form has the fields as one JSON text.

    It is seen by a field `fields`, or one whose name begins with a brace. What cannot be seen: the text
    under another name, which looks like fields that are not there.
    """
    for exchange, code, _ in evidence.uploads():
        if code == "InvalidArgument" and exchange.explain.startswith("The form carries `fields`"):
            yield Seen(
                [exchange],
                f"The form of the upload {_numbers([exchange])} had all its fields in one JSON text.",
            )


@rule(
    "fields-not-before-the-file",
    why="S3 ignores whatever comes after the file, and without all its fields a form gives no permission.",
    remedy="Send every field as the API gave it, and the part named file last.",
)
def fields_not_before_the_file(evidence: Evidence) -> Iterator[Seen]:
    """An upload with a field missing among those before the file.

    What cannot be seen: whether it came after the file or not at all; the bucket does not read on.
    """
    for exchange, _, message in evidence.uploads():
        found = re.match("Bucket POST must contain a field named '([^']*)'", message)
        if found and exchange.explain.startswith("No field"):
            missing = found[1]
        elif exchange.explain.startswith("None of the fields that sign the form"):
            missing = "X-Amz-Signature"
        else:
            continue
        yield Seen(
            [exchange], f"In the upload {_numbers([exchange])} no field {missing} stood before the file."
        )


# --- webhooks -----------------------------------------------------------------------------------------------


@rule(
    "webhook-not-acknowledged",
    why="Whether the real service sends an event again is not known: this one may be lost.",
    remedy="Answer 2xx as soon as the event is stored, and work on it afterwards.",
)
def webhook_not_acknowledged(evidence: Evidence) -> Iterator[Seen]:
    """An event that was tried and not answered with 2xx, unless an earlier try or copy had been.

    Redirects are not followed, so they are no acknowledgement. What cannot be seen: whether the target is
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
                f"{_event(event)}: {_count(len(missed), 'attempt')} failed ({_outcome(attempt)}), {later}.",
            )


@rule(
    "webhook-consumer-not-idempotent",
    why="Events can arrive more than once; an error for the second one calls for a third.",
    remedy="Remember the ids of what was received, and answer a duplicate with 2xx.",
)
def webhook_consumer_not_idempotent(evidence: Evidence) -> Iterator[Seen]:
    """An event that was acknowledged, and refused when it came again at a later moment of the world's clock.

    A duplicate is a copy with the same body, or the same event delivered anew. An answer that says "too busy"
    (408, 429, 503) does not count, nor does a connection that failed. What cannot be seen: a consumer that
    acknowledges the duplicate and does the work twice; copies that arrive at one moment, in no known order.
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
                f"{_event(event)} was acknowledged, and refused {_times(len(refused))} when it came again "
                f"({_outcome(attempt)}).",
            )


def _event(event: Event) -> str:
    """An event by its type and what it is about."""
    below = event.body.get("data")
    about = below.get("object") if isinstance(below, dict) else None
    id = about.get("id") if isinstance(about, dict) else None
    return f"The event {event.type} of {id or event.id}"


def _outcome(attempt: Attempt) -> str:
    return _cut(one_line(attempt.error or f"answered {attempt.status}"))


# --- wording ------------------------------------------------------------------------------------------------


def _between(first: Exchange, second: Exchange) -> float:
    """Seconds of the world's clock from one exchange to another."""
    return second.moment - first.moment


def _name(exchange: Exchange) -> str:
    return exchange.operation or one_line(f"{exchange.method} {exchange.path}")


def _error(exchange: Exchange) -> str:
    """The text of an API error."""
    content = exchange.response_json if exchange.status >= 400 and exchange.door == "api" else None
    text = content.get("error") if isinstance(content, dict) else None
    return text if isinstance(text, str) else ""


def _said(exchange: Exchange) -> str:
    return _quote(_error(exchange)) if _error(exchange) else "no text"


def _quote(text: str) -> str:
    return f'"{_cut(one_line(text))}"'


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"


def _numbers(exchanges: Sequence[Exchange]) -> str:
    """The numbers of exchanges; of many the first and the last."""
    names = [f"#{exchange.number}" for exchange in exchanges]
    if len(names) > MOST_NUMBERS:
        return f"{', '.join(names[: MOST_NUMBERS - 1])} … {names[-1]}"
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _seconds(seconds: float) -> str:
    return f"{max(seconds, 0.001):.3f}".rstrip("0").rstrip(".") + " s"
