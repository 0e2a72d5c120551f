"""Coerce the variables of a call to their GraphQL types, with the errors of Hasura's parsers.

A value that is not a list counts as a list of one where a list is declared. In an object, unknown fields are
found first; the known ones are then read in the order of the type.
"""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from leomock.leonardo.basis import Inferred, based_on
from leomock.leonardo.errors import (
    FLOAT_OVERFLOW,
    ILLEGAL_KEY,
    MISSING_FIELD,
    NOT_AN_INT,
    NOT_IN_ENUM,
    OUT_OF_LIMITS,
    UNKNOWN_FIELD,
    WRONG_TYPE,
    ErrorTemplate,
)
from leomock.openapi.documents import Json
from leomock.openapi.explanations import (
    explain_choice,
    explain_missing_field,
    explain_type,
    explain_unknown_field,
)
from leomock.openapi.json_schema import type_name

if TYPE_CHECKING:
    from leomock.openapi.operations import Operation

Steps = tuple[str | int, ...]

LEGAL_NAME = re.compile(r"[_A-Za-z][_0-9A-Za-z]*", re.ASCII)
_INTS = ("Int", "Integer")
_LOWEST, _HIGHEST = -(2**31), 2**31 - 1
_EXPECTED = {
    "boolean": "a boolean",
    "integer": "a 32-bit integer",
    "number": "a float",
    "string": "a string",
    "object": "an object",
}
_FOUND = {bool: "a boolean", str: "a string", list: "a list", dict: "an object", type(None): "null"}


class TypeMismatch(Exception):
    """A value that does not fit its type: the error template and values, the steps to it, and why."""

    def __init__(self, wording: ErrorTemplate, steps: Steps, explain: str, **words: str) -> None:
        super().__init__(explain)
        self.wording = wording
        self.steps = steps
        self.explain = explain
        self.text = wording.text.format(**words)


class OverflowingFloat(float):
    """Infinity, for a JSON number that no double can hold; `text` is how it was written."""

    text: str

    @classmethod
    def read(cls, text: str) -> float:
        """Return the number; an `OverflowingFloat` if it is too large."""
        number = float(text)
        if math.isinf(number):
            number = cls(number)
            number.text = text
        return number


def needs_coercion(pool: dict[str, Any]) -> bool:
    """Return True if a value is nested, fractional or large, so that a validator alone cannot judge it."""
    return any(
        not (value is None or isinstance(value, str | bool) or _is_32_bit(value)) for value in pool.values()
    )


def _is_32_bit(value: Any) -> bool:
    return isinstance(value, int) and _LOWEST <= value <= _HIGHEST


@based_on(Inferred("a single value where a list is declared is a list of one: GraphQL's input coercion"))
def coerced(operation: Operation, pool: dict[str, Any]) -> dict[str, Any]:
    """Return the variables coerced to their types; raises `TypeMismatch` for the first that does not fit."""
    reader = _Reader(operation)
    return pool | {
        name: reader.read(pool[name], variable.schema, (name,))
        for name, variable in operation.variables.items()
        if pool.get(name) is not None
    }


def with_lists(operation: Operation, values: dict[str, Any]) -> dict[str, Any]:
    """Turn each single value into a list of one where a list is declared; never fails."""

    def listed(value: Any, schema: Json) -> Any:
        schema = operation.resolved(schema)
        if schema.get("type") == "array" and value is not None:
            items = value if isinstance(value, list) else [value]
            return [listed(item, schema["items"]) for item in items]
        if isinstance(value, dict) and "properties" in schema:
            parts = schema["properties"]
            return {name: listed(each, parts.get(name, {})) for name, each in value.items()}
        return value

    return {
        name: listed(value, operation.variables[name].schema) if name in operation.variables else value
        for name, value in values.items()
    }


def scientific(value: float) -> str:
    """Return a number as Haskell's Scientific shows it: `1.5`, but `3.0e9` and `5.0e-2`."""
    exact = Decimal(value.text if isinstance(value, OverflowingFloat) else repr(value))
    digits = "".join(map(str, exact.as_tuple().digits)).rstrip("0") or "0"
    sign = "-" if exact.is_signed() else ""
    exponent = exact.adjusted()
    if exact == 0 or -1 <= exponent < 7:
        plain = f"{abs(exact):f}"
        return sign + (plain if "." in plain else f"{plain}.0")
    return f"{sign}{digits[0]}.{digits[1:] or '0'}e{exponent}"


def is_graphql_enum(schema: Json) -> bool:
    """Return True for an enum type; a String with a few allowed values is a rule of the operation."""
    return "enum" in schema and schema.get("type") == "string" and type_name(schema) != "String"


