"""Reads the YAML of `scenarios/` into rules; whatever is wrong is named with file, line and key."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leomock.errors import NAMED
from leomock.settings import SettingError, Settings
from leomock.state.scenario import (
    Answer,
    Breakage,
    Criteria,
    Delivery,
    Outcome,
    Rule,
    Scenario,
    Span,
    Stage,
)

if TYPE_CHECKING:
    # PyYAML and the validator are loaded with the first file that is read.
    from jsonschema_rs import ValidationError, Validator
    from yaml import Node, SafeLoader

SCHEMA = "schema.json"
SUFFIXES = (".yaml", ".yml")

# More than anybody writes; an alias that contains itself has no end.
MOST_VALUES = 10_000
MOST_LEVELS = 40

Where = tuple[str | int, ...]
Tree = dict[str, Any]

_CONTENT: dict[str, Breakage] = {"wrong_type": "wrong_content_type", "malformed": "malformed_json"}
# What an upload and an event do not tell; a rule that asks for it could never strike.
_NUMBERS = frozenset({"call", "every", "first", "after"})
_TOLD: dict[Stage, frozenset[str]] = {
    "upload": _NUMBERS | {"probability"},
    "webhook": _NUMBERS | {"probability", "prompt", "each"},
}
_STAGES: dict[Stage, str] = {"upload": "an upload", "webhook": "an event on its way to a webhook"}
# Pairs that cannot both be meant, and why.
_CONFLICTS = (
    ("error", "status", "the error has its own"),
    ("error", "body", "the error has its own"),
    ("error", "text", "the error has its own"),
    ("body", "text", "an answer has one content"),
    ("connection", "content", "an answer breaks in one way"),
    ("job", "status", "a call that is answered so starts no job"),
    ("job", "error", "a call that is answered so starts no job"),
)
_NEEDS = {"body": ("status",), "text": ("status",), "headers": ("status", "error")}
_NO_CONTENT = (204, 205, 304)
# An escape such as "\ud800" makes one; nothing that writes UTF-8 can send it.
_SURROGATE = re.compile("[\ud800-\udfff]")
NOT_A_CHARACTER = "half a character (a surrogate) is no text"
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)


class ScenarioError(ValueError):
    """A scenario that cannot be used; `findings` has everything that is wrong, one line each."""

    def __init__(self, findings: Iterable[str]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(self.findings))


@cache
def scenarios_folder() -> Path:
    """Where the shipped scenarios are: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent
    for folder in (package / "scenarios", package.parent / "scenarios"):
        if (folder / SCHEMA).is_file():
            return folder
    raise ScenarioError([f"no scenarios folder with a {SCHEMA} beside or inside {package}"])


def _playable(scenario: Scenario) -> Scenario:
    if scenario.settings:
        raise ScenarioError(
            [f"scenario={scenario.name!r}: holds only from the start: serve --scenario, Fake(scenario=…)"]
        )
    return scenario


class UnknownScenario(ScenarioError):
    """A name that no scenario of the folder has."""


