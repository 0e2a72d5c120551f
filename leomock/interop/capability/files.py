"""Read capability files (Naftiko and Ikanos); errors name file, line and key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from jsonpath_rfc9535 import JSONPathError, JSONPathQuery
from jsonpath_rfc9535 import compile as compile_path

from leomock.files.yaml_source import FileError, Schema, Source, Tree, Where, near, shown
from leomock.interop.capability.features import UNSERVED, Normalizer, Note, version_finding
from leomock.interop.capability.outputs import Output
from leomock.openapi.documents import specs_folder

SCHEMA = "schema.json"
# The prefix of references to a caller's inputs, by the kind of the adapter.
CALLER = {"rest": "rest", "mcp": "tools"}
_VARIABLE = re.compile(r"\{([^{}]+)\}")


class CapabilityError(FileError):
    """A capability file is invalid; `findings` lists every error, one line each."""


class UnservedError(CapabilityError):
    """The file is valid, but leomock cannot serve any of it; `findings` has one line for each feature."""


def capabilities_folder() -> Path:
    """Return the folder of the API's own capability files and their schema."""
    return specs_folder() / "capabilities"


@dataclass(frozen=True, slots=True)
class Input:
    """One input of an operation: `location` is path, query, header or body, or empty for a tool's."""

    name: str
    location: str
    type: str
    description: str
    required: bool


@dataclass(frozen=True, slots=True)
class Upstream:
    """An API that is called; `variable` is the environment variable with its key, or empty."""

    namespace: str
    base_uri: str
    variable: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an upstream; `id` is the name used in calls, such as `image-generation.get-me`."""

    id: str
    upstream: Upstream
    method: str
    path: str
    description: str
    inputs: tuple[Input, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)  # values that the file gives to inputs


@dataclass(frozen=True, slots=True)
class Offer:
    """One operation as an adapter offers it: as a tool, or at a REST method and path.

    `inputs` are sent by the caller, `takes` maps each input of the operation to one of them, and
    `fixed` holds the values that the file itself gives.
    """

    name: str
    label: str
    description: str
    operation: Operation
    inputs: tuple[Input, ...]
    takes: Mapping[str, str]
    fixed: Mapping[str, Any]
    mapping: Output | None
    method: str = ""
    path: str = ""
    hints: Mapping[str, bool] | None = None

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the operation's inputs, given what the caller sent (both by input name)."""
        return {**self.fixed, **{name: given[own] for name, own in self.takes.items() if own in given}}

    def result(self, body: Any) -> Any:
        """Return the caller's result of a successful answer."""
        return body if self.mapping is None else self.mapping.value(body)


@dataclass(frozen=True, slots=True)
class Adapter:
    """One entry of `exposes`; `kind` is rest or mcp."""

    kind: str
    namespace: str
    port: int
    description: str
    offers: tuple[Offer, ...]


@dataclass(frozen=True, slots=True)
class Capability:
    """A whole capability file."""

    label: str
    description: str
    upstreams: tuple[Upstream, ...]
    operations: tuple[Operation, ...]
    adapters: tuple[Adapter, ...]
    notes: tuple[Note, ...] = ()  # features that are ignored or not served


def load(path: Path) -> Capability:
    """Read one file.

    Raises `CapabilityError` with every error in it, and `UnservedError` if the file is valid and
    leomock cannot serve any part of it.
    """
    source = Source(path, CapabilityError, "a capability has at least naftiko and capability")
    tree = source.tree()
    if finding := version_finding(tree):
        raise UnservedError([f"{source.name}:{source.line_of(finding[0])}: {finding[0][0]}: {finding[1]}"])
    normalizer = Normalizer(source)
    tree = normalizer.normalize(tree)
    notes = normalizer.notes
    unserved = [f"{source.name}:{note}" for note in notes if note.kind == UNSERVED]
    if unserved and _offers_nothing(tree):
        raise UnservedError(unserved)
    _schema().judge(tree, source)
    source.stop_if_wrong()
    capability = _Reader(source, tree, notes).capability()
    source.stop_if_wrong()
    return capability


def _offers_nothing(tree: Tree) -> bool:
    capability = tree.get("capability", {})
    return not capability.get("exposes") or not capability.get("consumes")


@cache
def _schema() -> Schema:
    return Schema(capabilities_folder() / SCHEMA)


