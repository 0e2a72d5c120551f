"""Clients that treat the API badly, each caught by exactly its rule; and good ones, caught by none."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.state.clock import EPOCH
from leomock.state.journal import TOOL_HEADER, Exchange
from leomock.state.outbox import Attempt, Event
from leomock.testing.webhook_receiver import WebhookReceiver
from leomock.verdict.registry import RULES, rule
from leomock.verdict.review import Finding, Verdict, verdict
from tests.fixtures import client_of, completed, generate

ID = "11111111-1111-4111-8111-111111111111"
OWN = Path(__file__).parent / "scenarios" / "breaks_once.yaml"
PNG = b"\x89PNG\r\n\x1a\n a PNG"
ONE: dict[str, Any] = {"num_images": 1, "width": 512, "height": 512}


@dataclass
class Product:
    """A client under judgement: its fake, an httpx client with the key, one without, and its webhook."""

    fake: Fake
    api: httpx.Client
    bare: httpx.Client
    receiver: WebhookReceiver

    def read(self, id: str) -> httpx.Response:
        """One read of a generation."""
        return self.api.get(f"/generations/{id}")

    def status(self, id: str) -> str:
        """What one read says."""
        status: str = self.read(id).json()["generations_by_pk"]["status"]
        return status

    def form(self) -> tuple[str, str, str]:
        """The id, address and fields of an upload form, the latter as they come."""
        answer = self.api.post("/init-image", json={"extension": "png"}).json()["uploadInitImage"]
        return answer["id"], answer["url"], answer["fields"]

    def listen(self) -> None:
        """Have events sent to the receiver."""
        self.fake.set_webhook(self.receiver.url)


Client = Callable[[Product], None]
Case = tuple[dict[str, Any], Client]

BAD: list[tuple[str, str, Case]] = []
GOOD: list[tuple[str, Case]] = []


def bad(expected: str, **settings: Any) -> Callable[[Client], Client]:
    """A client that one rule catches, and the settings of its fake."""

    def register(client: Client) -> Client:
        BAD.append((expected, client.__name__, (settings, client)))
        return client

    return register


def good(**settings: Any) -> Callable[[Client], Client]:
    """A client that no rule catches, and the settings of its fake."""

    def register(client: Client) -> Client:
        GOOD.append((client.__name__, (settings, client)))
        return client

    return register


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    with WebhookReceiver() as receiver:
        yield receiver


def judged(case: Case, receiver: WebhookReceiver) -> Verdict:
    """The verdict on what a client did."""
    settings, client = case
    receiver.answer_with(200)
    fake = Fake(**{"clock": "frozen", **settings})
    try:
        with client_of(fake) as api, httpx.Client(transport=fake.transport) as bare:
            client(Product(fake, api, bare, receiver))
        return verdict(fake.requests, events=fake.webhooks)
    finally:
        fake.close()


# --- bad clients --------------------------------------------------------------------------------------------


@bad("polled-too-fast", jobs="polls:9")
def reads_five_times_a_second(product: Product) -> None:
    id = generate(product.api, **ONE)
    while product.status(id) == "PENDING":
        product.fake.advance(0.2)


@bad("polled-too-fast", jobs="polls:99", clock="running")
def reads_without_any_pause(product: Product) -> None:
    id = generate(product.api, **ONE)
    while product.status(id) == "PENDING":
        pass


@bad("polled-after-the-end")
def polls_ten_times_whatever_comes(product: Product) -> None:
    id = generate(product.api, **ONE)
    for _ in range(10):
        product.status(id)
        product.fake.advance(5)


@bad("treated-failed-as-pending", scenario="moderation_failed")
def waits_for_complete_alone(product: Product) -> None:
    id = generate(product.api, **ONE)
    for _ in range(6):
        if product.status(id) == "COMPLETE":
            break
        product.fake.advance(5)


@bad("ignored-empty-result", scenario="empty_result")
def waits_for_pictures(product: Product) -> None:
    id = generate(product.api, **ONE)
    for _ in range(6):
        if product.read(id).json()["generations_by_pk"]["generated_images"]:
            break
        product.fake.advance(5)


@bad("ignored-retry-after", scenario="rate_limited")
def comes_back_at_once(product: Product) -> None:
    id = generate(product.api, **ONE)
    product.read(id)
    assert product.read(id).status_code == 429
    product.fake.advance(0.5)
    assert product.read(id).status_code == 200


@bad("resubmitted-after-a-broken-answer", scenario="truncated")
def asks_again_after_half_an_answer(product: Product) -> None:
    for _ in range(2):
        with suppress(httpx.TransportError):
            product.api.post("/generations", json={"prompt": "a cat", **ONE})


@bad("resubmitted-after-a-broken-answer", scenario="slow")
def asks_again_after_a_timeout(product: Product) -> None:
    for _ in range(2):
        with suppress(httpx.TimeoutException):
            product.api.post("/generations", json={"prompt": "a cat", **ONE}, timeout=0.1)


@bad("resubmitted-after-a-broken-answer", scenario="malformed_json")
def asks_again_for_json(product: Product) -> None:
    for _ in range(2):
        with suppress(json.JSONDecodeError):
            product.api.post("/generations", json={"prompt": "a cat", **ONE}).json()


@bad("resubmitted-after-a-broken-answer", scenario=OWN)
def asks_again_after_a_fault_of_its_own(product: Product) -> None:
    for _ in range(2):
        with suppress(httpx.TransportError):
            product.api.post("/generations", json={"prompt": "a cat", **ONE})


@bad("retried-what-cannot-succeed")
def insists_on_a_height(product: Product) -> None:
    for _ in range(3):
        product.api.post("/generations", json={"prompt": "a cat", "height": 2048})


@bad("retried-what-cannot-succeed", scenario="invalid_key")
def insists_on_its_key(product: Product) -> None:
    for _ in range(2):
        product.api.get("/me")


@bad("unexpected-variable")
def writes_a_variable_its_own_way(product: Product) -> None:
    product.api.post("/generations", json={"prompt": "a cat", "sd_Version": "v2"})


@bad("ignored-nsfw", scenario="nsfw_flagged")
def downloads_all_pictures(product: Product) -> None:
    for image in completed(product.api, num_images=2, width=64, height=64)["generated_images"]:
        product.bare.get(image["url"])


@bad("sent-key-to-the-bucket")
def uploads_with_its_key(product: Product) -> None:
    _, url, fields = product.form()
    product.api.post(url, data=json.loads(fields), files={"file": b"picture"})


NOBODY = "11111111-2222-4333-8444-555555555555"


@bad("unknown-model", unknown_models="allow")
def names_a_model_that_nobody_knows(product: Product) -> None:
    generate(product.api, modelId=NOBODY, **ONE)


@bad("unknown-model", unknown_models="allow")
def names_a_model_that_nobody_knows_in_version_2(product: Product) -> None:
    url = f"{product.fake.url}/api/rest/v2/generations"
    product.api.post(url, json={"model": "some-model-9", "parameters": {"prompt": "a"}})


@bad("used-upload-that-is-no-image")
def uploads_base64_text(product: Product) -> None:
    uses_upload(product, b64encode(PNG))


@bad("used-upload-that-is-no-image")
def uploads_an_error_page(product: Product) -> None:
    uses_upload(product, b'{"error": "not found"}')


@bad("used-upload-that-is-no-image")
def uploads_a_picture_of_another_format(product: Product) -> None:
    uses_upload(product, b"\xff\xd8\xff\xe0 a JPEG")


def uses_upload(product: Product, content: bytes) -> None:
    id, url, fields = product.form()
    product.bare.post(url, data=json.loads(fields), files={"file": content})
    product.api.post("/generations", json={"prompt": "a cat", "init_image_id": id, **ONE})


@bad("used-upload-that-never-came")
def uses_a_form_without_a_file(product: Product) -> None:
    id, _, _ = product.form()
    product.api.post("/generations", json={"prompt": "a cat", "init_image_id": id, **ONE})


@bad("uploaded-twice")
def uploads_with_one_form_twice(product: Product) -> None:
    _, url, fields = product.form()
    for _ in range(2):
        product.bare.post(url, data=json.loads(fields), files={"file": PNG})


@bad("used-generated-id-as-upload")
def sends_a_generated_image_as_an_upload(product: Product) -> None:
    [image] = completed(product.api, **ONE)["generated_images"]
    product.api.post("/generations", json={"prompt": "a cat", "init_image_id": image["id"], **ONE})


@bad("trained-on-empty-dataset")
def trains_on_nothing(product: Product) -> None:
    dataset = product.api.post("/datasets", json={"name": "cats"}).json()["insert_datasets_one"]["id"]
    product.api.post("/models", json={"name": "cats", "datasetId": dataset, "instance_prompt": "a cat"})


@bad("uploaded-after-expiry")
def uploads_three_minutes_later(product: Product) -> None:
    _, url, fields = product.form()
    product.fake.advance(180)
    product.bare.post(url, data=json.loads(fields), files={"file": b"picture"})


@bad("not-multipart")
def uploads_the_fields_alone(product: Product) -> None:
    _, url, fields = product.form()
    product.bare.post(url, data=json.loads(fields))


@bad("not-multipart")
def uploads_the_bare_picture(product: Product) -> None:
    product.bare.post(product.form()[1], content=b"picture")


@bad("not-multipart")
def puts_the_picture(product: Product) -> None:
    product.bare.put(product.form()[1], content=b"picture")


@bad("form-fields-not-parsed")
def uploads_the_fields_as_they_came(product: Product) -> None:
    _, url, fields = product.form()
    product.bare.post(url, data={"fields": fields}, files={"file": b"picture"})


@bad("fields-not-before-the-file")
def uploads_the_file_first(product: Product) -> None:
    _, url, fields = product.form()
    parts = [(name, (None, value.encode())) for name, value in json.loads(fields).items()]
    product.bare.post(url, files=[("file", ("cat.png", b"picture")), *parts])


@bad("fields-not-before-the-file")
def uploads_the_file_before_the_signature(product: Product) -> None:
    _, url, fields = product.form()
    parts = [(name, (None, value.encode())) for name, value in json.loads(fields).items()]
    product.bare.post(url, files=[*parts[:-1], ("file", ("cat.png", b"picture")), parts[-1]])


@bad("fields-not-before-the-file")
def uploads_with_the_key_alone(product: Product) -> None:
    _, url, fields = product.form()
    product.bare.post(url, data={"key": json.loads(fields)["key"]}, files={"file": b"picture"})


@bad("webhook-not-acknowledged")
def fails_at_the_first_event(product: Product) -> None:
    product.listen()
    product.receiver.answer_with(500, 200)
    completed(product.api, **ONE)
    product.fake.advance_until_idle()


@bad("webhook-not-acknowledged")
def redirects_its_webhook(product: Product) -> None:
    product.listen()
    product.receiver.answer_with(301)
    completed(product.api, **ONE)
    product.fake.advance_until_idle()


@bad("webhook-consumer-not-idempotent")
def has_no_place_for_a_duplicate(product: Product) -> None:
    product.listen()
    product.receiver.answer_with(200, 409)
    completed(product.api, **ONE)
    product.fake.advance_until_idle()
    product.fake.advance(1)
    [event] = product.fake.webhooks
    product.fake.world.outbox.redeliver(event.id)
    product.fake.advance_until_idle()


def tool(name: str) -> dict[str, str]:
    """The header by which a call is known as an MCP tool's."""
    return {TOOL_HEADER: name}


