"""Texts of an answer that take long to make: they are made once the world's lock is free again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leomock.openapi.request_parser import Call


class LateText(str):
    """Stands for a text of an answer; `make` returns the text, without the world's lock, in any thread."""

    __slots__ = ("make",)
    make: Callable[[], str]


def late(call: Call, make: Callable[[], str]) -> LateText:
    """Return a text for the answer to a call, which `make` returns when the world's lock is free."""
    text = LateText()
    text.make = make
    call.has_late_texts = True
    return text


def with_late_texts(value: Any) -> Any:
    """Return JSON values in which every `LateText` is made."""
    if isinstance(value, LateText):
        return value.make()
    if isinstance(value, dict):
        return {name: with_late_texts(part) for name, part in value.items()}
    if isinstance(value, list):
        return [with_late_texts(part) for part in value]
    return value
