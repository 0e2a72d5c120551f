"""The API over HTTP."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import httpx
import pytest

from leomock import Fake
from leomock.operations.registry import HANDLERS
from tests.fixtures import client_of, completed, generate

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"


def test_answer_has_the_headers_seen(client: httpx.Client) -> None:
    """Compact JSON, `nosniff`, a request id; no rate limit headers."""
    answer = client.get("/platformModels")
    assert answer.content.startswith(b'{"custom_models":[{"')
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert uuid.UUID(answer.headers["x-request-id"]).version == 4
    assert set(answer.headers) == {"content-type", "content-length", "x-content-type-options", "x-request-id"}


def test_error_body_is_compact_and_in_order(client: httpx.Client) -> None:
    """`error`, `path`, `code`, as seen on the wire."""
    answer = client.post("/generations", content=b"")
    assert answer.content == (
        b'{"error":"expecting a value for non-nullable variable: \\"prompt\\"",'
        b'"path":"$","code":"validation-failed"}'
    )
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_auth_goes_before_routing(client: httpx.Client) -> None:
    """No key and an unknown route: 401."""
    del client.headers["authorization"]
    assert client.get("/nothing").status_code == 401
    assert client.put("/generations").status_code == 401


def test_unknown_route_is_404_and_wrong_method_405(client: httpx.Client) -> None:
    """In the words of the real service, with the help in a header."""
    unknown = client.post("/generation", json={})
    assert unknown.status_code == 404
    assert unknown.json() == {"error": "Endpoint not found", "path": "$", "code": "not-found"}
    assert "createGeneration" in unknown.headers["x-leomock-explain"]
    wrong = client.put("/generations")
    assert wrong.status_code == 405
    assert wrong.json()["error"] == "Allowed methods: POST"
    assert wrong.headers["allow"] == "POST"
    assert client.request("BREW", "/generations").status_code == 405


@pytest.mark.parametrize("base", ["/api/rest/v1", "/v1"])
def test_both_prefixes_answer(fake: Fake, base: str) -> None:
    """The second is the one that the capability's REST adapter exposes."""
    with client_of(fake) as client:
        client.base_url = httpx.URL(fake.url + base)
        assert completed(client)["status"] == "COMPLETE"


@pytest.mark.parametrize("base", ["/api/rest/v2", "/v2"])
def test_version_2_answers_below_prefixes_of_its_own(fake: Fake, client: httpx.Client, base: str) -> None:
    """With its own operations, and no other."""
    body = {"model": "flux-dev", "parameters": {"prompt": "a"}}
    assert "generate" in client.post(f"{fake.url}{base}/generations", json=body).json()
    unknown = client.get(f"{fake.url}{base}/me")
    assert (unknown.status_code, unknown.json()["error"]) == (404, "Endpoint not found")
    assert unknown.headers["x-leomock-explain"] == (
        "GET /me: no such operation; the nearest is GET /models (listModelsV2)"
    )
    wrong = client.get(f"{fake.url}{base}/generations")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "Allowed methods: POST")
    assert wrong.headers["allow"] == "POST"
    assert client.post("/generationssync", json={}).status_code == 404
    assert client.get(f"{fake.url}{base}/models", headers={"authorization": ""}).status_code == 401
    (call,) = fake.assert_called("createGenerationV2", times=1, body={"model": "flux-dev"})
    assert call.path == f"{base}/generations"
    fake.assert_called("listModelsV2", times=0)


def test_prefix_with_more_letters_is_none(fake: Fake, client: httpx.Client) -> None:
    """`/v22` is not `/v2`."""
    assert client.get(f"{fake.url}/v22/models").json()["error"].startswith("leomock: 404 ")


@pytest.mark.parametrize("slashes", ["/", "//"])
def test_trailing_slash_is_accepted(client: httpx.Client, slashes: str) -> None:
    """As the real service does."""
    assert client.get(f"/generations/{NOBODY}{slashes}").json() == {"generations_by_pk": None}


@pytest.mark.parametrize(
    "path",
    [
        "/generations/..%2F..%2Fetc%2Fpasswd",
        "/generations/%2e%2e",
        f"/generations/{NOBODY}%00",
        f"/generations/{NOBODY}%2F",
        "/generations/%ff%fe",
        "/generations/%F0%9F%92%A9",
    ],
)
def test_path_tricks_are_ids_that_are_no_uuid(client: httpx.Client, path: str) -> None:
    """An encoded slash is part of the id, not of the path."""
    answer = client.get(path)
    assert answer.status_code == 400
    assert answer.json()["code"] == "data-exception"
    answer.headers["x-leomock-explain"].encode("ascii")


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_content_type_does_not_matter(client: httpx.Client, kind: str) -> None:
    """The body is read as JSON, whatever it is called."""
    answer = client.post("/generations", content=b'{"prompt":"a"}', headers={"content-type": kind})
    assert answer.status_code == 200


def test_body_on_get_is_accepted(client: httpx.Client, fake: Fake) -> None:
    """Variables may come in the body of a GET."""
    for _ in range(3):
        generate(client)
    answer = client.request("GET", f"/generations/user/{fake.world.user_id}", json={"limit": 2})
    assert len(answer.json()["generations"]) == 2


