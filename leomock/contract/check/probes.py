"""Journeys of a client: what no single call shows, asked from call to call.

Each probe knows what it expects and on what basis; none expects what is only this project's own choice.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx

from leomock.contract.check.prepare import PICTURE, SMALL, at, finished, json_of, post_form
from leomock.contract.check.target import Target
from leomock.leonardo.basis import BasisKind

# The form is good for two minutes (documented).
FORM_SECONDS = 120


class Skipped(Exception):
    """A probe that cannot be tried on this server; the text says why."""


class Problem(Exception):
    """What a probe met in place of what it expects."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One journey: the operations on its way, what it expects, and why that may be expected.

    `run` returns what was wrong, or nothing; raises Skipped.
    """

    name: str
    expects: str
    operations: tuple[str, ...]
    journey: Callable[[Visit], None]
    basis: BasisKind
    source: str

    def run(self, visit: Visit) -> str | None:
        """What was wrong, in a sentence; None when all was as expected."""
        with visit:
            try:
                self.journey(visit)
            except Problem as problem:
                return str(problem)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                return f"an answer cannot be read: {type(error).__name__}: {error}"
        return None


class Visit:
    """A client on its journey; `story` has a line for each call."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.story: list[str] = []

    def __enter__(self) -> Visit:
        self.story = []
        self.client = self.target.client()
        self.stranger = self.target.stranger()
        for client in (self.client, self.stranger):
            client.event_hooks["response"] = [self._note]
        return self

    def __exit__(self, *error: object) -> None:
        self.client.close()
        self.stranger.close()

    def _note(self, response: httpx.Response) -> None:
        request = response.request
        self.story.append(f"{request.method} {request.url.copy_with(query=None)} {response.status_code}")

    # --- what journeys are made of -------------------------------------------------------------------------

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, **query: Any) -> Any:
        """What stands under the envelope of a success."""
        response = self.client.request(method, path, json=body, params=query or None)
        answer = json_of(response)
        if not isinstance(answer, dict):
            raise Problem(f"{method} {path} answered {response.status_code} {response.text[:200]!r}")
        return next(iter(answer.values()), None)

    def create(self, version: str, path: str, **body: Any) -> Any:
        """The answer to a call that makes something by another version of the API."""
        address = f"{self.target.base(version)}{path}"
        response = self.client.post(address, json=body)
        answer = json_of(response)
        if not isinstance(answer, dict):
            raise Problem(f"POST {address} answered {response.status_code} {response.text[:200]!r}")
        return answer

    def generate(self, **body: Any) -> str:
        """A new generation's id."""
        made = self.call("POST", "/generations", {**SMALL, **body})
        id: str = made["generationId"]
        return id

    def finished(self, id: str) -> dict[str, Any]:
        """A generation that is COMPLETE."""
        row = finished(self.client, f"/generations/{id}")
        expect(row is not None, f"generation {id} was not COMPLETE in time")
        return row or {}

    def form(self, extension: str = "jpg") -> tuple[str, str, dict[str, str]]:
        """A presigned form for an init image: id, address and fields."""
        made = self.call("POST", "/init-image", {"extension": extension})
        fields = {name: str(value) for name, value in json.loads(made["fields"]).items()}
        return made["id"], made["url"], fields

    def user(self) -> str:
        """The id of the account, where the server tells it."""
        answer = json_of(self.client.get("/me"))
        for id in at(answer, ["user_details", "*", "user", "id"]):
            return str(id)
        # A fake whose /me is not written yet shows it in the keys of its uploads: users/{id}/initImages/….
        _, _, fields = self.form()
        steps = fields.get("key", "").split("/")
        if steps[0] != "users" or len(steps) < 3:
            raise Skipped("the server does not tell who the user is")
        return steps[1]

    @contextmanager
    def later(self, seconds: float) -> Iterator[None]:
        """Some time later: on a leomock by its clock. Another server would have to be waited for."""
        answer = self.stranger.post(
            f"{self.target.origin}/_leomock/clock",
            json={"advance": seconds},
            headers={"authorization": f"Bearer {self.target.api_key}"},
        )
        if not answer.is_success:
            raise Skipped(f"it takes {seconds:.0f} seconds, and this server's time cannot be moved on")
        yield


def expect(holds: bool, otherwise: str) -> None:
    """Go on only if something holds."""
    if not holds:
        raise Problem(otherwise)