@bad("agent-created-again-while-pending", jobs="manual")
def agent_draws_again_instead_of_waiting(product: Product) -> None:
    for _ in range(2):
        body = {"prompt": "a cat", **ONE}
        made = product.api.post("/generations", json=body, headers=tool("create")).json()
        product.api.get(f"/generations/{made['sdGenerationJob']['generationId']}", headers=tool("read"))


@bad("agent-ignored-tool-error", scenario="out_of_credits")
def agent_reads_what_it_could_not_draw(product: Product) -> None:
    product.api.post("/generations", json={"prompt": "a cat", **ONE}, headers=tool("create"))
    product.api.get(f"/generations/{ID}", headers=tool("read"))


@bad("agent-fetched-pictures-again")
def agent_looks_twice(product: Product) -> None:
    row = completed(product.api, **ONE)
    for _ in range(2):
        product.bare.get(row["generated_images"][0]["url"], headers=tool("read"))


@pytest.mark.parametrize(("expected", "name", "case"), BAD, ids=[name for _, name, _ in BAD])
def test_bad_client_is_caught_by_its_rule(
    receiver: WebhookReceiver, expected: str, name: str, case: Case
) -> None:
    """By that one alone, once."""
    found = judged(case, receiver)
    assert [finding.rule for finding in found.findings] == [expected], str(found)
    assert not found.clean


