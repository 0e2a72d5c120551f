"""Responses as JSON."""

from __future__ import annotations

import tracemalloc

import orjson
import pytest

from leomock.openapi.serializer import Fitted, to_json

TEXT = {"prompt": "x" * 1500}


@pytest.mark.parametrize("value", [TEXT, {"row": Fitted(TEXT)}, {"rows": [Fitted(TEXT)] * 2}, [TEXT]])
def test_json_is_that_of_orjson(value: object) -> None:
    assert to_json(value) == orjson.dumps(value)


def test_json_that_is_kept_takes_no_more_memory_than_its_length() -> None:
    """The journal and the cache of answers keep thousands."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept = [to_json(TEXT) for _ in range(100)] + [to_json(Fitted(TEXT)) for _ in range(100)]
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before < 2 * sum(map(len, kept))
