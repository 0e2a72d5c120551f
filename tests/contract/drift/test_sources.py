"""Documents are read from where people have them; what cannot be used is told in a sentence."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import yaml

from leomock.contract.drift.changes import changes
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
    """What is no OpenAPI document does not matter in a folder."""
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
        ("a.yaml", b"a: [", "not YAML: while parsing a flow node expected the node content, but found "),
        ("a.yaml", b"just words", "not an OpenAPI document: not an object"),
    ],
)
def test_file_that_cannot_be_used(tmp_path: Path, name: str, content: bytes, error: str) -> None:
    """The file, and what is wrong with it; in a folder as well, unless it is no OpenAPI document at all."""
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
    """Nobody listens, it answers with an error, it is no address: a sentence each."""
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
