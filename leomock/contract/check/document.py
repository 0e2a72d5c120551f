"""Build the document for a check: the strict contract plus the parameters that v2 models accept."""

from __future__ import annotations

from collections.abc import Collection

from leomock.contract.check.models import name_models
from leomock.contract.strict import JSON, strict_document
from leomock.leonardo.catalogue.retirements import is_past, retired_models, retired_operations
from leomock.openapi.documents import Json, operations_of, resolve
from leomock.openapi.spec import Spec


def document(spec: Spec, server: str, *, published: bool = False, as_of: str = "") -> Json:
    """Return the document for a server; model parameters come from the catalogue.

    What the vendor had retired by the day `as_of` (empty: the newest facts) is left out.
    """
    result = strict_document(spec, server, published=published)
    name_models(result)
    _leave_out(result, operations_gone(as_of), _models_gone(as_of))
    return result


def operations_gone(as_of: str) -> set[str]:
    """Return the operations that the vendor had retired by a day."""
    return {row["id"] for row in retired_operations() if is_past(row["date"], as_of)}


def _models_gone(as_of: str) -> set[str]:
    names = {row["version_1"]: row["date"] for row in retired_models() if "version_1" in row}
    return {name for name, moment in names.items() if is_past(moment, as_of)}


def _leave_out(document: Json, operations: Collection[str], models: Collection[str]) -> None:
    """Remove operations with the links to them, and values of the parameter `model`."""
    for path, item in list(document["paths"].items()):
        for method, entry in list(operations_of(item)):
            if entry["operationId"] in operations:
                del item[method]
                continue
            for response in entry["responses"].values():
                links = response.get("links", {})
                for name in [name for name, link in links.items() if link.get("operationId") in operations]:
                    del links[name]
            content = entry.get("requestBody", {}).get("content", {}).get(JSON)
            if content:
                _leave_out_models(content, resolve(document, content["schema"]), models)
        if not any(operations_of(item)):
            del document["paths"][path]


def _leave_out_models(content: Json, body: Json, models: Collection[str]) -> None:
    model = body.get("properties", {}).get("model", {})
    if not set(models).isdisjoint(model.get("enum", ())):
        kept = {**model, "enum": [name for name in model["enum"] if name not in models]}
        content["schema"] = {**body, "properties": {**body["properties"], "model": kept}}
