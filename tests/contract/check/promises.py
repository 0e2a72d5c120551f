"""Faults made from the list of promises and the model of every resource.

Nobody chooses only what is found.

Each breaks one promise of one operation of a sound fake.
"""

from __future__ import annotations

import io
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from unicodedata import normalize
from uuid import UUID

from PIL import Image

from leomock.contract.check.amendments import DATA_URL
from leomock.contract.check.lives import AUTHORIZED, at, wrong_forms
from leomock.contract.check.media import PICTURE
from leomock.contract.check.resources import RESOURCES, Call, Resource
from tests.contract.check.mutants import Exchange, Fault, Mutant, html, on

CREATE, READ, LIST = "createGeneration", "getGenerationById", "getGenerationsByUserId"
EXECUTED = "getBlueprintExecutionGenerations"
Row = dict[str, Any]
NOTHING = "11111111-1111-4111-8111-111111111111"
IDLE: Fault = lambda exchange: None  # noqa: E731  # as short as the dataclass's own defaults


def row_of(exchange: Exchange) -> Row | None:
    """The object under the envelope, also where it comes as a list of one."""
    value = exchange.value
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, dict) else None


def changed(operation: str, change: Callable[[Row], Any]) -> Fault:
    """Change the object of an answer."""

    def fault(exchange: Exchange) -> None:
        value = exchange.value
        row = row_of(exchange)
        if row is not None:
            change(row)
            exchange.put([row] if isinstance(value, list) else row)

    return on(operation, fault)


def put(**values: Any) -> Callable[[Row], Any]:
    return lambda row: row.update(values)


def lost(name: str) -> Callable[[Row], Any]:
    return lambda row: row.pop(name, None)


def finished_only(change: Callable[[Row], Any], done: str = "COMPLETE") -> Callable[[Row], Any]:
    return lambda row: change(row) if row.get("status", done) == done else None


