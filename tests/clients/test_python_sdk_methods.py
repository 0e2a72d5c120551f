"""Every public method of the official Python SDK, leonardo-ai-sdk 7.0.0, succeeds and understands its answer.

Methods are found by looking into the SDK: one that the table below forgets is told. What the SDK makes of an
answer is held against the answer, since it drops in silence what its models do not take (an unknown enum).
"""

from __future__ import annotations

import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest
from leonardo_ai_sdk import LeonardoAiSDK
from leonardo_ai_sdk.basesdk import BaseSDK

from leomock import Fake
from leomock.openapi.spec import Spec
from tests.clients.made import JPEG, RECIPE, STYLE, Made, making
from tests.fixtures import BEFORE_RETIREMENTS

# In real answers, but not in the SDK's models.
NOT_IN_THE_SDK = {
    *("motion", "motionModel", "motionStrength", "imageToVideo", "fantasyAvatar", "prompt_moderations"),
    *("masksImageId", "masksFields", "masksKey", "masksUrl"),
}

Arguments = dict[str, Any]


def canvas(**more: Any) -> Callable[[Made], Arguments]:
    """What the realtime canvas wants."""
    return lambda made: {"request": {"image_data_url": JPEG, "prompt": "a cat", **more}}


def listed(make: Callable[[Made], object]) -> Callable[[Made], Arguments]:
    """The user, once there is something to be listed."""

    def arguments(made: Made) -> Arguments:
        make(made)
        return {"user_id": made.user}

    return arguments


def textured(made: Made) -> Arguments:
    """A mesh with a texture."""
    mesh = made.mesh()
    made.texture(mesh)
    return {"model_id": mesh}


# Group and method to the arguments of a call that succeeds.
CALLS: dict[str, Callable[[Made], Arguments]] = {
    "blueprints.execute_blueprint": lambda made: {
        "request": {
            "blueprint_version_id": made.version,
            "input": {
                "node_inputs": [
                    {"node_id": i["nodeId"], "setting_name": i["settingName"], "value": i["value"]}
                    for i in made.inputs
                ],
                "public": False,
            },
        }
    },
    "blueprints.get_blueprint_by_id": lambda made: {"id": RECIPE},
    "blueprints.get_blueprint_execution": lambda made: {"id": made.execution},
    "blueprints.get_blueprint_execution_generations": lambda made: {"request": {"id": made.execution}},
    "blueprints.get_blueprint_versions_by_blueprint_id": lambda made: {"id": RECIPE},
    "blueprints.list_blueprints": lambda made: {"request": {"first": 3, "categories": ["social-media"]}},
    "dataset.create_dataset": lambda made: {"request": {"name": "cats", "description": "All sorts."}},
    "dataset.delete_dataset_by_id": lambda made: {"id": made.dataset()},
    "dataset.get_dataset_by_id": lambda made: {"id": made.dataset()},
    "dataset.upload_dataset_image": lambda made: {
        "dataset_id": made.dataset(),
        "request_body": {"extension": "png"},
    },
    "dataset.upload_dataset_image_from_gen": lambda made: {
        "dataset_id": made.dataset(),
        "request_body": {"generated_image_id": made.image},
    },
    "elements.create_element": lambda made: {"request": {**STYLE, "dataset_id": made.dataset()}},
    "elements.delete_element_by_id": lambda made: {"id": made.element()},
    "elements.get_custom_elements_by_user_id": listed(Made.element),
    "elements.get_element_by_id": lambda made: {"id": made.element()},
    "elements.list_elements": lambda made: {},
    "image.create_generation": lambda made: {
        "request": {"prompt": "a cat", "user_elements": [{"user_lora_id": made.element(), "weight": 1}]}
    },
    "image.delete_generation_by_id": lambda made: {"id": made.generation()["id"]},
    "image.get_generation_by_id": lambda made: {"id": made.generation()["id"]},
    "image.get_generations_by_user_id": lambda made: {"user_id": made.user},
    "init_images.delete_init_image_by_id": lambda made: {"id": made.init_image()},
    "init_images.get_init_image_by_id": lambda made: {"id": made.init_image()},
    "init_images.upload_canvas_init_image": lambda made: {
        "request": {"init_extension": "png", "mask_extension": "png"}
    },
    "init_images.upload_init_image": lambda made: {"request": {"extension": "png"}},
    "models.create_model": lambda made: {
        "request": {"name": "Tom", "dataset_id": made.dataset(), "instance_prompt": "tomthecat"}
    },
    "models.delete_model_by_id": lambda made: {"id": made.model()},
    "models.get_custom_models_by_user_id": listed(Made.model),
    "models.get_model_by_id": lambda made: {"id": made.model()},
    "models.list_platform_models": lambda made: {},
    "motion.create_image_to_video_generation": lambda made: {
        "request": {"prompt": "a cat", "image_id": made.image, "image_type": "GENERATED"}
    },
    "motion.create_svd_motion_generation": lambda made: {"request": {"image_id": made.image}},
    "motion.create_text_to_video_generation": lambda made: {"request": {"prompt": "a cat"}},
    "motion.create_video_upscale": lambda made: {
        "request": {"source_generation_id": made.video, "resolution": "RESOLUTION_720"}
    },
    "pricing_calculator.pricing_calculator": lambda made: {
        "request": {
            "service": "MODEL_TRAINING",
            "service_params": {"model_training": {"resolution": 1024}},
        }
    },
    "prompt.prompt_improve": lambda made: {"request": {"prompt": "a cat"}},
    "prompt.prompt_random": lambda made: {},
    "realtime_canvas.create_lcm_generation": canvas(),
    "realtime_canvas.perform_alchemy_upscale_lcm": canvas(),
    "realtime_canvas.perform_inpainting_lcm": canvas(mask_data_url=JPEG),
    "realtime_canvas.perform_instant_refine": canvas(),
    "texture.create_texture_generation": lambda made: {
        "request": {"model_asset_id": made.mesh(), "prompt": "stone"}
    },
    "texture.delete_texture_generation_by_id": lambda made: {"id": made.texture()},
    "texture.get_texture_generation_by_id": lambda made: {"id": made.texture()},
    "texture.get_texture_generations_by_model_id": textured,
    "three_d_model_assets.delete3_d_model_by_id": lambda made: {"id": made.mesh()},
    "three_d_model_assets.get3_d_model_by_id": lambda made: {"id": made.mesh()},
    "three_d_model_assets.get3_d_models_by_user_id": listed(Made.mesh),
    "three_d_model_assets.upload_model_asset": lambda made: {"request": {"model_extension": "glb"}},
    "user.get_user_self": lambda made: {},
    "variation.create_universal_upscaler_job": lambda made: {"request": {"generated_image_id": made.image}},
    "variation.create_variation_no_bg": lambda made: {"request": {"id": made.image}},
    "variation.create_variation_unzoom": lambda made: {"request": {"id": made.image}},
    "variation.create_variation_upscale": lambda made: {"request": {"id": made.image}},
    "variation.get_motion_variation_by_id": lambda made: {"id": made.motion_variation},
    "variation.get_variation_by_id": lambda made: {"id": made.variation},
}


