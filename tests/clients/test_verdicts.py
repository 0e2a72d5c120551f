"""What is to be said about clients that nobody here wrote; the PAGE has it in a table."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
import requests
import urllib3
from leonardo_ai_sdk import LeonardoAiSDK
from leonardo_ai_sdk.models import shared
from leonardo_ai_sdk.utils import retries
from leonardo_ai_sdk.utils.retries import BackoffStrategy, RetryConfig
from leonardo_api import Leonardo  # type: ignore[import-untyped]
from requests.adapters import HTTPAdapter

from leomock import Fake
from leomock.testing.interception import intercept
from leomock.testing.webhook_receiver import WebhookReceiver
from leomock.verdict.review import Verdict, verdict
from tests.clients.test_leonardo_api import LOG, InTurn
from tests.clients.test_python_sdk import Awaited
from tests.clients.test_typescript_sdk import NODE, SDK, _run

REQUEST: dict[str, Any] = {"prompt": "An oil painting of a cat", "width": 64, "height": 64, "num_images": 2}
PAGE = Path(__file__).parents[2].joinpath("docs/reference/clients.md").read_text("utf-8")
# Whatever was refused for a while, again after a second and then ever later.
BACKOFF = RetryConfig("backoff", BackoffStrategy(1000, 8000, 2, 60_000), retry_connection_errors=False)


def verdict_on(fake: Fake) -> Verdict:
    return verdict(fake.requests, events=fake.webhooks)


@contextmanager
def sdk_of(fake: Fake, **settings: Any) -> Iterator[Any]:
    """The SDK, typed as Any, since nearly every field of its models may be missing, null or unset."""
    # The SDK's own clients load all certificates, which takes longer than a test.
    with (
        httpx.Client(follow_redirects=True, verify=False) as client,
        LeonardoAiSDK(
            bearer_auth=fake.api_key,
            server_url=fake.base_url,
            client=client,
            async_client=httpx.AsyncClient(verify=False),
            **settings,
        ) as sdk,
    ):
        yield sdk


# --- the standard journey --------------------------------------------------------------------------------


def journey_of_the_sdk(image: Any, init_images: Any, fake: Fake, picture: bytes) -> None:
    """Upload, generation, polling, download, list and deletion, with a webhook."""
    with WebhookReceiver() as receiver:
        fake.set_webhook(receiver.url)
        form = init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
        upload = requests.post(form.url, data=json.loads(form.fields), files={"file": picture}, timeout=10)
        assert upload.status_code == 204

        request = {**REQUEST, "init_image_id": form.id, "init_strength": 0.5}
        job = image.create_generation(request=request).object.sd_generation_job
        while True:
            row = image.get_generation_by_id(id=job.generation_id).object.generations_by_pk
            if row.status is not shared.JobStatus.PENDING:
                break
            time.sleep(5)
        for made in row.generated_images:
            assert requests.get(made.url, timeout=10).status_code == 200

        image.get_generations_by_user_id(user_id=fake.user_id)
        image.delete_generation_by_id(id=job.generation_id)
        init_images.delete_init_image_by_id(id=form.id)
        fake.advance_until_idle()


def with_the_sdk(fake: Fake, picture: bytes) -> None:
    with sdk_of(fake) as sdk:
        journey_of_the_sdk(sdk.image, sdk.init_images, fake, picture)


def with_the_sdk_async(fake: Fake, picture: bytes) -> None:
    with asyncio.Runner() as runner:
        sdk: Any = LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url)
        image, init_images = Awaited(sdk.image, runner), Awaited(sdk.init_images, runner)
        journey_of_the_sdk(image, init_images, fake, picture)
        runner.run(sdk.__aexit__(None, None, None))


def with_the_typescript_sdk(fake: Fake, picture: bytes) -> None:
    if NODE is None or not SDK.exists():
        pytest.skip("the TypeScript SDK needs Node, and `npm install` in tests/clients/node")
    _run(fake, "whole", picture=base64.b64encode(picture).decode())


def journey_of_leonardo_api(client: Any, fake: Fake, picture: bytes) -> None:
    """The same with a client that uploads and waits by itself, where it can."""
    with TemporaryDirectory() as folder, intercept(fake):
        file = Path(folder, "cat.png")
        file.write_bytes(picture)
        with suppress(requests.HTTPError):
            client.upload_init_image(str(file))
        id = client.post_generations(prompt="a cat", num_images=1)["sdGenerationJob"]["generationId"]
        image = client.wait_for_image_generation(generation_id=id)
        assert requests.get(image["url"], timeout=10).status_code == 200
        client.get_generations_by_user(fake.user_id)
        client.delete_single_generation(id)


def with_leonardo_api(fake: Fake, picture: bytes) -> None:
    journey_of_leonardo_api(Leonardo(fake.api_key, LOG), fake, picture)


def with_leonardo_api_async(fake: Fake, picture: bytes) -> None:
    journey_of_leonardo_api(InTurn(fake.api_key), fake, picture)


# By the name that the PAGE's table gives each.
JOURNEYS: dict[str, Callable[[Fake, bytes], None]] = {
    "`leonardo-ai-sdk` 7.0.0": with_the_sdk,
    "`leonardo-ai-sdk` 7.0.0, async": with_the_sdk_async,
    "`@leonardo-ai/sdk` 4.21.3": with_the_typescript_sdk,
    "`leonardo-api` 0.0.14, `Leonardo`": with_leonardo_api,
    "`leonardo-api` 0.0.14, `LeonardoAsync`": with_leonardo_api_async,
}


def told_by_the_readme() -> dict[str, list[str]]:
    """The rules that each client breaks, by the table under `| client | rules broken |`."""
    table = PAGE.partition("| client | rules broken |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()]
    return {client: re.findall("`([a-z-]+)`", rules) for client, rules in rows}


def test_page_names_every_client() -> None:
    """In its table of verdicts, and no other."""
    assert list(told_by_the_readme()) == list(JOURNEYS)


@pytest.mark.parametrize("client", JOURNEYS)
def test_verdict_on_the_standard_journey(client: str, picture: bytes) -> None:
    """It is the one that the PAGE tells."""
    # The program of the TypeScript SDK cannot be made to wait by this clock.
    jobs = "polls:1" if client.startswith("`@") else "seconds:12"
    with Fake(clock="frozen", jobs=jobs) as fake, fake.fast_polling():
        JOURNEYS[client](fake, picture)
    found = verdict_on(fake)
    assert [finding.rule for finding in found.findings] == told_by_the_readme()[client], str(found)


@pytest.mark.parametrize("scenario", ["flaky", "rate_limited"])
def test_retries_of_the_sdk(fake: Fake, scenario: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its backoff tries again what may succeed, and waits as long as Retry-After says."""
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        fake.advance(seconds)

    # In the SDK alone: its retries must let the fake's time pass.
    clock = SimpleNamespace(sleep=sleep, time=lambda: fake.clock.now())
    monkeypatch.setattr(retries, "time", clock)
    with fake.scenario(scenario), sdk_of(fake, retry_config=BACKOFF) as sdk:
        job = sdk.image.create_generation(request=REQUEST).object.sd_generation_job
        for _ in range(3):
            row = sdk.image.get_generation_by_id(id=job.generation_id).object.generations_by_pk
            if row.status is shared.JobStatus.COMPLETE:
                break
    assert slept
    assert verdict_on(fake).clean, str(verdict_on(fake))


