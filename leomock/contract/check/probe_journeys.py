"""Journeys beyond the life cycle of one resource: paging, defaults, keys, errors, version 2, catalogues.

Each probe states what it expects and why. No probe expects a behaviour that only this project chose.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

from leomock.contract.check.lives import SMALL, at, form_of, send_form, supply
from leomock.contract.check.media import PICTURE
from leomock.contract.check.target import READING
from leomock.contract.check.visit import Problem, Row, Skipped, Visit, json_of, require, shown
from leomock.openapi.spec import Versions

# The form is valid for two minutes (documented).
FORM_SECONDS = 120
# Faker's locales for texts in Latin, Cyrillic, Greek, Arabic, Devanagari, Thai and East Asian scripts.
SCRIPTS = ("fr_FR", "ru_RU", "el_GR", "ar_AA", "hi_IN", "th_TH", "ja_JP", "ko_KR")
# The format of each Hasura error (documented on the error messages page).
ERROR_KEYS = {"error", "path", "code"}
# Reports an expectation: whether it holds, the operation, and a sentence for when it does not.
Tell = Callable[[object, str, str], None]


# --- generations ----------------------------------------------------------------------------------

_CREATE, _READ, _REMOVE = "createGeneration", "getGenerationById", "deleteGenerationById"
_LIST, _UPLOAD = "getGenerationsByUserId", "uploadInitImage"


def _generate(visit: Visit, **body: Any) -> str:
    made = visit.call("POST", "/generations", {**SMALL, **body})
    require(isinstance(made, Row) and made["generationId"], "POST /generations answered no generationId")
    id: str = made["generationId"]
    return id


def _finished(visit: Visit, id: str) -> Row:
    row = visit.wait_for(f"/generations/{id}")
    if row is None or row["status"] != "COMPLETE":
        raise Problem(f"generation {id} was not COMPLETE in time")
    return row


def probe_defaults(visit: Visit, tell: Tell) -> None:
    """Check that omitted values get the documented defaults."""
    made = visit.call("POST", "/generations", {"prompt": "a fox"})
    row = _finished(visit, made["generationId"])
    for name, value in (("imageWidth", 1024), ("imageHeight", 768), ("public", False)):
        tell(row[name] == value, _READ, f"by default '{name}' is {shown(row[name])}, not {shown(value)}")
    count = len(row["generated_images"])
    tell(count == 4, _READ, f"by default 4 images are made; {count} came")


def probe_texts(visit: Visit, tell: Tell) -> None:
    """Check that prompts come back as they were sent, in any script."""
    from faker import Faker

    people = Faker(list(SCRIPTS))
    people.seed_instance(4711)
    for language in SCRIPTS:
        wanted = f"{people[language].name()}, {people[language].sentence()} \N{DANCER}\N{ZERO WIDTH JOINER}"
        prompt = visit.call("GET", f"/generations/{_generate(visit, prompt=wanted)}")["prompt"]
        kept = next(
            (n for n, (one, other) in enumerate(zip(wanted, str(prompt), strict=False)) if one != other), 0
        )
        told = f"after {kept} characters it is {shown(str(prompt)[kept:])}, not {shown(wanted[kept:])}"
        tell(prompt == wanted, _READ, f"the prompt {shown(wanted)} came back changed: {told}")


def probe_ids(visit: Visit, tell: Tell) -> None:
    """Check that every generation has a unique id."""
    ids = [_generate(visit) for _ in range(3)]
    tell(len(set(ids)) == 3, _CREATE, f"{len(ids)} generations have {len(set(ids))} different ids")


def probe_paging(visit: Visit, tell: Tell) -> None:
    """Check that paging through generations works."""
    path = f"/generations/user/{visit.user()}"
    made = [_generate(visit, prompt=f"fox {number}") for number in range(3)]

    def page(offset: int, limit: int) -> list[str]:
        found = [row["id"] for row in visit.call("GET", path, offset=offset, limit=limit)]
        tell(len(found) <= limit, _LIST, f"limit={limit} gave {len(found)} generations")
        return found

    newest = page(0, 3)
    tell(set(newest) == set(made), _LIST, f"the newest 3 generations are {made}, the list has {newest}")
    tell(newest == made[::-1] or set(newest) != set(made), _LIST, "the list is not in the order newest first")
    for offset in range(3):
        one = page(offset, 1)
        tell(
            one == newest[offset : offset + 1],
            _LIST,
            f"offset={offset}&limit=1 gave {one}, not {newest[offset:][:1]}",
        )
    overlap = set(page(0, 2)) & set(page(2, 2))
    tell(not overlap, _LIST, f"the pages offset=0 and offset=2 with limit=2 both have {sorted(overlap)}")
    tell(page(1_000_000, 5) == [], _LIST, "a page far behind the last generation is not empty")
    rows = visit.call("GET", path, offset=0, limit=10)
    times = [row["createdAt"] for row in rows]
    tell(
        times == sorted(times, reverse=True),
        _LIST,
        "'createdAt' does not fall from the first to the last row",
    )


def probe_init_image(visit: Visit, tell: Tell) -> None:
    """Check that a generation starts only from an uploaded image that still exists."""
    made = visit.call("POST", "/init-image", {"extension": "jpg"})
    send_form(visit, made["url"], form_of(made["fields"]), PICTURE)
    row = _finished(visit, _generate(visit, init_image_id=made["id"], init_strength=0.5))
    told = shown(row["initStrength"])
    tell(row["initStrength"] == 0.5, _READ, f"'initStrength' is {told}, the call sent 0.5")
    answer = visit.send(
        "POST", "/generations", {**SMALL, "init_image_id": visit.target.unknown_id("init image")}
    )
    tell(answer.status_code != 200, _CREATE, "a generation was made from an init image that never was")
    visit.call("DELETE", f"/init-image/{made['id']}")
    answer = visit.send("POST", "/generations", {**SMALL, "init_image_id": made["id"]})
    tell(answer.status_code != 200, _CREATE, "a generation was made from an init image that was deleted")


def probe_refund(visit: Visit, tell: Tell) -> None:
    """Check that a failed job is refunded."""
    why = "a job has to fail"
    played = visit.control("GET", "/scenario", why=why).get("scenarios") or []
    visit.control("PUT", "/scenario", {"scenarios": ["moderation_failed"]}, why=why)
    try:
        before = visit.balance()
        row = visit.wait_for(f"/generations/{_generate(visit)}")
    finally:
        visit.control("PUT", "/scenario", {"scenarios": played}, why=why)
    tell(row and row["status"] == "FAILED", _READ, "a job that has to fail is not FAILED")
    after = visit.balance()
    tell(
        before == after,
        "getUserSelf",
        f"a failed job was not refunded: {before} credits before, {after} after",
    )


# --- uploads --------------------------------------------------------------------------------------


def probe_extensions(visit: Visit, tell: Tell) -> None:
    """Check that the form's key ends in the requested extension."""
    for extension in ("png", "jpg", "jpeg", "webp"):
        made = visit.call("POST", "/init-image", {"extension": extension})
        key = form_of(made["fields"]).get("key", "")
        tell(key.endswith(f".{extension}"), _UPLOAD, f"the form for {extension} has the key {shown(key)}")
        kind = form_of(made["fields"]).get("Content-Type", "image/")
        tell(kind.startswith("image/"), _UPLOAD, f"the form for {extension} has the type {shown(kind)}")
    answer = visit.send("POST", "/init-image", {"extension": "exe"})
    tell(400 <= answer.status_code < 500, _UPLOAD, f"the extension exe was answered {answer.status_code}")


