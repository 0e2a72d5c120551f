"""Replaces attributes of libraries: of those that are imported at once, of the others when they are."""

from __future__ import annotations

import importlib
import sys
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from leomock.testing.interception.clients import CLIENTS


class Patches:
    """All replacements, put in and taken out together."""

    def __init__(self) -> None:
        # Reentrant: to look at a module's attributes may import another one.
        self._lock = threading.RLock()
        self._watch = _Watch(self)
        self._installed = False
        self._made: list[tuple[Any, str, Any, Any]] = []

    def install(self) -> None:
        """Put them in, where they are not; imports no library."""
        with self._lock:
            self._installed = True
            if self._watch not in sys.meta_path:
                sys.meta_path.insert(0, self._watch)
        for name in CLIENTS:
            module = sys.modules.get(name)
            if module is None:
                continue
            if getattr(module.__spec__, "_initializing", False):
                # Another thread imports it. Waiting needs no lock of ours: that thread may want it.
                with suppress(Exception):
                    importlib.import_module(name)
            self.patch(name, module)

    def patch(self, name: str, module: ModuleType) -> None:
        """Put in those of one library, if any are to be in; warns of one that has not what it should."""
        with self._lock:
            if not self._installed:
                return
            try:
                replacements = list(CLIENTS[name](module))
                found = [
                    (owner, attribute, owner.__dict__[attribute]) for owner, attribute, _ in replacements
                ]
            except (AttributeError, KeyError) as missing:
                version = getattr(module, "__version__", "")
                name = f"{name} {version}".strip()
                text = f"leomock: what {name} calls is not intercepted: it is not known how ({missing})"
                warnings.warn(text, RuntimeWarning, stacklevel=2)
                return
            for (owner, attribute, present), (_, _, make) in zip(found, replacements, strict=True):
                if any(made[:2] == (owner, attribute) for made in self._made):
                    continue
                replacement = make(present)
                setattr(owner, attribute, replacement)
                self._made.append((owner, attribute, present, replacement))

    def remove(self) -> None:
        """Put back what was there; what somebody else has replaced since is left, and passes calls on."""
        with self._lock:
            self._installed = False
            with suppress(ValueError):
                sys.meta_path.remove(self._watch)
            for owner, attribute, original, replacement in reversed(self._made):
                if owner.__dict__.get(attribute) is replacement:
                    setattr(owner, attribute, original)
            self._made.clear()


class _Watch:
    """A finder that finds nothing itself: it makes a library that is found be patched once it is loaded."""

    def __init__(self, patches: Patches) -> None:
        self._patches = patches

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name not in CLIENTS:
            return None
        for finder in list(sys.meta_path):
            if finder is not self and hasattr(finder, "find_spec"):
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = _Loader(spec.loader, self._patches)  # type: ignore[assignment]  # like a loader
                    return spec
        return None


class _Loader:
    """A library's own loader, but for what follows it."""

    def __init__(self, loader: Any, patches: Patches) -> None:
        self._loader = loader
        self._patches = patches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        # The library sees the loader that it would have had.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._patches.patch(module.__name__, module)
