"""Take a resource through its life cycle on the server, and record the evidence.

A life cycle creates, reads, lists, shares and deletes one resource with as few calls as possible. It judges
nothing: `properties` does that, so each promise is one function over the same evidence.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

import httpx

from leomock.contract.check.media import MESH, PICTURE, VIDEO
from leomock.contract.check.resources import RESOURCES, TEXT, Call, Files, Resource
from leomock.contract.check.visit import Problem, Row, Skipped, Step, Visit, json_of, require, rows, shown

# What stands for a `{name}`.
Find: TypeAlias = Callable[[Visit, str], Any]
SMALL_SIZE = 128
SMALL = {
    "prompt": "a lighthouse, for leomock check",
    "width": SMALL_SIZE,
    "height": SMALL_SIZE,
    "num_images": 1,
}
# The content, file name and extension of each kind of upload.
CONTENTS = {"picture": PICTURE, "video": VIDEO, "mesh": MESH}


@dataclass(slots=True)
class File:
    """A file that a resource points to, with the steps that show how it was fetched."""

    expected: Files
    url: str
    response: httpx.Response
    head: httpx.Response
    part: httpx.Response


@dataclass(slots=True)
class Life:
    """The evidence from the life cycle of one resource; None or empty for stages that were not reached."""

    resource: Resource
    sent: dict[str, Any] = field(default_factory=dict)
    created: Row = field(default_factory=Row)
    id: Any = None
    twin: Any = None
    seen: list[Row] = field(default_factory=list)
    ended: bool = False
    row: Row | None = None
    again: list[Any] = field(default_factory=list)
    listed: list[Any] | None = None
    listed_by_other: Any = None
    inside: list[Any] | None = None
    files: list[File] = field(default_factory=list)
    links: dict[str, int] = field(default_factory=dict)
    balances: list[int | None] = field(default_factory=list)
    price: Any = None
    form: dict[str, str] = field(default_factory=dict)
    uploads: dict[str, httpx.Response] = field(default_factory=dict)
    uploaded: httpx.Response | None = None
    began: datetime | None = None
    others: dict[str, Any] = field(default_factory=dict)
    from_nothing: bool = False
    gone: Any = None
    after: dict[str, Any] = field(default_factory=dict)
    marks: dict[str, tuple[Step, ...]] = field(default_factory=dict)

    def mark(self, stage: str, visit: Visit) -> None:
        """Record the steps that led to a stage."""
        self.marks[stage] = tuple(visit.steps)


def live(visit: Visit, life: Life) -> None:
    """Take a resource through its life cycle; raise Problem if it cannot continue."""
    visit.begin()
    for stage in (_create, _upload, _read, _files, _list, _share, _name_nothing, _delete):
        stage(visit, life)


def filled(visit: Visit, value: Any, find: Find | None = None) -> Any:
    """Replace each `{name}` in a path or a body with the server's resource of that name."""
    find = find or supply
    if isinstance(value, dict):
        return {name: filled(visit, part, find) for name, part in value.items()}
    if isinstance(value, list):
        return [filled(visit, part, find) for part in value]
    if not isinstance(value, str):
        return value
    before, brace, rest = value.partition("{")
    if not brace:
        return value
    name, _, after = rest.partition("}")
    found = find(visit, name)
    return f"{before}{found}{after}" if before or after else found


def nothing(visit: Visit, name: str) -> Any:
    """Return an id that nothing of this kind has."""
    return visit.target.unknown_id(f"no {name}")


def supply(visit: Visit, name: str) -> Any:
    """Return a resource that calls need to name, created once for all life cycles.

    The first failure to create it is reported as a problem; later journeys that need it are skipped.
    """
    if name == "user":
        return visit.user()
    if name not in visit.supplies:
        visit.supplies[name] = None
        steps, visit.steps = visit.steps, []
        try:
            visit.supplies[name] = _SUPPLIES[name](visit)
        except Problem as problem:
            raise Problem(f"nothing to work on: {problem}") from None
        visit.steps = [*visit.steps, *steps]
    if visit.supplies[name] is None:
        raise Skipped(f"there is no {name} to work on: it could not be made")
    return visit.supplies[name]


