"""Replace personal data in a recorded call: ids, keys, URLs, prompts and other texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from leomock.openapi.documents import specs_folder

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAME = re.compile(r"[A-Za-z_]\w{0,40}")
# Values of a closed vocabulary look like this: RESOLUTION_720, flux-pro-2.0, 16:9, EULER A.
_TERM = re.compile(r"[\w.:/-]{1,40}( [\w.-]{1,20})?", re.ASCII)
_WORD = re.compile(r"\w{3,}")
_ADDRESS = re.compile(r"\S+@\S+|https?://\S+|\b\d{1,3}(?:\.\d{1,3}){3}\b")
# A longer text is written as one letter and its length.
_LONGEST = 200
_JPEG = (
    "data:image/jpeg;base64,/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgICAgMCAgIDAwMDBAYEBAQEBAgGBgUGCQgKCgkICQkK"
    "DA8MCgsOCwkJDRENDg8QEBEQCgwSExIQEw8QEBD/yQALCAABAAEBAREA/8wABgAQEAX/2gAIAQEAAD8A0s8g/9k="
)


class Replacer:
    """Replace the personal values of one fact; `names` maps ids of earlier answers to their kept names."""

    # Stand for an id that no answer gave, a wrong key and a right one.
    UNKNOWN = "00000000-0000-4000-8000-000000000000"
    NOBODY = "00000000-0000-4000-8000-000000000001"
    SOMEBODY = "00000000-0000-4000-8000-000000000002"

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def cleaned(self, value: Any, name: str = "") -> Any:
        """Return a value of a request without anything personal, of the same type and length."""
        if isinstance(value, dict):
            return {self._key(key): self.cleaned(each, key) for key, each in value.items()}
        if isinstance(value, list):
            return [self.cleaned(each, name) for each in value]
        return self._text(value, name) if isinstance(value, str) else value

    def path_step(self, step: str) -> str:
        """Return one step of a path: the API's own words stay, ids are replaced."""
        if _UUID.fullmatch(step):
            return self._id(step)
        return step if step in _path_words() or step.isdigit() else self._blotted(step)

    def words(self, text: str, body: Any) -> tuple[str, bool]:
        """Return a text for people and True, or a pattern and False if something personal is left out.

        Ids, addresses and words that the request has in its own texts are personal.
        """
        own = {word.lower() for said in _own_texts(body, "") for word in _WORD.findall(said)}
        parts = re.split(rf"({_UUID.pattern}|{_ADDRESS.pattern}|\w+)", text)
        found = [part for part in parts if part]
        personal = [
            bool(_UUID.fullmatch(part) or _ADDRESS.fullmatch(part)) or part.lower() in own for part in found
        ]
        if not any(personal):
            return text, True
        pattern = "".join(
            ".+" if is_own else re.escape(part) for part, is_own in zip(found, personal, strict=True)
        )
        return f"^{pattern.replace(chr(92) + ' ', ' ')}$", False

    @staticmethod
    def is_known(text: str) -> bool:
        """Return True for a value of the documents or the catalogue, such as COMPLETE."""
        return text in _vocabulary()

    def _text(self, text: str, name: str) -> Any:
        if _UUID.fullmatch(text):
            return self._id(text)
        if self.is_known(text) or (name in _closed_names() and _TERM.fullmatch(text)):
            return text
        if text.startswith("data:image"):
            return _JPEG
        if text.startswith(("http://", "https://")):
            suffix = Path(text.partition("?")[0]).suffix
            return f"https://example.org/file{suffix if re.fullmatch(r'[.][a-z0-9]{2,5}', suffix) else ''}"
        return {"repeat": "x", "times": len(text)} if len(text) > _LONGEST else self._blotted(text)

    def _id(self, id: str) -> str:
        if id in self._names:
            return f"${{{self._names[id]}}}"
        return id if self.is_known(id.lower()) else self.UNKNOWN

    def _key(self, key: str) -> str:
        return key if _NAME.fullmatch(key) else self._blotted(key)

    @staticmethod
    def _blotted(text: str) -> str:
        """Return a text of the same length and punctuation, with x for each letter and 0 for each digit."""
        return "".join("x" if each.isalpha() else "0" if each.isdigit() else each for each in text)


def _own_texts(value: Any, name: str) -> Iterator[str]:
    """Yield the texts of a request that its user wrote."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _own_texts(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from _own_texts(each, name)
    elif isinstance(value, str):
        is_term = Replacer.is_known(value) or (name in _closed_names() and _TERM.fullmatch(value))
        if not is_term:
            yield value


# --- the words of the API --------------------------------------------------------------------------------


@cache
def _documents() -> tuple[Any, ...]:
    from leomock.leonardo import catalogue

    folders = (specs_folder(), specs_folder() / "v2", Path(str(catalogue.__file__)).parent)
    return tuple(
        json.loads(path.read_text("utf-8")) for folder in folders for path in sorted(folder.glob("*.json"))
    )


@cache
def _vocabulary() -> frozenset[str]:
    """Return the values of all enums, the names of models, and the ids of the catalogue."""
    found: set[str] = set()
    for node in _nodes(_documents()):
        found |= {each for each in node.get("enum", ()) if isinstance(each, str)}
        found |= {str(node[name]) for name in ("slug", "akUUID", "id") if isinstance(node.get(name), str)}
        styles = node.get("styles")
        for style in styles.values() if isinstance(styles, dict) else styles or ():
            found.add(str(style))
    return frozenset(found - {""})


@cache
def _closed_names() -> frozenset[str]:
    """Return the names of parameters that have a closed list of values."""
    found = {
        "model",
        "extension",
        "modelExtension",
        "initExtension",
        "maskExtension",
        "sd_version",
        "scheduler",
    }
    for node in _nodes(_documents()):
        for name, schema in node.items():
            if isinstance(schema, dict) and "enum" in schema:
                found.add(name)
    return frozenset(found - {"name", "prompt", "description"})


@cache
def _path_words() -> frozenset[str]:
    words = {"", "api", "rest", "v1", "v2"}
    for document in _documents():
        if isinstance(document, dict):
            words |= {step for path in document.get("paths", {}) for step in path.split("/")}
    return frozenset(words)


def _nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in a document."""
    if isinstance(value, dict):
        yield value
        for each in value.values():
            yield from _nodes(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _nodes(each)
