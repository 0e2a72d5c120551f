"""The versions of the capability format: which ones are read, and the names that later ones changed.

The format is Naftiko 1.0.0-alpha1 to -alpha4, called Ikanos from then to 1.0.0-beta4. Later versions write
named lists as mappings and `display` for `label`.
"""

from __future__ import annotations

from typing import Any

from leomock.files.yaml_source import Source, Tree, Where, shown

FORMAT_NAMES = ("naftiko", "ikanos")
VERSIONS = tuple(f"1.0.0-{stage}{number}" for stage in ("alpha", "beta") for number in range(1, 5))
# Lists that later versions write as mappings from names to entries.
_NAMED_LISTS = (
    "resources",
    "operations",
    "tools",
    "inputParameters",
    "outputParameters",
    "prompts",
    "arguments",
    "skills",
    "functions",
    "flows",
    "steps",
)
# Names in later versions, and those in earlier ones.
_RENAMED = {"display": "label", "flows": "functions", "target": "targetName"}


def version_finding(tree: Any) -> tuple[Where, str] | None:
    """Return the problem with the version of a file, if any."""
    if not isinstance(tree, dict):
        return None
    for name in FORMAT_NAMES:
        if name in tree and tree[name] not in VERSIONS:
            return (name,), (
                f"the version is {shown(tree[name])}, which is not known here; leomock reads "
                f"{VERSIONS[0]} to {VERSIONS[-1]}"
            )
    return None


def in_early_words(tree: Any, source: Source) -> Any:
    """Return a tree in the form of the first versions; the lines of moved values are noted in `source`."""
    return _converted(tree, source, (), ())


def _converted(node: Any, source: Source, old: Where, new: Where) -> Any:
    if old != new:
        source.same_line(new, old)
    if isinstance(node, list):
        return [_converted(each, source, (*old, number), (*new, number)) for number, each in enumerate(node)]
    if not isinstance(node, dict):
        return node
    found: Tree = {}
    key: str
    for key, value in node.items():
        early: str = _RENAMED.get(key, key)
        early = key if early in node else early
        if key in _NAMED_LISTS and isinstance(value, dict):
            found[early] = _listed(value, source, (*old, key), (*new, early))
        else:
            found[early] = _converted(value, source, (*old, key), (*new, early))
    return found


def _listed(entries: Tree, source: Source, old: Where, new: Where) -> list[Tree]:
    """Return the list of a mapping from names to entries."""
    found: list[Tree] = []
    for name, each in entries.items():
        if each is None or isinstance(each, dict):
            place = (*new, len(found))
            source.same_line(place, (*old, name))
            found.append({"name": name, **_converted(each or {}, source, (*old, name), place)})
    source.same_line(new, old)
    return found
