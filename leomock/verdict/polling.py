"""Rules about polling for a result."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from leomock.state.journal import Exchange
from leomock.verdict.evidence import Evidence, Read
from leomock.verdict.registry import Seen, rule
from leomock.verdict.wording import (
    TOLERANCE,
    exchange_numbers,
    format_seconds,
    format_times,
    seconds_between,
)

# Clients poll every 2 to 20 seconds (observed). The limit of one read a second is chosen.
SECONDS_BETWEEN_READS = 1.0
# From this many quick reads on, a client counts as polling; short tests legitimately make a few.
MOST_HASTY_READS = 2
# A client may legitimately read a finished generation this many times.
MOST_READS_AFTER_THE_END = 1
# Reads that are further apart are not polling: somebody looked at the result again.
POLLING_SECONDS = 60.0


# --- polling ------------------------------------------------------------------------------------------------


@rule(
    "polled-too-fast",
    why="A generation takes seconds; more reads only use up the 2000 calls a minute of an account.",
    remedy="Wait at least a second between reads, longer each time, or use a webhook.",
)
def polled_too_fast(evidence: Evidence) -> Iterator[Seen]:
    """A generation was read three times or more, each time within a second of a PENDING response.

    Seconds are measured on the world's clock; reads between which the clock stood still are not judged. What
    cannot be seen: whether several clients share the key and each of them is slow enough; a wait that a test
    removed from the client (call `fake.advance` instead, or freeze the clock); polling of lists.
    """
    for id, reads in evidence.reads.items():
        hasty = [
            (read, later, seconds)
            for read, later in pairwise(reads)
            if read.arrived
            and read.status == "PENDING"
            and 0
            < (seconds := seconds_between(read.exchange, later.exchange))
            < SECONDS_BETWEEN_READS - TOLERANCE
        ]
        if len(hasty) > MOST_HASTY_READS:
            least = min(seconds for _, _, seconds in hasty)
            again = [later.exchange for _, later, _ in hasty]
            yield Seen(
                again,
                f"Generation {id} was read again {format_times(len(hasty))} within a second of a PENDING "
                f"response ({exchange_numbers(again)}), the quickest after {format_seconds(least)}.",
            )


@rule(
    "polled-after-the-end",
    why="COMPLETE is final: a client that goes on polling never stops.",
    remedy="Stop at the first answer whose status is not PENDING.",
)
def polled_after_the_end(evidence: Evidence) -> Iterator[Seen]:
    """A generation was read twice or more after a response that was COMPLETE and had images.

    Only reads less than a minute apart count.

    What cannot be seen: the purpose of the reads. A page that shows the generation to a user is mistaken for
    polling if it is loaded twice within a minute of the world's clock.
    """
    for id, end, further in _kept_reading(
        evidence, lambda read: read.status == "COMPLETE" and read.images > 0
    ):
        yield Seen(
            [end, *further],
            f"Generation {id} was read {format_times(len(further))} more ({exchange_numbers(further)}) after "
            f"{exchange_numbers([end])} had said COMPLETE.",
        )


@rule(
    "treated-failed-as-pending",
    why="FAILED is final; a client that only waits for COMPLETE waits for ever.",
    remedy="Treat FAILED as an end: stop reading, and report the failure.",
)
def treated_failed_as_pending(evidence: Evidence) -> Iterator[Seen]:
    """A generation was read twice or more after a response that said FAILED.

    Only reads less than a minute apart count.

    What cannot be seen: whether a client that stops reading does anything about the failure.
    """
    for id, end, further in _kept_reading(evidence, lambda read: read.status == "FAILED"):
        yield Seen(
            [end, *further],
            f"Generation {id} was read {format_times(len(further))} more ({exchange_numbers(further)}) after "
            f"{exchange_numbers([end])} had said FAILED.",
        )


@rule(
    "ignored-empty-result",
    why="A generation can be COMPLETE without pictures if moderation removed them all; none will follow.",
    remedy="Rely on the status alone, and expect fewer pictures than you asked for, or none.",
)
def ignored_empty_result(evidence: Evidence) -> Iterator[Seen]:
    """A generation was read twice or more after a response that was COMPLETE without images.

    Only reads less than a minute apart count.

    What cannot be seen: a client that crashes on the missing picture, or silently shows nothing.
    """
    for id, end, further in _kept_reading(evidence, lambda read: read.is_empty_result):
        yield Seen(
            [end, *further],
            f"Generation {id} was read {format_times(len(further))} more ({exchange_numbers(further)}) after "
            f"{exchange_numbers([end])} had said COMPLETE without any picture.",
        )


def _kept_reading(
    evidence: Evidence, is_end: Callable[[Read], bool]
) -> Iterator[tuple[str, Exchange, list[Exchange]]]:
    """Return generations that were polled after their end: the id, the first final read and later ones."""
    for id, reads in evidence.reads.items():
        ends = [index for index, read in enumerate(reads) if read.arrived and is_end(read)]
        if not ends:
            continue
        end, further = reads[ends[0]].exchange, []
        for before, after in pairwise(reads[ends[0] :]):
            if seconds_between(before.exchange, after.exchange) >= POLLING_SECONDS:
                break
            further.append(after.exchange)
        if len(further) > MOST_READS_AFTER_THE_END:
            yield id, end, further
