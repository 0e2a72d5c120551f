"""Upload forms to which LocalStack's tests have recorded the answers of the real S3, tried on our bucket.

Each test is our own form for one of its 26 cases; the recorded status, error and headers are expected. The
names of the cases are those of `TestS3PresignedPost`; docs/reference/uploads.md lists them.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import boto3
import httpx
import pytest
from botocore.config import Config
from starlette.applications import Starlette
from starlette.routing import Mount

from leomock.server.bucket_routes import bucket_routes
from leomock.state.bucket.storage import Bucket

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "uploads.md"
VERSIONS = ("s3", "s3v4")
TARGET = "http://localhost.test/random"
EXPIRES = "Sat, 27 Dec 2031 10:00:00 GMT"
Form = dict[str, str]


class S3:
    """A bucket over HTTP whose clock stands at the time of signing, and boto3 to sign forms for it."""

    def __init__(self, token: str | None = None) -> None:
        from time import time

        self.now = time()
        self.bucket = Bucket(
            name="leo",
            region="us-east-1",
            access_key_id="AKIALEO",
            secret_access_key="secret",
            session_token=token,
            now=lambda: self.now,
            max_bytes=10 * 2**20,
        )
        self._token = token

    def form(
        self,
        key: str = "case",
        fields: Form | None = None,
        conditions: list[Any] | None = None,
        version: str = "s3v4",
        seconds: int = 60,
    ) -> Form:
        """Return a signed form; without conditions there is one on the bucket."""
        client = boto3.client(
            "s3",
            region_name="us-east-1",
            aws_access_key_id="AKIALEO",
            aws_secret_access_key="secret",
            aws_session_token=self._token,
            endpoint_url="http://127.0.0.1:9",
            config=Config(signature_version=version),
        )
        signed: Form = client.generate_presigned_post(
            "leo", key, dict(fields or {}), conditions or [{"bucket": "leo"}], seconds
        )["fields"]
        return signed

    def post(self, form: Form, content: bytes = b"abcdef", **request: Any) -> httpx.Response:
        """Send a form with its file."""
        files = request.pop("files", {"file": ("file", content)})
        return self._ask("POST", "/s3/leo", data=form, files=files, **request)

    def head(self, key: str = "case") -> httpx.Response:
        """Read the headers of an object."""
        return self._ask("HEAD", f"/s3/leo/{key}")

    def get(self, key: str = "case") -> httpx.Response:
        """Read an object."""
        return self._ask("GET", f"/s3/leo/{key}")

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        async def ask() -> httpx.Response:
            app = Starlette(routes=[Mount("/s3", routes=bucket_routes({"leo": self.bucket}.get))])
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://mock") as client:
                return await client.request(method, path, **request)

        return asyncio.run(ask())


@pytest.fixture
def s3() -> S3:
    """An empty bucket that is signed for with a permanent key."""
    return S3()


def error(response: httpx.Response) -> tuple[int, dict[str, str]]:
    """Return the status of a refusal and its elements, without the ids."""
    told = {each.tag: each.text or "" for each in ElementTree.fromstring(response.content)}
    return response.status_code, {name: told[name] for name in told if name not in ("RequestId", "HostId")}


def denied(message: str) -> tuple[int, dict[str, str]]:
    return 403, {"Code": "AccessDenied", "Message": message}


def failed(condition: str) -> tuple[int, dict[str, str]]:
    return denied(f"Invalid according to Policy: Policy Condition failed: {condition}")


def test_post_object_with_files(s3: S3) -> None:
    content = b"0" * 70_000
    assert s3.post(s3.form(), content).status_code == 204
    assert s3.get().content == content


def test_post_request_expires(s3: S3) -> None:
    form = s3.form(seconds=2)
    s3.now += 3
    assert error(s3.post(form)) == denied("Invalid according to Policy: Policy expired.")


@pytest.mark.parametrize("version", VERSIONS)
def test_post_request_malformed_policy(s3: S3, version: str) -> None:
    form = s3.form(version=version)
    form["policy"] = form["policy"][:-2]
    status, told = error(s3.post(form))
    assert (status, told["Code"]) == (403, "SignatureDoesNotMatch")
    assert told["Message"] == (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    )
    assert told["AWSAccessKeyId"] == "AKIALEO"
    assert told["SignatureProvided"] == form["signature" if version == "s3" else "x-amz-signature"]
    assert told["StringToSign"] == form["policy"]
    assert "StringToSignBytes" in told


def missing(name: str) -> tuple[int, dict[str, str]]:
    message = (
        f"Bucket POST must contain a field named '{name}'.  "
        "If it is specified, please check the order of the fields."
    )
    told = {"Code": "InvalidArgument", "Message": message, "ArgumentName": name, "ArgumentValue": ""}
    return 400, told


@pytest.mark.parametrize("version", VERSIONS)
def test_post_request_missing_signature(s3: S3, version: str) -> None:
    form = s3.form(version=version)
    del form["signature" if version == "s3" else "x-amz-signature"]
    assert error(s3.post(form)) == missing("Signature" if version == "s3" else "X-Amz-Signature")


@pytest.mark.parametrize("version", VERSIONS)
def test_post_request_missing_fields(s3: S3, version: str) -> None:
    form = s3.form(version=version)
    for name in ("AWSAccessKeyId", "x-amz-algorithm", "x-amz-credential"):
        form.pop(name, None)
    assert error(s3.post(form)) == missing("AWSAccessKeyId" if version == "s3" else "X-Amz-Algorithm")
    alone = {name: form[name] for name in ("key", "policy")}
    assert error(s3.post(alone)) == denied("Access Denied")


def test_s3_presigned_post_success_action_status_201_response(s3: S3) -> None:
    condition = ["eq", "$success_action_status", "201"]
    form = s3.form("key-${filename}", {"success_action_status": "201"}, [{"bucket": "leo"}, condition])
    response = s3.post(form, files={"file": ("my-file", b"something body")})
    etag, location = '"43281e21fce675ac3bcb3524b38ca4ed"', "http://mock/s3/leo/key-my-file"
    assert response.status_code == 201
    assert (response.headers["etag"], response.headers["location"]) == (etag, location)
    root = ElementTree.fromstring(response.content)
    assert root.tag.rpartition("}")[2] == "PostResponse"
    told = {each.tag.rpartition("}")[2]: each.text for each in root}
    assert told == {"Location": location, "Bucket": "leo", "Key": "key-my-file", "ETag": etag}


@pytest.mark.parametrize(("target", "status"), [(TARGET, 303), ("/wrong/redirect/relative", 204)])
def test_s3_presigned_post_success_action_redirect(s3: S3, target: str, status: int) -> None:
    condition = ["eq", "$success_action_redirect", target]
    response = s3.post(s3.form("case", {"success_action_redirect": target}, [{"bucket": "leo"}, condition]))
    assert (response.status_code, response.content) == (status, b"")
    if status == 303:
        query = dict(httpx.URL(response.headers["location"]).params)
        assert query == {"bucket": "leo", "key": "case", "etag": response.headers["etag"]}


def _tag(number: str) -> str:
    return f"<Tag><Key>TagName{number}</Key><Value>TagValue{number}</Value></Tag>"


@pytest.mark.parametrize(
    ("tagging", "count"),
    [
        (f"<Tagging><TagSet>{_tag('')}</TagSet></Tagging>", "1"),
        (f"<Tagging><TagSet>{_tag('')}{_tag('2')}</TagSet></Tagging>", "2"),
        ("<InvalidXmlTagging></InvalidXmlTagging>", None),
        ("not-xml", "refused"),
    ],
    ids=["single", "list", "invalid", "notxml"],
)
def test_post_object_with_tags(s3: S3, tagging: str, count: str | None) -> None:
    form = s3.form("case", {"tagging": tagging}, [{"bucket": "leo"}, ["eq", "$tagging", tagging]])
    response = s3.post(form)
    if count == "refused":
        message = "The XML you provided was not well-formed or did not validate against our published schema"
        assert error(response) == (400, {"Code": "MalformedXML", "Message": message})
        assert s3.head().status_code == 403
    else:
        assert response.status_code == 204
        assert s3.head().headers.get("x-amz-tagging-count") == count


META = {
    "x-amz-meta-test-1": "test-meta-1",
    "x-amz-meta-TEST-2": "test-meta-2",
    "Content-Type": "text/plain",
    "Expires": EXPIRES,
}


def equal(fields: Form, rename: Callable[[str], str] = str) -> list[Any]:
    return [{"bucket": "leo"}, *(["eq", f"${rename(name)}", value] for name, value in fields.items())]


def test_post_object_with_metadata(s3: S3) -> None:
    assert s3.post(s3.form("case", META, equal(META))).status_code == 204
    headers = s3.head().headers
    assert headers["x-amz-meta-test-1"] == "test-meta-1"
    assert headers["x-amz-meta-test-2"] == "test-meta-2"
    assert (headers["content-type"], headers["expires"]) == ("text/plain", EXPIRES)
    assert (headers["accept-ranges"], headers["content-length"]) == ("bytes", "6")
    assert headers["x-amz-server-side-encryption"] == "AES256"
    assert "last-modified" in headers


def test_post_object_with_unicode_metadata(s3: S3) -> None:
    """Holds code:_metadata_value and code:_metadata_value#2."""
    safe = (
        "! \"#$%&'()*+,-./0123456789:;<>'?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\t"
    )
    fields = {
        "Content-Disposition": 'filename="test_—_file%E2%80%94_é_2-.pdf"',
        "Cache-Control": "non-ascii-%E2%80%94_—_é_",
        "x-amz-meta-nonascii": "ÄMÄZÕÑ S3",
        "x-amz-meta-nonascii-2": "test_—_file%E2%80%94_é_2👑.pdf",
        "x-amz-meta-safe-chars": safe,
        "x-amz-meta-utf-8": "\x00\x01\x02\x03\x04",
        "x-amz-meta-q-encoded": "=?UTF-8?Q?actually-ascii?=",
        "x-amz-meta-b-encoded": "=?UTF-8?B?YWJj?=",
        "success_action_status": "201",
    }
    key = "test_unicode—_file.pdf"
    response = s3.post(s3.form(key, fields, equal(fields)))
    assert response.status_code == 201
    assert response.headers["location"] == "http://mock/s3/leo/test_unicode%E2%80%94_file.pdf"
    told = {each.tag.rpartition("}")[2]: each.text for each in ElementTree.fromstring(response.content)}
    assert (told["Key"], told["Location"]) == (key, response.headers["location"])
    raw = {name.decode(): value.decode("latin-1") for name, value in s3.head(key).headers.raw}
    assert raw["cache-control"] == "non-ascii-%E2%80%94_ _é_"
    assert raw["content-disposition"] == 'filename="test_ _file%E2%80%94_é_2-.pdf"'
    assert {name.removeprefix("x-amz-meta-"): raw[name] for name in raw if "x-amz-meta-" in name} == {
        "nonascii": "=?UTF-8?Q?=C3=84M=C3=84Z=C3=95=C3=91_S3?=",
        "nonascii-2": "=?UTF-8?Q?test=5F=E2=80=94=5Ffile%E2%80%94=5F=C3=A9=5F2=F0=9F=91=91.pdf?=",
        "safe-chars": safe,
        "utf-8": "=?UTF-8?B?AAECAwQ=?=",
        "q-encoded": "=?UTF-8?Q?actually-ascii?=",
        "b-encoded": "=?UTF-8?B?YWJj?=",
    }


