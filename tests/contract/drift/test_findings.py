"""What a change touches in this project is named with it."""

from __future__ import annotations

from typing import Any

import pytest

from leomock.contract.drift.findings import compared, shown
from leomock.contract.drift.nodes import Document
from leomock.contract.reports.model import Finding, Report
from leomock.openapi.documents import specs_folder
from tests.contract.drift.edits import Api, everything, ours


def found(api: Api) -> dict[str, Finding]:
    report = compared(ours(), api.documents)
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
        f"what an overlay action corrects is gone: {overlay()[actions[0]]['target']} is in the old documents "
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
    report = compared(ours(), documents)
    assert [finding.rule for finding in report.findings] == ["overlay-target-gone"]


def test_target_that_was_never_there_is_not_gone() -> None:
    """A comparison of some documents says nothing of the others."""
    assert compared(ours(), ours()).findings == []
    assert compared(ours()[:1], ours()[:1]).findings == []


@pytest.mark.parametrize(
    ("fail_on", "failed"), [("breaking", False), ("compatible", True), ("cosmetic", True), (None, False)]
)
def test_report_fails_from_a_class_on(fail_on: Any, failed: bool) -> None:
    """The worse of the two classes decides; here both are compatible or cosmetic."""
    api = Api()
    api.entry("getGenerationById")["deprecated"] = True
    report: Report = compared(ours(), api.documents, fail_on=fail_on)
    assert [finding.level for finding in report.findings] == ["warning"]
    assert report.failed is failed


def test_equal_documents_have_passed() -> None:
    """All operations, by their names."""
    report = compared(everything(), everything())
    assert (report.findings, len(report.checked)) == ([], 53)
