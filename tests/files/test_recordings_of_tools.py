"""Recordings of Playwright, Postman, newman and WireMock."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from leomock.files.recordings.model import RecordedExchange, RecordingError
from leomock.files.recordings.read import read

URL = "https://cloud.leonardo.ai/api/rest/v1/me"
JSON = {"key": "Content-Type", "value": "application/json"}


def recorded(path: Path, tree: Any) -> list[RecordedExchange]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree), "utf-8")
    recording = read(path)
    assert recording.unreadable == ()
    return list(recording.exchanges)


def har(name: str) -> Any:
    request = {"method": "GET", "url": URL, "headers": []}
    content = {"size": -1, "mimeType": "application/json", "_file": name}
    entry = {
        "startedDateTime": "2026-01-02T03:04:05.500Z",
        "request": request,
        "response": {"status": 200, "headers": [], "content": content},
    }
    return {"log": {"entries": [entry]}}


def test_body_in_a_file_beside_the_har(tmp_path: Path) -> None:
    """As Playwright writes it with `content: attach`."""
    (tmp_path / "abc.json").write_bytes(b'{"a": 1}')
    (exchange,) = recorded(tmp_path / "it.har", har("abc.json"))
    assert (exchange.response_body, exchange.response_cut) == (b'{"a": 1}', False)
    assert exchange.moment == 1767323045.5


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none.json", "the file 'none.json' cannot be read: No such file or directory"),
        ("../x.json", "the file '../x.json' is not beside the recording"),
        ("/etc/hosts", "the file '/etc/hosts' is not beside the recording"),
    ],
)
def test_body_in_a_file_that_is_not_there(tmp_path: Path, name: str, why: str) -> None:
    """The entry is counted as unreadable, and files elsewhere are left alone."""
    path = tmp_path / "it.har"
    path.write_text(json.dumps(har(name)), "utf-8")
    assert [each.why for each in read(path).unreadable] == [why]


def archive(path: Path, files: dict[str, bytes]) -> Path:
    with ZipFile(path, "w") as written:
        for name, content in files.items():
            written.writestr(name, content)
    return path


def test_archive_of_a_har_and_its_bodies(tmp_path: Path) -> None:
    """As Playwright writes it for `recordHar: {path: "it.har.zip"}`."""
    files = {"har.har": json.dumps(har("abc.json")).encode(), "abc.json": b'{"a": 1}'}
    recording = read(archive(tmp_path / "it.har.zip", files))
    assert [each.response_body for each in recording.exchanges] == [b'{"a": 1}']
    assert recording.unreadable == ()


def test_archive_without_a_body(tmp_path: Path) -> None:
    """The entry is counted as unreadable."""
    path = archive(tmp_path / "it.har.zip", {"har.har": json.dumps(har("abc.json")).encode()})
    why = "the file 'abc.json' cannot be read: the archive has no such file"
    assert [each.why for each in read(path).unreadable] == [why]


@pytest.mark.parametrize("names", [[], ["a.har", "b.har"]])
def test_archive_that_is_no_recording(tmp_path: Path, names: list[str]) -> None:
    path = archive(tmp_path / "it.zip", dict.fromkeys(names, b"{}"))
    error = f"{path}: a ZIP archive with {len(names)} HAR files; a recording has one"
    with pytest.raises(RecordingError, match=f"^{re.escape(error)}$"):
        read(path)


def test_newman_report(tmp_path: Path) -> None:
    """Bodies are lists of bytes, addresses are taken apart."""
    url = {
        "protocol": "https",
        "host": ["cloud", "leonardo", "ai"],
        "path": ["api", "rest", "v1", "me"],
        "query": [{"key": "a", "value": "1"}],
    }
    execution = {
        "request": {"method": "POST", "url": url, "header": [JSON], "body": {"mode": "raw", "raw": "{}"}},
        "response": {"code": 200, "header": [JSON], "stream": {"type": "Buffer", "data": list(b'{"a": 1}')}},
    }
    (exchange,) = recorded(tmp_path / "it.json", {"run": {"executions": [execution]}})
    assert (exchange.method, exchange.url, exchange.request_body) == ("POST", f"{URL}?a=1", b"{}")
    assert (exchange.status, exchange.response_body) == (200, b'{"a": 1}')


def test_postman_collection(tmp_path: Path) -> None:
    """The saved responses, also of requests in folders."""
    response = {
        "originalRequest": {"method": "GET", "url": {"raw": URL}, "header": []},
        "code": 404,
        "header": [JSON],
        "body": "{}",
    }
    tree = {"info": {"name": "x"}, "item": [{"item": [{"request": {}, "response": [response]}]}]}
    (exchange,) = recorded(tmp_path / "it.json", tree)
    assert (exchange.method, exchange.url, exchange.status) == ("GET", URL, 404)


def test_wiremock_mappings(tmp_path: Path) -> None:
    """The request is a matcher, so it counts as not kept; bodies may stand in files."""
    (tmp_path / "__files").mkdir()
    (tmp_path / "__files" / "b.json").write_bytes(b"{}")
    request = {"method": "GET", "url": "/api/rest/v1/me"}
    tree = {
        "mappings": [
            {"request": request, "response": {"status": 200, "jsonBody": {"a": 1}}},
            {"request": request, "response": {"bodyFileName": "b.json"}},
        ]
    }
    first, second = recorded(tmp_path / "mappings" / "it.json", tree)
    assert (first.url, first.request_cut) == ("http://leomock.invalid/api/rest/v1/me", True)
    assert (first.response_body, second.response_body) == (b'{"a": 1}', b"{}")


def test_wiremock_pattern_is_not_one_exchange(tmp_path: Path) -> None:
    """It is counted and said."""
    path = tmp_path / "it.json"
    path.write_text(json.dumps({"request": {"urlPattern": "/.*"}, "response": {"status": 200}}), "utf-8")
    assert [each.why for each in read(path).unreadable] == [
        "the mapping matches a pattern of URLs, so it is not one exchange"
    ]
