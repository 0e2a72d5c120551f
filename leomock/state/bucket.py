"""An S3 bucket: presigned POST forms, and S3's own rules for what may be uploaded with one.

An upload passes these checks in this order, the first that fails being S3's answer:

1. the form names a `key` and carries all the signing fields        `Bucket.open`
2. credential, date, region, access key, token and signature        `Bucket._authenticate`
3. the policy is a readable document                                 `_read_policy`
4. it has not expired, each condition holds, each field is covered   `_Policy.check`
5. the key can be stored                                             `_checked_key`
6. the content is neither too small nor too big                      `Upload.close`

Where a rule comes from stands beside it: [AWS] is Amazon's documentation ("POST Object", "POST Policy",
"Authenticating Requests in Browser-Based Uploads Using POST"), [LocalStack] the answers that its test
`test_s3.py::TestS3PresignedPost` recorded from real S3, a link an answer that somebody got from real S3,
[versitygw] the text that this S3 gateway gives, which is modelled on S3's, and "chosen" what no source
tells.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import html
import json
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import quote, urlencode, urlsplit

from leomock.state.scenario import Struck

ALGORITHM = "AWS4-HMAC-SHA256"
LONGEST_KEY = 1024  # bytes of UTF-8 [AWS]
# What a file has that says nothing of its type, as recorded by [LocalStack]; the type that the file part
# itself names is not known to count, and does not here.
UNKNOWN_TYPE = "binary/octet-stream"

# S3 names them in this spelling, whatever the form's was, and the algorithm before the credential
# [LocalStack]; the place of the others in the order is chosen.
_SIGNING_FIELDS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature")
_VERSION_2_FIELDS = ("awsaccesskeyid", "signature")
# The only fields that no condition has to cover, besides x-ignore-* [AWS].
_UNCOVERED = frozenset({"x-amz-signature", "file", "policy"})

_DATE = re.compile(r"[0-9]{8}")
_LONG_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_EXPIRATION = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z")
_SIZE = re.compile(r"[0-9]{1,19}")
# Compiled by the first error, since that takes milliseconds.
_NOT_IN_XML = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))

_AS_GIVEN = "Send every field exactly as the API gave it, and only then the file."


class Refusal(Exception):
    """An S3 error: what S3 says (`status`, `code`, `message`, `details`), and what it means (`explain`).

    `details` are the further elements of the XML answer, in their order. `explain` is a sentence for the
    developer that real S3 does not give: what was wrong, and what would work. `rules` are those of scenarios
    that refused, where it was they.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        explain: str,
        details: Iterable[tuple[str, str]] = (),
        rules: Sequence[str] = (),
    ) -> None:
        """Keep what the answer needs."""
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.explain = explain
        self.details = tuple(details)
        self.rules = rules


