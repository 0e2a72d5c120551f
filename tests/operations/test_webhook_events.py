"""The bodies of webhook events, and the document that describes them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from leomock.contract.webhooks import webhook_document
from leomock.leonardo.catalogue import platform_models
from leomock.openapi.documents import specs_folder
from leomock.openapi.json_schema import json_schema
from leomock.operations.webhook_events import event_of, generation_event
from leomock.state.outbox import Outbox
from leomock.state.settings import Settings
from leomock.state.table import Row
from leomock.state.world import World

REFERENCE = Path(os.environ.get("LEOMOCK_REFERENCE", "../shared/reference"))
DOCUMENT: dict[str, Any] = json.loads((specs_folder() / "webhooks.asyncapi.json").read_text("utf-8"))
ENVELOPE = json_schema(
    DOCUMENT, DOCUMENT["components"]["schemas"]["ImageGenerationCompleteEnvelope"], "the envelope"
)
CAPTURED = json_schema(
    webhook_document(),
    webhook_document()["components"]["schemas"]["ImageGenerationCompleteEnvelope"],
    "the envelope",
)
SAMPLE = DOCUMENT["components"]["messages"]["ImageGenerationComplete"]["examples"][0]["payload"]

KEY = "9c7e0e0c-1d0c-4b9c-8a62-5f5f2f6f6d11"
CREATIVE = "6bef9f1b-29cb-40c7-b9df-32b51c1f67d3"
GENERATION = "b7f4a0a4-27f6-4d7e-b0e5-2a2f8c3c1d10"
CDN = "http://localhost:8090/cdn"
ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")


def made(**settings: Any) -> World:
    world = World(KEY, Settings(**settings))
    world.outbox = Outbox(lambda: world.ids, world.clock, lambda span: span[0])
    world.outbox.url, world.outbox.key = "https://example.test/webhook", "abcd"
    return world


@pytest.fixture
def world() -> World:
    """A world whose events have the documented form."""
    return made(webhook_form="2023")


@pytest.fixture
def newest() -> World:
    """A world whose events have the form of the captures."""
    return made()


def row_of(**fields: Any) -> Row:
    """A generation as create_generation makes it, of the model in the documented body."""
    return {
        "id": GENERATION,
        "createdAt": "2024-04-20T14:33:28.258",
        "prompt": "An oil painting of a cat",
        "negativePrompt": "",
        "imageWidth": 512,
        "imageHeight": 512,
        "num_images": 1,
        "credits": 9,
        "seed": 905778432,
        "modelId": CREATIVE,
        "sdVersion": "v2",
        "presetStyle": None,
        "scheduler": "EULER_DISCRETE",
        "inferenceSteps": 30,
        "guidanceScale": 7,
        "public": False,
        "photoReal": False,
        "promptMagic": False,
        "status": "COMPLETE",
        **fields,
    }


def generation_in(world: World, **fields: Any) -> dict[str, Any]:
    """What is in `data.object` of the event for a generation, once the document has accepted all of it."""
    type, body = generation_event(row_of(**fields), world, CDN)
    assert type == body["type"] == "image_generation.complete"
    envelope = ENVELOPE if world.settings.webhook_form == "2023" else CAPTURED
    jsonschema_rs.validator_for(envelope, validate_formats=True).validate(body)
    found: dict[str, Any] = body["data"]["object"]
    return found


# --- the body ---------------------------------------------------------------------------------------------


def test_event_has_all_the_documented_fields_in_their_order(world: World) -> None:
    """And no others, at any depth."""

    def names(node: Any) -> Any:
        if isinstance(node, dict):
            return [(name, names(value)) for name, value in node.items()]
        return [names(item) for item in node] if isinstance(node, list) else None

    world.clock.advance(4)
    assert names(generation_event(row_of(), world, CDN)[1]) == names(SAMPLE)


def test_event_of_the_documented_request_is_the_documented_body(world: World) -> None:
    """Where it differs, what is there belongs to this fake: ids, moments, addresses, names.

    Holds code:_common
    and code:_common#2
    and code:_event_model#3
    and code:_api_key.
    """
    world.clock.advance(4.033)
    body = generation_event(row_of(), world, CDN)[1]
    expected = json.loads(json.dumps(SAMPLE))
    generation, found = expected["data"]["object"], body["data"]["object"]
    expected["timestamp"] = 1713623612291
    generation |= {
        "id": GENERATION,
        "createdAt": "2024-04-20T14:33:28.258Z",
        "updatedAt": "2024-04-20T14:33:32.291Z",
        "userId": world.user_id,
        "apiKeyId": found["apiKey"]["id"],
    }
    generation["model"] |= {
        "userId": found["model"]["userId"],
        "description": "The platform model Leonardo Creative.",
        "imageCount": 0,
    }
    generation["images"][0] |= {
        "id": world.ids.parts(GENERATION, 1)[0],
        "createdAt": "2024-04-20T14:33:32.291Z",
        "updatedAt": "2024-04-20T14:33:32.291Z",
        "userId": world.user_id,
        "url": f"{CDN}/users/{world.user_id}/generations/{GENERATION}"
        "/Leonardo_Creative_An_oil_painting_of_a_cat_0.jpg",
        "generationId": GENERATION,
    }
    generation["apiKey"] |= {
        "id": found["apiKey"]["id"],
        "createdAt": "2024-04-20T14:33:28.258Z",
        "lastUsed": "2024-04-20T14:33:28.258Z",
        "userId": world.user_id,
        "key": KEY,
        "name": "leomock",
        "webhookCallbackUrl": "https://example.test/webhook",
        "webhookCallbackApiKey": "abcd",
    }
    assert body == expected


@pytest.mark.parametrize("id", [*platform_models(), None])
def test_event_of_any_model_fits_the_document(world: World, id: str | None) -> None:
    """The model is told by name; where only `sd_version` chose one, there is none to tell of.

    Holds code:_documented
    and code:_event_model#3.
    """
    generation_in(made(), modelId=id)
    generation = generation_in(world, modelId=id)
    assert generation["modelId"] == id
    if id is None:
        assert "model" not in generation
    else:
        assert (generation["model"]["id"], generation["model"]["name"]) == (id, platform_models()[id].name)


def test_event_of_several_pictures(world: World) -> None:
    """Each is there as GET /generations shows it; the cost is that of the job."""
    generation = generation_in(world, num_images=3, credits=27, public=True)
    assert [image["id"] for image in generation["images"]] == world.ids.parts(GENERATION, 3)
    assert [image["url"][-6:] for image in generation["images"]] == ["_0.jpg", "_1.jpg", "_2.jpg"]
    assert all(image["public"] for image in generation["images"])
    assert (generation["quantity"], generation["apiDollarCost"]) == (3, "27")


def test_event_of_a_failure(world: World) -> None:
    """The same type with another status, and no pictures.

    Holds code:generation_event.
    """
    generation = generation_in(world, status="FAILED", num_images=2)
    assert (generation["status"], generation["images"], generation["quantity"]) == ("FAILED", [], 2)


@pytest.mark.parametrize(
    ("flagged", "shown"), [((), [False, False]), ((1,), [False, True]), ("all", [True, True])]
)
def test_event_of_flagged_pictures(world: World, flagged: Any, shown: list[bool]) -> None:
    """A scenario's outcome flags some or all; the generation is flagged with the first."""
    generation = generation_in(world, num_images=2, nsfw=flagged)
    assert [image["nsfw"] for image in generation["images"]] == shown
    assert generation["nsfw"] is any(shown)


