"""S3's rules for uploads with a presigned POST form."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest
from botocore.config import Config
from hypothesis import given, settings
from hypothesis import strategies as st

from leomock.state.bucket.errors import Refusal, refusal_xml
from leomock.state.bucket.objects import StoredObject
from leomock.state.bucket.storage import Bucket, Stored

NOW = 1_700_000_000.0  # 2023-11-14T22:13:20Z
DAY = "20231114"
DATE = "20231114T221320Z"
EXPIRATION = "2023-11-14T22:15:20Z"
CREDENTIAL = f"AKIALEO/{DAY}/us-east-1/s3/aws4_request"
PICTURE = b"not really a picture"
ETAG = f'"{hashlib.md5(PICTURE).hexdigest()}"'
SHA256 = base64.b64encode(hashlib.sha256(PICTURE).digest()).decode()
AS_GIVEN = "Send every field exactly as the API gave it, and only then the file."
NO_POLICY = (
    "The Policy is signed but is not a policy: it must be base64 of a JSON object with just expiration (like"
    " 2024-05-06T07:08:09Z) and conditions (a list), spelled exactly so."
)

Fields = dict[str, str]


def _bucket(**changes: Any) -> Bucket:
    settings: dict[str, Any] = {
        "name": "leo-uploads",
        "region": "us-east-1",
        "access_key_id": "AKIALEO",
        "secret_access_key": "secret",
        "session_token": "token",
        "now": lambda: NOW,
        "max_bytes": 1000,
    }
    return Bucket(**(settings | changes))


def _sign(policy: str, secret: str = "secret", day: str = DAY, region: str = "us-east-1") -> str:
    key = f"AWS4{secret}".encode()
    for text in (day, region, "s3", "aws4_request", policy):
        key = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return key.hex()


def _signed(document: object, **fields: str) -> Fields:
    """Return a form of our own with this policy, which is sent as it stands when it is bytes."""
    text = document if isinstance(document, bytes) else json.dumps(document).encode()
    policy = base64.b64encode(text).decode()
    own = {"key": "a.png", "x-amz-algorithm": "AWS4-HMAC-SHA256", "x-amz-credential": CREDENTIAL}
    own |= {"x-amz-date": DATE, "policy": policy, "x-amz-signature": _sign(policy)}
    return own | {name.replace("_", "-") if name.startswith("x_") else name: v for name, v in fields.items()}


def _with_conditions(*conditions: object, **fields: str) -> Fields:
    """Return a form whose policy has these conditions besides those it needs."""
    needed = [
        {"bucket": "leo-uploads"},
        ["starts-with", "$key", ""],
        ["starts-with", "$x-amz-algorithm", ""],
        ["starts-with", "$x-amz-credential", ""],
        ["starts-with", "$x-amz-date", ""],
    ]
    return _signed({"expiration": EXPIRATION, "conditions": [*conditions, *needed]}, **fields)


def _upload(
    bucket: Bucket,
    fields: Fields | list[tuple[str, str]],
    filename: str | None = "f",
    content: bytes = PICTURE,
) -> Stored:
    upload = bucket.open(fields.items() if isinstance(fields, dict) else fields, filename)
    for start in range(0, len(content), 7):
        upload.write(content[start : start + 7])
    return upload.close("http://mock/leo-uploads")


def _refusal(*arguments: Any, **settings: Any) -> Refusal:
    """Return what refuses an upload, of which nothing is then stored."""
    bucket = _bucket() if not arguments or not isinstance(arguments[0], Bucket) else arguments[0]
    rest = arguments[1:] if arguments and arguments[0] is bucket else arguments
    with pytest.raises(Refusal) as raised:
        _upload(bucket, *rest, **settings)
    assert bucket.objects == {}
    return raised.value


def _whole(refusal: Refusal) -> tuple[int, str, str, dict[str, str]]:
    return refusal.status, refusal.code, refusal.message, dict(refusal.details)


def _denied(message: str) -> tuple[int, str, str, dict[str, str]]:
    return 403, "AccessDenied", message, {}


def _argument(message: str, name: str, value: str, **more: str) -> tuple[int, str, str, dict[str, str]]:
    return 400, "InvalidArgument", message, {"ArgumentName": name, "ArgumentValue": value, **more}


def _missing(name: str) -> tuple[int, str, str, dict[str, str]]:
    message = (
        f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the order of the"
        " fields."
    )
    return _argument(message, name, "")


def _presigned() -> Fields:
    return _bucket().presign("a.png", content_type="image/png", max_bytes=100)


# --- presigning -------------------------------------------------------------------------------------------


def test_presign_fields() -> None:
    """The fields are those of the AWS SDK for JavaScript, in its order."""
    fields = _presigned()
    policy = fields["Policy"]
    assert list(fields.items()) == [
        ("Content-Type", "image/png"),
        ("bucket", "leo-uploads"),
        ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
        ("X-Amz-Credential", CREDENTIAL),
        ("X-Amz-Date", DATE),
        ("X-Amz-Security-Token", "token"),
        ("key", "a.png"),
        ("Policy", policy),
        ("X-Amz-Signature", _sign(policy)),
    ]
    assert json.loads(base64.b64decode(policy)) == {
        "expiration": EXPIRATION,
        "conditions": [
            ["content-length-range", 0, 100],
            {"Content-Type": "image/png"},
            {"bucket": "leo-uploads"},
            {"X-Amz-Algorithm": "AWS4-HMAC-SHA256"},
            {"X-Amz-Credential": CREDENTIAL},
            {"X-Amz-Date": DATE},
            {"X-Amz-Security-Token": "token"},
            {"key": "a.png"},
        ],
    }


def test_presign_without_token() -> None:
    """A permanent key has no token, and its form no field for one."""
    fields = _bucket(session_token=None).presign("a", content_type="image/png", max_bytes=1)
    assert "X-Amz-Security-Token" not in fields
    assert b"Token" not in base64.b64decode(fields["Policy"])


def test_presigned_form_uploads() -> None:
    """What presign gives is accepted, and the object is stored."""
    bucket = _bucket()
    stored = _upload(bucket, _presigned())
    headers = {"ETag": ETAG, "Location": "http://mock/leo-uploads/a.png"}
    assert stored == Stored("a.png", 204, headers, b"")
    assert bucket.objects == {"a.png": StoredObject(PICTURE, "image/png", ETAG, {}, NOW)}


def test_location_without_address() -> None:
    """Without an address the location is the one of S3 itself."""
    upload = _bucket().open(_presigned().items())
    assert upload.close().headers["Location"] == "https://leo-uploads.s3.us-east-1.amazonaws.com/a.png"


def test_second_upload_replaces_object() -> None:
    """An upload to a key that is taken replaces the object."""
    bucket = _bucket()
    _upload(bucket, _presigned())
    _upload(bucket, _presigned(), content=b"other")
    assert bucket.objects["a.png"].body == b"other"


def test_credentials_are_not_shown() -> None:
    """Secrets do not appear where a bucket is printed."""
    assert "secret" not in repr(_bucket())
    assert "token" not in repr(_bucket())


# --- signatures that others made --------------------------------------------------------------------------

AWS_POLICY = (
    '{ "expiration": "2015-12-30T12:00:00.000Z",\r\n'
    '  "conditions": [\r\n'
    '    {"bucket": "sigv4examplebucket"},\r\n'
    '    ["starts-with", "$key", "user/user1/"],\r\n'
    '    {"acl": "public-read"},\r\n'
    '    {"success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html"},\r\n'
    '    ["starts-with", "$Content-Type", "image/"],\r\n'
    '    {"x-amz-meta-uuid": "14365123651274"},\r\n'
    '    {"x-amz-server-side-encryption": "AES256"},\r\n'
    '    ["starts-with", "$x-amz-meta-tag", ""],\r\n'
    "\r\n"
    '    {"x-amz-credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},\r\n'
    '    {"x-amz-algorithm": "AWS4-HMAC-SHA256"},\r\n'
    '    {"x-amz-date": "20151229T000000Z" }\r\n'
    "  ]\r\n"
    "}"
)


def test_example_of_aws_documentation() -> None:
    """The form that AWS's documentation signs is accepted with the signature printed there."""
    bucket = _bucket(
        name="sigv4examplebucket",
        access_key_id="AKIAIOSFODNN7EXAMPLE",
        secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        session_token=None,
        now=lambda: 1_451_347_200.0,
    )
    fields = {
        "key": "user/user1/${filename}",
        "acl": "public-read",
        "success_action_redirect": "http://sigv4examplebucket.s3.amazonaws.com/successful_upload.html",
        "Content-Type": "image/jpeg",
        "x-amz-meta-uuid": "14365123651274",
        "x-amz-server-side-encryption": "AES256",
        "X-Amz-Credential": "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Date": "20151229T000000Z",
        "x-amz-meta-tag": "",
        "Policy": base64.b64encode(AWS_POLICY.encode()).decode(),
        "X-Amz-Signature": "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e",
    }
    stored = _upload(bucket, fields, "me.jpg")
    assert (stored.key, stored.status) == ("user/user1/me.jpg", 303)
    assert bucket.objects["user/user1/me.jpg"].metadata == {
        "x-amz-meta-uuid": "14365123651274",
        "x-amz-meta-tag": "",
    }


