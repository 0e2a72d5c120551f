"""Checksums, storage class, tags, headers and signatures of version 2 in upload forms."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from typing import Any

import boto3
import pytest
from botocore.config import Config

from leomock.state.bucket.checksums import CHECKSUMS
from leomock.state.bucket.errors import Refusal
from leomock.state.bucket.storage import Bucket, Stored

NOW = 1_700_000_000.0
CONTENT = b"123456789"  # the text whose checksums every catalogue of CRCs gives
RIGHT = {
    "crc32": "cbf43926",
    "crc32c": "e3069283",
    "crc64nvme": "ae8b14860a799888",
    "sha1": hashlib.sha1(CONTENT).hexdigest(),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
}
Fields = dict[str, str]


def _bucket(**changes: Any) -> Bucket:
    settings: dict[str, Any] = {
        "name": "leo",
        "region": "us-east-1",
        "access_key_id": "AKIALEO",
        "secret_access_key": "secret",
        "session_token": "token",
        "now": lambda: NOW,
        "max_bytes": 1000,
    }
    return Bucket(**(settings | changes))


def _form(version: str = "s3v4", token: str | None = None, **fields: str) -> Fields:
    """Return a form that boto3 signed, with these fields and conditions on them."""
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="AKIALEO",
        aws_secret_access_key="secret",
        aws_session_token=token,
        endpoint_url="http://127.0.0.1:9",
        config=Config(signature_version=version),
    )
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    conditions = [{name: value} for name, value in named.items()]
    form: Fields = client.generate_presigned_post("leo", "a.png", dict(named), conditions)["fields"]
    return form


def _upload(fields: Fields, bucket: Bucket | None = None) -> tuple[Bucket, Stored]:
    bucket = bucket or _bucket()
    upload = bucket.open(fields.items(), "f")
    upload.write(CONTENT)
    return bucket, upload.close("http://mock/leo")


def _refused(fields: Fields, bucket: Bucket | None = None) -> tuple[int, str, str]:
    bucket = bucket or _bucket()
    with pytest.raises(Refusal) as refused:
        _upload(fields, bucket)
    assert bucket.objects == {}
    return refused.value.status, refused.value.code, refused.value.message


def _base64(digits: str) -> str:
    return base64.b64encode(bytes.fromhex(digits)).decode()


# --- checksums ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", list(CHECKSUMS))
def test_checksum_of_catalogue(algorithm: str) -> None:
    assert CHECKSUMS[algorithm](CONTENT).hex() == RIGHT[algorithm]


@pytest.mark.parametrize("algorithm", list(CHECKSUMS))
def test_right_checksum_is_answered(algorithm: str) -> None:
    text = _base64(RIGHT[algorithm])
    _, stored = _upload(_form(**{f"x-amz-checksum-{algorithm}": text}))
    assert stored.status == 204
    assert stored.headers[f"x-amz-checksum-{algorithm}"] == text
    assert stored.headers["x-amz-checksum-type"] == "FULL_OBJECT"


@pytest.mark.parametrize("algorithm", list(CHECKSUMS))
def test_wrong_checksum_is_refused(algorithm: str) -> None:
    wrong = base64.b64encode(bytes(len(bytes.fromhex(RIGHT[algorithm])))).decode()
    assert _refused(_form(**{f"x-amz-checksum-{algorithm}": wrong})) == (
        400,
        "BadDigest",
        f"The {algorithm.upper()} you specified did not match the calculated checksum.",
    )


@pytest.mark.parametrize(
    ("algorithm", "text"),
    [
        ("crc32", "cbf43926"),
        ("crc32", ""),
        ("crc32", "not base64"),
        ("sha256", _base64(RIGHT["sha1"])),
        ("md4", "AAAA"),
    ],
)
def test_checksum_that_cannot_be_one_is_refused(algorithm: str, text: str) -> None:
    assert _refused(_form(**{f"x-amz-checksum-{algorithm}": text})) == (
        400,
        "InvalidRequest",
        f"Value for x-amz-checksum-{algorithm} header is invalid.",
    )


def test_two_checksums_are_refused() -> None:
    crc = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()
    form = _form(**{"x-amz-checksum-crc32": crc, "x-amz-checksum-sha1": _base64(RIGHT["sha1"])})
    assert _refused(form) == (
        400,
        "InvalidRequest",
        "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
    )


def test_algorithm_without_a_checksum_is_accepted() -> None:
    _, stored = _upload(_form(x_amz_checksum_algorithm="CRC32"))
    assert not any(name.startswith("x-amz-checksum") for name in stored.headers)


# --- what comes back with the object -----------------------------------------------------------------------


def test_headers_of_the_form_are_stored() -> None:
    fields = {
        "Cache-Control": "max-age=60",
        "Content-Disposition": 'attachment; filename="a.png"',
        "Content-Encoding": "gzip",
        "Expires": "Wed, 21 Oct 2026 07:28:00 GMT",
        "x-amz-website-redirect-location": "/b.png",
        "x-amz-storage-class": "STANDARD_IA",
    }
    bucket, _ = _upload(_form(**fields))
    assert bucket.objects["a.png"].headers == fields


def test_standard_storage_class_is_not_returned() -> None:
    bucket, _ = _upload(_form(x_amz_storage_class="STANDARD"))
    assert bucket.objects["a.png"].headers == {}


def test_unknown_storage_class_is_refused() -> None:
    assert _refused(_form(x_amz_storage_class="CHEAP")) == (
        400,
        "InvalidStorageClass",
        "The storage class you specified is not valid",
    )


def _tags(*pairs: tuple[str, str]) -> str:
    tags = "".join(f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in pairs)
    return f"<Tagging><TagSet>{tags}</TagSet></Tagging>"


def test_tags_are_counted() -> None:
    bucket, _ = _upload(_form(tagging=_tags(("a", "1"), ("b", ""))))
    assert bucket.objects["a.png"].headers == {"x-amz-tagging-count": "2"}


@pytest.mark.parametrize("text", ["<Tags><TagSet/></Tags>", "<InvalidXmlTagging></InvalidXmlTagging>"])
def test_tags_under_another_root_are_passed_over(text: str) -> None:
    """As S3 was recorded to do."""
    bucket, _ = _upload(_form(tagging=text))
    assert bucket.objects["a.png"].headers == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a=1&b=2",
        "<Tagging>",
        "<Tagging/>",
        "<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
        '<!DOCTYPE a [<!ENTITY b "c">]><Tagging><TagSet/></Tagging>',
    ],
)
def test_tags_that_are_not_the_right_xml_are_refused(text: str) -> None:
    status, code, message = _refused(_form(tagging=text))
    assert (status, code) == (400, "MalformedXML")
    assert message == (
        "The XML you provided was not well-formed or did not validate against our published schema"
    )


@pytest.mark.parametrize(
    ("pairs", "code", "message"),
    [
        ([("a", "1"), ("a", "2")], "InvalidTag", "Cannot provide multiple Tags with the same key"),
        ([("", "1")], "InvalidTag", "The TagKey or TagValue you have provided is invalid"),
        ([("a" * 129, "1")], "InvalidTag", "The TagKey or TagValue you have provided is invalid"),
        ([("a", "1" * 257)], "InvalidTag", "The TagKey or TagValue you have provided is invalid"),
        ([(str(n), "") for n in range(11)], "BadRequest", "Object tags cannot be greater than 10"),
    ],
)
def test_tags_beyond_the_limits_are_refused(pairs: list[tuple[str, str]], code: str, message: str) -> None:
    assert _refused(_form(tagging=_tags(*pairs))) == (400, code, message)


# --- signature version 2 ------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", [None, "token"])
def test_form_of_version_2_is_evaluated(token: str | None) -> None:
    """boto3 makes one where nothing else is configured."""
    form = _form("s3", token)
    assert "AWSAccessKeyId" in form
    bucket, stored = _upload(form)
    assert stored.status == 204
    assert bucket.objects["a.png"].body == CONTENT


def test_form_of_version_2_with_another_signature_is_refused() -> None:
    digest = hmac.digest(b"other", _form("s3")["policy"].encode(), "sha1")
    status, code, _ = _refused(_form("s3") | {"signature": base64.b64encode(digest).decode()})
    assert (status, code) == (403, "SignatureDoesNotMatch")


def test_form_of_version_2_with_another_access_key_is_refused() -> None:
    status, code, message = _refused(_form("s3") | {"AWSAccessKeyId": "AKIAOTHER"})
    assert (status, code) == (403, "InvalidAccessKeyId")
    assert message == "The AWS Access Key Id you provided does not exist in our records."


def test_form_of_version_2_with_another_token_is_refused() -> None:
    assert _refused(_form("s3", "other"))[:2] == (400, "InvalidToken")


@pytest.mark.parametrize(
    ("field", "name"),
    [("AWSAccessKeyId", "AWSAccessKeyId"), ("signature", "Signature"), ("policy", "policy")],
)
def test_form_of_version_2_without_a_field_is_refused(field: str, name: str) -> None:
    """In S3's spelling."""
    form = _form("s3")
    del form[field]
    status, code, message = _refused(form)
    assert (status, code) == (400, "InvalidArgument")
    assert message == (
        f"Bucket POST must contain a field named '{name}'.  "
        "If it is specified, please check the order of the fields."
    )


def test_policy_of_version_2_is_checked() -> None:
    form = _form("s3", x_amz_meta_who="me")
    assert _refused(form | {"x-amz-meta-who": "you"}) == (
        403,
        "AccessDenied",
        "Invalid according to Policy: Policy Condition failed: "
        + json.dumps(["eq", "$x-amz-meta-who", "me"]),
    )


def test_form_of_version_2_is_not_supported_in_newer_regions() -> None:
    assert _refused(_form("s3"), _bucket(region="eu-central-1")) == (
        400,
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
