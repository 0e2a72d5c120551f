"""What the platform offers, as far as the catalogue decides it."""

from __future__ import annotations

import pytest

from leomock.leonardo.catalogue import elements, is_retired, models_v2, schema_v2
from leomock.leonardo.catalogue.prices import price_v2


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


def test_highest_numbers_of_a_model_of_which_nothing_is_known() -> None:
    """No model is known to take more.

    Holds code:schema_v2.
    """
    properties = schema_v2("krea-2-turbo")["properties"]
    most = {name: properties[name]["maximum"] for name in ("width", "height", "quantity", "seed")}
    assert most == {"width": 4096, "height": 4096, "quantity": 8, "seed": 9999999998}


@pytest.mark.parametrize(
    ("slug", "retired"),
    [
        *((slug, True) for slug in ("sora-2", "sora-2-pro", "veo-3", "veo-3.0-fast", "seedance-1.0-lite")),
        *((slug, True) for slug in ("motion-svd", "veo-3.1-generate-preview")),
        *((slug, False) for slug in ("veo-3.1-lite", "seedance-1.0-pro", "motion_2.0", "sora")),
    ],
)
def test_slugs_of_retired_models(slug: str, retired: bool) -> None:
    """Models that the guides call retired, in the way that slugs are made.

    Holds code:is_retired.
    """
    assert is_retired(slug) is retired


def test_prices_of_models_of_which_none_was_seen() -> None:
    """Those of a kind cost the same.

    Holds code:price_v2#2.
    """
    row = {"imageWidth": 1024, "imageHeight": 1024, "num_images": 1, "seconds": 2}
    assert price_v2("krea-2-turbo", "image", row) == price_v2("flux-dev", "image", row) == 8
    assert price_v2("kling-3.0", "video", row) == price_v2("hailuo-03", "video", row) == 60
