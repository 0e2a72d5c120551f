"""The server to check, and limits on what the check may send to it."""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import threading
import time
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

import httpx

from leomock.leonardo.errors import HOOK_DOWN
from leomock.openapi.operations import Operation

# The API's base path, used if an address names only the server.
BASE_PATH = "/api/rest/v1"
# The version that the address refers to; the addresses of other versions follow from it.
VERSION = "v1"
READING = frozenset({"GET", "HEAD", "OPTIONS"})
TIMEOUT_SECONDS = 30.0
# The longest wait for one job. A generation takes "a few seconds" (documented); clients wait up to 45.
PATIENCE_SECONDS = 60.0
# A client that waits longer than this for a response gives up or shows a spinner.
MAX_ANSWER_SECONDS = 10.0

# The key of the second tenant on a leomock that accepts any key.
MADE_UP_KEY = "1e0a0c5e-0000-4000-8000-00000000c4ec"

WrongKey: TypeAlias = Literal["accepted", "hook error", "refused"]


class CheckError(Exception):
    """A check that cannot run; the text says why, and how to fix it."""


class RequestBudgetExceeded(KeyboardInterrupt):
    """The request limit is reached; ends a run as Ctrl-C would."""


class OutOfTime(RequestBudgetExceeded):
    """The time limit for the whole check is reached; ends a run as Ctrl-C would."""


