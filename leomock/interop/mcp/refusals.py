"""Errors of tools: one sentence, the next step, and whether a retry can help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mcp_types as types

from leomock.interop.capability.upstream import EXPLAIN, UpstreamResponse

LONGEST_TEXT = 2000
# Temporary statuses: the same call may succeed later.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_RETRY_AFTER_START = "The work may have begun anyway: look for it before you start it again."


class Refused(Exception):
    """The reason why a tool failed.

    `next_step` is a sentence for the caller, `retryable` says whether the same call may succeed later, and
    `retry_after` in how many seconds. `vendor` holds the API's own words.
    """

    def __init__(
        self,
        message: str,
        next_step: str = "",
        *,
        status: int | None = None,
        code: str = "",
        retryable: bool = False,
        retry_after: float | None = None,
        vendor: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step
        self.status = status
        self.code = code
        self.retryable = retryable
        self.retry_after = retry_after
        self.vendor = vendor

    def result(self, plain: bool = False) -> types.CallToolResult:
        """Return the error as an answer of a tool. With `plain`, the API's own words replace leomock's."""
        text = self.vendor if plain and self.vendor else self._text()
        if plain:
            text = text.removeprefix("leomock: ")
        error = self.values(plain)
        return types.CallToolResult(
            content=[types.TextContent(text=text)], structured_content={"error": error}, is_error=True
        )

    def values(self, plain: bool = False) -> dict[str, Any]:
        """Return the error as JSON values."""
        error: dict[str, Any] = {"message": self.message.removeprefix("leomock: ")}
        if self.next_step and not (plain and self.vendor):
            error["next_step"] = self.next_step
        if self.status is not None:
            error["status"] = self.status
        if self.code:
            error["code"] = self.code
        error["retryable"] = self.retryable
        if self.retry_after is not None:
            error["retry_after_seconds"] = self.retry_after
        return error

    def _text(self) -> str:
        parts = [self.message if self.message.endswith((".", "?")) else f"{self.message}."]
        if self.next_step:
            parts.append(self.next_step)
        if not self.retryable:
            parts.append("Do not repeat the same call.")
        elif self.retry_after is not None:
            parts.append(f"You may retry after {self.retry_after:g} s.")
        else:
            parts.append("You may retry.")
        return " ".join(parts)


def refusal_of(answer: UpstreamResponse, method: str) -> Refused:
    """Return the error of an unsuccessful answer: by status, or from GraphQL errors on status 200."""
    status, message, code = _said(answer)
    retry_after = seconds_of(answer.headers.get("retry-after", ""))
    retryable = status in _PASSING and (status == 429 or method in ("GET", "DELETE"))
    explain = answer.headers.get(EXPLAIN, "")
    if retryable and retry_after is None and status == 429:
        retry_after = 60.0  # The documented limit counts calls per minute.
    return Refused(
        f"The API answered {status}: {message}",
        _next_step(status, method, explain),
        status=status,
        code=code,
        retryable=retryable,
        retry_after=retry_after,
        vendor=f"{answer.status} {answer.content.decode(errors='replace')[:LONGEST_TEXT]}",
    )


def is_error_list(body: Any) -> bool:
    """Return True if a body is a list of GraphQL errors, as blueprints and version 2 send on status 200."""
    return (
        isinstance(body, list)
        and bool(body)
        and all(isinstance(each, dict) and "message" in each and "extensions" in each for each in body)
    )


def seconds_of(header: str) -> float | None:
    """Return the seconds in a `Retry-After` header; None for dates and other texts."""
    try:
        seconds = float(header)
    except ValueError:
        return None
    return seconds if 0 <= seconds <= 86_400 else None


def _said(answer: UpstreamResponse) -> tuple[int, str, str]:
    """Return the status, text and code of an error."""
    body = answer.body
    if is_error_list(body):
        first = body[0]
        extensions = first["extensions"] if isinstance(first["extensions"], Mapping) else {}
        details = extensions.get("details")
        details = details if isinstance(details, Mapping) else {}
        status = details.get("statusCode") or extensions.get("statusCode") or answer.status
        text = details.get("message") or first["message"]
        return (
            status if isinstance(status, int) else answer.status,
            str(text)[:LONGEST_TEXT],
            str(extensions.get("code", "")),
        )
    if isinstance(body, dict) and isinstance(body.get("error"), str):
        return (
            answer.status,
            body["error"].removeprefix("leomock: ")[:LONGEST_TEXT],
            str(body.get("code", "")),
        )
    return answer.status, answer.content.decode(errors="replace")[:LONGEST_TEXT] or "an empty answer", ""


def _next_step(status: int, method: str, explain: str) -> str:
    because = f" ({explain})" if explain else ""
    if status in (401, 403):
        return f"Check the API key{because}."
    if status == 429:
        return f"Wait before you call again{because}."
    if status >= 500:
        return f"{'Call again later' if method == 'GET' else _RETRY_AFTER_START.rstrip('.')}{because}."
    if status == 404:
        return f"Check the id{because}."
    return f"Correct the arguments{because}."
