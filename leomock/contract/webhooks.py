"""Judge recorded webhook bodies by the AsyncAPI document and what was captured since."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator

from leomock.contract.reports.model import Finding
from leomock.files.recordings.model import RecordingError
from leomock.files.recordings.read import read
from leomock.openapi.documents import Json, specs_folder
from leomock.openapi.documents import read as read_document
from leomock.openapi.json_schema import json_schema
from leomock.openapi.overlay import lay

DOCUMENT = "webhooks.asyncapi.json"
OVERLAY = "webhooks.overlay.json"
RULE = "webhook-body"
DESCRIPTION = "The body of a webhook is not as the document says."


@cache
def webhook_document() -> Json:
    """Return the published document with our corrections, which allow the events of 2025 and 2026 as well."""
    overlay = read_document(specs_folder() / OVERLAY)
    return lay(read_document(specs_folder() / DOCUMENT), overlay, OVERLAY)


def judge_webhooks(path: Path) -> tuple[list[Finding], list[str]]:
    """Judge the webhook bodies in a file; return the findings and the name of each judged body.

    The file is a recording of the receiver's traffic, one body as JSON, or a list of bodies. In a recording,
    POST requests whose JSON has a `type` count as webhooks. Raises RecordingError.
    """
    document = webhook_document()
    envelope = document["components"]["schemas"][_ENVELOPE]
    validator = Draft202012Validator(json_schema(document, envelope, DOCUMENT), validate_formats=False)
    findings, checked = [], []
    for where, body in _bodies(path):
        checked.append(where)
        for error in validator.iter_errors(body):
            place = "".join(f"[{s}]" if isinstance(s, int) else f".{s}" for s in error.instance_path)
            findings.append(
                Finding(
                    RULE,
                    DESCRIPTION,
                    "error",
                    " ".join(filter(None, ["webhook body", place.lstrip(".")])) + f": {error.message}",
                    where,
                    file=str(path),
                    details=(f"specs/{DOCUMENT}#/components/schemas/{_ENVELOPE}",),
                )
            )
    return findings, checked


_ENVELOPE = "ImageGenerationCompleteEnvelope"


def _bodies(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        tree = json.loads(path.read_bytes())
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        tree = None
    if isinstance(tree, dict) and "type" in tree:
        yield f"{path} #1", tree
    elif isinstance(tree, list):
        yield from ((f"{path} #{number}", body) for number, body in enumerate(tree, 1))
    else:
        for recorded in read(path).exchanges:
            try:
                body = json.loads(recorded.request_body)
            except (ValueError, RecursionError):
                continue
            if recorded.method == "POST" and isinstance(body, dict) and "type" in body:
                yield f"{recorded.file} #{recorded.number}", body
