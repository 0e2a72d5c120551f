"""leonardo-api, whose hosts are written into it, runs unmodified against the fake.

https://github.com/wwakabobik/leonardo_api, version 0.0.14: one class uses requests, the other aiohttp.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import requests
from leonardo_api import Leonardo, LeonardoAsync  # type: ignore[import-untyped]

from leomock import Fake
from leomock.intercept import intercept

# Its own logger would write a file into the working directory.
LOG = logging.getLogger("tests.leonardo_api")


@pytest.fixture
def intercepted(fake: Fake) -> Iterator[Fake]:
    """A fake that answers for the real hosts."""
    with intercept(fake):
        yield fake


@pytest.fixture
def file(tmp_path: Path, picture: bytes) -> Path:
    """A picture on the disk."""
    path = tmp_path / "cat.png"
    path.write_bytes(picture)
    return path


class InTurn:
    """The class that uses aiohttp, called as the other one."""

    def __init__(self, key: str) -> None:
        self._client = LeonardoAsync(key, LOG)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            answer: Awaitable[Any] = getattr(self._client, name)(*args, **kwargs)

            async def wait() -> Any:
                return await answer

            return asyncio.run(wait())

        return call


def sync(key: str) -> Any:
    """The class that uses requests."""
    return Leonardo(key, LOG)


both = pytest.mark.parametrize("make", [sync, InTurn], ids=["requests", "aiohttp"])


@both
def test_journey_with_the_host_written_into_it(make: Callable[[str], Any], intercepted: Fake) -> None:
    """A generation is made, waited for, listed and deleted; its picture can be read."""
    client = make(intercepted.api_key)
    assert list(client.get_user_info()) == ["user_details"]
    made = client.post_generations(prompt="a cat", num_images=1)
    id = made["sdGenerationJob"]["generationId"]
    assert client.get_single_generation(id)["generations_by_pk"]["status"] == "PENDING"
    image = client.wait_for_image_generation(generation_id=id)
    assert requests.get(image["url"]).headers["content-type"] == "image/jpeg"
    listed = client.get_generations_by_user(intercepted.user_id)
    assert [row["id"] for row in listed["generations"]] == [id]
    client.delete_single_generation(id)
    assert client.get_generations_by_user(intercepted.user_id)["generations"] == []


def test_upload_with_requests(intercepted: Fake, file: Path) -> None:
    """Its form is urlencoded, not multipart; S3 refuses that with 412, and so does the fake."""
    with pytest.raises(requests.HTTPError) as refused:
        Leonardo(intercepted.api_key, LOG).upload_init_image(str(file))
    answer = refused.value.response
    assert answer is not None
    assert answer.status_code == 412
    assert (
        "<Condition>Bucket POST must be of the enclosure-type multipart/form-data</Condition>" in answer.text
    )


def test_upload_with_aiohttp(intercepted: Fake, file: Path, picture: bytes) -> None:
    """Its form is multipart: the picture is there, at its real address."""
    client = InTurn(intercepted.api_key)
    id = client.upload_init_image(str(file))
    found = client.get_single_init_image(id)["init_images_by_pk"]
    assert requests.get(found["url"]).content == picture
    client.delete_init_image(id)
    assert client.get_single_init_image(id)["init_images_by_pk"] is None


@both
def test_wrong_key(make: Callable[[str], Any], strict_fake: Fake) -> None:
    """The error of its HTTP library arrives, with the status of the real service."""
    with intercept(strict_fake), pytest.raises((requests.HTTPError, aiohttp.ClientResponseError)) as refused:
        make("11111111-1111-4111-8111-111111111111").get_user_info()
    assert "401" in str(refused.value)
    assert "cloud.leonardo.ai" in str(refused.value)
