"""The bucket over HTTP: forms in, objects out."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

import httpx
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Message

from leomock.server import bucket_routes as module
from leomock.server.bucket_routes import bucket_routes
from leomock.state.bucket.objects import StoredObject
from leomock.state.bucket.storage import Bucket

NOW = 1_700_000_000.0
PICTURE = b"0123456789"
ETAG = f'"{hashlib.md5(PICTURE).hexdigest()}"'
FORM = {"Content-Type": "multipart/form-data; boundary=b"}
AS_GIVEN = "Send every field exactly as the API gave it, and only then the file."

Part = tuple[str, str | None, bytes]


def _bucket(max_bytes: int = 1000, *, accepts_chunked: bool = False) -> Bucket:
    return Bucket(
        name="leo",
        region="us-east-1",
        access_key_id="AKIALEO",
        secret_access_key="secret",
        session_token="token",
        now=lambda: NOW,
        max_bytes=max_bytes,
        accepts_chunked=accepts_chunked,
    )


@pytest.fixture
def bucket() -> Bucket:
    """An empty bucket of the name leo."""
    return _bucket()


@pytest.fixture
def picture(bucket: Bucket) -> StoredObject:
    """An object of ten bytes in it."""
    bucket.objects["in/a.png"] = StoredObject(PICTURE, "image/png", ETAG, {"x-amz-meta-who": "me"}, NOW)
    return bucket.objects["in/a.png"]


def _ask(bucket: Bucket, method: str, path: str, **request: Any) -> httpx.Response:
    async def ask() -> httpx.Response:
        app = Starlette(routes=[Mount("/s3", routes=bucket_routes({"leo": bucket}.get))])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://mock") as client:
            return await client.request(method, path, **request)

    return asyncio.run(ask())


def _post(bucket: Bucket, path: str = "/s3/leo", **request: Any) -> httpx.Response:
    return _ask(bucket, "POST", path, **request)


def _fields(bucket: Bucket) -> dict[str, str]:
    return bucket.presign("in/a.png", content_type="image/png", max_bytes=100)


def _parts(bucket: Bucket) -> list[Part]:
    return [
        *((name, None, value.encode()) for name, value in _fields(bucket).items()),
        ("file", "a.png", PICTURE),
    ]


def _signed(bucket: Bucket, **more: str) -> dict[str, str]:
    """Return a form whose policy covers more fields than Leonardo's."""
    fields = _fields(bucket)
    policy = json.loads(base64.b64decode(fields["Policy"]))
    policy["conditions"] += [["starts-with", f"${name}", ""] for name in more]
    fields["Policy"] = base64.b64encode(json.dumps(policy).encode()).decode()
    key = b"AWS4secret"
    for text in ("20231114", "us-east-1", "s3", "aws4_request", fields["Policy"]):
        key = hmac.digest(key, text.encode(), "sha256")
    return fields | {"X-Amz-Signature": key.hex()} | more


def _form(parts: list[Part]) -> bytes:
    """Return the form's bytes, with the boundary b."""
    form = b""
    for name, filename, content in parts:
        named = "" if filename is None else f'; filename="{filename}"'
        form += f'--b\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n'.encode()
        form += content + b"\r\n"
    return form + b"--b--\r\n"


def _assert_refused(
    response: httpx.Response, status: int, code: str, message: str, explain: str, **details: str
) -> None:
    """Hold that all of the answer is S3's, and the explanation ours."""
    ids = {"RequestId": response.headers["x-amz-request-id"], "HostId": response.headers["x-amz-id-2"]}
    told = {element.tag: element.text or "" for element in ElementTree.fromstring(response.content)}
    assert told == {"Code": code, "Message": message, **details, **ids}
    assert response.status_code == status
    assert response.headers["content-type"] == "application/xml"
    assert response.headers["x-leomock-explain"] == explain


MALFORMED = (
    400,
    "MalformedPOSTRequest",
    "The body of your POST request is not well-formed multipart/form-data.",
)


