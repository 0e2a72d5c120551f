"""The published documents and ours hold the same facts."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import pytest

from leomock.contract.drift.facts import compare, documents
from leomock.openapi.documents import specs_folder

REFERENCE = Path(os.environ.get("LEOMOCK_REFERENCE", "../shared/reference"))
TITLE = "Leonardo.AI Init Images API"


def upstream() -> dict[str, dict[str, Any]]:
    folder = REFERENCE / "upstream"
    if not folder.is_dir():
        pytest.skip(f"the published documents are not at {folder} (set LEOMOCK_REFERENCE)")
    return documents(folder)


def test_facts_equal_the_published_documents() -> None:
    """Every machine fact of all fourteen documents is the published one."""
    published = upstream()
    assert len(published) == 14
    assert [str(difference) for difference in compare(published, documents(specs_folder()))] == []


def test_prose_is_not_the_published_prose() -> None:
    """No description or summary of ours is a published sentence."""

    def prose(node: Any, named: bool = False) -> set[str]:
        found = set()
        if isinstance(node, dict):
            for key, value in node.items():
                if not named and key in ("description", "summary") and isinstance(value, str):
                    found.add(" ".join(value.lower().split()))
                elif key not in ("example", "examples", "default", "enum"):
                    found |= prose(value, named=not named and key == "properties")
        elif isinstance(node, list):
            for item in node:
                found |= prose(item)
        return found

    assert prose(upstream()) & prose(documents(specs_folder())) == set()


@pytest.mark.parametrize(
    ("pointer", "value", "told"),
    [
        ("/paths/~1init-image/post/operationId", "upload", '"uploadInitImage" became "upload"'),
        ("/paths/~1init-image/post/deprecated", True, "new: true"),
        ("/paths/~1init-image~1{id}/get/parameters/0/required", 1, "true became 1"),
        (
            "/components/schemas/job_status/enum",
            ["PENDING"],
            '["PENDING", "COMPLETE", "FAILED"] became ["PENDING"]',
        ),
    ],
)
def test_compare_tells_a_changed_fact(pointer: str, value: object, told: str) -> None:
    """A changed, new or retyped fact is told with its place."""
    old = documents(specs_folder())
    new = copy.deepcopy(old)
    *way, last = [part.replace("~1", "/") for part in pointer.split("/")[1:]]
    node: Any = new[TITLE]
    for step in way:
        node = node[int(step) if isinstance(node, list) else step]
    node[last] = value
    (difference,) = [d for d in compare(old, new) if d.document == TITLE]
    assert str(difference) == f"{TITLE}#{pointer}: {told}"


def test_compare_passes_over_prose() -> None:
    """A new description is no difference, a property called description is one."""
    old = documents(specs_folder())
    new = copy.deepcopy(old)
    new[TITLE]["paths"]["/init-image"]["post"]["description"] = "Other words."
    assert compare(old, new) == []
    # The components are one object that all documents share.
    del new[TITLE]["components"]["schemas"]["lora"]["properties"]["description"]
    assert {d.pointer for d in compare(old, new)} == {
        "/components/schemas/lora/properties/description",
        "/components/schemas/lora/properties/description/nullable",
        "/components/schemas/lora/properties/description/type",
    }


def test_compare_tells_a_missing_document() -> None:
    """A document that only one side has is one difference."""
    old = documents(specs_folder())
    new = {title: document for title, document in old.items() if title != TITLE}
    assert [str(d) for d in compare(old, new)] == [f"{TITLE}#: gone: document"]
