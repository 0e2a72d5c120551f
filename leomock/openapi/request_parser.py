"""Parse a raw request into a call, rejecting what the real service rejects, with its error texts.

Order and texts follow Hasura's REST endpoints: path, body and query form one pool of variables; a body that
is not a JSON object counts as empty; the content type does not matter. If the body is optional, such a body
is refused instead (chosen).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl

import orjson
from jsonschema_rs import ValidationError

from leomock.leonardo.errors import (
    BODY_NOT_AN_OBJECT,
    LIST_IN_QUERY,
    MISSING_VARIABLE,
    NOT_A_UUID,
    NULL_VARIABLE,
    OUT_OF_LIMITS,
    UNEXPECTED_VARIABLE,
    ApiError,
)
from leomock.leonardo.hosts import Addresses
from leomock.leonardo.uuids import is_uuid
from leomock.openapi.bounds import DEEPEST, LONGEST_LIST, is_too_deep, too_long_list
from leomock.openapi.engine_types import (
    LEGAL_NAME,
    OverflowingFloat,
    TypeMismatch,
    coerced,
    needs_coercion,
)
from leomock.openapi.explanations import explain_violation
from leomock.openapi.operations import Operation, Variable
from leomock.openapi.suggest import suggestion

# These content types mean a form: Python clients that use `data=` or `files=` instead of `json=`.
FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", re.ASCII)


class Request:
    """One raw request, as every channel passes it to `answer`.

    `segments` are the decoded parts of the path below the API's base; `query` is the raw query string;
    `raw_headers` are names (in lower case) and values as they came; `scenario` names scenarios for this
    request only; `version` is the API version. `routed` and `variables` cache what was derived from the
    request, for clients that repeat it.
    """

    __slots__ = (
        *("_headers", "addresses", "authorization", "body", "method", "query"),
        *("raw_headers", "routed", "scenario", "segments", "variables", "version"),
    )

    def __init__(
        self,
        method: str,
        segments: list[str],
        addresses: Addresses,
        query: str = "",
        body: bytes = b"",
        authorization: str = "",
        raw_headers: Sequence[tuple[bytes, bytes]] = (),
        scenario: str = "",
        version: str = "v1",
    ) -> None:
        self.method = method
        self.segments = segments
        self.addresses = addresses
        self.query = query
        self.body = body
        self.authorization = authorization
        self.raw_headers = raw_headers
        self._headers: dict[str, str] | None = None
        self.scenario = scenario
        self.version = version
        self.routed: tuple[Operation, dict[str, str]] | None = None
        self.variables: dict[str, Any] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers by lower-case name."""
        if self._headers is None:
            self._headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in self.raw_headers}
        return self._headers


class Call(dict[str, Any]):
    """A parsed request: the values of all variables of an operation, by name.

    `call["width"]` is the value with defaults filled in (None without a default), `call["wdith"]` raises
    KeyError; `call.given("width")` says whether the client sent one. `sent` contains the values it sent. Text
    that a handler puts into `explain` is sent in the response's `X-Leomock-Explain` header.
    """

    __slots__ = ("addresses", "explain", "has_late_texts", "operation", "sent")

    def __init__(self, operation: Operation, sent: dict[str, Any], addresses: Addresses) -> None:
        super().__init__(operation.defaults)
        self.operation = operation
        self.sent = sent
        self.addresses = addresses
        self.explain = ""
        self.has_late_texts = False  # whether the response has texts that are made without holding the lock

    def given(self, name: str) -> bool:
        """Return True if the client sent a value (an explicit null does not count)."""
        return self.sent.get(name) is not None

    @property
    def prompt(self) -> str:
        """Return the prompt from the place that the document names, or '' without one."""
        value: Any = self
        for name in self.operation.prompt:
            value = value.get(name) if isinstance(value, dict) else None
        return value if isinstance(value, str) else ""


def parse(operation: Operation, captured: dict[str, str], request: Request) -> Call:
    """Parse a request to an operation whose path variables the route has captured."""
    if request.variables is None:
        pool = _valid_pool(operation, captured, request)
        if not request.body:
            request.variables = dict(pool)
    else:
        pool = dict(request.variables)
    call = Call(operation, pool, request.addresses)
    for name, value in pool.items():
        if value is not None:
            # 512.0 is an integer in JSON; from here on it is one in Python, too.
            whole = type(value) is float and name in operation.integers
            call[name] = int(value) if whole else value
    return call