class Library:
    """The scenarios of a folder, each read when it is first asked for."""

    def __init__(self, folder: Path, operations: Collection[str], groups: Collection[str]) -> None:
        self.folder = folder
        self._operations = operations
        self._groups = groups
        self._read: dict[str, Scenario] = {}

    def names(self) -> list[str]:
        """The names of all scenarios of the folder, in alphabetical order."""
        return sorted(self._files())

    def get(self, name_or_path: str | Path) -> Scenario:
        """A scenario by its name, or by the path of a file (with a `/` or ending in `.yaml`).

        A file is read anew each time: it may have been edited. Raises `ScenarioError`.
        """
        text = str(name_or_path)
        if isinstance(name_or_path, Path) or "/" in text or "\\" in text or text.endswith(SUFFIXES):
            return load(Path(name_or_path), self._operations, self._groups)
        try:
            return self.named(text)
        except UnknownScenario as error:
            raise UnknownScenario([f"{error}, or the path of a .yaml file"]) from None

    def named(self, name: str) -> Scenario:
        """A scenario of the folder by its name, and nothing else: for names that come with a request."""
        if name not in self._read:
            path = self._files().get(name)
            if path is None:
                raise UnknownScenario([self._unknown(name)])
            self._read[name] = load(path, self._operations, self._groups)
        return self._read[name]

    def playable(self, name_or_path: str | Path) -> Scenario:
        """A scenario that can be put in force while a fake runs; raises `ScenarioError` for others."""
        return _playable(self.get(name_or_path))

    def playable_named(self, name: str) -> Scenario:
        """The same, by a name and nothing else."""
        return _playable(self.named(name))

    def all(self) -> list[Scenario]:
        """All scenarios of the folder, in the order of their names."""
        return [self.named(name) for name in self.names()]

    def _files(self) -> dict[str, Path]:
        return {path.stem: path for path in self.folder.iterdir() if path.suffix in SUFFIXES}

    def _unknown(self, name: str) -> str:
        near = _suggestion(name, self.names())
        known = ", ".join(self.names())
        return f"scenario={name[:100]!r}: not known{near}; use one of {known}"


def load(path: Path, operations: Collection[str], groups: Collection[str]) -> Scenario:
    """Read one file; `operations` and `groups` are the names that its rules may use.

    Raises `ScenarioError` with everything that is wrong in it; a rule of which the shape is wrong already is
    not looked at any further.
    """
    source = _Source(path)
    tree = source.tree()
    for error in _validator().iter_errors(tree):
        for where, text in _worded(error, tree):
            source.find(where, text)
    scenario = _Builder(source, operations, groups).scenario(tree) if isinstance(tree, dict) else None
    source.stop_if_wrong()
    assert scenario is not None  # the schema wants a mapping
    return scenario


# --- YAML, with the line of everything --------------------------------------------------------------