def test_post_object_with_storage_class(s3: S3) -> None:
    for name in ("STANDARD_IA", "FakeClass"):
        fields = {"x-amz-storage-class": name}
        response = s3.post(s3.form("case", fields, equal(fields)))
        if name == "FakeClass":
            message = "The storage class you specified is not valid"
            told = {"Code": "InvalidStorageClass", "Message": message, "StorageClassRequested": name}
            assert error(response) == (400, told)
        else:
            assert response.status_code == 204
            assert s3.head().headers["x-amz-storage-class"] == name
            assert s3.head().headers["content-type"] == "binary/octet-stream"


def test_post_object_with_wrong_content_type(s3: S3) -> None:
    response = s3.post(s3.form(), headers={"Content-Type": "text/html"})
    message = "At least one of the pre-conditions you specified did not hold"
    condition = "Bucket POST must be of the enclosure-type multipart/form-data"
    assert error(response) == (
        412,
        {"Code": "PreconditionFailed", "Message": message, "Condition": condition},
    )


def test_post_object_default_checksum_is_different(s3: S3) -> None:
    """S3 adds CRC64NVME to every answer; ours has a checksum only if the form names one.

    In Python it takes a second for ten megabytes, and no form of Leonardo's asks for it. One that a form does
    name has the recorded value.
    """
    content = b"test-body-tagging"
    response = s3.post(s3.form(), content)
    assert response.status_code == 204
    assert "x-amz-checksum-crc64nvme" not in response.headers
    fields = {"x-amz-checksum-crc64nvme": "L1qdhyEV1JY="}
    answer = s3.post(s3.form("case", fields, equal(fields)), content)
    assert answer.headers["x-amz-checksum-crc64nvme"] == "L1qdhyEV1JY="
    assert answer.headers["x-amz-checksum-type"] == "FULL_OBJECT"


