"""Rules for agents: for calls that an MCP tool of this process made."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from leomock.leonardo.uuids import is_uuid
from leomock.state.journal import Exchange
from leomock.verdict.evidence import Evidence, Read, answer_arrived, created_values, credit_cost
from leomock.verdict.registry import Seen, rule
from leomock.verdict.wording import call_name, count_noun, exchange_numbers, format_times, quoted_error


@rule(
    "agent-created-again-while-pending",
    why="PENDING is not a failure: the first job continues, and the second one costs the same again.",
    remedy="Tell the agent to wait while a job is PENDING; the tools that read have an argument for that.",
)
def agent_created_again_while_pending(evidence: Evidence) -> Iterator[Seen]:
    """A tool sent the same paid call again after reading that the first job was PENDING.

    Only calls made by MCP tools are judged. What cannot be seen: an agent that words its prompt differently
    the second time, and one that wants the same picture twice.
    """
    for calls in evidence.alike.values():
        paid = [call for call in calls if call.tool and credit_cost(call) is not None]
        for first, again in pairwise(paid):
            reads = _reads_of(evidence, first, again)
            if reads and all(read.arrived and read.status == "PENDING" for read in reads):
                yield Seen(
                    [first, *(read.exchange for read in reads), again],
                    f"The tool {again.tool} sent the call of {exchange_numbers([first])} again in "
                    f"{exchange_numbers([again])}, where {exchange_numbers([reads[-1].exchange])} had said "
                    f"PENDING, so that {count_noun(credit_cost(again) or 0, 'credit')} more were spent.",
                )


@rule(
    "agent-ignored-tool-error",
    why="A failed call creates nothing, and an id that appears in no response is made up.",
    remedy="Tell the agent to stop at a tool error, and to do what the error suggests.",
)
def agent_ignored_tool_error(evidence: Evidence) -> Iterator[Seen]:
    """After a creation failed, a tool read a generation that does not exist and that no response had named.

    Only calls made by MCP tools are judged. What cannot be seen: an agent that goes on with another task, and
    an id that the agent got from its user.
    """
    failed: Exchange | None = None
    named = b""
    for exchange in evidence.exchanges:
        creates = exchange.tool and exchange.channel == "api" and exchange.method == "POST"
        if creates and answer_arrived(exchange):
            failed = exchange if exchange.status >= 400 else None
        elif failed and exchange.tool and _is_missing(exchange) and _last_id(exchange).encode() not in named:
            yield Seen(
                [failed, exchange],
                f"{call_name(failed)} failed in {exchange_numbers([failed])} ({quoted_error(failed)}), and "
                f"the tool {exchange.tool} read {_last_id(exchange)} in {exchange_numbers([exchange])}, "
                "which no answer had named.",
            )
            failed = None
        named += exchange.response_body


@rule(
    "agent-fetched-pictures-again",
    why="Pictures fill a model's context: fetching one that it has already seen costs time and tokens again.",
    remedy="Tell the agent to ask for pictures only once, and otherwise to read without them.",
)
def agent_fetched_pictures_again(evidence: Evidence) -> Iterator[Seen]:
    """A tool fetched the same picture more than once.

    Only calls made by MCP tools are judged. What cannot be seen: whether the model needed the picture the
    first time, and whether its context has been shortened since.
    """
    fetched: dict[str, list[Exchange]] = {}
    for exchange in evidence.exchanges:
        if exchange.tool and exchange.channel == "cdn" and exchange.status == 200:
            fetched.setdefault(exchange.path, []).append(exchange)
    for path, exchanges in fetched.items():
        if len(exchanges) > 1:
            yield Seen(
                exchanges,
                f"{path.rpartition('/')[2]} was fetched {format_times(len(exchanges))} "
                f"({exchange_numbers(exchanges)}), the last time by the tool {exchanges[-1].tool}.",
            )


def _reads_of(evidence: Evidence, first: Exchange, again: Exchange) -> list[Read]:
    """Return the reads of what the first call made, up to the second."""
    ids = [value.lower() for value in created_values(first).values() if isinstance(value, str)]
    return [
        read
        for id in ids
        for read in evidence.reads.get(id, ())
        if first.number < read.exchange.number < again.number
    ]


def _is_missing(exchange: Exchange) -> bool:
    """Return True if an exchange read a generation that does not exist."""
    body = exchange.response_json
    missing = isinstance(body, dict) and body.get("generations_by_pk", "") is None
    return exchange.operation == "getGenerationById" and missing and is_uuid(_last_id(exchange))


def _last_id(exchange: Exchange) -> str:
    return exchange.path.rstrip("/").rpartition("/")[2]
