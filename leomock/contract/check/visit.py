"""A client on its journey through a server: its calls, the responses, and what was wrong.

Every API response is judged as it arrives: its content type, its shape by the strict contract, the time it
took, and whether it shows the API key. Journeys state further expectations with `expect` and `require`.
"""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import urlsplit

import httpx

from leomock.contract.check.target import VERSION, Target, named
from leomock.contract.reports.model import Level
from leomock.contract.strict import JSON, Addition, answer_validators, shown
from leomock.leonardo.errors import ApiError
from leomock.openapi.spec import Versions

LONGEST_SHOWN = 300
# A job that stays PENDING is polled at growing intervals, from 0.25 to 5 seconds. The first polls follow each
# other at once, for servers that count polls.
QUICK_READS, FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 4, 0.25, 5.0
# Once a job did not end in time, later jobs get only this long.
IMPATIENT_SECONDS = 1.0
# How long the time that a server once told is believed.
CLOCK_RUNS_ON = timedelta(seconds=5)
# QUEUED is for executions of blueprints only; the shape of the other jobs' answers does not allow it.
UNDER_WAY = ("PENDING", "QUEUED")


# What reading an answer raises whose objects, lists and values are not where the documents have them.
OTHER_FORM = (AttributeError, KeyError, IndexError, TypeError, ValueError)
# Reports an expectation of a probe: whether it holds, the operation, and a sentence for when it does not.
Tell = Callable[[object, str, str], None]


class Skipped(Exception):
    """A journey that cannot run on this server; the text says why."""


class Problem(Exception):
    """An unexpected result after which a journey cannot continue."""