# --- requests -----------------------------------------------------------------------------------------------


def test_recipe_with_requests(fake: Fake, picture: bytes) -> None:
    """The official recipe: ask for a form, upload, generate from it, wait 20 seconds, read."""
    headers = {"accept": "application/json", "authorization": f"Bearer {fake.api_key}"}

    def call(method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{fake.base_url}{path}", json=body, headers=headers, timeout=10)
        assert answer.status_code == 200
        return answer.json()

    form = call("POST", "/init-image", {"extension": "png"})["uploadInitImage"]
    upload = requests.post(form["url"], data=json.loads(form["fields"]), files={"file": picture}, timeout=10)
    assert upload.status_code == 204
    job = call("POST", "/generations", {**REQUEST, "init_image_id": form["id"]})["sdGenerationJob"]
    for _ in range(2):
        fake.advance(20)
        row = call("GET", f"/generations/{job['generationId']}")["generations_by_pk"]
    assert row["status"] == "COMPLETE"
    for image in row["generated_images"]:
        assert requests.get(image["url"], headers=headers, timeout=10).status_code == 200
    found = verdict_on(fake)
    assert found.clean, str(found)
    assert (found.exchanges, found.credits) == (7, 16)


def session_of(fake: Fake, retry: urllib3.Retry) -> requests.Session:
    session = requests.Session()
    session.headers["authorization"] = f"Bearer {fake.api_key}"
    session.mount("http://", HTTPAdapter(max_retries=retry))
    return session


def test_retries_of_urllib3(fake: Fake) -> None:
    """They honour Retry-After, and a generation that was asked for with them is there once."""

    class Retry(urllib3.Retry):
        def sleep(self, response: urllib3.BaseHTTPResponse | None = None) -> None:
            """Let the fake's time pass."""
            wait = self.get_retry_after(response) if response else None
            fake.advance(wait or self.get_backoff_time())

    retry = Retry(5, status_forcelist=(429,), allowed_methods=None, backoff_factor=1)
    with fake.scenario("rate_limited"), session_of(fake, retry) as session:
        session.post(f"{fake.base_url}/generations", json=REQUEST)
        for _ in range(5):
            session.get(f"{fake.base_url}/me")
    assert [exchange.status for exchange in fake.requests].count(429) == 2
    assert verdict_on(fake).clean, str(verdict_on(fake))


def test_retries_of_urllib3_over_a_broken_connection(fake: Fake) -> None:
    """Retried blindly, a generation is made and paid twice: the verdict says so."""
    retry = urllib3.Retry(3, allowed_methods=None, backoff_factor=0)
    with fake.scenario("connection_drops"), session_of(fake, retry) as session:
        for _ in range(3):
            session.get(f"{fake.base_url}/me")
        session.post(f"{fake.base_url}/generations", json=REQUEST)
    [finding] = verdict_on(fake).findings
    assert (finding.rule, finding.exchanges) == ("resubmitted-after-a-broken-answer", (4, 5))
    assert len(fake.world.generations) == 2


def test_requests_that_does_not_wait(fake: Fake) -> None:
    """Asked again after a timeout, a generation is made and paid twice: the verdict says so."""
    with fake.scenario("slow"), requests.Session() as session:
        session.headers["authorization"] = f"Bearer {fake.api_key}"
        for _ in range(2):
            with pytest.raises(requests.ReadTimeout):
                session.post(f"{fake.base_url}/generations", json=REQUEST, timeout=0.1)
    [finding] = verdict_on(fake).findings
    assert (finding.rule, finding.exchanges) == ("resubmitted-after-a-broken-answer", (1, 2))