def refusal_xml(refusal: Refusal, request_id: str, host_id: str) -> bytes:
    """Return the body of S3's answer to what was refused."""
    ids = (("RequestId", request_id), ("HostId", host_id))
    return _xml("Error", (("Code", refusal.code), ("Message", refusal.message), *refusal.details, *ids))


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object: `etag` is the quoted MD5 of `body`, `metadata` maps x-amz-meta-* names to values.

    It is not given to anybody any more from the moment on when it `expires`, in seconds since 1970.
    """

    body: bytes
    content_type: str
    etag: str
    metadata: dict[str, str]
    modified: float
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """What the reply to an accepted upload needs; `body` is XML for status 201 and else empty."""

    key: str
    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bucket:
    """A bucket, its one owner's credentials, and its objects by key.

    `now` is the world's clock in epoch seconds; no object is ever longer than `max_bytes`, whatever a policy
    says. `session_token` is that of a temporary credential, as Leonardo's own forms carry one.
    """

    name: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    now: Callable[[], float]
    max_bytes: int
    fault: Callable[[], Struck | None] = field(default=lambda: None, repr=False)
    objects: dict[str, StoredObject] = field(default_factory=dict, init=False, repr=False)

    def presign(self, key: str, *, content_type: str, seconds: int = 120, max_bytes: int) -> dict[str, str]:
        """Return the fields of a form that may upload up to `max_bytes` bytes as `key`, in their order.

        Names, order and policy are those of the AWS SDK for JavaScript's `createPresignedPost`.
        """
        now = datetime.fromtimestamp(self.now(), UTC)
        day = f"{now:%Y%m%d}"
        fields = {
            "Content-Type": content_type,
            "bucket": self.name,
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{self.access_key_id}/{day}/{self.region}/s3/aws4_request",
            "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}",
        }
        if self.session_token is not None:
            fields["X-Amz-Security-Token"] = self.session_token
        fields["key"] = key
        expiration = f"{now + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"
        covered = [{name: value} for name, value in fields.items()]
        document = {
            "expiration": expiration,
            "conditions": [["content-length-range", 0, max_bytes], *covered],
        }
        text = json.dumps(document, separators=(",", ":"), ensure_ascii=False)
        fields["Policy"] = base64.b64encode(text.encode()).decode()
        fields["X-Amz-Signature"] = self._signature(day, fields["Policy"])
        return fields

    def keep(
        self,
        key: str,
        body: bytes,
        content_type: str,
        metadata: dict[str, str] | None = None,
        expires: float | None = None,
    ) -> StoredObject:
        """Store an object, in place of the one that has this key."""
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        stored = StoredObject(body, content_type, etag, metadata or {}, self.now(), expires)
        self.objects[key] = stored
        return stored

    def open(self, fields: Iterable[tuple[str, str]], filename: str | None = None) -> Upload:
        """Check all that stood before the file's content; `filename` is None where the part named none.

        Raises `Refusal`. Nothing is stored before `Upload.close`.
        """
        if struck := self.fault():
            raise _injected(struck)
        form = _Form(fields, filename)
        # Before the signing fields, since "file" before all fields is answered with the missing key:
        # https://github.com/grafana/k6/issues/1382
        form.require("key")
        self._authenticate(form)
        # A policy speaks of the bucket that was addressed, also where no field names it, and without a
        # condition on it is refused: https://github.com/aws/aws-sdk-php/issues/3292
        form.put("bucket", self.name)
        policy = _read_policy(form["policy"])
        policy.check(form, self.now())
        return Upload(self, _checked_key(form["key"]), form, policy)

    def _authenticate(self, form: _Form) -> None:
        """Refuse a form that this bucket's credentials did not sign."""
        if not any(name in form for name in _SIGNING_FIELDS):
            _refuse_unsigned(form)
        for name in (*_SIGNING_FIELDS, "Policy"):
            form.require(name)
        day = self._checked_scope(form)
        if "x-amz-security-token" in form:
            self._check_token(form["x-amz-security-token"])
        expected = self._signature(day, form["policy"])
        if not hmac.compare_digest(expected.encode(), form["x-amz-signature"].encode()):
            raise _signature_mismatch(self.access_key_id, form["policy"], form["x-amz-signature"])

    def _checked_scope(self, form: _Form) -> str:
        """Return the day that the credential's scope names, which with all else in it is as it must be."""
        _check_algorithm(form["x-amz-algorithm"])
        credential = form["x-amz-credential"]
        access_key, day, region = _read_credential(credential)
        _check_date(form["x-amz-date"], day)
        if region != self.region:
            # Recorded at https://github.com/CulturalMe/meteor-slingshot/issues/150
            raise _invalid_argument(
                f"the region '{region}' is wrong; expecting '{self.region}'",
                "X-Amz-Credential",
                credential,
                f"The form was signed for the region {region}, and the bucket is in {self.region}.",
                ("Region", self.region),
            )
        if access_key != self.access_key_id:
            raise Refusal(
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist in our records.",
                f"The bucket knows the access key {self.access_key_id} and no other, for example not one of"
                f" your own AWS account. {_AS_GIVEN}",
                (("AWSAccessKeyId", access_key),),
            )
        return day

    def _check_token(self, token: str) -> None:
        """Refuse a token that is not this bucket's; a form without one is signed with the permanent key."""
        if self.session_token is None or not hmac.compare_digest(self.session_token.encode(), token.encode()):
            raise Refusal(
                400,
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
                f"X-Amz-Security-Token is not the token of this bucket's credentials. {_AS_GIVEN}",
                (("Token-0", token),),
            )

    def _signature(self, day: str, policy: str) -> str:
        """Return the signature of a policy's base64 text, exactly as sent [AWS]."""
        key = f"AWS4{self.secret_access_key}".encode()
        for scope in (day, self.region, "s3", "aws4_request", policy):
            key = hmac.digest(key, scope.encode(), "sha256")
        return key.hex()