def _boto_form(token: str | None = None, **settings: Any) -> Fields:
    client = boto3.client(
        "s3",
        region_name="us-east-1",
        aws_access_key_id="AKIALEO",
        aws_secret_access_key="secret",
        aws_session_token=token,
        endpoint_url="http://127.0.0.1:9",
        config=Config(signature_version="s3v4"),
    )
    form = client.generate_presigned_post("leo-uploads", **({"Key": "in/a.png", "ExpiresIn": 60} | settings))
    fields: Fields = form["fields"]
    return fields


@pytest.mark.parametrize("token", [None, "token"])
def test_boto3_form_with_token_or_without(token: str | None) -> None:
    """A form that boto3 signs is accepted, with the temporary and with the permanent key."""
    stored = _upload(_bucket(now=time.time), _boto_form(token))
    assert (stored.key, stored.status) == ("in/a.png", 204)


def test_boto3_form_with_conditions() -> None:
    """A form that boto3 signs with conditions of one's own is accepted."""
    fields = {"Content-Type": "image/png", "x-amz-meta-who": "me", "success_action_status": "201"}
    conditions = [
        ["starts-with", "$Content-Type", "image/"],
        {"x-amz-meta-who": "me"},
        ["eq", "$success_action_status", "201"],
        ["content-length-range", 1, 100],
    ]
    bucket = _bucket(now=time.time)
    stored = _upload(bucket, _boto_form(Key="in/${filename}", Fields=fields, Conditions=conditions), "b.png")
    assert (stored.key, stored.status) == ("in/b.png", 201)
    assert bucket.objects["in/b.png"].metadata == {"x-amz-meta-who": "me"}


MISMATCH = (
    "The request signature we calculated does not match the signature you provided."
    " Check your key and signing method."
)


