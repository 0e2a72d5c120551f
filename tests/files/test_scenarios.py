"""Scenarios in YAML: what is shipped loads, and what is wrong is named with file, line and key."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jsonschema_rs
import orjson
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from leomock.files.scenarios import ScenarioError, ScenarioRegistry, load, scenarios_folder
from leomock.leonardo.errors import NAMED, OUT_OF_CREDITS
from leomock.openapi.spec import shipped_versions
from leomock.state.matching import LinearPattern
from leomock.state.scenario import Criteria, Delivery, Outcome, Rule, Scenario, StubResponse

OPERATIONS = shipped_versions().operations
GROUPS = {operation.group for operation in OPERATIONS.values()}
FOLDER = scenarios_folder()
NAMES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
SCHEMA = orjson.loads((FOLDER / "schema.json").read_bytes())
START = "description: d\nrules:\n"


@pytest.fixture
def library() -> ScenarioRegistry:
    return ScenarioRegistry(FOLDER, OPERATIONS, GROUPS)


@pytest.fixture(autouse=True)
def _inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Findings name a file as one would type it from here."""
    monkeypatch.chdir(tmp_path)


def read(text: str | bytes, name: str = "a.yaml") -> Scenario:
    path = Path(name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load(path, OPERATIONS, GROUPS)


def findings(text: str | bytes) -> list[str]:
    with pytest.raises(ScenarioError) as refused:
        read(text)
    assert str(refused.value) == "\n".join(refused.value.findings)
    return list(refused.value.findings)


# --- what is shipped ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_shipped_scenario_loads(name: str, library: ScenarioRegistry) -> None:
    """Under its own name, with a description, a basis and a source."""
    scenario = library.named(name)
    assert scenario.name == name
    assert scenario.description.endswith(".")
    assert scenario.basis in ("documented", "observed", "inferred", "chosen")
    assert scenario.source


@pytest.mark.parametrize("name", NAMES)
def test_shipped_scenario_tells_editors_its_schema(name: str) -> None:
    """The first line is the one that the YAML language server looks for."""
    assert (
        (FOLDER / f"{name}.yaml")
        .read_text("utf-8")
        .startswith("# yaml-language-server: $schema=schema.json\n")
    )


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ("---",) * len(head), *rows])


def test_readme_lists_what_is_shipped(library: ScenarioRegistry) -> None:
    """Every scenario and every named error; with `-vv` the new tables are shown to be copied."""
    held = re.findall(
        r"<!-- (?:the|as is this) table.*?-->\n(.*?)\n?<!-- end of the table -->",
        (FOLDER / "README.md").read_text("utf-8"),
        re.DOTALL,
    )
    scenarios = [(f"`{s.name}`", s.description, s.basis) for s in library.all()]
    errors = [(f"`{name}`", str(w.status), f"`{w.text}`", w.basis) for name, w in sorted(NAMED.items())]
    assert held == [
        table(("scenario", "what happens", "basis"), scenarios),
        table(("error", "status", "text", "basis"), errors),
    ]


def test_every_key_is_in_the_readme() -> None:
    """The tables of `when` and `then` have what the schema has."""
    rules = orjson.loads((FOLDER / "schema.json").read_bytes())["properties"]["rules"]["items"]
    _, when, then = re.split(r"\*\*`(?:when|then)`\*\*", (FOLDER / "README.md").read_text("utf-8"))
    for part, text in (("when", when), ("then", then)):
        keys = rules["properties"][part]["properties"]
        assert keys
        assert [key for key in keys if f"`{key}" not in text] == []


def test_readme_example_loads() -> None:
    """And says what its description says."""
    (example,) = re.findall(r"```yaml\n(.*?)```", (FOLDER / "README.md").read_text("utf-8"), re.DOTALL)
    dragons, fifth = read(example).rules
    assert dragons.when.prompt
    assert dragons.when.prompt.search("A DRAGON")
    assert (fifth.when.every, fifth.times) == (5, 3)
    assert fifth.answer == StubResponse(502, text="Bad Gateway", headers={"Content-Type": "text/plain"})


def struck(library: ScenarioRegistry, name: str) -> frozenset[str]:
    """The operations that the one rule of a scenario is for."""
    (rule,) = library.named(name).rules
    return rule.when.operations