@pytest.mark.parametrize(
    ("field", "name", "type"),
    [
        ("init_image_id", "initImageId", "UPLOADED"),
        ("init_generation_image_id", "initGeneratedImageId", "GENERATED"),
    ],
)
def test_event_of_a_generation_from_a_picture(world: World, field: str, name: str, type: str) -> None:
    """It tells which picture it began with, and how much of it was to be kept."""
    id = "0d7a1f0a-44c1-4b0a-9d93-0f4f1f6a1b2c"
    generation = generation_in(world, **{field: id, "initStrength": 0.4})
    told = {"initImageId": None, "initGeneratedImageId": None, name: id}
    assert {key: generation[key] for key in told} == told
    assert (generation["initType"], generation["initStrength"], generation["imageToImage"]) == (
        type,
        0.4,
        True,
    )


def test_event_of_a_key_without_a_secret(world: World) -> None:
    """The document gives no null for it, so the name is absent.

    Holds code:generation_event#3.
    """
    world.outbox.key = ""
    assert "webhookCallbackApiKey" not in generation_in(world)["apiKey"]


def test_event_of_an_earlier_moment(world: World) -> None:
    """A job that ended before anybody looked tells when it did."""
    world.clock.advance(60)
    moment = world.clock.now() - 58
    _, body = generation_event(row_of(), world, CDN, moment)
    assert body["timestamp"] == 1713623610258
    assert body["data"]["object"]["updatedAt"] == "2024-04-20T14:33:30.258Z"