def probe_expired(visit: Visit, tell: Tell) -> None:
    """Check that an upload after two minutes is rejected."""
    made = visit.call("POST", "/init-image", {"extension": "jpg"})
    with visit.later(FORM_SECONDS + 1):
        answer = send_form(visit, made["url"], form_of(made["fields"]), PICTURE)
    tell(answer.status_code == 403, _UPLOAD, f"an upload after two minutes was answered {answer.status_code}")


def probe_dataset_images(visit: Visit, tell: Tell) -> None:
    """Check that images added to a dataset appear in it."""
    dataset = visit.call("POST", "/datasets", {"name": "leomock check"})["id"]
    made = visit.call("POST", f"/datasets/{dataset}/upload", {"extension": "jpg"})
    answer = send_form(visit, made["url"], form_of(made["fields"]), PICTURE)
    tell(answer.status_code == 204, "uploadDatasetImage", f"the upload was answered {answer.status_code}")
    image = visit.call(
        "POST", f"/datasets/{dataset}/upload/gen", {"generatedImageId": supply(visit, "image")}
    )
    row = visit.call("GET", f"/datasets/{dataset}")
    ids = [found["id"] for found in row["dataset_images"]]
    tell(made["id"] in ids, "getDatasetById", "an image uploaded to a dataset is not in the dataset")
    tell(image["id"] in ids, "getDatasetById", "a generated image added to a dataset is not in the dataset")
    for found in row["dataset_images"]:
        answer = visit.send("GET", found["url"], client=visit.stranger)
        status = answer.status_code
        tell(status == 200, "getDatasetById", f"an image of a dataset cannot be fetched: {status}")


