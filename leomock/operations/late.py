"""Slow texts of an answer, which are made after the world's lock is released."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from leomock.openapi.request_parser import Call


class LateText(str):
    """A placeholder for a text of an answer; `make` returns it in any thread, without the world's lock."""

    __slots__ = ("make",)
    make: Callable[[], str]


def late(call: Call, make: Callable[[], str]) -> LateText:
    """Return a placeholder for a text that `make` returns after the world's lock is released."""
    text = LateText()
    text.make = make
    call.has_late_texts = True
    return text


def with_late_texts(value: Any) -> Any:
    """Return JSON values in which every `LateText` is replaced by its text."""
    if isinstance(value, LateText):
        return value.make()
    if isinstance(value, dict):
        return {name: with_late_texts(part) for name, part in value.items()}
    if isinstance(value, list):
        return [with_late_texts(part) for part in value]
    return value
