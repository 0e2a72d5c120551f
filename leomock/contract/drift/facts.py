"""Compares the facts of two sets of documents: everything but the prose."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leomock.openapi.documents import COMPONENTS, Json, groups, read

_PROSE = ("description", "summary")
# Their keys are names that somebody chose, not keywords.
_NAMED = ("properties", "schemas", "paths", "responses", "content", "securitySchemes", "links", "examples")
# Their values are samples, not schemas.
_VALUES = ("example", "default", "enum", "value")


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that is not the same: where (a JSON pointer), and what stands on either side, if anything."""

    document: str
    pointer: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        if self.old is None:
            return f"{self.document}#{self.pointer}: new: {self.new}"
        if self.new is None:
            return f"{self.document}#{self.pointer}: gone: {self.old}"
        return f"{self.document}#{self.pointer}: {self.old} became {self.new}"


def documents(folder: Path, *, published_only: bool = True) -> dict[str, Json]:
    """The OpenAPI documents of a folder by their titles, each with its components inside.

    Two layouts are understood: every document with components of its own (as published), and one
    `components.json` for all (as in `specs/`).
    """
    shared = folder / COMPONENTS
    inside = {"components": read(shared)["components"]} if shared.is_file() else {}
    found = groups(folder, published_only=published_only)
    return {document["info"]["title"]: document | inside for document in found.values()}


def compare(old: dict[str, Json], new: dict[str, Json]) -> list[Difference]:
    """Every fact that differs between two sets of documents, in the order of the documents."""
    found: list[Difference] = []
    for title in dict.fromkeys([*old, *new]):
        if title not in new or title not in old:
            found.append(Difference(title, "", _whole(old, title), _whole(new, title)))
            continue
        before, after = facts(old[title]), facts(new[title])
        found += [
            Difference(title, pointer, before.get(pointer), after.get(pointer))
            for pointer in dict.fromkeys([*before, *after])
            if before.get(pointer) != after.get(pointer)
        ]
    return found


def facts(document: Json) -> dict[str, str]:
    """A document as its facts: JSON pointer to value, prose left out, types told apart (1 is not true)."""
    return dict(_facts(document, "", keywords=True))


def _facts(node: Any, pointer: str, *, keywords: bool) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        yield pointer, "object"
        for key, value in node.items():
            if keywords and key in _PROSE and isinstance(value, str):
                continue
            below = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            if keywords and key in _VALUES:
                yield below, _frozen(value)
            elif keywords and key == "$ref":
                yield below, str(value).removeprefix(COMPONENTS)
            else:
                yield from _facts(value, below, keywords=not (keywords and key in _NAMED))
    elif isinstance(node, list):
        yield pointer, f"list of {len(node)}"
        for number, item in enumerate(node):
            yield from _facts(item, f"{pointer}/{number}", keywords=keywords)
    else:
        yield pointer, _frozen(node)


def _frozen(value: Any) -> str:
    """A value as JSON text, in which true is not 1 and 1 is not 1.0."""
    return json.dumps(value, ensure_ascii=False)


def _whole(documents: dict[str, Json], title: str) -> str | None:
    return "document" if title in documents else None
