"""The list of what the fake does: `leomock behaviours`, docs/behaviours.md, X-Leomock-Basis."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from leomock import Fake
from leomock.cli.behaviours import Behaviour, behaviours, held_by, to_markdown
from leomock.cli.main import main
from leomock.leonardo.basis import (
    DECISIONS,
    KINDS,
    Basis,
    Chosen,
    Decision,
    SameAs,
    based_on,
    least_reliable,
    statements,
)
from leomock.openapi.documents import SpecError
from leomock.openapi.spec import Versions
from leomock.operations.handlers.load import load
from leomock.operations.registry import HANDLERS, operation
from tests.fixtures import client_of, completed, generate

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "behaviours.md"
# What a document or the catalogue says is held by what judges documents and models as a whole.
MUST_BE_HELD = ("error", "scenario", "operation", "code")


@cache
def held() -> dict[str, list[str]]:
    return held_by(behaviours(), TESTS)


def test_every_behaviour_is_there_once() -> None:
    """With an id of its own, a basis that there is, and a source where one is known."""
    listed = behaviours()
    ids = [behaviour.id for behaviour in listed]
    assert len(set(ids)) == len(ids)
    assert {behaviour.basis for behaviour in listed} <= set(KINDS)
    kinds = {behaviour.kind for behaviour in listed}
    assert kinds | {"blank"} == {*MUST_BE_HELD, "blank", "overlay", "model"}
    assert [each.id for each in listed if each.basis != "chosen" and not each.source] == []


def test_every_decision_is_held_by_a_test() -> None:
    """A test names its id (such as `operation:createDataset`), or quotes its words."""
    unheld = [behaviour.id for behaviour in behaviours() if behaviour.kind in MUST_BE_HELD]
    assert [id for id in unheld if not held()[id]] == []


def test_tests_name_behaviours_that_there_are() -> None:
    """An id that a test says it holds is not out of date."""
    ids = {behaviour.id for behaviour in behaviours()}
    said = {
        word.rstrip(".")
        for path in TESTS.rglob("test_*.py")
        for line in path.read_text("utf-8").splitlines()
        if line.startswith(("    Holds ", "    and "))
        for word in line.split()
        if word.startswith(("error:", "operation:", "code:", "scenario:"))
    }
    assert said
    assert said - ids == set()


def test_page_is_true() -> None:
    """`make behaviours` writes it anew."""
    assert PAGE.read_text("utf-8") == to_markdown(behaviours(), held())


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("    assert said == 'Endpoint not found'", ["error:NO_ENDPOINT", "error:ENDPOINT_GONE"]),
        ("    assert said == f'Allowed methods: {allowed}'", ["error:WRONG_METHOD"]),
        ("    '''Holds error:RULE_BROKEN.'''", ["error:RULE_BROKEN"]),
        ("    '''Holds error:RULE_BROKEN_OFF.'''", []),
        ("    make(scenario='flaky')", ["scenario:flaky"]),
        ("    make(prompt='a [leomock:flaky]')", ["scenario:flaky"]),
        ("    '''A flaky network.'''", []),
        ("    '''Holds code:a.b#2.'''", ["code:a.b#2"]),
        ("    '''Holds code:a.b.'''", ["code:a.b"]),
    ],
)
def test_what_holds_a_behaviour(tmp_path: Path, text: str, holds: list[str]) -> None:
    """The id or the words, and nothing that looks like them."""
    (tmp_path / "test_it.py").write_text(f"def test_one():\n{text}\n", "utf-8")
    listed = [behaviour for behaviour in behaviours() if behaviour.kind in ("error", "scenario")]
    listed += [Behaviour(id, "", "chosen", "") for id in ("code:a.b", "code:a.b#2")]
    found = held_by(listed, tmp_path)
    assert [id for id, tests in found.items() if tests] == holds


def test_least_reliable_statement_counts() -> None:
    """Of a decision and of those it names, in their order."""
    [read] = statements("code:World.read")
    assert statements("operation:getModelById") == (read,)
    assert read.kind == "inferred"
    assert least_reliable("operation:getDatasetById").kind == "chosen"
    assert str(least_reliable("operation:getModelById")) == f"inferred; {read.source}"


@pytest.mark.parametrize(
    ("basis", "name", "error"),
    [
        ((), "code:x", "code:x: state at least one basis"),
        ((Chosen("x"),), "code:World.read", "code:World.read: this name is taken; rename one of the two"),
    ],
)
def test_decision_without_a_basis_or_name_of_its_own_stops_the_import(
    basis: tuple[Basis, ...], name: str, error: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(error)}$"):
        based_on(*basis, name=name)(lambda: None)


def test_operation_without_a_basis_stops_the_start() -> None:
    with pytest.raises(SpecError, match="state at least one basis"):
        operation("inventedOperation", basis=[])(lambda call, world: None)


def test_operation_that_names_an_unknown_decision_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    decision = Decision("", (SameAs("code:World.raed"),))
    monkeypatch.setitem(DECISIONS, "operation:createDataset", decision)
    with pytest.raises(SpecError, match=r"code:World\.raed: nothing states a basis under this name"):
        load(Versions().operations)


def test_basis_survives_the_removal_of_docstrings() -> None:
    """`python -OO` drops docstrings; the basis of every operation stays the same."""
    told = [
        subprocess.run(
            [sys.executable, *flags, "-m", "leomock", "operations", "--format", "json"],
            capture_output=True,
            check=True,
        ).stdout
        for flags in ([], ["-OO"])
    ]
    assert told[0] == told[1]


def test_list_as_a_command_gives_it() -> None:
    """As JSON with tests, as text, and as a page."""
    done = CliRunner().invoke(main, ["behaviours", "--format", "json", "--tests", str(TESTS)])
    [flaky] = [each for each in json.loads(done.output) if each["id"] == "scenario:flaky"]
    assert (flaky["basis"], bool(flaky["tests"])) == ("chosen", True)
    text = CliRunner().invoke(main, ["behaviours"]).output
    assert "\nerror:OUT_OF_CREDITS  [observed]\n    400 unexpected: not enough api tokens" in text
    assert "held by" not in text
    page = CliRunner().invoke(main, ["behaviours", "--format", "markdown"]).output
    assert "| error | what | basis | how we know |\n" in page


# --- in answers -----------------------------------------------------------------------------------------


def test_basis_in_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the refusal's wording, of the scenario that struck, of the handler, or of a blank."""
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        "description: x\nbasis: observed\nsource: a friend\n"
        "rules:\n  - when: {prompt: naked}\n    then: {error: moderated_word}\n",
        "utf-8",
    )
    fake = Fake(clock="frozen", explain=True, scenario=mine)
    with client_of(fake) as client:

        def basis(answer: httpx.Response) -> str:
            return answer.headers["x-leomock-basis"]

        moderated = client.post("/generations", json={"prompt": "naked"})
        assert moderated.json()["error"] == "content moderation filter: naked"
        assert basis(moderated) == "observed; a friend"
        magic = client.post("/generations", json={"prompt": "a [leomock:outage]"})
        assert basis(magic).startswith("chosen")
        assert basis(client.get("/nothing")) == "inferred; Hasura's REST endpoints"
        id = generate(client)
        assert basis(client.get(f"/generations/{id}")).startswith("chosen; a picture has the requested size")
        assert basis(client.get(f"/models/{id}")).startswith("inferred; null for an id")
        assert basis(client.post("/datasets", json={"name": "cats"})) == "documented"
        monkeypatch.delitem(HANDLERS, "createDataset")
        assert basis(client.post("/datasets", json={"name": "cats"})) == "chosen; the schema of the response"
    fake.close()


def test_no_basis_in_answers_unless_asked_for(client: httpx.Client) -> None:
    """The header is for those who want to know."""
    completed(client)
    assert "x-leomock-basis" not in client.get("/nothing").headers
