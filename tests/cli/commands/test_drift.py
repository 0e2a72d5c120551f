"""`leomock drift` as one types it."""

from __future__ import annotations

import gc
import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from leomock.cli.main import main
from leomock.contract.reports.model import Report
from leomock.openapi.documents import specs_folder
from leomock.openapi.spec import Versions
from tests.contract.reports.formats import checked_junit, checked_sarif

OURS = str(specs_folder())
REFERENCE = Path(os.environ.get("LEOMOCK_REFERENCE", "../shared/reference")) / "upstream"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["drift", *map(str, arguments)])


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """The documents, with a value more in an answer and another title."""
    folder = tmp_path / "specs"
    shutil.copytree(OURS, folder)
    path = folder / "components.json"
    content = json.loads(path.read_text("utf-8"))
    content["components"]["schemas"]["job_status"]["enum"].append("QUEUED")
    path.write_text(json.dumps(content), "utf-8")
    return folder


def test_published_documents_have_not_drifted() -> None:
    """Ours hold their facts, in words of our own."""
    if not REFERENCE.is_dir():
        pytest.skip(f"the published documents are not at {REFERENCE} (set LEOMOCK_REFERENCE)")
    done = run(REFERENCE, OURS, "--fail-on", "cosmetic")
    assert (done.exit_code, done.output) == (
        0,
        "Operations compared: 53\nEvents compared: 1\nleomock drift: nothing found\n",
    )


def test_change_makes_the_exit_code_one(edited: Path) -> None:
    """And is told; with `--fail-on never` it is told alone."""
    done = run(OURS, edited)
    assert done.exit_code == 1
    assert " ".join(done.output.split()).startswith(
        'error: #/components/schemas/job_status/enum: more values in the response: ["QUEUED"] '
        "[response-enum-widened] "
        "client: breaking: the enums of the official SDKs are closed: a new value is an error "
        "fake: compatible: the fake never answers them "
    )
    assert done.output.endswith("leomock drift: 1 error\n")
    assert run(OURS, edited, "--fail-on", "never").exit_code == 0


@pytest.fixture
def edited_v2(tmp_path: Path) -> Path:
    """The documents of both versions, with a limit in version 2 and without what its overlay corrects."""
    folder = tmp_path / "specs"
    shutil.copytree(OURS, folder)
    path = folder / "v2" / "generations_v2.json"
    content = json.loads(path.read_text("utf-8"))
    create = content["paths"]["/generations"]["post"]
    create["requestBody"]["content"]["application/json"]["schema"]["properties"]["model"]["maxLength"] = 20
    del content["paths"]["/generationssync"]
    path.write_text(json.dumps(content), "utf-8")
    return folder


@pytest.mark.parametrize("below", ["", "v2"])
def test_change_of_version_2_names_its_own_handler_and_overlay(edited_v2: Path, below: str) -> None:
    """In a folder of all versions, and in that of version 2."""
    done = run(f"{OURS}/{below}", edited_v2 / below, "--format", "json", "--maintainer")
    assert done.exit_code == 1
    findings = json.loads(done.output)["findings"]
    limit, gone = (
        next(f for f in findings if f["where"] == name)
        for name in ("createGenerationV2", "createGenerationSyncV2")
    )
    assert (
        "handler leomock.operations.handlers.generations_v2.create_generation_v2"
        in limit["properties"]["touches"]
    )
    assert gone["rule"] == "operation-removed"
    overlays = {f["where"].partition(" ")[0] for f in findings if f["rule"] == "overlay-target-gone"}
    assert overlays == {"v2/overlay.json"}
    touched = {thing for f in findings for thing in f["properties"].get("touches", ()) if "overlay" in thing}
    assert touched
    assert all(thing.startswith("v2/overlay.json actions[") for thing in touched)


def test_garbage_collection_pauses_during_the_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """In documents of 10 MB it took most of the time."""
    collects = []

    def compared(*_: object, **__: object) -> Report:
        collects.append(gc.isenabled())
        return Report("leomock drift", [], {}, [], None)

    monkeypatch.setattr("leomock.contract.drift.findings.compared", compared)
    assert run(OURS, OURS).exit_code == 0
    assert collects == [False]
    assert gc.isenabled()


