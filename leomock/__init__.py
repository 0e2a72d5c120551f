"""A stateful, spec-driven fake of the Leonardo.AI REST API.

The public names are loaded on first use: every pytest run that has leomock installed imports this module.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from leomock.version import __version__

if TYPE_CHECKING:
    from leomock.files.scenarios import ScenarioError
    from leomock.interop.mcp.session import McpSession
    from leomock.state.journal import Exchange
    from leomock.state.settings import SettingError
    from leomock.testing.fake import Fake
    from leomock.testing.interception import intercept
    from leomock.testing.tenant import Tenant
    from leomock.testing.webhook_receiver import WebhookReceiver

__all__ = [
    "Exchange",
    "Fake",
    "McpSession",
    "ScenarioError",
    "SettingError",
    "Tenant",
    "WebhookReceiver",
    "__version__",
    "intercept",
]

_MODULES = {
    "Exchange": "state.journal",
    "Fake": "testing.fake",
    "McpSession": "interop.mcp.session",
    "ScenarioError": "files.scenarios",
    "SettingError": "state.settings",
    "Tenant": "testing.tenant",
    "WebhookReceiver": "testing.webhook_receiver",
    "intercept": "testing.interception",
}


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return getattr(import_module(f"leomock.{_MODULES[name]}"), name)
    raise AttributeError(f"module 'leomock' has no attribute {name!r}")