# --- journeys ---------------------------------------------------------------------------------------


def _lifecycle(visit: Visit) -> None:
    id = visit.generate(prompt="a fox in the fog", seed=4711)
    first = visit.call("GET", f"/generations/{id}")
    if first["status"] == "PENDING":
        expect(
            first["generated_images"] == [],
            f"a PENDING generation has {len(first['generated_images'])} images already",
        )
    row = visit.finished(id)
    for name, value in (
        ("id", id),
        ("prompt", "a fox in the fog"),
        ("seed", 4711),
        ("imageWidth", 512),
        ("imageHeight", 512),
    ):
        expect(row[name] == value, f"the generation has {name} {row[name]!r}, not {value!r}")
    images = row["generated_images"]
    expect(len(images) == 2, f"2 images were asked for, {len(images)} came")
    expect(len({image["id"] for image in images}) == 2, "two images have the same id")
    expect(len({image["url"] for image in images}) == 2, "two images have the same url")


def _defaults(visit: Visit) -> None:
    id = visit.call("POST", "/generations", {"prompt": "a fox"})["generationId"]
    row = visit.finished(id)
    for name, value in (("imageWidth", 1024), ("imageHeight", 768)):
        expect(row[name] == value, f"without {name[5:].lower()} the generation has {name} {row[name]!r}")
    expect(len(row["generated_images"]) == 4, f"{len(row['generated_images'])} images, not 4")


def _new_ids(visit: Visit) -> None:
    ids = {visit.generate() for _ in range(2)}
    expect(len(ids) == 2, "two generations have the same id")


def _pictures(visit: Visit) -> None:
    row = visit.finished(visit.generate())
    for image in row["generated_images"]:
        answer = visit.stranger.get(image["url"])
        kind = answer.headers.get("content-type", "")
        expect(answer.status_code == 200, f"GET {image['url']} answered {answer.status_code}")
        expect(kind.startswith("image/"), f"GET {image['url']} answered content type {kind!r}")


def _list(visit: Visit) -> None:
    user = visit.user()
    made = [visit.generate(prompt=f"fox {number}") for number in range(3)]
    path = f"/generations/user/{user}"
    found = [row["id"] for row in visit.call("GET", path, offset=0, limit=3)]
    expect(set(found) == set(made), f"the newest 3 generations are {made}, the list has {found}")
    expect(found == made[::-1], "the list is not in the order newest first")
    second = [row["id"] for row in visit.call("GET", path, offset=1, limit=1)]
    expect(second == [made[1]], f"offset=1&limit=1 gave {second}, not [{made[1]!r}]")


def _delete(visit: Visit) -> None:
    id = visit.generate()
    visit.finished(id)
    gone = visit.call("DELETE", f"/generations/{id}")
    expect(
        isinstance(gone, dict) and gone.get("id") == id, f"the delete answered {gone!r}, not the id {id!r}"
    )
    expect(visit.call("GET", f"/generations/{id}") is None, "a deleted generation can still be read")
    expect(visit.call("DELETE", f"/generations/{id}") is None, "a generation can be deleted twice")


def _delete_from_list(visit: Visit) -> None:
    user = visit.user()
    id = visit.generate()
    visit.call("DELETE", f"/generations/{id}")
    rows = visit.call("GET", f"/generations/user/{user}", offset=0, limit=5)
    expect(id not in [row["id"] for row in rows], "a deleted generation is still in the list")


def _unknown(visit: Visit) -> None:
    id = uuid4()
    for path in (f"/generations/{id}", f"/init-image/{id}"):
        found = visit.call("GET", path)
        expect(found is None, f"GET {path} answered {found!r}, though nothing has this id")


def _upload(visit: Visit) -> None:
    id, url, form = visit.form()
    answer = post_form(visit.stranger, url, form, PICTURE)
    expect(answer.status_code == 204, f"the upload answered {answer.status_code} {answer.text[:200]!r}")
    row = visit.call("GET", f"/init-image/{id}")
    expect(row is not None and row["id"] == id, f"the init image reads as {row!r}")
    found = visit.stranger.get(row["url"])
    expect(found.status_code == 200, f"GET {row['url']} answered {found.status_code} after the upload")
    expect(found.content == PICTURE, f"GET {row['url']} answered other bytes than were uploaded")