def test_post_object_with_file_as_string(s3: S3) -> None:
    as_field = {"file": (None, b"test-body-file-as-field")}
    assert s3.post(s3.form(), files=as_field).status_code == 204
    head = s3.head()
    assert (head.headers["content-length"], head.headers["content-type"]) == ("23", "binary/octet-stream")
    assert s3.post(s3.form("file-as-field-${filename}"), files=as_field).status_code == 204
    assert list(s3.bucket.objects) == ["case", "file-as-field-${filename}"]


def test_post_object_policy_conditions_validation_eq(s3: S3) -> None:
    sent = {"success_action_redirect": TARGET}
    form = s3.form("case", sent, [["eq", "$success_action_redirect", TARGET]])
    form["success_action_redirect"] = "http://wrong.location/test"
    assert error(s3.post(form)) == failed(f'["eq", "$success_action_redirect", "{TARGET}"]')
    form = s3.form("case", sent, [["eq", "success_action_redirect", TARGET]])
    assert error(s3.post(form)) == failed(f'["eq", "success_action_redirect", "{TARGET}"]')
    form = s3.form("case", sent, [{"bucket": "leo", "success_action_redirect": TARGET}])
    message = (
        "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property "
        "specified."
    )
    assert error(s3.post(form)) == (400, {"Code": "InvalidPolicyDocument", "Message": message})
    shouted = TARGET.replace("http", "HTTP")
    form = s3.form("case", sent, [["eq", "$success_action_redirect", shouted]])
    assert error(s3.post(form)) == failed(f'["eq", "$success_action_redirect", "{shouted}"]')
    assert s3.post(s3.form("case", META, equal(META, str.lower))).status_code == 204
    assert s3.head().headers["x-amz-meta-test-2"] == "test-meta-2"
    form = s3.form("case", sent, [["eq", "$success_Action_REDIRECT", TARGET]])
    assert s3.post(form).status_code == 303
    pairs = [{"bucket": "leo"}, *({name.replace("TEST", "test"): value} for name, value in META.items())]
    assert s3.post(s3.form("case", META, pairs)).status_code == 204


