"""One version of the API: its documents, routes and validators."""

from __future__ import annotations

import copy
import difflib
from functools import cache, cached_property
from pathlib import Path

from leomock.leonardo.errors import NO_ENDPOINT, WRONG_METHOD
from leomock.openapi.documents import (
    OVERLAY,
    Json,
    SpecError,
    bundle,
    groups,
    operations_of,
    read,
    specs_folder,
)
from leomock.openapi.flavours import plain, served
from leomock.openapi.operations import Operation
from leomock.openapi.overlay import lay

# The folder of each API version's documents, below `specs/`.
_FOLDERS = {"v1": "", "v2": "v2"}


class Spec:
    """The published documents, the effective one (with the overlay), and its operations."""

    def __init__(self, folder: Path | None = None) -> None:
        folder = folder or specs_folder()
        self.folder = folder
        self.overlay = read(folder / OVERLAY)
        below = folder.relative_to(specs_folder()) if folder.is_relative_to(specs_folder()) else Path()
        named = ("specs" / below).as_posix()
        self.effective = lay(bundle(folder), self.overlay, f"{named}/{OVERLAY}")
        self.operations: dict[str, Operation] = {}
        # By the number of segments and the first one, which is never a variable.
        self._routes: dict[tuple[int, str], list[tuple[list[str], dict[str, Operation]]]] = {}
        for path, item in self.effective["paths"].items():
            methods = {}
            for method, entry in operations_of(item):
                operation = Operation(self.effective, path, method, entry, named)
                if operation.id in self.operations:
                    raise SpecError(f"{operation}: the operationId stands twice")
                self.operations[operation.id] = methods[operation.method] = operation
            pattern = path.strip("/").split("/")
            self._routes.setdefault((len(pattern), pattern[0]), []).append((pattern, methods))
        for routes in self._routes.values():
            routes.sort(key=lambda route: [part.startswith("{") for part in route[0]])

    @cached_property
    def published(self) -> Json:
        """Return the published documents without our corrections and without anything from another source."""
        if not groups(self.folder, published_only=True):
            raise SpecError(f"{self.folder.name}: none of its documents is among the published ones")
        return bundle(self.folder, published_only=True)

    def route(self, method: str, segments: list[str]) -> tuple[Operation, dict[str, str]]:
        """Return the operation that a method and the decoded path segments select, and its path variables.

        Raises the 404 or 405 of the real service.
        """
        for pattern, methods in self._routes.get((len(segments), segments[0]), ()):
            captured = {}
            for part, segment in zip(pattern, segments, strict=True):
                if part.startswith("{"):
                    captured[part[1:-1]] = segment
                elif part != segment:
                    break
            else:
                if operation := methods.get(method):
                    return operation, captured
                allowed = ", ".join(methods)
                raise WRONG_METHOD(
                    methods=allowed,
                    headers={"Allow": allowed},
                    explain=f"/{'/'.join(pattern)} answers {allowed}, not {method}",
                )
        raise NO_ENDPOINT(explain=self.nearest(method, segments))

    def nearest(self, method: str, segments: list[str]) -> str:
        """Return a sentence that suggests the operation the client probably meant."""
        asked = f"{method} /{'/'.join(segments)}"[:200]
        closest = self.closest(method, segments)
        return f"{asked}: no such operation" + (f"; the nearest is {closest}" if closest else "")

    def closest(self, method: str, segments: list[str]) -> Operation | None:
        """Return the operation whose method and path resemble a request most, or None."""
        asked = f"{method} /{'/'.join(segments)}"[:200]
        known = {f"{o.method} {o.path}": o for o in self.operations.values()}
        for candidate in difflib.get_close_matches(asked, known, n=1, cutoff=0.3):
            return known[candidate]
        return None

    @cached_property
    def _served(self) -> Json:
        return served(self.effective)

    def plain_document(self, server: str) -> Json:
        """Return the document for client generators, without what they cannot express."""
        return plain(self.effective) | {"servers": [{"url": server}]}

    def document(self, server: str, *, published: bool = False) -> Json:
        """Return the whole document for generators and checkers, with its server set to an address."""
        document = copy.copy(self.published if published else self._served)
        document["servers"] = [{"url": server}]
        return document


def version_of(address: str) -> str:
    """Return the API version named at the end of an address; version 1 if the address names none."""
    last = address.rstrip("/").rpartition("/")[2]
    return last if last in _FOLDERS else "v1"


class Versions(dict[str, Spec]):
    """The documents of each API version, by its name in paths."""

    def __init__(self) -> None:
        super().__init__({name: Spec(specs_folder() / below) for name, below in _FOLDERS.items()})

    def having(self, variable: str) -> list[str]:
        """Return the ids of the operations that have a variable of this name, at most four."""
        return [id for id, each in self.operations.items() if variable in each.variables][:4]

    @cached_property
    def operations(self) -> dict[str, Operation]:
        """Return all operations by id; ids differ between versions."""
        return {id: operation for spec in self.values() for id, operation in spec.operations.items()}


@cache
def shipped_versions() -> Versions:
    """Return the documents that ship with leomock, read once per process. Do not modify them."""
    return Versions()