def test_every_rule_has_a_bad_client() -> None:
    """A rule that nobody ever broke is not known to work."""
    # The budget is the test's, not the client's: tests of the tenant break it.
    assert {expected for expected, _, _ in BAD} == set(RULES) - {"over-budget"}


# --- good clients -------------------------------------------------------------------------------------------


@good(jobs="manual")
def agent_waits_and_draws_something_else(product: Product) -> None:
    for prompt in ("a cat", "a dog"):
        made = product.api.post("/generations", json={"prompt": prompt, **ONE}, headers=tool("create")).json()
        product.api.get(f"/generations/{made['sdGenerationJob']['generationId']}", headers=tool("read"))


@good(jobs="manual")
def program_draws_again_without_a_tool(product: Product) -> None:
    for _ in range(2):
        made = product.api.post("/generations", json={"prompt": "a cat", **ONE}).json()
        product.read(made["sdGenerationJob"]["generationId"])


@good()
def agent_is_given_an_unknown_id(product: Product) -> None:
    product.api.get(f"/generations/{ID}", headers=tool("read"))


@good()
def takes_the_whole_journey(product: Product) -> None:
    id, url, fields = product.form()
    assert product.bare.post(url, data=json.loads(fields), files={"file": PNG}).status_code == 204
    row = completed(product.api, init_image_id=id, init_strength=0.5, **ONE)
    for image in row["generated_images"]:
        assert product.bare.get(image["url"]).status_code == 200
    product.api.get(f"/generations/user/{product.fake.user_id}")
    product.api.delete(f"/generations/{row['id']}")
    product.api.delete(f"/init-image/{id}")


