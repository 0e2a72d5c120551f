"""Read capability files (Naftiko and Ikanos); errors name file, line and key."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from jsonpath_rfc9535 import JSONPathQuery

from leomock.files.yaml_source import FileError, Schema, Source, Tree, Where, near, shown
from leomock.interop.capability.credentials import Credentials, Secret
from leomock.interop.capability.features import UNSERVED, Normalizer, Note
from leomock.interop.capability.file_values import FileValues
from leomock.interop.capability.model import (
    Adapter,
    Capability,
    Forward,
    Input,
    Offer,
    Operation,
    Prompt,
    Resource,
    Skill,
    Upstream,
)
from leomock.interop.capability.shapes import check_shape
from leomock.interop.capability.steps import TEMPLATE, BoundText, Step, Steps, Value
from leomock.interop.capability.versions import version_finding
from leomock.openapi.documents import specs_folder

SCHEMA = "schema.json"
_NO_FOLDER = "there is no such folder, so there are no files"
# The prefix of references to a caller's inputs, by the kind of the adapter.
CALLER = {"rest": "rest", "mcp": "tools"}
# A reference to a caller's input, perhaps of the wrong kind of adapter; any other text is a constant.
_REFERENCE = re.compile(r"(rest|tools|\$this)\b")
_VARIABLE = re.compile(r"\{([^{}]+)\}")


class CapabilityError(FileError):
    """A capability file is invalid; `findings` lists every error, one line each."""


class UnservedError(CapabilityError):
    """The file is valid, but leomock cannot serve any of it; `findings` has one line for each feature."""


def capabilities_folder() -> Path:
    """Return the folder of the API's own capability files and their schema."""
    return specs_folder() / "capabilities"


def load(path: Path) -> Capability:
    """Read one file.

    Raises `CapabilityError` with every error in it, and `UnservedError` if the file is valid and
    leomock cannot serve any part of it.
    """
    source = Source(path, CapabilityError, "a capability has at least naftiko and capability")
    tree = source.tree()
    if finding := version_finding(tree):
        raise UnservedError([f"{source.name}:{source.line_of(finding[0])}: {finding[0][0]}: {finding[1]}"])
    check_shape(tree, source)
    source.stop_if_wrong()
    normalizer = Normalizer(source, CapabilityError)
    tree = normalizer.normalize(tree)
    notes = normalizer.notes
    unserved = [f"{source.name}:{note}" for note in notes if note.kind == UNSERVED]
    if _offers_nothing(tree):
        source.stop_if_wrong()
        if unserved:
            raise UnservedError(unserved)
    _schema().judge(tree, source)
    source.stop_if_wrong()
    capability = _Reader(source, tree, notes).capability()
    source.stop_if_wrong()
    return capability


def _offers_nothing(tree: Any) -> bool:
    capability = tree.get("capability", {}) if isinstance(tree, dict) else None
    return isinstance(capability, dict) and not capability.get("exposes")


@cache
def _schema() -> Schema:
    return Schema(capabilities_folder() / SCHEMA)


