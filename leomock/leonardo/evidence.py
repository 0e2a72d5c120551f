"""Facts about the real service, one per file in specs/evidence: a request or a condition, and the response.

The basis of a behaviour names a fact by its id (`Evidence`), a test runs every fact against the fake, and
docs/reference/evidence.md lists them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

MARKS = ("documented", "observed", "inferred")
ABOUT = ("version 1", "version 2", "errors", "webhooks", "files", "uploads", "a recording")
TYPES = ("null", "boolean", "integer", "number", "string", "list", "object")
# Forms of strings, usable wherever a type is.
FORMS = {
    "uuid": re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "local time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?"),
    "UTC time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z"),
    "URL": re.compile(r"https?://\S+"),
    "digits": re.compile(r"-?\d+(\.\d+)?"),
}
_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class FactError(ValueError):
    """An evidence file is malformed; the text names the file, the place and what belongs there."""


@dataclass(frozen=True, slots=True)
class Step:
    """One action on the way to the response that a fact is about; the last step gets it.

    Exactly one of these is set: `request` (method and path or URL), `upload` (the path of a form in the
    previous answer), `finish` (end every job), `advance` (seconds), or `event` (receive the last webhook).
    `keep` names values of the answer by their paths; later steps write them as `${name}`.
    """

    request: str = ""
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    upload: str = ""
    finish: bool = False
    advance: float = 0
    event: bool = False
    keep: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known about a response.

    Paths look like `generations_by_pk.generated_images[0].url`; `$` is the whole body.
    `fields` have a known value, `nulls` are null, `absent` are missing, `types` have a type or a form,
    `order` lists an object's names in their order, `words` are complete human-readable texts, `matches` are
    regular expressions, `headers` have a value (null: the header is absent), and `picture` is the width and
    height in pixels of an image.
    """

    status: int | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    nulls: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    types: Mapping[str, str] = field(default_factory=dict)
    order: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: Mapping[str, str] = field(default_factory=dict)
    matches: Mapping[str, str] = field(default_factory=dict)
    picture: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: what it says, how we know it (`mark`), its source and date, and how to reproduce it.

    `settings` and `scenario` (a name, or rules) are the condition under which the fake is tested. `differs`
    says why the fake does not follow the fact; it is empty if it does.
    """

    id: str
    says: str
    about: str
    mark: str
    source: str
    date: str
    steps: tuple[Step, ...]
    answer: Answer
    settings: Mapping[str, Any] = field(default_factory=dict)
    scenario: str | Mapping[str, Any] = ""
    differs: str = ""


@cache
def evidence_folder() -> Path:
    """Return the folder of the facts: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "specs" / "evidence", package.parent / "specs" / "evidence"):
        if folder.is_dir():
            return folder
    raise FactError(f"no folder specs/evidence beside or inside {package}")


@cache
def fact(id: str) -> Fact:
    """Return one fact by its id. Raises FactError if no file has this name."""
    path = evidence_folder() / f"{id}.yaml"
    if not _ID.fullmatch(id) or not path.is_file():
        raise FactError(f"specs/evidence/{id}.yaml: there is no such fact")
    [found] = read_facts(path)
    return found


def all_facts() -> list[Fact]:
    """Return the facts that leomock has, by id."""
    return [fact(path.stem) for path in sorted(evidence_folder().glob("*.yaml"))]


def read_facts(path: Path) -> list[Fact]:
    """Read the facts of a file; one with several documents names each by `id`. Raises FactError."""
    import yaml

    try:
        documents = list(yaml.safe_load_all(path.read_text("utf-8")))
    except OSError as error:
        raise FactError(f"{path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise FactError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if len(documents) == 1 and isinstance(documents[0], dict):
        documents[0].setdefault("id", path.stem)
    return [parse_fact(document, f"{path.name} #{number}") for number, document in enumerate(documents, 1)]


def as_yaml(documents: Sequence[Json]) -> str:
    """Return facts, as the values of their documents, as one YAML file."""
    import yaml

    return yaml.safe_dump_all(documents, sort_keys=False, allow_unicode=True, width=110, explicit_start=True)


# --- reading ----------------------------------------------------------------------------------------------

_MAPPING = {"type": "object"}
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
_LINE = {"type": "string", "minLength": 1}
_STEP_FIELDS: Json = {
    "request": {"type": "string", "pattern": r"^(GET|POST|PUT|DELETE|OPTIONS|HEAD|PATCH) \S+$"},
    "body": {},
    "headers": _TEXTS,
    "upload": _LINE,
    "finish": {"const": True},
    "advance": {"type": "number", "exclusiveMinimum": 0},
    "event": {"const": True},
    "keep": _TEXTS,
}
_STEP: Json = {
    "type": "object",
    "properties": _STEP_FIELDS,
    "additionalProperties": False,
    "oneOf": [{"required": [name]} for name in ("request", "upload", "finish", "advance", "event")],
}
_PATHS = {"type": "array", "items": {"type": "string"}}
_ANSWER: Json = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": False,
    "properties": {
        "status": {"type": "integer"},
        "headers": {"type": "object", "additionalProperties": {"type": ["string", "null"]}},
        "fields": _MAPPING,
        "nulls": _PATHS,
        "absent": _PATHS,
        "types": {"type": "object", "additionalProperties": {"enum": [*TYPES, *FORMS]}},
        "order": {"type": "object", "additionalProperties": _PATHS},
        "words": _TEXTS,
        "matches": _TEXTS,
        "picture": {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 2},
    },
}
_SCHEMA: Json = {
    "type": "object",
    "required": ["id", "says", "about", "mark", "source", "date", "answer"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": f"^{_ID.pattern}$"},
        "says": _LINE,
        "about": {"enum": [*ABOUT]},
        "mark": {"enum": [*MARKS]},
        "source": _LINE,
        "date": {"type": "string", "pattern": r"^(\d{4}(-\d\d){0,2}|not known)$"},
        "settings": _MAPPING,
        "scenario": {"type": ["string", "object"]},
        "before": {"type": "array", "items": _STEP},
        **{name: _STEP_FIELDS[name] for name in ("request", "body", "headers", "event")},
        "answer": _ANSWER,
        "differs": _LINE,
    },
    "oneOf": [{"required": ["request"]}, {"required": ["event"]}],
}


