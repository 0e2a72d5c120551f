"""Shorten the call of a finding: send it again without what the finding does not need."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
from schemathesis.core.parameters import ParameterLocation

from leomock.contract.check.allowances import is_valid
from leomock.contract.check.findings import Group, answer_problems
from leomock.contract.check.target import RequestBudgetExceeded, Target

# The most calls that are sent to shorten one finding, and all findings of a run.
CALLS_A_FINDING = 40
CALLS_A_RUN = 400
# A longer text is shortened to this length.
SHORT_TEXT = 8
# Findings of these checks depend on a single call, so a shorter call can show the same.
CHECKS = {
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "negative_data_rejection", "positive_data_acceptance", "errors_on_200"),
}
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|\d+")

Body = dict[str, Any]
Query = list[tuple[str, str]]


class Shortener:
    """Shorten the findings of a run with a limited number of calls."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._left = CALLS_A_RUN

    def shorten(self, group: Group) -> None:
        """Replace the call of a finding with the shortest one that shows the same finding.

        Nothing changes if the finding depends on earlier calls, or if sending its call again shows something
        else.
        """
        if group.check not in CHECKS or group.phase == "stateful" or group.case.method.upper() == "DELETE":
            return
        call = _Call(group)
        if call.body is None and not call.query:
            return
        budget = min(CALLS_A_FINDING, self._left)
        try:
            with self._target.client() as client:
                for body, query in _shorter(call):
                    if budget <= 0:
                        break
                    if call.may_be(body, query):
                        budget, self._left = budget - 1, self._left - 1
                        call.take_if_same(client, self._target.origin, body, query)
        except (httpx.HTTPError, RequestBudgetExceeded):
            return


class _Call:
    """The call of a finding while it becomes shorter."""

    def __init__(self, group: Group) -> None:
        self.group = group
        request = group.interaction.request
        self.body = _object(request.body)
        self.query: Query = parse_qsl(urlsplit(request.uri).query, keep_blank_values=True)
        self._validity = self._judged(self.body, self.query)
        self._told = _told(group)

    def may_be(self, body: Body | None, query: Query) -> bool:
        """Return True if another body and query are as valid as those of the finding."""
        return self._judged(body, query) == self._validity

    def _judged(self, body: Body | None, query: Query) -> tuple[bool, bool]:
        operation = self.group.case.operation
        return (
            body is None or is_valid(operation, ParameterLocation.BODY, body),
            is_valid(operation, ParameterLocation.QUERY, dict(query)),
        )

    def take_if_same(self, client: httpx.Client, origin: str, body: Body | None, query: Query) -> None:
        """Send a shorter call; keep it if its answer shows the same finding."""
        old = self.group.interaction
        parts = urlsplit(old.request.uri)
        path = parts.path + (f"?{urlencode(query)}" if query else "")
        content = old.request.body if body is None else json.dumps(body).encode()
        kind = {"content-type": "application/json"} if body is not None else {}
        answer = client.request(old.request.method, f"{origin}{path}", content=content, headers=kind)
        new = copy.copy(old)
        new.request = copy.copy(old.request)
        new.request.uri = f"{parts.scheme}://{parts.netloc}{path}"
        new.request.body = content
        new.response = copy.copy(old.response)
        assert new.response is not None
        new.response.status_code = answer.status_code
        new.response.content = answer.content
        new.response.headers = {name: [value] for name, value in answer.headers.items()}
        shorter = copy.copy(self.group)
        shorter.interaction = new
        if _told(shorter) == self._told:
            self.group.interaction = new
            self.body, self.query = body, query


def _told(group: Group) -> Any:
    """Return what two responses must share to be the same finding: the status, and what is wrong.

    Errors must have the same reason: a truncated model id is refused too, but as unknown.
    """
    response = group.interaction.response
    if response is None:
        return None
    more: Any = None
    match group.check:
        case "content_type_conformance":
            more = response.headers.get("content-type")
        case "response_schema_conformance":
            more = [_ID.sub("*", problem) for problem in answer_problems(group)]
        case "positive_data_acceptance" | "errors_on_200":
            more = _ID.sub("*", response.content.decode("utf-8", "replace"))
    return response.status_code, more


def _shorter(call: _Call) -> Iterator[tuple[Body | None, Query]]:
    """Yield shorter bodies and queries, made from the shortest call found so far."""
    required = call.group.case.operation.get_body_for_media_type("application/json")
    schema = required.raw_schema if required else {}
    needed = set(schema.get("required", ())) if isinstance(schema, dict) else set()
    if (
        call.body
        and (rest := {name: part for name, part in call.body.items() if name in needed}) != call.body
    ):
        yield rest, call.query
    if call.body:
        yield {name: part for name, part in call.body.items() if part is not None}, call.query
    if call.query:
        yield call.body, []
    for name in [name for name, _ in call.query]:
        yield call.body, [pair for pair in call.query if pair[0] != name]
    done: set[tuple[Any, ...]] = set()
    while place := next((place for place in _places(call.body) if place not in done), None):
        done.add(place)
        for changed in _changed(call.body, place):
            yield changed, call.query


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the places inside a value, outer ones first."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    steps = list(inside)
    yield from ((*path, name) for name, _ in steps)
    for name, part in steps:
        yield from _places(part, (*path, name))


def _changed(body: Any, place: tuple[Any, ...]) -> Iterator[Any]:
    """Yield copies of a body without the value at a place, or with a shorter text there."""
    for text_only in (False, True):
        result = copy.deepcopy(body)
        holder = result
        try:
            for step in place[:-1]:
                holder = holder[step]
            value = holder[place[-1]]
        except (LookupError, TypeError):
            return
        if not text_only:
            del holder[place[-1]]
        elif isinstance(value, str) and len(value) > SHORT_TEXT:
            holder[place[-1]] = value[:SHORT_TEXT]
        else:
            return
        yield result


def _object(content: bytes | None) -> Body | None:
    try:
        value = json.loads(content or b"")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
