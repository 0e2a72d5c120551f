"""The strict contract is valid, says what is required, and explains what is wrong."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from openapi_spec_validator import OpenAPIV30SpecValidator

from leomock.cli.main import main
from leomock.contract.strict import AnswerValidator, strict_document
from leomock.openapi.spec import Versions

VERSIONS = Versions()
NODE = Path(__file__).parents[1] / "clients" / "node"
FLAVOURS = {
    f"{version} {name}": document
    for version, spec in VERSIONS.items()
    for name, document in (
        ("effective", spec.document("https://cloud.leonardo.ai")),
        ("plain", spec.plain_document("https://cloud.leonardo.ai")),
        ("strict", strict_document(spec, "https://cloud.leonardo.ai")),
    )
}


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_document_is_valid_openapi(flavour: str) -> None:
    assert list(OpenAPIV30SpecValidator(FLAVOURS[flavour]).iter_errors()) == []


@pytest.mark.skipif(
    not (shutil.which("node") and (NODE / "node_modules" / "ajv").is_dir()),
    reason="needs Node.js and AJV in tests/clients/node",
)
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_every_schema_compiles_in_ajv_strict_mode(flavour: str, tmp_path: Path) -> None:
    """Prism's proxy checks nothing, silently, where AJV cannot compile a schema."""
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(FLAVOURS[flavour]))
    script = Path(__file__).with_name("ajv.mjs")
    done = subprocess.run(["node", script, NODE, file], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"[1-9]\d* schemas\n", done.stdout), done.stdout


def test_strict_answers_require_what_they_name() -> None:
    document = strict_document(VERSIONS["v1"], "/")
    answer = document["paths"]["/generations/{id}"]["get"]["responses"]["200"]
    row = answer["content"]["application/json"]["schema"]["properties"]["generations_by_pk"]
    assert {"id", "status", "seed", "createdAt"} <= set(row["required"])
    assert row["additionalProperties"] is False


def test_command_prints_the_strict_document() -> None:
    result = CliRunner().invoke(main, ["openapi", "--strict"])
    document = json.loads(result.stdout)
    assert document == strict_document(VERSIONS["v1"], "https://cloud.leonardo.ai/api/rest/v1")
    result = CliRunner().invoke(main, ["openapi", "--strict", "--published"])
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --strict and --published exclude each other; give one\n")


IMAGE = {"id": "11111111-1111-4111-8111-111111111111", "url": "http://x.test/a.jpg"}


@pytest.mark.parametrize(
    ("answer", "problems"),
    [
        ({"init_images_by_pk": {**IMAGE, "createdAt": "2026-01-01T00:00:00.000"}}, []),
        ({"init_images_by_pk": None}, []),
        ({}, ["init_images_by_pk is missing"]),
        ({"init_images_by_pk": IMAGE}, ["init_images_by_pk.createdAt is missing"]),
        (
            {"init_images_by_pk": {**IMAGE, "createdAt": 5}},
            ["init_images_by_pk.createdAt is 5, not of type string"],
        ),
        (
            {"init_images_by_pk": {**IMAGE, "createdAt": "2026-01-01T00:00:00.000", "size": 1}},
            ["init_images_by_pk.size is not in the document"],
        ),
        ([], ["the answer is [], not of type object"]),
    ],
)
def test_problem_names_the_place_and_what_is_wrong(answer: Any, problems: list[str]) -> None:
    assert AnswerValidator(VERSIONS["v1"]).problems("getInitImageById", 200, answer) == problems
