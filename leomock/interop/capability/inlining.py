"""Replace references in a file by what they refer to: imported entries, and functions of aggregates."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from leomock.files.yaml_source import FileError, Source, Tree, Where, near, shown
from leomock.interop.capability.versions import in_early_words

# What an offer takes from the function that it names, unless it says so itself.
_TAKEN = ("description", "label", "inputParameters", "call", "with", "steps", "mappings", "outputParameters")
# The parts of a file whose entries may be imported, by their namespace.
_SECTIONS = ("consumes", "exposes", "aggregates", "binds")


def inline_imports(tree: Tree, source: Source, error: type[FileError]) -> list[tuple[str, Where]]:
    """Replace each `import` by the entry of the file at its `location` (later `from`).

    Returns the features of imports that leomock does not serve, and where they are. A missing file or entry
    is an error of the file.
    """
    unserved = []
    capability = tree.get("capability")
    places: list[tuple[Any, Where]] = [(tree, ()), (capability, ("capability",))]
    for holder, place in places:
        for section in _SECTIONS if isinstance(holder, dict) else ():
            entries = holder.get(section)
            for number, entry in enumerate(entries if isinstance(entries, list) else ()):
                if not isinstance(entry, dict) or not isinstance(entry.get("import"), str):
                    continue
                where = (*place, section, number)
                if "://" in str(entry.get("location", entry.get("from", ""))).removeprefix("file://"):
                    unserved.append(("imports from other computers", where))
                elif found := _imported(entry, section, where, source, error):
                    imported, binds = found
                    entries[number] = imported
                    if binds and section != "binds":
                        tree["binds"] = [*tree.get("binds", ()), *binds]
    return unserved


def _imported(
    entry: Tree, section: str, where: Where, source: Source, error: type[FileError]
) -> tuple[Tree, list[Any]] | None:
    """Return the entry that an import names, and what its file binds. Records an error if there is none."""
    location = entry.get("location", entry.get("from"))
    if not isinstance(location, str):
        source.find((*where, "from"), f"is missing; it names the file that has {shown(entry['import'])}")
        return None
    path = source.path.parent / location.removeprefix("file://")
    if not path.is_file():
        source.find((*where, "import"), f"there is no file {shown(location)}")
        return None
    shared = Source(path, error, f"a file of shared definitions has {section}")
    found = in_early_words(shared.tree(), shared)
    known = {str(each.get("namespace")): each for each in _entries(_section(found, section))}
    if entry["import"] not in known:
        text = f"{location} has no {shown(entry['import'])} under {section}{near(entry['import'], known)}"
        source.find((*where, "import"), text)
        return None
    imported = deepcopy(known[entry["import"]])
    imported["namespace"] = entry.get("as", entry["import"])
    binds = _section(found, "binds")
    return imported, deepcopy(binds) if isinstance(binds, list) else []


def inline_functions(capability: Tree, source: Source) -> None:
    """Complete every offer with a `ref` from the function of an aggregate, and remove the aggregates."""
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


def _section(tree: Any, section: str) -> Any:
    """Return the list of a section in a file of shared definitions, or in a whole capability."""
    if not isinstance(tree, dict):
        return None
    capability = tree.get("capability")
    return tree.get(section) or (capability.get(section) if isinstance(capability, dict) else None)


def _entries(value: Any) -> Iterator[Tree]:
    return (each for each in value if isinstance(each, dict)) if isinstance(value, list) else iter(())
