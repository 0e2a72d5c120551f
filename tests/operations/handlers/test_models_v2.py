"""The list of the models of version 2."""

from __future__ import annotations

import uuid

import httpx

from leomock.leonardo.catalogue.v2 import models_v2


def test_models_and_the_schemas_of_their_parameters(client: httpx.Client) -> None:
    """All that leomock knows; ids are UUIDs, the same each time.

    Holds operation:listModelsV2.
    """
    url = client.base_url.join("/api/rest/v2/models")
    listed = client.get(url).json()["productionApiAvailableModels"]
    assert [model["name"] for model in listed] == [model.name for model in models_v2().values()]
    assert {uuid.UUID(model["id"]).version for model in listed} == {4}
    assert len({model["id"] for model in listed}) == len(listed) == 81
    by_name = {model["name"]: model for model in listed}
    assert by_name["Lucid Origin"]["id"] == "7b592283-e8a7-4c5a-9ba6-d18c31f258b9"
    assert by_name["Lucid Origin"]["parameters"]["properties"]["width"]["maximum"] == 3840
    assert by_name["Krea 2 Turbo"]["parameters"]["required"] == ["prompt"]
    assert all(model["parameters"]["additionalProperties"] is False for model in listed)
    # Seen: 69 models in 251,726 bytes.
    assert 2000 < len(client.get(url).content) / len(listed) < 4500
