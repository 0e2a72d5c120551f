"""Read YAML and validate it by a JSON Schema; every error names file, line and key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache, cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    # PyYAML and the validator are imported with the first file.
    from jsonschema_rs import ValidationError, Validator
    from yaml import Node, SafeLoader

# Larger than any file written by hand; an alias that contains itself never ends.
MOST_VALUES = 10_000
MOST_LEVELS = 40

Where = tuple[str | int, ...]
Tree = dict[str, Any]

# An escape such as "\ud800" creates a lone surrogate, which UTF-8 cannot encode.
_SURROGATE = re.compile("[\ud800-\udfff]")
NOT_A_CHARACTER = "half a character (a lone surrogate) is not text"


class FileError(ValueError):
    """A file is invalid; `findings` lists every error, one line each."""

    def __init__(self, findings: Iterable[str]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(self.findings))


class Source:
    """One file: its values, their lines, and the errors found.

    `error` is the exception class to raise, `empty` the message for an empty file.
    """

    def __init__(self, path: Path, error: type[FileError], empty: str) -> None:
        self.path = path
        self._raised = error
        self._empty = empty
        self._lines: dict[Where, int] = {}
        self._findings: list[tuple[int, str]] = []
        self._wrong: list[Where] = []
        self._values = 0

    def tree(self) -> Any:
        """Return the values of the file as JSON values. Raises an error for an unreadable file."""
        node = self._compose(self._text())
        tree = self._value(node, ())
        self.stop_if_wrong()
        return tree

    def find(self, where: Where, text: str) -> None:
        """Record an error at a path."""
        self._wrong.append(where)
        name = spoken(where)
        self._note(self._line(where), f"{name}: {text}" if name else text)

    def is_right(self, where: Where) -> bool:
        """Return True if no error was found at a path or below it."""
        return not any(wrong[: len(where)] == where for wrong in self._wrong)

    def stop_if_wrong(self) -> None:
        """Raise all errors found, if any."""
        if self._findings:
            raise self._error()

    def _error(self) -> FileError:
        """Return the exception with all errors, in line order."""
        return self._raised(dict.fromkeys(text for _, text in sorted(self._findings, key=itemgetter(0))))

    def _note(self, line: int, text: str) -> None:
        printable = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
        self._findings.append((line, f"{self._name}:{line}: {printable}"))

    def _fatal(self, line: int, text: str) -> FileError:
        """Return an error after which the rest of the file cannot be read."""
        self._note(line, text)
        return self._error()

    @property
    def name(self) -> str:
        """Return the path as one would type it."""
        return self._name

    @property
    def _name(self) -> str:
        try:
            return self.path.absolute().relative_to(Path.cwd()).as_posix()
        except (ValueError, OSError):
            return str(self.path)

    def line_of(self, where: Where) -> int:
        """Return the line of a path, or of its parent if there is nothing at the path."""
        return self._line(where)

    def same_line(self, where: Where, as_: Where) -> None:
        """Give a path to which a program moved a value the line of its path in the file."""
        self._lines[where] = self._line(as_)

    def entries_kept(self, where: Where, kept: Collection[int]) -> None:
        """Keep the lines of a list's entries right after a program took some out; `kept` are the others."""
        depth = len(where)
        numbers = {old: new for new, old in enumerate(kept)}
        lines = {}
        for path, line in self._lines.items():
            if len(path) <= depth or path[:depth] != where:
                lines[path] = line
            elif (old := path[depth]) in numbers:
                lines[(*where, numbers[old], *path[depth + 1 :])] = line
        self._lines = lines

    def _line(self, where: Where) -> int:
        """Return the line of a path; for a missing value, the line of its parent."""
        while where not in self._lines:
            where = where[:-1]
        return self._lines[where]

    def _text(self) -> str:
        try:
            raw = self.path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a path with a null character
            reason = getattr(error, "strerror", None) or error
            raise self._raised([f"{self._name}: cannot be read: {reason}"]) from None
        try:
            return raw.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._fatal(raw.count(b"\n", 0, error.start) + 1, "not UTF-8") from None

    def _compose(self, text: str) -> Node:
        import yaml

        try:
            loader = _loader()(text)
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + 1
            raise self._fatal(line, f"not YAML: {error.reason}") from None
        try:
            node = loader.get_single_node()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self._fatal(mark.line + 1 if mark else 1, f"not YAML: {error.problem}") from None
        except (ValueError, OverflowError):
            # What `chr` says to an escape such as "\UFFFFFFFF"; PyYAML lets it through.
            raise self._fatal(loader.line + 1, "not YAML: an escape that stands for no character") from None
        except RecursionError:
            raise self._fatal(loader.line + 1, "nested too deeply") from None
        if node is None:
            raise self._fatal(1, f"is empty; {self._empty}")
        return node

    def _value(self, node: Node, where: Where) -> Any:
        import yaml

        self._values += 1
        line = node.start_mark.line + 1
        self._lines.setdefault(where, line)
        if self._values > MOST_VALUES or len(where) > MOST_LEVELS:
            raise self._fatal(
                line, "too long or nested too deeply (an alias that contains itself is not possible)"
            )
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return [self._value(item, (*where, number)) for number, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode) and kind in _SCALARS:
            try:
                return _SCALARS[kind](node.value)
            except ValueError as error:
                self.find(where, str(error))
                return None
        self.find(where, f"the tag {kind} is not known here")
        return None

    def _mapping(self, node: Node, where: Where) -> Tree:
        import yaml

        tree: Tree = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.find(where, "a key must be a text")
                continue
            path = (*where, key.value)
            if key.value in tree:
                self._note(key.start_mark.line + 1, f"{spoken(path)}: stands twice")
                continue
            self._lines[path] = key.start_mark.line + 1
            if _SURROGATE.search(key.value):
                self.find(path, NOT_A_CHARACTER)
                continue
            tree[key.value] = self._value(value, path)
        return tree


