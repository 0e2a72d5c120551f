"""Write the generated pages of docs/reference: `make reference`.

Each function of `PAGES` returns one page, made from the code itself. tests/package/test_reference.py fails
when a page on disk differs, and when something public is missing from the pages.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import httpx
from _pytest.fixtures import FixtureFunctionDefinition

from leomock import Fake, pytest_plugin
from leomock.cli.commands.operations import operation_rows
from leomock.cli.commands.serve import serve
from leomock.cli.main import CONTEXT, main
from leomock.cli.options import SettingOption
from leomock.files.project_settings import shared_names
from leomock.leonardo.evidence import ABOUT, all_facts
from leomock.testing import pytest_options
from leomock.verdict.registry import RULES
from tools import capability_page
from tools.models_page import INTRODUCTION, sections

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
GENERATED = "<!-- Written by `make reference`; do not edit. -->"


def evidence_page() -> str:
    """Every fact about the real service, with its source, and whether the fake follows it."""
    facts = all_facts()
    followed = sum(not fact.differs for fact in facts)
    lines = ["# Evidence", "", GENERATED, ""]
    lines += [
        "What is known about the real service, one fact per file in `specs/evidence`. A test compares the "
        "fake"
    ]
    lines += [
        "with each. *Documented*: the vendor says so; *observed*: somebody saw it; *inferred*: it follows"
    ]
    lines += [
        "from the engine behind the API. To add one, [report a difference](../how-to/report-a-difference.md)."
    ]
    lines += ["", f"{len(facts)} facts: the fake follows {followed} and differs in {len(facts) - followed}."]
    for about in ABOUT:
        rows = [
            (
                f"`{fact.id}`",
                fact.says,
                fact.mark,
                f"{fact.source} ({fact.date})" if fact.date != "not known" else fact.source,
                fact.differs or "yes",
            )
            for fact in facts
            if fact.about == about
        ]
        if rows:
            lines += ["", f"## {about[0].upper()}{about[1:]}", ""]
            lines += _table(("fact", "what it says", "mark", "source", "followed, or why not"), rows)
    return "\n".join([*lines, ""])


def commands_page() -> str:
    """Every command with its help text, as `--help` prints it."""
    lines = ["# Commands", "", GENERATED, ""]
    lines += ["Every option can also be set by an environment variable named after it:"]
    lines += ["`leomock serve --port 9000` is `LEOMOCK_SERVE_PORT=9000 leomock serve`.", ""]
    for names, context in walk_commands(main, _context(main, "leomock")):
        lines += [f"{'#' * min(len(names) + 1, 3)} {' '.join(('leomock', *names))}", ""]
        lines += ["```text", context.get_help().rstrip(), "```", ""]
    return "\n".join(lines)


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """A context of a fixed width, so that the help text is the same on every terminal."""
    settings = {**CONTEXT, "terminal_width": 100}
    # Click keeps the option --help as the first context of this process named it.
    command._help_option = None
    return click.Context(command, info_name=name, parent=parent, **settings)


def walk_commands(
    command: click.Command, context: click.Context, *names: str
) -> Iterator[tuple[tuple[str, ...], click.Context]]:
    """Yield each command below `command`, with the words that lead to it and a context of a fixed width."""
    if names:
        yield names, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            inner = _context(below, name, context)
            yield from walk_commands(below, inner, *names, name)


def pytest_page() -> str:
    """The plugin's fixtures, its marker and its options."""
    lines = ["# pytest plugin", "", GENERATED, "", "## Fixtures", ""]
    for name, fixture in plugin_fixtures().items():
        lines += [f"### {name}", "", *_paragraphs(fixture), ""]
    lines += ["## Marker", "", "`@pytest.mark.leomock(...)`; the one closest to the test wins.", ""]
    lines += [
        *_table(("argument", "meaning"), [(f"`{n}`", text) for n, text in pytest_options.MARKS.items()])
    ]
    lines += [
        "",
        "## Options",
        "",
        "The command line overrides the environment, which overrides pytest's ini file,",
    ]
    lines += ["which overrides the project's [settings](settings.md).", ""]
    rows = [
        (f"`--leomock-{name}`", f"`LEOMOCK_{name.upper()}`", f"`leomock_{name}`", default or "none", text)
        for name, (default, text) in pytest_options.OPTIONS.items()
    ]
    lines += [*_table(("option", "variable", "ini", "default", "meaning"), rows), ""]
    return "\n".join(lines)


