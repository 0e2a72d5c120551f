"""Which web pages may call the API, the CDN, the bucket and the admin API."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from leomock import Fake
from leomock.state.settings import SettingError
from tests.fixtures import client_of, completed

PAGE = "http://localhost:5173"
PREFLIGHT = {
    "origin": PAGE,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}
PLACES = [
    "/api/rest/v1/generations",
    "/cdn/users/x/generations/y/z.jpg",
    "/s3/leomock-x/",
    "/_leomock/health",
]


@pytest.fixture(scope="module")
def open_fake() -> Iterator[Fake]:
    fake = Fake(cors=(PAGE,), jobs="immediate")
    yield fake
    fake.close()


def test_no_page_is_let_in_by_default(client: httpx.Client) -> None:
    """Neither by the API, nor by the CDN, nor by the upload bucket."""
    picture = completed(client)["generated_images"][0]["url"]
    form = client.post("/init-image", json={"extension": "png"}).json()["uploadInitImage"]
    for answer in (
        client.get(picture, headers={"origin": PAGE}),
        client.get("/me", headers={"origin": PAGE}),
        client.options("/generations", headers=PREFLIGHT),
        client.post(
            form["url"], data=json.loads(form["fields"]), files={"file": b"x"}, headers={"origin": PAGE}
        ),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("place", PLACES)
def test_refused_preflight_names_the_option(fake: Fake, place: str) -> None:
    with client_of(fake) as client:
        answer = client.options(f"{fake.url}{place}", headers=PREFLIGHT)
    assert answer.status_code >= 400
    assert answer.headers["x-leomock-explain"] == (
        f"a page of {PAGE} asks to call this server; --cors {PAGE} would allow it"
    )


@pytest.mark.parametrize("place", PLACES)
def test_preflight_of_a_named_origin_is_answered(open_fake: Fake, place: str) -> None:
    with client_of(open_fake) as client:
        answer = client.options(f"{open_fake.url}{place}", headers=PREFLIGHT)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "POST" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"


@pytest.mark.parametrize(
    ("method", "place", "status"),
    [
        ("GET", "/api/rest/v1/me", 200),
        ("GET", "/api/rest/v1/nothing", 404),
        ("POST", "/api/rest/v1/generations", 400),
        ("GET", "/cdn/nothing", 403),
        ("POST", "/s3/nothing/", 404),
        ("GET", "/_leomock/health", 200),
        ("GET", "/nothing", 404),
    ],
)
def test_every_answer_to_a_named_origin_can_be_read(
    open_fake: Fake, method: str, place: str, status: int
) -> None:
    with client_of(open_fake) as client:
        answer = client.request(method, f"{open_fake.url}{place}", headers={"origin": PAGE})
    assert answer.status_code == status
    assert answer.headers["access-control-allow-origin"] == PAGE
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"Content-Range", "ETag", "Date", "X-Request-Id", "X-Leomock-Explain"} <= set(exposed)


def test_other_origin_is_not_let_in(open_fake: Fake) -> None:
    with client_of(open_fake) as client:
        answer = client.get("/me", headers={"origin": "http://evil.example"})
        admin = client.get(f"{open_fake.url}/_leomock/health", headers={"origin": "http://evil.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert admin.status_code == 403


def test_star_opens_the_api_but_not_the_admin_api() -> None:
    fake = Fake(cors=("*",))
    with client_of(fake) as client:
        answer = client.get("/me", headers={"origin": PAGE})
        admin = client.get(f"{fake.url}/_leomock/health", headers={"origin": PAGE})
    fake.close()
    assert answer.headers["access-control-allow-origin"] == "*"
    assert admin.status_code == 403


@pytest.mark.parametrize("origin", ["localhost:5173", "http://localhost:5173/", "HTTP://x", ""])
def test_origin_that_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(SettingError) as refused:
        Fake(cors=(origin,))
    assert str(refused.value) == f"cors={origin!r}: use an origin (http://localhost:5173) or *"