class Target:
    """A server that claims to implement the API: its address, a key, and a guard over requests to it.

    `app` is an ASGI app that responds in place of the address. Without `writes`, only reading methods pass.
    After `max_requests` requests or `max_seconds` seconds, nothing passes. `requests` counts the requests
    sent. `second_key` is the key of another tenant. `patience` limits the wait for one job, and
    `max_answer_seconds` the wait for a response, both in seconds.
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
        seed: int = 0,
    ) -> None:
        # The addresses where the API may begin; `ensure_answers` finds the right one.
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
        # True if the strict contract judges responses in journeys; False if only the published one counts.
        self.judges_answers = True
        # True if the server deliberately accepts any key, as `leomock serve` does by default.
        self.any_key = any_key
        self.seed = seed
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
    def keys(self) -> dict[str, str]:
        """The shell variables that stand for the keys in reports."""
        second = {self.second_key: "$LEONARDO_SECOND_API_KEY"} if self.second_key else {}
        return {self.api_key: "$LEONARDO_API_KEY", **second}

    @property
    def exhausted(self) -> bool:
        """True if no more requests may be sent."""
        return self.out_of_time or (self.max_requests is not None and self.requests >= self.max_requests)

    @property
    def out_of_time(self) -> bool:
        """True if the time limit for the whole check is reached."""
        return self.ends is not None and time.monotonic() > self.ends

    def base(self, version: str) -> str | None:
        """Return the base address of a version of the API; None if it cannot be derived.

        The configured address is that of version 1. If it ends in `/v1`, other versions are beside it.
        """
        if version == VERSION:
            return self.url
        return f"{self.url.removesuffix(VERSION)}{version}" if self.url.endswith(f"/{VERSION}") else None

    def place(self, version: str = VERSION) -> str:
        """Return the base address of a version as its document should give it; an app has no host."""
        base = self.base(version) or ""
        return base if self.app is None else urlsplit(base).path

    def admit(self, method: str) -> None:
        """Let one request pass.

        Raises RequestBudgetExceeded after the last allowed request, and CheckError for a request that must
        not be sent.
        """
        if not self.writes and method.upper() not in READING:
            raise CheckError(f"leomock check: a {method} request was about to be sent without --allow-writes")
        with self._lock:
            if self.out_of_time:
                raise OutOfTime
            if self.exhausted:
                raise RequestBudgetExceeded
            self.requests += 1

    def unknown_id(self, purpose: str) -> str:
        """Return an id that names no resource; the same seed and purpose give the same id."""
        digest = hashlib.sha256(f"nothing has this id: {self.seed} {purpose}".encode()).digest()
        return str(UUID(bytes=digest[:16], version=4))

    def client(self) -> httpx.Client:
        """Return an httpx client that sends the key and obeys the same guard."""
        return httpx.Client(
            base_url=self.url,
            headers={"authorization": f"Bearer {self.api_key}"},
            transport=self._transport,
            timeout=TIMEOUT_SECONDS,
            follow_redirects=False,
            event_hooks={"request": [lambda request: self.admit(request.method)]},
        )

    def other(self) -> httpx.Client:
        """Return a client with the second key, which belongs to another tenant."""
        client = self.client()
        client.headers["authorization"] = f"Bearer {self.second_key}"
        return client

    def stranger(self) -> httpx.Client:
        """Return a client without the key, for requests outside the API: uploads, images, `/_leomock/`."""
        client = self.client()
        del client.headers["authorization"]
        return client

    def wait_until_up(self, seconds: float) -> None:
        """Wait until the server responds at all, for at most `seconds` seconds."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            with contextlib.suppress(httpx.HTTPError), self.stranger() as client:
                client.get(self.origin)
                return
            time.sleep(0.2)

    def ensure_answers(self) -> None:
        """Find the base address of the API; raise CheckError if it does not respond to this key."""
        for address in self._addresses:
            self.url = address
            answer = self._account()
            if answer.status_code != 404:
                break
        said = f"leomock check: GET {self.url}/me answered {answer.status_code}"
        if answer.is_redirect:
            raise CheckError(
                f"{said}: a redirect to {answer.headers.get('location', '')[:100]}; give the address "
                "of the API itself"
            )
        if "html" in _kind(answer):
            raise _no_json(said, answer)
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
        """Raise CheckError if the response is not from this API: an HTML page, a login, another service."""
        try:
            known = answer.json()
        except ValueError:
            raise _no_json(said, answer) from None
        if answer.is_success and not (isinstance(known, dict) and "user_details" in known):
            raise CheckError(
                f"{said} without 'user_details': this is another service than the Leonardo.AI API"
            )

    def _account(self) -> httpx.Response:
        """Return the response to a request for the account."""
        try:
            with self.client() as client:
                return client.get("/me")
        except httpx.HTTPError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise CheckError(
                    f"leomock check: GET {self.url}/me: the certificate is not trusted; name the file "
                    "of its authority in SSL_CERT_FILE and in REQUESTS_CA_BUNDLE"
                ) from None
            raise CheckError(
                f"leomock check: GET {self.url}/me: nothing answers there ({error}); is the server running, "
                "and is the address right?"
            ) from None

    def ensure_still_there(self, label: str, error: object) -> None:
        """Raise CheckError if the server answers nothing any more, after a call that got no answer."""
        try:
            with httpx.Client(transport=self._transport, timeout=TIMEOUT_SECONDS) as client:
                client.get(f"{self.url}/me")
        except httpx.HTTPError:
            raise CheckError(
                f"leomock check: the server stopped answering at {label} ({error}), after {self.requests} "
                "requests; what was found before that is above"
            ) from None

    def lacks(self, version: str, operations: Iterable[Operation]) -> str:
        """Return the reason why a version of the API cannot be checked here; empty if it can.

        A server lacks a version if every operation that may be called gets a 404. Each operation is called
        once, with an empty request.
        """
        base = self.base(version)
        if base is None:
            return f"{self.url} does not end in /{VERSION}, so nothing tells where {named(version)} begins"
        with self.client() as client:
            for operation in operations:
                if self.writes or operation.method in READING:
                    try:
                        answer = client.request(operation.method, f"{base}{operation.path}")
                    except httpx.HTTPError as error:
                        self.ensure_still_there(f"{operation.method} {base}{operation.path}", error)
                        return ""
                    if answer.status_code != 404:
                        return ""
        return f"this server has no {named(version)}: it answers 404 to every call to {base}"

    def _takes_any_key_on_purpose(self) -> bool:
        """Ask a leomock whether it accepts any key; other servers do not report this."""
        with self.stranger() as client, contextlib.suppress(httpx.HTTPError, ValueError):
            answer = client.get(f"{self.origin}/_leomock/health")
            return bool(answer.is_success and answer.json().get("auth") == "open")
        return False

    def answer_to_a_wrong_key(self) -> WrongKey:
        """Return how the server responds to a key that cannot have been issued."""
        try:
            with self.client() as client:
                answer = client.get("/me", headers={"authorization": "Bearer leomock-no-such-key"})
        except httpx.HTTPError as error:
            self.ensure_still_there(f"GET {self.url}/me", error)
            raise CheckError(
                f"leomock check: GET {self.url}/me with a key that was never issued got no answer ({error})"
            ) from None
        if answer.is_success:
            if not self.any_key and self._takes_any_key_on_purpose():
                self.any_key = True
                # Each key is a separate tenant there, so a made-up key is another tenant.
                self.second_key = self.second_key or MADE_UP_KEY
            return "accepted"
        return "hook error" if answer.status_code == 500 and HOOK_DOWN.text in answer.text else "refused"


def _kind(answer: httpx.Response) -> str:
    return str(answer.headers.get("content-type", "")).partition(";")[0].strip().lower() or "no content type"


def _no_json(said: str, answer: httpx.Response) -> CheckError:
    return CheckError(
        f"{said} as {_kind(answer)}, not as JSON: this is not the API, or a proxy or a login stands before it"
    )


def named(version: str) -> str:
    """Return a version's name for use in a sentence."""
    return f"version {version.removeprefix('v')}"


class _Local:
    """A wrapper that lets schemathesis call an ASGI app: it passes lists where servers pass pairs."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope.get("server"):
            scope = {**scope, "server": tuple(scope["server"])}
        await self._app(scope, receive, send)


def addresses(url: str) -> list[str]:
    """Return where the API may begin: at the path given, or else at the usual base path or the root."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or parts.query or parts.fragment:
        raise CheckError(
            f"leomock check: {url[:100]!r} is not an address; give one such as http://127.0.0.1:8090{BASE_PATH}"
        )
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
    return [origin + path] if path else [origin + BASE_PATH, origin]


def is_loopback(url: str) -> bool:
    """Return True if the address is on this machine, where nothing costs money."""
    try:
        host = urlsplit(url).hostname or ""
        if host == "localhost":
            return True
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