def _other_policy(fields: Fields) -> Fields:
    text = base64.b64decode(fields["policy"]).replace(b"in/a.png", b"in/b.png")
    return {"policy": base64.b64encode(text).decode()}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(_other_policy, (403, "SignatureDoesNotMatch"), id="policy changed"),
        pytest.param(lambda f: {"policy": f["policy"][:-2]}, (403, "SignatureDoesNotMatch"), id="policy cut"),
        pytest.param(lambda f: {"policy": ""}, (403, "SignatureDoesNotMatch"), id="policy empty"),
        pytest.param(lambda f: {"x-amz-signature": "0" * 64}, (403, "SignatureDoesNotMatch"), id="signature"),
        pytest.param(lambda f: {"x-amz-signature": ""}, (403, "SignatureDoesNotMatch"), id="signature empty"),
        pytest.param(
            lambda f: {"x-amz-signature": f["x-amz-signature"].upper()},
            (403, "SignatureDoesNotMatch"),
            id="signature in capitals",
        ),
        pytest.param(lambda f: {"x-amz-signature": "é"}, (403, "SignatureDoesNotMatch"), id="signature in é"),
        pytest.param(lambda f: {"key": "in/b.png"}, (403, "AccessDenied"), id="key"),
        pytest.param(lambda f: {"acl": "public-read"}, (403, "AccessDenied"), id="field added"),
        pytest.param(lambda f: {"x-amz-date": "20231114T221320Z"}, (400, "InvalidArgument"), id="date"),
        pytest.param(lambda f: {"x-amz-credential": CREDENTIAL}, (400, "InvalidArgument"), id="credential"),
        pytest.param(lambda f: {"x-amz-algorithm": "none"}, (400, "InvalidArgument"), id="algorithm"),
        pytest.param(lambda f: {"x-amz-security-token": "mine"}, (400, "InvalidToken"), id="token"),
        pytest.param(lambda f: {"x-amz-security-token": "token"}, (403, "AccessDenied"), id="token added"),
    ],
)
def test_boto3_form_tampered(change: Callable[[Fields], Fields], expected: tuple[int, str]) -> None:
    """A form that was changed after boto3 signed it is refused."""
    fields = _boto_form()
    refusal = _refusal(_bucket(now=time.time), fields | change(fields))
    assert (refusal.status, refusal.code) == expected


def test_signature_of_another_secret() -> None:
    """The refusal of a signature tells what was signed and how."""
    fields = _presigned() | {"X-Amz-Signature": "f00"}
    refusal = _refusal(fields)
    assert _whole(refusal) == (
        403,
        "SignatureDoesNotMatch",
        MISMATCH,
        {
            "AWSAccessKeyId": "AKIALEO",
            "StringToSign": fields["Policy"],
            "SignatureProvided": "f00",
            "StringToSignBytes": " ".join(f"{byte:02x}" for byte in fields["Policy"].encode()),
        },
    )
    assert [name for name, _ in refusal.details][:2] == ["AWSAccessKeyId", "StringToSign"]
    assert refusal.explain == (
        "X-Amz-Signature was not made with this bucket's secret over exactly this Policy: one of the two was"
        f" changed, cut off or encoded again on its way, or belongs to another form. {AS_GIVEN}"
    )


# --- fields that must be there ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["key", "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature", "Policy"],
)
def test_form_without_a_field(name: str) -> None:
    """Each field that S3 needs is asked for by its name, with S3's two spaces."""
    fields = _presigned()
    del fields[name]
    refusal = _refusal(fields)
    assert _whole(refusal) == _missing(name)
    assert refusal.explain == (
        f"No field {name} stood before the file, and those after it are ignored. {AS_GIVEN}"
    )


def test_form_without_two_fields() -> None:
    """S3 names the algorithm before the credential."""
    fields = _presigned()
    del fields["X-Amz-Credential"], fields["X-Amz-Algorithm"]
    assert _whole(_refusal(fields)) == _missing("X-Amz-Algorithm")


def test_form_without_any_field() -> None:
    """A file before all fields is a form without a key."""
    refusal = _refusal({})
    assert _whole(refusal) == _missing("key")
    assert refusal.explain == (
        "No field stood before the file, and those after it are ignored. Send all the fields first, and the"
        " part named file last."
    )


@pytest.mark.parametrize("fields", [{"fields": '{"key":"a"}'}, {'{"key":"a"}': ""}])
def test_form_with_unparsed_fields(fields: Fields) -> None:
    """Whoever sends the JSON text `fields` as it stands is told to parse it."""
    refusal = _refusal(fields)
    assert _whole(refusal) == _missing("key")
    assert refusal.explain == (
        "The form carries `fields` as one JSON text. Parse it (json.loads, JSON.parse) and send each of its"
        " entries as a form field of its own, then the file."
    )


def test_form_without_signing_fields() -> None:
    """A form that nothing signs is anonymous, and the bucket is not public."""
    refusal = _refusal({"key": "a.png", "policy": _presigned()["Policy"]})
    assert _whole(refusal) == _denied("Access Denied")
    assert refusal.explain == (
        "None of the fields that sign the form (X-Amz-Signature and its like) stood before the file, and the"
        f" bucket is not public. {AS_GIVEN}"
    )


@pytest.mark.parametrize("name", ["AWSAccessKeyId", "signature"])
def test_form_of_signature_version_2(name: str) -> None:
    """Signature version 2 is not supported in regions that came after it."""
    refusal = _refusal(_bucket(region="eu-central-1"), {"key": "a.png", name: "x"})
    assert _whole(refusal) == (
        400,
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
        {},
    )
    assert refusal.explain == (
        "The form is signed with AWS signature version 2; sign with version 4, as the API's forms are."
    )


