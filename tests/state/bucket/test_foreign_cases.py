"""Situations that Ceph's s3-tests try with POST forms, signed for our bucket.

Each row is our own form for a situation of `test_post_object_*`; the status is the one expected there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leomock.state.bucket.errors import Refusal
from leomock.state.bucket.storage import Bucket

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "uploads.md"
CONDITIONS: list[Any] = [
    {"bucket": "leo"},
    ["starts-with", "$key", "foo"],
    {"acl": "private"},
    ["starts-with", "$Content-Type", "text/plain"],
    ["content-length-range", 0, 1024],
]
FIELDS = {"key": "foo.txt", "AWSAccessKeyId": "AKIALEO", "acl": "private", "Content-Type": "text/plain"}
UNTIL = "2023-11-14T22:15:20Z"
ANONYMOUS: dict[str, dict[str, str]] = {
    "anonymous_request": {},
    "set_success_code": {"success_action_status": "201"},
    "set_invalid_success_code": {"success_action_status": "404"},
    "tags_anonymous_request": {"tagging": "<Tagging><TagSet/></Tagging>"},
}


def _without(name: str) -> list[Any]:
    return [each for each in CONDITIONS if name not in json.dumps(each)]


def _policy(conditions: list[Any] = CONDITIONS, **changes: Any) -> dict[str, Any]:
    return {"expiration": UNTIL, "conditions": conditions, **changes}


def _sized(*bounds: int) -> dict[str, Any]:
    return _policy([*_without("content-length-range"), ["content-length-range", *bounds]])


META = [*CONDITIONS, ["starts-with", "$x-amz-meta-foo", "bar"]]
URL = "http://example.org/done"
CASES: dict[str, tuple[int, dict[str, Any], dict[str, str]]] = {
    "authenticated_request": (204, _policy(), {}),
    "authenticated_no_content_type": (204, _policy(_without("Content-Type")), {"Content-Type": ""}),
    "authenticated_request_bad_access_key": (403, _policy(), {"AWSAccessKeyId": "foo"}),
    "set_key_from_filename": (204, _policy(), {"key": "${filename}"}),
    "ignored_header": (204, _policy(), {"x-ignore-foo": "bar"}),
    "case_insensitive_condition_fields": (
        204,
        _policy(
            [
                {"bUcKeT": "leo"},
                ["StArTs-WiTh", "$KeY", "foo"],
                {"AcL": "private"},
                ["StArTs-WiTh", "$CoNtEnT-TyPe", "text/plain"],
                ["content-length-range", 0, 1024],
            ]
        ),
        {},
    ),
    "escaped_field_values": (
        204,
        _policy([*_without("$key"), ["starts-with", "$key", r"\$foo"]]),
        {"key": r"\$foo.txt"},
    ),
    "success_redirect_action": (
        303,
        _policy([*CONDITIONS, ["eq", "$success_action_redirect", URL]]),
        {"success_action_redirect": URL},
    ),
    "invalid_signature": (403, _policy(), {"signature": "AAAA"}),
    "invalid_access_key": (403, _policy(), {"AWSAccessKeyId": "OELAIKA"}),
    "invalid_date_format": (400, _policy(expiration="2023-11-14 22:15:20"), {}),
    "no_key_specified": (400, _policy(_without("$key")), {"key": ""}),
    "missing_signature": (400, _policy(), {"signature": ""}),
    "missing_policy_condition": (403, _policy(_without("bucket")), {}),
    "user_specified_header": (204, _policy(META), {"x-amz-meta-foo": "barclamp"}),
    "request_missing_policy_specified_field": (403, _policy(META), {}),
    "condition_is_case_sensitive": (400, {"expiration": UNTIL, "CONDITIONS": CONDITIONS}, {}),
    "expires_is_case_sensitive": (400, {"EXPIRATION": UNTIL, "conditions": CONDITIONS}, {}),
    "expired_policy": (403, _policy(expiration="2023-11-14T20:15:20Z"), {}),
    "invalid_request_field_value": (
        403,
        _policy([*CONDITIONS, ["eq", "$x-amz-meta-foo", ""]]),
        {"x-amz-meta-foo": "barclamp"},
    ),
    "missing_expires_condition": (400, {"conditions": CONDITIONS}, {}),
    "missing_conditions_list": (400, {"expiration": UNTIL}, {}),
    "upload_size_limit_exceeded": (400, _sized(0, 0), {}),
    "missing_content_length_argument": (400, _sized(0), {}),
    "invalid_content_length_argument": (400, _sized(-1, 0), {}),
    "upload_size_below_minimum": (400, _sized(512, 1000), {}),
    "empty_conditions": (400, _policy([{}]), {}),
}


Sign = Callable[[dict[str, Any], dict[str, str]], dict[str, str]]


def _encoded(document: dict[str, Any]) -> str:
    return base64.b64encode(json.dumps(document).encode()).decode()


def _version_2(document: dict[str, Any], changes: dict[str, str]) -> dict[str, str]:
    """Sign a form as Ceph's tests do."""
    policy = _encoded(document)
    signature = base64.b64encode(hmac.new(b"secret", policy.encode(), hashlib.sha1).digest()).decode()
    return {**FIELDS, "signature": signature, "policy": policy, **changes}


