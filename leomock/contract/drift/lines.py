"""Find the line of a JSON pointer in the text of a JSON or YAML document."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from leomock.contract.drift.nodes import steps

if TYPE_CHECKING:
    from leomock.contract.drift.nodes import Document

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|\n|[^\s{}\[\],:"]+')


def line_of(document: Document, source: str, pointer: str) -> int:
    """Return the line (from 1) of a pointer, or of its nearest existing parent.

    Returns 1 if the text of the source is not available.
    """
    text = document.texts.get(source)
    return 1 if text is None else _finder(text)(pointer)


@lru_cache(maxsize=4)
def _finder(text: str) -> Callable[[str], int]:
    """Return the function that finds the lines of a text."""
    if text.lstrip()[:1] in ("{", "["):
        lines: dict[str, int] = {}
        for pointer, line in _json_lines(text):
            lines.setdefault(pointer, line)
        return partial(_json_line, lines)
    import yaml

    return partial(_yaml_line, yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


def _json_line(lines: dict[str, int], pointer: str) -> int:
    while pointer and pointer not in lines:
        pointer = pointer.rpartition("/")[0]
    return lines.get(pointer, 1)


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


def _yaml_line(node: Any, pointer: str) -> int:
    """Follow a pointer through the nodes of a YAML text; an alias leads to the value that it stands for."""
    line = 1
    for step in steps(pointer):
        if node.id == "mapping":
            found = [entry for entry in node.value if entry[0].value == step]
        elif node.id == "sequence" and step.isdecimal():
            found = [(value, value) for value in node.value[int(step) : int(step) + 1]]
        else:
            found = []
        if not found:
            break
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line
