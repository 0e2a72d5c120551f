"""A whole check of the fake: what it finds, what is answered by allowances, what it leaves alone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import requests
from requests.structures import CaseInsensitiveDict
from schemathesis import GenerationMode
from schemathesis.core import NOT_SET
from schemathesis.core.failures import AcceptedNegativeData, Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine.run import unit
from schemathesis.engine.run.stateful import _executor as stateful
from schemathesis.generation.meta import (
    CaseMetadata,
    ComponentInfo,
    GenerationInfo,
    PhaseInfo,
    TestPhase,
    build_phase_data,
)
from schemathesis.openapi.checks import RejectedPositiveData, UseAfterFree
from schemathesis.specs.openapi.checks import response_schema_conformance

from leomock import Fake
from leomock.contract.check.allowances import CONDITIONS, allowances
from leomock.contract.check.amendments import DATA_URL
from leomock.contract.check.loading import DEFAULT_EXAMPLES, Loaded, _Guarded, find_operations
from leomock.contract.check.run import PHASES, check
from leomock.contract.check.target import CheckError, RequestBudgetExceeded, Target, addresses, is_loopback
from leomock.contract.reports.model import Report
from leomock.state.settings import Auth
from tests.contract.check.mutants import MUTANTS, VERSIONS
from tests.fixtures import BEFORE_RETIREMENTS

EVERYTHING = list(VERSIONS.operations)
# What the overlay corrects most.
CORRECTED = (
    *("createGeneration", "getGenerationsByUserId", "getBlueprintExecution", "get3DModelById"),
    *("getBlueprintExecutionGenerations", "performAlchemyUpscaleLCM"),
)


def in_process(fake: Fake) -> Target:
    return Target(fake.url, fake.api_key, app=fake.app, transport=fake.transport)


def checked(
    operations: Sequence[str], *, examples: int, phases: Sequence[str] = PHASES, published: bool = False
) -> tuple[Report, set[str]]:
    """The report of a check of a sound fake, and the allowances that it met."""
    fake = Fake(auth="strict", as_of=BEFORE_RETIREMENTS)
    loaded = Loaded(
        in_process(fake),
        max_examples=examples,
        published=published,
        versions=VERSIONS,
        as_of=BEFORE_RETIREMENTS,
    )
    report = check(loaded, operations, phases=phases, journeys=None if operations is EVERYTHING else ())
    fake.close()
    assert loaded.target.api_key not in json.dumps([finding.details for finding in report.findings])
    return report, {name for name, _ in loaded.ledger.used}


def found(report: Report, level: str) -> set[tuple[str, str]]:
    return {(finding.where, finding.rule) for finding in report.findings if finding.level == level}


BODY, QUERY = ParameterLocation.BODY, ParameterLocation.QUERY
# Findings as schemathesis makes them.
ACCEPTED = AcceptedNegativeData(operation="", message="", status_code=200, expected_statuses=["4xx"])
REFUSED = RejectedPositiveData(operation="", message="", status_code=200, allowed_statuses=["2xx"])
STALE = UseAfterFree(operation="", message="", free="DELETE", usage="GET")
NOTHING = "11111111-1111-4111-8111-111111111111"


@dataclass(frozen=True)
class Meeting:
    """A call that meets an allowance, and the finding that the allowance answers.

    `wrong` is the part of the call that is wrong on purpose.
    """

    allowance: str
    operation: str
    finding: Failure = ACCEPTED
    wrong: ParameterLocation | None = None
    path: dict[str, str] = field(default_factory=dict)
    query: dict[str, str] = field(default_factory=dict)
    body: Any = NOT_SET
    phase: TestPhase = TestPhase.FUZZING


# Which of these a run meets depends on what is drawn.
MEETINGS = [
    Meeting("no-object-no-variables", "get3DModelById", wrong=BODY, path={"id": NOTHING}, body=[1]),
    Meeting(
        "empty-query-value",
        "getGenerationsByUserId",
        wrong=QUERY,
        path={"userId": NOTHING},
        query={"limit": "", "offset": "3"},
    ),
    Meeting(
        "valid-after-all",
        "performAlchemyUpscaleLCM",
        wrong=BODY,
        body={"prompt": "a fox", "imageDataUrl": DATA_URL, "steps": 8.0},
    ),
    Meeting(
        "valid-after-all",
        "getGenerationsByUserId",
        wrong=QUERY,
        path={"userId": NOTHING},
        query={"limit": "3.0"},
    ),
    Meeting("null-after-delete", "getDatasetById", STALE, path={"id": NOTHING}),
    Meeting(
        "errors-on-200",
        "createGenerationV2",
        wrong=BODY,
        body={"model": "phoenix-v1.0", "public": False, "parameters": {"prompt": 5}},
    ),
    Meeting(
        "beyond-the-known",
        "createGenerationV2",
        wrong=BODY,
        body={
            "model": "kling-3.0",
            "public": False,
            "parameters": {"prompt": "a", "width": 960, "height": 960},
        },
    ),
    Meeting("not-found-on-200", "getBlueprintById", REFUSED, path={"id": NOTHING}),
    Meeting(
        "example-of-another-account",
        "getBlueprintById",
        REFUSED,
        path={"id": NOTHING},
        phase=TestPhase.EXAMPLES,
    ),
    Meeting("path-outweighs-body", "get3DModelById", wrong=BODY, path={"id": NOTHING}, body={"id": 5}),
    Meeting(
        "single-value-for-a-list",
        "createGeneration",
        wrong=BODY,
        body={"prompt": "a", "elements": {"akUUID": "a"}},
    ),
    Meeting("body-may-be-left-out", "createGeneration", REFUSED),
    Meeting("refused-by-a-correction", "createGeneration", REFUSED, body={"prompt": "a", "num_images": 99}),
    Meeting(
        "admitted-by-a-correction", "createGeneration", wrong=BODY, body={"prompt": "a", "scheduler": None}
    ),
]


@pytest.mark.parametrize("met", MEETINGS, ids=lambda met: f"{met.allowance} {met.operation}")
def test_allowance_is_met_by_a_call(met: Meeting) -> None:
    """The fake answers as the allowance says, and a check's finding is answered by this allowance alone."""
    fake = Fake(auth="strict")
    published = next(known.met for known in allowances() if known.name == met.allowance) == "published"
    loaded = Loaded(in_process(fake), published=published, versions=VERSIONS)
    operation = next(
        schema[known.path][known.method]
        for version, schema in loaded.schemas.items()
        if (known := VERSIONS[version].operations.get(met.operation))
    )
    case = operation.Case(
        path_parameters=met.path,
        query=met.query,
        body=met.body,
        media_type=None if met.body is NOT_SET else "application/json",
        headers=CaseInsensitiveDict(authorization=f"Bearer {fake.api_key}"),
        _meta=CaseMetadata(
            generation=GenerationInfo(0, GenerationMode.NEGATIVE if met.wrong else GenerationMode.POSITIVE),
            components={met.wrong: ComponentInfo(mode=GenerationMode.NEGATIVE)} if met.wrong else {},
            phase=PhaseInfo(met.phase, build_phase_data(met.phase, "made by hand")),
        ),
    )
    if met.allowance == "not-found-on-200":
        loaded.ledger.known.unnamed.add(case.id)
    response = case.call()
    fake.close()
    assert response.status_code == 200 or met.finding is REFUSED
    assert loaded.ledger.allows(met.finding, case, response)
    assert [name for name, _ in loaded.ledger.used] == [met.allowance]


