"""Reports are valid in their formats, whatever the findings say."""

from __future__ import annotations

import json
import shlex
import subprocess

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leomock.contract.reports.github import to_github
from leomock.contract.reports.html import to_html
from leomock.contract.reports.junit import to_junit
from leomock.contract.reports.markdown import to_markdown
from leomock.contract.reports.model import LEVELS, Finding, Level, Report
from leomock.contract.reports.plain import to_json, to_text
from leomock.contract.reports.sarif import to_sarif
from leomock.contract.reports.writers import WRITERS
from leomock.version import __version__
from tests.contract.reports.formats import Page, checked_junit, checked_sarif

GRAVE = Finding(
    "value-new",
    "A value that is new.",
    "error",
    "may be `X` | <b>",
    "readThing",
    file="specs/a b.json",
    line=7,
    details=("curl -d '{}' \\", "  http://x.test", "```"),
    suggestion="Read *it* again.",
    properties={"client": "breaking"},
)
SLIGHT = Finding("words", "Other words.", "note", "100%, or\nless", "writeThing")
REPORT = Report("leomock try", [SLIGHT, GRAVE], {"Server": "http://x.test"}, ["readThing", "idle"])
NOTHING = Report("leomock try", [], checked=["idle"])

# Anything that a server may have said: halves of characters, control characters, what formats are made of.
TEXTS = st.text(st.characters() | st.sampled_from("\x00\x1b\x7f\x9b\ud800\udfff\ufffe<>&\"'`%,:\r\n\\|]"))
FINDINGS = st.builds(
    Finding,
    *(TEXTS, TEXTS, st.sampled_from(LEVELS), TEXTS, TEXTS, TEXTS, st.integers(1, 99)),
    st.lists(TEXTS, max_size=3).map(tuple),
    TEXTS,
    st.dictionaries(TEXTS, TEXTS, max_size=2),
)
REPORTS = st.builds(
    Report,
    *(TEXTS, st.lists(FINDINGS, max_size=3), st.dictionaries(TEXTS, TEXTS, max_size=2)),
    st.lists(TEXTS, max_size=2),
    st.sampled_from([*LEVELS, None]),
)


@pytest.mark.parametrize(
    ("level", "fail_on", "failed"),
    [
        ("error", "error", True),
        ("warning", "error", False),
        ("warning", "warning", True),
        ("note", "warning", False),
        ("note", "note", True),
        ("error", None, False),
    ],
)
def test_report_fails_from_a_level_on(level: Level, fail_on: Level | None, failed: bool) -> None:
    """The level named, and those that are graver."""
    finding = Finding("r", "d", level, "m", "w")
    assert Report("t", [finding], fail_on=fail_on).failed is failed


def test_text_has_the_gravest_first() -> None:
    """A paragraph each, facts and counts at the end."""
    assert to_text(REPORT) == (
        "error: readThing: may be `X` | <b> [value-new]\n"
        "    curl -d '{}' \\\n"
        "      http://x.test\n"
        "    ```\n"
        "    -> Read *it* again.\n"
        "note: writeThing: 100%, or\n"
        "less [words]\n"
        "Server: http://x.test\n"
        "leomock try: 1 error, 1 note\n"
    )
    assert to_text(NOTHING) == "leomock try: nothing found\n"


def test_json_has_everything() -> None:
    """In the names of the dataclasses."""
    document = json.loads(to_json(REPORT))
    assert document == {
        "leomock": __version__,
        "title": "leomock try",
        "failed": True,
        "facts": {"Server": "http://x.test"},
        "counts": {"error": 1, "warning": 0, "note": 1},
        "checked": ["readThing", "idle"],
        "findings": [
            {
                "rule": "value-new",
                "description": "A value that is new.",
                "level": "error",
                "message": "may be `X` | <b>",
                "where": "readThing",
                "file": "specs/a b.json",
                "line": 7,
                "details": ["curl -d '{}' \\", "  http://x.test", "```"],
                "suggestion": "Read *it* again.",
                "properties": {"client": "breaking"},
            },
            document["findings"][1],
        ],
    }


def test_markdown_shows_what_is_said() -> None:
    """Nothing in it is markup."""
    assert to_markdown(REPORT) == (
        "## leomock try: 1 error, 1 note\n"
        "\n"
        "* Server: http://x.test\n"
        "\n"
        "### Errors (1)\n"
        "\n"
        "* `readThing` may be \\`X\\` \\| \\<b\\> (`value-new`)\n"
        "\n"
        "  Read \\*it\\* again.\n"
        "\n"
        "  ````\n"
        "  curl -d '{}' \\\n"
        "    http://x.test\n"
        "  ```\n"
        "  ````\n"
        "\n"
        "\n"
        "### Notes (1)\n"
        "\n"
        "* `writeThing` 100%, or less (`words`)\n"
    )


def test_github_commands_are_one_line_each() -> None:
    """Line ends and percent signs are escaped, in values before the text colons and commas too."""
    assert to_github(REPORT) == (
        "::error file=specs/a b.json,line=7,title=value-new::readThing: may be `X` | <b>%0A"
        "curl -d '{}' \\%0A  http://x.test%0A```%0ARead *it* again.\n"
        "::notice title=words::writeThing: 100%25, or%0Aless\n"
    )
    odd = Finding("a:b,c", "d", "warning", "m", "w")
    assert to_github(Report("t", [odd])) == "::warning title=a%3Ab%2Cc::w: m\n"


