"""Recordings of every kind, as one list of exchanges."""

from __future__ import annotations

import base64
import gzip
import json
import sys
import zlib
from pathlib import Path
from typing import Any

import brotli
import httpx
import pytest
import yaml

from leomock import Fake
from leomock.files.har import to_har
from leomock.files.recordings.compression import decoded
from leomock.files.recordings.model import RecordedExchange, RecordingError, Unreadable
from leomock.files.recordings.read import from_journal, read
from leomock.state.journal import Journal
from tests.fixtures import completed

URL = "https://cloud.leonardo.ai/api/rest/v1/generations"
ASKED = b'{"prompt": "a cat"}'
ANSWERED = b'{"sdGenerationJob": null}'
WANTED = RecordedExchange(
    "POST",
    URL,
    {"authorization": "Bearer x", "content-type": "application/json"},
    ASKED,
    200,
    {"content-type": "application/json"},
    ANSWERED,
    number=1,
)


def har_entry(**changed: Any) -> dict[str, Any]:
    """An entry as browsers write it; `request` and `response` are merged into it."""
    request = {
        "method": "POST",
        "url": URL,
        "headers": [
            {"name": "Authorization", "value": "Bearer x"},
            {"name": "Content-Type", "value": "application/json"},
        ],
        "postData": {"mimeType": "application/json", "text": ASKED.decode()},
    }
    response = {
        "status": 200,
        "headers": [{"name": "content-type", "value": "application/json"}],
        "content": {"mimeType": "application/json", "size": 10, "text": ANSWERED.decode()},
    }
    return {
        "request": request | changed.get("request", {}),
        "response": response | changed.get("response", {}),
    }


def one(tmp_path: Path, tree: Any, name: str = "it.har") -> RecordedExchange:
    """The one exchange of a file, without the file's name."""
    recording = written(tmp_path, tree, name)
    assert recording.unreadable == ()
    [recorded] = recording.exchanges
    assert recorded.file == str(tmp_path / name)
    return RecordedExchange(
        **{field: getattr(recorded, field) for field in RecordedExchange.__dataclass_fields__} | {"file": ""}
    )


def written(tmp_path: Path, tree: Any, name: str = "it.har") -> Any:
    path = tmp_path / name
    path.write_text(yaml.dump(tree) if name.endswith(".yaml") else json.dumps(tree), "utf-8")
    return read(path)


def har(*entries: Any) -> dict[str, Any]:
    return {"log": {"version": "1.2", "creator": {}, "entries": list(entries)}}


NO_RECORDING = (
    "neither a HAR (log.entries), a VCR cassette (interactions), a Postman collection or newman report, "
    "WireMock mappings nor a journal of leomock (requests)"
)


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"response": {"content": {"text": base64.b64encode(ANSWERED).decode(), "encoding": "base64"}}},
        {
            "request": {
                "headers": [
                    {"name": ":method", "value": "POST"},
                    {"name": "authorization", "value": "Bearer x"},
                    {"name": "content-type", "value": "application/json"},
                ]
            }
        },
        {"request": {"headers": [{"name": "Authorization", "value": "Bearer x"}]}},
    ],
    ids=["chrome", "base64", "http2", "type from the body"],
)
def test_har_as_others_write_it(tmp_path: Path, changed: dict[str, Any]) -> None:
    """Every spelling says the same exchange."""
    assert one(tmp_path, har(har_entry(**changed))) == WANTED


def test_har_with_a_form(tmp_path: Path) -> None:
    """`params` stand for a body that was a form; the parts of a multipart one are not enough."""
    params = [{"name": "a", "value": "b c"}]
    kinds = {"application/x-www-form-urlencoded": (b"a=b+c", False), "multipart/form-data": (b"", True)}
    for kind, (body, cut) in kinds.items():
        recorded = one(tmp_path, har(har_entry(request={"postData": {"mimeType": kind, "params": params}})))
        assert (recorded.request_body, recorded.request_cut) == (body, cut)


def test_har_without_contents(tmp_path: Path) -> None:
    """A size without a text means that the body was not kept."""
    recorded = one(tmp_path, har(har_entry(response={"content": {"size": 5, "mimeType": "image/png"}})))
    assert (recorded.response_body, recorded.response_cut) == (b"", True)