def _injected(struck: Struck) -> Refusal:
    """What a scenario makes of a form that may be perfectly right."""
    expired = struck.upload == "expired"
    message = "Invalid according to Policy: Policy expired." if expired else "Access Denied"
    explain = f"A scenario says that this upload is {struck.upload}."
    return Refusal(403, "AccessDenied", message, explain, rules=struck.rules)


class Upload:
    """An upload whose form was accepted and whose content is arriving."""

    def __init__(self, bucket: Bucket, key: str, form: _Form, policy: _Policy) -> None:
        """Begin without content; `form` and `policy` were checked by `Bucket.open`."""
        self._bucket = bucket
        self._key = key
        self._form = form
        self._smallest, self._largest = policy.sizes(bucket.max_bytes)
        self._size = 0
        self._body = bytearray()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes of the content; beyond the limit they are counted and not kept."""
        self._size += len(chunk)
        if self._size <= self._largest:
            self._body += chunk
        else:
            self._body.clear()

    def close(self, address: str | None = None) -> Stored:
        """Store the object and return the reply; raises `Refusal` for a wrong size, with nothing stored.

        `address` is the bucket's URL as the client called it, which `Location` begins with.
        """
        self._check_size()
        stored = self._bucket.keep(
            self._key,
            bytes(self._body),
            self._form.get("content-type", UNKNOWN_TYPE),
            self._form.starting_with("x-amz-meta-"),
        )
        own = f"https://{self._bucket.name}.s3.{self._bucket.region}.amazonaws.com"
        return self._reply(stored.etag, address or own)

    def _check_size(self) -> None:
        if self._size > self._largest:
            raise _wrong_size(
                "EntityTooLarge", "exceeds the maximum", self._size, "MaxSizeAllowed", self._largest
            )
        if self._size < self._smallest:
            raise _wrong_size(
                "EntityTooSmall", "is smaller than the minimum", self._size, "MinSizeAllowed", self._smallest
            )

    def _reply(self, etag: str, address: str) -> Stored:
        """Return what the form asks for: a redirect before a status, and 204 where neither can be [AWS]."""
        target = _redirect_target(self._form.get("success_action_redirect", self._form.get("redirect", "")))
        if target is not None:
            query = urlencode({"bucket": self._bucket.name, "key": self._key, "etag": etag})
            return Stored(self._key, 303, {"ETag": etag, "Location": f"{target}{query}"})
        # The key's slashes are escaped as well: https://github.com/ceph/ceph/pull/20330
        location = f"{address}/{quote(self._key, safe='')}"
        headers = {"ETag": etag, "Location": location}
        status = self._form.get("success_action_status", "")
        if status != "201":
            return Stored(self._key, 200 if status == "200" else 204, headers)
        body = _xml(
            "PostResponse",
            (("Location", location), ("Bucket", self._bucket.name), ("Key", self._key), ("ETag", etag)),
        )
        return Stored(self._key, 201, {**headers, "Content-Type": "application/xml"}, body)


class _Form:
    """The fields before the file, found by name whatever the case of its letters [AWS]."""

    def __init__(self, fields: Iterable[tuple[str, str]], filename: str | None) -> None:
        self.values: dict[str, str] = {}
        self.spelling: dict[str, str] = {}
        for name, value in fields:
            value = _with_filename(value, filename)
            lower = name.lower()
            self.spelling.setdefault(lower, name)
            # "If you have multiple fields with the same name, the values must be separated by commas" [AWS]
            self.values[lower] = f"{self.values[lower]},{value}" if lower in self.values else value

    def __contains__(self, name: str) -> bool:
        return name.lower() in self.values

    def __getitem__(self, name: str) -> str:
        return self.values[name.lower()]

    def get(self, name: str, default: str) -> str:
        return self.values.get(name, default)

    def put(self, name: str, value: str) -> None:
        self.values[name] = value
        self.spelling.setdefault(name, name)

    def starting_with(self, prefix: str) -> dict[str, str]:
        return {name: value for name, value in self.values.items() if name.startswith(prefix)}

    def require(self, name: str) -> None:
        """Refuse a form without this field [LocalStack]; what stood after the file does not count."""
        if name not in self:
            raise _invalid_argument(
                # The two spaces are S3's.
                f"Bucket POST must contain a field named '{name}'.  "
                "If it is specified, please check the order of the fields.",
                name,
                "",
                self._why_missing(name),
            )

    def _why_missing(self, name: str) -> str:
        if "fields" in self or any(key.startswith("{") for key in self.values):
            return (
                "The form carries `fields` as one JSON text. Parse it (json.loads, JSON.parse) and send each"
                " of its entries as a form field of its own, then the file."
            )
        if not self.values:
            return (
                "No field stood before the file, and those after it are ignored. Send all the fields first,"
                " and the part named file last."
            )
        return f"No field {name} stood before the file, and those after it are ignored. {_AS_GIVEN}"


def _with_filename(value: str, filename: str | None) -> str:
    """Put the file's name, without its folders [AWS], into a value.

    A part that has no filename leaves `${filename}` as it stands [LocalStack], where the documentation says
    that it becomes empty.
    """
    return value if filename is None else value.replace("${filename}", re.split(r"[/\\]", filename)[-1])


def _checked_key(key: str) -> str:
    if not key:
        raise _invalid_argument(
            "User key must have a length greater than 0.",
            "key",
            "",
            f"The field key is empty, or became so because the file has no name. {_AS_GIVEN}",
        )
    size = len(key.encode())
    if size > LONGEST_KEY:
        raise Refusal(
            400,
            "KeyTooLongError",
            "Your key is too long",
            f"The key has {size} bytes of UTF-8, and S3 stores keys of up to {LONGEST_KEY}.",
            (("Size", str(size)), ("MaxSizeAllowed", str(LONGEST_KEY))),
        )
    return key


# --- the credential ---------------------------------------------------------------------------------------


def _refuse_unsigned(form: _Form) -> NoReturn:
    """Refuse a form of no or of the former signature version; both texts are S3's, the first [LocalStack]."""
    if any(name in form for name in _VERSION_2_FIELDS):
        raise Refusal(
            400,
            "InvalidRequest",
            "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
            "The form is signed with AWS signature version 2; sign with version 4, as the API's forms are.",
        )
    raise Refusal(
        403,
        "AccessDenied",
        "Access Denied",
        "None of the fields that sign the form (X-Amz-Signature and its like) stood before the file, and the"
        f" bucket is not public. {_AS_GIVEN}",
    )