def test_post_object_policy_conditions_validation_starts_with(s3: S3) -> None:
    sent = {"success_action_redirect": TARGET}
    form = s3.form("case", sent, [["starts-with", "$success_action_redirect", "http://localhost"]])
    told = failed('["starts-with", "$success_action_redirect", "http://localhost"]')
    for wrong in ("http://wrong.location/test", TARGET.replace("http", "HTTP")):
        assert error(s3.post(form | {"success_action_redirect": wrong})) == told
    response = s3.post(form)
    assert response.status_code == 303
    assert response.headers["location"].startswith(TARGET)
    assert (s3.get().content, s3.get().headers["etag"]) == (b"abcdef", '"e80b5017098950fc58aad83c8c14978e"')
    form = s3.form("case", sent, [["starts-with", "$success_action_redirect", ""]])
    other = {"success_action_redirect": "http://wrong.location/test"}
    response = s3.post(form | other, b"manual value to change ETag")
    assert response.status_code == 303
    assert response.headers["location"].startswith(other["success_action_redirect"])
    assert s3.get().headers["etag"] == '"365cb4550a52593ad95c6b31242d7418"'


def test_post_object_policy_validation_size(s3: S3) -> None:
    form = s3.form(conditions=[{"bucket": "leo"}, ["content-length-range", 5, 10]])
    assert error(s3.post(form, b"a" * 12)) == (
        400,
        {
            "Code": "EntityTooLarge",
            "Message": "Your proposed upload exceeds the maximum allowed size",
            "ProposedSize": "12",
            "MaxSizeAllowed": "10",
        },
    )
    assert error(s3.post(form, b"a")) == (
        400,
        {
            "Code": "EntityTooSmall",
            "Message": "Your proposed upload is smaller than the minimum allowed size",
            "ProposedSize": "1",
            "MinSizeAllowed": "5",
        },
    )
    for size in (5, 10):
        assert s3.post(form, b"a" * size).status_code == 204
    assert s3.get().content == b"a" * 10
    form = s3.form(conditions=[{"bucket": "leo"}, ["content-length-range", "5", "10"]])
    assert s3.post(form, b"a" * 10).status_code == 204
    form = s3.form(conditions=[{"bucket": "leo"}, ["content-length-range", "test", "10"]])
    assert error(s3.post(form, b"a" * 10)) == failed('["content-length-range", "test", "10"]')


