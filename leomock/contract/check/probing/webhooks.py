"""Probes of webhooks, as they are listed and as they arrive."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

from leomock.contract.check.lives import (
    supply,
)
from leomock.contract.check.probing.generations import finished, generate
from leomock.contract.check.target import is_loopback
from leomock.contract.check.visit import Row, Skipped, Tell, Visit, shown
from leomock.testing.webhook_receiver import Received, WebhookReceiver

_CREATE = "createGeneration"

WEBHOOK_KEY = "abcd"
# How long webhooks may take to be sent.
DELIVERY_SECONDS = 3.0


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
            row = finished(visit, generate(visit, num_images=2))
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
