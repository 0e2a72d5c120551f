"""Every shipped scenario, as a product sees it that calls the fake on a port with the official Python SDK."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID
from xml.etree import ElementTree

import httpx
import pytest
from leonardo_ai_sdk import LeonardoAiSDK
from leonardo_ai_sdk.models import errors, operations, shared
from leonardo_ai_sdk.utils import retries
from leonardo_ai_sdk.utils.retries import BackoffStrategy, RetryConfig

from leomock import Fake
from leomock.operations.dispatch import Dispatcher
from leomock.testing.webhook_receiver import WebhookReceiver

PROMPT = "An oil painting of a cat"
NOBODYS_ID = "00000000-0000-4000-8000-000000000000"

# The names of scenarios that a test here shows; `shows` adds to it while this file is loaded.
SHOWN: set[str] = set()


def shows(*names: str) -> pytest.MarkDecorator:
    """Run a test once with each of these scenarios in force from the start."""
    SHOWN.update(names)
    return pytest.mark.parametrize("scenario", names)


@pytest.fixture
def scenario() -> str:
    """What is in force from the start, where `shows` does not say it."""
    return "happy"


@pytest.fixture
def fake(scenario: str) -> Iterator[Fake]:
    """A fake on a port with the scenario in force; its time stands still until it is advanced."""
    with Fake(scenario=scenario, clock="frozen") as fake:
        yield fake


@contextmanager
def sdk_of(
    fake: Fake, key: str = "", headers: dict[str, str] | None = None, **settings: Any
) -> Iterator[Any]:
    """The SDK with a fake's own key or another, on a client that sends the headers with every call.

    It is typed as Any, since nearly every field of its models may be missing, null or unset.
    """
    with (
        # The SDK's own clients load all certificates, which takes longer than a test.
        httpx.Client(headers=headers, follow_redirects=True, verify=False) as client,
        LeonardoAiSDK(
            bearer_auth=key or fake.api_key,
            server_url=fake.base_url,
            client=client,
            async_client=httpx.AsyncClient(verify=False),
            **settings,
        ) as sdk,
    ):
        yield sdk


@pytest.fixture
def sdk(fake: Fake) -> Iterator[Any]:
    with sdk_of(fake) as sdk:
        yield sdk


def request_of(prompt: str = PROMPT, **more: Any) -> operations.CreateGenerationRequestBody:
    return operations.CreateGenerationRequestBody(prompt=prompt, width=64, height=64, **more)


def create(sdk: Any, prompt: str = PROMPT, headers: dict[str, str] | None = None, **more: Any) -> str:
    """Start a generation, and return its id."""
    answer = sdk.image.create_generation(request=request_of(prompt, **more), http_headers=headers)
    return cast(str, answer.object.sd_generation_job.generation_id)


def read(sdk: Any, id: str) -> Any:
    return sdk.image.get_generation_by_id(id=id).object.generations_by_pk


def ended(sdk: Any, id: str) -> Any:
    """The generation after the one read that shows it PENDING."""
    assert read(sdk, id).status is shared.JobStatus.PENDING
    return read(sdk, id)


def refusal(call: Callable[..., Any], **arguments: Any) -> errors.SDKError:
    """What a call is refused with."""
    with pytest.raises(errors.SDKError) as caught:
        call(**arguments)
    return caught.value


def refused(sdk: Any, prompt: str = PROMPT, headers: dict[str, str] | None = None) -> tuple[int, str]:
    """The status and the vendor's text with which a new generation is refused."""
    error = refusal(sdk.image.create_generation, request=request_of(prompt), http_headers=headers)
    return error.status_code, json.loads(error.body)["error"]


