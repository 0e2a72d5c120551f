"""Promises that hold for every resource, each judged on the evidence of one life cycle.

A property yields `(operation, stage, sentence)` for each violation; the stage identifies the steps that
reproduce it. No property expects a behaviour that only this project chose.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import httpx

from leomock.contract.check.lives import CONTENTS, RIGHT, SMALL_SIZE, Life, at
from leomock.contract.check.resources import Files
from leomock.contract.strict import shown
from leomock.leonardo.basis import BasisKind

Found: TypeAlias = Iterator[tuple[str, str, str]]
# The API did not exist before this date. A test may advance the server's clock by up to LATEST.
EARLIEST = datetime(2022, 1, 1, tzinfo=UTC)
LATEST = timedelta(days=400)
# Zones differ by a quarter of an hour at least.
LEAST_ZONE = timedelta(minutes=14)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)?")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TYPES = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp", "GIF": "image/gif"}


@dataclass(frozen=True, slots=True)
class Property:
    """One promise: its sentence, its basis, and the function that judges a life cycle."""

    name: str
    expects: str
    judge: Callable[[Life], Found]
    basis: BasisKind
    source: str


def _read(life: Life) -> str:
    return life.resource.read.operation if life.resource.read else life.resource.create.operation


# --- ids and values -----------------------------------------------------------------------------------------


def _ids(life: Life) -> Found:
    create = life.resource.create
    if isinstance(life.id, str) and not _UUID.fullmatch(life.id):
        yield create.operation, "create", f"'{life.resource.id}' is {shown(life.id)}, not a UUID"
    if life.twin is not None and life.twin == life.id:
        yield create.operation, "create", f"two calls of {create.method} {create.path} answered the same id"
    # The id of a canvas mask comes under two names, with and without an s.
    ids = {name.replace("s", ""): v for name, v in life.created.items() if name.endswith(("id", "Id"))}
    if len(set(map(str, ids.values()))) < len(ids):
        yield create.operation, "create", f"{create.method} {create.path} answered one id for two things"
    name = life.resource.row_id
    for row in [*life.seen, *([life.row] if life.row else [])]:
        if row.get(name, life.id) != life.id:
            yield _read(life), "read", f"read by the id {life.id}, but the answer has the id {row[name]}"


def _values(life: Life) -> Found:
    if life.row is None:
        return
    for told, sent in life.resource.echoes.items():
        [wanted] = at(life.sent, sent.split("."))
        if told in life.row and not _same(life.row[told], wanted):
            came, was = difference(life.row[told], wanted)
            yield _read(life), "read", f"'{told}' is {came}; the call sent '{sent}' {was}"
    for name, value in life.resource.shows.items():
        if name in life.row and life.row[name] != value:
            yield _read(life), "read", f"'{name}' is {shown(life.row[name])}, not {shown(value)}"


def difference(came: Any, wanted: Any) -> tuple[str, str]:
    """Show two values that differ; of long texts what begins shortly before the difference."""
    if isinstance(came, str) and isinstance(wanted, str):
        pairs = enumerate(zip(came, wanted, strict=False))
        same = next((n for n, (one, other) in pairs if one != other), min(len(came), len(wanted)))
        if same > 30:
            return shown(f"…{came[same - 10 :]}"), shown(f"…{wanted[same - 10 :]}")
    return shown(came), shown(wanted)


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, float) or isinstance(other, float):
        return isinstance(one, int | float) and math.isclose(one, other)
    return not _reduced(other, one)


def _found(life: Life) -> Found:
    call = life.resource.read
    if call and "read" in life.marks and not (life.seen or life.row):
        yield call.operation, "read", f"a new {life.resource.name} reads as null right after it was made"


# --- time --------------------------------------------------------------------------------------------------


def _status(life: Life) -> Found:
    if not life.resource.job or not life.seen or "read" not in life.marks:
        return
    last, done = life.seen[-1].get("status"), life.resource.done
    if not life.ended:
        yield _read(life), "read", f"the {life.resource.name} stays {last} and does not end in time"
    elif last == "FAILED":
        yield _read(life), "read", f"the {life.resource.name} is FAILED; nothing usable came of it"
    elif last != done:
        yield _read(life), "read", f"'status' is {shown(last)}, not PENDING, {done} or FAILED"


def _unchanged(life: Life) -> Found:
    if life.row is None:
        return
    before = life.row
    for again in life.again:
        if again == before:
            continue
        if not isinstance(again, dict):
            yield _read(life), "again", f"read again, the {life.resource.name} is {shown(again)}"
        elif again.get("status") != before.get("status"):
            told = f"from {before.get('status')} to {again.get('status')}"
            yield (
                _read(life),
                "again",
                f"the status goes back {told} when the {life.resource.name} is read again",
            )
        else:
            names = ", ".join(n for n in before if again.get(n) != before[n])
            yield (
                _read(life),
                "again",
                f"a finished {life.resource.name} changes when it is read again: {names}",
            )


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _early(life: Life) -> Found:
    for row in life.seen:
        if row.get("status") == "PENDING" and row.get("generated_images"):
            count = len(row["generated_images"])
            yield _read(life), "read", f"a PENDING {life.resource.name} has {_number(count, 'image')} already"


def _times(life: Life) -> Found:
    if life.row is None:
        return
    for name in ("createdAt", "updatedAt"):
        if name not in life.row:
            continue
        value = life.row[name]
        if not isinstance(value, str) or not _TIME.fullmatch(value):
            yield _read(life), "read", f"'{name}' is {shown(value)}, not an ISO 8601 time in UTC"
            continue
        try:
            moment = _moment(value)
        except ValueError:
            yield _read(life), "read", f"'{name}' is {shown(value)}, which is not a valid date"
            continue
        if not EARLIEST <= moment <= datetime.now(UTC) + LATEST:
            yield _read(life), "read", f"'{name}' is {shown(value)}, though it was made just now"
        elif life.began and name == "createdAt" and abs(moment - life.began) > LEAST_ZONE:
            told = f"'{name}' is {shown(value)}, but it was made at {life.began:%Y-%m-%dT%H:%M:%S} in UTC"
            yield _read(life), "read", f"{told} by the server's signatures"
    created, updated = life.row.get("createdAt"), life.row.get("updatedAt")
    if isinstance(created, str) and isinstance(updated, str) and updated < created:
        yield _read(life), "read", f"'updatedAt' {updated} is before 'createdAt' {created}"


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


# --- credits ------------------------------------------------------------------------------------------------


def _cost(life: Life) -> Found:
    operation = life.resource.create.operation
    if not life.resource.costs:
        return
    for told in price_problems(life.created):
        yield operation, "create", told
    cost = life.created.get("apiCreditCost")
    # What the calculator says to accounts that pay in dollars is not known.
    if life.resource.price and isinstance(cost, int | float) and (price := _calculated(life)) != cost:
        told = f"the calculator says {shown(price)} credits, but the {life.resource.name} cost {cost:g}"
        yield "pricingCalculator", "create", told


def price_problems(made: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the price in the answer of a call that is not free.

    Accounts pay in credits or in dollars; `apiCreditCost` may be null in dollars.
    """
    if "apiCreditCost" not in made:
        yield "the answer has no 'apiCreditCost'"
        return
    credits, cost = made["apiCreditCost"], made.get("cost")
    whole = cost if isinstance(cost, dict) else {}
    amount, unit = whole.get("amount"), whole.get("unit")
    if unit == "DOLLARS" and amount != str(credits):
        if not _is_positive(amount):
            yield f"'cost.amount' is {shown(amount)}; the job is not free"
    elif not isinstance(credits, int | float) or isinstance(credits, bool) or credits <= 0:
        yield f"'apiCreditCost' is {shown(credits)}; the job is not free"
    elif whole and (str(amount), unit) != (f"{credits:g}", "CREDITS"):
        yield f"'cost' is {shown(amount)} {unit}, but 'apiCreditCost' is {credits:g}"