def test_sarif_says_what_and_where() -> None:
    """Valid by the schema of the standard."""
    (run,) = checked_sarif(to_sarif(REPORT))["runs"]
    assert run["tool"]["driver"]["version"] == __version__
    grave, slight = run["results"]
    assert (grave["ruleId"], grave["level"]) == ("value-new", "error")
    assert grave["locations"] == [
        {
            "logicalLocations": [{"fullyQualifiedName": "readThing"}],
            "physicalLocation": {
                "artifactLocation": {"uri": "specs/a%20b.json"},
                "region": {"startLine": 7},
            },
        }
    ]
    # GitHub rejects an upload with a result that has no physical location.
    assert slight["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "leomock%20try/writeThing"},
        "region": {"startLine": 1},
    }
    assert checked_sarif(to_sarif(NOTHING))["runs"][0]["results"] == []


def test_sarif_knows_a_finding_again() -> None:
    """A line that moved is not another finding, another message is."""

    def print_of(finding: Finding) -> str:
        log = checked_sarif(to_sarif(Report("t", [finding])))
        text: str = log["runs"][0]["results"][0]["partialFingerprints"]["leomock/v1"]
        return text

    one = Finding("r", "d", "error", "m", "w", "f", 1)
    assert print_of(one) == print_of(Finding("r", "d", "error", "m", "w", "f", 2))
    assert print_of(one) != print_of(Finding("r", "d", "error", "n", "w", "f", 1))


def test_junit_has_a_case_for_each_place() -> None:
    """Valid; what makes the run a failure is one, the rest is output, and what was checked passed."""
    root = checked_junit(to_junit(REPORT))
    cases = {case.attrib["name"]: [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {"readThing": ["failure"], "idle": [], "writeThing": ["system-out"]}
    (failure,) = root.iter("failure")
    assert failure.attrib == {"message": "may be `X` | <b>", "type": "value-new"}
    assert failure.text == (
        "error: may be `X` | <b> [value-new]\ncurl -d '{}' \\\n  http://x.test\n```\nRead *it* again."
    )


def test_junit_has_the_seconds_of_each_place() -> None:
    """Places that were not measured take 0 seconds; a suite takes the sum."""
    root = checked_junit(to_junit(Report("t", [], checked=["a", "b"], durations={"a": 1.25})))
    assert [case.attrib["time"] for case in root.iter("testcase")] == ["1.250", "0.000"]
    assert (root.attrib["time"], root[0].attrib["time"]) == ("1.250", "1.250")


# Characters that a shell gives a meaning, and words that are longer than a line.
WORDS = (
    st.text(st.sampled_from("ab 'x\"$`\\;&{}:,")) | st.text("'", min_size=60) | st.text("ab'\\ ", min_size=90)
)


def pasted(command: str) -> list[str]:
    """The words that a shell reads, one after the other."""
    done = subprocess.run(
        ["sh", "-c", f"curl() {{ printf '%s\\0' \"$@\"; }}\n{command}"],
        env={"KEY": "the key"},
        capture_output=True,
        check=True,
    )
    return done.stdout.decode().split("\0")[:-1]


@given(st.lists(WORDS))
@example(["x" * 300, "'" * 200, '"' * 200, "\\" * 200])
def test_text_lines_fit_80_columns_and_commands_paste(words: list[str]) -> None:
    """A broken command is the same for a shell, also where a word is longer than a line."""
    told = "word " * 40
    command = f'curl -H "authorization: Bearer $KEY" {shlex.join(words)}'
    text = to_text(Report("t", [Finding("r", "d", "error", told, "w", details=(told, f"repeat: {command}"))]))
    assert [line for line in text.split("\n") if len(line) > 80] == []
    broken = text.partition("repeat: ")[2].removesuffix("t: 1 error\n")
    assert pasted(broken) == pasted(command) == ["-H", "authorization: Bearer the key", *words]


def test_junit_has_one_failure_for_a_place() -> None:
    """Viewers show no more; the others are counted."""
    report = Report("t", [GRAVE, GRAVE, SLIGHT], fail_on="note")
    root = checked_junit(to_junit(report))
    assert [f.attrib["message"] for f in root.iter("failure")] == [
        "may be `X` | <b> (and 1 more)",
        "100%, or\nless",
    ]


def test_html_is_one_page() -> None:
    """It says everything and loads nothing."""
    page = Page(to_html(REPORT))
    for text in (GRAVE.message, GRAVE.suggestion, GRAVE.description, *GRAVE.details, "http://x.test"):
        assert text in page.text
    assert "leomock try: failed" in page.text
    assert "1 of 2 without a finding" in page.text
    assert page.elements.count("article") == 2
    assert "Nothing was found." in Page(to_html(NOTHING)).text


@given(REPORTS)
def test_report_is_valid_whatever_it_says(report: Report) -> None:
    """All formats are UTF-8 and what their standards ask for; no character can steer a terminal."""
    written = {name: write(report) for name, write in WRITERS.items()}
    for text in written.values():
        text.encode("utf-8")
    assert orjson.loads(written["json"])["failed"] == report.failed
    checked_sarif(written["sarif"])
    root = checked_junit(written["junit"])
    assert (int(root.attrib["failures"]) > 0) == report.failed
    Page(written["html"])
    assert len([line for line in written["github"].split("\n") if line]) == len(report.findings)
    for name in ("text", "markdown", "github", "html"):
        assert not {"\x1b", "\x9b", "\x00"} & set(written[name])
