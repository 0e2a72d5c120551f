"""Reads recorded traffic, whatever wrote it: HAR files, VCR cassettes, leomock's own journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from leomock.files.recordings.compression import decoded
from leomock.files.recordings.har_reader import har_entry
from leomock.files.recordings.journal_reader import journal_entry
from leomock.files.recordings.model import (
    Entry,
    RecordedExchange,
    Recording,
    RecordingError,
    Unreadable,
    as_object,
)
from leomock.files.recordings.vcr_reader import cassette_entry


def read(path: str | Path) -> Recording:
    """Read a recording of any kind. Raises RecordingError."""
    path = Path(path)
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise RecordingError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise RecordingError(f"{path}: not text, so no HAR, VCR cassette or journal") from None
    tree = _tree(text, path)
    reader: Callable[[Entry], RecordedExchange]
    entries: Any = None
    if isinstance(tree, dict):
        log = tree.get("log")
        if isinstance(log, dict):
            entries, reader = log.get("entries"), har_entry
        elif "requests" in tree:
            entries, reader = tree["requests"], journal_entry
        else:
            entries, reader = tree.get("interactions", tree.get("http_interactions")), cassette_entry
    if not isinstance(entries, list):
        raise RecordingError(
            f"{path}: neither a HAR (log.entries), a VCR cassette (interactions) nor a journal of leomock "
            "(requests)"
        )
    return _recording(str(path), entries, reader)


def from_journal(exchanges: Iterable[Entry], name: str = "journal") -> Recording:
    """The exchanges of a journal, as its `as_json` or `GET /_leomock/requests` gives them."""
    return _recording(name, exchanges, journal_entry)


def _tree(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip()[:1] in ("{", "["):
            raise RecordingError(f"{path}: not JSON: {error}") from None
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise RecordingError(f"{path}: neither JSON nor YAML: {' '.join(str(error).split())}") from None


def _recording(file: str, entries: Iterable[Any], reader: Callable[[Entry], RecordedExchange]) -> Recording:
    exchanges, unreadable = [], []
    for number, entry in enumerate(entries, 1):
        try:
            exchanges.append(replace(_whole(reader(as_object(entry, "the entry"))), file=file, number=number))
        except ValueError as error:
            unreadable.append(Unreadable(file, number, str(error)))
    return Recording(file, tuple(exchanges), tuple(unreadable))


def _whole(recorded: RecordedExchange) -> RecordedExchange:
    """What was read, checked, its bodies without compression."""
    parts = urlsplit(recorded.url)
    if not parts.scheme or not parts.netloc:
        raise ValueError(f"{recorded.url[:100]!r} is no full URL")
    request, response = recorded.request_body, recorded.response_body
    return replace(
        recorded,
        request_body=request
        if recorded.request_cut
        else decoded(request, recorded.request_headers.get("content-encoding", "")),
        response_body=response
        if recorded.response_cut
        else decoded(response, recorded.response_headers.get("content-encoding", "")),
    )