def test_har_of_a_call_without_an_answer(tmp_path: Path) -> None:
    """Browsers write status 0."""
    assert one(tmp_path, har(har_entry(response={"status": 0, "content": {}}))).status == 0


CASSETTE: dict[str, Any] = {
    "request": {
        "method": "POST",
        "uri": URL,
        "headers": {"Authorization": ["Bearer x"], "content-type": ["application/json"]},
        "body": ASKED.decode(),
    },
    "response": {
        "status": {"code": 200, "message": "OK"},
        "headers": {"Content-Type": ["application/json"]},
        "body": {"string": ANSWERED.decode()},
    },
}


@pytest.mark.parametrize("name", ["it.yaml", "it.json"])
@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        ({"string": ANSWERED.decode()}, ""),
        ({"string": ANSWERED.decode()}, "gzip"),
        ({"base64_string": base64.b64encode(ANSWERED).decode()}, ""),
        ({"base64_string": base64.b64encode(gzip.compress(ANSWERED)).decode()}, "gzip"),
        ({"encoding": "UTF-8", "string": ANSWERED.decode()}, "br"),
    ],
    ids=["text", "decoded", "base64", "gzip", "ruby"],
)
def test_cassette_as_others_write_it(tmp_path: Path, name: str, body: dict[str, Any], encoding: str) -> None:
    """YAML or JSON, compressed or not: the same exchange."""
    headers = {"Content-Type": ["application/json"]} | ({"Content-Encoding": [encoding]} if encoding else {})
    entry = {**CASSETTE, "response": {**CASSETTE["response"], "headers": headers, "body": body}}
    recorded = one(tmp_path, {"version": 1, "interactions": [entry]}, name)
    assert recorded.response_body == ANSWERED
    assert (recorded.method, recorded.url, recorded.request_body) == ("POST", URL, ASKED)


def test_cassette_with_bytes(tmp_path: Path) -> None:
    """vcrpy writes what is not text as YAML's `!!binary`, also as `content`, with a plain status."""
    response = {
        "status_code": 200,
        "headers": {"content-encoding": "gzip"},
        "content": gzip.compress(ANSWERED),
    }
    tree = {"interactions": [{**CASSETTE, "response": response}]}
    assert one(tmp_path, tree, "it.yaml").response_body == ANSWERED


def test_journal_in_each_of_its_forms(tmp_path: Path, fake: Fake, client: httpx.Client) -> None:
    """As HAR, as JSON and as objects: the same exchanges."""
    completed(client)
    kept = list(fake.world.journal)
    as_har = written(tmp_path, to_har(kept, "0"))
    as_json = written(tmp_path, {"requests": [exchange.as_json() for exchange in kept]}, "it.json")
    as_objects = from_journal([exchange.as_json() for exchange in kept])
    for recording in (as_har, as_json, as_objects):
        assert recording.unreadable == ()
        assert [(r.method, r.url, r.status, r.number) for r in recording.exchanges] == [
            (exchange.method, f"http://leomock.invalid{exchange.path}", 200, number)
            for number, exchange in enumerate(kept, 1)
        ]
        for recorded, exchange in zip(recording.exchanges, kept, strict=True):
            assert json.loads(recorded.response_body) == exchange.response_json


def test_journal_with_a_body_that_was_cut(tmp_path: Path) -> None:
    """The recording says so, by HAR and by JSON."""
    journal = Journal(longest_body=3)
    journal.add(
        moment=0,
        channel="api",
        operation="",
        method="POST",
        path="/v1/me",
        query="",
        request_headers=[],
        request_body=b"abcdef",
        status=200,
        response_headers=[],
        response_body=b"ab",
    )
    as_json = {"requests": [exchange.as_json() for exchange in journal]}
    for tree in (to_har(journal, "0"), as_json):
        recorded = one(tmp_path, tree)
        assert (recorded.request_body, recorded.request_cut, recorded.response_cut) == (b"abc", True, False)


