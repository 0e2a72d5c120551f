"""Reads a set of OpenAPI documents from a folder, a file or an address; what cannot be used is told why."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any

import yaml

from leomock.contract.drift import facts as drift
from leomock.contract.drift.nodes import Document
from leomock.openapi.documents import COMPONENTS, OVERLAY, SpecError

SUFFIXES = (".json", ".yaml", ".yml")
SECONDS_TO_WAIT = 30.0
MOST_BYTES = 64 * 2**20


class SourceError(SpecError):
    """A set of documents that cannot be read."""


class _Loader(yaml.SafeLoader):
    """YAML without dates, which JSON has none of: an example such as 2024-04-20 stays a text."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(source: str) -> list[Document]:
    """The documents of a folder, a file (JSON or YAML) or an http(s) address; raises `SourceError`."""
    if source.startswith(("http://", "https://")):
        return [_document(_parsed(_fetched(source), source), source)]
    path = Path(source)
    if path.is_dir():
        return _folder(path)
    return [_document(_parsed(_bytes(path), source), source)]


def _folder(folder: Path) -> list[Document]:
    """All OpenAPI documents of a folder, and of those below it of further versions (`v2`)."""
    found = _documents(folder)
    for below in sorted(folder.glob("v[0-9]")):
        found += _documents(below)
    if not found:
        raise SourceError(f"{folder}: has no OpenAPI document (*.json, *.yaml with a key `openapi`)")
    return found


def _documents(folder: Path) -> list[Document]:
    """The OpenAPI documents of a folder; other files in it do not matter."""
    paths = [path for path in _listed(folder) if path.suffix in SUFFIXES]
    contents = {
        path: _parsed(_bytes(path), str(path)) for path in paths if path.name not in (COMPONENTS, OVERLAY)
    }
    found = [
        _document(content, str(path))
        for path, content in contents.items()
        if isinstance(content, dict) and "openapi" in content
    ]
    # `drift.documents` knows the layouts: where the components of a document are.
    whole = drift.documents(folder, published_only=False)
    components = str(folder / COMPONENTS) if (folder / COMPONENTS).is_file() else ""
    return [replace(one, content=whole.get(one.title, one.content), components=components) for one in found]


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder}: cannot be read: {error.strerror}") from None


def _document(content: Any, source: str) -> Document:
    if not isinstance(content, dict):
        raise SourceError(f"{source}: not an OpenAPI document: not an object")
    version = content.get("openapi")
    if not isinstance(version, str) or not version.startswith("3."):
        raise SourceError(f"{source}: not an OpenAPI document: no `openapi: 3.…`")
    info = content.get("info")
    if not isinstance(info, dict) or not isinstance(info.get("title"), str):
        raise SourceError(f"{source}: not an OpenAPI document: no info.title")
    if not isinstance(content.get("paths"), dict):
        raise SourceError(f"{source}: not an OpenAPI document: no paths")
    return Document(info["title"], source, content, published=info.get("x-published") is not False)


def _parsed(raw: bytes, source: str) -> Any:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(f"{source}: not UTF-8") from None
    try:
        # What begins so is meant as JSON, and JSON's errors are the clearer ones.
        if source.endswith(".json") or text.lstrip().startswith(("{", "[")):
            return json.loads(text)
        return _as_json(yaml.load(text, _Loader))
    except json.JSONDecodeError as error:
        raise SourceError(f"{source}: not JSON: {error}") from None
    except yaml.YAMLError as error:
        raise SourceError(f"{source}: not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise SourceError(f"{source}: nested too deeply") from None


def _as_json(value: Any) -> Any:
    """What YAML holds, with keys as JSON has them: a status 200 is a text there."""
    if isinstance(value, dict):
        return {_key(key): _as_json(below) for key, below in value.items()}
    if isinstance(value, list):
        return [_as_json(below) for below in value]
    return value


def _key(key: Any) -> str:
    return key if isinstance(key, str) else json.dumps(key, default=str)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise SourceError(f"{path}: cannot be read: {reason}") from None


def _fetched(url: str) -> bytes:
    request = urllib.request.Request(url, headers={"accept": "application/json, application/yaml, */*"})
    try:
        with urllib.request.urlopen(request, timeout=SECONDS_TO_WAIT) as answer:
            raw: bytes = answer.read(MOST_BYTES + 1)
    except urllib.error.HTTPError as error:
        raise SourceError(f"{url}: cannot be fetched: it answers {error.code} {error.reason}") from None
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise SourceError(f"{url}: cannot be fetched: {reason}") from None
    except (OSError, HTTPException, ValueError) as error:
        raise SourceError(f"{url}: cannot be fetched: {error}") from None
    if len(raw) > MOST_BYTES:
        raise SourceError(f"{url}: cannot be fetched: more than {MOST_BYTES // 2**20} MiB")
    return raw
