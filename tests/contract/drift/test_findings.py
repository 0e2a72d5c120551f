"""What a change touches in this project is named with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from leomock.contract.drift.findings import Threshold, compared, shown
from leomock.contract.drift.nodes import Document
from leomock.contract.reports.model import Finding, Report
from leomock.openapi.documents import specs_folder
from tests.contract.drift.edits import Api, everything, ours


def found(api: Api) -> dict[str, Finding]:
    both = Threshold("both", "breaking")
    report = compared(ours(), api.documents, threshold=both, maintainer=True)
    return {finding.rule: finding for finding in report.findings}


def test_change_names_what_it_touches() -> None:
    """Handlers, rules of scenarios and actions of the overlay."""
    api = Api()
    api.field("width")["default"] = 512
    finding = found(api)["request-default-changed"]
    assert (finding.level, finding.where) == ("error", "createGeneration")
    assert finding.message == "body.width: another default: 1024 became 512"
    touches = finding.properties["touches"]
    assert "handler leomock.operations.handlers.generations.create_generation" in touches
    assert "scenario rule nsfw_flagged#1" in touches
    assert not any("flaky" in thing or "overlay" in thing for thing in touches)
    assert finding.details[:2] == (
        "client: breaking: a call that leaves the field out does something else now",
        "fake: breaking: the fake fills in the old default",
    )


def test_renamed_operation_names_what_knew_its_old_name() -> None:
    """The handler and the scenarios of an id that is gone."""
    api = Api()
    api.entry("createGeneration")["operationId"] = "makeGeneration"
    finding = found(api)["operation-renamed"]
    assert finding.message == "the operation has another id: createGeneration became makeGeneration"
    assert (
        "handler leomock.operations.handlers.generations.create_generation" in finding.properties["touches"]
    )
    assert "scenario rule nsfw_flagged#1" in finding.properties["touches"]


def test_change_names_the_overlay_action_that_says_otherwise() -> None:
    """An action that changes the same keyword, or something above or below."""
    api = Api()
    api.field("width")["maximum"] = 2048
    touches = found(api)["request-limit-tightened"].properties["touches"]
    assert (
        [thing for thing in touches if "overlay" in thing]
        == [thing for thing in touches if "properties.width" in thing]
        != []
    )


def test_change_of_what_is_shared_is_one_finding() -> None:
    """It stands at the component, and names every operation and place."""
    api = Api()
    api.schemas["job_status"]["enum"].append("QUEUED")
    report = compared(ours(), api.documents)
    (finding,) = report.findings
    assert finding.where == "#/components/schemas/job_status/enum"
    assert finding.file == shown(str(specs_folder() / "components.json"))
    assert "in getGenerationById response 200.generations_by_pk.status" in finding.details
    assert {one["operation"] for one in finding.properties["operations"]} == {
        "getGenerationById",
        "getGenerationsByUserId",
    }
    assert "getGenerationById" not in report.checked
    assert "createGeneration" in report.checked


def test_overlay_target_that_is_gone_is_an_error() -> None:
    """With the action, and with what to do."""
    api = Api()
    del api.body("createGeneration")["properties"]["width"]
    finding = found(api)["overlay-target-gone"]
    actions = [n for n, action in enumerate(overlay()) if action["target"].endswith(".properties.width")]
    assert finding.where == f"overlay.json actions[{actions[0]}]"
    assert finding.level == "error"
    assert finding.message == (
        f"the target of an overlay action is gone: {overlay()[actions[0]]['target']} is in the old documents "
        "and not in the new ones"
    )
    assert finding.suggestion == "Point the action at where it belongs now, or delete it."


def overlay() -> list[dict[str, Any]]:
    from leomock.openapi.documents import OVERLAY, read

    actions: list[dict[str, Any]] = read(specs_folder() / OVERLAY)["actions"]
    return actions


def test_renamed_component_takes_the_overlays_target_away() -> None:
    """No change of the API, and yet leomock would not start."""
    api = Api()
    text = "#/components/schemas/uuid"

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(below) for key, below in value.items()}
        if isinstance(value, list):
            return [renamed(item) for item in value]
        return f"{value}4" if isinstance(value, str) and value.endswith(text) else value

    documents = []
    for document in api.documents:
        content = renamed(document.content)
        content["components"]["schemas"]["uuid4"] = content["components"]["schemas"].pop("uuid")
        documents.append(Document(document.title, document.source, content))
    report = compared(ours(), documents, maintainer=True)
    assert [finding.rule for finding in report.findings] == ["overlay-target-gone"]
    assert compared(ours(), documents).findings == []


def test_target_that_was_never_there_is_not_gone() -> None:
    """A comparison of some documents says nothing of the others."""
    assert compared(ours(), ours(), maintainer=True).findings == []
    assert compared(ours()[:1], ours()[:1], maintainer=True).findings == []


@pytest.mark.parametrize(
    ("fail_on", "failed"),
    [
        ("clients:breaking", False),
        ("clients:compatible", True),
        ("fake:compatible", False),
        ("fake:cosmetic", True),
        ("compatible", True),
        ("never", False),
    ],
)
def test_report_fails_from_a_class_on(fail_on: str, failed: bool) -> None:
    """The class of the audience decides: here compatible for clients, cosmetic for the fake."""
    api = Api()
    api.entry("getGenerationById")["deprecated"] = True
    report: Report = compared(ours(), api.documents, threshold=Threshold.parse(fail_on))
    assert report.failed is failed


def test_equal_documents_have_passed() -> None:
    """All operations, by their names."""
    report = compared(everything(), everything())
    assert (report.findings, len(report.checked)) == ([], 53)


def test_additive_change_hurts_no_client() -> None:
    """A new field of a response: no failure for clients, one for the fake."""
    api = Api()
    api.row()["properties"]["mood"] = {"type": "string"}
    assert not compared(ours(), api.documents).failed
    assert compared(ours(), api.documents, threshold=Threshold.parse("fake:breaking")).failed


def test_threshold_that_is_unknown() -> None:
    """The error names what can be used."""
    with pytest.raises(ValueError, match="is not a threshold") as caught:
        Threshold.parse("users:breaking")
    assert str(caught.value) == (
        "'users:breaking' is not a threshold; use clients:breaking, fake:breaking, breaking (either of "
        "them), the same with compatible or cosmetic, or never"
    )


def test_finding_of_a_user_names_nothing_of_leomock() -> None:
    """No handler, no scenario rule, no overlay action."""
    api = Api()
    api.field("width")["default"] = 512
    (finding,) = compared(ours(), api.documents).findings
    assert "touches" not in finding.properties
    assert not any(line.startswith("touches") for line in finding.details)


def test_finding_has_the_line_of_its_place() -> None:
    """In the document that is named; components that stand apart have lines of their own."""
    (old,) = (document for document in everything() if document.source.endswith("generations.json"))
    text = old.texts[old.source]
    was, now = '"default": 1024', '"default": 512'
    new = Document(
        old.title,
        old.source,
        json.loads(text.replace(was, now)),
        texts=old.texts,
    )
    new.content["components"] = old.content["components"]
    report = compared([old], [new])
    lines = text.splitlines()
    assert report.findings
    assert all(was in lines[finding.line - 1] for finding in report.findings)