@good(jobs="seconds:20")
def polls_with_backoff(product: Product) -> None:
    id, wait = generate(product.api, **ONE), 1.0
    while product.status(id) == "PENDING":
        product.fake.advance(wait)
        wait *= 2


@good(jobs="seconds:20")
def polls_once_a_second(product: Product) -> None:
    id = generate(product.api, **ONE)
    while product.status(id) == "PENDING":
        product.fake.advance(1)


@good(jobs="polls:50")
def polls_while_time_stands_still(product: Product) -> None:
    id = generate(product.api, **ONE)
    while product.status(id) == "PENDING":
        pass


@good(clock="running")
def polls_without_a_pause_in_real_time(product: Product) -> None:
    completed(product.api, **ONE)


@good(clock="running", jobs="polls:2")
def polls_twice_without_a_pause(product: Product) -> None:
    completed(product.api, **ONE)


@good()
def looks_at_the_result_again(product: Product) -> None:
    id = completed(product.api, **ONE)["id"]
    product.read(id)
    for _ in range(3):
        product.fake.advance(3600)
        product.read(id)


@good(scenario="moderation_failed")
def stops_at_failed(product: Product) -> None:
    id = generate(product.api, **ONE)
    while product.status(id) == "PENDING":
        product.fake.advance(2)


@good(scenario="empty_result")
def accepts_an_empty_result(product: Product) -> None:
    assert completed(product.api, **ONE)["generated_images"] == []


@good(scenario="rate_limited")
def waits_as_long_as_it_is_told(product: Product) -> None:
    id = generate(product.api, **ONE)
    while True:
        answer = product.read(id)
        if answer.status_code == 429:
            product.fake.advance(int(answer.headers["retry-after"]))
        elif answer.json()["generations_by_pk"]["status"] == "COMPLETE":
            break


@good(scenario="rate_limited")
def sleeps_while_time_stands_still(product: Product) -> None:
    for _ in range(6):
        product.api.get("/me")


@good(scenario="flaky")
def tries_again_after_500(product: Product) -> None:
    for _ in range(3):
        product.api.post("/generations", json={"prompt": "a cat", **ONE})


@good(scenario="wrong_content_type")
def reads_json_whatever_it_is_called(product: Product) -> None:
    for _ in range(2):
        completed(product.api, **ONE)


@good(scenario="truncated")
def asks_for_something_else_after_half_an_answer(product: Product) -> None:
    for number in range(3):
        with suppress(httpx.TransportError):
            product.api.post("/generations", json={"prompt": f"cat {number}", **ONE})


@good()
def asks_for_the_same_twice(product: Product) -> None:
    for _ in range(2):
        completed(product.api, **ONE)


@good()
def corrects_its_call(product: Product) -> None:
    for height in (2048, 1600, 512):
        product.api.post("/generations", json={"prompt": "a cat", "height": height})


@good(scenario="nsfw_flagged")
def leaves_flagged_pictures_out(product: Product) -> None:
    for image in completed(product.api, num_images=2, width=64, height=64)["generated_images"]:
        if not image["nsfw"]:
            product.bare.get(image["url"])


@good()
def uploads_at_the_last_second(product: Product) -> None:
    _, url, fields = product.form()
    product.fake.advance(119)
    assert product.bare.post(url, data=json.loads(fields), files={"file": b"picture"}).status_code == 204


