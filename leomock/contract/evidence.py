"""Test a fact against a fake, and list where the fake's response differs."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import httpx

from leomock.leonardo.evidence import ABSENT, Answer, Fact, FactError, Step, at_path, differences
from leomock.testing.fake import Fake

_NAME = re.compile(r"\$\{(\w+)\}")
# One JPEG marker is enough: the bucket reads only as far as the type.
_PICTURE = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00\xff\xd9"
_WEBHOOK = "https://receiver.example/hook"
_WEBHOOK_KEY = "secret"


@dataclass(frozen=True, slots=True)
class _Received:
    status: int
    headers: Mapping[str, str]
    body: Any
    raw: bytes


def check(fact: Fact) -> list[str]:
    """Return the ways in which a fresh fake does not follow a fact, one line each; empty if it does.

    A failed step before the response is a difference as well. Raises FactError if the fact cannot be tested,
    because a step names a value that no step keeps.
    """
    scenario: Any = (fact.scenario,) if fact.scenario else ()
    settings: Any = {"jobs": "manual", **fact.settings}
    with Fake(clock="frozen", scenario=scenario, **settings) as fake:
        asker = Asker(fake, fact)
        try:
            for step in fact.steps:
                asker.take(step)
            expected, answer = asker.filled_received(), asker.last
        except _StepFailed as failed:
            return [str(failed)]
    found = list(differences(expected, answer.status, answer.headers, answer.body))
    if expected.picture is not None and (size := _size(answer.raw)) != expected.picture:
        found.append(f"picture: {expected.picture} expected, found {size}")
    return found


class _StepFailed(Exception):
    """A step did not return what a later one needs."""


class Asker:
    """Run the steps of a fact against a fake; keep the values that later steps name."""

    def __init__(self, fake: Fake, fact: Fact) -> None:
        self._fake = fake
        self._fact = fact
        self._client = httpx.Client(transport=fake.transport, follow_redirects=False)
        self._kept: dict[str, str] = {"key": fake.api_key, "user": fake.user_id, "base": fake.url}
        self._events: list[_Received] = []
        self.last = _Received(0, {}, None, b"")
        if any(step.event for step in fact.steps):
            fake.set_webhook(_WEBHOOK, _WEBHOOK_KEY, app=self._receive)

    def take(self, step: Step) -> None:
        """Take one step."""
        if step.finish:
            self._fake.finish()
        elif step.advance:
            self._fake.advance(step.advance)
        elif step.event:
            self._fake.advance_until_idle()
            if not self._events:
                raise _StepFailed("no webhook was sent")
            self.last = self._events[-1]
        elif step.upload:
            self._upload(at_path(self.last.body, step.upload))
        else:
            self._ask(step)
        for name, path in step.keep.items():
            value = at_path(self.last.body, path)
            if value is ABSENT:
                answer = str(self.last.body)[:200]
                raise _StepFailed(f"{step.request or 'a step'}: {path} is not in the answer: {answer}")
            self._kept[name] = str(value)

    def filled_received(self) -> Answer:
        """Return the expected answer with the kept values in place of their names."""
        answer = self._fact.answer
        return replace(
            answer,
            headers={name: value and self._filled(value) for name, value in answer.headers.items()},
            **{name: self._filled(getattr(answer, name)) for name in ("fields", "words")},
            matches={
                path: _NAME.sub(lambda found: re.escape(self._value(found[1])), pattern)
                for path, pattern in answer.matches.items()
            },
        )

    def _ask(self, step: Step) -> None:
        method, _, target = self._filled(step.request).partition(" ")
        headers = {"authorization": f"Bearer {self._fake.api_key}"}
        headers |= {name.lower(): self._filled(value) for name, value in step.headers.items()}
        body = self._filled(step.body)
        content = (
            body.encode() if isinstance(body, str) else b"" if body is None else json.dumps(body).encode()
        )
        if content:
            headers.setdefault("content-type", "application/json")
        url = target if "://" in target else f"{self._fake.url}{target}"
        sent = {name: value for name, value in headers.items() if value}
        chunked = iter([content]) if "transfer-encoding" in sent else content
        answer = self._client.request(method, url, headers=sent, content=chunked)
        self.last = _received(answer.status_code, answer.headers, answer.content)

    def _upload(self, form: Any) -> None:
        if not isinstance(form, dict):
            raise _StepFailed("there is no form to upload with")
        name = next((name for name in form if name.lower().endswith("fields")), "")
        url = form.get(name[: -len("fields")] + "url" if name == "fields" else name[: -len("Fields")] + "Url")
        answer = self._client.post(
            str(url), data=json.loads(form.get(name, "{}")), files={"file": ("file", _PICTURE)}
        )
        if answer.status_code >= 300:
            raise _StepFailed(f"the upload was refused: {answer.text[:200]}")

    def _filled(self, value: Any) -> Any:
        if isinstance(value, str):
            return _NAME.sub(lambda found: self._value(found[1]), value)
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        if isinstance(value, dict):
            if set(value) == {"repeat", "times"}:
                return value["repeat"] * value["times"]
            return {self._filled(name): self._filled(each) for name, each in value.items()}
        return value

    def _value(self, name: str) -> str:
        if name not in self._kept:
            raise FactError(f"{self._fact.id}: no step keeps a value as {name}")
        return self._kept[name]

    async def _receive(self, scope: Any, receive: Any, send: Any) -> None:
        """Receive a webhook."""
        raw, more = b"", True
        while more:
            message = await receive()
            raw, more = raw + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._events.append(_received(200, headers, raw))
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def _received(status: int, headers: Mapping[str, str], raw: bytes) -> _Received:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        body = raw.decode("utf-8", "replace")
    return _Received(status, {name.lower(): value for name, value in headers.items()}, body, raw)


def _size(content: bytes) -> tuple[int, int] | str:
    import io

    from PIL import Image, UnidentifiedImageError

    try:
        return Image.open(io.BytesIO(content)).size
    except UnidentifiedImageError:
        return "no picture"
