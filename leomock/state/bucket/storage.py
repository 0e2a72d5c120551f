"""An S3 bucket: presigned POST forms, and S3's own rules for what may be uploaded with one.

The fake checks an upload in this order, and the first failure is the response:

1. the form names a `key` and carries all the signing fields        `Bucket.open`
2. credential, date, region, access key, token and signature        `Bucket._authenticate`
3. the policy is a readable document                                 `read_policy`
4. it has not expired, each condition holds, each field is covered   `Policy.check`
5. the key can be stored                                             `checked_key`
6. checksum, storage class and tags can be read                      `checksum_of`, `stored_headers`
7. the content is neither too small nor too big, and fits a checksum `Upload.close`

The source of each rule is noted beside it: [AWS] is Amazon's documentation ("POST Object", "POST Policy",
"Authenticating Requests in Browser-Based Uploads Using POST"), [LocalStack] the answers that its test
`test_s3.py::TestS3PresignedPost` recorded from real S3, a link is a response that somebody got from real S3,
[versitygw] is the text of this S3 gateway, which is modelled on S3's, and "chosen" marks decisions without a
source.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from leomock.leonardo.basis import Chosen, based_on
from leomock.state.bucket.budget import FileBudget
from leomock.state.bucket.checksums import PREFIX, SLOW, check_content, checksum_of
from leomock.state.bucket.errors import AS_GIVEN, PRINTABLE, Refusal, invalid_argument, xml_document
from leomock.state.bucket.form import Form, checked_key
from leomock.state.bucket.objects import Objects, StoredObject
from leomock.state.bucket.policy import Policy, read_policy
from leomock.state.bucket.signature import (
    ALGORITHM,
    SIGNING_FIELDS,
    VERSION_2_FIELDS,
    VERSION_2_REGIONS,
    check_algorithm,
    check_date,
    is_version_2,
    read_credential,
    refuse_unsigned,
    signature_mismatch,
)
from leomock.state.bucket.system_fields import stored_headers
from leomock.state.remarks import REPLACED
from leomock.state.scenario import RuleEffects, Scenario

# S3's content type for a file without one, as recorded by [LocalStack]; the type in the file part itself is
# not known to count, and does not count here.
UNKNOWN_TYPE = "binary/octet-stream"


@dataclass(frozen=True, slots=True)
class Stored:
    """The data for the response to an accepted upload; `body` is XML for status 201, otherwise empty."""

    key: str
    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Bucket:
    """A bucket, the credentials of its only owner, and its objects by key.

    `now` is the world's clock in epoch seconds. No object may exceed `max_bytes` bytes, whichever size its
    policy allows, and all objects together may take at most `max_total` bytes; `budget` limits the total size
    of several buckets. `accepts_chunked` accepts forms without Content-Length. `session_token` is that of a
    temporary credential, as in Leonardo's own forms. Hold `lock` while reading all objects: any thread may
    store one.
    """

    name: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(repr=False)
    now: Callable[[], float]
    max_bytes: int
    max_total: int = 256 * 2**20
    budget: FileBudget | None = None
    accepts_chunked: bool = False
    fault: Callable[[Sequence[Scenario], str], RuleEffects | None] = field(
        default=lambda requested, key: None, repr=False
    )
    lock: AbstractContextManager[Any] = field(default_factory=threading.RLock, repr=False)
    objects: Objects = field(default_factory=Objects, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.budget:
            self.budget.add(self)

    def presign(self, key: str, *, content_type: str, seconds: int = 120, max_bytes: int) -> dict[str, str]:
        """Return the ordered fields of a form that may upload up to `max_bytes` bytes as `key`.

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
        headers: dict[str, str] | None = None,
    ) -> StoredObject:
        """Store an object, replacing any object with this key.

        If there is no room for it, the object is returned but not stored.
        """
        etag = f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
        stored = StoredObject(body, content_type, etag, metadata or {}, self.now(), expires, headers or {})
        with self.lock:
            if self.has_room(key, len(body)):
                self.objects[key] = stored
        return stored

    def has_room(self, key: str, size: int) -> bool:
        """Return True if `size` bytes can be stored as `key`; expiring objects may be deleted for this."""
        with self.lock:
            return self.objects.make_room(key, size, self.most)

    @property
    def size(self) -> int:
        """The bytes that all objects together take."""
        return self.objects.size

    @property
    def most(self) -> int:
        """The bytes that all objects together may take now."""
        return min(self.max_total, self.budget.left_for(self)) if self.budget else self.max_total

    def open(
        self,
        fields: Iterable[tuple[str, str]],
        filename: str | None = None,
        requested: Sequence[Scenario] = (),
    ) -> Upload:
        """Check all fields before the file's content; `filename` is None if the part has no name.

        `requested` are the scenarios that the request asks for. Raises `Refusal`.
        Nothing is stored before `Upload.close`.
        """
        fields = list(fields)
        if struck := self.fault(requested, dict(fields).get("key", "")):
            raise _injected(struck)
        form = Form(fields, filename)
        # Before the signing fields, since "file" before all fields is answered with the missing key:
        # https://github.com/grafana/k6/issues/1382
        form.require("key")
        self._authenticate(form)
        # The policy must name the bucket that was addressed, even if no field names it; a policy without a
        # condition on it is refused: https://github.com/aws/aws-sdk-php/issues/3292
        form.put("bucket", self.name)
        policy = read_policy(form["policy"])
        policy.check(form, self.now())
        return Upload(self, checked_key(form["key"]), form, policy)

    def _authenticate(self, form: Form) -> None:
        """Refuse a form that was not signed with this bucket's credentials."""
        if is_version_2(form) and self.region in VERSION_2_REGIONS:
            self._authenticate_version_2(form)
            return
        if not any(name in form for name in SIGNING_FIELDS):
            refuse_unsigned(form)
        for name in (*SIGNING_FIELDS, "Policy"):
            form.require(name)
        day = self._checked_scope(form)
        if "x-amz-security-token" in form:
            self._check_token(form["x-amz-security-token"])
        expected = self._signature(day, form["policy"])
        if not hmac.compare_digest(expected.encode(), form["x-amz-signature"].encode()):
            raise signature_mismatch(self.access_key_id, form["policy"], form["x-amz-signature"])

    def _authenticate_version_2(self, form: Form) -> None:
        """Check a form of signature version 2, as old enough regions still do [AWS]."""
        for name in VERSION_2_FIELDS:
            form.require(name)
        form.require("policy")
        if form["AWSAccessKeyId"] != self.access_key_id:
            raise self._unknown_key(form["AWSAccessKeyId"])
        if "x-amz-security-token" in form:
            self._check_token(form["x-amz-security-token"])
        digest = hmac.digest(self.secret_access_key.encode(), form["policy"].encode(), "sha1")
        if not hmac.compare_digest(base64.b64encode(digest), form["signature"].encode()):
            raise signature_mismatch(self.access_key_id, form["policy"], form["signature"], field="signature")

    def _unknown_key(self, access_key: str) -> Refusal:
        return Refusal(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            f"The bucket knows the access key {self.access_key_id} and no other, for example not one of"
            f" your own AWS account. {AS_GIVEN}",
            (("AWSAccessKeyId", access_key),),
        )

    def _checked_scope(self, form: Form) -> str:
        """Check the credential's scope and return its day."""
        check_algorithm(form["x-amz-algorithm"])
        credential = form["x-amz-credential"]
        access_key, day, region = read_credential(credential)
        check_date(form["x-amz-date"], day)
        if region != self.region:
            # Recorded at https://github.com/CulturalMe/meteor-slingshot/issues/150
            raise invalid_argument(
                f"the region '{region}' is wrong; expecting '{self.region}'",
                "X-Amz-Credential",
                credential,
                f"The form was signed for the region {region}, and the bucket is in {self.region}.",
                ("Region", self.region),
            )
        if access_key != self.access_key_id:
            raise self._unknown_key(access_key)
        return day

    def _check_token(self, token: str) -> None:
        """Refuse a token that is not this bucket's; a form without one is signed with the permanent key."""
        if self.session_token is None or not hmac.compare_digest(self.session_token.encode(), token.encode()):
            raise Refusal(
                400,
                "InvalidToken",
                "The provided token is malformed or otherwise invalid.",
                f"X-Amz-Security-Token is not the token of this bucket's credentials. {AS_GIVEN}",
                (("Token-0", token),),
            )

    def _signature(self, day: str, policy: str) -> str:
        """Return the signature of a policy's base64 text, exactly as sent [AWS]."""
        key = f"AWS4{self.secret_access_key}".encode()
        for scope in (day, self.region, "s3", "aws4_request", policy):
            key = hmac.digest(key, scope.encode(), "sha256")
        return key.hex()


