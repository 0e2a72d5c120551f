"""The shape that all versions of the format share, checked before a file is put into the words of one."""

from __future__ import annotations

from typing import Any

from leomock.files.yaml_source import Source, Where, shown

# Lists of mappings; later versions write some as mappings from names to entries.
_LISTS = frozenset(
    (
        *("consumes", "exposes", "aggregates", "binds", "functions", "flows", "resources", "operations"),
        *("tools", "inputParameters", "prompts", "arguments", "skills", "steps", "mappings"),
    )
)
_NAMES = frozenset(("name", "namespace", "call", "ref", "as", "targetNamespace", "sourceNamespace", "action"))
# Values of the user, which may have any shape.
_CONTENT = frozenset(("body", "data", "value", "lookupValue", "outputSchema", "with"))


def check_shape(tree: Any, source: Source, where: Where = ()) -> None:
    """Record every part of a file that is neither the list, the mapping nor the name that it must be."""
    for key, value in tree.items() if isinstance(tree, dict) else ():
        place = (*where, key)
        if key in _NAMES and isinstance(value, list | dict):
            source.find(place, f"must be a text, not {shown(value)}")
        elif key == "with" and not isinstance(value, dict):
            source.find(place, f"must be a mapping, not {shown(value)}")
        elif key in _LISTS and isinstance(value, list):
            for number, entry in enumerate(value):
                if isinstance(entry, dict):
                    check_shape(entry, source, (*place, number))
                else:
                    source.find((*place, number), f"must be a mapping, not {shown(entry)}")
        elif key in _LISTS and not isinstance(value, dict):
            source.find(place, f"must be a list, not {shown(value)}")
        elif key not in _CONTENT:
            check_shape(value, source, place)
