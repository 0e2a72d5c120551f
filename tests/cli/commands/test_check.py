"""`leomock check` as a command."""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import httpx
import pytest
from click.testing import CliRunner, Result

from leomock import Fake
from leomock.cli.main import main
from leomock.contract.check.journeys import NAMES, Journeys
from leomock.contract.check.loading import Loaded
from leomock.contract.check.run import check as run_check
from leomock.contract.check.target import CheckError, Target
from leomock.contract.reports.model import Report
from leomock.leonardo.catalogue import platform_models
from leomock.openapi.spec import Versions
from tests.cli.test_main import served
from tests.contract.check.mutants import CREATE, MUTANTS, VERSIONS, Exchange, Mutant, on
from tests.contract.check.promises import RESOURCE_MUTANTS

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


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["here"], "'here' is not an address; give one such as http://127.0.0.1:8090/api/rest/v1"),
        (["--as-of", "soon"], "as_of='soon': use a date such as 2026-05-01"),
        (["--max-time", "nan"], "Invalid value for '--max-time': 'nan' is not a valid number."),
    ],
)
def test_option_that_cannot_be_meant(arguments: list[str], error: str) -> None:
    """One sentence, and 2; an address that is none comes before the key that is missing."""
    result = invoke(*arguments)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {error}")


def test_key_is_missing(serving: Fake) -> None:
    """One sentence, and 2."""
    result = invoke(serving.url)
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: {serving.url} needs a key: give it with --api-key or in LEONARDO_API_KEY\n"
    )


