"""Read what accounts already have: elements, models, datasets, init images and generations with fixed ids."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

from leomock.files.given import is_json, read_given
from leomock.files.yaml_source import FileError, Schema

_SCHEMA = Schema(Path(__file__).with_name("account.schema.json"))


class AccountError(FileError):
    """The description of an account's contents is invalid; `findings` lists every error, one line each."""


def account_of(text: str, key: str) -> tuple[dict[str, Any], Path]:
    """Return what an API key has, and the folder of its files. Raises AccountError.

    `text` is the setting `has`: the path of a YAML or JSON file, or JSON (which begins with a brace).
    """
    tree, folder = _read(text)
    own = tree.get("keys", {}).get(key, {})
    kinds = (tree.keys() | own.keys()) - {"keys"}
    return {kind: [*tree.get(kind, ()), *own.get(kind, ())] for kind in sorted(kinds)}, folder


@lru_cache(maxsize=8)
def _read(text: str) -> tuple[dict[str, Any], Path]:
    tree, folder = read_given(
        text, "has", _SCHEMA, AccountError, "list what the account has, such as generations"
    )
    _check_files(tree, folder, text)
    return tree, folder


def _check_files(tree: Any, folder: Path, text: str) -> None:
    """Raise AccountError for files that cannot be read."""
    missing = [name for name in _files(tree) if not (folder / name).is_file()]
    if missing:
        where = "has" if is_json(text) else text
        raise AccountError([f"{where}: there is no file {folder / name}" for name in missing])


def _files(tree: Any) -> list[str]:
    if isinstance(tree, list):
        return [name for part in tree for name in _files(part)]
    if not isinstance(tree, dict):
        return []
    found = [tree["file"]] if "file" in tree else []
    for name, part in tree.items():
        if name == "images" and all(isinstance(each, str) for each in part):
            found += part
        else:
            found += _files(part)
    return found
