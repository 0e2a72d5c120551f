"""The models of version 2."""

from __future__ import annotations

from leomock.leonardo.basis import Chosen
from leomock.leonardo.catalogue import models_v2
from leomock.openapi.request_parser import Call
from leomock.operations.registry import operation
from leomock.state.table import Row
from leomock.state.world import World


@operation("listModelsV2", basis=[Chosen("a schema that is not known takes any object")])
def list_models_v2(call: Call, world: World) -> list[Row]:
    """All models that leomock knows, with the schemas of their parameters as far as they are known."""
    return [
        {"id": model.id, "name": model.name, "parameters": model.parameters or {"type": "object"}}
        for model in models_v2().values()
    ]
