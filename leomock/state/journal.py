"""Keep the newest exchanges of a world, for tests and people to read."""

from __future__ import annotations

import base64
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, islice
from typing import Any, Literal, TypeAlias

import orjson

from leomock.state.answer_text import summarize
from leomock.state.clock import timestamp
from leomock.state.journal_budget import JournalBudget
from leomock.state.matching import ABSENT, child_values, differences, path_test, status_test
from leomock.state.redaction import SECRET_HEADERS, SECRET_SPELLINGS, one_line, redacted_header

Channel: TypeAlias = Literal["api", "upload", "cdn", "webhook"]
Headers: TypeAlias = Sequence[tuple[bytes | str, bytes | str]]

# Bodies nested deeper are not parsed: orjson writes 254 levels, and no client of this API sends ten.
DEEPEST = 64
# Roughly the memory of an exchange besides its texts and bodies.
ENTRY_BYTES = 500
_BREAKAGE_WORDS = {"client_disconnected": "the client disconnected before it came"}

# A stored exchange as `add` got it, with keys shortened and long bodies cut; `_exchange` names the fields.
_Entry: TypeAlias = tuple[
    *tuple[int, float, Channel, str, str, str, str],
    *tuple[bytes, bytes, int, Headers, bytes],
    *tuple[Sequence[str], str, float, str, float, int, int],
]


# The header in which an MCP server of this process names its tool.
TOOL_HEADER = "x-leomock-tool"


@dataclass(slots=True, repr=False)
class Exchange:
    """One request and its response.

    `number` counts from 1. `moment` is by the world's clock, in seconds since 1970 (UTC); `milliseconds` is
    how long the answer took by the machine's clock. `operation` is an id, or '' for an unknown path. `path`
    and `query` are as they were on the wire. Header names are in lower case, repeated headers are joined by
    commas, and API keys are shortened. `rules` are the names of the scenario rules that applied. `breakage`
    is how they broke the response (`reset`, `truncate`, `stall`, `wrong_content_type`, `malformed_json`, or
    ''), or `client_disconnected` if the client did not wait for it; the response is kept as it was before.
    `delay` is for how many seconds the rules held it back. `cut` is true if a body was too long to be kept
    whole; `request_size` and `response_size` are the full sizes in bytes.
    """

    number: int
    moment: float
    channel: Channel
    operation: str
    method: str
    path: str
    query: str = ""
    request_headers: dict[str, str] = field(default_factory=dict)
    request_body: bytes = b""
    status: int = 200
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: bytes = b""
    rules: list[str] = field(default_factory=list)
    explain: str = ""
    milliseconds: float = 0.0
    breakage: str = ""
    delay: float = 0.0
    cut: bool = False
    request_size: int = -1
    response_size: int = -1

    def __post_init__(self) -> None:
        if self.request_size < 0:
            self.request_size = len(self.request_body)
        if self.response_size < 0:
            self.response_size = len(self.response_body)

    @property
    def tool(self) -> str:
        """The MCP tool that made the call; '' if the call did not come from a tool of this process."""
        return self.request_headers.get(TOOL_HEADER, "")

    @property
    def created(self) -> str:
        """The moment as text, e.g. `2024-04-20T14:33:28.258Z`."""
        return f"{timestamp(self.moment)}Z"

    @property
    def request_json(self) -> Any:
        """The request's body, parsed; None if it is not JSON or was cut."""
        return _json_or_none(self.request_body)

    @property
    def response_json(self) -> Any:
        """The response's body, parsed; None if it is not JSON or was cut."""
        return _json_or_none(self.response_body)

    @property
    def answer(self) -> str:
        """The response in a few words, such as `COMPLETE, 2 pictures`; '' if there is nothing to add."""
        content = self.response_json if self.channel == "api" else None
        answer = summarize(self.status, content, self.explain, by_rule=bool(self.rules))
        if not self.breakage:
            return answer
        broken = _BREAKAGE_WORDS.get(self.breakage, f"broken: {self.breakage}")
        return f"{answer}; {broken}" if answer else broken

    def __str__(self) -> str:
        call = f"{self.method} {one_line(self.path)} {self.operation or self.channel}"
        answer = self.answer
        return f"#{self.number} {call} {self.status}" + (f" | {answer}" if answer else "")

    def __repr__(self) -> str:
        return f"<Exchange {self}>"

    @property
    def json(self) -> Any:
        """The request's body, parsed (see `request_json`)."""
        return self.request_json

    @property
    def body(self) -> bytes:
        """The request's body."""
        return self.request_body

    @property
    def headers(self) -> dict[str, str]:
        """The request's headers; names are in lower case."""
        return self.request_headers

    def as_json(self) -> dict[str, Any]:
        """The exchange as JSON values; a body is under `json`, `text` or `base64` by its content."""
        return {
            "number": self.number,
            "created": self.created,
            "channel": self.channel,
            "operation": self.operation,
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "status": self.status,
            "rules": self.rules,
            "breakage": self.breakage,
            "delay": self.delay,
            "explain": self.explain,
            "milliseconds": round(self.milliseconds, 3),
            "cut": self.cut,
            "request": _half(self.request_headers, self.request_body, self.request_size),
            "response": _half(self.response_headers, self.response_body, self.response_size),
        }


