"""What `/metrics` reports."""

from __future__ import annotations

import asyncio
import shutil
import subprocess

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from leomock import Fake
from leomock.operations.dispatch import Dispatcher
from leomock.server.app import make_app
from leomock.server.health import Health
from leomock.server.metrics import BUCKETS, MOST_RULES, CallCounts
from tests.fixtures import completed, generate

PROMTOOL = shutil.which("promtool") or ""
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(fake: Fake, accept: str = "text/plain") -> str:
    with httpx.Client(transport=fake.transport) as client:
        answer = client.get("http://127.0.0.1/metrics", headers={"accept": accept})
    assert answer.status_code == 200
    return answer.text


def samples(fake: Fake) -> Samples:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in parse_text(scrape(fake))
        for sample in family.samples
    }


def value(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((name, tuple(sorted(labels.items()))))


@pytest.fixture
def used(fake: Fake, client: httpx.Client) -> Fake:
    """A fake with one finished job, one pending job, one picture and a refused call."""
    row = completed(client)
    generate(client)
    assert client.get(row["generated_images"][0]["url"]).status_code == 200
    assert client.post("/generations", json={}).status_code == 400
    return fake


def test_calls_are_counted_by_operation_and_status(used: Fake) -> None:
    found = samples(used)
    assert value(found, "leomock_requests_total", operation="createGeneration", status="200") == 2
    assert value(found, "leomock_requests_total", operation="createGeneration", status="400") == 1
    assert value(found, "leomock_requests_total", operation="cdn", status="200") == 1


def test_latency_is_a_histogram(used: Fake) -> None:
    found = samples(used)
    assert value(found, "leomock_request_seconds_count", operation="createGeneration") == 3
    assert value(found, "leomock_request_seconds_bucket", operation="createGeneration", le="+Inf") == 3
    sum = value(found, "leomock_request_seconds_sum", operation="createGeneration")
    assert sum is not None
    assert 0 < sum < 60


def test_state_is_read_when_asked(used: Fake) -> None:
    found = samples(used)
    assert value(found, "leomock_tenants") == 1
    assert value(found, "leomock_jobs", status="PENDING") == 1
    assert value(found, "leomock_jobs", status="COMPLETE") == 1
    assert value(found, "leomock_jobs", status="FAILED") == 0
    assert value(found, "leomock_queue_length", queue="image generations") == 1


def test_rules_and_webhooks_are_counted(fake: Fake, client: httpx.Client) -> None:
    with fake.scenario("outage"):
        assert client.get("/me").status_code >= 500
    fake.sender.attempts["accepted"] += 2
    found = samples(fake)
    [count] = [number for (name, _), number in found.items() if name == "leomock_rule_matches_total"]
    assert count == 1
    assert value(found, "leomock_webhook_attempts_total", outcome="accepted") == 2


def test_openmetrics_is_written_for_scrapers_that_ask_for_it(used: Fake) -> None:
    text = scrape(used, "application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in parse_openmetrics(text)}
    assert families["leomock_requests"].type == "counter"
    assert families["leomock_request_seconds"].type == "histogram"


@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed (apt install prometheus)")
def test_promtool_finds_nothing_to_complain_about(used: Fake) -> None:
    """With a rule and a webhook, so that those metrics have samples too."""
    with used.scenario("outage"), httpx.Client(transport=used.transport) as client:
        headers = {"authorization": f"Bearer {used.api_key}"}
        assert client.get(f"{used.url}/v1/me", headers=headers).status_code >= 500
    used.sender.attempts["accepted"] += 1
    text = scrape(used)
    assert {"leomock_rule_matches_total{", "leomock_webhook_attempts_total{"} <= {
        line[: line.index("{") + 1] for line in text.splitlines() if line[:1] != "#" and "{" in line
    }
    done = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_age_of_the_state_file_is_reported() -> None:
    async def asked() -> str:
        app = make_app(Dispatcher(), health=Health(save_age=lambda: 4.5))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return (await client.get("/metrics")).text

    assert "leomock_save_age_seconds 4.5\n" in asyncio.run(asked())


def test_pages_of_other_sites_cannot_read_them(fake: Fake) -> None:
    with httpx.Client(transport=fake.transport) as client:
        answer = client.get("http://127.0.0.1/metrics", headers={"origin": "https://evil.example"})
    assert answer.status_code == 403


@pytest.mark.parametrize(
    ("seconds", "bucket"), [(0.0, 0), (BUCKETS[0], 0), (0.0002, 1), (99.0, len(BUCKETS))]
)
def test_call_falls_into_the_bucket_of_its_upper_bound(seconds: float, bucket: int) -> None:
    counts = CallCounts()
    counts.add("op", 200, seconds)
    assert counts.buckets["op"].index(1) == bucket


def test_number_of_rules_is_bounded() -> None:
    counts = CallCounts()
    for number in range(MOST_RULES + 3):
        counts.add("op", 200, 0.0, [f"file#{number}"])
    assert len(counts.rules) <= MOST_RULES + 1
    assert counts.rules["other"] == 3
