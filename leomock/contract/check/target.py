"""Where the server is that is to be judged, and what may be done to it."""

from __future__ import annotations

import contextlib
import ipaddress
import threading
import time
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit

import httpx

from leomock.leonardo.errors import HOOK_DOWN
from leomock.openapi.operations import Operation

# Where the API begins, when an address names the server alone.
BASE_PATH = "/api/rest/v1"
# The version that an address is of; where others are follows from it.
VERSION = "v1"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
TIMEOUT_SECONDS = 30.0
# The longest wait for one job: a generation takes "a few seconds" (documented), clients wait up to 45.
PATIENCE_SECONDS = 60.0
# A client that waits longer for an answer than this gives up or shows a spinner.
MAX_ANSWER_SECONDS = 10.0

# The second tenant on a leomock that takes any key.
MADE_UP_KEY = "1e0a0c5e-0000-4000-8000-00000000c4ec"

WrongKey: TypeAlias = Literal["accepted", "hook error", "refused"]


class CheckError(Exception):
    """A check that cannot be run; the text says why, and what would work."""


class RequestBudgetExceeded(KeyboardInterrupt):
    """The largest number of requests has been sent; ends a run as Ctrl-C would."""


class OutOfTime(RequestBudgetExceeded):
    """The time for the whole check is used up; ends a run as Ctrl-C would."""