def _image(visit: Visit) -> Any:
    made = visit.call("POST", "/generations", SMALL)
    require(isinstance(made, Row), "POST /generations answered null")
    row = visit.wait_for(f"/generations/{made['generationId']}")
    if row is None:
        how = "did not end in time" if visit.target.jobs_never_end else "reads as null"
        raise Problem(f"a generation of one small picture {how}")
    require(
        row["status"] == "COMPLETE",
        f"a generation of one small picture ended with the status {shown(row['status'])}, not COMPLETE",
    )
    images = row["generated_images"]
    require(images, "a COMPLETE generation has no images")
    visit.supplies |= {"generation": row["id"], "address": images[0]["url"]}
    return images[0]["id"]


def _video(visit: Visit) -> Any:
    made = visit.call("POST", "/generations-text-to-video", {"prompt": "waves, for leomock check"})
    require(isinstance(made, Row), "POST /generations-text-to-video answered null")
    row = visit.wait_for(f"/generations/{made['generationId']}")
    require(row and row["status"] == "COMPLETE", "a video from a text was not COMPLETE in time")
    return made["generationId"]


def _blueprint_version(visit: Visit) -> Any:
    for edge in visit.call("GET", "/blueprints")["edges"]:
        for found in visit.call("GET", f"/blueprints/{edge['node']['akUUID']}/versions")["edges"]:
            version = found["node"]
            asked = at(version, ["uiMetadata", "inputs", "*"])
            if all(one.get("settingName") == "text" for one in asked):
                inputs = [{"nodeId": one["nodeId"], "settingName": "text", "value": TEXT} for one in asked]
                visit.supplies["blueprint input"] = {"nodeInputs": inputs, "public": False}
                return version["akUUID"]
    raise Skipped("the server has no blueprint that asks for texts only")


def _dataset(visit: Visit) -> Any:
    made = visit.call("POST", "/datasets", {"name": "leomock check"})
    require(isinstance(made, Row), "POST /datasets answered null")
    return made["id"]


def _mesh(visit: Visit) -> Any:
    made = visit.call("POST", "/models-3d/upload", {"name": "leomock check", "modelExtension": "obj"})
    require(isinstance(made, Row), "POST /models-3d/upload answered null")
    send_form(visit, made["modelUrl"], form_of(made["modelFields"]), MESH)
    return made["modelId"]


_SUPPLIES = {
    "image": _image,
    "video": _video,
    "dataset": _dataset,
    "mesh": _mesh,
    "blueprint version": _blueprint_version,
}


# --- stages ---------------------------------------------------------------------------------------


def _create(visit: Visit, life: Life) -> None:
    resource = life.resource
    path = filled(visit, resource.create.path)
    life.sent = filled(visit, dict(resource.body))
    if resource.price:
        service, parameters = resource.price
        body = {"service": service, "serviceParams": {service: dict(parameters)}}
        told = json_of(visit.send("POST", "/pricing-calculator", body))
        life.price = rows(told, "the answer of the calculator")
    if resource.costs:
        life.balances.append(visit.balance())
    life.began = visit.server_time()
    made = visit.call(resource.create.method, path, life.sent)
    require(isinstance(made, Row), f"{resource.create.method} {path} answered null")
    life.created = made
    life.id = made[resource.id]
    life.mark("create", visit)
    require(
        life.id is not None,
        f"{resource.create.method} {path} answered '{resource.id}': null; without an id nothing can be read",
    )
    if resource.upload or resource.name in ("generation", "dataset"):
        twin = json_of(visit.send(resource.create.method, path, life.sent))
        value = next(iter(twin.values()), None) if isinstance(twin, dict) else None
        life.twin = value.get(resource.id) if isinstance(value, dict) else None
    if resource.costs:
        life.balances.append(visit.balance())
        life.mark("balance", visit)


