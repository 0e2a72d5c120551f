"""Assertions about the recorded calls, and their failure messages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple
from urllib.parse import parse_qs

from leomock.openapi.suggest import suggestion
from leomock.state.journal import Exchange
from leomock.state.matching import ABSENT, Difference, differences, status_test
from leomock.state.redaction import one_line

MOST_LINES = 10
LONGEST_LINE = 120
LONGEST_VALUE = 60
LONGEST_CRITERION = 200


def assert_called(
    exchanges: Iterable[Exchange],
    operation: str,
    *,
    times: int | None = None,
    body: Mapping[str, Any] | None = None,
    status: int | str | None = None,
    query: Mapping[str, Any] | None = None,
    at_least: int | None = None,
    at_most: int | None = None,
    known_operations: Iterable[str] = (),
    forgotten: int = 0,
) -> list[Exchange]:
    """Return the calls of an operation that match; raise AssertionError if their number is wrong.

    The expected number is `times`, or between `at_least` (default 1) and `at_most`. `body` is a part of the
    request's JSON: a name may be a path (`controlnets.0.weight`), objects may have additional members, and a
    compiled pattern is searched in a string. `query` is a part of the query. `status` is a number or a class
    (`"4xx"`). The assertion fails for an id that is not among `known_operations`. It also fails if there is
    an upper limit and the journal has `forgotten` some exchanges, because they may have matched. Raises
    ValueError if the expectation itself is invalid.
    """
    __tracebackhide__ = True
    try:
        expected = _expected(operation, times, at_least, at_most, body, status, query)
    except ValueError as error:
        # Raise it again here, so that pytest shows the line of the test and not this module.
        raise ValueError(str(error)) from None
    came = list(exchanges)
    fitting = [
        exchange for exchange in came if exchange.operation == operation and not expected.misses(exchange)
    ]
    if complaint := _complaint(expected, came, fitting, tuple(known_operations), forgotten):
        raise AssertionError(complaint)
    return fitting


def assert_not_called(
    exchanges: Iterable[Exchange],
    operation: str,
    *,
    body: Mapping[str, Any] | None = None,
    status: int | str | None = None,
    query: Mapping[str, Any] | None = None,
    known_operations: Iterable[str] = (),
    forgotten: int = 0,
) -> None:
    """Raise AssertionError if a call of an operation matches; the arguments are those of `assert_called`."""
    __tracebackhide__ = True
    assert_called(
        exchanges,
        operation,
        times=0,
        body=body,
        status=status,
        query=query,
        known_operations=known_operations,
        forgotten=forgotten,
    )


class _Expected(NamedTuple):
    """The expected calls: how many, and with which properties."""

    operation: str
    low: int
    high: int | None
    body: Mapping[str, Any]
    status: int | str | None
    query: Mapping[str, Any]

    def misses(self, exchange: Exchange) -> list[str]:
        """Return how a call of the operation differs from the expectation, one line per difference."""
        misses = []
        if not status_test(self.status)(exchange.status):
            misses.append(_status_miss(self.status, exchange.status))
        if self.query:
            found = _query(exchange.query, self.query)
            misses += [_miss(difference, "query ") for difference in differences(self.query, found)]
        if self.body:
            content = exchange.request_json
            if content is None:
                misses.append(_no_json(exchange))
            else:
                misses += [_miss(difference) for difference in differences(self.body, content)]
        return misses


def _expected(
    operation: str,
    times: int | None,
    at_least: int | None,
    at_most: int | None,
    body: Mapping[str, Any] | None,
    status: int | str | None,
    query: Mapping[str, Any] | None,
) -> _Expected:
    low, high = (1 if at_least is None else at_least, at_most) if times is None else (times, times)
    if times is not None and (at_least is not None or at_most is not None):
        raise ValueError("use either times, or at_least and at_most")
    if low < 0 or (high is not None and high < low):
        raise ValueError(_impossible(times, at_least, at_most))
    status_test(status)
    texts = {name: _query_text(value) for name, value in (query or {}).items()}
    return _Expected(operation, low, high, body or {}, status, texts)


def _query(query: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return the query parameters as text; a list if a name repeats or a list is expected."""
    return {
        name: texts if len(texts) > 1 or isinstance(wanted.get(name), list) else texts[0]
        for name, texts in parse_qs(query, keep_blank_values=True).items()
    }