def _upload_extension(visit: Visit) -> None:
    for extension in ("png", "jpg", "jpeg", "webp"):
        _, _, form = visit.form(extension)
        expect(form["key"].endswith(f".{extension}"), f"the form for {extension} has the key {form['key']!r}")


def _delete_upload(visit: Visit) -> None:
    id, url, form = visit.form()
    post_form(visit.stranger, url, form, PICTURE)
    gone = visit.call("DELETE", f"/init-image/{id}")
    expect(
        isinstance(gone, dict) and gone.get("id") == id, f"the delete answered {gone!r}, not the id {id!r}"
    )
    expect(visit.call("GET", f"/init-image/{id}") is None, "a deleted init image can still be read")
    answer = visit.client.post("/generations", json={**SMALL, "init_image_id": id})
    expect(answer.status_code != 200, "a generation was made from an init image that was deleted")


def _init_image(visit: Visit) -> None:
    id, url, form = visit.form()
    post_form(visit.stranger, url, form, PICTURE)
    row = visit.finished(visit.generate(init_image_id=id, init_strength=0.5))
    expect(row["initStrength"] == 0.5, f"initStrength is {row['initStrength']!r}, not 0.5")
    answer = visit.client.post("/generations", json={**SMALL, "init_image_id": str(uuid4())})
    expect(answer.status_code != 200, "a generation was made from an init image that never was")


def _signature(visit: Visit) -> None:
    _, url, form = visit.form()
    name = next(name for name in form if name.lower() == "x-amz-signature")
    form[name] = f"{'0' if form[name][0] != '0' else '1'}{form[name][1:]}"
    answer = post_form(visit.stranger, url, form, PICTURE)
    expect(answer.status_code == 403, f"an upload with a wrong signature was answered {answer.status_code}")


def _policy(visit: Visit) -> None:
    _, url, form = visit.form()
    name = next(name for name in form if name.lower() == "policy")
    policy = json.loads(base64.b64decode(form[name]))
    policy["expiration"] = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    form[name] = base64.b64encode(json.dumps(policy).encode()).decode()
    answer = post_form(visit.stranger, url, form, PICTURE)
    expect(answer.status_code == 403, f"an upload with a changed policy was answered {answer.status_code}")


def _key_of_another(visit: Visit) -> None:
    _, url, form = visit.form()
    form["key"] = f"{form['key']}.exe"
    answer = post_form(visit.stranger, url, form, PICTURE)
    expect(answer.status_code == 403, f"an upload under another key was answered {answer.status_code}")


def _expired(visit: Visit) -> None:
    _, url, form = visit.form()
    with visit.later(FORM_SECONDS + 1):
        answer = post_form(visit.stranger, url, form, PICTURE)
    expect(answer.status_code == 403, f"an upload after two minutes was answered {answer.status_code}")


def _no_key(visit: Visit) -> None:
    for method, path in (("GET", "/me"), ("GET", f"/generations/{uuid4()}"), ("GET", "/platformModels")):
        answer = visit.stranger.request(method, f"{visit.target.url}{path}")
        expect(answer.status_code == 401, f"{method} {path} without a key was answered {answer.status_code}")


def _read_of_another_version(visit: Visit) -> None:
    wanted = {"prompt": "a fox in the fog", "quantity": 1, "width": 512, "height": 512}
    id = visit.create("v2", "/generations", model="lucid-origin", parameters=wanted)["generate"][
        "generationId"
    ]
    row = visit.finished(id)
    expect(row["id"] == id, f"the generation has the id {row['id']!r}, not {id!r}")
    expect(row["prompt"] == wanted["prompt"], f"the generation has the prompt {row['prompt']!r}")
    count = len(row["generated_images"])
    expect(count == 1, f"1 image was asked for, {count} came")


def _cut_out(visit: Visit) -> None:
    data = base64.b64encode(PICTURE).decode()
    references = {"image_reference": [{"image": {"type": "BASE64", "data": data}}]}
    answer = visit.create("v2", "/generationssync", model="remove-bg", parameters={"guidances": references})
    [result] = answer["results"]
    found = visit.stranger.get(result["url"])
    kind = found.headers.get("content-type", "")
    expect(found.status_code == 200, f"GET {result['url']} answered {found.status_code}")
    expect(
        kind == result["contentType"],
        f"GET {result['url']} answered content type {kind!r}, not {result['contentType']!r}",
    )