# --- credentials ------------------------------------------------------------------------------------------


def test_algorithm_of_another_kind() -> None:
    """The only algorithm is AWS4-HMAC-SHA256, in capitals."""
    refusal = _refusal(_presigned() | {"X-Amz-Algorithm": "aws4-hmac-sha256"})
    message = 'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"'
    assert _whole(refusal) == _argument(message, "X-Amz-Algorithm", "aws4-hmac-sha256")
    assert refusal.explain == f"X-Amz-Algorithm must be AWS4-HMAC-SHA256. {AS_GIVEN}"


FORM_OF_CREDENTIAL = '"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'


@pytest.mark.parametrize(
    ("credential", "message"),
    [
        ("", f"the Credential is mal-formed; expecting {FORM_OF_CREDENTIAL}"),
        ("AKIALEO", f"the Credential is mal-formed; expecting {FORM_OF_CREDENTIAL}"),
        (f"AKIALEO/{DAY}/s3/aws4_request", f"the Credential is mal-formed; expecting {FORM_OF_CREDENTIAL}"),
        (
            f"/{DAY}/us-east-1/s3/aws4_request",
            "a non-empty Access Key (AKID) must be provided in the credential.",
        ),
        (
            "AKIALEO/2023-11-14/us-east-1/s3/aws4_request",
            'incorrect date format "2023-11-14". This date in the credential must be in the format'
            ' "yyyyMMdd".',
        ),
        (
            f"AKIALEO/{DAY}/us-east-1/ec2/aws4_request",
            'incorrect service "ec2". This endpoint belongs to "s3".',
        ),
        (
            f"AKIALEO/{DAY}/us-east-1/s3/aws4",
            'incorrect terminal "aws4". This endpoint uses "aws4_request".',
        ),
    ],
)
def test_credential_malformed(credential: str, message: str) -> None:
    """A credential has five parts, each of its form."""
    refusal = _refusal(_presigned() | {"X-Amz-Credential": credential})
    assert _whole(refusal) == _argument(message, "X-Amz-Credential", credential)
    assert refusal.explain == (
        f"X-Amz-Credential must be <access key>/<yyyymmdd>/<region>/s3/aws4_request. {AS_GIVEN}"
    )


def test_credential_of_another_region() -> None:
    """The credential's region must be the bucket's."""
    credential = f"AKIALEO/{DAY}/eu-west-1/s3/aws4_request"
    refusal = _refusal(_presigned() | {"X-Amz-Credential": credential})
    message = "the region 'eu-west-1' is wrong; expecting 'us-east-1'"
    assert _whole(refusal) == _argument(message, "X-Amz-Credential", credential, Region="us-east-1")
    assert refusal.explain == "The form was signed for the region eu-west-1, and the bucket is in us-east-1."


def test_credential_of_another_day() -> None:
    """The credential's day must be that of x-amz-date."""
    refusal = _refusal(_presigned() | {"X-Amz-Credential": "AKIALEO/20231113/us-east-1/s3/aws4_request"})
    message = 'Invalid credential date "20231113". This date is not the same as X-Amz-Date: "20231114".'
    assert _whole(refusal) == _argument(message, "X-Amz-Credential", "20231113")
    assert refusal.explain == (
        f"X-Amz-Credential and X-Amz-Date name different days, so they are not of one form. {AS_GIVEN}"
    )


@pytest.mark.parametrize("date", ["", "2023-11-14T22:13:20Z", f"{DATE}Z"])
def test_date_malformed(date: str) -> None:
    """The date has the long form of ISO 8601; the words are S3's."""
    refusal = _refusal(_presigned() | {"X-Amz-Date": date})
    assert _whole(refusal) == _argument(
        "X-Amz-Date must be formated via ISO8601 Long format", "X-Amz-Date", date
    )
    assert refusal.explain == f"X-Amz-Date must look like 20240506T070809Z. {AS_GIVEN}"


def test_access_key_unknown() -> None:
    """An access key of another account is not known, whatever the signature."""
    refusal = _refusal(_presigned() | {"X-Amz-Credential": CREDENTIAL.replace("LEO", "MINE")})
    assert _whole(refusal) == (
        403,
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
        {"AWSAccessKeyId": "AKIAMINE"},
    )
    assert refusal.explain == (
        "The bucket knows the access key AKIALEO and no other, for example not one of your own AWS account."
        f" {AS_GIVEN}"
    )


@pytest.mark.parametrize("own", ["token", None])
def test_token_of_another_session(own: str | None) -> None:
    """A token must be the bucket's, which may have none."""
    refusal = _refusal(_bucket(session_token=own), _presigned() | {"X-Amz-Security-Token": "other"})
    assert _whole(refusal) == (
        400,
        "InvalidToken",
        "The provided token is malformed or otherwise invalid.",
        {"Token-0": "other"},
    )
    assert refusal.explain == (
        f"X-Amz-Security-Token is not the token of this bucket's credentials. {AS_GIVEN}"
    )


# --- the policy document ----------------------------------------------------------------------------------

ONE_PROPERTY = "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."