class _Reader:
    """Build a capability from a tree that fits the schema, recording errors beyond the schema."""

    def __init__(self, source: Source, tree: Tree, notes: tuple[Note, ...]) -> None:
        self._source = source
        self._notes = notes
        self._tree = tree
        self._values = FileValues(source, tree)
        self._operations: dict[str, Operation] = {}
        self._upstreams: dict[str, Upstream] = {}
        self._warnings: list[Note] = []

    def capability(self) -> Capability:
        """Return the whole file."""
        info, capability = self._tree.get("info", {}), self._tree["capability"]
        upstreams = tuple(
            self._upstream(entry, ("capability", "consumes", number))
            for number, entry in enumerate(capability["consumes"])
        )
        self._once("capability", "consumes", key="namespace")
        self._upstreams = {each.namespace: each for each in upstreams}
        adapters = tuple(
            self._adapter(entry, ("capability", "exposes", number))
            for number, entry in enumerate(capability["exposes"])
        )
        self._once("capability", "exposes", key="namespace")
        self._once("capability", "exposes", key="port")
        if sum(each.stdio for each in adapters) > 1:
            text = "two adapters have the transport stdio, and a process has one stdin"
            self._source.find(("capability", "exposes"), text)
        label = info.get("label") or (upstreams[0].namespace if upstreams else adapters[0].namespace)
        operations = tuple(self._operations.values())
        notes = tuple(sorted((*self._notes, *self._warnings), key=lambda note: note.line))
        about = f"The operations of {upstreams[0].base_uri}." if upstreams else "Values without an API."
        description = info.get("description") or about
        return Capability(label, description, upstreams, operations, adapters, notes)

    # --- consumed APIs ----------------------------------------------------------------------------------

    def _upstream(self, entry: Tree, where: Where) -> Upstream:
        constants = {
            (each["in"], each["name"]): self._values.constant(each["value"])
            for each in entry.get("inputParameters", ())
            if "value" in each and each["in"] in ("header", "query")
        }
        upstream = Upstream(
            entry["namespace"],
            entry["baseUri"].rstrip("/"),
            *self._sent(entry.get("authentication"), (*where, "authentication")),
            constants,
        )
        for number, resource in enumerate(entry["resources"]):
            for index, operation in enumerate(resource["operations"]):
                place = (*where, "resources", number, "operations", index)
                self._consumed(upstream, resource["path"], operation, place)
        return upstream

    def _sent(self, entry: Tree | None, where: Where) -> tuple[str, Credentials | None]:
        """Return what calls of an API carry: the variable with a bearer token, or other credentials."""
        if entry is None:
            return "", None
        if entry["type"] != "bearer":
            return "", self._values.credentials(entry, where)
        # The format's word is `token`; the published files of this API say `value`.
        key = "token" if "token" in entry else "value"
        if key not in entry:
            self._source.find((*where, "token"), "is missing")
            return "", None
        reference = TEMPLATE.fullmatch(entry[key])
        if not reference:
            return "", Credentials("bearer", (Secret(entry[key]),))
        bound = self._values.bound()
        if reference[1] not in bound:
            text = f"nothing is bound to {shown(reference[1])}; binds says what is{near(reference[1], bound)}"
            self._source.find((*where, key), text)
        return bound.get(reference[1], ""), None

    def _consumed(self, upstream: Upstream, path: str, entry: Tree, where: Where) -> None:
        inputs = self._inputs(entry, where)
        id = f"{upstream.namespace}.{entry['name']}"
        if id in self._operations:
            self._source.find((*where, "name"), f"{shown(id)} stands twice")
        self._path_is_given(path, [each.name for each in inputs if each.location == "path"], where)
        for number, part in enumerate(entry.get("outputParameters", ())):
            self._values.json_path(part["value"], (*where, "outputParameters", number, "value"))
        constants = {
            each["name"]: self._values.constant(each["value"])
            for each in entry.get("inputParameters", ())
            if "value" in each
        }
        body = entry.get("body", "")
        names = [each.name for each in inputs]
        parts = [name for name in dict.fromkeys(TEMPLATE.findall(body)) if name not in names]
        inputs += tuple(Input(name, "template", "string", "", False) for name in parts)
        description = entry.get("description", "")
        operation = Operation(id, upstream, entry["method"], path, description, inputs, constants, body)
        self._operations.setdefault(id, operation)

    def _inputs(self, entry: Tree, where: Where, exposed: bool = False) -> tuple[Input, ...]:
        """Return the inputs of an operation, or what the caller of an exposed one sends."""
        declared = entry.get("inputParameters", ())
        for name, times in Counter(each["name"] for each in declared).items():
            if times > 1:
                self._source.find((*where, "inputParameters"), f"{shown(name)} stands twice")
        return tuple(
            Input(
                each["name"],
                location := each.get("in", ""),
                each.get("type", "object" if location == "body" else "string"),
                each.get("description", ""),
                location == "path" or each.get("required", not location),
                self._part_of_body(each, (*where, "inputParameters", number)),
            )
            for number, each in enumerate(declared)
            if not exposed or not _is_given(each)
        )

    def _skills(self, entry: Tree, kinds: Mapping[str, str], where: Where) -> Iterator[Skill]:
        """Yield the skills of an adapter; `kinds` are the kinds of the file's adapters."""
        for number, each in enumerate(entry.get("skills", ())):
            front = {key: value for key, value in each.items() if key not in ("name", "tools", "location")}
            folder = _path_of(each["location"]) if "location" in each else None
            if folder and not folder.is_dir():
                place = (*where, "skills", number, "location")
                self._warn(place, f"location {shown(str(folder))}", _NO_FOLDER)
            tools = tuple(_skill_tool(tool, kinds) for tool in each.get("tools", ()))
            yield Skill(each["name"], front, tools, folder)

    def _part_of_body(self, entry: Tree, where: Where) -> JSONPathQuery | None:
        """Return the query of an input that is a part of the caller's body."""
        value = entry.get("value")
        if entry.get("in") != "body" or not isinstance(value, str) or not value.startswith("$"):
            return None
        return self._values.json_path(value, (*where, "value"))

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
        stdio = entry.get("transport") == "stdio"
        if "port" not in entry and not stdio:
            self._source.find((*where, "port"), "is missing")
        offers = self._routes(entry, where) if entry["type"] == "rest" else self._tools(entry, where)
        key = entry.get("authentication")
        kinds = {each["namespace"]: each["type"] for each in self._tree["capability"]["exposes"]}
        return Adapter(
            entry["type"],
            entry["namespace"],
            int(entry.get("port", 0)),
            entry.get("description", ""),
            tuple(offer for offer in offers if offer),
            self._values.credentials(key, (*where, "authentication")) if key else None,
            entry.get("address", ""),
            stdio,
            tuple(self._forwards(entry, where)),
            tuple(self._resources(entry, where)) if entry["type"] == "mcp" else (),
            tuple(_prompts(entry)),
            tuple(self._skills(entry, kinds, where)),
        )

    def _routes(self, entry: Tree, where: Where) -> Iterator[Offer | None]:
        seen = set()
        for number, resource in enumerate(entry["resources"]):
            for index, operation in enumerate(resource.get("operations", ())):
                place = (*where, "resources", number, "operations", index)
                route = (operation["method"], _VARIABLE.sub("{}", resource["path"]))
                if route in seen:
                    self._source.find((*place, "method"), f"{' '.join(route)} stands twice")
                seen.add(route)
                yield self._offer("rest", operation, place, resource["path"])

    def _tools(self, entry: Tree, where: Where) -> Iterator[Offer | None]:
        for index, tool in enumerate(entry.get("tools", ()) if entry["type"] == "mcp" else ()):
            yield self._offer("mcp", tool, (*where, "tools", index))
        for key in ("tools", "resources", "prompts", "skills"):
            if key in entry:
                self._once(*where, key, key="name")

    def _forwards(self, entry: Tree, where: Where) -> Iterator[Forward]:
        for number, resource in enumerate(entry.get("resources", ())):
            if forward := resource.get("forward"):
                upstream = self._upstreams.get(forward["targetNamespace"])
                if upstream is None:
                    name = forward["targetNamespace"]
                    text = f"there is no API {shown(name)} under consumes{near(name, self._upstreams)}"
                    self._source.find((*where, "resources", number, "forward"), text)
                    continue
                yield Forward(resource["path"], upstream, tuple(forward.get("trustedHeaders", ())))

    def _resources(self, entry: Tree, where: Where) -> Iterator[Resource]:
        for number, each in enumerate(entry.get("resources", ())):
            place = (*where, "resources", number)
            about = (each["uri"], each["name"], each.get("label", ""), each.get("description", ""))
            if "location" in each:
                folder = _path_of(each["location"])
                if not folder.is_dir():
                    self._warn((*place, "location"), f"location {shown(str(folder))}", _NO_FOLDER)
                yield Resource(*about, each.get("mimeType", ""), folder=folder)
            elif offer := self._offer("mcp", each, place):
                yield Resource(*about, each.get("mimeType", "application/json"), offer)

    def _offer(self, kind: str, entry: Tree, where: Where, path: str = "") -> Offer | None:
        if "call" not in entry:
            return self._composed(kind, entry, where, path)
        operation = self._called(entry["call"], where)
        if operation is None:
            return None
        takes, fixed = self._with(kind, entry, operation, where)
        declared = self._inputs(entry, where, exposed=True) if "inputParameters" in entry else None
        inputs = _implied(operation, takes, path) if declared is None else declared
        given = self._given(entry)
        names = [*(each.name for each in inputs), *given]
        for name, own in takes.items():
            if own not in names:
                reference = shown(f"{CALLER[kind]}.{own}")
                self._source.find(
                    (*where, "with", name), f"{reference} is not an input here{near(own, names)}"
                )
        if kind == "rest":
            self._path_is_given(path, [each.name for each in inputs if each.location == "path"], where)
        used = {*takes.values(), *_named(fixed), *_named(entry.get("outputParameters"))}
        self._warn_unused(declared or (), used, where)
        return Offer(
            name=entry.get("name", operation.id.partition(".")[2]),
            label=entry.get("label", ""),
            description=entry.get("description", operation.description),
            operation=operation,
            inputs=inputs,
            takes=takes,
            fixed=fixed,
            mapping=self._values.output(entry.get("outputParameters", []), (*where, "outputParameters")),
            method=entry.get("method", ""),
            path=path,
            hints=entry.get("hints"),
            given=given,
        )

    def _given(self, entry: Tree) -> dict[str, Any]:
        """Return the inputs of an offer that have their value in the file."""
        inputs = entry.get("inputParameters", ())
        return {each["name"]: self._values.constant(each["value"]) for each in inputs if _is_given(each)}

    def _called(self, call: str, where: Where) -> Operation | None:
        """Return the operation of a name; records an error if there is none."""
        operation = self._operations.get(call)
        if operation is None:
            hint = near(call, self._operations)
            self._source.find((*where, "call"), f"there is no operation {shown(call)}{hint}")
        return operation

    def _composed(self, kind: str, entry: Tree, where: Where, path: str) -> Offer | None:
        """Return an offer of several calls (`steps`), or of values without a call."""
        outputs = entry.get("outputParameters", [])
        if "steps" not in entry and not outputs:
            self._source.find((*where, "call"), "is missing")
            return None
        inputs = self._inputs(entry, where, exposed=True)
        if kind == "rest":
            self._path_is_given(path, [each.name for each in inputs if each.location == "path"], where)
        used = set(_named({key: entry.get(key) for key in ("steps", "mappings", "outputParameters")}))
        self._warn_unused(inputs, used, where)
        name = entry.get("name") or f"{entry.get('method', '').lower()}{path.replace('/', '-')}"
        steps = self._steps(entry, where) if "steps" in entry else None
        mapping = self._values.output(outputs, (*where, "outputParameters"))
        first = (
            next((self._operations.get(each.call) for each in steps.steps if each.call), None)
            if steps
            else None
        )
        upstream = first.upstream if first else Upstream("values", "", "")
        return Offer(
            name=name,
            label=entry.get("label", ""),
            description=entry.get("description", ""),
            operation=Operation(f"{upstream.namespace}.{name}", upstream, "", "", "", ()),
            inputs=inputs,
            takes={},
            fixed={},
            mapping=mapping if steps else None,
            method=entry.get("method", ""),
            path=path,
            hints=entry.get("hints"),
            steps=steps,
            mock=None if steps else mapping,
            given=self._given(entry),
        )

    def _warn_unused(self, declared: Iterable[Input], used: Collection[str], where: Where) -> None:
        for each in declared:
            if each.name not in used:
                self._warn((*where, "inputParameters"), f"the input {shown(each.name)}", "used by nothing")

    def _warn(self, where: Where, text: str, kind: str) -> None:
        self._warnings.append(Note(self._source.line_of(where), kind, text, 1))

    def _steps(self, entry: Tree, where: Where) -> Steps:
        steps: list[Step] = []
        for number, each in enumerate(entry["steps"]):
            place = (*where, "steps", number)
            if each.get("type") == "lookup" or "index" in each:
                known = [step.name for step in steps]
                if each.get("index") not in known:
                    index = shown(each.get("index"))
                    self._source.find((*place, "index"), f"there is no earlier step {index}")
                fields = tuple(
                    part if isinstance(part, str) else str(part.get("name"))
                    for part in each.get("outputParameters", ())
                )
                key = self._values.value(each.get("lookupValue"), (*place, "lookupValue"))
                steps.append(
                    Step(
                        each["name"],
                        index=each.get("index", ""),
                        match=each.get("match", ""),
                        key=key,
                        fields=fields,
                    )
                )
                continue
            if "call" not in each:
                self._source.find((*place, "call"), "is missing")
                continue
            operation = self._called(each["call"], place)
            for name in each.get("with", {}):
                known = [part.name for part in operation.inputs] if operation else [name]
                self._is_input(name, each["call"], known, (*place, "with", name))
            constants = {
                name: Value(value) for name, value in (operation.constants if operation else {}).items()
            }
            arguments = {
                name: self._values.value(value, (*place, "with", name))
                for name, value in each.get("with", {}).items()
            }
            steps.append(Step(each["name"], call=each["call"], arguments=constants | arguments))
        parts = {
            each["targetName"]: self._values.value(each["value"], (*where, "mappings", number, "value"))
            for number, each in enumerate(entry.get("mappings", ()))
        }
        return Steps(tuple(steps), parts)

    def _with(
        self, kind: str, entry: Tree, operation: Operation, where: Where
    ) -> tuple[dict[str, str], dict[str, Any]]:
        takes: dict[str, str] = {}
        fixed: dict[str, Any] = dict(operation.constants)
        known = [each.name for each in operation.inputs]
        for name, value in entry.get("with", {}).items():
            place = (*where, "with", name)
            if not self._is_input(name, operation.id, known, place):
                continue
            if not isinstance(value, str) or TEMPLATE.search(value):
                fixed[name] = self._values.constant(value)
            elif re.fullmatch(rf"{CALLER[kind]}\.[a-zA-Z0-9_-]+", value):
                takes[name] = value.partition(".")[2]
            elif not _REFERENCE.match(value):
                fixed[name] = value
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

    def _is_input(self, name: str, operation: str, known: list[str], where: Where) -> bool:
        """Return True if an operation has an input. Without any declared inputs it is a warning only."""
        if name in known:
            return True
        if known:
            self._source.find(where, f"{operation} has no such input{near(name, known)}")
        else:
            self._warn(where, f"with.{name}: {operation} declares no inputs", "not sent")
        return False

    def _once(self, *where: str | int, key: str) -> None:
        """Report every entry of a list whose key repeats the value of an earlier one."""
        entries: Any = self._tree
        for step in where:
            entries = entries[step]
        seen: set[Any] = set()
        for number, entry in enumerate(entries):
            if key in entry and entry[key] in seen:
                self._source.find((*where, number, key), f"{shown(entry[key])} stands twice")
            seen.add(entry.get(key))