# --- accepted uploads -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/s3/leo", "/s3/leo/"])
def test_upload_with_httpx(bucket: Bucket, path: str) -> None:
    """A form sent as the documentation says is answered with 204, and nothing else."""
    response = _post(bucket, path, data=_fields(bucket), files={"file": ("x.jpg", PICTURE, "image/jpg")})
    ids = {name: response.headers[name] for name in ("x-amz-request-id", "x-amz-id-2")}
    assert (response.status_code, response.content) == (204, b"")
    assert dict(response.headers) == {"etag": ETAG, "location": "http://mock/s3/leo/in%2Fa.png", **ids}
    assert bucket.objects == {"in/a.png": StoredObject(PICTURE, "image/png", ETAG, {}, NOW)}


def _with_requests(**form: Any) -> dict[str, Any]:
    prepared = requests.Request("POST", "http://mock", **form).prepare()
    return {"content": prepared.body, "headers": {"Content-Type": prepared.headers["Content-Type"]}}


def test_upload_with_requests(bucket: Bucket) -> None:
    """The vendor's recipe, data= and files= of requests, works."""
    assert _post(bucket, **_with_requests(data=_fields(bucket), files={"file": PICTURE})).status_code == 204


def test_upload_with_fields_as_files(bucket: Bucket) -> None:
    """Fields that have a filename are fields all the same; only the part named file is the file."""
    fields = {name: (name, value) for name, value in _fields(bucket).items()}
    assert _post(bucket, **_with_requests(files=fields | {"file": ("a", PICTURE)})).status_code == 204
    assert list(bucket.objects) == ["in/a.png"]


def test_upload_with_fields_as_nameless_files(bucket: Bucket) -> None:
    """The krita plugin's way, all through files= with (None, value), works, also for the file."""
    fields = {name: (None, value) for name, value in _fields(bucket).items()}
    assert _post(bucket, **_with_requests(files=fields | {"file": (None, PICTURE)})).status_code == 204


@settings(deadline=None)
@given(order=st.permutations(range(8)))
def test_upload_with_fields_in_any_order(order: list[int]) -> None:
    """Fields from an unordered map are accepted, as long as the file is last."""
    bucket = _bucket()
    *fields, file = _parts(bucket)
    ordered = [fields[place] for place in order] + fields[len(order) :]
    assert _post(bucket, content=_form([*ordered, file]), headers=FORM).status_code == 204


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_upload_in_pieces(size: int) -> None:
    """Wherever the network cuts the form, its content is the same."""
    bucket = _bucket(accepts_chunked=True)
    content = b"\r\n--c\r\n-\r\n--\r\n" + PICTURE
    form = _form([*_parts(bucket)[:-1], ("file", None, content)])

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(form), size):
            yield form[start : start + size]

    assert _post(bucket, content=pieces(), headers=FORM).status_code == 204
    assert bucket.objects["in/a.png"].body == content


@pytest.mark.parametrize(
    "rest", [[("key", None, b"other")], [("file", "b", b"other")], [("x" * 30_000, None, b"")]]
)
def test_upload_with_parts_after_file(bucket: Bucket, rest: list[Part]) -> None:
    """What comes after the file is ignored, another file included."""
    response = _post(bucket, content=_form([*_parts(bucket), *rest]), headers=FORM)
    assert response.status_code == 204
    assert bucket.objects["in/a.png"].body == PICTURE


def test_upload_with_rubbish_after_file(bucket: Bucket) -> None:
    """What comes after the file may be no form at all."""
    form = _form(_parts(bucket)).removesuffix(b"--\r\n") + b"\r\n: \x00 rubbish"
    assert _post(bucket, content=form, headers=FORM).status_code == 204


def test_upload_with_names_in_utf_8(bucket: Bucket) -> None:
    """Text of the form is UTF-8, names of files included."""
    fields = _signed(bucket, **{"x-amz-meta-é": "${filename} ü"})
    parts: list[Part] = [(name, None, value.encode()) for name, value in fields.items()]
    assert _post(bucket, content=_form([*parts, ("file", "é.png", b"")]), headers=FORM).status_code == 204
    assert bucket.objects["in/a.png"].metadata == {"x-amz-meta-é": "é.png ü"}