class _Reader:
    """Build a capability from a tree that fits the schema, recording errors beyond the schema."""

    def __init__(self, source: Source, tree: Tree, notes: tuple[Note, ...]) -> None:
        self._source = source
        self._notes = notes
        self._tree = tree
        self._operations: dict[str, Operation] = {}

    def capability(self) -> Capability:
        """Return the whole file."""
        info, capability = self._tree.get("info", {}), self._tree["capability"]
        upstreams = tuple(
            self._upstream(entry, ("capability", "consumes", number))
            for number, entry in enumerate(capability["consumes"])
        )
        self._once("capability", "consumes", key="namespace")
        adapters = tuple(
            self._adapter(entry, ("capability", "exposes", number))
            for number, entry in enumerate(capability["exposes"])
        )
        self._once("capability", "exposes", key="namespace")
        self._once("capability", "exposes", key="port")
        label = info.get("label") or upstreams[0].namespace
        operations = tuple(self._operations.values())
        description = info.get("description") or f"The operations of {upstreams[0].base_uri}."
        return Capability(label, description, upstreams, operations, adapters, self._notes)

    # --- consumed APIs ----------------------------------------------------------------------------------

    def _upstream(self, entry: Tree, where: Where) -> Upstream:
        upstream = Upstream(
            entry["namespace"],
            entry["baseUri"].rstrip("/"),
            self._variable(entry, (*where, "authentication")),
        )
        for number, resource in enumerate(entry["resources"]):
            for index, operation in enumerate(resource["operations"]):
                place = (*where, "resources", number, "operations", index)
                self._consumed(upstream, resource["path"], operation, place)
        return upstream

    def _variable(self, entry: Tree, where: Where) -> str:
        if "authentication" not in entry:
            return ""
        # The format's word is `token`; the published files of this API say `value`.
        key = "token" if "token" in entry["authentication"] else "value"
        reference = entry["authentication"][key].strip("{} ")
        bound: dict[str, str] = {}
        for bind in self._tree.get("binds", ()):
            for name, variable in bind["keys"].items():
                bound[f"{bind['namespace']}.{name}"] = variable
                bound.setdefault(name, variable)
        if reference not in bound:
            text = f"nothing is bound to {shown(reference)}; binds says what is{near(reference, bound)}"
            self._source.find((*where, key), text)
        return bound.get(reference, "")

    def _consumed(self, upstream: Upstream, path: str, entry: Tree, where: Where) -> None:
        inputs = self._inputs(entry, where)
        id = f"{upstream.namespace}.{entry['name']}"
        if id in self._operations:
            self._source.find((*where, "name"), f"{shown(id)} stands twice")
        self._path_is_given(path, [each.name for each in inputs if each.location == "path"], where)
        for number, part in enumerate(entry.get("outputParameters", ())):
            self._json_path(part["value"], (*where, "outputParameters", number, "value"))
        constants = {
            each["name"]: each["value"] for each in entry.get("inputParameters", ()) if "value" in each
        }
        description = entry.get("description", "")
        operation = Operation(id, upstream, entry["method"], path, description, inputs, constants)
        self._operations.setdefault(id, operation)

    def _inputs(self, entry: Tree, where: Where) -> tuple[Input, ...]:
        declared = entry.get("inputParameters", ())
        for name, times in Counter(each["name"] for each in declared).items():
            if times > 1:
                self._source.find((*where, "inputParameters"), f"{shown(name)} stands twice")
        if sum(each.get("in") == "body" for each in declared) > 1:
            self._source.find((*where, "inputParameters"), "a request has one body")
        return tuple(
            Input(
                each["name"],
                location := each.get("in", ""),
                each.get("type", "object" if location == "body" else "string"),
                each.get("description", ""),
                location == "path" or each.get("required", not location),
            )
            for each in declared
        )

    def _path_is_given(self, path: str, names: list[str], where: Where) -> None:
        """Check that every path variable has an input, and every path input a place in the path."""
        variables = _VARIABLE.findall(path)
        for name in variables:
            if name not in names:
                self._source.find(where, f"{{{name}}} in {path} is given by no input with in: path")
        for name in names:
            if name not in variables:
                self._source.find(where, f"the input {shown(name)} has no place in {path}")

    # --- exposed adapters -------------------------------------------------------------------------------

    def _adapter(self, entry: Tree, where: Where) -> Adapter:
        offers = self._routes(entry, where) if entry["type"] == "rest" else self._tools(entry, where)
        return Adapter(
            entry["type"],
            entry["namespace"],
            int(entry["port"]),
            entry.get("description", ""),
            tuple(offer for offer in offers if offer),
        )

    def _routes(self, entry: Tree, where: Where) -> Iterator[Offer | None]:
        seen = set()
        for number, resource in enumerate(entry["resources"]):
            for index, operation in enumerate(resource["operations"]):
                place = (*where, "resources", number, "operations", index)
                route = (operation["method"], _VARIABLE.sub("{}", resource["path"]))
                if route in seen:
                    self._source.find((*place, "method"), f"{' '.join(route)} stands twice")
                seen.add(route)
                yield self._offer("rest", operation, place, resource["path"])

    def _tools(self, entry: Tree, where: Where) -> Iterator[Offer | None]:
        for index, tool in enumerate(entry["tools"]):
            yield self._offer("mcp", tool, (*where, "tools", index))
        self._once(*where, "tools", key="name")

    def _offer(self, kind: str, entry: Tree, where: Where, path: str = "") -> Offer | None:
        call = entry["call"]
        operation = self._operations.get(call)
        if operation is None:
            hint = near(call, self._operations)
            self._source.find((*where, "call"), f"there is no operation {shown(call)}{hint}")
            return None
        takes, fixed = self._with(kind, entry, operation, where)
        declared = self._inputs(entry, where) if "inputParameters" in entry else None
        inputs = _implied(operation, takes, path) if declared is None else declared
        names = [each.name for each in inputs]
        for name, own in takes.items():
            if own not in names:
                reference = shown(f"{CALLER[kind]}.{own}")
                self._source.find(
                    (*where, "with", name), f"{reference} is not an input here{near(own, names)}"
                )
        if kind == "rest":
            self._path_is_given(path, [each.name for each in inputs if each.location == "path"], where)
        return Offer(
            name=entry.get("name", operation.id.partition(".")[2]),
            label=entry.get("label", ""),
            description=entry.get("description", operation.description),
            operation=operation,
            inputs=inputs,
            takes=takes,
            fixed=fixed,
            mapping=self._output(entry.get("outputParameters", []), (*where, "outputParameters")),
            method=entry.get("method", ""),
            path=path,
            hints=entry.get("hints"),
        )

    def _with(
        self, kind: str, entry: Tree, operation: Operation, where: Where
    ) -> tuple[dict[str, str], dict[str, Any]]:
        takes: dict[str, str] = {}
        fixed: dict[str, Any] = dict(operation.constants)
        known = [each.name for each in operation.inputs]
        for name, value in entry.get("with", {}).items():
            place = (*where, "with", name)
            if name not in known:
                self._source.find(place, f"{operation.id} has no such input{near(name, known)}")
            elif not isinstance(value, str):
                fixed[name] = value
            elif re.fullmatch(rf"{CALLER[kind]}\.[a-zA-Z0-9_-]+", value):
                takes[name] = value.partition(".")[2]
            else:
                self._source.find(
                    place, f"must be {CALLER[kind]}. and the name of an input, not {shown(value)}"
                )
        if "with" not in entry and "inputParameters" in entry:
            declared = {each["name"] for each in entry["inputParameters"]}
            takes |= {name: name for name in known if name in declared and name not in fixed}
        for each in operation.inputs:
            if each.required and each.name not in {**takes, **fixed, **entry.get("with", {})}:
                self._source.find((*where, "with", each.name), f"is missing; {operation.id} needs it")
        return takes, fixed

    def _output(self, entries: list[Tree], where: Where) -> Output | None:
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
        query = self._json_path(entry.get("mapping", "$"), (*where, "mapping"))
        constant = entry.get("const", entry.get("value"))
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

    def _json_path(self, text: str, where: Where) -> JSONPathQuery | None:
        """Return a query; None for the whole, which published files write as `$.` (invalid JSONPath)."""
        if text in ("$.", "$"):
            return None
        try:
            return compile_path(text)
        except JSONPathError as error:
            self._source.find(where, f"not a JSONPath: {error.args[0]}")
            return None

    def _once(self, *where: str | int, key: str) -> None:
        """Report every entry of a list whose key repeats the value of an earlier one."""
        entries: Any = self._tree
        for step in where:
            entries = entries[step]
        seen: set[Any] = set()
        for number, entry in enumerate(entries):
            if entry[key] in seen:
                self._source.find((*where, number, key), f"{shown(entry[key])} stands twice")
            seen.add(entry[key])


def _implied(operation: Operation, takes: Mapping[str, str], path: str) -> tuple[Input, ...]:
    """Return the inputs of a caller if the file does not declare them: those that `with` mentions.

    They match the operation's inputs. For REST, a name in the path is a path input, `body` the body, and any
    other a query parameter.
    """
    variables = _VARIABLE.findall(path)
    found = {}
    for each in operation.inputs:
        name = takes.get(each.name)
        if name is None:
            continue
        location = ""
        if path:
            location = "path" if name in variables else "body" if name == "body" else "query"
        found[name] = Input(name, location, each.type, each.description, each.required)
    return tuple(found.values())
