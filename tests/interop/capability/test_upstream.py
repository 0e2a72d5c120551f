"""How operations are called, and with which key."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from leomock.interop.capability.upstream import LONGEST_FILE, Caller, WrongKey, bound_key, client_of, real_key
from leomock.leonardo.errors import ApiError
from leomock.server.listen import bind
from tests.interop.capability.adapters import shipped

IMAGES = shipped("image_generation")
(UPSTREAM,) = IMAGES.upstreams


def test_bound_key() -> None:
    """From the variable that the file names, without the end of the line that a file would give it."""
    assert bound_key(UPSTREAM, {"LEONARDO_AI_API_KEY": "k\n", "LEONARDO_API_KEY": "other"}) == "k"
    assert bound_key(UPSTREAM, {}) == ""


@pytest.mark.parametrize("key", ["se\ncret", "sécret"])
def test_key_that_cannot_be_sent(key: str) -> None:
    """It is not shown."""
    with pytest.raises(WrongKey) as refused:
        real_key(UPSTREAM, {"LEONARDO_AI_API_KEY": key})
    assert str(refused.value) == (
        "the value of LEONARDO_AI_API_KEY in the environment is not a key: not printable ASCII"
    )


def test_real_api_without_a_key() -> None:
    """An empty variable is none."""
    with pytest.raises(WrongKey) as refused:
        real_key(UPSTREAM, {"LEONARDO_AI_API_KEY": " "})
    assert str(refused.value) == (
        "https://cloud.leonardo.ai/api/rest/v1 is called with the key in LEONARDO_AI_API_KEY, which is not "
        "set in the environment; set it, or take --upstream fake"
    )


def test_upstream_where_nobody_answers() -> None:
    """The status and the body of a gateway whose upstream is gone."""
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]

    async def called() -> object:
        async with client_of(f"http://127.0.0.1:{port}", "k") as client:
            operations = {each.id: each for each in IMAGES.operations}
            caller = Caller(operations, {UPSTREAM.namespace: client})
            answers = [
                await caller.answer("image-generation.get-generation-by-id", {"id": id})
                for id in ("x" * 70_000, "x")
            ]
            return tuple((answer.status, answer.body) for answer in answers)

    said = f"leomock: image-generation at http://127.0.0.1:{port} gave no answer that can be used: "
    assert asyncio.run(called()) == tuple(
        (502, {"error": f"{said}{reason}", "path": "$", "code": "unexpected"})
        for reason in ("URL too long", "All connection attempts failed")
    )


def fetched(url: str, answer: httpx.Response) -> tuple[object, list[httpx.Request]]:
    """What a caller fetches from a server that always answers the same, and what that was asked."""
    asked: list[httpx.Request] = []

    def answered(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    async def run() -> object:
        async with client_of("http://upstream", "k", httpx.MockTransport(answered)) as client:
            operations = {each.id: each for each in IMAGES.operations}
            caller = Caller(operations, {UPSTREAM.namespace: client})
            try:
                return await caller.fetch("image-generation.get-generation-by-id", url)
            except ApiError as error:
                return error.text.partition("used: ")[2]

    return asyncio.run(run()), asked


def test_file_that_an_answer_named() -> None:
    """It is asked for without the key, which is the API's alone."""
    content, (request,) = fetched("https://cdn.example/a.jpg", httpx.Response(200, content=b"picture"))
    assert content == b"picture"
    assert str(request.url) == "https://cdn.example/a.jpg"
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (httpx.Response(404), "https://cdn.example/a.jpg answers 404"),
        (
            httpx.Response(302, headers={"location": "http://10.0.0.1/"}),
            "https://cdn.example/a.jpg answers 302",
        ),
        (
            httpx.Response(200, content=bytes(LONGEST_FILE + 1)),
            f"https://cdn.example/a.jpg has more than {LONGEST_FILE} bytes",
        ),
    ],
)
def test_file_that_cannot_be_had(answer: httpx.Response, reason: str) -> None:
    """As any answer that cannot be used; nobody is sent elsewhere."""
    assert fetched("https://cdn.example/a.jpg", answer)[0] == reason
