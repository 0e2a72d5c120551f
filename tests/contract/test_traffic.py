"""Recorded traffic against the documents: `leomock.contract.traffic.judge` and `leomock referee`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from leomock import Fake
from leomock.cli.main import main
from leomock.cli.serving.replay import serve_replay
from leomock.contract.strict import strict_document
from leomock.contract.traffic import judge
from leomock.files.har import to_har
from leomock.openapi.documents import at
from leomock.openapi.spec import shipped_versions
from tests.fixtures import completed

BASE = "https://cloud.leonardo.ai/api/rest/v1"
COST = {"amount": "0.0160", "unit": "DOLLARS"}
ID = "6163f776-ad40-47fc-acd4-c04b22590ada"
JOB = {"sdGenerationJob": {"generationId": ID, "apiCreditCost": 8, "cost": COST}}


def call(
    body: Any = None, answer: Any = JOB, status: int = 200, url: str = f"{BASE}/generations", **headers: str
) -> dict[str, Any]:
    """One interaction of a cassette whose recorder left the API key out."""
    return {
        "request": {
            "method": "POST",
            "uri": url,
            "headers": {"content-type": "application/json"} | headers,
            "body": json.dumps({"prompt": "a cat"} if body is None else body),
        },
        "response": {
            "status": {"code": status},
            "headers": {"content-type": "application/json"},
            "body": {"string": json.dumps(answer)},
        },
    }


def cassette(tmp_path: Path, *calls: Any) -> Path:
    path = tmp_path / "it.json"
    path.write_text(json.dumps({"interactions": calls}), "utf-8")
    return path


def ran(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["referee", *map(str, arguments)])


def test_journal_of_a_fake_is_clean(tmp_path: Path, fake: Fake, client: httpx.Client) -> None:
    """What a fake answers keeps to the documents, as objects, as HAR and as JSON."""
    completed(client)
    kept = list(fake.world.journal)
    assert judge(kept) == []
    for name, tree in (
        ("it.har", to_har(kept, "0")),
        ("it.json", {"requests": [each.as_json() for each in kept]}),
    ):
        (tmp_path / name).write_text(json.dumps(tree), "utf-8")
        assert judge(tmp_path / name) == []


def test_finding_says_which_rule_of_which_document(tmp_path: Path) -> None:
    """The exchange, the place and what is wrong there."""
    broken = call(answer={"sdGenerationJob": JOB["sdGenerationJob"] | {"apiCreditCost": "8"}})
    [finding] = judge(cassette(tmp_path, call(), broken))
    assert (finding.rule, finding.level) == ("response-body", "error")
    assert finding.where == (
        f"{tmp_path / 'it.json'} #2 POST /api/rest/v1/generations (createGeneration) 200"
    )
    assert finding.message == 'response body: sdGenerationJob.apiCreditCost is "8", not of type integer'
    assert finding.details == ("specs/generations.json#/paths/~1generations/post/responses/200",)


@pytest.mark.parametrize(
    ("broken", "rule", "pointer"),
    [
        (call({}), "request-body", "specs/generations.json#/paths/~1generations/post/requestBody"),
        (call(status=201), "response-status", "specs/generations.json#/paths/~1generations/post/responses"),
        (call(url=f"{BASE}/generationz"), "no-operation", "the documents#/paths"),
        (
            call({}, url=f"{BASE}/generations/user/x?limit=y"),
            "no-operation",
            "the documents#/paths",
        ),
        (
            call(answer={"error": "x", "path": "$", "code": "y"}, status=401),
            "authentication",
            "specs/generations.json#/paths/~1generations/post",
        ),
    ],
)
def test_each_kind_of_rule(tmp_path: Path, broken: Any, rule: str, pointer: str) -> None:
    """The rule has a name, and stands somewhere."""
    [finding] = judge(cassette(tmp_path, broken))
    assert (finding.rule, finding.details) == (rule, (pointer,))


def test_request_that_was_refused_as_it_should(tmp_path: Path) -> None:
    """Service and document agree: a warning about the client, and a finding all the same."""
    refused = call({}, {"error": "x", "path": "$", "code": "y"}, 400)
    [finding] = judge(cassette(tmp_path, refused))
    assert (finding.rule, finding.level) == ("request-body", "warning")
    assert ran(cassette(tmp_path, refused)).exit_code == 0
    assert ran(cassette(tmp_path, refused), "--fail-on", "warning").exit_code == 1


@pytest.mark.parametrize(
    ("url", "bases", "judged"),
    [
        ("https://api.example.com/v1/generations", (), False),
        ("https://api.example.com/api/rest/v1/generations", (), True),
        ("https://cloud.leonardo.ai/v1/generations", (), True),
        ("https://cloud.leonardo.ai/api/rest/v10/generations", (), False),
        ("http://localhost:8090/v1/generations", (), True),
        ("http://10.0.0.7/v1/generations", (), True),
        ("http://leomock:8090/v1/generations", (), True),
        ("https://api.example.com/leo/generations", ("/leo",), True),
        ("https://api.example.com/leo/generations", ("https://api.example.com/leo/",), True),
        ("https://api.example.com/leo/generations", ("https://www.example.com/leo",), False),
    ],
)
def test_what_is_of_this_api(tmp_path: Path, url: str, bases: tuple[str, ...], judged: bool) -> None:
    """The rest is counted, not judged; if nothing is left, that is an error."""
    path = cassette(tmp_path, call(url=url, answer={"sdGenerationJob": 7}))
    if judged:
        assert [finding.rule for finding in judge(path, base_urls=bases)] == ["response-body"]
    else:
        with pytest.raises(ValueError, match="nothing in it belongs to this API, so nothing was judged"):
            judge(path, base_urls=bases)


def test_published_documents_know_no_refusals(tmp_path: Path) -> None:
    """With `--published` our corrections are left out."""
    path = cassette(tmp_path, call(answer={"error": "x", "path": "$", "code": "y"}, status=500))
    assert judge(path) == []
    [finding] = judge(path, published=True)
    assert finding.message == "the document names no such status, but 200"


V2 = "https://cloud.leonardo.ai/api/rest/v2/generations"
WANTED = {"model": "lucid-origin", "parameters": {"prompt": "a cat"}}


def test_version_2_is_judged_by_its_own_documents(tmp_path: Path) -> None:
    """An answer without the envelope breaks them, one with it and a list of errors do not."""
    made = {"generationId": ID, "apiCreditCost": 8, "cost": COST}
    refused = [{"message": "An error occurred.", "path": [], "locations": [], "extensions": {}}]
    path = cassette(
        tmp_path,
        call(WANTED, {"generate": made}, url=V2),
        call(WANTED, refused, url=V2),
        call(WANTED, made, url=V2),
    )
    findings = judge(path)
    assert {finding.where for finding in findings} == {
        f"{path} #3 POST /api/rest/v2/generations (createGenerationV2) 200"
    }
    assert {finding.details for finding in findings} == {
        ("specs/v2/generations_v2.json#/paths/~1generations/post/responses/200",)
    }


def test_journal_with_version_2_is_clean(fake: Fake, client: httpx.Client) -> None:
    """What a fake answers there keeps to the documents, refusals as well."""
    for body in (WANTED, {"model": "no-such-model"}, {}):
        client.post(f"{fake.url}/api/rest/v2/generations", json=body)
    assert len(fake.requests) == 3
    assert [finding for finding in judge(fake.requests) if finding.level == "error"] == []


def test_published_documents_have_nothing_of_version_2(tmp_path: Path) -> None:
    """With `--published` it is not judged, and that is told."""
    path = cassette(tmp_path, call(), call(WANTED, {}, url=V2))
    result = ran("--published", path)
    assert result.exit_code == 0, result.output
    assert (
        "Not of this API: 1 (1 at https://cloud.leonardo.ai, v2 of which is not among the "
        "published documents)" in result.stdout
    )


def test_body_that_was_not_kept_is_not_judged(tmp_path: Path) -> None:
    """The rest of the exchange is."""
    entry = {
        "request": {"method": "GET", "url": f"{BASE}/me", "headers": []},
        "response": {"status": 200, "headers": [], "content": {"size": 5, "mimeType": "application/json"}},
    }
    assert judge(har(tmp_path, entry)) == []


def test_report_of_the_command(tmp_path: Path) -> None:
    """Findings, what cannot be read, what is of another API, and exit code 1."""
    path = cassette(
        tmp_path, call(), call(answer={"sdGenerationJob": 7}), call(url="https://x.test/other"), {}
    )
    done = ran(path)
    assert done.exit_code == 1
    assert " ".join(done.output.split()) == (
        f"error: {path} #4: request is missing [unreadable] "
        f"error: {path} #2 POST /api/rest/v1/generations (createGeneration) 200: response body: "
        "sdGenerationJob is 7, not of type object [response-body] "
        "specs/generations.json#/paths/~1generations/post/responses/200 "
        "Documents: published, with leomock's corrections "
        "Judged: 2 of 4 exchanges "
        "Not of this API: 1 (1 at https://x.test) "
        "leomock referee: 2 errors"
    )


def har(tmp_path: Path, *entries: Any) -> Path:
    path = tmp_path / "it.har"
    path.write_text(json.dumps({"log": {"entries": entries}}), "utf-8")
    return path


def test_unreadable_entry_of_another_host_is_not_judged(tmp_path: Path) -> None:
    """A browser's recording has much besides the API; only the API's entries have to be readable."""
    answer = {"status": 200, "headers": [], "content": {"mimeType": "application/json", "text": "{}"}}
    asked = {"method": "GET", "url": f"{BASE}/me", "headers": []}
    path = har(
        tmp_path,
        {"request": asked, "response": answer},
        {"request": {**asked, "url": "https://x.test/font"}, "response": {"status": "aborted"}},
        {"request": asked, "response": {"status": "aborted"}},
    )
    report = json.loads(ran(path, "--format", "json").output)
    unreadable = [finding for finding in report["findings"] if finding["rule"] == "unreadable"]
    assert [finding["where"] for finding in unreadable] == [f"{path} #3"]
    assert unreadable[0]["message"] == "the status 'aborted' is not a number"
    assert report["facts"]["Judged"] == "1 of 3 exchanges"
    assert report["facts"]["Not of this API"] == "1 (1 at https://x.test)"


def test_recording_with_nothing_but_unreadable_entries_of_other_hosts(tmp_path: Path) -> None:
    path = har(tmp_path, {"request": {"method": "GET", "url": "https://x.test/font"}})
    with pytest.raises(ValueError, match="nothing in it belongs to this API, so nothing was judged"):
        judge(path)


@pytest.mark.parametrize("written", ["text", "json", "markdown", "sarif", "junit", "github", "html"])
def test_report_in_every_format(tmp_path: Path, written: str) -> None:
    """`-o` writes it to a file; stderr says where it is."""
    output = tmp_path / "report"
    bad = cassette(tmp_path, call(answer={"sdGenerationJob": 7}))
    done = ran(bad, "--format", written, "-o", output)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"leomock referee: 1 error; the report is in {output}\n"
    assert "of type" in " ".join(output.read_text("utf-8").split())


def test_clean_recording(tmp_path: Path) -> None:
    """Exit code 0."""
    done = ran(cassette(tmp_path, call()))
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "leomock referee: nothing found")


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (
            {"interactions": [call(url="https://x.test/other")]},
            "nothing was judged: exchanges that are not of this API: 1 (1 at https://x.test); "
            "--base-url says where it is",
        ),
        (
            {"other": 1},
            "{path}: neither a HAR (log.entries), a VCR cassette (interactions), a Postman collection or "
            "newman report, WireMock mappings nor a journal of leomock (requests)",
        ),
    ],
)
def test_command_that_cannot_judge(tmp_path: Path, content: Any, error: str) -> None:
    """Exit code 2, and one sentence."""
    path = tmp_path / "it.json"
    path.write_text(json.dumps(content), "utf-8")
    done = ran(path)
    assert done.exit_code == 2
    assert done.output.endswith(f"\nError: {error.format(path=path)}\n")


def test_assert_clean_has_a_line_for_each_finding(tmp_path: Path) -> None:
    """Warnings count only if asked for."""
    judge(cassette(tmp_path, call())).assert_clean()
    refused = judge(cassette(tmp_path, call({}, {"error": "x", "path": "$", "code": "y"}, 400)))
    refused.assert_clean()
    with pytest.raises(AssertionError):
        refused.assert_clean(fail_on="warning")
    path = cassette(tmp_path, *[call(answer={"sdGenerationJob": 7})] * 12)
    with pytest.raises(AssertionError) as caught:
        judge(path).assert_clean()
    lines = str(caught.value).splitlines()
    assert lines[0] == "12 findings in the recorded traffic:"
    assert lines[1].startswith(f"{path} #1 POST /api/rest/v1/generations (createGeneration) 200: ")
    assert lines[11:] == ["and 2 more"]


def test_json_that_curl_sends_as_a_form(tmp_path: Path) -> None:
    """The service took it, so it is not a finding; a request that it refused is."""
    form: Any = {"content-type": "application/x-www-form-urlencoded"}
    assert judge(cassette(tmp_path, call(**form))) == []
    refused = call(answer={"error": "x", "path": "$", "code": "y"}, status=400, **form)
    assert [finding.rule for finding in judge(cassette(tmp_path, refused))] == ["request-body"]


def test_answer_that_lacks_fields_breaks_the_strict_contract(tmp_path: Path) -> None:
    """An empty object is not an answer, though the published documents require almost nothing."""
    empty = call(url=f"{BASE}/me", answer={})
    empty["request"] |= {"method": "GET", "body": None}
    [finding] = judge(cassette(tmp_path, empty))
    assert finding.message == "response body: user_details is missing"
    assert judge(cassette(tmp_path, empty), published=True) == []


def test_generation_without_status_and_seed_breaks_the_strict_contract(
    tmp_path: Path, client: httpx.Client
) -> None:
    """Each missing field is named with the path to it, and the pointer leads to something in the document."""
    id = completed(client)["id"]
    answer = client.get(f"/generations/{id}").json()
    del answer["generations_by_pk"]["status"], answer["generations_by_pk"]["seed"]
    read = call(url=f"{BASE}/generations/{id}", answer=answer)
    read["request"] |= {"method": "GET", "body": None}
    found = judge(cassette(tmp_path, read))
    assert [finding.message for finding in found] == [
        "response body: generations_by_pk.seed is missing",
        "response body: generations_by_pk.status is missing",
    ]
    file, _, pointer = found[0].properties["pointer"].partition("#")
    assert file == "specs/generations.json"
    at(strict_document(shipped_versions()["v1"], "/"), f"#{pointer}")


def test_replay_names_recorded_answers_that_break_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It answers as recorded all the same."""
    empty = call(url=f"{BASE}/me", answer={})
    empty["request"] |= {"method": "GET", "body": None}
    path = cassette(tmp_path, call(), empty)
    serve_replay((path,), quiet=True)
    assert capsys.readouterr().err == (
        f"leomock: {path} #2 is replayed, but breaks the contract: user_details is missing\n"
    )
    serve_replay((cassette(tmp_path, *[empty] * 12),), quiet=True)
    lines = capsys.readouterr().err.splitlines()
    assert (len(lines), lines[-1]) == (11, "leomock: and 2 more; `leomock referee` lists them")