def _valid_pool(operation: Operation, captured: dict[str, str], request: Request) -> dict[str, Any]:
    """Return all variables of a request. Raises ApiError for the first that the operation rejects."""
    pool = _pool(operation, captured, request)
    if not pool.keys() <= operation.variables.keys():
        name = next(name for name in pool if name not in operation.variables)
        raise _unexpected(operation, name, pool[name])
    for name in operation.required:
        if pool.get(name) is None:
            raise _absent(operation, operation.variables[name], name in pool, request)
    if operation.has_optional_body and request.body:
        _refuse_no_object(operation, request)
    for name in operation.uuids:
        value = pool.get(name)
        if isinstance(value, str):
            if not is_uuid(value):
                raise NOT_A_UUID(value=value[:100], explain=f"{operation.id}: '{name}' must be a UUID")
            pool[name] = value.lower()
    if path := too_long_list(request.body, pool):
        raise OUT_OF_LIMITS(
            rule=f"{path[:100]} must have at most {LONGEST_LIST} items",
            explain=f"{operation.id}: leomock accepts lists of up to {LONGEST_LIST} items",
        )
    if needs_coercion(pool) or not operation.validator.is_valid(pool):
        pool = _coerced(operation, pool)
        if not operation.validator.is_valid(pool):
            raise _refusal(operation, operation.validator.iter_errors(pool))
    return pool


def _pool(operation: Operation, captured: dict[str, str], request: Request) -> dict[str, Any]:
    """Return all variables of a request; a path variable overrides the body, the body overrides the query."""
    pool: dict[str, Any] = {}
    if request.query:
        pool.update(_query_values(operation, request.query))
    if request.body:
        try:
            body = orjson.loads(request.body)
        except orjson.JSONDecodeError as error:
            is_number_too_large = "infinity" in str(error) and request.version == "v1"
            body = _with_overflow(request.body) if is_number_too_large else None
        if isinstance(body, dict) and not is_too_deep(request.body, body):
            pool.update(_unwrapped(operation, body))
    for name, text in captured.items():
        pool[name] = _decoded(operation.variables[name], text)
    return pool


