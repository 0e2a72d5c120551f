"""Call the operations of a capability: on the fake or on the real API."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import orjson

from leomock.interop.capability.model import Capability, Offer, Operation, Upstream
from leomock.interop.capability.steps import TEMPLATE, filled, run
from leomock.interop.capability.waiting import FakeWaiting, NetworkWaiting, Waiting
from leomock.leonardo.errors import MISSING_VARIABLE, ApiError, ErrorTemplate
from leomock.state.journal import TOOL_HEADER

# The timeout for the real API in seconds (its own limit is unknown); the fake has no timeout.
LONGEST_WAIT = 60.0
# The maximum size of an image that is shown, in bytes.
LONGEST_FILE = 32 * 2**20
# The header in which the fake explains an answer.
EXPLAIN = "x-leomock-explain"
NO_ANSWER = ErrorTemplate(
    502,
    "unexpected",
    "leomock: {upstream} at {address} gave no answer that can be used: {reason}",
    "chosen",
    "a gateway may respond as it likes; the status is HTTP's for this case",
)


# By upstream namespace.
Clients = Mapping[str, httpx.AsyncClient]


class WrongKey(Exception):
    """The environment has no usable key for a binding of the file; the message names the variable."""


@dataclass(frozen=True, slots=True)
class UpstreamResponse:
    """The response: a status, the headers, and the unchanged body."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """Return the body as JSON values; as a text if it is not JSON."""
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError:
            return self.content.decode(errors="replace")


class Caller:
    """Call operations by id, such as `image-generation.create-generation`.

    `waiting` decides when a pending job is read again. With `plain`, results for agents contain only the
    API's own texts.
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
        # A fake in this process receives the name of the calling tool; other servers do not.
        self.names_tools = isinstance(waiting, FakeWaiting)
        self.plain = plain

    async def answer(
        self, id: str, arguments: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> UpstreamResponse:
        """Return the answer of an operation by id; our own errors are answers as well."""
        try:
            return await self.send(self._operations[id], arguments, headers)
        except ApiError as error:
            return UpstreamResponse(error.status, {EXPLAIN: error.explain}, orjson.dumps(error.body))

    async def answered(
        self, offer: Offer, given: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> UpstreamResponse:
        """Return the answer of an offer; our own errors are answers as well."""
        try:
            return await self.perform(offer, given, headers)
        except ApiError as error:
            return UpstreamResponse(error.status, {EXPLAIN: error.explain}, orjson.dumps(error.body))

    async def perform(
        self, offer: Offer, given: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> UpstreamResponse:
        """Return the answer of an offer for what its caller sent: of one call, of its steps, or its values.

        Raises `ApiError` as `send` does.
        """
        if offer.mock is not None:
            return _json_answer(offer.mock.value(None, offer.all_given(given)))
        if offer.steps is None:
            return await self.send(offer.operation, offer.arguments(given), headers)

        async def send(id: str, arguments: Mapping[str, Any]) -> tuple[bool, Any, Any]:
            answer = await self.send(self._operations[id], arguments, headers)
            return 200 <= answer.status < 300, answer.body if answer.content else None, answer

        good, result = await run(offer.steps, offer.all_given(given), send)
        answer: UpstreamResponse = _json_answer(result) if good else result
        return answer

    async def fetch(self, id: str, url: str, headers: Mapping[str, str] | None = None) -> bytes:
        """Return a file that an answer named, fetched without the key. Raises `ApiError`."""
        operation = self._operations[id]
        client = self._clients[operation.upstream.namespace]
        try:
            named = {TOOL_HEADER: headers[TOOL_HEADER]} if headers and TOOL_HEADER in headers else {}
            request = client.build_request("GET", url, headers=named)
            request.headers.pop("authorization", None)
            response = await client.send(request, stream=True)
            try:
                return await self._file(response, operation)
            finally:
                await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.no_answer(operation, str(error) or type(error).__name__) from None

    async def upload(self, id: str, url: str, fields: Mapping[str, str], name: str, file: bytes) -> None:
        """Send a file with a form that an answer named, without the key. Raises `ApiError`."""
        operation = self._operations[id]
        client = self._clients[operation.upstream.namespace]
        try:
            request = client.build_request("POST", url, data=dict(fields), files={"file": (name, file)})
            request.headers.pop("authorization", None)
            response = await client.send(request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self.no_answer(operation, str(error) or type(error).__name__) from None
        if not response.is_success:
            raise self.no_answer(operation, f"{response.url} answers {response.status_code}")

    def is_ours(self, id: str, url: str, headers: Mapping[str, str]) -> bool:
        """Return True if a URL is on the CDN of the fake that answers calls with these headers."""
        base = self._clients[self._operations[id].upstream.namespace].base_url
        file = httpx.URL(url)
        names = (base.netloc, headers.get("host", "").encode())
        return file.netloc in names and file.path.startswith(f"{base.path.partition('/api/rest')[0]}/cdn/")

    async def send(
        self, operation: Operation, arguments: Mapping[str, Any], headers: Mapping[str, str] | None = None
    ) -> UpstreamResponse:
        """Return an operation's answer for the values of its inputs, by name; a body may be bytes.

        Raises `ApiError` if the request cannot be sent or gets no response.
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

    async def forward(
        self,
        upstream: Upstream,
        method: str,
        path: str,
        query: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> UpstreamResponse:
        """Return the answer to a call that a caller of an adapter made, passed on as it is.

        `path` and `query` are encoded. The credentials of the file replace those of the caller. Raises
        `ApiError` if there is no answer.
        """
        client = self._clients[upstream.namespace]
        credentials = upstream.credentials
        secret = {"authorization", *(credentials.headers({}) if credentials else ())} & set(client.headers)
        sent = {name: value for name, value in headers.items() if name not in secret}
        own = {"header": sent, "query": {}}
        for (place, name), value in upstream.constants.items():
            if (text := filled(value, {})) is not None:
                own[place][name] = str(text)
        query = "&".join(filter(None, (query, urlencode(own["query"]))))
        target = f"{str(client.base_url).rstrip('/')}/{path}".rstrip("/") + (f"?{query}" if query else "")
        try:
            response = await client.request(method, target, content=body, headers=sent)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._no_answer(upstream, str(error) or type(error).__name__, f"{method} /{path}") from None
        return UpstreamResponse(response.status_code, response.headers, response.content)

    def value_of(self, answer: UpstreamResponse, offer: Offer, sent: Mapping[str, Any]) -> Any:
        """Return the part of a successful answer that an offer exposes; None if the body is empty.

        `sent` are the inputs of the caller. Raises `ApiError` if the file maps a part of a body that is not
        JSON.
        """
        if not answer.content:
            return None
        if offer.mapping is None:
            return answer.body
        try:
            return offer.result(orjson.loads(answer.content), sent)
        except orjson.JSONDecodeError:
            raise self.no_answer(offer.operation, "it is not JSON") from None

    def no_answer(self, operation: Operation, reason: str) -> ApiError:
        """Return the error for a call without a usable response from the upstream."""
        return self._no_answer(operation.upstream, reason, operation.id)

    def _no_answer(self, upstream: Upstream, reason: str, called: str) -> ApiError:
        return NO_ANSWER(
            upstream=upstream.namespace,
            address=str(self._clients[upstream.namespace].base_url).rstrip("/"),
            reason=reason,
            explain=f"{called} was called, but its answer was lost",
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
    """Return the key of an upstream from the environment, or ''. Raises `WrongKey`."""
    key = environment.get(upstream.variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        # HTTP could not send it, and the resulting error would reveal it.
        raise WrongKey(
            f"the value of {upstream.variable} in the environment is not a key: not printable ASCII"
        )
    return key


def real_key(upstream: Upstream, environment: Mapping[str, str]) -> str:
    """Return the key of an upstream that requires one. Raises `WrongKey`."""
    key = bound_key(upstream, environment)
    if upstream.variable and not key:
        raise WrongKey(
            f"{upstream.base_uri} is called with the key in {upstream.variable}, which is not set in the "
            "environment; set it, or take --upstream fake"
        )
    return key


def real_client(upstream: Upstream, environment: Mapping[str, str]) -> httpx.AsyncClient:
    """Return a client of the API itself, with what the file says that calls carry. Raises `WrongKey`."""
    credentials = upstream.credentials
    if credentials is None:
        return client_of(upstream.base_uri, real_key(upstream, environment))
    for variable in credentials.variables:
        real_key(replace(upstream, variable=variable), environment)
    client = client_of(upstream.base_uri, "")
    client.headers.update(credentials.headers(environment))
    client.params = client.params.merge(credentials.query(environment))
    return client


@asynccontextmanager
async def calling(
    capability: Capability, clients: Clients, waiting: Waiting | None = None, plain: bool = False
) -> AsyncIterator[Caller]:
    """Create a caller with a client for each upstream's namespace, and close the clients at the end."""
    async with AsyncExitStack() as stack:
        for client in clients.values():
            await stack.enter_async_context(client)
        operations = {operation.id: operation for operation in capability.operations}
        yield Caller(operations, clients, waiting, plain)


def client_of(
    base_url: str, key: str, transport: httpx.AsyncBaseTransport | None = None
) -> httpx.AsyncClient:
    """Return a client of one upstream, with its key."""
    return httpx.AsyncClient(
        base_url=base_url,
        headers={"authorization": f"Bearer {key}"} if key else {},
        transport=transport,
        timeout=LONGEST_WAIT,
    )


def _json_answer(value: Any) -> UpstreamResponse:
    return UpstreamResponse(200, {"content-type": "application/json"}, orjson.dumps(value))


def _target(operation: Operation, arguments: Mapping[str, Any]) -> str:
    """Return the path and the query string."""
    values = dict(_texts(operation, arguments, "path"))

    def filled(variable: re.Match[str]) -> str:
        name = variable[1]
        if not values.get(name):
            # Without that segment, the path would be another operation's.
            raise MISSING_VARIABLE(
                name=name, explain=f"{operation.id} needs {name!r}: it is part of the path"
            )
        return _step(values[name])

    path = re.sub(r"\{([^{}]+)\}", filled, operation.path)
    query = urlencode(list(_texts(operation, arguments, "query")), quote_via=quote)
    return f"{path}?{query}" if query else path


def _step(text: str) -> str:
    """Return one path segment; segments of only dots would be resolved as relative ones."""
    return "%2E" * len(text) if text in (".", "..") else quote(text, safe="")


def _texts(operation: Operation, arguments: Mapping[str, Any], location: str) -> list[tuple[str, str]]:
    """Return the values of one location as texts; a list is a value for each of its entries."""
    return [
        (each.name, one if isinstance(one, str) else _json(one))
        for each in operation.inputs
        if each.location == location and (value := arguments.get(each.name)) is not None
        for one in (value if isinstance(value, list) else [value])
    ]


def _content(operation: Operation, arguments: Mapping[str, Any]) -> bytes | None:
    if operation.body:
        return _filled_body(operation.body, arguments).encode()
    names = [each.name for each in operation.inputs if each.location == "body"]
    if len(names) > 1:
        return _json({name: arguments[name] for name in names if name in arguments}).encode()
    value = arguments.get(names[0]) if names else None
    if value is None:
        return None
    return value if isinstance(value, bytes) else _json(value).encode()


def _filled_body(body: str, arguments: Mapping[str, Any]) -> str:
    """Return the JSON of a file with its inputs: a text inside quotes, any other value as JSON."""

    def value(found: re.Match[str]) -> str:
        given = arguments.get(found[1])
        inside = body[: found.start()].count('"') - body[: found.start()].count('\\"')
        if inside % 2 == 0:
            return _json(given)
        return _json(given if isinstance(given, str) else _json(given) if given is not None else "")[1:-1]

    return TEMPLATE.sub(value, body)


def _json(value: Any) -> str:
    """Return a value as JSON. The API judges the size of integers; orjson would reject large ones."""
    return json.dumps(value, separators=(",", ":"))