def test_fake_passes() -> None:
    """As many calls as `leomock check` makes find nothing; what is not met on the fake is not used."""
    report, used = checked(EVERYTHING, examples=DEFAULT_EXAMPLES)
    assert found(report, "error") == set(), [finding.message for finding in report.findings]
    total = len(EVERYTHING)
    assert report.facts["Operations"] == f"{total} of {total}"
    assert [phase for phase in PHASES if phase in report.facts["Calls"]] == list(PHASES)
    assert used <= {allowance.name for allowance in allowances() if allowance.met == "fake"}


@pytest.mark.parametrize(
    ("phase", "module", "name"),
    [("coverage", unit, "_run_operation"), ("stateful", stateful, "execute_state_machine_loop")],
    ids=["coverage", "stateful"],
)
def test_check_whose_thread_fails_does_not_pass(
    phase: str, module: Any, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The operations that it left out are not known to be right."""

    def fail(*_: Any, **__: Any) -> None:
        raise LookupError("a defect of the engine")

    monkeypatch.setattr(module, name, fail)
    with pytest.raises(CheckError, match="the run broke off: LookupError: a defect of the engine"):
        checked(["getUserSelf", "createGeneration", "getGenerationById"], examples=1, phases=[phase])


def test_what_the_vendor_has_retired_is_not_checked() -> None:
    """Unless the check is of an earlier day: operations with the links to them, and models."""
    fake = Fake(auth="strict")
    loaded = Loaded(in_process(fake), versions=VERSIONS)
    gone = {"createSVDMotionGeneration", "createTextureGeneration"}
    assert set(EVERYTHING) - set(loaded.there(EVERYTHING)) == gone
    raw = json.dumps(loaded.schemas["v1"].raw_schema)
    assert not any(name in raw for name in (*gone, '"VEO3"', "KLING2_1"))
    with pytest.raises(CheckError) as caught:
        loaded.ensure(["createSVDMotionGeneration"])
    assert str(caught.value) == (
        "leomock check: the vendor has retired createSVDMotionGeneration; --as-of DATE checks a server as on "
        "an earlier day"
    )
    earlier = Loaded(in_process(fake), versions=VERSIONS, as_of=BEFORE_RETIREMENTS)
    fake.close()
    assert earlier.there(EVERYTHING) == EVERYTHING
    raw = json.dumps(earlier.schemas["v1"].raw_schema)
    assert all(name in raw for name in (*gone, '"VEO3"', "KLING2_1"))


def test_published_document_leaves_only_undocumented_errors() -> None:
    """What differs otherwise is answered by the corrections; these errors are warnings."""
    report, used = checked(CORRECTED, examples=12, phases=["coverage", "fuzzing"], published=True)
    assert found(report, "error") == set()
    assert {rule for _, rule in found(report, "warning")} == {"status-code-conformance"}
    statuses = {finding.properties["status"] for finding in report.findings if finding.level == "warning"}
    assert statuses <= {400, 401, 404, 405, 413}
    assert used <= {allowance.name for allowance in allowances() if allowance.met in ("fake", "published")}
    assert not report.failed


def test_answer_that_only_the_corrected_document_admits_is_answered() -> None:
    """The cursors of an empty page are null."""
    fake = Fake(auth="strict")
    loaded = Loaded(in_process(fake), published=True, versions=VERSIONS)
    operation = loaded.schemas["v1"]["/blueprint-executions/{id}/generations"]["GET"]
    case = operation.Case(
        path_parameters={"id": "11111111-1111-4111-8111-111111111111"},
        headers=CaseInsensitiveDict(authorization=f"Bearer {fake.api_key}"),
    )
    case.validate_response(case.call(), checks=[response_schema_conformance])
    fake.close()
    assert [name for name, _ in loaded.ledger.used] == ["answer-as-corrected"]


@pytest.mark.parametrize(("auth", "name"), [("open", "any-key"), ("real", "hook-error")])
def test_allowance_of_keys_is_met(auth: Auth, name: str) -> None:
    """A server that takes any key, or answers 500 to one that is not a UUID, is known as such."""
    fake = Fake(auth=auth)
    loaded = Loaded(in_process(fake), max_examples=1, versions=VERSIONS)
    report = check(loaded, ["getUserSelf"], phases=["fuzzing"], journeys=())
    fake.close()
    assert (report.findings, {name for name, _ in loaded.ledger.used}) == ([], {name})


def test_allowances_are_whole() -> None:
    """Every allowance names operations that exist and a condition, and every condition is used."""
    for allowance in allowances():
        assert allowance.operations == "*" or set(allowance.operations) <= set(EVERYTHING), allowance.name
    assert {allowance.condition for allowance in allowances()} == set(CONDITIONS)
    there = {allowance.name for allowance in allowances() if allowance.met in ("fake", "published")}
    assert {met.allowance for met in MEETINGS} == there - {"answer-as-corrected"}


def test_finding_says_what_was_sent_and_how_to_repeat_it() -> None:
    """Sent, came, rule, repeat."""
    mutant = next(mutant for mutant in MUTANTS if mutant.name == "201 in place of 200")
    fake = Fake(auth="strict", clock="frozen")
    fake.app = mutant.wrap(fake.app)
    loaded = Loaded(in_process(fake), max_examples=1, versions=VERSIONS)
    report = check(loaded, ["uploadInitImage"], phases=["coverage"], journeys=())
    fake.close()
    finding = next(f for f in report.findings if f.rule == "status-code-conformance")
    assert finding.where == "uploadInitImage"
    assert finding.description == "Every response has a status that the document names."
    assert finding.message == (
        "POST /init-image answered 201 Created, a status that the document does not name"
    )
    sent, came, rule, repeat, count = finding.details
    assert sent == 'sent: POST http://testserver/api/rest/v1/init-image {"extension": "png"}'
    assert came.startswith('came: 201 {"uploadInitImage":{')
    assert rule == (
        "rule: specs/init_images.json#/paths/~1init-image/post/responses (with specs/overlay.json)"
    )
    assert repeat == (
        'repeat: curl -i -X POST -H "authorization: Bearer $LEONARDO_API_KEY" '
        "-H 'content-type: application/json' --data-binary '{\"extension\": \"png\"}' "
        "http://testserver/api/rest/v1/init-image"
    )
    assert re.fullmatch(r"found on \d+ calls; this is the shortest", count)


def test_key_that_is_a_part_of_words() -> None:
    """Only where the key stands by itself does the variable stand for it."""
    fake = Fake(auth="open", clock="frozen")
    fake.app = next(mutant for mutant in MUTANTS if mutant.name == "201 in place of 200").wrap(fake.app)
    target = Target(fake.url, "i", app=fake.app, transport=fake.transport)
    report = check(
        Loaded(target, max_examples=1, versions=VERSIONS),
        ["uploadInitImage"],
        phases=["coverage"],
        journeys=(),
    )
    fake.close()
    finding = next(f for f in report.findings if f.rule == "status-code-conformance")
    _, came, _, repeat, _ = finding.details
    assert came.startswith('came: 201 {"uploadInitImage":{')
    assert '-H "authorization: Bearer $LEONARDO_API_KEY"' in repeat


# --- what is left alone -----------------------------------------------------------------------------------


@pytest.fixture
def remote() -> Iterator[tuple[Fake, list[str], httpx.BaseTransport]]:
    """A fake behind a host that is not this machine, and the methods that reached it."""
    fake = Fake(auth="strict")
    methods: list[str] = []

    class Watched(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            methods.append(request.method)
            return fake.transport.handle_request(request)

    yield fake, methods, Watched()
    fake.close()


def test_server_that_may_not_be_written_is_only_read(
    remote: tuple[Fake, list[str], httpx.BaseTransport],
) -> None:
    """Neither the preparation nor a phase nor a probe sends anything but GET."""
    fake, methods, transport = remote
    target = Target(fake.url, fake.api_key, app=fake.app, transport=transport, writes=False)
    loaded = Loaded(target, max_examples=2, versions=VERSIONS)
    report = check(loaded, EVERYTHING, phases=["coverage", "fuzzing"])
    assert set(methods) == {"GET"}
    assert {exchange.method for exchange in fake.requests} <= {"GET", "HEAD", "OPTIONS"}
    assert report.facts["Left out"] == "everything that writes (--allow-writes)"
    assert set(report.checked) == {id for id in EVERYTHING if VERSIONS.operations[id].method == "GET"}


def test_guard_stops_a_write() -> None:
    """Whatever forgets to ask, the guard does not."""
    target = Target("http://leonardo.test", "key", writes=False)
    with pytest.raises(CheckError) as refused:
        target.admit("DELETE")
    assert str(refused.value) == "leomock check: a DELETE request was about to be sent without --allow-writes"


def test_guard_counts_requests() -> None:
    """After the last one nothing passes."""
    target = Target("http://leonardo.test", "key", max_requests=1)
    target.admit("GET")
    with pytest.raises(RequestBudgetExceeded):
        target.admit("GET")


def test_check_deletes_nothing_that_it_did_not_make() -> None:
    """What the account had before it has after."""
    fake = Fake(auth="strict")
    with httpx.Client(
        transport=fake.transport,
        base_url=fake.base_url,
        headers={"authorization": f"Bearer {fake.api_key}"},
    ) as client:
        made = client.post("/generations", json={"prompt": "mine"}).json()["sdGenerationJob"]["generationId"]
        loaded = Loaded(in_process(fake), max_examples=30, versions=VERSIONS)
        loaded.things.add("generation", made)
        check(loaded, ["getGenerationById", "deleteGenerationById", "getGenerationsByUserId"], journeys=())
        assert client.get(f"/generations/{made}").json()["generations_by_pk"]["id"] == made
    fake.close()


# --- addresses and names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8090", ["http://127.0.0.1:8090/api/rest/v1", "http://127.0.0.1:8090"]),
        ("http://127.0.0.1:8090/", ["http://127.0.0.1:8090/api/rest/v1", "http://127.0.0.1:8090"]),
        ("https://gateway.test/leonardo/", ["https://gateway.test/leonardo"]),
    ],
)
def test_addresses_under_which_the_api_may_be(url: str, expected: list[str]) -> None:
    """A server's name is enough; a path is taken at its word."""
    assert addresses(url) == expected


def test_api_at_the_root_of_a_server() -> None:
    """It is found where only the server was named."""
    fake = Fake()

    def at_the_root(request: httpx.Request) -> httpx.Response:
        known = not request.url.path.startswith("/api/")
        return httpx.Response(200 if known else 404, json={"user_details": []})

    target = Target(fake.url, fake.api_key, transport=httpx.MockTransport(at_the_root))
    target.ensure_answers()
    assert target.url == fake.url


def test_invalid_address() -> None:
    """A sentence says what one looks like."""
    with pytest.raises(CheckError) as refused:
        addresses("localhost:8090")
    assert str(refused.value) == (
        "leomock check: 'localhost:8090' is not an address; give one such as http://127.0.0.1:8090/api/rest/v1"
    )


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:1", True),
        ("http://[::1]:1", True),
        ("http://localhost", True),
        ("http://10.0.0.1", False),
        ("https://cloud.leonardo.ai", False),
        ("http://localhost.evil.test", False),
    ],
)
def test_loopback(url: str, near: bool) -> None:
    """Only this machine is free."""
    assert is_loopback(url) is near