class Target:
    """A server that claims the API: its address, a key, and a guard over what is sent there.

    `app` is an ASGI app that answers in place of the address. Without `writes` only reading methods pass;
    after `max_requests` or `max_seconds` nothing does. `requests` counts what was sent. `second_key` is a
    key of another tenant. `patience` bounds the wait for one job, `max_answer_seconds` that for an answer.
    """

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        app: Any = None,
        transport: httpx.BaseTransport | None = None,
        writes: bool = True,
        max_requests: int | None = None,
        max_seconds: float | None = None,
        second_key: str | None = None,
        patience: float = PATIENCE_SECONDS,
        max_answer_seconds: float = MAX_ANSWER_SECONDS,
        any_key: bool = False,
    ) -> None:
        # Where the API may begin; `ensure_answers` finds out where it does.
        self._addresses = addresses(url)
        for key in filter(None, (api_key, second_key)):
            if not (key.isascii() and key.isprintable()):
                # An error raised later would show the key.
                raise CheckError(
                    "leomock check: the API key is invalid: it has characters that are not printable ASCII"
                )
        self.url = self._addresses[0]
        self.api_key = api_key
        self.app = _Local(app) if app is not None else None
        self.writes = writes
        self.max_requests = max_requests
        self.requests = 0
        self.second_key = second_key
        self.patience = patience
        self.max_answer_seconds = max_answer_seconds
        # Whether the strict contract judges answers in journeys; not where only the published one counts.
        self.judges_answers = True
        # Whether the server takes any key on purpose, as `leomock serve` does unless told otherwise.
        self.any_key = any_key
        # Set by the first job that did not end in time.
        self.jobs_never_end = False
        self.max_seconds = max_seconds
        self.ends = None if max_seconds is None else time.monotonic() + max_seconds
        self._transport = transport
        self._lock = threading.Lock()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def exhausted(self) -> bool:
        """Whether no more requests may be sent."""
        return self.out_of_time or (self.max_requests is not None and self.requests >= self.max_requests)

    @property
    def out_of_time(self) -> bool:
        """Whether the time for the whole check is used up."""
        return self.ends is not None and time.monotonic() > self.ends

    def base(self, version: str) -> str | None:
        """Where a version of the API begins; None where the address does not tell it.

        The address is that of version 1; another is beside it where that ends in `/v1`.
        """
        if version == VERSION:
            return self.url
        return f"{self.url.removesuffix(VERSION)}{version}" if self.url.endswith(f"/{VERSION}") else None

    def place(self, version: str = VERSION) -> str:
        """Where a version of the API begins, as a document says it: an app has no host."""
        base = self.base(version) or ""
        return base if self.app is None else urlsplit(base).path

    def admit(self, method: str) -> None:
        """Let one request pass.

        Raises RequestBudgetExceeded after the last one, CheckError for one that must not be sent.
        """
        if not self.writes and method.upper() not in READING:
            raise CheckError(f"leomock check: a {method} request was about to be sent without --allow-writes")
        with self._lock:
            if self.out_of_time:
                raise OutOfTime
            if self.exhausted:
                raise RequestBudgetExceeded
            self.requests += 1

    def client(self) -> httpx.Client:
        """An httpx client with the key, under the same guard."""
        return httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {self.api_key}"},
            transport=self._transport,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            event_hooks={"request": [lambda request: self.admit(request.method)]},
        )

    def other(self) -> httpx.Client:
        """A client with the second key, which belongs to another tenant."""
        client = self.client()
        client.headers["authorization"] = f"Bearer {self.second_key}"
        return client

    def stranger(self) -> httpx.Client:
        """A client without the key, for what lies outside the API: uploads, pictures, `/_leomock/`."""
        client = self.client()
        del client.headers["authorization"]
        return client

    def wait_until_up(self, seconds: float) -> None:
        """Wait until the server answers anything, at most so many seconds."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            with contextlib.suppress(httpx.HTTPError), self.stranger() as client:
                client.get(self.origin)
                return
            time.sleep(0.2)

    def ensure_answers(self) -> None:
        """Find where the API begins; raises CheckError where it does not answer with this key."""
        for address in self._addresses:
            self.url = address
            answer = self._account()
            if answer.status_code != 404:
                break
        said = f"leomock check: GET {self.url}/me answered {answer.status_code}"
        if answer.is_redirect:
            raise CheckError(
                f"{said}: a redirect to {answer.headers.get('location', '')[:100]}; give that address"
            )
        if answer.status_code in (401, 403) or HOOK_DOWN.text in answer.text:
            raise CheckError(
                f"{said}: the API key was refused; give one that the server knows with --api-key or in "
                "LEONARDO_API_KEY"
            )
        if answer.status_code == 404:
            raise CheckError(
                f"{said}: the API is not there; give the address at which it begins, such as "
                f"{self.origin}{BASE_PATH}"
            )
        self._ensure_is_the_api(said, answer)

    def _ensure_is_the_api(self, said: str, answer: httpx.Response) -> None:
        """Raise CheckError for an answer that is not this API's: a page of HTML, a login, another service."""
        kind = answer.headers.get("content-type", "").partition(";")[0].strip() or "no content type"
        try:
            known = answer.json()
        except ValueError:
            raise CheckError(
                f"{said} as {kind}, not as JSON: this is not the API, or a proxy or a login stands before it"
            ) from None
        if answer.is_success and not (isinstance(known, dict) and "user_details" in known):
            raise CheckError(
                f"{said} without 'user_details': this is another service than the Leonardo.AI API"
            )

    def _account(self) -> httpx.Response:
        """What the question for the account is answered."""
        try:
            with self.client() as client:
                return client.get("/me")
        except httpx.HTTPError as error:
            raise CheckError(
                f"leomock check: GET {self.url}/me: nothing answers there ({error}); "
                "is the server running, and is the address right?"
            ) from None

    def lacks(self, version: str, operations: Iterable[Operation]) -> str:
        """Why a version of the API cannot be checked here; empty where it can.

        A server lacks it where it answers 404 to whatever of it may be asked, each operation asked once, with
        nothing in the call.
        """
        base = self.base(version)
        if base is None:
            return f"{self.url} does not end in /{VERSION}, so nothing tells where {named(version)} begins"
        with self.client() as client:
            for operation in operations:
                if self.writes or operation.method in READING:
                    answer = client.request(operation.method, f"{base}{operation.path}")
                    if answer.status_code != 404:
                        return ""
        return f"this server has no {named(version)}: it answers 404 to every call to {base}"

    def _takes_any_key_on_purpose(self) -> bool:
        """Ask a leomock; no other server says so."""
        with self.stranger() as client, contextlib.suppress(httpx.HTTPError, ValueError):
            answer = client.get(f"{self.origin}/_leomock/health")
            return bool(answer.is_success and answer.json().get("auth") == "open")
        return False

    def answer_to_a_wrong_key(self) -> WrongKey:
        """How the server answers a key that nobody can have given out."""
        with self.client() as client:
            answer = client.get("/me", headers={"authorization": "Bearer leomock-no-such-key"})
        if answer.is_success:
            if not self.any_key and self._takes_any_key_on_purpose():
                self.any_key = True
                # Each key is a tenant of its own there, so a made-up one is another tenant.
                self.second_key = self.second_key or MADE_UP_KEY
            return "accepted"
        return "hook error" if answer.status_code == 500 and HOOK_DOWN.text in answer.text else "refused"


def named(version: str) -> str:
    """What a version is called in a sentence."""
    return f"version {version.removeprefix('v')}"


class _Local:
    """An ASGI app to which schemathesis speaks: it gives lists where servers give pairs; both are ASGI."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("server"):
            scope = {**scope, "server": tuple(scope["server"])}
        await self._app(scope, receive, send)


def addresses(url: str) -> list[str]:
    """Where the API may begin: of an address without a path under the usual one, or else at the root."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment:
        raise CheckError(
            f"leomock check: {url[:100]!r} is no address; give one such as http://127.0.0.1:8090{BASE_PATH}"
        )
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return [origin + path] if path else [origin + BASE_PATH, origin]


def is_loopback(url: str) -> bool:
    """Whether an address stays on this machine, where nothing costs anything."""
    try:
        host = urlsplit(url).hostname or ""
        if host == "localhost":
            return True
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