def test_upload_answered_with_xml(bucket: Bucket) -> None:
    """The body, type and status that the form asks for are those of the response."""
    fields = _signed(bucket, success_action_status="201")
    response = _post(bucket, data=fields, files={"file": PICTURE})
    assert (response.status_code, response.headers["content-type"]) == (201, "application/xml")
    assert response.text == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<PostResponse><Location>http://mock/s3/leo/in%2Fa.png</Location><Bucket>leo</Bucket>"
        f"<Key>in/a.png</Key><ETag>{ETAG}</ETag></PostResponse>"
    )


def test_upload_answered_with_redirect(bucket: Bucket) -> None:
    """A redirect is a 303 without a body."""
    fields = _signed(bucket, success_action_redirect="https://me.test/é")
    response = _post(bucket, data=fields, files={"file": PICTURE})
    query = f"bucket=leo&key=in%2Fa.png&etag=%22{ETAG[1:-1]}%22"
    assert (response.status_code, response.content) == (303, b"")
    assert response.headers["location"] == f"https://me.test/%C3%A9?{query}"


# --- refused uploads --------------------------------------------------------------------------------------


def test_refusal_of_the_bucket(bucket: Bucket) -> None:
    """What the bucket refuses is answered with its XML and its explanation."""
    response = _post(bucket, data=_fields(bucket) | {"key": "é"}, files={"file": PICTURE})
    _assert_refused(
        response,
        403,
        "AccessDenied",
        'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "in/a.png"]',
        f"The field key must be 'in/a.png', not '?'. {AS_GIVEN}",
    )
    assert bucket.objects == {}


def test_refusal_explained_at_length(bucket: Bucket) -> None:
    """The explanation is one line of at most 500 ASCII characters, whatever was sent."""
    response = _post(bucket, data=_fields(bucket) | {"key": "a\r\n" * 500}, files={"file": PICTURE})
    told = response.headers["x-leomock-explain"]
    assert len(told) == 500
    assert told.isascii()
    assert told.isprintable()


def test_refusal_of_size(bucket: Bucket) -> None:
    """A content that is too large is refused with its size."""
    response = _post(bucket, data=_fields(bucket), files={"file": b"x" * 5000})
    _assert_refused(
        response,
        400,
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size",
        "The file has 5000 bytes; MaxSizeAllowed is 100 by the policy's content-length-range and the bucket's"
        " own limit. Send the bytes themselves, not their base64.",
        ProposedSize="5000",
        MaxSizeAllowed="100",
    )


def test_file_before_fields(bucket: Bucket) -> None:
    """Fields after the file do not count."""
    *fields, file = _parts(bucket)
    _assert_refused(
        _post(bucket, content=_form([file, *fields]), headers=FORM),
        400,
        "InvalidArgument",
        "Bucket POST must contain a field named 'key'.  If it is specified, please check the order of the"
        " fields.",
        "No field stood before the file, and those after it are ignored. Send all the fields first, and the"
        " part named file last.",
        ArgumentName="key",
        ArgumentValue="",
    )


@pytest.mark.parametrize(
    "request_",
    [{"data": {"key": "a"}}, {"json": {}}, {"content": PICTURE}, {}],
    ids=["urlencoded", "json", "raw", "empty"],
)
def test_body_not_multipart(bucket: Bucket, request_: dict[str, Any]) -> None:
    """Only a multipart form is taken."""
    _assert_refused(
        _post(bucket, **request_),
        412,
        "PreconditionFailed",
        "At least one of the pre-conditions you specified did not hold",
        "The body must be a multipart/form-data form: with requests, pass the fields as data= and the content"
        " as files={'file': ...}; with fetch, send a FormData and no Content-Type header.",
        Condition="Bucket POST must be of the enclosure-type multipart/form-data",
    )


