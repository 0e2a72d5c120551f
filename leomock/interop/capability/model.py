"""What a capability is, once it has been read: APIs, their operations, and the adapters that offer them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from leomock.interop.capability.adapter_keys import AdapterKey
from leomock.interop.capability.features import Note
from leomock.interop.capability.outputs import Output
from leomock.interop.capability.steps import Steps, filled


@dataclass(frozen=True, slots=True)
class Variable:
    """A value that is read from the environment when it is sent; one that is not set is left out."""

    name: str


@dataclass(frozen=True, slots=True)
class Input:
    """One input of an operation: `location` is path, query, header, body, or empty for a tool's.

    With several inputs in the body, each is a field of it. The location `template` is a place in the body
    that the file writes.
    """

    name: str
    location: str
    type: str
    description: str
    required: bool


@dataclass(frozen=True, slots=True)
class Upstream:
    """An API that is called; `variable` is the environment variable with its key, or empty."""

    namespace: str
    base_uri: str
    variable: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of an upstream; `id` is the name used in calls, such as `image-generation.get-me`."""

    id: str
    upstream: Upstream
    method: str
    path: str
    description: str
    inputs: tuple[Input, ...]
    constants: Mapping[str, Any] = field(default_factory=dict)  # values that the file gives to inputs
    body: str = ""  # JSON with {{NAME}} for inputs, if the file writes it


@dataclass(frozen=True, slots=True)
class Offer:
    """One operation as an adapter offers it: as a tool, or at a REST method and path.

    `inputs` are sent by the caller, `takes` maps each input of the operation to one of them, and
    `fixed` holds the values that the file itself gives. With `steps` or `mock`, several operations are called
    or none, and `operation` only holds a name.
    """

    name: str
    label: str
    description: str
    operation: Operation
    inputs: tuple[Input, ...]
    takes: Mapping[str, str]
    fixed: Mapping[str, Any]
    mapping: Output | None
    method: str = ""
    path: str = ""
    hints: Mapping[str, bool] | None = None
    steps: Steps | None = None
    mock: Output | None = None

    def arguments(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the operation's inputs, given what the caller sent (both by input name)."""
        fixed = {name: filled(value, given) for name, value in self.fixed.items()}
        return {**fixed, **{name: given[own] for name, own in self.takes.items() if own in given}}

    def result(self, body: Any) -> Any:
        """Return the caller's result of a successful answer."""
        return body if self.mapping is None else self.mapping.value(body)


@dataclass(frozen=True, slots=True)
class Adapter:
    """One entry of `exposes`; `kind` is rest or mcp."""

    kind: str
    namespace: str
    port: int
    description: str
    offers: tuple[Offer, ...]
    key: AdapterKey | None = None  # what callers must send


@dataclass(frozen=True, slots=True)
class Capability:
    """A whole capability file."""

    label: str
    description: str
    upstreams: tuple[Upstream, ...]
    operations: tuple[Operation, ...]
    adapters: tuple[Adapter, ...]
    notes: tuple[Note, ...] = ()  # features that are ignored or not served
