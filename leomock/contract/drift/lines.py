"""Find the line of a JSON pointer in the text of a JSON or YAML document."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leomock.contract.drift.nodes import Document

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|\n|[^\s{}\[\],:"]+')


def line_of(document: Document, source: str, pointer: str) -> int:
    """Return the line (from 1) of a pointer, or of its nearest existing parent.

    Returns 1 if the text of the source is not available.
    """
    text = document.texts.get(source)
    if text is None:
        return 1
    lines = _lines(text)
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer, 1)


@lru_cache(maxsize=4)
def _lines(text: str) -> dict[str, int]:
    found = _json_lines(text) if text.lstrip()[:1] in ("{", "[") else _yaml_lines(text)
    lines: dict[str, int] = {}
    for pointer, line in found:
        lines.setdefault(pointer, line)
    return lines


def _json_lines(text: str) -> Iterator[tuple[str, int]]:
    """Yield the line of every key and element; the text has been parsed before, so it is valid JSON."""
    line = 1
    path: list[str] = []  # the segments of the pointer
    counts: list[int] = []  # for each open array the index of the element, for an object -1
    key = ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token == "\n":
            line += 1
        elif token in "{[":
            counts.append(0 if token == "[" else -1)
            path.append("0" if token == "[" else "")
            if token == "[":
                yield _joined(path), line
        elif token in "}]":
            counts.pop()
            path.pop()
        elif token == ",":
            if counts[-1] >= 0:
                counts[-1] += 1
                path[-1] = str(counts[-1])
                yield _joined(path), line
            key = ""
        elif token == ":":
            path[-1] = key
            yield _joined(path), line
        elif token[0] == '"' and counts and counts[-1] < 0:
            key = _unquoted(token)


def _unquoted(token: str) -> str:
    import json

    return str(json.loads(token)) if "\\" in token else token[1:-1]


def _joined(path: list[str]) -> str:
    return "".join(f"/{step.replace('~', '~0').replace('/', '~1')}" for step in path)


def _yaml_lines(text: str) -> Iterator[tuple[str, int]]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    yield from _yaml_below(yaml.compose(text, loader), "", set())


def _yaml_below(node: Any, pointer: str, above: set[int]) -> Iterator[tuple[str, int]]:
    """Yield the lines of a mapping's keys and a sequence's elements; an alias counts once."""
    if node is None or id(node) in above:
        return
    above.add(id(node))
    if node.id == "mapping":
        for key, value in node.value:
            below = pointer + _joined([str(key.value)])
            yield below, key.start_mark.line + 1
            yield from _yaml_below(value, below, above)
    elif node.id == "sequence":
        for number, value in enumerate(node.value):
            below = f"{pointer}/{number}"
            yield below, value.start_mark.line + 1
            yield from _yaml_below(value, below, above)
