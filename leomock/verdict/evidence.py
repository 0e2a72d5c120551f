"""The journal, prepared for the rules of the verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Sequence
from typing import Any, NamedTuple

from leomock.state.journal import Exchange
from leomock.state.outbox import Attempt, Event

# --- evidence -----------------------------------------------------------------------------------------------


class Read(NamedTuple):
    """A read of one generation: the `status` and number of `images` in the answer, if any.

    `arrived` is True if nothing is known to have damaged the answer on its way.
    """

    exchange: Exchange
    arrived: bool
    status: str
    images: int

    @property
    def is_empty_result(self) -> bool:
        """Return True if it reported a final status without images."""
        return self.status == "COMPLETE" and not self.images


class Evidence:
    """Exchanges and events, with the facts that several rules need."""

    def __init__(
        self, exchanges: Sequence[Exchange], events: Sequence[Event], budget: int | None = None
    ) -> None:
        self.budget = budget
        self.exchanges = sorted(exchanges, key=lambda exchange: exchange.number)
        self.events = list(events)
        self.reads: dict[str, list[Read]] = {}
        self.alike: dict[Hashable, list[Exchange]] = {}
        for exchange in self.exchanges:
            if exchange.operation == "getGenerationById":
                id = exchange.path.rstrip("/").rpartition("/")[2].lower()
                self.reads.setdefault(id, []).append(_read(exchange))
            # If a body was not kept whole, a repeated request cannot be recognised.
            if exchange.channel == "api" and len(exchange.request_body) == exchange.request_size:
                self.alike.setdefault(_call(exchange), []).append(exchange)

    def uploads(self) -> Iterator[tuple[Exchange, str, str]]:
        """Return the forms that the bucket rejected, with the code and message of its answer.

        Forms that a scenario rejected are left out: they may have been correct.
        """
        for exchange in self.exchanges:
            refused = is_upload(exchange) and exchange.status >= 400
            if refused and not exchange.rules:
                yield exchange, _element(exchange, "Code"), _element(exchange, "Message")

    def deliveries(self) -> Iterator[list[tuple[Event, Attempt]]]:
        """Return the attempts of each event, including those of its copies, in chronological order."""
        groups: dict[str, list[tuple[Event, Attempt]]] = {}
        for event in self.events:
            text = json.dumps([event.type, event.body], sort_keys=True)
            groups.setdefault(text, []).extend((event, attempt) for attempt in event.attempts)
        for attempts in groups.values():
            yield sorted(attempts, key=lambda pair: pair[1].moment)


def is_upload(exchange: Exchange) -> bool:
    """Return True if an exchange sends a file to the bucket."""
    return exchange.channel == "upload" and exchange.method in ("POST", "PUT")


def _call(exchange: Exchange) -> Hashable:
    """Return the properties that two exchanges share if one repeats the other."""
    key = exchange.request_headers.get("authorization", "")
    return exchange.method, exchange.path, exchange.query, exchange.request_body, key


def _read(exchange: Exchange) -> Read:
    content = exchange.response_json if exchange.status == 200 else None
    row = content.get("generations_by_pk") if isinstance(content, dict) else None
    if not isinstance(row, dict):
        return Read(exchange, answer_arrived(exchange), "", 0)
    images = row.get("generated_images")
    number = len(images) if isinstance(images, list) else 0
    return Read(exchange, answer_arrived(exchange), str(row.get("status")), number)


def answer_arrived(exchange: Exchange) -> bool:
    """Return True if the client got the answer as recorded; it may have given up during a delay."""
    return not exchange.breakage and not exchange.delay


def created_values(exchange: Exchange) -> dict[str, Any]:
    """Return the values inside the envelope of an answer; empty if they are not an object."""
    content = exchange.response_json if exchange.channel == "api" and exchange.status == 200 else None
    if not isinstance(content, dict) or len(content) != 1:
        return {}
    (value,) = content.values()
    return value if isinstance(value, dict) else {}


def credit_cost(exchange: Exchange) -> int | None:
    """Return the reported cost of a call; None if it was not executed or costs nothing."""
    cost = created_values(exchange).get("apiCreditCost")
    return cost if isinstance(cost, int) and cost > 0 else None


def _element(exchange: Exchange, name: str) -> str:
    """Return the text of an S3 error's element, as it is in the XML."""
    found = re.search(
        rf"<{name}>(.*?)</{name}>", exchange.response_body.decode("utf-8", "replace"), re.DOTALL
    )
    return found[1] if found else ""
