"""Linters and generators for Node.js take the served documents (`make strangers` installs them).

They are 195 MB and take half a minute to install, so `make test` leaves them out.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from leomock import Fake
from leomock.contract.strict import strict_document
from leomock.openapi.spec import Spec, shipped_versions

NODE = Path(__file__).with_name("node")
TOOLS = NODE / "node_modules" / ".bin"
VERSIONS = shipped_versions()

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and (TOOLS / "redocly").exists()),
    reason="the tools of tests/openapi/node are not installed (make strangers)",
)


def document(spec: Spec, flavour: str, server: str) -> Any:
    """The document of one version in one flavour."""
    if flavour == "strict":
        return strict_document(spec, server)
    return spec.plain_document(server) if flavour == "plain" else spec.document(server)


def run(folder: Path, tool: str, *words: str, **environment: str) -> str:
    """Run a tool in a folder, quietly and offline; return what it prints."""
    quiet = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1"}
    done = subprocess.run(
        [TOOLS / tool, *words] if tool != "node" else [tool, *words],
        cwd=folder,
        env={**os.environ, **quiet, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder in which Node.js finds the packages."""
    (tmp_path / "node_modules").symlink_to(NODE / "node_modules")
    return tmp_path


@pytest.mark.parametrize("flavour", ["precise", "plain", "strict"])
@pytest.mark.parametrize("version", VERSIONS)
def test_linters_find_nothing(version: str, flavour: str, folder: Path) -> None:
    """Redocly's `recommended` rules and Spectral's `oas` rules, warnings included."""
    server = f"https://cloud.leonardo.ai/api/rest/{version}"
    (folder / "openapi.json").write_text(json.dumps(document(VERSIONS[version], flavour, server)))
    (folder / "rules.yaml").write_text('extends: ["spectral:oas"]\n')
    report = run(folder, "redocly", "lint", "--extends=recommended", "--format=json", "openapi.json")
    assert json.loads(report)["totals"] == {"errors": 0, "warnings": 0, "ignored": 0}
    report = run(folder, "spectral", "lint", "--ruleset", "rules.yaml", "--format", "json", "openapi.json")
    assert json.JSONDecoder().raw_decode(report)[0] == []


def hey_api(folder: Path, version: str) -> None:
    run(folder, "openapi-ts", "--input", f"plain-{version}.json", "--output", version, "--silent")


def orval(folder: Path, version: str) -> None:
    output: Any = {"target": f"./{version}/api.ts", "client": "fetch", "mode": "single"}
    output["baseUrl"] = {"getBaseUrlFromSpecification": True}
    settings = {"api": {"input": f"./plain-{version}.json", "output": output}}
    (folder / f"{version}.config.cjs").write_text(f"module.exports = {json.dumps(settings)}\n")
    run(folder, "orval", "--config", f"./{version}.config.cjs")


def openapi_typescript(folder: Path, version: str) -> None:
    run(folder, "openapi-typescript", f"precise-{version}.json", "--output", f"{version}/types.d.ts")


@pytest.mark.parametrize("generate", [hey_api, orval, openapi_typescript], ids=lambda tool: tool.__name__)
def test_generated_typescript_calls_the_fake(generate: Any, folder: Path) -> None:
    """A client of both versions compiles with `tsc --strict`, creates an image and reads it."""
    program = generate.__name__.replace("_", "-")
    shutil.copy(NODE / f"{program}.ts", folder)
    with Fake(jobs="immediate") as fake:
        for version, spec in VERSIONS.items():
            for flavour in ("precise", "plain"):
                content = document(spec, flavour, f"{fake.url}/api/rest/{version}")
                (folder / f"{flavour}-{version}.json").write_text(json.dumps(content))
            generate(folder, version)
        words = "--strict --target es2022 --lib es2022,dom,dom.iterable --module commonjs --outDir out"
        run(folder, "tsc", *words.split(), "--moduleResolution", "node10", f"{program}.ts")
        printed = run(folder, "node", f"out/{program}.js", BASE=f"{fake.url}/api/rest", KEY=fake.api_key)
        user, is_same, status, second = json.loads(printed)
        assert (user, is_same, status) == (fake.user_id, True, "COMPLETE")
        assert UUID(second["generate"]["generationId"])
