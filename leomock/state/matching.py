"""Compare JSON values and statuses with expected patterns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple

# --- patterns in linear time ------------------------------------------------------------------------------


class LinearPattern:
    """A regular expression whose search time is proportional to the length of the text.

    The engine is Rust's `regex`, which supports neither look-around nor back-references; `$` matches only
    at the very end. Raises ValueError for a pattern that it cannot compile.
    """

    __slots__ = ("_validator", "pattern")

    def __init__(self, pattern: str) -> None:
        import jsonschema_rs  # imported late: only scenarios with patterns need it

        self.pattern = pattern
        try:
            self._validator = jsonschema_rs.validator_for(
                {"pattern": pattern}, pattern_options=jsonschema_rs.RegexOptions()
            )
        except (ValueError, OverflowError) as error:
            raise ValueError(
                "it is too large, or uses look-around or a back-reference, "
                "which cannot be searched in linear time"
            ) from error

    @classmethod
    def any_of(cls, patterns: Sequence[LinearPattern]) -> LinearPattern | None:
        """Return a pattern that occurs where any of several occurs; None for fewer than two.

        Also None if they are too large together.
        """
        if len(patterns) < 2:
            return None
        try:
            return cls("|".join(f"(?:{each.pattern})" for each in patterns))
        except ValueError:
            return None

    def search(self, text: str) -> bool:
        """Return True if the pattern occurs in a text."""
        return self._validator.is_valid(text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LinearPattern) and other.pattern == self.pattern

    def __hash__(self) -> int:
        return hash(self.pattern)

    def __repr__(self) -> str:
        return f"LinearPattern({self.pattern!r})"


class Wildcard:
    """A text in which `*` matches any number of characters; matched in linear time."""

    __slots__ = ("_first", "_inner", "_last", "_literal")

    def __init__(self, text: str) -> None:
        self._first, *rest = text.split("*")
        self._literal = not rest
        self._last = rest.pop() if rest else ""
        self._inner = [part for part in rest if part]

    def matches(self, text: str) -> bool:
        """Return True if the whole text matches."""
        if self._literal:
            return text == self._first
        if not text.startswith(self._first):
            return False
        # The leftmost match of each part leaves the most room for the next: no backtracking is needed.
        at = len(self._first)
        for part in self._inner:
            found = text.find(part, at)
            if found < 0:
                return False
            at = found + len(part)
        return len(text) - at >= len(self._last) and text.endswith(self._last)


# --- fitting ------------------------------------------------------------------------------------------------


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Final = _Absent.ABSENT


class Difference(NamedTuple):
    """A difference between expected and found JSON; `found` is ABSENT if the value is missing."""

    name: str
    wanted: Any
    found: Any


def differences(wanted: Any, found: Any, name: str = "") -> Iterator[Difference]:
    """Yield the differences between parsed JSON and an expected part of it.

    Objects may have additional names, but arrays may not have additional items. A name may be a path
    (`controlnets.0.weight`). A compiled pattern is searched in a string. True does not equal 1.
    """
    if isinstance(wanted, Mapping) and isinstance(found, dict):
        for key, value in wanted.items():
            yield from differences(value, _inside(found, str(key)), f"{name}.{key}" if name else str(key))
    elif isinstance(wanted, list | tuple) and isinstance(found, list) and len(wanted) == len(found):
        for index, (value, item) in enumerate(zip(wanted, found, strict=True)):
            yield from differences(value, item, f"{name}.{index}" if name else str(index))
    elif not _same(wanted, found):
        yield Difference(name, wanted, found)


def _inside(found: Any, name: str) -> Any:
    if isinstance(found, dict) and name in found:
        return found[name]
    for part in name.split("."):
        if isinstance(found, dict) and part in found:
            found = found[part]
        elif isinstance(found, list) and re.fullmatch(r"\d{1,9}", part, re.ASCII) and int(part) < len(found):
            found = found[int(part)]
        else:
            return ABSENT
    return found


def _same(wanted: Any, found: Any) -> bool:
    if found is ABSENT:
        return False
    if isinstance(wanted, re.Pattern):
        return isinstance(found, str) and wanted.search(found) is not None
    numbers = isinstance(wanted, int | float) and isinstance(found, int | float)
    if numbers and isinstance(wanted, bool) != isinstance(found, bool):
        return False
    return bool(wanted == found)


class _StatusTest:
    """A test for whether a status is in a range."""

    def __init__(self, low: int, high: int) -> None:
        self._low, self._high = low, high

    def __call__(self, status: int) -> bool:
        return self._low <= status <= self._high


def status_test(wanted: int | str | None) -> _StatusTest:
    """Return a test for a status: a number, a class such as `4xx`, or None for any. Raises ValueError."""
    if wanted is None:
        return _StatusTest(0, 999)
    text = str(wanted).lower()
    if re.fullmatch(r"[1-9]xx", text):
        return _StatusTest(int(text[0]) * 100, int(text[0]) * 100 + 99)
    if re.fullmatch(r"\d{1,3}", text, re.ASCII):
        return _StatusTest(int(text), int(text))
    raise ValueError(f"status={wanted!r}: use a number such as 404, or a class such as '4xx'")


@lru_cache(maxsize=8)
def path_test(wanted: str | None) -> Callable[[str], bool]:
    """Return a test for a path, in which `*` matches anything; None fits any path."""
    return Wildcard("*" if wanted is None else wanted).matches


def child_values(value: Any) -> Iterable[Any]:
    """Return the values inside an object or a list."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