def _document(**changes: object) -> dict[str, object]:
    return {"expiration": EXPIRATION, "conditions": []} | changes


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (b"", "Expecting '{' but found End-of-Input"),
        (b"\xff{}", "Invalid JSON."),
        (b"expiration", "Invalid JSON."),
        (b"[" * 10_000, "Invalid JSON."),
        (b'{"conditions": [["content-length-range", 0, 512.0]]}', "Invalid JSON."),
        (b'{"conditions": [["content-length-range", 0, NaN]]}', "Invalid JSON."),
        (b'{"conditions": [["content-length-range", -1, 0]]}', "Token - must be enclosed in quotes."),
        (b'{"conditions": ' + b"9" * 5000 + b"}", "Invalid JSON."),
        ([], "Invalid JSON."),
        ({}, "Policy missing expiration."),
        ({"conditions": []}, "Policy missing expiration."),
        ({"expiration": EXPIRATION}, "Policy missing conditions."),
        ({"EXPIRATION": EXPIRATION, "conditions": []}, "Unexpected: 'expiration'"),
        ({"expiration": EXPIRATION, "CONDITIONS": []}, "Unexpected: 'conditions'"),
        (_document(Statement=[]), "Unexpected: 'statement'"),
        (_document(expiration=32503680000), "Invalid JSON."),
        (_document(expiration="tomorrow"), "Invalid 'expiration' value: 'tomorrow'"),
        (_document(expiration="2023-11-14 22:15:20Z"), "Invalid 'expiration' value: '2023-11-14 22:15:20Z'"),
        (
            _document(expiration="2023-11-14T22:15:20+02:00"),
            "Invalid 'expiration' value: '2023-11-14T22:15:20+02:00'",
        ),
        (_document(expiration="2023-11-14T22:15:20"), "Invalid 'expiration' value: '2023-11-14T22:15:20'"),
        (_document(expiration="2023-02-30T22:15:20Z"), "Invalid 'expiration' value: '2023-02-30T22:15:20Z'"),
        (_document(conditions={}), "Invalid 'conditions' value: must be a List."),
        (_document(conditions=None), "Invalid 'conditions' value: must be a List."),
        (_document(conditions=["bucket"]), "Invalid condition test: must be a List or Object."),
        (_document(conditions=[None]), "Invalid condition test: must be a List or Object."),
        (_document(conditions=[{}]), ONE_PROPERTY),
        (_document(conditions=[{"acl": "private", "key": "k"}]), ONE_PROPERTY),
        (_document(conditions=[{"acl": 1}]), "Invalid Simple-Condition: value must be a string."),
        (_document(conditions=[{"acl": ["a"]}]), "Invalid Simple-Condition: value must be a string."),
        (_document(conditions=[{"acl": None}]), "Invalid JSON."),
        (_document(conditions=[[]]), "Invalid Condition: missing operation identifier."),
        (
            _document(conditions=[["ends-with", "$key", ""]]),
            "Invalid Condition: unknown operation 'ends-with'.",
        ),
        (_document(conditions=[[1, "$key", ""]]), "Invalid Condition: unknown operation '1'."),
        (_document(conditions=[["eq", "$key"]]), "Invalid eq: wrong number of arguments."),
        (
            _document(conditions=[["starts-with", "$key", "", ""]]),
            "Invalid starts-with: wrong number of arguments.",
        ),
        (
            _document(conditions=[["content-length-range", 0]]),
            "Invalid content-length-range: wrong number of arguments.",
        ),
        (_document(conditions=[["eq", "$key", 1]]), "Invalid JSON."),
        (_document(conditions=[["eq", "$key", None]]), "Invalid JSON."),
        (_document(conditions=[["content-length-range", 0, [1]]]), "Invalid JSON."),
    ],
)
def test_policy_unreadable(document: object, message: str) -> None:
    """A signed policy that is not a policy is refused as such."""
    refusal = _refusal(_signed(document))
    assert _whole(refusal) == (400, "InvalidPolicyDocument", f"Invalid Policy: {message}", {})
    assert refusal.explain == NO_POLICY


@pytest.mark.parametrize("policy", ["{policy}", "e30", "e3 0=", "é"])
def test_policy_not_base64(policy: str) -> None:
    """A signed policy must be strict base64."""
    refusal = _refusal(_signed({}) | {"policy": policy, "x-amz-signature": _sign(policy)})
    message = "Invalid Policy: invalid Base64 encoding."
    assert _whole(refusal) == (400, "InvalidPolicyDocument", message, {})


def test_policy_signature_comes_first() -> None:
    """A policy that is not a policy and not signed is not signed."""
    refusal = _refusal(_signed(b"{", x_amz_signature="0"))
    assert refusal.code == "SignatureDoesNotMatch"


# --- expiry -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [-1.0, 0.0])
def test_policy_until_expiration(late: float) -> None:
    """A form is valid up to the very instant of its expiration."""
    now = [NOW]
    bucket = _bucket(now=lambda: now[0])
    fields = bucket.presign("a.png", content_type="image/png", max_bytes=100)
    now[0] += 120 + late
    assert _upload(bucket, fields).status == 204


@pytest.mark.parametrize(("late", "told"), [(0.001, 1), (3600.0, 3600)])
def test_policy_expired(late: float, told: int) -> None:
    """After two minutes a form is refused, before its conditions are looked at."""
    now = [NOW]
    bucket = _bucket(now=lambda: now[0])
    fields = bucket.presign("a.png", content_type="image/png", max_bytes=100) | {"key": "other"}
    now[0] += 120 + late
    refusal = _refusal(bucket, fields)
    assert _whole(refusal) == _denied("Invalid according to Policy: Policy expired.")
    assert refusal.explain == (
        f"The form expired {told} s ago by the mock's clock; Leonardo's are valid for two minutes. Ask the"
        " API for a new one."
    )


