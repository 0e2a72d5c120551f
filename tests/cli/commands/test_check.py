"""`leomock check` as a command."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from leomock import Fake
from leomock.cli.main import main
from tests.contract.check.mutants import MUTANTS

CONTRACT = Path(__file__).parents[2] / "contract"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set where the tests run stays outside."""
    monkeypatch.delenv("LEONARDO_API_KEY", raising=False)


@pytest.fixture
def serving() -> Iterator[Fake]:
    with Fake(auth="strict") as fake:
        yield fake


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", "--max-examples", "2", *arguments])


def test_own_fake_is_clean() -> None:
    """Without a URL a fake is started; nothing found is 0."""
    result = invoke("--operation", "getUserSelf", "-v")
    assert result.exit_code == 0, result.output
    assert "leomock check: nothing found" in result.stdout
    assert "coverage  v1 GET /me: " in result.stderr


def test_server_is_checked(serving: Fake) -> None:
    """The address of a server is enough; progress is for those who watch."""
    result = invoke(serving.url, "--api-key", serving.api_key, "--group", "users", "--format", "json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["checked"] == ["getUserSelf"]
    assert report["facts"]["Server"] == serving.base_url
    assert result.stderr == ""


def test_findings_are_1(tmp_path: Path) -> None:
    """And stand in the report that was asked for."""
    fake = Fake(auth="strict")
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "another content type")
    fake.app = mutant.wrap(fake.app)
    with fake:
        result = invoke(
            fake.url,
            "--api-key",
            fake.api_key,
            "--operation",
            "getUserSelf",
            "--format",
            "junit",
            "-o",
            f"{tmp_path}/r.xml",
        )
    assert result.exit_code == 1, result.output
    [case] = ElementTree.parse(f"{tmp_path}/r.xml").iter("testcase")
    assert case.find("failure") is not None
    assert result.stderr == (
        "found error: getUserSelf: GET /me answered 200 OK as text/plain, a content type "
        "that the document does not name\n"
        f"leomock check: 1 error; the report is in {tmp_path}/r.xml\n"
    )


def test_nobody_listens() -> None:
    """One sentence, and 2."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    result = invoke(f"http://127.0.0.1:{port}", "--api-key", "x")
    assert result.exit_code == 2
    assert result.stderr.startswith(
        f"Error: GET http://127.0.0.1:{port}/api/rest/v1/me: nothing answers there ("
    )
    assert result.stderr.endswith("); is the server running, and is the address right?\n")


def test_key_is_refused(serving: Fake) -> None:
    """One sentence, and 2."""
    result = invoke(serving.url, "--api-key", "wrong")
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: GET {serving.base_url}/me answered 401: the API key was refused; give one that the server "
        "knows with --api-key or in LEONARDO_API_KEY\n"
    )


def test_key_is_missing(serving: Fake) -> None:
    """One sentence, and 2."""
    result = invoke(serving.url)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {serving.url} wants a key: give it with --api-key or in LEONARDO_API_KEY\n"
    )


@pytest.mark.parametrize(
    ("url", "key", "error"),
    [
        (
            "http://[::1",
            "a",
            "'http://[::1' is no address; give one such as http://127.0.0.1:8090/api/rest/v1",
        ),
        ("http://127.0.0.1:1", "ü", "the API key is invalid: it has characters that are not printable ASCII"),
    ],
)
def test_address_or_key_that_is_none(url: str, key: str, error: str) -> None:
    """One sentence, and 2."""
    result = invoke(url, "--api-key", key)
    assert (result.exit_code, result.stderr) == (2, f"Error: {error}\n")


def test_report_that_cannot_be_written(serving: Fake, tmp_path: Path) -> None:
    """It is said before the run, not after it; a place that can be written is left as it was."""
    result = invoke(serving.url, "--api-key", serving.api_key, "-o", str(tmp_path / "no" / "such"))
    assert result.exit_code == 2
    assert result.stderr.endswith(f"cannot write {tmp_path / 'no' / 'such'}: No such file or directory\n")
    assert serving.requests == []
    invoke("http://[::1", "--api-key", "a", "-o", str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_api_is_elsewhere(serving: Fake) -> None:
    """One sentence, and 2."""
    result = invoke(f"{serving.url}/somewhere", "--api-key", serving.api_key)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: GET {serving.url}/somewhere/me answered 404: the API is not there; give the address at "
        f"which it begins, such as {serving.base_url}\n"
    )


def test_unknown_operation() -> None:
    """The nearest one is named, and 2."""
    result = invoke("--operation", "getUserself")
    assert result.exit_code == 2
    assert result.stderr == (
        "Error: --operation getUserself: there is no such operation; did you mean 'getUserSelf'?\n"
    )


def test_largest_number_of_requests_ends_a_run(serving: Fake) -> None:
    """Not one more is sent."""
    result = invoke(
        serving.url,
        "--api-key",
        serving.api_key,
        "--group",
        "datasets",
        "--max-requests",
        "60",
        "--format",
        "json",
    )
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["facts"]["Ended"] == "after 60 requests, the most that were allowed"
    # What asks whether the server reads odd requests at all is not counted.
    assert len(serving.requests) <= 60 + 2


def test_too_few_requests(serving: Fake) -> None:
    """One sentence, and 2."""
    result = invoke(serving.url, "--api-key", serving.api_key, "--max-requests", "3")
    assert result.exit_code == 2
    assert result.stderr == "Error: --max-requests 3 is too low: the check needs a few requests to start\n"


def test_allowances_are_explained() -> None:
    """Each that answered something is a note with its basis."""
    words = ("--operation", "listBlueprints", "--published", "--explain-allowances", "--format", "json")
    result = invoke(*words)
    assert result.exit_code == 0, result.output
    [note] = [
        f for f in json.loads(result.stdout)["findings"] if f["rule"] == "allowance-no-object-no-variables"
    ]
    assert note["level"] == "note"
    assert note["details"][0] == (
        "inferred: Hasura's REST endpoints; the documented answer to a badly formed body"
    )


def test_backend_real_without_a_key_is_refused() -> None:
    """One sentence."""
    words = [sys.executable, "-m", "pytest", str(CONTRACT), "--backend=real"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr == "ERROR: --backend=real calls the real service: it needs LEONARDO_API_KEY\n\n"


def test_backend_server_runs_the_same_suite() -> None:
    """Over a port."""
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        str(CONTRACT / "test_schema.py"),
        "--backend=server",
    ]
    done = subprocess.run([*words, "-k", "/me or exist"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
