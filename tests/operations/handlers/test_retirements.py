"""What the vendor has retired in version 1: refused by default, and answered on an earlier day."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from leomock import Fake
from leomock.leonardo.catalogue.retirements import retired_models, retired_operations
from tests.fixtures import client_of, completed, refused

NAMES = {row["version_1"]: row for row in retired_models() if "version_1" in row}
PATHS: dict[str, tuple[str, dict[str, Any]]] = {
    "createSVDMotionGeneration": ("/generations-motion-svd", {}),
    "createTextureGeneration": (
        "/generations-texture",
        {"modelAssetId": "6163f776-ad40-47fc-acd4-c04b22590ada", "prompt": "stone"},
    ),
}
PAGE = "page Deprecations & Changes of docs.leonardo.ai"


@pytest.mark.parametrize("name", NAMES)
def test_retired_video_model_is_refused_from_its_date_on(name: str) -> None:
    """On the day before, it makes a video.

    Holds code:retirement_in_version_1 and code:retirement_in_version_1#2.
    """
    row = NAMES[name]
    day = row["date"]
    before = f"{day[:8]}{int(day[8:]) - 1:02}"
    body = {"prompt": "waves", "model": name}
    for as_of, status in ((before, 200), (day, 400), ("", 400)):
        with Fake(as_of=as_of) as fake, client_of(fake) as client:
            answer = client.post("/generations-text-to-video", json=body)
            assert answer.status_code == status, as_of
    text, explain = refused(answer)
    assert text == (
        f"{name} is not supported within the Production API. Please try again with a different model ID."
    )
    assert explain.startswith(f"createTextToVideoGeneration: model is {name}, retired on {day}; use ")
    assert explain.endswith("; --as-of DATE answers as on an earlier day)")


def test_retired_operation_is_refused(client: httpx.Client) -> None:
    """However a client calls it. Holds code:retired_operation."""
    path, _ = PATHS["createSVDMotionGeneration"]
    for body in ({}, {"imageId": completed(client)["generated_images"][0]["id"]}):
        answer = client.post(path, json=body)
        assert answer.status_code == 400
        assert refused(answer) == (
            "Motion 1.0 is not supported within the Production API.",
            "createSVDMotionGeneration: Motion 1.0, retired on 2026-06-17; use createImageToVideoGeneration, "
            f"or hailuo-2_3 of version 2 ({PAGE}; --as-of DATE answers as on an earlier day)",
        )


def test_operation_that_was_seen_to_be_gone_is_no_endpoint(client: httpx.Client) -> None:
    """As an address that was never there, but with an explanation."""
    path, body = PATHS["createTextureGeneration"]
    answer = client.post(path, json=body)
    assert answer.status_code == 404
    assert answer.json() == {"error": "Endpoint not found", "path": "$", "code": "not-found"}
    assert answer.headers["x-leomock-explain"] == (
        "createTextureGeneration: Texture generation, retired on 2026-05-23 (a public program got 404 while "
        "its other 3D operations worked; the SDK still documents it; --as-of DATE answers as on an earlier "
        "day)"
    )


@pytest.mark.parametrize("row", retired_operations(), ids=lambda row: str(row["id"]))
def test_retired_operation_is_there_on_the_day_before(row: dict[str, Any]) -> None:
    """It looks at the request, and finds it wanting."""
    path, body = PATHS[row["id"]]
    day = row["date"]
    with Fake(as_of=f"{day[:8]}{int(day[8:]) - 1:02}") as fake, client_of(fake) as client:
        answer = client.post(path, json=body)
    assert answer.status_code == 400
    assert "retired" not in answer.headers["x-leomock-explain"]


def test_motion_2_costs_the_same_in_both_versions() -> None:
    """At every size that both have."""
    models = {"MOTION2": "motion_2.0", "MOTION2FAST": "motion_2.0-fast"}
    with Fake() as fake, client_of(fake) as client:
        second = httpx.Client(transport=fake.transport, base_url=fake.base_url.replace("/v1", "/v2"))
        for name, slug in models.items():
            for resolution, (width, height) in {"480": (832, 480), "720": (1280, 720)}.items():
                first = client.post(
                    "/generations-text-to-video",
                    json={"prompt": "waves", "model": name, "resolution": f"RESOLUTION_{resolution}"},
                ).json()["motionVideoGenerationJob"]["apiCreditCost"]
                asked = {"model": slug, "parameters": {"prompt": "waves", "width": width, "height": height}}
                answer = second.post("/generations", json=asked, headers=client.headers).json()
                assert float(answer["generate"]["cost"]["amount"]) == first, (name, resolution)
