"""Read recorded traffic: HAR, VCR cassettes, Postman, newman, WireMock, and journals of leomock."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit
from zipfile import BadZipFile, ZipFile, is_zipfile

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
from leomock.files.recordings.postman_reader import postman_entries, postman_entry
from leomock.files.recordings.side_files import SideFiles, in_archive, in_folder
from leomock.files.recordings.vcr_reader import cassette_entry
from leomock.files.recordings.wiremock_reader import wiremock_entries, wiremock_entry

Reader: TypeAlias = Callable[[Entry], RecordedExchange]


def read(path: str | Path) -> Recording:
    """Read a recording of any kind. Raises RecordingError."""
    path = Path(path)
    try:
        if not is_zipfile(path):
            return _parsed(path.read_bytes(), path, in_folder(path.parent))
        with ZipFile(path) as archive:
            return _parsed(_har_in(archive, path), path, in_archive(archive))
    except (OSError, BadZipFile) as error:
        raise RecordingError(f"{path}: {getattr(error, 'strerror', None) or error}") from None


def _har_in(archive: ZipFile, path: Path) -> bytes:
    """Return the HAR of an archive (`.har.zip`) as Playwright writes it, beside files with the bodies."""
    names = [name for name in archive.namelist() if name.endswith(".har")]
    if len(names) != 1:
        raise RecordingError(f"{path}: a ZIP archive with {len(names)} HAR files; a recording has one")
    try:
        return in_archive(archive)(names[0])
    except ValueError as error:
        raise RecordingError(f"{path}: {error}") from None


def _parsed(raw: bytes, path: Path, side_files: SideFiles) -> Recording:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise RecordingError(f"{path}: not text, so no HAR, VCR cassette or journal") from None
    tree = _tree(text, path)
    found = _entries(tree, side_files, path.parent) if isinstance(tree, dict) else (None, cassette_entry)
    entries, reader = found
    if not isinstance(entries, list):
        raise RecordingError(
            f"{path}: neither a HAR (log.entries), a VCR cassette (interactions), a Postman collection or "
            "newman report, WireMock mappings nor a journal of leomock (requests)"
        )
    return _recording(str(path), entries, reader)


def _entries(tree: Entry, side_files: SideFiles, folder: Path) -> tuple[Any, Reader]:
    """Return the entries of a file and the function that reads one of them."""
    log = tree.get("log")
    if isinstance(log, dict):
        return log.get("entries"), partial(har_entry, side_files=side_files)
    if "requests" in tree:
        return tree["requests"], journal_entry
    if (found := postman_entries(tree)) is not None:
        return found, postman_entry
    if (found := wiremock_entries(tree)) is not None:
        # WireMock keeps bodies in a folder beside that of the mappings.
        return found, partial(wiremock_entry, side_files=in_folder(folder.parent / "__files"))
    return tree.get("interactions", tree.get("http_interactions")), cassette_entry


def from_journal(exchanges: Iterable[Entry], name: str = "journal") -> Recording:
    """Return the exchanges of a journal, as its `as_json` or `GET /_leomock/requests` gives them."""
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
            unreadable.append(Unreadable(file, number, str(error), _url(entry)))
    return Recording(file, tuple(exchanges), tuple(unreadable))


def _url(entry: Any) -> str:
    """Return the URL of a HAR's or a cassette's entry; '' if it has none."""
    request = entry.get("request") if isinstance(entry, dict) else None
    url = request.get("url", request.get("uri")) if isinstance(request, dict) else None
    return url if isinstance(url, str) else ""


def _whole(recorded: RecordedExchange) -> RecordedExchange:
    """Return a checked exchange with decompressed bodies."""
    parts = urlsplit(recorded.url)
    if not parts.scheme or not parts.netloc:
        raise ValueError(f"{recorded.url[:100]!r} is not a full URL")
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