def test_urls_are_built_from_the_address_used(fake: Fake) -> None:
    """Inside and outside a container the same server has two names."""
    with client_of(fake) as client:
        row = completed(client)
        path = f"/api/rest/v1/generations/{row['id']}"
        for host in ("localhost:1234", "leomock.internal"):
            again = client.get(f"http://{host}{path}").json()["generations_by_pk"]
            assert again["generated_images"][0]["url"].startswith(f"http://{host}/cdn/users/")


def test_public_url_replaces_the_address() -> None:
    """`--public-url` goes before what the client used."""
    fake = Fake(public_url="https://fake.example/leo/", clock="frozen")
    with client_of(fake) as client:
        url = completed(client)["generated_images"][0]["url"]
        assert url.startswith("https://fake.example/leo/cdn/users/")
        form = client.post("/init-image", json={"extension": "png"}).json()["uploadInitImage"]
        assert form["url"].startswith("https://fake.example/leo/s3/leomock-")
    fake.close()


@pytest.fixture
def small() -> Iterator[httpx.Client]:
    fake = Fake(max_body=1000, clock="frozen")
    with client_of(fake) as client:
        yield client
    fake.close()


def test_body_over_the_limit_is_413(small: httpx.Client) -> None:
    """With a clear text; the limit itself is accepted."""
    body = json.dumps({"prompt": "a"}).encode()
    assert small.post("/generations", content=body.ljust(1000)).status_code == 200
    answer = small.post("/generations", content=body.ljust(1001))
    assert answer.status_code == 413
    assert answer.json() == {
        "error": "request body is larger than 1000 bytes",
        "path": "$",
        "code": "unexpected",
    }


def test_operation_without_behaviour_answers_a_blank(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Valid by the document, and it says what it is."""
    monkeypatch.delitem(HANDLERS, "listPlatformModels")
    answer = client.get("/platformModels")
    assert answer.json() == {"custom_models": []}
    assert answer.headers["x-leomock-explain"] == (
        "listPlatformModels answers a blank: leomock has no behaviour for it yet"
    )


def test_wrong_address_outside_the_api_names_the_right_one(client: httpx.Client, fake: Fake) -> None:
    """Somebody forgot the prefix."""
    answer = client.get(f"{fake.url}/generations")
    assert answer.status_code == 404
    assert answer.json()["error"].startswith(
        "leomock: 404 /generations: the API is under /api/rest/v1 and /api/rest/v2; "
        "the nearest operation is GET /generations/{id}"
    )


@pytest.mark.parametrize(
    ("method", "path", "explain"),
    [
        (
            "POST",
            "/generations",
            "/generations: the API is under /api/rest/v1 and /api/rest/v2; "
            "call POST /api/rest/v1/generations (createGeneration)",
        ),
        (
            "POST",
            "/api/rest/v3/generations",
            "/api/rest/v3/generations: there is no version v3, only v1 and v2; "
            "call POST /api/rest/v1/generations (createGeneration)",
        ),
        (
            "GET",
            "/api/rest/me",
            "/api/rest/me: the API is under /api/rest/v1 and /api/rest/v2; "
            "call GET /api/rest/v1/me (getUserSelf)",
        ),
        (
            "GET",
            "/zzzzzzzzzzzzzzzzzzzzzzzzzzzz",
            "/zzzzzzzzzzzzzzzzzzzzzzzzzzzz: the API is under /api/rest/v1 and /api/rest/v2",
        ),
    ],
)
def test_call_outside_every_version_is_explained_and_recorded(
    client: httpx.Client, fake: Fake, method: str, path: str, explain: str
) -> None:
    answer = client.request(method, f"{fake.url}{path}")
    assert (answer.status_code, answer.json()) == (404, {"error": f"leomock: 404 {explain}"})
    assert answer.headers["x-leomock-explain"] == explain
    assert fake.story() == f"#1 {method} {path} api 404 | {explain}"


@pytest.mark.parametrize("path", ["/favicon.ico", "/_leomock/x", "/cdn/x"])
def test_call_to_an_address_of_the_fake_itself_is_not_recorded(
    client: httpx.Client, fake: Fake, path: str
) -> None:
    client.get(f"{fake.url}{path}")
    assert fake.story() == ""


def test_who_calls_the_real_host_gets_real_addresses(client: httpx.Client, fake: Fake) -> None:
    """As in production: a proxy or an interceptor leads the hosts here."""
    base = "https://cloud.leonardo.ai/api/rest/v1"
    form = client.post(f"{base}/init-image", json={"extension": "png"}).json()["uploadInitImage"]
    bucket = fake.world.bucket.name
    assert form["url"] == f"https://leomock-uploads.s3.us-east-1.amazonaws.com/{bucket}/"
    row = completed(client)
    again = client.get(f"{base}/generations/{row['id']}").json()["generations_by_pk"]
    assert again["generated_images"][0]["url"].startswith("https://cdn.leonardo.ai/users/")
