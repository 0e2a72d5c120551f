"""Read a set of API documents from a folder, a file, a URL or a git revision."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from leomock.contract.drift.nodes import Document
from leomock.openapi.documents import COMPONENTS, OVERLAY, SpecError

SUFFIXES = (".json", ".yaml", ".yml")
SECONDS_TO_WAIT = 30.0
MOST_BYTES = 64 * 2**20
# YAML aliases can make a small file expand to a huge document. The largest public documents have fewer than
# two million values.
MOST_VALUES = 10_000_000
_VERSION_FOLDER = re.compile(r"v[0-9]")
_SEVERAL_LETTERS_AND_COLON = re.compile(r"([^:]{2,}):(.*)", re.DOTALL)


class SourceError(SpecError):
    """A set of documents that cannot be read."""


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc] # chosen at run time: not every PyYAML has libyaml
    """A YAML loader without dates, which JSON lacks: an example such as 2024-04-20 stays a string."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read(source: str) -> list[Document]:
    """Read the documents at a source.

    A source is a folder, a file (JSON or YAML), an http(s) URL, or `REVISION:PATH` of the git repository that
    contains the current folder, where PATH is relative to the top of the repository as in `git show`. Raises
    `SourceError`.
    """
    if source.startswith(("http://", "https://")):
        return [_parsed_document(_fetched(source), source)]
    path = Path(source)
    if not path.exists() and (revision := _SEVERAL_LETTERS_AND_COLON.fullmatch(source)):
        return _of_revision(source, *revision.groups())
    if path.is_dir():
        files = [each.relative_to(path).as_posix() for each in _listed(path)]
        folders = [each for each in sorted(path.glob("v[0-9]")) if each.is_dir()]
        files += [each.relative_to(path).as_posix() for folder in folders for each in _listed(folder)]
        return _folder(source, files, lambda name: _bytes(path / name))
    return [_parsed_document(_bytes(path), source)]


def _of_revision(source: str, revision: str, path: str) -> list[Document]:
    """Return the documents of a folder or file as of a commit."""
    kind = _git(source, "cat-file", "-t", "--end-of-options", f"{revision}:{path}").decode().strip()
    if kind != "tree":
        return [_parsed_document(_git(source, "show", "--end-of-options", f"{revision}:{path}"), source)]
    listed = _git(source, "ls-tree", "-r", "-z", "--name-only", "--end-of-options", f"{revision}:{path}")
    names = listed.decode("utf-8", "surrogateescape").split("\0")
    slash = "" if not path or path.endswith("/") else "/"
    return _folder(
        source,
        sorted(filter(None, names)),
        lambda name: _git(source, "show", "--end-of-options", f"{revision}:{path}{slash}{name}"),
    )


def _git(source: str, *arguments: str) -> bytes:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError as error:
        raise SourceError(f"{source}: git cannot be run: {error.strerror}") from None
    if done.returncode:
        why = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ").splitlines()
        raise SourceError(f"{source}: no such file or folder, and git says: {why[0] if why else 'nothing'}")
    return done.stdout


def _folder(source: str, names: Iterable[str], load: Callable[[str], bytes]) -> list[Document]:
    """Return all API documents of a folder and of its folders for further versions (`v2`)."""
    found: list[Document] = []
    by_folder: dict[str, list[str]] = {}
    for name in names:
        folder = PurePosixPath(name).parent.as_posix()
        if PurePosixPath(name).suffix in SUFFIXES and (folder == "." or _VERSION_FOLDER.fullmatch(folder)):
            by_folder.setdefault(folder, []).append(name)
    for folder in sorted(by_folder):
        found += _documents(source.rstrip("/"), by_folder[folder], load)
    if not found:
        raise SourceError(f"{source}: has no OpenAPI document (*.json, *.yaml with a key `openapi`)")
    return found


