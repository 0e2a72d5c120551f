"""Write capability files of our documents, by the conventions of the published ones.

Observed in the published file of the image generations: names are the kebab case of operation ids and path
segments, a tool is named after the provider and its operation, hints follow the method, REST paths begin
with `/v1`, and both adapters offer every operation. The published file breaks the format's own schema, so
these files differ where that schema wants it: `token` for the key, and types and descriptions of inputs with
the adapters, not with what is consumed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from leomock.openapi.documents import Json, groups, operations_of, resolve
from leomock.openapi.spec import Spec

PROVIDER = "Leonardo.AI"
KEY = "LEONARDO_AI_API_KEY"
# The date of the published file: exporting twice gives the same text.
DATE = "2026-05-25"
WIDTH = 120
_WHOLE = "$."


def exported(spec: Spec) -> dict[str, Json]:
    """Return the capability of each document, by its namespace, in document order."""
    found = {}
    for name, document in groups(spec.folder, published_only=True).items():
        namespace = _namespace(name, document)
        found[namespace] = _capability(spec, namespace, document)
    return found


def as_yaml(capability: Json) -> str:
    """Return a capability as the text of its file."""
    import yaml

    return yaml.safe_dump(capability, sort_keys=False, allow_unicode=True, width=WIDTH)


def file_name(namespace: str) -> str:
    """Return the name of a capability's file, by the convention of the documents."""
    return f"{namespace.replace('-', '_')}.yaml"


def kebab(name: str) -> str:
    """Return `getGenerationById` as `get-generation-by-id`: capitals begin words, unless after a capital."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()


def tool_name(operation: str) -> str:
    """Return the tool name of an operation, from its name in a capability."""
    return f"{PROVIDER.lower().replace('.', '-')}-{operation}"


def hints(method: str) -> dict[str, bool]:
    """Return the hints for callers of a tool, by the method of its operation."""
    return {
        "readOnly": method == "GET",
        "destructive": method == "DELETE",
        "idempotent": method in ("GET", "DELETE"),
    }


def _subject(document: Json) -> str:
    """Return the subject of a document from its title: `Image Generation`; of two subjects, the first."""
    title: str = document["info"]["title"]
    return title.removeprefix(f"{PROVIDER} ").removesuffix(" API").partition(" & ")[0]


def _namespace(name: str, document: Json) -> str:
    """Return the subject in kebab case; if that begins with a digit, the name of the document."""
    namespace = _subject(document).lower().replace(" ", "-")
    return name.replace("_", "-") if namespace[0].isdigit() else namespace


def _capability(spec: Spec, namespace: str, document: Json) -> Json:
    label = f"{PROVIDER} {_subject(document)}"
    resources = []
    for path in document["paths"]:
        name = "-".join(kebab(step.strip("{}")) for step in path.strip("/").split("/"))
        operations = [
            _operation(spec, method, entry) for method, entry in operations_of(spec.published["paths"][path])
        ]
        resources.append({"name": name, "path": path, "operations": operations})
    return {
        "naftiko": "1.0.0-alpha2",
        "info": {
            "label": label,
            "description": document["info"]["description"],
            "tags": [PROVIDER, _subject(document)],
            "created": DATE,
            "modified": DATE,
        },
        "binds": [{"namespace": "env", "keys": {KEY: KEY}}],
        "capability": {
            "consumes": [
                {
                    "type": "http",
                    "namespace": namespace,
                    "baseUri": document["servers"][0]["url"],
                    "description": f"The operations of the {document['info']['title']}.",
                    "resources": _consumed(resources),
                    "authentication": {
                        "type": "bearer",
                        "token": f"{{{{env.{KEY}}}}}",
                    },
                }
            ],
            "exposes": [_rest(namespace, resources), _mcp(namespace, label, resources)],
        },
    }


def inputs(entry: Json, resolved: Callable[[Json], Json]) -> list[Json]:
    """Return the inputs of an operation in capability form; `resolved` follows a schema's reference."""
    found = [
        {
            "name": parameter["name"],
            "in": parameter["in"],
            "type": resolved(parameter["schema"])["type"],
            "description": parameter.get("description") or parameter["name"],
            "required": parameter.get("required", False),
        }
        for parameter in entry.get("parameters", ())
    ]
    if body := entry.get("requestBody"):
        text = body.get("description", "The parameters, as one JSON object.")
        required = body.get("required", False)
        found.append(
            {"name": "body", "in": "body", "type": "object", "description": text, "required": required}
        )
    return found


def _operation(spec: Spec, method: str, entry: Json) -> Json:
    return {
        "name": kebab(entry["operationId"]),
        "method": method.upper(),
        "description": entry["description"],
        "outputRawFormat": "json",
        "outputParameters": [{"name": "result", "type": "object", "value": _WHOLE}],
        "inputParameters": inputs(entry, partial(resolve, spec.published)),
    }


def _consumed(resources: list[Json]) -> list[Json]:
    """Return the consumed resources with only the names and locations of inputs."""
    return [
        resource
        | {
            "operations": [
                operation
                | {
                    "inputParameters": [
                        {"name": each["name"], "in": each["in"]} for each in operation["inputParameters"]
                    ]
                }
                for operation in resource["operations"]
            ]
        }
        for resource in resources
    ]


def _rest(namespace: str, resources: list[Json]) -> Json:
    return {
        "type": "rest",
        "namespace": f"{namespace}-rest",
        "port": 8080,
        "resources": [
            {
                "path": f"/v1{resource['path']}",
                "name": resource["name"],
                "description": f"What {resource['path']} offers.",
                "operations": [
                    {
                        "method": operation["method"],
                        "name": operation["name"],
                        "inputParameters": [
                            {key: each[key] for key in ("name", "in", "type", "description")}
                            for each in operation["inputParameters"]
                        ],
                        **_offer(namespace, operation, "rest"),
                    }
                    for operation in resource["operations"]
                ],
            }
            for resource in resources
        ],
    }


def _mcp(namespace: str, label: str, resources: list[Json]) -> Json:
    return {
        "type": "mcp",
        "namespace": f"{namespace}-mcp",
        "port": 9090,
        "transport": "http",
        "description": f"{label} as tools, one for each operation.",
        "tools": [
            _tool(namespace, operation) for resource in resources for operation in resource["operations"]
        ],
    }


def _tool(namespace: str, operation: Json) -> Json:
    offer = _offer(namespace, operation, "tools")
    return {
        "name": tool_name(operation["name"]),
        "description": offer.pop("description"),
        "inputParameters": [
            {key: each[key] for key in ("name", "type", "description", "required")}
            for each in operation["inputParameters"]
        ],
        "hints": hints(operation["method"]),
        **offer,
    }


def _offer(namespace: str, operation: Json, caller: str) -> dict[str, Any]:
    """Return the parts that a REST operation and a tool share."""
    return {
        "description": operation["description"],
        "call": f"{namespace}.{operation['name']}",
        "with": {each["name"]: f"{caller}.{each['name']}" for each in operation["inputParameters"]},
    }