def _check_algorithm(algorithm: str) -> None:
    if algorithm != ALGORITHM:
        # Chosen: the text that S3 has for the same mistake in a presigned URL.
        raise _invalid_argument(
            'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"',
            "X-Amz-Algorithm",
            algorithm,
            f"X-Amz-Algorithm must be {ALGORITHM}. {_AS_GIVEN}",
        )


def _read_credential(credential: str) -> tuple[str, str, str]:
    """Return access key, day and region of `<access key>/<day>/<region>/s3/aws4_request` [AWS].

    An access key may contain slashes. The texts are [versitygw]'s; that for no access key was recorded at
    https://github.com/outline/outline/issues/7060
    """
    parts = credential.rsplit("/", 4)
    if len(parts) != 5:
        message = (
            'the Credential is mal-formed; expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
        )
        raise _bad_credential(message, credential)
    access_key, day, region, service, terminal = parts
    if not access_key:
        raise _bad_credential("a non-empty Access Key (AKID) must be provided in the credential.", credential)
    if not _DATE.fullmatch(day):
        message = (
            f'incorrect date format "{day}". This date in the credential must be in the format "yyyyMMdd".'
        )
        raise _bad_credential(message, credential)
    if service != "s3":
        raise _bad_credential(f'incorrect service "{service}". This endpoint belongs to "s3".', credential)
    if terminal != "aws4_request":
        message = f'incorrect terminal "{terminal}". This endpoint uses "aws4_request".'
        raise _bad_credential(message, credential)
    return access_key, day, region


def _bad_credential(message: str, credential: str) -> Refusal:
    explain = f"X-Amz-Credential must be <access key>/<yyyymmdd>/<region>/s3/aws4_request. {_AS_GIVEN}"
    return _invalid_argument(message, "X-Amz-Credential", credential, explain)


