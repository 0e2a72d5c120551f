"""Journeys beyond the life cycle of one resource: paging, defaults, keys, errors, version 2, catalogues.

Each probe states what it expects and why. No probe expects a behaviour that only this project chose.
"""

from __future__ import annotations

import base64
import io
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from leomock.contract.check.lives import (
    BY_NAME,
    MOST_LINKS,
    SMALL,
    at,
    filled,
    form_of,
    links,
    policy_of,
    send_form,
    supply,
)
from leomock.contract.check.media import PICTURE
from leomock.contract.check.properties import difference, picture_problems, price_problems
from leomock.contract.check.resources import Files
from leomock.contract.check.target import READING, is_loopback
from leomock.contract.check.visit import Problem, Row, Skipped, Visit, json_of, require, rows, shown
from leomock.openapi.spec import Versions
from leomock.testing.webhook_receiver import Received, WebhookReceiver

# The form is valid for two minutes (documented).
FORM_SECONDS = 120
# A larger file is not sent to see whether it is refused.
LARGEST_FILE = 32 * 1024 * 1024
# The documented length of a page.
LONGEST_PAGE = 100
WEBHOOK_KEY = "abcd"
# How long webhooks may take to be sent.
DELIVERY_SECONDS = 3.0
# The documented length of a prompt.
LONGEST_PROMPT = 1500
# Faker's locales for texts in Latin, Cyrillic, Greek, Arabic, Devanagari, Thai and East Asian scripts.
SCRIPTS = ("fr_FR", "ru_RU", "el_GR", "ar_AA", "hi_IN", "th_TH", "ja_JP", "ko_KR")
# The format of each Hasura error (documented on the error messages page).
ERROR_KEYS = {"error", "path", "code"}
# Reports an expectation: whether it holds, the operation, and a sentence for when it does not.
Tell = Callable[[object, str, str], None]


# --- generations ----------------------------------------------------------------------------------

_CREATE, _READ, _REMOVE = "createGeneration", "getGenerationById", "deleteGenerationById"
_LIST, _UPLOAD = "getGenerationsByUserId", "uploadInitImage"
_EXECUTED = "getBlueprintExecutionGenerations"


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
    texts = [
        f"{people[language].name()}, {people[language].sentence()} \N{DANCER}\N{ZERO WIDTH JOINER}"
        for language in SCRIPTS
    ]
    for wanted in (*texts, ("a lighthouse, " * LONGEST_PROMPT)[:LONGEST_PROMPT]):
        prompt = visit.call("GET", f"/generations/{_generate(visit, prompt=wanted)}")["prompt"]
        told, sent = difference(prompt, wanted)
        tell(prompt == wanted, _READ, f"a prompt came back changed: it is {told}, the call sent {sent}")


def probe_ids(visit: Visit, tell: Tell) -> None:
    """Check that every generation has a unique id, also of those that begin at the same time."""
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda _: _generate(visit), range(4)))
    tell(len(set(ids)) == 4, _CREATE, f"{len(ids)} generations have {len(set(ids))} different ids")


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
    whole = page(0, 10)
    tell(len(set(whole)) == len(whole), _LIST, "a page has a generation twice")
    told = f"limit=10 gave {len(whole)} generations, but there are more"
    tell(len(whole) == 10 or page(len(whole), 1) == [], _LIST, told)
    for offset, limit in ((0, 1), (1, 1), (2, 1), (0, 2), (2, 2), (1, 5), (4, 6)):
        part, wanted = page(offset, limit), whole[offset : offset + limit]
        tell(part == wanted, _LIST, f"offset={offset}&limit={limit} gave {part}, not {wanted}")
    usual = [row["id"] for row in visit.call("GET", path)]
    tell(
        usual == whole,
        _LIST,
        f"without offset and limit, {len(usual)} generations came, not those of limit=10",
    )
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
    if visit.other:
        body = {**SMALL, "init_image_id": made["id"]}
        answer = visit.send("POST", "/generations", body, client=visit.other)
        tell(
            answer.status_code != 200,
            _CREATE,
            "another key makes a generation from an init image of this key",
        )
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


