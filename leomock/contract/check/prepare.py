"""Create real resources on the server before a check, so that its calls can name them."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from leomock.contract.check.media import MESH, PICTURE
from leomock.contract.check.resource_pool import Kind, ResourcePool
from leomock.contract.check.target import Target
from leomock.contract.check.visit import (
    FIRST_WAIT_SECONDS,
    IMPATIENT_SECONDS,
    LONGEST_WAIT_SECONDS,
    QUICK_READS,
)
from leomock.leonardo.catalogue import platform_models


@dataclass(frozen=True, slots=True)
class Source:
    """A call whose response reveals resources of one kind.

    The location is given as steps into the response, with `*` for every item. `path` and `body` may refer to
    a resource as `{kind}`; if none is known, the call is skipped. Resources that take time count as known
    once they are finished: `read` says where their status is.
    """

    method: str
    path: str
    tells: dict[str, Kind]
    body: dict[str, Any] = field(default_factory=dict)
    read: str = ""


@dataclass(frozen=True, slots=True)
class Upload:
    """A call that returns a presigned form, the file for it, and the kind of resource that results.

    `names` are the names of the id, the URL and the form fields in the response.
    """

    path: str
    body: dict[str, Any]
    envelope: str
    names: tuple[str, str, str]
    content: bytes
    kind: Kind


UPLOADS = (
    Upload(
        "/init-image", {"extension": "jpg"}, "uploadInitImage", ("id", "url", "fields"), PICTURE, "init image"
    ),
    Upload(
        "/models-3d/upload",
        {"name": "leomock check", "modelExtension": "obj"},
        "uploadModelAsset",
        ("modelId", "modelUrl", "modelFields"),
        MESH,
        "3D model",
    ),
)
# The order matters: later entries use resources that earlier ones created.
LISTS = (
    Source("GET", "/me", {"user_details.*.user.id": "user"}),
    Source("GET", "/platformModels", {"custom_models.*.id": "model"}),
    Source("GET", "/elements", {"loras.*.akUUID": "element"}),
    Source("GET", "/elements/user/{user}", {"user_loras.*.id": "user element"}),
    Source("GET", "/models/user/{user}", {"custom_models.*.id": "custom model"}),
    Source("GET", "/models-3d/user/{user}", {"model_assets.*.id": "3D model"}),
    Source("GET", "/blueprints", {"blueprints.edges.*.node.akUUID": "blueprint"}),
    Source(
        "GET",
        "/blueprints/{blueprint}/versions",
        {
            "blueprintVersions.edges.*.node.akUUID": "blueprint version",
            # The same, with its required inputs.
            "blueprintVersions.edges.*.node": "asking version",
        },
    ),
    Source(
        "GET",
        "/generations/user/{user}",
        {"generations.*.id": "generation", "generations.*.generated_images.*.id": "generated image"},
    ),
)
MAKERS = (
    Source("POST", "/datasets", {"insert_datasets_one.id": "dataset"}, {"name": "leomock check"}),
    Source("POST", "/media", {"uploadMedia.uploadId": "media"}, {"extension": "mp4"}),
    Source(
        "POST",
        "/variations/upscale",
        {"sdUpscaleJob.id": "variation"},
        {"id": "{generated image}"},
        "/variations",
    ),
    Source(
        "POST",
        "/generations-text-to-video",
        {"motionVideoGenerationJob.generationId": "video"},
        {"prompt": "waves, for leomock check"},
        "/generations",
    ),
)


def prepare(target: Target, things: ResourcePool) -> None:
    """Find existing resources and, if writing is allowed, create the missing kinds.

    If the server does not support a kind, it is skipped, and calls that need it name no resource.
    """
    things.add("model", *platform_models())
    with target.client() as client:
        for source in LISTS:
            _ask(target, client, source, things)
        if target.writes:
            with target.stranger() as stranger:
                for upload in UPLOADS:
                    _upload(client, stranger, upload, things)
            _generate(target, client, things)
            _execute(client, things)
            for source in MAKERS:
                _ask(target, client, source, things)


def _ask(target: Target, client: httpx.Client, source: Source, things: ResourcePool) -> None:
    path, body = _filled(source.path, things), _filled(source.body, things)
    if path is None or body is None:
        return
    answer = json_of(client.request(source.method, path, json=body or None))
    if source.method == "POST":
        things.made(answer)
    for steps, kind in source.tells.items():
        for id in at(answer, steps.split(".")):
            if not source.read or finished(target, client, f"{source.read}/{id}"):
                things.add(kind, id)


def _filled(value: Any, things: ResourcePool) -> Any:
    """Fill in the kinds in a path or a body; return None if no resource of a kind is known."""
    if isinstance(value, dict):
        filled = {name: _filled(part, things) for name, part in value.items()}
        return None if None in filled.values() else filled
    before, brace, rest = value.partition("{")
    if not brace:
        return value
    kind, _, after = rest.partition("}")
    known = things.of(kind)
    return f"{before}{known[0]}{after}" if known else None


def _upload(client: httpx.Client, stranger: httpx.Client, upload: Upload, things: ResourcePool) -> None:
    answer = json_of(client.post(upload.path, json=upload.body))
    things.made(answer)
    id, url, fields = upload.names
    for made in at(answer, [upload.envelope]):
        with contextlib.suppress(KeyError, TypeError, ValueError):  # no form, or an unreadable one
            if send_file(stranger, made[url], made[fields], upload.content):
                things.add(upload.kind, made[id])


def _generate(target: Target, client: httpx.Client, things: ResourcePool) -> None:
    """Create a generation of small images; it counts as known only if it finishes."""
    answer = json_of(client.post("/generations", json=SMALL))
    things.made(answer)
    for id in at(answer, ["sdGenerationJob", "generationId"]):
        things.add("generation", id)
        if row := finished(target, client, f"/generations/{id}"):
            things.add("generated image", *at(row, ["generated_images", "*", "id"]))
            things.add("address", *at(row, ["generated_images", "*", "url"]))


def _execute(client: httpx.Client, things: ResourcePool) -> None:
    """Create a blueprint execution."""
    for version in things.of("asking version")[:1]:
        given = {"nodeInputs": node_inputs(version, things), "public": False}
        body = {"blueprintVersionId": version["akUUID"], "input": given}
        answer = json_of(client.post("/blueprint-executions", json=body))
        things.made(answer)
        things.add("blueprint execution", *at(answer, ["executeBlueprint", "akUUID"]))


def node_inputs(version: dict[str, Any], things: ResourcePool) -> list[dict[str, Any]]:
    """Return the inputs that a blueprint version requires, filled in."""
    values = {
        "text": "a lighthouse",
        "textVariables": [{"name": "what", "value": "a lighthouse"}],
        "imageUrl": next(iter(things.of("address")), ""),
    }
    return [
        {
            "nodeId": asked["nodeId"],
            "settingName": asked["settingName"],
            "value": values[asked["settingName"]],
        }
        for asked in at(version, ["uiMetadata", "inputs", "*"])
        if asked["settingName"] in values
    ]


SMALL = {"prompt": "a lighthouse, for leomock check", "width": 512, "height": 512, "num_images": 2}


def finished(target: Target, client: httpx.Client, path: str) -> dict[str, Any] | None:
    """Poll an asynchronous job until it ends; return None if it was not COMPLETE in time."""
    began = time.monotonic()
    patience = IMPATIENT_SECONDS if target.jobs_never_end else target.patience
    reads, wait = 0, FIRST_WAIT_SECONDS
    while True:
        answer = json_of(client.get(path))
        value = next(iter(answer.values()), None) if isinstance(answer, dict) else None
        # A variation is returned as a list with one item.
        row = value[0] if isinstance(value, list) and value else value
        if not isinstance(row, dict) or row.get("status") != "PENDING":
            return row if isinstance(row, dict) and row.get("status") == "COMPLETE" else None
        reads += 1
        if reads > QUICK_READS:
            if time.monotonic() - began + wait > patience:
                target.jobs_never_end = True
                return None
            time.sleep(wait)
            wait = min(wait * 1.5, LONGEST_WAIT_SECONDS)


def send_file(stranger: httpx.Client, url: str, fields: str, content: bytes) -> bool:
    """Post a presigned form exactly as received, with a file; return True if the server accepted it."""
    form = {name: str(value) for name, value in json.loads(fields).items()}
    return post_form(stranger, url, form, content).status_code == 204


def post_form(stranger: httpx.Client, url: str, form: dict[str, str], content: bytes) -> httpx.Response:
    """Post a form with a file; the file comes last."""
    return stranger.post(url, data=form, files={"file": ("picture.jpg", content)})


def json_of(answer: httpx.Response) -> Any:
    """Return the JSON of a successful response; None if it has none."""
    if not answer.is_success:
        return None
    try:
        return answer.json()
    except ValueError:
        return None


def at(value: Any, steps: list[str]) -> Iterator[Any]:
    """Yield the non-null values that the steps lead to; `*` stands for every item of a list."""
    if not steps:
        if value is not None:
            yield value
    elif steps[0] == "*":
        for part in value if isinstance(value, list) else ():
            yield from at(part, steps[1:])
    elif isinstance(value, dict):
        yield from at(value.get(steps[0]), steps[1:])