# --- synchronous responses ------------------------------------------------------------------------


def probe_canvas(visit: Visit, tell: Tell) -> None:
    """Check that the realtime canvas returns images."""
    data = f"data:image/jpeg;base64,{base64.b64encode(PICTURE).decode()}"
    calls: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("createLCMGeneration", "/generations-lcm", {"width": 512, "height": 512}),
        ("performInstantRefine", "/lcm-instant-refine", {"width": 512, "height": 512}),
        ("performInpaintingLCM", "/lcm-inpainting", {"width": 512, "height": 512, "maskDataUrl": data}),
        ("performAlchemyUpscaleLCM", "/lcm-upscale", {"width": 512, "height": 512}),
    )
    for operation, path, body in calls:
        made = visit.call("POST", path, {"imageDataUrl": data, "prompt": "a fox", **body})
        pictures = made["imageDataUrl"]
        tell(pictures, operation, f"POST {path} answered no picture")
        for url in pictures:
            tell(_is_picture(url), operation, f"POST {path} answered a data URL that is not a picture")
        _costs(made, operation, path, tell)


def _is_picture(url: Any) -> bool:
    from PIL import Image

    head, _, data = str(url).partition(",")
    try:
        Image.open(io.BytesIO(base64.b64decode(data, validate=True))).load()
    except (OSError, ValueError, SyntaxError):
        return False
    return head.startswith("data:image/") and head.endswith(";base64")


def _costs(made: Row, operation: str, path: str, tell: Tell) -> None:
    if "apiCreditCost" in made:
        cost = made["apiCreditCost"]
        told = f"POST {path}: 'apiCreditCost' is {shown(cost)}; the call is not free"
        tell(isinstance(cost, int | float) and cost > 0, operation, told)


def probe_prompts(visit: Visit, tell: Tell) -> None:
    """Check that prompts are texts, and that random ones differ."""
    for operation, path, body in (
        ("promptRandom", "/prompt/random", {}),
        ("promptImprove", "/prompt/improve", {"prompt": "a fox"}),
    ):
        made = visit.call("POST", path, body)
        text = made["prompt"]
        tell(
            isinstance(text, str) and len(text) > 10,
            operation,
            f"POST {path} answered the prompt {shown(text)}",
        )
        _costs(made, operation, path, tell)
    both = {visit.call("POST", "/prompt/random", {})["prompt"] for _ in range(3)}
    tell(len(both) > 1, "promptRandom", "three random prompts are the same")


def probe_calculator(visit: Visit, tell: Tell) -> None:
    """Check that the calculator's price depends on the request."""

    def price(service: str, **parameters: Any) -> Any:
        body = {"service": service, "serviceParams": {service: parameters}}
        return visit.call("POST", "/pricing-calculator", body)["cost"]

    small = {"imageWidth": 512, "imageHeight": 512, "inferenceSteps": 10}
    one, four = (
        price("IMAGE_GENERATION", numImages=1, **small),
        price("IMAGE_GENERATION", numImages=4, **small),
    )
    told = f"1 image costs {shown(one)} credits and 4 images {shown(four)}"
    tell(isinstance(one, int) and isinstance(four, int) and 0 < one < four, "pricingCalculator", told)
    video = price("MOTION_SVD_GENERATION")
    told = f"a video costs {shown(video)} credits, no more than a picture ({shown(one)})"
    tell(isinstance(video, int) and isinstance(one, int) and video > one, "pricingCalculator", told)


# --- keys and errors ------------------------------------------------------------------------------


def _every_operation(visit: Visit) -> list[tuple[str, str, str]]:
    found = []
    for version, spec in Versions().items():
        base = visit.target.base(version)
        for operation in spec.operations.values() if base else ():
            path = "/".join(
                visit.target.unknown_id(f"{operation.id} {step}") if step.startswith("{") else step
                for step in operation.path.split("/")
            )
            found.append((operation.id, operation.method, f"{base}{path}"))
    return found


