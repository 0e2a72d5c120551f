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
from leomock.testing.interception import intercept

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
def test_datasets_and_upscales(make: Callable[[str], Any], intercepted: Fake) -> None:
    """A generated picture is put into a dataset and made larger; both are found and deleted again."""
    client = make(intercepted.api_key)

    def told() -> Any:
        # The class that uses aiohttp hands out some answers closed, before anybody could read them.
        [value] = intercepted.requests[-1].response_json.values()
        return value

    client.post_generations(prompt="a cat", num_images=1)
    image = client.wait_for_image_generation(generation_id=told()["generationId"])
    client.create_dataset("cats", "All sorts.")
    dataset = told()["id"]
    client.upload_generated_image_to_dataset(dataset, image["id"])
    found = client.get_dataset_by_id(dataset)["datasets_by_pk"]
    assert (found["name"], found["description"]) == ("cats", "All sorts.")
    assert [each["url"] for each in found["dataset_images"]] == [image["url"]]
    client.create_upscale(image["id"])
    id = told()["id"]
    for _ in range(2):
        client.get_variation_by_id(id)
    assert requests.get(told()[0]["url"]).headers["content-type"] == "image/jpeg"
    client.delete_dataset_by_id(dataset)
    assert client.get_dataset_by_id(dataset) == {"datasets_by_pk": None}


@both
def test_training_asked_for_with_a_wrong_word(make: Callable[[str], Any], intercepted: Fake) -> None:
    """It sends `sd_Version`, which is refused as documented; models can be read and deleted."""
    client = make(intercepted.api_key)
    client.create_dataset("cats")
    dataset = intercepted.requests[-1].response_json["insert_datasets_one"]["id"]
    with pytest.raises((requests.HTTPError, aiohttp.ClientResponseError), match="400"):
        client.train_custom_model("Tom", dataset, "tomthecat", description="A cat.")
    assert intercepted.requests[-1].response_json["error"] == "Unexpected variable sd_Version"
    body = {"name": "Tom", "datasetId": dataset, "instance_prompt": "tomthecat"}
    headers = {"authorization": f"Bearer {intercepted.api_key}"}
    made = requests.post(f"{intercepted.base_url}/models", json=body, headers=headers).json()
    id = made["sdTrainingJob"]["customModelId"]
    statuses = [client.get_custom_model_by_id(id)["custom_models_by_pk"]["status"] for _ in range(2)]
    assert statuses == ["PENDING", "COMPLETE"]
    client.delete_custom_model_by_id(id)
    assert client.get_custom_model_by_id(id) == {"custom_models_by_pk": None}


@pytest.mark.parametrize(
    ("make", "fault"), [(sync, "datasetId"), (InTurn, "412")], ids=["requests", "aiohttp"]
)
def test_upload_into_a_dataset(make: Callable[[str], Any], fault: str, intercepted: Fake, file: Path) -> None:
    """One class reads a name that no answer has (documented), the other sends no file and no multipart."""
    client = make(intercepted.api_key)
    client.create_dataset("cats")
    dataset = intercepted.requests[-1].response_json["insert_datasets_one"]["id"]
    with pytest.raises((KeyError, aiohttp.ClientResponseError), match=fault):
        client.upload_dataset_image(dataset, str(file))
    assert client.get_dataset_by_id(dataset)["datasets_by_pk"]["dataset_images"] == []


@both
def test_wrong_key(make: Callable[[str], Any], strict_fake: Fake) -> None:
    """The error of its HTTP library arrives, with the status of the real service."""
    with intercept(strict_fake), pytest.raises((requests.HTTPError, aiohttp.ClientResponseError)) as refused:
        make("11111111-1111-4111-8111-111111111111").get_user_info()
    assert "401" in str(refused.value)
    assert "cloud.leonardo.ai" in str(refused.value)
