"""The API's resources as data: how each is created, read, listed and deleted, and what must come back.

`lives` takes every resource through its life cycle and `properties` judges the evidence. To cover another
resource, add an entry here; every applicable property is then checked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Call:
    """An operation and its path; `{id}` stands for the resource, other names for supplies."""

    operation: str
    method: str
    path: str


@dataclass(frozen=True, slots=True)
class Files:
    """The files that a finished resource points to.

    `at` leads to their URLs, and `count` is their number. `media` is "picture" or "video". `size` is an
    image's size in pixels, if the call determines it. Only the first `fetch` files are downloaded.
    """

    at: str
    media: str = "picture"
    count: int | None = None
    size: tuple[int, int] | None = None
    colourful: bool = False
    fetch: int = 4


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of resource.

    `id` is the name of the id in the response to `create`. `echoes` maps values in the call to the names
    under which a read returns them; `shows` are fixed values that a row has. For a resource that is a file,
    `upload` names the URL and the form fields in the response to `create`. `price` is the calculator request
    for the same job. `job` says whether the resource has a status.
    """

    name: str
    create: Call
    body: Mapping[str, Any]
    id: str
    read: Call | None = None
    list: Call | None = None
    delete: Call | None = None
    echoes: Mapping[str, str] = field(default_factory=dict)
    shows: Mapping[str, Any] = field(default_factory=dict)
    job: bool = False
    costs: bool = False
    price: tuple[str, Mapping[str, Any]] | None = None
    files: tuple[Files, ...] = ()
    upload: tuple[str, str] | None = None
    content: str = "picture"
    url: str = ""
    newest_first: bool = False

    @property
    def operations(self) -> tuple[str, ...]:
        """Return the operations that the life cycle calls."""
        calls = (self.create, self.read, self.list, self.delete)
        return tuple(call.operation for call in calls if call)


_GENERATION = Call("getGenerationById", "GET", "/generations/{id}")
_VARIATION = Call("getVariationById", "GET", "/variations/{id}")
_VIDEO = (Files("generated_images.*.motionMP4URL", "video", 1),)


def _variation(
    operation: str, path: str, name: str, body: Mapping[str, Any], shows: Mapping[str, Any] | None = None
) -> Resource:
    return Resource(
        name=name,
        create=Call(operation, "POST", path),
        body=body,
        id="id",
        read=_VARIATION,
        shows=shows or {},
        job=True,
        costs=True,
        files=(Files("url", count=1),),
    )


