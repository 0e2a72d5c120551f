"""Take a resource through its life cycle on the server, and record the evidence.

A life cycle creates, reads, lists, shares and deletes one resource with as few calls as possible. It judges
nothing: `properties` does that, so each promise is one function over the same evidence.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any

import httpx

from leomock.contract.check.media import MESH, PICTURE, VIDEO
from leomock.contract.check.resources import RESOURCES, Call, Files, Resource
from leomock.contract.check.visit import Problem, Row, Skipped, Step, Visit, json_of, require, rows, shown

SMALL = {"prompt": "a lighthouse, for leomock check", "width": 128, "height": 128, "num_images": 1}
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
    files: list[File] = field(default_factory=list)
    balances: list[int | None] = field(default_factory=list)
    price: Any = None
    uploads: dict[str, int] = field(default_factory=dict)
    uploaded: httpx.Response | None = None
    others: dict[str, Any] = field(default_factory=dict)
    gone: Any = None
    after: dict[str, Any] = field(default_factory=dict)
    marks: dict[str, tuple[Step, ...]] = field(default_factory=dict)

    def mark(self, stage: str, visit: Visit) -> None:
        """Record the steps that led to a stage."""
        self.marks[stage] = tuple(visit.steps)


def live(visit: Visit, resource: Resource) -> Life:
    """Take a resource through its life cycle; raise Problem if it cannot continue."""
    visit.begin()
    life = Life(resource)
    for stage in (_create, _upload, _read, _files, _list, _share, _delete):
        stage(visit, life)
    return life


def filled(visit: Visit, value: Any) -> Any:
    """Replace each `{name}` in a path or a body with the server's resource of that name."""
    if isinstance(value, dict):
        return {name: filled(visit, part) for name, part in value.items()}
    if not isinstance(value, str):
        return value
    before, brace, rest = value.partition("{")
    if not brace:
        return value
    name, _, after = rest.partition("}")
    return f"{before}{supply(visit, name)}{after}"


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
        raise Skipped(f"it needs a {name}, which could not be made")
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
    visit.supplies["address"] = images[0]["url"]
    return images[0]["id"]


def _dataset(visit: Visit) -> Any:
    made = visit.call("POST", "/datasets", {"name": "leomock check"})
    require(isinstance(made, Row), "POST /datasets answered null")
    return made["id"]


def _mesh(visit: Visit) -> Any:
    made = visit.call("POST", "/models-3d/upload", {"name": "leomock check", "modelExtension": "obj"})
    require(isinstance(made, Row), "POST /models-3d/upload answered null")
    send_form(visit, made["modelUrl"], form_of(made["modelFields"]), MESH)
    return made["modelId"]


_SUPPLIES = {"image": _image, "dataset": _dataset, "mesh": _mesh}


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
    made = visit.call(resource.create.method, path, life.sent)
    require(isinstance(made, Row), f"{resource.create.method} {path} answered null")
    life.created = made
    life.id = made[resource.id]
    life.mark("create", visit)
    require(
        life.id is not None,
        f"{resource.create.method} {path} answered '{resource.id}': null; without an id nothing can be read",
    )
    if resource.costs:
        life.balances.append(visit.balance())
        life.mark("balance", visit)
    if resource.upload or resource.name in ("generation", "dataset"):
        twin = json_of(visit.send(resource.create.method, path, life.sent))
        value = next(iter(twin.values()), None) if isinstance(twin, dict) else None
        life.twin = value.get(resource.id) if isinstance(value, dict) else None


def _upload(visit: Visit, life: Life) -> None:
    names = life.resource.upload
    if names is None:
        return
    url, form = life.created[names[0]], form_of(life.created[names[1]])
    content = CONTENTS[life.resource.content]
    for name, change in WRONG_FORMS.items():
        wrong = dict(form)
        change(wrong)
        life.uploads[name] = send_form(visit, url, wrong, content).status_code
        life.mark(name, visit)
    life.uploads["right"] = send_form(visit, url, form, content).status_code
    life.mark("upload", visit)


def _read(visit: Visit, life: Life) -> None:
    resource = life.resource
    if resource.read is None:
        return
    path = _of(visit, resource.read, life.id)
    if resource.job:
        life.row = visit.wait_for(path, lambda row: life.seen.append(row) if isinstance(row, Row) else None)
        life.ended = life.row is not None
    else:
        life.row = _one(visit.call("GET", path))
        life.ended = life.row is not None
    life.mark("read", visit)
    if life.row is not None:
        for _ in range(2):
            life.again.append(_one(visit.call("GET", path)))
        life.mark("again", visit)
        if resource.url and (url := life.row.get(resource.url)):
            life.uploaded = visit.send("GET", url, client=visit.stranger)
            life.mark("uploaded", visit)
    if resource.costs:
        life.balances.append(visit.balance())


def _files(visit: Visit, life: Life) -> None:
    if not life.ended or life.row is None:
        return
    for expected in life.resource.files:
        for url in at(life.row, expected.at.split("."))[: expected.fetch]:
            get = visit.send("GET", url, client=visit.stranger)
            head = visit.send("HEAD", url, client=visit.stranger)
            part = visit.send("GET", url, client=visit.stranger, headers={"range": "bytes=0-9"})
            life.files.append(File(expected, url, get, head, part))
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
    if resource.read and resource.delete:
        life.others["left"] = _one(visit.call("GET", _of(visit, resource.read, life.id)))


def _delete(visit: Visit, life: Life) -> None:
    resource = life.resource
    if resource.delete is None:
        return
    path = _of(visit, resource.delete, life.id)
    nothing = (
        2_000_000_111 if isinstance(life.id, int) else visit.target.unknown_id(f"life {life.resource.name}")
    )
    life.after["unknown"] = visit.call("DELETE", _of(visit, resource.delete, nothing))
    life.gone = visit.call("DELETE", path)
    life.mark("delete", visit)
    if resource.read is not None:
        life.after["read"] = _one(visit.call("GET", _of(visit, resource.read, life.id)))
        life.after["unknown read"] = _one(visit.call("GET", _of(visit, resource.read, nothing)))
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


def send_form(visit: Visit, url: str, form: dict[str, str], content: bytes) -> httpx.Response:
    """Post a form with a file; the file comes last, as S3 requires."""
    return visit.stranger.post(url, data=form, files={"file": ("picture.jpg", content)})


def _field(form: dict[str, str], name: str) -> str:
    for found in form:
        if found.lower() == name:
            return found
    raise Problem(f"the form has no field '{name}'")


def _wrong_signature(form: dict[str, str]) -> None:
    name = _field(form, "x-amz-signature")
    form[name] = ("0" if form[name][:1] != "0" else "1") + form[name][1:]


def _wrong_policy(form: dict[str, str]) -> None:
    name = _field(form, "policy")
    try:
        policy = json.loads(base64.b64decode(form[name]))
        policy["expiration"] = "2099-01-01T00:00:00.000Z"
    except (ValueError, TypeError):
        raise Problem("the form's policy is not a JSON object in Base64") from None
    form[name] = base64.b64encode(json.dumps(policy).encode()).decode()


def _wrong_key(form: dict[str, str]) -> None:
    form[_field(form, "key")] += ".exe"


def _wrong_type(form: dict[str, str]) -> None:
    form[_field(form, "content-type")] = "text/html"


# The ways in which a presigned form can be invalid, each of which S3 rejects.
WRONG_FORMS = {
    "signature": _wrong_signature,
    "policy": _wrong_policy,
    "key": _wrong_key,
    "type": _wrong_type,
}
BY_NAME = {resource.name: resource for resource in RESOURCES}
