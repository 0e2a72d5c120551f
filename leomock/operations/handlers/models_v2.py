"""Version 2 models."""

from __future__ import annotations

from leomock.leonardo.basis import Chosen
from leomock.leonardo.catalogue.v2 import models_on
from leomock.openapi.request_parser import Call
from leomock.operations.offered import offered
from leomock.operations.registry import operation
from leomock.state.table import Row
from leomock.state.world import World


@operation(
    "listModelsV2",
    basis=[Chosen("a model whose parameters are not known has a schema that allows any object")],
)
def list_models_v2(call: Call, world: World) -> list[Row]:
    """List the models with the JSON Schema of their parameters."""
    return [
        {"id": model.id, "name": model.name, "parameters": model.parameters or {"type": "object"}}
        for model in {**models_on(world.settings.as_of), **offered(world).models_v2}.values()
    ]
