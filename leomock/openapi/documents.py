"""Find the documents under `specs/` and join them into one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import orjson

Json = dict[str, Any]

COMPONENTS = "components.json"
OVERLAY = "overlay.json"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_LOCAL = "#/components/schemas/"


class SpecError(Exception):
    """A document under `specs/` is unusable, so leomock does not start; the message says where and why."""


@cache
def specs_folder() -> Path:
    """Return the folder of the documents: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "specs", package.parent / "specs"):
        if (folder / COMPONENTS).is_file():
            return folder
    raise SpecError(f"no specs folder with a {COMPONENTS} beside or inside {package}")


def read(path: Path) -> Json:
    """Read one JSON document."""
    try:
        document = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise SpecError(f"{path.parent.name}/{path.name}: not JSON: {error}") from None
    if not isinstance(document, dict):
        raise SpecError(f"{path.parent.name}/{path.name}: not a JSON object")
    return document


def groups(folder: Path, *, published_only: bool = False) -> dict[str, Json]:
    """Return the group documents of a folder by name (`generations`, …), sorted by name.

    `x-published: false` in a document's info means that it does not come from a published document.
    """
    return {
        path.stem: document
        for path in sorted(folder.glob("*.json"))
        if path.name not in (COMPONENTS, OVERLAY)
        and "openapi" in (document := read(path))
        and (document["info"].get("x-published", True) or not published_only)
    }


def bundle(folder: Path, *, published_only: bool = False) -> Json:
    """Return all group documents as one, with their components; `x-group` names an operation's document.

    `x-basis` beside it is the basis of that document.
    """
    info: Json = {"title": "Leonardo.AI API", "version": "", "description": ""}
    joined: Json = {"openapi": "3.0.0", "info": info, "servers": [], "tags": [], "paths": {}}
    for name, document in groups(folder, published_only=published_only).items():
        document = _localised(document)
        told = {key: value for key, value in document["info"].items() if not key.startswith("x-")}
        joined["info"] |= told | {"title": info["title"], "description": ""}
        joined["servers"] = document["servers"]
        joined["tags"] += [tag for tag in document["tags"] if tag not in joined["tags"]]
        joined["security"] = document["security"]
        for path, item in document["paths"].items():
            if path in joined["paths"]:
                raise SpecError(f"{name}.json: path {path} is already in another document")
            joined["paths"][path] = item
            for _, entry in operations_of(item):
                entry["x-group"] = name
                entry["x-basis"] = document["info"].get("x-basis", "documented")
    joined["components"] = read(folder / COMPONENTS)["components"]
    return joined


def operations_of(path_item: Json) -> Iterator[tuple[str, Json]]:
    """Return the (method, entry) pairs of a path item."""
    return ((method, entry) for method, entry in path_item.items() if method in METHODS)


def resolve(document: Json, schema: Json) -> Json:
    """Follow `$ref` to the end of the chain; OpenAPI 3.0 ignores siblings of a `$ref`."""
    seen = set()
    while "$ref" in schema:
        reference = schema["$ref"]
        if reference in seen:
            raise SpecError(f"$ref {reference} leads back to itself")
        seen.add(reference)
        schema = at(document, reference)
    return schema


def at(document: Json, reference: str) -> Json:
    """Return the value that a local reference (`#/components/…`) points at."""
    target: Any = document
    for part in reference.removeprefix("#/").split("/"):
        try:
            target = target[part.replace("~1", "/").replace("~0", "~")]
        except (KeyError, TypeError):
            raise SpecError(f"$ref {reference} points at nothing") from None
    if not isinstance(target, dict):
        raise SpecError(f"$ref {reference} does not point at an object")
    return target


def _localised(document: Json) -> Json:
    """Return a copy in which references into the shared components are local."""
    text = orjson.dumps(document).replace(f'"$ref":"{COMPONENTS}#'.encode(), b'"$ref":"#')
    result: Json = orjson.loads(text)
    return result


def with_nulls(document: Json) -> Json:
    """Return a copy in which an enum under `nullable` lists null.

    The published document never lists it, but the real service accepts and returns it. Under
    OpenAPI 3.0.3, an enum without null rejects null even with `nullable`, and validators follow that.
    """

    def walk(node: Any) -> None:
        for part in node.values() if isinstance(node, dict) else node:
            if isinstance(part, dict | list):
                walk(part)
        if isinstance(node, dict) and node.get("nullable") is True:
            values = node.get("enum")
            if isinstance(values, list) and None not in values:
                values.append(None)

    document = copy.deepcopy(document)
    walk(document)
    return document