def probe_upload_size(visit: Visit, tell: Tell) -> None:
    """Check that a file is refused that is larger than the form allows."""
    made = visit.call("POST", "/init-image", {"extension": "jpg"})
    form = form_of(made["fields"])
    rules = [rule for rule in policy_of(form)["conditions"] if isinstance(rule, list)]
    largest = next((int(most) for name, _, most in rules if name == "content-length-range"), None)
    if largest is None or largest > LARGEST_FILE:
        raise Skipped("the form allows files of any size, or very large ones")
    answer = send_form(visit, made["url"], form, bytes(largest + 1))
    told = f"a file of a byte more than the policy allows was answered {answer.status_code}"
    tell(400 <= answer.status_code < 500, _UPLOAD, told)


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
        made = _paid(visit, tell, operation, path, {"imageDataUrl": data, "prompt": "a fox", **body})
        pictures = made["imageDataUrl"]
        tell(pictures, operation, f"POST {path} answered no picture")
        for url in pictures:
            size = _size_of_picture(url)
            tell(size, operation, f"POST {path} answered a data URL that is not a picture")
            fits = size and (min(size) > 512 if path == "/lcm-upscale" else size == (512, 512))
            told = f"POST {path} with 512 by 512 pixels answered a picture of {shown(size)}"
            tell(fits or not size, operation, told)


def _size_of_picture(url: Any) -> tuple[int, int] | None:
    from PIL import Image

    head, _, data = str(url).partition(",")
    try:
        picture = Image.open(io.BytesIO(base64.b64decode(data, validate=True)))
        picture.load()
    except (OSError, ValueError, SyntaxError):
        return None
    return picture.size if head.startswith("data:image/") and head.endswith(";base64") else None


def _paid(visit: Visit, tell: Tell, operation: str, path: str, body: Any) -> Any:
    """Send a call that is charged at once; check its price and the balance."""
    before = visit.balance()
    made = visit.call("POST", path, body)
    after = visit.balance()
    for told in price_problems(made):
        tell(False, operation, f"POST {path}: {told}")
    cost = made.get("apiCreditCost")
    if before is not None and after is not None and isinstance(cost, int):
        told = f"POST {path} cost {cost} credits, but the balance of the account fell by {before - after}"
        if before - after != cost:
            visit.report("property-balance", "getUserSelf", told)
    return made


def probe_prompts(visit: Visit, tell: Tell) -> None:
    """Check that prompts are texts, and that random ones differ."""
    for operation, path, body in (
        ("promptRandom", "/prompt/random", {}),
        ("promptImprove", "/prompt/improve", {"prompt": "a fox"}),
    ):
        made = _paid(visit, tell, operation, path, body)
        text = made["prompt"]
        tell(
            isinstance(text, str) and len(text) > 10,
            operation,
            f"POST {path} answered the prompt {shown(text)}",
        )
        tell(text != body.get("prompt"), operation, f"POST {path} answered the prompt that was sent")
    both = {visit.call("POST", "/prompt/random", {})["prompt"] for _ in range(3)}
    tell(len(both) > 1, "promptRandom", "three random prompts are the same")


def probe_calculator(visit: Visit, tell: Tell) -> None:
    """Check that the calculator's price depends on the request."""

    def price(service: str, **parameters: Any) -> Any:
        body = {"service": service, "serviceParams": {service: parameters}}
        return visit.call("POST", "/pricing-calculator", body)["cost"]

    small = {"imageWidth": 512, "imageHeight": 512, "inferenceSteps": 10}
    prices = [price("IMAGE_GENERATION", numImages=count, **small) for count in range(1, 5)]
    if prices == [None] * 4:
        raise Skipped("the calculator knows no prices, as for an account that pays in dollars")
    told = f"1, 2, 3 and 4 images cost {shown(prices)} credits"
    rising = all(isinstance(one, int) for one in prices) and prices == sorted({0, *prices} - {0})
    tell(rising, "pricingCalculator", told)
    one = prices[0]
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
    key = visit.target.api_key
    wrong = {
        # To a key of another form than a UUID, the real service answers 500.
        "that nobody gave out": visit.target.unknown_id("wrong key"),
        "of which the last character is wrong": key[:-1] + ("0" if key[-1] != "0" else "1"),
    }
    for what, other in wrong.items():
        for operation, path in (
            ("getUserSelf", "/me"),
            ("listPlatformModels", "/platformModels"),
            (_READ, f"/generations/{visit.target.unknown_id('wrong key')}"),
        ):
            headers = {"authorization": f"Bearer {other}"}
            answer = visit.send("GET", path, client=visit.stranger, headers=headers)
            told = f"GET {path} with a key {what} was answered {answer.status_code}, not refused"
            tell(not answer.is_success, operation, told)


