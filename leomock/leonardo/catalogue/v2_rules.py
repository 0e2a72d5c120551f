"""Rules between the parameters of a version 2 model, which a schema cannot express."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from leomock.leonardo.basis import Chosen, Documented, based_on
from leomock.leonardo.catalogue.v2 import ModelV2

Given = Mapping[str, Any]


class BrokenRule(NamedTuple):
    """A rule that a request breaks: path, message, and a fix."""

    name: str
    message: str
    why: str


@based_on(
    Documented("the rules, from the models' guides on docs.leonardo.ai"),
    Chosen("the text of each error"),
)
def broken_rules(model: ModelV2, given: Given) -> Iterator[BrokenRule]:
    """Yield the broken rules between parameters of a request. `given` fits the model's schema."""
    for rule in model.rules:
        yield from _JUDGES[rule["kind"]](rule, given, model)


def _value(given: Given, name: str) -> Any:
    """Return the value of a parameter by its dotted name, or None; an empty list counts as left out."""
    value: Any = given
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return None if value == [] or value is False else value


def _size(given: Given) -> tuple[int, int] | None:
    width, height = given.get("width"), given.get("height")
    return None if width is None or height is None else (int(width), int(height))


def _listed(sizes: list[tuple[int, int]]) -> str:
    return ", ".join(f"{width}x{height}" for width, height in sizes)


def _pair(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    sides = [side for side in ("width", "height") if given.get(side) is not None]
    if len(sides) == 1:
        other = "height" if sides == ["width"] else "width"
        message = f"parameters.{other} is required with parameters.{sides[0]}"
        yield BrokenRule(other, message, f"both together are one of {_listed(model.sizes)}")
    elif (size := _size(given)) and size not in model.sizes:
        listed = _listed(model.sizes)
        message = f"parameters.width and parameters.height must be one of: {listed}"
        yield BrokenRule("width", message, f"{size[0]}x{size[1]} is not in the table of the model")


def _needs(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    name, wanted = rule["parameter"], rule["any"]
    if _value(given, name) is not None and all(_value(given, other) is None for other in wanted):
        others = " or ".join(f"parameters.{other}" for other in wanted)
        yield BrokenRule(name, f"parameters.{name} requires {others}", rule["says"])


def _excludes(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    left = [name for name in rule["parameters"] if _value(given, name) is not None]
    right = [name for name in rule["others"] if _value(given, name) is not None]
    if left and right:
        message = f"parameters.{left[0]} can not be used with parameters.{right[0]}"
        yield BrokenRule(left[0], message, rule["says"])


def _at_most(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    name, most, other = rule["parameter"], rule["maximum"], rule["with"]
    value = _value(given, name)
    if value is not None and _value(given, other) is not None and value > most:
        yield BrokenRule(
            name, f"parameters.{name} must be at most {most} with parameters.{other}", rule["says"]
        )


def _items(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    name, most, other = rule["parameter"], rule["maximum"], rule["with"]
    value = _value(given, name)
    if value is not None and _value(given, other) is not None and len(value) > most:
        message = f"parameters.{name} must have at most {most} items with parameters.{other}"
        yield BrokenRule(name, message, rule["says"])


def _not_when(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    name, other = rule["parameter"], rule["other"]
    if _value(given, name) is not None and given.get(other, rule["default"]) in rule["values"]:
        value = given.get(other, rule["default"])
        message = f"parameters.{name} can not be used when parameters.{other} is {value}"
        yield BrokenRule(name, message, rule["says"])


def _one_of(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    if all(_value(given, name) is None for name in rule["any"]):
        name = rule["any"][0]
        yield BrokenRule(name, f"parameters.{name} is required", rule["says"])


def _edge(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    if (size := _size(given)) and max(size) >= rule["below"]:
        name = "width" if size[0] >= size[1] else "height"
        yield BrokenRule(name, f"parameters.{name} must be below {rule['below']}", rule["says"])


def _ratio(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    if (size := _size(given)) and max(size) > rule["maximum"] * min(size):
        message = f"the ratio of parameters.width and parameters.height must be at most {rule['maximum']}"
        yield BrokenRule("width", message, rule["says"])


def _area(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    if (size := _size(given)) and not rule["minimum"] <= size[0] * size[1] <= rule["maximum"]:
        message = (
            f"parameters.width x parameters.height must be between {rule['minimum']} and {rule['maximum']}"
        )
        yield BrokenRule("width", message, rule["says"])


def _mode_size(rule: Given, given: Given, model: ModelV2) -> Iterator[BrokenRule]:
    """Check the size against the row of the size table that `mode` names, by the number that both have."""
    mode, size = given.get("mode"), _size(given)
    if mode is None or size is None or size == (0, 0):
        return
    wanted = f"{str(mode).rpartition('_')[2]}p"
    row = model.entry["sizes"].get(wanted)
    if row is not None and list(size) not in row:
        listed = _listed([(width, height) for width, height in row])
        message = f"parameters.mode {mode} does not fit parameters.width and parameters.height"
        yield BrokenRule(
            "mode", message, f"{wanted} has the sizes {listed}; mode is deprecated, leave it out"
        )


_JUDGES: dict[str, Callable[[Given, Given, ModelV2], Iterator[BrokenRule]]] = {
    "pair": _pair,
    "needs": _needs,
    "excludes": _excludes,
    "at_most": _at_most,
    "items": _items,
    "not_when": _not_when,
    "one_of": _one_of,
    "edge": _edge,
    "ratio": _ratio,
    "area": _area,
    "mode_size": _mode_size,
}