def _upload(visit: Visit, life: Life) -> None:
    names = life.resource.upload
    if names is None:
        return
    url, life.form = life.created[names[0]], form_of(life.created[names[1]])
    content = CONTENTS[life.resource.content]
    for name, wrong in wrong_forms(life.form):
        life.uploads[name] = send_form(visit, url, wrong, content)
        life.mark(name, visit)
    life.uploads[AUTHORIZED] = send_form(visit, url, life.form, content, SOME_KEY)
    life.mark(AUTHORIZED, visit)
    life.uploads[RIGHT] = send_form(visit, url, life.form, content)
    life.mark("upload", visit)


def _read(visit: Visit, life: Life) -> None:
    resource = life.resource
    if resource.read is not None:
        path = _of(visit, resource.read, life.id)
        if resource.job:
            life.row = visit.wait_for(
                path, lambda row: life.seen.append(row) if isinstance(row, Row) else None
            )
        else:
            life.row = _one(visit.call("GET", path))
        life.mark("read", visit)
        for _ in range(2 if life.row is not None else 0):
            life.again.append(_one(visit.call("GET", path)))
        life.mark("again", visit)
    if resource.inside:
        place, steps = resource.inside
        life.inside = at(visit.call("GET", _of(visit, place, life.id)), steps.split("."))
        life.mark("inside", visit)
        if resource.read is None:
            life.row = next((row for row in life.inside if row.get("id") == life.id), None)
            life.mark("read", visit)
    life.ended = life.row is not None
    if life.row is not None and resource.url and (url := life.row.get(resource.url)):
        life.uploaded = visit.send("GET", url, client=visit.stranger)
        life.mark("uploaded", visit)
    if resource.costs:
        life.balances.append(visit.balance())


def _files(visit: Visit, life: Life) -> None:
    if not life.ended or life.row is None:
        return
    known = {life.row.get(life.resource.url)}
    for expected in life.resource.files:
        urls = at(life.row, expected.at.split("."))
        known.update(urls)
        for url in urls[: expected.fetch]:
            get = visit.send("GET", url, client=visit.stranger)
            head = visit.send("HEAD", url, client=visit.stranger)
            part = visit.send("GET", url, client=visit.stranger, headers={"range": "bytes=0-9", **SOME_KEY})
            life.files.append(File(expected, url, get, head, part))
    for url in [url for url in links(life.row) if url not in known][:MOST_LINKS]:
        life.links[url] = visit.send("HEAD", url, client=visit.stranger).status_code
    life.mark("files", visit)


def _list(visit: Visit, life: Life) -> None:
    if life.resource.list is not None:
        life.listed = visit.call("GET", _of(visit, life.resource.list, life.id))
        life.mark("list", visit)


def _share(visit: Visit, life: Life) -> None:
    """Try to read, list and delete the resource with another tenant's key."""
    resource = life.resource
    if visit.other is None:
        return
    for name, call in (("read", resource.read), ("list", resource.list), ("delete", resource.delete)):
        if call is not None:
            answer = visit.send(call.method, _of(visit, call, life.id), client=visit.other)
            life.others[name] = json_of(answer)
            life.mark(f"other {name}", visit)
    if resource.owned:
        life.others["create"] = _creates(visit, life, supply, visit.other)
        life.mark("other create", visit)
    if resource.read and resource.delete:
        life.others["left"] = _one(visit.call("GET", _of(visit, resource.read, life.id)))


def _name_nothing(visit: Visit, life: Life) -> None:
    """Try to create the resource from something that does not exist."""
    if life.resource.owned:
        life.from_nothing = _creates(visit, life, nothing)
        life.mark("from nothing", visit)


def _creates(visit: Visit, life: Life, find: Find, client: httpx.Client | None = None) -> bool:
    """Return True if a call to create the resource is accepted."""
    create = life.resource.create
    path, body = filled(visit, create.path, find), filled(visit, dict(life.resource.body), find)
    made = json_of(visit.send(create.method, path, body, client=client))
    return isinstance(made, dict) and any(value is not None for value in made.values())