def probe_error_forms(visit: Visit, tell: Tell) -> None:
    """Check that errors have the documented format and status."""
    calls: tuple[tuple[str, str, str, Any], ...] = (
        (_CREATE, "POST", "/generations", {}),
        (_CREATE, "POST", "/generations", {"prompt": 5}),
        (_CREATE, "POST", "/generations", {"photoReal": "true", **SMALL}),
        (
            _CREATE,
            "POST",
            "/generations",
            {"width": "128", "height": 128, "num_images": 1, "prompt": "a fox"},
        ),
        (_CREATE, "POST", "/generations", {"width": 31, "height": 128, "num_images": 1, "prompt": "a fox"}),
        (_CREATE, "POST", "/generations", {"num_images": 0, "prompt": "a fox"}),
        (_CREATE, "POST", "/generations", {"no_such_parameter": 1, **SMALL}),
        ("createDataset", "POST", "/datasets", {}),
        ("uploadMedia", "POST", "/media", {"extension": "exe"}),
        (_LIST, "GET", "/generations/user/no-uuid", None),
        (_READ, "GET", "/generations/no-uuid", None),
    )
    before, every = visit.balance(), list(visit.steps)
    for operation, method, path, body in calls:
        visit.begin()
        answer = visit.send(method, path, body)
        every += visit.steps
        status = answer.status_code
        sent = f" with {shown(body)}" if body is not None else ""
        tell(400 <= status < 500, operation, f"{method} {path}{sent} was answered {status}, not refused")
        if 400 <= status < 500:
            _tell_error_form(visit, tell, operation, f"{method} {path}{sent}", answer)
    visit.steps = every
    all_refused = all(400 <= step.status < 500 for step in every[1:])
    if all_refused and (after := visit.balance()) != before:
        told = f"calls that were refused changed the balance of the account from {before} to {after}"
        visit.report("property-balance", "getUserSelf", told)
    visit.begin()
    answer = visit.send("GET", "/no-such-endpoint")
    told = f"GET /no-such-endpoint was answered {answer.status_code}, not 404"
    tell(answer.status_code == 404, _READ, told)
    if answer.status_code == 404:
        _tell_error_form(visit, tell, _READ, "GET /no-such-endpoint", answer)


def _tell_error_form(visit: Visit, tell: Tell, operation: str, label: str, answer: Any) -> None:
    try:
        error = answer.json()
    except ValueError:
        error = answer.text
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
        tell(
            path != "/me" or len(first) == 1, operation, f"GET /me tells of {len(first)} accounts, not of one"
        )
        ids = [id for name in ("id", "akUUID") for id in at(first, ["*", name]) if isinstance(first, list)]
        tell(len(set(ids)) == len(ids), operation, f"GET {path} lists two things with the same id")
        if operation in ("listPlatformModels", "listElements"):
            tell(first, operation, f"GET {path} lists nothing")
        for url in links(first)[:MOST_LINKS]:
            status = visit.send("HEAD", url, client=visit.stranger).status_code
            tell(status == 200, operation, f"HEAD of an address in GET {path} was answered {status}")


# --- version 2 and blueprints ---------------------------------------------------------------------


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


# --- webhooks -------------------------------------------------------------------------------------


