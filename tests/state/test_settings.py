"""Invalid settings are refused, and the text names valid values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leomock.state.settings import JobCompletion, SettingError, Settings


@pytest.mark.parametrize(
    ("text", "pace"),
    [
        ("seconds:2", JobCompletion("seconds", 2)),
        ("seconds:0.5", JobCompletion("seconds", 0.5)),
        ("polls:3", JobCompletion("polls", 3)),
        ("immediate", JobCompletion("immediate")),
        ("manual", JobCompletion("manual")),
    ],
)
def test_pace_reads_back(text: str, pace: JobCompletion) -> None:
    """What is read is what is written."""
    assert JobCompletion.parse(text) == pace
    assert str(pace) == text


@pytest.mark.parametrize(
    "text", ["", "seconds", "seconds:", "seconds:-1", "seconds:x", "polls:1.5", "manual:1", "soon", 3, None]
)
def test_pace_that_is_none(text: Any) -> None:
    """The error lists all five."""
    with pytest.raises(SettingError) as refused:
        JobCompletion.parse(text)
    assert str(refused.value) == (
        f"jobs={text!r}: use seconds:S (e.g. seconds:2), polls:N, polls:N,seconds:S, immediate or manual"
    )


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"auth": "closed"}, "auth='closed': use open, strict or real"),
        ({"auth": "strict"}, "auth=strict needs at least one API key (--api-key KEY)"),
        ({"ids": "v7"}, "ids='v7': use v4 or v6"),
        (
            {"public_url": "localhost:80"},
            "public_url='localhost:80': use a full address such as http://localhost:8090",
        ),
        (
            {"public_url": "http://h/?q"},
            "public_url='http://h/?q': use a full address such as http://localhost:8090",
        ),
        ({"jobs": 2}, "jobs=2: use a text"),
        ({"webhook_form": "2024"}, "webhook_form='2024': use 2026 or 2023"),
        ({"webhook_http": "no"}, "webhook_http='no': use allow or refuse"),
        (
            {"webhook_http": "refuse", "webhook_url": "http://h/hook"},
            "webhook_url='http://h/hook': WebhookCallbackUrl is not a valid url (must be https://); "
            "webhook_http=allow accepts it",
        ),
        ({"credits": "all"}, "credits='all': use a whole number"),
        ({"api_keys": "abc"}, "api_keys='abc': use a list of texts"),
        ({"cors": [1]}, "cors=[1]: use a list of texts"),
        ({"credits": True}, "credits=True: use a whole number"),
        ({"webhook_timeout": "5"}, "webhook_timeout='5': use a number"),
        ({"explain": "yes"}, "explain='yes': use True or False"),
        ({"max_body": 0}, "max_body=0: use a size in bytes, at least 1"),
        ({"journal_bytes": 0}, "journal_bytes=0: use a size in bytes, at least 1"),
        ({"journals_bytes": 0}, "journals_bytes=0: use a size in bytes, at least 1"),
        ({"max_stored": 0}, "max_stored=0: use a size in bytes, at least 1"),
        ({"max_stored_all": 0}, "max_stored_all=0: use a size in bytes, at least 1"),
        ({"request_timeout": 0}, "request_timeout=0: use seconds, above 0 to 86400"),
        (
            {"allow_hosts": ("http://h",)},
            "allow_hosts='http://h': use a host name such as leomock.test, without a port",
        ),
        ({"allow_hosts": ("",)}, "allow_hosts='': use a host name such as leomock.test, without a port"),
        ({"api_keys": ("",)}, "api_keys='': use printable ASCII characters, as a header has them"),
        ({"api_keys": ("clé",)}, "api_keys='clé': use printable ASCII characters, as a header has them"),
        ({"webhook_key": "clé"}, "webhook_key='clé': use printable ASCII characters, as a header has them"),
        (
            {"webhook_key": "a\nb"},
            "webhook_key='a\\nb': use printable ASCII characters, as a header has them",
        ),
        ({"webhook_ca": "no.pem"}, "webhook_ca='no.pem': there is no such file"),
    ],
)
def test_settings_that_cannot_be_meant(settings: dict[str, Any], error: str) -> None:
    """Each says what would work."""
    with pytest.raises(SettingError) as refused:
        Settings(**settings)
    assert str(refused.value) == error


def test_unit_in_small_letters() -> None:
    """`serve --help` writes it so, and a project's settings are for the command and for pytest."""
    settings: dict[str, Any] = {"unit": "dollars"}
    assert Settings(**settings).unit == "DOLLARS"


def test_authority_of_a_receiver_that_is_no_certificate(tmp_path: Path) -> None:
    """Refused at the start, and not with each event."""
    file = tmp_path / "ca.pem"
    file.write_text("not one", "utf-8")
    with pytest.raises(SettingError) as refused:
        Settings(webhook_ca=str(file))
    assert str(refused.value) == f"webhook_ca={str(file)!r}: not a certificate in PEM"
