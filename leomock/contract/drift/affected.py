"""Find the parts of this project that a change affects: handlers, scenario rules and overlay actions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from leomock.contract.drift.nodes import Document, pointer
from leomock.contract.drift.notes import Change
from leomock.files.scenarios import ScenarioRegistry, scenarios_folder
from leomock.openapi.documents import OVERLAY, Json, specs_folder
from leomock.openapi.jsonpath import find
from leomock.openapi.spec import Spec, Versions
from leomock.operations.handlers.load import load
from leomock.operations.registry import Handler
from leomock.state.scenario import Rule


@dataclass(frozen=True, slots=True)
class Action:
    """One action of the overlay `file` in `specs/`; `version` is that of the documents it corrects.

    `places` are the JSON pointers that it changes. `gone` is True if its target existed in the old documents
    and does not exist in the new ones.
    """

    file: str
    version: str
    number: int
    target: str
    description: str
    places: frozenset[str]
    gone: bool

    def __str__(self) -> str:
        """Return the file and target, to look the action up."""
        return f"{self.file} actions[{self.number}] ({self.target})"

    def touches(self, place: str) -> bool:
        """Return True if it changes something at, above or below a JSON pointer."""
        return any(
            f"{place}/".startswith(f"{own}/") or f"{own}/".startswith(f"{place}/") for own in self.places
        )


class Project:
    """This project's handlers, scenarios and overlays, compared with two sets of documents."""

    def __init__(self, old: Sequence[Document], new: Sequence[Document]) -> None:
        versions = Versions()
        self._operations = versions.operations
        self._handlers: dict[str, Handler] = load(self._operations)
        self._versions = {
            place: document.version
            for document in (*old, *new)
            for place in (document.source, document.components)
        }
        self.actions = [
            action
            for name, spec in versions.items()
            for action in _actions(
                name, spec, *(_joined(one for one in side if one.version == name) for side in (old, new))
            )
        ]

    def touched_by(self, change: Change) -> list[str]:
        """Return descriptions of everything that a change affects."""
        handler = self._handlers.get(change.operation)
        found = []
        if handler:
            found.append(f"handler {handler.__module__}.{handler.__name__}")
        found += [f"scenario rule {rule.name}" for rule in self._rules if self._names(rule, change.operation)]
        version = self._versions.get(change.source)
        found += [
            str(action)
            for action in self.actions
            if action.version == version and action.touches(change.pointer)
        ]
        return found

    @cached_property
    def _rules(self) -> list[Rule]:
        groups = {operation.group for operation in self._operations.values()}
        scenarios = ScenarioRegistry(scenarios_folder(), self._operations, groups).all()
        return [rule for scenario in scenarios for rule in scenario.rules]

    def _names(self, rule: Rule, id: str) -> bool:
        """Return True if a rule names the operation or its group; rules for all operations name none."""
        operation = self._operations.get(id)
        return id in rule.when.operations or (operation is not None and operation.group in rule.when.groups)


def _actions(version: str, spec: Spec, old: Json, new: Json) -> Iterator[Action]:
    """Yield the actions; a target that neither set of documents contains is not gone."""
    file = (spec.folder / OVERLAY).relative_to(specs_folder()).as_posix()
    for number, action in enumerate(spec.overlay["actions"]):
        olds, news = (
            [tuple(map(str, node.location)) for node in find(action["target"], document)]
            for document in (old, new)
        )
        ways = {(*way, *below) for way in (*olds, *news) for below in _leaves(action.get("update"))}
        yield Action(
            file,
            version,
            number,
            action["target"],
            action["description"],
            frozenset(map(pointer, ways)),
            bool(olds) and not news,
        )


def _leaves(update: Any) -> Iterable[tuple[str, ...]]:
    """Yield the paths to everything that an update sets; a removal affects the whole target."""
    if not isinstance(update, dict) or not update:
        return [()]
    return [(key, *below) for key, value in update.items() for below in _leaves(value)]


def _joined(documents: Iterable[Document]) -> Json:
    """Merge all documents into one, as overlay targets see them; the first component with a name wins."""
    joined: Json = {"paths": {}, "components": {}}
    for document in documents:
        for path, item in document.content.get("paths", {}).items():
            joined["paths"][path] = {**item, **joined["paths"].get(path, {})}
        for kind, named in document.content.get("components", {}).items():
            joined["components"][kind] = {**named, **joined["components"].get(kind, {})}
    return joined
