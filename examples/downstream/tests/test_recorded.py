from pathlib import Path

import pytest
import vcr

import poster


@pytest.fixture
def cassette(tmp_path):
    return str(tmp_path / "poster.yaml")


def test_cassette_replays_without_the_fake(leomock, cassette):
    with vcr.use_cassette(cassette):
        urls = poster.make("a cat", pause=0.01)
    calls = len(leomock.requests)
    with vcr.use_cassette(cassette, record_mode="none"):
        assert poster.make("a cat", pause=0.01) == urls
    assert len(leomock.requests) == calls


def test_cassette_names_the_real_host(leomock, cassette):
    with vcr.use_cassette(cassette):
        poster.submit("a cat")
    text = Path(cassette).read_text("utf-8")
    assert "https://cloud.leonardo.ai/" in text
    assert "127.0.0.1" not in text
