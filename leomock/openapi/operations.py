"""Turns the documents into operations: routes, variables, validators and response skeletons."""

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

# Keywords for readers that validators do not need.
_DOC_KEYWORDS = frozenset(["description", "default", "deprecated", "format"])


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

    def documented_schema(self, schema: Json) -> Json:
        """A schema of this operation as JSON Schema for readers: with descriptions and defaults."""
        return json_schema(self._document, schema, f"{self.file} {self}", _DOC_KEYWORDS)

    @property
    def body_schema(self) -> Json | None:
        """The JSON Schema of the body for readers, if there is a body."""
        return None if self._body is None else self.documented_schema(self._body)

    @property
    def answer_schema(self) -> Json:
        """The JSON Schema of a success for readers."""
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
    def serializer(self) -> ResponseSerializer:
        """Fits a value to the response schema; compiled when the operation is first called."""
        answer = self._answer
        return ResponseSerializer(
            self._document, answer["properties"][self.envelope] if self.envelope else answer
        )
