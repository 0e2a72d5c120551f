"""Published capability files and the framework's own schemas, where they are at hand.

Neither is part of this repository. In the folder `capability` of the reference material, `files` has a folder
for each source (see `survey`), and `schemas` one for each tag of the framework with its schema.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
import yaml

from leomock.interop.capability.export import exported
from leomock.openapi.spec import Spec
from tests.interop.capability.survey import read, surveyed

REFERENCE = Path(os.environ.get("LEOMOCK_REFERENCE", Path(__file__).parents[3] / "../shared/reference"))
FILES, SCHEMAS = REFERENCE / "capability" / "files", REFERENCE / "capability" / "schemas"
EXPORTED = exported(Spec())
# What a schema cannot know: that a file refers to something that does not exist.
NOTHING_THERE = ("there is no function", "there is no file", "is given by no input with in: path")

needs_files = pytest.mark.skipif(not FILES.is_dir(), reason=f"no capability files are in {FILES}")
needs_schemas = pytest.mark.skipif(not SCHEMAS.is_dir(), reason=f"no schemas are in {SCHEMAS}")


@cache
def schema_of(version: str) -> Any:
    """The validator of a version; None if its schema is not at hand."""
    paths = list((SCHEMAS / f"v{version}").glob("*.json"))
    return jsonschema_rs.validator_for(orjson.loads(paths[0].read_bytes())) if paths else None


def test_table_has_every_result() -> None:
    """Of the files for this API, all are served; there is a reason wherever a file is not."""
    rows = read()
    assert {row["result"] for row in rows if "leonardo" in row["source"]} == {"served"}
    assert all(bool(row["reasons"]) is (row["result"] != "served") for row in rows)


@needs_files
def test_table_is_what_the_files_give() -> None:
    """Every published file is read, and with the result that the page shows."""
    assert list(surveyed(FILES)) == read()


@needs_schemas
@pytest.mark.parametrize("namespace", EXPORTED)
def test_exported_file_is_valid_by_the_schema_of_the_framework(namespace: str) -> None:
    """Of the version that it names."""
    errors = schema_of(EXPORTED[namespace]["naftiko"]).iter_errors(EXPORTED[namespace])
    assert [error.message for error in errors] == []


@needs_files
@needs_schemas
def test_valid_file_is_called_invalid_only_if_it_refers_to_nothing() -> None:
    """What the schema of its version allows, leomock serves or names as a feature."""
    for row in read():
        if row["result"] != "invalid" or any(text in row["reasons"] for text in NOTHING_THERE):
            continue
        path = FILES / row["source"].replace("/", "+") / row["file"]
        schema = schema_of(row["version"])
        try:
            tree = yaml.safe_load(path.read_text("utf-8"))
        except yaml.YAMLError:
            continue
        assert not schema or not schema.is_valid(orjson.loads(orjson.dumps(tree))), row
