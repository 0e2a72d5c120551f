"""Rendering does not block other calls, wherever it happens."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.media.image import Picture
from leomock.media.variation import Variation
from leomock.state.render_cache import RENDERED

JPEG = Picture("a sketch", 1, 0, 32, 32).render()
SKETCH = f"data:image/jpeg;base64,{base64.b64encode(JPEG).decode()}"
CANVAS = {"imageDataUrl": SKETCH, "prompt": "a boat", "width": 512, "height": 512}


class Slow:
    """Makes every rendering wait until `go_on` is set."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        for kind in (Picture, Variation):
            monkeypatch.setattr(kind, "render", self._slowed(kind.render))

    def _slowed(self, render: Any) -> Any:
        def slow(renderable: Any) -> bytes:
            self.began.set()
            assert self.go_on.wait(20)
            content: bytes = render(renderable)
            return content

        return slow


@pytest.fixture(scope="module")
def served() -> Iterator[Fake]:
    with Fake(jobs="immediate") as fake:
        yield fake


@pytest.fixture
def client(served: Fake) -> Iterator[httpx.Client]:
    RENDERED.clear()
    key = {"authorization": "Bearer slow"}
    with httpx.Client(base_url=served.url, headers=key, timeout=30) as client:
        yield client


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(monkeypatch)


def _picture(client: httpx.Client, **more: Any) -> dict[str, str]:
    """Generate a picture and return its id and URL."""
    body = {"prompt": "a cat", "width": 512, "height": 512, "num_images": 1, **more}
    id = client.post("/v1/generations", json=body).json()["sdGenerationJob"]["generationId"]
    row = client.get(f"/v1/generations/{id}").json()["generations_by_pk"]
    image: dict[str, str] = row["generated_images"][0]
    return image


def _answered_meanwhile(client: httpx.Client, slow: Slow, call: httpx.Request) -> httpx.Response:
    """Send a call that renders; another tenant's and the same tenant's calls are answered meanwhile."""
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.send, call)
        try:
            assert slow.began.wait(20)
            for key in ("other", "slow"):
                answer = httpx.get(
                    str(client.base_url.join("/v1/me")),
                    headers={"authorization": f"Bearer {key}"},
                    timeout=15,
                )
                assert answer.status_code == 200
            assert not waiting.done()
        finally:
            slow.go_on.set()
        return waiting.result()


@pytest.mark.parametrize("path", ["generations-lcm", "lcm-instant-refine", "lcm-upscale"])
def test_canvas_does_not_block_other_calls(client: httpx.Client, slow: Slow, path: str) -> None:
    answer = _answered_meanwhile(client, slow, client.build_request("POST", f"/v1/{path}", json=CANVAS))
    (url,) = answer.json()["lcmGenerationJob"]["imageDataUrl"]
    assert base64.b64decode(url.partition(",")[2])[:2] == b"\xff\xd8"


@pytest.mark.parametrize("more", [{}, {"base64": True}, {"ephemeral": True}])
def test_synchronous_result_does_not_block_other_calls(
    client: httpx.Client, slow: Slow, more: dict[str, bool]
) -> None:
    reference = {"image": {"id": _picture(client)["id"], "type": "GENERATED"}}
    body = {"model": "remove-bg", "parameters": {"guidances": {"image_reference": [reference]}}, **more}
    call = client.build_request("POST", "/api/rest/v2/generationssync", json=body)
    answer = _answered_meanwhile(client, slow, call)
    (result,) = answer.json()["generateSync"]["results"]
    content = base64.b64decode(result["dataB64"]) if more.get("base64") else httpx.get(result["url"]).content
    assert content.startswith(b"\x89PNG")


def test_init_image_that_must_be_rendered_does_not_block_other_calls(
    client: httpx.Client, slow: Slow
) -> None:
    before = _picture(client)
    after = _picture(client, init_generation_image_id=before["id"], init_strength=0.5)
    answer = _answered_meanwhile(client, slow, client.build_request("GET", after["url"]))
    assert answer.content[:2] == b"\xff\xd8"


def test_reference_by_address_does_not_block_other_calls(client: httpx.Client, slow: Slow) -> None:
    reference = {"image": {"url": _picture(client)["url"], "type": "URL"}}
    body = {"model": "remove-bg", "parameters": {"guidances": {"image_reference": [reference]}}}
    call = client.build_request("POST", "/api/rest/v2/generationssync", json=body)
    assert _answered_meanwhile(client, slow, call).status_code in (200, 400)


def test_failed_rendering_is_answered_500(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(picture: Picture) -> bytes:
        raise OSError("no memory")

    monkeypatch.setattr(Picture, "render", broken)
    answer = client.post("/v1/generations-lcm", json=CANVAS)
    assert answer.status_code == 500
    assert answer.json()["error"] == (
        "leomock: a defect in leomock itself, please report it: OSError: no memory"
    )
