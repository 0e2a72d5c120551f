"""Calls the operations of a capability where they are answered: by the fake or by the real API."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import orjson

from leomock.interop.capability.files import Capability, Offer, Operation, Upstream
from leomock.interop.capability.waiting import FakeWaiting, NetworkWaiting, Waiting
from leomock.leonardo.errors import MISSING_VARIABLE, ApiError, ErrorTemplate

# How long the real API may take to answer. Its own limit is not known; the fake may take as long as it likes.
LONGEST_WAIT = 60.0
# In bytes, of a picture that is shown.
LONGEST_FILE = 32 * 2**20
# The header in which the fake explains an answer.
EXPLAIN = "x-leomock-explain"
NO_ANSWER = ErrorTemplate(
    502,
    "unexpected",
    "leomock: {upstream} at {address} gave no answer that can be used: {reason}",
    "chosen",
    "what a gateway answers is up to it; the status is HTTP's for this case",
)


# By the namespaces of upstreams.
Clients = Mapping[str, httpx.AsyncClient]


class WrongKey(Exception):
    """The environment has no usable key where a file binds one; the text says which variable it is."""


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """What came back: a status, the headers, and the body as it came."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The body as JSON values; a text where it is no JSON."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return self.content.decode(errors="replace")


class Caller:
    """Calls operations by their ids, such as `image-generation.create-generation`.

    `waiting` decides when a pending job is read again. With `plain`, answers for agents have the API's own
    words only.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation],
        clients: Clients,
        waiting: Waiting | None = None,
        plain: bool = False,
    ) -> None:
        self._operations = operations
        self._clients = clients
        self.waiting = waiting or NetworkWaiting()
        # A fake of this process is told which tool calls it; no other server is.
        self.names_tools = isinstance(waiting, FakeWaiting)
        self.plain = plain

    async def answer(
        self, id: str, arguments: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> UpstreamResponse:
        """What an operation answers, by its id; a refusal of ours is an answer as well."""
        try:
            return await self.send(self._operations[id], arguments, headers)
        except ApiError as error:
            return UpstreamResponse(error.status, {EXPLAIN: error.explain}, orjson.dumps(error.body))

    async def fetch(self, id: str, url: str) -> bytes:
        """A file that an operation's answer named, asked for without the key; raises `ApiError`."""
        operation = self._operations[id]
        client = self._clients[operation.upstream.namespace]
        try:
            request = client.build_request("GET", url)
            request.headers.pop("authorization", None)
            response = await client.send(request, stream=True)
            try:
                return await self._file(response, operation)
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.no_answer(operation, str(error) or type(error).__name__) from None

    async def send(
        self, operation: Operation, arguments: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> UpstreamResponse:
        """The answer of an operation to the values of its inputs, by their names; a body may be bytes.

        Raises `ApiError` where nothing can be sent, or nothing came back.
        """
        client = self._clients[operation.upstream.namespace]
        sent = {
            "content-type": "application/json",
            **(headers or {}),
            **dict(_texts(operation, arguments, "header")),
        }
        target = f"{str(client.base_url).rstrip('/')}{_target(operation, arguments)}"
        try:
            response = await client.request(
                operation.method,
                target,
                content=_content(operation, arguments),
                headers=[(name.encode(), text.encode()) for name, text in sent.items()],
            )
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.no_answer(operation, str(error) or type(error).__name__) from None
        return UpstreamResponse(response.status_code, response.headers, response.content)

    def value_of(self, answer: UpstreamResponse, offer: Offer) -> Any:
        """The part of a successful answer that an offer gives its caller; None if the body is empty.

        Raises `ApiError` if the file maps a part of a body that is not JSON.
        """
        if not answer.content:
            return None
        if offer.mapping is None:
            return answer.body
        try:
            return offer.result(orjson.loads(answer.content))
        except orjson.JSONDecodeError:
            raise self.no_answer(offer.operation, "it is not JSON") from None

    def no_answer(self, operation: Operation, reason: str) -> ApiError:
        """The refusal of a call that the upstream did not answer, or not so that it could be used."""
        namespace = operation.upstream.namespace
        return NO_ANSWER(
            upstream=namespace,
            address=str(self._clients[namespace].base_url).rstrip("/"),
            reason=reason,
            explain=f"{operation.id} was called and the answer did not come through",
        )

    async def _file(self, response: httpx.Response, operation: Operation) -> bytes:
        if not response.is_success:
            raise self.no_answer(operation, f"{response.url} answers {response.status_code}")
        content = b""
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > LONGEST_FILE:
                raise self.no_answer(operation, f"{response.url} has more than {LONGEST_FILE} bytes")
        return content


def bound_key(upstream: Upstream, environment: Mapping[str, str]) -> str:
    """The key of an upstream, from the environment; empty where there is none. Raises `WrongKey`."""
    key = environment.get(upstream.variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        # It could not be sent, and what complains then would show it.
        raise WrongKey(f"what {upstream.variable} holds in the environment is no key: not printable ASCII")
    return key


def real_key(upstream: Upstream, environment: Mapping[str, str]) -> str:
    """The same, where the upstream insists on one. Raises `WrongKey`."""
    key = bound_key(upstream, environment)
    if upstream.variable and not key:
        raise WrongKey(
            f"{upstream.base_uri} is called with the key in {upstream.variable}, which is not set in the "
            "environment; set it, or take --upstream fake"
        )
    return key


@asynccontextmanager
async def calling(
    capability: Capability, clients: Clients, waiting: Waiting | None = None, plain: bool = False
) -> AsyncIterator[Caller]:
    """Make a caller over the clients of each upstream's namespace, and close them at the end."""
    async with AsyncExitStack() as stack:
        for client in clients.values():
            await stack.enter_async_context(client)
        operations = {operation.id: operation for operation in capability.operations}
        yield Caller(operations, clients, waiting, plain)


def client_of(
    base_url: str, key: str, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """A client of one upstream, with its key."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"authorization": f"Bearer {key}"} if key else {},
        transport=transport,
        timeout=LONGEST_WAIT,
    )


def _target(operation: Operation, arguments: Mapping[str, Any]) -> str:
    """The path and the query string."""
    values = dict(_texts(operation, arguments, "path"))

    def filled(variable: re.Match[str]) -> str:
        name = variable[1]
        if not values.get(name):
            # Without that step, the path would be another operation's.
            raise MISSING_VARIABLE(
                name=name, explain=f"{operation.id} needs {name!r}: it is part of the path"
            )
        return _step(values[name])

    path = re.sub(r"\{([^{}]+)\}", filled, operation.path)
    query = urlencode(list(_texts(operation, arguments, "query")), quote_via=quote)
    return f"{path}?{query}" if query else path


def _step(text: str) -> str:
    """One step of a path; steps of dots alone would be taken for directions."""
    return "%2E" * len(text) if text in (".", "..") else quote(text, safe="")


def _texts(operation: Operation, arguments: Mapping[str, Any], location: str) -> list[tuple[str, str]]:
    """The values that travel in one place, as texts; a list is a value for each of its entries."""
    return [
        (each.name, one if isinstance(one, str) else _json(one))
        for each in operation.inputs
        if each.location == location and (value := arguments.get(each.name)) is not None
        for one in (value if isinstance(value, list) else [value])
    ]


def _content(operation: Operation, arguments: Mapping[str, Any]) -> bytes | None:
    for each in operation.inputs:
        if each.location == "body" and (value := arguments.get(each.name)) is not None:
            return value if isinstance(value, bytes) else _json(value).encode()
    return None


def _json(value: Any) -> str:
    """A value as JSON. What integers it may have is the API's business; orjson would refuse large ones."""
    return json.dumps(value, separators=(",", ":"))
