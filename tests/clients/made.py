"""Things in a fake, for the methods of clients that ask for them."""

# ruff: noqa: D102 -- the methods are named as what they make

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from leomock import Fake
from leomock.media.image import Picture
from leomock.media.video import Video
from tests.fixtures import inside, upload

CAT = Picture("a cat", 1, 0, 64, 64)
JPEG = f"data:image/jpeg;base64,{base64.b64encode(CAT.render()).decode()}"
RECIPE = "b3ec7ecf-fc63-4efc-8745-fdcfd059f03a"
CELTIC_PUNK = "01b6184e-3905-4dc7-9ec6-4f09982536d5"
# What starts the training of an element, beside a dataset.
STYLE: dict[str, Any] = {
    "name": "Tom",
    "sd_version": "FLUX_DEV",
    "lora_focus": "Style",
    "train_text_encoder": True,
    "num_train_epochs": 60,
    "learning_rate": 0.00001,
}


class Made:
    """Things that are there, and ways to make more of those that a call is going to delete."""

    def __init__(self, client: httpx.Client, user_id: str, picture: bytes) -> None:
        self.client = client
        self.user = user_id
        self._picture = picture
        self.image = self.generation()["generated_images"][0]["id"]
        self.variation = self._post("/variations/nobg", id=self.image)["id"]
        video = {"prompt": "a cat", "width": 64, "height": 64}
        self.video = self._post("/generations-text-to-video", **video)["generationId"]
        upscale = {"sourceGenerationId": self.video, "resolution": "RESOLUTION_720"}
        self.motion_variation = self._post("/generations-video-upscale", **upscale)["variationId"]
        version = inside(self.client.get(f"/blueprints/{RECIPE}/versions"))["edges"][0]["node"]
        (asked,) = version["uiMetadata"]["inputs"]
        self.version = version["akUUID"]
        self.inputs = [{"nodeId": asked["nodeId"], "settingName": asked["settingName"], "value": "ramen"}]
        execution = {
            "blueprintVersionId": self.version,
            "input": {"nodeInputs": self.inputs, "public": False},
        }
        self.execution = self._post("/blueprint-executions", **execution)["akUUID"]

    def _post(self, path: str, **body: Any) -> Any:
        return inside(self.client.post(path, json=body))

    def generation(self) -> dict[str, Any]:
        """A finished generation of one small picture with an element."""
        elements = [{"akUUID": CELTIC_PUNK, "weight": 0.5}]
        body = {"prompt": "a cat", "width": 64, "height": 64, "num_images": 1, "elements": elements}
        id = self._post("/generations", **body)["generationId"]
        row: dict[str, Any] = inside(self.client.get(f"/generations/{id}"))
        return row

    def init_image(self) -> str:
        form = self._post("/init-image", extension="png")
        assert upload(self.client, form["url"], form["fields"], self._picture).status_code == 204
        id: str = form["id"]
        return id

    def dataset(self) -> str:
        id: str = self._post("/datasets", name="cats", description="All sorts.")["id"]
        self._post(f"/datasets/{id}/upload/gen", generatedImageId=self.image)
        return id

    def model(self) -> str:
        body = {"name": "Tom", "datasetId": self.dataset(), "instance_prompt": "tomthecat"}
        id: str = self._post("/models", **body)["customModelId"]
        return id

    def element(self) -> int:
        id: int = self._post("/elements", **STYLE, datasetId=self.dataset())["userLoraId"]
        return id

    def mesh(self) -> str:
        form = self._post("/models-3d/upload", modelExtension="obj", name="A cat")
        assert upload(self.client, form["modelUrl"], form["modelFields"], b"v 0 0 0\n").status_code == 204
        id: str = form["modelId"]
        return id

    def media(self) -> str:
        form = self._post("/media", extension="mp4")
        film = Video(CAT, 1, 64, 64).render()
        assert upload(self.client, form["url"], form["fields"], film).status_code == 204
        id: str = form["uploadId"]
        return id

    def texture(self, mesh: str | None = None) -> str:
        body = {"modelAssetId": mesh or self.mesh(), "prompt": "stone"}
        id: str = self._post("/generations-texture", **body)["id"]
        return id


@contextmanager
def making(fake: Fake, picture: bytes) -> Iterator[Made]:
    """Things in a fake whose jobs end at once."""
    with httpx.Client(base_url=fake.base_url, headers={"authorization": f"Bearer {fake.api_key}"}) as client:
        yield Made(client, fake.user_id, picture)
