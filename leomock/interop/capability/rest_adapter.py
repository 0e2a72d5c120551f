"""Serve the adapters of a capability over HTTP."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from leomock.interop.capability.adapter_document import DOCUMENT_PATH, about, document
from leomock.interop.capability.model import Adapter, Forward, Input, Offer
from leomock.interop.capability.upstream import Caller, UpstreamResponse
from leomock.leonardo.errors import NO_ENDPOINT, TOO_LARGE, UNEXPECTED_VARIABLE, WRONG_METHOD, ApiError
from leomock.openapi.spec import shipped_versions
from leomock.openapi.suggest import suggestion
from leomock.server.access_log import LOG_CONTEXT
from leomock.server.admin.requests import refused
from leomock.state.settings import Settings

# The limit of the fake itself, so that both reject the same bodies.
LONGEST_BODY = Settings().max_body
# Upstream headers that are also useful to the adapter's caller.
_PASSED_ON = ("content-type", "retry-after", "x-request-id", "x-leomock-explain")
# Passed to the upstream: it asks the fake for a fault, and the real API ignores it.
_SCENARIO = "x-leomock-scenario"


class AdapterRoutes:
    """Answer requests to a REST adapter.

    Paths are matched like in `ApiRoutes`, by encoded segments: Starlette's routes see `%2F` in an id as a
    slash.
    """

    def __init__(self, adapter: Adapter, caller: Caller) -> None:
        self._adapter = adapter
        self._name = adapter.namespace
        self._caller = caller
        self._routes: dict[str, dict[str, Offer]] = {}
        for offer in adapter.offers:
            self._routes.setdefault(offer.path, {})[offer.method] = offer
        # A literal path segment takes precedence over a variable.
        self._paths = sorted(
            self._routes, key=lambda path: [step.startswith("{") for step in path.split("/")]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one ASGI request."""
        request = Request(scope, receive)
        try:
            response = await self._answer(request, scope)
        except ApiError as error:
            response = refused(request, error)
        if LOG_CONTEXT in scope:
            scope[LOG_CONTEXT].explain = response.headers.get("x-leomock-explain", "")
        await response(scope, receive, send)

    async def _answer(self, request: Request, scope: Scope) -> Response:
        if own := self._about_itself(request):
            return own
        try:
            offer, given = self._route(request)
        except ApiError:
            if forwarded := self._forward(request):
                return await self._forwarded(request, *forwarded)
            raise
        if LOG_CONTEXT in scope:
            scope[LOG_CONTEXT].operation = offer.operation.id
        self._read_query(request, offer, given)
        for each in _at(offer, "header"):
            if each in request.headers:
                given[each] = request.headers[each]
        self._read_body(await _body(request), offer, given)
        answer = await self._caller.perform(offer, given, _named_headers(request, (_SCENARIO,)))
        return _passed_on(answer, self._mapped(answer, offer, given))

    def _forward(self, request: Request) -> tuple[Forward, str] | None:
        """Return the forward that a request selects, and the path at the API; None if there is none."""
        steps = _encoded_path(request).strip("/").split("/")
        if any(unquote(step) in (".", "..") for step in steps):
            return None  # It would leave the API's base address.
        for forward in self._adapter.forwards:
            *parents, last = forward.path.strip("/").split("/")
            rest = last == "{path}" and len(steps) >= len(parents)
            parents = parents if rest else [*parents, last]
            if (rest or len(steps) == len(parents)) and all(
                part.startswith("{") or part == unquote(step)
                for part, step in zip(parents, steps, strict=False)
            ):
                return forward, "/".join(steps[len(parents) :])
        return None

    async def _forwarded(self, request: Request, forward: Forward, path: str) -> Response:
        """Pass a call on with its query, its body, and the headers that the file trusts."""
        if LOG_CONTEXT in request.scope:
            request.scope[LOG_CONTEXT].operation = f"{forward.upstream.namespace} (forwarded)"
        answer = await self._caller.forward(
            forward.upstream,
            request.method,
            path,
            request.scope["query_string"].decode("latin-1"),
            _named_headers(request, ("content-type", _SCENARIO, *forward.headers)),
            await _body(request),
        )
        return _passed_on(answer, answer.content)

    def _about_itself(self, request: Request) -> Response | None:
        """Return what the adapter serves, at `/`, or its OpenAPI document, unless the file has that path."""
        path = request.scope["path"]
        if request.method not in ("GET", "HEAD") or path in self._routes:
            return None
        if path == "/":
            return _json(about(self._adapter))
        return _json(document(self._adapter, shipped_versions())) if path == DOCUMENT_PATH else None

    def _route(self, request: Request) -> tuple[Offer, dict[str, Any]]:
        """Return the operation that a request selects, and the inputs in its path."""
        steps = _encoded_path(request).strip("/").split("/")
        for path in self._paths:
            pattern = path.strip("/").split("/")
            if len(pattern) == len(steps) and all(
                part.startswith("{") or part == unquote(step)
                for part, step in zip(pattern, steps, strict=True)
            ):
                methods = self._routes[path]
                # HEAD is GET whose body is not sent.
                if offer := methods.get("GET" if request.method == "HEAD" else request.method):
                    return offer, {
                        part[1:-1]: unquote(step)
                        for part, step in zip(pattern, steps, strict=True)
                        if part.startswith("{")
                    }
                allowed = ", ".join(methods)
                raise WRONG_METHOD(
                    methods=allowed,
                    headers={"Allow": allowed},
                    explain=f"{path} of {self._name} answers {allowed}, not {request.method}",
                )
        asked = f"/{'/'.join(steps)}"[:200]
        known = ", ".join([*self._routes, *(each.path for each in self._adapter.forwards)])
        raise NO_ENDPOINT(explain=f"{self._name} has no {asked}; it has {known}")

    def _read_query(self, request: Request, offer: Offer, given: dict[str, Any]) -> None:
        known = _at(offer, "query")
        sent = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
        self._all_known(offer, known, (name for name, _ in sent), "the query")
        for name in known:
            if values := [value for key, value in sent if key == name]:
                given[name] = values if len(values) > 1 else values[0]

    def _read_body(self, body: bytes, offer: Offer, given: dict[str, Any]) -> None:
        names = _at(offer, "body")
        if body and any(each.query for each in offer.inputs):
            given.update(_parts(body, [each for each in offer.inputs if each.location == "body"]))
        elif len(names) > 1 and body:
            given.update(self._fields(body, names, offer))
        elif names and body:
            given[names[0]] = body
        elif body:
            try:
                values = orjson.loads(body)
            except orjson.JSONDecodeError:
                return  # as the upstream reads it: without variables
            self._all_known(offer, (), values if isinstance(values, dict) else (), "the body")

    def _fields(self, body: bytes, names: list[str], offer: Offer) -> dict[str, Any]:
        """Return the fields of a body that are inputs; other names are rejected."""
        try:
            values = orjson.loads(body)
        except orjson.JSONDecodeError:
            return {}
        values = values if isinstance(values, dict) else {}
        self._all_known(offer, names, values, "the body")
        return {name: values[name] for name in names if name in values}

    def _all_known(self, offer: Offer, known: Collection[str], names: Iterable[str], place: str) -> None:
        """Reject inputs that the file does not pass on, in the upstream's words.

        As in the upstream, a path parameter may be repeated elsewhere.
        """
        known = {*known, *_at(offer, "path")}
        for name in names:
            if name not in known:
                raise UNEXPECTED_VARIABLE(
                    name=name,
                    explain=f"{self._name}: {offer.method} {offer.path} takes no {name!r} from {place}"
                    f"{suggestion(name, dict.fromkeys(known))}",
                )

    def _mapped(self, answer: UpstreamResponse, offer: Offer, given: dict[str, Any]) -> bytes:
        """Return the body for the caller: mapped if the call succeeded and the file maps a part."""
        if offer.mapping is None or not answer.content or not 200 <= answer.status < 300:
            return answer.content
        return orjson.dumps(self._caller.value_of(answer, offer, given))


