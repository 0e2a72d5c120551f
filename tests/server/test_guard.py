"""Web pages are kept away from the admin API."""

from __future__ import annotations

import httpx
import pytest

from leomock import Fake
from tests.fixtures import client_of

HEALTH = "/_leomock/health"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:80", "localhost:8090", "[::1]:8090", "leomock:8090", "a.localhost", "10.1.2.3", "LOCALHOST"],
)
def test_known_names_are_let_in(client: httpx.Client, host: str) -> None:
    """Addresses, localhost, and names without a dot, as containers have them."""
    assert client.get(f"http://{host}{HEALTH}").status_code == 200


def test_unknown_name_is_refused(client: httpx.Client) -> None:
    """DNS rebinding: a name of somebody else's that leads here."""
    answer = client.get(f"http://evil.example{HEALTH}")
    assert answer.status_code == 403
    assert answer.json() == {
        "error": "leomock: the admin API is not called under the name 'evil.example'; "
        "--allow-host evil.example allows it"
    }


def test_unknown_name_is_allowed_when_told() -> None:
    """`--allow-host`, and the public URL's own name."""
    fake = Fake(allow_hosts=("fake.example",), public_url="https://public.example/leo")
    with client_of(fake) as client:
        assert client.get(f"http://fake.example{HEALTH}").status_code == 200
        assert client.get(f"http://public.example{HEALTH}").status_code == 200
    fake.close()


def test_pages_of_other_sites_are_refused(client: httpx.Client) -> None:
    """By Origin, and by what browsers say of the site."""
    address = f"http://localhost:8090{HEALTH}"
    foreign = client.get(address, headers={"origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert (
        foreign.json()["error"]
        == "leomock: the admin API does not accept calls from pages of 'https://evil.example'"
    )
    assert client.get(address, headers={"origin": "null"}).status_code == 403
    assert client.get(address, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert client.get(address, headers={"sec-fetch-site": "none"}).status_code == 200
    assert client.get(address, headers={"origin": "http://localhost:8090"}).status_code == 200


def test_api_itself_is_open_to_any_name(client: httpx.Client) -> None:
    """Only the admin API is guarded: the API needs a key anyway."""
    answer = client.get("http://evil.example/v1/generations/user/6163f776-ad40-47fc-acd4-c04b22590ada")
    assert answer.status_code == 200
