"""A stateful, spec-driven fake of the Leonardo.AI REST API.

`leomock.Fake` and `leomock.intercept` are loaded on first use: every pytest run that has leomock installed
imports this module.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leomock.version import __version__

if TYPE_CHECKING:
    from leomock.testing.fake import Fake
    from leomock.testing.interception import intercept

__all__ = ["Fake", "__version__", "intercept"]


def __getattr__(name: str) -> object:
    if name == "Fake":
        from leomock.testing.fake import Fake

        return Fake
    if name == "intercept":
        from leomock.testing.interception import intercept

        return intercept
    raise AttributeError(f"module 'leomock' has no attribute {name!r}")
