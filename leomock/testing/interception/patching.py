"""Replace attributes of libraries: at once if the library is imported, otherwise when it is.

A library is patched once per process. A replacement that another tool has wrapped meanwhile cannot be
removed; it stays registered and is used again, so that replacements never nest.
"""

from __future__ import annotations

import importlib
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple

from leomock.testing.interception.http_client import Replacement
from leomock.testing.interception.libraries import LIBRARIES

_MISSING: Any = object()


class Patched(NamedTuple):
    """An attribute that was replaced.

    `seen` is the visible original, `own` the owner's own attribute: `_MISSING` if it only inherited it.
    """

    owner: Any
    attribute: str
    seen: Any
    own: Any
    replacement: Any

    def is_on_top(self) -> bool:
        """True if nobody has replaced or wrapped the replacement."""
        return vars(self.owner).get(self.attribute, _MISSING) is self.replacement

    def undo(self) -> None:
        """Restore the original."""
        if self.own is _MISSING:
            delattr(self.owner, self.attribute)
        else:
            setattr(self.owner, self.attribute, self.own)

    def was_undone(self) -> bool:
        """True if other code has restored the original (pytest-socket does so after each test)."""
        return getattr(self.owner, self.attribute) is self.seen


class Patches:
    """All replacements, installed and removed together."""

    def __init__(
        self, libraries: dict[str, Callable[[ModuleType], Iterator[Replacement]]] = LIBRARIES
    ) -> None:
        # Reentrant: reading a module's attributes may import another module.
        self._lock = threading.RLock()
        self._libraries = libraries
        self._watch = _Watch(self)
        self._installed = False
        self._made: dict[tuple[Any, str], Patched] = {}  # by owner and attribute, in the order they were made

    def install(self) -> None:
        """Install the replacements that are missing; import no library."""
        with self._lock:
            self._installed = True
            if self._watch not in sys.meta_path:
                sys.meta_path.insert(0, self._watch)
        for name in self._libraries:
            module = sys.modules.get(name)
            if module is None:
                continue
            if getattr(module.__spec__, "_initializing", False):
                # Another thread is importing it. Wait without holding our lock: that thread may need it.
                with suppress(Exception):
                    importlib.import_module(name)
            self.patch(name, module)

    def wants(self, name: str) -> bool:
        """True if a module belongs to one of the patched libraries."""
        return name in self._libraries

    def patch(self, name: str, module: ModuleType) -> None:
        """Install the replacements for one library; warn if its attributes are not as expected."""
        with self._lock:
            if not self._installed:
                return
            try:
                # Read all of them first: replace all or nothing.
                replacements = [
                    (owner, attribute, make, getattr(owner, attribute))
                    for owner, attribute, make in self._libraries[name](module)
                ]
            except (AttributeError, ImportError) as missing:
                version = getattr(module, "__version__", "")
                name = f"{name} {version}".strip()
                text = f"leomock: calls of {name} are not intercepted, this version is unknown ({missing})"
                warnings.warn(text, RuntimeWarning, stacklevel=2)
                return
            for owner, attribute, make, found in replacements:
                before = self._made.get((owner, attribute))
                if before is None or before.seen is found:  # never replaced, or restored by other code
                    self._replace(owner, attribute, make)

    def _replace(self, owner: Any, attribute: str, make: Callable[[Any], Any]) -> None:
        self._made.pop((owner, attribute), None)
        seen = getattr(owner, attribute)
        own = vars(owner).get(attribute, _MISSING)
        made = Patched(owner, attribute, seen, own, make(seen if own is _MISSING else own))
        setattr(owner, attribute, made.replacement)
        self._made[owner, attribute] = made

    def remove(self) -> None:
        """Restore the originals; replacements wrapped by other code pass calls on until unwrapped."""
        with self._lock:
            self._installed = False
            with suppress(ValueError):
                sys.meta_path.remove(self._watch)
            for place, made in reversed(list(self._made.items())):
                if made.is_on_top():
                    made.undo()
                elif not made.was_undone():
                    continue
                del self._made[place]


class _Watch:
    """An import hook that finds nothing itself, but makes a library be patched once it is loaded."""

    def __init__(self, patches: Patches) -> None:
        self._patches = patches

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not self._patches.wants(name):
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
    """Wraps a library's own loader to patch the library after loading."""

    def __init__(self, loader: Any, patches: Patches) -> None:
        self._loader = loader
        self._patches = patches

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        # Give the library the loader that it would have had.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._patches.patch(module.__name__, module)
