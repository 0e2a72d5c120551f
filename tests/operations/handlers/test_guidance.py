"""Rules of version 1 that belong to a model or an element: controlnets, weights, image prompts."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from leomock.leonardo.catalogue import elements, platform_models
from leomock.leonardo.catalogue.guidance import preprocessors_of
from leomock.leonardo.catalogue.v2 import all_models_v2
from tests.fixtures import completed, init_image, refused
from tests.operations.handlers.test_init_images import png

NOBODY = "6163f776-ad40-47fc-acd4-c04b22590ada"
OF = "specs/generations.json POST /generations"
BY_NAME = {model.name: model for model in platform_models().values()}
KNOWN = [
    (model.name, kind, id)
    for model in platform_models().values()
    if model.name != "FLUX.1 Kontext"
    for kind, id in preprocessors_of(model.sd_version).items()
]


def ask(client: httpx.Client, model: str, *entries: dict[str, Any]) -> httpx.Response:
    """Ask for a picture guided by an uploaded one."""
    id = init_image(client, png())
    controlnets = [{"initImageId": id, "initImageType": "UPLOADED", **entry} for entry in entries]
    side = min(BY_NAME[model].sides, default=64)
    body = {"prompt": "a fox", "modelId": BY_NAME[model].id, "width": side, "height": side}
    return client.post("/generations", json={**body, "controlnets": controlnets})


def test_every_family_with_a_guide_has_a_table() -> None:
    assert len(KNOWN) > 40
    assert {kind for _, kind, _ in KNOWN} == {"Style", "Character", "Content", "Edge", "Depth", "Pose"}


@pytest.mark.parametrize(("model", "kind", "id"), KNOWN)
def test_preprocessor_of_the_model_is_accepted(client: httpx.Client, model: str, kind: str, id: int) -> None:
    """With every strength that its kind has. Holds code:broken_guidance."""
    strengths = ("Low", "Mid", "High", *(("Ultra", "Max") if kind == "Style" else ()))
    for strength in strengths:
        answer = ask(client, model, {"preprocessorId": id, "strengthType": strength})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("model", "entry", "rule", "why"),
    [
        (
            "Leonardo Phoenix 1.0",
            {"preprocessorId": 67},
            "controlnets[0].preprocessorId 67 can not be used with Leonardo Phoenix 1.0",
            "it is the Style reference of SDXL models; Leonardo Phoenix 1.0 has Style 166, Character 397, "
            "Content 364",
        ),
        (
            "Flux Dev",
            {"preprocessorId": 133.0},
            "controlnets[0].preprocessorId 133 can not be used with Flux Dev",
            "it is the Character reference of SDXL models; Flux Dev has Style 299, Content 233",
        ),
        (
            "Leonardo Kino XL",
            {"preprocessorId": 133, "strengthType": "Max"},
            "controlnets[0].strengthType Max can be used with style references only",
            "133 is a Character reference; use Low, Mid or High",
        ),
        (
            "Leonardo Phoenix 1.0",
            {"preprocessorId": 397, "weight": 0.8},
            "controlnets[0].weight can not be used with Leonardo Phoenix 1.0",
            "use strengthType",
        ),
        (
            "FLUX.1 Kontext",
            {"preprocessorId": 298},
            "controlnets can not be used with FLUX.1 Kontext",
            "send the pictures as contextImages",
        ),
    ],
)
def test_what_the_model_has_not_is_refused(
    client: httpx.Client, model: str, entry: dict[str, Any], rule: str, why: str
) -> None:
    """With what it has.

    Holds code:broken_guidance#2 code:broken_guidance#3 code:broken_guidance#4 code:broken_guidance#6.
    """
    assert refused(ask(client, model, entry)) == (rule, f"createGeneration: {rule}; {why} ({OF})")


def test_fifth_style_reference_is_refused(client: httpx.Client) -> None:
    """Four are accepted."""
    entry = {"preprocessorId": 67, "strengthType": "Low", "influence": 0.2}
    assert ask(client, "Leonardo Kino XL", *[entry] * 4).status_code == 200
    rule = "controlnets can have at most 4 style references"
    assert refused(ask(client, "Leonardo Kino XL", *[entry] * 5)) == (
        rule,
        f"createGeneration: {rule}; there are 5 ({OF})",
    )


def test_preprocessor_that_no_table_has_is_accepted(client: httpx.Client) -> None:
    """As is any for a model without a table. Holds code:broken_guidance#5."""
    assert ask(client, "Leonardo Kino XL", {"preprocessorId": 22}).status_code == 200
    assert ask(client, "DreamShaper v7", {"preprocessorId": 67}).status_code == 200


@pytest.mark.parametrize("element", elements().values(), ids=lambda element: str(element.name))
def test_weight_of_an_element_has_its_range(client: httpx.Client, element: Any) -> None:
    """Both ends are accepted. Holds code:_check_weights."""

    def answered(weight: float | None) -> httpx.Response:
        loras = [{"akUUID": element.id.upper(), "weight": weight}]
        body = {"prompt": "a fox", "width": 64, "height": 64, "elements": loras}
        return client.post("/generations", json=body)

    for weight in (None, element.weight_min, 0.5, element.weight_max):
        assert answered(weight).status_code == 200
    for weight in (element.weight_min - 0.1, element.weight_max + 0.1):
        rule = f"elements[0].weight must be between {element.weight_min} and {element.weight_max}"
        assert refused(answered(weight)) == (
            rule,
            f"createGeneration: {rule}; that is the range of {element.name}, sent was {weight:g} ({OF})",
        )


def test_element_that_nobody_knows_takes_any_weight(client: httpx.Client) -> None:
    """Holds code:_check_weights#2."""
    body = {"prompt": "a fox", "elements": [{"akUUID": NOBODY, "weight": 9}]}
    assert client.post("/generations", json=body).status_code == 200


def test_image_prompts_name_pictures(client: httpx.Client) -> None:
    """Uploaded and generated ones; null counts as none. Holds code:_check_image_prompt."""
    uploaded = init_image(client, png())
    generated = completed(client, width=64, height=64)["generated_images"][0]["id"]
    body = {"prompt": "a fox", "imagePrompts": [uploaded, generated, None], "imagePromptWeight": 0.4}
    assert client.post("/generations", json=body).status_code == 200


@pytest.mark.parametrize("id", [NOBODY, "https://example.org/cat.png", ""])
def test_image_prompt_that_is_no_picture_is_refused(client: httpx.Client, id: str) -> None:
    """Like an unknown init image. Holds code:_check_image_prompt#2."""
    answer = client.post("/generations", json={"prompt": "a fox", "imagePrompts": [id]})
    assert refused(answer) == (
        "invalid init image id",
        "imagePrompts[0] is not an id that POST /init-image returned for this API key",
    )


def test_model_of_version_2_alone_is_explained(client: httpx.Client) -> None:
    """Nano Banana, which version 1 has not."""
    model = all_models_v2()["gemini-2.5-flash-image"]
    answer = client.post("/generations", json={"prompt": "a fox", "modelId": model.id})
    assert refused(answer) == (
        f"{model.id} is not supported within the Production API. Please try again with a different model ID.",
        "modelId is Gemini 2.5 Flash Image, which version 2 has: POST /api/rest/v2/generations with model "
        "gemini-2.5-flash-image",
    )
