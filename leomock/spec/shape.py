"""Fits a value to a response schema: keeps what it names, blanks what is missing, drops the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from leomock.spec.refs import Json, resolve

Fit = Callable[[Any], Any]


class Shaper:
    """The compiled form of one response schema."""

    def __init__(self, document: Json, schema: Json) -> None:
        self._document = document
        self.blank = self._blank(schema)
        self.fit = self._fit(schema) or (lambda value: value)

    def _flat(self, schema: Json) -> Json:
        """The schema without `$ref` and `allOf`."""
        schema = resolve(self._document, schema)
        if "allOf" in schema:
            parts = [self._flat(part) for part in schema["allOf"]]
            schema = {
                key: value for part in [*parts, schema] for key, value in part.items() if key != "allOf"
            }
        return schema

    def _blank(self, schema: Json) -> Any:
        """The emptiest valid value: null where that is allowed."""
        schema = self._flat(schema)
        if schema.get("nullable"):
            return None
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "object":
            return {name: self._blank(part) for name, part in schema.get("properties", {}).items()}
        plain: dict[str | None, Any] = {
            "array": [],
            "integer": 0,
            "number": 0,
            "boolean": False,
            "string": "",
        }
        return plain.get(kind)

    def _fit(self, schema: Json) -> Fit | None:
        """A function that fits a value, or None where any value passes as it is."""
        schema = self._flat(schema)
        if schema.get("type") == "array":
            fit_item = self._fit(schema["items"])
            if fit_item is None:
                return None
            return lambda values: None if values is None else [fit_item(value) for value in values]
        if schema.get("type") != "object" or "properties" not in schema:
            return None
        # `x-sparse` marks fields seen on the wire in some answers only: there when set, never blanked.
        sparse = {n for n, part in schema["properties"].items() if part.get("x-sparse")}
        blanks = {n: self._blank(part) for n, part in schema["properties"].items() if n not in sparse}
        nested = {n: fit for n, part in schema["properties"].items() if (fit := self._fit(part))}

        def fit_object(value: Mapping[str, Any] | None) -> Any:
            if value is None:
                return None
            get = value.get
            fitted = {name: get(name, blank) for name, blank in blanks.items()}
            for name in sparse:
                if name in value:
                    fitted[name] = value[name]
            for name, fit in nested.items():
                if name in fitted:
                    fitted[name] = fit(fitted[name])
            return fitted

        return fit_object
