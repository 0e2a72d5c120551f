"""Collect every behaviour of the fake with its basis, and find the tests that cover it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

from leomock import leonardo, media, operations, state
from leomock.files.scenarios import ScenarioRegistry, scenarios_folder
from leomock.leonardo import errors
from leomock.leonardo.basis import DECISIONS, KINDS, Evidence, SameAs
from leomock.leonardo.catalogue import platform_models
from leomock.openapi.documents import OVERLAY, read, specs_folder
from leomock.openapi.operations import Operation
from leomock.openapi.spec import Versions
from leomock.operations.handlers.load import load
from leomock.operations.registry import BY_ITS_DOCUMENT

# The test that compares the fake with every fact.
TEST_OF_FACTS = "test_fact_is_followed_or_says_why_not"
# An error text with fewer fixed letters than this is too common to search for in tests.
LEAST_LETTERS = 12


@dataclass(frozen=True, slots=True)
class Behaviour:
    """One thing that the fake does, its basis (`basis`), and the source of that knowledge (`source`).

    `id` begins with its kind: `error:`, `scenario:`, `operation:`, `code:`, `overlay:`, `model:` or `blank:`.
    `fact` is the id of the fact in specs/evidence that it follows, or empty.
    """

    id: str
    what: str
    basis: str
    source: str
    fact: str = ""

    @property
    def kind(self) -> str:
        """The first part of the id."""
        return self.id.partition(":")[0]


def behaviours() -> list[Behaviour]:
    """Return every behaviour, sorted by kind."""
    operations = Versions().operations
    groups = {operation.group for operation in operations.values()}
    library = ScenarioRegistry(scenarios_folder(), operations, groups)
    return [
        *_of_errors(),
        *(Behaviour(f"scenario:{s.name}", s.description, s.basis, s.source) for s in library.all()),
        *_of_decisions(),
        *_of_blanks(operations),
        *_of_overlays(specs_folder()),
        *_of_models(),
    ]


def _of_errors() -> Iterator[Behaviour]:
    for name, wording in vars(errors).items():
        if isinstance(wording, errors.ErrorTemplate):
            what = f"{wording.status} {wording.code}: {wording.text}"
            yield Behaviour(f"error:{name}", what, wording.basis, wording.source)


def _of_decisions() -> Iterator[Behaviour]:
    """Yield the decisions of handlers and of the functions below them."""
    for package in (leonardo, media, operations, state):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    for name, decision in sorted(DECISIONS.items()):
        own = [
            each for each in decision.basis if not isinstance(each, SameAs) and each is not BY_ITS_DOCUMENT
        ]
        for number, stated in enumerate(own, 1):
            id = name if number == 1 else f"{name}#{number}"
            fact = stated.id if isinstance(stated, Evidence) else ""
            statement = stated.statement() if isinstance(stated, Evidence) else stated
            yield Behaviour(id, decision.summary or name, statement.kind, statement.source, fact)


def _of_blanks(operations: Mapping[str, Operation]) -> Iterator[Behaviour]:
    handlers = load(operations)
    for operation in operations.values():
        if operation.id not in handlers:
            what = f"{operation.id} returns a blank made from its response schema, and stores nothing."
            yield Behaviour(f"blank:{operation.id}", what, "chosen", "nobody has implemented it yet")


def _of_overlays(folder: Path) -> Iterator[Behaviour]:
    seen: Counter[str] = Counter()
    for path in [*sorted(folder.glob(f"*{OVERLAY}")), *sorted(folder.glob(f"*/{OVERLAY}"))]:
        version = "" if path.parent == folder else f"{path.parent.name}:"
        version += f"{name}:" if (name := path.name.removesuffix(OVERLAY).rstrip(".")) else ""
        for action in read(path)["actions"]:
            id = f"overlay:{version}{action['target']}"
            seen[id] += 1
            if seen[id] > 1:
                id = f"{id}#{seen[id]}"
            yield Behaviour(id, action["description"], action["x-basis"], action["x-source"])


def _of_models() -> Iterator[Behaviour]:
    for model in platform_models().values():
        flag = model.flag or "none"
        what = f"The model is of the family {model.sd_version}; the pricing calculator's flag for it: {flag}."
        yield Behaviour(f"model:{model.name}", what, model.basis, "leomock/leonardo/catalogue/models.json")


# --- the tests that verify them -----------------------------------------------------------------------


def held_by(listed: Iterable[Behaviour], tests: Path) -> dict[str, list[str]]:
    """Map the id of each behaviour to the tests that cover it: those that name the id or quote its text.

    Its text is that of an error, or the name of a scenario. The test of all facts covers behaviours that
    follow a fact. A test is given as `path::name`.
    """
    quotes = [
        (f"{path.relative_to(tests.parent).as_posix()}::{name}", texts) for path, name, texts in _tests(tests)
    ]
    held = {}
    for behaviour in listed:
        fits = _words(behaviour)
        held[behaviour.id] = [
            test
            for test, texts in quotes
            if any(map(fits.search, texts)) or (behaviour.fact and test.endswith(f"::{TEST_OF_FACTS}"))
        ]
    return held


def _words(behaviour: Behaviour) -> re.Pattern[str]:
    """Return a pattern that matches the strings of a test that are about a behaviour."""
    ways = [rf"(?<![\w:.]){re.escape(behaviour.id)}(?![\w#])"]
    _, _, name = behaviour.id.partition(":")
    if behaviour.kind == "scenario":
        ways.append(rf"\A(\[leomock:)?{name}\]?\Z|\[leomock:{name}\]")
    elif behaviour.kind == "error":
        parts = re.split(r"{\w+}", getattr(errors, name).text)
        if sum(map(len, parts)) >= LEAST_LETTERS:
            ways.append(".+".join(map(re.escape, parts)))
    return re.compile("|".join(ways), re.DOTALL)


def _tests(folder: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """Yield the file, the name and the strings of every test, with those of constants that it names."""
    for path in sorted(folder.rglob("test_*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        constants = {
            target.id: _strings(node.value)
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
                texts = [text for name in names for text in constants.get(name, ())]
                yield path, node.name, [*_strings(node), *texts]


def _strings(node: ast.AST) -> list[str]:
    """Return all strings below a node; each value in an f-string becomes one character."""
    texts = []
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            texts.append(part.value)
        elif isinstance(part, ast.JoinedStr):
            texts.append("".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in part.values))
    return texts


# --- output ----------------------------------------------------------------------------------------

_HEADINGS = {
    "error": "Errors: their status, code and text",
    "scenario": "Scenarios",
    "operation": "Decisions of operations",
    "code": "Decisions that several operations share",
    "blank": "Operations without behaviour",
    "overlay": "Corrections to the published documents",
    "model": "Models and prices",
}


def as_json(listed: Sequence[Behaviour], held: dict[str, list[str]] | None) -> list[dict[str, Any]]:
    """Return the list as JSON values; `tests` is present if tests were searched."""
    return [
        {"id": b.id, "what": b.what, "basis": b.basis, "source": b.source}
        | ({} if held is None else {"tests": held[b.id]})
        for b in listed
    ]


def to_text(listed: Sequence[Behaviour], held: dict[str, list[str]] | None) -> str:
    """Format the list for a terminal."""
    lines = []
    for b in listed:
        lines += [f"{b.id}  [{b.basis}]", f"    {b.what}", f"    source: {b.source or 'none'}"]
        lines += [f"    verified by {test}" for test in (held or {}).get(b.id, ())]
    return "\n".join([*lines, _counted(listed), ""])


def to_markdown(listed: Sequence[Behaviour], held: dict[str, list[str]] | None) -> str:
    """Format the list as a page with a table for each kind."""
    lines = [
        "# What leomock does, and how we know",
        "",
        "*Documented* by the vendor, *observed* by others, *inferred* from one of these, or *chosen* by us",
        "because nobody knows. Written by `leomock behaviours --format markdown`.",
        "",
        _counted(listed),
    ]
    for kind, heading in _HEADINGS.items():
        columns = ["what", "basis", "how we know", *(["verified by"] if held is not None else [])]
        lines += [
            "",
            f"## {heading}",
            "",
            f"| {kind} | {' | '.join(columns)} |",
            "| --- " * (len(columns) + 1) + "|",
        ]
        for b in (each for each in listed if each.kind == kind):
            cells = [f"`{b.id.partition(':')[2]}`", _cell(b.what), b.basis, _cell(b.source)]
            if held is not None:
                cells.append(f"`{held[b.id][0]}`" if held[b.id] else "")
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return re.sub(r"([\\|<>*_])", r"\\\1", " ".join(text.split()))


def _counted(listed: Sequence[Behaviour]) -> str:
    counts = Counter(behaviour.basis for behaviour in listed)
    return f"{len(listed)} behaviours: " + ", ".join(f"{counts[kind]} {kind}" for kind in KINDS)
