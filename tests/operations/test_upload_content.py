"""Uploaded files that are no images, as the explanation of the call that uses them describes them."""

from __future__ import annotations

import base64
import gzip
import json

import httpx
import pytest

from leomock import Fake
from tests.fixtures import client_of

PNG = b"\x89PNG\r\n\x1a\n" + b"rest of a picture" * 4
NO_IMAGE = "init_image_id: the uploaded file is no image: "


def explanation(fake: Fake, client: httpx.Client, content: bytes, extension: str = "png") -> str:
    """Upload a file, use it, and return what the journal says about the use."""
    form = client.post("/init-image", json={"extension": extension}).json()["uploadInitImage"]
    with httpx.Client(transport=fake.transport) as bare:
        fields = json.loads(form["fields"])
        bare.post(form["url"], data=fields, files={"file": ("a", content)}).raise_for_status()
    created = client.post("/generations", json={"prompt": "a cat", "init_image_id": form["id"]})
    assert created.status_code == 200
    return fake.requests[-1].explain


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "it is empty"),
        (base64.b64encode(PNG), "base64 text (decode it first)"),
        (base64.encodebytes(PNG), "base64 text (decode it first)"),
        (b"data:image/png;base64," + base64.b64encode(PNG), "a data URL (send the decoded bytes)"),
        (b'{"error": "not found"}', "JSON, such as an error response"),
        (b"<html>404</html>", "HTML or XML, such as an error page"),
        (gzip.compress(PNG, mtime=0), "a gzip body (decompress it first)"),
        (b"picture", "neither JPEG, PNG nor WebP"),
    ],
)
def test_upload_that_is_no_image(content: bytes, kind: str) -> None:
    """The call works, and its explanation says what the file is."""
    with Fake() as fake, client_of(fake) as client:
        assert explanation(fake, client, content) == NO_IMAGE + kind


def test_upload_of_another_format() -> None:
    """A PNG under a name that ends in .jpg."""
    with Fake() as fake, client_of(fake) as client:
        assert explanation(fake, client, PNG, "jpg") == (
            "init_image_id: the uploaded file has another format than its name says: a png under .jpg"
        )


def test_upload_that_is_an_image() -> None:
    """Nothing is said about it."""
    with Fake() as fake, client_of(fake) as client:
        assert explanation(fake, client, PNG) == ""


def test_upload_that_comes_twice() -> None:
    """The second upload is accepted, and its explanation says what it replaces."""
    with Fake() as fake, client_of(fake) as client, httpx.Client(transport=fake.transport) as bare:
        form = client.post("/init-image", json={"extension": "png"}).json()["uploadInitImage"]
        fields = json.loads(form["fields"])
        answers = [bare.post(form["url"], data=fields, files={"file": PNG}) for _ in range(2)]
        explained = [answer.headers.get("x-leomock-explain") for answer in answers]
    assert explained == [None, "the upload replaces the file that was uploaded before"]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_generated_image_in_the_place_of_an_upload(version: str) -> None:
    """The refusal says whose id it is."""
    with Fake(jobs="immediate") as fake, client_of(fake) as client:
        id = client.post("/generations", json={"prompt": "a"}).json()["sdGenerationJob"]["generationId"]
        [image, *_] = client.get(f"/generations/{id}").json()["generations_by_pk"]["generated_images"]
        if version == "v1":
            refused = client.post("/generations", json={"prompt": "a", "init_image_id": image["id"]})
            assert refused.json()["error"] == "invalid init image id"
        else:
            reference = {"image": {"id": image["id"], "type": "UPLOADED"}, "strength": "MID"}
            parameters = {"prompt": "a", "guidances": {"image_reference": [reference]}}
            refused = client.post(
                f"{fake.url}/api/rest/v2/generations",
                json={"model": "gemini-2.5-flash-image", "parameters": parameters},
            )
        assert "is the id of a generated image" in refused.headers["x-leomock-explain"]


def test_training_on_an_empty_dataset() -> None:
    """It begins, and the explanation says that there is nothing to learn from."""
    with Fake() as fake, client_of(fake) as client:
        dataset = client.post("/datasets", json={"name": "cats"}).json()["insert_datasets_one"]["id"]
        body = {"name": "cats", "datasetId": dataset, "instance_prompt": "a cat"}
        assert client.post("/models", json=body).headers["x-leomock-explain"] == (
            f"the training has a dataset without pictures (id {dataset})"
        )