def _version_4(document: dict[str, Any], changes: dict[str, str]) -> dict[str, str]:
    """Sign the same form with version 4, whose fields the policy has to cover."""
    sent = dict(FIELDS)
    key = changes.get("AWSAccessKeyId", sent.pop("AWSAccessKeyId"))
    signing = {
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "x-amz-credential": f"{key}/20231114/us-east-1/s3/aws4_request",
        "x-amz-date": "20231114T221320Z",
    }
    if "conditions" in document:
        own = [{name: value} for name, value in signing.items()]
        document = {**document, "conditions": [*document["conditions"], *own]}
    policy = _encoded(document)
    secret = b"AWS4secret"
    for scope in ("20231114", "us-east-1", "s3", "aws4_request", policy):
        secret = hmac.digest(secret, scope.encode(), "sha256")
    renamed = {"signature": "x-amz-signature", "AWSAccessKeyId": ""}
    changed = {renamed.get(name, name): value for name, value in changes.items()}
    form = {**sent, **signing, "x-amz-signature": secret.hex(), "policy": policy, **changed}
    return {name: value for name, value in form.items() if name}


def _bucket(name: str = "leo") -> Bucket:
    return Bucket(
        name=name,
        region="us-east-1",
        access_key_id="AKIALEO",
        secret_access_key="secret",
        session_token=None,
        now=lambda: 1_700_000_000.0,
        max_bytes=10 * 2**20,
    )


def _status(form: dict[str, str], content: bytes = b"bar", bucket: Bucket | None = None) -> int:
    bucket = bucket or _bucket()
    try:
        upload = bucket.open([pair for pair in form.items() if pair[1]], "foo.txt")
        upload.write(content)
        status = upload.close().status
    except Refusal as refusal:
        assert bucket.objects == {}
        return refusal.status
    assert [stored.body for stored in bucket.objects.values()] == [content]
    return status


@pytest.fixture(params=[_version_2, _version_4], ids=["version 2", "version 4"])
def sign(request: pytest.FixtureRequest) -> Sign:
    """How the form is signed."""
    signing: Sign = request.param
    return signing


@pytest.mark.parametrize("name", CASES)
def test_outcome_is_the_expected_one(name: str, sign: Sign) -> None:
    expected, document, changes = CASES[name]
    assert _status(sign(document, changes)) == expected


def test_upload_larger_than_chunk(sign: Sign) -> None:
    """Three megabytes."""
    assert _status(sign(_sized(0, 5 * 2**20), {}), b"foo" * 2**20) == 204


def test_upload_size_rgw_chunk_size_bug(sign: Sign) -> None:
    """A little more than the four megabytes of one piece in Ceph."""
    piece = 4 * 2**20
    assert _status(sign(_sized(piece, 3 * piece), {}), b"x" * (piece + 200)) == 204


def test_wrong_bucket(sign: Sign) -> None:
    """The form is sent to another bucket of the same owner."""
    form = sign(_policy(), {"key": "${filename}", "bucket": "leo"})
    assert _status(form, bucket=_bucket("other")) == 403


def test_tags_authenticated_request(sign: Sign) -> None:
    tags = "".join(f"<Tag><Key>{n}</Key><Value>{n}</Value></Tag>" for n in range(2))
    text = f"<Tagging><TagSet>{tags}</TagSet></Tagging>"
    bucket = _bucket()
    document = _policy([*CONDITIONS, ["starts-with", "$tagging", ""]])
    assert _status(sign(document, {"tagging": text}), bucket=bucket) == 204
    assert bucket.objects["foo.txt"].headers == {"x-amz-tagging-count": "2"}


@pytest.mark.parametrize("is_covered", [True, False], ids=["covered", "not covered"])
@pytest.mark.parametrize(("checksum", "status"), [(None, 204), ("sailorjerry", 400)])
def test_upload_checksum_is_different(
    checksum: str | None, status: int, is_covered: bool, sign: Sign
) -> None:
    """Ceph's server accepts the field without a condition of the policy; AWS wants one for every field.

    With a condition, the right checksum and a text that cannot be one have the expected outcome.
    """
    content = b"x" * 2 * 2**20
    right = base64.b64encode(hashlib.sha256(content).digest()).decode()
    conditions = [*_without("content-length-range"), ["content-length-range", 0, 5 * 2**20]]
    if is_covered:
        conditions.append(["starts-with", "$x-amz-checksum-sha256", ""])
    form = sign(_policy(conditions), {"x-amz-checksum-sha256": checksum or right})
    assert _status(form, content) == (status if is_covered else 403)


@pytest.mark.parametrize("name", ANONYMOUS)
def test_form_without_a_signature_is_different(name: str) -> None:
    """Ceph's test makes a bucket that anybody may write to; nobody may to Leonardo's."""
    form = {"key": "foo.txt", "acl": "public-read", "Content-Type": "text/plain", **ANONYMOUS[name]}
    assert _status(form) == 403


OTHERS = (
    "upload_larger_than_chunk",
    "upload_size_rgw_chunk_size_bug",
    "wrong_bucket",
    "tags_authenticated_request",
)
DIFFERENT = (*ANONYMOUS, "upload_checksum")


def test_page_lists_every_case() -> None:
    page = PAGE.read_text("utf-8")
    assert len({*CASES, *OTHERS, *DIFFERENT}) == 36
    for name in (*CASES, *OTHERS, *DIFFERENT):
        assert f"`{name}`" in page, name
    assert f"{len(CASES) + len(OTHERS)} of 36" in page
