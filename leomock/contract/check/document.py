"""Makes the document that a check holds a server to: the letter of ours, with what it leaves open closed."""

from __future__ import annotations

from leomock.contract.check.models import name_models
from leomock.openapi.documents import Json, operations_of, resolve, with_nulls
from leomock.openapi.spec import Spec


def document(spec: Spec, server: str, *, published: bool = False) -> Json:
    """The document for a server.

    An enum under `nullable` lists null: the published document never does, and means it. In the effective
    document an object of a success holds exactly the properties that it names (`x-sparse` ones at will), as a
    fixed GraphQL selection does; the published one is left open, since real answers hold more than it names.
    Which parameters a model takes is known besides the document.
    """
    result = with_nulls(spec.document(server, published=published))
    name_models(result)
    if not published:
        for item in result["paths"].values():
            for _, entry in operations_of(item):
                content = entry["responses"]["200"]["content"]["application/json"]
                content["schema"] = _closed(result, content["schema"])
    return result


def _closed(document: Json, schema: Json) -> Json:
    """A schema with its references inlined, since requests share them, and its objects closed."""
    schema = dict(resolve(document, schema))
    if "properties" in schema:
        parts = schema["properties"]
        schema["properties"] = {name: _closed(document, part) for name, part in parts.items()}
        # The mark may stand beside a reference, or where that leads.
        if required := [
            name
            for name, part in parts.items()
            if not (part.get("x-sparse") or resolve(document, part).get("x-sparse"))
        ]:
            schema["required"] = required
        schema.setdefault("additionalProperties", False)
    if "items" in schema:
        schema["items"] = _closed(document, schema["items"])
    for word in ("oneOf", "anyOf", "allOf"):
        if word in schema:
            schema[word] = [_closed(document, part) for part in schema[word]]
    return schema