class Journal:
    """The newest exchanges: at most `size`, with at most `most_bytes` bytes of headers and bodies.

    It keeps the first `longest_body` bytes of each body, and always keeps the newest exchange, regardless of
    its size. `budget` limits the total size of several journals.
    """

    def __init__(
        self,
        size: int = 1000,
        longest_body: int = 65536,
        most_bytes: int = 16 * 2**20,
        budget: JournalBudget | None = None,
    ) -> None:
        if size < 1 or longest_body < 0:
            raise ValueError(f"Journal(size={size}, longest_body={longest_body}): at least 1 and 0")
        self._entries: deque[_Entry] = deque()
        self._sizes: deque[int] = (
            deque()
        )  # size of each entry in bytes, without what it shares with an earlier one
        self._bytes = 0
        self._most = size
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._numbers = count(1)
        self._cleared = 0
        self._longest_body = longest_body
        self._last_headers = (0, b"")  # a fingerprint and the packed headers
        self._last_body = b""
        self._disconnected: set[int] = set()
        self._budget = budget
        if budget:
            budget.add(self)

    def add(
        self,
        *,
        moment: float,
        channel: Channel,
        operation: str,
        method: str,
        path: str,
        query: str,
        request_headers: Headers,
        request_body: bytes,
        status: int,
        response_headers: Headers,
        response_body: bytes,
        rules: Sequence[str] = (),
        explain: str = "",
        milliseconds: float = 0.0,
        breakage: str = "",
        delay: float = 0.0,
    ) -> int:
        """Keep an exchange and return its number; `path` and `query` as they were on the wire.

        Every call pays for this, so everything is stored as it is and parsed only when somebody reads the
        journal: do not change the sequences afterwards. Only API keys are shortened at once, so that no whole
        key is ever stored. Any thread may call it.
        """
        request_size, response_size = len(request_body), len(response_body)
        request_body = request_body[: self._longest_body]
        packed, cost_of_headers = self._shared_headers(request_headers)
        response_body, cost_of_body = self._shared_body(response_body[: self._longest_body])
        texts = len(request_body) + len(path) + len(query) + len(explain)
        cost = ENTRY_BYTES + texts + cost_of_headers + cost_of_body
        with self._lock:
            number = next(self._numbers)
            self._make_room(cost)
            self._sizes.append(cost)
            self._entries.append(
                (
                    number,
                    moment,
                    channel,
                    operation,
                    method,
                    path,
                    query,
                    packed,
                    request_body,
                    status,
                    tuple(response_headers),
                    response_body,
                    tuple(rules),
                    explain,
                    milliseconds,
                    breakage,
                    delay,
                    request_size,
                    response_size,
                )
            )
        if self._budget:
            self._budget.grow(cost)
        return number

    # Clients poll: most calls repeat the headers, and most answers the body, of the one before. Sharing them
    # keeps a thousand exchanges in the processor's cache.

    def _shared_headers(self, headers: Headers) -> tuple[bytes, int]:
        """Return packed headers and their size; it is 0 if they are those of the last exchange."""
        fingerprint = hash(tuple(headers))
        last, packed = self._last_headers
        if fingerprint == last:
            return packed, 0
        packed = _packed(headers)
        self._last_headers = (fingerprint, packed)
        return packed, len(packed)

    def _shared_body(self, body: bytes) -> tuple[bytes, int]:
        """Return a response's body and its size; it is 0 if the body is that of the last exchange."""
        if body == self._last_body:
            return self._last_body, 0
        self._last_body = body
        return body, len(body)

    @property
    def size(self) -> int:
        """The approximate size of the exchanges in bytes."""
        return self._bytes

    def shrink(self, size: int) -> None:
        """Drop the oldest exchanges until at most `size` bytes are left, but keep the newest exchange."""
        with self._lock:
            while len(self._entries) > 1 and self._bytes > size:
                self._entries.popleft()
                self._bytes -= self._sizes.popleft()

    def _make_room(self, cost: int) -> None:
        """Drop the oldest exchanges until one of `cost` bytes fits."""
        self._bytes += cost
        while self._entries and (len(self._entries) >= self._most or self._bytes > self._most_bytes):
            self._entries.popleft()
            self._bytes -= self._sizes.popleft()

    def mark_disconnected(self, number: int) -> None:
        """Note that the client of an exchange disconnected before its delayed answer was sent."""
        oldest = next(iter(self), None)
        self._disconnected = {
            number,
            *(each for each in self._disconnected if oldest and each >= oldest.number),
        }

    def tail(self, most: int) -> list[Exchange]:
        """Return the newest exchanges, oldest first: `most` of them, or all if there are fewer."""
        entries = list(islice(reversed(tuple(self._entries)), most))
        return [self._readable(entry) for entry in reversed(entries)]

    def select(
        self,
        operation: str | None = None,
        status: int | str | None = None,
        method: str | None = None,
        path: str | None = None,
        rule: str | None = None,
        body: Mapping[str, Any] | None = None,
        since: int | None = None,
        limit: int | None = None,
    ) -> list[Exchange]:
        """Return the exchanges that match every given filter, oldest first; at most the `limit` newest.

        `status` is a number or a class (`"4xx"`). In `path`, `*` matches anything. `body` is a part of the
        request's JSON (see `differences`). `since` is the number of the last exchange already seen. Raises
        ValueError for an invalid status or limit.
        """
        fits_status, fits_path = status_test(status), path_test(path)
        if limit is not None and limit < 0:
            raise ValueError(f"limit={limit}: use 0 or more")
        found: list[Exchange] = []
        # Parse only the exchanges that match: parsing takes far longer than finding them.
        for entry in reversed(tuple(self._entries)):
            if (limit is not None and len(found) >= limit) or (since is not None and entry[0] <= since):
                break
            if (
                (operation is None or entry[3] == operation)
                and (method is None or _text(entry[4]) == method.upper())
                and (rule is None or rule in entry[12])
                and fits_status(entry[9])
                and fits_path(_text(entry[5]))
                and (body is None or next(differences(body, _json_or_none(entry[8])), None) is None)
            ):
                found.append(self._readable(entry))
        return found[::-1]

    def newest(self, method: str, path_end: str, fits: Callable[[bytes], bool]) -> int:
        """Return the number of the newest exchange with status 200 whose response body fits; 0 if none does.

        This reads the stored entries directly: much faster than `select`, since a client may poll for this.
        """
        for entry in reversed(tuple(self._entries)):
            is_call = entry[4] == method and entry[9] == 200 and entry[5].lower().endswith(path_end)
            if is_call and fits(entry[11]):
                return entry[0]
        return 0

    def clear(self) -> None:
        """Forget all exchanges; numbering continues, so that `since` keeps its meaning."""
        with self._lock:
            while self._entries:
                self._cleared = self._entries.popleft()[0]
            self._sizes.clear()
            self._bytes = 0
            self._last_headers, self._last_body = (0, b""), b""

    @property
    def last(self) -> int:
        """The number of the newest exchange, even if it was cleared; 0 before the first."""
        entries = tuple(self._entries)
        return entries[-1][0] if entries else self._cleared

    @property
    def forgotten(self) -> int:
        """The number of exchanges dropped for newer ones since the last `clear`."""
        entries = tuple(self._entries)
        return entries[-1][0] - self._cleared - len(entries) if entries else 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Exchange]:
        # A copy, since other threads may add exchanges meanwhile.
        return map(self._readable, tuple(self._entries))

    def _readable(self, entry: _Entry) -> Exchange:
        exchange = _exchange(entry)
        if exchange.number in self._disconnected:
            exchange.breakage = "client_disconnected"
        return exchange


