"""Exchanges as an HTTP Archive."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
from hypothesis import given
from hypothesis import strategies as st

from leomock.files.har import to_har
from leomock.state.clock import EPOCH
from leomock.state.journal import Exchange, Journal

NUMBER = (int, float)
# The fields of HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/): a type, a nested object, or a list
# of one; a question mark after the name of those that may be left out.
NAME_VALUE = {"name": str, "value": str, "comment?": str}
COOKIE = {
    **NAME_VALUE,
    "path?": str,
    "domain?": str,
    "expires?": str,
    "httpOnly?": bool,
    "secure?": bool,
}
PARAM = {"name": str, "value?": str, "fileName?": str, "contentType?": str, "comment?": str}
CACHED = {"expires?": str, "lastAccess": str, "eTag": str, "hitCount": NUMBER, "comment?": str}
ENTRY: dict[str, Any] = {
    "pageref?": str,
    "startedDateTime": str,
    "time": NUMBER,
    "request": {
        "method": str,
        "url": str,
        "httpVersion": str,
        "cookies": [COOKIE],
        "headers": [NAME_VALUE],
        "queryString": [NAME_VALUE],
        "postData?": {"mimeType": str, "params?": [PARAM], "text?": str, "comment?": str},
        "headersSize": NUMBER,
        "bodySize": NUMBER,
        "comment?": str,
    },
    "response": {
        "status": NUMBER,
        "statusText": str,
        "httpVersion": str,
        "cookies": [COOKIE],
        "headers": [NAME_VALUE],
        "content": {
            "size": NUMBER,
            "compression?": NUMBER,
            "mimeType": str,
            "text?": str,
            "encoding?": str,
            "comment?": str,
        },
        "redirectURL": str,
        "headersSize": NUMBER,
        "bodySize": NUMBER,
        "comment?": str,
    },
    "cache": {"beforeRequest?": CACHED, "afterRequest?": CACHED, "comment?": str},
    "timings": {
        "blocked?": NUMBER,
        "dns?": NUMBER,
        "connect?": NUMBER,
        "send": NUMBER,
        "wait": NUMBER,
        "receive": NUMBER,
        "ssl?": NUMBER,
        "comment?": str,
    },
    "serverIPAddress?": str,
    "connection?": str,
    "comment?": str,
}
PROGRAM = {"name": str, "version": str, "comment?": str}
HAR = {
    "log": {
        "version": str,
        "creator": PROGRAM,
        "browser?": PROGRAM,
        "pages?": list,
        "entries": [ENTRY],
        "comment?": str,
    }
}


def hold_to(form: Any, value: Any, where: str = "") -> None:
    """Hold a value to its form; a field that the format does not know begins with an underscore."""
    if isinstance(form, dict):
        assert isinstance(value, dict), where
        fields = {name.rstrip("?"): form for name, form in form.items()}
        assert {name for name in form if not name.endswith("?")} <= value.keys(), where
        for name, item in value.items():
            if not name.startswith("_"):
                assert name in fields, f"{where}.{name}"
                hold_to(fields[name], item, f"{where}.{name}")
    elif isinstance(form, list):
        assert isinstance(value, list), where
        for index, item in enumerate(value):
            hold_to(form[0], item, f"{where}.{index}")
    else:
        assert isinstance(value, form), where


def har_of(*exchanges: Exchange) -> dict[str, Any]:
    """The archive, as it is after it was written and read."""
    archive = orjson.loads(orjson.dumps(to_har(exchanges, "1.0")))
    hold_to(HAR, archive)
    return archive["log"]  # type: ignore[no-any-return]


def entry_of(**given: Any) -> dict[str, Any]:
    (entry,) = har_of(exchange(**given))["entries"]
    return entry  # type: ignore[no-any-return]


def exchange(**given: Any) -> Exchange:
    usual: dict[str, Any] = {
        "number": 1,
        "moment": EPOCH,
        "channel": "api",
        "operation": "createGeneration",
        "method": "POST",
        "path": "/api/rest/v1/generations",
    }
    return Exchange(**usual | given)


def test_archive_of_nothing_is_valid() -> None:
    """It says who wrote it."""
    assert har_of() == {
        "version": "1.2",
        "creator": {"name": "leomock", "version": "1.0"},
        "entries": [],
        "comment": "Calls to a fake of the Leonardo.AI API; startedDateTime is by the fake's clock.",
    }


def test_entry_is_complete() -> None:
    """All that the format asks for, and what leomock knows beyond."""
    assert entry_of(
        query="limit=10&name=a%20b&name=&offset",
        request_headers={"host": "localhost:8090", "content-type": "application/json"},
        request_body=b'{"prompt": "caf\xc3\xa9"}',
        status=400,
        response_headers={"content-type": "application/json; charset=utf-8"},
        response_body=b'{"error": "no"}',
        rules=["slow"],
        explain="because",
        milliseconds=1.23456,
        breakage="stall",
        delay=0.5,
    ) == {
        "startedDateTime": "2024-04-20T14:33:28.258Z",
        "time": 1.235,
        "request": {
            "method": "POST",
            "url": "http://localhost:8090/api/rest/v1/generations?limit=10&name=a%20b&name=&offset",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [
                {"name": "host", "value": "localhost:8090"},
                {"name": "content-type", "value": "application/json"},
            ],
            "queryString": [
                {"name": "limit", "value": "10"},
                {"name": "name", "value": "a b"},
                {"name": "name", "value": ""},
                {"name": "offset", "value": ""},
            ],
            "postData": {"mimeType": "application/json", "text": '{"prompt": "café"}'},
            "headersSize": -1,
            "bodySize": 19,
        },
        "response": {
            "status": 400,
            "statusText": "Bad Request",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": [{"name": "content-type", "value": "application/json; charset=utf-8"}],
            "content": {
                "size": 15,
                "mimeType": "application/json; charset=utf-8",
                "text": '{"error": "no"}',
            },
            "redirectURL": "",
            "headersSize": -1,
            "bodySize": 15,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 1.235, "receive": 0},
        "comment": "because",
        "_leomock": {
            "number": 1,
            "channel": "api",
            "operation": "createGeneration",
            "rules": ["slow"],
            "breakage": "stall",
            "delay": 0.5,
        },
    }


def test_entries_stand_in_the_order_of_time() -> None:
    """Those of several worlds as well; of one moment as they came."""
    log = har_of(
        exchange(number=1, moment=EPOCH + 1), exchange(number=2), exchange(number=3, moment=EPOCH + 1)
    )
    assert [entry["_leomock"]["number"] for entry in log["entries"]] == [2, 1, 3]


def test_body_that_is_no_text_is_in_base64() -> None:
    """The format has a field for that in responses; in requests it is ours."""
    entry = entry_of(
        request_body=b"\xff", response_body=b"\xff\xd8", response_headers={"content-type": "image/jpeg"}
    )
    assert entry["request"]["postData"] == {"mimeType": "x-unknown", "text": "/w==", "_encoding": "base64"}
    assert entry["response"]["content"] == {
        "size": 2,
        "mimeType": "image/jpeg",
        "text": "/9g=",
        "encoding": "base64",
    }


def test_body_that_was_cut_has_a_comment() -> None:
    """The sizes are those that it had; no letter is broken."""
    entry = entry_of(
        request_body=b"ab\xc3",
        request_size=4,
        response_body=b"\xff\xd8",
        response_size=70000,
        cut=True,
    )
    assert entry["request"]["bodySize"] == 4
    assert entry["request"]["postData"] == {
        "mimeType": "x-unknown",
        "text": "ab",
        "comment": "leomock kept the first 3 of 4 bytes",
    }
    assert entry["response"]["bodySize"] == 70000
    assert entry["response"]["content"] == {
        "size": 70000,
        "mimeType": "x-unknown",
        "text": "/9g=",
        "encoding": "base64",
        "comment": "leomock kept the first 2 of 70000 bytes",
    }


def test_message_without_body_has_none() -> None:
    """Neither postData nor a text."""
    entry = entry_of(method="GET")
    assert "postData" not in entry["request"]
    assert entry["response"]["content"] == {"size": 0, "mimeType": "x-unknown"}
    assert "comment" not in entry


def test_redirect_says_where_to() -> None:
    """What the Location header says."""
    entry = entry_of(status=303, response_headers={"location": "http://localhost/there"})
    assert entry["response"]["redirectURL"] == "http://localhost/there"


def test_status_that_has_no_name_is_a_number_alone() -> None:
    """0 is a connection that was cut."""
    assert [entry_of(status=status)["response"]["statusText"] for status in (0, 200, 299)] == ["", "OK", ""]


def test_address_is_absolute() -> None:
    """Of a webhook the path is the whole address; without a host there is one that can never be."""
    assert entry_of()["request"]["url"] == "http://leomock.invalid/api/rest/v1/generations"
    hook = entry_of(channel="webhook", operation="", path="https://example.test/hook", query="a=1")
    assert hook["request"]["url"] == "https://example.test/hook?a=1"


@given(
    st.binary(),
    st.binary(),
    st.lists(st.tuples(st.binary(), st.binary())),
    st.text(st.characters()),
    st.text(st.characters()),
    st.integers(0, 20),
)
def test_archive_of_anything_is_valid(
    request_body: bytes,
    response_body: bytes,
    headers: list[tuple[bytes | str, bytes | str]],
    path: str,
    query: str,
    longest_body: int,
) -> None:
    """Whatever came; bodies that are whole can be read back."""
    journal = Journal(longest_body=longest_body)
    journal.add(
        moment=EPOCH,
        channel="upload",
        operation="",
        method="POST",
        path=path,
        query=query,
        request_headers=headers,
        request_body=request_body,
        status=204,
        response_headers=headers,
        response_body=response_body,
    )
    (entry,) = har_of(*journal)["entries"]
    url = entry["request"]["url"]
    assert url.isascii()
    assert "#" not in url
    if url.startswith("http://leomock.invalid/"):
        assert urlsplit(url).scheme == "http"
    assert datetime.fromisoformat(entry["startedDateTime"]).timestamp() == EPOCH
    content = entry["response"]["content"]
    if 0 < len(response_body) <= longest_body:
        encoded = "encoding" in content
        text = content["text"]
        assert (base64.b64decode(text) if encoded else text.encode()) == response_body
