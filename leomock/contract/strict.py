"""The strict contract: the OpenAPI document whose responses have exactly the properties that it names.

The published documents mark almost no response property as required, so an empty object satisfies them.
`leomock check`, `referee`, `proxy --judge`, `replay`, `judge()` and the tests judge by this document instead;
`leomock openapi --strict` prints it.
"""

from __future__ import annotations

import json
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import jsonschema_rs

from leomock.files.recordings.api_urls import api_path
from leomock.files.recordings.model import RecordedExchange
from leomock.leonardo.errors import ApiError
from leomock.openapi.documents import Json, operations_of, resolve, with_nulls
from leomock.openapi.flavours import require_in_answers, used_schemas
from leomock.openapi.json_schema import json_schema
from leomock.openapi.spec import Spec, shipped_versions

JSON = "application/json"


def strict_document(spec: Spec, server: str, *, published: bool = False) -> Json:
    """Return the document with closed responses; the published one stays open, except for nulls in enums.

    The served document already requires the properties that a successful response names (except those marked
    `x-sparse`); this one allows no others, as a fixed GraphQL selection does. The published
    document stays open because real responses have more properties than it names.
    """
    document = spec.document(server, published=published)
    return with_nulls(document) if published else with_closed_answers(document)


def with_closed_answers(document: Json) -> Json:
    """Return a copy whose successes require the properties that they name and allow no others."""
    result = with_nulls(document)
    require_in_answers(result)
    for item in result["paths"].values():
        for _, entry in operations_of(item):
            content = entry["responses"]["200"]["content"][JSON]
            content["schema"] = close(result, content["schema"])
    result["components"]["schemas"] = used_schemas(result)
    return result


def close(document: Json, schema: Json) -> Json:
    """Return a schema with closed objects and inlined references; requests share the referenced schemas."""
    schema = dict(resolve(document, schema))
    if "properties" in schema:
        schema["properties"] = {name: close(document, part) for name, part in schema["properties"].items()}
        schema.setdefault("additionalProperties", False)
    if "items" in schema:
        schema["items"] = close(document, schema["items"])
    for word in ("oneOf", "anyOf", "allOf"):
        if word in schema:
            schema[word] = [close(document, part) for part in schema[word]]
    return schema


class AnswerValidator:
    """Judge responses of one version of the API by the strict contract, in plain English."""

    def __init__(self, spec: Spec) -> None:
        self._document = strict_document(spec, "/")
        self._entries = {
            entry["operationId"]: entry
            for item in self._document["paths"].values()
            for _, entry in operations_of(item)
        }
        self._validators: dict[tuple[str, str], Any] = {}

    def problems(self, operation: str, status: int, answer: Any) -> list[str]:
        """Return the problems of a response, one sentence per place; [] if the contract allows it."""
        responses = self._entries[operation]["responses"]
        name = str(status) if str(status) in responses else "default"
        if name not in responses:
            return [f"the status is {status}, which the document does not name"]
        validator = self._validators.get((operation, name))
        if validator is None:
            schema = resolve(self._document, responses[name])["content"][JSON]["schema"]
            validator = jsonschema_rs.Draft202012Validator(json_schema(self._document, schema, operation))
            self._validators[operation, name] = validator
        return [text for error in validator.iter_errors(answer) for text in describe(error, status)]


class Addition(str):
    """A problem that is only a property which the documents do not name; it keeps no client from working."""

    __slots__ = ()


def describe(error: Any, status: int) -> list[str]:
    """Describe an error at the place where it occurs.

    Among alternatives, the best match is described, not the list of all. Beside the envelope of a success
    nothing may stand, since clients take the only property that there is.
    """
    place = place_of(error.instance_path)
    kind = error.kind
    name = type(kind).__name__.rpartition("_")[2]
    match name:
        case "Required":
            return [f"{_joined(place, kind.property)} is missing"]
        case "AdditionalProperties":
            told = Addition if list(error.instance_path) or status != 200 else str
            return [told(f"{_joined(place, extra)} is not in the document") for extra in kind.unexpected]
        case "Type":
            types = " or ".join(kind.types)
            return [f"{place} is {shown(error.instance)}, not of type {types}"]
        case "Enum":
            return [f"{place} is {shown(error.instance)}, not one of {shown(kind.options, 200)}"]
        case "AnyOf" | "OneOfNotValid" if getattr(kind, "context", None):
            branches = [branch for branch in kind.context if branch]
            best = min(branches, key=lambda branch: (_wrong_type_here(branch, error), len(branch)))
            return [text for inner in best for text in describe(inner, status)]
    return [f"{place}: {' '.join(str(error.message).split())[:200]}"]


def _wrong_type_here(branch: list[Any], outer: Any) -> bool:
    return any(
        type(inner.kind).__name__.endswith("Type") and list(inner.instance_path) == list(outer.instance_path)
        for inner in branch
    )


def place_of(path: Any, whole: str = "the answer") -> str:
    """Write a path into JSON as `generated_images[0].url`; the empty path is the whole value."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.lstrip(".") or whole


def _joined(place: str, name: str) -> str:
    return name if place == "the answer" else f"{place}.{name}"


def shown(value: Any, longest: int = 60) -> str:
    """Write a value as JSON, truncated if it is long."""
    text = json.dumps(value, default=str)
    return text if len(text) <= longest else f"{text[:longest]}…"


def answer_problems(recorded: RecordedExchange) -> list[str]:
    """Return how a recorded response breaks the strict contract; [] for calls outside the API."""
    found = api_path(recorded.url)
    if found is None or recorded.response_cut:
        return []
    version, path = found
    segments = urlsplit(path).path.strip("/").split("/")
    try:
        operation, _ = shipped_versions()[version].route(recorded.method, segments)
        answer = json.loads(recorded.response_body)
    except ApiError:
        return []
    except (ValueError, RecursionError):
        return ["the answer is not JSON"]
    return answer_validators()[version].problems(operation.id, recorded.status, answer)


@cache
def answer_validators() -> dict[str, AnswerValidator]:
    """Return the validators of all versions, created once."""
    return {version: AnswerValidator(spec) for version, spec in shipped_versions().items()}