@pytest.mark.parametrize(
    ("url", "key", "error"),
    [
        (
            "http://[::1",
            "a",
            "'http://[::1' is not an address; give one such as http://127.0.0.1:8090/api/rest/v1",
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
    words = ("--operation", "get3DModelById", "--published", "--explain-allowances", "--format", "json")
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


# --- a run ends and says what was found ---------------------------------------------------


def broken(*names: str) -> Fake:
    """A fake with several faults at once."""
    fake = Fake(auth="strict")
    faults = {mutant.name: mutant for mutant in RESOURCE_MUTANTS}
    for name in names:
        fake.app = faults[name].wrap(fake.app)
    return fake


QUICK = ("--max-job-time", "0", "--operation", "createGeneration", "--operation", "getGenerationById")
REST = ("--operation", "getGenerationsByUserId", "--operation", "deleteGenerationById")


def test_server_whose_jobs_never_end_is_a_finding() -> None:
    """The check ends soon, although every journey waits for a job."""
    with broken("generation: it stays PENDING for ever") as fake:
        result = invoke(fake.url, "--api-key", fake.api_key, *QUICK, *REST, "--fail-fast")
    assert result.exit_code == 1
    assert result.stderr == (
        "found error: getGenerationById: GET /generations/{id}: the generation stays PENDING and does not "
        "end in time\n"
    )
    assert "Ended: after the first finding (--fail-fast)\n" in result.stdout


def test_finding_has_the_calls_that_repeat_it() -> None:
    """The whole sequence, each call as a line for a shell."""
    with broken("generation: negativePrompt is not kept") as fake:
        result = invoke(fake.url, "--api-key", fake.api_key, *QUICK, *REST, "--fail-fast")
    assert result.exit_code == 1
    lines = [line.strip() for line in result.stdout.replace("\\\n", "").splitlines()]
    assert any(line.startswith("curl -i -X POST -H ") and "/generations" in line for line in lines)
    assert any(line.startswith('curl -i -H "authorization: Bearer $LEONARDO_API_KEY"') for line in lines)
    assert fake.api_key not in result.stdout


def test_time_that_is_used_up_is_a_finding() -> None:
    """A run that could not make its journeys has proved too little to pass."""
    fake = Fake(auth="strict")
    target = Target(fake.url, fake.api_key, transport=fake.transport, max_seconds=300)
    loaded = Loaded(target, versions=Versions())
    target.ends = 0.0
    report = run_check(loaded, ["createDataset", "getDatasetById", "deleteDatasetById"])
    [finding] = report.findings
    assert (finding.rule, finding.level, report.failed) == ("out-of-time", "error", True)
    assert finding.message == (
        f"1 of {len(NAMES)} journeys were not run: the 300 seconds of --max-time were used up"
    )
    assert report.facts["Ended"] == "after 300 seconds (--max-time)"


def test_server_that_is_still_starting_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fake = Fake(auth="strict", port=port)
    timer = threading.Timer(0.3, fake.open)
    timer.start()
    arguments = ("--api-key", fake.api_key, "--wait", "30", "--operation", "getUserSelf")
    result = invoke(f"http://127.0.0.1:{port}", *arguments)
    timer.join()
    fake.close()
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("status", "headers", "body", "error"),
    [
        (
            200,
            {"content-type": "text/html"},
            "<html>",
            "answered 200 as text/html, not as JSON: this is not the API, or a proxy or a login stands "
            "before it",
        ),
        (
            302,
            {"location": "https://login.test/"},
            "",
            "answered 302: a redirect to https://login.test/; give the address of the API itself",
        ),
        (
            200,
            {"content-type": "application/json"},
            "{}",
            "answered 200 without 'user_details': this is another service than the Leonardo.AI API",
        ),
    ],
)
def test_address_that_is_another_service(status: int, headers: dict[str, str], body: str, error: str) -> None:
    transport = httpx.MockTransport(lambda request: httpx.Response(status, headers=headers, text=body))
    target = Target("http://127.0.0.1:1/api/rest/v1", "key", transport=transport)
    with pytest.raises(CheckError) as refused:
        target.ensure_answers()
    assert str(refused.value) == f"leomock check: GET http://127.0.0.1:1/api/rest/v1/me {error}"


def test_ctrl_c_reports_what_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """And ends with 2 where nothing was."""

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Journeys, "run", interrupted)
    result = invoke("--operation", "getUserSelf")
    assert result.exit_code == 2
    assert "Ended: interrupted\nleomock check: nothing found\n" in result.stdout


def test_server_with_fifteen_faults_fails() -> None:
    """Each of them shows, although one hides behind the other."""
    names = [
        "generation: the status goes back to PENDING",
        "generation: negativePrompt is not kept",
        "generation: the price is 0",
        "generation: the balance never falls",
        "generation: createdAt is 27/11/2026 10:00",
        "generation: it is in the list twice",
        "generation: the delete answers another id",
        "generation: HEAD of a file fails",
        "generation: the calculator always says 1",
        "init image: an upload with a wrong type is taken",
        "init image: the uploaded file has other bytes",
        "dataset: name is not kept",
        "dataset: the delete deletes nothing",
        "3D model: it is not in the list",
        "custom model: it always fails",
    ]
    fake = broken(*names)
    target = Target(fake.url, fake.api_key, transport=fake.transport, patience=0)
    journeys = Journeys(target, say=lambda line: None, found=lambda finding: None)
    lives = ("generation", "init image", "dataset", "3D model", "custom model")
    journeys.run(list(Versions().operations), [f"life {name}" for name in lives])
    rules = {(finding.rule, finding.where) for finding in journeys.findings}
    assert {
        ("property-unchanged", "getGenerationById"),
        ("property-echo", "getGenerationById"),
        ("property-cost", "createGeneration"),
        ("property-times", "getGenerationById"),
        ("property-delete", "deleteGenerationById"),
        ("property-uploads", "uploadInitImage"),
        ("property-echo", "getDatasetById"),
        ("property-list", "get3DModelsByUserId"),
        ("property-status", "getModelById"),
    } <= rules


@pytest.mark.parametrize(
    ("calls", "where"), [(2, "GET http://"), (12, ""), (30, ""), (60, "a generated call")]
)
def test_server_that_dies_in_the_middle(
    serving: Fake, monkeypatch: pytest.MonkeyPatch, calls: int, where: str
) -> None:
    """One line and 2, in a journey as among generated calls, not a finding for every call that follows."""
    admit = Target.admit

    def die(target: Target, method: str) -> None:
        admit(target, method)
        if target.requests == calls:
            serving.stop()

    monkeypatch.setattr(Target, "admit", die)
    ids = ("createDataset", "getDatasetById", "deleteDatasetById")
    options = [word for id in ids for word in ("--operation", id)]
    result = invoke(serving.url, "--api-key", serving.api_key, *options)
    assert (result.exit_code, result.stdout) == (2, ""), result.output
    [line] = result.stderr.splitlines()
    assert re.fullmatch(
        rf"Error: the server stopped answering at {where}.* \((?!\w+\)).+\), after \d+ requests; "
        "what was found before that is above",
        line,
    )


def test_certificate_that_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line that says how to trust it, and 2."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    with served("--https", "0", "--quiet") as (process, _):
        assert process.stdout
        https = re.search(r"https://localhost:\d+", process.stdout.readline())
        assert https
        result = invoke(https[0], "--api-key", "key")
    assert result.exit_code == 2
    assert result.stderr == (
        f"Error: GET {https[0]}/api/rest/v1/me: the certificate is not trusted; name the file of its "
        "authority in SSL_CERT_FILE and in REQUESTS_CA_BUNDLE\n"
    )


def test_urllib3_future_gets_what_schemathesis_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """niquests installs it in place of urllib3; its pools cannot be listed."""
    pools = type("TrafficPolice", (), {})
    module = SimpleNamespace(TrafficPolice=pools)
    monkeypatch.setitem(sys.modules, "urllib3.util.traffic_police", module)
    with Fake(auth="strict") as fake:
        Loaded(Target(fake.base_url, fake.api_key))
    assert list(pools().keys()) == []


def test_redirect_is_one_line() -> None:
    """As every address that is not the API's; 2, and no finding."""
    with answering(302, {"location": "https://login.test/"}) as url:
        result = invoke(url, "--api-key", "key")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"Error: GET {url}/api/rest/v1/me answered 302: a redirect to https://login.test/; give the "
        "address of the API itself\n"
    )