def _injected(struck: RuleEffects) -> Refusal:
    """Return the error that a scenario injects for an otherwise valid form."""
    expired = struck.upload == "expired"
    message = "Invalid according to Policy: Policy expired." if expired else "Access Denied"
    explain = f"{struck.explain}: the upload is {struck.upload}"
    return Refusal(403, "AccessDenied", message, explain, rules=struck.rules)


class Upload:
    """An upload whose form was accepted and whose content is arriving."""

    def __init__(self, bucket: Bucket, key: str, form: Form, policy: Policy) -> None:
        """Begin without content; `form` and `policy` were checked by `Bucket.open`."""
        self._bucket = bucket
        self._key = key
        self._form = form
        self._checksum = checksum_of(form)
        self._headers = stored_headers(form)
        self._smallest, self._largest = policy.sizes(bucket.max_bytes)
        self._size = 0
        self._body = bytearray()

    def write(self, chunk: bytes) -> None:
        """Add the next bytes of the content; beyond the limit, count them without keeping them."""
        self._size += len(chunk)
        if self._size <= self._largest:
            self._body += chunk
        else:
            self._body.clear()

    @property
    def is_slow(self) -> bool:
        """Return True if `close` computes a slow checksum."""
        return self._checksum is not None and self._checksum[0] in SLOW

    def close(self, address: str | None = None) -> Stored:
        """Store the object and return the reply; for a wrong size, raise `Refusal` and store nothing.

        `address` is the bucket's URL as the client called it, which `Location` begins with.
        """
        self._check_size()
        if self._checksum:
            check_content(self._checksum, bytes(self._body))
        replaces = self._key in self._bucket.objects
        stored = self._bucket.keep(
            self._key,
            bytes(self._body),
            self._form.get("content-type", UNKNOWN_TYPE),
            self._form.starting_with("x-amz-meta-"),
            headers=self._headers,
        )
        own = f"https://{self._bucket.name}.s3.{self._bucket.region}.amazonaws.com"
        reply = self._reply(stored.etag, address or own)
        if replaces:
            reply.headers["X-Leomock-Explain"] = REPLACED
        return reply

    def _check_size(self) -> None:
        if self._size > self._largest:
            raise _wrong_size(
                "EntityTooLarge", "exceeds the maximum", self._size, "MaxSizeAllowed", self._largest
            )
        if self._size < self._smallest:
            raise _wrong_size(
                "EntityTooSmall", "is smaller than the minimum", self._size, "MinSizeAllowed", self._smallest
            )
        if not self._bucket.has_room(self._key, self._size):
            raise _full(self._bucket)

    def _reply(self, etag: str, address: str) -> Stored:
        """Return the requested reply: a redirect before a status, and 204 if neither is valid [AWS]."""
        target = _redirect_target(self._form.get("success_action_redirect", self._form.get("redirect", "")))
        if target is not None:
            query = urlencode({"bucket": self._bucket.name, "key": self._key, "etag": etag})
            return Stored(self._key, 303, {"ETag": etag, "Location": f"{target}{query}"})
        # The key's slashes are escaped as well: https://github.com/ceph/ceph/pull/20330
        location = f"{address}/{quote(self._key, safe='')}"
        headers = {"ETag": etag, "Location": location}
        if self._checksum:
            algorithm, text = self._checksum
            headers |= {f"{PREFIX}{algorithm}": text, "x-amz-checksum-type": "FULL_OBJECT"}
        status = self._form.get("success_action_status", "")
        if status != "201":
            return Stored(self._key, 200 if status == "200" else 204, headers)
        body = xml_document(
            "PostResponse",
            (("Location", location), ("Bucket", self._bucket.name), ("Key", self._key), ("ETag", etag)),
        )
        return Stored(self._key, 201, {**headers, "Content-Type": "application/xml"}, body)


