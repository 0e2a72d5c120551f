"""Limits of version 1 that belong to a model, and refusals that public programs met."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.leonardo.errors import INSUFFICIENT_TOKENS, NEGATIVE_PROMPT_TOO_LONG, NOT_PHOENIX
from tests.fixtures import client_of

LUCID_ORIGIN = "7b592283-e8a7-4c5a-9ba6-d18c31f258b9"
LUCID_REALISM = "05ce0082-2d80-4a2d-8653-4d1c85e2418e"
PHOENIX = "de7d3faf-762f-48e0-b3b7-9d0ac3a3fcf3"
# The first sample of the vendor's page on Lucid Origin, with a prompt of ours.
SAMPLE = {
    "alchemy": False,
    "height": 1080,
    "modelId": LUCID_ORIGIN,
    "contrast": 3.5,
    "num_images": 4,
    "styleUUID": "111dc692-d470-4eec-b791-3475abac4c46",
    "prompt": "a fox",
    "width": 1920,
    "ultra": False,
}


def test_first_sample_of_lucid_origin_is_accepted(client: httpx.Client) -> None:
    """At 1920 x 1080; the answer has the values that were seen.

    Holds code:Model.guidance.
    """
    answer = client.post("/generations", json=SAMPLE)
    assert answer.status_code == 200, answer.text
    id = answer.json()["sdGenerationJob"]["generationId"]
    for _ in range(2):
        row = client.get(f"/generations/{id}").json()["generations_by_pk"]
    assert (row["imageWidth"], row["imageHeight"], row["presetStyle"]) == (1920, 1080, None)
    assert row["guidanceScale"] == 3.5


@pytest.mark.parametrize(
    ("model", "size", "error", "explain"),
    [
        (
            LUCID_ORIGIN,
            {"height": 3624},
            "height must be between 32 and 3616",
            "createGeneration: height is 3624; Lucid Origin takes up to 3616",
        ),
        (
            LUCID_REALISM,
            {"width": 2504},
            "width must be between 32 and 2496",
            "createGeneration: width is 2504; Lucid Realism takes up to 2496",
        ),
        (
            PHOENIX,
            {"width": 1544},
            "width must be between 32 and 1536",
            "createGeneration: width is 1544; Leonardo Phoenix 1.0 takes up to 1536",
        ),
    ],
)
def test_size_that_a_model_does_not_take(
    client: httpx.Client, model: str, size: dict[str, Any], error: str, explain: str
) -> None:
    """The bound of the model, or the document's.

    Holds code:Model.largest_size.
    """
    answer = client.post("/generations", json={"prompt": "a fox", "num_images": 1, "modelId": model, **size})
    assert (answer.status_code, answer.json()["error"]) == (400, error)
    assert answer.headers["x-leomock-explain"] == explain


def test_negative_prompt_that_is_too_long(client: httpx.Client) -> None:
    """Of 1001 characters.

    Holds error:NEGATIVE_PROMPT_TOO_LONG.
    """
    answer = client.post("/generations", json={"prompt": "a fox", "negative_prompt": "n" * 1001})
    assert (answer.status_code, answer.json()) == (
        400,
        {"error": NEGATIVE_PROMPT_TOO_LONG.text, "path": "$", "code": "unexpected"},
    )
    assert client.post("/generations", json={"prompt": "a", "negative_prompt": "n" * 1000}).status_code == 200


def test_phoenix_with_another_family(client: httpx.Client) -> None:
    """It takes its own, or none.

    Holds error:NOT_PHOENIX.
    """
    body = {"prompt": "a fox", "modelId": PHOENIX, "sd_version": "SDXL_1_0"}
    answer = client.post("/generations", json=body)
    assert (answer.status_code, answer.json()["error"]) == (400, NOT_PHOENIX.text)
    assert client.post("/generations", json=body | {"sd_version": "PHOENIX"}).status_code == 200


def test_no_credits_for_version_2() -> None:
    """The body that two programs met; an entry without `locations`."""
    with Fake(credits=0, clock="frozen") as fake, client_of(fake) as client:
        body = {"model": "flux-schnell", "parameters": {"prompt": "x"}}
        answer = client.post(client.base_url.join("/api/rest/v2/generations"), json=body)
        assert answer.status_code == INSUFFICIENT_TOKENS.status == 200
        assert answer.json() == [
            {
                "extensions": {
                    "code": "HttpException",
                    "details": "An error occurred processing your request.",
                    "statusCode": 402,
                },
                "message": "Insufficient tokens",
                "path": [],
            }
        ]


KONTEXT = {"prompt": "a", "num_images": 1, "modelId": "28aeddf8-bd19-4803-80fc-79602d1a9989"}


@pytest.mark.parametrize("size", [{"width": 832, "height": 1248}, {"height": 1104}, {}])
def test_kontext_takes_its_own_sizes(client: httpx.Client, size: dict[str, int]) -> None:
    """As its guide and two recipes send it; a size that the caller did not choose is no error.

    Holds code:Model.sides and code:_check_size.
    """
    assert client.post("/generations", json=KONTEXT | size).status_code == 200


@pytest.mark.parametrize(("name", "size"), [("height", 1216), ("width", 768)])
def test_kontext_names_the_sizes_that_it_has(client: httpx.Client, name: str, size: int) -> None:
    """A public program reads the list out of the refusal.

    Holds code:Model.sides#2 and code:Model.sides#3 and error:NOT_A_SIDE_OF_MODEL.
    """
    answer = client.post("/generations", json=KONTEXT | {name: size})
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        f"This model requires a {name} of "
        "672, 720, 752, 832, 880, 944, 1024, 1104, 1184, 1248, 1392, 1456, 1568",
    )
    assert answer.headers["x-leomock-explain"] == (
        f"createGeneration: {name} is {size}, which FLUX.1 Kontext does not have"
    )


def test_canvas_image_that_is_no_picture() -> None:
    """The sketch is drawn without it, and the explanation says why."""
    with Fake() as fake, client_of(fake) as client:
        body = {"prompt": "a fox", "imageDataUrl": "data:image/jpeg;base64,aGVsbG8="}
        answer = client.post("/generations-lcm", json=body)
    assert answer.headers["x-leomock-explain"] == (
        "imageDataUrl: the uploaded file is no image: neither JPEG, PNG nor WebP"
    )