def scenario_file(folder: Path, rules: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(f"description: A scenario of a test.\nrules:\n{rules}", "utf-8")
    return path


# --- what is refused --------------------------------------------------------------------------------------

NO_CREDITS = "not enough api tokens userId: {user_id}"
REFUSALS = {
    "hook_down": (500, "Invalid response from authorization hook", "unexpected"),
    "invalid_key": (401, "Authentication hook unauthorized this request", "access-denied"),
    "moderation_blocked": (
        403,
        "Your prompt appears to contain inappropriate content, please be mindful of our Terms of Service. "
        "You may modify your prompt and try again.",
        "unexpected",
    ),
    "account_blocked": (403, "User is blocked", "unexpected"),
    "moderation_blocked_no_word": (400, "content moderation filter", "unexpected"),
    "moderation_blocked_400": (400, "content moderation filter: nude", "unexpected"),
    "out_of_credits": (400, NO_CREDITS, "unexpected"),
    "queue_full": (429, "too many pending jobs", "unexpected"),
}
EVERY_CALL = {"hook_down", "invalid_key"}


@shows(*REFUSALS)
def test_generation_is_refused(fake: Fake, sdk: Any, scenario: str) -> None:
    """An SDKError has the status and the vendor's body, and there is no row."""
    status, text, code = REFUSALS[scenario]
    text = text.replace("{user_id}", fake.user_id)
    body = json.dumps({"error": text, "path": "$", "code": code}, separators=(",", ":"))
    for _ in range(2):
        error = refusal(sdk.image.create_generation, request=request_of())
        assert (error.status_code, error.body) == (status, body)
        assert str(error) == (
            f"API error occurred: Status {status} "
            f'Content-Type "application/json; charset=utf-8". Body: {body}'
        )
    assert len(fake.world.generations) == 0


@shows(*REFUSALS)
def test_other_calls_where_generations_are_refused(sdk: Any, scenario: str) -> None:
    """Reading works, unless the scenario is about every call."""
    if scenario in EVERY_CALL:
        status, text, _ = REFUSALS[scenario]
        error = refusal(sdk.image.get_generation_by_id, id=NOBODYS_ID)
        assert (error.status_code, json.loads(error.body)["error"]) == (status, text)
    else:
        assert read(sdk, NOBODYS_ID) is None


PAGE = """\
<html>
<head><title>503 Service Temporarily Unavailable</title></head>
<body>
<center><h1>503 Service Temporarily Unavailable</h1></center>
</body>
</html>
"""


@shows("outage")
def test_outage(sdk: Any) -> None:
    """Every call is an SDKError with status 503 and the gateway's page."""
    calls: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (sdk.image.create_generation, {"request": request_of()}),
        (sdk.image.get_generation_by_id, {"id": NOBODYS_ID}),
        (sdk.init_images.upload_init_image, {"request": {"extension": "png"}}),
    ]
    for call, arguments in calls:
        error = refusal(call, **arguments)
        assert (error.status_code, error.body) == (503, PAGE)
        assert error.headers["content-type"] == "text/html"
        assert str(error) == f"API error occurred: Status 503 Content-Type text/html. Body: {PAGE}".strip()


# --- what is refused now and then -------------------------------------------------------------------------


@shows("happy")
def test_happy(sdk: Any) -> None:
    """A generation ends as COMPLETE with the four pictures of the SDK's default, none of them flagged."""
    generation = ended(sdk, create(sdk))
    assert generation.status is shared.JobStatus.COMPLETE
    assert [image.nsfw for image in generation.generated_images] == [False] * 4


SERVICE_ERROR = 500, "Service Error"


@shows("flaky")
def test_flaky(sdk: Any) -> None:
    """The first two calls of each operation are refused, whatever other operations are called."""
    assert [refused(sdk), refused(sdk)] == [SERVICE_ERROR] * 2
    id = create(sdk)
    assert [refusal(read, sdk=sdk, id=id).status_code for _ in range(2)] == [500, 500]
    assert create(sdk)
    assert ended(sdk, id).status is shared.JobStatus.COMPLETE
    assert refusal(sdk.image.delete_generation_by_id, id=id).status_code == 500


class Watch:
    """A clock whose sleeps are over at once; `slept` has how long they would have been."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.slept: list[float] = []
        monkeypatch.setattr(retries, "time", SimpleNamespace(time=time.time, sleep=self.slept.append))


RETRIES = RetryConfig("backoff", BackoffStrategy(10, 20, 1.5, 60_000), retry_connection_errors=True)


@shows("flaky")
def test_flaky_with_retries_of_the_sdk(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK's own retries come through at the third attempt, and there is one generation."""
    watch = Watch(monkeypatch)
    with sdk_of(fake, retry_config=RETRIES) as sdk:
        id = create(sdk)
    assert len(watch.slept) == 2
    assert [exchange.status for exchange in fake.requests] == [500, 500, 200]
    assert [row["id"] for row in fake.world.generations] == [id]


@shows("rate_limited", "rate_limited_plain")
def test_rate_limited(sdk: Any, scenario: str) -> None:
    """Every third call is refused with 429; only one of the scenarios says when to try again."""
    for _ in range(2):
        read(sdk, create(sdk))
        error = refusal(sdk.image.get_generation_by_id, id=NOBODYS_ID)
        assert error.status_code == 429
        assert error.body == '{"error":"rate limit exceeded","path":"$","code":"unexpected"}'
        assert error.headers.get("retry-after") == ("1" if scenario == "rate_limited" else None)


