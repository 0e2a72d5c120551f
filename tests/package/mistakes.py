"""Mistakes that people make in their first hour, and the line with which leomock explains each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import httpx

from leomock import Fake
from tests.fixtures import client_of, completed, generate, inside

TITLE = """\
# Mistakes and what the report says

Written by a test from real outputs: each mistake is made against leomock, and the right column is what the
failure report, or the exception, says about it. `make reference` does not touch this page;
`python -m tests.package.mistakes` writes it.

| What was wrong | What the report says |
|---|---|
"""
UUID = "11111111-1111-4111-8111-111111111111"


@dataclass(frozen=True)
class Bench:
    """A fake and a client of it."""

    fake: Fake
    client: httpx.Client

    def create(self, **body: Any) -> None:
        """Send a generation as it is given."""
        self.client.post("/generations", json={"prompt": "a cat", **body})

    def v2(self, body: Any) -> None:
        """Send a generation to version 2."""
        self.client.post(f"{self.fake.url}/api/rest/v2/generations", json=body)


Mistake = Callable[[Bench], object]


def _unpolled(bench: Bench) -> None:
    bench.client.get(f"/generations/{generate(bench.client)}")


def _deleted(bench: Bench) -> None:
    id = generate(bench.client)
    bench.client.delete(f"/generations/{id}")
    bench.client.get(f"/generations/{id}")


def _image_id(bench: Bench) -> None:
    row = completed(bench.client)
    bench.client.get(f"/generations/{row['generated_images'][0]['id']}")


def _other_key(bench: Bench) -> None:
    id = generate(bench.client)
    with client_of(bench.fake, "colleague") as other:
        other.get(f"/generations/{id}")


def _failed(bench: Bench) -> None:
    with bench.fake.scenario("moderation_failed"):
        id = generate(bench.client)
    for _ in range(2):
        bench.client.get(f"/generations/{id}")


def _put_upload(bench: Bench) -> None:
    form = inside(bench.client.post("/init-image", json={"extension": "png"}))
    with httpx.Client(transport=bench.fake.transport) as bare:
        bare.put(form["url"], content=b"x")


def _no_key(bench: Bench) -> None:
    bench.client.get("/me", headers={"authorization": ""})


# What was wrong, and how to make that mistake.
MISTAKES: dict[str, Mistake] = {
    "took the pictures from the first read": _unpolled,
    "read a generation after deleting it": _deleted,
    "read a generation by the id of its picture": _image_id,
    "read a generation with another API key": _other_key,
    "read an id that was never made": lambda b: b.client.get(f"/generations/{UUID}"),
    "read by something that is not a UUID": lambda b: b.client.get("/generations/last"),
    "expected pictures of a failed generation": _failed,
    "listed the generations of another user": lambda b: b.client.get(f"/generations/user/{UUID}"),
    "sent no API key": _no_key,
    "sent the key without `Bearer`": lambda b: b.client.get("/me", headers={"authorization": UUID}),
    "forgot `/api/rest/v1`": lambda b: b.client.post(f"{b.fake.url}/generations", json={}),
    "called version 3": lambda b: b.client.post(f"{b.fake.url}/api/rest/v3/generations", json={}),
    "misspelt the path": lambda b: b.client.post("/generation", json={}),
    "used the wrong method": lambda b: b.client.put("/generations", json={}),
    "misspelt a variable": lambda b: b.create(promt="a cat"),
    "used another case for a variable": lambda b: b.create(Width=512),
    "sent a variable of another operation": lambda b: b.create(motionStrength=3),
    "sent a version 1 body to version 2": lambda b: b.v2({"prompt": "a cat"}),
    "named an unknown model to version 2": lambda b: b.v2({"model": "gpt-image-1", "parameters": {}}),
    "sent no prompt": lambda b: b.client.post("/generations", json={}),
    "sent no body": lambda b: b.client.post("/generations"),
    "sent null for the prompt": lambda b: b.create(prompt=None),
    "sent a multipart form": lambda b: b.client.post("/generations", files={"prompt": b"a cat"}),
    "sent a url-encoded form": lambda b: b.client.post("/generations", data={"prompt": "a cat"}),
    "sent broken JSON": lambda b: b.client.post("/generations", content=b'{"prompt": '),
    "sent a list": lambda b: b.client.post("/generations", json=[]),
    "sent an enum in lower case": lambda b: b.create(scheduler="euler_discrete"),
    "sent an unknown enum value": lambda b: b.create(sd_version="v9"),
    "sent text for a number": lambda b: b.create(width="512"),
    "sent a number for text": lambda b: b.create(prompt=7),
    "asked for a size that is not a multiple of 8": lambda b: b.create(width=513),
    "asked for too many pictures": lambda b: b.create(num_images=99),
    "asked for too many large pictures": lambda b: b.create(num_images=8, width=1024, height=1024),
    "misspelt a field inside a list": lambda b: b.create(controlnets=[{"initImageTyp": "UPLOADED"}]),
    "named a model that is not a UUID": lambda b: b.create(modelId="phoenix"),
    "named a model that does not exist": lambda b: b.create(modelId=UUID),
    "named an init image that does not exist": lambda b: b.create(init_image_id=UUID),
    "asked for a form for a GIF": lambda b: b.client.post("/init-image", json={"extension": "gif"}),
    "uploaded with PUT": _put_upload,
    "misspelt a scenario in the prompt": lambda b: b.create(prompt="[leomock:flakey] a cat"),
    "`fake.finish` with an unknown id": lambda b: b.fake.finish("nope"),
    "`fake.advance` with text": lambda b: b.fake.advance(cast(Any, "x")),
    "`fake.set_webhook` with no URL": lambda b: b.fake.set_webhook("not-a-url"),
    "`Fake(job=…)`": lambda b: Fake(**cast(Any, {"job": "immediate"})),
    "`Fake(port=…)` with text": lambda b: Fake(port=cast(Any, "abc")),
}


def report(mistake: Mistake) -> str:
    """Return what leomock says about a mistake: an exception's text, or the end of the journal."""
    fake = Fake(clock="frozen")
    try:
        with client_of(fake) as client:
            mistake(Bench(fake, client))
    except ValueError as error:
        return str(error)
    finally:
        fake.close()
    stories = [fake.tenant(world.key).story() for world in fake.api.worlds]
    stories += map(str, fake.api.worlds.unauthenticated_journal)
    lines = [line for line in "\n".join(reversed(stories)).splitlines() if line]
    notes = [line for line in lines if line.startswith(("Note:", "What to do:"))]
    if lines[0].startswith("#1 GET"):  # another key's journal explains it
        return lines[0].partition(" | ")[2]
    exchanges = [line for line in lines if line.startswith("#")]
    explained = exchanges[-1].partition(" | ")[2]
    verdict = fake.verdict()
    if "PENDING" in explained:
        return " ".join(notes)
    return explained or str(verdict.findings[0]) if not verdict.clean or explained else str(verdict)


def page() -> str:
    """Return the page."""
    rows = (
        f"| {what} | {report(mistake).replace('|', chr(92) + '|').replace(chr(10), ' ')} |"
        for what, mistake in MISTAKES.items()
    )
    return TITLE + "\n".join(rows) + "\n"


if __name__ == "__main__":
    from tests.package.test_mistakes import PAGE

    PAGE.write_text(page(), "utf-8")