def _is_positive(amount: Any) -> bool:
    try:
        return float(amount) > 0
    except (TypeError, ValueError):
        return False


def _calculated(life: Life) -> Any:
    value = next(iter(life.price.values()), None) if isinstance(life.price, dict) else None
    return value.get("cost") if isinstance(value, dict) else None


def _balance(life: Life) -> Found:
    cost = life.created.get("apiCreditCost")
    known = [balance for balance in life.balances if balance is not None]
    if len(known) < 2 or not isinstance(cost, int) or cost <= 0:
        return
    fell = known[0] - known[-1]
    runs = 2 if life.twin is not None else 1
    if fell != cost * runs:
        told = f"the job cost {cost} credits" if runs == 1 else f"two jobs cost {cost} credits each"
        yield "getUserSelf", "balance", f"{told}, but the balance of the account fell by {fell}"


# --- files --------------------------------------------------------------------------------------------------


def _count(life: Life) -> Found:
    if not life.ended or life.row is None or life.row.get("status") != life.resource.done:
        return
    for expected in life.resource.files:
        urls = at(life.row, expected.at.split("."))
        if expected.count is not None and len(urls) != expected.count:
            told = f"the call asked for {_number(expected.count, expected.media)}; {len(urls)} came"
            yield _read(life), "read", told
        elif not urls:
            yield _read(life), "read", f"a COMPLETE {life.resource.name} has no {expected.media}s"
        if len(set(urls)) < len(urls):
            yield _read(life), "read", f"two {expected.media}s have the same address"
        contents = [file.response.content for file in life.files if file.expected is expected]
        if len(set(contents)) < len(contents):
            yield _read(life), "files", f"two {expected.media}s of one {life.resource.name} are the same file"
    ids = [image.get("id") for image in life.row.get("generated_images") or ()]
    if len(set(ids)) < len(ids):
        yield _read(life), "read", "two images have the same id"


