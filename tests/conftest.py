"""Every answer that the API gives in any test is judged by the referee.

Every channel calls `Dispatcher.handle`, so it is watched for the whole run: what was answered while a
test was set up or ran is judged at its end, and a finding fails that test. Only answers are judged; tests
send wrong requests on purpose.
"""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Generator
from functools import cache
from urllib.parse import quote

import hypothesis
import orjson
import pytest

from leomock.contract.conformance import Referee
from leomock.contract.strict import with_closed_answers
from leomock.files.recordings.model import RecordedExchange
from leomock.leonardo.errors import ApiError
from leomock.openapi.request_parser import Request
from leomock.openapi.spec import shipped_versions
from leomock.operations.dispatch import Dispatcher
from leomock.operations.reply import Reply
from tests.fixtures import client, close_fakes, fake
from tests.process_state import unchanged_process

__all__ = ["client", "close_fakes", "fake", "unchanged_process"]  # fixtures for every test

REFUSED = "the referee does not accept what the API answered:"
SERVER = "http://leomock.test/api/rest"
# To the document one UUID is as good as another, and any seed of up to nine digits is small enough: answers
# that differ in nothing else share a verdict.
_ALIKE = re.compile(rb'([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})|(?<="seed":)\d{1,9}(?=[,}])')
_STAND_IN = b"00000000-0000-4000-8000-000000000000"

Key = tuple[str, int, bytes]

# The commands that tests start keep their bytecode, as an installed leomock does: compiling takes longer than
# most of them run.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# `make test` draws the same examples in every run. LEOMOCK_EXAMPLES=1000 (`make long`) draws that many new
# ones; the seed is in pytest's header, and --hypothesis-seed=SEED repeats the run. What such a run finds is
# added to its test as an @example. A deadline would fail tests on a busy machine.
EXAMPLES = os.environ.get("LEOMOCK_EXAMPLES")
hypothesis.settings.register_profile(
    "leomock",
    deadline=None,
    database=None,
    derandomize=not EXAMPLES,
    max_examples=int(EXAMPLES or 100),
    print_blob=True,
)
hypothesis.settings.load_profile("leomock")


class Watch:
    """What `Dispatcher.handle` answered since the last verdict."""

    def __init__(self) -> None:
        self._answered: dict[Key, tuple[str, RecordedExchange]] = {}
        self._verdicts: dict[Key, list[str]] = {}

    def saw(self, api: Dispatcher, request: Request, reply: Reply) -> None:
        """Keep an answer as it is now; rows behind it may change later."""
        if reply.rules:
            # A scenario answered, or spoilt the answer: being wrong is what it is for.
            return
        operation = reply.operation
        if operation is None:
            try:
                operation, _ = api.specs[request.version].route(request.method, request.segments)
            except ApiError:
                # The document cannot say what is answered where it names no operation (404, 405, and a
                # refused key there).
                return
        body = orjson.dumps(reply.body)
        alike = _ALIKE.sub(lambda found: _STAND_IN if found[1] else b"0", body)
        key = (operation.id, reply.status, alike)
        if key not in self._answered:
            path = "/".join(quote(segment, safe="") for segment in request.segments)
            exchange = RecordedExchange(
                method=request.method,
                url=f"{SERVER}/{request.version}/{path}",
                status=reply.status,
                response_headers={"Content-Type": "application/json"},
                response_body=body,
            )
            self._answered[key] = request.version, exchange

    def findings(self) -> list[str]:
        """The verdict on all that was seen since the last call."""
        answered, self._answered = self._answered, {}
        for key, (version, exchange) in answered.items():
            if key not in self._verdicts:
                self._verdicts[key] = referees()[version].judge_response(exchange)
        return [finding for key in answered for finding in self._verdicts[key]]


@cache
def referees() -> dict[str, Referee]:
    """The referees of this run, by version; leomock holds its own answers to every field."""
    return {
        version: Referee(with_closed_answers(spec.document(f"{SERVER}/{version}")))
        for version, spec in shipped_versions().items()
    }


_watch = Watch()
_answer = Dispatcher.handle


def _watched(self: Dispatcher, request: Request) -> Reply:
    reply = _answer(self, request)
    _watch.saw(self, request, reply)
    return reply


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Begin to watch, and choose the seed of a run that draws new examples before its workers start."""
    if EXAMPLES and config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = str(secrets.randbelow(10**9))
    Dispatcher.handle = _watched  # type: ignore[method-assign]


def pytest_report_header(config: pytest.Config) -> str:
    """Say how to repeat a run that draws new examples."""
    if EXAMPLES:
        seed = f"--hypothesis-seed={config.option.hypothesis_seed}"
        return f"hypothesis: {EXAMPLES} new examples a test; repeat with {seed}"
    return "hypothesis: the same examples in every run (LEOMOCK_EXAMPLES=1000 draws new ones)"


def pytest_unconfigure() -> None:
    """Leave `Dispatcher` as it was, for a pytest that runs inside another."""
    Dispatcher.handle = _answer  # type: ignore[method-assign]


def _judged() -> Generator[None, object, object]:
    try:
        result = yield
    except BaseException as error:
        for finding in _watch.findings():
            error.add_note(finding)
        raise
    if findings := _watch.findings():
        pytest.fail("\n".join([REFUSED, *findings]), pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Fail the test that made the API answer something the document does not allow."""
    return (yield from _judged())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, object, object]:
    """The same for what is answered while a test is torn down; also, the next test begins with nothing."""
    return (yield from _judged())