def test_event_draws_no_ids(world: World) -> None:
    """A webhook changes nothing in what the API answers afterwards."""
    before = World(KEY, Settings()).ids.new()
    generation_event(row_of(), world, CDN)
    assert world.ids.new() == before


# --- the form of the captures ---------------------------------------------------------------------------


def test_captured_form_is_the_default(newest: World) -> None:
    """Without the key, with the size of each picture, and with the address of no film."""
    generation = generation_in(newest, styleUUID="111dc692-d470-4eec-b791-3475abac4c46", ultra=False)
    assert not {"apiKey", "apiKeyId"} & generation.keys()
    assert KEY not in json.dumps(generation)
    told = {name: generation[name] for name in ("styleUUID", "ultra", "source", "transparency", "teams")}
    assert told == {
        "styleUUID": "111dc692-d470-4eec-b791-3475abac4c46",
        "ultra": False,
        "source": "LEONARDO",
        "transparency": "disabled",
        "teams": None,
    }
    [image] = generation["images"]
    assert (image["image_width"], image["image_height"], image["motionMP4URL"]) == (512, 512, None)


def test_captured_form_has_27_fields_more(newest: World, world: World) -> None:
    """Five in each picture, two in the model; the key and its id are gone.

    Holds code:_captured#4.
    """
    new, old = generation_in(newest), generation_in(world)
    assert len(new.keys() - old.keys()) == 27
    assert old.keys() - new.keys() == {"apiKey", "apiKeyId"}
    assert len(new["images"][0].keys() - old["images"][0].keys()) == 5
    assert new["model"].keys() - old["model"].keys() == {"motion", "teamId"}
    assert old["model"].keys() - new["model"].keys() == {"apiKeyId"}
    assert [new[name] for name in ("motionLora", "liveGen", "universalUpscaler", "teamId")] == [None] * 4


def film_in(world: World, **fields: Any) -> tuple[str, dict[str, Any]]:
    row = row_of(modelId=None, seconds=5, motion=True, motionModel="MOTION2", imageToVideo=False, **fields)
    type, body = generation_event(row, world, CDN)
    envelope = ENVELOPE if world.settings.webhook_form == "2023" else CAPTURED
    jsonschema_rs.validator_for(envelope, validate_formats=True).validate(body)
    return type, body["data"]["object"]