RESOURCES = (
    Resource(
        name="generation",
        create=Call("createGeneration", "POST", "/generations"),
        body={
            "prompt": "a lighthouse, for leomock check",
            "negative_prompt": "rain, for leomock check",
            "width": 128,
            "height": 160,
            "num_images": 2,
            "seed": 4711,
            "guidance_scale": 9,
            "num_inference_steps": 20,
            "public": False,
            "presetStyle": "DYNAMIC",
            "modelId": "b24e16ff-06e3-43eb-8d33-4416c2d75876",
        },
        id="generationId",
        read=_GENERATION,
        list=Call("getGenerationsByUserId", "GET", "/generations/user/{user}"),
        delete=Call("deleteGenerationById", "DELETE", "/generations/{id}"),
        echoes={
            "prompt": "prompt",
            "negative_prompt": "negativePrompt",
            "width": "imageWidth",
            "height": "imageHeight",
            "seed": "seed",
            "guidance_scale": "guidanceScale",
            "num_inference_steps": "inferenceSteps",
            "public": "public",
            "presetStyle": "presetStyle",
            "modelId": "modelId",
        },
        job=True,
        costs=True,
        price=(
            "IMAGE_GENERATION",
            {
                "imageWidth": 128,
                "imageHeight": 160,
                "numImages": 2,
                "inferenceSteps": 20,
                "isSDXLLightning": True,
            },
        ),
        files=(Files("generated_images.*.url", count=2, size=(128, 160), colourful=True),),
        newest_first=True,
    ),
    _variation(
        "createVariationUpscale",
        "/variations/upscale",
        "upscaled image",
        {"id": "{image}"},
        {"transformType": "UPSCALE"},
    ),
    _variation(
        "createVariationUnzoom",
        "/variations/unzoom",
        "unzoomed image",
        {"id": "{image}"},
        {"transformType": "UNZOOM"},
    ),
    _variation(
        "createVariationNoBG",
        "/variations/nobg",
        "image without background",
        {"id": "{image}"},
        {"transformType": "NOBG"},
    ),
    _variation(
        "CreateUniversalUpscalerJob",
        "/variations/universal-upscaler",
        "universally upscaled image",
        {"generatedImageId": "{image}", "upscaleMultiplier": 1.5},
    ),
    Resource(
        name="motion video",
        create=Call("createSVDMotionGeneration", "POST", "/generations-motion-svd"),
        body={"imageId": "{image}", "motionStrength": 5},
        id="generationId",
        read=_GENERATION,
        echoes={"motionStrength": "motionStrength"},
        job=True,
        costs=True,
        price=("MOTION_SVD_GENERATION", {}),
        files=_VIDEO,
    ),
    Resource(
        name="video from text",
        create=Call("createTextToVideoGeneration", "POST", "/generations-text-to-video"),
        body={"prompt": "a lighthouse, for leomock check"},
        id="generationId",
        read=_GENERATION,
        echoes={"prompt": "prompt"},
        job=True,
        costs=True,
        files=_VIDEO,
    ),
    Resource(
        name="video from an image",
        create=Call("createImageToVideoGeneration", "POST", "/generations-image-to-video"),
        body={"prompt": "a lighthouse, for leomock check", "imageId": "{image}", "imageType": "GENERATED"},
        id="generationId",
        read=_GENERATION,
        echoes={"prompt": "prompt"},
        job=True,
        costs=True,
        files=_VIDEO,
    ),
    Resource(
        name="init image",
        create=Call("uploadInitImage", "POST", "/init-image"),
        body={"extension": "jpg"},
        id="id",
        read=Call("getInitImageById", "GET", "/init-image/{id}"),
        delete=Call("deleteInitImageById", "DELETE", "/init-image/{id}"),
        upload=("url", "fields"),
        url="url",
    ),
    Resource(
        name="canvas image",
        create=Call("uploadCanvasInitImage", "POST", "/canvas-init-image"),
        body={"initExtension": "jpg", "maskExtension": "jpg"},
        id="initImageId",
        upload=("initUrl", "initFields"),
    ),
    Resource(
        name="dataset",
        create=Call("createDataset", "POST", "/datasets"),
        body={"name": "leomock check", "description": "made by leomock check"},
        id="id",
        read=Call("getDatasetById", "GET", "/datasets/{id}"),
        delete=Call("deleteDatasetById", "DELETE", "/datasets/{id}"),
        echoes={"name": "name", "description": "description"},
    ),
    Resource(
        name="dataset image",
        create=Call("uploadDatasetImage", "POST", "/datasets/{dataset}/upload"),
        body={"extension": "jpg"},
        id="id",
        upload=("url", "fields"),
    ),
    Resource(
        name="media",
        create=Call("uploadMedia", "POST", "/media"),
        body={"extension": "mp4"},
        id="uploadId",
        read=Call("getUploadedMediaById", "GET", "/media/{id}"),
        delete=Call("deleteUploadedMediaById", "DELETE", "/media/{id}"),
        upload=("url", "fields"),
        content="video",
        url="url",
    ),
    Resource(
        name="3D model",
        create=Call("uploadModelAsset", "POST", "/models-3d/upload"),
        body={"name": "leomock check", "modelExtension": "obj"},
        id="modelId",
        read=Call("get3DModelById", "GET", "/models-3d/{id}"),
        list=Call("get3DModelsByUserId", "GET", "/models-3d/user/{user}"),
        delete=Call("delete3DModelById", "DELETE", "/models-3d/{id}"),
        echoes={"name": "name"},
        upload=("modelUrl", "modelFields"),
        content="mesh",
        url="meshUrl",
    ),
    Resource(
        name="texture",
        create=Call("createTextureGeneration", "POST", "/generations-texture"),
        body={"modelAssetId": "{mesh}", "prompt": "wood", "negative_prompt": "rust", "seed": 4711},
        id="id",
        read=Call("getTextureGenerationById", "GET", "/generations-texture/{id}"),
        list=Call("getTextureGenerationsByModelId", "GET", "/generations-texture/model/{mesh}"),
        delete=Call("deleteTextureGenerationById", "DELETE", "/generations-texture/{id}"),
        echoes={"prompt": "prompt", "negative_prompt": "negativePrompt", "seed": "seed"},
        job=True,
        costs=True,
        price=("TEXTURE_GENERATION", {"preview": False}),
        files=(Files("model_asset_texture_images.*.url", fetch=1),),
    ),
    Resource(
        name="custom model",
        create=Call("createModel", "POST", "/models"),
        body={
            "name": "leomock check",
            "description": "made by leomock check",
            "datasetId": "{dataset}",
            "instance_prompt": "lighthouse",
            "modelType": "GENERAL",
            "resolution": 512,
            "sd_version": "v1_5",
        },
        id="customModelId",
        read=Call("getModelById", "GET", "/models/{id}"),
        list=Call("getCustomModelsByUserId", "GET", "/models/user/{user}"),
        delete=Call("deleteModelById", "DELETE", "/models/{id}"),
        echoes={
            "name": "name",
            "description": "description",
            "instance_prompt": "instancePrompt",
            "modelType": "type",
            "resolution": "modelWidth",
            "sd_version": "sdVersion",
        },
        job=True,
        costs=True,
    ),
    Resource(
        name="custom element",
        create=Call("createElement", "POST", "/elements"),
        body={
            "name": "leomock check",
            "description": "made by leomock check",
            "datasetId": "{dataset}",
            "instance_prompt": "lighthouse",
            "lora_focus": "Style",
            "num_train_epochs": 30,
            "learning_rate": 0.000001,
            "resolution": 1024,
            "sd_version": "FLUX_DEV",
            "train_text_encoder": True,
        },
        id="userLoraId",
        read=Call("getElementById", "GET", "/elements/{id}"),
        list=Call("getCustomElementsByUserId", "GET", "/elements/user/{user}"),
        delete=Call("deleteElementById", "DELETE", "/elements/{id}"),
        echoes={
            "name": "name",
            "description": "description",
            "instance_prompt": "instancePrompt",
            "lora_focus": "focus",
            "num_train_epochs": "trainingEpoch",
            "learning_rate": "learningRate",
            "resolution": "resolution",
            "sd_version": "baseModel",
            "train_text_encoder": "trainTextEncoder",
        },
        job=True,
        costs=True,
    ),
)
