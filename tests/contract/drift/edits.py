"""The documents of `specs/`, to be edited."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from leomock.contract.drift.nodes import Document
from leomock.contract.drift.sources import read
from leomock.openapi.documents import specs_folder

JSON = "application/json"


@cache
def everything() -> list[Document]:
    """The published documents as they are; not to be edited."""
    return [
        document
        for document in read(str(specs_folder()))
        if document.published and "paths" in document.content
    ]


@cache
def ours() -> list[Document]:
    """Those of them that tests edit."""
    files = {"blueprints.json", "generations.json", "models_3d.json"}
    return [document for document in everything() if Path(document.source).name in files]


@cache
def _pickled() -> bytes:
    """Copies so much faster, and what documents share they still do."""
    return pickle.dumps(ours())


class Api:
    """A copy of these documents, and ways to what tests edit."""

    def __init__(self) -> None:
        self.documents: list[Document] = pickle.loads(_pickled())

    def _entries(self) -> Iterator[tuple[Any, str, str, Any]]:
        for document in self.documents:
            for path, item in document.content["paths"].items():
                for method, entry in item.items():
                    yield document.content, path, method, entry

    def entry(self, id: str) -> Any:
        """An operation."""
        return next(entry for _, _, _, entry in self._entries() if entry["operationId"] == id)

    def document(self, id: str) -> Any:
        """The document that an operation is in."""
        return next(content for content, _, _, entry in self._entries() if entry["operationId"] == id)

    def item(self, id: str) -> Any:
        """The path item that an operation is in."""
        return next(c["paths"][path] for c, path, _, entry in self._entries() if entry["operationId"] == id)

    def body(self, id: str) -> Any:
        """The schema of an operation's body."""
        return self.entry(id)["requestBody"]["content"][JSON]["schema"]

    def field(self, name: str) -> Any:
        """A field of the body of createGeneration."""
        return self.body("createGeneration")["properties"][name]

    def parameter(self, id: str, name: str) -> Any:
        """A parameter of an operation."""
        return next(p for p in self.entry(id)["parameters"] if p["name"] == name)

    def answer(self, id: str) -> Any:
        """The schema of an operation's answer."""
        return self.entry(id)["responses"]["200"]["content"][JSON]["schema"]

    def row(self) -> Any:
        """The schema of a generation as getGenerationById answers it."""
        return self.answer("getGenerationById")["properties"]["generations_by_pk"]

    @property
    def schemas(self) -> Any:
        """The components, which all documents share."""
        return self.documents[0].content["components"]["schemas"]

    def server(self, url: str) -> None:
        """Give all documents one address."""
        for document in self.documents:
            document.content["servers"] = [{"url": url}]