def test_version_of_a_single_file_is_that_of_its_address(tmp_path: Path) -> None:
    """As `leomock openapi --version v2` prints it."""
    document = Versions()["v2"].document("https://cloud.leonardo.ai/api/rest/v2")
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(document), "utf-8")
    new.write_text(json.dumps(document).replace('"generate"', '"generated"'), "utf-8")
    findings = json.loads(run(old, new, "--format", "json", "--maintainer").output)["findings"]
    touched = {thing for finding in findings for thing in finding["properties"]["touches"]}
    assert "handler leomock.operations.handlers.generations_v2.create_generation_v2" in touched
    assert not any(thing.startswith("overlay.json") for thing in touched)


def test_version_that_one_folder_has_not_is_not_compared(tmp_path: Path) -> None:
    """Nothing of it is among the published documents."""
    shutil.copytree(OURS, tmp_path / "specs", ignore=shutil.ignore_patterns("v2"))
    for old, new in ((OURS, tmp_path / "specs"), (tmp_path / "specs", OURS)):
        assert (
            run(old, new).output
            == "Operations compared: 58\nEvents compared: 1\nleomock drift: nothing found\n"
        )


def test_slight_change_fails_when_asked_to(tmp_path: Path) -> None:
    """From cosmetic on everything does."""
    folder = tmp_path / "specs"
    shutil.copytree(OURS, folder)
    path = folder / "users.json"
    content = json.loads(path.read_text("utf-8"))
    content["info"]["version"] = "other"
    path.write_text(json.dumps(content), "utf-8")
    assert [run(OURS, folder, "--fail-on", c).exit_code for c in ("breaking", "compatible", "cosmetic")] == [
        0,
        0,
        1,
    ]


def test_report_is_written_in_every_format(edited: Path, tmp_path: Path) -> None:
    """To the file that is named; each is valid."""
    written = {}
    for form in ("text", "json", "markdown", "sarif", "junit"):
        path = tmp_path / form
        done = run(OURS, edited, "--format", form, "-o", path)
        assert (done.exit_code, done.stdout) == (1, "")
        written[form] = path.read_text("utf-8")
    (finding,) = json.loads(written["json"])["findings"]
    assert finding["properties"]["client"] == "breaking"
    assert finding["properties"]["fake"] == "compatible"
    (result,) = checked_sarif(written["sarif"])["runs"][0]["results"]
    assert result["ruleId"] == "response-enum-widened"
    root = checked_junit(written["junit"])
    assert root.attrib["failures"] == "1"
    assert written["markdown"].startswith("## leomock drift: 1 error\n")


def test_sdk_is_compared() -> None:
    """With the same formats and exit codes."""
    done = run("--sdk", "leonardo-ai-sdk", "--format", "json")
    assert done.exit_code == 1
    assert json.loads(done.output)["facts"]["SDK"] == "leonardo-ai-sdk 7.0.0"
    assert run("--sdk", "leonardo-ai-sdk", "--fail-on", "never").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ([], "give OLD and NEW (folders, files, URLs or git revisions), or --sdk leonardo-ai-sdk"),
        ([OURS], "give OLD and NEW (folders, files, URLs or git revisions), or --sdk leonardo-ai-sdk"),
        (
            [OURS, OURS, "--sdk", "leonardo-ai-sdk"],
            "--sdk takes the place of OLD and NEW; give one or the other",
        ),
        (["--sdk", "other"], "--sdk other: not known; the SDK that can be read is leonardo-ai-sdk"),
        ([OURS, "no/such.json"], "no/such.json: cannot be read: No such file or directory"),
        (
            [OURS, f"{OURS}/overlay.json"],
            f"{OURS}/overlay.json: not an OpenAPI document: no `openapi: 3.…`",
        ),
        ([OURS, OURS, "-o", "no/such/file"], "cannot write no/such/file: No such file or directory"),
    ],
)
def test_what_cannot_be_meant(arguments: list[str], error: str) -> None:
    """One sentence, exit code 2, no traceback."""
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.output.endswith(f"Error: {error}\n")
