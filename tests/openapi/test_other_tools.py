"""Tools of other people take the served documents: schemathesis and a generator of clients."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.openapi.spec import shipped_versions

# Operations with an optional body, parameters in the query, and all of version 2.
OPERATIONS = {
    "v1": ("listBlueprints", "get3DModelsByUserId", "getUserSelf"),
    "v2": ("createGenerationV2", "createGenerationSyncV2", "listModelsV2"),
}


@pytest.mark.parametrize("version", OPERATIONS)
def test_schemathesis_finds_nothing(version: str, tmp_path: Path) -> None:
    """All checks but the two that a stateful service with rules beyond its schemas cannot meet.

    In version 1 a single value counts as a list of one, which no document says (`leomock check` knows it).
    """
    excluded = "use_after_free,positive_data_acceptance"
    excluded += ",negative_data_rejection" if version == "v1" else ""
    pytest.importorskip("schemathesis", reason="the contract extra is not installed")
    with Fake(auth="strict") as fake:
        words = [
            *(sys.executable, "-m", "schemathesis.cli", "run"),
            f"{fake.url}/_leomock/openapi.json?version={version}",
            *("--header", f"Authorization: Bearer {fake.api_key}", "--seed", "1", "--continue-on-failure"),
            *("--phases", "coverage", "--exclude-checks", excluded),
            *(word for id in OPERATIONS[version] for word in ("--include-operation-id", id)),
        ]
        done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    assert f"Tested: {len(OPERATIONS[version])}" in done.stdout


def _generated(version: str, folder: Path) -> str:
    """Generate a Python client from the plain document; return its package's name."""
    server = f"https://cloud.leonardo.ai/api/rest/{version}"
    source = folder / f"{version}.json"
    source.write_text(json.dumps(shipped_versions()[version].plain_document(server)))
    name = f"generated_{version}"
    tool = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    settings = folder / "settings.yaml"
    # KLING2_5 and Kling2_5 are both values, and would be the same member of an enum.
    settings.write_text("post_hooks: []\nliteral_enums: true\n")
    words = ["--path", str(source), "--output-path", str(folder / name), "--config", str(settings)]
    done = subprocess.run([*tool, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING" not in done.stdout, done.stdout
    return name


def test_generated_client_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every operation gets a function, and both versions' clients are called against the fake."""
    pytest.importorskip("openapi_python_client", reason="openapi-python-client is not installed")
    names = {version: _generated(version, tmp_path) for version in OPERATIONS}
    monkeypatch.syspath_prepend(tmp_path)

    def part(version: str, path: str) -> Any:
        return importlib.import_module(f"{names[version]}.{path}")

    for version, spec in shipped_versions().items():
        modules = list((tmp_path / names[version] / "api").glob("*/[!_]*.py"))
        assert len(modules) == len(spec.operations)
    with Fake() as fake:

        def client(version: str) -> Any:
            url = f"{fake.url}/api/rest/{version}"
            return part(version, "client").AuthenticatedClient(base_url=url, token=fake.api_key)

        with client("v1") as one, client("v2") as two:
            me = part("v1", "api.user.get_user_self").sync(client=one)
            assert str(me.user_details[0].user.id) == fake.user_id
            body = part("v1", "models").CreateGenerationBody(prompt="a fox", num_images=1)
            made = part("v1", "api.image.create_generation").sync(client=one, body=body)
            id = made.sd_generation_job.generation_id
            fake.finish(str(id))
            read = part("v1", "api.image.get_generation_by_id").sync(id=id, client=one)
            assert read.generations_by_pk.status == "COMPLETE"
            assert len(read.generations_by_pk.generated_images) == 1
            call = {"model": "flux-pro-2.0", "public": False, "parameters": {"prompt": "a fox"}}
            body = part("v2", "models").CreateGenerationV2Body.from_dict(call)
            answer = part("v2", "api.generations.create_generation_v2").sync(client=two, body=body)
            assert fake.finish(str(answer.generate.generation_id)) == [str(answer.generate.generation_id)]


def test_generated_models_accept_the_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """datamodel-code-generator writes models of both versions, and what the fake answers fits them."""
    pytest.importorskip("datamodel_code_generator", reason="datamodel-code-generator is not installed")
    for version, spec in shipped_versions().items():
        source = tmp_path / f"{version}.json"
        source.write_text(json.dumps(spec.plain_document(f"https://cloud.leonardo.ai/api/rest/{version}")))
        words = ["--input-file-type", "openapi", "--openapi-scopes", "schemas", "paths", "--strict-nullable"]
        words += ["--formatters", "builtin", "--output-model-type", "pydantic_v2.BaseModel"]
        words += ["--input", str(source), "--output", str(tmp_path / f"models_{version}.py")]
        tool = [sys.executable, "-m", "datamodel_code_generator", *words]
        done = subprocess.run(tool, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    monkeypatch.syspath_prepend(tmp_path)
    one, two = (importlib.import_module(f"models_{version}") for version in OPERATIONS)
    with Fake(jobs="immediate") as fake:
        call = partial(httpx.request, headers={"authorization": f"Bearer {fake.api_key}"})
        one.MeGetResponse.model_validate(call("GET", f"{fake.base_url}/me").json())
        body = one.GenerationsPostRequest(prompt="a fox", num_images=1).model_dump(exclude_unset=True)
        made = call("POST", f"{fake.base_url}/generations", json=body).json()
        id = one.GenerationsPostResponse.model_validate(made).sdGenerationJob.generationId
        read = call("GET", f"{fake.base_url}/generations/{id}").json()
        assert str(one.GenerationsIdGetResponse.model_validate(read).generations_by_pk.id.root) == id
        sent = {"model": "flux-pro-2.0", "public": False, "parameters": {"prompt": "a fox"}}
        answer = call("POST", f"{fake.url}/api/rest/v2/generations", json=sent).json()
        assert two.GenerationsPostResponse.model_validate(answer).root.generate.generationId
