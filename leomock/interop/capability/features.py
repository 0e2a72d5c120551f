"""Read every version of the capability format into the single form that leomock serves.

The format is Naftiko 1.0.0-alpha1 to -alpha4, called Ikanos from then to 1.0.0-beta4. Later versions write
named lists as mappings and `display` for `label`. A feature that leomock does not serve, or that has no
effect here, becomes one note; the part of the file that depends on it is left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from leomock.files.yaml_source import FileError, Source, Tree, Where, shown
from leomock.interop.capability.inlining import import_apis, inline_functions

FORMAT_NAMES = ("naftiko", "ikanos")
VERSIONS = tuple(f"1.0.0-{stage}{number}" for stage in ("alpha", "beta") for number in range(1, 5))
UNSERVED = "part of the format, not served by leomock"
IGNORED = "ignored"
# Lists that later versions write as mappings from names to entries.
_NAMED_LISTS = (
    "resources",
    "operations",
    "tools",
    "inputParameters",
    "outputParameters",
    "prompts",
    "functions",
    "flows",
    "steps",
)
# Words of later versions, and those of earlier ones.
_RENAMED = {"display": "label", "flows": "functions", "target": "targetName"}
_TEMPLATE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")


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
        tree = _lists(tree)
        import_apis(tree, self._source, _lists, self._error)
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
        self._each(capability, "consumes", ("capability",), self._consumed)
        self._each(capability, "exposes", ("capability",), self._exposed)
        for exposed in _entries(capability.get("exposes")):
            self._drop_dependent(exposed)
        if isinstance(capability.get("exposes"), list):
            capability["exposes"] = [
                each
                for each in capability["exposes"]
                if not _is_empty(each, "tools") and not _is_empty(each, "resources")
            ]
        return tree

    # --- consumed APIs ----------------------------------------------------------------------------------

    def _binds(self, tree: Tree) -> None:
        capability = tree.get("capability", {})
        if isinstance(capability.get("binds"), list):
            tree["binds"] = [*tree.get("binds", ()), *capability.pop("binds")]
        for number, bind in enumerate(_entries(tree.get("binds"))):
            if bind.pop("location", None) is not None:
                self._note(IGNORED, "binds.location: keys are read from the environment", ("binds", number))

    def _consumed(self, entry: Tree, where: Where) -> bool:
        if "import" in entry:
            self._left_out.add(str(entry.get("as") or entry["import"]))
            return self._note(UNSERVED, "consumes.import", where)
        if "resources" not in entry:
            self._left_out.add(str(entry.get("namespace")))
            return self._note(UNSERVED, "consumes without resources", where)
        if entry.pop("tunnel", None) is not None:
            self._note(UNSERVED, "tunnel", where)
        self._authentication(entry, where)
        common = entry.pop("inputParameters", [])
        for number, resource in enumerate(_entries(entry["resources"])):
            place = (*where, "resources", number)
            shared = [*common, *resource.pop("inputParameters", [])]
            if isinstance(resource.get("path"), str):
                shared += [{"name": name, "in": "path"} for name in _TEMPLATE.findall(resource["path"])]
                resource["path"] = _path(resource["path"])
            for operation in _entries(resource.get("operations")) if shared else ():
                own = operation.get("inputParameters", [])
                names = {each.get("name") for each in _entries(own)}
                more = ({**each} for each in shared if each.get("name") not in names)
                operation["inputParameters"] = [*own, *more]
            before = {str(each.get("name")) for each in _entries(resource.get("operations"))}
            self._each(resource, "operations", place, self._consumed_operation)
            before -= {str(each.get("name")) for each in _entries(resource.get("operations"))}
            self._left_out |= {f"{entry.get('namespace')}.{name}" for name in before}
        entry["resources"] = [each for each in entry["resources"] if not _is_empty(each, "operations")]
        return bool(entry["resources"])

    def _authentication(self, entry: Tree, where: Where) -> None:
        given = entry.get("authentication")
        if not isinstance(given, dict):
            return
        place = (*where, "authentication")
        kind = given.get("type")
        if kind in ("basic", "apikey", "digest", "oauth2"):
            text = f"authentication of type {kind}: the fake needs none, and --upstream real sends none"
            self._note(IGNORED, text, place)
            del entry["authentication"]
            return
        if kind == "bearer" and "token" in given and "value" not in given:
            token = given["token"]
            if isinstance(token, str) and not _TEMPLATE.fullmatch(token):
                text = "authentication.token: it is not a reference such as {{KEY}}, so calls carry no key"
                self._note(IGNORED, text, place)
                del entry["authentication"]

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
        for each in _entries(entry.get("inputParameters")):
            if each.get("in") in ("cookie", "environment"):
                return self._note(UNSERVED, f"input parameters in {each['in']}", where)
            value = each.get("value")
            if isinstance(value, str) and _TEMPLATE.search(value) and not _TEMPLATE.fullmatch(value):
                return self._note(UNSERVED, "a text around a reference in an input parameter", where)
        # Named parts of an answer are for steps; they do not change the result for a caller.
        entry.pop("outputParameters", None) if _has_no_values(entry) else None
        return True

    # --- exposed adapters -------------------------------------------------------------------------------

    def _exposed(self, entry: Tree, where: Where) -> bool:
        kind = entry.get("type")
        if kind in ("skill", "control"):
            return self._note(UNSERVED, f"adapters of type {kind}", where)
        if kind == "mcp" and entry.get("transport") == "stdio":
            return self._note(UNSERVED, "transport stdio", where)
        if entry.pop("tunnel", None) is not None:
            self._note(UNSERVED, "tunnel", where)
        if entry.pop("address", None) is not None:
            self._note(IGNORED, "address: --host decides", where)
        key = entry.get("authentication")
        if isinstance(key, dict) and key.get("type") in ("digest", "oauth2"):
            self._note(UNSERVED, f"authentication of an adapter of type {key['type']}", where)
            del entry["authentication"]
        namespace = entry.get("namespace")
        if kind == "mcp":
            for key in ("resources", "prompts"):
                if entry.pop(key, None) is not None:
                    self._note(UNSERVED, f"{key} of MCP", (*where, key))
            self._each(entry, "tools", where, lambda tool, at: self._offer(tool, at, "tools", namespace))
            return not _is_empty(entry, "tools")
        for number, resource in enumerate(_entries(entry.get("resources"))):
            self._exposed_resource(resource, (*where, "resources", number), namespace)
        if isinstance(entry.get("resources"), list):
            entry["resources"] = [each for each in entry["resources"] if not _is_empty(each, "operations")]
        return not _is_empty(entry, "resources")

    def _exposed_resource(self, resource: Tree, where: Where, namespace: Any) -> None:
        if resource.pop("forward", None) is not None:
            self._note(UNSERVED, "forward", where)
            resource.setdefault("operations", [])
        if isinstance(resource.get("path"), str):
            resource["path"] = _path(resource["path"])
        shared = resource.pop("inputParameters", [])
        for operation in _entries(resource.get("operations")):
            if shared:
                operation["inputParameters"] = [*shared, *operation.get("inputParameters", [])]
        self._each(resource, "operations", where, lambda each, at: self._offer(each, at, "rest", namespace))

    def _offer(self, entry: Tree, where: Where, caller: str, namespace: Any) -> bool:
        for step in _entries(entry.get("steps")):
            if step.get("type", "call") not in ("call", "lookup"):
                return self._note(UNSERVED, f"steps of type {step['type']}", where)
            for name, value in (step.get("with") or {}).items():
                own = str(value).partition(".")
                if own[0] in (namespace, caller) and own[1] and own[0]:
                    step["with"][name] = f"{{{{{own[2]}}}}}"
        if "mappings" in entry:
            entry.pop("outputParameters", None)  # Here they only name the types of the mapped parts.
        for each in _entries(entry.get("inputParameters")):
            if each.get("in") == "cookie":
                return self._note(UNSERVED, "input parameters in cookie", where)
            if each.pop("pattern", None) is not None:
                self._note(IGNORED, "pattern of an input parameter", where)
            if each.pop("value", None) is not None:
                return self._note(UNSERVED, "value of an exposed input parameter", where)
        given = entry.get("with")
        given = given if isinstance(given, dict) else {}
        for name, value in given.items():
            if not isinstance(value, str):
                continue
            if match := _TEMPLATE.fullmatch(value):
                given[name] = f"{caller}.{match[1]}"
            elif _TEMPLATE.search(value):
                continue
            elif namespace and value.startswith(f"{namespace}."):
                given[name] = f"{caller}.{value.partition('.')[2]}"
        return True

    def _drop_dependent(self, exposed: Tree) -> None:
        """Leave out offers that call an upstream or an operation which is itself left out."""

        def is_served(offer: Any) -> bool:
            if not isinstance(offer, dict):
                return True
            calls = [each.get("call") for each in (offer, *_entries(offer.get("steps")))]
            return not any(
                isinstance(call, str) and {call, call.partition(".")[0]} & self._left_out for call in calls
            )

        for holder in (exposed, *_entries(exposed.get("resources"))):
            for key in ("tools", "operations"):
                if isinstance(holder.get(key), list):
                    holder[key] = [each for each in holder[key] if is_served(each)]
        if isinstance(exposed.get("resources"), list):
            exposed["resources"] = [
                each for each in exposed["resources"] if not _is_empty(each, "operations")
            ]

    # --- notes ------------------------------------------------------------------------------------------

    def _note(self, kind: str, feature: str, where: Where) -> bool:
        """Note a feature; returns False, so that a caller can leave out its part in the same line."""
        line, times = self._found.get((kind, feature), (self._source.line_of(where), 0))
        self._found[(kind, feature)] = (line, times + 1)
        return False

    def _each(self, holder: Tree, key: str, where: Where, keep: Callable[[Tree, Where], bool]) -> None:
        """Keep the entries of a list for which `keep` returns True."""
        entries = holder.get(key)
        if isinstance(entries, list):
            holder[key] = [
                each
                for number, each in enumerate(entries)
                if not isinstance(each, dict) or keep(each, (*where, key, number))
            ]


def version_finding(tree: Any) -> tuple[Where, str] | None:
    """Return the problem with the version of a file, if any."""
    if not isinstance(tree, dict):
        return None
    for name in FORMAT_NAMES:
        if name in tree and tree[name] not in VERSIONS:
            return (name,), (
                f"version {shown(tree[name])} of the format is not known here; leomock reads "
                f"{VERSIONS[0]} to {VERSIONS[-1]}"
            )
    return None


def _lists(node: Any) -> Any:
    """Return the tree with named mappings as lists and `display` as `label`."""
    if isinstance(node, list):
        return [_lists(each) for each in node]
    if not isinstance(node, dict):
        return node
    found: Tree = {}
    for key, value in node.items():
        if key in _NAMED_LISTS and isinstance(value, dict):
            value = [{"name": name, **(each or {})} for name, each in value.items() if _is_entry(each)]
        name = _RENAMED.get(key, key) if isinstance(key, str) else key
        name = key if name in node else name
        found[name] = _lists(value)
    return found


def _is_entry(value: Any) -> bool:
    return value is None or isinstance(value, dict)


def _entries(value: Any) -> Iterator[Tree]:
    """Return the mappings in a list; nothing if it is not a list."""
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())


def _is_empty(entry: Any, key: str) -> bool:
    return isinstance(entry, dict) and entry.get(key) == []


def _has_no_values(entry: Tree) -> bool:
    return any(not isinstance(each.get("value"), str) for each in _entries(entry.get("outputParameters")))


def _path(path: str) -> str:
    """Return a path as `/ships/{imo}`: the format also allows `ships/{{imo}}`."""
    path = _TEMPLATE.sub(r"{\1}", path)
    return path if path.startswith("/") else f"/{path}"