def _path_of(location: str) -> Path:
    """Return the path of a `file:///` address."""
    return Path(unquote(location.removeprefix("file://")))


def _is_given(entry: Tree) -> bool:
    """Return True for an input of an exposed operation whose value the file gives: a JSONPath is none."""
    return "value" in entry and not str(entry["value"]).startswith("$")


def _prompts(entry: Tree) -> Iterator[Prompt]:
    for each in entry.get("prompts", ()):
        arguments = (
            Input(given["name"], "", "string", given.get("description", ""), given.get("required", True))
            for given in each.get("arguments", ())
        )
        yield Prompt(
            each["name"],
            each.get("label", ""),
            each.get("description", ""),
            tuple(arguments),
            tuple((message["role"], message["content"]) for message in each.get("template", ())),
            _path_of(each["location"]) if "location" in each else None,
        )


def _skill_tool(tool: Tree, kinds: Mapping[str, str]) -> Tree:
    """Return a tool of a skill as the catalogue shows it."""
    about = {"name": tool["name"], "description": tool["description"]}
    if "from" not in tool:
        return {**about, "type": "instruction", "instruction": tool["instruction"]}
    namespace, action = tool["from"]["sourceNamespace"], tool["from"]["action"]
    mode = kinds.get(namespace, "unknown")
    reference = {"targetNamespace": namespace, "action": action, "mode": mode}
    return {**about, "type": "derived", "invocationRef": reference}


def _named(value: Any) -> Iterator[str]:
    """Yield the names in `{{name}}` anywhere in a value."""
    if isinstance(value, BoundText):
        yield from value.inputs
    elif isinstance(value, str):
        yield from TEMPLATE.findall(value)
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from _named(each)


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
