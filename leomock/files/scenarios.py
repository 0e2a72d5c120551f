"""Read the YAML of `scenarios/` into rules; every error names file, line and key."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from leomock.files.yaml_source import FileError, Schema, Source, Tree, ValueSource, Where, near, shown
from leomock.leonardo.errors import NAMED
from leomock.state.matching import LinearPattern
from leomock.state.scenario import (
    Breakage,
    Criteria,
    Delivery,
    Outcome,
    Rule,
    Scenario,
    Span,
    Stage,
    StubResponse,
)
from leomock.state.settings import SettingError, Settings

SCHEMA = "schema.json"
# A name, a file, or values with the structure of a file.
ScenarioSource: TypeAlias = str | Path | Mapping[str, Any]
SUFFIXES = (".yaml", ".yml")

_CONTENT: dict[str, Breakage] = {"wrong_type": "wrong_content_type", "malformed": "malformed_json"}
# Uploads and events lack these; a rule that requires one could never apply.
_NUMBERS = frozenset({"call", "every", "first", "after"})
_TOLD: dict[Stage, frozenset[str]] = {
    "upload": _NUMBERS | {"probability"},
    "webhook": _NUMBERS | {"probability", "prompt", "each"},
    "cdn": _NUMBERS | {"probability", "header"},
}
_STAGES: dict[Stage, str] = {
    "upload": "an upload",
    "webhook": "an event on its way to a webhook",
    "cdn": "a CDN read",
}
# Pairs that contradict each other, and why.
_CONFLICTS = (
    ("error", "status", "the error has its own"),
    ("error", "body", "the error has its own"),
    ("error", "text", "the error has its own"),
    ("body", "text", "a response has one content"),
    ("connection", "content", "an answer breaks in one way"),
    ("lost", "connection", "an answer breaks in one way"),
    ("lost", "content", "an answer breaks in one way"),
    ("lost", "status", "the call is executed before its answer is lost"),
    ("lost", "error", "the call is executed before its answer is lost"),
    ("job", "status", "a call that is answered so starts no job"),
    ("job", "error", "a call that is answered so starts no job"),
)
_NEEDS = {"body": ("status",), "text": ("status",), "headers": ("status", "error")}
_NO_CONTENT = (204, 205, 304)
_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*", re.ASCII)


class ScenarioError(FileError):
    """A scenario is invalid; `findings` lists every error, one line each."""


@cache
def scenarios_folder() -> Path:
    """Return the folder of shipped scenarios: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "scenarios", package.parent / "scenarios"):
        if (folder / SCHEMA).is_file():
            return folder
    raise ScenarioError([f"no scenarios folder with a {SCHEMA} beside or inside {package}"])


def is_file_name(name_or_path: str | Path) -> bool:
    """Return True if this is a file path (with a `/` or ending in `.yaml`) rather than a scenario's name."""
    text = str(name_or_path)
    return isinstance(name_or_path, Path) or "/" in text or "\\" in text or text.endswith(SUFFIXES)


def _playable(scenario: Scenario) -> Scenario:
    if scenario.settings:
        raise ScenarioError(
            [f"scenario={scenario.name!r}: holds only from the start: serve --scenario, Fake(scenario=…)"]
        )
    return scenario


class UnknownScenario(ScenarioError):
    """The folder has no scenario of this name."""


