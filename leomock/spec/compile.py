"""Turns the documents into operations: routes, variables, validators and response skeletons."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import jsonschema_rs

from leomock.errors import NO_ENDPOINT, WRONG_METHOD, Basis
from leomock.spec.overlay import lay
from leomock.spec.refs import (
    OVERLAY,
    Json,
    SpecError,
    bundle,
    groups,
    operations_of,
    read,
    resolve,
    specs_folder,
)
from leomock.spec.shape import Shaper

_JSON_SCHEMA = ("title", "type", "enum", "required", "properties", "items", "allOf", "oneOf", "anyOf", "not")
_LIMITS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems"),
    *("minProperties", "maxProperties", "additionalProperties"),
)
_ANNOTATIONS = (
    *("description", "default", "example", "examples", "deprecated"),
    *("readOnly", "writeOnly", "format", "nullable"),
)
_KEYWORDS = frozenset([*_JSON_SCHEMA, *_LIMITS, *_ANNOTATIONS])
# Where the documents of each version of the API are, below those of all.
_FOLDERS = {"v1": "", "v2": "v2"}
# What tells a reader more than a validator.
_TOLD = frozenset(["description", "default", "deprecated", "format"])


def json_schema(document: Json, schema: Json, where: str, more: frozenset[str] = frozenset()) -> Json:
    """An OpenAPI 3.0 schema as JSON Schema 2020-12, references inlined.

    Of the annotations it has those named in `more`. An unknown keyword stops the start: a limit that nobody
    enforces would be a lie.
    """
    schema = resolve(document, schema)
    result: Json = {}
    for keyword, value in schema.items():
        if keyword not in _KEYWORDS and not keyword.startswith("x-"):
            raise SpecError(f"{where}: schema keyword {keyword!r} is not known here")
        if keyword in ("exclusiveMinimum", "exclusiveMaximum") and isinstance(value, bool):
            raise SpecError(f"{where}: boolean {keyword} is not supported")
        if keyword == "properties":
            result[keyword] = {
                name: json_schema(document, part, f"{where}/properties/{name}", more)
                for name, part in value.items()
            }
        elif keyword in ("allOf", "oneOf", "anyOf"):
            result[keyword] = [
                json_schema(document, part, f"{where}/{keyword}/{n}", more) for n, part in enumerate(value)
            ]
        elif keyword in ("items", "not") or (keyword == "additionalProperties" and isinstance(value, dict)):
            result[keyword] = json_schema(document, value, f"{where}/{keyword}", more)
        elif (
            keyword in _JSON_SCHEMA
            or keyword in _LIMITS
            or keyword in more
            or (keyword, value) == ("format", "uuid")
        ):
            result[keyword] = value
    if schema.get("nullable"):
        return _or_null(result)
    return result


def _or_null(schema: Json) -> Json:
    if any(word in schema for word in ("allOf", "oneOf", "anyOf")) or "type" not in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    schema["type"] = [schema["type"], "null"]
    if "enum" in schema:
        schema["enum"] = [*(value for value in schema["enum"] if value is not None), None]
    return schema


class Variable:
    """One input of an operation, wherever it may come from."""

    __slots__ = ("default", "location", "name", "required", "schema")

    def __init__(self, name: str, location: str, required: bool, schema: Json) -> None:
        self.name = name
        self.location = location
        self.required = required
        self.schema = schema
        self.default = schema.get("default")

    @property
    def type_name(self) -> str:
        """The GraphQL type: the published titles carry it."""
        return type_name(self.schema)


def type_name(schema: Json) -> str:
    """What the published document calls the type of a schema."""
    plain = {"boolean": "Boolean", "integer": "Int", "number": "Float", "string": "String"}
    title: str | None = schema.get("title")
    return title or plain.get(schema.get("type", ""), "String")


class Operation:
    """One entry of the documents, ready to answer."""

    def __init__(self, document: Json, path: str, method: str, entry: Json, folder: str) -> None:
        self.id: str = entry["operationId"]
        self.method = method.upper()
        self.path = path
        self.group: str = entry["x-group"]
        self.basis: Basis = entry["x-basis"]
        self.file = f"{folder}/{self.group}.json"
        self.entry = entry
        self._document = document
        self.variables: dict[str, Variable] = {}
        for variable in self._variables():
            if variable.name in self.variables:  # there is one pool for path, query and body
                raise SpecError(f"{self}: the variable {variable.name!r} stands twice")
            self.variables[variable.name] = variable
        self.required = tuple(v.name for v in self.variables.values() if v.required)
        # A default on a required variable is only a sample value: the real service asks for it.
        self.defaults: dict[str, Any] = {
            v.name: None if v.required else v.default for v in self.variables.values()
        }
        self.integers = frozenset(n for n, v in self.variables.items() if v.schema.get("type") == "integer")
        self.uuids = tuple(v.name for v in self.variables.values() if v.schema.get("format") == "uuid")
        names = list(self._answer["properties"])
        has_envelope = entry.get("x-envelope", True)
        if has_envelope and len(names) != 1:
            raise SpecError(f"{self}: a response has exactly one top-level key, this one has {names}")
        # Empty where the document says that the answer has none (`x-envelope: false`).
        self.envelope: str = names[0] if has_envelope else ""
        # The names that lead to the prompt, from the variable on.
        self.prompt: tuple[str, ...] = tuple(entry.get("x-prompt", ("prompt",)))

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.id})"

    @property
    def _on_200(self) -> Json:
        schema: Json = self.entry["responses"]["200"]["content"]["application/json"]["schema"]
        return schema

    @property
    def lists_errors(self) -> bool:
        """Whether the document has a list of errors on 200, which a service behind the engine tells."""
        return "oneOf" in self._on_200

    @property
    def _answer(self) -> Json:
        """The schema of a success, which comes first where there are errors on 200 as well."""
        schema = self._on_200
        return resolve(self._document, schema["oneOf"][0] if self.lists_errors else schema)

    @property
    def _body(self) -> Json | None:
        """The schema of the body, if there is one."""
        content = self.entry.get("requestBody", {}).get("content", {})
        body: Json | None = content.get("application/json", {}).get("schema")
        return None if body is None else resolve(self._document, body)

    def told(self, schema: Json) -> Json:
        """A schema of this operation as JSON Schema for readers: with descriptions and defaults."""
        return json_schema(self._document, schema, f"{self.file} {self}", _TOLD)

    @property
    def body_schema(self) -> Json | None:
        """The JSON Schema of the body for readers, if there is a body."""
        return None if self._body is None else self.told(self._body)

    @property
    def answer_schema(self) -> Json:
        """The JSON Schema of a success for readers."""
        return self.told(self._answer)

    def _variables(self) -> list[Variable]:
        found = [
            Variable(p["name"], p["in"], p.get("required", False), resolve(self._document, p["schema"]))
            for p in self.entry.get("parameters", ())
        ]
        body = self._body
        if body is not None:
            required = body.get("required", ())
            found += [
                Variable(name, "body", name in required, resolve(self._document, schema))
                for name, schema in body.get("properties", {}).items()
            ]
        return found

    def enveloped(self, value: Any) -> Any:
        """A value as the body of an answer."""
        return {self.envelope: value} if self.envelope else value

    def resolved(self, schema: Json) -> Json:
        """A schema of this operation with its references followed."""
        return resolve(self._document, schema)

    @cached_property
    def validator(self) -> jsonschema_rs.Draft202012Validator:
        """Judges the pool of variables; compiled when the operation is first called."""
        where = f"{self.file} {self}"
        return jsonschema_rs.Draft202012Validator(
            {
                "type": "object",
                "properties": {
                    name: json_schema(self._document, variable.schema, f"{where} {name}")
                    for name, variable in self.variables.items()
                },
                "required": list(self.required),
            },
            mask="it",  # the refused value may be a megabyte long
            validate_formats=True,
        )

    @cached_property
    def shaper(self) -> Shaper:
        """Fits a value to the response schema; compiled when the operation is first called."""
        answer = self._answer
        return Shaper(self._document, answer["properties"][self.envelope] if self.envelope else answer)


class Spec:
    """The published documents, the effective one (with the overlay), and its operations."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or specs_folder()
        self.folder = folder
        self.overlay = read(folder / OVERLAY)
        below = folder.relative_to(specs_folder()) if folder.is_relative_to(specs_folder()) else Path()
        named = ("specs" / below).as_posix()
        self.effective = lay(bundle(folder), self.overlay, f"{named}/{OVERLAY}")
        self.operations: dict[str, Operation] = {}
        # By the number of segments and the first of them, which is never a variable.
        self._routes: dict[tuple[int, str], list[tuple[list[str], dict[str, Operation]]]] = {}
        for path, item in self.effective["paths"].items():
            methods = {}
            for method, entry in operations_of(item):
                operation = Operation(self.effective, path, method, entry, named)
                if operation.id in self.operations:
                    raise SpecError(f"{operation}: the operationId stands twice")
                self.operations[operation.id] = methods[operation.method] = operation
            pattern = path.strip("/").split("/")
            self._routes.setdefault((len(pattern), pattern[0]), []).append((pattern, methods))
        for routes in self._routes.values():
            routes.sort(key=lambda route: [part.startswith("{") for part in route[0]])

    @cached_property
    def published(self) -> Json:
        """What was published, without our corrections; nothing that comes from another source."""
        if not groups(self.folder, published_only=True):
            raise SpecError(f"{self.folder.name}: none of its documents is among the published ones")
        return bundle(self.folder, published_only=True)

    def route(self, method: str, segments: list[str]) -> tuple[Operation, dict[str, str]]:
        """The operation that a method and the decoded segments of a path name, and its path variables.

        Raises the 404 or 405 of the real service.
        """
        for pattern, methods in self._routes.get((len(segments), segments[0]), ()):
            captured = {}
            for part, segment in zip(pattern, segments, strict=True):
                if part.startswith("{"):
                    captured[part[1:-1]] = segment
                elif part != segment:
                    break
            else:
                if operation := methods.get(method):
                    return operation, captured
                allowed = ", ".join(methods)
                raise WRONG_METHOD(
                    methods=allowed,
                    headers={"Allow": allowed},
                    explain=f"/{'/'.join(pattern)} answers {allowed}, not {method}",
                )
        raise NO_ENDPOINT(explain=self.nearest(method, segments))

    def nearest(self, method: str, segments: list[str]) -> str:
        """A sentence that names the operation somebody probably meant."""
        asked = f"{method} /{'/'.join(segments)}"[:200]
        known = {f"{o.method} {o.path}": o for o in self.operations.values()}
        for candidate in difflib.get_close_matches(asked, known, n=1, cutoff=0.3):
            return f"{asked}: no such operation; the nearest is {known[candidate]}"
        return f"{asked}: no such operation"

    def document(self, server: str, *, published: bool = False) -> Json:
        """The whole document for generators and checkers, its server set to an address."""
        document = copy.copy(self.published if published else self.effective)
        document["servers"] = [{"url": server}]
        return document


def version_of(address: str) -> str:
    """The version of the API whose name an address ends with; version 1 where it ends with none."""
    last = address.rstrip("/").rpartition("/")[2]
    return last if last in _FOLDERS else "v1"


class Versions(dict[str, Spec]):
    """The documents of each version of the API, by its name in paths."""

    def __init__(self) -> None:
        super().__init__({name: Spec(specs_folder() / below) for name, below in _FOLDERS.items()})

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """All operations by their ids, which differ from version to version."""
        return {id: operation for spec in self.values() for id, operation in spec.operations.items()}


def suggestion(word: str, known: Mapping[str, object]) -> str:
    """`; did you mean 'x'?` for the end of a sentence, or nothing when no known word is near."""
    lowered = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower()[:100], lowered, n=1, cutoff=0.6)
    return f"; did you mean '{lowered[close[0]]}'?" if close else ""