@good(scenario="upload_expired")
def meets_a_form_that_a_scenario_expired(product: Product) -> None:
    _, url, fields = product.form()
    assert product.bare.post(url, data=json.loads(fields), files={"file": b"picture"}).status_code == 403


@good()
def acknowledges_its_webhook(product: Product) -> None:
    product.listen()
    completed(product.api, **ONE)
    product.fake.advance_until_idle()
    assert [event.state for event in product.fake.webhooks] == ["delivered"]


@good(scenario="webhook_storm")
def acknowledges_a_storm(product: Product) -> None:
    product.listen()
    for _ in range(2):
        completed(product.api, **ONE)
    product.fake.advance_until_idle()
    assert [event.state for event in product.fake.webhooks] == ["delivered"] * 6


@good(scenario="webhook_lost")
def never_hears_of_an_event(product: Product) -> None:
    product.listen()
    completed(product.api, **ONE)
    product.fake.advance_until_idle()


@pytest.mark.parametrize(("name", "case"), GOOD, ids=[name for name, _ in GOOD])
def test_good_client_is_caught_by_no_rule(receiver: WebhookReceiver, name: str, case: Case) -> None:
    """Its verdict is clean."""
    found = judged(case, receiver)
    assert found.findings == [], str(found)
    assert found.clean


# --- what is proven, and what is not ------------------------------------------------------------------------


def read(number: int, moment: float, said: str = "PENDING", **given: Any) -> Exchange:
    """A read of one generation; COMPLETE has a picture."""
    images = [{"nsfw": False, "url": "http://x/users/1.jpg"}] if said == "COMPLETE" else []
    body = json.dumps({"generations_by_pk": {"status": said, "generated_images": images}}).encode()
    path = f"/api/rest/v1/generations/{ID}"
    usual: dict[str, Any] = {"method": "GET", "path": path, "response_body": body}
    return Exchange(number, EPOCH + moment, "api", "getGenerationById", **usual | given)


def rules_of(exchanges: list[Exchange], *events: Event) -> list[str]:
    return [finding.rule for finding in verdict(exchanges, events=events).findings]


@pytest.mark.parametrize(
    ("moments", "found"),
    [
        ([0, 0.2, 0.4, 0.6], True),
        ([0, 0.2, 0.4, 1.6], False),
        ([0, 0, 0, 0, 0, 0], False),
        ([0, 0.96, 1.92, 2.88, 3.84], False),
        ([0, 0.9, 1.8, 2.7], True),
        ([0, 0.5, 9, 9.5, 19, 19.5], True),
        ([3, 2, 1, 0], False),
    ],
)
def test_polled_too_fast_at_moments(moments: list[float], found: bool) -> None:
    """Three reads less than a second after PENDING; time that stands still or goes back proves nothing."""
    reads = [read(number, moment) for number, moment in enumerate(moments, 1)]
    assert rules_of(reads) == ["polled-too-fast"] * found


def test_polled_too_fast_with_answers_that_may_not_have_arrived() -> None:
    """Whoever got no answer may ask again at once."""
    for happened in ({"breakage": "reset"}, {"delay": 0.5}):
        reads = [read(number, number / 10, **happened) for number in range(1, 9)]
        assert rules_of(reads) == []


def test_polled_too_fast_with_two_generations() -> None:
    """Each has its own second."""
    other = f"/api/rest/v1/generations/{ID[::-1]}"
    reads = [read(n, n * 0.6, **({"path": other} if n % 2 else {})) for n in range(1, 9)]
    assert rules_of(reads) == []


@pytest.mark.parametrize("status", ["COMPLETE", "FAILED"])
@pytest.mark.parametrize(("moments", "found"), [([0, 1], 0), ([0, 1, 2], 1), ([0, 1, 61], 0), ([0, 0, 0], 1)])
def test_reads_after_the_end_at_moments(status: str, moments: list[float], found: int) -> None:
    """One more read is allowed, and any number with a minute in between."""
    reads = [read(number, moment, status) for number, moment in enumerate(moments, 1)]
    name = "polled-after-the-end" if status == "COMPLETE" else "treated-failed-as-pending"
    assert rules_of(reads) == [name] * found


def test_reads_after_an_end_that_may_not_have_arrived() -> None:
    """The end counts from the first answer that nothing happened to."""
    reads = [read(n, n, "COMPLETE", breakage="stall" if n < 4 else "") for n in range(1, 6)]
    assert rules_of(reads) == []


def refused(number: int, moment: float, retry_after: str, **given: Any) -> Exchange:
    usual: dict[str, Any] = {"status": 429, "response_headers": {"retry-after": retry_after}}
    return read(number, moment, **usual | given)