class ValueSource(Source):
    """Values that a program passed instead of a file; errors name the whole path instead of a line."""

    def __init__(self, value: Any, name: str, error: type[FileError]) -> None:
        super().__init__(Path(name), error, "")
        self._given = value

    def tree(self) -> Any:
        """Return the values as JSON values. Raises an error if they are not JSON."""
        import orjson

        try:
            return orjson.loads(orjson.dumps(self._given))
        except TypeError as error:
            raise self._raised([f"{self.path}: only JSON values are possible: {error}"]) from None

    def find(self, where: Where, text: str) -> None:
        """Record an error at a path."""
        self._wrong.append(where)
        name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")
        self._findings.append((len(self._findings), f"{self.path}: {name}: {text}" if name else text))


@cache
def _loader() -> type[SafeLoader]:
    """Return a loader that reads plain scalars as YAML 1.2, like editors do: `no` and `1:30` are texts."""
    import yaml

    class Loader(yaml.SafeLoader):
        yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML's own name and kind of attribute

    digits = [*"-+0123456789"]
    for tag, pattern, first in (
        ("null", r"(~|null|Null|NULL|)", ["~", "n", "N", ""]),
        ("bool", r"(true|True|TRUE|false|False|FALSE)", [*"tTfF"]),
        ("int", r"[-+]?[0-9]+", digits),
        ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", [*digits, "."]),
    ):
        whole = re.compile(rf"^{pattern}\Z", re.ASCII)
        Loader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", whole, first)
    return Loader


def _text(value: str) -> str:
    if _SURROGATE.search(value):
        raise ValueError(NOT_A_CHARACTER)
    return value


def _integer(value: str) -> int:
    if not re.fullmatch(r"[-+]?[0-9]{1,15}", value, re.ASCII):
        raise ValueError("not a whole number of at most 15 digits")
    return int(value)


