"""The official SDK, the published documents and the fake are heard about the same facts."""

from __future__ import annotations

import sys
from functools import cache

import pytest

from leomock.contract.drift import sdk
from leomock.contract.drift.flat import Flat
from leomock.contract.drift.operations import operations
from leomock.contract.drift.sdk_comparison import heard
from leomock.contract.reports.model import Finding
from leomock.openapi.documents import SpecError

SDK = "leonardo-ai-sdk 7.0.0"
PUBLISHED, FAKE = "the published documents", "the fake"


@cache
def findings() -> dict[tuple[str, str], Finding]:
    return {(finding.where, finding.message): finding for finding in heard().findings}


def test_sdk_is_read_as_a_document() -> None:
    """Every method's route, what it sends and what it reads."""
    found = operations([sdk.document()])
    assert len(found) == 55
    create = found["v1", "POST", "/generations"]
    assert create.id == "createGeneration"
    schema = create.entry.children["requestBody"].children["content"].children["application/json"]
    flat = Flat(schema.children["schema"])
    assert {"prompt", "width", "presetStyle", "controlnets"} <= flat.fields.keys()
    width, prompt = Flat(flat.fields["width"]), Flat(flat.fields["prompt"])
    assert (width.types, width.nullable, width.value("default")) == (frozenset({"integer"}), True, 1024)
    assert (prompt.types, prompt.nullable) == (frozenset({"string"}), False)
    assert flat.fields["sd_version"].value["enum"][0] == "v1_5"
    listing = found["v1", "GET", "/generations/user/{}"]
    assert {(place, name) for place, name in listing.parameters()} == {
        ("path", "#0"),
        ("query", "limit"),
        ("query", "offset"),
    }


@pytest.mark.parametrize(
    ("where", "message", "said", "level"),
    [
        ("uploadMedia", "operation", (None, "POST /media", "POST /media"), "warning"),
        (
            "uploadInitImage",
            "body.extension: enum",
            ("any", "any", '["png", "jpg", "jpeg", "webp"]'),
            "error",
        ),
        (
            "uploadCanvasInitImage",
            "response 200.uploadCanvasInitImage.masksImageId: field",
            (None, None, "masksImageId"),
            "warning",
        ),
        ("listBlueprints", "body.platforms: default", ("none", '["API"]', '["API"]'), "error"),
    ],
)
def test_disagreement_has_what_each_says(
    where: str, message: str, said: tuple[str | None, str | None, str | None], level: str
) -> None:
    """Also that one of them has nothing to say."""
    finding = findings()[where, message]
    witnesses = dict(zip((SDK, PUBLISHED, FAKE), (one or "nothing" for one in said), strict=True))
    assert finding.properties["witnesses"] == witnesses
    assert finding.details[:3] == tuple(f"{name}: {value}" for name, value in witnesses.items())
    assert finding.level == level


def test_operation_that_only_the_sdk_has() -> None:
    """The published documents lack the textures."""
    finding = findings()["createTextureGeneration", "operation"]
    assert finding.properties["witnesses"][SDK] == "POST /generations-texture"
    assert finding.properties["witnesses"][PUBLISHED] == "nothing"


def test_what_all_agree_on_is_checked() -> None:
    """And no finding."""
    report = heard()
    assert "getUserSelf" in report.checked
    assert not {finding.where for finding in report.findings} & set(report.checked)


def test_other_package_is_not_known() -> None:
    """It is said which is."""
    with pytest.raises(SpecError) as caught:
        heard("requests")
    assert str(caught.value) == "--sdk requests: not known; the SDK that can be read is leonardo-ai-sdk"


def test_sdk_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said how to install it."""
    monkeypatch.setitem(sys.modules, "leonardo_ai_sdk", None)
    with pytest.raises(SpecError) as caught:
        heard()
    assert str(caught.value) == (
        "leonardo-ai-sdk is not installed where leomock is; `pip install leonardo-ai-sdk` installs it"
    )
