"""What targets of an overlay name, held against the library that reads all of JSONPath."""

from __future__ import annotations

from typing import Any

import jsonpath_rfc9535
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leomock.openapi.jsonpath import TargetError, find
from leomock.openapi.spec import shipped_versions

VERSIONS = shipped_versions()
NAMES = ["a", "b", "c-d"]
keys = st.sampled_from(NAMES)
scalars = st.sampled_from([None, True, False, 0, 1, 1.0, -1, "a", "", "it's"])
documents = st.recursive(
    scalars,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(keys, below, max_size=3),
    max_leaves=12,
)
quoted = keys.map(lambda name: f"'{name}'") | keys.map(lambda name: f'"{name}"')
one = quoted | st.sampled_from(["0", "1", "-1", "-2"])
plain = st.sampled_from([".a", ".b"]) | one.map(lambda selector: f"[{selector}]")
paths = st.lists(plain, max_size=3).map("".join)
literals = st.sampled_from(["null", "true", "false", "0", "1", "-1", "'a'", '""', '"it\'s"'])
many_paths = st.lists(plain | st.sampled_from([".*", "[*]", "['a','b']"]), max_size=3).map("".join)
tests = st.tuples(paths, st.sampled_from(["==", "!=", " == "]), literals).map(
    lambda test: f"@{''.join(test)}"
)
# Without the bare `@`, which is always there: the library takes null, false, 0 and '' for nothing.
tests |= many_paths.filter(bool).map(lambda path: f"@{path}")
filters = st.lists(tests, min_size=1, max_size=3).flatmap(
    lambda several: st.sampled_from(["&&", "||", " && "]).map(lambda sign: "?" + sign.join(several))
)
mixed = st.lists(tests, min_size=3, max_size=3).map(lambda three: "?{} && {} || {}".format(*three))
lists = st.lists(one | st.just("*") | filters | mixed, min_size=1, max_size=3).map(
    lambda selectors: f"[{', '.join(selectors)}]"
)
targets = st.lists(plain | lists | st.just(".*"), max_size=4).map(lambda segments: "$" + "".join(segments))


def as_the_library_finds(target: str, document: Any) -> list[tuple[Any, ...]]:
    return [(node.location, node.value) for node in jsonpath_rfc9535.find(target, document)]


@given(targets, documents)
def test_library_finds_the_same(target: str, document: Any) -> None:
    """Places, values and order."""
    found: list[tuple[Any, ...]] = list(find(target, document))
    expected = as_the_library_finds(target, document)
    assert found == expected
    assert [type(value) for _, value in found] == [type(value) for _, value in expected]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_library_finds_the_same_with_every_target_of_ours(version: str) -> None:
    """In the documents with the overlay, where not all of them name something any more."""
    spec = VERSIONS[version]
    named = 0
    for action in spec.overlay["actions"]:
        found = find(action["target"], spec.effective)
        assert list(found) == as_the_library_finds(action["target"], spec.effective), action["target"]
        named += bool(found)
    assert named


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("", "expected '$', found 'the end'"),
        ("a.b", "'a.b' is not understood here"),
        ("$.", "'.' is not understood here"),
        ("$a", "'a' is not understood here"),
        ("$[", "expected a name, an index, '*' or '?', found 'the end'"),
        ("$['a'", "expected ']', found 'the end'"),
        ("$['a", '"\'a" is not understood here'),
        ("$[1.5]", "'1.5]' is not understood here"),
        ("$[01]", "'01]' is not understood here"),
        ("$[0:2]", "':2]' is not understood here"),
        ("$..a", "'..a' is not understood here"),
        ("$ == 1", "expected a segment, found '=='"),
        ("$[?a]", "'a]' is not understood here"),
        ("$[?'a']", "expected '@', found \"'a'\""),
        ("$[?@.a == ]", "expected a text, a number, true, false or null, found ']'"),
        ("$[?@[*] == 1]", "only a path to one value can stand before '=='"),
        ("$[?@['a','b'] == 1]", "only a path to one value can stand before '=='"),
        ("$[?length(@) == 1]", "'length(@) == 1]' is not understood here"),
    ],
)
def test_target_that_cannot_be_read(target: str, told: str) -> None:
    """What is not JSONPath, and what of it is not read here."""
    with pytest.raises(TargetError) as refused:
        find(target, {})
    assert str(refused.value) == told