@pytest.mark.parametrize(
    ("entry", "why"),
    [
        (7, "the entry is not an object"),
        ({"request": {}}, "response is missing"),
        (har_entry(request={"url": ""}), "request.url is missing"),
        (har_entry(request={"url": "/relative"}), "'/relative' is not a full URL"),
        (har_entry(response={"status": "ok"}), "the status 'ok' is not a number"),
        (har_entry(response={"headers": 7}), "headers are neither an object nor a list"),
        (
            har_entry(response={"content": {"text": "=x=", "encoding": "base64"}}),
            "a body is declared as base64 but is not",
        ),
        (
            har_entry(
                response={
                    "headers": [{"name": "content-encoding", "value": "compress"}],
                    "content": {"text": "/w==", "encoding": "base64"},
                }
            ),
            "a body is compressed with compress, which leomock cannot read",
        ),
    ],
)
def test_entry_that_cannot_be_read(tmp_path: Path, entry: Any, why: str) -> None:
    """It is named with its number and the reason; the others are read."""
    recording = written(tmp_path, har(har_entry(), entry, har_entry()))
    url = entry["request"].get("url", "") if isinstance(entry, dict) else ""
    assert recording.unreadable == (Unreadable(str(tmp_path / "it.har"), 2, why, url),)
    assert [recorded.number for recorded in recording.exchanges] == [1, 3]


@pytest.mark.parametrize(
    ("content", "error"),
    [
        (b"\xff\xfe", "not text, so no HAR, VCR cassette or journal"),
        (b"{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (
            b"[]",
            NO_RECORDING,
        ),
        (
            b"hello",
            NO_RECORDING,
        ),
        (
            b"a: !!python/object:os.x {}",
            "neither JSON nor YAML: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/object:os.x' in \"<unicode string>\", line 1, column 4",
        ),
    ],
)
def test_file_that_is_no_recording(tmp_path: Path, content: bytes, error: str) -> None:
    """One sentence with the file's name."""
    path = tmp_path / "it"
    path.write_bytes(content)
    with pytest.raises(RecordingError) as caught:
        read(path)
    assert (
        str(caught.value).replace(", line 1, column 4:", ", line 1, column 4").startswith(f"{path}: {error}")
    )


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """The system's reason."""
    with pytest.raises(RecordingError) as caught:
        read(tmp_path / "it")
    assert str(caught.value) == f"{tmp_path / 'it'}: No such file or directory"


def zstd_compressed(body: bytes) -> bytes:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    packed: bytes = zstd.compress(body)
    return packed


def test_body_in_brotli_or_zstd() -> None:
    """Whole, and cut off."""
    for coding, packed in (("br", brotli.compress(ANSWERED * 9)), ("zstd", zstd_compressed(ANSWERED * 9))):
        assert decoded(packed, coding) == ANSWERED * 9
        assert decoded(gzip.compress(packed), f"{coding}, gzip") == ANSWERED * 9
        with pytest.raises(ValueError, match=f"^a body is declared as {coding} but is not, or is incomplete"):
            decoded(packed[:-3], coding)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd"])
def test_body_that_is_too_long_without_its_compression(coding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leomock.files.recordings.compression.LONGEST_BODY", 2**16)
    compress = {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "br": brotli.compress,
        "zstd": zstd_compressed,
    }
    with pytest.raises(ValueError, match=r"^a body has more than 65536 bytes when it is decompressed$"):
        decoded(compress[coding](b"x" * 2**20), coding)


def test_body_whose_compression_needs_a_package(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = brotli.compress(ANSWERED * 9)
    monkeypatch.setitem(sys.modules, "brotli", None)
    with pytest.raises(
        ValueError, match=r"^a body is compressed with br; pip install 'leomock\[contract\]' to read it$"
    ):
        decoded(packed, "br")


def test_body_without_its_compression() -> None:
    """gzip, deflate with and without its frame, several at once, and what is plain already."""
    raw = zlib.compressobj(wbits=-15)
    packed = {
        "gzip": gzip.compress(ANSWERED),
        "deflate": zlib.compress(ANSWERED * 9),
        "identity": ANSWERED,
        "zstd": ANSWERED,
    }
    assert decoded(packed["gzip"], "GZIP") == decoded(packed["identity"], "") == ANSWERED
    assert decoded(packed["deflate"], "deflate") == ANSWERED * 9
    assert decoded(raw.compress(ANSWERED * 9) + raw.flush(), "deflate") == ANSWERED * 9
    assert decoded(gzip.compress(packed["gzip"]), "gzip, gzip") == ANSWERED
    assert decoded(packed["zstd"], "zstd") == ANSWERED
    with pytest.raises(ValueError, match="a body is declared as gzip but is not, or is incomplete"):
        decoded(packed["gzip"][:-9], "gzip")
