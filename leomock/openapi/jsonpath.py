"""Find the values that the targets of an overlay select.

Targets are JSONPath (RFC 9535) without slices, descendants and functions. Importing a full JSONPath library
would take a fifth of the start-up time (decisions/0011-overlay-targets-are-read-here.md); tests compare the
two.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

_TOKEN = re.compile(
    r"""\s*(?: (?P<name>\.[A-Za-z_]\w*) | (?P<quoted>'[^'\\]*'|"[^"\\]*")
    | (?P<number>-?(?:0|[1-9]\d*)(?![\d.eE])) | (?P<word>true|false|null)
    | (?P<sign>\.\*|==|!=|&&|\|\||[][$@*?,]) )""",
    re.VERBOSE,
)
# Most targets have only names; reading those takes a tenth of the time.
_NAME = re.compile(r"\.([A-Za-z_]\w*)|\['([^'\\]*)'\]")
_PLAIN = re.compile(rf"\$(?:{_NAME.pattern})*")
_WORDS = {"true": True, "false": False, "null": None}


class TargetError(ValueError):
    """A target is invalid; the message says where and why."""


class Node(NamedTuple):
    """A value in a document, with the keys and indexes that lead to it."""

    location: tuple[int | str, ...]
    value: Any


Selector = Callable[[Any], Iterable[tuple[int | str, Any]]]
Segment = list[Selector]
Test = Callable[[Any], bool]


def find(target: str, document: Any) -> list[Node]:
    """Return the nodes that a target selects, in document order. Raises TargetError."""
    if _PLAIN.fullmatch(target):
        return _named_node(_NAME.findall(target), document)
    return _follow(_Reader(target).read(), document)


def _named_node(names: list[tuple[str, str]], value: Any) -> list[Node]:
    """Return the one node that names lead to, if it exists."""
    location = tuple(quoted or plain for plain, quoted in names)
    for name in location:
        if not isinstance(value, dict) or name not in value:
            return []
        value = value[name]
    return [Node(location, value)]


def _follow(segments: list[Segment], value: Any) -> list[Node]:
    nodes = [Node((), value)]
    for selectors in segments:
        nodes = [
            Node((*node.location, key), child)
            for node in nodes
            for selector in selectors
            for key, child in selector(node.value)
        ]
    return nodes


def _children(value: Any) -> Iterable[tuple[int | str, Any]]:
    if isinstance(value, dict):
        return value.items()
    return enumerate(value) if isinstance(value, list) else ()


def _named(name: str) -> Selector:
    return lambda value: ((name, value[name]),) if isinstance(value, dict) and name in value else ()


def _numbered(index: int) -> Selector:
    def select(value: Any) -> Iterable[tuple[int | str, Any]]:
        if isinstance(value, list) and -len(value) <= index < len(value):
            return ((index % len(value), value[index]),)
        return ()

    return select


def _passing(test: Test) -> Selector:
    return lambda value: [(key, child) for key, child in _children(value) if test(child)]


def _values(segments: list[Segment], value: Any) -> list[Any]:
    """Return the values that a path in a test leads to."""
    values = [value]
    for selectors in segments:
        values = [child for each in values for selector in selectors for _, child in selector(each)]
    return values


def _is(found: list[Any], literal: Any) -> bool:
    """Return True if a value was found and equals the literal; True is not 1 in JSON."""
    return any(value == literal and isinstance(value, bool) == isinstance(literal, bool) for value in found)


class _Reader:
    """Parse a target from left to right."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._at = 0
        self._kind, self._text = "", ""
        self._next()

    def _next(self) -> None:
        token = _TOKEN.match(self._target, self._at)
        if token:
            self._at = token.end()
            self._kind, self._text = str(token.lastgroup), token[token.lastgroup or 0]
        elif self._target[self._at :].strip():
            raise TargetError(f"{self._target[self._at :].strip()!r} is not understood here")
        else:
            self._kind, self._text = "end", "the end"

    def _take(self, *signs: str) -> bool:
        """Skip the next token if it is one of the given ones; return True if it was."""
        taken = self._kind == "sign" and self._text in signs
        if taken:
            self._next()
        return taken

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise TargetError(f"expected {sign!r}, found {self._text!r}")

    def read(self) -> list[Segment]:
        """Return the segments of the whole target."""
        self._expect("$")
        segments, _ = self._segments()
        if self._kind != "end":
            raise TargetError(f"expected a segment, found {self._text!r}")
        return segments

    def _segments(self) -> tuple[list[Segment], bool]:
        """Return the segments that follow, and True if they can select only one value."""
        segments: list[Segment] = []
        single = True
        while True:
            if self._kind == "name":
                segments.append([_named(self._text[1:])])
                self._next()
            elif self._take(".*"):
                segments.append([_children])
                single = False
            elif self._take("["):
                selectors, alone = self._selectors()
                segments.append(selectors)
                single = single and alone
            else:
                return segments, single

    def _selectors(self) -> tuple[Segment, bool]:
        selectors: list[Selector] = []
        single = True
        while True:
            kind, text = self._kind, self._text
            if self._take("*"):
                selectors.append(_children)
                single = False
            elif self._take("?"):
                selectors.append(_passing(self._either()))
                single = False
            elif kind in ("quoted", "number"):
                selectors.append(_named(text[1:-1]) if kind == "quoted" else _numbered(int(text)))
                self._next()
            else:
                raise TargetError(f"expected a name, an index, '*' or '?', found {text!r}")
            if not self._take(","):
                self._expect("]")
                return selectors, single and len(selectors) == 1

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("||"):
            tests.append(self._both())
        if len(tests) == 1:
            return tests[0]
        return lambda value: any(test(value) for test in tests)

    def _both(self) -> Test:
        tests = [self._test()]
        while self._take("&&"):
            tests.append(self._test())
        if len(tests) == 1:
            return tests[0]
        return lambda value: all(test(value) for test in tests)

    def _test(self) -> Test:
        self._expect("@")
        segments, single = self._segments()
        sign = self._text
        if not self._take("==", "!="):
            return lambda value: bool(_values(segments, value))
        if not single:
            raise TargetError(f"only a path to one value can stand before {sign!r}")
        literal = self._literal()
        return lambda value: _is(_values(segments, value), literal) == (sign == "==")

    def _literal(self) -> Any:
        kind, text = self._kind, self._text
        if kind not in ("quoted", "number", "word"):
            raise TargetError(f"expected a text, a number, true, false or null, found {text!r}")
        self._next()
        return text[1:-1] if kind == "quoted" else int(text) if kind == "number" else _WORDS[text]
