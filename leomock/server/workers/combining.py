"""Combine the answers of all workers to an admin call that concerns every API key."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import orjson
from starlette.types import Scope

from leomock.server.workers.peers import Answer

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Combine = Callable[[Scope, Sequence[Answer]], Answer]
HEALTH = frozenset(("/_leomock/health", "/_leomock/health/ready"))
METRICS = "/metrics"
LIVE = "/_leomock/live"


def combine_for(method: str, path: str) -> Combine | None:
    """Return the function that combines the answers to a call; None if one worker can answer it alone."""
    path = path.rstrip("/")
    return _COMBINES.get(("GET" if method == "HEAD" else method, path))


def _json(answer: Answer) -> Any:
    return orjson.loads(answer.body)


def _answer(value: Any, status: int = 200) -> Answer:
    return Answer(status, [(b"content-type", b"application/json")], orjson.dumps(value))


def _first(scope: Scope, answers: Sequence[Answer]) -> Answer:
    return answers[0]


def _health(scope: Scope, answers: Sequence[Answer]) -> Answer:
    parts = [_json(answer) for answer in answers]
    problems = [
        text if text.startswith("worker ") else f"worker {n}: {text}"
        for n, part in enumerate(parts)
        for text in part["problems"]
    ]
    is_probe = scope["path"].rstrip("/").endswith("/ready")
    return _answer(
        {
            **parts[0],
            "status": "degraded" if problems else "ok",
            "ready": not problems,
            "problems": problems,
            "workers": len(parts),
        },
        503 if is_probe and problems else 200,
    )


def worker_is_gone(text: str) -> Answer:
    """Return the part for a worker that is not running, in an answer about the health of all."""
    return _answer({"problems": [text]})


def _requests(scope: Scope, answers: Sequence[Answer]) -> Answer:
    """Merge journals by time, and keep the newest `limit` calls."""
    query = parse_qs(scope["query_string"].decode("latin-1"))
    parts = [_json(answer) for answer in answers]
    limit = int(query["limit"][-1]) if "limit" in query else None
    if "har" in query.get("format", ()):
        entries = [entry for part in parts for entry in part["log"]["entries"]]
        entries.sort(key=lambda entry: entry["startedDateTime"])
        log = {**parts[0]["log"], "entries": _newest(entries, limit)}
        return _answer({**parts[0], "log": log})
    calls = [call for part in parts for call in part["requests"]]
    calls.sort(key=lambda call: call["created"])
    return _answer({"requests": _newest(calls, limit)})


def _newest(entries: list[Any], limit: int | None) -> list[Any]:
    return entries if limit is None else entries[max(0, len(entries) - limit) :]


def _advanced(scope: Scope, answers: Sequence[Answer]) -> Answer:
    parts = [_json(answer) for answer in answers]
    fired = [event for part in parts for event in part["fired"]]
    return _answer({"worlds": sum(part["worlds"] for part in parts), "fired": fired})


def _reset(scope: Scope, answers: Sequence[Answer]) -> Answer:
    return _answer({"reset": sum(_json(answer)["reset"] for answer in answers)})


def _tenants(scope: Scope, answers: Sequence[Answer]) -> Answer:
    return _answer({"tenants": [tenant for answer in answers for tenant in _json(answer)["tenants"]]})


def _gallery(scope: Scope, answers: Sequence[Answer]) -> Answer:
    parts = [_json(answer) for answer in answers]
    generations = [row for part in parts for row in part["generations"]]
    generations.sort(key=lambda row: row["created"] or "", reverse=True)
    uploads = [row for part in parts for row in part["uploads"]]
    return _answer({"generations": generations, "uploads": uploads})


def _metrics(scope: Scope, answers: Sequence[Answer]) -> Answer:
    """Give every sample the number of its worker as a label, in the format that the caller accepts."""
    from prometheus_client.exposition import choose_encoder

    accept = next((value for name, value in scope["headers"] if name == b"accept"), b"")
    encode, content_type = choose_encoder(accept.decode("latin-1"))
    content = encode(_Labelled(answers))
    return Answer(200, [(b"content-type", content_type.encode())], content)


class _Labelled:
    """The metrics of all workers, as a registry of prometheus_client."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self._answers = answers

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.parser import text_string_to_metric_families

        families: dict[str, Metric] = {}
        for number, answer in enumerate(self._answers):
            for found in text_string_to_metric_families(answer.body.decode()):
                samples = [
                    sample._replace(labels={**sample.labels, "worker": str(number)})
                    for sample in found.samples
                ]
                family = families.setdefault(found.name, found)
                family.samples = samples if family is found else [*family.samples, *samples]
        yield from families.values()


_COMBINES: dict[tuple[str, str], Combine] = {
    ("GET", METRICS): _metrics,
    ("GET", "/_leomock/health"): _health,
    ("GET", "/_leomock/health/ready"): _health,
    ("POST", "/_leomock/clock"): _advanced,
    ("PUT", "/_leomock/scenario"): _first,
    ("DELETE", "/_leomock/scenario"): _first,
    ("GET", "/_leomock/requests"): _requests,
    ("DELETE", "/_leomock/requests"): _first,
    ("POST", "/_leomock/reset"): _reset,
    ("PUT", "/_leomock/webhook"): _first,
    ("GET", "/_leomock/tenants"): _tenants,
    ("GET", "/_leomock/gallery"): _gallery,
}
