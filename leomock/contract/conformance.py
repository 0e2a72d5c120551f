"""Judge exchanges and documents with openapi-core, as an independent check of the fast path.

It is slow (about a millisecond per exchange) and shares no rule with `parse` or `shape`. Only tests and
contract checks import it.
"""

from __future__ import annotations

import json
from ast import literal_eval
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.casting.schemas.exceptions import CastError
from openapi_core.datatypes import RequestParameters
from openapi_core.deserializing.media_types.exceptions import MediaTypeDeserializeError
from openapi_core.templating.media_types.exceptions import MediaTypeNotFound
from openapi_core.templating.paths.exceptions import OperationNotFound, PathNotFound, ServerNotFound
from openapi_core.templating.responses.exceptions import ResponseNotFound
from openapi_core.validation.request.exceptions import (
    MissingRequiredParameter,
    MissingRequiredRequestBody,
    ParameterValidationError,
    RequestBodyValidationError,
    SecurityValidationError,
)
from openapi_core.validation.response.exceptions import DataValidationError, MissingData
from openapi_core.validation.schemas.exceptions import InvalidSchemaValue
from werkzeug.datastructures import Headers, ImmutableMultiDict

from leomock.contract.strict import place_of, shown
from leomock.files.recordings.model import RecordedExchange
from leomock.openapi.documents import Json, operations_of, with_nulls

LONGEST_FINDING = 300


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of the document that an exchange breaks; as text, a sentence that begins with the exchange.

    `rule` is the kind of rule (`RULES`), `operation` is the id of the operation, and `group` names the
    document; the last two are empty if nothing matches. `pointer` leads to the rule in the whole document,
    and `text` says what is wrong.
    """

    exchange: str
    rule: str
    operation: str
    group: str
    pointer: str
    text: str

    def __str__(self) -> str:
        return f"{self.exchange}: {self.text}"


# The kinds of rules, each with a description of its violations.
RULES = {
    "no-operation": "The document has no such operation.",
    "authentication": "A request does not authenticate as the document says.",
    "parameter": "A parameter is not as the document says.",
    "request-body": "The body of a request is not as the document says.",
    "response-status": "The document does not name the status of an answer.",
    "response-body": "The body of an answer is not as the document says.",
    "other": "The exchange does not conform to the document.",
}


class Referee:
    """Judge exchanges by one document.

    An exchange without violations conforms. The published document requires almost no response field; pass
    the strict one (`leomock.contract.strict`) to report missing and unknown fields.
    """

    def __init__(self, document: Json) -> None:
        self._document = document
        readable = with_nulls(document)
        self._entries = {
            (method, path): entry
            for path, item in document["paths"].items()
            for method, entry in operations_of(item)
        }
        # openapi-core warns about `allowEmptyValue`, and would check an empty value against the schema.
        self._may_be_empty = frozenset(
            parameter["name"]
            for item in readable["paths"].values()
            for _, entry in operations_of(item)
            for parameter in entry.get("parameters", ())
            if parameter.pop("allowEmptyValue", False)
        )
        self._judge = _judge(readable)

    def check_document(self) -> None:
        """Raise if the document is not valid OpenAPI, or a component's default does not fit its schema."""
        OpenAPI.from_dict(self._document)

    def judge_request(self, recorded: RecordedExchange) -> list[str]:
        """Return the violations of a request as sentences."""
        return [str(violation) for violation in self.request_breaches(recorded)]

    def judge_response(self, recorded: RecordedExchange) -> list[str]:
        """Return the violations of a response as sentences; an undocumented status is one."""
        return [str(violation) for violation in self.response_breaches(recorded)]

    def request_breaches(self, recorded: RecordedExchange) -> list[Violation]:
        """Return the rules of the document that the request breaks."""
        return self._breaches(recorded, "", self._judge.iter_request_errors(self._asked(recorded)))

    def response_breaches(self, recorded: RecordedExchange) -> list[Violation]:
        """Return the rules of the document that the response breaks."""
        found = self._judge.iter_response_errors(self._asked(recorded), _Answered(recorded))
        return self._breaches(recorded, f" {recorded.status}", found)

    def operation_of(self, recorded: RecordedExchange) -> str:
        """Return the id of the operation that a request is for; empty if no operation matches."""
        _, entry = self._found(recorded)
        return str(entry["operationId"]) if entry else ""

    def _asked(self, recorded: RecordedExchange) -> _Asked:
        return _Asked(recorded, self._may_be_empty)

    def _breaches(
        self, recorded: RecordedExchange, status: str, errors: Iterable[Exception]
    ) -> list[Violation]:
        found = [(error, text) for error in errors for text in _texts(error)]
        if not found:
            return []
        pointer, entry = self._found(recorded)
        operation = entry["operationId"] if entry else ""
        exchange = f"{recorded.method.upper()} {urlsplit(recorded.url).path}"
        exchange += f" ({operation}){status}" if operation else status
        group = entry.get("x-group", "") if entry else ""
        places = [_place(error, recorded.status, entry) if entry else "" for error, _ in found]
        return [
            Violation(exchange, _rule(error), operation, group, pointer + place, text)
            for (error, text), place in zip(found, places, strict=True)
        ]

    def _found(self, recorded: RecordedExchange) -> tuple[str, Json | None]:
        """Return the operation of a request: a pointer to it, and its entry."""
        asked = self._asked(recorded)
        validator: Any = self._judge.request_validator
        try:
            found = validator.path_finder.find(asked.method, asked.host_url + asked.path)
        except (PathNotFound, OperationNotFound, ServerNotFound):
            return "/paths", None
        path = found.path_result.pattern
        escaped = path.replace("~", "~0").replace("/", "~1")
        return f"/paths/{escaped}/{asked.method}", self._entries[asked.method, path]


