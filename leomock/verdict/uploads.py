"""Rules for uploads to the presigned form."""

from __future__ import annotations

import re
from collections.abc import Iterator

from leomock.verdict.evidence import Evidence, is_upload
from leomock.verdict.registry import Seen, rule
from leomock.verdict.wording import exchange_numbers, quote

# --- uploads ------------------------------------------------------------------------------------------------


@rule(
    "sent-key-to-the-bucket",
    why="The upload goes to S3, which refuses it and must not get the key.",
    remedy="Send the form with a client that has no Authorization header; the form's fields authorize it.",
)
def sent_key_to_the_bucket(evidence: Evidence) -> Iterator[Seen]:
    """An upload had an Authorization header.

    What cannot be seen: whether it contained the key of this API, since the journal keeps only its beginning.
    """
    for exchange in evidence.exchanges:
        if is_upload(exchange) and "authorization" in exchange.request_headers:
            refused = f" and was refused with {exchange.status}" if exchange.status >= 400 else ""
            yield Seen(
                [exchange], f"The upload {exchange_numbers([exchange])} had an Authorization header{refused}."
            )


@rule(
    "uploaded-after-expiry",
    why="A form is valid for two minutes; after that, the bucket refuses it.",
    remedy="Ask for the form when the file is ready, and for a new one when an upload must be repeated.",
)
def uploaded_after_expiry(evidence: Evidence) -> Iterator[Seen]:
    """An upload was rejected because its policy had expired by the world's clock.

    What cannot be seen: what the client did in the meantime.
    """
    for exchange, _, message in evidence.uploads():
        if message.endswith("Policy expired."):
            late = re.match("The form expired ([0-9]+) s ago", exchange.explain)
            by = f" {late[1]} s" if late else ""
            yield Seen(
                [exchange], f"The upload {exchange_numbers([exchange])} came{by} after its form had expired."
            )


@rule(
    "not-multipart",
    why="S3 accepts only multipart/form-data forms.",
    remedy="With requests or httpx, pass the fields as data= and the content as files={'file': ...}; with "
    "fetch send a FormData and no Content-Type header.",
)
def not_multipart(evidence: Evidence) -> Iterator[Seen]:
    """The body of an upload was not a multipart form, or the upload was a PUT.

    What cannot be seen: the body; the header Content-Type decides.
    """
    for exchange, code, _ in evidence.uploads():
        if code == "MethodNotAllowed":
            yield Seen(
                [exchange], f"The upload {exchange_numbers([exchange])} was a {exchange.method}; use POST."
            )
        elif code == "PreconditionFailed":
            kind = exchange.request_headers.get("content-type", "")
            sent = f"was sent as {quote(kind)}" if kind else "had no Content-Type"
            yield Seen(
                [exchange], f"The upload {exchange_numbers([exchange])} {sent}, not as multipart/form-data."
            )


@rule(
    "form-fields-not-parsed",
    why="The API returns the fields as JSON in a string; S3 needs them as separate form fields.",
    remedy="Parse the string (json.loads, JSON.parse) and send each entry as a form field, then the file.",
)
def form_fields_not_parsed(evidence: Evidence) -> Iterator[Seen]:
    """The form of an upload contains the fields as one JSON text.

    The rule looks for a field named `fields`, or one whose name begins with a brace. What cannot be seen: the
    text under another name, which looks like missing fields.
    """
    for exchange, code, _ in evidence.uploads():
        if code == "InvalidArgument" and exchange.explain.startswith("The form carries `fields`"):
            yield Seen(
                [exchange],
                f"The form of the upload {exchange_numbers([exchange])} had all its fields in one JSON text.",
            )


@rule(
    "fields-not-before-the-file",
    why="S3 ignores whatever comes after the file, and a form without all its fields is not authorized.",
    remedy="Send every field as the API returned it, and the part named file last.",
)
def fields_not_before_the_file(evidence: Evidence) -> Iterator[Seen]:
    """A field is missing before the file of an upload.

    What cannot be seen: whether it came after the file or not at all; the bucket stops reading at the file.
    """
    for exchange, _, message in evidence.uploads():
        found = re.match("Bucket POST must contain a field named '([^']*)'", message)
        if found and exchange.explain.startswith("No field"):
            missing = found[1]
        elif exchange.explain.startswith("None of the fields that sign the form"):
            missing = "X-Amz-Signature"
        else:
            continue
        yield Seen(
            [exchange],
            f"In the upload {exchange_numbers([exchange])} the field {missing} is missing before the file.",
        )