def test_out_of_credits_is_every_dear_operation(library: ScenarioRegistry) -> None:
    """Whatever starts a job, answers with pictures or asks the language model."""
    free = {"createDataset", "pricingCalculator"}
    posts = {o.id for o in OPERATIONS.values() if o.method == "POST" and not o.id.startswith("upload")}
    assert struck(library, "out_of_credits") == posts - free


def test_queue_full_is_every_job(library: ScenarioRegistry) -> None:
    """What is answered at once does not queue."""
    at_once = {o.id for o in OPERATIONS.values() if o.group in ("realtime_canvas", "prompts")}
    at_once.add("createGenerationSyncV2")
    assert struck(library, "queue_full") == struck(library, "out_of_credits") - at_once


def test_moderation_failed_is_every_job_with_pictures(library: ScenarioRegistry) -> None:
    """Not the trainings."""
    trainings = {"createModel", "createElement"}
    assert struck(library, "moderation_failed") == struck(library, "queue_full") - trainings


# --- the schema --------------------------------------------------------------------------------------


def test_schema_is_one() -> None:
    """Of draft 2020-12."""
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(SCHEMA)


def parts(schema: Any, where: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every property that the schema describes."""
    found = []
    for name, part in schema.get("properties", {}).items():
        found += [(f"{where}/{name}", part), *parts(part, f"{where}/{name}")]
    return found + (parts(schema["items"], f"{where}[]") if "items" in schema else [])


@pytest.mark.parametrize(("where", "part"), parts(SCHEMA))
def test_schema_describes_every_key(where: str, part: dict[str, Any]) -> None:
    """An editor shows it, with values to choose from."""
    assert part["description"].endswith(".")
    complete = {"enum", "examples", "properties", "minimum", "$ref", "items"}
    assert complete & part.keys() or part["type"] in ("boolean", "string"), where


@pytest.mark.parametrize(("where", "part"), parts(SCHEMA))
def test_schema_examples_are_valid(where: str, part: dict[str, Any]) -> None:
    """Each is what the key takes."""
    whole = jsonschema_rs.Draft202012Validator(part | {"$defs": SCHEMA["$defs"]})
    for example in part.get("examples", ()):
        whole.validate(example)


def test_schema_completes_the_names_there_are() -> None:
    """Operations, groups and errors are those of the documents."""
    rule = SCHEMA["properties"]["rules"]["items"]["properties"]
    when, then = rule["when"]["properties"], rule["then"]["properties"]
    assert set(when["operation"]["items"]["examples"]) == set(OPERATIONS)
    assert set(when["group"]["items"]["examples"]) == GROUPS
    assert then["error"]["examples"] == sorted(NAMED)


# --- what a file becomes -----------------------------------------------------------------------------


def test_file_with_everything() -> None:
    """Each key has its place."""
    scenario = read(
        """\
description: Everything.
basis: inferred
source: a guess
rules:
  - when: {operation: createGeneration, group: [generations, users], prompt: ca+t,
           body: {num_images: 4, modelId: /^b24/}, query: {limit: 10}, header: {User-Agent: /sdk/, X-N: 2.0},
           call: 6, every: 2, first: 9, after: 3, probability: 0.5, each: resource}
    then: {status: 503, body: {error: no}, headers: {Retry-After: 5}, delay: 1, connection: truncate}
    times: 2
  - then: {error: out_of_credits, delay: [0.5, 2], content: wrong_type}
  - then: {status: 500, text: "no", content: malformed}
  - then: {job: {images: 3, nsfw: [0, 2], seconds: [5, 9]}}
  - then: {job: {status: FAILED}}
  - then: {upload: expired}
  - when: {prompt: cat, first: 1, each: resource}
    then: {webhook: {delay: 3, copies: 2, reorder: true}}
  - then: {webhook: {drop: true}}
settings: {ids: v6, jobs: immediate, limits: real}
""",
        "whole.yaml",
    )
    assert scenario == Scenario(
        name="whole",
        description="Everything.",
        basis="inferred",
        source="a guess",
        rules=(
            Rule(
                name="whole#1",
                stage="call",
                when=Criteria(
                    operations=frozenset({"createGeneration"}),
                    groups=frozenset({"generations", "users"}),
                    prompt=LinearPattern("ca+t"),
                    body={"num_images": 4, "modelId": LinearPattern("^b24")},
                    query={"limit": 10},
                    headers={"user-agent": LinearPattern("sdk"), "x-n": "2"},
                    call=6,
                    every=2,
                    first=9,
                    after=3,
                    probability=0.5,
                    each="resource",
                ),
                answer=StubResponse(503, {"error": "no"}, headers={"Retry-After": "5"}),
                delay=(1.0, 1.0),
                breakage="truncate",
                times=2,
            ),
            Rule(
                "whole#2",
                "call",
                answer=StubResponse(400, error=OUT_OF_CREDITS),
                delay=(0.5, 2.0),
                breakage="wrong_content_type",
            ),
            Rule("whole#3", "call", answer=StubResponse(500, text="no"), breakage="malformed_json"),
            Rule("whole#4", "call", outcome=Outcome("COMPLETE", 3, (0, 2), seconds=(5.0, 9.0))),
            Rule("whole#5", "call", outcome=Outcome("FAILED")),
            Rule("whole#6", "upload", upload="expired"),
            Rule(
                "whole#7",
                "webhook",
                when=Criteria(prompt=LinearPattern("cat"), first=1, each="resource"),
                delivery=Delivery((3.0, 3.0), 2, True),
            ),
            Rule("whole#8", "webhook", delivery=Delivery(drop=True)),
        ),
        settings={"ids": "v6", "jobs": "immediate", "limits": "real"},
    )


def test_basis_that_is_not_given() -> None:
    """Whoever writes a file for a test has chosen what it does."""
    scenario = read("description: d\nrules: []\n")
    assert (scenario.basis, scenario.source, scenario.rules) == ("chosen", "", ())


def test_plain_values_are_those_of_yaml_1_2() -> None:
    """`no`, a date and `1:30` are texts, as an editor shows them."""
    (rule,) = read(
        START + "  - {then: {status: 500, body: [no, 2024-01-02, 1:30, 010, 1e3, .5, ~x]}}\n"
    ).rules
    assert rule.answer
    assert rule.answer.body == ["no", "2024-01-02", "1:30", 10, 1000.0, 0.5, "~x"]


def test_alias_repeats_a_value() -> None:
    """As YAML has it."""
    first, second = read(START + "  - then: &then {status: 500}\n  - then: *then\n").rules
    assert first.answer == second.answer == StubResponse(500)


def test_file_with_byte_order_mark() -> None:
    """As some editors write it."""
    assert read("\ufeffdescription: d\nrules: []\n").description == "d"


# --- what is wrong -----------------------------------------------------------------------------------

NOT_NAMED = (
    "use one of account_blocked, account_suspended, concurrency, hook_down, internal_error, moderated, "
    "moderated_400, moderated_no_word, moderated_word, out_of_credits, "
    "queue_full, rate_limited, service_error, unauthorized"
)
EFFECTS = "error, status, body, text, headers, delay, connection, lost, content, job, upload, cdn, webhook"
COUNTED = "nothing is counted; use it with call, every, first, after or times"
HALF = "half a character (a lone surrogate) is not text"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ["1: is empty; a scenario has at least a description and rules"]),
        ("# nothing\n", ["1: is empty; a scenario has at least a description and rules"]),
        ("- a\n", ["1: must be a mapping, not a list"]),
        ("\n\nword\n", ["3: must be a mapping, not 'word'"]),
        ("a: b: c\n", ["1: not YAML: mapping values are not allowed here"]),
        ("a:\n  - [1\n", ["3: not YAML: expected ',' or ']', but got '<stream end>'"]),
        ("a: *b\n", ["1: not YAML: found undefined alias 'b'"]),
        ("---\na: 1\n---\nb: 2\n", ["3: not YAML: but found another document"]),
        ('a: 1\nb: "\\UFFFFFFFF"\n', ["2: not YAML: an escape that stands for no character"]),
        ("a: 1\nb: \x00\n", ["2: not YAML: special characters are not allowed"]),
        (b"a: 1\nb: \xff\n", ["2: not UTF-8"]),
        ("[" * 3000, ["1: nested too deeply"]),
        (
            "a: 1\nb: &x [*x, *x]\n",
            ["2: too long or nested too deeply (an alias that contains itself is not possible)"],
        ),
        ('a: "\\ud800"\n"\\ud801": 3\n', [f"1: a: {HALF}", f"2: \\ud801: {HALF}"]),
        ("a: 1\na: 2\n", ["2: a: stands twice"]),
        ("? [a]\n: b\n", ["1: a key must be a text"]),
        ("a: !colour red\n", ["1: a: the tag !colour is not known here"]),
        ("a: !!python/name:os.system x\n", ["1: a: the tag python/name:os.system is not known here"]),
        ("a: !!int x\n", ["1: a: not a whole number of at most 15 digits"]),
        ("a: 9999999999999999\n", ["1: a: not a whole number of at most 15 digits"]),
        ("a: !!bool maybe\n", ["1: a: neither true nor false"]),
        ("a: 1e999\n", ["1: a: not a finite number"]),
    ],
)
def test_file_that_cannot_be_read(text: str | bytes, found: list[str]) -> None:
    """The first thing that stops the reading is told, or all where it goes on."""
    assert findings(text) == [f"a.yaml:{line}" for line in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rules: []\n", ["1: description: is missing"]),
        ("description: d\n", ["1: rules: is missing"]),
        (
            "descripton: d\nrules: []\n",
            ["1: description: is missing", "1: descripton: not known here; did you mean 'description'?"],
        ),
        ("description: ''\nrules: []\n", ["1: description: must not be empty"]),
        ("description: d\nrules:\n", ["2: rules: must be a list, not nothing"]),
        (
            "description: d\nbasis: documentd\nrules: []\n",
            [
                "2: basis: must be one of documented, observed, inferred, chosen, not 'documentd'; "
                "did you mean 'documented'?"
            ],
        ),
        ("description: d\nsource: 3\nrules: []\n", ["2: source: must be a text, not 3"]),
        (
            "description: d\nrules: []\nsettings: {}\n",
            ["3: settings: is empty; give at least one of ids, jobs, limits"],
        ),
        (
            "description: d\nrules: []\nsettings: {ids: v7, seed: 1}\n",
            ["3: settings.seed: not known here", "3: settings.ids: must be one of v4, v6, not 'v7'"],
        ),
        (
            "description: d\nrules: []\nsettings:\n  jobs: soon\n",
            [
                "4: settings.jobs: jobs='soon': use seconds:S (e.g. seconds:2), polls:N, polls:N,seconds:S, "
                "immediate or manual",
            ],
        ),
    ],
)
def test_frame_that_is_wrong(text: str, found: list[str]) -> None:
    """What stands beside the rules."""
    assert sorted(findings(text)) == sorted(f"a.yaml:{line}" for line in found)


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("7", ["rules[0]: must be a mapping, not 7"]),
        ("{}", ["then: is missing"]),
        ("{then: {}}", [f"then: is empty; give at least one of {EFFECTS}"]),
        ("{then: {statsu: 503}}", ["then.statsu: not known here; did you mean 'status'?"]),
        ("{then: {status: 99}}", ["then.status: must be at least 200, not 99"]),
        ("{then: {status: 600}}", ["then.status: must be at most 599, not 600"]),
        ("{then: {status: true}}", ["then.status: must be a whole number, not true"]),
        ("{then: {status: 250.5}}", ["then.status: must be a whole number, not 250.5"]),
        (
            "{then: {status: 500, body: null}}",
            ["then.body: must be a mapping, a list, a text, a number or true or false, not nothing"],
        ),
        ("{then: {status: 204, body: {}}}", ["then.body: a response with status 204 has no content"]),
        ("{then: {status: 304, text: x}}", ["then.text: a response with status 304 has no content"]),
        ("{then: {text: x}}", ["then.text: needs status as well"]),
        ("{then: {body: x}}", ["then.body: needs status as well"]),
        ("{then: {headers: {A: b}}}", ["then.headers: needs status or error as well"]),
        (
            "{then: {status: 500, headers: {Content-Length: 5}}}",
            ["then.headers.Content-Length: is set by the server; leave it out"],
        ),
        (
            "{then: {status: 500, headers: {a b: c}}}",
            ["then.headers: 'a b' is not the name of a header"],
        ),
        (
            '{then: {status: 500, headers: {A: "b\\nc"}}}',
            ["then.headers.A: a header has printable ASCII characters only"],
        ),
        (
            "{then: {status: 500, body: {}, text: x}}",
            ["then.text: not together with 'body': a response has one content"],
        ),
        (
            "{then: {error: moderated, status: 400}}",
            ["then.status: not together with 'error': the error has its own"],
        ),
        (
            "{then: {error: moderated, body: 1, text: x}}",
            [
                "then.body: not together with 'error': the error has its own",
                "then.text: not together with 'error': the error has its own",
                "then.text: not together with 'body': a response has one content",
            ],
        ),
        (
            "{then: {error: out_of_credit}}",
            [f"then.error: there is no error 'out_of_credit'; {NOT_NAMED}; did you mean 'out_of_credits'?"],
        ),
        ("{then: {delay: -1}}", ["then.delay: must be at least 0, not -1"]),
        ("{then: {delay: soon}}", ["then.delay: must be a number or a list, not 'soon'"]),
        ("{then: {delay: [1]}}", ["then.delay: must have at least 2 entries, not 1"]),
        ("{then: {delay: [1, 2, 3]}}", ["then.delay: must have at most 2 entries, not 3"]),
        ("{then: {delay: [1, x]}}", ["then.delay[1]: must be a number, not 'x'"]),
        ("{then: {delay: [3, 1]}}", ["then.delay: the smaller number comes first: [1, 3]"]),
        (
            "{then: {connection: drop}}",
            ["then.connection: must be one of reset, truncate, stall, not 'drop'"],
        ),
        (
            "{then: {connection: reset, content: malformed}}",
            ["then.content: not together with 'connection': an answer breaks in one way"],
        ),
        (
            "{then: {job: {}}}",
            ["then.job: is empty; give at least one of status, images, nsfw, no_url, seconds"],
        ),
        ("{then: {job: {images: 9}}}", ["then.job.images: must be at most 8, not 9"]),
        (
            "{then: {job: {nsfw: some}}}",
            ["then.job.nsfw: must be 'all' or a list of indexes from 0, not 'some'"],
        ),
        ("{then: {job: {nsfw: [0, 0]}}}", ["then.job.nsfw: has an entry twice"]),
        (
            "{then: {job: {images: 2, nsfw: [0, 2]}}}",
            ["then.job.nsfw: with images: 2 there is no picture 2"],
        ),
        (
            "{then: {job: {status: FAILED, images: 1, nsfw: all}}}",
            [
                "then.job.images: a job that FAILED has no pictures",
                "then.job.nsfw: a job that FAILED has no pictures",
            ],
        ),
        ("{then: {job: {seconds: [9, 5]}}}", ["then.job.seconds: the smaller number comes first: [5, 9]"]),
        (
            "{then: {status: 500, job: {images: 1}}}",
            ["then.status: not together with 'job': a call that is answered so starts no job"],
        ),
        (
            "{then: {upload: refused, webhook: {drop: true}}}",
            ["then.webhook: not together with 'upload': a rule is of one kind"],
        ),
        (
            "{then: {webhook: {drop: true}, delay: 1}}",
            ["then.delay: not together with 'webhook': a rule is of one kind"],
        ),
        (
            "{then: {webhook: {drop: true, copies: 2}}}",
            ["then.webhook.copies: not together with 'drop': nothing arrives"],
        ),
        ("{then: {webhook: {copies: 0}}}", ["then.webhook.copies: must be at least 1, not 0"]),
        ("{then: {webhook: {reorder: 1}}}", ["then.webhook.reorder: must be true or false, not 1"]),
        (
            "{when: {operation: createGeneration, each: resource}, then: {upload: refused}}",
            ["when.each: cannot be known of an upload", "when.operation: cannot be known of an upload"],
        ),
        (
            "{when: {group: users}, then: {webhook: {drop: true}}}",
            ["when.group: cannot be known of an event on its way to a webhook"],
        ),
        (
            "{when: {first: 1, each: operation}, then: {webhook: {drop: true}}}",
            ["when.each: an event on its way to a webhook belongs to no operation; use resource"],
        ),
        (
            "{when: {operation: createGenration}, then: {status: 500}}",
            ["when.operation: there is no operation 'createGenration'; did you mean 'createGeneration'?"],
        ),
        (
            "{when: {operation: [getUserSelf, zzz]}, then: {status: 500}}",
            ["when.operation[1]: there is no operation 'zzz'"],
        ),
        (
            "{when: {group: generation}, then: {status: 500}}",
            ["when.group: there is no group 'generation'; did you mean 'generations'?"],
        ),
        (
            "{when: {operation: []}, then: {status: 500}}",
            ["when.operation: must have at least 1 entry, not 0"],
        ),
        ("{when: {prompt: ''}, then: {status: 500}}", ["when.prompt: must not be empty"]),
        (
            "{when: {prompt: '('}, then: {status: 500}}",
            ["when.prompt: not a regular expression: missing ), unterminated subpattern at position 0"],
        ),
        (
            "{when: {prompt: '(?=a)b'}, then: {status: 500}}",
            [
                "when.prompt: not a regular expression: it is too large, or uses look-around or a "
                "back-reference, which cannot be searched in linear time"
            ],
        ),
        (
            "{when: {body: {a: '/[[a]/'}}, then: {status: 500}}",
            ["when.body.a: not a regular expression: Possible nested set at position 1"],
        ),
        (
            "{when: {query: {a: null}}, then: {status: 500}}",
            ["when.query.a: must be a text, a number or true or false, not nothing"],
        ),
        ("{when: {header: {'': a}}, then: {status: 500}}", ["when.header: '' is not the name of a header"]),
        ("{when: {call: 0}, then: {status: 500}}", ["when.call: must be at least 1, not 0"]),
        ("{when: {every: -2}, then: {status: 500}}", ["when.every: must be at least 1, not -2"]),
        ("{when: {probability: 0}, then: {status: 500}}", ["when.probability: must be more than 0, not 0"]),
        ("{when: {probability: 1.5}, then: {status: 500}}", ["when.probability: must be at most 1, not 1.5"]),
        (
            "{when: {each: job}, then: {status: 500}}",
            ["when.each: must be one of world, resource, operation, not 'job'"],
        ),
        ("{when: {each: resource}, then: {status: 500}}", [f"when.each: {COUNTED}"]),
        (
            "{when: {first: 2, after: 2}, then: {status: 500}}",
            ["when: call, every, first and after can never all be met"],
        ),
        (
            "{when: {call: 3, every: 2}, then: {status: 500}}",
            ["when: call, every, first and after can never all be met"],
        ),
        ("{then: {status: 500}, times: 0}", ["times: must be at least 1, not 0"]),
    ],
)
def test_rule_that_is_wrong(rule: str, found: list[str]) -> None:
    """Named with the line and the key within the rule."""
    assert sorted(findings(f"{START}  - {rule}\n")) == sorted(f"a.yaml:3: {text}" for text in found)


def test_findings_come_all_at_once_in_the_order_of_the_lines() -> None:
    """And each on its own line of the file."""
    text = """\
rules:
  - when:
      operation:
        - createGeneration
        - createGenration
      promt: x
    then: {status: 500}
  - then:
      delay: [2,
              x]
  - then: {error: nothing_like_it}
    times: 1
description: 4
"""
    assert findings(text) == [
        "a.yaml:6: when.promt: not known here; did you mean 'prompt'?",
        "a.yaml:10: then.delay[1]: must be a number, not 'x'",
        f"a.yaml:11: then.error: there is no error 'nothing_like_it'; {NOT_NAMED}",
        "a.yaml:13: description: must be a text, not 4",
    ]


def test_counters_that_hold_together() -> None:
    """Some number is a multiple of 3, above 4 and at most 6."""
    (rule,) = read(START + "  - {when: {every: 3, after: 4, first: 6}, then: {status: 500}}\n").rules
    assert [number for number in range(1, 20) if rule.when.selects(number)] == [6]


def test_file_that_is_not_there() -> None:
    """The name and the system's word for it."""
    with pytest.raises(ScenarioError) as refused:
        load(Path("none.yaml"), OPERATIONS, GROUPS)
    assert str(refused.value) == "none.yaml: cannot be read: No such file or directory"


def test_file_below_another_folder_is_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not below the folder one is in."""
    path = tmp_path / "a.yaml"
    path.write_text("a: 1\na: 2\n")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    with pytest.raises(ScenarioError) as refused:
        load(path, OPERATIONS, GROUPS)
    assert str(refused.value) == f"{path}:2: a: stands twice"


# --- the library -------------------------------------------------------------------------------------


def test_library_names_and_all(library: ScenarioRegistry) -> None:
    """In alphabetical order; the README and the schema are not scenarios."""
    assert library.names() == NAMES == [scenario.name for scenario in library.all()]


def test_library_reads_a_name_once(library: ScenarioRegistry) -> None:
    """It is the same scenario each time."""
    assert library.get("flaky") is library.get("flaky") is library.named("flaky")


@pytest.mark.parametrize("written", ["mine.yaml", "./mine.yaml", "inner/mine.yml"])
def test_library_reads_a_path_anew(written: str, library: ScenarioRegistry) -> None:
    """A file may have been edited meanwhile."""
    Path("inner").mkdir()
    for description in ("before", "after"):
        Path(written).write_text(f"description: {description}\nrules: []\n")
        assert library.get(written).description == library.get(Path(written)).description == description


@pytest.mark.parametrize(
    ("name", "near"), [("flakey", "; did you mean 'flaky'?"), ("zzz", ""), ("README", "")]
)
def test_library_without_such_a_name(name: str, near: str, library: ScenarioRegistry) -> None:
    """The nearest, and all there are."""
    with pytest.raises(ScenarioError) as refused:
        library.get(name)
    known = ", ".join(NAMES)
    assert (
        str(refused.value)
        == f"scenario={name!r}: not known{near or f'; use one of {known}, or the path of a .yaml file'}"
    )


@pytest.mark.parametrize("name", ["mine.yaml", "./mine", "../scenarios/flaky", ""])
def test_library_reads_no_file_for_a_name(name: str, library: ScenarioRegistry) -> None:
    """A name that comes with a request must not open a file of the machine."""
    Path("mine.yaml").write_text("description: d\nrules: []\n")
    with pytest.raises(ScenarioError, match=f"^scenario={re.escape(repr(name))}: not known"):
        library.named(name)


def test_import_loads_neither_yaml_nor_the_validator() -> None:
    """A run without a scenario does not wait for them."""
    code = "import leomock.files.scenarios, sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=FOLDER.parent
    )
    assert not {"yaml", "jsonschema_rs", "orjson", "difflib"} & set(done.stdout.split())


# --- whatever is written -----------------------------------------------------------------------------

KEYS = st.sampled_from(
    sorted({where.rpartition("/")[2] for where, _ in parts(SCHEMA)} | {"User-Agent", "a b", "\u2028", "é"})
)
TEXTS = st.sampled_from(
    [
        *("createGeneration", "generations", "moderated", "reset", "malformed", "FAILED", "all", "refused"),
        *(
            "resource",
            "operation",
            "v6",
            "manual",
            "chosen",
            "/a(/",
            "/a/",
            "[",
            "(?i)x",
            "",
            "\ud800",
            "\x07",
        ),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 700),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    TEXTS,
    st.dates(),
    st.binary(max_size=3),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=20,
)
RULES = st.fixed_dictionaries({"then": VALUES}, optional={"when": VALUES, "times": VALUES})
FILES = VALUES | st.fixed_dictionaries(
    {"description": st.just("d") | VALUES, "rules": st.lists(RULES, max_size=3)},
    optional={"basis": VALUES, "source": VALUES, "settings": VALUES},
)
SHIPPED = [(FOLDER / f"{name}.yaml").read_text("utf-8") for name in NAMES]


def judged(raw: bytes, path: Path) -> None:
    """A scenario, or findings that each name the file and a line."""
    path.write_bytes(raw)
    try:
        found: Scenario | ScenarioError = load(path, OPERATIONS, GROUPS)
    except ScenarioError as error:
        found = error
    if isinstance(found, Scenario):
        assert found.name == "a"
    else:
        assert found.findings
        for finding in found.findings:
            assert re.match(rf"{re.escape(str(path))}:[1-9]\d*: .", finding)
            assert finding.isprintable()


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scenarios") / "a.yaml"


@given(FILES, st.booleans())
def test_any_values_are_judged(scratch: Path, values: Any, flow: bool) -> None:
    """Nothing but a `ScenarioError` is raised."""
    judged(yaml.safe_dump(values, default_flow_style=flow).encode(), scratch)


@given(
    st.binary(max_size=60)
    | st.text(alphabet="ab:-[]{}&*!|>%@`\"'\\#?,~<\n\t 01.U\u2028", max_size=60).map(str.encode)
)
def test_any_bytes_are_judged(scratch: Path, raw: bytes) -> None:
    """Nothing but a `ScenarioError` is raised."""
    judged(raw, scratch)


@given(st.data())
def test_shipped_file_with_a_change_is_judged(scratch: Path, data: st.DataObject) -> None:
    """Nothing but a `ScenarioError` is raised."""
    text = data.draw(st.sampled_from(SHIPPED))
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    piece = data.draw(
        st.sampled_from([*":-[]{}&*!|\"'\\#,~\n ", "\n  ", ": ", "true", "-1", "[1, 2]"])
        | st.text(max_size=3)
    )
    judged((text[:start] + piece + text[end:]).encode("utf-8", "surrogatepass"), scratch)