@dataclass(frozen=True, slots=True)
class Broken:
    """One broken promise: the property, the operation, and a sentence about the result."""

    rule: str
    operation: str
    message: str
    steps: tuple[Step, ...] = ()
    level: Level = "error"


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a journey and its response."""

    method: str
    url: str
    body: bytes
    content_type: str
    authorization: str
    status: int
    answer: bytes
    operation: str = ""

    def curl(self, keys: Mapping[str, str]) -> str:
        """Return a shell command that repeats the call; keys come from the variables that `keys` names."""
        line = {"GET": "curl -i", "HEAD": "curl -I"}.get(self.method, f"curl -i -X {self.method}")
        if self.authorization:
            line += f' -H "authorization: {self.authorization}"'
        if self.body and self.content_type.startswith("multipart/"):
            for name, value in _form_fields(self.content_type, self.body):
                line += f" --form-string {shlex.quote(f'{name}={value}')}"
            line += " -F file=@picture.jpg"
        elif self.body:
            line += f" --json {shlex.quote(self.body.decode('utf-8', 'replace'))}"
        return hidden(f"{line} {shlex.quote(self.url)}", keys)

    @property
    def came(self) -> str:
        """Return the status and the beginning of the response."""
        text = self.answer.decode("utf-8", "replace")
        if "\0" in text or (text and not text.isprintable() and "\n" not in text):
            return f"{self.status} {len(self.answer)} bytes"
        cut = text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}… ({len(text)} characters)"
        return f"{self.status} {' '.join(cut.split())}".strip()


def hidden(text: str, keys: Mapping[str, str]) -> str:
    """Replace each key with its variable."""
    for key, variable in keys.items():
        text = text.replace(key, variable)
    return text


def _form_fields(content_type: str, body: bytes) -> Iterator[tuple[str, str]]:
    """Yield the fields of a form, without its file."""
    form = BytesParser(policy=HTTP).parsebytes(f"content-type: {content_type}\r\n\r\n".encode() + body)
    for part in form.get_payload():
        if isinstance(part, Message) and part.get_filename() is None:
            name = part.get_param("name", header="content-disposition")
            yield str(name), str(part.get_payload())


class Row(dict[str, Any]):
    """An object in a response; a missing property raises Problem with a clear message."""

    origin = ""

    def __missing__(self, name: str) -> Any:
        raise Problem(f"{self.origin} has no '{name}'")


class Visit:
    """A client with a key, one without, and the steps so far.

    `broken` collects the broken promises. Use the visit as a context manager; `begin` starts the next
    journey.
    """

    def __init__(self, target: Target, *, on_broken: Callable[[Broken], None] = lambda broken: None) -> None:
        self.target = target
        self.steps: list[Step] = []
        self.broken: list[Broken] = []
        self.supplies: dict[str, Any] = {}
        self._on_broken = on_broken
        self._seen: set[tuple[str, str, str]] = set()
        self._versions = Versions()
        self._clock: tuple[datetime | None, datetime] | None = None
        self.client = self._watched(target.client())
        self.stranger = self._watched(target.stranger())
        self.other = self._watched(target.other()) if target.second_key else None

    def __enter__(self) -> Visit:
        return self

    def __exit__(self, *error: object) -> None:
        for client in (self.client, self.stranger, self.other):
            if client is not None:
                client.close()

    def _watched(self, client: httpx.Client) -> httpx.Client:
        client.event_hooks["response"] = [self._note]
        return client

    def begin(self) -> None:
        """Forget the steps of the previous journey."""
        self.steps = []

    # --- requirements on every response
    # -----------------------------------------------------------------------

    def _note(self, response: httpx.Response) -> None:
        request = response.request
        began = request.extensions.get("leomock_began", time.monotonic())
        response.read()
        seconds = time.monotonic() - began
        version, operation = self._operation(request)
        step = Step(
            request.method,
            str(request.url),
            request.read(),
            request.headers.get("content-type", ""),
            request.headers.get("authorization", ""),
            response.status_code,
            response.content,
            operation,
        )
        self.steps.append(step)
        if not operation:
            return
        label = self.label(step)
        self._no_key_in(label, operation, response)
        limit = self.target.max_answer_seconds
        if seconds > limit:
            self.report("answer-time", operation, f"{label} took {seconds:.1f} s, more than {limit:g} s")
        if request.method != "HEAD":
            self._judge(label, version, operation, response)

    def _no_key_in(self, label: str, operation: str, response: httpx.Response) -> None:
        key = self.target.api_key
        said = [response.text, *response.headers.values()]
        if len(key) >= 8 and any(key in text for text in said):
            self.report("key-not-shown", operation, f"{label} shows the API key in its answer")

    def _judge(self, label: str, version: str, operation: str, response: httpx.Response) -> None:
        kind = response.headers.get("content-type", "")
        status = response.status_code
        if status >= 500:
            self.report("no-server-error", operation, f"{label} answered {status}")
            return
        if kind.partition(";")[0].strip() != JSON:
            self.report("content-type", operation, f"{label} answered {status} as {kind!r}, not {JSON}")
            return
        if (response.charset_encoding or "utf-8").lower() != "utf-8":
            self.report("content-type", operation, f"{label} answered {status} as {kind!r}; JSON is UTF-8")
        try:
            answer = strict_json(response.content)
        except ValueError as error:
            told = f"{label} answered {status} with a body that is not JSON: {error}"
            self.report("answer-json", operation, told)
            return
        if self.target.judges_answers:
            for text in answer_validators()[version].problems(operation, status, answer):
                level: Level = "warning" if isinstance(text, Addition) else "error"
                self.report("answer-shape", operation, f"{label} answered {status}: {text}", level)

    def _operation(self, request: httpx.Request) -> tuple[str, str]:
        address = str(request.url.copy_with(query=None, fragment=None))
        for version, spec in self._versions.items():
            base = self.target.base(version)
            if base and address.startswith(f"{base}/"):
                try:
                    method = "GET" if request.method == "HEAD" else request.method
                    operation, _ = spec.route(method, address[len(base) + 1 :].split("/"))
                except ApiError:
                    return version, ""
                return version, str(operation.id)
        return "", ""

    def operation_of(self, error: httpx.HTTPError) -> str:
        """Return the operation whose call got no answer; '' if it is none of the API."""
        try:
            return self._operation(error.request)[1]
        except RuntimeError:  # the error knows no request
            return ""

    def label(self, step: Step) -> str:
        """Return the method and path of a call, with its actual ids, as in `GET /generations/{id}`."""
        path = urlsplit(step.url).path
        base = urlsplit(self.target.url).path
        return f"{step.method} {path.removeprefix(base)}"

    # --- expectations -------------------------------------------------------------------------------------

    def report(self, rule: str, operation: str, message: str, level: Level = "error") -> None:
        """Record a broken promise with the steps that led to it; record the same one only once."""
        name = (rule, operation, _without_ids(message))
        if name in self._seen:
            return
        self._seen.add(name)
        broken = Broken(rule, operation, message, tuple(self.steps), level)
        self.broken.append(broken)
        self._on_broken(broken)

    def report_other_form(self, rule: str, operation: str) -> None:
        """Record that the last answer could not be read, as one of `OTHER_FORM` shows."""
        last = self.label(self.steps[-1]) if self.steps else "the server"
        self.report(rule, operation, f"{last} answered something of another form than documented")

    # --- calls ---------------------------------------------------------------------------------------------

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        client: httpx.Client | None = None,
        headers: dict[str, str] | None = None,
        **query: Any,
    ) -> httpx.Response:
        """Send a call of version 1, one of another version (`v2/models`), or one to a complete URL."""
        url = path if "://" in path else self._address(path)
        chosen = client or self.client
        request = chosen.build_request(method, url, json=body, params=query or None, headers=headers)
        request.extensions["leomock_began"] = time.monotonic()
        return chosen.send(request)

    def _address(self, path: str) -> str:
        if path.startswith("/"):
            return f"{self.target.url}{path}"
        version, _, rest = path.partition("/")
        base = self.target.base(version)
        if base is None:
            told = f"{self.target.url} does not end in /{VERSION}"
            raise Skipped(f"{told}, so {named(version)} cannot be found")
        return f"{base}/{rest}"

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Return the value inside the envelope of a success; objects become `Row`."""
        response = self.send(method, path, body, **query)
        answer = json_of(response)
        if not isinstance(answer, dict):
            text = response.text[:200]
            raise Problem(f"{method} {path} was refused: it answered {response.status_code} {text!r}")
        return rows(next(iter(answer.values()), None), f"the answer to {method} {path}")

    def wait_for(self, path: str, look: Callable[[Any], None] = lambda row: None) -> Row | None:
        """Poll a job until it is no longer PENDING; return None if it did not end in time or disappeared.

        `look` is called with every row. Once a job did not end in time, later jobs get less time.
        """
        began = time.monotonic()
        patience = IMPATIENT_SECONDS if self.target.jobs_never_end else self.target.patience
        reads, wait = 0, FIRST_WAIT_SECONDS
        while True:
            value = self.call("GET", path)
            row = value[0] if isinstance(value, list) and value else value
            look(row)
            if not isinstance(row, Row) or row["status"] not in UNDER_WAY:
                return row if isinstance(row, Row) else None
            reads += 1
            if reads > QUICK_READS:
                if time.monotonic() - began + wait > patience:
                    self.target.jobs_never_end = True
                    return None
                time.sleep(wait)
                wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)

    def user(self) -> str:
        """Return the id of the account."""
        if "user" not in self.supplies:
            accounts = self.call("GET", "/me")
            require(isinstance(accounts, list) and accounts, "GET /me names no user")
            self.supplies["user"] = str(accounts[0]["user"]["id"])
        user: str = self.supplies["user"]
        return user

    def server_time(self) -> datetime | None:
        """Return the server's time, which differs from ours where a test has moved its clock.

        The only clock that is in UTC for sure is that of the signatures of upload forms. It may run at
        another speed than ours.
        """
        now = datetime.now(UTC)
        if self._clock is None or now - self._clock[1] > CLOCK_RUNS_ON:
            steps, self.steps = self.steps, []
            told = None
            with suppress(Problem, KeyError, TypeError, ValueError):
                made = self.call("POST", "/init-image", {"extension": "jpg"})
                form = {name.lower(): value for name, value in json.loads(made["fields"]).items()}
                told = datetime.strptime(form["x-amz-date"], "%Y%m%dT%H%M%S%z")
            self.steps = steps
            self._clock = told, now
        told, then = self._clock
        return told and told + (now - then)

    def balance(self) -> int | None:
        """Return the credits that pay for API calls; None if the server does not report them."""
        answer = json_of(self.send("GET", "/me"))
        known = answer.get("user_details") if isinstance(answer, dict) else None
        if not isinstance(known, list) or not known or not isinstance(known[0], dict):
            return None
        parts = [known[0].get(name) for name in ("apiPaidTokens", "apiSubscriptionTokens")]
        return sum(part for part in parts if isinstance(part, int))

    @contextmanager
    def later(self, seconds: float) -> Iterator[None]:
        """Advance the clock; servers other than leomock have no such control and skip the journey."""
        self.control("POST", "/clock", {"advance": seconds}, why=f"it takes {seconds:.0f} seconds")
        yield

    def control(self, method: str, path: str, body: Any = None, *, why: str) -> Any:
        """Call the control interface of a leomock; raise Skipped on other servers."""
        answer = self.stranger.request(
            method,
            f"{self.target.origin}/_leomock{path}",
            json=body,
            headers={"authorization": f"Bearer {self.target.api_key}"},
        )
        self.steps.pop()
        if not answer.is_success:
            raise Skipped(f"{why}, and only a leomock can be asked to do that")
        return json_of(answer)