def probe_no_key(visit: Visit, tell: Tell) -> None:
    """Check that a call without a key gets a 401."""
    visit.call("GET", "/me")
    for operation, method, url in _every_operation(visit):
        if not visit.target.writes and method not in READING:
            continue
        answer = visit.send(method, url, client=visit.stranger)
        if answer.status_code == 404:
            continue  # the server does not have this operation; other probes report that.
        label = visit.label(visit.steps[-1])
        told = f"{label} without a key was answered {answer.status_code}, not 401"
        tell(answer.status_code == 401, operation, told)
        visit.begin()


def probe_wrong_key(visit: Visit, tell: Tell) -> None:
    """Check that a key that was never issued is rejected."""
    if visit.target.any_key:
        raise Skipped("the server takes any key on purpose")
    visit.call("GET", "/me")
    key = {"authorization": "Bearer leomock-no-such-key"}
    for operation, path in (
        ("getUserSelf", "/me"),
        ("listPlatformModels", "/platformModels"),
        (_READ, f"/generations/{visit.target.unknown_id('wrong key')}"),
    ):
        answer = visit.send("GET", path, client=visit.stranger, headers=key)
        told = f"GET {path} with a key that nobody gave out was answered {answer.status_code}, not refused"
        tell(not answer.is_success, operation, told)


def probe_error_forms(visit: Visit, tell: Tell) -> None:
    """Check that errors have the documented format and status."""
    calls: tuple[tuple[str, str, str, Any], ...] = (
        (_CREATE, "POST", "/generations", {}),
        (_CREATE, "POST", "/generations", {"prompt": 5}),
        (_CREATE, "POST", "/generations", {**SMALL, "width": 31}),
        (_CREATE, "POST", "/generations", {**SMALL, "num_images": 0}),
        (_CREATE, "POST", "/generations", {**SMALL, "no_such_parameter": 1}),
        ("createDataset", "POST", "/datasets", {}),
        ("uploadMedia", "POST", "/media", {"extension": "exe"}),
        (_LIST, "GET", "/generations/user/no-uuid", None),
        (_READ, "GET", "/generations/no-uuid", None),
    )
    for operation, method, path, body in calls:
        answer = visit.send(method, path, body)
        status = answer.status_code
        sent = f" with {shown(body)}" if body is not None else ""
        tell(400 <= status < 500, operation, f"{method} {path}{sent} was answered {status}, not refused")
        if 400 <= status < 500:
            _tell_error_form(visit, tell, operation, f"{method} {path}{sent}", answer)
        visit.begin()
    answer = visit.send("GET", "/no-such-endpoint")
    tell(
        answer.status_code == 404, _READ, f"GET /no-such-endpoint was answered {answer.status_code}, not 404"
    )


def _tell_error_form(visit: Visit, tell: Tell, operation: str, label: str, answer: Any) -> None:
    try:
        error = answer.json()
    except ValueError:
        return  # the visit has recorded it
    fits = (
        isinstance(error, dict)
        and error.keys() >= ERROR_KEYS
        and all(isinstance(error[n], str) for n in ERROR_KEYS)
    )
    told = f"{label} was refused with {shown(error)}, not with the texts error, path and code"
    tell(fits, operation, told)


def probe_reads(visit: Visit, tell: Tell) -> None:
    """Check that a read changes nothing and can be repeated."""
    for operation, path in (
        ("getUserSelf", "/me"),
        ("listPlatformModels", "/platformModels"),
        ("listElements", "/elements"),
        ("listBlueprints", "/blueprints"),
    ):
        first, second = visit.call("GET", path), visit.call("GET", path)
        tell(first == second, operation, f"GET {path} answers something else when it is asked again")
        require(first is not None, f"GET {path} answered null")
        ids = [id for name in ("id", "akUUID") for id in at(first, ["*", name]) if isinstance(first, list)]
        tell(len(set(ids)) == len(ids), operation, f"GET {path} lists two things with the same id")
        if operation in ("listPlatformModels", "listElements"):
            tell(first, operation, f"GET {path} lists nothing")


# --- version 2 and blueprints ---------------------------------------------------------------------


