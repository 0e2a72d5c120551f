"""Send a recorded journey to a fake and list where its responses differ from the recorded ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx

from leomock.contract.reports.model import Finding, Level, Report
from leomock.files.recordings.api_urls import api_path, is_elsewhere
from leomock.files.recordings.model import RecordedExchange, Recording
from leomock.testing.fake import Fake

TITLE = "leomock compare"
REPORT_IT = (
    "If the recording shows today's service, report it: send this finding and the recorded exchange "
    "(without keys) to the project that leomock comes from. To accept it, add it to the --baseline file."
)

# The kinds of differences, each with its description and severity.
RULES: dict[str, tuple[str, Level]] = {
    "status": ("The fake responds with a different status.", "error"),
    "content-type": ("The fake responds with a different content type.", "error"),
    "field-missing": ("The fake's response lacks a field.", "error"),
    "field-extra": ("The fake's response has a field that the recorded one lacks.", "error"),
    "null": ("One side has null where the other has a value.", "error"),
    "type": ("The fake responds with a different type.", "error"),
    "words": ("The fake words an error differently.", "error"),
    "value": ("The fake responds with a different value.", "warning"),
    "length": ("A list has a different length.", "warning"),
    "order": ("A list has a different order.", "error"),
    "body": ("The body is JSON on only one side.", "error"),
    "unreadable": ("An entry of a recording cannot be read.", "error"),
}

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
# Texts for people: under these names they are error messages.
_WORDS = ("error", "message", "details", "code")
# Values that depend on the account, the date or chance.
_OWN = re.compile(r"(?i)seed|token|credit(?!cost)|renewal|created|updated|timestamp|username|(^|\.)id$")
_CODED = re.compile(r"[A-Z][A-Z0-9_]+")
# A one-pixel JPEG would be enough: the fake's bucket reads only as far as the type.
_PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"


@dataclass(frozen=True, slots=True)
class _Difference:
    rule: str
    place: str
    recorded: Any
    fake: Any


def compare(recordings: Sequence[Recording], *, base_urls: Sequence[str] = ()) -> Report:
    """Replay recorded requests in order against a fresh fake, and report the differences.

    Ids and URLs that the service created are replaced by those that the fake created at the same place in its
    responses. The fake's clock follows the recording, and a job ends when the recording first shows that it
    ended. `base_urls` are additional addresses of the API, as in `judge`.
    """
    journey = [each for recording in recordings for each in recording.exchanges]
    unreadable = [bad for recording in recordings for bad in recording.unreadable]
    of_api = [bad for bad in unreadable if not is_elsewhere(bad.url, base_urls)]
    skipped = len(unreadable) - len(of_api)
    entries = len(journey) + skipped
    findings = [
        Finding(
            "unreadable",
            RULES["unreadable"][0],
            "error",
            bad.why,
            f"{bad.file} #{bad.number}",
            file=bad.file,
        )
        for bad in of_api
    ]
    checked: list[str] = []
    with Fake(jobs="manual", clock="frozen", explain=True) as fake:
        player = _Player(fake, base_urls)
        for recorded in journey:
            found = player.play(recorded)
            if found is None:
                skipped += 1
                continue
            where, differences, basis = found
            checked.append(where)
            findings += [_finding(each, where, basis, recorded) for each in differences]
    facts = {"Compared": f"{len(checked)} of {entries} exchanges"}
    if skipped:
        facts["Not sent"] = f"{skipped} (not of this API, not answered, or sent by a browser alone)"
    return Report(TITLE, findings, facts, checked)


def _finding(difference: _Difference, where: str, basis: str, recorded: RecordedExchange) -> Finding:
    description, level = RULES[difference.rule]
    was, now = _shown(difference.recorded), _shown(difference.fake)
    place = f"{difference.place}: " if difference.place else ""
    return Finding(
        difference.rule,
        description,
        level,
        f"{place}recorded {was}, the fake {now}",
        where,
        file=recorded.file,
        details=(f"basis of the fake's behaviour: {basis or 'not stated'}",),
        suggestion=REPORT_IT,
        properties={"entry": recorded.number, "place": difference.place, "basis": basis},
    )


class _Missing:
    def __repr__(self) -> str:
        return "nothing"


_MISSING = _Missing()


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}…"


class _Player:
    """A client that replays requests and maps recorded ids and URLs to those of the fake."""

    def __init__(self, fake: Fake, base_urls: Sequence[str]) -> None:
        self._fake = fake
        self._base_urls = base_urls
        self._client = httpx.Client(transport=fake.transport, follow_redirects=False)
        self._texts: dict[str, str] = {}
        self._forms: dict[str, dict[str, str]] = {}  # the fake's fields for each recorded upload URL
        self._began = 0.0

    def play(self, recorded: RecordedExchange) -> tuple[str, list[_Difference], str] | None:
        """Send one request; return its place, the differences and the basis, or None if it was not sent."""
        if not recorded.status or recorded.method == "OPTIONS":
            return None
        self._move_time(recorded)
        of_api = api_path(recorded.url, self._base_urls)
        where = f"#{recorded.number} {recorded.method} {unquote(urlsplit(recorded.url).path)}"
        if of_api is None:
            return self._elsewhere(recorded, where)
        self._finish_jobs(recorded)
        version, path = of_api
        # Recorders leave keys out, so only an authentication error shows that the key was missing or wrong.
        headers = {} if recorded.status == 401 else {"authorization": f"Bearer {self._fake.api_key}"}
        if kind := recorded.request_headers.get("content-type"):
            headers["content-type"] = kind
        answer = self._client.request(
            recorded.method,
            f"{self._fake.url}/api/rest/{version}{self._mapped(path)}",
            headers=headers,
            content=self._mapped(recorded.request_body.decode("utf-8", "surrogateescape")).encode(
                "utf-8", "surrogateescape"
            ),
        )
        return where, list(self._differences(recorded, answer)), answer.headers.get("x-leomock-basis", "")

    def _move_time(self, recorded: RecordedExchange) -> None:
        """Advance the fake's clock by the time between the recorded requests."""
        if recorded.moment:
            passed = recorded.moment - (self._began or recorded.moment)
            self._began = max(self._began, recorded.moment)
            if passed > 0:
                self._fake.advance(passed)

    def _finish_jobs(self, recorded: RecordedExchange) -> None:
        """Finish the fake's jobs once the recorded response shows a finished one."""
        text = recorded.response_body.decode("utf-8", "replace")
        if recorded.method == "GET" and ("COMPLETE" in text or "FAILED" in text):
            self._fake.finish()
            self._fake.advance(0)

    def _elsewhere(self, recorded: RecordedExchange, where: str) -> tuple[str, list[_Difference], str] | None:
        """Replay a download or a form upload; the bytes are not compared."""
        address, mark, query = recorded.url.partition("?")
        if recorded.method in ("GET", "HEAD") and address in self._texts:
            url = self._texts.get(recorded.url, f"{self._texts[address]}{mark}{query}")
            answer = self._client.request(recorded.method, url)
        elif recorded.method == "POST" and (fields := self._forms.get(recorded.url)) is not None:
            url = self._texts[recorded.url]
            answer = self._client.post(url, data=fields, files={"file": ("file", _PICTURE)})
        else:
            return None
        return where, list(_head_differences(recorded, answer)), answer.headers.get("x-leomock-basis", "")

    def _mapped(self, text: str) -> str:
        """Replace the recorded ids and URLs in a text by those of the fake."""
        for address in sorted((a for a in self._texts if "://" in a and a in text), key=len, reverse=True):
            text = text.replace(address, self._texts[address])
        return _UUID.sub(lambda match: self._texts.get(match[0], match[0]), text)

    def _differences(self, recorded: RecordedExchange, answer: httpx.Response) -> Iterator[_Difference]:
        yield from _head_differences(recorded, answer)
        if recorded.response_cut or recorded.method == "HEAD":
            return
        was, now = _json(recorded.response_body), _json(answer.content)
        if (was is _MISSING) != (now is _MISSING):
            texts = (recorded.response_body.decode("utf-8", "replace"), answer.text)
            yield _Difference("body", "", *texts)
        elif was is not _MISSING:
            self._learn(was, now)
            yield from self._values(was, now, "")

    def _learn(self, was: Any, now: Any) -> None:
        """Remember which ids and URLs of the fake correspond to recorded ones."""
        if isinstance(was, dict) and isinstance(now, dict):
            for name in was.keys() & now.keys():
                self._learn(was[name], now[name])
            if isinstance(was.get("url"), str) and isinstance(now.get("fields"), str):
                fields = _json(now["fields"].encode())
                if isinstance(fields, dict):
                    self._forms[was["url"]] = fields
        elif isinstance(was, list) and isinstance(now, list):
            for one, other in zip(was, now, strict=False):
                self._learn(one, other)
        elif isinstance(was, str) and isinstance(now, str):
            if "://" in was and "://" in now:
                self._texts.setdefault(was, now)
                self._texts.setdefault(was.partition("?")[0], now.partition("?")[0])
            elif _UUID.fullmatch(was) and _UUID.fullmatch(now):
                self._texts.setdefault(was, now)

    def _values(self, was: Any, now: Any, place: str) -> Iterator[_Difference]:
        """Yield the differences between two values: null, type, fields, elements, texts and other values."""
        if was is None or now is None:
            if was is not now:
                yield _Difference("null", place, was, now)
        elif _kind(was) != _kind(now):
            yield _Difference("type", place, was, now)
        elif isinstance(was, dict):
            yield from self._fields(was, now, place)
        elif isinstance(was, list):
            yield from self._elements(was, now, place)
        elif self._is_other(was, now, place):
            words = place.rpartition(".")[2] in _WORDS
            yield _Difference("words" if words else "value", place, was, now)

    def _fields(self, was: dict[str, Any], now: dict[str, Any], place: str) -> Iterator[_Difference]:
        for name in dict.fromkeys([*was, *now]):
            below = f"{place}.{name}".lstrip(".")
            if name not in now:
                yield _Difference("field-missing", below, was[name], _MISSING)
            elif name not in was:
                yield _Difference("field-extra", below, _MISSING, now[name])
            else:
                yield from self._values(was[name], now[name], below)

    def _elements(self, was: list[Any], now: list[Any], place: str) -> Iterator[_Difference]:
        if len(was) != len(now):
            yield _Difference("length", place, len(was), len(now))
        wanted = [self._texts.get(id, "") for id in map(_id, was)]
        ids = [_id(each) for each in now]
        if wanted != ids and all(wanted) and sorted(wanted) == sorted(ids):
            yield _Difference("order", place, wanted, ids)
            by_id = dict(zip(ids, now, strict=True))
            now = [by_id[id] for id in wanted]
        for number, (one, other) in enumerate(zip(was, now, strict=False)):
            yield from self._values(one, other, f"{place}[{number}]")

    def _is_other(self, was: Any, now: Any, place: str) -> bool:
        """Return True if two values of one type differ for a reason other than the account or chance."""
        if was == now or _OWN.search(place):
            return False
        if not isinstance(was, str):
            return True
        if "://" in was and "://" in now:
            return False
        if place.rpartition(".")[2] in _WORDS:
            return bool(self._mapped(was) != now)
        if _UUID.fullmatch(was) or _UUID.fullmatch(now):
            known = self._texts.get(was)
            return known is not None and known != now
        return bool(_CODED.fullmatch(was) or _CODED.fullmatch(now))


def _head_differences(recorded: RecordedExchange, answer: httpx.Response) -> Iterator[_Difference]:
    if recorded.status != answer.status_code:
        yield _Difference("status", "", recorded.status, answer.status_code)
    was, now = (
        headers.get("content-type", "").partition(";")[0].strip().lower()
        for headers in (recorded.response_headers, answer.headers)
    )
    if was and now and was != now:
        yield _Difference("content-type", "", was, now)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return _MISSING


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return type(value).__name__


def _id(value: Any) -> str:
    return str(value.get("id", "")) if isinstance(value, dict) else ""
