"""Documents are read from where people have them; what cannot be used is told in a sentence."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from leomock.contract.drift.changes import changes
from leomock.contract.drift.lines import line_of
from leomock.contract.drift.nodes import Document
from leomock.contract.drift.sources import SourceError, read
from leomock.openapi.documents import specs_folder
from tests.contract.drift.edits import everything, ours

SMALL = {"openapi": "3.0.0", "info": {"title": "Small", "version": "1"}, "paths": {}}


@contextmanager
def serving(content: bytes, status: int = 200) -> Iterator[str]:
    """An address on this machine that answers with some content."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/openapi"
        finally:
            server.shutdown()
            thread.join()


def test_folder_has_its_documents() -> None:
    """All groups of `specs/`; the overlay, the components and the AsyncAPI document are none."""
    assert len(everything()) == 14
    assert {Path(d.source).name for d in everything()} >= {"generations.json", "users.json"}


def test_component_is_named_by_the_file_that_it_is_in() -> None:
    """Where components stand apart, changes of them are found there."""
    (one, *_) = everything()
    assert one.components == str(specs_folder() / "components.json")


def test_file_in_yaml_is_the_same_document(tmp_path: Path) -> None:
    """Statuses are texts, whatever YAML makes of 200; dates stay texts."""
    document = ours()[1]
    content = json.loads(json.dumps(document.content).replace("components.json#", "#"))
    text = yaml.safe_dump(content, sort_keys=False).replace("'200':", "200:")
    assert "\n        200:" in text
    path = tmp_path / "generations.yaml"
    path.write_text(text, "utf-8")
    assert changes([document], read(str(path)), prose=True) == []


def test_folder_in_yaml_is_read(tmp_path: Path) -> None:
    """What is not an OpenAPI document does not matter in a folder."""
    (tmp_path / "small.yml").write_text(yaml.safe_dump(SMALL), "utf-8")
    (tmp_path / "other.yaml").write_text("- a list\n", "utf-8")
    (tmp_path / "README.md").write_text("#", "utf-8")
    assert [document.title for document in read(str(tmp_path))] == ["Small"]


def test_address_is_fetched() -> None:
    """JSON or YAML, told by how it begins."""
    for text in (json.dumps(SMALL), yaml.safe_dump(SMALL)):
        with serving(text.encode()) as url:
            (document,) = read(url)
        assert (document.title, document.source) == ("Small", url)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        (
            "a.json",
            b"{",
            "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
        ("a.json", b"[]", "not an OpenAPI document: not an object"),
        ("a.json", b"{}", "not an OpenAPI document: no `openapi: 3.…`"),
        ("a.json", b'{"openapi": "2.0"}', "not an OpenAPI document: no `openapi: 3.…`"),
        ("a.json", b'{"openapi": "3.0.0", "info": {}}', "not an OpenAPI document: no info.title"),
        ("a.json", b'{"openapi": "3.1.0", "info": {"title": "x"}}', "not an OpenAPI document: no paths"),
        ("a.json", b"\xff\xfe{", "not UTF-8"),
        ("a.json", b"[" * 100_000, "nested too deeply"),
        ("a.yaml", b"a: [", "not YAML: while parsing a flow node did not find expected node content in "),
        ("a.yaml", b"just words", "not an OpenAPI document: not an object"),
    ],
)
def test_file_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, error: str) -> None:
    """The file, and what is wrong with it; in a folder as well, unless it is not OpenAPI at all."""
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(SourceError) as caught:
        read(str(path))
    assert str(caught.value).startswith(f"{path}: {error}")


def test_file_that_is_not_there(tmp_path: Path) -> None:
    """It says so."""
    with pytest.raises(SourceError) as caught:
        read(str(tmp_path / "none.json"))
    assert str(caught.value) == f"{tmp_path / 'none.json'}: cannot be read: No such file or directory"


def test_folder_without_documents(tmp_path: Path) -> None:
    """It says what would be one."""
    with pytest.raises(SourceError) as caught:
        read(str(tmp_path))
    assert str(caught.value) == (f"{tmp_path}: has no OpenAPI document (*.json, *.yaml with a key `openapi`)")