class _Reader:
    """Read values by the schemas of one operation."""

    def __init__(self, operation: Operation) -> None:
        self._operation = operation

    def read(self, value: Any, schema: Json, steps: Steps) -> Any:
        schema = self._operation.resolved(schema)
        kind = schema.get("type")
        if value is None and schema.get("nullable"):
            return None
        if kind == "array":
            return self._list(value, schema, steps)
        if kind == "object":
            return self._object(value, schema, steps)
        if is_graphql_enum(schema):
            return _enum(value, schema, steps)
        if kind == "integer" or type_name(schema) in _INTS:
            return _int(value, schema, steps)
        if kind == "number":
            return _float(value, schema, steps)
        if kind is None and isinstance(value, OverflowingFloat):
            return _float(value, schema, steps)
        fits = {"string": str, "boolean": bool}.get(kind or "")
        if fits and not isinstance(value, fits):
            raise _wrong(value, schema, steps)
        return value

    def _list(self, value: Any, schema: Json, steps: Steps) -> list[Any]:
        if value is None:
            raise _wrong(value, schema, steps, "expected a list, but found null")
        items = value if isinstance(value, list) else [value]
        return [self.read(item, schema["items"], (*steps, index)) for index, item in enumerate(items)]

    def _object(self, value: Any, schema: Json, steps: Steps) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(value, schema, steps)
        known = schema.get("properties", {})
        if schema.get("additionalProperties") is False:
            _check_fields(value, known, type_name(schema), steps)
        result = dict(value)
        required = schema.get("required", ())
        for name, part in known.items():
            if name in value:
                result[name] = self.read(value[name], part, (*steps, name))
            elif name in required:
                explain = explain_missing_field(_name(steps), name)
                raise TypeMismatch(MISSING_FIELD, steps, explain, name=name)
        return result


def _check_fields(value: dict[str, Any], known: Json, type: str, steps: Steps) -> None:
    """Raise the error for the first field that the type does not have."""
    for name in value:
        if not LEGAL_NAME.fullmatch(name):
            explain = explain_unknown_field(_name(steps), name, known)
            raise TypeMismatch(ILLEGAL_KEY, steps, explain, name=name[:100])
        if name not in known:
            explain = explain_unknown_field(_name(steps), name, known)
            raise TypeMismatch(UNKNOWN_FIELD, (*steps, name), explain, name=name[:100], type=type)


def _enum(value: Any, schema: Json, steps: Steps) -> str:
    if not isinstance(value, str):
        raise _wrong(value, schema, steps, expected="an enum value")
    if value not in schema["enum"]:
        options = [option for option in schema["enum"] if option is not None]
        explain = explain_choice(_name(steps), value, options)
        if not LEGAL_NAME.fullmatch(value):
            words = {"expected": "an enum value", "type": type_name(schema), "found": "a string"}
            raise TypeMismatch(WRONG_TYPE, steps, explain, **words)
        values = ", ".join(f"'{option}'" for option in options)
        words = {"values": values, "type": type_name(schema), "found": value[:100]}
        raise TypeMismatch(NOT_IN_ENUM, steps, explain, **words)
    return value


def _int(value: Any, schema: Json, steps: Steps) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(value, schema, steps)
    is_32_bit = type_name(schema) in _INTS
    if (is_32_bit and not _LOWEST <= value <= _HIGHEST) or not float(value).is_integer():
        explain = f"'{_name(steps)}' is {scientific(value)}; it must be an integer"
        if is_32_bit:
            explain += f" between {_LOWEST} and {_HIGHEST}"
        raise TypeMismatch(NOT_AN_INT, steps, explain, value=scientific(value))
    return int(value)


def _float(value: Any, schema: Json, steps: Steps) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _wrong(value, schema, steps)
    if isinstance(value, OverflowingFloat):
        explain = f"'{_name(steps)}' is {value.text[:30]}, which no double can hold"
        raise TypeMismatch(FLOAT_OVERFLOW, steps, explain, value=scientific(value))
    return value


def _wrong(value: Any, schema: Json, steps: Steps, text: str = "", expected: str = "") -> TypeMismatch:
    """Return the error for a value of another JSON type."""
    is_int = type_name(schema) in _INTS
    kind = "integer" if is_int else schema["type"]
    mismatch = TypeMismatch(
        WRONG_TYPE,
        steps,
        explain_type(_name(steps), value, kind),
        expected=expected or _EXPECTED.get(kind, ""),
        type="Int" if is_int else type_name(schema),
        found=_FOUND.get(type(value), "a number"),
    )
    mismatch.text = text or mismatch.text
    if of_operation := schema.get("x-refusal", {}).get("type"):
        mismatch.wording, mismatch.text = OUT_OF_LIMITS, of_operation
    return mismatch


def _name(steps: Steps) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps).lstrip(".")