def _packed(headers: Headers) -> bytes:
    """Join headers into one bytes object: dozens of small objects per call slow down every later call."""
    parts: list[Any] = []
    for pair in headers:
        parts += redacted_header(pair) if pair[0] in SECRET_SPELLINGS else pair
    try:
        packed = b"\0".join(parts)
    except TypeError:  # ASGI passes bytes, other callers text
        return _packed([(_encoded(name), _encoded(value)) for name, value in headers])
    if packed.count(b"\0") < max(len(parts), 1):
        return packed
    # HTTP does not allow NUL in a header, but other callers might pass one.
    return b"\0".join(part.replace(b"\0", b" ") for part in parts)


def _encoded(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "replace")


def _unpacked(packed: bytes) -> Headers:
    parts = packed.split(b"\0") if packed else []
    return list(zip(parts[::2], parts[1::2], strict=False))


# --- reading ------------------------------------------------------------------------------------------------


def _exchange(entry: _Entry) -> Exchange:
    number, moment, channel, operation, method, path, query = entry[:7]
    request_headers, request_body, status, response_headers, response_body = entry[7:12]
    rules, explain, milliseconds, breakage, delay, request_size, response_size = entry[12:]
    return Exchange(
        number,
        moment,
        channel,
        operation,
        _text(method),
        _text(path),
        _text(query),
        _headers(_unpacked(request_headers)),
        request_body,
        status,
        _headers(response_headers),
        response_body,
        list(rules),
        _text(explain),
        milliseconds,
        breakage,
        delay,
        cut=request_size > len(request_body) or response_size > len(response_body),
        request_size=request_size,
        response_size=response_size,
    )