def test_presigned_post_with_different_user_credentials() -> None:
    s3 = S3(token="the token of a role")
    form = s3.form()
    assert form["x-amz-security-token"] == "the token of a role"
    assert b"x-amz-security-token" in base64.b64decode(form["policy"])
    response = s3.post(form)
    assert response.status_code == 204
    assert "content-type" not in response.headers
    assert s3.get().content == b"abcdef"


@pytest.mark.parametrize("version", VERSIONS)
def test_post_object_policy_casing(s3: S3, version: str) -> None:
    range_ = ["content-length-range", 5, 10]
    form = s3.form(conditions=[{"bucket": "leo"}, range_], version=version)
    form["Policy"] = form.pop("policy")
    assert s3.post(form, b"a" * 5).status_code == 204
    before, after = (
        ("AWSAccessKeyId", "awsaccesskeyid") if version == "s3" else ("x-amz-credential", "X-Amz-Credential")
    )
    form[after] = form.pop(before)
    assert s3.post(form, b"a" * 5).status_code == 204


CASES = (
    *("post_object_with_files", "post_request_expires", "post_request_malformed_policy"),
    *("post_request_missing_signature", "post_request_missing_fields"),
    *("s3_presigned_post_success_action_status_201_response", "s3_presigned_post_success_action_redirect"),
    *("post_object_with_tags", "post_object_with_metadata", "post_object_with_unicode_metadata"),
    *("post_object_with_storage_class", "post_object_with_wrong_content_type"),
    *("post_object_default_checksum", "post_object_with_file_as_string"),
    *("post_object_policy_conditions_validation_eq", "post_object_policy_conditions_validation_starts_with"),
    *("post_object_policy_validation_size", "presigned_post_with_different_user_credentials"),
    "post_object_policy_casing",
)


def test_page_lists_every_case() -> None:
    """And every case has a test here."""
    page = PAGE.read_text("utf-8")
    for name in CASES:
        assert f"`{name}`" in page, name
        assert f"test_{name}" in globals() or f"test_{name}_is_different" in globals(), name
    assert "25 of 26" in page
