"""The API's resources as data: how each is created, read, listed and deleted, and what must come back.

`lives` takes every resource through its life cycle and `properties` judges the evidence. To cover another
resource, add an entry here; every applicable property is then checked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    image's size in pixels, if the call determines it; an `enlarged` image is larger than the one of the life
    cycles. Only the first `fetch` files are downloaded.
    """

    at: str
    media: str = "picture"
    count: int | None = None
    size: tuple[int, int] | None = None
    enlarged: bool = False
    colourful: bool = False
    transparent: bool = False
    fetch: int = 4


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of resource.

    `id` is the name of the id in the response to `create`, and `row_id` in a row. `echoes` maps the names in
    a row to those in the call, which may be steps, as in `parameters.prompt`; `shows` are fixed values that a
    row has. `inside` is another resource that shows this one, and the steps to its rows there. For a resource
    that is a file, `upload` names the URL and the form fields in the response to `create`, and `url` its
    address in a row. `price` is the calculator request for the same job. `job` says whether the resource has
    a status, and `done` is the one of success.
    """

    name: str
    create: Call
    body: Mapping[str, Any]
    id: str
    read: Call | None = None
    list: Call | None = None
    delete: Call | None = None
    inside: tuple[Call, str] | None = None
    row_id: str = "id"
    echoes: Mapping[str, str] = field(default_factory=dict)
    shows: Mapping[str, Any] = field(default_factory=dict)
    job: bool = False
    done: str = "COMPLETE"
    costs: bool = False
    price: tuple[str, Mapping[str, Any]] | None = None
    files: tuple[Files, ...] = ()
    upload: tuple[str, str] | None = None
    content: str = "picture"
    url: str = ""

    @property
    def owned(self) -> bool:
        """True if the call names something that belongs to the account."""
        told = f"{self.create.path} {self.body}"
        return any(f"{{{name}}}" in told for name in ("image", "video", "dataset", "mesh"))

    @property
    def operations(self) -> tuple[str, ...]:
        """Return the operations that the life cycle calls."""
        calls = (self.create, self.read, self.list, self.delete)
        return tuple(call.operation for call in calls if call)


_GENERATION = Call("getGenerationById", "GET", "/generations/{id}")
_VARIATION = Call("getVariationById", "GET", "/variations/{id}")
_VIDEO = (Files("generated_images.*.motionMP4URL", "video", 1),)
_FILE = Files("url", count=1)
_LIST = Call("getGenerationsByUserId", "GET", "/generations/user/{user}")
_DELETE = Call("deleteGenerationById", "DELETE", "/generations/{id}")
_IN_ITS_IMAGE = (
    Call("getGenerationById", "GET", "/generations/{generation}"),
    "generated_images.*.generated_image_variation_generics.*",
)
# Texts that mistakes of storage and escaping change: markup, quotes, spaces, an accent of its own, and
# letters of several lengths in UTF-8 and UTF-16.
NAME = "leomock check \N{CJK UNIFIED IDEOGRAPH-706F}"
TEXT = 'made by <leomock check> & "co" \\o/  100 %\ncafe\N{COMBINING ACUTE ACCENT} \N{JACK-O-LANTERN}'
# Larger than 32 bits; documented up to 9999999998.
SEED = 4_294_972_007


def _variation(
    operation: str,
    path: str,
    name: str,
    body: Mapping[str, Any],
    shows: Mapping[str, Any] | None = None,
    file: Files = _FILE,
) -> Resource:
    return Resource(
        name=name,
        create=Call(operation, "POST", path),
        body=body,
        id="id",
        read=_VARIATION,
        inside=_IN_ITS_IMAGE,
        shows=shows or {},
        job=True,
        costs=True,
        files=(file,),
    )


RESOURCES = (
    Resource(
        name="generation",
        create=Call("createGeneration", "POST", "/generations"),
        body={
            "prompt": f"a lighthouse, {TEXT}",
            "negative_prompt": TEXT,
            "width": 128,
            "height": 160,
            "num_images": 2,
            "seed": SEED,
            "guidance_scale": 9,
            "num_inference_steps": 20,
            "public": False,
            "presetStyle": "DYNAMIC",
            "modelId": "b24e16ff-06e3-43eb-8d33-4416c2d75876",
        },
        id="generationId",
        read=_GENERATION,
        list=_LIST,
        delete=_DELETE,
        echoes={
            "prompt": "prompt",
            "negativePrompt": "negative_prompt",
            "imageWidth": "width",
            "imageHeight": "height",
            "seed": "seed",
            "guidanceScale": "guidance_scale",
            "inferenceSteps": "num_inference_steps",
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
    ),
    Resource(
        name="generation of version 2",
        create=Call("createGenerationV2", "POST", "v2/generations"),
        body={
            "model": "lucid-origin",
            "public": False,
            "parameters": {
                "prompt": f"a lighthouse, {TEXT}",
                "width": 512,
                "height": 640,
                "quantity": 2,
                "seed": 4711,
                "guidances": {
                    "style": [{"image": {"id": "{image}", "type": "GENERATED"}, "strength": "MID"}]
                },
            },
        },
        id="generationId",
        read=_GENERATION,
        list=_LIST,
        delete=_DELETE,
        echoes={
            "prompt": "parameters.prompt",
            "imageWidth": "parameters.width",
            "imageHeight": "parameters.height",
            "seed": "parameters.seed",
            "public": "public",
        },
        job=True,
        costs=True,
        files=(Files("generated_images.*.url", count=2, size=(512, 640), colourful=True, fetch=1),),
    ),
    _variation(
        "createVariationUpscale",
        "/variations/upscale",
        "upscaled image",
        {"id": "{image}"},
        {"transformType": "UPSCALE"},
        replace(_FILE, enlarged=True),
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
        replace(_FILE, transparent=True),
    ),
    _variation(
        "CreateUniversalUpscalerJob",
        "/variations/universal-upscaler",
        "universally upscaled image",
        {"generatedImageId": "{image}", "upscaleMultiplier": 1.5},
        file=replace(_FILE, size=(192, 192)),
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
        name="upscaled video",
        create=Call("createVideoUpscale", "POST", "/generations-video-upscale"),
        body={"sourceGenerationId": "{video}", "resolution": "RESOLUTION_720"},
        id="variationId",
        read=Call("getMotionVariationById", "GET", "/motion-variations/{id}"),
        echoes={"resolution": "resolution"},
        shows={"motionTransformType": "UPSCALE"},
        job=True,
        costs=True,
        files=(Files("url", "video", 1),),
    ),
    Resource(
        name="blueprint execution",
        create=Call("executeBlueprint", "POST", "/blueprint-executions"),
        body={"blueprintVersionId": "{blueprint version}", "input": "{blueprint input}"},
        id="akUUID",
        row_id="akUUID",
        read=Call("getBlueprintExecution", "GET", "/blueprint-executions/{id}"),
        echoes={"inputs": "input.nodeInputs", "public": "input.public"},
        job=True,
        done="COMPLETED",
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
        name="canvas mask",
        create=Call("uploadCanvasInitImage", "POST", "/canvas-init-image"),
        body={"initExtension": "jpg", "maskExtension": "jpg"},
        id="masksImageId",
        upload=("masksUrl", "masksFields"),
    ),
    Resource(
        name="dataset",
        create=Call("createDataset", "POST", "/datasets"),
        body={"name": NAME, "description": TEXT},
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
        inside=(Call("getDatasetById", "GET", "/datasets/{dataset}"), "dataset_images.*"),
        upload=("url", "fields"),
        url="url",
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
        body={"name": NAME, "modelExtension": "obj"},
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
        body={"modelAssetId": "{mesh}", "prompt": f"wood, {TEXT}", "negative_prompt": TEXT, "seed": 4711},
        id="id",
        read=Call("getTextureGenerationById", "GET", "/generations-texture/{id}"),
        list=Call("getTextureGenerationsByModelId", "GET", "/generations-texture/model/{mesh}"),
        delete=Call("deleteTextureGenerationById", "DELETE", "/generations-texture/{id}"),
        echoes={"prompt": "prompt", "negativePrompt": "negative_prompt", "seed": "seed"},
        job=True,
        costs=True,
        price=("TEXTURE_GENERATION", {"preview": False}),
        files=(Files("model_asset_texture_images.*.url", fetch=1),),
    ),
    Resource(
        name="custom model",
        create=Call("createModel", "POST", "/models"),
        body={
            "name": NAME,
            "description": TEXT,
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
            "instancePrompt": "instance_prompt",
            "type": "modelType",
            "modelWidth": "resolution",
            "modelHeight": "resolution",
            "sdVersion": "sd_version",
        },
        job=True,
        costs=True,
    ),
    Resource(
        name="custom element",
        create=Call("createElement", "POST", "/elements"),
        body={
            "name": NAME,
            "description": TEXT,
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
            "instancePrompt": "instance_prompt",
            "focus": "lora_focus",
            "trainingEpoch": "num_train_epochs",
            "learningRate": "learning_rate",
            "resolution": "resolution",
            "baseModel": "sd_version",
            "trainTextEncoder": "train_text_encoder",
        },
        job=True,
        costs=True,
    ),
)