@pytest.mark.parametrize("header", ["multipart/form-data", "multipart/form-data; boundary="])
def test_form_without_boundary(bucket: Bucket, header: str) -> None:
    """A Content-Type written by hand lacks the boundary."""
    _assert_refused(
        _post(bucket, content=_form(_parts(bucket)), headers={"Content-Type": header}),
        *MALFORMED,
        "The form cannot be read: its Content-Type names no boundary; let your HTTP library write that"
        " header.",
    )


def test_form_with_endless_boundary(bucket: Bucket) -> None:
    """A boundary has at most 256 characters."""
    _assert_refused(
        _post(bucket, content=b"", headers={"Content-Type": f"multipart/form-data; boundary={'b' * 257}"}),
        *MALFORMED,
        "The form cannot be read: its boundary is too long.",
    )


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        (b"", "it ends before its last boundary"),
        (b"--b\r\n", "it ends before its last boundary"),
        (b"key=a", "its parts are not divided by the boundary of its Content-Type"),
        (b"--b\r\n\r\nvalue\r\n--b--\r\n", "a part has no name in its Content-Disposition"),
        (
            _form([("key", None, b"\xff"), ("file", "a.png", b"a")]),
            "a field is not UTF-8 (the picture goes in a part named 'file')",
        ),
        (_form([("key", None, b"a")])[:-6], "it ends before its last boundary"),
    ],
)
def test_form_broken(bucket: Bucket, body: bytes, wrong: str) -> None:
    """A form that cannot be read to its end is refused."""
    _assert_refused(
        _post(bucket, content=body, headers=FORM), *MALFORMED, f"The form cannot be read: {wrong}."
    )


def test_form_cut_off_in_file(bucket: Bucket) -> None:
    """A file whose end did not arrive is not stored."""
    form = _form(_parts(bucket))[:-10]
    response = _post(bucket, content=form, headers=FORM)
    _assert_refused(response, *MALFORMED, "The form cannot be read: it ends before its last boundary.")
    assert bucket.objects == {}


@pytest.mark.parametrize(
    "parts",
    [[], [("key", None, b"a")], [("picture", "a.png", PICTURE)], [("picture", "a.png", b"\x89PNG\xff")]],
)
def test_form_without_file(bucket: Bucket, parts: list[Part]) -> None:
    """One part must be named file."""
    _assert_refused(
        _post(bucket, content=_form(parts) if parts else b"--b--\r\n", headers=FORM),
        400,
        "InvalidArgument",
        "POST requires exactly one file upload per request.",
        "No part of the form is named file. Send the content as the last part, under that name.",
        ArgumentName="file",
        ArgumentValue="0",
    )


def test_field_that_s3_passes_over_may_be_binary(bucket: Bucket) -> None:
    """No policy has to cover it, and nobody reads it."""
    form = _form([("x-ignore-thumbnail", None, b"\x89PNG\xff"), *_parts(bucket)])
    assert _post(bucket, content=form, headers=FORM).status_code == 204


def test_part_of_another_disposition(bucket: Bucket) -> None:
    """A part named file that is not a form-data is not a file."""
    form = b'--b\r\nContent-Disposition: file; name="file"\r\n\r\nx\r\n--b--\r\n'
    assert "exactly one file" in _post(bucket, content=form, headers=FORM).text


@pytest.mark.parametrize(
    "parts",
    [
        [("key", None, b"x" * 30_000)],
        [("picture", "a.png", b"x" * 30_000)],
        [("x-ignore-me", None, b"")] * 400,
    ],
    ids=["field", "file of another name", "many fields"],
)
def test_fields_too_long(bucket: Bucket, parts: list[Part]) -> None:
    """What stands before the file has at most 20 kB in all."""
    _assert_refused(
        _post(bucket, content=_form([*parts, *_parts(bucket)]), headers=FORM),
        400,
        "MaxPostPreDataLengthExceeded",
        "Your POST request fields preceeding the upload file was too large.",
        "What stood before the part named file is longer than 20 kB. Is the content in a part of another"
        " name? It must be named file.",
        MaxPostPreDataLengthBytes="20480",
    )


