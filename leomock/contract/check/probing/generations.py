"""Probes of generations: defaults, texts, ids, pages, and refunds."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from leomock.contract.check.lives import (
    SMALL,
    form_of,
    send_form,
)
from leomock.contract.check.media import PICTURE
from leomock.contract.check.properties import difference
from leomock.contract.check.visit import Problem, Row, Tell, Visit, require, shown

_CREATE = "createGeneration"
_READ = "getGenerationById"
_LIST = "getGenerationsByUserId"

# The documented length of a prompt.
LONGEST_PROMPT = 1500
# Faker's locales for texts in Latin, Cyrillic, Greek, Arabic, Devanagari, Thai and East Asian scripts.
SCRIPTS = ("fr_FR", "ru_RU", "el_GR", "ar_AA", "hi_IN", "th_TH", "ja_JP", "ko_KR")


def generate(visit: Visit, **body: Any) -> str:
    """Start a small generation, changed by `body`; return its id."""
    made = visit.call("POST", "/generations", {**SMALL, **body})
    require(isinstance(made, Row) and made["generationId"], "POST /generations answered no generationId")
    id: str = made["generationId"]
    return id


def finished(visit: Visit, id: str) -> Row:
    """Return a generation once it is COMPLETE; raise Problem if it does not get there."""
    row = visit.wait_for(f"/generations/{id}")
    if row is None or row["status"] != "COMPLETE":
        raise Problem(f"generation {id} was not COMPLETE in time")
    return row


def probe_defaults(visit: Visit, tell: Tell) -> None:
    """Check that omitted values get the documented defaults."""
    made = visit.call("POST", "/generations", {"prompt": "a fox"})
    row = finished(visit, made["generationId"])
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
        prompt = visit.call("GET", f"/generations/{generate(visit, prompt=wanted)}")["prompt"]
        told, sent = difference(prompt, wanted)
        tell(prompt == wanted, _READ, f"a prompt came back changed: it is {told}, the call sent {sent}")


def probe_ids(visit: Visit, tell: Tell) -> None:
    """Check that every generation has a unique id, also of those that begin at the same time."""
    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(lambda _: generate(visit), range(4)))
    tell(len(set(ids)) == 4, _CREATE, f"{len(ids)} generations have {len(set(ids))} different ids")


def probe_paging(visit: Visit, tell: Tell) -> None:
    """Check that paging through generations works."""
    path = f"/generations/user/{visit.user()}"
    made = [generate(visit, prompt=f"fox {number}") for number in range(3)]

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
    row = finished(visit, generate(visit, init_image_id=made["id"], init_strength=0.5))
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
        row = visit.wait_for(f"/generations/{generate(visit)}")
    finally:
        visit.control("PUT", "/scenario", {"scenarios": played}, why=why)
    tell(row and row["status"] == "FAILED", _READ, "a job that has to fail is not FAILED")
    after = visit.balance()
    tell(
        before == after,
        "getUserSelf",
        f"a failed job was not refunded: {before} credits before, {after} after",
    )
