"""Write a journal for people: polling is folded into one line, the middle of a long journal is left out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from leomock.state.clock import duration
from leomock.state.journal import Exchange
from leomock.state.outbox import Event

# This fits on two screens; the beginning and the end of a run explain most failures.
FIRST_LINES = 15
LAST_LINES = 45

_REST_OF_PENDING = re.compile(r"(PENDING[^;]*);.*", re.DOTALL)


def story(exchanges: Sequence[Exchange], *, events: Sequence[Event] = (), forgotten: int = 0) -> str:
    """Format the exchanges of one key, oldest first, one line each; note generations never polled to the end.

    `events` are the webhook events of the key, `forgotten` is how many older exchanges the journal lost.
    """
    lines = [group.line for group in _grouped(exchanges)]
    if len(lines) > FIRST_LINES + LAST_LINES:
        left_out = len(lines) - FIRST_LINES - LAST_LINES
        note = f"… {left_out:,} lines left out; `requests` and GET /_leomock/requests have all …"
        lines[FIRST_LINES:-LAST_LINES] = [note]
    if forgotten:
        lines.insert(0, f"… {forgotten:,} older calls are forgotten (setting: journal) …")
    return "\n".join([*lines, *_unfinished(exchanges, events)])


@dataclass(slots=True)
class _Group:
    """Equal calls: readers need to see the last of them, and their number."""

    exchanges: list[Exchange] = field(default_factory=list)

    @property
    def line(self) -> str:
        *_, last = self.exchanges
        if len(self.exchanges) == 1:
            return str(last)
        first = self.exchanges[0]
        times = f"{len(self.exchanges):,} times in {duration(last.moment - first.moment)}"
        line = str(last).removeprefix(f"#{last.number} ")
        call, bar, answer = line.partition(" | ")
        return f"#{first.number}-#{last.number} {call}, {times}{bar}{answer}"


def _grouped(exchanges: Iterable[Exchange]) -> Iterator[_Group]:
    """Yield groups of exchanges: consecutive equal reads, and consecutive equal refusals of one call."""
    run: dict[str, _Group] = {}
    for exchange in exchanges:
        key = _key(exchange)
        is_read = exchange.method in ("GET", "HEAD")
        is_same = [*run] == [key] and exchange.status >= 400
        after_reads = all(other.startswith(("GET ", "HEAD ")) for other in run)
        if not is_same and not (is_read and after_reads):
            yield from run.values()
            run = {}
        run.setdefault(key, _Group()).exchanges.append(exchange)
    yield from run.values()


def _key(exchange: Exchange) -> str:
    """Return the line of an exchange without its number and without a job's remaining time."""
    line = str(exchange).removeprefix(f"#{exchange.number} ")
    return _REST_OF_PENDING.sub(r"\1", line)


def _unfinished(exchanges: Sequence[Exchange], events: Sequence[Event]) -> Iterator[str]:
    """Yield a note for each of the first generations that the client never saw finished, a common mistake."""
    notes = []
    for exchange in exchanges:
        id = _created_id(exchange)
        if not id or any(id in str(event.body) for event in events):
            continue
        reads = [other for other in exchanges if other.number > exchange.number and id in other.path]
        if not reads:
            notes.append(f"generation {id} (#{exchange.number}) was never read")
        elif all("PENDING" in str(read.answer) for read in reads):
            notes.append(
                f"generation {id} (#{exchange.number}) was still PENDING when it was last read "
                f"(#{reads[-1].number}), so it had no pictures yet"
            )
    if notes:
        yield ""
        yield from (f"Note: {note}." for note in notes[:3])
        if len(notes) > 3:
            yield f"Note: the same is true of {len(notes) - 3:,} more generations."
        yield (
            "What to do: read a generation until its status is COMPLETE or FAILED. "
            "With jobs='immediate' the first read is COMPLETE."
        )


def _created_id(exchange: Exchange) -> str:
    content = exchange.response_json if exchange.method == "POST" and exchange.status == 200 else None
    row = next(iter(content.values()), None) if isinstance(content, dict) else None
    id = row.get("generationId") if isinstance(row, dict) else None
    return id if isinstance(id, str) else ""