@pytest.mark.parametrize(("size", "status"), [(20_480, 204), (20_481, 400)])
def test_fields_up_to_the_limit(bucket: Bucket, size: int, status: int) -> None:
    """The 20 kB hold boundaries and headers as well, and not the file's content."""
    parts: list[Part] = [("x-ignore-me", None, b""), *_parts(bucket)[:-1], ("file", None, b"")]
    # Of each part, all but the colon and four line ends is counted.
    counted = len(_form(parts).removesuffix(b"--b--\r\n")) - len(parts) * len(": " + "\r\n" * 3)
    parts[0] = ("x-ignore-me", None, b"x" * (size - counted))
    parts[-1] = ("file", None, PICTURE * 10)
    assert _post(bucket, content=_form(parts), headers=FORM).status_code == status


def test_authorization_header(bucket: Bucket) -> None:
    """The API's key does not belong in the upload, and is refused as the vendor's error page tells."""
    response = _post(
        bucket,
        data=_fields(bucket),
        files={"file": PICTURE},
        headers={"Authorization": "Bearer 00000000-0000-4000-8000-000000000000"},
    )
    _assert_refused(
        response,
        403,
        "AccessDenied",
        "Access Denied",
        "The request has an Authorization header. The upload goes to S3, which does not know your API key:"
        " send it without that header; the form's own fields are the permission.",
    )
    assert bucket.objects == {}


# --- long and broken requests -----------------------------------------------------------------------------


def _huge(bucket: Bucket, **change: str) -> AsyncIterator[bytes]:
    """Return a form with 200 MB of content."""
    fields = [(name, None, value.encode()) for name, value in (_fields(bucket) | change).items()]
    head, tail = _form([*fields, ("file", "a", b"CONTENT")]).split(b"CONTENT")

    async def chunks() -> AsyncIterator[bytes]:
        yield head
        for _ in range(200):
            yield b"\r" * 1_000_000
        yield tail

    return chunks()


@pytest.mark.parametrize(
    ("change", "code"), [({}, "EntityTooLarge"), ({"X-Amz-Signature": "0"}, "SignatureDoesNotMatch")]
)
def test_huge_upload_is_not_held(change: dict[str, str], code: str) -> None:
    """200 MB that cannot be stored are read to their end, answered, and never in memory."""
    bucket = _bucket(max_bytes=5_000_000, accepts_chunked=True)
    form = _huge(bucket, **change)
    tracemalloc.start()
    try:
        response = _post(bucket, content=form, headers=FORM)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert f"<Code>{code}</Code>" in response.text
    assert ("<ProposedSize>200000000</ProposedSize>" in response.text) == (code == "EntityTooLarge")
    assert peak < 20_000_000
    assert bucket.objects == {}


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/s3/leo"), ("POST", "/s3/none"), ("PUT", "/s3/leo/a")]
)
def test_endless_body(bucket: Bucket, monkeypatch: pytest.MonkeyPatch, method: str, path: str) -> None:
    """Beyond S3's own limit nobody reads on, and the connection is closed."""
    monkeypatch.setattr(module, "LONGEST_BODY", 10)
    response = _ask(bucket, method, path, content=_form(_parts(bucket)), headers=FORM)
    _assert_refused(
        response,
        400,
        "EntityTooLarge",
        "Your proposed upload exceeds the maximum allowed size",
        "The body is longer than the 5 GiB that S3 takes at once.",
        MaxSizeAllowed="10",
    )
    assert response.headers["connection"] == "close"


