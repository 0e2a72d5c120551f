"""Fit a value to a response schema: keep what it names, blank what is missing, drop the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from leomock.openapi.documents import Json, resolve

Fit = Callable[[Any], Any]

# Placeholders for missing texts that must have a format.
_BLANK_TEXTS = {"uuid": "00000000-0000-0000-0000-000000000000", "date-time": "1970-01-01T00:00:00.000Z"}


class Fitted(dict[str, Any]):
    """An object in its final shape, which is passed on unchanged, with its `json`. Do not modify it."""

    __slots__ = ("json",)

    def __init__(self, value: Mapping[str, Any]) -> None:
        super().__init__(value)
        self.json = _exact(value)


def to_json(value: Any) -> bytes:
    """Return a response as JSON: as `orjson.dumps` does, but from the stored JSON of fitted objects."""
    if type(value) is Fitted:
        return value.json
    if type(value) is dict and len(value) == 1:
        ((name, inner),) = value.items()
        if type(inner) is Fitted:
            return b"{%b:%b}" % (orjson.dumps(name), inner.json)
        if type(inner) is list and inner and type(inner[0]) is Fitted:
            items = [each.json if type(each) is Fitted else to_json(each) for each in inner]
            return b"{%b:[%b]}" % (orjson.dumps(name), b",".join(items))
    return _exact(value)


def _exact(value: Any) -> bytes:
    """Return a value as JSON that takes no more memory than its length.

    orjson keeps up to 16 KB of unused buffer with each result, and the journal keeps thousands of them.
    """
    return bytes(memoryview(orjson.dumps(value)))


class ResponseSerializer:
    """The compiled form of one response schema."""

    def __init__(self, document: Json, schema: Json) -> None:
        self._document = document
        self.empty = self._blank(schema)
        self.serialize = self._fit(schema) or (lambda value: value)
        flat = self._flat(schema)
        self._fit_one = self._fit(flat["items"] if flat.get("type") == "array" else flat)

    def fit_one(self, value: Mapping[str, Any]) -> Fitted:
        """Fit one object: of the schema itself, or an item if the schema is a list."""
        return Fitted(self._fit_one(value) if self._fit_one else value)

    def _flat(self, schema: Json) -> Json:
        """Return the schema without `$ref` and `allOf`."""
        schema = resolve(self._document, schema)
        if "allOf" in schema:
            parts = [self._flat(part) for part in schema["allOf"]]
            schema = {
                key: value for part in [*parts, schema] for key, value in part.items() if key != "allOf"
            }
        return schema

    def _blank(self, schema: Json) -> Any:
        """Return the emptiest valid value: null if the schema allows it."""
        schema = self._flat(schema)
        if schema.get("nullable"):
            return None
        if "enum" in schema:
            return schema["enum"][0]
        if (form := schema.get("format")) in _BLANK_TEXTS:
            return _BLANK_TEXTS[form]
        kind = schema.get("type")
        if kind == "object":
            return self._blanks(schema)
        plain: dict[str | None, Any] = {
            "array": [],
            "integer": 0,
            "number": 0,
            "boolean": False,
            "string": "",
        }
        return plain.get(kind)

    def _blanks(self, schema: Json) -> dict[str, Any]:
        """Return the values for missing properties of an object; sparse ones may be absent.

        They have the order of the answer: the names in `x-order` first, the others as in the document.
        """
        properties = schema.get("properties", {})
        names = dict.fromkeys((*schema.get("x-order", ()), *properties))
        return {
            name: self._blank(properties[name])
            for name in names
            if name in properties and not properties[name].get("x-sparse")
        }

    def _fit(self, schema: Json) -> Fit | None:
        """Return a function that fits a value, or None if every value passes unchanged."""
        schema = self._flat(schema)
        if schema.get("type") == "array":
            fit_item = self._fit(schema["items"])
            if fit_item is None:
                return None
            return lambda values: [fit_item(value) for value in values] if values else values
        if schema.get("type") != "object" or "properties" not in schema:
            return None
        blanks, named = self._blanks(schema), schema["properties"].keys()
        nested = [(name, fit) for name, part in schema["properties"].items() if (fit := self._fit(part))]

        def fit_object(value: Mapping[str, Any] | None) -> Any:
            if value is None or type(value) is Fitted:
                return value
            fitted = {**blanks, **value}  # in the order of the answer
            if len(fitted) > len(blanks):
                for name in value:
                    if name not in named:
                        del fitted[name]
            for name, fit in nested:
                if name in fitted:
                    fitted[name] = fit(fitted[name])
            return fitted

        return fit_object