_CREATE, _READ, _REMOVE = "createGeneration", "getGenerationById", "deleteGenerationById"
_SEEN = "captured answers of the real service"
_FAQ = "error messages page and FAQ of docs.leonardo.ai"
_S3 = "AWS: POST Object, creating a POST policy"
_NULL = "the published documents mark these answers nullable, as Hasura's _by_pk queries are"

PROBES = (
    Probe(
        "generation-lifecycle",
        "A generation is PENDING without images, then COMPLETE with as many as were asked for.",
        (_CREATE, _READ),
        _lifecycle,
        "documented",
        _FAQ,
    ),
    Probe(
        "generation-defaults",
        "Width, height and number of images have the defaults of the document.",
        (_CREATE, _READ),
        _defaults,
        "documented",
        "the published document",
    ),
    Probe(
        "generation-ids", "Every generation has an id of its own.", (_CREATE,), _new_ids, "observed", _SEEN
    ),
    Probe(
        "pictures",
        "The address of an image answers with a picture, without a key.",
        (_CREATE, _READ),
        _pictures,
        "documented",
        _FAQ,
    ),
    Probe(
        "generation-list",
        "The list has the newest generation first; offset and limit choose a page.",
        (_CREATE, "getGenerationsByUserId"),
        _list,
        "inferred",
        "the published document; clients show the list as they receive it",
    ),
    Probe(
        "generation-delete",
        "A deleted generation is answered with its id once, and with null from then on.",
        (_CREATE, _READ, _REMOVE),
        _delete,
        "inferred",
        _NULL,
    ),
    Probe(
        "deleted-not-listed",
        "A deleted generation is in no list.",
        (_CREATE, _REMOVE, "getGenerationsByUserId"),
        _delete_from_list,
        "inferred",
        _NULL,
    ),
    Probe(
        "unknown-id",
        "An id that nothing has is answered with null.",
        (_READ, "getInitImageById"),
        _unknown,
        "inferred",
        _NULL,
    ),
    Probe(
        "upload",
        "A file posted with the form is there under the address that the API tells.",
        ("uploadInitImage", "getInitImageById"),
        _upload,
        "documented",
        "upload guide of docs.leonardo.ai",
    ),
    Probe(
        "upload-key",
        "The form's key ends in the extension that was asked for.",
        ("uploadInitImage",),
        _upload_extension,
        "observed",
        _SEEN,
    ),
    Probe(
        "init-image-delete",
        "A deleted init image is gone, for reading and for generating.",
        ("uploadInitImage", "getInitImageById", "deleteInitImageById", _CREATE),
        _delete_upload,
        "inferred",
        _NULL,
    ),
    Probe(
        "init-image-use",
        "A generation starts from an uploaded image, and not from one that never was.",
        ("uploadInitImage", _CREATE, _READ),
        _init_image,
        "documented",
        _FAQ,
    ),
    Probe(
        "form-signature",
        "An upload with a wrong signature is refused.",
        ("uploadInitImage",),
        _signature,
        "documented",
        _S3,
    ),
    Probe(
        "form-policy",
        "An upload with a changed policy is refused.",
        ("uploadInitImage",),
        _policy,
        "documented",
        _S3,
    ),
    Probe(
        "form-conditions",
        "An upload under a key that the policy does not allow is refused.",
        ("uploadInitImage",),
        _key_of_another,
        "documented",
        _S3,
    ),
    Probe(
        "form-expiry",
        "An upload after two minutes is refused.",
        ("uploadInitImage",),
        _expired,
        "documented",
        "upload guide of docs.leonardo.ai",
    ),
    Probe(
        "generation-of-version-2",
        "A generation that version 2 starts is read by version 1, until it is COMPLETE.",
        ("createGenerationV2", _READ),
        _read_of_another_version,
        "documented",
        "recipes on docs.leonardo.ai, which poll GET /generations/{id} of version 1",
    ),
    Probe(
        "generation-at-once",
        "What is generated at once is a picture of the content type that the answer tells.",
        ("createGenerationSyncV2",),
        _cut_out,
        "documented",
        "OpenAPI document of POST /generationssync on docs.leonardo.ai",
    ),
    Probe(
        "no-key",
        "A call without a key is refused with 401.",
        ("getUserSelf", _READ, "listPlatformModels"),
        _no_key,
        "documented",
        _FAQ,
    ),
)