@pytest.mark.parametrize("status", [200, 401, 403])
def test_login_page_is_one_line(status: int) -> None:
    with answering(status, {"content-type": "text/html; charset=utf-8"}, b"<html>Log in</html>") as url:
        result = invoke(url, "--api-key", "key")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        f"Error: GET {url}/api/rest/v1/me answered {status} as text/html, not as JSON: this is not the "
        "API, or a proxy or a login stands before it\n"
    )


@contextmanager
def answering(status: int, headers: dict[str, str], body: bytes = b"") -> Iterator[str]:
    """A server that gives every GET the same answer."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_same_seed_makes_the_same_calls() -> None:
    """Another seed makes others; uploads are compared without their random boundaries."""

    def calls(seed: int) -> list[tuple[str, str, str, bytes]]:
        with Fake(auth="strict", clock="frozen", journal_bytes=100_000_000) as fake:
            target = Target(fake.url, fake.api_key, app=fake.app, transport=fake.transport)
            loaded = Loaded(target, max_examples=2, versions=VERSIONS, seed=seed)
            operations = ["listBlueprints", "createDataset", "getDatasetById", "deleteDatasetById"]
            run_check(loaded, operations, phases=["fuzzing"])
            sent = [call for call in fake.requests if call.operation]
        return [(call.method, call.path, call.query, call.request_body) for call in sent]

    first = calls(5)
    assert len(first) > 30
    assert calls(5) == first
    assert calls(6) != first


def test_calls_are_the_same_at_another_time() -> None:
    """No call takes up a value of an earlier answer, such as its time."""

    def bodies(seconds: float) -> list[bytes]:
        with Fake(auth="strict", clock="frozen", journal_bytes=100_000_000) as fake:
            fake.advance(seconds)
            target = Target(fake.url, fake.api_key, app=fake.app, transport=fake.transport)
            loaded = Loaded(target, max_examples=30, versions=VERSIONS)
            run_check(loaded, ["createLCMGeneration"], phases=["coverage", "fuzzing"], journeys=())
            return [call.request_body for call in fake.requests if call.operation]

    bodies(
        0
    )  # Hypothesis draws from the constants of the modules that are loaded, which are all from now on.
    first = bodies(0)
    assert len(first) > 100
    assert bodies(5000) == first


def test_same_call_is_fuzzed_once() -> None:
    """Many generated ids become the same existing one; they are one call."""
    with Fake(auth="strict", journal_bytes=100_000_000) as fake:
        target = Target(fake.url, fake.api_key, app=fake.app, transport=fake.transport)
        loaded = Loaded(target, max_examples=40, versions=VERSIONS)
        before = len(fake.requests)
        run_check(loaded, ["getDatasetById"], phases=["fuzzing"], journeys=())
        sent = [
            (call.path, call.query, call.request_body, _without_case_id(call.request_headers))
            for call in list(fake.requests)[before:]
        ]
    assert len(sent) > 10
    assert len({repr(call) for call in sent}) == len(sent)


def _without_case_id(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return sorted(pair for pair in headers.items() if pair[0].lower() != "x-schemathesis-testcaseid")


ONE_RUN = """
from leomock import Fake
from leomock.contract.check.loading import Loaded
from leomock.contract.check.run import check
from leomock.contract.check.target import Target
with Fake(auth="strict", clock="frozen") as fake:
    target = Target(fake.url, fake.api_key, app=fake.app, transport=fake.transport)
    check(Loaded(target, max_examples=5), ["getBlueprintById"], phases=["fuzzing"], journeys=[])
    print(*[call.path for call in fake.requests if "/blueprints/" in call.path])