def _files(life: Life) -> Found:
    for file in life.files:
        status = file.response.status_code
        if status != 200:
            yield (
                _read(life),
                "files",
                f"the {file.expected.media} cannot be fetched: its address answered {status}",
            )
            continue
        judge = _video_problems if file.expected.media == "video" else picture_problems
        for problem in judge(file.expected, file.response):
            yield _read(life), "files", problem
    for url, status in life.links.items():
        if status != 200:
            yield _read(life), "files", f"HEAD of the address {url} in the answer was answered {status}"


def picture_problems(expected: Files, response: httpx.Response) -> Iterator[str]:
    """Yield in what a picture differs from what was asked for."""
    from PIL import Image

    content, kind = response.content, _kind(response)
    if not content:
        yield "the picture is an empty file"
        return
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, ValueError, SyntaxError):
        yield f"the picture cannot be decoded ({len(content)} bytes, content type {kind or 'missing'})"
        return
    if kind != (wanted := _TYPES.get(picture.format or "")):
        yield f"the picture is a {picture.format}, but its content type is {shown(kind)}, not {shown(wanted)}"
    size = expected.size
    if size and picture.size != size:
        told = "{} by {} pixels".format(*picture.size)
        yield f"the picture is {told}; the call asked for {size[0]} by {size[1]}"
    if expected.enlarged and min(picture.size) <= SMALL_SIZE:
        told = "{} by {} pixels".format(*picture.size)
        yield f"the enlarged picture is {told}; the one that it was made from is not smaller"
    if expected.transparent and not _is_transparent(picture):
        yield "the picture without its background has no transparent pixel"
    if expected.colourful and all(low == high for low, high in _extremes(picture.convert("RGB"))):
        yield "the picture shows nothing: all its pixels have the same colour"


def _extremes(picture: Any) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = list(picture.getextrema())
    return found


def _is_transparent(picture: Any) -> bool:
    return bool(picture.convert("RGBA").getchannel("A").getextrema()[0] < 255)


def _video_problems(expected: Files, response: httpx.Response) -> Iterator[str]:
    content, kind = response.content, _kind(response)
    boxes, whole = _boxes(content)
    if boxes[:1] != [b"ftyp"] or b"moov" not in content:
        yield f"the video is not an MP4 file ({len(content)} bytes, content type {kind or 'missing'})"
    elif not whole or not {b"moov", b"mdat"} <= set(boxes):
        yield f"the video breaks off after {len(content)} bytes"
    if kind != "video/mp4":
        yield f"the video's content type is {shown(kind)}, not video/mp4"


def _boxes(content: bytes) -> tuple[list[bytes], bool]:
    """Return the types of an MP4 file's boxes, and whether the last one ends where the file does."""
    types, place = [], 0
    while place + 8 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        types.append(content[place + 4 : place + 8])
        if size == 1:  # the size follows in 64 bits
            size = int.from_bytes(content[place + 8 : place + 16], "big")
        place = len(content) if size == 0 else place + max(size, 8)
    return types, place == len(content)


def _kind(response: httpx.Response) -> str:
    kind: str = response.headers.get("content-type", "")
    return kind.partition(";")[0].strip()