def methods() -> set[str]:
    """The public methods of all groups, as the SDK has them."""
    sdk = LeonardoAiSDK(bearer_auth="x")
    groups = {name: getattr(sdk, name) for name in dir(sdk) if not name.startswith("_")}
    return {
        f"{name}.{method}"
        for name, group in groups.items()
        if isinstance(group, BaseSDK) and not isinstance(group, LeonardoAiSDK)
        for method, _ in inspect.getmembers(type(group), inspect.isfunction)
        if not method.startswith("_") and not hasattr(BaseSDK, method)
    }


@pytest.fixture(scope="module")
def fake() -> Iterator[Fake]:
    """One for all: no call is in the way of another."""
    with Fake(clock="frozen", jobs="immediate", as_of=BEFORE_RETIREMENTS) as fake:
        yield fake


@pytest.fixture(scope="module")
def made(fake: Fake, picture: bytes) -> Iterator[Made]:
    with making(fake, picture) as made:
        yield made


def understood(answer: Any) -> None:
    """The answer was a success, and the SDK has all of it that its models have."""
    body = getattr(answer, "one_of", None) or answer.object
    raw = json.loads(answer.raw_response.content)
    assert isinstance(raw, dict), raw
    (value,) = raw.values()
    assert value, f"the answer tells nothing: {raw}"
    assert body is not None
    same(raw, json.loads(body.model_dump_json(by_alias=True)), "$")


def same(raw: Any, read: Any, where: str) -> None:
    """What was read is what was sent, but for what the SDK's models have not got."""
    if isinstance(raw, dict):
        assert isinstance(read, dict), f"{where}: {read}"
        # The SDK drops null from what it writes.
        lost = {name for name in raw.keys() - read.keys() if raw[name] is not None or name in NOT_IN_THE_SDK}
        assert lost <= NOT_IN_THE_SDK, f"{where}: lost {lost}"
        for name, value in read.items():
            if name != "uiMetadata":  # of what stands in it the SDK has classes without fields
                same(raw.get(name), value, f"{where}.{name}")
    elif isinstance(raw, list):
        assert len(raw) == len(read), where
        for number, (one, other) in enumerate(zip(raw, read, strict=True)):
            same(one, other, f"{where}[{number}]")
    elif raw != read:  # a moment, written in another way
        assert datetime.fromisoformat(raw) == datetime.fromisoformat(read), where


def test_table_has_every_method() -> None:
    """Each of them in its sync and its async form, and no others."""
    assert methods() == {*CALLS, *(f"{name}_async" for name in CALLS)}


@pytest.mark.parametrize("name", CALLS)
def test_sync_method(fake: Fake, made: Made, name: str) -> None:
    """It succeeds, and the SDK understands the answer."""
    with LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url) as sdk:
        understood(called(sdk, name, made))


@pytest.mark.parametrize("name", CALLS)
def test_async_method(fake: Fake, made: Made, name: str) -> None:
    """It succeeds, and the SDK understands the answer."""

    async def call() -> Any:
        async with LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url) as sdk:
            return await called(sdk, name, made, "_async")

    understood(asyncio.run(call()))


def called(sdk: LeonardoAiSDK, name: str, made: Made, kind: str = "") -> Any:
    group, method = name.split(".")
    return getattr(getattr(sdk, group), f"{method}{kind}")(**CALLS[name](made))


def test_methods_call_every_operation(picture: bytes) -> None:
    """None is answered by a blank; those for media the SDK has not got."""
    with Fake(jobs="immediate", as_of=BEFORE_RETIREMENTS) as fake, making(fake, picture) as made:
        with LeonardoAiSDK(bearer_auth=fake.api_key, server_url=fake.base_url) as sdk:
            for name in CALLS:
                called(sdk, name, made)
        answered = {each.operation for each in fake.requests if each.status == 200 and not each.explain}
    assert set(Spec().operations) - answered == {
        *("uploadMedia", "getUploadedMediaById", "deleteUploadedMediaById"),
    }
