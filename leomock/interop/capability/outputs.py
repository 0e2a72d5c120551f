"""Build the answer for a caller from an upstream's answer, by the mappings of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from jsonpath_rfc9535 import JSONPathQuery

from leomock.interop.capability.steps import filled


@dataclass(frozen=True, slots=True)
class Output:
    """One mapped value: a JSONPath into the answer, a constant, or an object or array of other values.

    A query of None selects the whole answer.
    """

    type: str
    query: JSONPathQuery | None
    properties: Mapping[str, Output] = field(default_factory=dict)
    items: Output | None = None
    constant: Any = None

    @property
    def is_whole(self) -> bool:
        """True if the answer is passed on unchanged."""
        return self.query is None and not self.properties and self.items is None and self.constant is None

    def value(self, body: Any, given: Mapping[str, Any]) -> Any:
        """Return the value for an answer; None, or an empty list, if the answer has no such part.

        Constants have the caller's inputs, `given`, in place of `{{name}}`.
        """
        if self.constant is not None:
            return filled(self.constant, given)
        if self.type == "array":
            return self._array(body, given)
        found = self._first(body)
        if not self.properties:
            return found
        return {name: part.value(found, given) for name, part in self.properties.items()}

    def _first(self, body: Any) -> Any:
        if self.query is None:
            return body
        values = self.query.find(body).values()
        return values[0] if values else None

    def _array(self, body: Any, given: Mapping[str, Any]) -> list[Any]:
        values = [body] if self.query is None else self.query.find(body).values()
        if len(values) == 1 and isinstance(values[0], list):
            values = values[0]
        items = self.items
        return [item if items is None or items.is_whole else items.value(item, given) for item in values]