def _delete(visit: Visit, life: Life) -> None:
    resource = life.resource
    if resource.delete is None:
        return
    path = _of(visit, resource.delete, life.id)
    none = (
        2_000_000_111 if isinstance(life.id, int) else visit.target.unknown_id(f"life {life.resource.name}")
    )
    life.after["unknown"] = visit.call("DELETE", _of(visit, resource.delete, none))
    life.gone = visit.call("DELETE", path)
    life.mark("delete", visit)
    if resource.read is not None:
        life.after["read"] = _one(visit.call("GET", _of(visit, resource.read, life.id)))
        life.after["unknown read"] = _one(visit.call("GET", _of(visit, resource.read, none)))
        life.mark("after delete", visit)
    life.after["twice"] = visit.call("DELETE", path)
    if resource.list is not None:
        life.after["list"] = visit.call("GET", _of(visit, resource.list, life.id))
    life.mark("delete twice", visit)


def _of(visit: Visit, call: Call, id: Any) -> str:
    path: str = filled(visit, call.path.replace("{id}", str(id)))
    return path


def _one(value: Any) -> Any:
    return (value[0] if value else None) if isinstance(value, list) else value


def links(value: Any) -> list[str]:
    """Return the web addresses in an answer."""
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [url for part in parts for url in links(part)]
    return [value] if isinstance(value, str) and value.startswith(("http://", "https://")) else []


def at(value: Any, steps: list[str]) -> list[Any]:
    """Return the non-null values that the steps lead to; `*` stands for every item of a list."""
    if not steps:
        return [] if value is None else [value]
    if steps[0] == "*":
        return [found for part in value or () for found in at(part, steps[1:])]
    return at(value.get(steps[0]), steps[1:]) if isinstance(value, dict) else []


# --- forms ----------------------------------------------------------------------------------------


def form_of(fields: Any) -> dict[str, str]:
    """Return the fields of a presigned form."""
    try:
        return {name: str(value) for name, value in json.loads(fields).items()}
    except (AttributeError, TypeError, ValueError):
        raise Problem(f"the form fields are not a JSON object in a string: {str(fields)[:80]!r}") from None


def send_form(
    visit: Visit, url: str, form: dict[str, str], content: bytes, headers: dict[str, str] | None = None
) -> httpx.Response:
    """Post a form with a file; the file comes last, as S3 requires."""
    return visit.stranger.post(url, data=form, files={"file": ("picture.jpg", content)}, headers=headers)


def policy_of(form: dict[str, str]) -> dict[str, Any]:
    """Return the policy of a form."""
    try:
        policy = json.loads(base64.b64decode(form[_field(form, "policy")]))
        policy["conditions"]
    except (ValueError, TypeError, KeyError):
        raise Problem("the form's policy is not a JSON object with conditions in Base64") from None
    found: dict[str, Any] = policy
    return found


def _field(form: dict[str, str], name: str) -> str:
    for found in form:
        if found.lower() == name:
            return found
    raise Problem(f"the form has no field '{name}'")


def wrong_forms(form: dict[str, str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the ways in which the form can be invalid, each of which S3 rejects."""
    signature, policy = _field(form, "x-amz-signature"), _field(form, "policy")
    later = {**policy_of(form), "expiration": "2099-01-01T00:00:00.000Z"}
    digit = "0" if form[signature][:1] != "0" else "1"
    yield "a wrong signature", {**form, signature: digit + form[signature][1:]}
    yield "a wrong policy", {**form, policy: base64.b64encode(json.dumps(later).encode()).decode()}
    yield "a wrong key", {**form, _field(form, "key"): form[_field(form, "key")] + ".exe"}
    yield "a wrong type", {**form, _field(form, "content-type"): "text/html"}
    yield "a field more", {**form, "x-amz-meta-more": "1"}
    yield "no signature", {name: value for name, value in form.items() if name != signature}
    for name in form:
        if name.lower() in _SIGNED:
            yield f"a wrong {name}", {**form, name: f"{form[name]}x"}


# Further fields that belong to the signature, or that the policy fixes.
_SIGNED = ("x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-security-token")
RIGHT, AUTHORIZED = "the right form", "the right form and an API key"
# A key that belongs to nobody: files are for everyone, so that it makes no difference.
SOME_KEY = {"authorization": "Bearer abcd"}
# How many addresses of one answer are tried.
MOST_LINKS = 4
BY_NAME = {resource.name: resource for resource in RESOURCES}