@pytest.mark.parametrize("expiration", ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000Z"])
def test_policy_expiration_with_fraction(expiration: str) -> None:
    """An expiration may have milliseconds."""
    document = json.loads(base64.b64decode(_with_conditions()["policy"])) | {"expiration": expiration}
    assert _upload(_bucket(), _signed(document)).status == 204


# --- conditions -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "field", "value"),
    [
        ({"acl": "private"}, "acl", "private"),
        (["eq", "$acl", "private"], "acl", "private"),
        (["eq", "$ACL", "private"], "acl", "private"),
        (["StArTs-WiTh", "$acl", "pri"], "Acl", "private"),
        (["starts-with", "$acl", ""], "acl", "private"),
        (["starts-with", "$acl", ""], "acl", ""),
        (["starts-with", "$Content-Type", "image/"], "content-type", "image/png"),
        (["starts-with", "$Content-Type", "image/"], "content-type", "image/png, image/gif,image/webp"),
        (["starts-with", "$acl", " p"], "acl", " private"),
        ({"x-amz-checksum-sha256": SHA256}, "x-amz-checksum-sha256", SHA256),
        ({"x-amz-meta-TEST": "é"}, "x-amz-meta-test", "é"),
    ],
)
def test_condition_holds(condition: object, field: str, value: str) -> None:
    """A condition finds its field whatever the case of names and operators."""
    assert _upload(_bucket(), _with_conditions(condition) | {field: value}).status == 204


@pytest.mark.parametrize(
    ("condition", "fields", "written", "explain"),
    [
        (
            {"acl": "private"},
            {"acl": "Private"},
            '["eq", "$acl", "private"]',
            f"The field acl must be 'private', not 'Private'. {AS_GIVEN}",
        ),
        (
            ["eq", "$Content-Type", "image/png"],
            {"content-type": "image/jpeg"},
            '["eq", "$Content-Type", "image/png"]',
            "The field content-type must be 'image/png', not 'image/jpeg'. It is a field of the form; the"
            " type that the file part names does not count.",
        ),
        (
            ["starts-with", "$Content-Type", "image/"],
            {"content-type": "image/png,text/plain"},
            '["starts-with", "$Content-Type", "image/"]',
            "The field content-type must start with 'image/', not 'image/png,text/plain'. It is a field of"
            " the form; the type that the file part names does not count.",
        ),
        (
            ["starts-with", "$acl", "pub,"],
            {"ACL": "pub"},
            '["starts-with", "$acl", "pub,"]',
            f"The field ACL must start with 'pub,', not 'pub'. {AS_GIVEN}",
        ),
        (
            ["starts-with", "$acl", ""],
            {},
            '["starts-with", "$acl", ""]',
            f"The policy asks for a field acl, and none stood before the file. {AS_GIVEN}",
        ),
        (
            ["eq", "acl", "a"],
            {"acl": "a"},
            '["eq", "acl", "a"]',
            "The policy writes the field acl without a $ before it.",
        ),
        (
            {"Content-Disposition": 'filename="é.png"'},
            {},
            '["eq", "$Content-Disposition", "filename=\\"é.png\\""]',
            f"The policy asks for a field content-disposition, and none stood before the file. {AS_GIVEN}",
        ),
        (
            ["eq", "$bucket", "another"],
            {"bucket": "another"},
            '["eq", "$bucket", "another"]',
            "The form is not for the bucket leo-uploads. Send it to the url that came with it.",
        ),
        (
            ["content-length-range", "test", "10"],
            {},
            '["content-length-range", "test", "10"]',
            "The bounds of content-length-range must be whole numbers.",
        ),
        (
            ["content-length-range", True, "1" * 30],
            {},
            '["content-length-range", true, "111111111111111111111111111111"]',
            "The bounds of content-length-range must be whole numbers.",
        ),
    ],
)
def test_condition_fails(condition: object, fields: Fields, written: str, explain: str) -> None:
    """A condition that does not hold is quoted as a list, in the policy's spelling."""
    refusal = _refusal(_with_conditions(condition) | fields)
    assert _whole(refusal) == _denied(f"Invalid according to Policy: Policy Condition failed: {written}")
    assert refusal.explain == explain


def test_condition_on_content_type_of_presigned_form() -> None:
    """The field Content-Type must be as it was given, as many clients find out."""
    refusal = _refusal(_presigned() | {"Content-Type": "image/jpg"})
    assert _whole(refusal) == _denied(
        'Invalid according to Policy: Policy Condition failed: ["eq", "$Content-Type", "image/png"]'
    )


@pytest.mark.parametrize("name", ["Content-MD5", "x-amz-checksum-crc32", "x-amz-meta-x", "acl", "filename"])
def test_field_not_covered(name: str) -> None:
    """A field that no condition covers is refused under the name it was sent."""
    refusal = _refusal(_presigned() | {name: "x"})
    assert _whole(refusal) == _denied(f"Invalid according to Policy: Extra input fields: {name}")
    assert refusal.explain == (
        f"No condition of the policy covers the field {name}. Send only the fields that the API gave (S3 lets"
        " pass others named x-ignore-...), and the content as file."
    )


def test_field_that_conditions_come_before() -> None:
    """A condition that fails comes before a field that is not covered."""
    refusal = _refusal(_presigned() | {"acl": "x", "key": "y"})
    assert refusal.message == 'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "a.png"]'


def test_bucket_not_covered() -> None:
    """A policy that does not name the bucket is refused, also where no field does."""
    document = json.loads(base64.b64decode(_with_conditions()["policy"]))
    del document["conditions"][0]
    refusal = _refusal(_signed(document))
    assert _whole(refusal) == _denied("Invalid according to Policy: Extra input fields: bucket")