def _documents(source: str, names: list[str], load: Callable[[str], bytes]) -> list[Document]:
    """Return the API documents of a folder, ignoring other files.

    Either each document has its own components, as published, or `components.json` has those of all.
    """
    shared: dict[str, Any] = {}
    found: list[Document] = []
    for name in names:
        base, where = PurePosixPath(name).name, f"{source}/{name}"
        if base == OVERLAY:
            continue
        text = _text(load(name), where)
        content = _parsed(text, where)
        if base == COMPONENTS and isinstance(content, dict):
            shared = {"content": content.get("components", {}), "source": where, "text": text}
        elif isinstance(content, dict) and ("openapi" in content or "asyncapi" in content):
            found.append(replace(_document(content, where), texts={where: text}))
    if not shared:
        return found
    return [_with_components(document, **shared) for document in found]


def _with_components(document: Document, content: Any, source: str, text: str) -> Document:
    if "asyncapi" in document.content:
        return document
    return replace(
        document,
        content=document.content | {"components": content},
        components=source,
        texts={**document.texts, source: text},
    )


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise SourceError(f"{folder}: cannot be read: {error.strerror}") from None


def _parsed_document(raw: bytes, source: str) -> Document:
    text = _text(raw, source)
    return replace(_document(_parsed(text, source), source), texts={source: text})


def _document(content: Any, source: str) -> Document:
    if not isinstance(content, dict):
        raise SourceError(f"{source}: not an OpenAPI document: not an object")
    events = isinstance(content.get("asyncapi"), str)
    kind = "AsyncAPI" if events else "OpenAPI"
    version = content.get("openapi")
    if not events and (not isinstance(version, str) or not version.startswith("3.")):
        raise SourceError(f"{source}: not an OpenAPI document: no `openapi: 3.…`")
    info = content.get("info")
    if not isinstance(info, dict) or not isinstance(info.get("title"), str):
        raise SourceError(f"{source}: not an {kind} document: no info.title")
    if events and not isinstance(content.get("channels"), dict):
        raise SourceError(f"{source}: not an AsyncAPI document: no channels")
    if not events and not any(isinstance(content.get(key), dict) for key in ("paths", "webhooks")):
        raise SourceError(f"{source}: not an OpenAPI document: no paths")
    return Document(info["title"], source, content, published=info.get("x-published") is not False)


def _text(raw: bytes, source: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SourceError(f"{source}: not UTF-8") from None


def _parsed(text: str, source: str) -> Any:
    try:
        # Treat a text that begins like JSON as JSON, whose errors are clearer.
        if source.endswith(".json") or text.lstrip().startswith(("{", "[")):
            return json.loads(text)
        return _Converter(source).converted(yaml.load(text, _Loader))
    except json.JSONDecodeError as error:
        raise SourceError(f"{source}: not JSON: {error}") from None
    except yaml.YAMLError as error:
        raise SourceError(f"{source}: not YAML: {' '.join(str(error).split())}") from None
    except RecursionError:
        raise SourceError(f"{source}: nested too deeply") from None


class _Converter:
    """A converter that gives YAML mappings the keys that JSON has: a status 200 becomes a string.

    A value that aliases repeat is converted once. Raises `SourceError` if a value contains itself, or if the
    document has too many values once its aliases are expanded.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._done: dict[int, tuple[Any, int]] = {}
        self._open: set[int] = set()

    def converted(self, value: Any) -> Any:
        """Return the value with JSON's keys."""
        return self._convert(value)[0]

    def _convert(self, value: Any) -> tuple[Any, int]:
        """Return the converted value, and its number of values once all aliases are expanded."""
        if not isinstance(value, dict | list):
            return value, 1
        if (known := self._done.get(id(value))) is not None:
            return known
        if id(value) in self._open:
            raise SourceError(f"{self._source}: an alias is inside the value that it stands for")
        self._open.add(id(value))
        size = 1
        result: Any
        if isinstance(value, dict):
            result = {}
            for key, below in value.items():
                result[_key(key)], more = self._convert(below)
                size += more
        else:
            result = []
            for below in value:
                element, more = self._convert(below)
                result.append(element)
                size += more
        self._open.discard(id(value))
        if size > MOST_VALUES:
            raise SourceError(f"{self._source}: its aliases expand to more than {MOST_VALUES:,} values")
        self._done[id(value)] = result, size
        return result, size


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