@pytest.mark.parametrize(
    ("retry_after", "waited", "found"),
    [("10", 9, 1), ("10", 10, 0), ("10", 9.96, 0), ("10", 0, 0), ("Sat, 20 Apr 2030 14:33:28 GMT", 1, 0)],
)
def test_retry_after_that_was_waited_for(retry_after: str, waited: float, found: int) -> None:
    """Seconds of the world's clock count where it moved; a date is not judged."""
    exchanges = [refused(1, 0, retry_after, rules=["own#1"]), read(2, waited)]
    assert rules_of(exchanges) == ["ignored-retry-after"] * found


def test_retry_after_on_another_path() -> None:
    """Another call may have been under way already."""
    assert rules_of([refused(1, 0, "10"), read(2, 1, path="/api/rest/v1/me")]) == []


def test_retry_after_of_a_spoilt_answer() -> None:
    """Who did not get it cannot heed it."""
    for happened in ({"breakage": "truncate"}, {"delay": 0.5}):
        assert rules_of([refused(1, 0, "10", **happened), read(2, 1)]) == []


def test_retried_with_another_key() -> None:
    """A call with another key is another call."""
    keys = [{"authorization": f"Bearer {key}…"} for key in ("1111", "2222")]
    given: dict[str, Any] = {"status": 401, "response_body": b"{}"}
    calls = [read(n, n, request_headers=key, **given) for n, key in enumerate(keys, 1)]
    assert rules_of(calls) == []
    calls[1].request_headers = keys[0]
    assert rules_of(calls) == ["retried-what-cannot-succeed"]


def test_retried_with_a_body_that_was_cut() -> None:
    """Of what was not kept whole nobody knows whether it came again."""
    calls = [Exchange(n, EPOCH, "api", "x", "POST", "/x", status=400, request_size=9) for n in (1, 2)]
    assert rules_of(calls) == []


def test_facts_of_rules_are_in_the_journal(receiver: WebhookReceiver) -> None:
    """Which struck, what they broke and how long they waited: through the API's channel and the upload's."""
    fake = Fake(clock="frozen", scenario=[OWN, "upload_forbidden"])
    with (
        client_of(fake) as api,
        httpx.Client(transport=fake.transport) as bare,
        suppress(httpx.TransportError),
    ):
        product = Product(fake, api, bare, receiver)
        _, url, fields = product.form()
        bare.post(url, data=json.loads(fields), files={"file": b"picture"})
        generate(api)
    fake.close()
    assert [(exchange.rules, exchange.breakage, exchange.delay) for exchange in fake.requests] == [
        ([], "", 0),
        (["upload_forbidden#1"], "", 0),
        (["breaks_once#1"], "truncate", 0.01),
    ]


def event(*attempts: tuple[float, int | None], id: str = "1") -> Event:
    tried = [
        Attempt(EPOCH + moment, status, "" if status == 200 else f"answered {status}", 1.0)
        for moment, status in attempts
    ]
    body = {"type": "image_generation.complete", "data": {"object": {"id": ID}}}
    return Event(id, "image_generation.complete", EPOCH, body, None, tried)


@pytest.mark.parametrize(
    ("events", "found"),
    [
        ([[(0, 200)], [(0, 200)]], []),
        ([[(0, 200)], [(1, 409)]], ["webhook-consumer-not-idempotent"]),
        ([[(1, 409)], [(0, 200)]], ["webhook-consumer-not-idempotent"]),
        ([[(0, 200)], [(0, 409)]], []),
        ([[(0, 200)], [(1, 503)]], []),
        ([[(0, 200)], [(1, None)]], []),
        ([[(0, 200)], [(1, 204)]], []),
        ([[(0, 500), (1, 200)], [(2, 200)]], ["webhook-not-acknowledged"]),
        ([[(0, None)], [(1, None)]], ["webhook-not-acknowledged"]),
        ([[]], []),
    ],
)
def test_copies_of_an_event(events: list[list[tuple[float, int | None]]], found: list[str]) -> None:
    """Only a refusal later than an acknowledgement tells of duplicates, and only one before it was missed."""
    copies = [event(*attempts, id=str(number)) for number, attempts in enumerate(events)]
    assert rules_of([], *copies) == found


# --- wording ------------------------------------------------------------------------------------------------


def whats(case: Case, receiver: WebhookReceiver) -> list[str]:
    return [finding.what for finding in judged(case, receiver).findings]


