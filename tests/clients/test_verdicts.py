"""What is to be said about clients that nobody here wrote: nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
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
from requests.adapters import HTTPAdapter

from leomock import Fake
from leomock.verdict import Verdict, verdict
from leomock.webhook_receiver import WebhookReceiver

REQUEST: dict[str, Any] = {"prompt": "An oil painting of a cat", "width": 64, "height": 64, "num_images": 2}
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


# --- the official Python SDK --------------------------------------------------------------------------------


def test_journey_of_the_sdk(fake: Fake, picture: bytes) -> None:
    """Upload, generation, polling, download, list and deletion give no cause for objection."""
    with sdk_of(fake) as sdk, WebhookReceiver() as receiver:
        fake.set_webhook(receiver.url)
        form = sdk.init_images.upload_init_image(request={"extension": "png"}).object.upload_init_image
        upload = requests.post(form.url, data=json.loads(form.fields), files={"file": picture}, timeout=10)
        assert upload.status_code == 204

        request = {**REQUEST, "init_image_id": form.id, "init_strength": 0.5}
        job = sdk.image.create_generation(request=request).object.sd_generation_job
        while True:
            row = sdk.image.get_generation_by_id(id=job.generation_id).object.generations_by_pk
            if row.status is not shared.JobStatus.PENDING:
                break
            fake.advance(5)
        for image in row.generated_images:
            assert requests.get(image.url, timeout=10).status_code == 200

        sdk.image.get_generations_by_user_id(user_id=fake.user_id)
        sdk.image.delete_generation_by_id(id=job.generation_id)
        sdk.init_images.delete_init_image_by_id(id=form.id)
        fake.advance_until_idle()
    found = verdict_on(fake)
    assert found.clean, str(found)
    assert (
        str(found) == "leomock: nothing to object to in 10 exchanges and 1 webhook event; 16 credits spent."
    )


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