def test_folder_with_a_broken_document(tmp_path: Path) -> None:
    """One that cannot be read is not passed over."""
    (tmp_path / "good.json").write_text(json.dumps(SMALL), "utf-8")
    (tmp_path / "bad.json").write_text('{"openapi": "3.0.0"', "utf-8")
    with pytest.raises(SourceError) as caught:
        read(str(tmp_path))
    assert str(caught.value).startswith(f"{tmp_path / 'bad.json'}: not JSON: ")


def test_address_that_cannot_be_used() -> None:
    """Nobody listens, it answers with an error, it is not an address: a sentence each."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        with pytest.raises(SourceError) as caught:
            read(url)
    assert str(caught.value) == f"{url}: cannot be fetched: Connection refused"
    with serving(b"", 404) as url, pytest.raises(SourceError) as caught:
        read(url)
    assert str(caught.value) == f"{url}: cannot be fetched: it answers 404 Not Found"
    with pytest.raises(SourceError) as caught:
        read("http://127.0.0.1:none/")
    assert str(caught.value).startswith("http://127.0.0.1:none/: cannot be fetched: ")
    with serving(b"<html>") as url, pytest.raises(SourceError) as caught:
        read(url)
    assert str(caught.value) == f"{url}: not an OpenAPI document: not an object"


def git(folder: Path, *arguments: str) -> None:
    who = ["-c", "user.name=A", "-c", "user.email=a@b.test", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *who, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository whose one commit has two versions of documents; it is the current folder."""
    git(tmp_path, "init", "-q", "-b", "main")
    specs = tmp_path / "specs"
    (specs / "v2").mkdir(parents=True)
    (specs / "small.json").write_text(json.dumps(SMALL), "utf-8")
    (specs / "v2" / "other.yaml").write_text(yaml.safe_dump({**SMALL, "info": {"title": "Two"}}), "utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "Add documents")
    (specs / "small.json").unlink()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_git_revision_is_read(repository: Path) -> None:
    """A folder or a file of a commit, not of the working tree."""
    assert [(d.title, d.source) for d in read("main:specs")] == [
        ("Small", "main:specs/small.json"),
        ("Two", "main:specs/v2/other.yaml"),
    ]
    assert [d.title for d in read("HEAD:specs/small.json")] == ["Small"]
    assert [d.title for d in read("specs")] == ["Two"]


@pytest.mark.parametrize("source", ["main:none", "none:specs", "--help:x"])
def test_git_revision_that_is_not_there(repository: Path, source: str) -> None:
    """The error quotes what git says."""
    with pytest.raises(SourceError) as caught:
        read(source)
    assert str(caught.value).startswith(f"{source}: no such file or folder, and git says: ")


def test_yaml_aliases_that_expand_without_bound(tmp_path: Path) -> None:
    """They are counted, not expanded."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines), "utf-8")
    with pytest.raises(SourceError) as caught:
        read(str(path))
    assert str(caught.value) == f"{path}: its aliases expand to more than 10,000,000 values"


def test_yaml_alias_that_contains_itself(tmp_path: Path) -> None:
    """It has no end, so it is refused."""
    path = tmp_path / "loop.yaml"
    path.write_text("a: &a [*a]", "utf-8")
    with pytest.raises(SourceError) as caught:
        read(str(path))
    assert str(caught.value) == f"{path}: an alias is inside the value that it stands for"


def test_yaml_that_is_nested_too_deeply(tmp_path: Path) -> None:
    """It is an error, not a crash."""
    path = tmp_path / "deep.yaml"
    path.write_text("a: " + "[" * 50_000, "utf-8")
    with pytest.raises(SourceError) as caught:
        read(str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_lines_of_json_and_yaml() -> None:
    """The line of a key or element; of what is not there, the line around it."""
    tree = {"a": {"b c": [1, {"d/e": 2}]}, "f": '"}'}
    for text in (json.dumps(tree, indent=1), yaml.safe_dump(tree, sort_keys=False)):
        document = Document("x", "x", tree, texts={"x": text})
        rows = text.splitlines()
        for pointer, start in (("/a/b c", "b c"), ("/a/b c/1/d~1e", "d/e"), ("/f", "f"), ("/f/none", "f")):
            row = rows[line_of(document, "x", pointer) - 1]
            assert row.strip().lstrip('"- ').startswith(start)
    assert line_of(Document("x", "x", tree), "x", "/a") == 1