def _headers(pairs: Headers) -> dict[str, str]:
    headers: dict[str, str] = {}
    for pair in pairs:
        name = _text(pair[0]).lower()
        # A name in an unusual spelling was not redacted when it was added.
        value = _text(
            redacted_header(pair)[1]
            if name in SECRET_HEADERS and pair[0] not in SECRET_SPELLINGS
            else pair[1]
        )
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _text(value: bytes | str) -> str:
    """Return a text that can be encoded as UTF-8."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return value.decode("latin-1")
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def _parsed(body: bytes) -> Any:
    """Parse a body as JSON. Returns ABSENT if it is not JSON or too deeply nested to be written again."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ABSENT
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return value
    level = [value]
    for _ in range(DEEPEST):
        level = [item for nest in level for item in child_values(nest)]
    return ABSENT if any(isinstance(item, dict | list) for item in level) else value


def _json_or_none(body: bytes) -> Any:
    value = _parsed(body)
    return None if value is ABSENT else value


def _half(headers: dict[str, str], body: bytes, size: int) -> dict[str, Any]:
    half: dict[str, Any] = {"headers": headers, "size": size}
    if not body:
        return half
    if (value := _parsed(body)) is not ABSENT:
        half["json"] = value
    elif (text := body_text(body, cut=size > len(body))) is not None:
        half["text"] = text
    else:
        half["base64"] = base64.b64encode(body).decode()
    return half


def body_text(body: bytes, *, cut: bool) -> str | None:
    """Decode a body, or return None if it is not text. A character cut in half at the end is dropped."""
    if b"\0" in body:
        return None
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        if cut and error.reason == "unexpected end of data":
            return body[: error.start].decode()
        return None