def _http(life: Life) -> Found:
    for file in life.files:
        if file.response.status_code != 200:
            continue
        length = len(file.response.content)
        if file.head.status_code != 200 or file.head.content:
            yield _read(life), "files", f"HEAD of a file answered {file.head.status_code}, GET 200"
        elif file.head.headers.get("content-length") not in (None, str(length)):
            told = file.head.headers["content-length"]
            yield _read(life), "files", f"HEAD says that a file has {told} bytes, GET sends {length}"
        if file.part.status_code in (400, 401, 403):
            told = f"a file that is for everyone was answered {file.part.status_code} to a client with a key"
            yield _read(life), "files", told
            continue
        whole = file.part.status_code == 200 and file.part.content == file.response.content
        part = file.part.status_code == 206 and file.part.content == file.response.content[:10]
        if not whole and not part:
            told = f"{file.part.status_code} with {len(file.part.content)} bytes"
            yield _read(life), "files", f"the first 10 bytes of a file were asked for; the answer was {told}"
        elif part and file.part.headers.get("content-range") != f"bytes 0-9/{length}":
            told = shown(file.part.headers.get("content-range"))
            yield (
                _read(life),
                "files",
                f"a part of a file has the content range {told}, not bytes 0-9/{length}",
            )


def _uploads(life: Life) -> Found:
    operation = life.resource.create.operation
    for name, answer in life.uploads.items():
        status = answer.status_code
        if name == RIGHT:
            continue
        if not 400 <= status < 500:
            yield operation, name, f"an upload with {name} was answered {status}, not refused"
        elif b"<Code>" not in answer.content:
            yield (
                operation,
                name,
                f"an upload was refused with {shown(answer.text)}, not with an Error in XML",
            )
    right = life.uploads.get(RIGHT)
    if right is not None and right.status_code != 204:
        told = f"an upload with the form as it was given was answered {right.status_code}, not 204"
        yield operation, "upload", told
    elif life.uploaded is not None:
        yield from _uploaded(life, life.uploaded)


def _uploaded(life: Life, file: httpx.Response) -> Found:
    kind = next((value for name, value in life.form.items() if name.lower() == "content-type"), None)
    if file.status_code != 200:
        told = f"the uploaded file cannot be fetched: its address answered {file.status_code}"
        yield _read(life), "uploaded", told
    elif file.content != CONTENTS[life.resource.content]:
        yield _read(life), "uploaded", "the uploaded file comes back with other bytes"
    elif kind is not None and _kind(file) != kind:
        told = f"the uploaded file has the content type {shown(_kind(file))}, the form says {shown(kind)}"
        yield _read(life), "uploaded", told


# --- lists, deletion, tenants -------------------------------------------------------------------------------


def _listed(life: Life) -> Found:
    if life.resource.inside and life.inside is not None:
        place = life.resource.inside[0]
        shows = [row for row in life.inside if isinstance(row, dict) and row.get("id") == life.id]
        if len(shows) != 1:
            told = f"is shown {len(shows)} times" if shows else "is not shown"
            yield place.operation, "inside", f"the new {life.resource.name} {told}"
        elif life.row is not None and (names := _differing(shows[0], life.row)):
            yield place.operation, "inside", f"it and {_reading(life)} differ in: {names}"
    call = life.resource.list
    if call is None or not isinstance(life.listed, list):
        if call is not None and life.marks.get("list"):
            yield call.operation, "list", f"the list is {shown(life.listed)}"
        return
    ids = [row.get("id") for row in life.listed if isinstance(row, dict)]
    if ids.count(life.id) != 1:
        told = "is not in its list" if life.id not in ids else "is in its list more than once"
        yield call.operation, "list", f"the new {life.resource.name} {told}"
        return
    row = life.listed[ids.index(life.id)]
    if life.row is not None and (names := _differing(row, life.row)):
        yield call.operation, "list", f"the list and {_reading(life)} differ in: {names}"


def _reading(life: Life) -> str:
    return f"GET {life.resource.read.path}" if life.resource.read else "itself"


def _differing(one: dict[str, Any], other: dict[str, Any]) -> str:
    return ", ".join(name for name in one if name in other and _reduced(one[name], other[name]))