def test_client_gone(bucket: Bucket) -> None:
    """A client that leaves in the middle of its upload leaves nothing behind."""
    sent: list[Message] = []
    arriving: list[Message] = [
        {"type": "http.request", "body": _form(_parts(bucket))[:-10], "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/leo",
        "query_string": b"",
        "headers": [(b"content-type", b"multipart/form-data; boundary=b")],
        "scheme": "http",
    }
    asyncio.run(Starlette(routes=bucket_routes({"leo": bucket}.get))(scope, receive, send))
    assert sent[0]["status"] == 400
    assert b"<Code>IncompleteBody</Code>" in sent[1]["body"]
    assert bucket.objects == {}


def _assert_clean(response: httpx.Response, bucket: Bucket) -> None:
    if response.status_code == 204:
        assert list(bucket.objects) == ["in/a.png"]
        return
    assert 400 <= response.status_code < 500
    assert ElementTree.fromstring(response.content).tag == "Error"
    assert response.headers["x-leomock-explain"]
    assert bucket.objects == {}


@settings(deadline=None)
@given(
    body=st.binary(max_size=200), header=st.sampled_from([FORM["Content-Type"], "multipart/form-data", "x"])
)
def test_any_body_is_answered(body: bytes, header: str) -> None:
    """No body causes anything but a clean answer."""
    bucket = _bucket()
    _assert_clean(_post(bucket, content=body, headers={"Content-Type": header}), bucket)


@settings(deadline=None)
@given(place=st.integers(0, 3000), length=st.integers(0, 60), inserted=st.binary(max_size=20))
def test_any_damaged_form_is_answered(place: int, length: int, inserted: bytes) -> None:
    """No damage to a good form causes anything but a clean answer."""
    bucket = _bucket()
    form = _form(_parts(bucket))
    form = form[:place] + inserted + form[place + length :]
    _assert_clean(_post(bucket, content=form, headers=FORM), bucket)


@settings(deadline=None)
@given(st.lists(st.sampled_from(_parts(_bucket())), max_size=14))
def test_any_choice_of_parts_is_answered(parts: list[Part]) -> None:
    """No selection, repetition or order of the right parts causes anything but a clean answer."""
    bucket = _bucket()
    _assert_clean(_post(bucket, content=_form(parts), headers=FORM), bucket)


# --- objects ----------------------------------------------------------------------------------------------


def _headers(response: httpx.Response) -> dict[str, str]:
    assert response.headers["x-amz-request-id"]
    assert response.headers["x-amz-id-2"]
    return {
        name: value
        for name, value in response.headers.items()
        if name not in ("x-amz-request-id", "x-amz-id-2")
    }


WHOLE = {
    "content-type": "image/png",
    "content-length": "10",
    "etag": ETAG,
    "last-modified": "Tue, 14 Nov 2023 22:13:20 GMT",
    "accept-ranges": "bytes",
    "x-amz-meta-who": "me",
    "x-amz-server-side-encryption": "AES256",
}


@pytest.mark.parametrize(("method", "content"), [("GET", PICTURE), ("HEAD", b"")])
@pytest.mark.parametrize("path", ["/s3/leo/in/a.png", "/s3/leo/in%2Fa.png"])
def test_object(bucket: Bucket, picture: StoredObject, method: str, content: bytes, path: str) -> None:
    """An object comes back with its type and metadata; HEAD differs in having no content."""
    response = _ask(bucket, method, path, headers={"Authorization": "Bearer x"})
    assert (response.status_code, response.content) == (200, content)
    assert _headers(response) == WHOLE


@pytest.mark.parametrize("key", ["../../etc/passwd", "/", "a//b", "é ?#%"])
def test_object_of_odd_key(bucket: Bucket, key: str) -> None:
    """A key is text, and finds no file."""
    bucket.objects[key] = StoredObject(PICTURE, "image/png", ETAG, {}, NOW)
    url = httpx.URL("http://mock").copy_with(raw_path=b"/s3/leo/" + quote(key, safe="").encode())
    assert _ask(bucket, "GET", str(url)).content == PICTURE


@pytest.mark.parametrize(
    ("range_", "sent", "content"),
    [
        ("bytes=0-0", "bytes 0-0/10", b"0"),
        ("bytes=2-4", "bytes 2-4/10", b"234"),
        ("bytes=8-", "bytes 8-9/10", b"89"),
        ("bytes=8-99", "bytes 8-9/10", b"89"),
        ("bytes=-3", "bytes 7-9/10", b"789"),
        ("bytes=-99", "bytes 0-9/10", PICTURE),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_range(
    bucket: Bucket, picture: StoredObject, method: str, range_: str, sent: str, content: bytes
) -> None:
    """A range is answered with 206 and the bytes it names."""
    response = _ask(bucket, method, "/s3/leo/in/a.png", headers={"Range": range_})
    assert (response.status_code, response.content) == (206, content if method == "GET" else b"")
    assert _headers(response) == WHOLE | {"content-range": sent, "content-length": str(len(content))}


@pytest.mark.parametrize(
    "range_", ["bytes=4-2", "bytes=-", "bytes=0-1,3-4", "lines=0-1", "bytes=x-", f"bytes={'9' * 20}-"]
)
def test_range_unreadable(bucket: Bucket, picture: StoredObject, range_: str) -> None:
    """A range that cannot be read, or is several, is answered with the whole."""
    response = _ask(bucket, "GET", "/s3/leo/in/a.png", headers={"Range": range_})
    assert (response.status_code, response.content) == (200, PICTURE)


@pytest.mark.parametrize("range_", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_range_beyond_the_end(bucket: Bucket, picture: StoredObject, range_: str) -> None:
    """A range without any byte of the object is a 416."""
    response = _ask(bucket, "GET", "/s3/leo/in/a.png", headers={"Range": range_})
    _assert_refused(
        response,
        416,
        "InvalidRange",
        "The requested range is not satisfiable",
        "The object has 10 bytes.",
        RangeRequested=range_,
        ActualObjectSize="10",
    )
    assert response.headers["content-range"] == "bytes */10"


@pytest.mark.parametrize(("if_range", "status"), [(ETAG, 206), ('"other"', 200)])
def test_range_of_one_version(bucket: Bucket, picture: StoredObject, if_range: str, status: int) -> None:
    """If-Range asks for the whole where the object is another."""
    headers = {"Range": "bytes=0-1", "If-Range": if_range}
    assert _ask(bucket, "GET", "/s3/leo/in/a.png", headers=headers).status_code == status


@pytest.mark.parametrize(
    ("tags", "status"), [(ETAG, 304), (f'"other", W/{ETAG}', 304), ("*", 304), ('"other"', 200), ("", 200)]
)
def test_object_unless_known(bucket: Bucket, picture: StoredObject, tags: str, status: int) -> None:
    """If-None-Match of the object's tag is a 304 without content."""
    response = _ask(bucket, "GET", "/s3/leo/in/a.png", headers={"If-None-Match": tags})
    assert (response.status_code, response.content) == (status, b"" if status == 304 else PICTURE)
    assert response.headers["etag"] == ETAG


def test_metadata_that_cannot_be_a_header(bucket: Bucket) -> None:
    """Values are encoded by RFC 2047, and names that no header can have are counted."""
    metadata = {"x-amz-meta-a": "é\n", "x-amz-meta-b c": "1", "x-amz-meta-é": "2"}
    bucket.objects["a"] = StoredObject(b"", "image/\n", ETAG, metadata, NOW)
    headers = _ask(bucket, "GET", "/s3/leo/a").headers
    assert headers["x-amz-meta-a"] == "=?UTF-8?B?w6kK?="
    assert headers["content-type"] == "image/ "
    assert headers["x-amz-missing-meta"] == "2"


def test_object_that_is_not_there(bucket: Bucket) -> None:
    """S3 does not tell a reader what is not there."""
    _assert_refused(
        _ask(bucket, "GET", "/s3/leo/none"),
        403,
        "AccessDenied",
        "Access Denied",
        "The bucket leo has no object of this key; S3 says so only to those who may list it.",
    )
    assert _ask(bucket, "HEAD", "/s3/leo/none").content == b""


# --- other requests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "/s3/none"), ("GET", "/s3/none/a"), ("PATCH", "/s3/none/")]
)
def test_bucket_unknown(bucket: Bucket, method: str, path: str) -> None:
    """There are no buckets but those that are found."""
    _assert_refused(
        _ask(bucket, method, path),
        404,
        "NoSuchBucket",
        "The specified bucket does not exist",
        "There is no bucket none here. Send the form to the url that came with it.",
        BucketName="none",
    )


@pytest.mark.parametrize(
    ("method", "path", "allow", "kind"),
    [
        ("GET", "/s3/leo", "POST", "BUCKET"),
        ("PUT", "/s3/leo/", "POST", "BUCKET"),
        ("PUT", "/s3/leo/a", "GET, HEAD", "OBJECT"),
        ("POST", "/s3/leo/a", "GET, HEAD", "OBJECT"),
        ("BREW", "/s3/leo/a", "GET, HEAD", "OBJECT"),
    ],
)
def test_method_not_allowed(bucket: Bucket, method: str, path: str, allow: str, kind: str) -> None:
    """A bucket takes forms, and an object is read: nothing else."""
    response = _ask(bucket, method, path, content=PICTURE)
    _assert_refused(
        response,
        405,
        "MethodNotAllowed",
        "The specified method is not allowed against this resource.",
        "Send a form with POST to the bucket's own address, and read an object with GET.",
        Method=method,
        ResourceType=kind,
    )
    assert response.headers["allow"] == allow


@pytest.mark.parametrize("host", ["[", "a b", "é".encode("latin-1"), "<&>"])
def test_host_header_odd(bucket: Bucket, host: str | bytes) -> None:
    """Location repeats the client's Host header, whatever it is."""
    response = _post(bucket, content=_form(_parts(bucket)), headers={**FORM, "Host": host})
    assert response.status_code == 204


def test_form_without_length_is_refused_by_default(bucket: Bucket) -> None:
    """As node-fetch, axios and aiohttp send streams.

    Holds code:missing_content_length.
    """

    async def pieces() -> AsyncIterator[bytes]:
        yield _form(_parts(bucket))

    response = _post(bucket, content=pieces(), headers=FORM)
    assert response.status_code == 411
    assert "<Code>MissingContentLength</Code>" in response.text
    assert "<Message>You must provide the Content-Length HTTP header.</Message>" in response.text
    assert bucket.objects == {}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"if-match": ETAG}, 200),
        ({"if-match": "*"}, 200),
        ({"if-match": '"other"'}, 412),
        ({"if-unmodified-since": "Tue, 14 Nov 2023 22:13:20 GMT"}, 200),
        ({"if-unmodified-since": "Tue, 14 Nov 2023 22:13:19 GMT"}, 412),
        ({"if-match": ETAG, "if-unmodified-since": "Tue, 14 Nov 2023 22:13:19 GMT"}, 200),
        ({"if-modified-since": "Tue, 14 Nov 2023 22:13:20 GMT"}, 304),
        ({"if-modified-since": "Tue, 14 Nov 2023 22:13:19 GMT"}, 200),
        ({"if-none-match": ETAG}, 304),
        ({"if-none-match": '"other"', "if-modified-since": "Tue, 14 Nov 2023 22:13:20 GMT"}, 200),
        ({"if-modified-since": "yesterday"}, 200),
        ({"if-unmodified-since": "yesterday"}, 200),
        ({"range": "bytes=0-1", "if-range": "Tue, 14 Nov 2023 22:13:20 GMT"}, 206),
        ({"range": "bytes=0-1", "if-range": "Tue, 14 Nov 2023 22:13:19 GMT"}, 200),
    ],
)
def test_conditional_read(
    bucket: Bucket, picture: StoredObject, method: str, headers: dict[str, str], status: int
) -> None:
    response = _ask(bucket, method, "/s3/leo/in/a.png", headers=headers)
    assert response.status_code == status
    if status == 412 and method == "GET":
        condition = "If-Match" if "if-match" in headers else "If-Unmodified-Since"
        assert "<Code>PreconditionFailed</Code>" in response.text
        assert f"<Condition>{condition}</Condition>" in response.text
    elif status != 412:
        assert response.headers["last-modified"] == "Tue, 14 Nov 2023 22:13:20 GMT"
