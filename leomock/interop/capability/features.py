"""Read every version of the capability format into the single form that leomock serves.

A feature that leomock does not serve, or that has no effect here, becomes one note; the part of the file that
depends on it is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from leomock.files.yaml_source import FileError, Source, Tree, Where, near, shown
from leomock.interop.capability.inlining import inline_functions, inline_imports
from leomock.interop.capability.versions import in_early_words

UNSERVED = "part of the format, not served by leomock"
IGNORED = "ignored"
_TEMPLATE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")
# A reference to an input of the caller by its adapter, such as $this.my-rest.{{id}} or my-rest.id.
_OWN = re.compile(r"(?:\$this\.)?([\w-]+)\.(?:\{\{\s*)?([\w-]+)(?:\s*\}\})?")


@dataclass(frozen=True, slots=True)
class Note:
    """A feature of a file that is not served, or is ignored, with the line of its first use."""

    line: int
    kind: str
    feature: str
    times: int

    def __str__(self) -> str:
        times = f" ({self.times} times)" if self.times > 1 else ""
        return f"{self.line}: {self.feature}: {self.kind}{times}"


class Normalizer:
    """Convert the tree of a file into the form of `schema.json`, and note what is left out."""

    def __init__(self, source: Source, error: type[FileError]) -> None:
        self._source = source
        self._error = error
        self._found: dict[tuple[str, str], tuple[int, int]] = {}
        self._left_out: set[str] = set()  # ids of operations, and namespaces of upstreams
        self._bound: set[str] = set()  # names with a value that is no input
        self._actions: dict[str, list[str]] = {}  # by adapter

    @property
    def notes(self) -> tuple[Note, ...]:
        """Return one note for each feature left out, in line order."""
        notes = (Note(line, kind, text, times) for (kind, text), (line, times) in self._found.items())
        return tuple(sorted(notes, key=lambda note: note.line))

    def normalize(self, tree: Any) -> Any:
        """Return the tree in the served form. Trees with another structure are returned unchanged."""
        if not isinstance(tree, dict) or not isinstance(tree.get("capability", {}), dict):
            return tree
        tree = {key: value for key, value in tree.items() if key != "ikanos"} | (
            {"naftiko": tree["ikanos"]} if "ikanos" in tree and "naftiko" not in tree else {}
        )
        tree = in_early_words(tree, self._source)
        for feature, where in inline_imports(tree, self._source, self._error):
            self._note(UNSERVED, feature, where)
        self._binds(tree)
        if "capability" not in tree and any(
            key in tree for key in ("consumes", "exposes", "aggregates", "binds")
        ):
            self._note(UNSERVED, "a file of shared definitions, without capability", ())
            return tree
        capability: Tree = tree.get("capability", {})
        if "exposes" not in capability and {"consumes", "aggregates"} & set(capability):
            self._note(UNSERVED, "a capability without exposes", ("capability",))
        if "exposes" in capability:
            capability.setdefault("consumes", [])
        for key in ("consumes", "exposes", "aggregates"):
            if key in tree:
                self._note(UNSERVED, f"{key} outside of capability", (key,))
                del tree[key]
        inline_functions(capability, self._source)
        self._actions = dict(_actions(each) for each in _entries(capability.get("exposes")))
        self._keep(capability, "consumes", ("capability",), self._consumed)
        if environment := self._bound - _names_bound(tree):
            keys = dict.fromkeys(sorted(environment))
            tree["binds"] = [
                *tree.get("binds", ()),
                {"namespace": "environment", "keys": {name: name for name in keys}},
            ]
        self._keep(capability, "exposes", ("capability",), self._exposed)
        self._keep(capability, "exposes", ("capability",), self._without_dependent)
        return tree

    # --- consumed APIs ----------------------------------------------------------------------------------

    def _binds(self, tree: Tree) -> None:
        capability = tree.get("capability", {})
        if isinstance(capability.get("binds"), list):
            tree["binds"] = [*tree.get("binds", ()), *capability.pop("binds")]
        for number, bind in enumerate(_entries(tree.get("binds"))):
            if bind.pop("location", None) is not None:
                self._note(IGNORED, "binds.location: keys are read from the environment", ("binds", number))
        self._bound = _names_bound(tree)

    def _consumed(self, entry: Tree, where: Where) -> bool:
        if "import" in entry:
            self._left_out.add(str(entry.get("as") or entry["import"]))
            return False
        entry.setdefault("resources", [])
        if entry.pop("tunnel", None) is not None:
            self._note(UNSERVED, "tunnel", where)
        key = entry.get("authentication")
        if isinstance(key, dict) and key.get("type") in ("digest", "oauth2"):
            text = (
                f"authentication of type {key['type']}: the fake needs none, and --upstream real sends none"
            )
            self._note(IGNORED, text, (*where, "authentication"))
            del entry["authentication"]
        common = self._sent_inputs(entry)
        for number, resource in enumerate(_entries(entry["resources"])):
            self._consumed_resource(resource, common, (*where, "resources", number), entry.get("namespace"))
        self._keep(entry, "resources", where, lambda each, _: each.get("operations") != [])
        return True

    def _consumed_resource(self, resource: Tree, common: list[Tree], where: Where, namespace: Any) -> None:
        shared = [*common, *self._sent_inputs(resource)]
        resource.pop("inputParameters", None)
        if isinstance(resource.get("path"), str):
            named = {each.get("name") for each in _entries(shared) if each.get("in") == "path"}
            variables = [name for name in _TEMPLATE.findall(resource["path"]) if name not in named]
            shared += [{"name": name, "in": "path"} for name in variables]
            resource["path"] = _path(resource["path"])
        for operation in _entries(resource.get("operations")) if shared else ():
            own = operation.get("inputParameters", [])
            names = {each.get("name") for each in _entries(own)}
            more = ({**each} for each in shared if each.get("name") not in names)
            operation["inputParameters"] = [*own, *more]
        before = {str(each.get("name")) for each in _entries(resource.get("operations"))}
        self._keep(resource, "operations", where, self._consumed_operation)
        before -= {str(each.get("name")) for each in _entries(resource.get("operations"))}
        self._left_out |= {f"{namespace}.{name}" for name in before}

    def _consumed_operation(self, entry: Tree, where: Where) -> bool:
        if entry.get("outputRawFormat", "json") != "json":
            return self._note(UNSERVED, f"outputRawFormat {entry['outputRawFormat']}", where)
        body = entry.get("body")
        if isinstance(body, dict) and body.get("type") == "json" and "data" in body:
            data = body["data"]
            entry["body"] = data if isinstance(data, str) else json.dumps(data)
        elif isinstance(body, dict):
            return self._note(UNSERVED, f"a body of type {body.get('type')}", where)
        if entry.pop("outputSchema", None) is not None:
            self._note(IGNORED, "outputSchema", where)
        if any(each.get("in") == "cookie" for each in _entries(self._sent_inputs(entry))):
            return self._note(UNSERVED, "input parameters in cookie", where)
        # Named parts of an answer are for steps; they do not change the result for a caller.
        entry.pop("outputParameters", None) if _has_no_values(entry) else None
        return True

    def _sent_inputs(self, entry: Tree) -> list[Any]:
        """Return the inputs of an entry; those in the environment become bound names instead."""
        inputs = entry.get("inputParameters")
        if not isinstance(inputs, list):
            return []
        environment = [each for each in _entries(inputs) if each.get("in") == "environment"]
        self._bound |= {str(each.get("name")) for each in environment}
        entry["inputParameters"] = [each for each in inputs if each not in environment]
        for each in _entries(inputs):
            if name := _input_named(each.get("value")):
                each["value"] = f"{{{{{name}}}}}"
        return list(entry["inputParameters"])

    # --- exposed adapters -------------------------------------------------------------------------------

    def _exposed(self, entry: Tree, where: Where) -> bool:
        kind = entry.get("type")
        if "import" in entry:
            return False
        if kind == "control":
            return self._note(UNSERVED, f"adapters of type {kind}", where)
        if entry.pop("tunnel", None) is not None:
            self._note(UNSERVED, "tunnel", where)
        key = entry.get("authentication")
        if isinstance(key, dict) and key.get("type") in ("digest", "oauth2"):
            self._note(UNSERVED, f"authentication of an adapter of type {key['type']}", where)
            del entry["authentication"]
        namespace = entry.get("namespace")
        if kind == "mcp":
            self._keep(entry, "tools", where, lambda tool, at: self._offer(tool, at, "tools", namespace))
            self._keep(entry, "resources", where, lambda each, at: self._resource(each, at, namespace))
        elif kind == "skill":
            for number, skill in enumerate(_entries(entry.get("skills"))):
                self._skill(skill, (*where, "skills", number))
        else:
            for number, resource in enumerate(_entries(entry.get("resources"))):
                self._exposed_resource(resource, (*where, "resources", number), namespace)
        return True

    def _exposed_resource(self, resource: Tree, where: Where, namespace: Any) -> None:
        if isinstance(resource.get("path"), str):
            resource["path"] = _path(resource["path"])
        shared = resource.pop("inputParameters", [])
        for operation in _entries(resource.get("operations")):
            if shared:
                own = operation.get("inputParameters", [])
                names = {each.get("name") for each in _entries(own)}
                more = (each for each in shared if each.get("name") not in names)
                operation["inputParameters"] = [*own, *({**each} for each in more)]
        self._keep(resource, "operations", where, lambda each, at: self._offer(each, at, "rest", namespace))

    def _resource(self, entry: Tree, where: Where, namespace: Any) -> bool:
        """Give a resource of MCP the variables of its address as inputs."""
        names = re.findall(r"\{([\w-]+)\}", str(entry.get("uri")))
        if "location" not in entry:
            entry["inputParameters"] = [
                {"name": name, "type": "string", "description": f"The {name} in the address."}
                for name in names
            ]
        return self._offer(entry, where, "tools", namespace)

    def _skill(self, skill: Tree, where: Where) -> None:
        """Find tools of a skill that refer to nothing."""
        for number, tool in enumerate(_entries(skill.get("tools"))):
            place = (*where, "tools", number)
            origin = tool.get("from")
            if isinstance(origin, dict):
                namespace, action = str(origin.get("sourceNamespace")), str(origin.get("action"))
                if namespace not in self._actions:
                    hint = near(namespace, self._actions)
                    self._source.find((*place, "from"), f"there is no adapter {shown(namespace)}{hint}")
                elif action not in self._actions[namespace]:
                    hint = near(action, self._actions[namespace])
                    self._source.find((*place, "from"), f"{namespace} has no {shown(action)}{hint}")
            elif "instruction" not in tool:
                self._source.find((*place, "from"), "is missing; a tool has from or instruction")
            elif "location" not in skill:
                self._source.find((*where, "location"), "is missing; the skill has a tool with instruction")

    def _offer(self, entry: Tree, where: Where, caller: str, namespace: Any) -> bool:
        for step in _entries(entry.get("steps")):
            if step.get("type", "call") not in ("call", "lookup"):
                return self._note(UNSERVED, f"steps of type {step['type']}", where)
            for name, value in (step.get("with") or {}).items():
                if own := _input_named(value, namespace, caller):
                    step["with"][name] = f"{{{{{own}}}}}"
        if "mappings" in entry:
            entry.pop("outputParameters", None)  # Here they only name the types of the mapped parts.
        for each in _entries(entry.get("inputParameters")):
            if each.get("in") == "cookie":
                return self._note(UNSERVED, "input parameters in cookie", where)
            if each.pop("pattern", None) is not None:
                self._note(IGNORED, "pattern of an input parameter", where)
        given = entry.get("with")
        given = given if isinstance(given, dict) else {}
        for name, value in given.items():
            whole = _TEMPLATE.fullmatch(value) if isinstance(value, str) else None
            if whole and whole[1] not in self._bound:
                given[name] = f"{caller}.{whole[1]}"
            elif own := _input_named(value, namespace):
                given[name] = f"{caller}.{own}"
        return True

    def _without_dependent(self, exposed: Tree, where: Where) -> bool:
        """Leave out what calls an upstream or an operation that is itself left out.

        Returns False if nothing of an adapter is left.
        """
        for number, resource in enumerate(_entries(exposed.get("resources"))):
            self._keep(resource, "operations", (*where, "resources", number), self._can_call)
        for key in ("tools", "resources"):
            self._keep(exposed, key, where, self._can_call)
        kept = [key for key in ("tools", "resources", "prompts", "skills") if key in exposed]
        return not kept or any(exposed[key] != [] for key in kept)

    def _can_call(self, offer: Tree, _: Where) -> bool:
        forward = offer.get("forward")
        if isinstance(forward, dict) and forward.get("targetNamespace") in self._left_out:
            del offer["forward"]
        if offer.get("operations") == [] and "forward" not in offer:
            return False
        calls = [each.get("call") for each in (offer, *_entries(offer.get("steps")))]
        return not any(
            isinstance(call, str) and {call, call.partition(".")[0]} & self._left_out for call in calls
        )

    # --- notes ------------------------------------------------------------------------------------------

    def _note(self, kind: str, feature: str, where: Where) -> bool:
        """Note a feature; returns False, so that a caller can leave out its part in the same line."""
        line, times = self._found.get((kind, feature), (self._source.line_of(where), 0))
        self._found[(kind, feature)] = (line, times + 1)
        return False

    def _keep(self, holder: Tree, key: str, where: Where, keep: Callable[[Tree, Where], bool]) -> None:
        """Keep the entries of a list for which `keep` returns True."""
        entries = holder.get(key)
        if not isinstance(entries, list):
            return
        kept = [
            number
            for number, each in enumerate(entries)
            if not isinstance(each, dict) or keep(each, (*where, key, number))
        ]
        if len(kept) < len(entries):
            holder[key] = [entries[number] for number in kept]
            self._source.entries_kept((*where, key), kept)


def _actions(adapter: Tree) -> tuple[str, list[str]]:
    """Return the namespace of an adapter and the names of its operations or tools."""
    operations = (
        each
        for resource in _entries(adapter.get("resources"))
        for each in _entries(resource.get("operations"))
    )
    names = [str(each.get("name")) for each in (*operations, *_entries(adapter.get("tools")))]
    return str(adapter.get("namespace")), names


def _names_bound(tree: Tree) -> set[str]:
    """Return the names that references to bound values may use."""
    names = set()
    for bind in _entries(tree.get("binds")):
        keys = bind.get("keys")
        for name in keys if isinstance(keys, dict) else ():
            names |= {str(name), f"{bind.get('namespace')}.{name}"}
    return names


def _input_named(value: Any, *namespaces: Any) -> str | None:
    """Return the name of the caller's input to which a value refers, by `$this` or a namespace."""
    match = _OWN.fullmatch(value) if isinstance(value, str) else None
    return match[2] if match and (value.startswith("$this.") or match[1] in namespaces) else None


def _entries(value: Any) -> Iterator[Tree]:
    """Return the mappings in a list; nothing if it is not a list."""
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())


def _has_no_values(entry: Tree) -> bool:
    return any(not isinstance(each.get("value"), str) for each in _entries(entry.get("outputParameters")))


def _path(path: str) -> str:
    """Return a path as `/ships/{imo}`: the format also allows `ships/{{imo}}`."""
    path = _TEMPLATE.sub(r"{\1}", path)
    return path if path.startswith("/") else f"/{path}"
