"""What the tests of adapters share: one over a fake, called without a port."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import httpx

from leomock import Fake
from leomock.interop.adapters import make_app
from leomock.interop.capability.files import capabilities_folder, load
from leomock.interop.capability.model import Capability
from leomock.interop.capability.upstream import Caller, client_of
from leomock.server.transport import Transport


def shipped(name: str) -> Capability:
    """A capability of the folder, by the name of its file."""
    return load(capabilities_folder() / f"{name}.yaml")


def changed(folder: Path, *changes: tuple[str, str], name: str = "image_generation") -> Path:
    """A file of the folder with texts replaced where they first stand."""
    text = (capabilities_folder() / f"{name}.yaml").read_text("utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "changed.yaml"
    path.write_text(text, "utf-8")
    return path


def caller_of(capability: Capability, fake: Fake) -> Caller:
    """A caller whose upstream is a fake."""
    clients = {
        each.namespace: client_of(fake.base_url, fake.api_key, fake.transport)
        for each in capability.upstreams
    }
    return Caller({each.id: each for each in capability.operations}, clients)


def adapter_of(capability: Capability, fake: Fake, kind: str = "rest") -> httpx.Client:
    """A client of an adapter of a capability over a fake; it sends no key."""
    (adapter,) = (each for each in capability.adapters if each.kind == kind)
    app = make_app(adapter, caller_of(capability, fake))
    transport = Transport(app, fake.submit)
    return httpx.Client(transport=transport, base_url="http://localhost:8080")


def json_of(response: httpx.Response) -> tuple[int, Mapping[str, object]]:
    """Status and body."""
    return response.status_code, response.json()