@pytest.mark.parametrize("name", ["x-ignore-me", "X-IGNORE-ME"])
def test_field_to_ignore(name: str) -> None:
    """Fields that begin with x-ignore- need no condition."""
    assert _upload(_bucket(), _presigned() | {name: "x"}).status == 204


@settings(deadline=None)
@given(st.permutations(list(_presigned().items())))
def test_fields_in_any_order(fields: list[tuple[str, str]]) -> None:
    """The order of the fields before the file does not matter."""
    assert _upload(_bucket(), fields).status == 204


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.title])
def test_fields_in_any_case(spell: Callable[[str], str]) -> None:
    """The case of field names does not matter."""
    assert _upload(_bucket(), {spell(name): value for name, value in _presigned().items()}).status == 204


def test_fields_twice() -> None:
    """Values of one name are joined with a comma, and so matched."""
    fields = _with_conditions({"x-amz-meta-tag": "Ninja,Stallman"})
    bucket = _bucket()
    _upload(bucket, [*fields.items(), ("x-amz-meta-tag", "Ninja"), ("X-Amz-Meta-Tag", "Stallman")])
    assert bucket.objects["a.png"].metadata == {"x-amz-meta-tag": "Ninja,Stallman"}


@pytest.mark.parametrize("name", list(_presigned()))
def test_presigned_field_twice(name: str) -> None:
    """No field that was given may be sent twice, the bucket's aside."""
    fields = list(_presigned().items())
    twice = [*fields, (name, _presigned()[name])]
    if name == "bucket":
        assert _upload(_bucket(), twice).status == 204
    else:
        _refusal(twice)


# --- sizes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [5, 10])
@pytest.mark.parametrize("bounds", [(5, 10), ("5", "10")])
def test_size_within_range(size: int, bounds: tuple[object, object]) -> None:
    """Both bounds are allowed sizes, and may be digits in a string."""
    fields = _with_conditions(["content-length-range", *bounds])
    assert _upload(_bucket(), fields, content=b"x" * size).status == 204


@pytest.mark.parametrize("size", [11, 100_000])
def test_size_too_large(size: int) -> None:
    """A larger content is refused with its whole size, though it was not kept."""
    refusal = _refusal(_with_conditions(["content-length-range", 5, 10]), content=b"x" * size)
    message = "Your proposed upload exceeds the maximum allowed size"
    details = {"ProposedSize": str(size), "MaxSizeAllowed": "10"}
    assert _whole(refusal) == (400, "EntityTooLarge", message, details)
    assert refusal.explain == (
        f"The file has {size} bytes; MaxSizeAllowed is 10 by the policy's content-length-range and the"
        " bucket's own limit. Send the bytes themselves, not their base64."
    )


def test_size_too_small() -> None:
    """A smaller content is refused."""
    refusal = _refusal(_with_conditions(["content-length-range", 5, 10]), content=b"1234")
    message = "Your proposed upload is smaller than the minimum allowed size"
    details = {"ProposedSize": "4", "MinSizeAllowed": "5"}
    assert _whole(refusal) == (400, "EntityTooSmall", message, details)
    assert refusal.explain == (
        "The file has 4 bytes; MinSizeAllowed is 5 by the policy's content-length-range and the bucket's own"
        " limit. Send the bytes themselves, not their base64."
    )


def test_size_beyond_the_bucket() -> None:
    """The bucket's own limit holds whatever the policy says, and without any."""
    for fields in (_with_conditions(), _with_conditions(["content-length-range", 0, 10**15])):
        refusal = _refusal(fields, content=b"x" * 1001)
        assert dict(refusal.details) == {"ProposedSize": "1001", "MaxSizeAllowed": "1000"}


def test_size_in_two_ranges() -> None:
    """Of two ranges both hold."""
    fields = _with_conditions(["content-length-range", 3, 20], ["content-length-range", 0, 10])
    assert _refusal(fields, content=b"x" * 11).code == "EntityTooLarge"
    assert _refusal(fields, content=b"x" * 2).code == "EntityTooSmall"
    assert _upload(_bucket(), fields, content=b"x" * 3).status == 204


def test_size_nothing() -> None:
    """An empty file is an object as any other."""
    stored = _upload(_bucket(), _presigned(), content=b"")
    assert stored.headers["ETag"] == '"d41d8cd98f00b204e9800998ecf8427e"'


# --- keys -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filename", "key"),
    [
        ("me.jpg", "in/me.jpg"),
        ("C:\\Program Files\\me.jpg", "in/me.jpg"),
        ("../../etc/passwd", "in/passwd"),
        ("", "in/"),
        (None, "in/${filename}"),
    ],
)
def test_key_of_filename(filename: str | None, key: str) -> None:
    """The file's name, without its folders, takes the place of ${filename}, if the part has one."""
    bucket = _bucket()
    assert _upload(bucket, _with_conditions(key="in/${filename}"), filename).key == key
    assert list(bucket.objects) == [key]


def test_key_of_filename_in_conditions() -> None:
    """Conditions see the key with the file's name in it."""
    fields = _with_conditions({"key": "in/${filename}"}, key="in/${filename}")
    message = 'Invalid according to Policy: Policy Condition failed: ["eq", "$key", "in/${filename}"]'
    assert _refusal(fields, "me.jpg").message == message


@pytest.mark.parametrize(
    "key", ["../../etc/passwd", "/", "a//b", "x" * 1024, "é" * 512, "<&>", "a\x00b", " "]
)
def test_key_verbatim(key: str) -> None:
    """Any text of up to 1024 bytes is a key as it stands."""
    bucket = _bucket()
    _upload(bucket, _with_conditions(key=key))
    assert list(bucket.objects) == [key]


