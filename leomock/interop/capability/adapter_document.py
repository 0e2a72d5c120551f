"""The OpenAPI document of a REST adapter, and the adapter's description of itself."""

from __future__ import annotations

from typing import Any

from leomock.interop.capability.credentials import Credentials
from leomock.interop.capability.documented import documented
from leomock.interop.capability.model import Adapter, Input, Offer
from leomock.openapi.documents import Json
from leomock.openapi.operations import Operation as Documented
from leomock.openapi.spec import Versions

DOCUMENT_PATH = "/openapi.json"
_SCHEMES = {"bearer": "bearer", "basic": "basic"}


def about(adapter: Adapter) -> Json:
    """Return an adapter's response at `/`: its name, what it serves, and where its document is."""
    served = [f"{offer.method} {offer.path}" for offer in adapter.offers]
    served += [f"any method {forward.path}" for forward in adapter.forwards]
    return {
        "name": adapter.namespace,
        **({"description": adapter.description} if adapter.description else {}),
        "operations": served,
        "openapi": DOCUMENT_PATH,
    }


def document(adapter: Adapter, versions: Versions) -> Json:
    """Return the OpenAPI 3.1 document of a REST adapter.

    Bodies and responses that the file passes on unchanged have the schemas of the API's documents.
    """
    paths: Json = {}
    for offer in adapter.offers:
        known = documented(versions, offer.operation)
        paths.setdefault(offer.path, {})[offer.method.lower()] = _operation(offer, known)
    found: Json = {
        "openapi": "3.1.0",
        "info": {"title": adapter.namespace, "version": "1", "description": adapter.description},
        "paths": paths,
    }
    if adapter.key:
        found["components"] = {"securitySchemes": {"key": _scheme(adapter.key)}}
        found["security"] = [{"key": []}]
    return found


def _operation(offer: Offer, known: Documented | None) -> Json:
    found: Json = {
        "operationId": f"{offer.method.lower()}-{offer.path.strip('/').replace('/', '-')}".translate(_PLAIN),
        "summary": offer.label or offer.name,
        "description": offer.description,
        "parameters": [
            {
                "name": each.name,
                "in": each.location,
                "required": each.required,
                "description": each.description,
                "schema": {"type": each.type},
            }
            for each in offer.inputs
            if each.location in ("path", "query", "header")
        ],
        "responses": {"200": {"description": "The answer.", "content": _content(_answer(offer, known))}},
    }
    if body := _body([each for each in offer.inputs if each.location == "body"], known):
        found["requestBody"] = body
    return found


# Braces are no part of an operation id.
_PLAIN = str.maketrans("", "", "{}")


def _answer(offer: Offer, known: Documented | None) -> Json:
    unchanged = known and offer.mapping is None and offer.steps is None and offer.mock is None
    return known.answer_schema if known and unchanged else {}


def _body(inputs: list[Input], known: Documented | None) -> Json:
    """Return the request body: a single input is the whole body, several inputs are its fields."""
    if not inputs:
        return {}
    if len(inputs) == 1:
        (only,) = inputs
        schema = (known.body_schema if known else None) or {"type": only.type}
        return {"required": only.required, "content": _content(schema)}
    fields = {each.name: {"type": each.type, "description": each.description} for each in inputs}
    return {"content": _content({"type": "object", "properties": fields})}


def _content(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _scheme(key: Credentials) -> Any:
    if key.kind in _SCHEMES:
        return {"type": "http", "scheme": _SCHEMES[key.kind]}
    return {"type": "apiKey", "in": "query" if key.in_query else "header", "name": key.name}
