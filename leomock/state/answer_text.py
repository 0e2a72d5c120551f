"""Summarize an API response in a few words for the journal."""

from __future__ import annotations

from typing import Any

from leomock.state.redaction import one_line

LONGEST_ERROR = 100
# Explanations that say everything the response says, and more.
_COMPLETE_SENTENCES = ("PENDING", "FAILED", "unknown ", "no rows")


def summarize(status: int, content: Any, explain: str, *, by_rule: bool) -> str:
    """Summarize a response for people, such as `COMPLETE, 2 pictures`.

    `content` is the parsed body or None, `explain` leomock's sentence about the response, and `by_rule` is
    true if a scenario rule affected it.
    """
    explain = one_line(explain)
    if explain.startswith(_COMPLETE_SENTENCES) or (status >= 400 and explain and not by_rule):
        return explain
    answer = _error(content) if status >= 400 else _success(content)
    return f"{answer}; {explain}" if answer and explain else answer or explain


def _error(content: Any) -> str:
    text = content.get("error") if isinstance(content, dict) else None
    if not isinstance(text, str):
        return ""
    line = one_line(text)
    return f'"{line if len(line) <= LONGEST_ERROR else line[: LONGEST_ERROR - 1] + "…"}"'


def _success(content: Any) -> str:
    if isinstance(content, list):  # GraphQL errors on HTTP 200
        return next((_graphql_error(each) for each in content), "")
    if not isinstance(content, dict) or len(content) != 1:
        return ""
    [(name, value)] = content.items()
    if isinstance(value, list) and len(value) == 1 and "status" in (value[0] or ()):
        value = value[0]
    if value is None:
        return "null"
    if isinstance(value, list):
        return f"{len(value) or 'no'} {name}"
    return _row(value) if isinstance(value, dict) else ""


def _graphql_error(error: Any) -> str:
    if not isinstance(error, dict):
        return ""
    extensions = error.get("extensions")
    details = extensions.get("details") if isinstance(extensions, dict) else None
    text = details.get("message") if isinstance(details, dict) else None
    return _error({"error": text or error.get("message")})


def _row(row: dict[str, Any]) -> str:
    if isinstance(status := row.get("status"), str):
        pictures = row.get("generated_images")
        if status != "COMPLETE" or not isinstance(pictures, list):
            return status
        flagged = sum(isinstance(each, dict) and each.get("nsfw") is True for each in pictures)
        nsfw = f" ({flagged} nsfw)" if flagged else ""
        plural = "" if len(pictures) == 1 else "s"
        return f"COMPLETE, {len(pictures) or 'no'} picture{plural}{nsfw}"
    parts = []
    if isinstance(id := row.get("generationId"), str):
        parts.append(f"generation {id[:8]}…")
    if isinstance(cost := row.get("apiCreditCost"), int) and cost:
        parts.append(f"{cost} credit{'' if cost == 1 else 's'}")
    return ", ".join(parts)
