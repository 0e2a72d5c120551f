"""What is exported are the committed files, and of the published form."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from leomock.interop.capability.export import as_yaml, exported, file_name, kebab
from leomock.interop.capability.files import capabilities_folder, load
from leomock.openapi.spec import Spec

FOLDER = capabilities_folder()
SPEC = Spec()
EXPORTED = exported(SPEC)


@pytest.mark.parametrize("namespace", EXPORTED)
def test_committed_file_is_what_is_exported(namespace: str) -> None:
    """`leomock capability export --all -o specs/capabilities` writes them anew."""
    assert (FOLDER / file_name(namespace)).read_text("utf-8") == as_yaml(EXPORTED[namespace])


def test_folder_holds_nothing_else() -> None:
    """But the schema."""
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {"schema.json", *map(file_name, EXPORTED)}


def test_every_operation_is_in_one_file() -> None:
    """All 53, each offered by both adapters."""
    found = [load(FOLDER / file_name(namespace)) for namespace in EXPORTED]
    assert sum(len(capability.operations) for capability in found) == 53
    for capability in found:
        ids = [operation.id for operation in capability.operations]
        for adapter in capability.adapters:
            assert [offer.operation.id for offer in adapter.offers] == ids


def test_namespaces_are_those_of_the_published_files() -> None:
    """The subject of the document's title; a namespace begins with a letter."""
    assert list(EXPORTED) == [
        "blueprints",
        "datasets",
        "elements",
        "image-generation",
        "init-images",
        "media",
        "models",
        "models-3d",
        "pricing-calculator",
        "prompt",
        "realtime-canvas",
        "user",
        "variation",
        "video-generation",
    ]


@pytest.mark.parametrize(
    ("id", "name"),
    [
        ("createGeneration", "create-generation"),
        ("CreateUniversalUpscalerJob", "create-universal-upscaler-job"),
        ("get3DModelById", "get3-dmodel-by-id"),
        ("createLCMGeneration", "create-lcmgeneration"),
        ("createVariationNoBG", "create-variation-no-bg"),
    ],
)
def test_kebab_case_is_that_of_the_published_files(id: str, name: str) -> None:
    """Capitals in a row stay together."""
    assert kebab(id) == name


def masked(node: Any) -> Any:
    """The same without descriptions, and without what the published file writes against its schema."""
    changed = {"description", "inputParameters", "outputParameters", "authentication"}
    if isinstance(node, dict):
        return {key: masked(value) for key, value in node.items() if key not in changed}
    return [masked(item) for item in node] if isinstance(node, list) else node


# Keys that the format's own schema allows (1.0.0-alpha2); it refuses every other one.
ALLOWED = {
    "authentication": {"type", "token"},
    "consumes": {"type", "namespace", "baseUri", "description", "resources", "authentication"},
    "rest": {"type", "namespace", "port", "resources"},
    "mcp": {"type", "namespace", "port", "transport", "description", "tools"},
    "consumed input": {"name", "in"},
    "REST input": {"name", "in", "type", "description"},
    "tool input": {"name", "type", "description", "required"},
}


@pytest.mark.parametrize("namespace", EXPORTED)
def test_exported_file_has_only_keys_of_the_format(namespace: str) -> None:
    """Objects are not mapped without properties: the format wants those."""
    capability = EXPORTED[namespace]["capability"]
    (consumed,) = capability["consumes"]
    rest, mcp = capability["exposes"]
    assert set(consumed) == ALLOWED["consumes"]
    assert set(consumed["authentication"]) == ALLOWED["authentication"]
    assert (set(rest), set(mcp)) == (ALLOWED["rest"], ALLOWED["mcp"])
    for kind, entries in (
        ("consumed input", [each for one in consumed["resources"] for each in one["operations"]]),
        ("REST input", [each for one in rest["resources"] for each in one["operations"]]),
        ("tool input", mcp["tools"]),
    ):
        for entry in entries:
            assert all(set(each) == ALLOWED[kind] for each in entry["inputParameters"])
            assert kind == "consumed input" or "outputParameters" not in entry


def test_image_generation_is_the_published_file_but_for_what_its_schema_refuses() -> None:
    """Names, paths, ports, hints, and the order of it all."""
    reference = Path(os.environ.get("LEOMOCK_REFERENCE", Path(__file__).parents[3] / "../shared/reference"))
    pages = [path.read_text("utf-8") for path in sorted((reference.parent / "seeds").glob("*.txt"))]
    texts = [text[text.index("\nnaftiko: ") + 1 :] for text in pages if "\nnaftiko: " in text]
    if not texts:
        pytest.skip(f"no capability page is in {reference.parent / 'seeds'} (set LEOMOCK_REFERENCE)")
    (published,) = map(yaml.safe_load, texts)
    assert as_yaml(masked(EXPORTED["image-generation"])) == as_yaml(masked(published))