def _unwrapped(operation: Operation, body: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of a body, which may be inside an object that the document names."""
    inside = body.get(operation.wrapper) if operation.wrapper and len(body) == 1 else None
    return inside if isinstance(inside, dict) else body


def _refuse_no_object(operation: Operation, request: Request) -> None:
    """Refuse a body that is not a JSON object, for operations where no required variable is missing."""
    hint = _why_no_variables(request)
    if hint:
        raise BODY_NOT_AN_OBJECT(
            explain=f"{operation.id} takes its variables from a JSON object{hint} ({_rule(operation)})"
        )


@lru_cache(maxsize=256)
def _query_values(operation: Operation, query: str) -> dict[str, Any]:
    """Return the variables in a query string. Clients repeat theirs, and reading one takes a while."""
    values: dict[str, Any] = {}
    for name, text in parse_qsl(query, keep_blank_values=True):
        if (value := _decoded(operation.variables.get(name), text)) is not None:
            values[name] = value
    return values


def _with_overflow(text: bytes) -> Any:
    """Parse JSON with numbers that no double can hold; return None if it is invalid for another reason."""
    try:
        return json.loads(text, parse_float=OverflowingFloat.read, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _unexpected(operation: Operation, name: str, value: Any) -> ApiError:
    """Return the error for a variable that the operation does not have.

    Documented for names in general. Rejecting names that are invalid in GraphQL (`num-images`) is
    chosen: Hasura ignores them, but the document forbids them, and a client that sends one has a bug.
    """
    return UNEXPECTED_VARIABLE(
        name=name,
        explain=f"{operation.id} has no variable '{name[:100]}'{_where_instead(name, value, operation)} "
        f"({_rule(operation)})",
    )


def _where_instead(name: str, value: Any, operation: Operation) -> str:
    """Say where an unknown variable probably belongs, or return '' if nothing is similar."""
    if former := operation.former.get(name):
        return f"; {former}"
    if isinstance(value, dict) and value.keys() & operation.variables.keys():
        return "; send what is inside it as the body"
    if "parameters" in operation.variables:
        # A body for version 1, where every parameter is at the top level.
        return suggestion(name, operation.variables) or f"; version 2 takes parameters.{name}"
    return suggestion(name, operation.variables)


def _decoded(variable: Variable | None, text: str) -> Any:
    """Decode a variable from a path or query: booleans and numbers are decoded, empty means absent."""
    if variable is None:
        return text
    kind = variable.schema.get("type")
    if kind == "array":
        raise LIST_IN_QUERY(
            name=variable.name, value=text, explain=f"send '{variable.name}' in the JSON body"
        )
    if kind == "boolean":
        return {"": True, "true": True, "false": False}.get(text, text)
    if text == "" and not variable.required:
        return None
    if kind in ("integer", "number") and JSON_NUMBER.fullmatch(text):
        number = float(text)
        return int(text) if number.is_integer() and text.lstrip("-").isdigit() and len(text) < 20 else number
    return text


def _absent(operation: Operation, variable: Variable, is_null: bool, request: Request) -> ApiError:
    if is_null:
        return NULL_VARIABLE(
            type=variable.type_name,
            explain=f"{operation.id}: '{variable.name}' must not be null ({_rule(operation)})",
        )
    hint = ""
    if variable.location == "body":
        hint = _why_no_variables(request) if request.body else "; the request has no body"
    return MISSING_VARIABLE(
        name=variable.name, explain=f"{operation.id} needs '{variable.name}'{hint} ({_rule(operation)})"
    )


def _why_no_variables(request: Request) -> str:
    """Say why a body was read as no variables, as the end of a sentence; '' for a JSON object."""
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in FORM_TYPES:
            return f"; the body is a form ({kind}): send JSON instead"
        return f"; the body is not JSON ({error}), so it was read as no variables"
    if is_too_deep(request.body, body):
        return f"; the body is nested deeper than {DEEPEST} levels, so it was read as no variables"
    if not isinstance(body, dict):
        return "; the body is JSON but not an object, so it was read as no variables"
    return ""


def _rule(operation: Operation) -> str:
    return f"{operation.file} {operation.method} {operation.path}"


# --- error texts for what the validator found ---------------------------------------------------------------


def _coerced(operation: Operation, pool: dict[str, Any]) -> dict[str, Any]:
    """Return the variables as the engine reads them; it checks all types before any rule of the operation."""
    try:
        return coerced(operation, pool)
    except TypeMismatch as error:
        path = _path(operation, operation.variables[str(error.steps[0])], list(error.steps))
        if error.wording is OUT_OF_LIMITS:  # the operation's own text, which names no place
            path = "$"
        explain = f"{operation.id}: {error.explain} ({_rule(operation)})"
        raise ApiError(error.wording, error.text, path, explain) from None


def _refusal(operation: Operation, found: Iterable[ValidationError]) -> ApiError:
    """Return the first error that is not a limit, or else the first."""
    refusals = [_worded(operation, error) for error in found]
    return next((r for r in refusals if r.wording is not OUT_OF_LIMITS), refusals[0])


def _worded(operation: Operation, error: ValidationError) -> ApiError:
    """Return one validator error in the words of the real service."""
    steps = list(error.instance_path)
    variable = operation.variables[str(steps[0])]
    schema = _schema_at(variable.schema, steps[1:], operation)
    kind = type(error.kind).__name__
    name = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in steps).lstrip(".")
    value: Any = error.instance
    explain = f"{operation.id}: {explain_violation(name, error, schema)} ({_rule(operation)})"
    if text := schema.get("x-refusal", {}).get(error.schema_path[-1]):
        return OUT_OF_LIMITS(rule=text, explain=explain)
    if schema.get("format") == "uuid" and kind in ("Format", "Pattern"):
        return NOT_A_UUID(value=value[:100], explain=explain)
    return OUT_OF_LIMITS(rule=f"{name} {_limit(schema)}", explain=explain)


def _schema_at(schema: Any, steps: list[str | int], operation: Operation) -> Any:
    """Return the part of a variable's schema that applies to the value at `steps`."""
    for step in steps:
        schema = operation.resolved(schema["items"] if isinstance(step, int) else schema["properties"][step])
    return schema


def _path(operation: Operation, variable: Variable, steps: list[str | int]) -> str:
    """Return the path of an error as Hasura writes it; the real actions take one argument, `arg1`."""
    place = "args.arg1" if variable.location == "body" else "args"
    inner = "".join(map(_step, steps))
    return f"$.selectionSet.{operation.envelope or operation.id}.{place}{inner}"


def _step(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if LEGAL_NAME.fullmatch(step) else f"['{step[:100]}']"


def _limit(schema: Any) -> str:
    """Return the limit that a schema sets, as the end of a sentence that begins with a name."""
    low, high = schema.get("minimum"), schema.get("maximum")
    if "enum" in schema:
        return "must be one of " + ", ".join(f"{v}" for v in schema["enum"] if v is not None)
    if low is not None and high is not None:
        return f"must be between {low} and {high}"
    if low is not None:
        return f"must be at least {low}"
    if high is not None:
        return f"must be at most {high}"
    if "maxLength" in schema:
        return f"must have at most {schema['maxLength']} characters"
    if "maxItems" in schema:
        return f"must have at most {schema['maxItems']} items"
    return "is not valid"