def test_key_empty() -> None:
    """A key has at least one character."""
    refusal = _refusal(_with_conditions(key=""))
    assert _whole(refusal) == _argument("User key must have a length greater than 0.", "key", "")
    assert refusal.explain == (
        f"The field key is empty, or became so because the file has no name. {AS_GIVEN}"
    )


@pytest.mark.parametrize(("key", "size"), [("x" * 1025, "1025"), ("é" * 513, "1026")])
def test_key_too_long(key: str, size: str) -> None:
    """A key's length is counted in bytes."""
    refusal = _refusal(_with_conditions(key=key))
    details = {"Size": size, "MaxSizeAllowed": "1024"}
    assert _whole(refusal) == (400, "KeyTooLongError", "Your key is too long", details)
    assert refusal.explain == f"The key has {size} bytes of UTF-8, and S3 stores keys of up to 1024."


# --- replies ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "status"), [("200", 200), ("204", 204), ("404", 204), ("x", 204), ("", 204)]
)
def test_status_empty(asked: str, status: int) -> None:
    """A status other than 201 has no body, and one that S3 does not know is 204."""
    fields = _with_conditions(["starts-with", "$success_action_status", ""], success_action_status=asked)
    headers = {"ETag": ETAG, "Location": "http://mock/leo-uploads/a.png"}
    assert _upload(_bucket(), fields) == Stored("a.png", status, headers, b"")


def test_status_201() -> None:
    """Status 201 has XML without a namespace, and the key escaped in the location only."""
    fields = _with_conditions({"success_action_status": "201"}, success_action_status="201", key="in/é&.png")
    location = "http://mock/leo-uploads/in%2F%C3%A9%26.png"
    assert _upload(_bucket(), fields) == Stored(
        "in/é&.png",
        201,
        {"ETag": ETAG, "Location": location, "Content-Type": "application/xml"},
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<PostResponse><Location>{location}</Location><Bucket>leo-uploads</Bucket>"
            f"<Key>in/é&amp;.png</Key><ETag>{ETAG}</ETag></PostResponse>"
        ).encode(),
    )


@pytest.mark.parametrize("name", ["success_action_redirect", "redirect"])
@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://me.test/done", "https://me.test/done?"),
        ("https://me.test/done?a=b c", "https://me.test/done?a=b c&"),
        ("https://me.test/é\r\nX: y#top", "https://me.test/%C3%A9X: y?"),
    ],
)
def test_redirect(name: str, url: str, target: str) -> None:
    """A redirect keeps its query and is told bucket, key and etag; the status that is asked for yields."""
    fields = _with_conditions(["starts-with", f"${name}", ""], {"success_action_status": "201"}, key="in/a b")
    stored = _upload(_bucket(), fields | {name: url, "success_action_status": "201"})
    location = f"{target}bucket=leo-uploads&key=in%2Fa+b&etag=%22{ETAG[1:-1]}%22"
    assert stored == Stored("in/a b", 303, {"ETag": ETAG, "Location": location}, b"")


@pytest.mark.parametrize("url", ["/relative", "", "https://", "http://[", "nonsense"])
def test_redirect_unreadable(url: str) -> None:
    """A redirect that is not a URL counts as none."""
    fields = _with_conditions(["starts-with", "$success_action_redirect", ""], success_action_redirect=url)
    assert _upload(_bucket(), fields).status == 204


def test_metadata() -> None:
    """Metadata is kept under small letters, and the content's type as the form has it."""
    fields = _with_conditions(["starts-with", "$x-amz-meta-Who", ""], {"Content-Type": "image/x"})
    bucket = _bucket()
    _upload(bucket, fields | {"X-Amz-Meta-WHO": "Me", "Content-Type": "image/x"})
    assert bucket.objects["a.png"] == StoredObject(PICTURE, "image/x", ETAG, {"x-amz-meta-who": "Me"}, NOW)


def test_content_type_unknown() -> None:
    """Without a field Content-Type the object is binary."""
    bucket = _bucket()
    _upload(bucket, _with_conditions())
    assert bucket.objects["a.png"].content_type == "binary/octet-stream"


# --- the XML of a refusal ---------------------------------------------------------------------------------


def test_refusal_xml() -> None:
    """The elements stand in S3's order, and are escaped."""
    refusal = Refusal(400, "Code", "a < b & c\r", "why", (("One", '"1"'), ("Two", "\x00\ud800")))
    expected = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<Error><Code>Code</Code><Message>a &lt; b &amp; c&#13;</Message>"
        '<One>"1"</One><Two>\ufffd\ufffd</Two>'
        "<RequestId>ID</RequestId><HostId>HOST</HostId></Error>"
    )
    assert refusal_xml(refusal, "ID", "HOST").decode() == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("$key"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(
    document=st.binary(max_size=60)
    | JSON
    | st.fixed_dictionaries({"expiration": st.just(EXPIRATION) | JSON, "conditions": JSON | st.lists(JSON)}),
    fields=st.dictionaries(st.text(max_size=9) | st.just("redirect"), st.text(max_size=9), max_size=3),
)
def test_any_signed_policy_is_answered(document: object, fields: Fields) -> None:
    """No policy document and no field causes anything but a clean answer."""
    try:
        stored = _upload(_bucket(), _signed(document) | fields)
    except Refusal as refusal:
        # That it can be written as XML which a parser reads is all that is asked of it.
        ElementTree.fromstring(refusal_xml(refusal, "ID", "HOST"))
    else:
        assert stored.status in (200, 201, 204, 303)
