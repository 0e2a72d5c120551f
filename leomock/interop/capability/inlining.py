"""Put what a file only refers to where it is used: imported APIs, and functions of aggregates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

from leomock.files.yaml_source import FileError, Source, Tree, Where, near, shown

# What an offer takes from the function that it names, unless it says so itself.
_TAKEN = ("description", "label", "inputParameters", "call", "with", "steps", "mappings", "outputParameters")
Lists = Callable[[Any], Any]


def import_apis(tree: Tree, source: Source, lists: Lists, error: type[FileError]) -> None:
    """Replace each `import` under `consumes` by the API of the file at its `location` (later `from`).

    Entries without a file that can be read here are left as they are, and bring an error if the file is
    missing or has no such API. `lists` turns the trees of later versions into those of earlier ones.
    """
    capability = tree.get("capability")
    consumes = capability.get("consumes") if isinstance(capability, dict) else None
    if not isinstance(consumes, list):
        return
    for number, entry in enumerate(consumes):
        if not isinstance(entry, dict) or not isinstance(entry.get("import"), str):
            continue
        location = entry.get("location", entry.get("from"))
        if not isinstance(location, str) or "://" in location.removeprefix("file://"):
            continue
        where = ("capability", "consumes", number)
        shared = source.path.parent / location.removeprefix("file://")
        if not shared.is_file():
            source.find((*where, "import"), f"there is no file {shown(str(location))}")
            continue
        found = lists(Source(shared, error, "a file of shared APIs has consumes").tree())
        apis = {each.get("namespace"): each for each in _entries(_consumed(found))}
        if entry["import"] not in apis:
            text = f"{location} has no API {shown(entry['import'])}{near(entry['import'], map(str, apis))}"
            source.find((*where, "import"), text)
            continue
        api = deepcopy(apis[entry["import"]])
        api["namespace"] = entry.get("as", entry["import"])
        consumes[number] = api
        if isinstance(found.get("binds"), list):
            tree["binds"] = [*tree.get("binds", ()), *found["binds"]]


def inline_functions(capability: Tree, source: Source) -> None:
    """Give every offer with a `ref` what the function of an aggregate says, and take the aggregates out."""
    functions: dict[str, Tree] = {}
    for aggregate in _entries(capability.pop("aggregates", None)):
        namespace = aggregate.get("namespace")
        for function in _entries(aggregate.get("functions")):
            functions[f"{namespace}.{function.get('name')}"] = {**function, "_namespace": namespace}
    for offer, where in _offers(capability):
        ref = offer.get("ref")
        if not isinstance(ref, str):
            continue
        if ref not in functions:
            source.find((*where, "ref"), f"there is no function {shown(ref)}{near(ref, functions)}")
            offer["call"] = offer.pop("ref")  # Nothing else is wrong with it.
            continue
        _inline(offer, functions[ref])


def _inline(offer: Tree, function: Tree) -> None:
    del offer["ref"]
    function = deepcopy(function)
    names = {each.get("name") for each in _entries(function.get("inputParameters"))}
    for holder in (function, *_entries(function.get("steps"))):
        _qualify(holder, names, str(function["_namespace"]))
    for key in _TAKEN:
        if key in function:
            offer.setdefault(key, function[key])
    offer.setdefault("name", function.get("name"))
    semantics = function.get("semantics")
    if isinstance(semantics, dict):
        safe = semantics.get("safe") is True
        derived = {
            "readOnly": safe,
            "destructive": not safe,
            "idempotent": semantics.get("idempotent") is True,
        }
        offer["_hints"] = derived | (offer["hints"] if isinstance(offer.get("hints"), dict) else {})


def _qualify(holder: Tree, names: set[Any], namespace: str) -> None:
    """Write references to a function's inputs, `location` or `forecast.location`, as `{{location}}`."""
    given = holder.get("with")
    if isinstance(given, dict):
        for name, value in given.items():
            own = value.removeprefix(f"{namespace}.") if isinstance(value, str) else None
            if own in names:
                given[name] = f"{{{{{own}}}}}"


def _offers(capability: Tree) -> Iterator[tuple[Tree, Where]]:
    """Yield the tools and operations of all adapters, and where they are."""
    exposes = capability.get("exposes")
    for number, adapter in enumerate(exposes if isinstance(exposes, list) else ()):
        if not isinstance(adapter, dict):
            continue
        where = ("capability", "exposes", number)
        for index, tool in enumerate(_entries(adapter.get("tools"))):
            yield tool, (*where, "tools", index)
            if "_hints" in tool:
                tool["hints"] = tool.pop("_hints")
        for place, resource in enumerate(_entries(adapter.get("resources"))):
            for index, operation in enumerate(_entries(resource.get("operations"))):
                inherits = "ref" in operation and "inputParameters" not in operation
                yield operation, (*where, "resources", place, "operations", index)
                operation.pop("_hints", None)
                if inherits:
                    _place(operation, str(resource.get("path")))


def _place(operation: Tree, path: str) -> None:
    """Say where a REST caller sends the inputs of a function: in the path, or else in the query."""
    for each in _entries(operation.get("inputParameters")):
        each.setdefault("in", "path" if f"{{{each.get('name')}}}" in path else "query")


def _consumed(tree: Any) -> Any:
    """Return the list of APIs in a file of its own, or in a whole capability."""
    if not isinstance(tree, dict):
        return None
    return tree.get("consumes") or (tree.get("capability") or {}).get("consumes")


def _entries(value: Any) -> Iterator[Tree]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
