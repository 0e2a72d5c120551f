"""Situations that Ceph's s3-tests try with POST forms, signed for our bucket.

Each row is our own form for a situation of `test_post_object_*`; the status is the one expected there.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
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


def _status(document: dict[str, Any], changes: dict[str, str]) -> int:
    policy = base64.b64encode(json.dumps(document).encode()).decode()
    signature = base64.b64encode(hmac.new(b"secret", policy.encode(), hashlib.sha1).digest()).decode()
    form = {**FIELDS, "signature": signature, "policy": policy, **changes}
    bucket = Bucket(
        name="leo",
        region="us-east-1",
        access_key_id="AKIALEO",
        secret_access_key="secret",
        session_token=None,
        now=lambda: 1_700_000_000.0,
        max_bytes=10_000,
    )
    try:
        upload = bucket.open([pair for pair in form.items() if pair[1]], "foo.txt")
        upload.write(b"bar")
        status = upload.close().status
    except Refusal as refusal:
        assert bucket.objects == {}
        return refusal.status
    assert [stored.body for stored in bucket.objects.values()] == [b"bar"]
    return status


@pytest.mark.parametrize("name", CASES)
def test_outcome_is_the_expected_one(name: str) -> None:
    expected, document, changes = CASES[name]
    assert _status(document, changes) == expected


def test_page_counts_the_cases() -> None:
    assert f"{len(CASES)} of 36" in PAGE.read_text("utf-8")
