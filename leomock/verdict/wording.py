"""Phrases that several rules share."""

from __future__ import annotations

from collections.abc import Sequence

from leomock.state.journal import Exchange
from leomock.state.redaction import one_line

# Timers may fire up to this much early.
TOLERANCE = 0.05

LONGEST_QUOTE = 80
MOST_NUMBERS = 10


# --- phrases ------------------------------------------------------------------------------------------------


def seconds_between(first: Exchange, second: Exchange) -> float:
    """Return the seconds of the world's clock from one exchange to another."""
    return second.moment - first.moment


def call_name(exchange: Exchange) -> str:
    """Return the operation id of an exchange, or its method and path."""
    return exchange.operation or one_line(f"{exchange.method} {exchange.path}")


def error_text(exchange: Exchange) -> str:
    """Return the text of an API error."""
    content = exchange.response_json if exchange.status >= 400 and exchange.channel == "api" else None
    text = content.get("error") if isinstance(content, dict) else None
    return text if isinstance(text, str) else ""


def quoted_error(exchange: Exchange) -> str:
    """Return the error text of an exchange in quotes."""
    return quote(error_text(exchange)) if error_text(exchange) else "no text"


def quote(text: str) -> str:
    """Return a text in quotes, on one line and shortened."""
    return f'"{shorten(one_line(text))}"'


def shorten(text: str) -> str:
    """Cut a text at `LONGEST_QUOTE` characters."""
    return text if len(text) <= LONGEST_QUOTE else f"{text[: LONGEST_QUOTE - 1]}…"


def exchange_numbers(exchanges: Sequence[Exchange]) -> str:
    """Return the numbers of exchanges; for many, only the first and the last."""
    names = [f"#{exchange.number}" for exchange in exchanges]
    if len(names) > MOST_NUMBERS:
        return f"{', '.join(names[: MOST_NUMBERS - 1])} … {names[-1]}"
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def format_times(number: int) -> str:
    """Return "once", "twice" or "N times"."""
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def count_noun(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def format_seconds(seconds: float) -> str:
    """Return a duration with its unit, to the millisecond."""
    return f"{max(seconds, 0.001):.3f}".rstrip("0").rstrip(".") + " s"