class ScenarioRegistry:
    """The scenarios of a folder, each read when first requested, and files that got a name in it."""

    def __init__(self, folder: Path, operations: Collection[str], groups: Collection[str]) -> None:
        self.folder = folder
        self._operations = operations
        self._groups = groups
        self._read: dict[str, Scenario] = {}
        self._own: dict[str, Scenario] = {}

    def add(self, scenario: Scenario) -> None:
        """Let the name of a scenario that came from a file stand for it, even if the folder has the name."""
        self._own[scenario.name] = scenario

    def names(self) -> list[str]:
        """Return all names, in alphabetical order."""
        return sorted({*self._files(), *self._own})

    def get(self, name_or_path: ScenarioSource) -> Scenario:
        """Return a scenario by name, by file path (with a `/` or ending in `.yaml`), or from values.

        Values are structured like a file, such as `{"rules": [...]}`; the description is optional. A file is
        read each time, since it may have been edited. Raises `ScenarioError`.
        """
        if isinstance(name_or_path, Mapping):
            return self.from_values(name_or_path)
        if not isinstance(name_or_path, str | Path):
            raise ScenarioError([f'scenario={name_or_path!r}: use a name, a file, or {{"rules": [...]}}'])
        if is_file_name(name_or_path):
            return load(Path(name_or_path), self._operations, self._groups)
        return self._named(str(name_or_path), ", or the path of a .yaml file")

    def from_values(self, values: Mapping[str, Any], name: str = "rules") -> Scenario:
        """Return a scenario from values structured like a file. Raises `ScenarioError` with all errors."""
        source = ValueSource({"description": "Rules of a program.", **values}, name, ScenarioError)
        return _build(source, self._operations, self._groups)

    def named(self, name: str) -> Scenario:
        """Return a scenario by name only: for names that come with a request."""
        return self._named(name)

    def _named(self, name: str, otherwise: str = "") -> Scenario:
        if name in self._own:
            return self._own[name]
        if name not in self._read:
            path = self._files().get(name)
            if path is None:
                hint = near(name, self.names()) or f"; use one of {', '.join(self.names())}{otherwise}"
                raise UnknownScenario([f"scenario={name[:100]!r}: not known{hint}"])
            self._read[name] = load(path, self._operations, self._groups)
        return self._read[name]

    def playable(self, name_or_path: ScenarioSource) -> Scenario:
        """Return a scenario that can be activated while a fake runs. Raises `ScenarioError` for others."""
        return _playable(self.get(name_or_path))

    def playable_named(self, name: str) -> Scenario:
        """Return a playable scenario by name only."""
        return _playable(self.named(name))

    def all(self) -> list[Scenario]:
        """Return all scenarios, sorted by name."""
        return [self.named(name) for name in self.names()]

    def _files(self) -> dict[str, Path]:
        return {path.stem: path for path in self.folder.iterdir() if path.suffix in SUFFIXES}


def load(path: Path, operations: Collection[str], groups: Collection[str]) -> Scenario:
    """Read one file; `operations` and `groups` are the names that its rules may use.

    Raises `ScenarioError` with every error in the file. A rule whose structure is invalid is not
    checked any further.
    """
    source = Source(path, ScenarioError, "a scenario has at least a description and rules")
    return _build(source, operations, groups)


def _build(source: Source, operations: Collection[str], groups: Collection[str]) -> Scenario:
    tree = source.tree()
    _schema().judge(tree, source)
    scenario = _Builder(source, operations, groups).scenario(tree) if isinstance(tree, dict) else None
    source.stop_if_wrong()
    assert scenario is not None  # the schema requires a mapping
    return scenario


@cache
def _schema() -> Schema:
    return Schema(scenarios_folder() / SCHEMA)


# --- checks beyond the schema, and the rules themselves -----------------------------------------------


