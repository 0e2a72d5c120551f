"""Offers of several calls, whose answers are mapped into one, and values without any call."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from jsonpath_rfc9535 import JSONPathQuery

TEMPLATE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")


@dataclass(frozen=True, slots=True)
class BoundText:
    """A text of a file with `{{name}}`: `variables` maps the names that are bound to environment variables.

    The other names are inputs of the caller.
    """

    text: str
    variables: Mapping[str, str]

    @property
    def inputs(self) -> list[str]:
        """The names that are inputs of the caller."""
        return [name for name in TEMPLATE.findall(self.text) if name not in self.variables]

    def filled(self, given: Mapping[str, Any]) -> Any:
        """Return the text with its values; None if a variable is not set, so that it is left out."""
        values = {name: os.environ.get(variable) for name, variable in self.variables.items()}
        return None if None in values.values() else filled(self.text, {**given, **values})


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a file: a constant, a text with `{{input}}`, or a JSONPath into the answers of steps."""

    constant: Any = None
    query: JSONPathQuery | None = None

    def resolve(self, given: Mapping[str, Any], answers: Mapping[str, Any]) -> Any:
        """Return the value for the caller's inputs and the answers so far; None if there is none."""
        if self.query is None:
            return filled(self.constant, given)
        found = self.query.find(dict(answers)).values()
        return found[0] if found else None


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a call of an operation, by its id, or a look-up in the answer of an earlier step."""

    name: str
    call: str = ""
    arguments: Mapping[str, Value] = field(default_factory=dict)
    index: str = ""
    match: str = ""
    key: Value = Value()
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps in their order, and the parts of the result; without parts it is the last answer."""

    steps: Sequence[Step]
    parts: Mapping[str, Value]


# Returns status and body of an operation's answer; the rest of the answer is opaque here.
Send = Callable[[str, Mapping[str, Any]], Awaitable[tuple[bool, Any, Any]]]


async def run(steps: Steps, given: Mapping[str, Any], send: Send) -> tuple[bool, Any]:
    """Run the steps. Return (True, the result), or (False, the answer of the call that failed)."""
    answers: dict[str, Any] = {}
    last: Any = None
    for step in steps.steps:
        if step.call:
            arguments = {name: value.resolve(given, answers) for name, value in step.arguments.items()}
            good, last, answer = await send(step.call, arguments)
            if not good:
                return False, answer
        else:
            last = looked_up(step, given, answers)
        answers[step.name] = last
    if not steps.parts:
        return True, last
    return True, {name: value.resolve(given, answers) for name, value in steps.parts.items()}


def looked_up(step: Step, given: Mapping[str, Any], answers: Mapping[str, Any]) -> Any:
    """Return the rows of an earlier answer whose field is the key, or one of the keys.

    For one key, the row itself, or None. Of each row only the named fields are returned, if any are named.
    """
    rows = _rows(answers.get(step.index))
    key = step.key.resolve(given, answers)
    if not isinstance(key, list):
        return next((_part(row, step.fields) for row in rows if row.get(step.match) == key), None)
    return [_part(row, step.fields) for each in key for row in rows if row.get(step.match) == each]


def _rows(answer: Any) -> list[Mapping[str, Any]]:
    """Return the objects in an answer that is a list, or in the first list of one that is an object."""
    if isinstance(answer, dict):
        answer = next((value for value in answer.values() if isinstance(value, list)), [])
    return [each for each in answer if isinstance(each, dict)] if isinstance(answer, list) else []


def _part(row: Mapping[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if not fields or name in fields}


def filled(value: Any, given: Mapping[str, Any]) -> Any:
    """Return a value with the caller's inputs in place of `{{name}}`; `{{name}}` alone gives the input
    itself."""
    if isinstance(value, BoundText):
        return value.filled(given)
    if not isinstance(value, str):
        return value
    if whole := TEMPLATE.fullmatch(value):
        return given.get(whole[1])
    return TEMPLATE.sub(lambda found: _text(given.get(found[1], "")), value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
