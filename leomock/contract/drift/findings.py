"""Tells what changed between two sets of documents as a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leomock.contract.drift.affected import Action, Project
from leomock.contract.drift.changes import changes
from leomock.contract.drift.nodes import Document
from leomock.contract.drift.notes import Change
from leomock.contract.drift.operations import operations
from leomock.contract.drift.rules import RULES, Class, Rule
from leomock.contract.reports.model import LEVELS, Finding, Level, Report
from leomock.openapi.documents import specs_folder

LEVEL: dict[Class, Level] = {"breaking": "error", "compatible": "warning", "cosmetic": "note"}


def compared(
    old: Sequence[Document],
    new: Sequence[Document],
    *,
    prose: bool = False,
    fail_on: Class | None = "breaking",
) -> Report:
    """Compare two sets of documents.

    What is not among the published documents counts where both sets have it, so that ours can be compared
    with the published ones. A change of what several operations share is one finding. Its level is that of
    the worse of its two classes. Raises `SpecError` for documents that cannot be understood.
    """
    old, new = _comparable(old, new), _comparable(new, old)
    found = changes(old, new, prose=prose)
    project = Project(old, new)
    alike: dict[tuple[str | None, ...], list[Change]] = {}
    for change in found:
        alike.setdefault((change.rule.id, change.pointer, change.old, change.new), []).append(change)
    names = {operation.id for operation in operations(old).values()}
    touched = {change.operation for change in found}
    return Report(
        "leomock drift",
        [
            *(_gone(action) for action in project.actions if action.gone),
            *(_finding(group, project) for group in alike.values()),
        ],
        {"Operations compared": str(len(names))},
        # Those in which nothing changed; what did is reported under its own name.
        sorted(names - touched),
        LEVEL[fail_on] if fail_on else None,
    )


def _comparable(documents: Sequence[Document], others: Sequence[Document]) -> list[Document]:
    """Those that are published, or also among the others."""
    titles = {other.title for other in others}
    return [document for document in documents if document.published or document.title in titles]


def _finding(alike: list[Change], project: Project) -> Finding:
    """One change, in all the places where it is the same."""
    change, rule = alike[0], alike[0].rule
    shared = len({one.operation for one in alike}) > 1
    places = [" ".join(filter(None, [one.operation, one.place])) for one in alike]
    affected = list(dict.fromkeys(thing for one in alike for thing in project.touched_by(one)))
    return Finding(
        rule=rule.id,
        description=_sentence(rule),
        level=level(rule),
        message=str(change) if shared or not change.place else f"{change.place}: {change}",
        where=f"#{change.pointer}" if shared else change.operation,
        file=shown(change.source),
        details=(
            f"client: {rule.client}: {rule.to_client}",
            f"fake: {rule.fake}: {rule.to_fake}",
            f"at {shown(change.source)}#{change.pointer}",
            *(f"in {place}" for place in places if shared),
            *(f"touches {thing}" for thing in affected),
        ),
        properties={
            "client": rule.client,
            "fake": rule.fake,
            "pointer": change.pointer,
            "fact": change.fact,
            "old": change.old,
            "new": change.new,
            "operations": [{"operation": one.operation, "place": one.place} for one in alike],
            "touches": affected,
        },
    )


def _gone(action: Action) -> Finding:
    """An overlay action that has nothing to correct any more."""
    rule = RULES["overlay-target-gone"]
    return Finding(
        rule=rule.id,
        description=_sentence(rule),
        level=level(rule),
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


def level(rule: Rule) -> Level:
    """How grave a change is: the worse of what it is to clients and to the fake."""
    return min(LEVEL[rule.client], LEVEL[rule.fake], key=LEVELS.index)


def _sentence(rule: Rule) -> str:
    return f"{rule.what[:1].upper()}{rule.what[1:]}."


def shown(source: str) -> str:
    """A path as one would type it here; an address as it is."""
    if source.startswith(("http://", "https://")):
        return source
    try:
        return Path(source).absolute().relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return source
