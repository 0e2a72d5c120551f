"""Turn a recording into facts: each says how the real service answered one request, without personal data."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from leomock.contract.evidence import check
from leomock.contract.replaced_words import Replacer
from leomock.files.recordings.api_urls import api_path
from leomock.files.recordings.model import RecordedExchange, Recording
from leomock.leonardo.evidence import FORMS, Json, parse_fact, type_of

# Values of answers under these names are facts; other numbers belong to the account or to chance.
_PRICES = ("apiCreditCost", "amount", "cost")
# Texts for people.
_WORDS = ("error", "message", "details")
_DEEPEST = 6
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class _Exchange:
    """One recorded call of the API."""

    number: int
    method: str
    path: str
    body: Any
    status: int
    answer: Any
    moment: float
    has_key: bool
    upload: str = ""  # the path of the form in the answer, if the recording shows its use


def recorded_facts(recordings: Sequence[Recording], *, base_urls: Sequence[str] = ()) -> list[Json]:
    """Return one fact for each different answer of the API, as the values of its YAML document.

    Ids that an earlier answer gave are kept by steps before the request; other ids, API keys, addresses and
    texts are replaced. A fact that the fake does not follow has the differences under `differs`.
    """
    made: list[Json] = []
    for recording in recordings:
        exchanges = list(_calls(recording, base_urls))
        for index in range(len(exchanges)):
            document = _Maker(exchanges, index).document()
            if all({**other, "id": ""} != {**document, "id": ""} for other in made):
                made.append(document)
    for document in made:
        if found := check(parse_fact(document)):
            more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
            document["differs"] = "The fake responds differently. " + "; ".join(found[:3]) + more
    return made


def _calls(recording: Recording, base_urls: Sequence[str]) -> Iterator[_Exchange]:
    uploads = {each.url for each in recording.exchanges if each.method == "POST"}
    for recorded in recording.exchanges:
        of_api = api_path(recorded.url, base_urls)
        if of_api is None or not recorded.status or recorded.method == "OPTIONS" or recorded.response_cut:
            continue
        version, path = of_api
        answer = _json(recorded.response_body)
        yield _Exchange(
            recorded.number,
            recorded.method,
            f"/api/rest/{version}{path}",
            _request_body(recorded),
            recorded.status,
            answer,
            recorded.moment,
            "authorization" in recorded.request_headers,
            next((path for path, url in _form_urls(answer, "") if url in uploads), ""),
        )


def _request_body(recorded: RecordedExchange) -> Any:
    if recorded.request_cut or not recorded.request_body:
        return None
    found = _json(recorded.request_body)
    return found if isinstance(found, dict | list) else None


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _form_urls(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the path of each upload form in an answer, and its URL."""
    if isinstance(value, dict):
        if isinstance(value.get("url"), str) and "fields" in value:
            yield path, value["url"]
        for name, each in value.items():
            yield from _form_urls(each, f"{path}.{name}".lstrip("."))