def _number(value: str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def _boolean(value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise ValueError("neither true nor false")
    return value.lower() == "true"


_SCALARS: dict[str, Callable[[str], Any]] = {
    "str": _text,
    "int": _integer,
    "float": _number,
    "bool": _boolean,
    "null": lambda _: None,
}


def spoken(where: Where) -> str:
    """Return a path in words, within its list entry: the line already identifies the entry."""
    for number in range(len(where) - 1, 0, -1):
        if isinstance(where[number], str) and isinstance(where[number - 1], int):
            where = where[number:]
            break
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")


# --- schema errors in our own words -----------------------------------------------------------------

_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "a text",
}


class Schema:
    """A JSON Schema in a file, read and compiled when first used."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def _schema(self) -> Tree:
        import orjson

        schema: Tree = orjson.loads(self._path.read_bytes())
        return schema

    @cached_property
    def _validator(self) -> Validator:
        import jsonschema_rs

        return jsonschema_rs.Draft202012Validator(self._schema)

    def judge(self, tree: Any, source: Source) -> None:
        """Record every error in the values of a source."""
        for error in self._validator.iter_errors(tree):
            for where, text in _worded(error, self._at(error.schema_path[:-1])):
                source.find(where, text)

    def _at(self, steps: Collection[str | int]) -> Tree:
        """Return the part of the schema that an error refers to."""
        part: Any = self._schema
        for step in steps:
            if isinstance(part, dict) and "$ref" in part:
                part = {**self._schema["$defs"][part["$ref"].rpartition("/")[2]], **part}
            part = part if step == "$ref" else part[step]
        if "$ref" in part:
            part = self._schema["$defs"][part["$ref"].rpartition("/")[2]]
        found: Tree = part
        return found


def _worded(error: ValidationError, schema: Tree) -> Iterator[tuple[Where, str]]:
    """Return the message for a validator error, and the value it is about; `schema` is the broken part."""
    where: Where = tuple(error.instance_path)
    kind: Any = error.kind
    instance: Any = error.instance
    given = shown(instance)
    match kind.name:
        case "additionalProperties":
            for name in kind.unexpected:
                known = schema.get("properties", {})
                yield (*where, name), f"not known here{near(name, known)}"
        case "required":
            yield (*where, kind.property), "is missing"
        case "type":
            names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
            *most, last = (_TYPES[name] for name in names)
            wanted = f"{', '.join(most)} or {last}" if most else last
            yield where, f"must be {wanted}, not {given}"
        case "enum":
            hint = near(instance, schema["enum"]) if isinstance(instance, str) else ""
            yield where, f"must be one of {', '.join(map(str, schema['enum']))}, not {given}{hint}"
        case "minimum":
            yield where, f"must be at least {kind.limit:g}, not {given}"
        case "maximum":
            yield where, f"must be at most {kind.limit:g}, not {given}"
        case "exclusiveMinimum":
            yield where, f"must be more than {kind.limit:g}, not {given}"
        case "minItems" | "maxItems":
            bound = "least" if kind.name == "minItems" else "most"
            noun = "entry" if kind.limit == 1 else "entries"
            yield where, f"must have at {bound} {kind.limit} {noun}, not {len(instance)}"
        case "minProperties":
            yield where, "is empty; give at least one of " + ", ".join(schema["properties"])
        case "minLength":
            yield where, "must not be empty"
        case "uniqueItems":
            yield where, "has an entry twice"
        case "pattern":
            yield where, f"must be {schema['title']}, not {given}"
        case "not":
            yield where, f"is {schema['title']}"
        case "propertyNames":
            yield where, f"{shown(kind.error.instance)} is not {schema['title']}"
        case _:
            yield where, error.message


def shown(value: Any) -> str:
    """Return a short form of a value as one would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:57]}...")
    if isinstance(value, int | float):
        return f"{value:.15g}"
    return "nothing" if value is None else "a list" if isinstance(value, list) else "a mapping"


def near(word: str, known: Iterable[str]) -> str:
    """Return `; did you mean 'x'?` for the end of a sentence, or '' if no known word is similar."""
    from leomock.openapi.suggest import suggestion

    return suggestion(word, dict.fromkeys(known))
