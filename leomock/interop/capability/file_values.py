"""The values in a capability file: references, credentials, JSONPaths and outputs."""

from __future__ import annotations

import re
from typing import Any

from jsonpath_rfc9535 import JSONPathError, JSONPathQuery
from jsonpath_rfc9535 import compile as compile_path

from leomock.files.yaml_source import Source, Tree, Where
from leomock.interop.capability.credentials import Credentials, Secret
from leomock.interop.capability.outputs import Output
from leomock.interop.capability.steps import TEMPLATE, BoundText, Value

# Names that RFC 9535 has in brackets only; the framework's engine takes them after a point.
_BARE_NAME = re.compile(r"\.([A-Za-z_]\w*(?:[- ]\w+)+)")


class FileValues:
    """Read the values of one file; errors go to its source."""

    def __init__(self, source: Source, tree: Tree) -> None:
        self._source = source
        self._tree = tree

    def constant(self, value: Any) -> Any:
        """Return a value of the file; what `binds` names is read from the environment when it is sent."""
        names = TEMPLATE.findall(value) if isinstance(value, str) else []
        bound = self.bound()
        variables = {name: bound[name] for name in names if name in bound}
        return BoundText(value, variables) if variables else value

    def bound(self) -> dict[str, str]:
        """Return the environment variables that `binds` names, by the names that references use."""
        bound: dict[str, str] = {}
        for bind in self._tree.get("binds", ()):
            for name, variable in bind["keys"].items():
                bound[f"{bind['namespace']}.{name}"] = variable
                bound.setdefault(name, variable)
        return bound

    def credentials(self, entry: Tree, where: Where) -> Credentials:
        """Return what an `authentication` of the file stands for."""
        kind = entry["type"]
        keys = {"bearer": ("token",), "apikey": ("value",), "basic": ("username", "password")}[kind]
        for key in (*keys, *(("key",) if kind == "apikey" else ())):
            if key not in entry:
                self._source.find((*where, key), "is missing")
        secrets = tuple(self._secret(entry.get(key, "")) for key in keys)
        return Credentials(kind, secrets, entry.get("key", ""), entry.get("placement") == "query")

    def _secret(self, text: str) -> Secret:
        reference = TEMPLATE.fullmatch(text)
        return Secret(variable=self.bound().get(reference[1], reference[1])) if reference else Secret(text)

    def value(self, value: Any, where: Where) -> Value:
        """Return a value of a step: a JSONPath begins with `$`."""
        if isinstance(value, str) and value.startswith("$"):
            return Value(query=self.json_path(value, where))
        return Value(value)

    def output(self, entries: list[Tree], where: Where) -> Output | None:
        """Return how to build the answer for the caller; None if it is passed on unchanged."""
        if not entries:
            return None
        if len(entries) > 1 or "name" in entries[0]:
            names = {each.get("name", str(number)): each for number, each in enumerate(entries)}
            parts = {
                name: self._part(each, (*where, number)) for number, (name, each) in enumerate(names.items())
            }
            return Output("object", None, properties=parts)
        output = self._part(entries[0], (*where, 0))
        return None if output.is_whole else output

    def _part(self, entry: Tree, where: Where) -> Output:
        query = self.json_path(entry.get("mapping", "$"), (*where, "mapping"))
        constant = self.constant(entry.get("const", entry.get("value")))
        properties = {
            name: self._part(each, (*where, "properties", name))
            for name, each in entry.get("properties", {}).items()
        }
        items = entry.get("items")
        return Output(
            entry.get("type", "object"),
            query,
            properties,
            self._part(items, (*where, "items")) if isinstance(items, dict) else None,
            constant,
        )

    def json_path(self, text: str, where: Where) -> JSONPathQuery | None:
        """Return a query; None for the whole, which published files write as `$.` (invalid JSONPath)."""
        if text in ("$.", "$"):
            return None
        try:
            return compile_path(_BARE_NAME.sub(r"['\1']", text))
        except JSONPathError as error:
            self._source.find(where, f"not a JSONPath: {error.args[0]}")
            return None
