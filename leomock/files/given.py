"""Read a setting whose value is a file, or the values that the file would hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from leomock.files.yaml_source import FileError, Schema, Source, ValueSource

# A file, or values with the structure of a file.
Given: TypeAlias = str | Path | Mapping[str, Any]


def given_text(given: Given) -> str:
    """Return a file or values as the text of a setting: a path, or JSON."""
    if isinstance(given, Mapping):
        return json.dumps(given, default=str)
    return str(given)


def is_json(text: str) -> bool:
    """Return True if the text of a setting is JSON, not a path."""
    return text.lstrip().startswith("{")


def read_given(
    text: str, name: str, schema: Schema, error: type[FileError], advice: str
) -> tuple[dict[str, Any], Path]:
    """Return the values that a setting names, and the folder of its files. Raises `error`.

    `text` is the setting called `name`: the path of a YAML or JSON file, or JSON. `advice` completes the
    error for an empty file.
    """
    if is_json(text):
        try:
            values = json.loads(text)
        except ValueError as wrong:
            raise error([f"{name}: not JSON: {wrong}"]) from None
        source: Source = ValueSource(values, name, error)
        folder = Path()
    else:
        source = Source(Path(text), error, advice)
        folder = Path(text).parent
    tree = source.tree()
    schema.judge(tree, source)
    source.stop_if_wrong()
    return tree, folder
