"""What the platform offers, as far as the catalogue decides it."""

from __future__ import annotations

from typing import Any

import pytest

from leomock import Fake
from leomock.leonardo.catalogue import elements
from leomock.leonardo.catalogue.prices import price_v2
from leomock.leonardo.catalogue.v2 import find_model_v2, models_v2
from tests.fixtures import client_of


def test_elements_are_some_of_those_seen() -> None:
    """Of families that the document knows, with whole weights.

    Holds code:Element
    and code:Element#2
    and code:elements.
    """
    assert 10 < len(elements()) < 110
    assert elements()["01b6184e-3905-4dc7-9ec6-4f09982536d5"].name == "Celtic Punk"
    assert "WAN21" not in {element.base_model for element in elements().values()}
    # Seen with 0.7.
    assert elements()["f663d120-0692-4e0a-9917-36f92b034aef"].weight_default == 1


def test_id_of_a_model_that_nobody_saw() -> None:
    """Follows from its slug; one that was seen is kept.

    Holds code:ModelV2.
    """
    assert models_v2()["lucid-origin"].id == "7b592283-e8a7-4c5a-9ba6-d18c31f258b9"
    assert models_v2()["krea-2-turbo"].id == "d9e6e530-6e4f-4349-9ad0-54843fce5b8a"


def test_prices_of_models_of_which_none_was_seen() -> None:
    """Those of a kind cost the same.

    Holds code:price_v2#4.
    """
    row = {"imageWidth": 1024, "imageHeight": 1024, "num_images": 1, "seconds": 2}
    models = models_v2()
    assert price_v2(models["krea-2-turbo"], row, {}) == price_v2(models["flux-dev"], row, {}) == 8
    assert price_v2(models["kling-2.5"], row, {}) == price_v2(models["hailuo-03"], row, {}) == 60


def test_prices_that_a_page_or_a_program_gives() -> None:
    """They grow with pixels, seconds, quality and references.

    Holds code:price_v2#3.
    """
    models = models_v2()
    square = {"imageWidth": 1024, "imageHeight": 1024, "num_images": 1}
    references: dict[str, Any] = {"guidances": {"image_reference": [{}]}}
    for slug, row, given, credits in (
        ("gpt-image-1.5", square, {"quality": "LOW"}, 13),
        ("gpt-image-1.5", square, {}, 38),
        ("gpt-image-1.5", square, {"quality": "HIGH"}, 137),
        ("gpt-image-2", {"imageWidth": 1376, "imageHeight": 768, "num_images": 1}, {}, 66),
        ("flux-pro-2.0", {"imageWidth": 1440, "imageHeight": 1440, "num_images": 1}, {}, 56),
        ("flux-pro-2.0", {"imageWidth": 1440, "imageHeight": 1440, "num_images": 1}, references, 84),
        ("kling-2.6", {"seconds": 5, "num_images": 1}, {}, 604),
        ("kling-2.6", {"seconds": 10, "num_images": 1}, {}, 1208),
        ("hailuo-2_3", {"seconds": 6, "num_images": 1}, {}, 180),
        ("hailuo-2_3-fast", {"seconds": 6, "num_images": 1}, {}, 128),
        ("bytedance/seedance-2.5", {"seconds": 4, "num_images": 1}, {}, 1168),
        ("veo-3.1-generate-001", {"seconds": 6, "num_images": 1}, {}, 1605),
        ("veo-3.1-fast-generate-001", {"seconds": 8, "num_images": 1}, {}, 1092),
    ):
        assert price_v2(models[slug], row, given) == credits, slug


@pytest.mark.parametrize("slug", ["phoenix-v1.0", "lucid-origin", "flux-dev"])
def test_image_model_costs_the_same_in_both_versions(slug: str) -> None:
    """Where no price of version 2 was seen. Holds code:price_v2#2."""
    size = {"prompt": "a cat", "width": 1024, "height": 1024}
    with Fake() as fake, client_of(fake) as client:
        model = find_model_v2(slug)
        assert model
        one = client.post("/generations", json={**size, "modelId": model.id, "num_images": 1}).json()
        url = f"{fake.url}/api/rest/v2/generations"
        two = client.post(url, json={"model": slug, "parameters": {**size, "quantity": 1}}).json()
    assert two["generate"]["cost"]["amount"] == one["sdGenerationJob"]["cost"]["amount"]