def rows(value: Any, origin: str) -> Any:
    """Turn the objects of a response into rows, which complain about missing properties."""
    if isinstance(value, dict):
        row = Row({name: rows(part, f"{origin}: {name}") for name, part in value.items()})
        row.origin = origin
        return row
    if isinstance(value, list):
        return [rows(part, origin) for part in value]
    return value


def json_of(answer: httpx.Response) -> Any:
    """Return the JSON of a success; None if it has none."""
    if not answer.is_success:
        return None
    try:
        return answer.json()
    except ValueError:
        return None


def strict_json(content: bytes) -> Any:
    """Read JSON as RFC 8259 has it; raise ValueError for what only some readers accept."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("an object has a name twice")
        return found

    def no_number(text: str) -> Any:
        raise ValueError(f"{text} is no number of JSON")

    if content.startswith(b"\xef\xbb\xbf"):
        raise ValueError("it begins with a byte order mark")
    return json.loads(content.decode(), object_pairs_hook=once, parse_constant=no_number)


def require(holds: object, otherwise: str) -> None:
    """Raise Problem unless the condition holds."""
    if not holds:
        raise Problem(otherwise)


def _without_ids(text: str) -> str:
    import re

    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+(\.\d+)?", "*", text)


__all__ = [
    "Broken",
    "Problem",
    "Row",
    "Skipped",
    "Step",
    "Tell",
    "Visit",
    "json_of",
    "require",
    "rows",
    "shown",
]
