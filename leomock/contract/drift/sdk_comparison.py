"""Compare three descriptions of the API: the official SDK, the published documents and the fake."""

from __future__ import annotations

from leomock.contract.drift import sdk
from leomock.contract.drift.changes import changes
from leomock.contract.drift.findings import FOR_CLIENTS, LEVEL, Threshold, shown
from leomock.contract.drift.nodes import Document
from leomock.contract.drift.notes import Change
from leomock.contract.drift.operations import operations
from leomock.contract.drift.rules import Class
from leomock.contract.drift.sources import read
from leomock.contract.reports.model import Finding, Report
from leomock.openapi.spec import Spec

NOTHING = "nothing"
_DESERVES_A_LOOK: Class = "compatible"


def heard(package: str = sdk.PACKAGE, *, threshold: Threshold = FOR_CLIENTS) -> Report:
    """Report every fact on which the three disagree, with what each of them says.

    The level of a disagreement is its effect on a client that was built with the SDK and calls the fake. If
    those two agree and the published document differs, it deserves a look. Raises `SpecError` without the
    SDK.
    """
    spec = Spec()
    witness = sdk.document(package)
    told = [sdk.sayable(witness)]
    published = [
        sdk.sayable(document)
        for document in read(str(spec.folder))
        if document.published and "paths" in document.content
    ]
    fake = [sdk.sayable(Document("the fake", "the fake", spec.effective))]
    disputed: dict[tuple[str, str, str], dict[str, Change]] = {}
    for name, others in (("fake", fake), ("published", published)):
        for change in changes(told, others):
            key = (change.operation, change.place, change.rule.id)
            disputed.setdefault(key, {})[name] = change
    names = {one.id for documents in (told, published, fake) for one in operations(documents).values()}
    return Report(
        f"leomock drift --sdk {package}",
        [_finding(said, witness.title) for said in disputed.values()],
        {"SDK": witness.title, "Operations compared": str(len(names))},
        sorted(names - {operation for operation, _, _ in disputed}),
        threshold.level,
    )


def _finding(said: dict[str, Change], title: str) -> Finding:
    """Return what each of the three says about one fact; `said` holds how others differ from the SDK."""
    by_fake, by_published = said.get("fake"), said.get("published")
    change = by_fake or by_published
    assert change is not None
    rule = change.rule
    own = change.old or NOTHING
    witnesses = {
        title: own,
        "the published documents": (by_published.new or NOTHING) if by_published else own,
        "the fake": (by_fake.new or NOTHING) if by_fake else own,
    }
    client = rule.client if by_fake else _DESERVES_A_LOOK
    why = rule.to_client if by_fake else "the fake does what the SDK expects; the published documents differ"
    return Finding(
        rule=rule.id,
        description=f"From the SDK to the others: {rule.what}.",
        level=LEVEL[client],
        message=f"{change.place}: {change.fact}" if change.place else change.fact,
        where=change.operation,
        file=shown(by_published.source) if by_published and by_published.new else "",
        details=(
            *(f"{name}: {value}" for name, value in witnesses.items()),
            f"client made with the SDK: {client}: {why}",
        ),
        properties={"client": client, "witnesses": witnesses, "pointer": change.pointer, "fact": change.fact},
    )