def client_named(name: str) -> Case:
    return next(case for _, known, case in BAD if known == name)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        (
            "polls_ten_times_whatever_comes",
            "Generation {id} was read 8 times more (#4, #5, #6, #7, #8, #9, #10 and #11) after #3 had said "
            "COMPLETE.",
        ),
        (
            "reads_five_times_a_second",
            "Generation {id} was read again 9 times within a second of a PENDING response (#3, #4, #5, #6, "
            "#7, #8, #9, #10 and #11), the quickest after 0.2 s.",
        ),
        (
            "waits_for_complete_alone",
            "Generation {id} was read 4 times more (#4, #5, #6 and #7) after #3 had said FAILED.",
        ),
        (
            "waits_for_pictures",
            "Generation {id} was read 4 times more (#4, #5, #6 and #7) after #3 had said COMPLETE without "
            "any picture.",
        ),
        (
            "comes_back_at_once",
            "getGenerationById was called again in #4 after 0.5 s, where #3 had answered 429 with "
            "Retry-After: 1.",
        ),
        (
            "asks_again_after_half_an_answer",
            "createGeneration was sent with the same body in #1 and #2: the first was executed and only its "
            "answer broke (truncated#1), so that 8 credits more were spent.",
        ),
        (
            "asks_again_after_a_timeout",
            "createGeneration was sent with the same body in #1 and #2: the first was executed and the "
            "client disconnected before its answer came (slow#1, slow#2), so that 8 credits more were spent.",
        ),
        ("puts_the_picture", "The upload #2 was a PUT; use POST."),
        (
            "insists_on_a_height",
            "createGeneration was called 3 times with nothing changed (#1, #2 and #3) and answered 400 each "
            'time: "height must be between 32 and 1536".',
        ),
        (
            "writes_a_variable_its_own_way",
            'createGeneration was sent "sd_Version" in #1, which it does not have '
            "(did you mean 'sd_version'?).",
        ),
        ("downloads_all_pictures", "1 download (#4) of what #3 had flagged as nsfw."),
        ("uploads_with_its_key", "The upload #2 had an Authorization header and was refused with 403."),
        ("uploads_three_minutes_later", "The upload #2 came 61 s after its form had expired."),
        (
            "uploads_the_fields_alone",
            'The upload #2 was sent as "application/x-www-form-urlencoded", not as multipart/form-data.',
        ),
        ("uploads_the_bare_picture", "The upload #2 had no Content-Type, not as multipart/form-data."),
        (
            "uploads_the_fields_as_they_came",
            "The form of the upload #2 had all its fields in one JSON text.",
        ),
        ("uploads_the_file_first", "In the upload #2 the field key is missing before the file."),
        (
            "uploads_the_file_before_the_signature",
            "In the upload #2 the field X-Amz-Signature is missing before the file.",
        ),
        (
            "fails_at_the_first_event",
            "The event image_generation.complete of {id}: 1 attempt failed (answered 500), a later one was "
            "acknowledged.",
        ),
        (
            "has_no_place_for_a_duplicate",
            "The event image_generation.complete of {id} was acknowledged, and refused 4 times when it came "
            "again (answered 409).",
        ),
    ],
)
def test_what_happened_is_told(receiver: WebhookReceiver, name: str, what: str) -> None:
    """In one sentence, with the numbers of the exchanges."""
    id = "1546fdd0-fc1c-4982-8eb5-52dfd40b2571"
    assert whats(client_named(name), receiver) == [what.format(id=id)]


def test_verdict_as_text(receiver: WebhookReceiver) -> None:
    """What happened, why it matters and what to do, for each finding."""
    found = judged(client_named("uploads_three_minutes_later"), receiver)
    assert str(found) == (
        "leomock: 1 finding in 2 exchanges; 0 credits spent.\n"
        "\n"
        "uploaded-after-expiry: The upload #2 came 61 s after its form had expired.\n"
        "  Why it matters: A form is valid for two minutes; after that, the bucket refuses it.\n"
        "  What to do: Ask for the form when the file is ready, and for a new one when an upload must be "
        "repeated."
    )


def test_findings_of_one_rule_are_explained_once() -> None:
    """What happened each time stands above why it matters and what to do."""
    found = [Finding("hasty", (n,), f"Read #{n} came early.", "It costs.", "Wait.") for n in (2, 5)]
    found.insert(1, Finding("late", (3,), "Upload #3 came late.", "It expired.", "Hurry."))
    assert str(Verdict(found, exchanges=5)).splitlines()[2:] == [
        "hasty: Read #2 came early.",
        "  Read #5 came early.",
        "  Why it matters: It costs.",
        "  What to do: Wait.",
        "",
        "late: Upload #3 came late.",
        "  Why it matters: It expired.",
        "  What to do: Hurry.",
    ]


