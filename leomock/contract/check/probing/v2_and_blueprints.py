"""Probes of version 2 and blueprints."""

from __future__ import annotations

import base64
from typing import Any

from leomock.contract.check.lives import (
    BY_NAME,
    at,
    filled,
)
from leomock.contract.check.media import PICTURE
from leomock.contract.check.properties import picture_problems
from leomock.contract.check.resources import Files
from leomock.contract.check.visit import Row, Skipped, Tell, Visit, json_of, require, rows, shown

_EXECUTED = "getBlueprintExecutionGenerations"

# The documented length of a page.
LONGEST_PAGE = 100


def probe_at_once(visit: Visit, tell: Tell) -> None:
    """Check that the file from a synchronous generation matches the response."""
    operation = "createGenerationSyncV2"
    data = base64.b64encode(PICTURE).decode()
    references = {"image_reference": [{"image": {"type": "BASE64", "data": data}}]}
    body = {"model": "remove-bg", "parameters": {"guidances": references}}
    answer = json_of(visit.send("POST", "v2/generationssync", body))
    require(isinstance(answer, dict), "POST v2/generationssync was refused")
    # Both formats have been observed: with and without an envelope.
    made = rows(answer.get("generateSync", answer), "the answer to POST v2/generationssync")
    [result] = made["results"]
    found = visit.send("GET", result["url"], client=visit.stranger)
    tell(found.status_code == 200, operation, f"the result's address answered {found.status_code}")
    if found.status_code != 200:
        return
    wanted = Files("url", size=(result["width"], result["height"]), transparent=True)
    for told in picture_problems(wanted, found):
        tell(False, operation, told)
    kind = found.headers.get("content-type", "")
    told = f"the result's address answered content type {shown(kind)}, not {shown(result['contentType'])}"
    tell(kind == result["contentType"], operation, told)


def probe_models_2(visit: Visit, tell: Tell) -> None:
    """Check that version 2 lists its models."""
    answer = json_of(visit.send("GET", "v2/models"))
    models = next(iter(answer.values()), None) if isinstance(answer, dict) else None
    require(isinstance(models, list) and models, "GET v2/models lists nothing")
    ids = [model.get("id") for model in models or ()]
    tell(len(set(ids)) == len(ids), "listModelsV2", "GET v2/models lists two models with the same id")


def probe_blueprints(visit: Visit, tell: Tell) -> None:
    """Check that a listed blueprint can be read and has versions."""
    edges = _pages(visit, tell, "listBlueprints", "/blueprints")
    if not edges:
        raise Skipped("the server has no blueprints")
    id = edges[0]["node"]["akUUID"]
    row = visit.call("GET", f"/blueprints/{id}")
    told = f"blueprint {id} reads with another akUUID or name than in the list"
    node = edges[0]["node"]
    same = isinstance(row, Row) and all(row[name] == node[name] for name in ("akUUID", "name"))
    tell(same, "getBlueprintById", told)
    versions = _pages(visit, tell, "getBlueprintVersionsByBlueprintId", f"/blueprints/{id}/versions")
    tell(versions, "getBlueprintVersionsByBlueprintId", f"blueprint {id} has no versions")


def probe_execution(visit: Visit, tell: Tell) -> None:
    """Check that an execution of a blueprint leads to generations that can be read."""
    create = BY_NAME["blueprint execution"]
    id = visit.call("POST", create.create.path, filled(visit, dict(create.body)))["akUUID"]
    visit.wait_for(f"/blueprint-executions/{id}")
    path = f"/blueprint-executions/{id}/generations"
    edges = _pages(visit, tell, _EXECUTED, path)
    tell(edges, _EXECUTED, "a finished execution has no generations")
    for edge in edges[:1]:
        node = edge["node"]
        tell(
            node["status"] == "COMPLETED",
            _EXECUTED,
            f"a generation of a finished execution is {node['status']}",
        )
        row = visit.call("GET", f"/generations/{node['generationId']}")
        tell(row and row["generated_images"], _EXECUTED, "a generation of an execution reads without images")
    if visit.other:
        seen = json_of(visit.send("GET", path, client=visit.other))
        found = at(seen, ["blueprintExecutionGenerations", "edges", "*"])
        tell(not found, _EXECUTED, "another key sees the generations of an execution")


def _pages(visit: Visit, tell: Tell, operation: str, path: str) -> list[Any]:
    """Check that cursors, counts and the pages of a list fit together; return all rows."""
    has_pages = operation != "getBlueprintVersionsByBlueprintId"
    page = visit.call("GET", path, **({"first": LONGEST_PAGE} if has_pages else {}))
    edges, about = page["edges"], page["pageInfo"]
    cursors = [edge["cursor"] for edge in edges]
    tell(len(set(cursors)) == len(cursors), operation, f"GET {path} has two rows with one cursor")
    wanted = {
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else None,
        "hasNextPage": len(edges) >= LONGEST_PAGE and about["hasNextPage"],
        "hasPreviousPage": False,
    }
    for name, value in wanted.items():
        told = f"GET {path}: '{name}' is {shown(about[name])}, not {shown(value)}"
        tell(about[name] == value, operation, told)
    if not wanted["hasNextPage"]:
        total = page.get("totalCount", len(edges))
        tell(total == len(edges), operation, f"GET {path} has {len(edges)} rows, 'totalCount' is {total}")
    if has_pages and len(edges) > 1:
        second = visit.call("GET", path, first=1, after=cursors[0])
        came = [edge["cursor"] for edge in second["edges"]]
        told = f"GET {path} with first=1 after the first row gave {len(came)} rows, not the second one"
        tell(came == cursors[1:2], operation, told)
        more = second["pageInfo"]["hasNextPage"]
        told = f"GET {path}: 'hasNextPage' of the second row is {shown(more)} of {len(edges)} rows"
        tell(more == (len(edges) > 2), operation, told)
    return list(edges)
