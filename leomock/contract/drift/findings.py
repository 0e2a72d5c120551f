"""Report what changed between two sets of documents."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from leomock.contract.drift.changes import changes
from leomock.contract.drift.events import events
from leomock.contract.drift.nodes import Document
from leomock.contract.drift.notes import Change
from leomock.contract.drift.operations import operations
from leomock.contract.drift.rules import RULES, Class, Rule
from leomock.contract.reports.model import LEVELS, Finding, Level, Report
from leomock.openapi.documents import specs_folder

if TYPE_CHECKING:
    from leomock.contract.drift.affected import Action, Project

LEVEL: dict[Class, Level] = {"breaking": "error", "compatible": "warning", "cosmetic": "note"}


Audience: TypeAlias = Literal["clients", "fake", "both"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The audience whose changes count, and the lowest class that fails the run; None: never fail."""

    audience: Audience = "clients"
    least: Class | None = "breaking"

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Parse `clients:breaking`, `fake:compatible`, `breaking` (for either) or `never`.

        Raises ValueError for any other text.
        """
        if text == "never":
            return cls("clients", None)
        audience, _, least = text.rpartition(":")
        for one in ("clients", "fake", "both"):
            for each in LEVEL:
                if (audience or "both") == one and least == each:
                    return cls(one, each)
        raise ValueError(
            f"{text!r} is not a threshold; use clients:breaking, fake:breaking, breaking (either of them), "
            "the same with compatible or cosmetic, or never"
        )

    @property
    def level(self) -> Level | None:
        """Return the level at which a report fails."""
        return LEVEL[self.least] if self.least else None

    def level_of(self, client: Class, fake: Class) -> Level:
        """Return how serious a change is for the audience."""
        classes = {"clients": (client,), "fake": (fake,), "both": (client, fake)}[self.audience]
        return min((LEVEL[one] for one in classes), key=LEVELS.index)


FOR_CLIENTS = Threshold()


def compared(
    old: Sequence[Document],
    new: Sequence[Document],
    *,
    prose: bool = False,
    threshold: Threshold = FOR_CLIENTS,
    maintainer: bool = False,
    today: date | None = None,
) -> Report:
    """Compare two sets of documents.

    Unpublished documents count only if both sets have them, so that ours can be compared with the published
    ones. A change in something that several operations share is one finding. With `maintainer`, findings name
    the handlers, scenario rules and overlay actions of leomock that a change affects, and overlay actions
    whose target is gone are findings too. Raises `SpecError` for documents that cannot be understood.
    """
    old, new = _comparable(old, new), _comparable(new, old)
    found = changes(old, new, prose=prose, today=today)
    project = _project(old, new) if maintainer else None
    alike: dict[tuple[str | None, ...], list[Change]] = {}
    for change in found:
        alike.setdefault((change.rule.id, change.pointer, change.old, change.new), []).append(change)
    names = {operation.id for operation in operations(old).values()}
    sent = {event.id for event in events(old).values()}
    touched = {change.operation for change in found}
    findings = [_gone(action, threshold) for action in project.actions if action.gone] if project else []
    findings += [_finding(group, project, threshold) for group in alike.values()]
    facts = {"Operations compared": str(len(names))}
    if sent:
        facts["Events compared"] = str(len(sent))
    # The operations without changes; each change is reported under its own operation.
    return Report("leomock drift", findings, facts, sorted((names | sent) - touched), threshold.level)


def _project(old: Sequence[Document], new: Sequence[Document]) -> Project:
    # Importing this loads every handler, which only maintainers need.
    from leomock.contract.drift.affected import Project

    return Project(old, new)


def _comparable(documents: Sequence[Document], others: Sequence[Document]) -> list[Document]:
    """Return the documents that are published, or that the other set also has."""
    titles = {other.title for other in others}
    return [document for document in documents if document.published or document.title in titles]


def _finding(alike: list[Change], project: Project | None, threshold: Threshold) -> Finding:
    """Return a finding for one change, with all the places where it occurs."""
    change, rule = alike[0], alike[0].rule
    shared = len({one.operation for one in alike}) > 1
    places = [" ".join(filter(None, [one.operation, one.place])) for one in alike]
    properties: dict[str, object] = {
        "client": change.client,
        "fake": change.fake,
        "pointer": change.pointer,
        "fact": change.fact,
        "old": change.old,
        "new": change.new,
        "operations": [{"operation": one.operation, "place": one.place} for one in alike],
    }
    affected: list[str] = []
    if project:
        affected = list(dict.fromkeys(thing for one in alike for thing in project.touched_by(one)))
        properties["touches"] = affected
    return Finding(
        rule=rule.id,
        description=_sentence(rule),
        level=threshold.level_of(change.client, change.fake),
        message=str(change) if shared or not change.place else f"{change.place}: {change}",
        where=f"#{change.pointer}" if shared else change.operation,
        file=shown(change.source),
        line=change.line,
        details=(
            f"client: {change.client}: {change.to_client}",
            f"fake: {change.fake}: {rule.to_fake}",
            f"at {shown(change.source)}#{change.pointer}",
            *(f"in {place}" for place in places if shared),
            *(f"touches {thing}" for thing in affected),
        ),
        properties=properties,
    )


def _gone(action: Action, threshold: Threshold) -> Finding:
    """Return a finding for an overlay action whose target is gone."""
    rule = RULES["overlay-target-gone"]
    return Finding(
        rule=rule.id,
        description=_sentence(rule),
        level=threshold.level_of(rule.client, rule.fake),
        message=f"{rule.what}: {action.target} is in the old documents and not in the new ones",
        where=f"{action.file} actions[{action.number}]",
        file=shown(str(specs_folder() / action.file)),
        details=(
            f"client: {rule.client}: {rule.to_client}",
            f"fake: {rule.fake}: {rule.to_fake}",
            f"the action: {action.description}",
        ),
        suggestion="Point the action at where it belongs now, or delete it.",
        properties={"client": rule.client, "fake": rule.fake, "target": action.target},
    )


def _sentence(rule: Rule) -> str:
    return f"{rule.what[:1].upper()}{rule.what[1:]}."


def shown(source: str) -> str:
    """Return a path relative to the current folder; URLs and git revisions stay unchanged."""
    if source.startswith(("http://", "https://")) or not Path(source).exists():
        return source
    try:
        return Path(source).absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return source