@shows("rate_limited", "rate_limited_plain")
def test_rate_limited_with_retries_of_the_sdk(
    fake: Fake, scenario: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SDK waits for the second of Retry-After, and without it as long as its own settings say."""
    watch = Watch(monkeypatch)
    with sdk_of(fake, retry_config=RETRIES) as sdk:
        for _ in range(5):
            create(sdk)
    assert len(watch.slept) == 2
    # Its own waits are drawn, up to the 20 ms of the settings.
    assert all(wait == 1 if scenario == "rate_limited" else 0.01 <= wait <= 0.02 for wait in watch.slept)
    assert [exchange.status for exchange in fake.requests] == [200, 200, 429, 200, 200, 429, 200]


# --- connections and contents that break ------------------------------------------------------------------


@shows("connection_drops")
def test_connection_drops(fake: Fake, sdk: Any) -> None:
    """Every fourth call is an httpx.ReadError, and the SDK goes on after it."""
    for _ in range(2):
        create(sdk), create(sdk), create(sdk)
        with pytest.raises(httpx.ReadError):
            create(sdk)
    # The service had executed what the client never heard of.
    assert len(fake.world.generations) == 8


@shows("truncated")
def test_truncated(fake: Fake, sdk: Any) -> None:
    """Every call is an httpx.RemoteProtocolError, though the generation has been made."""
    with pytest.raises(httpx.RemoteProtocolError):
        create(sdk)
    with pytest.raises(httpx.RemoteProtocolError):
        read(sdk, NOBODYS_ID)
    assert len(fake.world.generations) == 1


@shows("stalled")
def test_stalled(fake: Fake) -> None:
    """A client that waits 0.1 seconds gets an httpx.ReadTimeout, though the generation has been made."""
    with sdk_of(fake, timeout_ms=100) as sdk, pytest.raises(httpx.ReadTimeout):
        create(sdk)
    assert len(fake.world.generations) == 1


@shows("malformed_json")
def test_malformed_json(fake: Fake, sdk: Any) -> None:
    """A ResponseValidationError has two thirds of the answer, though the generation has been made."""
    with pytest.raises(errors.ResponseValidationError) as caught:
        create(sdk)
    [row] = fake.world.generations
    whole = f'{{"sdGenerationJob":{{"generationId":"{row["id"]}","apiCreditCost":'
    assert caught.value.status_code == 200
    assert caught.value.headers["content-type"] == "application/json; charset=utf-8"
    assert caught.value.body == whole[: len(caught.value.body)]
    assert len(caught.value.body) == len(fake.requests[0].response_body) * 2 // 3


@shows("wrong_content_type")
def test_wrong_content_type(fake: Fake, sdk: Any) -> None:
    """The SDK does not read an answer that is not JSON by its type: an SDKError of status 200."""
    error = refusal(sdk.image.get_generation_by_id, id=NOBODYS_ID)
    assert str(error) == (
        'Unexpected response received: Status 200 Content-Type "text/html; charset=utf-8". '
        'Body: {"generations_by_pk":null}'
    )
    refusal(sdk.image.create_generation, request=request_of())
    assert len(fake.world.generations) == 1


@shows("slow")
def test_slow_answer(fake: Fake) -> None:
    """A client that waits for less than half a second gets an httpx.ReadTimeout."""
    with sdk_of(fake, timeout_ms=450) as sdk, pytest.raises(httpx.ReadTimeout):
        create(sdk)


@shows("slow")
def test_slow_job(fake: Fake) -> None:
    """A job takes 20 to 60 seconds of the fake's clock, and the client's call at most two of its own."""
    with sdk_of(fake, timeout_ms=2500) as sdk:
        began = fake.clock.now()
        id = create(sdk)
    [row] = fake.world.generations
    fake.advance(19.9)
    assert row["status"] == "PENDING"
    [fired] = fake.advance_until_idle()
    assert (fired["job"], fired["status"]) == (id, "COMPLETE")
    assert 20 <= fake.clock.now() - began <= 60


# --- how generations end ----------------------------------------------------------------------------------


@shows("moderation_failed")
def test_moderation_failed(sdk: Any) -> None:
    """The generation is accepted, PENDING, and then FAILED without a picture."""
    generation = ended(sdk, create(sdk))
    assert (generation.status, generation.generated_images) == (shared.JobStatus.FAILED, [])


@shows("empty_result")
def test_empty_result(sdk: Any) -> None:
    """The generation is COMPLETE and has no picture."""
    generation = ended(sdk, create(sdk))
    assert (generation.status, generation.generated_images) == (shared.JobStatus.COMPLETE, [])


@shows("fewer_images")
@pytest.mark.parametrize("asked", [1, 2, 4])
def test_fewer_images(sdk: Any, asked: int) -> None:
    """The generation is COMPLETE and has one picture, which is there."""
    generation = ended(sdk, create(sdk, num_images=asked))
    assert generation.status is shared.JobStatus.COMPLETE
    [image] = generation.generated_images
    assert httpx.get(image.url).headers["content-type"] == "image/jpeg"


@shows("nsfw_flagged")
def test_nsfw_flagged(sdk: Any) -> None:
    """The first picture is flagged, alone or among four."""
    four, one = ended(sdk, create(sdk)), ended(sdk, create(sdk, num_images=1))
    assert [image.nsfw for image in four.generated_images] == [True, False, False, False]
    assert [image.nsfw for image in one.generated_images] == [True]


@shows("image_url_null")
def test_image_url_null(sdk: Any) -> None:
    """The first picture of a COMPLETE generation has a url of null; the others can be downloaded."""
    first, second = ended(sdk, create(sdk, num_images=2)).generated_images
    assert (first.url, first.nsfw, second.nsfw) == (None, True, False)
    assert httpx.get(second.url).headers["content-type"] == "image/jpeg"


def test_image_url_null_in_the_event() -> None:
    """The webhook shows the same null."""
    with (
        Fake(jobs="immediate", scenario="image_url_null") as fake,
        WebhookReceiver() as receiver,
        sdk_of(fake) as sdk,
    ):
        fake.set_webhook(receiver.url)
        create(sdk, num_images=2)
        [event] = receiver.wait_for(1)
        first, second = event.body["data"]["object"]["images"]
        assert (first["url"], bool(second["url"])) == (None, True)


@shows("uuid_v6")
def test_uuid_v6(sdk: Any) -> None:
    """New ids are of version 6, in the order of their making, and good for reading and deleting."""
    ids = [create(sdk) for _ in range(3)]
    assert [UUID(id).version for id in ids] == [6, 6, 6]
    assert ids == sorted(ids)
    assert [ended(sdk, id).id for id in ids] == ids
    assert sdk.image.delete_generation_by_id(id=ids[0]).object.delete_generations_by_pk.id == ids[0]
    assert read(sdk, ids[0]) is None


# --- uploads ----------------------------------------------------------------------------------------------

UPLOADS = {
    "upload_expired": {"Code": "AccessDenied", "Message": "Invalid according to Policy: Policy expired."},
    "upload_forbidden": {"Code": "AccessDenied", "Message": "Access Denied"},
}


@shows(*UPLOADS)
def test_upload_is_refused(sdk: Any, scenario: str, picture: bytes) -> None:
    """A good form gets S3's 403, and there is nothing to generate from."""
    form = sdk.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
    for _ in range(2):
        answer = httpx.post(form.url, data=json.loads(form.fields), files={"file": picture})
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/xml")
        said = {element.tag: element.text for element in ElementTree.fromstring(answer.content)}
        assert {name: said[name] for name in ("Code", "Message")} == UPLOADS[scenario]
    stored = sdk.init_images.get_init_image_by_id(id=form.id).object.init_images_by_pk
    assert httpx.get(stored.url).status_code == 403
    error = refusal(sdk.image.create_generation, request=request_of(init_image_id=form.id))
    assert error.body == '{"error":"invalid init image id","path":"$","code":"unexpected"}'


# --- webhooks ---------------------------------------------------------------------------------------------


@pytest.fixture
def receiver(fake: Fake) -> Iterator[WebhookReceiver]:
    """The webhook of the fake's key."""
    with WebhookReceiver() as receiver:
        fake.set_webhook(receiver.url)
        yield receiver


def arrived(receiver: WebhookReceiver) -> list[str]:
    """The ids of the generations whose events came, in order."""
    return [received.body["data"]["object"]["id"] for received in receiver.received]


@shows("happy")
def test_webhook_where_all_is_well(fake: Fake, sdk: Any, receiver: WebhookReceiver) -> None:
    """One event of each generation, as soon as it has ended."""
    ids = [create(sdk) for _ in range(3)]
    for number, id in enumerate(ids, start=1):
        fake.finish(id)
        fake.advance(0)
        assert arrived(receiver) == ids[:number]


@shows("webhook_storm")
def test_webhook_storm_is_late(fake: Fake, sdk: Any, receiver: WebhookReceiver) -> None:
    """Three equal copies of each event arrive, none of them at once, and all within ten seconds."""
    ids = [create(sdk) for _ in range(4)]
    began = fake.clock.now()
    fake.finish()
    fake.advance(0)
    assert arrived(receiver) == []
    fake.advance_until_idle()
    assert fake.clock.now() - began <= 10
    copies = {id: [r.raw for r in receiver.received if id.encode() in r.raw] for id in ids}
    assert [(len(raw), len(set(raw))) for raw in copies.values()] == [(3, 1)] * 4


@pytest.mark.parametrize("seed", range(4))
def test_webhook_storm_changes_the_order(seed: int) -> None:
    """Every second event arrives after its successor, by whatever chance they are late."""
    with (
        Fake(scenario="webhook_storm", clock="frozen", seed=seed) as fake,
        WebhookReceiver() as receiver,
        sdk_of(fake) as sdk,
    ):
        fake.set_webhook(receiver.url)
        ids = [create(sdk) for _ in range(6)]
        fake.finish()
        fake.advance_until_idle()
        came = [ids.index(id) + 1 for id in dict.fromkeys(arrived(receiver))]
    assert came.index(3) < came.index(2), came
    assert came.index(5) < came.index(4), came


@shows("webhook_storm")
def test_webhook_storm_without_a_successor(fake: Fake, sdk: Any, receiver: WebhookReceiver) -> None:
    """An event that waits for one that does not come arrives all the same."""
    created = []
    for _ in range(2):
        created.append(create(sdk))
        fake.advance_until_idle()
    first, second = created
    assert arrived(receiver) == [first] * 3 + [second] * 3


@shows("webhook_lost")
def test_webhook_lost(fake: Fake, sdk: Any, receiver: WebhookReceiver) -> None:
    """The generation ends and nothing arrives; the fake tells that it dropped the event."""
    id = create(sdk)
    assert ended(sdk, id).status is shared.JobStatus.COMPLETE
    assert fake.advance_until_idle() == []
    assert receiver.received == []
    assert [(event.body["data"]["object"]["id"], event.state) for event in fake.webhooks] == [(id, "dropped")]


def test_webhook_lost_by_a_prompt(fake: Fake, sdk: Any, receiver: WebhookReceiver) -> None:
    """A prompt can ask for what happens to the event of its own generation, and of no other."""
    lost, found = create(sdk, f"{PROMPT} [leomock:webhook_lost]"), create(sdk)
    fake.finish()
    fake.advance_until_idle()
    assert arrived(receiver) == [found]
    assert [event.state for event in fake.webhooks] == ["dropped", "delivered"]
    assert fake.webhooks[0].body["data"]["object"]["id"] == lost


@shows("webhook_twice")
def test_webhook_twice(fake: Fake, sdk: Any, receiver: WebhookReceiver) -> None:
    id = create(sdk)
    ended(sdk, id)
    fake.advance_until_idle()
    assert arrived(receiver) == [id, id]


@shows("webhook_reordered")
def test_webhook_reordered(fake: Fake, sdk: Any, receiver: WebhookReceiver) -> None:
    first, second = create(sdk), create(sdk)
    fake.finish()
    fake.advance_until_idle()
    assert arrived(receiver) == [second, first]


@shows("webhook_before_answer")
def test_webhook_before_answer(fake: Fake, sdk: Any, receiver: WebhookReceiver) -> None:
    """The event is on its way while the client still waits for the id."""
    id = create(sdk)
    assert arrived(receiver) == [id]


# --- answers that are lost ------------------------------------------------------------------------------


@shows("answer_lost_500", "answer_lost_504", "answer_lost_cut")
def test_answer_is_lost_after_the_job_was_made(fake: Fake, sdk: Any) -> None:
    """The client cannot know, but the generation is there and paid for; the next one is answered."""
    with pytest.raises((errors.SDKError, errors.NoResponseError, httpx.TransportError)):
        create(sdk)
    user = sdk.user.get_user_self().object.user_details[0].user.id
    listed = sdk.image.get_generations_by_user_id(user_id=user).object.generations
    assert [row.prompt for row in listed] == [PROMPT]
    assert create(sdk) != listed[0].id


# --- version 2 and the CDN --------------------------------------------------------------------------------


def create_v2(fake: Fake, headers: dict[str, str] | None = None, prompt: str = PROMPT) -> httpx.Response:
    """Start a generation of version 2."""
    return httpx.post(
        f"{fake.url}/api/rest/v2/generations",
        json={"model": "lucid-origin", "parameters": {"prompt": prompt, "width": 1024, "height": 1024}},
        headers={"Authorization": f"Bearer {fake.api_key}", **(headers or {})},
    )


CONCURRENT = (
    "You have reached the maximum number of concurrent lucid-origin requests (20). "
    "Please wait for your current generations to finish."
)


def concurrency_refusal(answer: httpx.Response) -> tuple[int, str, str, str]:
    [error] = answer.json()
    details = error["extensions"]["details"]
    return answer.status_code, error["extensions"]["code"], details["code"], details["message"]


@shows("concurrency_v2")
def test_concurrency_of_version_2(fake: Fake) -> None:
    """The refusal is a list on HTTP 200, and version 1 works. Holds error:TOO_MANY_CONCURRENT."""
    seen = concurrency_refusal(create_v2(fake))
    assert seen == (200, "BadRequestException", "VALIDATION_ERROR", CONCURRENT)


def test_concurrency_of_version_2_with_real_limits() -> None:
    """The twenty-first unfinished job of one model is refused. Holds code:Limits#3."""
    with Fake(limits="real", clock="frozen", jobs="manual") as fake:
        assert all(create_v2(fake).json()["generate"] for _ in range(20))
        assert concurrency_refusal(create_v2(fake))[3] == CONCURRENT
        fake.finish()
        assert create_v2(fake).json()["generate"]


def test_account_blocked_in_version_2() -> None:
    """The text stands in the details of a ForbiddenException. Holds error:ACCOUNT_BLOCKED."""
    with Fake(scenario="account_blocked") as fake:
        [error] = create_v2(fake).json()
    extensions = {
        "code": "ForbiddenException",
        "details": {"message": "User is blocked", "statusCode": 403},
        "statusCode": 403,
    }
    assert error["extensions"] == extensions


def test_account_suspended(tmp_path: Path) -> None:
    """A file of the user's can name the error. Holds error:ACCOUNT_SUSPENDED."""
    rules = "  - then: {error: account_suspended}\n"
    with Fake(scenario=scenario_file(tmp_path, rules)) as fake, sdk_of(fake) as sdk:
        assert refused(sdk) == (403, "You are suspended for violating our user agreement.")


@shows("cdn_refuses")
def test_cdn_refuses(fake: Fake, sdk: Any, scenario: str) -> None:
    """Results are COMPLETE, but their files cannot be read; the log names the rule."""
    [image] = ended(sdk, create(sdk, num_images=1)).generated_images
    answer = httpx.get(image.url)
    assert (answer.status_code, ElementTree.fromstring(answer.text).findtext("Code")) == (403, "AccessDenied")
    assert (
        answer.headers["x-leomock-explain"]
        == "scenario rule cdn_refuses#1 applied: the CDN refuses this client"
    )


@shows("cdn_refuses_nameless")
@pytest.mark.parametrize(("agent", "status"), [("", 403), ("Go-http-client/1.1", 403), ("curl/8.9", 200)])
def test_cdn_refuses_clients_without_a_name(sdk: Any, agent: str, status: int) -> None:
    """Other clients read the same file."""
    [image] = ended(sdk, create(sdk, num_images=1)).generated_images
    assert httpx.get(image.url, headers={"User-Agent": agent}).status_code == status


# --- all of them ------------------------------------------------------------------------------------------


def test_every_shipped_scenario_is_shown() -> None:
    """Neither is a scenario of the library without a test above, nor a test about one that is gone."""
    assert sorted(SHOWN) == Dispatcher().scenario_registry.names()


# --- how to choose one ------------------------------------------------------------------------------------

WAYS = ("start", "with", "admin", "header", "client", "prompt")


class Chooser:
    """A fake and an SDK for which scenarios were chosen in one of the ways."""

    def __init__(self, way: str, names: tuple[str, ...], made: ExitStack) -> None:
        at_start = names if way == "start" else ()
        self.fake = made.enter_context(Fake(scenario=at_start, clock="frozen"))
        if way == "with":
            made.enter_context(self.fake.scenario(*names))
        elif way == "admin":
            httpx.put(f"{self.fake.url}/_leomock/scenario", json={"scenarios": names}).raise_for_status()
        header = {"X-Leomock-Scenario": ", ".join(names)}
        self._headers = header if way == "header" else None
        self._prompt = PROMPT
        if way == "prompt":
            self._prompt += "".join(f" [leomock:{name}]" for name in names)
        headers = header if way == "client" else None
        self._sdk = made.enter_context(sdk_of(self.fake, headers=headers))

    def create(self) -> tuple[Any, ...]:
        """What the SDK shows of a new generation: an answer, a refusal, or no answer at all."""
        try:
            answer = self._sdk.image.create_generation(
                request=request_of(self._prompt), http_headers=self._headers
            )
        except (errors.SDKError, errors.ResponseValidationError) as error:
            kept = {name: error.headers.get(name) for name in ("content-type", "retry-after")}
            return type(error), error.status_code, error.body, kept
        except httpx.TransportError as error:
            return (type(error),)
        return answer.status_code, answer.raw_response.text

    def rows(self) -> list[dict[str, Any]]:
        """How all generations have ended."""
        self.fake.finish()
        names = ("id", "status", "images", "nsfw")
        return [{name: row.get(name) for name in names} for row in self.fake.world.generations]


# Those of one call; the rest is about uploads, webhooks, time, or a setting of the whole fake.
OF_A_CALL = (
    *REFUSALS,
    *("outage", "flaky", "truncated", "malformed_json", "wrong_content_type"),
    *("moderation_failed", "empty_result", "fewer_images", "nsfw_flagged", "happy"),
)


@pytest.mark.parametrize("name", OF_A_CALL)
def test_ways_to_choose_a_scenario(name: str) -> None:
    """At the start, in a test, by the admin API, by a header of one or all calls, and by a prompt alike."""
    seen = {}
    for way in WAYS:
        with ExitStack() as made:
            chooser = Chooser(way, (name,), made)
            seen[way] = chooser.create(), chooser.rows()
    assert seen == dict.fromkeys(WAYS, seen["start"])
    if name != "happy":
        with ExitStack() as made:
            usual = Chooser("start", (), made)
            assert (usual.create(), usual.rows()) != seen["start"]


@pytest.mark.parametrize("way", WAYS)
def test_two_scenarios_at_once(way: str) -> None:
    """Of flaky and moderation_failed, the first refuses two calls, and the second spoils what comes after."""
    with ExitStack() as made:
        chooser = Chooser(way, ("flaky", "moderation_failed"), made)
        assert [chooser.create()[1] for _ in range(2)] == [500, 500]
        assert chooser.create()[0] == chooser.create()[0] == 200
        assert [row["status"] for row in chooser.rows()] == ["FAILED", "FAILED"]


@pytest.mark.parametrize("way", WAYS)
def test_two_scenarios_that_both_answer(way: str) -> None:
    """The one that is named first decides, as long as it has something to say."""
    with ExitStack() as made:
        chooser = Chooser(way, ("flaky", "queue_full"), made)
        assert [chooser.create()[1] for _ in range(4)] == [500, 500, 429, 429]
    with ExitStack() as made:
        chooser = Chooser(way, ("queue_full", "flaky"), made)
        assert [chooser.create()[1] for _ in range(4)] == [429] * 4


@shows("flaky")
def test_scenario_of_a_prompt_where_another_is_in_force(sdk: Any) -> None:
    """What a call asks for itself decides over what is in force, and holds for that call alone."""
    assert refused(sdk, "a cat [leomock:queue_full]") == (429, "too many pending jobs")
    assert refused(sdk) == SERVICE_ERROR
    assert create(sdk)


@shows("flaky")
def test_scenario_in_force_is_asked_for_as_well(sdk: Any) -> None:
    """One that is in force and named by the call counts each call once."""
    assert [refused(sdk, "a cat [leomock:flaky]") for _ in range(2)] == [SERVICE_ERROR] * 2
    assert create(sdk, "a cat [leomock:flaky]")


def test_scenario_of_a_header_on_one_call(sdk: Any) -> None:
    """Calls before and after it know nothing of it."""
    create(sdk)
    assert refused(sdk, headers={"X-Leomock-Scenario": "queue_full"}) == (429, "too many pending jobs")
    create(sdk)


FIRST_CALLS: dict[str, tuple[type[Exception], int | None]] = {
    "rate_limited": (errors.SDKError, 429),
    "rate_limited_plain": (errors.SDKError, 429),
    "connection_drops": (httpx.TransportError, None),
    "flaky": (errors.SDKError, 500),
    "answer_lost_500": (errors.SDKError, 500),
    "answer_lost_504": (errors.SDKError, 504),
    "answer_lost_cut": (httpx.TransportError, None),
}


@pytest.mark.parametrize("way", ["header", "prompt"])
@pytest.mark.parametrize("name", FIRST_CALLS)
def test_requested_scenario_applies_to_the_first_call(way: str, name: str) -> None:
    """Counters of the scenario do not delay it, and another call meets it again."""
    with Fake(clock="frozen") as fake, sdk_of(fake) as sdk:
        for number in range(2):
            prompt = f"cat {number}" + (f" [leomock:{name}]" if way == "prompt" else "")
            headers = {"X-Leomock-Scenario": name} if way == "header" else None
            kind, status = FIRST_CALLS[name]
            with pytest.raises(kind) as caught:
                create(sdk, prompt, headers)
            assert getattr(caught.value, "status_code", None) == status


@pytest.mark.parametrize("name", ["answer_lost_500", "flaky"])
def test_requested_scenario_lets_a_retry_pass(sdk: Any, name: str) -> None:
    """The same call succeeds at last, as when the scenario is active from the start."""
    prompt = f"a cat [leomock:{name}]"
    for _ in range(1 if name == "answer_lost_500" else 2):
        assert refused_status(sdk, prompt) == 500
    assert create(sdk, prompt)


def refused_status(sdk: Any, prompt: str) -> int:
    return refusal(sdk.image.create_generation, request=request_of(prompt)).status_code


@pytest.mark.parametrize("way", ["header", "prompt"])
def test_requested_webhook_storm_applies_to_the_first_event(way: str) -> None:
    """The event of that job is sent three times, the event of another one once."""
    with Fake(clock="frozen", jobs="manual") as fake, sdk_of(fake) as sdk:
        fake.world.set_webhook("http://127.0.0.1:9/hook", "")
        headers = {"X-Leomock-Scenario": "webhook_storm"} if way == "header" else None
        asked = create(sdk, f"{PROMPT} [leomock:webhook_storm]" if way == "prompt" else PROMPT, headers)
        usual = create(sdk)
        fake.finish()
        ids = [event.body["data"]["object"]["id"] for event in fake.world.outbox.events]
        assert (ids.count(asked), ids.count(usual)) == (3, 1)


def test_scenario_of_a_header_on_an_upload(fake: Fake, sdk: Any, picture: bytes) -> None:
    """The bucket refuses that upload only."""
    form = sdk.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
    statuses = [
        httpx.post(
            form.url, data=json.loads(form.fields), files={"file": ("a.png", picture)}, headers=headers
        ).status_code
        for headers in ({"X-Leomock-Scenario": "upload_forbidden"}, {})
    ]
    assert statuses == [403, 204]


def test_scenario_of_a_header_on_a_cdn_read(sdk: Any) -> None:
    """The CDN refuses that read only."""
    [image] = ended(sdk, create(sdk, num_images=1)).generated_images
    headers = {"X-Leomock-Scenario": "cdn_refuses"}
    assert [httpx.get(image.url, headers=each).status_code for each in (headers, {})] == [403, 200]


def test_unknown_scenario_of_a_header_on_a_cdn_read(sdk: Any) -> None:
    """A misspelt name is refused there, too."""
    [image] = ended(sdk, create(sdk, num_images=1)).generated_images
    answer = httpx.get(image.url, headers={"X-Leomock-Scenario": "cdn_refused"})
    assert answer.json()["error"] == "leomock: scenario='cdn_refused': not known; did you mean 'cdn_refuses'?"


def test_scenario_of_a_header_on_a_read(fake: Fake, sdk: Any) -> None:
    """A header works for every operation, where a prompt only does for those that have one."""
    error = refusal(
        sdk.image.get_generation_by_id, id=NOBODYS_ID, http_headers={"X-Leomock-Scenario": "hook_down"}
    )
    assert (error.status_code, fake.requests[-1].rules) == (500, ["hook_down#1"])


def test_scenario_inside_with_only(fake: Fake, sdk: Any) -> None:
    """Also where the body of `with` raises; what was in force inside another one is in force again."""
    with fake.scenario("moderation_failed"):
        with contextlib.suppress(ZeroDivisionError), fake.scenario("queue_full"):
            assert refused(sdk)[0] == 429
            raise ZeroDivisionError
        failed = create(sdk)
    complete = create(sdk)
    assert ended(sdk, failed).status is shared.JobStatus.FAILED
    assert ended(sdk, complete).status is shared.JobStatus.COMPLETE


def test_scenario_inside_with_counts_anew(fake: Fake, sdk: Any) -> None:
    """Two tests that use the same fake see the same."""
    for _ in range(2):
        with fake.scenario("flaky"):
            assert [refused(sdk), refused(sdk)] == [SERVICE_ERROR] * 2
            create(sdk)
        create(sdk)


def test_scenario_counts_per_resource(tmp_path: Path) -> None:
    """With `each: resource` the first read of each generation fails, whichever is read in between."""
    rules = "  - when: {operation: getGenerationById, first: 1, each: resource}\n"
    rules += "    then: {error: service_error}\n"
    with (
        Fake(scenario=scenario_file(tmp_path, rules), clock="frozen") as fake,
        sdk_of(fake) as sdk,
    ):
        one, two = create(sdk), create(sdk)
        assert refusal(read, sdk=sdk, id=one).status_code == 500
        assert read(sdk, one).id == one
        assert refusal(read, sdk=sdk, id=two).status_code == 500
        assert read(sdk, two).id == two
        assert read(sdk, one).id == one


# --- keys -------------------------------------------------------------------------------------------------


def steer(fake: Fake, method: str, key: str | None = None, names: list[str] | None = None) -> Any:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    body = None if names is None else {"scenarios": names}
    answer = httpx.request(method, f"{fake.url}/_leomock/scenario", json=body, headers=headers)
    return answer.raise_for_status().json()


def test_scenario_of_one_key(fake: Fake, sdk: Any) -> None:
    """PUT with a key is for that key alone, and DELETE with it ends it."""
    with sdk_of(fake, "another") as other:
        assert steer(fake, "PUT", "another", ["queue_full"]) == {"scenarios": ["queue_full"]}
        assert refused(other) == (429, "too many pending jobs")
        create(sdk)
        assert steer(fake, "GET", fake.api_key) == {"scenarios": ["happy"]}
        assert steer(fake, "GET", "another") == {"scenarios": ["queue_full"]}
        steer(fake, "DELETE", "another")
        create(other)


def test_scenario_of_one_key_where_all_have_one(fake: Fake, sdk: Any) -> None:
    """PUT without a key is for all, those that come later too; a key can have its own after that."""
    with sdk_of(fake, "another") as other, sdk_of(fake, "later") as later:
        create(sdk), create(other)
        steer(fake, "PUT", None, ["queue_full"])
        assert [refused(each)[0] for each in (sdk, other, later)] == [429] * 3
        steer(fake, "PUT", "another", [])
        create(other)
        assert [refused(each)[0] for each in (sdk, later)] == [429] * 2


@shows("flaky")
def test_scenario_counts_for_each_key(fake: Fake, sdk: Any) -> None:
    """The calls of one key are not counted for another."""
    with sdk_of(fake, "another") as other:
        assert [refused(each) for each in (sdk, other, other, sdk)] == [SERVICE_ERROR] * 4
        create(other), create(sdk)


# --- names that are not known -----------------------------------------------------------------------------


def unknown(name: str, near: str = "") -> tuple[int, str]:
    known = ", ".join(Dispatcher().scenario_registry.names())
    return 400, f"leomock: scenario={name!r}: not known{near or f'; use one of {known}'}"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("flakey", "; did you mean 'flaky'?"),
        ("flaky.yaml", "; did you mean 'flaky'?"),
        ("../scenarios/flaky", ""),
        ("xyz", ""),
    ],
)
def test_unknown_name_in_a_request(fake: Fake, sdk: Any, name: str, near: str) -> None:
    """What is not a shipped scenario (a file is none) is refused, also beside one, and there is no row."""
    expected = unknown(name, near)
    assert refused(sdk, headers={"X-Leomock-Scenario": name}) == expected
    assert refused(sdk, headers={"X-Leomock-Scenario": f"happy, {name}"}) == expected
    assert refused(sdk, f"{PROMPT} [leomock:{name}]") == expected
    assert refused(sdk, f"{PROMPT} [leomock:happy] [leomock:{name}]") == expected
    assert len(fake.world.generations) == 0


def test_unknown_name_in_a_request_shows_whole(sdk: Any) -> None:
    """The SDK's message is the fake's own, under a code that the vendor uses for bad requests.

    Holds error:UNKNOWN_SCENARIO.
    """
    error = refusal(sdk.image.create_generation, request=request_of("a [leomock:flakey] cat"))
    body = json.loads(error.body)
    assert (body["path"], body["code"]) == ("$", "bad-request")
    assert error.headers["x-leomock-explain"] == "scenario='flakey': not known; did you mean 'flaky'?"


@pytest.mark.parametrize("prompt", ["[leomock:]", "leomock:queue_full", "[leomock queue_full]", "[leomock:"])
def test_prompt_that_is_not_magic(sdk: Any, prompt: str) -> None:
    """What does not have the form asks for nothing."""
    assert read(sdk, create(sdk, prompt)).prompt == prompt