def _query_text(value: Any) -> Any:
    """Return an expected value as it is written in a query."""
    if isinstance(value, list | tuple):
        return [_query_text(item) for item in value]
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return value


# --- wording ------------------------------------------------------------------------------------------------


def _complaint(
    expected: _Expected,
    came: Sequence[Exchange],
    fitting: Sequence[Exchange],
    known_operations: Sequence[str],
    forgotten: int,
) -> str:
    """Return why the expectation is not met, or '' if it is met."""
    if known_operations and expected.operation not in known_operations:
        return _unknown(expected.operation, known_operations)
    enough = len(fitting) >= expected.low
    if enough and (expected.high is None or len(fitting) <= expected.high):
        if forgotten and expected.high is not None:
            return f"{_headline(expected, len(fitting), 0)}.\n\n{_forgot(forgotten)}"
        return ""
    calls = [exchange for exchange in came if exchange.operation == expected.operation]
    others = [exchange for exchange in calls if expected.misses(exchange)]
    parts = [f"{_headline(expected, len(fitting), len(others))}."]
    if others and not enough:
        parts.append(_nearest(expected, others))
    parts.append(_listing(expected, came, calls, fitting))
    if forgotten:
        parts.append(_forgot(forgotten))
    return "\n\n".join(parts)


def _headline(expected: _Expected, fit: int, differ: int) -> str:
    more = f" (and {differ} that differ{'s' if differ == 1 else ''})" if differ else ""
    return f"leomock: {expected.operation}: expected {_count(expected)}{_criteria(expected)}, got {fit}{more}"


def _count(expected: _Expected) -> str:
    low, high = expected.low, expected.high
    if high is None:
        return f"at least {low} call{_s(low)}"
    if high == 0:
        return "no call"
    if low == high:
        return f"exactly {low} call{_s(low)}"
    return f"at most {high} call{_s(high)}" if low == 0 else f"{low} to {high} calls"


def _criteria(expected: _Expected) -> str:
    criteria = []
    if expected.status is not None:
        criteria.append(f"status {expected.status}")
    if expected.query:
        criteria.append(f"query {_cut(_shown(expected.query), LONGEST_CRITERION)}")
    if expected.body:
        criteria.append(f"body {_cut(_shown(expected.body), LONGEST_CRITERION)}")
    return f" with {' and '.join(criteria)}" if criteria else ""


def _nearest(expected: _Expected, others: Sequence[Exchange]) -> str:
    """Describe the call with the fewest differences; if several are equally close, the last one."""
    nearest = min(others, key=lambda exchange: (len(expected.misses(exchange)), -exchange.number))
    return "\n  ".join([f"The nearest is #{nearest.number}:", *expected.misses(nearest)])


def _listing(
    expected: _Expected, came: Sequence[Exchange], calls: Sequence[Exchange], fitting: Sequence[Exchange]
) -> str:
    if not came:
        return "Nothing came at all."
    if not calls:
        return "\n  ".join(["What came instead:", *_last_lines([_line(exchange) for exchange in came])])
    if len(fitting) in (0, len(calls)):
        title, marks = f"Calls of {expected.operation}:", [""] * len(calls)
    else:
        title = f"Calls of {expected.operation} (* fits):"
        marks = ["  " if expected.misses(exchange) else "* " for exchange in calls]
    lines = [mark + _line(exchange, "") for mark, exchange in zip(marks, calls, strict=True)]
    return "\n  ".join([title, *_last_lines(lines)])


def _last_lines(lines: Sequence[str]) -> Iterator[str]:
    if len(lines) > MOST_LINES:
        yield f"… {len(lines) - MOST_LINES} before"
    yield from lines[-MOST_LINES:]