class _Source:
    """One file: its values, where each of them stands, and what was found wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[Where, int] = {}
        self._findings: list[tuple[int, str]] = []
        self._wrong: list[Where] = []
        self._values = 0

    def tree(self) -> Any:
        """The values of the file, as JSON has them; raises what cannot be read at all."""
        node = self._compose(self._text())
        tree = self._value(node, ())
        self.stop_if_wrong()
        return tree

    def find(self, where: Where, text: str) -> None:
        """Note what is wrong with the value at a path."""
        self._wrong.append(where)
        name = _name(where)
        self._note(self._line(where), f"{name}: {text}" if name else text)

    def is_right(self, where: Where) -> bool:
        """Whether nothing was found wrong at a path or below it."""
        return not any(wrong[: len(where)] == where for wrong in self._wrong)

    def stop_if_wrong(self) -> None:
        """Raise everything that was found, if anything was."""
        if self._findings:
            raise self._error()

    def _error(self) -> ScenarioError:
        """Everything that was found, in the order of the lines."""
        return ScenarioError(dict.fromkeys(text for _, text in sorted(self._findings, key=itemgetter(0))))

    def _note(self, line: int, text: str) -> None:
        printable = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)
        self._findings.append((line, f"{self._shown}:{line}: {printable}"))

    def _fatal(self, line: int, text: str) -> ScenarioError:
        """An error after which there is nothing more to read."""
        self._note(line, text)
        return self._error()

    @property
    def _shown(self) -> str:
        """The path as one would type it."""
        try:
            return self.path.absolute().relative_to(Path.cwd()).as_posix()
        except (ValueError, OSError):
            return str(self.path)

    def _line(self, where: Where) -> int:
        """The line of a path; of something that is missing, that of what it is missing from."""
        while where not in self._lines:
            where = where[:-1]
        return self._lines[where]

    def _text(self) -> str:
        try:
            raw = self.path.read_bytes()
        except (OSError, ValueError) as error:  # ValueError: a path with a null character
            reason = getattr(error, "strerror", None) or error
            raise ScenarioError([f"{self._shown}: cannot be read: {reason}"]) from None
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
            raise self._fatal(1, "is empty; a scenario has at least a description and rules")
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
                self._note(key.start_mark.line + 1, f"{_name(path)}: stands twice")
                continue
            self._lines[path] = key.start_mark.line + 1
            if _SURROGATE.search(key.value):
                self.find(path, NOT_A_CHARACTER)
                continue
            tree[key.value] = self._value(value, path)
        return tree


@cache
def _loader() -> type[SafeLoader]:
    """A loader whose plain scalars are those of YAML 1.2, as editors read it: `no` and `1:30` are texts."""
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


def _name(where: Where) -> str:
    """A path as one says it, within its rule: the line tells which rule it is."""
    if len(where) > 2 and where[0] == "rules":
        where = where[2:]
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in where).lstrip(".")


# --- the schema's findings in our words --------------------------------------------------------------


@cache
def _schema() -> Tree:
    import orjson

    schema: Tree = orjson.loads((scenarios_folder() / SCHEMA).read_bytes())
    return schema


@cache
def _validator() -> Validator:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(_schema())


_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "nothing",
    "number": "a number",
    "object": "a mapping",
    "string": "a text",
}


def _worded(error: ValidationError, tree: Any) -> Iterator[tuple[Where, str]]:
    """What a finding of the validator says, and of which value."""
    where: Where = tuple(error.instance_path)
    kind: Any = error.kind
    instance: Any = error.instance
    shown = _shown(instance)
    schema = _schema_at(error.schema_path[:-1])
    match kind.name:
        case "additionalProperties":
            for name in kind.unexpected:
                known = schema.get("properties", {})
                yield (*where, name), f"not known here{_suggestion(name, known)}"
        case "required":
            yield (*where, kind.property), "is missing"
        case "type":
            names = [schema["type"]] if isinstance(schema["type"], str) else schema["type"]
            *most, last = (_TYPES[name] for name in names)
            wanted = f"{', '.join(most)} or {last}" if most else last
            yield where, f"must be {wanted}, not {shown}"
        case "enum":
            near = _suggestion(instance, schema["enum"]) if isinstance(instance, str) else ""
            yield where, f"must be one of {', '.join(map(str, schema['enum']))}, not {shown}{near}"
        case "minimum":
            yield where, f"must be at least {kind.limit:g}, not {shown}"
        case "maximum":
            yield where, f"must be at most {kind.limit:g}, not {shown}"
        case "exclusiveMinimum":
            yield where, f"must be more than {kind.limit:g}, not {shown}"
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
            yield where, f"must be {schema['title']}, not {shown}"
        case "propertyNames":
            yield where, f"{_shown(kind.error.instance)} is not {schema['title']}"
        case _:
            yield where, error.message


def _schema_at(steps: Collection[str | int]) -> Tree:
    """The part of the schema that a finding is of."""
    part: Any = _schema()
    for step in steps:
        if isinstance(part, dict) and "$ref" in part:
            part = {**_schema()["$defs"][part["$ref"].rpartition("/")[2]], **part}
        part = part if step == "$ref" else part[step]
    if "$ref" in part:
        part = _schema()["$defs"][part["$ref"].rpartition("/")[2]]
    found: Tree = part
    return found


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else f"{value[:57]}...")
    if isinstance(value, int | float):
        return f"{value:.15g}"
    return "nothing" if value is None else "a list" if isinstance(value, list) else "a mapping"


def _suggestion(word: str, known: Iterable[str]) -> str:
    from leomock.spec.compile import suggestion

    return suggestion(word, dict.fromkeys(known))


# --- what a schema cannot say, and the rules themselves ---------------------------------------------


class _Builder:
    """Makes the rules of a file, noting what the schema could not see."""

    def __init__(self, source: _Source, operations: Collection[str], groups: Collection[str]) -> None:
        self._source = source
        self._operations = operations
        self._groups = groups

    def scenario(self, tree: Tree) -> Scenario | None:
        """The scenario; None where the schema found something wrong outside the rules."""
        name = self._source.path.stem
        rules = tree.get("rules")
        built = [
            self._rule(f"{name}#{number + 1}", rule, ("rules", number))
            for number, rule in enumerate(rules if isinstance(rules, list) else ())
            if self._source.is_right(("rules", number))
        ]
        settings = tree.get("settings", {})
        if self._source.is_right(("settings",)):
            try:
                Settings(**settings)
            except SettingError as error:
                key = str(error).partition("=")[0]
                self._source.find(("settings", key), str(error))
        if not self._source.is_right(()):
            return None
        return Scenario(
            name=name,
            description=tree["description"].strip(),
            basis=tree.get("basis", "chosen"),
            source=tree.get("source", "").strip(),
            rules=tuple(built),
            settings=settings,
        )

    def _rule(self, name: str, rule: Tree, where: Where) -> Rule:
        then, when = rule["then"], rule.get("when", {})
        stage: Stage = "upload" if "upload" in then else "webhook" if "webhook" in then else "call"
        self._check_effects(then, (*where, "then"), stage)
        self._check_told(when, (*where, "when"), stage)
        if stage != "upload" and "each" in when and not ("times" in rule or when.keys() & _NUMBERS):
            text = "nothing is counted; it goes with call, every, first, after or times"
            self._source.find((*where, "when", "each"), text)
        return Rule(
            name=name,
            stage=stage,
            when=self._criteria(when, (*where, "when")),
            answer=self._answer(then, (*where, "then")),
            delay=self._span(then, "delay", (*where, "then")),
            breakage=then.get("connection") or _CONTENT.get(then.get("content", "")),
            outcome=self._outcome(then.get("job"), (*where, "then", "job")),
            upload=then.get("upload"),
            delivery=self._delivery(then.get("webhook"), (*where, "then", "webhook")),
            times=_whole(rule.get("times")),
        )

    def _check_effects(self, then: Tree, where: Where, stage: Stage) -> None:
        for one, other, why in _CONFLICTS:
            if one in then and other in then:
                self._source.find((*where, other), f"not together with '{one}': {why}")
        for effect, needed in _NEEDS.items():
            if effect in then and not then.keys() & {*needed, "error"}:
                self._source.find((*where, effect), f"needs {' or '.join(needed)} beside it")
        if stage != "call":
            for other in sorted(then.keys() - {stage}):
                self._source.find((*where, other), f"not together with '{stage}': a rule is of one kind")

    def _check_told(self, when: Tree, where: Where, stage: Stage) -> None:
        if stage == "call":
            return
        for name in sorted(when.keys() - _TOLD[stage]):
            self._source.find((*where, name), f"{_STAGES[stage]} does not tell this")
        if "each" in when and "each" in _TOLD[stage] and when["each"] == "operation":
            self._source.find((*where, "each"), f"{_STAGES[stage]} is of no operation; use resource")

    def _criteria(self, when: Tree, where: Where) -> Criteria:
        pattern = when.get("prompt")
        criteria = Criteria(
            operations=self._names(when, "operation", self._operations, where),
            groups=self._names(when, "group", self._groups, where),
            prompt=None if pattern is None else self._regex(pattern, (*where, "prompt")),
            body=self._wanted(when, "body", where),
            query=self._wanted(when, "query", where),
            headers={
                # A header is a text, whatever YAML takes it for, and its name has no case.
                name.lower(): value if isinstance(value, re.Pattern) else _plain(value)
                for name, value in self._wanted(when, "header", where).items()
            },
            call=_whole(when.get("call")),
            every=_whole(when.get("every")),
            first=_whole(when.get("first")),
            after=_whole(when.get("after")),
            probability=when.get("probability"),
            each=when.get("each", "world"),
        )
        if not _ever(criteria):
            self._source.find(where, "call, every, first and after never hold together")
        return criteria

    def _names(self, when: Tree, key: str, known: Collection[str], where: Where) -> frozenset[str]:
        given = when.get(key, ())
        for number, name in enumerate([given] if isinstance(given, str) else given):
            if name not in known:
                path = (*where, key) if isinstance(given, str) else (*where, key, number)
                self._source.find(path, f"there is no {key} {_shown(name)}{_suggestion(name, known)}")
        return frozenset([given] if isinstance(given, str) else given)

    def _wanted(self, when: Tree, key: str, where: Where) -> dict[str, Any]:
        return {
            name: self._regex(value[1:-1], (*where, key, name))
            if isinstance(value, str) and len(value) > 2 and value[0] == value[-1] == "/"
            else value
            for name, value in when.get(key, {}).items()
        }

    def _regex(self, text: str, where: Where) -> re.Pattern[str] | None:
        import warnings

        try:
            with warnings.catch_warnings():
                # What `re` only warns of today ("possible nested set") is not meant as it is written either.
                warnings.simplefilter("error")
                return re.compile(text)
        except (re.error, OverflowError, RecursionError, Warning) as error:
            self._source.find(where, f"not a regular expression: {error}")
            return None

    def _answer(self, then: Tree, where: Where) -> Answer | None:
        headers = {name: _plain(value) for name, value in then.get("headers", {}).items()}
        for name, value in headers.items():
            if not _HEADER_VALUE.fullmatch(value):
                self._source.find((*where, "headers", name), "a header has printable ASCII characters only")
        if "error" in then:
            wording = NAMED.get(then["error"])
            if wording is None:
                text = f"there is no error {_shown(then['error'])}{_suggestion(then['error'], NAMED)}"
                self._source.find((*where, "error"), f"{text}; use one of {', '.join(NAMED)}")
                return None
            body = {"error": wording.text, "path": "$", "code": wording.code}
            return Answer(wording.status, body, headers=headers)
        if "status" not in then:
            return None
        status = int(then["status"])
        for content in ("body", "text"):
            if content in then and status in _NO_CONTENT:
                self._source.find((*where, content), f"an answer with status {status} has no content")
        return Answer(status, then.get("body"), then.get("text"), headers)

    def _outcome(self, job: Tree | None, where: Where) -> Outcome | None:
        if job is None:
            return None
        status, images, nsfw = job.get("status", "COMPLETE"), _whole(job.get("images")), job.get("nsfw", ())
        if status == "FAILED":
            if images:
                self._source.find((*where, "images"), "a job that FAILED has no pictures")
            if nsfw:
                self._source.find((*where, "nsfw"), "a job that FAILED has no pictures")
        elif nsfw != "all" and images is not None and any(index >= images for index in nsfw):
            self._source.find(
                (*where, "nsfw"), f"with images: {images} there is no picture {max(map(int, nsfw))}"
            )
        return Outcome(
            status=status,
            images=images,
            nsfw="all" if nsfw == "all" else tuple(map(int, nsfw)),
            seconds=self._span(job, "seconds", where),
        )

    def _delivery(self, webhook: Tree | None, where: Where) -> Delivery | None:
        if webhook is None:
            return None
        if webhook.get("drop"):
            for other in sorted(webhook.keys() - {"drop"}):
                self._source.find((*where, other), "not together with 'drop': nothing arrives")
        return Delivery(
            delay=self._span(webhook, "delay", where),
            copies=int(webhook.get("copies", 1)),
            reorder=webhook.get("reorder", False),
            drop=webhook.get("drop", False),
        )

    def _span(self, holder: Mapping[str, Any], key: str, where: Where) -> Span | None:
        value = holder.get(key)
        if value is None:
            return None
        low, high = value if isinstance(value, list) else (value, value)
        if low > high:
            self._source.find((*where, key), f"the least comes first: [{_shown(high)}, {_shown(low)}]")
        return float(low), float(high)


def _whole(value: float | None) -> int | None:
    """A whole number that may have been written as 2.0."""
    return None if value is None else int(value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else _shown(value)


def _ever(when: Criteria) -> bool:
    """Whether the counters hold for any number at all."""
    if when.call is not None:
        return when.counted(when.call)
    step, after = when.every or 1, when.after or 0
    return when.counted((after // step + 1) * step)