def plugin_fixtures() -> dict[str, Any]:
    """Return the functions behind the plugin's fixtures, by the fixtures' names."""
    found = {}
    for name, value in vars(pytest_plugin).items():
        if isinstance(value, FixtureFunctionDefinition):
            found[name] = value._get_wrapped_function()
    return found


def settings_page() -> str:
    """The settings of the fake, as options of serve describe them."""
    lines = ["# Settings of the fake", "", GENERATED, ""]
    lines += [
        "Each is an option of `leomock serve`, a name in `[tool.leomock]` ([how](../how-to/settings.md)) and,"
    ]
    lines += ["under its Python name, an argument of `leomock.Fake`.", ""]
    python_names = shared_names()
    rows = []
    for name, option in sorted(setting_options().items()):
        default = option.default if isinstance(option.default, str | int | float) else "none"
        rows.append((f"`{name}`", f"`{python_names[name]}`", str(default) or "none", option.help or ""))
    return "\n".join([*lines, *_table(("name", "in Python", "default of serve", "meaning"), rows), ""])


def setting_options() -> dict[str, click.Option]:
    """Return the options of serve that are settings of the fake, by their names."""
    return {
        max(option.opts, key=len).removeprefix("--"): option
        for option in serve.params
        if isinstance(option, SettingOption)
    }


def admin_page() -> str:
    """The addresses of the admin API, as it lists them itself."""
    fake = Fake(clock="frozen")
    try:
        with httpx.Client(transport=fake.transport, base_url=fake.url) as client:
            listed = client.get("/_leomock/").json()["addresses"]
    finally:
        fake.close()
    lines = ["# Admin API", "", GENERATED, ""]
    lines += [
        "Control the fake over HTTP under `/_leomock/`. Send your API key to affect only your own state; send"
    ]
    lines += ["none to affect every account and the defaults for new ones.", ""]
    rows = [(f"`{address}`", text) for address, text in listed.items()]
    return "\n".join([*lines, *_table(("address", "what it does"), rows), ""])


def scenarios_page() -> str:
    """The page of the scenarios' folder; a test holds its tables."""
    text = (
        (ROOT / "scenarios" / "README.md")
        .read_text("utf-8")
        .replace("[schema.json](schema.json)", "`schema.json`")
    )
    heading, _, rest = text.partition("\n")
    return f"{heading}\n\n{GENERATED}\n{rest}"


def verdict_page() -> str:
    """The rules by which `verdict()` judges a client."""
    lines = ["# Rules of the verdict", "", GENERATED, ""]
    lines += ["`leomock.verdict()` reviews the calls of a client. These are the possible findings.", ""]
    for rule in RULES.values():
        lines += [
            f"## {rule.name}",
            "",
            f"**Why it matters.** {rule.why}",
            "",
            f"**What to do.** {rule.remedy}",
            "",
        ]
        lines += [*_paragraphs(rule.judge), ""]
    return "\n".join(lines)


def operations_page() -> str:
    """Every operation, what answers it, and on which basis."""
    rows = [
        (
            f"`{row['operation']}`",
            row["version"],
            f"`{row['method']} {row['path']}`",
            row["answered_by"],
            row["basis"],
        )
        for row in operation_rows()
    ]
    head = ("operation", "version", "path", "answered by", "basis")
    return "\n".join(["# Operations", "", GENERATED, "", *_table(head, rows), ""])


def models_page() -> str:
    """Every model of both versions."""
    lines = ["# Models", "", GENERATED, "", INTRODUCTION]
    for heading, introduction, head, rows in sections():
        lines += [f"## {heading}", "", introduction, "", *_table(head, rows), ""]
    return "\n".join(lines)


def capability_files_page() -> str:
    """How much of published capability files is served, and why not more."""
    lines = ["# Published capability files", "", GENERATED, "", capability_page.INTRODUCTION]
    for heading, head, rows in capability_page.tables():
        lines += ["", f"## {heading}", "", *_table(head, rows)]
    return "\n".join([*lines, ""])


def _paragraphs(function: Any) -> list[str]:
    """The docstring of a function as Markdown."""
    return (inspect.getdoc(function) or "").splitlines()


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines]


PAGES: dict[str, Callable[[], str]] = {
    "admin": admin_page,
    "capability-files": capability_files_page,
    "commands": commands_page,
    "evidence": evidence_page,
    "models": models_page,
    "operations": operations_page,
    "pytest": pytest_page,
    "scenarios": scenarios_page,
    "settings": settings_page,
    "verdict": verdict_page,
}


def write() -> None:
    """Write every page into docs/reference."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page(), "utf-8")


if __name__ == "__main__":
    write()