# --- versions ---------------------------------------------------------------------------------------------


def without_version_2(fake: Fake) -> Target:
    """A server that answers 404 to whatever is of version 2."""
    sound = fake.app

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/rest/v2"):
            scope = {**scope, "path": "/nowhere", "raw_path": b"/nowhere"}
        await sound(scope, receive, send)

    fake.app = app
    return Target(fake.url, fake.api_key, app=app, transport=fake.transport)


def test_server_without_version_2_is_told_once() -> None:
    """As a fact, and nothing of it is checked."""
    fake = Fake(auth="strict")
    loaded = Loaded(without_version_2(fake), max_examples=1, versions=VERSIONS)
    report = check(loaded, ["getUserSelf", "listModelsV2"], phases=["fuzzing"], journeys=())
    fake.close()
    assert report.findings == []
    assert report.checked == ["getUserSelf"]
    why = f"this server has no version 2: it answers 404 to every call to {fake.url}/api/rest/v2"
    assert report.facts["Version 2"] == why
    with pytest.raises(CheckError) as refused:
        loaded.ensure(["getUserSelf", "listModelsV2"])
    assert str(refused.value) == f"leomock check: listModelsV2 cannot be checked: {why}"


def test_version_2_of_an_address_that_tells_no_version() -> None:
    """Where it begins is not known; of the usual address it is."""
    target = Target("https://gateway.test/leonardo", "key")
    assert target.base("v2") is None
    assert target.lacks("v2", ()) == (
        "https://gateway.test/leonardo does not end in /v1, so nothing tells where version 2 begins"
    )
    assert Target("https://gateway.test", "key").base("v2") == "https://gateway.test/api/rest/v2"


