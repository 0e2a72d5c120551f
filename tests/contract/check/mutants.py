"""A fake with one fault each: what a check has to find.

A mutant is the app of a sound fake with something wrapped around it, so that the sound one stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from leomock.leonardo.errors import ApiError
from leomock.openapi.spec import shipped_versions

App = Callable[[Any, Any, Any], Awaitable[None]]
BASE = "/api/rest/"
VERSIONS = shipped_versions()


@dataclass
class Exchange:
    """A request on its way in and its answer on the way out; a fault changes either."""

    operation: str
    method: str
    path: str
    query: dict[str, str]
    headers: list[tuple[bytes, bytes]]
    body: bytes
    status: int = 0
    answer_headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    answer: bytes = b""

    @property
    def sent(self) -> dict[str, Any]:
        """The body as an object."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    @property
    def value(self) -> Any:
        """What stands under the envelope of the answer."""
        answer = json.loads(self.answer)
        return (
            next(iter(answer.values()))
            if self.status == 200 and answer and isinstance(answer, dict)
            else None
        )

    def say(self, answer: Any, status: int | None = None) -> None:
        """Answer this instead."""
        self.status = self.status if status is None else status
        self.answer = json.dumps(answer).encode()

    def put(self, value: Any) -> None:
        """Put this under the envelope of the answer."""
        self.say({next(iter(json.loads(self.answer))): value})

    def header(self, name: str, value: str) -> None:
        """Set a header of the answer."""
        kept = [(n, v) for n, v in self.answer_headers if n.lower() != name.encode()]
        self.answer_headers = [*kept, (name.encode(), value.encode())]


Fault = Callable[[Exchange], Any]


@dataclass(frozen=True)
class Mutant:
    """A fault, the operations of the run that has to find it, and the rule of the finding.

    `before` changes requests, or answers them when it returns True; `after` changes answers. A fault that
    only a journey shows names the journey, and the one that it `follows` if it needs what that one makes; one
    that only generated scenarios show names the phase. Of several rules
    in `found_by` one is enough.
    """

    name: str
    operations: str
    found_by: str
    before: Fault = lambda exchange: None
    after: Fault = lambda exchange: None
    journey: str = ""
    follows: str = ""
    phases: tuple[str, ...] = ("coverage", "fuzzing")

    def wrap(self, app: App) -> App:
        """The app with the fault."""

        async def mutant(scope: Any, receive: Any, send: Any) -> None:
            exchange = Exchange(
                operation=_operation(scope),
                method=scope["method"],
                path=scope["path"],
                query=dict(parse_qsl(scope["query_string"].decode())),
                headers=list(scope["headers"]),
                body=await _whole(receive),
            )
            if self.before(exchange) is not True:
                await _pass_on(app, scope, exchange)
                self.after(exchange)
            if exchange.method != "HEAD":
                exchange.header("content-length", str(len(exchange.answer)))
            await send(
                {
                    "type": "http.response.start",
                    "status": exchange.status,
                    "headers": exchange.answer_headers,
                }
            )
            await send({"type": "http.response.body", "body": exchange.answer})

        return mutant