def other(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return "TOPAZ" if value.isupper() else f"{value} "
    return []


def mutant(resource: Resource, promise: str, rule: str, before: Fault = IDLE, after: Fault = IDLE) -> Mutant:
    """A mutant that the life of a resource has to find.

    A life that works on a picture reads it by the same operation, and may find the fault there.
    """
    if resource.read and resource.read.operation == READ and resource.name != "generation":
        rule += " life"
    return Mutant(
        f"{resource.name}: {promise}",
        " ".join(resource.operations),
        rule,
        before,
        after,
        f"life {resource.name}",
    )


def faults_of(resource: Resource) -> Iterator[Mutant]:
    """Every promise that applies to a resource, broken."""
    yield from of_creation(resource)
    if resource.read:
        yield from of_reading(resource, resource.read.operation)
    if resource.job and resource.read:
        yield from of_jobs(resource, resource.read.operation)
    if resource.files and resource.read:
        yield from of_files(resource)
    if resource.upload:
        yield from of_uploads(resource)
    if resource.list:
        yield from of_lists(resource, resource.list.operation)
    if resource.inside:
        yield from of_places(resource, *resource.inside)
    if resource.delete and resource.read:
        yield from of_deletion(resource, resource.delete.operation, resource.read.operation)


def of_creation(resource: Resource) -> Iterator[Mutant]:
    create = resource.create.operation
    yield mutant(resource, "the id is null", "life", after=changed(create, put(**{resource.id: None})))
    yield mutant(resource, "the id is lost", "life", after=changed(create, lost(resource.id)))
    if resource.owned:
        shared = one_tenant(create)
        yield mutant(resource, "another key makes it from ours", "property-tenants", before=shared)
        anything = never_refused(create, resource.id)
        yield mutant(resource, "it is made from nothing", "property-references", after=anything)
    if resource.costs:
        free = changed(create, put(apiCreditCost=0))
        yield mutant(resource, "the price is 0", "property-cost", after=free)
        nothing = {"amount": "0", "unit": "DOLLARS"}
        dollars = changed(create, put(apiCreditCost=None, cost=nothing))
        yield mutant(resource, "the price is 0 dollars", "property-cost", after=dollars)
        silent = changed(create, lost("apiCreditCost"))
        yield mutant(resource, "the price is left out", "property-cost", after=silent)
        yield mutant(resource, "the balance never falls", "property-balance", *same_balance())
    if resource.price:
        one = on("pricingCalculator", lambda e: e.put({"cost": 1}))
        yield mutant(resource, "the calculator always says 1", "property-cost", after=one)
        two = changed(create, lambda row: row["cost"].update(amount="1"))
        yield mutant(resource, "it has two prices", "property-cost", after=two)
    if resource.id == "masksImageId":
        one = changed(create, lambda row: row.update(masksImageId=row["initImageId"]))
        yield mutant(resource, "it has the id of the image", "property-ids", after=one)
    if resource.upload or resource.name in ("generation", "dataset"):
        yield mutant(resource, "every id is the same", "property-ids", after=first_again(create, resource.id))


def of_reading(resource: Resource, read: str) -> Iterator[Mutant]:
    nothing = on(read, lambda e: e.put([] if isinstance(e.value, list) else None))
    yield mutant(resource, "it reads as null", "property-found", after=nothing)
    if resource.id != "userLoraId":
        yield mutant(
            resource,
            "it reads with another id",
            "property-ids",
            after=changed(read, put(**{resource.row_id: NOTHING})),
        )
    for told, sent in resource.echoes.items():
        wrong = changed(read, put(**{told: other(next(iter(at(resource.body, sent.split("."))), None))}))
        yield mutant(resource, f"{told} is not kept", "property-echo", after=wrong)
    for name, value in resource.shows.items():
        wrong = changed(read, put(**{name: "OUTPAINT" if value != "OUTPAINT" else "UPSCALE"}))
        yield mutant(resource, f"another {name}", "property-echo", after=wrong)
    texts = (
        "27/11/2026 10:00",
        "1970-01-01T00:00:00.000",
        "2026-11-27T10:00:00+02:00",
        "2026-13-32T10:00:00.000",
    )
    for text in texts if resource.name == "generation" else texts[:1]:
        late = changed(read, put(createdAt=text))
        yield mutant(resource, f"createdAt is {text}", "property-times", after=late)
    local = changed(read, local_time)
    yield mutant(resource, "createdAt is in local time", "property-times", after=local)
    yield mutant(resource, "createdAt is lost", "answer-shape", after=changed(read, lost("createdAt")))
    yield mutant(resource, "an unknown property", "answer-shape", after=changed(read, put(internal=1)))
    plain = on(read, lambda e: e.header("content-type", "text/plain"))
    yield mutant(resource, "it is read as text", "content-type", after=plain)
    cut = on(read, lambda e: setattr(e, "answer", e.answer[:-1]))
    if not resource.job:
        yield mutant(resource, "it is read as half an object", "answer-json", after=cut)


def of_jobs(resource: Resource, read: str) -> Iterator[Mutant]:
    done = resource.done
    back = changed(read, goes_back(done))
    yield mutant(resource, "the status goes back to PENDING", "property-unchanged", after=back)
    for_ever = changed(read, put(status="PENDING"))
    yield mutant(resource, "it stays PENDING for ever", "property-status", after=for_ever)
    failed = changed(read, finished_only(put(status="FAILED"), done))
    yield mutant(resource, "it always fails", "property-status", after=failed)
    strange = changed(read, finished_only(put(status="DONE"), done))
    yield mutant(resource, "it ends as DONE", "property-status", after=strange)
    early = changed(read, put(generated_images=[{"id": NOTHING}]))
    if resource.name == "generation":
        yield mutant(resource, "images while PENDING", "property-early", after=early)
    yield mutant(
        resource, "it is gone when it is read again", "property-unchanged", after=vanishing(read, done)
    )
    moves = changed(read, finished_only(counting("createdAt", "2026-11-27T10:00:0{}.000"), done))
    yield mutant(resource, "it changes when it is finished", "property-unchanged", after=moves)


def of_files(resource: Resource) -> Iterator[Mutant]:
    if (resource.files[0].count or 0) > 1 and resource.read:
        for name in ("id", "url"):
            same = changed(resource.read.operation, finished_only(same_images(name)))
            yield mutant(resource, f"all images have one {name}", "property-count", after=same)
    file = resource.files[0]
    if file.size or file.enlarged:
        grey = cdn("GET", lambda e: setattr(e, "answer", PICTURE))
        yield mutant(resource, "a picture of another size", "property-files", after=grey)
    if file.transparent:
        yield mutant(resource, "an opaque picture", "property-files", after=cdn("GET", opaque))
    if file.media == "video" and resource.read and resource.read.operation == READ:
        still = on_stills(lambda e: setattr(e, "status", 404))
        yield mutant(resource, "its still is 404", "property-files", after=still)
    if (file.count or 0) > 1 and file.fetch > 1:
        yield mutant(resource, "all images are one file", "property-count", before=first_picture)
    strict = cdn("GET", without_key_only)
    yield mutant(resource, "a file is refused to clients with a key", "property-file-http", after=strict)
    for promise, change in (
        ("a file is 404", lambda e: setattr(e, "status", 404)),
        ("a file is empty", lambda e: setattr(e, "answer", b"")),
        ("a file has another content type", lambda e: e.header("content-type", "text/plain")),
        ("a file is cut off", lambda e: setattr(e, "answer", e.answer[: len(e.answer) // 3])),
    ):
        yield mutant(resource, promise, "property-files", after=cdn("GET", change))
    yield mutant(
        resource,
        "HEAD of a file fails",
        "property-file-http",
        after=cdn("HEAD", lambda e: setattr(e, "status", 404)),
    )
    part = cdn("GET", lambda e: setattr(e, "answer", b"x") if e.status == 206 else None)
    yield mutant(resource, "a range has other bytes", "property-file-http", after=part)
    steps = resource.files[0].at.split(".")
    if len(steps) > 1 and resource.read:
        fewer = changed(resource.read.operation, finished_only(lambda row: row[steps[0]].clear()))
        yield mutant(resource, "no results come", "property-count", after=fewer)


def of_uploads(resource: Resource) -> Iterator[Mutant]:
    for name in (*WRONG_FORMS, AUTHORIZED):
        yield mutant(resource, f"an upload with {name} is taken", "property-uploads", after=taken(name))
    json_error = bucket_error(lambda e: setattr(e, "answer", b'{"error": "no"}'))
    yield mutant(resource, "an upload is refused in JSON", "property-uploads", after=json_error)
    yield mutant(resource, "the right upload is refused", "property-uploads", after=uploads_refused)
    if resource.url:
        gone = cdn("GET", lambda e: setattr(e, "status", 404))
        yield mutant(resource, "the uploaded file is 404", "property-uploads", after=gone)
        bytes_ = cdn("GET", lambda e: setattr(e, "answer", b"other"))
        yield mutant(resource, "the uploaded file has other bytes", "property-uploads", after=bytes_)
        plain = cdn("GET", lambda e: e.header("content-type", "text/plain"))
        yield mutant(resource, "the uploaded file has another type", "property-uploads", after=plain)


def of_lists(resource: Resource, listing: str) -> Iterator[Mutant]:
    empty = on(listing, lambda e: e.put([]))
    yield mutant(resource, "it is not in the list", "property-list", after=empty)
    null = on(listing, lambda e: e.put(None))
    yield mutant(resource, "the list is null", "property-list", after=null)
    twice = on(listing, lambda e: e.put([*e.value, *e.value]))
    yield mutant(resource, "it is in the list twice", "property-list", after=twice)
    for told in list(resource.echoes)[:1]:
        yield mutant(resource, f"the list has another {told}", "property-list", after=longer(listing, told))
    yield mutant(resource, "deleted, and still in the list", "property-delete", after=kept(listing))


def of_places(resource: Resource, place: Call, steps: str) -> Iterator[Mutant]:
    *way, _ = steps.split(".")

    def each(change: Callable[[list[Any]], Any]) -> Fault:
        return changed(place.operation, lambda row: [change(rows) for rows in at(row, way)])

    clear = each(lambda rows: rows.clear())
    yield mutant(resource, "it is not shown where it belongs", "property-list", after=clear)
    twice = each(lambda rows: rows.extend([*rows]))
    yield mutant(resource, "it is shown twice where it belongs", "property-list", after=twice)
    if resource.shows:
        name = next(iter(resource.shows))
        another = each(lambda rows: [row.update({name: "OUTPAINT"}) for row in rows])
        yield mutant(resource, f"it has another {name} where it belongs", "property-list", after=another)


def of_deletion(resource: Resource, delete: str, read: str) -> Iterator[Mutant]:
    another = changed(delete, put(id=2 if resource.id == "userLoraId" else NOTHING))
    yield mutant(resource, "the delete answers another id", "property-delete", after=another)
    yield mutant(resource, "the delete deletes nothing", "property-delete", before=not_deleted(delete))
    yield mutant(resource, "it can be read after the delete", "property-delete", after=cached(read))
    anything = on(delete, lambda e: e.put({"id": _id(e)}) if e.value is None else None)
    yield mutant(resource, "anything can be deleted", "property-unknown", after=anything)
    some = some_row(read)
    yield mutant(resource, "an id that nothing has reads as something", "property-unknown", after=some)
    yield mutant(resource, "another key sees it", "property-tenants", before=one_tenant(read))
    yield mutant(resource, "another key deletes it", "property-tenants", before=one_tenant(delete))
    if resource.list:
        seen = one_tenant(resource.list.operation)
        yield mutant(resource, "another key lists it", "property-tenants", before=seen)


# --- faults with a memory ------------------------------------------------------------------------------


def _id(exchange: Exchange) -> Any:
    last = exchange.path.rsplit("/", 1)[1]
    return int(last) if last.isdigit() else last


def first_again(operation: str, name: str) -> Fault:
    first: list[Any] = []

    def change(row: Row) -> None:
        first.append(row[name])
        row[name] = first[0]

    return changed(operation, change)


def same_balance() -> tuple[Fault, Fault]:
    first: list[bytes] = []

    def after(exchange: Exchange) -> None:
        first.append(exchange.answer)
        exchange.answer = first[0]

    return IDLE, on("getUserSelf", after)


def goes_back(done: str) -> Callable[[Row], Any]:
    finished: set[Any] = set()

    def change(row: Row) -> None:
        id = row.get("id", row.get("akUUID"))
        if row["status"] == "PENDING":
            finished.discard(id)  # every fake makes the same ids, so this may be another fake's row
        elif id in finished:
            row["status"] = "PENDING"
        elif row["status"] == done:
            finished.add(id)

    return change


def vanishing(read: str, done: str) -> Fault:
    """Answer null once a finished row was read."""
    seen: set[str] = set()

    def after(exchange: Exchange) -> None:
        row = row_of(exchange)
        if row is not None and row.get("status", done) == done:
            if exchange.path in seen:
                exchange.put([] if isinstance(exchange.value, list) else None)
            seen.add(exchange.path)

    return on(read, after)


def some_row(read: str) -> Fault:
    """Answer the last row in place of null."""
    last: list[Any] = []

    def after(exchange: Exchange) -> None:
        if row_of(exchange) is not None:
            last.append(exchange.value)
        elif last:
            exchange.put(last[-1])

    return on(read, after)


def same_images(name: str) -> Callable[[Row], Any]:
    def change(row: Row) -> None:
        for image in row["generated_images"]:
            image[name] = row["generated_images"][0][name]

    return change


def uploads_refused(exchange: Exchange) -> None:
    if exchange.path.startswith("/s3/") and exchange.status == 204:
        exchange.status = 403


def dashless() -> tuple[Fault, Fault]:
    """Give generations ids without dashes, and take these."""

    def before(exchange: Exchange) -> None:
        head, _, id = exchange.path.rpartition("/")
        if head.endswith("/generations") and len(id) == 32:
            exchange.path = f"{head}/{UUID(id)}"

    return before, changed(CREATE, lambda row: row.update(generationId=row["generationId"].replace("-", "")))


def counting(name: str, text: str) -> Callable[[Row], Any]:
    count = iter(range(100))

    def change(row: Row) -> None:
        row[name] = text.format(next(count) % 10)

    return change


def cdn(method: str, change: Callable[[Exchange], Any]) -> Fault:
    """Change files. The picture that other lives work on stays as it is."""

    def fault(exchange: Exchange) -> Any:
        if exchange.path.startswith("/cdn/") and exchange.method == method and exchange.status in (200, 206):
            return change(exchange)
        return None

    return fault


def taken(name: str) -> Fault:
    """Take an upload that S3 refuses."""
    wrong: list[dict[str, str]] = []

    def after(exchange: Exchange) -> None:
        if exchange.path.startswith("/s3/"):
            authorized = b"authorization" in dict(exchange.headers)
            if authorized == (name == AUTHORIZED) and exchange.status >= 400 and _form(exchange) in wrong:
                exchange.status, exchange.answer = 204, b""
        elif exchange.operation and (row := row_of(exchange)) is not None:
            for form in (json.loads(row[field]) for field in row if field.lower().endswith("fields")):
                wrong.extend(changed for n, changed in [*wrong_forms(form), (AUTHORIZED, form)] if n == name)

    return after


def _form(exchange: Exchange) -> dict[str, str]:
    found = re.findall(rb'name="([^"]+)"\r\n\r\n([^\r]*)\r\n', exchange.body)
    return {name.decode(): value.decode() for name, value in found}


# The names of the wrong forms.
WRONG_FORMS = [
    name
    for name, _ in wrong_forms(
        {
            **dict.fromkeys(("key", "Content-Type", "X-Amz-Signature", "X-Amz-Algorithm"), "x"),
            **dict.fromkeys(("X-Amz-Credential", "X-Amz-Date", "X-Amz-Security-Token"), "x"),
            "Policy": b64encode(b'{"conditions": []}').decode(),
        }
    )
]


def bucket_error(change: Callable[[Exchange], Any]) -> Fault:
    return lambda e: change(e) if e.path.startswith("/s3/") and e.status >= 400 else None


def never_refused(create: str, name: str) -> Fault:
    """Answer an id in place of a refusal, in the forms of both versions."""

    def after(exchange: Exchange) -> None:
        refused = exchange.status == 400 or exchange.answer.startswith(b"[")
        if exchange.operation == create and refused:
            exchange.say({"made": {name: NOTHING}}, 200)

    return after


def opaque(exchange: Exchange) -> None:
    if exchange.status == 206:
        return
    picture, out = Image.open(io.BytesIO(exchange.answer)), io.BytesIO()
    picture.convert("RGB").save(out, picture.format)
    exchange.answer = out.getvalue()


def on_stills(change: Callable[[Exchange], Any]) -> Fault:
    """Change the stills of videos, which are asked for by HEAD alone."""
    return lambda e: change(e) if e.method == "HEAD" and e.path.endswith(".jpg") else None


def without_key_only(exchange: Exchange) -> None:
    if b"authorization" in dict(exchange.headers):
        exchange.status = 403


def first_picture(exchange: Exchange) -> None:
    exchange.path = exchange.path.replace("_1.jpg", "_0.jpg")


def local_time(row: Row) -> None:
    if "createdAt" in row:
        text = str(row["createdAt"]).removesuffix("Z")
        row["createdAt"] = f"{datetime.fromisoformat(text) + timedelta(hours=2):%Y-%m-%dT%H:%M:%S}.000"


def longer(listing: str, name: str) -> Fault:
    """Put a space behind a value of every row of a list."""
    return on(listing, lambda e: e.put([{**row, name: f"{row[name]} "} for row in e.value]))


def kept(listing: str) -> Fault:
    seen: dict[Any, Row] = {}

    def after(exchange: Exchange) -> None:
        now = exchange.value or []
        ids = {row["id"] for row in now}
        exchange.put([*now, *(row for id, row in seen.items() if id not in ids)])
        seen.update({row["id"]: row for row in now})

    return on(listing, after)


def not_deleted(delete: str) -> Fault:
    envelopes = {
        "deleteGenerationById": "delete_generations_by_pk",
        "deleteInitImageById": "delete_init_images_by_pk",
        "deleteDatasetById": "delete_datasets_by_pk",
        "deleteUploadedMediaById": "delete_uploaded_media_by_pk",
        "delete3DModelById": "delete_model_assets_by_pk",
        "deleteTextureGenerationById": "delete_model_asset_texture_generations_by_pk",
        "deleteModelById": "delete_custom_models_by_pk",
        "deleteElementById": "delete_user_loras_by_pk",
    }

    def before(exchange: Exchange) -> Any:
        if exchange.operation != delete:
            return None
        exchange.say({envelopes[delete]: {"id": _id(exchange)}}, 200)
        exchange.header("content-type", "application/json")
        return True

    return before


def cached(read: str) -> Fault:
    """Answer from a cache that forgets nothing."""
    known: dict[str, bytes] = {}

    def after(exchange: Exchange) -> None:
        if row_of(exchange) is not None:
            known[exchange.path] = exchange.answer
        elif exchange.path in known:
            exchange.answer = known[exchange.path]

    return on(read, after)


def one_tenant(operation: str) -> Fault:
    """Let every key act as the first one."""
    first: list[bytes] = []

    def before(exchange: Exchange) -> None:
        key = dict(exchange.headers).get(b"authorization", b"")
        first.append(key)
        if exchange.operation == operation and key:
            others = [(name, value) for name, value in exchange.headers if name != b"authorization"]
            exchange.headers = [*others, (b"authorization", first[0])]

    return before


def probe(
    name: str, promise: str, before: Fault = IDLE, after: Fault = IDLE, rule: str = "", follows: str = ""
) -> Mutant:
    """A mutant that a probe has to find, which may follow another one."""
    return Mutant(f"{name}: {promise}", "", rule or f"probe-{name}", before, after, name, follows=follows)


def _sent(operation: str, change: Callable[[Row], Any]) -> Fault:
    def fault(exchange: Exchange) -> None:
        value = exchange.sent
        change(value)
        exchange.body = json.dumps(value).encode()

    return on(operation, fault, status=0)


def forbidden(exchange: Exchange) -> None:
    if exchange.status == 401:
        exchange.status = 403


def keyless(operation: str) -> Fault:
    """Give calls of one operation that come without a key the last key that came."""
    keys: list[bytes] = []

    def before(exchange: Exchange) -> None:
        key = dict(exchange.headers).get(b"authorization")
        if key:
            keys.append(key)
        elif exchange.operation == operation and keys:
            exchange.headers.append((b"authorization", keys[0]))

    return before


def any_key() -> Fault:
    """Authenticate nobody: every key is the first one."""
    keys: list[bytes] = []

    def before(exchange: Exchange) -> None:
        key = dict(exchange.headers).get(b"authorization")
        if key:
            keys.append(key)
            others = [(name, value) for name, value in exchange.headers if name != b"authorization"]
            exchange.headers = [*others, (b"authorization", keys[0])]

    return before


def key_shown(exchange: Exchange) -> None:
    if exchange.operation == "getUserSelf" and exchange.status == 200:
        exchange.header("x-debug", dict(exchange.headers)[b"authorization"].decode())


def spending() -> Fault:
    """Each reading of the balance says a credit less."""
    count = iter(range(1, 1000))

    def after(exchange: Exchange) -> None:
        value = exchange.value
        value[0]["apiPaidTokens"] -= next(count)
        exchange.put(value)

    return on("getUserSelf", after)


def expired_taken(exchange: Exchange) -> None:
    if exchange.path.startswith("/s3/") and exchange.status == 403 and b"expired" in exchange.answer:
        exchange.status, exchange.answer = 204, b""


def html_errors(exchange: Exchange) -> None:
    if exchange.status == 400:
        exchange.answer = b"<html>Bad Request</html>"
        exchange.header("content-type", "text/html")


def events(change: Callable[[Row], Any]) -> Fault:
    """Change the bodies of webhooks."""

    def after(exchange: Exchange) -> None:
        if exchange.path == "/_leomock/webhooks":
            answer = json.loads(exchange.answer)
            for event in answer["events"]:
                change(event["body"])
            exchange.say(answer)

    return after


def about(**values: Any) -> Callable[[Row], Any]:
    """Change the object that an event is about."""
    return lambda body: body["data"]["object"].update(values)


def no_events(exchange: Exchange) -> None:
    if exchange.path == "/_leomock/webhooks":
        exchange.say({**json.loads(exchange.answer), "events": []})


def no_scenario(exchange: Exchange) -> None:
    if exchange.path == "/_leomock/scenario" and exchange.method == "PUT":
        exchange.body = b'{"scenarios": []}'


def any_endpoint(exchange: Exchange) -> Any:
    if not exchange.path.endswith("/no-such-endpoint"):
        return None
    exchange.say({}, 200)
    exchange.header("content-type", "application/json")
    return True


def doubled(name: str) -> Callable[[Row], Any]:
    return lambda row: row.update({name: [*row[name], *row[name]]})


def rotating(operation: str) -> Fault:
    count = iter(range(1000))

    def after(exchange: Exchange) -> None:
        by = next(count) % 2
        exchange.put([*exchange.value[by:], *exchange.value[:by]])

    return on(operation, after)


def twice_at_the_end(exchange: Exchange) -> None:
    if len(exchange.value) == 10:
        exchange.put([*exchange.value[:9], exchange.value[8]])


def too_large_taken(exchange: Exchange) -> None:
    if exchange.path.startswith("/s3/") and b"EntityTooLarge" in exchange.answer:
        exchange.status, exchange.answer = 204, b""


def free(operation: str) -> tuple[Fault, Fault]:
    """Take nothing off the balance for an operation."""
    spent: list[int] = []

    def after(exchange: Exchange) -> None:
        if exchange.operation == operation and exchange.status == 200:
            spent.append(exchange.value["apiCreditCost"])
        elif exchange.operation == "getUserSelf" and exchange.status == 200:
            exchange.put(
                [{**exchange.value[0], "apiPaidTokens": exchange.value[0]["apiPaidTokens"] + sum(spent)}]
            )

    return IDLE, after


def charged_refusals() -> tuple[Fault, Fault]:
    """Take a credit off the balance for each generation that is refused."""
    refused: list[str] = []

    def after(exchange: Exchange) -> None:
        if exchange.operation == CREATE and exchange.status == 400:
            refused.append(exchange.operation)
        elif exchange.operation == "getUserSelf" and exchange.status == 200:
            left = exchange.value[0]["apiPaidTokens"] - len(refused)
            exchange.put([{**exchange.value[0], "apiPaidTokens": left}])

    return IDLE, after


def at_most_two_images(body: Row) -> None:
    wanted = body.get("serviceParams", {}).get("IMAGE_GENERATION", {})
    if "numImages" in wanted:
        wanted["numImages"] = min(wanted["numImages"], 2)


def shortened_key() -> Fault:
    """Let in whoever has all but the last character of the first key."""
    first: list[bytes] = []

    def before(exchange: Exchange) -> None:
        headers = dict(exchange.headers)
        key = headers.get(b"authorization", b"")
        if key.startswith(b"Bearer "):
            first.append(key)
        if first and key[:-1] == first[0][:-1]:
            exchange.headers = [*{**headers, b"authorization": first[0]}.items()]

    return before


def unknown_in_html(exchange: Exchange) -> None:
    if exchange.status == 404:
        html(exchange)


def number_of_text(body: Row) -> None:
    if isinstance(body.get("width"), str):
        body["width"] = int(body["width"])


def marked(exchange: Exchange) -> None:
    exchange.answer = b"\xef\xbb\xbf" + exchange.answer


def doubled_name(exchange: Exchange) -> None:
    exchange.answer = exchange.answer.replace(b'"paidTokens"', b'"paidTokens":1,"paidTokens"')


def not_a_number(exchange: Exchange) -> None:
    exchange.answer = exchange.answer.replace(b'"weightMax":2', b'"weightMax":NaN')


def other_size(exchange: Exchange) -> None:
    made = exchange.value
    for result in made["results"]:
        result["width"] += 1
    exchange.put(made)


def counted_twice(row: Row) -> None:
    row["totalCount"] += 1


def next_page(row: Row) -> None:
    row["pageInfo"]["hasNextPage"] = True


def no_cursor(exchange: Exchange) -> None:
    exchange.query.pop("after", None)


def one_cursor(row: Row) -> None:
    for edge in row["edges"]:
        edge["cursor"] = row["edges"][0]["cursor"]


def pending_nodes(row: Row) -> None:
    for edge in row["edges"]:
        edge["node"]["status"] = "PENDING"


PROBE_MUTANTS = (
    probe("defaults", "another default width", _sent(CREATE, lambda v: v.setdefault("width", 512))),
    probe("defaults", "another default number", _sent(CREATE, lambda v: v.setdefault("num_images", 1))),
    probe(
        "texts",
        "prompts are stored as Latin-1",
        after=changed(
            READ, lambda row: row.update(prompt=row["prompt"].encode("latin-1", "replace").decode("latin-1"))
        ),
    ),
    probe(
        "texts",
        "letters and their accents are taken apart",
        after=changed(READ, lambda row: row.update(prompt=normalize("NFD", row["prompt"]))),
    ),
    Mutant("generation: ids without dashes", "", "property-ids", *dashless(), "life generation"),
    probe("ids", "every id is the same", after=first_again(CREATE, "generationId")),
    probe("paging", "offset is ignored", on(LIST, lambda e: e.query.pop("offset", None) and None, status=0)),
    probe("paging", "limit is ignored", on(LIST, lambda e: e.query.pop("limit", None) and None, status=0)),
    probe("paging", "the oldest first", after=on(LIST, lambda e: e.put(e.value[::-1]))),
    probe("paging", "a page too short", after=on(LIST, lambda e: e.put(e.value[:-1]))),
    probe("init-image", "initStrength is lost", after=changed(READ, put(initStrength=None))),
    probe("init-image", "any init image is taken", _sent(CREATE, lambda v: v.pop("init_image_id", None))),
    probe("refund", "nothing is refunded", after=spending()),
    probe("refund", "a job that has to fail is COMPLETE", before=no_scenario),
    probe(
        "upload-key",
        "the extension is ignored",
        _sent(
            "uploadInitImage", lambda v: v.get("extension") in ("png", "webp") and v.update(extension="jpg")
        ),
    ),
    probe(
        "upload-key",
        "any extension is taken",
        _sent("uploadInitImage", lambda v: v.get("extension") == "exe" and v.update(extension="jpg")),
    ),
    probe(
        "upload-key",
        "a form for a picture is for a text",
        after=changed(
            "uploadInitImage", lambda row: row.update(fields=row["fields"].replace("image/", "text/"))
        ),
    ),
    probe("form-expiry", "an expired form is taken", after=expired_taken),
    probe("dataset-images", "the upload is refused", after=uploads_refused),
    probe("dataset-images", "an image is 404", after=cdn("GET", lambda e: setattr(e, "status", 404))),
    probe(
        "dataset-images",
        "an image is not in its dataset",
        after=changed("getDatasetById", lambda row: row["dataset_images"].clear()),
    ),
    probe(
        "canvas",
        "a picture is not one",
        after=changed("createLCMGeneration", put(imageDataUrl=["data:image/jpeg;base64,AAAA"])),
    ),
    probe("canvas", "no picture comes", after=changed("performInstantRefine", put(imageDataUrl=[]))),
    probe(
        "prompts",
        "the random prompt is always the same",
        after=changed("promptRandom", put(prompt="a fox in the fog")),
    ),
    probe("prompts", "an improved prompt is empty", after=changed("promptImprove", put(prompt=""))),
    probe("prompts", "a prompt is free", after=changed("promptImprove", put(apiCreditCost=0))),
    probe("calculator", "the price is always 1", after=changed("pricingCalculator", put(cost=1))),
    probe("no-key", "403 in place of 401", after=forbidden),
    probe("no-key", "models are listed without a key", keyless("listPlatformModels")),
    probe("wrong-key", "a wrong key is let in", any_key()),
    probe(
        "error-forms",
        "errors have another form",
        after=lambda e: e.say({"message": "Bad Request"}) if e.status == 400 else None,
    ),
    probe("error-forms", "errors are HTML", after=html_errors, rule="content-type"),
    probe(
        "error-forms",
        "an unknown parameter is ignored",
        _sent(CREATE, lambda v: v.pop("no_such_parameter", None)),
    ),
    probe(
        "error-forms",
        "a limit is not held",
        _sent(CREATE, lambda v: v.get("width") == 31 and v.update(width=32)),
    ),
    probe("error-forms", "an unknown address is answered", before=any_endpoint),
    probe("reads", "a list changes", after=rotating("listPlatformModels")),
    probe(
        "reads", "two elements with one id", after=on("listElements", lambda e: e.put([*e.value, e.value[0]]))
    ),
    probe("reads", "there are no models", after=on("listPlatformModels", lambda e: e.put([]))),
    probe("at-once", "the result is 404", after=cdn("GET", lambda e: setattr(e, "status", 404))),
    probe(
        "models-v2",
        "two models with one id",
        after=on("listModelsV2", lambda e: e.put([*e.value, e.value[0]])),
    ),
    probe(
        "blueprints",
        "a blueprint without versions",
        after=changed("getBlueprintVersionsByBlueprintId", put(edges=[])),
    ),
    probe("webhooks", "no webhook comes", after=no_events),
    probe("webhooks", "a webhook is about another", after=events(about(id=NOTHING))),
    probe("webhooks", "a webhook says FAILED", after=events(about(status="FAILED"))),
    probe(
        "at-once",
        "the result has another type",
        after=cdn("GET", lambda e: e.header("content-type", "text/plain")),
    ),
    probe("models-v2", "there are no models", after=on("listModelsV2", lambda e: e.put([]))),
    probe("webhooks", "a webhook has another type", after=events(put(type="done"))),
    probe("webhooks", "a webhook has no api_version", after=events(lost("api_version"))),
    probe(
        "blueprints", "a blueprint reads as another", after=changed("getBlueprintById", put(name="another"))
    ),
    probe("reads", "the key is shown", after=key_shown, rule="key-not-shown"),
    probe(
        "reads",
        "a read fails with 500",
        after=on("listElements", lambda e: e.say({"error": "x", "path": "$", "code": "unexpected"}, 500)),
        rule="no-server-error",
    ),
    probe(
        "texts",
        "a long prompt is cut",
        after=changed(READ, lambda row: row.update(prompt=row["prompt"][:1000])),
    ),
    probe(
        "paging",
        "another default limit",
        follows="texts",
        before=on(LIST, lambda e: e.query.setdefault("limit", "5") and None, status=0),
    ),
    probe(
        "paging",
        "a limit lower than the one that was asked for",
        on(LIST, lambda e: e.query.update(limit=str(min(int(e.query.get("limit", 10)), 7))), status=0),
        follows="texts",
    ),
    probe(
        "paging",
        "the last of a long page is there twice",
        after=on(LIST, twice_at_the_end),
        follows="texts",
    ),
    probe("init-image", "another key uses it", one_tenant(CREATE)),
    probe("upload-size", "a file of any size is taken", after=too_large_taken),
    probe(
        "canvas",
        "a picture of another size",
        after=changed("performInpaintingLCM", put(imageDataUrl=[DATA_URL])),
    ),
    probe(
        "canvas",
        "it is free, whatever it says",
        *free("createLCMGeneration"),
        rule="property-balance",
    ),
    probe("canvas", "its price is null", after=changed("performAlchemyUpscaleLCM", put(apiCreditCost=None))),
    probe(
        "prompts",
        "a prompt is not improved",
        after=on("promptImprove", lambda e: e.put({**e.value, **e.sent})),
    ),
    probe(
        "calculator",
        "from three images on the price is the same",
        _sent("pricingCalculator", at_most_two_images),
    ),
    probe("wrong-key", "the end of a key is not read", shortened_key()),
    probe("error-forms", "a refused call is charged", *charged_refusals(), rule="property-balance"),
    probe("error-forms", "an unknown address is HTML", after=unknown_in_html),
    probe("error-forms", "a number may be a text", _sent(CREATE, number_of_text)),
    probe("reads", "two accounts", after=on("getUserSelf", lambda e: e.put([*e.value, *e.value]))),
    probe("reads", "pictures of elements are 404", after=cdn("HEAD", lambda e: setattr(e, "status", 404))),
    probe("reads", "an answer begins with a mark", after=on("getUserSelf", marked), rule="answer-json"),
    probe("reads", "a name is there twice", after=on("getUserSelf", doubled_name), rule="answer-json"),
    probe("reads", "a number is not one", after=on("listElements", not_a_number), rule="answer-json"),
    probe(
        "reads",
        "an answer says that it is Latin-1",
        after=on("getUserSelf", lambda e: e.header("content-type", "application/json; charset=iso-8859-1")),
        rule="content-type",
    ),
    probe("at-once", "another size than the answer says", after=on("createGenerationSyncV2", other_size)),
    probe("at-once", "the background is still there", after=cdn("GET", opaque)),
    probe("blueprints", "a blueprint too many is counted", after=changed("listBlueprints", counted_twice)),
    probe("blueprints", "all have one cursor", after=changed("listBlueprints", one_cursor)),
    probe("blueprints", "cursors are ignored", on("listBlueprints", no_cursor, status=0)),
    probe("blueprints", "there is always a next page", after=changed("listBlueprints", next_page)),
    probe("execution", "it has no generations", after=changed(EXECUTED, lambda row: row["edges"].clear())),
    probe("execution", "its generation is PENDING", after=changed(EXECUTED, pending_nodes)),
    probe(
        "execution",
        "its generation has no images",
        after=changed(READ, lambda row: row["generated_images"].clear()),
    ),
    probe("execution", "another key sees its generations", one_tenant(EXECUTED)),
    probe("webhooks", "a webhook has another prompt", after=events(about(prompt="x"))),
    probe("webhooks", "a webhook has a time in seconds", after=events(put(timestamp=1795960000))),
    probe("webhooks", "a webhook has no images", after=events(about(images=[]))),
)
RESOURCE_MUTANTS = tuple(mutant for resource in RESOURCES for mutant in faults_of(resource))