def test_event_of_a_video(newest: World, world: World) -> None:
    """A type of its own with the film's address; the documented form knows no videos."""
    type, generation = film_in(newest)
    [image] = generation["images"]
    assert (type, generation["motion"], generation["textToVideo"]) == (
        "video_generation.complete",
        True,
        True,
    )
    assert image["motionMP4URL"].startswith(
        f"{CDN}/users/{newest.user_id}/generations/{GENERATION}/segments/"
    )
    assert image["motionMP4URL"].endswith("/motion2_An_oil_painting_of_a_cat_0.mp4")
    type, generation = film_in(world)
    assert type == "image_generation.complete"
    assert "motionMP4URL" not in generation["images"][0]


def test_event_of_a_video_that_failed(newest: World) -> None:
    type, generation = film_in(newest, status="FAILED")
    assert (type, generation["status"], generation["images"]) == ("video_generation.complete", "FAILED", [])


def test_event_of_a_motion_1_video(newest: World, world: World) -> None:
    """The documented form gives values where the captured one has null.

    Holds code:_documented#2.
    """
    without = dict.fromkeys(("negativePrompt", "guidanceScale", "inferenceSteps", "scheduler", "sdVersion"))
    _, generation = film_in(newest, **without)
    assert {name: generation[name] for name in without} == without
    _, generation = film_in(world, **without)
    assert {name: generation[name] for name in without} == {
        "negativePrompt": "",
        "guidanceScale": 7,
        "inferenceSteps": 15,
        "scheduler": "EULER_DISCRETE",
        "sdVersion": "v1_5",
    }


@pytest.mark.parametrize(
    ("family", "core"),
    [
        ("KINO_2_1", "FLUX"),
        ("FLUX_DEV", "FLUX"),
        ("PHOENIX", "PHOENIX"),
        ("SDXL_LIGHTNING", "SDXL_LIGHTNING"),
        ("SDXL_1_0", "SD"),
        ("v1_5", "SD"),
    ],
)
def test_core_model_of_a_family(newest: World, family: str, core: str) -> None:
    """Holds code:_core_model#2
    and code:_core_model#3.
    """
    assert generation_in(newest, sdVersion=family)["coreModel"] == core


# --- variations, which the document does not know -------------------------------------------------------


def variation_in(world: World, **fields: Any) -> Row:
    return world.variations.add(
        {
            "id": "3f5c2a10-0c7e-4f5a-8b1d-6a9be4a1c0de",
            "createdAt": "2024-04-20T14:33:28.258",
            "status": "COMPLETE",
            "kind": "UNIVERSAL",
            "transformType": "UPSCALE",
            "generatedImageId": GENERATION,
            "credits": 10,
            "key": "users/u/generations/v/variations/UniversalUpscaler_v.jpg",
            **fields,
        }
    )


def test_event_of_a_variation(world: World) -> None:
    """Type and fields as clients read them.

    Holds code:variation_event#2.
    """
    row = variation_in(world)
    world.clock.advance(4)
    found = event_of(row, world, CDN, world.clock.now())
    assert found is not None
    type, body = found
    api_key = body["data"]["object"].pop("apiKey")
    assert type == "post_processing.complete"
    assert body == {
        "type": "post_processing.complete",
        "object": "generated_image_variation_generic",
        "timestamp": 1713623612258,
        "api_version": "v1",
        "data": {
            "object": {
                "id": row["id"],
                "createdAt": "2024-04-20T14:33:28.258Z",
                "updatedAt": "2024-04-20T14:33:32.258Z",
                "userId": world.user_id,
                "public": False,
                "nsfw": False,
                "status": "COMPLETE",
                "url": f"{CDN}/users/u/generations/v/variations/UniversalUpscaler_v.jpg",
                "transparent": False,
                "generatedImageId": GENERATION,
                "transformType": "UPSCALE",
                "api": True,
                "tokenCost": 0,
                "apiDollarCost": "10",
            }
        },
    }
    assert api_key == generation_in(world)["apiKey"]
    assert api_key["webhookCallbackApiKey"] == "abcd"