def probe_version_2(visit: Visit, tell: Tell) -> None:
    """Check that version 1 can read a generation that version 2 started."""
    wanted = {"prompt": "a fox in the fog", "quantity": 1, "width": 512, "height": 512}
    made = visit.create_v2("/generations", model="lucid-origin", parameters=wanted)["generate"]
    id = made["generationId"]
    _costs(made, "createGenerationV2", "v2/generations", tell)
    row = _finished(visit, id)
    tell(row["id"] == id, _READ, f"a generation of version 2 reads with the id {row['id']}, not {id}")
    for name, value in (("prompt", wanted["prompt"]), ("imageWidth", 512), ("imageHeight", 512)):
        told = f"a generation of version 2 has '{name}' {shown(row[name])}, not {shown(value)}"
        tell(row[name] == value, _READ, told)
    count = len(row["generated_images"])
    tell(count == 1, _READ, f"version 2 was asked for 1 image, {count} came")


def probe_at_once(visit: Visit, tell: Tell) -> None:
    """Check that the file from a synchronous generation matches the response."""
    operation = "createGenerationSyncV2"
    data = base64.b64encode(PICTURE).decode()
    references = {"image_reference": [{"image": {"type": "BASE64", "data": data}}]}
    answer = visit.create_v2("/generationssync", model="remove-bg", parameters={"guidances": references})
    # Both formats have been observed: with and without an envelope.
    made = answer.get("generateSync", answer)
    [result] = made["results"]
    found = visit.send("GET", result["url"], client=visit.stranger)
    kind = found.headers.get("content-type", "")
    tell(found.status_code == 200, operation, f"the result's address answered {found.status_code}")
    told = f"the result's address answered content type {shown(kind)}, not {shown(result['contentType'])}"
    tell(kind == result["contentType"], operation, told)


def probe_models_2(visit: Visit, tell: Tell) -> None:
    """Check that version 2 lists its models."""
    base = visit.target.base("v2")
    if base is None:
        raise Skipped("where version 2 begins is not known")
    answer = json_of(visit.send("GET", f"{base}/models"))
    models = next(iter(answer.values()), None) if isinstance(answer, dict) else None
    require(isinstance(models, list) and models, "GET v2/models lists nothing")
    ids = [model.get("id") for model in models or ()]
    tell(len(set(ids)) == len(ids), "listModelsV2", "GET v2/models lists two models with the same id")


def probe_blueprints(visit: Visit, tell: Tell) -> None:
    """Check that a listed blueprint can be read and has versions."""
    edges = visit.call("GET", "/blueprints")["edges"]
    if not edges:
        raise Skipped("the server has no blueprints")
    id = edges[0]["node"]["akUUID"]
    row = visit.call("GET", f"/blueprints/{id}")
    told = f"blueprint {id} reads with another akUUID or name than in the list"
    node = edges[0]["node"]
    same = isinstance(row, Row) and all(row[name] == node[name] for name in ("akUUID", "name"))
    tell(same, "getBlueprintById", told)
    versions = visit.call("GET", f"/blueprints/{id}/versions")["edges"]
    tell(versions, "getBlueprintVersionsByBlueprintId", f"blueprint {id} has no versions")


# --- webhooks -------------------------------------------------------------------------------------


def probe_webhooks(visit: Visit, tell: Tell) -> None:
    """Check that a finished generation sends a webhook with the documented body."""
    before = visit.control("GET", "/webhook", why="a webhook has to be set")
    if before and before.get("url"):
        raise Skipped("this key has a webhook already, which the check leaves alone")
    visit.control(
        "PUT", "/webhook", {"url": "http://127.0.0.1:9/", "key": "abcd"}, why="a webhook has to be set"
    )
    try:
        id = _generate(visit)
        _finished(visit, id)
        events = visit.control("GET", "/webhooks", why="events are read")["events"]
    finally:
        visit.control("PUT", "/webhook", {"url": "", "key": ""}, why="the webhook has to end")
    bodies = [event["body"] for event in events if id in json.dumps(event["body"])]
    tell(len(bodies) == 1, _CREATE, f"a finished generation has {len(bodies)} webhook events, not 1")
    for body in bodies:
        missing = {"type", "object", "timestamp", "api_version", "data"} - body.keys()
        tell(not missing, _CREATE, f"the body of a webhook lacks {', '.join(sorted(missing))}")
        kind = body.get("type")
        tell(kind == "image_generation.complete", _CREATE, f"the webhook's type is {shown(kind)}")
        about = body.get("data", {}).get("object", {})
        tell(about.get("id") == id, _CREATE, f"the webhook is about {shown(about.get('id'))}, not {id}")
        tell(
            about.get("status") == "COMPLETE",
            _CREATE,
            f"the webhook says status {shown(about.get('status'))}",
        )