class _Maker:
    """Make the fact about one call of a recording, with the earlier calls that it depends on."""

    def __init__(self, exchanges: Sequence[_Exchange], index: int) -> None:
        self._exchanges = exchanges
        self._index = index
        self._needed: dict[int, dict[str, str]] = {index: {}}
        self._names: dict[str, str] = {}
        self._depend(index)
        self._replacer = Replacer(self._names)

    def document(self) -> Json:
        """Return the fact."""
        asked = self._exchanges[self._index]
        method_and_path = self._request(asked)
        document: Json = {
            "id": _slug(f"recorded-{asked.number}-{method_and_path.partition('?')[0]}"),
            "says": f"{method_and_path.partition('?')[0]} answers {asked.status}.",
            "about": "a recording",
            "mark": "observed",
            "source": "a recording",
            "date": _date(asked.moment),
        }
        if settings := self._settings(asked):
            document["settings"] = settings
        earlier = [
            each for index in sorted(self._needed) for each in self._steps(index) if index != self._index
        ]
        if _shows_an_end(asked):
            earlier.append({"finish": True})
        if earlier:
            document["before"] = earlier
        document["request"] = method_and_path
        if asked.body is not None:
            document["body"] = self._replacer.cleaned(asked.body)
        if asked.status == 401:
            document["headers"] = {"authorization": f"Bearer {Replacer.NOBODY}" if asked.has_key else ""}
        document["answer"] = _Answer(self._replacer, asked).expected()
        return document

    def _depend(self, index: int) -> None:
        """Find the earlier answers that gave the ids of a request, and what these depend on."""
        asked = self._exchanges[index]
        for id in dict.fromkeys(_UUID.findall(f"{asked.path} {json.dumps(asked.body)}")):
            for before in range(index):
                path = next(_places(self._exchanges[before].answer, id, ""), None)
                if path is None or not 200 <= self._exchanges[before].status < 300:
                    continue
                self._names.setdefault(id, f"id{len(self._names) + 1}")
                is_new = before not in self._needed
                self._needed.setdefault(before, {})[self._names[id]] = path
                if is_new:
                    self._depend(before)
                break

    def _steps(self, index: int) -> Iterator[Json]:
        asked = self._exchanges[index]
        if _shows_an_end(asked):
            yield {"finish": True}
        step: Json = {"request": self._request(asked)}
        if asked.body is not None:
            step["body"] = self._replacer.cleaned(asked.body)
        yield {**step, "keep": self._needed[index]}
        if asked.upload:
            yield {"upload": asked.upload}

    def _request(self, asked: _Exchange) -> str:
        path, mark, query = asked.path.partition("?")
        pairs = [(name, str(self._replacer.cleaned(value, name))) for name, value in parse_qsl(query, True)]
        steps = "/".join(self._replacer.path_step(step) for step in path.split("/"))
        return f"{asked.method} {steps}{mark}{urlencode(pairs, safe='${}')}"

    def _settings(self, asked: _Exchange) -> Json:
        if asked.status == 401:
            return {"auth": "strict", "api_keys": [Replacer.SOMEBODY]}
        return {"unit": "DOLLARS"} if '"DOLLARS"' in json.dumps(asked.answer) else {}


class _Answer:
    """What is expected of a response: its values if they are facts, otherwise only their types."""

    def __init__(self, replacer: Replacer, asked: _Exchange) -> None:
        self._replacer = replacer
        self._asked = asked
        self._found: dict[str, Any] = {
            name: {} for name in ("fields", "types", "words", "matches", "order")
        } | {"nulls": []}

    def expected(self) -> Json:
        """Return the expectations that are not empty."""
        if self._asked.answer is not None:
            self._walk(self._asked.answer, "$", 0)
        return {"status": self._asked.status, **{name: found for name, found in self._found.items() if found}}

    def _walk(self, value: Any, path: str, depth: int) -> None:
        name = re.sub(r"\[\d+\]$", "", path).rpartition(".")[2]
        if value is None:
            self._found["nulls"].append(path)
        elif isinstance(value, dict) and depth < _DEEPEST:
            if len(value) > 1:
                self._found["order"][path] = list(value)
            for key, each in value.items():
                self._walk(each, key if path == "$" else f"{path}.{key}", depth + 1)
        elif isinstance(value, list) and depth < _DEEPEST:
            self._found["types"][path] = "list"
            if value:
                self._walk(value[0], f"{path}[0]", depth + 1)
        elif isinstance(value, str):
            self._text(value, path, name)
        elif isinstance(value, bool) or name in _PRICES:
            self._found["fields"][path] = value
        else:
            self._found["types"][path] = type_of(value)

    def _text(self, value: str, path: str, name: str) -> None:
        if name in _WORDS:
            text, is_whole = self._replacer.words(value, self._asked.body)
            self._found["words" if is_whole else "matches"][path] = text
        elif name in (*_PRICES, "code", "path") or self._replacer.is_known(value):
            self._found["fields"][path] = value
        else:
            form = next((form for form, pattern in FORMS.items() if pattern.fullmatch(value)), "string")
            self._found["types"][path] = form


def _shows_an_end(asked: _Exchange) -> bool:
    text = json.dumps(asked.answer)
    return asked.method == "GET" and ('"COMPLETE"' in text or '"FAILED"' in text)


def _places(value: Any, id: str, path: str) -> Iterator[str]:
    """Yield the path of each place in an answer that holds an id."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from _places(each, id, f"{path}.{name}".lstrip("."))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _places(each, id, f"{path}[{number}]")
    elif value == id:
        yield path or "$"


def _slug(text: str) -> str:
    words = re.sub(r"\$\{\w+\}", "", text.replace("/api/rest", "")).lower()
    return re.sub(r"[^a-z0-9]+", "-", words).strip("-")


def _date(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}" if moment else "not known"
