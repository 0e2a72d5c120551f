"""What a capability is, once it has been read: APIs, their operations, and the adapters that offer them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jsonpath_rfc9535 import JSONPathQuery

from leomock.interop.capability.credentials import Credentials
from leomock.interop.capability.features import Note
from leomock.interop.capability.outputs import Output
from leomock.interop.capability.steps import Steps, filled


@dataclass(frozen=True, slots=True)
class Input:
    """One input of an operation: `location` is path, query, header, body, or empty for a tool's.

    With several inputs in the body, each is a field of it. The location `template` is a place in the body
    that the file writes. With `query`, the input is that part of the body.
    """

    name: str
    location: str
    type: str
    description: str
    required: bool
    query: JSONPathQuery | None = None


@dataclass(frozen=True, slots=True)
class Upstream:
    """An API that is called; `variable` is the environment variable with its bearer token, or empty.

    `credentials` are those of any other kind. `constants` are the headers and query parameters of forwarded
    calls, by their location and name.
    """

    namespace: str
    base_uri: str
    variable: str
    credentials: Credentials | None = None
    constants: Mapping[tuple[str, str], Any] = field(default_factory=dict)


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
    given: Mapping[str, Any] = field(default_factory=dict)  # inputs whose value the file gives

    def all_given(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Return all inputs of this offer: those that the caller sent, and those that the file gives."""
        return {**sent, **{name: filled(value, {}) for name, value in self.given.items()}}

    def arguments(self, sent: Mapping[str, Any]) -> dict[str, Any]:
        """Return the operation's inputs, given what the caller sent (both by input name)."""
        given = self.all_given(sent)
        fixed = {name: filled(value, given) for name, value in self.fixed.items()}
        return {**fixed, **{name: given[own] for name, own in self.takes.items() if own in given}}

    def result(self, body: Any, sent: Mapping[str, Any]) -> Any:
        """Return the caller's result of a successful answer, given what the caller sent."""
        return body if self.mapping is None else self.mapping.value(body, self.all_given(sent))


@dataclass(frozen=True, slots=True)
class Forward:
    """A path of a REST adapter below which calls are passed on; `{path}` in it is the path at the API.

    `headers` are the names of the caller's headers that are passed on too.
    """

    path: str
    upstream: Upstream
    headers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of MCP: the answer of an offer, or the files of a folder.

    In the address of an offer, `{name}` is an input of it.
    """

    uri: str
    name: str
    title: str
    description: str
    mime_type: str
    offer: Offer | None = None
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt of MCP: messages, by role and text, or a file with one. `{{name}}` is an argument."""

    name: str
    title: str
    description: str
    arguments: tuple[Input, ...]
    messages: tuple[tuple[str, str], ...] = ()
    file: Path | None = None


@dataclass(frozen=True, slots=True)
class Skill:
    """An entry of a skill adapter's catalogue: its front matter, its tools, and the folder of its files."""

    name: str
    front: Mapping[str, Any]
    tools: tuple[Mapping[str, Any], ...]
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Adapter:
    """One entry of `exposes`; `kind` is rest, mcp or skill.

    `address` is where it listens unless the user says otherwise. With `stdio`, it is MCP over stdin and
    stdout and has no port.
    """

    kind: str
    namespace: str
    port: int
    description: str
    offers: tuple[Offer, ...]
    key: Credentials | None = None  # what callers must send
    address: str = ""
    stdio: bool = False
    forwards: tuple[Forward, ...] = ()
    resources: tuple[Resource, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    skills: tuple[Skill, ...] = ()


@dataclass(frozen=True, slots=True)
class Capability:
    """A whole capability file."""

    label: str
    description: str
    upstreams: tuple[Upstream, ...]
    operations: tuple[Operation, ...]
    adapters: tuple[Adapter, ...]
    notes: tuple[Note, ...] = ()  # features that are ignored or not served