def test_published_documents_have_no_version_2() -> None:
    """So it is left out."""
    fake = Fake(auth="strict")
    loaded = Loaded(in_process(fake), published=True, versions=VERSIONS)
    fake.close()
    assert loaded.left_out == {"v2": "the published documents have nothing of version 2"}


def test_unknown_operation_gets_a_suggestion() -> None:
    """The nearest one is named."""
    with pytest.raises(CheckError) as refused:
        find_operations(VERSIONS, ("createGenration",), ())
    assert str(refused.value) == (
        "leomock check: --operation createGenration: there is no such operation; "
        "did you mean 'createGeneration'?"
    )


def test_group_means_its_operations() -> None:
    """A group and an operation add up."""
    assert find_operations(VERSIONS, ("getUserSelf",), ("media",)) == [
        *("uploadMedia", "getUploadedMediaById", "deleteUploadedMediaById", "getUserSelf")
    ]


def test_proxy_and_certificates_of_the_environment_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """For every call, though they are read once."""
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:1")
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/ca.pem")
    sent = []

    class Session(requests.Session):
        def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
            sent.append((options["proxies"]["https"], options["verify"]))
            raise requests.ConnectionError

    with Fake(auth="strict") as fake:
        loaded = Loaded(in_process(fake), versions=VERSIONS)
    transport = _Guarded(Target("https://api.test/api/rest/v1", "key"))
    case = loaded.schemas["v1"]["/me"]["GET"].Case()
    session = Session()
    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            transport.send(case, session=session, base_url="https://api.test")
    assert sent == [("http://proxy.test:1", "/ca.pem")] * 2