class _Builder:
    """Build the rules of a file, recording errors that the schema cannot find."""

    def __init__(self, source: Source, operations: Collection[str], groups: Collection[str]) -> None:
        self._source = source
        self._operations = operations
        self._groups = groups

    def scenario(self, tree: Tree) -> Scenario | None:
        """Return the scenario; None if the schema found an error outside the rules."""
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
        stage: Stage = next((kind for kind in _STAGES if kind in then), "call")
        self._check_effects(then, (*where, "then"), stage)
        self._check_told(when, (*where, "when"), stage)
        if stage != "upload" and "each" in when and not ("times" in rule or when.keys() & _NUMBERS):
            text = "nothing is counted; use it with call, every, first, after or times"
            self._source.find((*where, "when", "each"), text)
        return Rule(
            name=name,
            stage=stage,
            when=self._criteria(when, (*where, "when")),
            answer=self._answer(then, (*where, "then")),
            delay=self._span(then, "delay", (*where, "then")),
            breakage=_lost(then) or then.get("connection") or _CONTENT.get(then.get("content", "")),
            outcome=self._outcome(then.get("job"), (*where, "then", "job")),
            upload=then.get("upload"),
            cdn=then.get("cdn"),
            delivery=self._delivery(then.get("webhook"), (*where, "then", "webhook")),
            times=_whole(rule.get("times")),
        )

    def _check_effects(self, then: Tree, where: Where, stage: Stage) -> None:
        for one, other, why in _CONFLICTS:
            if one in then and other in then:
                self._source.find((*where, other), f"not together with '{one}': {why}")
        for effect, needed in _NEEDS.items():
            if effect in then and not then.keys() & {*needed, "error"}:
                self._source.find((*where, effect), f"needs {' or '.join(needed)} as well")
        if stage != "call":
            for other in sorted(then.keys() - {stage}):
                self._source.find((*where, other), f"not together with '{stage}': a rule is of one kind")

    def _check_told(self, when: Tree, where: Where, stage: Stage) -> None:
        if stage == "call":
            return
        for name in sorted(when.keys() - _TOLD[stage]):
            self._source.find((*where, name), f"cannot be known of {_STAGES[stage]}")
        if "each" in when and "each" in _TOLD[stage] and when["each"] == "operation":
            self._source.find((*where, "each"), f"{_STAGES[stage]} belongs to no operation; use resource")

    def _criteria(self, when: Tree, where: Where) -> Criteria:
        pattern = when.get("prompt")
        criteria = Criteria(
            operations=self._names(when, "operation", self._operations, where),
            groups=self._names(when, "group", self._groups, where),
            prompt=None if pattern is None else self._regex(pattern, (*where, "prompt")),
            body=self._wanted(when, "body", where),
            query=self._wanted(when, "query", where),
            headers={
                # A header is a text, however YAML reads the value, and its name is case-insensitive.
                name.lower(): value if isinstance(value, LinearPattern) else _plain(value)
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
            self._source.find(where, "call, every, first and after can never all be met")
        return criteria

    def _names(self, when: Tree, key: str, known: Collection[str], where: Where) -> frozenset[str]:
        given = when.get(key, ())
        for number, name in enumerate([given] if isinstance(given, str) else given):
            if name not in known:
                path = (*where, key) if isinstance(given, str) else (*where, key, number)
                self._source.find(path, f"there is no {key} {shown(name)}{near(name, known)}")
        return frozenset([given] if isinstance(given, str) else given)

    def _wanted(self, when: Tree, key: str, where: Where) -> dict[str, Any]:
        return {
            name: self._regex(value[1:-1], (*where, key, name))
            if isinstance(value, str) and len(value) > 2 and value[0] == value[-1] == "/"
            else value
            for name, value in when.get(key, {}).items()
        }

    def _regex(self, text: str, where: Where) -> LinearPattern | None:
        import warnings

        try:
            with warnings.catch_warnings():
                # A pattern that `re` only warns about today ("possible nested set") is a mistake, too.
                warnings.simplefilter("error")
                re.compile(text)  # describes an invalid pattern best
            return LinearPattern(text)
        except (re.error, ValueError, OverflowError, RecursionError, Warning) as error:
            self._source.find(where, f"not a regular expression: {error}")
            return None

    def _answer(self, then: Tree, where: Where) -> StubResponse | None:
        headers = {name: _plain(value) for name, value in then.get("headers", {}).items()}
        for name, value in headers.items():
            if name.lower() in ("content-length", "transfer-encoding"):
                self._source.find((*where, "headers", name), "is set by the server; leave it out")
            if not _HEADER_VALUE.fullmatch(value):
                self._source.find((*where, "headers", name), "a header has printable ASCII characters only")
        if "error" in then:
            wording = NAMED.get(then["error"])
            if wording is None:
                text = f"there is no error {shown(then['error'])}; use one of {', '.join(NAMED)}"
                self._source.find((*where, "error"), f"{text}{near(then['error'], NAMED)}")
                return None
            return StubResponse(wording.status, headers=headers, error=wording)
        if "status" not in then:
            return None
        status = int(then["status"])
        for content in ("body", "text"):
            if content in then and status in _NO_CONTENT:
                self._source.find((*where, content), f"a response with status {status} has no content")
        return StubResponse(status, then.get("body"), then.get("text"), headers)

    def _outcome(self, job: Tree | None, where: Where) -> Outcome | None:
        if job is None:
            return None
        status, images = job.get("status", "COMPLETE"), _whole(job.get("images"))
        if status == "FAILED" and images:
            self._source.find((*where, "images"), "a job that FAILED has no pictures")
        for name in ("nsfw", "no_url"):
            indexes = job.get(name, ())
            if status == "FAILED" and indexes:
                self._source.find((*where, name), "a job that FAILED has no pictures")
            elif indexes != "all" and images is not None and any(index >= images for index in indexes):
                text = f"with images: {images} there is no picture {max(map(int, indexes))}"
                self._source.find((*where, name), text)
        return Outcome(
            status=status,
            images=images,
            nsfw=_indexes(job.get("nsfw", ())),
            no_url=_indexes(job.get("no_url", ())),
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
            self._source.find((*where, key), f"the smaller number comes first: [{shown(high)}, {shown(low)}]")
        return float(low), float(high)


def _whole(value: float | None) -> int | None:
    """Return a whole number that may have been written as 2.0."""
    return None if value is None else int(value)


def _indexes(value: Any) -> tuple[int, ...] | Literal["all"]:
    return "all" if value == "all" else tuple(map(int, value))


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)


def _ever(when: Criteria) -> bool:
    """Return True if the counters match at least one number."""
    if when.call is not None:
        return when.selects(when.call)
    step, after = when.every or 1, when.after or 0
    return when.selects((after // step + 1) * step)


def _lost(then: Tree) -> Breakage | None:
    """Return the breakage of a call that is executed but answered with a gateway error."""
    if "lost" not in then:
        return None
    breakage: Breakage = f"lost_{int(then['lost'])}"  # type: ignore[assignment]  # the schema names the three
    return breakage