def _check_date(date: str, day: str) -> None:
    """Refuse a date that cannot be read or is another than the credential's.

    Whether S3 also holds it against the clock is not known; here only the expiration counts.
    """
    if not _LONG_DATE.fullmatch(date):
        # The spelling is S3's: https://github.com/michaeldyrynda/s3upload/issues/1
        raise _invalid_argument(
            "X-Amz-Date must be formated via ISO8601 Long format",
            "X-Amz-Date",
            date,
            f"X-Amz-Date must look like 20240506T070809Z. {_AS_GIVEN}",
        )
    if date[:8] != day:
        # Chosen: the text that S3 has for the same mistake in a presigned URL.
        raise _invalid_argument(
            f'Invalid credential date "{day}". This date is not the same as X-Amz-Date: "{date[:8]}".',
            "X-Amz-Credential",
            day,
            f"X-Amz-Credential and X-Amz-Date name different days, so they are not of one form. {_AS_GIVEN}",
        )


def _signature_mismatch(access_key: str, policy: str, signature: str) -> Refusal:
    """Return the refusal; the elements are in S3's order: https://github.com/Fausto95/aws-s3/issues/65"""
    return Refusal(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided."
        " Check your key and signing method.",
        "X-Amz-Signature was not made with this bucket's secret over exactly this Policy: one of the two was"
        f" changed, cut off or encoded again on its way, or belongs to another form. {_AS_GIVEN}",
        (
            ("AWSAccessKeyId", access_key),
            ("StringToSign", policy),
            ("SignatureProvided", signature),
            ("StringToSignBytes", policy.encode().hex(" ")),
        ),
    )


# --- the policy -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Match:
    """A condition on a field: that it equals a value, or starts with it."""

    operator: str
    target: str
    value: str
    written: str

    @property
    def name(self) -> str:
        return self.target.removeprefix("$").lower()

    def check(self, form: _Form) -> None:
        # A target without "$" fails whatever the form holds [LocalStack], and so does a field that is not
        # there, even with an empty prefix: https://github.com/waynehoover/s3_direct_upload/issues/29
        if not self.target.startswith("$") or self.name not in form or not self._holds(form[self.name]):
            raise _condition_failed(self.written, self._why(form))

    def _holds(self, value: str) -> bool:
        if self.operator == "eq":
            return value == self.value
        # "Content-Types values for a starts-with condition that include commas are interpreted as lists. Each
        # value in the list must meet the condition" [AWS]
        values = re.split(r",\s*", value) if self.name == "content-type" else [value]
        return all(each.startswith(self.value) for each in values)

    def _why(self, form: _Form) -> str:
        if not self.target.startswith("$"):
            return f"The policy writes the field {self.target} without a $ before it."
        if self.name == "bucket":
            return f"The form is not for the bucket {form['bucket']}. Send it to the url that came with it."
        if self.name not in form:
            return f"The policy asks for a field {self.name}, and none stood before the file. {_AS_GIVEN}"
        must = "be" if self.operator == "eq" else "start with"
        sent = f"The field {form.spelling[self.name]} must {must} {self.value!r}, not {form[self.name]!r}."
        if self.name == "content-type":
            return f"{sent} It is a field of the form; the type that the file part names does not count."
        return f"{sent} {_AS_GIVEN}"


@dataclass(frozen=True, slots=True)
class _Range:
    """The condition on the content's size, both bounds within it; held against it when it has arrived."""

    smallest: int
    largest: int

    def check(self, form: _Form) -> None:
        """Hold for every form."""


@dataclass(frozen=True, slots=True)
class _UnreadableRange:
    """A range whose bounds are no numbers, which S3 calls a failed condition [LocalStack]."""

    written: str

    def check(self, form: _Form) -> None:
        """Hold for no form."""
        raise _condition_failed(self.written, "The bounds of content-length-range must be whole numbers.")


_Condition = _Match | _Range | _UnreadableRange