def _wrong_size(code: str, wrong: str, size: int, bound: str, allowed: int) -> Refusal:
    return Refusal(
        400,
        code,
        f"Your proposed upload {wrong} allowed size",
        f"The file has {size} bytes; {bound} is {allowed} by the policy's content-length-range and the"
        " bucket's own limit. Send the bytes themselves, not their base64.",
        (("ProposedSize", str(size)), (bound, str(allowed))),
    )


@based_on(
    Chosen("a full bucket responds as Ceph's gateway does for an exceeded quota, since S3 has no quotas")
)
def _full(bucket: Bucket) -> Refusal:
    owner, quota, option, most = "this API key", "its quota", "--max-stored", bucket.max_total
    if bucket.budget and bucket.most < bucket.max_total:
        owner, quota, option, most = "all API keys", "their quota", "--max-stored-all", bucket.budget.most
    return Refusal(
        403,
        "QuotaExceeded",
        f"The uploaded files of {owner} exceed {quota}.",
        f"The files of {owner} would take more than {most} bytes together (leomock serve {option} changes the"
        " limit). Delete init images or datasets, or reset the key.",
    )


# --- redirects --------------------------------------------------------------------------------------


def _redirect_target(url: str) -> str | None:
    """Return the URL, ready for a query to be appended, or None if S3 cannot interpret it [LocalStack].

    An existing query is kept: https://github.com/layervault/layervault_ruby_client/issues/8. Only URLs with a
    scheme and a host count as interpretable (chosen); characters that a header cannot contain are escaped.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not (parts.scheme and parts.netloc):
        return None
    kept = f"{parts.query}&" if parts.query else ""
    bare = parts._replace(query="", fragment="").geturl()
    return quote(f"{bare}?{kept}", safe=PRINTABLE)
