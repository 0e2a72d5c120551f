"""Check the Signature Version 4 fields of an upload form."""

from __future__ import annotations

import re
from typing import NoReturn

from leomock.state.bucket.errors import AS_GIVEN, Refusal, invalid_argument
from leomock.state.bucket.form import Form

ALGORITHM = "AWS4-HMAC-SHA256"

# S3 names them in this spelling, regardless of the form's, and the algorithm before the credential
# [LocalStack]; the position of the others in the order is chosen.
SIGNING_FIELDS = ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Signature")
# Signature version 2, which boto3's `generate_presigned_post` still makes by default, in S3's spelling
# [LocalStack].
VERSION_2_FIELDS = ("AWSAccessKeyId", "Signature")
# Regions from before 2014 accept version 2; the bucket can be only in this one of them (AWS).
VERSION_2_REGIONS = frozenset({"us-east-1"})

_DATE = re.compile(r"[0-9]{8}")
_LONG_DATE = re.compile(r"[0-9]{8}T[0-9]{6}Z")


# --- the credential ---------------------------------------------------------------------------------------


def is_version_2(form: Form) -> bool:
    """Return True if a form is signed with version 2 and not with version 4."""
    return any(name in form for name in VERSION_2_FIELDS) and not any(name in form for name in SIGNING_FIELDS)


def refuse_unsigned(form: Form) -> NoReturn:
    """Refuse a form without a signature or with version 2; both texts are S3's, the first [LocalStack]."""
    if any(name in form for name in VERSION_2_FIELDS):
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
        f" bucket is not public. {AS_GIVEN}",
    )


def check_algorithm(algorithm: str) -> None:
    """Refuse any algorithm other than Signature Version 4."""
    if algorithm != ALGORITHM:
        # Chosen: S3's text for the same mistake in a presigned URL.
        raise invalid_argument(
            'X-Amz-Algorithm only supports "AWS4-HMAC-SHA256 and AWS4-ECDSA-P256-SHA256"',
            "X-Amz-Algorithm",
            algorithm,
            f"X-Amz-Algorithm must be {ALGORITHM}. {AS_GIVEN}",
        )


def read_credential(credential: str) -> tuple[str, str, str]:
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
    explain = f"X-Amz-Credential must be <access key>/<yyyymmdd>/<region>/s3/aws4_request. {AS_GIVEN}"
    return invalid_argument(message, "X-Amz-Credential", credential, explain)


def check_date(date: str, day: str) -> None:
    """Refuse a date that is invalid or differs from the credential's.

    It is unknown whether S3 also compares it with the clock; here only the expiration counts.
    """
    if not _LONG_DATE.fullmatch(date):
        # The spelling is S3's: https://github.com/michaeldyrynda/s3upload/issues/1
        raise invalid_argument(
            "X-Amz-Date must be formated via ISO8601 Long format",
            "X-Amz-Date",
            date,
            f"X-Amz-Date must look like 20240506T070809Z. {AS_GIVEN}",
        )
    if date[:8] != day:
        # Chosen: S3's text for the same mistake in a presigned URL.
        raise invalid_argument(
            f'Invalid credential date "{day}". This date is not the same as X-Amz-Date: "{date[:8]}".',
            "X-Amz-Credential",
            day,
            f"X-Amz-Credential and X-Amz-Date name different days, so they are not of one form. {AS_GIVEN}",
        )


def signature_mismatch(
    access_key: str, policy: str, signature: str, field: str = "X-Amz-Signature"
) -> Refusal:
    """Return the refusal; the elements are in S3's order: https://github.com/Fausto95/aws-s3/issues/65"""
    return Refusal(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided."
        " Check your key and signing method.",
        f"{field} was not made with this bucket's secret over exactly this Policy: one of the two was"
        f" changed, cut off or encoded again on its way, or belongs to another form. {AS_GIVEN}",
        (
            ("AWSAccessKeyId", access_key),
            ("StringToSign", policy),
            ("SignatureProvided", signature),
            ("StringToSignBytes", policy.encode().hex(" ")),
        ),
    )