def test_clean_verdict_as_text(receiver: WebhookReceiver) -> None:
    """What was judged, and the credits that the API said it took."""
    [case] = [case for name, case in GOOD if name == "acknowledges_its_webhook"]
    assert str(judged(case, receiver)) == (
        "leomock: nothing to object to in 3 exchanges and 1 webhook event; 8 credits spent."
    )


def test_verdict_on_nothing() -> None:
    """It is clean, and says that there was nothing to judge."""
    assert str(verdict([])) == "leomock: nothing to judge in 0 exchanges; 0 credits spent."


def test_verdict_with_forgotten_exchanges() -> None:
    """What the journal lost was not judged, and the text says so."""
    assert str(verdict([read(7, 0)], forgotten=6)) == (
        "leomock: nothing to object to in 1 exchange; 0 credits spent.\n"
        "The journal has forgotten 6 older exchanges, which nobody judged."
    )


def test_verdict_as_json(receiver: WebhookReceiver) -> None:
    """All of it as JSON values."""
    found = judged(client_named("uploads_the_file_first"), receiver)
    upload = RULES["fields-not-before-the-file"]
    assert json.loads(json.dumps(found.as_json())) == {
        "clean": False,
        "exchanges": 2,
        "events": 0,
        "credits": 0,
        "forgotten": 0,
        "findings": [
            {
                "rule": "fields-not-before-the-file",
                "exchanges": [2],
                "what": "In the upload #2 the field key is missing before the file.",
                "why": upload.why,
                "remedy": upload.remedy,
            }
        ],
    }


def test_findings_in_the_order_of_their_exchanges(receiver: WebhookReceiver) -> None:
    """What happened first is told first, and events last."""

    def client(product: Product) -> None:
        fails_at_the_first_event(product)
        writes_a_variable_its_own_way(product)
        polls_ten_times_whatever_comes(product)

    found = judged(({}, client), receiver)
    assert [(finding.rule, finding.exchanges) for finding in found.findings] == [
        ("unexpected-variable", (4,)),
        ("polled-after-the-end", (7, 8, 9, 10, 11, 12, 13, 14, 15)),
        ("webhook-not-acknowledged", ()),
    ]


def test_assert_clean_with_findings(receiver: WebhookReceiver) -> None:
    """The error's text is the whole verdict."""
    found = judged(client_named("uploads_the_file_first"), receiver)
    with pytest.raises(AssertionError) as caught:
        found.assert_clean()
    assert str(caught.value) == str(found)


def test_assert_clean_without_findings() -> None:
    """Nothing happens."""
    verdict([read(1, 0)]).assert_clean()


def test_truth_of_a_verdict() -> None:
    """`assert verdict` holds where it is clean."""
    assert Verdict([])
    assert not Verdict([Finding("a-rule", (1,), "", "", "")])


def test_key_in_an_upload_that_is_put(receiver: WebhookReceiver) -> None:
    """Is told as well as that it was put."""

    def put(product: Product) -> None:
        product.api.put(product.form()[1], content=b"picture")

    found = judged(({}, put), receiver)
    assert {finding.rule for finding in found.findings} == {"sent-key-to-the-bucket", "not-multipart"}


def test_many_numbers_are_cut() -> None:
    """A sentence stays readable, and the finding has all the numbers."""
    reads = [read(number, 0, "FAILED") for number in range(1, 41)]
    [finding] = verdict(reads).findings
    assert finding.exchanges == tuple(range(1, 41))
    assert "39 times more (#2, #3, #4, #5, #6, #7, #8, #9, #10 … #40) after #1" in finding.what


@pytest.mark.parametrize("found", RULES.values(), ids=RULES.keys())
def test_rule_says_what_it_cannot_see(found: Any) -> None:
    """Every docstring tells it, and what it finds matters and can be helped."""
    assert "cannot be seen" in " ".join(found.judge.__doc__.split())
    assert found.why.endswith(".")
    assert found.remedy.endswith(".")


def test_rule_of_a_name_that_is_taken() -> None:
    """Two rules of one name would hide each other."""
    with pytest.raises(ValueError, match="there are two rules 'polled-too-fast'"):
        rule("polled-too-fast", why="", remedy="")(lambda evidence: [])
