"""Every tool of `leomock mcp --all` does what it says, called with what its operation needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from mcp import Client
from mcp_types import CallToolResult, Tool

from leomock import Fake
from leomock.interop.capability.export import kebab, tool_name
from tests.clients.made import CAT, JPEG, RECIPE, STYLE, Made, making
from tests.fixtures import BEFORE_RETIREMENTS
from tests.interop.mcp.servers import VERSIONS, body_of, call, error_of, in_process, talk

Arguments = dict[str, Any]


def body(**values: Any) -> Arguments:
    """Arguments that are a body alone."""
    return {"body": values}


def canvas(made: Made) -> Arguments:
    """What the realtime canvas wants."""
    return body(imageDataUrl=JPEG, prompt="a cat")


def textured(made: Made) -> Arguments:
    """A mesh with a texture."""
    mesh = made.mesh()
    made.texture(mesh)
    return {"modelId": mesh, "offset": 0, "limit": 2}


def _after(_: object, **arguments: Any) -> dict[str, Any]:
    """Return arguments for a call after something was made that it lists."""
    return arguments


# Operation to the arguments of a call that succeeds.
CALLS: dict[str, Callable[[Made], Arguments]] = {
    "listBlueprints": lambda made: body(first=3, categories=["social-media"]),
    "getBlueprintById": lambda made: {"id": RECIPE},
    "getBlueprintVersionsByBlueprintId": lambda made: {"id": RECIPE},
    "executeBlueprint": lambda made: body(
        blueprintVersionId=made.version, input={"nodeInputs": made.inputs, "public": False}
    ),
    "getBlueprintExecution": lambda made: {"id": made.execution},
    "getBlueprintExecutionGenerations": lambda made: {"id": made.execution, "first": 3},
    "createDataset": lambda made: body(name="cats", description="All sorts."),
    "getDatasetById": lambda made: {"id": made.dataset()},
    "deleteDatasetById": lambda made: {"id": made.dataset()},
    "uploadDatasetImage": lambda made: {"datasetId": made.dataset(), **body(extension="png")},
    "uploadDatasetImageFromGen": lambda made: {
        "datasetId": made.dataset(),
        **body(generatedImageId=made.image),
    },
    "getElementById": lambda made: {"id": made.element()},
    "deleteElementById": lambda made: {"id": made.element()},
    "getCustomElementsByUserId": lambda made: _after(made.element(), userId=made.user),
    "createElement": lambda made: body(**STYLE, datasetId=made.dataset()),
    "listElements": lambda made: {},
    "createGeneration": lambda made: body(prompt="a cat", num_images=1),
    "getGenerationById": lambda made: {"id": made.generation()["id"]},
    "deleteGenerationById": lambda made: {"id": made.generation()["id"]},
    "getGenerationsByUserId": lambda made: {"userId": made.user, "offset": 0, "limit": 2},
    "uploadInitImage": lambda made: body(extension="png"),
    "getInitImageById": lambda made: {"id": made.init_image()},
    "deleteInitImageById": lambda made: {"id": made.init_image()},
    "uploadCanvasInitImage": lambda made: body(initExtension="png", maskExtension="png"),
    "uploadMedia": lambda made: body(extension="mp4"),
    "getUploadedMediaById": lambda made: {"id": made.media()},
    "deleteUploadedMediaById": lambda made: {"id": made.media()},
    "createModel": lambda made: body(name="Tom", datasetId=made.dataset(), instance_prompt="tomthecat"),
    "getModelById": lambda made: {"id": made.model()},
    "deleteModelById": lambda made: {"id": made.model()},
    "getCustomModelsByUserId": lambda made: _after(made.model(), userId=made.user),
    "listPlatformModels": lambda made: {},
    "uploadModelAsset": lambda made: body(modelExtension="obj", name="A cat"),
    "get3DModelsByUserId": lambda made: _after(made.mesh(), userId=made.user, offset=0, limit=2),
    "get3DModelById": lambda made: {"id": made.mesh(), "offset": 0, "limit": 2},
    "delete3DModelById": lambda made: {"id": made.mesh()},
    "pricingCalculator": lambda made: body(
        service="MODEL_TRAINING", serviceParams={"MODEL_TRAINING": {"resolution": 1024}}
    ),
    "promptRandom": lambda made: {},
    "promptImprove": lambda made: body(prompt="a cat"),
    "createLCMGeneration": canvas,
    "performInstantRefine": canvas,
    "performInpaintingLCM": lambda made: body(imageDataUrl=JPEG, maskDataUrl=JPEG, prompt="a cat"),
    "performAlchemyUpscaleLCM": canvas,
    "createTextureGeneration": lambda made: body(modelAssetId=made.mesh(), prompt="stone"),
    "getTextureGenerationById": lambda made: {"id": made.texture()},
    "deleteTextureGenerationById": lambda made: {"id": made.texture()},
    "getTextureGenerationsByModelId": textured,
    "getUserSelf": lambda made: {},
    "createVariationUnzoom": lambda made: body(id=made.image),
    "createVariationUpscale": lambda made: body(id=made.image),
    "createVariationNoBG": lambda made: body(id=made.image),
    "CreateUniversalUpscalerJob": lambda made: body(generatedImageId=made.image),
    "getVariationById": lambda made: {"id": made.variation},
    "getMotionVariationById": lambda made: {"id": made.motion_variation},
    "createVideoUpscale": lambda made: body(sourceGenerationId=made.video, resolution="RESOLUTION_720"),
    "createSVDMotionGeneration": lambda made: body(imageId=made.image),
    "createImageToVideoGeneration": lambda made: body(
        prompt="a cat", imageId=made.image, imageType="GENERATED"
    ),
    "createTextToVideoGeneration": lambda made: body(prompt="a cat"),
    "createGenerationV2": lambda made: body(
        model="gpt-image-1.5", parameters={"prompt": "a cat", "width": 1024, "height": 1024}
    ),
    "createGenerationSyncV2": lambda made: body(
        model="remove-bg",
        parameters={
            "guidances": {"image_reference": [{"image": {"id": made.image, "type": "GENERATED"}}]},
        },
    ),
    "listModelsV2": lambda made: {},
}


@pytest.fixture(scope="module")
def fake() -> Iterator[Fake]:
    """One for all: no call is in the way of another."""
    with Fake(clock="frozen", jobs="immediate", as_of=BEFORE_RETIREMENTS) as fake:
        yield fake


@pytest.fixture(scope="module")
def made(fake: Fake) -> Iterator[Made]:
    """The things that calls are about."""
    with making(fake, CAT.render()) as made:
        yield made


def test_table_has_every_operation() -> None:
    """Of both versions, and no others."""
    assert set(CALLS) == set(VERSIONS.operations)


@pytest.mark.parametrize("id", CALLS)
def test_tool_succeeds(fake: Fake, made: Made, id: str) -> None:
    """It calls its own operation, the answer tells something, and both are as the tool's schemas say.

    A tool that spends credits says so.
    """
    arguments = CALLS[id](made)
    balance = fake.world.account.balance

    async def talking(client: Client) -> tuple[Tool, CallToolResult]:
        name = tool_name(kebab(id))
        (tool,) = [tool for tool in (await client.list_tools()).tools if tool.name == name]
        return tool, await client.call_tool(name, arguments)

    tool, result = talk(in_process(fake), talking)
    answer = body_of(result)
    assert tool.output_schema
    Draft202012Validator(tool.input_schema).validate(arguments)
    Draft202012Validator(tool.output_schema).validate(answer)
    assert next(iter(answer.values())), f"the answer tells nothing: {answer}"
    exchange = fake.requests[-1]
    assert (exchange.operation, exchange.status) == (id, 200)
    assert fake.world.account.balance == balance or "Costs credits." in (tool.description or "")


def test_body_of_a_get_arrives(fake: Fake) -> None:
    """The one operation that reads with a body filters by it."""
    tool = tool_name(kebab("listBlueprints"))
    for size in (1, 2):
        answer = body_of(call(in_process(fake), tool, body(first=size)))
        assert len(answer["blueprints"]["edges"]) == size


def test_errors_of_version_2_are_tool_errors(fake: Fake) -> None:
    """They come as a list with status 200; the status in the list counts."""
    text = error_of(call(in_process(fake), tool_name("create-generation-v2"), body(model="dall-e")))
    assert text.startswith("The API answered 400: model dall-e is not supported. Correct the arguments (")
