"""Credentials do not reach a recording."""

from __future__ import annotations

import pytest

from leomock.state.redaction import Redactor

KEY = "b0e1c2d3-aaaa-bbbb-cccc-0123456789ab"


@pytest.mark.parametrize(
    "name",
    ["authorization", "api-key", "x-auth-token", "x-api-key", "set-cookie", "cookie", "X-Client-Secret"],
)
def test_header_is_shortened(name: str) -> None:
    """By its name."""
    ((_, value),) = Redactor().headers([(name.encode(), KEY.encode())])
    assert value.decode() == "b0e1…"


@pytest.mark.parametrize("name", ["api_key", "token", "apikey", "access_token", "client_secret"])
def test_query_parameter_is_shortened(name: str) -> None:
    """The others stay."""
    text = Redactor().text(f"https://x.test/v1/me?a=1&{name}={KEY}&tokens=5")
    assert text == f"https://x.test/v1/me?a=1&{name}=b0e1%E2%80%A6&tokens=5"


def test_field_of_a_body_is_shortened() -> None:
    """In JSON and in a form."""
    redactor = Redactor()
    assert redactor.body(f'{{"webhookCallbackApiKey": "{KEY}", "tokens": 5}}'.encode()).decode() == (
        '{"webhookCallbackApiKey": "b0e1…", "tokens": 5}'
    )
    assert redactor.body(f"a=1&token={KEY}".encode()) == b"a=1&token=b0e1%E2%80%A6"


def test_key_of_a_header_is_shortened_everywhere() -> None:
    """In addresses, bodies and other headers, also of later exchanges."""
    redactor = Redactor()
    redactor.headers([(b"authorization", f"Bearer {KEY}".encode())])
    assert KEY not in redactor.text(f"https://x.test/{KEY}/me?q={KEY}")
    assert redactor.body(f'{{"echo": "{KEY}"}}'.encode()).decode() == '{"echo": "b0e1…"}'
    assert redactor.headers([(b"x-echo", KEY.encode())]) == [(b"x-echo", b"b0e1%E2%80%A6")]


def test_further_names() -> None:
    """Of headers, parameters and fields."""
    redactor = Redactor(["x-tenant", "tenant"])
    assert redactor.headers([(b"X-Tenant", b"acme-holding")])[0][1].decode() == "acme…"
    assert redactor.text("?tenant=acme-limited") == "?tenant=acme%E2%80%A6"


def test_binary_body_stays_as_it_is() -> None:
    """Every byte."""
    body = bytes(range(256)) * 4
    assert Redactor().body(body) == body