def probe_webhooks(visit: Visit, tell: Tell) -> None:
    """Check that a finished job sends one webhook, with the documented body."""
    why = "a webhook has to be set"
    before = visit.control("GET", "/webhook", why=why)
    if before and before.get("url"):
        raise Skipped("this key has a webhook already, which the check leaves alone")
    image = supply(visit, "image")
    with WebhookReceiver() as receiver:
        visit.control("PUT", "/webhook", {"url": receiver.url, "key": WEBHOOK_KEY}, why=why)
        try:
            row = _finished(visit, _generate(visit, num_images=2))
            upscale = visit.call("POST", "/variations/upscale", {"id": image})["id"]
            visit.wait_for(f"/variations/{upscale}")
            jobs = {row["id"]: ("generation", _CREATE), upscale: ("variation", "createVariationUpscale")}
            events = _events(visit, list(jobs))
        finally:
            visit.control("PUT", "/webhook", {"url": "", "key": ""}, why="the webhook has to end")
    for id, (what, operation) in jobs.items():
        own = [event for event in events if _is_about(event["body"], id)]
        tell(len(own) == 1, operation, f"a finished {what} has {len(own)} webhook events, not 1")
        for event in own:
            for told in _event_problems(event["body"], row if what == "generation" else None):
                tell(False, operation, f"the webhook of a {what} {told}")
        # A server in a container cannot post to this machine's own address: it tried, and nothing came.
        if is_loopback(visit.target.url) and (receiver.received or not any(one["attempts"] for one in own)):
            came = [one for one in receiver.received if _is_about(one.body, id)]
            _tell_delivery(tell, operation, what, own, came)


def _is_about(body: Any, id: str) -> bool:
    return f'"{id}"' in json.dumps(body)


def _events(visit: Visit, ids: list[str]) -> list[Any]:
    """Return the events of this key, as soon as each of these jobs has one that was posted."""
    ends = time.monotonic() + (DELIVERY_SECONDS if is_loopback(visit.target.url) else 0)
    while True:
        events: list[Any] = visit.control("GET", "/webhooks", why="events are read")["events"]
        posted = [event for event in events if event["attempts"]]
        if all(any(_is_about(event, id) for event in posted) for id in ids) or time.monotonic() > ends:
            return events
        time.sleep(0.05)


def _event_problems(body: Any, row: Row | None) -> Iterator[str]:
    missing = {"type", "object", "timestamp", "api_version", "data"} - body.keys()
    if missing:
        yield f"lacks {', '.join(sorted(missing))}"
        return
    about = body["data"].get("object", {})
    if about.get("status") != "COMPLETE":
        yield f"says status {shown(about.get('status'))}"
    moment = body["timestamp"]
    if not isinstance(moment, int) or len(str(moment)) != 13:
        yield f"has the timestamp {shown(moment)}, not milliseconds"
    if row is None:
        return
    if body["type"] != "image_generation.complete":
        yield f"has the type {shown(body['type'])}"
    # Seeds are texts in events, and times have a Z.
    differing = [
        name
        for name in about.keys() & row.keys()
        if not isinstance(row[name], list) and str(about[name]).removesuffix("Z") != str(row[name])
    ]
    if differing:
        yield f"differs from GET /generations/{{id}} in: {', '.join(sorted(differing))}"
    images = [{image.get("id"), image.get("url")} for image in about.get("images", ())]
    if images != [{image["id"], image["url"]} for image in row["generated_images"]]:
        yield f"has {len(images)} images, not those of the generation"


def _tell_delivery(tell: Tell, operation: str, what: str, own: list[Any], came: list[Received]) -> None:
    tell(len(came) == 1, operation, f"the webhook of a {what} was posted {len(came)} times, not once")
    for one in came:
        kind, key = one.headers.get("content-type", ""), one.headers.get("authorization")
        told = (
            f"the webhook of a {what} came with the authorization {shown(key)}, not the bearer that was set"
        )
        tell(key == f"Bearer {WEBHOOK_KEY}", operation, told)
        tell(kind.startswith("application/json"), operation, f"the webhook of a {what} came as {shown(kind)}")
        same = one.body in [event["body"] for event in own]
        tell(
            same,
            operation,
            f"the webhook of a {what} came with another body than GET /_leomock/webhooks lists",
        )