class _Asked:
    """The request of an exchange, in the form that openapi-core expects."""

    def __init__(self, recorded: RecordedExchange, may_be_empty: frozenset[str]) -> None:
        parts = urlsplit(recorded.url)
        self.method = recorded.method.lower()
        self.host_url = f"{parts.scheme}://{parts.netloc}"
        # openapi-core neither decodes path variables nor preserves dot segments, so it gets normalized
        # percent-encoding. Once decoded, that reads the same except for characters that a path cannot
        # contain.
        self.path = "/".join(_normal(step) for step in parts.path.split("/"))
        headers = Headers(list(recorded.request_headers.items()))
        query = [
            (name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            if value or name not in may_be_empty
        ]
        self.parameters = RequestParameters(query=ImmutableMultiDict(query), header=headers)
        self.content_type = headers.get("content-type", "").lower()
        self.body = recorded.request_body


class _Answered:
    """The response of an exchange, in the form that openapi-core expects."""

    def __init__(self, recorded: RecordedExchange) -> None:
        self.status_code = recorded.status
        self.headers = Headers(list(recorded.response_headers.items()))
        self.content_type = self.headers.get("content-type", "").lower()
        self.data = recorded.response_body


def _normal(step: str) -> str:
    text = unquote(step)
    return "%2E" * len(text) if text in (".", "..") else quote(text, "-._~!$&'()*+,;=:@", errors="replace")


def _judge(document: Json) -> OpenAPI:
    # Checking the document takes much longer than judging an exchange, so it is a separate call.
    loaders: dict[str, Callable[[bytes], Any]] = {"application/json": _read_json}
    return OpenAPI.from_dict(
        document, config=Config(spec_validator_cls=None, extra_media_type_deserializers=loaders)
    )


def _read_json(value: bytes, **parameters: str) -> Any:
    """Read JSON as defined by RFC 8259; Python would also accept UTF-16, NaN and Infinity."""
    try:
        return json.loads(value.decode(), parse_constant=_no_constant)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


# --- wording ------------------------------------------------------------------------------------------------


def _texts(error: BaseException) -> Iterator[str]:
    """Yield one openapi-core error as sentences."""
    cause = error.__cause__
    if isinstance(error, PathNotFound):
        yield "no path of the document fits"
    elif isinstance(error, OperationNotFound):
        yield "the document has this path, without this method"
    elif isinstance(error, ServerNotFound):
        yield "the URL is under none of the document's servers"
    elif isinstance(error, ResponseNotFound):
        yield f"the document names no such status, but {', '.join(error.availableresponses)}"
    elif isinstance(error, SecurityValidationError):
        yield "the request does not authenticate as the document says"
    elif isinstance(error, MissingRequiredParameter):
        yield f"the {error.location} parameter '{error.name}' is missing"
    elif isinstance(error, MissingRequiredRequestBody | MissingData):
        yield f"the {_part(error)} is missing"
    elif isinstance(cause, InvalidSchemaValue):
        yield from (f"{_part(error)}: {text}" for text in _details(cause.schema_errors))
    elif isinstance(cause, CastError):
        yield f"{_part(error)}: {cause.value!r} is not of type {cause.type}"
    elif isinstance(cause, MediaTypeNotFound):
        wanted = ", ".join(cause.availableMimetypes)
        yield f"the {_part(error)} is {cause.mimetype or 'of no content type'}, not {wanted}"
    elif isinstance(cause, MediaTypeDeserializeError):
        yield f"the {_part(error)} is not JSON"
    else:
        yield f"{_part(error)}: {error}"


def _rule(error: BaseException) -> str:
    """Return the kind of rule (one of `RULES`) that an openapi-core error is about."""
    if isinstance(error, PathNotFound | OperationNotFound | ServerNotFound):
        return "no-operation"
    if isinstance(error, ResponseNotFound):
        return "response-status"
    if isinstance(error, SecurityValidationError):
        return "authentication"
    if isinstance(error, ParameterValidationError | MissingRequiredParameter):
        return "parameter"
    if isinstance(error, RequestBodyValidationError | MissingRequiredRequestBody):
        return "request-body"
    return "response-body" if isinstance(error, DataValidationError | MissingData) else "other"


def _place(error: BaseException, status: int, entry: Json) -> str:
    """Return where the rule is within its operation's entry."""
    places = {
        "parameter": "/parameters",
        "request-body": "/requestBody",
        "response-status": "/responses",
        "response-body": f"/responses/{status}",
    }
    return places.get(_rule(error), "")


def _part(error: BaseException) -> str:
    if isinstance(error, ParameterValidationError):
        return f"{error.location} parameter '{error.name}'"
    if isinstance(error, RequestBodyValidationError):
        return "request body"
    return "response body" if isinstance(error, DataValidationError) else type(error).__name__


def _details(errors: Iterable[Any]) -> Iterator[str]:
    """Yield a sentence for each schema error; among alternatives, describe only the nearest."""
    for error in errors:
        # For a single null, openapi-schema-validator reports both "None for not nullable" and "None is not of
        # type …".
        if error.message.startswith("None is not of type "):
            continue
        if error.context:
            branches: dict[Any, list[Any]] = {}
            for inner in error.context:
                branches.setdefault(inner.schema_path[0], []).append(inner)
            nearest = min(branches.values(), key=_distance)
            yield from _details(nearest)
        else:
            yield from _sentences(error)


def _sentences(error: Any) -> Iterator[str]:
    """Yield the errors at one place, named as `a.b[0]`; the whole value has no name."""
    place = place_of(error.absolute_path, whole="")
    inside = f"{place}." if place else ""
    match error.validator:
        case "required":
            name = literal_eval(error.message.removesuffix(" is a required property"))
            yield f"{inside}{name} is missing"
            return
        case "additionalProperties" if error.validator_value is False:
            known = error.schema.get("properties", {})
            yield from (
                f"{inside}{name} is not in the document" for name in error.instance if name not in known
            )
            return
        case "type":
            wrong = f"not of type {error.validator_value}"
        case "enum":
            wrong = f"not one of {shown(error.validator_value, 200)}"
        case "maxLength":
            wrong = f"longer than {error.validator_value} characters"
        case "format":
            wrong = f"not a valid {error.validator_value}"
        case _:
            yield (f"{place}: " if place else "") + error.message[:LONGEST_FINDING]
            return
    value = shown(error.instance)
    yield f"{place} is {value}, {wrong}" if place else f"{value} is {wrong}"


def _distance(branch: list[Any]) -> tuple[bool, int]:
    """Return how far a value is from an alternative; a different type is farthest."""
    return any(not error.path and error.validator == "type" for error in branch), len(branch)
