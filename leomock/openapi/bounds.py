"""Bound the shape of a JSON body: how deeply it is nested, and how long its lists are."""

from __future__ import annotations

from typing import Any

# No client of this API nests ten levels deep; the validator stops at 254.
DEEPEST = 64
# The longest list that an operation documents has far fewer items.
LONGEST_LIST = 1000


def is_too_deep(text: bytes, value: Any) -> bool:
    """Return True if `value`, which was parsed from `text`, is nested deeper than `DEEPEST` levels."""
    if text.count(b"[") + text.count(b"{") <= DEEPEST:
        return False
    level = [value]
    for _ in range(DEEPEST):
        level = [item for nest in level for item in _items(nest) if isinstance(item, dict | list)]
        if not level:
            return False
    return True


def too_long_list(text: bytes, pool: dict[str, Any]) -> str:
    """Return the path of a list in `pool` with more than `LONGEST_LIST` items, or ''."""
    if text.count(b",") < LONGEST_LIST:
        return ""
    waiting: list[tuple[str, Any]] = list(pool.items())
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, list):
            if len(value) > LONGEST_LIST:
                return path
            waiting += [(f"{path}[{number}]", item) for number, item in enumerate(value)]
        elif isinstance(value, dict):
            waiting += [(f"{path}.{name}", item) for name, item in value.items()]
    return ""


def _items(nest: Any) -> Any:
    return nest.values() if isinstance(nest, dict) else nest if isinstance(nest, list) else ()