"""


def test_same_seed_makes_the_same_calls_in_another_process() -> None:
    """Where texts have other hashes, and objects other addresses."""

    def calls(hash_seed: str) -> str:
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
        words = [sys.executable, "-c", ONE_RUN]
        return subprocess.run(words, env=environment, capture_output=True, text=True, check=True).stdout

    first = calls("1")
    assert len(first.split()) >= 5
    assert calls("2") == first


def test_call_that_repeats_a_finding_is_the_shortest() -> None:
    """What the finding does not need is left out, by sending the call again without it."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "a limit is not held")
    report = report_of_generations(mutant)
    bodies = repeated_bodies(report)
    assert bodies
    # The prompt is required; one more property breaks the rule.
    assert [body for body in bodies if len(body) > 2 or len(body["prompt"]) > 8] == []
    # The message is about the shortened call.
    width = f"'width' is {bodies[0]['width']}; it must be between 32 and 3840"
    message = (
        "POST /generations accepted a call that the document does not allow, with 200 OK: createGeneration: "
        f"{width} (specs/generations.json POST /generations)"
    )
    assert report.findings[0].message == message


def test_call_that_repeats_a_refusal_keeps_what_was_refused() -> None:
    """The name of a model that is cut short is refused as well, but for another reason."""

    def refuse_models(exchange: Exchange) -> bool:
        if str(exchange.sent.get("modelId")) not in platform_models():
            return False
        exchange.say({"error": "this model is not available", "path": "$", "code": "unexpected"}, 400)
        exchange.header("content-type", "application/json")
        return True

    mutant = Mutant("models are refused", CREATE, "", before=on(CREATE, refuse_models, status=0))
    report = report_of_generations(mutant)
    assert {finding.rule for finding in report.findings} == {"positive-data-acceptance"}
    (body,) = repeated_bodies(report)
    assert body.keys() == {"prompt", "modelId"}
    assert body["modelId"] in platform_models()


def report_of_generations(mutant: Mutant) -> Report:
    """A check of createGeneration on a fake with a fault."""
    fake = Fake(auth="strict")
    fake.app = mutant.wrap(fake.app)
    target = Target(fake.url, fake.api_key, app=fake.app, transport=fake.transport)
    loaded = Loaded(target, max_examples=20, versions=VERSIONS)
    report = run_check(loaded, [CREATE], phases=["coverage"], journeys=())
    fake.close()
    return report


def repeated_bodies(report: Report) -> list[Any]:
    """The body of the call that repeats each finding."""
    commands = [
        shlex.split(line)
        for finding in report.findings
        for line in finding.details
        if line.startswith("repeat: ")
    ]
    return [json.loads(words[words.index("--data-binary") + 1]) for words in commands]
