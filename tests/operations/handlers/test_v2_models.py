"""Every model of version 2: its sample request, its parameters, and one break at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.leonardo.catalogue.retirements import retired_models
from leomock.leonardo.catalogue.v2 import all_models_v2, models_v2
from tests.fixtures import client_of, completed
from tests.operations.handlers.test_generations_v2 import Json, asked, refused, uploaded
from tests.operations.handlers.v2_requests import PICTURE, SLUGS, good

SAMPLES = json.loads(Path(__file__).with_name("v2_samples.json").read_text("utf-8"))
NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"


@pytest.fixture(scope="module")
def shared_fake() -> Iterator[Fake]:
    """A fake whose jobs take no time, for many calls."""
    fake = Fake(clock="frozen", jobs="immediate")
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def shared(shared_fake: Fake) -> Iterator[httpx.Client]:
    with client_of(shared_fake) as client:
        yield client


@pytest.fixture(scope="module")
def files(shared: httpx.Client, shared_fake: Fake) -> dict[str, str]:
    """What the samples refer to: an uploaded picture, a generated one, and a film."""
    video = asked(shared, "wan-2.7", **good("wan-2.7")).json()["generate"]["generationId"]
    row = shared.get(f"/generations/{video}").json()["generations_by_pk"]
    return {
        "<UPLOADED>": uploaded(shared, shared_fake),
        "<GENERATED>": completed(shared, num_images=1, width=64, height=64)["generated_images"][0]["id"],
        "<VIDEO>": row["generated_images"][0]["id"],
    }


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: f"{sample['model']} ({sample['page']})")
def test_sample_of_a_guide_is_accepted_and_polled(
    shared: httpx.Client, files: dict[str, str], sample: Json
) -> None:
    """The request that the guide shows, with pictures that are there, leads to its result."""
    text = json.dumps(sample["parameters"])
    for placeholder, id in files.items():
        text = text.replace(placeholder, id)
    parameters = json.loads(text)
    answer = asked(shared, sample["model"], **parameters)
    assert "x-leomock-explain" not in answer.headers, answer.headers["x-leomock-explain"]
    row = shared.get(f"/generations/{answer.json()['generate']['generationId']}").json()["generations_by_pk"]
    assert row["status"] == "COMPLETE"
    assert len(row["generated_images"]) == parameters.get("quantity", 1)
    model = all_models_v2()[sample["model"]]
    if model.kind in ("image", "video"):
        assert (row["imageWidth"], row["imageHeight"]) == (parameters["width"], parameters["height"])
    assert bool(row["generated_images"][0]["motionMP4URL"]) is (model.kind == "video")


@pytest.mark.parametrize("slug", SLUGS)
def test_small_good_request_is_accepted(shared: httpx.Client, slug: str) -> None:
    """Of every model; nothing about it needs an explanation."""
    answer = asked(shared, slug, **good(slug))
    assert "generate" in answer.json(), answer.headers["x-leomock-explain"]


def breaks(slug: str) -> Iterator[tuple[str, Json, str]]:
    """Yield changes to a good request that the facts forbid, with the message that refuses each."""
    model = models_v2()[slug]
    request = good(slug)
    yield "unknown parameter", request | {"colour_of": 1}, "parameters.colour_of is not allowed"
    for name in model.entry["required"]:
        top = name.partition(".")[0]
        yield (
            f"without {name}",
            {k: v for k, v in request.items() if k != top},
            f"parameters.{top} is required",
        )
    for name, part in model.entry["parameters"].items():
        full = f"parameters.{name}"
        yield f"{name} null", request | {name: None}, full
        if "enum" in part:
            yield f"{name} not listed", request | {name: "x" if part["type"] == "string" else -7}, full
        if "maximum" in part:
            yield f"{name} too large", request | {name: part["maximum"] + 8}, full
        if "minimum" in part:
            yield f"{name} too small", request | {name: part["minimum"] - 8}, full
        if "maxLength" in part:
            yield f"{name} too long", request | {name: "x" * (part["maxLength"] + 1)}, full
        if part["type"] == "string":
            yield f"{name} a number", request | {name: 7}, full
    for group, part in model.entry["guidances"].items():
        full = f"parameters.guidances.{group}"
        item = {"image": PICTURE}
        if part["of"] == "image":
            if "max" in part:
                yield f"{group} too many", request | {"guidances": {group: [item] * (part["max"] + 1)}}, full
            missing = {"image": {"type": "UPLOADED", "id": NOBODY}}
            if part.get("strengthRequired"):
                missing["strength"] = "MID"  # type: ignore[assignment]  # beside the image
            yield f"{group} missing file", request | {"guidances": {group: [missing]}}, ""
            kind = {"image": {"type": "NOWHERE", "id": NOBODY}}
            yield f"{group} kind", request | {"guidances": {group: [kind]}}, full
    if any(rule["kind"] == "pair" for rule in model.rules):
        yield "size not in the table", request | {"width": 1000, "height": 1000}, "parameters.width"


BREAKS = [(slug, name, request, message) for slug in SLUGS for name, request, message in breaks(slug)]


def test_breaks_are_many() -> None:
    """All models have some, so that the next test holds for each."""
    assert len(BREAKS) > 1000
    assert {slug for slug, *_ in BREAKS} == set(SLUGS)


@pytest.mark.parametrize("slug", SLUGS)
def test_one_break_at_a_time_is_refused(shared: httpx.Client, slug: str) -> None:
    """In the form of version 2, with an explanation that names the model."""
    for of, name, request, message in BREAKS:
        if of != slug:
            continue
        answer = asked(shared, slug, **request)
        assert isinstance(answer.json(), list), (slug, name)
        assert any(each.startswith(message) for each in refused(answer)), (slug, name, answer.text)
        assert "createGenerationV2: " in answer.headers["x-leomock-explain"]


@pytest.mark.parametrize(
    ("slug", "parameters", "message", "explain"),
    [
        (
            "kling-3.0",
            {"prompt": "x", "width": 1280},
            "parameters.height is required with parameters.width",
            "both together are one of ",
        ),
        (
            "kling-3.0",
            {"prompt": "x", "guidances": {"end_frame": [{"image": PICTURE}]}},
            "parameters.guidances.end_frame requires parameters.guidances.start_frame",
            "end_frame needs start_frame (kling-3.0; guide Kling 3.0 of docs.leonardo.ai, 2026-02-10; ",
        ),
        (
            "kling-video-o-3",
            {
                "prompt": "x",
                "guidances": {
                    "start_frame": [{"image": PICTURE}],
                    "image_reference": [{"image": PICTURE}],
                },
            },
            "parameters.guidances.start_frame can not be used with parameters.guidances.image_reference",
            "frames and image_reference exclude each other",
        ),
        (
            "gpt-image-2",
            {"prompt": "x", "width": 3840, "height": 1600},
            "parameters.width must be below 3840",
            "the longer edge is below 3840",
        ),
        (
            "gpt-image-2",
            {"prompt": "x", "width": 3200, "height": 800},
            "the ratio of parameters.width and parameters.height must be at most 3",
            "longer edge / shorter edge is at most 3",
        ),
        (
            "gpt-image-2",
            {"prompt": "x", "width": 512, "height": 512},
            "parameters.width x parameters.height must be between 655360 and 8294400",
            "width x height from 655360 to 8294400",
        ),
        (
            "hailuo-2_3",
            {"prompt": "x", "width": 1920, "height": 1080, "mode": "RESOLUTION_768"},
            "parameters.mode RESOLUTION_768 does not fit parameters.width and parameters.height",
            "768p has the sizes 1376x768, 768x1376, 768x768; mode is deprecated, leave it out",
        ),
        (
            "kling-2.5-turbo-standard",
            {"prompt": "x"},
            "parameters.guidances.start_frame is required",
            "a start frame is required",
        ),
        (
            "hailuo-03",
            {
                "prompt": "x",
                "quantity": 1,
                "guidances": {
                    "image_reference": [{"image": PICTURE}],
                    "audio_reference": [{"audio": {"type": "UPLOADED", "id": NOBODY}}],
                },
            },
            "parameters.guidances.audio_reference can not be used when parameters.quality is TURBO",
            "no audio_reference when quality is TURBO, which is the default",
        ),
    ],
)
def test_rules_between_parameters(
    shared: httpx.Client, slug: str, parameters: Json, message: str, explain: str
) -> None:
    """The facts are documented, the words chosen.

    Holds code:broken_rules
    and code:broken_rules#2.
    """
    answer = asked(shared, slug, **parameters)
    assert refused(answer) == [message]
    said = answer.headers["x-leomock-explain"]
    assert said.startswith(f"createGenerationV2: {message}; ")
    assert explain in said


def test_limits_beside_a_video_reference(shared: httpx.Client, files: dict[str, str]) -> None:
    """Of the length, and of the number of pictures."""
    film = {"video_reference_base": [{"video": {"type": "GENERATED", "id": files["<VIDEO>"]}}]}
    answer = asked(shared, "kling-video-o-3", prompt="x", duration=11, guidances=film)
    name = "parameters.guidances.video_reference_base"
    assert refused(answer) == [f"parameters.duration must be at most 10 with {name}"]
    pictures = {"image_reference": [{"image": PICTURE}] * 5}
    answer = asked(shared, "kling-video-o-3", prompt="x", duration=5, guidances=film | pictures)
    assert refused(answer) == [f"parameters.guidances.image_reference must have at most 4 items with {name}"]


def test_reference_of_the_wrong_kind(shared: httpx.Client, files: dict[str, str]) -> None:
    """A picture is not a film."""
    film = {"video_reference_base": [{"video": {"type": "GENERATED", "id": files["<GENERATED>"]}}]}
    answer = asked(shared, "kling-video-o-3", prompt="x", guidances=film)
    message = "parameters.guidances.video_reference_base.0.video.id is not the id of a video"
    assert refused(answer) == [message]
    assert answer.headers["x-leomock-explain"].endswith(
        "GENERATED takes the id of the generated image whose motionMP4URL is the video"
    )


def test_older_names_of_reference_types(shared: httpx.Client, files: dict[str, str]) -> None:
    """INIT is an upload, GENERATION a generated picture.

    Holds code:references.
    """
    for kind, id in (("INIT", files["<UPLOADED>"]), ("GENERATION", files["<GENERATED>"])):
        item = {"image": {"type": kind, "id": id}}
        answer = asked(shared, "flux-kontext-pro", prompt="x", guidances={"image_reference": [item]})
        assert "generate" in answer.json()


def test_references_of_an_open_model_have_to_be_there() -> None:
    """As those of a model that is known.

    Holds code:references#2.
    """
    with Fake(clock="frozen", unknown_models="allow") as fake, client_of(fake) as client:
        item = {"image": {"type": "GENERATED", "id": NOBODY}}
        answer = asked(client, "maker/new", prompt="x", guidances={"anything": [item]})
        assert refused(answer) == ["parameters.guidances.anything.0.image.id is not the id of an image"]


def test_video_without_a_size_has_the_first_of_its_resolution(shared: httpx.Client) -> None:
    """By `resolution`, or by the older `mode`.

    Holds code:result_fields#2.
    """
    cases: list[tuple[Json, tuple[int, int]]] = [({"resolution": "1080p"}, (2520, 1080)), ({}, (1470, 630))]
    for given, size in cases:
        id = asked(shared, "bfl/flux-3-video", prompt="x", **given).json()["generate"]["generationId"]
        row = shared.get(f"/generations/{id}").json()["generations_by_pk"]
        assert (row["imageWidth"], row["imageHeight"]) == size


def test_misspelt_parameter_is_named(shared: httpx.Client) -> None:
    """Also inside a reference."""
    answer = asked(shared, "kling-3.0", prompt="x", duraton=5)
    assert answer.headers["x-leomock-explain"].startswith(
        "createGenerationV2: parameters.duraton is not allowed for kling-3.0; did you mean 'duration'? (guide"
    )
    item = {"image": PICTURE, "strenght": "MID"}
    answer = asked(shared, "flux-pro-2.0", prompt="x", guidances={"image_reference": [item]})
    assert "did you mean 'strength'?" in answer.headers["x-leomock-explain"]


# --- dates ------------------------------------------------------------------------------------------------


def test_retired_models_work_before_their_date() -> None:
    """And fail from it on.

    Holds code:retirement
    and code:_mode_violation.
    """
    with Fake(clock="frozen", as_of="2026-05-01") as fake, client_of(fake) as client:
        for row in retired_models():
            assert "generate" in asked(client, row["slug"], **_before(row["slug"])).json()
        assert "generate" in asked(client, "gpt-image-1.5", prompt="x", mode="FAST").json()
    with Fake(clock="frozen", as_of="2026-05-04") as fake, client_of(fake) as client:
        (message,) = refused(asked(client, "gpt-image-1.5", prompt="x", mode="FAST"))
        assert message == "parameters.mode is not supported any more, use parameters.quality"
        assert "generate" in asked(client, "sora-2", prompt="x").json()


def _before(slug: str) -> Json:
    return good(slug) if slug in all_models_v2() else {"prompt": "x"}


@pytest.mark.parametrize("row", retired_models(), ids=lambda row: str(row["slug"]))
def test_retired_model_is_refused_by_the_newest_facts(shared: httpx.Client, row: dict[str, Any]) -> None:
    """The explanation says since when, and what the vendor offers instead."""
    answer = asked(shared, row["slug"], prompt="x")
    assert refused(answer) == [f"model {row['slug']} is not supported"]
    assert answer.headers["x-leomock-explain"] == (
        f'createGenerationV2: model is "{row["slug"]}", retired on {row["date"]}; use {row["instead"]} '
        f"({row['source']}; --as-of DATE answers as on an earlier day)"
    )


def test_unknown_models_can_be_allowed() -> None:
    """All of them, or one by its name.

    Holds code:_model_v2.
    """
    with Fake(clock="frozen", unknown_models="allow") as fake, client_of(fake) as client:
        answer = asked(client, "maker/new-model", prompt="x", anything=1)
        assert "generate" in answer.json()
        assert answer.headers["x-leomock-explain"] == (
            'createGenerationV2: model is "maker/new-model", which leomock does not know; accepted '
            "(--unknown-models allow)"
        )
    with Fake(clock="frozen", models=("maker/new-model=New Model",)) as fake, client_of(fake) as client:
        assert "generate" in asked(client, "maker/new-model", prompt="x").json()
        assert isinstance(asked(client, "maker/other", prompt="x").json(), list)


def test_model_is_taken_by_its_uuid(shared: httpx.Client) -> None:
    """As was seen."""
    answer = asked(shared, "7B592283-E8A7-4C5A-9BA6-D18C31F258B9", prompt="x", quantity=1)
    assert "generate" in answer.json()
