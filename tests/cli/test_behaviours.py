"""The list of what the fake does: `leomock behaviours`, docs/behaviours.md, X-Leomock-Basis."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

import leomock
from leomock import Fake
from leomock.cli.behaviours import Behaviour, behaviours, held_by, to_markdown
from leomock.cli.main import main
from leomock.leonardo.basis import KINDS, elsewhere, least_sure, stated
from leomock.operations.registry import HANDLERS
from leomock.state.world import World
from tests.fixtures import client_of, completed, generate

# What looks as if it stated a basis, however it is spelt; a field of a class has its type behind the colon.
SAYS_BASIS = re.compile(rf"\b[Bb]asis\b:?\s+(?:{'|'.join(KINDS)}|as)\b[;,. ]")
TESTS = Path(__file__).parent
PAGE = TESTS.parent / "docs" / "behaviours.md"
# What a document or the catalogue says is held by what judges documents and models as a whole.
MUST_BE_HELD = ("error", "scenario", "code")


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
    """A test names its id (`error:NAME`, `code:module.function`), or quotes its words."""
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
        if word.startswith(("error:", "code:", "scenario:"))
    }
    assert said
    assert said - ids == set()


def test_page_is_true() -> None:
    """`make behaviours` writes it anew."""
    assert PAGE.read_text("utf-8") == to_markdown(behaviours(), held())


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("    assert said == 'Endpoint not found'", ["error:NO_ENDPOINT"]),
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


def test_statements_of_a_docstring() -> None:
    """Paragraphs that begin with Basis; the least sure one counts for an answer."""
    docstring = """A thing.

        Basis: chosen; one
        two.

        Basis: inferred; three.
        """
    assert stated(docstring) == [("chosen", "one two."), ("inferred", "three.")]
    assert least_sure(docstring) == ("chosen", "one two.")
    assert least_sure(None) == ("documented", "")
    with pytest.raises(ValueError, match="Basis: guessed: use documented, observed, inferred, chosen"):
        stated("Basis: guessed; x")


def test_statements_that_stand_elsewhere() -> None:
    """What a docstring names decides with it; the first of the least sure statements counts."""
    docstring = """A thing.

        Basis: inferred; one.

        Basis: as leomock_is_absent.
        """
    assert stated(docstring) == [("inferred", "one.")]
    assert elsewhere(docstring) == ["leomock_is_absent"]
    by_key = "Basis: as state.world.World.read."
    assert least_sure(by_key) == least_sure(World.read.__doc__) == stated(World.read.__doc__)[0]
    assert least_sure(f"Basis: inferred; one.\n\n{by_key}") == ("inferred", "one.")
    # By way of another, which names it.
    assert least_sure("Basis: as operations.handlers.models.get_model_by_id.") == least_sure(by_key)


def test_what_docstrings_name_is_there() -> None:
    """And states something, or names what does."""
    named = {
        name
        for path in Path(leomock.__file__).parent.rglob("*.py")
        if path.name != "basis.py"  # its docstring shows what such a paragraph looks like
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        for name in elsewhere(ast.get_docstring(node))
    }
    assert named
    for name in named:
        assert least_sure(f"Basis: as {name}.")[1], name


def test_every_paragraph_about_a_basis_is_read() -> None:
    """One that is spelt otherwise, or stands in a comment or within a sentence, would be passed over."""
    for path in Path(leomock.__file__).parent.rglob("*.py"):
        if path.name == "basis.py":
            continue  # its docstring shows what such a paragraph looks like
        source = path.read_text("utf-8")
        docstrings = [
            ast.get_docstring(node)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ]
        read = sum(len(stated(each)) + len(elsewhere(each)) for each in docstrings)
        assert len(SAYS_BASIS.findall(source)) == read, path


@pytest.mark.parametrize(
    "line",
    ["Basis: observed, in clients.", "Basis observed; x", "basis: chosen; x", "And so. Basis: chosen; x"],
)
def test_paragraph_about_a_basis_that_would_be_passed_over(line: str) -> None:
    """It counts as one, and is not read."""
    assert SAYS_BASIS.findall(f'    """A thing.\n\n    {line}\n    """')
    assert not stated(f"A thing.\n\n{line}")
    assert not elsewhere(f"A thing.\n\n{line}")


def test_list_as_a_command_gives_it() -> None:
    """As JSON with tests, as text, and as a page."""
    done = CliRunner().invoke(main, ["behaviours", "--format", "json", "--tests", str(TESTS)])
    [flaky] = [each for each in json.loads(done.output) if each["id"] == "scenario:flaky"]
    assert (flaky["basis"], bool(flaky["tests"])) == ("chosen", True)
    text = CliRunner().invoke(main, ["behaviours"]).output
    assert "\nerror:OUT_OF_CREDITS  [observed]\n    400 unexpected: not enough api tokens" in text
    assert "held by" not in text
    page = CliRunner().invoke(main, ["behaviours", "--format", "md"]).output
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
        assert basis(client.get(f"/generations/{id}")).startswith("chosen; a picture has the size")
        assert basis(client.get(f"/models/{id}")).startswith("inferred; null for an id")
        assert basis(client.post("/datasets", json={"name": "cats"})) == "documented"
        monkeypatch.delitem(HANDLERS, "createDataset")
        assert basis(client.post("/datasets", json={"name": "cats"})) == "chosen; the schema of the answer"
    fake.close()


def test_no_basis_in_answers_unless_asked_for(client: httpx.Client) -> None:
    """The header is for those who want to know."""
    completed(client)
    assert "x-leomock-basis" not in client.get("/nothing").headers