@dataclass(frozen=True, slots=True)
class _Policy:
    """A policy that could be read."""

    expiration: datetime
    conditions: tuple[_Condition, ...]

    def check(self, form: _Form, now: float) -> None:
        # "not valid after" its expiration [AWS]: at that very instant it still is.
        late = now - self.expiration.timestamp()
        if late > 0:
            raise _denied(
                "Invalid according to Policy: Policy expired.",
                f"The form expired {math.ceil(late)} s ago by the mock's clock; Leonardo's are valid for two"
                " minutes. Ask the API for a new one.",
            )
        for condition in self.conditions:
            condition.check(form)
        self._check_covered(form)

    def _check_covered(self, form: _Form) -> None:
        """Refuse a field that no condition names [AWS].

        S3 reports one name, as the form spells it (https://stackoverflow.com/q/54014351); which of several is
        not known, and here it is the first sent.
        """
        covered = {condition.name for condition in self.conditions if isinstance(condition, _Match)}
        for name, spelling in form.spelling.items():
            if name not in covered | _UNCOVERED and not name.startswith("x-ignore-"):
                raise _denied(
                    f"Invalid according to Policy: Extra input fields: {spelling}",
                    f"No condition of the policy covers the field {spelling}. Send only the fields that the"
                    " API gave (S3 lets pass others named x-ignore-...), and the content as file.",
                )

    def sizes(self, most: int) -> tuple[int, int]:
        """Return the least and the largest size that all ranges allow, and `most` besides."""
        ranges = [condition for condition in self.conditions if isinstance(condition, _Range)]
        return max((0, *(each.smallest for each in ranges))), min((most, *(each.largest for each in ranges)))


def _read_policy(encoded: str) -> _Policy:
    """Read the policy's base64 text; raises `Refusal` InvalidPolicyDocument where it is not one.

    Names of the document's members are case-sensitive, operators and fields are not (Ceph's s3-tests).
    """
    document = _read_document(encoded)
    for name in document:
        if name not in ("expiration", "conditions"):
            # In small letters and before what is missing: https://stackoverflow.com/q/31169349
            raise _bad_policy(f"Unexpected: '{name.lower()}'")
    # Chosen: the texts for what is missing or no list are [versitygw]'s.
    if "expiration" not in document:
        raise _bad_policy("Policy missing expiration.")
    if "conditions" not in document:
        raise _bad_policy("Policy missing conditions.")
    if not isinstance(document["conditions"], list):
        raise _bad_policy("Invalid 'conditions' value: must be a List.")
    expiration = _read_expiration(document["expiration"])
    return _Policy(expiration, tuple(map(_read_condition, document["conditions"])))