def parse_fact(document: Any, where: str = "a fact") -> Fact:
    """Return the fact that the values of a document describe. Raises FactError; `where` names the place."""
    from jsonschema_rs import Draft202012Validator

    for error in Draft202012Validator(_SCHEMA).iter_errors(document):
        place = ".".join(map(str, error.instance_path)) or "the fact"
        raise FactError(f"specs/evidence: {where}: {place}: {error.message}")
    given: Json = document
    last = Step(**{name: given[name] for name in ("request", "body", "headers", "event") if name in given})
    answer = dict(given["answer"])
    for name in ("nulls", "absent", "picture"):
        if name in answer:
            answer[name] = tuple(answer[name])
    answer["order"] = {path: tuple(names) for path, names in answer.get("order", {}).items()}
    return Fact(
        **{name: given[name] for name in ("id", "says", "about", "mark", "source", "date")},
        steps=(*(Step(**step) for step in given.get("before", ())), last),
        answer=Answer(**answer),
        settings=given.get("settings", {}),
        scenario=given.get("scenario", ""),
        differs=given.get("differs", ""),
    )


# --- paths ------------------------------------------------------------------------------------------------

_PART = re.compile(r"([^.\[\]]+)|\[(\d+)\]")


class _Absent:
    def __repr__(self) -> str:
        return "nothing"


ABSENT = _Absent()


def at_path(value: Any, path: str) -> Any:
    """Return the value at a path such as `a.b[0]`, or `ABSENT`; `$` is the value itself."""
    for name, number in _PART.findall(path.removeprefix("$")):
        if number and isinstance(value, list) and int(number) < len(value):
            value = value[int(number)]
        elif name and isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return ABSENT
    return value


def type_of(value: Any) -> str:
    """Return the type of a JSON value by its name in `TYPES`."""
    if value is None:
        return "null"
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "list", dict: "object"}
    return kinds.get(type(value), type(value).__name__)


def is_of_type(value: Any, type: str) -> bool:
    """Return True if a value has a type of `TYPES` or a form of `FORMS`."""
    if type in FORMS:
        return isinstance(value, str) and bool(FORMS[type].fullmatch(value))
    found = type_of(value)
    return found == type or (type, found) == ("number", "integer")


def differences(answer: Answer, status: int, headers: Mapping[str, str], body: Any) -> Iterator[str]:
    """Yield each way in which a status, headers (lower-case names) and JSON body do not fit an answer."""
    if answer.status is not None and answer.status != status:
        yield f"status: {answer.status} expected, found {status}"
    for name, value in answer.headers.items():
        if headers.get(name.lower()) != value:
            yield f"header {name}: {value!r} expected, found {headers.get(name.lower())!r}"
    expected = [*answer.fields.items(), *answer.words.items(), *((path, None) for path in answer.nulls)]
    for path, value in expected:
        if (found := at_path(body, path)) != value or type_of(found) != type_of(value):
            yield f"{path}: {value!r} expected, found {found!r}"
    for path in answer.absent:
        if (found := at_path(body, path)) is not ABSENT:
            yield f"{path}: nothing expected, found {found!r}"
    for path, type in answer.types.items():
        if not is_of_type(found := at_path(body, path), type):
            yield f"{path}: {type} expected, found {found!r}"
    for path, pattern in answer.matches.items():
        found = at_path(body, path)
        if not isinstance(found, str) or not re.search(pattern, found):
            yield f"{path}: {pattern} expected, found {found!r}"
    for path, names in answer.order.items():
        found = at_path(body, path)
        shown = [name for name in found if name in names] if isinstance(found, dict) else found
        if shown != [*names]:
            yield f"{path}: the names {', '.join(names)} expected in this order, found {shown!r}"