def test_event_of_a_variation_that_failed(world: World) -> None:
    """The same type with another status, and no url.

    Holds code:variation_event#3.
    """
    row = variation_in(world, status="FAILED", kind="NOBG", transformType="NOBG")
    found = event_of(row, world, CDN, world.clock.now())
    assert found is not None
    type, body = found
    variation = body["data"]["object"]
    assert (type, variation["status"], variation["url"]) == ("post_processing.complete", "FAILED", None)
    assert (variation["transformType"], variation["transparent"]) == ("NOBG", True)


def test_event_of_a_variation_of_an_uploaded_image(world: World) -> None:
    """It tells of no generated picture.

    Holds code:variation_event#3.
    """
    row = variation_in(world, generatedImageId=None)
    found = event_of(row, world, CDN, world.clock.now())
    assert found is not None
    assert found[1]["data"]["object"]["generatedImageId"] is None


def test_event_of_a_variation_in_the_captured_form(newest: World) -> None:
    """It has no key."""
    row = variation_in(newest)
    found = event_of(row, newest, CDN, newest.clock.now())
    assert found is not None
    assert "apiKey" not in found[1]["data"]["object"]


def test_event_of_nothing_known(world: World) -> None:
    """Of other jobs no event was ever seen.

    Holds code:event_of.
    """
    row = world.textures.add({"id": GENERATION, "status": "COMPLETE"})
    assert event_of(row, world, CDN, world.clock.now()) is None


# --- the document -----------------------------------------------------------------------------------------


def upstream() -> dict[str, Any]:
    path = REFERENCE / "upstream" / "leonardo-ai-webhooks-asyncapi.yml"
    if not path.is_file():
        pytest.skip(f"the published document is not at {path} (set LEOMOCK_REFERENCE)")
    document: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return document


def without_prose(node: Any, *, named: bool = False, found: list[str] | None = None) -> Any:
    """A document without its descriptions and summaries, which go to `found`; samples stay whole."""
    if isinstance(node, list):
        return [without_prose(item, found=found) for item in node]
    if not isinstance(node, dict):
        return node
    facts = {}
    for name, value in node.items():
        if not named and name in ("description", "summary") and isinstance(value, str):
            facts[name] = "prose"
            if found is not None:
                found.append(value)
        elif not named and (name in ("example", "enum", "default") or (name == "payload" and "name" in node)):
            facts[name] = value
        else:
            below = not named and name in ("properties", "schemas", "messages")
            facts[name] = without_prose(value, named=below, found=found)
    return facts


def test_document_holds_the_published_facts() -> None:
    """Structure, names, types, enums, formats and samples, with their types and in their order."""
    ours, published = (json.dumps(without_prose(document)) for document in (DOCUMENT, upstream()))
    assert ours == published


def test_document_has_prose_of_its_own() -> None:
    """No sentence and no line of ours is a published one."""

    def sentences(document: dict[str, Any]) -> set[str]:
        found: list[str] = []
        without_prose(document, found=found)
        parts = [part for text in found for part in (text, *re.split(r"(?<=[.;:])\s|\n\n", text))]
        return {words for part in parts if len((words := " ".join(part.lower().split())).split()) > 3}

    assert sentences(DOCUMENT) & sentences(upstream()) == set()


def test_document_names_the_published_source_addresses() -> None:
    """A firewall needs them; both places name all six."""
    published = set(ADDRESS.findall(upstream()["info"]["description"]))
    assert len(published) == 6
    for text in (
        DOCUMENT["info"]["description"],
        DOCUMENT["components"]["securitySchemes"]["ipAllowList"]["description"],
    ):
        assert set(ADDRESS.findall(text)) == published


def test_document_is_not_taken_for_an_api() -> None:
    """The loaders of `specs/` look for `openapi`."""
    assert DOCUMENT["asyncapi"] == "2.6.0"
    assert "openapi" not in DOCUMENT
