"""Turn the documents into operations: routes, variables, validators and response skeletons."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import jsonschema_rs

from leomock.leonardo.basis import BasisKind
from leomock.openapi.documents import (
    Json,
    SpecError,
    resolve,
)
from leomock.openapi.json_schema import json_schema, type_name
from leomock.openapi.serializer import ResponseSerializer

# Keywords that inform readers and that validators do not need.
_DOC_KEYWORDS = frozenset(["description", "default", "deprecated", "format"])


class Variable:
    """One input of an operation, from the path, query or body."""

    __slots__ = ("default", "location", "name", "required", "schema")

    def __init__(self, name: str, location: str, required: bool, schema: Json) -> None:
        self.name = name
        self.location = location
        self.required = required
        self.schema = schema
        self.default = schema.get("default")

    @property
    def type_name(self) -> str:
        """Return the GraphQL type, which the published document gives as the title."""
        return type_name(self.schema)


class Operation:
    """One entry of the documents, ready to answer."""

    def __init__(self, document: Json, path: str, method: str, entry: Json, folder: str) -> None:
        self.id: str = entry["operationId"]
        self.method = method.upper()
        self.path = path
        self.group: str = entry["x-group"]
        self.basis: BasisKind = entry["x-basis"]
        self.file = f"{folder}/{self.group}.json"
        self.entry = entry
        self._document = document
        self.variables: dict[str, Variable] = {}
        for variable in self._variables():
            if variable.name in self.variables:  # path, query and body share one pool
                raise SpecError(f"{self}: the variable {variable.name!r} stands twice")
            self.variables[variable.name] = variable
        self.required = tuple(v.name for v in self.variables.values() if v.required)
        in_body = [v for v in self.variables.values() if v.location == "body"]
        self.has_optional_body = bool(in_body) and not any(v.required for v in in_body)
        # A default on a required variable is only a sample value: the real service requires the variable.
        self.defaults: dict[str, Any] = {
            v.name: None if v.required else v.default for v in self.variables.values()
        }
        self.integers = frozenset(n for n, v in self.variables.items() if v.schema.get("type") == "integer")
        self.uuids = tuple(v.name for v in self.variables.values() if v.schema.get("format") == "uuid")
        names = list(self._answer["properties"])
        has_envelope = entry.get("x-envelope", True)
        if has_envelope and len(names) != 1:
            raise SpecError(f"{self}: a response has exactly one top-level key, this one has {names}")
        # Empty if the document says that the answer has no envelope (`x-envelope: false`).
        self.envelope: str = names[0] if has_envelope else ""
        # The keys that lead to the prompt, starting at the variable.
        self.prompt: tuple[str, ...] = tuple(entry.get("x-prompt", ("prompt",)))
        # What is known about variables that the operation no longer has, by name.
        self.former: dict[str, str] = entry.get("x-former", {})
        # The name of an object that the body may be sent in, or ''.
        self.wrapper: str = entry.get("x-wrapper", "")

    def __str__(self) -> str:
        return f"{self.method} {self.path} ({self.id})"

    @property
    def _on_200(self) -> Json:
        schema: Json = self.entry["responses"]["200"]["content"]["application/json"]["schema"]
        return schema

    @property
    def lists_errors(self) -> bool:
        """True if the document describes a list of errors on 200, as a service behind the engine sends it."""
        return "oneOf" in self._on_200

    @property
    def _answer(self) -> Json:
        """Return the schema of a success, which comes first if the document also has errors on 200."""
        schema = self._on_200
        return resolve(self._document, schema["oneOf"][0] if self.lists_errors else schema)

    @property
    def _body(self) -> Json | None:
        """Return the schema of the body, if any."""
        content = self.entry.get("requestBody", {}).get("content", {})
        body: Json | None = content.get("application/json", {}).get("schema")
        return None if body is None else resolve(self._document, body)

    def documented_schema(self, schema: Json) -> Json:
        """Return a schema of this operation as JSON Schema for readers: with descriptions and defaults."""
        return json_schema(self._document, schema, f"{self.file} {self}", _DOC_KEYWORDS)

    @property
    def body_schema(self) -> Json | None:
        """Return the JSON Schema of the body for readers, or None without a body."""
        return None if self._body is None else self.documented_schema(self._body)

    @property
    def answer_schema(self) -> Json:
        """Return the JSON Schema of a success for readers."""
        return self.documented_schema(self._answer)

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
        """Wrap a value in the envelope of the answer."""
        return {self.envelope: value} if self.envelope else value

    def resolved(self, schema: Json) -> Json:
        """Return a schema of this operation with its references followed."""
        return resolve(self._document, schema)

    @cached_property
    def validator(self) -> jsonschema_rs.Draft202012Validator:
        """Return the validator of the variable pool; compiled when the operation is first called."""
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
            mask="it",  # the rejected value may be a megabyte long
            validate_formats=True,
        )

    @cached_property
    def serializer(self) -> ResponseSerializer:
        """Return the serializer of the response; compiled when the operation is first called."""
        answer = self._answer
        return ResponseSerializer(
            self._document, answer["properties"][self.envelope] if self.envelope else answer
        )
