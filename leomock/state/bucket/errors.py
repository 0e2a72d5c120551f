"""S3's errors and their XML."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from leomock.leonardo.basis import Observed, based_on

# Compiled by the first error, since that takes milliseconds.
_NOT_IN_XML = "[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
PRINTABLE = "".join(map(chr, range(0x20, 0x7F)))

AS_GIVEN = "Send every field exactly as the API gave it, and only then the file."


class Refusal(Exception):
    """An S3 error: S3's response (`status`, `code`, `message`, `details`), and its meaning (`explain`).

    `details` are the additional elements of the XML response, in order. `explain` is a sentence for the
    developer that real S3 does not send: what was wrong, and what would work. `rules` names the scenario
    rules that caused the error, if any.
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
        """Store the parts of the response."""
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.explain = explain
        self.details = tuple(details)
        self.rules = rules


def refusal_xml(refusal: Refusal, request_id: str, host_id: str) -> bytes:
    """Return the body of S3's response to a refused request."""
    ids = (("RequestId", request_id), ("HostId", host_id))
    return xml_document(
        "Error", (("Code", refusal.code), ("Message", refusal.message), *refusal.details, *ids)
    )


# --- refusals of one kind ---------------------------------------------------------------------------------


def invalid_argument(message: str, name: str, value: str, explain: str, *more: tuple[str, str]) -> Refusal:
    """Make an InvalidArgument error about one form field."""
    details = (("ArgumentName", name), ("ArgumentValue", value), *more)
    return Refusal(400, "InvalidArgument", message, explain, details)


def access_denied(message: str, explain: str) -> Refusal:
    """Make an AccessDenied error."""
    return Refusal(403, "AccessDenied", message, explain)


def condition_failed(written: str, explain: str) -> Refusal:
    """Make the error for a policy condition that the form does not meet."""
    return access_denied(f"Invalid according to Policy: Policy Condition failed: {written}", explain)


@based_on(
    Observed(
        "a form sent in chunks, without Content-Length, is answered with 411; one report contradicts this, "
        "so a setting accepts such forms"
    )
)
def missing_content_length() -> Refusal:
    """Make the error for a form that came without Content-Length."""
    return Refusal(
        411,
        "MissingContentLength",
        "You must provide the Content-Length HTTP header.",
        "The form came in chunks, as node-fetch, axios and aiohttp send streams. Give the HTTP client the"
        " whole content or its length, or start leomock with --chunked-uploads accept.",
    )


def bad_policy(message: str) -> Refusal:
    """Make the error for a policy document that cannot be read."""
    return Refusal(
        400,
        "InvalidPolicyDocument",
        f"Invalid Policy: {message}",
        "The Policy is signed but is not a policy: it must be base64 of a JSON object with just expiration"
        " (like 2024-05-06T07:08:09Z) and conditions (a list), spelled exactly so.",
    )


def xml_document(root: str, elements: Iterable[tuple[str, str]]) -> bytes:
    """Return an XML document as S3 writes it, without a namespace."""
    inner = "".join(f"<{name}>{_escaped(text)}</{name}>" for name, text in elements)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}>{inner}</{root}>'.encode()


def _escaped(text: str) -> str:
    """Escape text for XML; characters that XML does not allow become U+FFFD."""
    return html.escape(re.sub(_NOT_IN_XML, "\ufffd", text), quote=False).replace("\r", "&#13;")