def _parts(body: bytes, inputs: Iterable[Input]) -> dict[str, Any]:
    """Return the inputs that are parts or fields of a body; what the body has not is left out."""
    try:
        values = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    fields = values if isinstance(values, dict) else {}
    found = {each.name: each.query.find(values).values() for each in inputs if each.query}
    plain = {each.name: fields[each.name] for each in inputs if not each.query and each.name in fields}
    return plain | {name: parts[0] for name, parts in found.items() if parts}


def _encoded_path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return raw.decode("latin-1")


def _named_headers(request: Request, names: Iterable[str]) -> dict[str, str]:
    return {name.lower(): request.headers[name] for name in names if name in request.headers}


def _passed_on(answer: UpstreamResponse, content: bytes) -> Response:
    headers = {name: answer.headers[name] for name in _PASSED_ON if name in answer.headers}
    return Response(content, answer.status, headers)


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _at(offer: Offer, location: str) -> list[str]:
    return [each.name for each in offer.inputs if each.location == location]


async def _body(request: Request) -> bytes:
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size <= LONGEST_BODY:
            chunks.append(chunk)
    if size > LONGEST_BODY:
        raise TOO_LARGE(limit=LONGEST_BODY, explain=f"the body has more than {LONGEST_BODY} bytes")
    return b"".join(chunks)