def _reduced(one: Any, other: Any) -> bool:
    """Return True if the values differ in shared properties; list rows have fewer properties."""
    if isinstance(one, dict) and isinstance(other, dict):
        return any(name in other and _reduced(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) != len(other) or any(_reduced(a, b) for a, b in zip(one, other, strict=True))
    return bool(one != other)


def _deleted(life: Life) -> Found:
    call = life.resource.delete
    if call is None or "delete" not in life.marks:
        return
    name = life.resource.name
    if not isinstance(life.gone, dict) or life.gone.get("id") != life.id:
        yield call.operation, "delete", f"the delete answered {shown(life.gone)}, not the id {life.id}"
    if life.after.get("read") is not None:
        yield _read(life), "after delete", f"a deleted {name} can still be read"
    if life.after.get("twice") is not None:
        yield call.operation, "delete twice", f"the {name} can be deleted twice"
    rows = life.after.get("list")
    if life.resource.list and isinstance(rows, list) and life.id in [row.get("id") for row in rows]:
        yield life.resource.list.operation, "delete twice", f"a deleted {name} is still in its list"


def _unknown(life: Life) -> Found:
    if life.after.get("unknown") is not None and life.resource.delete:
        yield (
            life.resource.delete.operation,
            "delete",
            f"an id that nothing has was deleted: {shown(life.after['unknown'])}",
        )
    if life.after.get("unknown read") is not None:
        told = shown(life.after["unknown read"])
        yield _read(life), "after delete", f"an id that nothing has reads as {told}"


def _references(life: Life) -> Found:
    if life.from_nothing:
        told = f"the {life.resource.name} can be made from something that does not exist"
        yield life.resource.create.operation, "from nothing", told


def _tenants(life: Life) -> Found:
    name = life.resource.name
    if _shows(life.others.get("read"), life.id):
        yield _read(life), "other read", f"another key reads the {name}"
    if life.resource.list and _shows(life.others.get("list"), life.id):
        yield life.resource.list.operation, "other list", f"another key sees the {name} in a list"
    if life.others.get("create"):
        told = f"with another key, the {name} can be made from what belongs to this key"
        yield life.resource.create.operation, "other create", told
    was_deleted = "left" in life.others and life.others["left"] is None
    if life.resource.delete and (was_deleted or _shows(life.others.get("delete"), life.id)):
        yield life.resource.delete.operation, "other delete", f"another key can delete the {name}"


def _shows(answer: Any, id: Any) -> bool:
    if isinstance(answer, dict):
        return any(_shows(part, id) for part in answer.values())
    if isinstance(answer, list):
        return any(_shows(part, id) for part in answer)
    return bool(answer == id and answer is not None)


_DOCUMENT = "the published document"
_SEEN = "captured answers of the real service"
_FAQ = "error messages page and FAQ of docs.leonardo.ai"
_NULL = "the published documents mark these answers nullable, as Hasura's _by_pk queries are"

PROPERTIES = (
    Property("found", "A resource that was just created can be read.", _found, "documented", _DOCUMENT),
    Property("ids", "Ids are UUIDs (or numbers), unique and stable.", _ids, "observed", _SEEN),
    Property("status", "A job ends; its status only moves forward.", _status, "documented", _FAQ),
    Property("unchanged", "Finished results never change.", _unchanged, "documented", _FAQ),
    Property("early", "A PENDING job has no results yet.", _early, "documented", _FAQ),
    Property("echo", "A read returns the values that were sent.", _values, "documented", _DOCUMENT),
    Property("times", "Times are ISO 8601, in UTC, and plausible.", _times, "observed", _SEEN),
    Property(
        "cost", "A job states its price, and the calculator agrees.", _cost, "documented", "pricing guide"
    ),
    Property("balance", "The balance falls by the price.", _balance, "inferred", "pricing FAQ; GET /me"),
    Property("count", "The number of results is as requested.", _count, "documented", _DOCUMENT),
    Property("files", "Files are as requested.", _files, "documented", _FAQ),
    Property("file-http", "Files support HEAD and ranges.", _http, "inferred", "RFC 9110; the CDN's answers"),
    Property("uploads", "Only the unchanged form is accepted.", _uploads, "documented", "AWS: POST policy"),
    Property(
        "list",
        "The list has each created resource once, with the same values.",
        _listed,
        "inferred",
        _DOCUMENT,
    ),
    Property("delete", "Deleted resources stay deleted, everywhere.", _deleted, "inferred", _NULL),
    Property("unknown", "An id that does not exist reads as null.", _unknown, "inferred", _NULL),
    Property(
        "tenants", "One key never sees another key's resources.", _tenants, "documented", "API keys guide"
    ),
    Property(
        "references",
        "Resources that a call names must exist.",
        _references,
        "inferred",
        f"{_FAQ}; foreign keys",
    ),
)