async def _whole(receive: Any) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _pass_on(app: App, scope: Any, exchange: Exchange) -> None:
    async def receive() -> Any:
        return {"type": "http.request", "body": exchange.body, "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            exchange.status, exchange.answer_headers = message["status"], list(message["headers"])
        else:
            exchange.answer += message.get("body", b"")

    headers = [(n, v) for n, v in exchange.headers if n != b"content-length"]
    if exchange.body:
        headers.append((b"content-length", str(len(exchange.body)).encode()))
    query = urlencode(exchange.query).encode()
    address = {"path": exchange.path, "raw_path": quote(exchange.path).encode(), "query_string": query}
    await app({**scope, **address, "headers": headers}, receive, send)


def _operation(scope: Any) -> str:
    version, _, path = scope["path"].removeprefix(BASE).partition("/")
    if version not in VERSIONS:
        return ""
    try:
        operation, _ = VERSIONS[version].route(scope["method"], path.split("/"))
    except ApiError:
        return ""
    return operation.id


# --- what faults are made of ------------------------------------------------------------------------------


def on(operation: str, change: Fault, *, status: int = 200) -> Fault:
    """Change the exchanges of one operation that are answered so (0: not answered yet)."""

    def fault(exchange: Exchange) -> Any:
        if exchange.operation == operation and exchange.status == status:
            return change(exchange)
        return None

    return fault


def row(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """Change the object under the envelope, where there is one."""

    def fault(exchange: Exchange) -> None:
        value = exchange.value
        if isinstance(value, dict):
            change(value)
            exchange.put(value)

    return fault


def rows(change: Callable[[list[Any], Exchange], list[Any]]) -> Fault:
    """Change the list under the envelope."""
    return lambda exchange: exchange.put(change(exchange.value, exchange))


def body(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """Change the body of a request."""

    def fault(exchange: Exchange) -> None:
        value = exchange.sent
        change(value)
        exchange.body = json.dumps(value).encode()

    return fault


def under(prefix: str, method: str, change: Fault) -> Fault:
    """Change what lies outside the API."""

    def fault(exchange: Exchange) -> Any:
        if exchange.path.startswith(prefix) and exchange.method == method:
            return change(exchange)
        return None

    return fault


def html(exchange: Exchange) -> None:
    exchange.answer = b"<html><body>Bad Gateway</body></html>"
    exchange.header("content-type", "text/html")


def _set(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda value: value.update(values)


def _without(name: str) -> Callable[[dict[str, Any]], Any]:
    return lambda value: value.pop(name, None)


def _known_only(names: tuple[str, ...]) -> Callable[[dict[str, Any]], None]:
    def change(value: dict[str, Any]) -> None:
        for name in list(value):
            if name not in names:
                del value[name]

    return change


def _at_most(value: dict[str, Any]) -> None:
    if isinstance(value.get("width"), int) and not isinstance(value["width"], bool):
        value["width"] = min(max(value["width"], 32), 1536)


def _with_key(exchange: Exchange) -> None:
    key = _KEYS.get(b"authorization")
    if exchange.operation == "getUserSelf":
        sent = dict(exchange.headers).get(b"authorization", b"")
        if key is None and sent.startswith(b"Bearer ") and sent.count(b"-") == 4 and b"SCHEMA" not in sent:
            _KEYS[b"authorization"] = sent
        elif key is not None:
            kept = [(n, v) for n, v in exchange.headers if n != b"authorization"]
            exchange.headers = [*kept, (b"authorization", key)]


_KEYS: dict[bytes, bytes] = {}


def _crash(exchange: Exchange) -> Any:
    if exchange.operation == "promptImprove" and exchange.sent.get("prompt") == "":
        exchange.say({"error": "internal", "path": "$", "code": "unexpected"}, 500)
        exchange.header("content-type", "application/json")
        return True
    return None


def _refuse_webp(exchange: Exchange) -> Any:
    if exchange.sent.get("extension") == "webp":
        exchange.say({"error": "invalid file extension", "path": "$", "code": "unexpected"}, 400)
        exchange.header("content-type", "application/json")
        return True
    return None


def _no_allow(exchange: Exchange) -> None:
    if exchange.status == 405:
        exchange.answer_headers = [(n, v) for n, v in exchange.answer_headers if n.lower() != b"allow"]


def _other_allow(exchange: Exchange) -> None:
    if exchange.status == 405:
        exchange.header("allow", "GET, PATCH")


def _delete_nothing(exchange: Exchange) -> bool:
    exchange.say({"delete_init_images_by_pk": {"id": exchange.path.rpartition("/")[2]}}, 200)
    exchange.header("content-type", "application/json")
    return True


def _any_method(exchange: Exchange) -> None:
    if exchange.status == 405:
        exchange.say({}, 200)


CREATE, READ, LIST, DELETE = (
    *("createGeneration", "getGenerationById", "getGenerationsByUserId", "deleteGenerationById"),
)
UPLOAD, READ_UPLOAD = "uploadInitImage", "getInitImageById"
SCHEMA = "response-schema-conformance"
NEGATIVE = "negative-data-rejection"

CREATE_V2, SYNC_V2 = "createGenerationV2", "createGenerationSyncV2"


def _known_shadow(body: dict[str, Any]) -> None:
    parameters = body.get("parameters")
    if isinstance(parameters, dict) and "shadow_opacity" in parameters:
        parameters["shadow_opacity"] = 50


def _refuse_preview(exchange: Exchange) -> Any:
    parameters = exchange.sent.get("parameters")
    if isinstance(parameters, dict) and parameters.get("size") == "preview":
        exchange.say([{"message": "An error occurred.", "path": [], "locations": [], "extensions": {}}], 200)
        exchange.header("content-type", "application/json")
        return True
    return None


MUTANTS = (
    # --- what one answer shows
    Mutant("a required field is dropped", READ, SCHEMA, after=on(READ, row(_without("seed")))),
    Mutant("a number is a text", READ, SCHEMA, after=on(READ, row(_set(imageWidth="512")))),
    Mutant("a status that is none", READ, SCHEMA, after=on(READ, row(_set(status="DONE")))),
    Mutant("null where none may be", UPLOAD, SCHEMA, after=on(UPLOAD, row(_set(key=7)))),
    Mutant("null in place of a list", LIST, SCHEMA, after=on(LIST, lambda e: e.put(None))),
    Mutant(
        "one top-level key more",
        UPLOAD,
        SCHEMA,
        after=on(UPLOAD, lambda e: e.say({**json.loads(e.answer), "requestId": "1"})),
    ),
    Mutant("another envelope", UPLOAD, SCHEMA, after=on(UPLOAD, lambda e: e.say({"initImage": e.value}))),
    Mutant("no JSON", UPLOAD, SCHEMA, after=on(UPLOAD, lambda e: setattr(e, "answer", e.answer[:-1]))),
    Mutant(
        "another error body",
        UPLOAD,
        SCHEMA,
        after=on(UPLOAD, lambda e: e.say({"message": "Bad Request"}), status=400),
    ),
    Mutant(
        "201 in place of 200",
        UPLOAD,
        "status-code-conformance",
        after=on(UPLOAD, lambda e: setattr(e, "status", 201)),
    ),
    Mutant("500 on an empty prompt", "promptImprove", "not-a-server-error", before=_crash),
    Mutant(
        "another content type",
        "getUserSelf",
        "content-type-conformance",
        after=on("getUserSelf", lambda e: e.header("content-type", "text/plain")),
    ),
    Mutant("an error page in HTML", UPLOAD, "content-type-conformance", after=on(UPLOAD, html, status=400)),
    Mutant("any key is let in", "getUserSelf", "ignored-auth", before=_with_key),
    Mutant(
        "an unknown variable is taken",
        UPLOAD,
        NEGATIVE,
        before=on(UPLOAD, body(_known_only(("extension",))), status=0),
    ),
    Mutant(
        "a missing variable is filled in",
        UPLOAD,
        NEGATIVE,
        before=on(UPLOAD, body(lambda v: v.setdefault("extension", "png")), status=0),
    ),
    Mutant("a limit is not held", CREATE, NEGATIVE, before=on(CREATE, body(_at_most), status=0)),
    Mutant(
        "an enum value is refused",
        UPLOAD,
        "positive-data-acceptance",
        before=on(UPLOAD, _refuse_webp, status=0),
    ),
    Mutant("405 without Allow", "getUserSelf", "unsupported-method", after=_no_allow),
    Mutant("any method is taken", "getUserSelf", "unsupported-method", after=_any_method),
    Mutant("Allow names another method", "getUserSelf", "allow-header-conformance", after=_other_allow),
    # --- what a scenario of several calls shows
    Mutant(
        "what was deleted stays",
        f"{UPLOAD} {READ_UPLOAD} deleteInitImageById",
        "use-after-free",
        before=on("deleteInitImageById", _delete_nothing, status=0),
        phases=("stateful",),
    ),
    Mutant(
        "what was made is 404",
        f"{UPLOAD} {READ_UPLOAD} deleteInitImageById",
        "ensure-resource-availability",
        after=on(READ_UPLOAD, lambda e: e.say({"error": "x", "path": "$", "code": "unexpected"}, 404)),
        phases=("stateful",),
    ),
    # --- the same of version 2
    Mutant(
        "a model without its parameters",
        "listModelsV2",
        SCHEMA,
        after=on("listModelsV2", rows(lambda found, _: [{**model, "parameters": None} for model in found])),
    ),
    Mutant(
        "a parameter's limit is not held",
        SYNC_V2,
        NEGATIVE,
        before=on(SYNC_V2, body(_known_shadow), status=0),
    ),
    Mutant(
        "a parameter's value is refused",
        SYNC_V2,
        "errors-on-200",
        before=on(SYNC_V2, _refuse_preview, status=0),
    ),
)
# Checks of schemathesis that no fault of a server can break here.
UNBREAKABLE = {
    "response-headers-conformance": "the documents declare no response headers",
    "missing-required-header": "the documents declare no request headers; `ignored-auth` covers the key",
    "object-level-authorization": "it needs two logins in schemathesis; `property-tenants` covers two keys",
}
