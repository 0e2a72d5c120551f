"""Every public method of the official TypeScript SDK, @leonardo-ai/sdk 4.21.3, succeeds.

It holds each answer against its own closed schemas, so an answer that it does not understand is an error.
`node/methods.mjs` calls all methods that it finds, with what the table below gives them.
"""

from __future__ import annotations

from typing import Any

from leomock import Fake
from tests.clients.made import JPEG, RECIPE, STYLE, Made, making
from tests.clients.test_typescript_sdk import needed, run
from tests.fixtures import BEFORE_RETIREMENTS

pytestmark = needed


def calls(made: Made) -> dict[str, list[Any]]:
    """Group and method to the arguments of a call that succeeds."""
    canvas = {"imageDataUrl": JPEG, "prompt": "a cat"}
    style = {
        "name": STYLE["name"],
        "sdVersion": STYLE["sd_version"],
        "loraFocus": STYLE["lora_focus"],
        "numTrainEpochs": STYLE["num_train_epochs"],
        "learningRate": STYLE["learning_rate"],
        "trainTextEncoder": STYLE["train_text_encoder"],
    }
    return {
        "blueprints.executeBlueprint": [
            {
                "blueprintVersionId": made.version,
                "input": {"nodeInputs": made.inputs, "public": False},
            }
        ],
        "blueprints.getBlueprintById": [RECIPE],
        "blueprints.getBlueprintExecution": [made.execution],
        "blueprints.getBlueprintExecutionGenerations": [made.execution],
        "blueprints.getBlueprintVersionsByBlueprintId": [RECIPE],
        "dataset.createDataset": [{"name": "cats", "description": "All sorts."}],
        "dataset.deleteDatasetById": [made.dataset()],
        "dataset.getDatasetById": [made.dataset()],
        "dataset.uploadDatasetImage": [{"extension": "png"}, made.dataset()],
        "dataset.uploadDatasetImageFromGen": [{"generatedImageId": made.image}, made.dataset()],
        "elements.createElement": [{**style, "datasetId": made.dataset()}],
        "elements.deleteElementById": [made.element()],
        "elements.getCustomElementsByUserId": [made.user],
        "elements.getElementById": [made.element()],
        "elements.listElements": [],
        "image.createGeneration": [
            {"prompt": "a cat", "userElements": [{"userLoraId": made.element(), "weight": 1}]}
        ],
        "image.deleteGenerationById": [made.generation()["id"]],
        "image.getGenerationById": [made.generation()["id"]],
        "image.getGenerationsByUserId": [made.user],
        "initImages.deleteInitImageById": [made.init_image()],
        "initImages.getInitImageById": [made.init_image()],
        "initImages.uploadCanvasInitImage": [{"initExtension": "png", "maskExtension": "png"}],
        "initImages.uploadInitImage": [{"extension": "png"}],
        "media.deleteUploadedMediaById": [made.media()],
        "media.getUploadedMediaById": [made.media()],
        "media.uploadMedia": [{"extension": "mp4"}],
        "models.createModel": [{"name": "Tom", "datasetId": made.dataset(), "instancePrompt": "tomthecat"}],
        "models.deleteModelById": [made.model()],
        "models.getCustomModelsByUserId": [made.user],
        "models.getModelById": [made.model()],
        "models.listPlatformModels": [],
        "motion.createImageToVideoGeneration": [
            {"prompt": "a cat", "imageId": made.image, "imageType": "GENERATED"}
        ],
        "motion.createSVDMotionGeneration": [{"imageId": made.image}],
        "motion.createTextToVideoGeneration": [{"prompt": "a cat"}],
        "motion.createVideoUpscale": [{"sourceGenerationId": made.video, "resolution": "RESOLUTION_720"}],
        "pricingCalculator.pricingCalculator": [
            {"service": "MODEL_TRAINING", "serviceParams": {"modelTraining": {"resolution": 1024}}}
        ],
        "prompt.promptImprove": [{"prompt": "a cat"}],
        "prompt.promptRandom": [],
        "realtimeCanvas.createLCMGeneration": [canvas],
        "realtimeCanvas.performAlchemyUpscaleLCM": [canvas],
        "realtimeCanvas.performInpaintingLCM": [{**canvas, "maskDataUrl": JPEG}],
        "realtimeCanvas.performInstantRefine": [canvas],
        "threeDModelAssets.delete3DModelById": [made.mesh()],
        "threeDModelAssets.uploadModelAsset": [{"modelExtension": "glb"}],
        "user.getUserSelf": [],
        "variation.createUniversalUpscalerJob": [{"generatedImageId": made.image}],
        "variation.createVariationNoBG": [{"id": made.image}],
        "variation.createVariationUnzoom": [{"id": made.image}],
        "variation.createVariationUpscale": [{"id": made.image}],
        "variation.getMotionVariationById": [made.motion_variation],
        "variation.getVariationById": [made.variation],
    }


def test_every_method_succeeds(picture: bytes) -> None:
    """The table has them all, and each answer tells something."""
    fake_of_then = Fake(clock="frozen", jobs="immediate", as_of=BEFORE_RETIREMENTS)
    with fake_of_then as fake, making(fake, picture) as made:
        table = calls(made)
        seen = run(fake, "methods.mjs", **table)
    assert set(seen["methods"]) == set(table)
    assert {name: each["error"] for name, each in seen["outcomes"].items() if "error" in each} == {}
    silent = [name for name, each in seen["outcomes"].items() if not any(each["value"].values())]
    assert silent == []