def _read_document(encoded: str) -> dict[str, Any]:
    if not encoded:
        raise _bad_policy("Expecting '{' but found End-of-Input")  # [versitygw]
    try:
        # Chosen: strict, so no line breaks; whether S3 allows them is not known. The text is [versitygw]'s.
        text = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise _bad_policy("invalid Base64 encoding.") from None
    try:
        document = json.loads(
            text.decode(), parse_int=_read_whole_number, parse_float=_no_number, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        raise _bad_policy("Invalid JSON.") from None
    if not isinstance(document, dict):
        raise _bad_policy("Invalid JSON.")
    return document


def _read_whole_number(text: str) -> int:
    if text.startswith("-"):
        # What S3's reader says of a minus: https://stackoverflow.com/q/73624713
        raise _bad_policy("Token - must be enclosed in quotes.")
    return int(text)


def _no_number(text: str) -> NoReturn:
    """Refuse a fraction, as S3 does: https://repost.aws/questions/QUo27u4OYpTA-XvAWr72xeRg"""
    raise ValueError(text)


def _read_expiration(value: object) -> datetime:
    """Return the instant, which must be in UTC: https://github.com/dwilkie/carrierwave_direct/pull/189"""
    if not isinstance(value, str):
        raise _bad_policy("Invalid JSON.")  # Chosen, as for other values that must be strings.
    try:
        if _EXPIRATION.fullmatch(value):
            return datetime.fromisoformat(value)
    except ValueError:
        pass  # A day or hour that does not exist.
    raise _bad_policy(f"Invalid 'expiration' value: '{value}'")


def _read_condition(condition: object) -> _Condition:
    """Read `{field: value}` or `[operator, ...]`; the texts without a source are [versitygw]'s."""
    if isinstance(condition, dict):
        return _read_simple(condition)
    if not isinstance(condition, list):
        raise _bad_policy("Invalid condition test: must be a List or Object.")
    if not condition:
        # Recorded at https://stackoverflow.com/q/43431505
        raise _bad_policy("Invalid Condition: missing operation identifier.")
    if not all(isinstance(part, str | int) for part in condition):
        raise _bad_policy("Invalid JSON.")
    operator = str(condition[0])
    if operator.lower() not in ("eq", "starts-with", "content-length-range"):
        raise _bad_policy(f"Invalid Condition: unknown operation '{operator}'.")
    if len(condition) != 3:
        raise _bad_policy(f"Invalid {operator}: wrong number of arguments.")
    written = json.dumps(condition, ensure_ascii=False)
    if operator.lower() == "content-length-range":
        return _read_range(condition[1], condition[2], written)
    if not all(isinstance(part, str) for part in condition):
        raise _bad_policy("Invalid JSON.")
    return _Match(operator.lower(), condition[1], condition[2], written)


def _read_simple(condition: dict[str, Any]) -> _Match:
    if len(condition) != 1:
        # [LocalStack]
        raise _bad_policy(
            "Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."
        )
    [(name, value)] = condition.items()
    if value is None:
        raise _bad_policy("Invalid JSON.")  # https://github.com/dwilkie/carrierwave_direct/issues/230
    if not isinstance(value, str):
        # Recorded at https://github.com/toniopelo/modbox/issues/10
        raise _bad_policy("Invalid Simple-Condition: value must be a string.")
    # S3 reports it in this form: https://github.com/boto/boto3/issues/4514
    written = json.dumps(["eq", f"${name}", value], ensure_ascii=False)
    return _Match("eq", f"${name}", value, written)


def _read_range(smallest: str | int, largest: str | int, written: str) -> _Range | _UnreadableRange:
    """Read the bounds, which may be numbers or digits in a string [LocalStack]."""
    if _SIZE.fullmatch(str(smallest)) and _SIZE.fullmatch(str(largest)):
        return _Range(int(smallest), int(largest))
    return _UnreadableRange(written)


# --- refusals of one kind ---------------------------------------------------------------------------------


def _invalid_argument(message: str, name: str, value: str, explain: str, *more: tuple[str, str]) -> Refusal:
    details = (("ArgumentName", name), ("ArgumentValue", value), *more)
    return Refusal(400, "InvalidArgument", message, explain, details)


def _denied(message: str, explain: str) -> Refusal:
    return Refusal(403, "AccessDenied", message, explain)


def _condition_failed(written: str, explain: str) -> Refusal:
    return _denied(f"Invalid according to Policy: Policy Condition failed: {written}", explain)


def _bad_policy(message: str) -> Refusal:
    return Refusal(
        400,
        "InvalidPolicyDocument",
        f"Invalid Policy: {message}",
        "The Policy is signed but is no policy: it must be base64 of a JSON object with just expiration (like"
        " 2024-05-06T07:08:09Z) and conditions (a list), both written so.",
    )


def _wrong_size(code: str, wrong: str, size: int, bound: str, allowed: int) -> Refusal:
    return Refusal(
        400,
        code,
        f"Your proposed upload {wrong} allowed size",
        f"The file has {size} bytes; {bound} is {allowed} by the policy's content-length-range and the"
        " bucket's own limit. Send the bytes themselves, not their base64.",
        (("ProposedSize", str(size)), (bound, str(allowed))),
    )


# --- what is written --------------------------------------------------------------------------------------


def _redirect_target(url: str) -> str | None:
    """Return the URL, ready for a query to be added, or None where S3 cannot interpret it [LocalStack].

    A query it has is kept: https://github.com/layervault/layervault_ruby_client/issues/8. Only URLs with a
    scheme and a host are taken for interpretable (chosen), and what cannot stand in a header is escaped.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not (parts.scheme and parts.netloc):
        return None
    kept = f"{parts.query}&" if parts.query else ""
    bare = parts._replace(query="", fragment="").geturl()
    return quote(f"{bare}?{kept}", safe=_PRINTABLE)


def _xml(root: str, elements: Iterable[tuple[str, str]]) -> bytes:
    """Return the document as S3 writes it, without a namespace."""
    inner = "".join(f"<{name}>{_escaped(text)}</{name}>" for name, text in elements)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode()


def _escaped(text: str) -> str:
    """Escape for XML, where some characters cannot stand at all and become U+FFFD."""
    return html.escape(re.sub(_NOT_IN_XML, "\ufffd", text), quote=False).replace("\r", "&#13;")