def _line(exchange: Exchange, name: str | None = None) -> str:
    """Describe one call: its number, operation (or channel), method, address, status and body."""
    name = f"{exchange.operation or exchange.channel} " if name is None else name
    query = f"?{exchange.query}" if exchange.query else ""
    content = exchange.request_json
    body = f" {_shown(content)}" if content is not None else ""
    if not body and exchange.request_size:
        body = f" ({exchange.request_size} bytes)"
    address = one_line(f"{exchange.method} {exchange.path}{query}")
    return _cut(f"#{exchange.number} {name}{address} {exchange.status}{body}", LONGEST_LINE)


def _miss(difference: Difference, prefix: str = "") -> str:
    """Describe how one value differs."""
    name = prefix + one_line(difference.name or "body")
    wanted, found = difference.wanted, difference.found
    if found is ABSENT:
        return f"{name}: expected {_cut(_shown(wanted), LONGEST_VALUE)}, missing"
    kind, other = _kind(wanted), _kind(found)
    note = ""
    if kind and kind != other and "null" not in (kind, other):
        note = f" ({other}, not {kind})"
    elif isinstance(wanted, list | tuple) and len(wanted) != len(found):
        note = f" ({len(found)} item{_s(len(found))}, not {len(wanted)})"
    shown, came = _side_by_side(_shown(wanted), _shown(found))
    return f"{name}: expected {shown}, got {came}{note}"


def _status_miss(wanted: int | str | None, found: int) -> str:
    return f"status: expected {wanted}, got {found}"


def _no_json(exchange: Exchange) -> str:
    size, kept = exchange.request_size, len(exchange.request_body)
    if not size:
        return "body: expected JSON, got nothing"
    if kept < size:
        return f"body: cannot be compared, only {kept} of its {size} bytes were kept"
    return f"body: expected JSON, got {size} byte{_s(size)} that {'is' if size == 1 else 'are'} not JSON"


def _unknown(operation: str, known: Sequence[str]) -> str:
    near = suggestion(operation, dict.fromkeys(known)) or "; GET /_leomock/openapi.json names them all"
    return f"leomock: there is no operation '{one_line(operation)}'{near}"


def _forgot(forgotten: int) -> str:
    return (
        f"The journal has forgotten {forgotten} older exchange{_s(forgotten)}, which may have been such "
        "calls: clear it earlier, or make it longer."
    )


def _impossible(times: int | None, at_least: int | None, at_most: int | None) -> str:
    if times is not None:
        return f"times={times}: use 0 or more"
    if at_least is None:
        return f"at_most={at_most}: use 1 or more, assert_not_called, or at_least=0 as well"
    if at_most is None:
        return f"at_least={at_least}: use 0 or more"
    return f"at_least={at_least}, at_most={at_most}: no number of calls is both"


def _side_by_side(wanted: str, found: str) -> tuple[str, str]:
    """Shorten two long texts to start shortly before their first difference, so that it is visible."""
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(wanted, found, strict=False)))
    if max(len(wanted), len(found)) > LONGEST_VALUE and alike > LONGEST_VALUE // 2:
        begin = alike - LONGEST_VALUE // 4
        wanted, found = f"…{wanted[begin:]}", f"…{found[begin:]}"
    return _cut(wanted, LONGEST_VALUE), _cut(found, LONGEST_VALUE)


def _shown(value: Any) -> str:
    """Format a value as JSON, a pattern between slashes, and anything else with `repr`."""
    if isinstance(value, re.Pattern):
        return one_line(f"/{value.pattern}/")
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_shown(str(name))}: {_shown(item)}' for name, item in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_shown, value))}]"
    if value is None or isinstance(value, str | bool | int | float):
        return one_line(json.dumps(value, ensure_ascii=False))
    return one_line(repr(value))


def _kind(value: Any) -> str:
    """Return the JSON type of a value; '' if it is not a JSON value."""
    kinds: tuple[tuple[Any, str], ...] = (
        (type(None), "null"),
        (bool, "a boolean"),
        (int | float, "a number"),
        (str | re.Pattern, "a string"),
        (list | tuple, "an array"),
        (Mapping, "an object"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), "")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _s(number: int) -> str:
    return "" if number == 1 else "s"
